package sim

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// Kernel limits that the simulated clock keeps, from adjtimex(2).
const (
	maxFrequency  = 500e-6           // the kernel clamps here
	frequencyStep = 1e-6 / (1 << 16) // its unit is 2^-16 ppm
)

// segment is a stretch of truth during which the clock ran at one rate. It is immutable.
type segment struct {
	start timescale.UTC // truth at its begin
	mono  int64         // CLOCK_MONOTONIC at start, whole nanoseconds
	frac  float64       // and the rest, 0..1 ns
	real  int64         // CLOCK_REALTIME - CLOCK_MONOTONIC
	slept int64         // CLOCK_BOOTTIME - CLOCK_MONOTONIC
	era   clock.Era
	began timescale.UTC // truth when the era began
	rate  float64       // oscillator and steering together
}

// at returns CLOCK_MONOTONIC at truth t: whole nanoseconds and the rest.
func (s *segment) at(t timescale.UTC) (int64, float64) {
	dt := int64(t - s.start)
	slewed := float64(dt)*s.rate + s.frac
	whole := math.Floor(slewed)
	return s.mono + dt + int64(whole), slewed - whole
}

// read returns the clock at truth t.
func (s *segment) read(t timescale.UTC) clock.Reading {
	m, _ := s.at(t)
	return clock.Reading{Mono: clock.Mono(m), Real: clock.Real(m + s.real), Boot: clock.Boot(m + s.slept), Era: s.era}
}

// Clock is the kernel clock of the simulated board. Its owner moves it through truth; ReadAt may be called by anyone.
type Clock struct {
	now      timescale.UTC
	y, steer float64
	segment  atomic.Pointer[segment]
	status   clock.Status
	truth    truth
	leapAt   clock.Real // CLOCK_REALTIME at which the leap second that the clock was told is made; 0 = none
	leapt    bool       // it has been, and is still told
}

// Course is how a clock runs until it is told something else. It is plain data: who knows the truth can read a clock of
// another process by it.
type Course struct {
	Start timescale.UTC // truth at its begin
	Mono  int64         // CLOCK_MONOTONIC at Start, whole nanoseconds
	Rest  float64       // and the rest, 0..1 ns
	Ahead int64         // CLOCK_REALTIME - CLOCK_MONOTONIC
	Slept int64         // CLOCK_BOOTTIME - CLOCK_MONOTONIC
	Era   clock.Era
	Began timescale.UTC // truth when the Era began
	Rate  float64       // fractional frequency of oscillator and steering together
	Steer float64       // of the steering alone
}

// At returns the clock at truth t.
func (c *Course) At(t timescale.UTC) clock.Reading {
	s := segment{start: c.Start, mono: c.Mono, frac: c.Rest, real: c.Ahead, slept: c.Slept, era: c.Era, rate: c.Rate}
	return s.read(t)
}

// Course returns how the clock runs. Only its owner calls it.
func (c *Clock) Course() Course {
	s := c.segment.Load()
	return Course{s.start, s.mono, s.frac, s.real, s.slept, s.era, s.began, s.rate, c.steer}
}

// continueClock starts a clock at truth start that goes on as it ran.
func continueClock(start timescale.UTC, ran *Course) *Clock {
	c := &Clock{now: start, y: ran.Rate - ran.Steer, steer: ran.Steer}
	c.segment.Store(&segment{
		start: ran.Start, mono: ran.Mono, frac: ran.Rest, real: ran.Ahead, slept: ran.Slept, era: ran.Era, began: ran.Began, rate: ran.Rate,
	})
	c.cut(func(*segment) {})
	return c
}

// newClock starts a clock at truth start that is off by e0 and has been up for one second.
func newClock(start timescale.UTC, e0 time.Duration) *Clock {
	c := &Clock{now: start}
	const up = int64(time.Second)
	c.segment.Store(&segment{start: start, mono: up, real: int64(start) + int64(e0) - up})
	return c
}

// advance moves the owner's instant to t; earlier instants are ignored.
func (c *Clock) advance(t timescale.UTC) {
	c.now = max(c.now, t)
	if c.leapAt != 0 && !c.leapt && c.ReadAt(c.now).Real >= c.leapAt {
		c.makeLeap()
	}
}

