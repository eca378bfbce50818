package direct

import (
	"strings"
	"testing"
	"time"

	"timeball/board/sim"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server/ntp"
)

// leapCase is a unit at the end of a quarter, from before to after seconds around midnight.
type leapCase struct {
	name          string
	midnight      string
	before, after int // s
	receiver      func() sim.Receiver
	leap          clock.Leap // of truth where the program's table has none
	list          string     // of leap seconds, given at the start
	later         []timing.Event
	server        clock.Leap // that a server announces
	faults        []sim.Fault

	announced  uint8 // leap indicator on the last day
	behind     uint8 // and behind midnight
	silent     int   // most seconds after the midnight until answers are good again; -1 = they never are
	steps      int   // of the clock after the first lock
	quarantine bool  // at the end
}

func talker() sim.Receiver { return sim.NewTalker(1, 38400, 120*time.Millisecond) }

func device(kind sim.Kind) func() sim.Receiver {
	return func() sim.Receiver {
		return sim.NewDevice(sim.DeviceConfig{Kind: kind, Seed: 1, Baud: 115200, Binary: true, Delay: 80 * time.Millisecond})
	}
}

// either leap indicator is right behind midnight: the day of the true leap second begins.
const either = 9

// F9: at every second the answer is within its root distance of UTC, or says that it is not synchronised; false leap
// seconds 0; the clock is not stepped but where the leap second is known too late. Real ones and some that might be.
func TestLeapSeconds(t *testing.T) {
	list := func(leap clock.Leap) string {
		return timescale.Builtin().Extended(timescale.Builtin().Expires()+3*timescale.Day, leap, timescale.Builtin().Expires()+182*timescale.Day).List()
	}
	inserted, deleted, none := list(clock.LeapInsert), list(clock.LeapDelete), list(clock.LeapNone)
	ubx, casic := device(sim.KindUBX8), device(sim.KindCASIC2)
	cases := []leapCase{
		{name: "2015, UBX", midnight: "2015-07-01", receiver: ubx, announced: ntp.LeapInsert, silent: 2},
		{name: "2015, NMEA", midnight: "2015-07-01", receiver: talker, silent: 5},
		{name: "2016, UBX", midnight: "2017-01-01", receiver: ubx, announced: ntp.LeapInsert, silent: 2},
		{name: "2016, UBX of generation 10", midnight: "2017-01-01", receiver: device(sim.KindUBX10), announced: ntp.LeapInsert, silent: 2},
		{name: "2016, UBX of generation 6", midnight: "2017-01-01", receiver: device(sim.KindUBX6), silent: 5},
		{name: "2016, CASIC", midnight: "2017-01-01", receiver: casic, announced: ntp.LeapInsert, silent: 2},
		{name: "2016, CASIC of the first generation", midnight: "2017-01-01", receiver: device(sim.KindCASIC1), announced: ntp.LeapInsert, silent: 2},
		{name: "2016, UBX of generation 7", midnight: "2017-01-01", receiver: device(sim.KindUBX7), silent: 5},
		{name: "2016, NMEA", midnight: "2017-01-01", receiver: talker, silent: 5},
		{name: "inserted, listed", midnight: "2027-07-01", receiver: ubx, leap: clock.LeapInsert, list: inserted, announced: ntp.LeapInsert, silent: 2},
		{name: "deleted, UBX", midnight: "2027-07-01", receiver: ubx, leap: clock.LeapDelete, list: deleted, announced: ntp.LeapDelete, silent: 2},
		{name: "deleted, CASIC", midnight: "2027-07-01", receiver: casic, leap: clock.LeapDelete, list: deleted, announced: ntp.LeapDelete, silent: 2},
		{name: "2016, NMEA and a server", midnight: "2017-01-01", receiver: talker, server: clock.LeapInsert, announced: ntp.LeapInsert, silent: 2},
		{
			name: "no list, inserted, UBX and a server", midnight: "2027-07-01", receiver: ubx, leap: clock.LeapInsert, server: clock.LeapInsert,
			announced: ntp.LeapInsert, silent: 2,
		},
		{name: "no list, none, a server errs", midnight: "2027-07-01", receiver: talker, server: clock.LeapDelete, silent: 5},
		{name: "none, a server errs", midnight: "2027-01-01", receiver: ubx, server: clock.LeapInsert},
		{name: "deleted, NMEA", midnight: "2027-07-01", receiver: talker, leap: clock.LeapDelete, list: deleted, silent: 5},
		{name: "no list, none", midnight: "2027-07-01", receiver: talker, silent: 5},
		{name: "no list, inserted", midnight: "2027-07-01", receiver: ubx, leap: clock.LeapInsert, silent: -1, quarantine: true},
		{name: "no list, inserted, UBX of generation 6", midnight: "2027-07-01", receiver: device(sim.KindUBX6), leap: clock.LeapInsert, silent: -1, quarantine: true},
		{name: "no list, inserted, NMEA", midnight: "2027-07-01", receiver: talker, leap: clock.LeapInsert, silent: -1, quarantine: true},
		{name: "no list, deleted, NMEA", midnight: "2027-07-01", receiver: talker, leap: clock.LeapDelete, silent: -1, quarantine: true},
		{
			name: "no list, inserted, a list comes later", midnight: "2027-07-01", receiver: ubx, leap: clock.LeapInsert, silent: 200, steps: 1,
			later: []timing.Event{{Kind: timing.KindLeapSeconds, Bytes: []byte(inserted)}},
		},
		{
			name: "no list, inserted, a server answers later", midnight: "2027-07-01", receiver: talker, leap: clock.LeapInsert, silent: 200, steps: 1,
			later: []timing.Event{{Kind: timing.KindWitness, Text: "ntp", Value: 0.02}},
		},
		{
			name: "no list, inserted, the RTC knows nothing of it", midnight: "2027-07-01", receiver: talker, leap: clock.LeapInsert, silent: -1, quarantine: true,
			later: []timing.Event{{Kind: timing.KindWitness, Text: "rtc", Value: 0.02}},
		},
		{
			name: "listed and not there, a server answers later", midnight: "2027-07-01", receiver: talker, list: inserted, silent: 200, steps: 1,
			later: []timing.Event{{Kind: timing.KindWitness, Text: "ntp", Value: 0.02}},
		},
		{name: "false, listed", midnight: "2027-01-01", receiver: ubx, faults: []sim.Fault{{Name: sim.FaultFalseLeap}}},
		{name: "false, deleted, listed", midnight: "2027-01-01", receiver: ubx, faults: []sim.Fault{{Name: sim.FaultFalseLeap, By: -time.Second}}},
		{name: "false, no list", midnight: "2027-07-01", receiver: ubx, faults: []sim.Fault{{Name: sim.FaultFalseLeap}}, silent: 5},
		{name: "false, new list", midnight: "2027-07-01", receiver: ubx, list: none, faults: []sim.Fault{{Name: sim.FaultFalseLeap}}},
		{name: "withdrawn, no list", midnight: "2027-07-01", receiver: ubx, faults: []sim.Fault{{Name: sim.FaultFalseLeap, For: 150 * time.Second}}, silent: 5},
		{name: "announced late", midnight: "2017-01-01", receiver: ubx, faults: []sim.Fault{{Name: sim.FaultNoLeap, For: 150 * time.Second}}, announced: ntp.LeapInsert, silent: 2},
		{name: "not made by the receiver", midnight: "2017-01-01", receiver: ubx, faults: []sim.Fault{{Name: sim.FaultNoLeap}}, silent: -1, quarantine: true},
		{name: "not made by the receiver, NMEA", midnight: "2017-01-01", receiver: talker, faults: []sim.Fault{{Name: sim.FaultNoLeap}}, silent: -1, quarantine: true},
		{name: "a day early, on the day before", midnight: "2016-12-31", receiver: ubx, faults: []sim.Fault{{Name: sim.FaultLeapEarly}}, behind: either, silent: -1, quarantine: true},
		{name: "any other midnight", midnight: "2016-10-02", receiver: ubx},
		{name: "a quarter without one", midnight: "2016-10-01", receiver: talker},
	}
	for _, tt := range cases {
		if testing.Short() && !strings.HasPrefix(tt.name, "2016, ") {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.run(t)
		})
	}
}

