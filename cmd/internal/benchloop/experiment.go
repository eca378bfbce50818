package main

import (
	"math"
	"slices"
	"time"

	"timeball/board/sim"
	"timeball/cmd/internal/direct"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/timing"
	"timeball/server/publish"
)

// experiment is one way to run a unit and to judge it.
type experiment struct {
	name    string
	seeds   uint64 // 1 to seeds
	seconds int
	lock    int // seconds with pulses, 0 = all
	e0      time.Duration
	y0      clock.Ratio
}

// The protocol on which chrony's figures were made.
var (
	steady = experiment{"steady", 5, 108000, 0, time.Millisecond, 1e-5}
	cold   = experiment{"cold", 20, 7200, 0, 50 * time.Millisecond, 2e-5}
	hold24 = experiment{"hold24", 20, 172900, 86400, time.Millisecond, 1e-5}
	hold2  = experiment{"hold2", 20, 93700, 7200, time.Millisecond, 1e-5}
)

// result is what one run came to. Lengths are seconds.
type result struct {
	seed                    uint64
	sd, p99, max, bias, raw float64 // steady, hours 6 to 30
	to1us, to5us            float64 // cold
	after                   [3]float64
	dishonest, synced       int
	score                   direct.Score
}

// horizons of the holdover's figures, in seconds.
var horizons = [3]int{3600, 4 * 3600, 24 * 3600}

const start = timescale.UTC(1_790_000_000) * 1e9 // 2026-09-21, far from any leap second

// run runs one seed. Sensors are delivered or not.
func (x experiment) run(m sim.Model, seed uint64, sensors, scored bool) (result, error) {
	none := clock.Seconds(0)
	cfg := direct.Config{
		World:  sim.Config{Model: m, Seed: seed, Start: start, E0: x.e0, Y0: x.y0, Latency: &none, Sensors: sensors},
		Engine: timing.Default(), Publish: publish.Default(), Seconds: x.seconds, Labelled: true,
	}
	// A trace's edges are declared as late by 0 +- 10 ns, or 1 ns where hardware stamps them; its truth is the pulse's.
	cfg.Engine.Loop.BiasRange, cfg.Engine.Loop.Reference = 10e-9, 0
	if m.Latency[1] == 0 {
		cfg.Engine.Loop.BiasRange = 1e-9
	}
	cfg.Engine.Loop.Limit, cfg.Publish.Limit = 1, time.Second // the figures want holdover to its end
	if x.lock > 0 {
		cfg.World.Faults = []sim.Fault{{Name: sim.FaultAntenna, At: time.Duration(x.lock) * time.Second}}
	}
	errors := make([]float64, 0, x.seconds)
	cfg.Begin = func(_ int, e clock.Seconds, _ *timing.Snapshot) { errors = append(errors, float64(e)) }
	r := result{seed: seed}
	err := direct.Run(cfg, func(s direct.Sample) bool {
		if scored {
			r.score.Add(s)
		}
		return true
	})
	if err != nil {
		return r, err
	}
	r.dishonest, r.synced = r.score.Dishonest, r.score.Synchronised
	switch x.name {
	case "steady":
		r.judgeSteady(errors[6*3600 : 30*3600])
	case "cold":
		r.to1us, r.to5us = settled(errors, 1e-6), settled(errors, 5e-6)
	default:
		r.judgeHoldover(errors, x.lock)
	}
	return r, nil
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