// makeLeap does what the kernel does at the first tick of the second behind a leap second that it was told of: it repeats
// a second or leaves one out, and moves its TAI offset. It is no step, and is done once until the kernel is told of none.
func (c *Clock) makeLeap() {
	leap := c.status.Leap
	c.cut(func(s *segment) { s.real -= int64(leap) * int64(time.Second) })
	c.leapt = true
	if c.status.TAIOffset != 0 {
		c.status.TAIOffset += int(leap)
	}
}

// tellLeap is the kernel's part of what it is told of leap seconds: one is made at the end of the present day.
func (c *Clock) tellLeap(leap clock.Leap) {
	switch {
	case leap == clock.LeapNone:
		c.leapAt, c.leapt = 0, false
	case c.leapAt == 0 || leap != c.status.Leap && !c.leapt:
		day := timescale.UTC(c.ReadAt(c.now).Real).Midnight() + timescale.Day
		c.leapAt = clock.Real(day)
		if leap == clock.LeapDelete {
			c.leapAt -= clock.Real(second)
		}
	}
}

// cut begins a new segment now, changed by edit.
func (c *Clock) cut(edit func(*segment)) {
	s := *c.segment.Load()
	s.mono, s.frac = s.at(c.now)
	s.start = c.now
	edit(&s)
	c.segment.Store(&s)
}

// setOscillator changes the oscillator's fractional frequency from now on.
func (c *Clock) setOscillator(y clock.Ratio) {
	if float64(y) == c.y {
		return
	}
	c.y = float64(y)
	c.cut(func(s *segment) { s.rate = c.y + c.steer })
}

// ReadAt returns the clock at truth t. It is safe for concurrent use.
func (c *Clock) ReadAt(t timescale.UTC) clock.Reading {
	return c.segment.Load().read(t)
}

// EraBegan returns truth at the last step that the clock was told to make. It is safe for concurrent use.
func (c *Clock) EraBegan() timescale.UTC { return c.segment.Load().began }

// Error returns CLOCK_REALTIME minus UTC now, without rounding to nanoseconds.
func (c *Clock) Error() clock.Seconds {
	s := c.segment.Load()
	m, frac := s.at(c.now)
	return clock.Seconds(float64(c.truth.off(clock.Real(m+s.real), c.now))*1e-9 + frac*1e-9)
}

// Read implements discipline.Clock.
func (c *Clock) Read() (clock.Reading, error) { return c.ReadAt(c.now), nil }

// SetFrequency implements discipline.Clock with the kernel's clamp and rounding.
func (c *Clock) SetFrequency(y clock.Ratio) (clock.Ratio, clock.Mono, error) {
	if math.IsNaN(float64(y)) {
		return 0, 0, fmt.Errorf("simulated clock: frequency %v", y)
	}
	c.steer = frequencyStep * math.Round(max(-maxFrequency, min(maxFrequency, float64(y)))/frequencyStep)
	c.cut(func(s *segment) { s.rate = c.y + c.steer })
	return clock.Ratio(c.steer), clock.Mono(c.segment.Load().mono), nil
}

// Step implements discipline.Clock. As in the kernel it marks the clock as unsynchronised and ends a pending leap second;
// frequency and TAI offset stay.
func (c *Clock) Step(by time.Duration) (clock.Era, error) {
	c.cut(func(s *segment) { s.real += int64(by); s.era++; s.began = c.now })
	c.leapAt, c.leapt = 0, false
	c.status = clock.Status{MaxError: 16, EstimatedError: 16, TAIOffset: c.status.TAIOffset} // NTP_PHASE_LIMIT, in seconds
	return c.segment.Load().era, nil
}

// SetStatus implements discipline.Clock.
func (c *Clock) SetStatus(s clock.Status) error {
	if s.TAIOffset == 0 {
		s.TAIOffset = c.status.TAIOffset
	}
	c.tellLeap(s.Leap)
	c.status = s
	return nil
}

// Status returns what the clock was told last.
func (c *Clock) Status() clock.Status { return c.status }

// foreignStep moves CLOCK_REALTIME as another program would: nobody is told.
func (c *Clock) foreignStep(by time.Duration) { c.cut(func(s *segment) { s.real += int64(by) }) }

// wake is what the kernel does when the machine wakes: CLOCK_MONOTONIC stood still at mono, the other two went on, and
// CLOCK_REALTIME is off by so much more.
func (c *Clock) wake(mono clock.Mono, by time.Duration) {
	c.cut(func(s *segment) {
		slept := s.mono - int64(mono)
		s.mono -= slept
		s.slept += slept
		s.real += slept + int64(by)
	})
}
