package timing

import (
	"strings"
	"testing"

	"timeball/gnss"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
)

// expired is after the end of the table that the program has; no list says whether a leap second is before this midnight.
const expired = "2027-07-01"

// atEnd returns an Engine that has been locked for a minute so many seconds before a midnight.
func atEnd(t *testing.T, midnight string, left int) *bench {
	t.Helper()
	b := newBench(t, false)
	b.utc = date(t, midnight) - timescale.UTC(left+60)*second
	b.clock.now.Real = clock.Real(b.utc)
	b.engine.Take(Event{Kind: KindWitness, At: b.clock.now.Mono, UTC: b.utc, Value: 0.3, Text: "rtc"})
	b.want(b.run(60, normal), discipline.Locked, "")
	return b
}

// announce lets the receiver announce a leap second.
func (b *bench) announce(leap clock.Leap, at timescale.UTC) {
	now := b.clock.now.Mono
	b.engine.Take(Event{Kind: KindReport, At: now, Report: &gnss.Report{
		Leap: &gnss.LeapNotice{Arrival: now, Leap: leap, At: at, Announces: true, Message: "NAV-TIMELS", Source: "GPS"},
	}})
}

// Where no list tells, an announcement that has stood for a day is not taken back by labels that go on as before.
func TestSteadyAnnouncementWithoutAList(t *testing.T) {
	for _, hours := range []int{23, 25} {
		b := atEnd(t, expired, 1800)
		b.announce(clock.LeapInsert, date(t, expired))
		b.engine.leaps.announced.since -= clock.Mono(hours) * 3600 * second
		b.announce(clock.LeapInsert, date(t, expired))
		b.run(1800, normal)
		if hours == 25 {
			b.want(b.run(600, normal), discipline.Quarantine, "two witnesses are needed")
			b.engine.Take(Event{Kind: KindWitness, At: b.clock.now.Mono, UTC: b.utc, Value: 0.02, Text: "ntp"})
		}
		s := b.run(60, normal)
		b.want(s, discipline.Locked, "")
		if s.Estimate.Until != 0 || len(b.clock.steps) != 0 || s.Estimate.Leap != clock.LeapNone {
			t.Errorf("%d h: served until %v, stepped %v, leap %v", hours, s.Estimate.Until, b.clock.steps, s.Estimate.Leap)
		}
	}
}

// What the kernel and clients are told on the last day: both witnesses, and the table alone.
func TestLeapSecondIsToldOnItsDayOnly(t *testing.T) {
	at := date(t, "2017-01-01")
	for _, tt := range []struct {
		name           string
		left           int // s
		announced      timescale.UTC
		kernel, client clock.Leap
	}{
		{"both, the day before", 86400 + 600, at, clock.LeapNone, clock.LeapNone},
		{"both, on its day", 80000, at, clock.LeapInsert, clock.LeapInsert},
		{"the table alone", 80000, 0, clock.LeapInsert, clock.LeapNone},
		{"announced for another quarter", 80000, at + 90*timescale.Day, clock.LeapInsert, clock.LeapNone},
		{"announced a day early", 80000, at - timescale.Day, clock.LeapInsert, clock.LeapNone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := atEnd(t, "2017-01-01", tt.left)
			if tt.announced != 0 {
				b.announce(clock.LeapInsert, tt.announced)
			}
			s := b.run(5, normal)
			if b.clock.status.Leap != tt.kernel || s.Estimate.Leap != tt.client || s.Estimate.TAIOffset != 36 || b.clock.status.TAIOffset != 36 {
				t.Errorf("kernel %v, clients %v, TAI offset %d, want %v, %v, 36", b.clock.status.Leap, s.Estimate.Leap, s.Estimate.TAIOffset, tt.kernel, tt.client)
			}
			early := tt.announced == at-timescale.Day
			if refused := s.Counters.Refused["leap second announced for a day that ends no quarter"]; (refused > 0) != early || early && s.Leap.Announced != clock.LeapNone {
				t.Errorf("refused %d, shown %v", refused, s.Leap.Announced)
			}
		})
	}
}

