package sim

import (
	"time"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// truth turns the seconds that pass, which is what a world counts, into UTC. Until its leap second the two are the same.
type truth struct {
	leap clock.Leap
	at   timescale.UTC // the midnight the leap second comes before; 0 = never
}

// truthOf returns the leap second of cfg or, where it has none, the next one after its start in the program's table.
func truthOf(cfg *Config) truth {
	if cfg.LeapAt != 0 {
		return truth{cfg.Leap, cfg.LeapAt}
	}
	leap, at := timescale.Builtin().Next(cfg.Start)
	return truth{leap, at}
}

// over returns when the seconds that have passed are no longer UTC: after an inserted second, at a deleted one.
func (t truth) over() timescale.UTC { return t.at + timescale.UTC(t.leap)*second }

// utc returns the second that begins, or goes on, when so many seconds have passed. leap60 is 23:59:60, which has the
// number of the second behind it.
func (t truth) utc(passed timescale.UTC) (utc timescale.UTC, leap60 bool) {
	if t.leap == clock.LeapNone || passed < t.over() {
		return passed, t.leap == clock.LeapInsert && passed >= t.at
	}
	return passed - timescale.UTC(t.leap)*second, false
}

// off returns how far a clock that shows UTC is off. Within 23:59:60 it may show the second before or the one behind.
func (t truth) off(real clock.Real, passed timescale.UTC) time.Duration {
	utc, leap60 := t.utc(passed)
	off := time.Duration(int64(real) - int64(utc))
	if again := off + time.Second; leap60 && again.Abs() < off.Abs() {
		return again
	}
	return off
}

// Off returns how far a time that someone shows now is from UTC, in seconds, positive when it is ahead.
func (w *World) Off(real clock.Real) clock.Seconds {
	return w.OffAt(real, w.clock.now)
}

// OffAt is Off for a time that is shown when the seconds of truth passed. It is safe for concurrent use.
func (w *World) OffAt(real clock.Real, passed timescale.UTC) clock.Seconds {
	return clock.Seconds(w.truth.off(real, passed)) * 1e-9
}

// UTCAt returns UTC when the seconds of truth passed; within 23:59:60, which leap60 tells, that of the second behind it. It
// is safe for concurrent use.
func (w *World) UTCAt(passed timescale.UTC) (utc timescale.UTC, leap60 bool) {
	return w.truth.utc(passed)
}

// ordinary returns what the receiver says of the second that it takes for the one that begins when so many have passed.
func (w *World) ordinary(passed timescale.UTC, fix bool) Moment {
	utc, leap60 := w.truth.utc(passed)
	m := Ordinary(utc, fix)
	if w.truth.leap == clock.LeapNone {
		return w.mistaken(m, passed)
	}
	m.Leap60 = leap60
	before, _ := timescale.Builtin().TAIOffset(min(w.truth.at, timescale.Builtin().Expires()) - 1)
	m.TAIOffset, m.Leap, m.LeapAt = before, clock.LeapNone, 0
	if passed >= w.truth.over() {
		m.TAIOffset += int(w.truth.leap)
	} else if fix && !leap60 && w.truth.at-passed < leapNotice {
		m.Leap, m.LeapAt = w.truth.leap, w.truth.at
	}
	return w.mistaken(m, passed)
}

// mistaken returns what a receiver makes of a second whose leap seconds it does not understand.
func (w *World) mistaken(m Moment, passed timescale.UTC) Moment {
	if f := w.fault(FaultLeapCount); f != nil {
		behind := int(f.By / time.Second)
		m.TAIOffset -= behind
		m.UTC += timescale.UTC(behind) * second
		m.OffsetSet, m.Leap, m.LeapAt = false, clock.LeapNone, 0
	}
	if f := w.fault(FaultFalseLeap); f != nil && m.Fix {
		m.Leap, m.LeapAt = clock.LeapInsert, quarterEnd(m.UTC)
		if f.By < 0 {
			m.Leap = clock.LeapDelete
		}
	}
	if f := w.fault(FaultLeapEarly); f != nil && w.truth.leap != clock.LeapNone {
		early := truth{w.truth.leap, w.truth.at - timescale.UTC(f.By)}
		m.UTC, m.Leap60 = early.utc(passed)
		if passed < early.over() {
			m.LeapAt = early.at
		}
	}
	if w.failing(FaultNoLeap) && w.truth.leap != clock.LeapNone {
		m.UTC, m.Leap60, m.Leap, m.LeapAt = passed, false, clock.LeapNone, 0
		if passed >= w.truth.over() {
			m.TAIOffset -= int(w.truth.leap)
		}
	}
	return m
}

// quarterEnd returns the midnight that ends the quarter of a year.
func quarterEnd(utc timescale.UTC) timescale.UTC {
	c := utc.Civil()
	next := timescale.Civil{Year: c.Year, Month: (c.Month-1)/3*3 + 4, Day: 1}
	if next.Month > 12 {
		next.Year, next.Month = next.Year+1, 1
	}
	at, err := next.UTC()
	if err != nil {
		return 0
	}
	return at
}
