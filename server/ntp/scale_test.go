package ntp

import (
	"testing"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/server/leap"
)

const newYear = timescale.UTC(1483228800 * nanosecond) // 2017, after an inserted second

// smeared is a Reference that was published `before` ns of the elapsing seconds before the midnight's leap second begins, by
// a clock that is right.
func smeared(l clock.Leap, before int64) Reference {
	r := reference()
	r.Anchor = clock.Reading{Mono: 1e15, Real: clock.Real(int64(newYear) - before), Boot: 1e15, Era: 3}
	r.Expiry = r.Anchor.Mono + 5*nanosecond
	r.ReferenceAt = r.Anchor.Real - 300_000_000
	r.TAIOffset, r.Leap, r.LeapAt = 36, l, newYear
	r.Smear = leap.Event{Leap: l, At: newYear, Before: 36}
	return r
}

// passed returns the clocks d ns after r was published; the kernel makes the leap second where it is due.
func passed(r *Reference, d int64) clock.Reading {
	now := r.Anchor
	now.Mono, now.Boot, now.Real = now.Mono+clock.Mono(d), now.Boot+clock.Boot(d), now.Real+clock.Real(d)
	end := int64(newYear)
	if r.Smear.Leap == clock.LeapDelete {
		end -= nanosecond
	}
	if int64(r.Anchor.Real) < end && int64(now.Real) >= end {
		now.Real -= clock.Real(r.Smear.Leap) * nanosecond
	}
	return now
}

// ask returns the answer of a listener with policy p to a request that has just come and asks for chrony's field.
func ask(r *Reference, p leap.Policy, now clock.Reading) (Packet, []byte) {
	s := Serve(r, p, now, 7)
	q := Request{Packet: Packet{Version: 4, Mode: ModeClient, Transmit: 99}, MonoRoot: true}
	answer := q.Append(nil, &s, now.Real, 0)
	head, _ := Decode(answer)
	return head, answer[HeaderLen:]
}

// Receive, transmit and reference time of a smear are those of the curve while the kernel makes the leap second, before and
// after the unit has said so; UTC is in doubt for as long.
func TestSmearGoesOnOverTheLeapSecond(t *testing.T) {
	for _, l := range []clock.Leap{clock.LeapInsert, clock.LeapDelete} {
		for _, before := range []int64{4 * nanosecond, 2_500_000_000, nanosecond / 2} {
			r := smeared(l, before)
			if int64(r.Anchor.Real) > int64(newYear)-nanosecond && l == clock.LeapDelete {
				continue // there is no such second
			}
			for d := int64(0); d < 5*nanosecond; d += 10_000_019 {
				now := passed(&r, d)
				tai := timescale.TAI(int64(r.Anchor.Real) + d + 36*nanosecond)
				want := r.Smear.Smeared(tai)
				if doubt := r.CheckFor(leap.Smear, now); doubt != Certain {
					t.Fatalf("%v, %d ns after %d before midnight: %v", l, d, before, doubt)
				}
				got, field := ask(&r, leap.Smear, now)
				if off := int64(got.Transmit.Real(now.Real)) - int64(want); off < -1 || off > 1 || got.Leap != LeapNone || got.Stratum != 1 {
					t.Fatalf("%v, %d ns after %d before midnight: %d ns off, LI %d", l, d, before, off, got.Leap)
				}
				if off := int64(got.Receive.Real(now.Real)) - int64(want); off < -1 || off > 1 {
					t.Fatalf("%v: receive time %d ns off", l, off)
				}
				if off := int64(got.Reference.Real(now.Real)) - int64(r.Smear.Smeared(tai-timescale.TAI(d+300_000_000))); off < -1 || off > 1 {
					t.Fatalf("%v, %d ns after %d: reference time %d ns off", l, d, before, off)
				}
				if stamp := field[16:24]; string(stamp) != "\x00\x00\x00\x00\x00\x00\x00\x00" {
					t.Fatalf("monotonic time %x of a smear", stamp)
				}
				doubt := r.Check(now) != Certain
				left := int64(r.Smear.At) + (36+int64(l))*nanosecond - int64(tai)
				lead := int64(nanosecond)
				if l == clock.LeapInsert {
					lead += nanosecond
				}
				if want := left <= lead && left > -nanosecond; doubt != want {
					t.Fatalf("%v: %d ns before its end UTC is in doubt: %v", l, left, doubt)
				}
			}
		}
	}
}

// What clients are told on the last day, by policy.
func TestAnswersAnnounceByPolicy(t *testing.T) {
	for _, l := range []clock.Leap{clock.LeapInsert, clock.LeapDelete} {
		r := smeared(l, 3600*nanosecond)
		indicator := map[clock.Leap]uint8{clock.LeapInsert: LeapInsert, clock.LeapDelete: LeapDelete}[l]
		for p, want := range map[leap.Policy]uint8{leap.Announce: indicator, leap.Suppress: LeapNone, leap.Smear: LeapNone} {
			got, field := ask(&r, p, passed(&r, 1000))
			if got.Leap != want || got.Stratum != 1 {
				t.Errorf("%v, %v: LI %d, stratum %d, want LI %d", l, p, got.Leap, got.Stratum, want)
			}
			if p != leap.Smear && (got.Transmit.Real(r.Anchor.Real)-r.Anchor.Real > 1001 || field[18] == 0) {
				t.Errorf("%v, %v: shows %d", l, p, got.Transmit.Real(r.Anchor.Real))
			}
		}
	}
}

