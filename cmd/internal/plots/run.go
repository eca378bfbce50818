package main

import (
	"fmt"
	"time"

	"timeball/board/sim"
	"timeball/cmd/internal/direct"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server/publish"
)

const (
	seeds     = 5
	coldTime  = 90        // s shown of a cold start
	lockTime  = 12 * 3600 // s with pulses
	awayTime  = 24 * 3600 // s of holdover
	warmUp    = 6 * 3600  // s, after which the loop counts as settled
	modelName = "pi-load"

	start = timescale.UTC(1_790_000_000) * 1e9 // 2026-09-21, far from any leap second
)

// unit is what was seen of one simulated unit, second by second.
type unit struct {
	moments   []moment
	pulses    []pulse
	forecasts []forecast
}

// moment is the unit at a random instant of a second. Lengths are seconds.
type moment struct {
	err, bound float64
	truth      float64 // frequency of the oscillator
	estimate   float64 // as the loop has it
	busy       bool    // the processor
}

// pulse is one pulse and what became of it.
type pulse struct {
	noise    float64 // as drawn by nature, s
	residual float64 // measured minus predicted, s
	verdict  discipline.Refusal
}

// forecast is what the unit expected of a holdover at a second of its lock.
type forecast struct {
	second int
	bounds []timing.Forecast
}

// witness is a Nature that remembers its last second.
type witness struct {
	sim.Nature
	last sim.Second
}

// Second implements sim.Nature.
func (w *witness) Second() (sim.Second, bool) {
	s, ok := w.Nature.Second()
	w.last = s
	return s, ok
}

// observe runs one unit of the model whose pulse goes away after so many seconds.
func observe(seed uint64, seconds, lock int, e0 time.Duration, y0 clock.Ratio) (unit, error) {
	m, err := sim.ModelNamed(modelName)
	if err != nil {
		return unit{}, err
	}
	none := clock.Seconds(0)
	nature := &witness{Nature: sim.Generate(m, seed, y0)}
	u := unit{moments: make([]moment, 0, seconds)}
	cfg := direct.Config{
		World: sim.Config{
			Model: m, Seed: seed, Start: start, E0: e0, Y0: y0, Latency: &none, Nature: nature, Sensors: true,
			Faults: []sim.Fault{{Name: sim.FaultAntenna, At: time.Duration(lock) * time.Second}},
		},
		Engine: timing.Default(), Publish: publish.Default(), Seconds: seconds, Labelled: true,
	}
	// The simulated edge has no latency, and holdover is to be seen to its end.
	cfg.Engine.Loop.Reference, cfg.Engine.Loop.Limit = 0, 1
	cfg.Take = func(e *timing.Engine, ev timing.Event) {
		if ev.Kind != timing.KindEdge {
			e.Take(ev)
			return
		}
		before := e.Snapshot()
		e.Take(ev)
		u.pulses = append(u.pulses, judged(before, e.Snapshot(), &ev, float64(nature.last.PulseNoise)))
	}
	err = direct.Run(cfg, func(s direct.Sample) bool {
		if len(u.moments) > s.Second { // the second look of this second
			return true
		}
		est := &s.Snapshot.Estimate
		u.moments = append(u.moments, moment{
			float64(s.Error), float64(s.Bound), float64(nature.last.Frequency), float64(est.Frequency), nature.last.Utilisation > 0.5,
		})
		if s.Second%60 == 0 && est.Mode == discipline.Locked {
			u.forecasts = append(u.forecasts, forecast{s.Second, s.Snapshot.Forecast})
		}
		return true
	})
	if err != nil {
		return u, fmt.Errorf("seed %d: %w", seed, err)
	}
	return u, nil
}

// judged says how far a pulse was from what the loop predicted, and what the loop made of it.
func judged(before, after *timing.Snapshot, ev *timing.Event, noise float64) pulse {
	at := ev.Edge.Middle()
	was := &before.Estimate
	measured := float64(after.Estimate.At.RealAt(at)-clock.Real(ev.UTC)) * 1e-9
	predicted := float64(was.Offset) + float64(was.Frequency+was.Steering)*float64(at.Sub(was.At.Mono))
	p := pulse{noise: noise, residual: measured - predicted}
	for _, reason := range []discipline.Refusal{discipline.Late, discipline.Outlier} {
		if after.Counters.Refused[string(reason)] > before.Counters.Refused[string(reason)] {
			p.verdict = reason
		}
	}
	return p
}

// coldStarts runs units that are switched on 50 ms and 20 ppm off.
func coldStarts() ([]unit, error) {
	return each(func(seed uint64) (unit, error) { return observe(seed, coldTime, coldTime, 50*time.Millisecond, 2e-5) })
}

// days runs units that lose the pulse after half a day.
func days() ([]unit, error) {
	return each(func(seed uint64) (unit, error) {
		return observe(seed, lockTime+awayTime, lockTime, time.Millisecond, 1e-5)
	})
}

func each(run func(seed uint64) (unit, error)) ([]unit, error) {
	var units []unit
	for seed := range uint64(seeds) {
		u, err := run(seed + 1)
		if err != nil {
			return nil, err
		}
		units = append(units, u)
	}
	return units, nil
}
