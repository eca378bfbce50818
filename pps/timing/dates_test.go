package timing

import (
	"fmt"
	"strings"
	"testing"

	"timeball/gnss"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
)

const week = timescale.Week

// date returns a midnight.
func date(t *testing.T, s string) timescale.UTC {
	t.Helper()
	utc, err := timescale.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return utc
}

// dated returns an Engine built 90 days before the receiver's true date. say is what the receiver calls it.
func dated(t *testing.T, edit func(*Config)) *bench {
	t.Helper()
	c := &fakeClock{now: clock.Reading{Mono: second, Real: clock.Real(start), Boot: second}}
	cfg := Default()
	cfg.Floor = start - 90*timescale.Day
	if edit != nil {
		edit(&cfg)
	}
	e, err := New(cfg, c)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, clock: c, engine: e, utc: start}
}

// F8: a date that is off is repaired only where a witness within 12 h, or the operator, says what it is; otherwise it is
// not used. The years of receivers met in the field, and some that are right.
func TestDatesAreRepairedOnlyWithAWitness(t *testing.T) {
	const none, rtc, ntp, saved, operator = "none", "rtc", "ntp", "saved", "operator"
	rolled := func(n int) timescale.UTC { return start + timescale.UTC(n)*1024*week }
	tests := []struct {
		name string
		says timescale.UTC
		from string // the witness
		off  timescale.UTC
		want bool
	}{
		{"right", start, none, 0, true},
		{"right, RTC of another year", start, rtc, -200 * timescale.Day, true},
		{"right, dead RTC", start, rtc, 1e9 - start, true},
		{"1024 weeks early", rolled(-1), none, 0, false},
		{"1024 weeks early", rolled(-1), rtc, 0, true},
		{"1024 weeks early", rolled(-1), ntp, 0, true},
		{"1024 weeks early", rolled(-1), saved, -11 * timescale.Hour, true},
		{"1024 weeks early", rolled(-1), saved, -13 * timescale.Hour, false},
		{"1024 weeks early", rolled(-1), operator, 0, true},
		{"2048 weeks early", rolled(-2), none, 0, false},
		{"2048 weeks early", rolled(-2), ntp, 0, true},
		{"1024 weeks late", rolled(1), none, 0, false},
		{"1024 weeks late", rolled(1), rtc, 0, true},
		{"8192 weeks late", rolled(8), none, 0, false},
		{"8192 weeks late", rolled(8), rtc, 0, true},
		{"2006-01-01", date(t, "2006-01-01"), rtc, 0, false},
		{"2006-01-01", date(t, "2006-01-01"), none, 0, false},
		{"2000-01-01", date(t, "2000-01-01"), rtc, 0, false},
		{"1980-01-06", date(t, "1980-01-06"), rtc, 0, false},
		{"2099-12-31, a year of -1", date(t, "2099-12-31"), rtc, 0, false},
		{"2099-12-31, a year of -1", date(t, "2099-12-31"), none, 0, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s, %s %v", tt.name, tt.from, tt.off/timescale.Hour), func(t *testing.T) {
			b := dated(t, func(c *Config) {
				c.AcceptRollover = tt.from == operator
				if tt.from == saved {
					c.Saved, c.Floor = start+tt.off, start+tt.off
				}
			})
			if tt.from == rtc || tt.from == ntp {
				b.engine.Take(Event{Kind: KindWitness, At: second, UTC: start + tt.off, Value: 0.2, Text: tt.from})
			}
			b.utc = tt.says
			s := b.run(900, normal)
			if got := s.Estimate.Mode == discipline.Locked; got != tt.want {
				t.Fatalf("locked %v, want %v: %q", got, tt.want, s.Estimate.Reason)
			}
			if !tt.want && !strings.Contains(s.Estimate.Reason, "date") {
				t.Errorf("the reason does not speak of the date: %q", s.Estimate.Reason)
			}
			if off := timescale.UTC(b.clock.now.Real) - start - 900*second; off != 0 {
				t.Errorf("the clock is %v s off", off/second)
			}
		})
	}
}