func (tt *leapCase) run(t *testing.T) {
	tt.before, tt.after = 240, 700 // the leap second is folded away after 600 s
	at, err := timescale.ParseDate(tt.midnight)
	if err != nil {
		t.Fatal(err)
	}
	cfg := unit(t, "pi-quiet", 1, tt.before+tt.after, tt.faults...)
	cfg.World.Start, cfg.World.Receiver = at-timescale.UTC(tt.before)*second, tt.receiver()
	if tt.leap != clock.LeapNone {
		cfg.World.Leap, cfg.World.LeapAt = tt.leap, at
	}
	begun, later := false, false
	cfg.Take = func(e *timing.Engine, ev timing.Event) {
		if !begun {
			begun = true
			if tt.server != clock.LeapNone {
				e.Take(timing.Event{Kind: timing.KindWitness, At: ev.At, UTC: cfg.World.Start, Value: 0.6, Text: "ntp", Leap: tt.server})
			}
			if tt.list != "" {
				e.Take(timing.Event{Kind: timing.KindLeapSeconds, At: ev.At, Bytes: []byte(tt.list)})
			}
		}
		e.Take(ev)
		if passed := ev.At - clock.Mono(tt.before+100)*clock.Mono(second); !later && passed > 0 {
			later = true
			for _, x := range tt.later {
				x.At = ev.At
				if x.Kind == timing.KindWitness { // CLOCK_MONOTONIC began at 1 s, right to a few ppm
					x.UTC = at + 99*second - timescale.UTC(tt.leap)*second + timescale.UTC(passed)
					if x.Text == "rtc" {
						x.UTC += timescale.UTC(tt.leap) * second
					}
				}
				e.Take(x)
			}
		}
	}
	tt.judge(t, cfg)
}