// A receiver whose messages have GPS time beside UTC needs no almanac: the list tells whether it reckons with the right
// leap seconds, at once.
func TestLeapSecondsThatAreReckonedWithAreHeldAgainstTheList(t *testing.T) {
	b := newBench(t, false)
	b.tai, b.utc = 19, start+18*second // none at all
	b.full = true
	b.want(b.run(60, normal), discipline.Acquiring, "other leap seconds than the list")
	b.tai, b.utc = 37, b.utc-18*second
	b.want(b.run(30, normal), discipline.Locked, "")
	if off := timescale.UTC(b.clock.now.Real) - b.utc; off != 0 {
		t.Errorf("the clock is %v s off", off/second)
	}
	b = newBench(t, false)
	b.tai = 37
	b.want(b.run(15, normal), discipline.Locked, "")
}

// An RTC that was set before a leap second is a second ahead behind it: for a week it tells no second. A server does.
func TestRTCBehindALeapSecondTellsNoSecond(t *testing.T) {
	for _, tt := range []struct {
		witness string
		after   timescale.UTC // the leap second
		want    discipline.Mode
	}{
		{"rtc", timescale.Hour, discipline.Acquiring},
		{"rtc", 8 * timescale.Day, discipline.Locked},
		{"ntp.example", timescale.Hour, discipline.Locked},
	} {
		b := newBench(t, false)
		b.utc = date(t, "2017-01-01") + tt.after
		ahead := timescale.UTC(0)
		if tt.want == discipline.Acquiring {
			ahead = second
		}
		b.engine.Take(Event{Kind: KindWitness, At: b.clock.now.Mono, UTC: b.utc + ahead, Value: 0.1, Text: tt.witness})
		s := b.run(60, normal)
		if got, ok := b.engine.pairing.Second(b.clock.now.Mono, 0); !ok || got != b.utc || s.Estimate.Mode != tt.want {
			t.Errorf("%s %v h after: %v %q, %v s off", tt.witness, tt.after/timescale.Hour, s.Estimate.Mode, s.Estimate.Reason, (got-b.utc)/second)
		}
	}
}

func TestWitnessAroundALeapSecondIsRefused(t *testing.T) {
	b := atEnd(t, "2017-01-01", 60)
	b.run(58, normal)
	b.engine.Take(Event{Kind: KindWitness, At: b.clock.now.Mono, UTC: b.utc, Value: 0.1, Text: "ntp.example"})
	if n := b.engine.counters.Refused["witness around a leap second"]; n != 1 {
		t.Errorf("refused %d times", n)
	}
}

// Around the midnight the kernel moves TAI - UTC by itself: it is not told.
func TestKernelIsLeftAloneWithItsTAIOffset(t *testing.T) {
	b := atEnd(t, "2017-01-01", 60)
	b.announce(clock.LeapInsert, date(t, "2017-01-01"))
	b.run(56, normal)
	if got := b.clock.status; got.TAIOffset != 36 || got.Leap != clock.LeapInsert {
		t.Errorf("4 s before midnight the kernel is told %+v", got)
	}
	b.run(2, normal)
	if got := b.clock.status; got.TAIOffset != 0 || got.Leap != clock.LeapInsert {
		t.Errorf("2 s before midnight the kernel is told %+v", got)
	}
}

func TestCountHasNoLeapSeconds(t *testing.T) {
	const m = 10_000 * timescale.Day
	for _, tt := range []struct {
		leap   clock.Leap
		utc    timescale.UTC // less the midnight, s
		leap60 bool
		want   timescale.UTC
	}{
		{clock.LeapInsert, -1, false, -1},
		{clock.LeapInsert, 0, true, 0},
		{clock.LeapInsert, 0, false, 1},
		{clock.LeapInsert, 5, false, 6},
		{clock.LeapDelete, -2, false, -2},
		{clock.LeapDelete, 0, false, -1},
		{clock.LeapDelete, 5, false, 4},
	} {
		for _, labels := range []timescale.UTC{0, 3 * second} {
			l := leapSeconds{labels: labels, next: leapSecond{state: leapExpected, at: m + labels, leap: tt.leap}}
			if got := l.count(m+tt.utc*second, tt.leap60); got != m+labels+tt.want*second {
				t.Errorf("%v, %d s, second 60 %v: %d s, want %d", tt.leap, tt.utc, tt.leap60, (got-m-labels)/second, tt.want)
			}
		}
	}
}

