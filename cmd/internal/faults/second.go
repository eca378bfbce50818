package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"timeball/board/sim"
	"timeball/cmd/internal/direct"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/timing"
	"timeball/server/ntp"
)

// quarter is the end of a quarter of a year around which a trial runs: midnight comes untilMidnight after the fault.
type quarter struct {
	midnight  string     // "" = none: the trial runs on any day
	leap      clock.Leap // that truth has there, where the program's table has none yet
	list      string     // "" = the program's; "none", "insert", "delete": one that is good for longer and has this at the midnight
	announces uint8      // the only leap indicator that clients may be told, before midnight
	later     bool       // or behind it: the leap second is a day later
}

const (
	untilMidnight  = 120          // s
	behindMidnight = 200          // s
	future         = "2027-07-01" // the program's table has expired three days before
)

// prepare puts the end of the quarter into cfg.
func (q *quarter) prepare(cfg *direct.Config, warm int) error {
	if q.midnight == "" {
		return nil
	}
	at, err := timescale.ParseDate(q.midnight)
	if err != nil {
		return err
	}
	cfg.World.Start = at - timescale.UTC(warm+untilMidnight)*timescale.Second
	cfg.Engine.Floor = cfg.World.Start - 90*timescale.Day
	if q.leap != clock.LeapNone {
		cfg.World.Leap, cfg.World.LeapAt = q.leap, at
	}
	leap, ok := map[string]clock.Leap{"none": clock.LeapNone, "insert": clock.LeapInsert, "delete": clock.LeapDelete}[q.list]
	if !ok {
		return nil
	}
	list := timescale.Builtin().Extended(at, leap, at+180*timescale.Day).List()
	cfg.Take = func(e *timing.Engine, ev timing.Event) {
		if list != "" {
			e.Take(timing.Event{Kind: timing.KindLeapSeconds, At: ev.At, Bytes: []byte(list)})
			list = ""
		}
		e.Take(ev)
	}
	return nil
}

// misled says that clients are told of a leap second that will not be, or is over.
func (q *quarter) misled(s *direct.Sample, since int) bool {
	return s.Synchronised && s.Leap != ntp.LeapNone && (s.Leap != q.announces || q.midnight != "" && !q.later && since > untilMidnight+2)
}

// secondTrials are the faults of seconds, dates and leap seconds.
func secondTrials() (all []trial) {
	all = append(all, delayTrials()...)
	all = append(all, labelTrials()...)
	all = append(all, dateTrials()...)
	return append(all, leapTrials()...)
}

// delayTrials begin with a receiver that speaks soon, late, or after the next pulse.
func delayTrials() (all []trial) {
	for _, ms := range []time.Duration{20, 95, 300, 600, 850, 950, 1050, 1200, 1400} {
		for _, r := range []string{"nmea", "ubx-8", "casic-2"} {
			t := trial{
				name: fmt.Sprintf("delay-%dms/cold/%s", ms, r), number: "F4", model: "pi-quiet", after: 120, device: r, delay: ms * time.Millisecond,
				wanted: "off-by-one served 0; served within 60 s with a witness", judge: back(0, 60), soakOnly: r == "casic-2",
			}
			all = append(all, t)
			if t.name += "/no-rtc"; ms <= 900 {
				t.noRTC, t.after, t.judge, t.wanted = true, 900, nil, "off-by-one served 0 without a witness"
				if ms > 100 {
					t.judge, t.wanted = back(0, 800), "off-by-one served 0; served without a witness"
				}
				all = append(all, t)
			}
		}
	}
	return all
}

// labelTrials begin with a receiver whose labels are wrong until it knows better.
func labelTrials() (all []trial) {
	for _, r := range []string{"nmea", "ubx-8", "ubx-6", "casic-1", "casic-2"} {
		for _, rtc := range []bool{true, false} {
			t := trial{
				name: "leap-count/cold/" + r, number: "F9", model: "pi-quiet", after: 1200, device: r, noRTC: !rtc, soakOnly: r == "ubx-6" || r == "casic-1",
				faults: on(sim.FaultLeapCount, 600*time.Second, 0, 0), wanted: "18 s off until the almanac is in: off-by-one served 0, then within 5 min", judge: back(600, 900),
			}
			if !rtc {
				t.name += "/no-rtc"
			}
			all = append(all, t)
		}
		t := trial{
			name: "leap-count/warm/" + r, number: "F9", model: "pi-quiet", warm: 900, after: 900, device: r, noRTC: true, soakOnly: r != "nmea" && r != "ubx-8",
			faults: on(sim.FaultLeapCount, 300*time.Second, 0, 0), wanted: "a receiver that has forgotten the leap seconds: off-by-one served 0, no step", judge: noStep,
		}
		all = append(all, t)
	}
	return all
}

