package appliance

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"timeball/board"
	"timeball/board/sim"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server"
	"timeball/server/shared"
)

// SimBoard is a simulated board that keeps step with this machine: truth is this machine's CLOCK_REALTIME at the start
// and CLOCK_MONOTONIC since then, so that a client on this machine sees the unit's error and nothing else.
type SimBoard struct {
	// Monitor keeps the simulated clock from being steered. It is set before the board is used.
	Monitor bool

	name  string
	light SimLight
	under atomic.Bool // the supply is too low
	world *sim.World
	line  *sim.Line     // nil: the receiver is known
	start timescale.UTC // truth at began
	began time.Time
	pace  int64 // seconds of truth per second; 1 unless nobody is served

	manual manual // faults that a person begins

	ahead atomic.Int64 // this machine's CLOCK_REALTIME minus truth at the last reading, ns

	page   *shared.Writer // that other processes read the clock in; nil: none do
	shared shared.Course  // in it
}

// NewSimBoard returns a board in a world made from cfg. Where cfg.Start is 0 the world begins now.
func NewSimBoard(cfg sim.Config, pace int64) *SimBoard {
	b := &SimBoard{name: cfg.Model.Board, began: time.Now(), pace: pace, manual: manual{asked: make(chan func(*sim.World)), on: map[string]ongoing{}}}
	if cfg.Start == 0 {
		cfg.Start = timescale.UTC(b.began.UnixNano())
	}
	b.start = cfg.Start
	b.world = sim.New(cfg)
	if _, ok := cfg.Receiver.(*sim.Device); ok {
		b.line = sim.NewLine(b.world)
	}
	return b
}

// Name implements Board.
func (b *SimBoard) Name() string { return b.name }

// Clock implements Board.
func (b *SimBoard) Clock() discipline.Clock {
	if b.Monitor {
		return monitored{b.world.Clock()}
	}
	return b.world.Clock()
}

// Power implements Powered: it is well unless a fault has it otherwise.
func (b *SimBoard) Power() board.Power {
	under := b.under.Load()
	return board.Power{Undervoltage: &under, Throttled: &under}
}

// Light implements Lit.
func (b *SimBoard) Light() Indicator { return &b.light }

// SimLight is a light that remembers what it shows.
type SimLight struct{ shown atomic.Uint32 }

// Show implements Indicator.
func (l *SimLight) Show(s board.Signal) error {
	l.shown.Store(uint32(s))
	return nil
}

// Shown returns the signal shown last.
func (l *SimLight) Shown() board.Signal { return board.Signal(l.shown.Load()) }

// Served implements Board.
func (b *SimBoard) Served() server.Clock { return (*simClock)(b) }

// truth returns truth at an instant of this machine.
func (b *SimBoard) truth(at time.Time) timescale.UTC {
	return b.start + timescale.UTC(int64(at.Sub(b.began))*b.pace)
}

// TrueError implements Simulated.
func (b *SimBoard) TrueError() clock.Seconds {
	now := b.truth(time.Now())
	return clock.Seconds(int64(b.world.Clock().ReadAt(now).Real)-int64(now)) * 1e-9
}

// Run implements Board: what is due in the world happens when it is due here.
func (b *SimBoard) Run(ctx context.Context, take func(timing.Event)) error {
	if line, engine := b.line, take; line != nil {
		take = func(e timing.Event) { line.Take(e, engine) }
	}
	if engine := take; b.page != nil {
		take = func(e timing.Event) { engine(e); b.share() }
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var change func(*sim.World)
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case change = <-b.manual.asked:
		}
		ended := !b.world.Run(b.truth(time.Now())+1, take)
		if change != nil {
			change(b.world)
		}
		if ended {
			return nil // the world has ended: nothing more can come
		}
		b.share()
		b.under.Store(b.world.Failing(sim.FaultUndervoltage))
		wait := int64(b.world.Next() - b.truth(time.Now()))
		timer.Reset(time.Duration((wait + b.pace - 1) / b.pace)) // rounded up: not a nanosecond too early again and again
	}
}

// simClock serves a SimBoard's clock.
type simClock SimBoard

// Now implements server.Clock.
func (c *simClock) Now() clock.Reading {
	now := time.Now()
	at := (*SimBoard)(c).truth(now)
	c.ahead.Store(now.UnixNano() - int64(at))
	return c.world.Clock().ReadAt(at)
}

// FromKernel implements server.Clock: the stamp's age on this machine is its age in the world.
func (c *simClock) FromKernel(stamp clock.Real, now clock.Reading) (clock.Real, bool) {
	at := timescale.UTC(int64(stamp) - c.ahead.Load())
	came := c.world.Clock().ReadAt(at)
	if came.Mono > now.Mono || now.Mono-came.Mono > clock.Mono(time.Second) || at < c.world.Clock().EraBegan() {
		return 0, false
	}
	return came.Real, true
}

// monitored is a clock that may only be looked at.
type monitored struct{ discipline.Clock }

var errMonitor = errors.New("monitor only: the clock is not steered")

// SetFrequency changes nothing: the simulated clock has never been told another frequency than 0.
func (c monitored) SetFrequency(clock.Ratio) (clock.Ratio, clock.Mono, error) {
	now, err := c.Read()
	return 0, now.Mono, err
}

// Step changes nothing and returns an error that says so.
func (c monitored) Step(by time.Duration) (clock.Era, error) {
	now, err := c.Read()
	return now.Era, errors.Join(err, fmt.Errorf("step of %v: %w", by, errMonitor))
}

// SetStatus changes nothing.
func (c monitored) SetStatus(clock.Status) error { return nil }
