package timing

import (
	"fmt"

	"timeball/gnss"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// A receiver whose week number has rolled over is a whole number of 1024 weeks off, in either direction: some add them to
// what the satellites say until a day their makers chose. The 13 bits of newer messages roll over after eight times that.
const (
	rollover     = timescale.Rollover10 * timescale.Week
	mostRollover = timescale.Rollover13 / timescale.Rollover10
	sameDate     = 12 * timescale.Hour // to which a witness has to agree with a date
)

// dating is what is known of the receiver's dates.
type dating struct {
	weeks int        // added to the receiver's dates
	doubt string     // why the last date was not used, in words; "" when it was
	at    clock.Mono // when that was
}

// possible says whether a date can be: not before the floor, and less than 1024 weeks after it where a floor is known, or
// it may be the date of another rollover.
func (e *Engine) possible(utc timescale.UTC) bool {
	return utc >= e.cfg.Floor && (e.cfg.Floor <= FirstDate || utc-e.cfg.Floor < rollover)
}

// date returns the date of a valid mark, repaired where the receiver is some rollovers off and a witness within 12 h says
// so: the unit's own count, another clock, the time that was saved, or the operator's word. It is false for a date that
// can't be used.
func (e *Engine) date(m gnss.TimeMark) (timescale.UTC, bool) {
	utc, ok := e.repaired(m)
	if !ok {
		e.refuse("date before " + e.cfg.Floor.String())
		e.dating.at = m.Arrival
		e.dating.doubt = fmt.Sprintf("the receiver's date, %.10s, can't be true, and no witness tells which date it is", m.UTC)
		return 0, false
	}
	e.dating.doubt = ""
	if weeks := int((utc - m.UTC) / timescale.Week); weeks != e.dating.weeks {
		e.dating.weeks = weeks
		e.say("date", e.dating.text())
	}
	return utc, true
}

// text says in words how the receiver's dates are repaired.
func (d *dating) text() string {
	switch {
	case d.weeks > 0:
		return fmt.Sprintf("the receiver's dates are %d weeks early and are repaired", d.weeks)
	case d.weeks < 0:
		return fmt.Sprintf("the receiver's dates are %d weeks late and are repaired", -d.weeks)
	}
	return "the receiver's dates are right"
}

func (e *Engine) repaired(m gnss.TimeMark) (timescale.UTC, bool) {
	if counted, ok := e.pairing.Second(m.Arrival, e.loop.Steady()); ok {
		if utc, ok := near(m.UTC, counted); ok {
			return utc, true
		}
		return m.UTC, e.possible(m.UTC) // another second than the count's, and not by a rollover
	}
	repair, found := timescale.UTC(0), false
	for _, seen := range e.dates(m.Arrival) {
		utc, ok := near(m.UTC, seen)
		if ok && utc == m.UTC {
			return utc, true
		}
		if ok && e.fixed && e.possible(utc) {
			repair, found = utc, true
		}
	}
	switch {
	case found:
		return repair, true
	case e.possible(m.UTC):
		return m.UTC, true
	case e.cfg.AcceptRollover && e.fixed:
		c := timescale.Window{Floor: e.cfg.Floor}.Repair(m.UTC, timescale.Rollover10)
		return c.UTC, e.possible(c.UTC)
	}
	return 0, false
}

// dates returns what those who can tell dates say of an instant.
func (e *Engine) dates(at clock.Mono) []timescale.UTC {
	var seen []timescale.UTC
	for _, t := range e.pairing.Testimonies() {
		if !t.Refuted && t.Uncertainty <= savedTimeRange {
			seen = append(seen, t.UTC+timescale.UTC(at-t.At))
		}
	}
	return seen
}

// near returns raw, or the date some rollovers from it, that is within 12 h of seen.
func near(raw, seen timescale.UTC) (timescale.UTC, bool) {
	n := (seen - raw + rollover/2) / rollover
	if seen-raw < -rollover/2 {
		n = (seen - raw - rollover/2) / rollover
	}
	utc := raw + n*rollover
	return utc, n >= -mostRollover && n <= mostRollover && utc-seen <= sameDate && seen-utc <= sameDate
}
