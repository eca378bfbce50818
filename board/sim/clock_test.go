package sim

import (
	"math"
	"math/big"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
)

var _ discipline.Clock = (*Clock)(nil)

const start = 1_782_864_000 * second // 2026-07-01

func TestClockBeginsWhereItIsTold(t *testing.T) {
	c := newClock(start, 50*time.Millisecond)
	want := clock.Reading{Mono: 1e9, Real: clock.Real(start) + 50e6, Boot: 1e9}
	if got, err := c.Read(); err != nil || got != want {
		t.Errorf("Read = %+v, %v, want %+v", got, err, want)
	}
	if got := c.Error(); got != 0.05 {
		t.Errorf("Error = %v, want 0.05", got)
	}
}

// adjtimex(2): the unit is 2^-16 ppm, the limit 500 ppm.
func TestFrequencyIsRoundedAndClamped(t *testing.T) {
	const unit = 1e-6 / 65536
	tests := []struct{ asked, want clock.Ratio }{
		{0, 0},
		{unit, unit},
		{0.49 * unit, 0},
		{0.51 * unit, unit},
		{-0.51 * unit, -unit},
		{1e-6, 1e-6},
		{500e-6, 500e-6},
		{501e-6, 500e-6},
		{-1, -500e-6},
		{clock.Ratio(math.Inf(1)), 500e-6},
	}
	for _, tt := range tests {
		c := newClock(start, 0)
		got, at, err := c.SetFrequency(tt.asked)
		if err != nil || at != 1e9 || math.Abs(float64(got-tt.want)) > 1e-18 {
			t.Errorf("SetFrequency(%v) = %v from %v, %v, want %v", tt.asked, got, at, err, tt.want)
		}
		c.advance(start + 1000*second)
		if run := c.Error(); math.Abs(float64(run)-float64(tt.want)*1000) > 1e-12 {
			t.Errorf("frequency %v: %v s after 1000 s", tt.want, run)
		}
	}
	c := newClock(start, 0)
	if _, _, err := c.SetFrequency(clock.Ratio(math.NaN())); err == nil {
		t.Error("NaN was accepted")
	}
	c.advance(start + second)
	if c.Error() != 0 {
		t.Error("NaN moved the clock")
	}
}

func TestStepBeginsAnEraAndEndsTheState(t *testing.T) {
	c := newClock(start, time.Second)
	c.setOscillator(1e-5)
	_ = c.SetStatus(clock.Status{Synchronised: true, MaxError: 1e-6, Leap: clock.LeapInsert, TAIOffset: 37})
	c.advance(start + 10*second)
	before, _ := c.Read()
	era, err := c.Step(-time.Second)
	after, _ := c.Read()
	want := before
	want.Era, want.Real = 1, before.Real-1e9
	if err != nil || era != 1 || after != want {
		t.Errorf("after the step %+v, era %v, %v, want %+v", after, era, err, want)
	}
	if got, want := c.Status(), (clock.Status{MaxError: 16, EstimatedError: 16, TAIOffset: 37}); got != want {
		t.Errorf("status %+v, want %+v", got, want)
	}
	if c.EraBegan() != start+10*second {
		t.Errorf("EraBegan = %v", c.EraBegan())
	}
	c.advance(start + 20*second)
	if got := c.Error(); math.Abs(float64(got)-20e-5) > 1e-12 {
		t.Errorf("a step changed the rate: error %v, want 2e-4", got)
	}
	c.foreignStep(time.Millisecond)
	foreign, _ := c.Read()
	if foreign.Era != 1 || c.EraBegan() != start+10*second || math.Abs(float64(c.Error())-20e-5-1e-3) > 1e-12 {
		t.Errorf("foreign step: %+v, error %v", foreign, c.Error())
	}
}

