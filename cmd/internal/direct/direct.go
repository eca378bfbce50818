// Package direct joins a simulated world, the Engine, publishing and the NTP reply in virtual time on one goroutine: the
// way every figure of the project is made, bit by bit the same for a seed on one architecture.
//
// Errors and bounds are seconds; an error is the served clock minus truth. Truth is what the listener was promised: UTC.
package direct

import (
	"fmt"
	"math/rand/v2"

	"timeball/board/sim"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server/leap"
	"timeball/server/ntp"
	"timeball/server/publish"
)

// Config says what is run.
type Config struct {
	World   sim.Config
	Engine  timing.Config
	Publish publish.Config
	Seconds int
	Leap    leap.Policy // of the listener that is asked
	// Clock wraps the simulated clock on its way to the Engine, to record it; nil: not.
	Clock func(discipline.Clock) discipline.Clock
	// Labelled tells the Engine the second of every edge, as a hardware clock or a trace does; the receiver is silent then.
	Labelled bool
	// Attach is given the world before it runs, to listen and speak to its receiver; nil: nobody does.
	Attach func(*sim.World)
	// Begin sees the clock's true error as each second begins, before its pulse is handled; nil: nobody does.
	Begin func(second int, error clock.Seconds, s *timing.Snapshot)
	// Take gives the Engine an event; nil: that is all that happens with it.
	Take func(*timing.Engine, timing.Event)
}

// Sample is one look at the unit from outside.
type Sample struct {
	Second   int           // since the world began
	Error    clock.Seconds // the served clock minus truth
	Bound    clock.Seconds // of the newest Estimate, grown to this instant; 0 = none
	Snapshot *timing.Snapshot

	Synchronised bool          // the answer's leap indicator is not 3 and its stratum is in 1..15
	ServedError  clock.Seconds // transmit timestamp of the answer minus truth
	RootDistance clock.Seconds // as decoded from the answer: root delay / 2 + root dispersion
	Leap         uint8         // the answer's leap indicator
	Shown        clock.Real    // its transmit timestamp
	Passed       timescale.UTC // truth, as if there were no leap second
}

// Dishonest says that the answer promised more than it kept.
func (s Sample) Dishonest() bool {
	return s.Synchronised && max(s.ServedError, -s.ServedError) > s.RootDistance
}

const (
	second      = timescale.UTC(1_000_000_000)
	afterPulse  = second / 1000 // a pulse is handled within 0.1 ms: this is 1 ms after the steering changed
	samplePhase = 0xd1ec7       // stream of the random sampling phases
)

// Run lets the world run and shows visit two Samples a second: one at a random phase and one a millisecond after the
// pulse, when the steering has just changed. visit returns false to end the run.
func Run(cfg Config, visit func(Sample) bool) error {
	world := sim.New(cfg.World)
	var steered discipline.Clock = world.Clock()
	if cfg.Clock != nil {
		steered = cfg.Clock(steered)
	}
	engine, err := timing.New(cfg.Engine, steered)
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	if cfg.Attach != nil {
		cfg.Attach(world)
	}
	r := &run{cfg: cfg, world: world, engine: engine}
	phases := rand.New(rand.NewPCG(cfg.World.Seed, samplePhase))
	for k := range cfg.Seconds {
		begin := cfg.World.Start + timescale.UTC(k)*second
		if cfg.Begin != nil {
			if !world.Run(begin, r.take) {
				return nil
			}
			cfg.Begin(k, world.Clock().Error(), engine.Snapshot())
		}
		phase := timescale.UTC(phases.Int64N(int64(second)-1) + 1)
		for _, at := range []timescale.UTC{begin + min(phase, afterPulse), begin + max(phase, afterPulse)} {
			if !world.Run(at, r.take) {
				return nil
			}
			if !visit(r.sample(k)) {
				return nil
			}
		}
	}
	return nil
}

type run struct {
	cfg     Config
	world   *sim.World
	engine  *timing.Engine
	from    *timing.Snapshot // from which ref was published
	ref     ntp.Reference
	request [ntp.HeaderLen]byte
	answer  [ntp.HeaderLen]byte
}

func (r *run) take(e timing.Event) {
	if r.cfg.Labelled {
		switch e.Kind {
		case timing.KindEdge:
			e.UTC = (r.world.Now() + second/2) / second * second
		case timing.KindReport, timing.KindWitness:
			return
		}
	}
	if r.cfg.Take != nil {
		r.cfg.Take(r.engine, e)
		return
	}
	r.engine.Take(e)
}

// sample asks the unit for its time as a client on its own board would.
func (r *run) sample(k int) Sample {
	now := r.world.Clock().ReadAt(r.world.Now())
	if s := r.engine.Snapshot(); s != r.from {
		r.from, r.ref = s, publish.Publish(&s.Estimate, r.cfg.Publish, "")
	}
	s := Sample{Second: k, Error: r.world.Clock().Error(), Snapshot: r.from}
	if est := &r.from.Estimate; est.HasOffset {
		s.Bound = est.Bound.Total() + clock.Seconds(est.Growth)*now.Mono.Sub(est.At.Mono)
	}
	r.request[0] = 4<<3 | ntp.ModeClient
	ask, _ := ntp.Parse(r.request[:])
	serving := ntp.Serve(&r.ref, r.cfg.Leap, now, 0)
	p, ok := ntp.Decode(ask.Append(r.answer[:0], &serving, now.Real, 0))
	if !ok {
		return s
	}
	s.Shown, s.Passed = p.Transmit.Real(now.Real), r.world.Now()
	s.Leap = p.Leap
	s.Synchronised = p.Leap != ntp.LeapUnsynchronised && p.Stratum >= 1 && p.Stratum <= 15
	s.ServedError = r.world.Off(s.Shown)
	s.RootDistance = p.RootDelay.Seconds()/2 + p.RootDispersion.Seconds()
	return s
}