// A receiver that learns its new count between two messages of one second has answered both ways; one that answers three
// times in one second has answered once.
func TestAnswerTakesMoreThanOneSecond(t *testing.T) {
	b := atEnd(t, expired, 10)
	b.run(10, normal)
	n := &b.engine.leaps.next
	if n.state != leapOpen {
		t.Fatalf("state %v at midnight", n.state)
	}
	for range 5 {
		b.engine.cast(clock.LeapNone, n.at+second)
	}
	if n.state != leapOpen {
		t.Error("one second was enough")
	}
	b.engine.cast(clock.LeapInsert, n.at+2*second)
	b.engine.cast(clock.LeapNone, n.at+2*second)
	b.engine.cast(clock.LeapNone, n.at+3*second)
	if n.state != leapOpen {
		t.Error("two in a row were enough")
	}
	if b.engine.cast(clock.LeapNone, n.at+4*second); n.state != leapIdle {
		t.Error("three of two seconds were not enough")
	}
}

// An announcement that is not repeated for an hour is none.
func TestAnnouncementIsForgotten(t *testing.T) {
	b := atEnd(t, "2017-01-01", 80000)
	b.announce(clock.LeapInsert, date(t, "2017-01-01"))
	if s := b.run(3500, normal); s.Estimate.Leap != clock.LeapInsert {
		t.Errorf("%v before an hour is over", s.Estimate.Leap)
	}
	if s := b.run(200, normal); s.Estimate.Leap != clock.LeapNone {
		t.Errorf("%v an hour later", s.Estimate.Leap)
	}
	b.announce(clock.LeapInsert, date(t, "2017-01-01"))
	b.announce(clock.LeapNone, 0)
	if s := b.run(5, normal); s.Estimate.Leap != clock.LeapNone {
		t.Errorf("%v after it was taken back", s.Estimate.Leap)
	}
}

// A clock that does not do what it was told is off by a second behind the leap second: nothing is served until it is set.
func TestClockThatMakesNoLeapSecond(t *testing.T) {
	b := atEnd(t, "2017-01-01", 600)
	b.announce(clock.LeapInsert, date(t, "2017-01-01"))
	b.run(600, normal)
	b.utc -= second // 23:59:60 has the number of 0:00:00, and then it is named once more
	leap := true
	for range 60 {
		if leap {
			b.utc += second
			b.leap60 = true
		}
		s := b.run(1, normal)
		if leap {
			b.utc -= second
			b.leap60, leap = false, false
		}
		until := s.Estimate.Until
		served := s.Estimate.Mode == discipline.Locked && (until == 0 || until > b.clock.now.Mono)
		if off := timescale.UTC(b.clock.now.Real) - b.utc; served && off != 0 {
			t.Fatalf("served %v s off", off/second)
		}
	}
	b.want(b.engine.Snapshot(), discipline.Locked, "")
	if len(b.clock.steps) != 1 || b.clock.steps[0] != -second {
		t.Errorf("stepped by %v, want -1 s", b.clock.steps)
	}
	told := false
	for _, c := range b.engine.Changes() {
		told = told || c.What == "leap second" && strings.Contains(c.Text, "has not made it")
	}
	if !told {
		t.Error("nothing was said of it")
	}
}

func TestListOfLeapSecondsIsTakenIfItIsNewer(t *testing.T) {
	b := newBench(t, true)
	b.engine.Take(Event{Kind: KindLeapSeconds, Bytes: []byte("no list")})
	if b.engine.leaps.table != timescale.Builtin() || b.engine.counters.Refused["list of leap seconds"] != 1 {
		t.Error("anything is taken for a list")
	}
}

// A receiver that counts other leap seconds than the list has not learned them yet, whatever it says of itself.
func TestLeapSecondCountIsHeldAgainstTheList(t *testing.T) {
	for _, count := range []int{37, 35} {
		b := newBench(t, false)
		b.full = count != 37
		for range 20 {
			now := b.clock.now.Mono
			b.engine.Take(Event{Kind: KindReport, At: now, Report: &gnss.Report{Leap: &gnss.LeapNotice{Arrival: now, TAIOffset: count}}})
			b.run(1, normal)
		}
		if count == 37 {
			b.want(b.engine.Snapshot(), discipline.Locked, "")
		} else {
			b.want(b.engine.Snapshot(), discipline.Acquiring, "other leap seconds than the list")
		}
	}
}