func TestStatusKeepsTheTAIOffset(t *testing.T) {
	c := newClock(start, 0)
	_ = c.SetStatus(clock.Status{TAIOffset: 37})
	_ = c.SetStatus(clock.Status{Synchronised: true})
	if got := c.Status(); got != (clock.Status{Synchronised: true, TAIOffset: 37}) {
		t.Errorf("status %+v", got)
	}
}

// Monotonic never goes back, not by a nanosecond, and Real - Mono stays within an Era, whatever happens.
func TestMonotonicIsMonotonic(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	c := newClock(start, 0)
	last, _ := c.Read()
	for range 200_000 {
		switch rng.IntN(8) {
		case 0:
			c.setOscillator(clock.Ratio(1e-3 * (rng.Float64() - 0.5)))
		case 1:
			_, _, _ = c.SetFrequency(clock.Ratio(1e-3 * (rng.Float64() - 0.5)))
		case 2:
			_, _ = c.Step(time.Duration(rng.Int64N(2e9) - 1e9))
		}
		c.advance(c.now + timescale.UTC(rng.Int64N(1<<rng.IntN(32))) - 1) // sometimes back: ignored
		now, _ := c.Read()
		if now.Mono < last.Mono || now.Boot != clock.Boot(now.Mono) {
			t.Fatalf("%+v after %+v", now, last)
		}
		if now.Era == last.Era && int64(now.Real)-int64(now.Mono) != int64(last.Real)-int64(last.Mono) {
			t.Fatalf("Real - Mono changed within an era: %+v after %+v", now, last)
		}
		last = now
	}
}

// A week of steering once a second, against the sum in exact arithmetic.
func TestClockDoesNotDriftByRounding(t *testing.T) {
	const seconds = 7 * 86400
	rng := rand.New(rand.NewPCG(3, 4))
	c := newClock(start, 0)
	exact := new(big.Float).SetPrec(200)
	term := new(big.Float).SetPrec(200)
	y := 0.0
	for k := range seconds {
		y = 2e-5 + 1e-7*rng.NormFloat64()
		c.setOscillator(clock.Ratio(y))
		steer, _, _ := c.SetFrequency(clock.Ratio(-y + 1e-9*rng.NormFloat64()))
		if k > seconds/2 {
			steer, _, _ = c.SetFrequency(1e-5) // and an error that grows to seconds
		}
		exact.Add(exact, term.SetFloat64(y))
		exact.Add(exact, term.SetFloat64(float64(steer)))
		c.advance(start + timescale.UTC(k+1)*second)
	}
	want, _ := exact.Float64()
	now, _ := c.Read()
	// Read is cut to the nanosecond, which is no more than one.
	if got := float64(int64(now.Real)-int64(c.now)) * 1e-9; math.Abs(got-want) > 1e-9+1e-12 {
		t.Errorf("Read is %v s off, want %v: %.3g", got, want, got-want)
	}
	if got := float64(c.Error()); math.Abs(got-want) > 1e-9 || math.Abs(want) < 5 {
		t.Errorf("Error = %v, want %v: %.3g", got, want, got-want)
	}
	long := newClock(start, 0) // one stretch of a year
	long.setOscillator(1e-5)
	long.advance(start + 365*86400*second)
	if got := float64(long.Error()); math.Abs(got-315.36) > 1e-9 {
		t.Errorf("after a year at 10 ppm: %.12f s, want 315.36", got)
	}
}

func TestClockIsReadWhileItIsSteered(t *testing.T) {
	c := newClock(start, 0)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for k := range timescale.UTC(10_000) {
				if r := c.ReadAt(start + k); r.Real < clock.Real(start)-1e6 || c.EraBegan() > start+1e9 {
					t.Errorf("%+v", r)
					return
				}
			}
		})
	}
	for k := range timescale.UTC(1000) {
		c.advance(start + k)
		c.setOscillator(clock.Ratio(k) * 1e-9)
		_, _, _ = c.SetFrequency(clock.Ratio(k) * 1e-9)
		_, _ = c.Step(time.Duration(k % 2))
	}
	readers.Wait()
}
