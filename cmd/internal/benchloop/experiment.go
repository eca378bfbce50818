package main

import (
	"math"
	"slices"
	"time"

	"timeball/board/sim"
	"timeball/cmd/internal/direct"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server/publish"
)

// experiment is one way to run a unit and to judge it.
type experiment struct {
	name    string
	seeds   uint64 // 1 to seeds
	seconds int
	lock    int // seconds with pulses, 0 = all
	skip    int // seconds of the oscillator's life that are over when the unit starts
	e0      time.Duration
	y0      clock.Ratio
}

// The protocol on which chrony's figures were made, and what it leaves open. A restored unit starts two hours before the
// pulse of hold24 is lost, with the law that was known by then: both coast through the same hours. Neither has chrony met the
// same oscillator before, nor locked for five days.
var (
	steady   = experiment{"steady", 5, 108000, 0, 0, time.Millisecond, 1e-5}
	cold     = experiment{"cold", 20, 7200, 0, 0, 50 * time.Millisecond, 2e-5}
	hold24   = experiment{"hold24", 20, 172900, 86400, 0, time.Millisecond, 1e-5}
	hold2    = experiment{"hold2", 20, 93700, 7200, 0, time.Millisecond, 1e-5}
	restored = experiment{"restored", 20, 93700, 7200, 86400 - 7200, time.Millisecond, 1e-5}
	fiveDays = experiment{"5 days", 20, 518500, 432000, 0, time.Millisecond, 1e-5}
	lastDay  = experiment{"1 day", 20, 172900, 86400, 432000 - 86400, time.Millisecond, 1e-5} // the last of five
)

// how is what is varied in an experiment.
type how struct {
	sensors bool               // temperature and utilisation are delivered
	scored  bool               // the bound is judged
	memory  *discipline.Memory // that the unit starts with
}

// result is what one run came to. Lengths are seconds.
type result struct {
	seed                    uint64
	sd, p99, max, bias, raw float64 // steady, hours 6 to 30
	to1us, to5us            float64 // cold
	after                   [3]float64
	memory                  *discipline.Memory // of hold24, when restored begins
	score                   direct.Score
}

// horizons of the holdover's figures, in seconds.
var horizons = [3]int{3600, 4 * 3600, 24 * 3600}

const start = timescale.UTC(1_790_000_000) * 1e9 // 2026-09-21, far from any leap second

// config is what the experiment runs.
func (x experiment) config(m sim.Model, seed uint64, h how) direct.Config {
	none := clock.Seconds(0)
	cfg := direct.Config{
		World:  sim.Config{Model: m, Seed: seed, Start: start, E0: x.e0, Y0: x.y0, Latency: &none, Sensors: h.sensors},
		Engine: timing.Default(), Publish: publish.Default(), Seconds: x.seconds, Labelled: true,
	}
	if x.skip > 0 {
		cfg.World.Nature = sim.Generate(m, seed, x.y0)
		for range x.skip {
			cfg.World.Nature.Second()
		}
	}
	// A trace's edges are declared as late by 0 +- 10 ns, or 1 ns where hardware stamps them; its truth is the pulse's.
	cfg.Engine.Loop.BiasRange, cfg.Engine.Loop.Reference = 10e-9, 0
	if m.Latency[1] == 0 {
		cfg.Engine.Loop.BiasRange = 1e-9
	}
	cfg.Engine.Memory = h.memory
	cfg.Engine.Loop.Limit, cfg.Publish.Limit = 1, time.Second // the figures want holdover to its end
	if x.lock > 0 {
		cfg.World.Faults = []sim.Fault{{Name: sim.FaultAntenna, At: time.Duration(x.lock) * time.Second}}
	}
	return cfg
}

// run runs one seed.
func (x experiment) run(m sim.Model, seed uint64, h how) (result, error) {
	cfg := x.config(m, seed, h)
	r := result{seed: seed}
	errors := make([]float64, 0, x.seconds)
	cfg.Begin = func(k int, e clock.Seconds, s *timing.Snapshot) {
		errors = append(errors, float64(e))
		if k == restored.skip {
			r.memory = s.Memory
		}
	}
	err := direct.Run(cfg, func(s direct.Sample) bool {
		if h.scored {
			r.score.Add(s)
		}
		return true
	})
	switch {
	case err != nil:
	case x.name == steady.name:
		r.judgeSteady(errors[6*3600 : 30*3600])
	case x.name == cold.name:
		r.to1us, r.to5us = settled(errors, 1e-6), settled(errors, 5e-6)
	default:
		r.judgeHoldover(errors, x.lock)
	}
	return r, err
}

func (r *result) judgeSteady(e []float64) {
	sum, squares := 0.0, 0.0
	for _, v := range e {
		sum += v
		squares += v * v
	}
	n := float64(len(e))
	r.bias, r.raw = sum/n, math.Sqrt(squares/n)
	off := make([]float64, len(e))
	variance := 0.0
	for i, v := range e {
		off[i] = math.Abs(v - r.bias)
		variance += (v - r.bias) * (v - r.bias)
	}
	slices.Sort(off)
	r.sd, r.p99, r.max = math.Sqrt(variance/n), off[int(0.99*n)], off[len(off)-1]
}

// settled returns the first second from which the error stays within limit for a minute.
func settled(e []float64, limit float64) float64 {
	good := 0
	for k, v := range e {
		if math.Abs(v) >= limit {
			good = 0
			continue
		}
		if good++; good == 60 {
			return float64(k - 59)
		}
	}
	return math.Inf(1)
}

// judgeHoldover takes errors relative to the mean of the last hour of lock.
func (r *result) judgeHoldover(e []float64, lock int) {
	mean := 0.0
	for _, v := range e[lock-3600 : lock] {
		mean += v / 3600
	}
	for i, h := range horizons {
		r.after[i] = math.Abs(e[lock+h-1] - mean)
	}
}
