package direct

import (
	"strings"
	"testing"
	"time"

	"timeball/board/sim"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
)

// resumed is a world whose Engine is replaced while everything else goes on.
type resumed struct {
	world  *sim.World
	engine *timing.Engine
	cfg    timing.Config
	at     timescale.UTC
}

func newResumed(t *testing.T, seed uint64) *resumed {
	t.Helper()
	model, err := sim.ModelNamed("pi-quiet")
	if err != nil {
		t.Fatal(err)
	}
	r := &resumed{cfg: timing.Default(), at: 1_790_000_000 * second}
	r.cfg.Loop.Bias = (model.Latency[0] + model.Latency[1]) / 2
	r.cfg.Loop.BiasRange = (model.Latency[1] - model.Latency[0]) / 2
	r.world = sim.New(sim.Config{
		Model: model, Seed: seed, Start: r.at, E0: -3500 * time.Millisecond, Y0: 1e-5, FixAfter: 2 * time.Second, RTC: true, Sensors: true,
		Receiver: sim.NewTalker(seed, 38400, 120*time.Millisecond),
	})
	r.start(t)
	return r
}

// start makes an Engine of the present configuration.
func (r *resumed) start(t *testing.T) {
	t.Helper()
	var err error
	if r.engine, err = timing.New(r.cfg, r.world.Clock()); err != nil {
		t.Fatal(err)
	}
}

// run lets the world go on; nobody listens where there is no Engine.
func (r *resumed) run(seconds int, until func(*discipline.Estimate) bool) (took int) {
	for took = range seconds {
		r.at += second
		r.world.Run(r.at, func(e timing.Event) {
			if r.engine != nil {
				r.engine.Take(e)
			}
		})
		if until != nil && until(&r.engine.Snapshot().Estimate) {
			return took + 1
		}
	}
	return seconds
}

func locked(e *discipline.Estimate) bool { return e.Mode == discipline.Locked }

// die ends the Engine and returns what it leaves behind.
func (r *resumed) die() *discipline.Kept {
	est := &r.engine.Snapshot().Estimate
	r.engine = nil
	return &discipline.Kept{At: est.At, Bound: est.Bound.Total(), Steering: est.Steering, Slew: est.Steering + est.Frequency, Growth: est.Growth}
}

func (r *resumed) era() clock.Era { return r.world.Clock().ReadAt(r.at).Era }

// An Engine that starts anew beside a clock that was served steps it no more, and locks at once.
func TestRestartedEngineDoesNotStep(t *testing.T) {
	for seed := range uint64(8) {
		r := newResumed(t, seed)
		r.run(60, locked)
		r.run(300, nil)
		before := r.era()
		kept := r.die()
		r.run(int(seed), nil) // the role is down
		r.cfg.Kept = kept
		r.start(t)
		took := r.run(60, locked)
		if took > 20 || r.era() != before {
			t.Errorf("seed %d: locked after %d s in era %d, want 20 s at most in era %d", seed, took, r.era(), before)
		}
		est := &r.engine.Snapshot().Estimate
		if off := r.world.Clock().Error(); max(off, -off) > est.Bound.Total() {
			t.Errorf("seed %d: off by %v with a bound of %v", seed, off, est.Bound.Total())
		}
	}
}

// An Engine that dies while it removes an offset leaves a clock that runs on past it, and nobody knows better: it was found
// to refuse every pulse from then on, each further from the clock than the last.
func TestRestartedEngineEndsASlew(t *testing.T) {
	for _, slew := range []clock.Ratio{100e-6, -100e-6, 400e-6} {
		r := newResumed(t, 1)
		r.run(60, locked)
		r.run(300, nil)
		before := r.era()
		r.cfg.Kept = r.die()
		r.cfg.Kept.Steering, r.cfg.Kept.Slew = r.cfg.Kept.Steering+slew, r.cfg.Kept.Slew+slew
		if _, _, err := r.world.Clock().SetFrequency(r.cfg.Kept.Steering); err != nil {
			t.Fatal(err)
		}
		r.run(4, nil)
		r.start(t)
		took := r.run(60, locked)
		if took > 20 || r.era() != before {
			t.Errorf("%+.0f ppm: locked after %d s in era %d, want 20 s at most in era %d: %s",
				float64(slew)*1e6, took, r.era(), before, r.engine.Snapshot().Estimate.Reason)
		}
		est := &r.engine.Snapshot().Estimate
		if off := r.world.Clock().Error(); max(off, -off) > est.Bound.Total() {
			t.Errorf("%+.0f ppm: off by %v with a bound of %v", float64(slew)*1e6, off, est.Bound.Total())
		}
	}
}

