package appliance

import (
	"math"
	"sync/atomic"
	"time"

	"timeball/board/sim"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/server/shared"
)

// Origin ties a simulated world to this machine: truth was Truth when CLOCK_MONOTONIC was Mono, and runs with it. It is plain
// data: processes that know it and the clock's Course read the same simulated clock.
type Origin struct {
	Truth timescale.UTC
	Mono  clock.Mono
}

// NewOrigin returns the Origin of a world that begins now, at this machine's CLOCK_REALTIME.
func NewOrigin() Origin {
	now, mono := paired()
	return Origin{timescale.UTC(now.UnixNano()), mono}
}

// paired returns now and CLOCK_MONOTONIC of the same instant: the tightest of a few pairs, for a page that is not in memory
// yet or another program come between the readings of a single one, and what they cost is an error of the clock for good.
func paired() (now time.Time, mono clock.Mono) {
	for width, tries := clock.Mono(math.MaxInt64), 0; tries < 16; tries++ {
		before := machineMono()
		at := time.Now()
		if w := machineMono() - before; w < width {
			width, now, mono = w, at, before+w/2
		}
	}
	return now, mono
}

// began returns the instant of this process at which truth was Truth.
func (o Origin) began() time.Time {
	now, mono := paired()
	return now.Add(-time.Duration(mono - o.Mono))
}

// NewSharedSimBoard returns a board of a world that has been tied to this machine before, and a clock that other processes
// read in page. Where ran is not nil the clock goes on as it ran, under a receiver that is still there: only the process
// that keeps it has started anew.
func NewSharedSimBoard(cfg sim.Config, o Origin, page *shared.Writer, ran *shared.Course) *SimBoard {
	began := o.began()
	cfg.Start = o.Truth + timescale.UTC(time.Since(began))
	if ran != nil {
		cfg.Ran, cfg.FixAfter = (*sim.Course)(ran), 0
	}
	b := NewSimBoard(cfg, 1)
	b.start, b.began, b.page = o.Truth, began, page
	b.share()
	return b
}

// share tells other processes how the clock runs, when that has changed. Only New and the goroutine of Run call it.
func (b *SimBoard) share() {
	if b.page == nil {
		return
	}
	if now := shared.Course(b.world.Clock().Course()); now != b.shared {
		b.shared = now
		b.page.Course(now)
	}
}

// SharedSimClock serves the simulated clock of another process. While that process is gone the clock runs on as it ran, as a
// kernel's does.
type SharedSimClock struct {
	page  *shared.Reader
	truth timescale.UTC // at began
	began time.Time

	ahead atomic.Int64 // this machine's CLOCK_REALTIME minus truth at the last reading, ns
}

// NewSharedSimClock returns the clock whose Course is in page, in a world tied to this machine by o.
func NewSharedSimClock(page *shared.Reader, o Origin) *SharedSimClock {
	return &SharedSimClock{page: page, truth: o.Truth, began: o.began()}
}

func (c *SharedSimClock) course() (sim.Course, bool) {
	course := c.page.Course()
	if course == nil {
		return sim.Course{}, false
	}
	return sim.Course(*course), true
}

// Now implements server.Clock. Where there is no clock yet it is as of an Era that is nobody's.
func (c *SharedSimClock) Now() clock.Reading {
	now := time.Now()
	truth := c.truth + timescale.UTC(now.Sub(c.began))
	c.ahead.Store(now.UnixNano() - int64(truth))
	course, ok := c.course()
	if !ok {
		return clock.Reading{Era: unreadable}
	}
	return course.At(truth)
}

// FromKernel implements server.Clock: the stamp's age on this machine is its age in the world.
func (c *SharedSimClock) FromKernel(stamp clock.Real, now clock.Reading) (clock.Real, bool) {
	at := timescale.UTC(int64(stamp) - c.ahead.Load())
	course, ok := c.course()
	if !ok || at < course.Began {
		return 0, false
	}
	came := course.At(at)
	if came.Mono > now.Mono || now.Mono-came.Mono > clock.Mono(time.Second) {
		return 0, false
	}
	return came.Real, true
}

// Error returns the clock minus truth.
func (c *SharedSimClock) Error() clock.Seconds {
	truth := c.truth + timescale.UTC(time.Since(c.began))
	course, ok := c.course()
	if !ok {
		return 0
	}
	return clock.Seconds(int64(course.At(truth).Real)-int64(truth)) * 1e-9
}