// dateTrials make the receiver name another date.
func dateTrials() (all []trial) {
	dates := []struct {
		name   string
		by     time.Duration
		rolled bool // by whole rollovers: it can be repaired
	}{
		{"1024-weeks-late", week1024, true},
		{"2048-weeks-early", -2 * week1024, true},
		{"8192-weeks-late", 8 * week1024, true},
		{"2006", since("2006-01-01"), false},
		{"2000", since("2000-01-01"), false},
		{"1980", since("1980-01-06"), false},
	}
	for _, d := range dates {
		for _, r := range []string{"nmea", "ubx-8", "casic-1"} {
			if d.name == "8192-weeks-late" && r != "ubx-8" || d.name == "2006" && r == "casic-1" {
				continue // two digits of a year can't say it; BeiDou's week is then 0
			}
			fault := on(sim.FaultDate, 150*time.Second, d.by, 0)
			warm := trial{
				name: "date-" + d.name + "/" + r, number: "F8", model: "pi-quiet", warm: 120, after: 300, faults: fault, device: r,
				wanted: "wrong years 0, no step", judge: noStep, soakOnly: r == "casic-1",
			}
			if d.rolled {
				warm.share, warm.wanted = 0.999, "wrong years 0, no step, 99.9 % synchronised: the count is the witness"
			}
			witnessed := trial{
				name: "date-" + d.name + "/cold/" + r, number: "F8", model: "pi-quiet", after: 300, faults: fault, device: r,
				wanted: "wrong years 0; repaired within 60 s where it is a rollover", judge: back(150, 250), soakOnly: r == "casic-1",
			}
			if d.rolled {
				witnessed.judge = back(0, 60)
			}
			alone := trial{
				name: "date-" + d.name + "/cold/" + r + "/no-rtc", number: "F8", model: "pi-quiet", after: 200, faults: on(sim.FaultDate, forEver, d.by, 0), device: r,
				noRTC: true, wanted: "never served", judge: neverServed, soakOnly: r == "casic-1",
			}
			all = append(all, warm, witnessed, alone)
		}
	}
	return all
}

const week1024 = 1024 * 7 * 24 * time.Hour

// since returns how far a date is from the start of the trials.
func since(day string) time.Duration {
	at, err := timescale.ParseDate(day)
	if err != nil {
		panic(err)
	}
	return time.Duration(at - start)
}

// leapTrials run over the end of a quarter. What is known of each case is that of TestLeapSeconds; here it is run with
// the noise of many seeds.
func leapTrials() (all []trial) {
	add := func(name, device string, q quarter, f []sim.Fault, judge func(*tally) error, wanted string) {
		all = append(all, trial{
			name: "leap/" + name + "/" + device, number: "F9", model: "pi-quiet", warm: 120, after: untilMidnight + behindMidnight, device: device, quarter: q, faults: f,
			judge: judge, wanted: "false leaps 0, off-by-one 0; " + wanted, soakOnly: device == "ubx-6" || device == "casic-1" || device == "ubx-10",
		})
	}
	at := untilMidnight
	for _, r := range []string{"nmea", "ubx-6", "ubx-8", "ubx-10", "casic-1", "casic-2"} {
		var insert, remove uint8
		silence := 8 // s of silence around the midnight: a receiver that announces nothing is asked behind it
		if r != "nmea" && r != "ubx-6" {
			insert, remove, silence = ntp.LeapInsert, ntp.LeapDelete, 5
		}
		brief := both(noStep, back(at, at+silence))
		add("2015", r, quarter{midnight: "2015-07-01", announces: insert}, nil, brief, "no step")
		add("2016", r, quarter{midnight: "2017-01-01", announces: insert}, nil, brief, "no step")
		add("deleted", r, quarter{midnight: future, leap: clock.LeapDelete, list: "delete", announces: remove}, nil, brief, "no step")
		add("no-list", r, quarter{midnight: future, leap: clock.LeapInsert}, nil, servedUntil(at), "silent until there is a second witness")
		add("false", r, quarter{midnight: "2027-01-01"}, on(sim.FaultFalseLeap, forEver, 0, 0), both(noStep, servedFor(at+behindMidnight-1)), "served on")
		add("false-no-list", r, quarter{midnight: future}, on(sim.FaultFalseLeap, forEver, 0, 0), both(noStep, back(at, at+8)), "no step")
		add("withdrawn", r, quarter{midnight: future}, on(sim.FaultFalseLeap, 60*time.Second, 0, 0), both(noStep, back(at, at+8)), "no step")
		add("not-made", r, quarter{midnight: "2017-01-01", announces: insert}, on(sim.FaultNoLeap, forEver, 0, 0), servedUntil(at), "silent until there is a second witness")
	}
	add("day-early", "ubx-8", quarter{midnight: "2016-12-31", announces: ntp.LeapInsert, later: true}, on(sim.FaultLeapEarly, forEver, 0, 0), noStep, "no step")
	return all
}

// neverServed wants silence.
func neverServed(t *tally) error {
	if t.Synchronised > 0 {
		return fmt.Errorf("%d synchronised answers, want none", t.Synchronised)
	}
	return nil
}

// servedUntil wants good answers until shortly before an instant, and none from then on.
func servedUntil(s int) func(*tally) error {
	return func(t *tally) error {
		if t.Back >= 0 || t.Served < s-3 || t.Served > s {
			return fmt.Errorf("silent from %d s on and back at %d s, want from %d s on for good", t.Served, t.Back, s)
		}
		return nil
	}
}

// drawSecond draws the particulars of a fault of leap seconds: around the end of a quarter that has one, or has none.
func drawSecond(t *trial, f *sim.Fault, rng *rand.Rand) {
	switch f.Name {
	case sim.FaultLeapEarly, sim.FaultNoLeap:
		t.midnight, t.announces = "2017-01-01", ntp.LeapInsert
	case sim.FaultFalseLeap:
		t.midnight = []string{future, "2027-01-01", "2026-10-01"}[rng.IntN(3)]
	default:
		return
	}
	t.device = []string{"nmea", "ubx-8", "ubx-10", "casic-2"}[rng.IntN(4)]
	t.after = min(t.after, hour)
	f.At = time.Duration(rng.IntN(2*untilMidnight)) * time.Second
}