// A loop that has just locked on pulses that are late by milliseconds, as an emulated machine's are, knows the rate to some
// hundred ppm: the next one does not take it to be better known than that.
func TestRestartedEngineKnowsHowWellTheRateWasKnown(t *testing.T) {
	r := newResumed(t, 1)
	r.run(60, locked)
	r.run(300, nil)
	r.cfg.Kept = r.die()
	r.cfg.Kept.Steering, r.cfg.Kept.Growth = r.cfg.Kept.Steering+250e-6, 300e-6
	if _, _, err := r.world.Clock().SetFrequency(r.cfg.Kept.Steering); err != nil {
		t.Fatal(err)
	}
	r.run(4, nil)
	r.start(t)
	if took := r.run(60, locked); took > 30 {
		t.Errorf("locked after %d s: %s", took, r.engine.Snapshot().Estimate.Reason)
	}
	est := &r.engine.Snapshot().Estimate
	if off := r.world.Clock().Error(); max(off, -off) > est.Bound.Total() {
		t.Errorf("off by %v with a bound of %v", off, est.Bound.Total())
	}
}

// What was kept of a clock may be wrong. Then every pulse contradicts it, each more than the last, and it has to end.
func TestRestartedEngineFollowsThePulseInTheEnd(t *testing.T) {
	r := newResumed(t, 1)
	r.run(60, locked)
	r.run(300, nil)
	r.cfg.Kept = r.die()
	r.cfg.Kept.Steering += 120e-6 // and Growth says that it is known
	r.run(4, nil)
	r.start(t)
	took := r.run(1200, locked)
	t.Logf("locked after %d s: %s", took, r.engine.Snapshot().Estimate.Reason)
	if took < 900 || took > 1024+60 {
		t.Errorf("locked after %d s, want 1024 s and what it takes then", took)
	}
}

// Without what was kept an Engine has the budget of a machine that starts: this is what Kept is for.
func TestEngineWithoutKeptSteps(t *testing.T) {
	r := newResumed(t, 1)
	r.run(60, locked)
	before := r.era()
	r.die()
	r.world.Begin(sim.Fault{Name: sim.FaultOffset, By: 5 * time.Millisecond})
	r.start(t)
	if r.run(60, locked); r.era() == before {
		t.Error("a pulse that is 5 ms off has not stepped the clock: the tests beside this one say nothing")
	}
}

// A receiver that names another second, or whose pulse has moved, does so while the Engine is down: what was served counts.
func TestRestartedEngineKeepsItsSecond(t *testing.T) {
	for _, fault := range []sim.Fault{
		{Name: sim.FaultLabel, By: time.Second},
		{Name: sim.FaultLabel, By: -time.Second},
		{Name: sim.FaultOffset, By: 5 * time.Millisecond},
		{Name: sim.FaultOffset, By: 50 * time.Millisecond},
		{Name: sim.FaultOffset, By: -400 * time.Millisecond},
		{Name: sim.FaultDate, By: -1024 * 7 * 24 * time.Hour},
	} {
		t.Run(fault.Name+" "+fault.By.String(), func(t *testing.T) {
			r := newResumed(t, 1)
			r.run(60, locked)
			r.run(300, nil)
			before := r.era()
			r.cfg.Kept = r.die()
			r.world.Begin(fault)
			r.run(3, nil)
			r.start(t)
			r.run(120, func(e *discipline.Estimate) bool {
				off := r.world.Clock().Error()
				if (e.Mode == discipline.Locked || e.Mode == discipline.Holdover) && max(off, -off) > e.Bound.Total() {
					t.Errorf("%v: off by %v with a bound of %v", e.Mode, off, e.Bound.Total())
					return true
				}
				return false
			})
			est := r.engine.Snapshot().Estimate
			t.Logf("%v: %s", est.Mode, est.Reason)
			if off := r.world.Clock().Error(); r.era() != before || max(off, -off) > 1e-3 {
				t.Errorf("stepped to era %d from %d, off by %v", r.era(), before, off)
			}
		})
	}
}

// What was kept is of no use when the clock was moved while nobody looked, and the unit says so.
func TestRestartedEngineSeesAForeignStep(t *testing.T) {
	r := newResumed(t, 1)
	r.run(60, locked)
	r.cfg.Kept = r.die()
	r.world.Begin(sim.Fault{Name: sim.FaultForeignStep, By: 300 * time.Millisecond})
	r.start(t)
	said := ""
	for _, c := range r.engine.Changes() {
		said += c.Text + "\n"
	}
	if !strings.Contains(said, "moved while nobody looked") {
		t.Errorf("it says %q", said)
	}
	took := r.run(14*60, locked) // nobody else tells it the leap seconds
	if off := r.world.Clock().Error(); took == 14*60 || max(off, -off) > 1e-4 {
		t.Errorf("after %d s off by %v", took, off)
	}
}
