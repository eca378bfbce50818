//go:build linux && arm64

package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"sort"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"timeball/board/sim"
	"timeball/cmd/internal/e2e/precision"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/timing"
)

// player makes the guest a board of a simulated world whose clock nobody steers: its CLOCK_MONOTONIC is the counter.
type player struct {
	world    *sim.World
	start    timescale.UTC
	line     *pulseLine
	receiver *os.File // the other end of its line

	zero    int64 // the counter when the world's CLOCK_MONOTONIC was origin
	origin  int64
	actions []action

	mu     sync.Mutex
	points []point // where truth is, of the last seconds and the next half
	late   int64
}

// action is something to be done when the counter has come to an instant: an edge, its end, or bytes of the receiver.
type action struct {
	count int64
	edge  bool
	end   bool
	bytes []byte
}

// point is an instant of truth and of the oscillator. Between two the oscillator's frequency is constant.
type point struct {
	truth timescale.UTC
	count int64
}

const (
	step     = 250 * time.Millisecond
	ahead    = 500 * time.Millisecond // so far the world is ahead of what is played of it
	width    = 100 * time.Millisecond // of a pulse
	remember = 64                     // points
	baud     = 0
	speaks   = 60 * time.Millisecond // after the pulse
)

func newPlayer(s precision.Scenario, line *pulseLine, receiver *os.File) (*player, error) {
	model, err := sim.ModelNamed(s.Model)
	if err != nil {
		return nil, err
	}
	none := clock.Seconds(0) // beside the machine's own
	p := &player{start: s.Start, line: line, receiver: receiver}
	p.world = sim.New(sim.Config{
		Model: model, Seed: s.Seed, Start: s.Start, Y0: s.Y0, Latency: &none, Faults: s.Faults,
		Receiver: sim.NewTalker(s.Seed, baud, speaks),
	})
	p.zero, p.origin = count(), int64(p.world.Clock().ReadAt(s.Start).Mono)
	p.note()
	return p, nil
}

// countOf returns the counter at an instant of the world's CLOCK_MONOTONIC.
func (p *player) countOf(m clock.Mono) int64 {
	return p.zero + (int64(m)-p.origin+nanosPerCount/2)/nanosPerCount
}

// note notes where truth is on the counter.
func (p *player) note() {
	now := p.world.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.points = append(p.points, point{now, p.countOf(p.world.Clock().ReadAt(now).Mono)})
	if len(p.points) > remember {
		p.points = slices.Delete(p.points, 0, len(p.points)-remember)
	}
}

// passed returns truth when the counter shows c, in seconds that pass: leap seconds are not in it.
func (p *player) passed(c int64) timescale.UTC {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := sort.Search(len(p.points)-1, func(i int) bool { return p.points[i].count > c })
	a, b := p.points[max(0, i-1)], p.points[max(1, i)]
	rate := float64(b.truth-a.truth) / float64(b.count-a.count)
	return a.truth + timescale.UTC(float64(c-a.count)*rate+0.5)
}

// utc returns UTC now.
func (p *player) utc() time.Time {
	utc, _ := p.world.UTCAt(p.passed(count()))
	return time.Unix(0, int64(utc))
}

// play plays the world for so long, on a thread that nothing else gets in the way of.
func (p *player) play(d time.Duration) error {
	runtime.LockOSThread()
	if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 50}, 0); err != nil {
		return fmt.Errorf("real-time priority: %w", err)
	}
	for to := step; to <= d; to += step {
		p.foresee(p.start + timescale.UTC(to+ahead))
		end := p.countOf(p.world.Clock().ReadAt(p.start + timescale.UTC(to)).Mono)
		for len(p.actions) > 0 && p.actions[0].count < end {
			p.do(p.actions[0])
			p.actions = p.actions[1:]
		}
	}
	return nil
}

// foresee runs the world to an instant and keeps what is to be done.
func (p *player) foresee(to timescale.UTC) {
	for at := p.world.Now() + timescale.UTC(step); at <= to; at += timescale.UTC(step) {
		p.world.Run(at, p.take)
		p.note()
	}
	slices.SortStableFunc(p.actions, func(a, b action) int { return int(a.count - b.count) })
}

func (p *player) take(e timing.Event) {
	switch e.Kind {
	case timing.KindEdge:
		at := p.countOf(e.Edge.Earliest)
		p.actions = append(p.actions, action{count: at, edge: true}, action{count: at + int64(width)/nanosPerCount, end: true})
	case timing.KindBytes:
		at := p.countOf(p.world.Clock().ReadAt(p.world.Now()).Mono)
		p.actions = append(p.actions, action{count: at, bytes: slices.Clone(e.Bytes)})
	}
}

func (p *player) do(a action) {
	if a.edge {
		sleepTo(a.count - int64(spin)/nanosPerCount)
		p.line.prepare(true)
		if waitFor(a.count) {
			p.late++
		}
		p.line.release()
		return
	}
	sleepTo(a.count)
	if a.end {
		p.line.prepare(false)
		p.line.release()
		return
	}
	_, _ = p.receiver.Write(a.bytes) // nobody may be listening
}