func (tt *leapCase) judge(t *testing.T, cfg Config) {
	good, samples, steps, locked, back := 0, 0, 0, false, -1
	var era clock.Era
	var last *timing.Snapshot
	reasons := map[string]int{}
	mustRun(t, cfg, func(x Sample) bool {
		last = x.Snapshot
		est := &x.Snapshot.Estimate
		reasons[est.Reason]++
		if x.Dishonest() {
			t.Errorf("second %d: dishonest: %v s off, LI %d", x.Second-tt.before, x.ServedError, x.Leap)
			return false
		}
		if locked && est.At.Era != era {
			steps++
		}
		locked, era = locked || est.EverLocked, est.At.Era
		if x.Second >= 60 && x.Second < tt.before-4 {
			samples++
			if x.Synchronised {
				good++
			}
		}
		if x.Synchronised && x.Leap != tt.announced && x.Second > 160 && x.Second < tt.before-4 {
			t.Errorf("second %d: LI %d, want %d", x.Second-tt.before, x.Leap, tt.announced)
			return false
		}
		if x.Synchronised && x.Second > tt.before && x.Leap != tt.behind && tt.behind != either {
			t.Errorf("second %d: LI %d behind it", x.Second-tt.before, x.Leap)
			return false
		}
		switch {
		case x.Second < tt.before:
		case !x.Synchronised:
			back = -1
		case back < 0:
			back = x.Second - tt.before
		}
		return true
	})
	if float64(good) < 0.999*float64(samples) {
		t.Errorf("good answers before midnight: %d of %d; %v", good, samples, reasons)
	}
	if tt.silent < 0 && back >= 0 || tt.silent >= 0 && (back < 0 || back > tt.silent) {
		t.Errorf("good again %d s after midnight, want %d; %v", back, tt.silent, reasons)
	}
	if steps != tt.steps {
		t.Errorf("%d steps, want %d", steps, tt.steps)
	}
	if got := last.Estimate.Mode == discipline.Quarantine && (strings.Contains(last.Estimate.Reason, "two witnesses") || tt.behind == either); got != tt.quarantine {
		t.Errorf("at the end %v %q", last.Estimate.Mode, last.Estimate.Reason)
	}
}
