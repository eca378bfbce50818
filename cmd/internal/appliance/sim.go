package appliance

import (
	"context"
	"time"

	"timeball/board/sim"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server"
)

// SimBoard is a simulated board that keeps step with this machine: truth is this machine's CLOCK_REALTIME at the start
// and CLOCK_MONOTONIC since then, so that a client on this machine sees the unit's error and nothing else.
type SimBoard struct {
	name  string
	world *sim.World
	start timescale.UTC // truth at began
	began time.Time
	pace  int64 // seconds of truth per second; 1 unless nobody is served
}

// NewSimBoard returns a board in a world made from cfg. Where cfg.Start is 0 the world begins now.
func NewSimBoard(cfg sim.Config, pace int64) *SimBoard {
	b := &SimBoard{name: cfg.Model.Board, began: time.Now(), pace: pace}
	if cfg.Start == 0 {
		cfg.Start = timescale.UTC(b.began.UnixNano())
	}
	b.start = cfg.Start
	b.world = sim.New(cfg)
	return b
}

// Name implements Board.
func (b *SimBoard) Name() string { return b.name }

// Clock implements Board.
func (b *SimBoard) Clock() discipline.Clock { return b.world.Clock() }

// Served implements Board.
func (b *SimBoard) Served() server.Clock { return (*simClock)(b) }

// now returns truth.
func (b *SimBoard) now() timescale.UTC {
	return b.start + timescale.UTC(int64(time.Since(b.began))*b.pace)
}

// TrueError implements Simulated.
func (b *SimBoard) TrueError() clock.Seconds {
	now := b.now()
	return clock.Seconds(int64(b.world.Clock().ReadAt(now).Real)-int64(now)) * 1e-9
}

// Run implements Board: what is due in the world happens when it is due here.
func (b *SimBoard) Run(ctx context.Context, take func(timing.Event)) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		b.world.Run(b.now()+1, take)
		timer.Reset(time.Duration(int64(b.world.Next()-b.now()) / b.pace))
	}
}

// simClock serves a SimBoard's clock.
type simClock SimBoard

// Now implements server.Clock.
func (c *simClock) Now() clock.Reading {
	b := (*SimBoard)(c)
	return b.world.Clock().ReadAt(b.now())
}

// FromKernel implements server.Clock: the stamp's age on this machine is its age in the world.
func (c *simClock) FromKernel(stamp clock.Real) (clock.Real, bool) {
	b := (*SimBoard)(c)
	age := time.Now().UnixNano() - int64(stamp)
	at := b.now() - timescale.UTC(age)
	if age < 0 || age > int64(time.Second) || at < b.world.Clock().EraBegan() {
		return 0, false
	}
	return b.world.Clock().ReadAt(at).Real, true
}
