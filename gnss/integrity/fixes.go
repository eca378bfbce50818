package integrity

import (
	"fmt"

	"timeball/gnss"
	"timeball/pps/clock"
)

// fixes is what the receiver's fixes have said.
type fixes struct {
	surveyed bool       // the place is known to the receiver: one satellite is enough
	validAt  clock.Mono // when the last valid fix was reported
	valid    bool       // there was one
	goodFrom clock.Mono // since when there has been one with satellites enough, without a break
	goodAt   clock.Mono
	good     bool
	counted  bool // a fix has said how many satellites it uses

	viewedAt   clock.Mono // the last view
	empty      int        // views since one had a satellite that was received
	receivedAt clock.Mono // when that was
	received   bool       // there was one
}

const (
	// Position and time are four unknowns: with four satellites none is left to check the others.
	few, enough = 5, 6
	// fixLifetime is how long a fix speaks for what other messages of its second leave open.
	fixLifetime = 1.5 // s
	// nothingFor is for how long views have to have been empty: some receivers list one system a second, and some have none
	// of a system.
	nothingFor = 5 // s
)

// view notes how many satellites a view receives.
func (f *fixes) view(at clock.Mono, received int) {
	f.viewedAt = at
	if f.empty++; received > 0 {
		f.empty, f.receivedAt, f.received = 0, at, true
	}
}

// deaf says that a receiver that has received satellites receives none any more.
func (f *fixes) deaf(at clock.Mono) bool {
	return f.received && f.empty > 1 && at.Sub(f.receivedAt) >= nothingFor && at.Sub(f.viewedAt) <= farthest
}

// fix takes a fix.
func (m *Monitor) fix(at clock.Mono, f *gnss.Fix) {
	m.satellites(at, f)
	if f.Valid {
		m.fixes.validAt, m.fixes.valid = at, true
		m.number(at, f.SatellitesUsed)
		m.moved(at, f)
	}
}

// satellites judges whether the fix can be one: it has to be made of satellites.
func (m *Monitor) satellites(at clock.Mono, f *gnss.Fix) {
	fixes := &m.fixes
	fixes.counted = fixes.counted || f.SatellitesUsed >= 0
	vouched := f.Valid || fixes.valid && at.Sub(fixes.validAt) <= fixLifetime // another message of this second says A
	hears := fixes.received && fixes.empty == 0 && at.Sub(fixes.viewedAt) <= farthest
	switch {
	case vouched && f.SatellitesUsed == 0:
		m.holds(at, fixWithoutSatellites, Holdover, "the receiver reports a fix with no satellite in use")
	case !f.Valid:
	case fixes.deaf(at):
		m.holds(at, fixWithoutSatellites, Holdover, "the receiver reports a fix and receives no satellite")
	case f.SatellitesUsed > 0 || hears && !fixes.counted:
		m.see(at, fixWithoutSatellites, no)
	}
}

// number judges how many satellites are used; -1 is not said.
func (m *Monitor) number(at clock.Mono, used int) {
	if used < 0 {
		return
	}
	fixes := &m.fixes
	if used >= few {
		if !fixes.good || at.Sub(fixes.goodAt) > farthest {
			fixes.goodFrom = at
		}
		fixes.good, fixes.goodAt = true, at
	}
	switch {
	case used >= enough || fixes.surveyed && used > 0:
		m.see(at, fewSatellites, no)
	case used >= few:
		m.see(at, fewSatellites, undecided)
	default:
		m.holds(at, fewSatellites, Inform, fmt.Sprintf("%d satellites in use: none is left to check the others", used))
	}
}

// lasting returns for how long there has been a good fix since an instant, -1 when there is none.
func (f *fixes) lasting(at, since clock.Mono) clock.Seconds {
	if !f.good || at.Sub(f.goodAt) > fixLifetime {
		return -1
	}
	return at.Sub(max(f.goodFrom, since))
}
