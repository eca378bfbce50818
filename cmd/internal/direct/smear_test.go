package direct

import (
	"testing"
	"time"

	"timeball/board/sim"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/timing"
	"timeball/server/leap"
	"timeball/server/ntp"
)

// smearCase is a unit from before a noon to after the next one.
type smearCase struct {
	name     string
	midnight string
	leap     clock.Leap // of truth and of the list
	listed   bool       // in a list that is given at the start
	receiver func() sim.Receiver
	faults   []sim.Fault
	hours    [2]int // from which to which hour after the noon it is run, 0 0: all

	silent [2]int // hours after noon between which it says that it does not know; 0 0 = never
}

// Every answer of the whole curve is within 1 us of its definition, the leap second included, and none announces it. The unit
// is restarted in between: a smear does not hang on what was seen.
func TestSmearOfAUnit(t *testing.T) {
	ubx := device(sim.KindUBX8)
	for _, tt := range []smearCase{
		{name: "2015", midnight: "2015-07-01", leap: clock.LeapInsert, receiver: ubx, hours: [2]int{11, 25}},
		{name: "2016", midnight: "2017-01-01", leap: clock.LeapInsert, receiver: ubx},
		{name: "deleted", midnight: "2027-07-01", leap: clock.LeapDelete, listed: true, receiver: ubx, hours: [2]int{9, 25}},
		{name: "2016, started in the morning after", midnight: "2017-01-01", leap: clock.LeapInsert, receiver: ubx, hours: [2]int{22, 25}},
		{name: "2016, one witness", midnight: "2017-01-01", leap: clock.LeapInsert, receiver: talker, hours: [2]int{10, 13}, silent: [2]int{0, 12}},
		{name: "no list, none", midnight: "2027-07-01", receiver: talker, hours: [2]int{11, 13}, silent: [2]int{0, 12}},
		{name: "no list, started in the morning after", midnight: "2027-07-01", receiver: ubx, hours: [2]int{22, 25}, silent: [2]int{0, 24}},
		{name: "any other day", midnight: "2016-10-02", receiver: talker, hours: [2]int{11, 13}},
	} {
		if testing.Short() && tt.name != "any other day" {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.run(t)
		})
	}
}

func (tt *smearCase) run(t *testing.T) {
	const warmUp = 900 // s
	at, err := timescale.ParseDate(tt.midnight)
	if err != nil {
		t.Fatal(err)
	}
	if tt.hours == [2]int{} {
		tt.hours = [2]int{0, 25}
	}
	start := (tt.hours[0]-12)*3600 - warmUp // s after the midnight
	cfg := unit(t, "perfect", 1, (tt.hours[1]-tt.hours[0])*3600+warmUp, tt.faults...)
	cfg.World.Start, cfg.World.Receiver, cfg.Leap = at+timescale.UTC(start)*second, tt.receiver(), leap.Smear
	event := leap.Event{Leap: tt.leap, At: at} // counted as truth is, which has no leap second
	if tt.listed {
		cfg.World.Leap, cfg.World.LeapAt = tt.leap, at
		list := timescale.Builtin().Extended(at, tt.leap, at+182*timescale.Day).List()
		begun := false
		cfg.Take = func(e *timing.Engine, ev timing.Event) {
			if !begun {
				begun = true
				e.Take(timing.Event{Kind: timing.KindLeapSeconds, At: ev.At, Bytes: []byte(list)})
			}
			e.Take(ev)
		}
	}
	if start > 0 && tt.leap != clock.LeapNone {
		event.Before = -int(tt.leap) // it was over when the world began
	}
	worst, good, samples := 0.0, 0, 0
	mustRun(t, cfg, func(x Sample) bool {
		if x.Second < warmUp-60 {
			return true
		}
		left := start + x.Second + 43200 // s after the noon
		unknown := left >= 3600*tt.silent[0] && left < 3600*tt.silent[1]
		if over := left - 3600*tt.silent[1]; tt.silent != [2]int{} && over >= 0 && over <= 10 {
			return true // the receiver's marks decide
		}
		samples++
		if unknown != (x.Leap == ntp.LeapUnsynchronised) || x.Leap != ntp.LeapUnsynchronised && x.Leap != ntp.LeapNone {
			t.Errorf("%v after the noon: LI %d", time.Duration(left)*time.Second, x.Leap)
			return false
		}
		if !x.Synchronised {
			return true
		}
		good++
		off := float64(x.Shown-clock.Real(event.Smeared(timescale.TAI(x.Passed)))) * 1e-9
		worst = max(worst, off, -off)
		if worst > 1e-6 {
			t.Errorf("%v after the noon: %g s off the curve", time.Duration(left)*time.Second, off)
			return false
		}
		return true
	})
	t.Logf("%d of %d answers good, %.0f ns off at most", good, samples, worst*1e9)
}
