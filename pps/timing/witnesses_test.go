package timing

import (
	"strings"
	"testing"

	"timeball/gnss/timescale"
	"timeball/pps/discipline"
)

// A unit that nobody has told anything waits for the almanac; a witness that is heard meanwhile ends that.
func TestLateWitnessEndsTheWait(t *testing.T) {
	b := newBench(t, false)
	b.want(b.run(60, normal), discipline.Acquiring, "leap seconds")
	b.engine.Take(Event{Kind: KindWitness, At: b.clock.now.Mono, UTC: b.utc, Value: 0.05, Text: "ntp.example"})
	s := b.run(1, normal)
	b.want(s, discipline.Locked, "")
	if len(s.Witnesses) != 1 || s.Witnesses[0].Name != "ntp.example" || s.Witnesses[0].Verdict != "agrees" {
		t.Errorf("witnesses %+v", s.Witnesses)
	}
}

// A witness that names another second than a count that was not served yet makes the unit begin anew, and it waits for a
// receiver that agrees with it.
func TestLateWitnessCorrectsTheSecond(t *testing.T) {
	b := newBench(t, false)
	b.utc += 2 * second // a stale leap second count
	b.run(60, normal)
	b.engine.Take(Event{Kind: KindWitness, At: b.clock.now.Mono, UTC: b.utc - 2*second, Value: 0.05, Text: "ntp.example"})
	b.want(b.run(120, normal), discipline.FreeRunning, "witness disagrees")
	b.utc -= 2 * second // the almanac is in
	b.want(b.run(30, normal), discipline.Locked, "")
	if off := timescale.UTC(b.clock.now.Real) - b.utc; off != 0 {
		t.Errorf("the clock is %v s off", off/second)
	}
}

// A unit that serves is not silenced by a witness; it shows and tells what it says.
func TestWitnessDoesNotSilenceALockedUnit(t *testing.T) {
	b := newBench(t, true)
	b.run(60, normal)
	b.engine.Changes()
	b.engine.Take(Event{Kind: KindWitness, At: b.clock.now.Mono, UTC: b.utc - 3*second, Value: 0.05, Text: "liar"})
	s := b.run(60, normal)
	b.want(s, discipline.Locked, "")
	if w := s.Witnesses[1]; w.Verdict != "disagrees" || w.Offset < 2.9 || w.Offset > 3.1 {
		t.Errorf("%+v", w)
	}
	told := 0
	for _, c := range b.engine.Changes() {
		if c.What == "witness" && strings.Contains(c.Text, "liar disagrees") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

// A receiver that learns its leap second count says so when its second changes: what was counted before is not UTC.
func TestLeapSecondCountLearnedLate(t *testing.T) {
	b := newBench(t, false)
	b.utc += 18 * second
	b.run(100, normal)
	b.full = true
	b.utc -= 18 * second
	for range 40 {
		s := b.run(1, normal)
		if served := s.Estimate.Mode == discipline.Locked; served && timescale.UTC(b.clock.now.Real) != b.utc {
			t.Fatalf("locked %v s off", timescale.UTC(b.clock.now.Real)-b.utc)
		}
	}
	b.want(b.engine.Snapshot(), discipline.Locked, "")
}

func TestWitnessOfAnImpossibleDateIsRefused(t *testing.T) {
	for _, utc := range []timescale.UTC{0, start - 91*timescale.Day, start + 1024*week} {
		b := dated(t, nil)
		b.engine.Take(Event{Kind: KindWitness, At: second, UTC: utc, Value: 0.1, Text: "rtc"})
		s := b.run(1, normal)
		if len(s.Witnesses) != 0 || s.Counters.Refused["witness with an impossible date"] != 1 {
			t.Errorf("%v: witnesses %+v, refused %v", utc, s.Witnesses, s.Counters.Refused)
		}
	}
}
