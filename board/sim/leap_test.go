package sim

import (
	"testing"
	"time"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/timing"
)

const midnight2017 timescale.UTC = 1483228800 * second

func TestTruthLeaps(t *testing.T) {
	m := midnight2017
	for _, tt := range []struct {
		leap   clock.Leap
		passed timescale.UTC
		want   timescale.UTC
		leap60 bool
	}{
		{clock.LeapInsert, m - second, m - second, false},
		{clock.LeapInsert, m, m, true},
		{clock.LeapInsert, m + second - 1, m + second - 1, true},
		{clock.LeapInsert, m + second, m, false},
		{clock.LeapInsert, m + 5*second, m + 4*second, false},
		{clock.LeapDelete, m - second - 1, m - second - 1, false},
		{clock.LeapDelete, m - second, m, false},
		{clock.LeapDelete, m, m + second, false},
		{clock.LeapNone, m, m, false},
	} {
		if got, leap60 := (truth{tt.leap, m}).utc(tt.passed); got != tt.want || leap60 != tt.leap60 {
			t.Errorf("%v, %v s: %v, %v, want %v, %v", tt.leap, tt.passed-m, got-m, leap60, tt.want-m, tt.leap60)
		}
	}
}

// The kernel repeats or leaves out a second at the end of its own day, once, moves its TAI offset, and calls it no step.
func TestClockMakesTheLeapSecondItIsTold(t *testing.T) {
	for _, leap := range []clock.Leap{clock.LeapInsert, clock.LeapDelete} {
		w := New(Config{Model: named(t, "perfect"), Start: midnight2017 - 10*second, Leap: leap, LeapAt: midnight2017})
		c := w.Clock()
		tell := func(l clock.Leap, tai int) {
			if err := c.SetStatus(clock.Status{Synchronised: true, Leap: l, TAIOffset: tai}); err != nil {
				t.Fatal(err)
			}
		}
		run := func(to timescale.UTC) { w.Run(to, func(timing.Event) {}) }
		tell(leap, 36)
		run(midnight2017 - 1500*timescale.UTC(time.Millisecond))
		if e := c.Error(); e != 0 {
			t.Errorf("%v: %v s off before it", leap, e)
		}
		run(midnight2017 + 3*second)
		if e := c.Error(); e != 0 || c.Status().TAIOffset != 36+int(leap) || c.ReadAt(w.Now()).Era != 0 {
			t.Errorf("%v: %v s off behind it, TAI offset %d, era %d", leap, e, c.Status().TAIOffset, c.ReadAt(w.Now()).Era)
		}
		run(midnight2017 + timescale.Day + 10*second) // still told
		if e := c.Error(); e != 0 {
			t.Errorf("%v: made twice, %v s off", leap, e)
		}
		tell(clock.LeapNone, 0)
		tell(leap, 0)
		run(midnight2017 + 2*timescale.Day + 10*second)
		if e := c.Error(); e != -clock.Seconds(leap) {
			t.Errorf("%v: told again, %v s off, want a second", leap, e)
		}
	}
}

func TestClockMakesNoLeapSecondThatWasTakenBack(t *testing.T) {
	w := New(Config{Model: named(t, "perfect"), Start: midnight2017 - 10*second, LeapAt: midnight2017})
	for _, l := range []clock.Leap{clock.LeapInsert, clock.LeapNone} {
		if err := w.Clock().SetStatus(clock.Status{Leap: l}); err != nil {
			t.Fatal(err)
		}
	}
	w.Run(midnight2017+5*second, func(timing.Event) {})
	if e := w.Clock().Error(); e != 0 {
		t.Errorf("%v s off", e)
	}
}

func TestQuarterEnd(t *testing.T) {
	for from, want := range map[string]string{
		"2016-12-31": "2017-01-01", "2017-01-01": "2017-04-01", "2016-06-30": "2016-07-01", "2016-02-29": "2016-04-01", "2016-07-01": "2016-10-01",
	} {
		at, err := timescale.ParseDate(from)
		if err != nil {
			t.Fatal(err)
		}
		if got := quarterEnd(at).String()[:10]; got != want {
			t.Errorf("%s: %s, want %s", from, got, want)
		}
	}
}