// What a page says that a listener tells is what its answers say, and how far its clock is from UTC.
func TestToldIsWhatAnswersSay(t *testing.T) {
	for _, l := range []clock.Leap{clock.LeapInsert, clock.LeapDelete} {
		for _, before := range []int64{30 * 3600 * nanosecond, 6 * 3600 * nanosecond, nanosecond, -6 * 3600 * nanosecond} {
			for _, p := range []leap.Policy{leap.Announce, leap.Suppress, leap.Smear} {
				r := smeared(l, before)
				now := passed(&r, nanosecond/5)
				head, _ := ask(&r, p, now)
				told := r.Told(p, now)
				ahead := clock.Seconds(head.Transmit.Real(now.Real)-now.Real) * 1e-9
				if told.Leap != head.Leap || (told.Doubt == Certain) != (head.Leap != LeapUnsynchronised) {
					t.Errorf("%v, %v, %d ns before: told %+v, LI %d", l, p, before, told, head.Leap)
				}
				if told.Doubt == Certain && (told.Ahead-ahead > 2e-9 || ahead-told.Ahead > 2e-9) {
					t.Errorf("%v, %v, %d ns before: told %+v, the answer is %v ahead", l, p, before, told, ahead)
				}
				if within := before < 12*3600*nanosecond && before > -12*3600*nanosecond; told.Smeared != (within && p == leap.Smear) {
					t.Errorf("%v, %v, %d ns before: told %+v", l, p, before, told)
				}
			}
		}
	}
	r := smeared(clock.LeapInsert, nanosecond)
	if told := r.Told(leap.Smear, passed(&r, 6*nanosecond)); told.Doubt != Expired || told.Smeared || told.Leap != LeapUnsynchronised {
		t.Errorf("of a reference that has expired: %+v", told)
	}
	if told := (*Reference)(nil).Told(leap.Smear, clock.Reading{}); told.Doubt != NoReference || told.Leap != LeapUnsynchronised || told.Smeared {
		t.Errorf("without a reference: %+v", told)
	}
}

func TestSmearIsSilentWhereItIsNotKnownWhetherThereIsOne(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before int64
		want   Doubt
	}{
		{"in the morning", 80000 * nanosecond, Certain},
		{"in the afternoon", 43000 * nanosecond, SmearUnknown},
		{"in the night after", -100 * nanosecond, SmearUnknown},
		{"in the afternoon after", -43300 * nanosecond, Certain},
	} {
		r := smeared(clock.LeapNone, tt.before)
		r.SmearOpen, r.LeapAt = true, 0
		now := passed(&r, 1000)
		if got := r.CheckFor(leap.Smear, now); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		got, _ := ask(&r, leap.Smear, now)
		if (got.Leap == LeapUnsynchronised) != (tt.want != Certain) {
			t.Errorf("%s: LI %d", tt.name, got.Leap)
		}
		if doubt := r.CheckFor(leap.Suppress, now); doubt != Certain {
			t.Errorf("%s: UTC: %v", tt.name, doubt)
		}
	}
}

// Only the kernel's leap second is none: another step, or the same at another time, is one.
func TestSmearKnowsAStepFromALeapSecond(t *testing.T) {
	step := func(r Reference, by clock.Real) clock.Reading {
		now := passed(&r, 1000)
		now.Real += by
		return now
	}
	for _, tt := range []struct {
		name   string
		l      clock.Leap
		before int64
		by     clock.Real
	}{
		{"of another sign", clock.LeapInsert, 1_000_000, nanosecond},
		{"of another size", clock.LeapInsert, 1_000_000, -nanosecond - 30_000},
		{"deleted, of another sign", clock.LeapDelete, 1_000_100_000, -nanosecond},
		{"at another time", clock.LeapInsert, 60 * nanosecond, -nanosecond},
		{"on a day without one", clock.LeapNone, 1_000_000, -nanosecond},
	} {
		r := smeared(tt.l, tt.before)
		if got := r.CheckFor(leap.Smear, step(r, tt.by)); got != Stepped {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	r := smeared(clock.LeapInsert, 1_000_000)
	if got := r.CheckFor(leap.Smear, step(r, -nanosecond)); got != Certain {
		t.Errorf("the leap second itself: %v", got)
	}
}

// A clock that shows UTC is shown as it is by all but a smear, and on most days by that as well.
func TestScaleChangesNothingOnOtherDays(t *testing.T) {
	r := smeared(clock.LeapInsert, 43230*nanosecond)
	var none *Reference
	for name, s := range map[string]Scale{
		"announce": r.Scale(leap.Announce, r.Anchor), "suppress": r.Scale(leap.Suppress, r.Anchor),
		"before the noon": r.Scale(leap.Smear, r.Anchor), "no reference": none.Scale(leap.Smear, r.Anchor),
	} {
		if got := s.Show(r.Anchor.Real + 5); got != r.Anchor.Real+5 {
			t.Errorf("%s: %d, want %d", name, got, r.Anchor.Real+5)
		}
	}
}