// A receiver whose week rolls over, or whose maker's day has come, while the unit runs: the unit's own count is the
// witness. The clock is neither stepped nor silent.
func TestRolloverWhileLocked(t *testing.T) {
	for _, weeks := range []timescale.UTC{-1024, 1024, -8192} {
		b := dated(t, nil)
		b.run(900, normal)
		b.utc += weeks * week
		b.want(b.run(600, normal), discipline.Locked, "weeks")
		b.utc -= weeks * week
		b.want(b.run(60, normal), discipline.Locked, "")
		if len(b.clock.steps) != 0 {
			t.Errorf("stepped by %v", b.clock.steps)
		}
	}
	b := dated(t, nil)
	b.run(900, normal)
	b.utc += 365 * timescale.Day
	b.want(b.run(60, normal), discipline.Quarantine, "another second")
	if len(b.clock.steps) != 0 {
		t.Errorf("stepped by %v", b.clock.steps)
	}
}

// A date is not repaired on the word of a receiver without a fix.
func TestRepairNeedsAFix(t *testing.T) {
	b := dated(t, nil)
	b.engine.Take(Event{Kind: KindWitness, At: second, UTC: start, Value: 0.2, Text: "rtc"})
	if utc, ok := b.engine.repaired(gnss.TimeMark{Arrival: second, UTC: start - 1024*week, Valid: true}); ok {
		t.Errorf("repaired to %v", utc)
	}
	b.engine.fixed = true
	if utc, ok := b.engine.repaired(gnss.TimeMark{Arrival: second, UTC: start - 1024*week, Valid: true}); !ok || utc != start {
		t.Errorf("not repaired: %v, %v", utc, ok)
	}
}

func TestNearIsTheNearestRollover(t *testing.T) {
	for n := timescale.UTC(-10); n <= 10; n++ {
		for _, off := range []timescale.UTC{0, sameDate, -sameDate, sameDate + 1, -sameDate - 1} {
			utc, ok := near(start+n*rollover+off, start)
			if want := n >= -8 && n <= 8 && off >= -sameDate && off <= sameDate; ok != want || ok && utc != start+off {
				t.Errorf("%d rollovers and %v: %v, %v, want %v", n, off, utc-start, ok, want)
			}
		}
	}
}

// F8: go-nmea reads a year of -1 from a damaged date. Such a sentence, and dates that are none, name no second.
func TestImpossibleDatesNameNoSecond(t *testing.T) {
	for _, day := range []string{"2209-1", "000000", "310226", "221399", "22092", "ABCDEF", "", start.String()[8:10] + start.String()[5:7] + start.String()[2:4]} {
		b := dated(t, nil)
		b.engine.Take(Event{Kind: KindWitness, At: second, UTC: start, Value: 0.2, Text: "rtc"})
		for range 30 {
			c, at := b.utc.Civil(), b.clock.now.Mono+second/5
			b.run(1, act{pulse: true})
			sentence := fmt.Sprintf("GPRMC,%02d%02d%02d.00,A,4742.21,N,01200.75,E,0.0,0.0,%s,0.0,E,A", c.Hour, c.Minute, c.Second, day)
			sum := byte(0)
			for _, x := range []byte(sentence) {
				sum ^= x
			}
			b.engine.Take(Event{Kind: KindBytes, At: at, Bytes: fmt.Appendf(nil, "$%s*%02X\r\n", sentence, sum), Baud: 9600})
		}
		s := b.engine.Snapshot()
		if good := day == "210926"; b.engine.pairing.Anchored() != good || (s.Estimate.Mode == discipline.FreeRunning) == good {
			t.Errorf("%q: %v, %v", day, s.Estimate.Mode, s.Counters.Refused)
		}
	}
}
