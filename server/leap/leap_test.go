package leap

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// The leap seconds of the end of June 2015 and of 2016, and one that is deleted.
var events = []struct {
	name string
	e    Event
}{
	{"2015-06-30", Event{clock.LeapInsert, 1435708800 * 1e9, 35}},
	{"2016-12-31", Event{clock.LeapInsert, 1483228800 * 1e9, 36}},
	{"deleted", Event{clock.LeapDelete, 1483228800 * 1e9, 36}},
}

// smear is the definition in exact arithmetic: shown - UTC in seconds, t SI seconds after noon.
func smear(e Event, tai int64) *big.Rat {
	length := int64(86400 + int(e.Leap))
	from := e.midnight() - 43200*1e9 - int64(e.Leap)*1e9
	d := big.NewRat(tai-from, 1e9*length)
	if e.Leap == clock.LeapInsert {
		d.Neg(d)
		if tai >= e.midnight() {
			d.Add(d, big.NewRat(1, 1))
		}
		return d
	}
	if tai >= e.midnight() {
		d.Sub(d, big.NewRat(1, 1))
	}
	return d
}

// trueUTC is UTC without a fold: 23:59:60 is the second after 23:59:59, so that differences are those of UTC.
func trueUTC(e Event, tai int64) int64 {
	if tai >= e.midnight() {
		return tai - int64(e.Before+int(e.Leap))*1e9
	}
	return tai - int64(e.Before)*1e9
}

// The whole curve, every 1.7 s of the day and around its corners: to a nanosecond, where 1 us is wanted.
func TestSmearIsTheDefinition(t *testing.T) {
	for _, tt := range events {
		from, until := tt.e.span()
		if until-from != int64(86400+int(tt.e.Leap))*1e9 {
			t.Errorf("%s: the smear takes %d ns", tt.name, until-from)
		}
		worst := 0.0
		check := func(tai int64) {
			shown := int64(tt.e.Smeared(timescale.TAI(tai)))
			want := new(big.Rat).Add(big.NewRat(trueUTC(tt.e, tai), 1e9), smear(tt.e, tai))
			diff, _ := want.Sub(want, big.NewRat(shown, 1e9)).Float64()
			worst = max(worst, diff, -diff)
		}
		for tai := from; tai <= until; tai += 1_700_000_003 {
			check(tai)
		}
		for _, corner := range []int64{from, until, tt.e.midnight(), tt.e.midnight() - 1e9} {
			for d := int64(-2000); d <= 2000; d++ {
				if tai := corner + d*501; tai > from && tai < until {
					check(tai)
				}
			}
		}
		if worst > 1e-9 {
			t.Errorf("%s: the smear is off by %g s", tt.name, worst)
		}
	}
}

// The smeared clock never stops or jumps: a millisecond is shown as a millisecond to 1 ns + 12 ppm, everywhere.
func TestSmearIsContinuous(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.SampledFrom(events).Draw(t, "event").e
		from, until := e.span()
		tai := rapid.Int64Range(from-1e13, until+1e13).Draw(t, "tai")
		if corner := rapid.SampledFrom([]int64{0, from, until, e.midnight()}).Draw(t, "corner"); corner != 0 {
			tai = corner + rapid.Int64Range(-2e6, 2e6).Draw(t, "near")
		}
		step := int64(e.Smeared(timescale.TAI(tai+1e6)) - e.Smeared(timescale.TAI(tai)))
		if step < 1e6-14 || step > 1e6+14 {
			t.Fatalf("a millisecond at %d is shown as %d ns", tai, step)
		}
	})
}

func TestUTCCountsAsPOSIXDoes(t *testing.T) {
	insert, remove := events[1].e, events[2].e
	at := int64(insert.At)
	tests := []struct {
		name string
		e    Event
		tai  int64 // after the midnight that begins the leap second, or that the last second is missing before
		want int64 // after the midnight
	}{
		{"a day before", insert, -86400 * second, -86400 * second},
		{"23:59:59", insert, -second, -second},
		{"23:59:60 is 23:59:59 again", insert, 0, -second},
		{"its end", insert, second - 1, -1},
		{"00:00:00", insert, second, 0},
		{"23:59:58", remove, -2 * second, -2 * second},
		{"its end", remove, -second - 1, -second - 1},
		{"00:00:00 follows 23:59:58", remove, -second, 0},
		{"no leap second", Event{At: insert.At, Before: 36}, 5, 5},
	}
	for _, tt := range tests {
		if got := int64(tt.e.UTC(timescale.TAI(at+36*second+tt.tai))) - at; got != tt.want {
			t.Errorf("%s: %d ns after midnight, want %d", tt.name, got, tt.want)
		}
	}
}

func TestIndicator(t *testing.T) {
	insert, remove := events[1].e, events[2].e
	tests := []struct {
		name   string
		e      Event
		policy Policy
		after  int64 // of the midnight, ns of TAI
		want   Indicator
	}{
		{"the nanosecond before the last day", insert, Announce, -86401*second - 1, None},
		{"the first of the last day", insert, Announce, -86401 * second, Insert},
		{"23:59:58.9", insert, Announce, -2*second - 1, Insert},
		{"23:59:59", insert, Announce, -2 * second, Unknown},
		{"23:59:60", insert, Announce, -second / 2, Unknown},
		{"00:00:00.9", insert, Announce, second - 1, Unknown},
		{"00:00:01", insert, Announce, second, None},
		{"deleted, the first of the last day", remove, Announce, -86399 * second, Delete},
		{"deleted, 23:59:57.9", remove, Announce, -second - 1, Delete},
		{"deleted, 23:59:58", remove, Announce, -second, Unknown},
		{"deleted, 00:00:01", remove, Announce, second, None},
		{"silent", insert, Suppress, -3600 * second, None},
		{"silent, 23:59:59", insert, Suppress, -second, Unknown},
		{"smeared", insert, Smear, -3600 * second, None},
		{"smeared, 23:59:60", insert, Smear, -second / 2, None},
		{"no leap second", Event{At: insert.At, Before: 36}, Announce, -second, None},
	}
	for _, tt := range tests {
		if got := tt.e.Indicator(tt.policy, timescale.TAI(tt.e.midnight()+tt.after)); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// Outside of the smear, and where there is no leap second, all policies show UTC.
func TestShownIsUTCOutsideOfTheSmear(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.SampledFrom(events).Draw(t, "event").e
		from, until := e.span()
		tai := timescale.TAI(rapid.OneOf(rapid.Int64Range(from-1e15, from), rapid.Int64Range(until, until+1e15)).Draw(t, "tai"))
		none := Event{At: e.At, Before: e.Before}
		for _, p := range []Policy{Announce, Suppress, Smear} {
			if e.Shown(p, tai) != e.UTC(tai) || none.Shown(p, tai) != none.UTC(tai) {
				t.Fatalf("%v shows %d, UTC is %d", p, e.Shown(p, tai), e.UTC(tai))
			}
		}
	})
}

func TestPoliciesHaveNames(t *testing.T) {
	for _, p := range []Policy{Announce, Suppress, Smear} {
		if got, err := Parse(p.String()); got != p || err != nil {
			t.Errorf("%v is read as %v, %v", p, got, err)
		}
	}
	if _, err := Parse("slew"); err == nil || Policy(9).String() != "unknown policy" {
		t.Error("a policy nobody knows is taken")
	}
}
