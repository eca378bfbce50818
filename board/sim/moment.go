package sim

import (
	"timeball/gnss/casic"
	"timeball/gnss/timescale"
	"timeball/gnss/ubx"
	"timeball/pps/clock"
)

// A receiver's statements about its own errors.
const (
	timeError = 20         // ns
	unknown   = 0xFFFFFFFF // of an accuracy
)

// tai returns the second of a Moment.
func (m Moment) tai() timescale.TAI {
	return timescale.TAI(m.UTC) + timescale.TAI(m.TAIOffset)*timescale.Second
}

// civil returns date and time of a Moment, second 60 included.
func (m Moment) civil() timescale.Civil {
	if !m.Leap60 {
		return m.UTC.Civil()
	}
	c := (m.UTC - timescale.Second).Civil()
	c.Second++
	return c
}

// leapsGPS returns GPS - UTC.
func (m Moment) leapsGPS() int8 { return int8(m.TAIOffset - 19) }

// event returns week and day, 1 to 7, at whose end the announced leap second is, or the last one was.
func (m Moment) event() (week, day int) {
	const gpsBegin, lastEvent = 3657, 17167 // days since 1970: 1980-01-06, 2017-01-01
	days := lastEvent - gpsBegin - 1
	if m.Leap != clock.LeapNone {
		days = int(m.LeapAt/timescale.Day) - gpsBegin - 1
	}
	return days / 7, days%7 + 1
}

// eventIn returns the seconds until the announced leap second, or since the last one, negative.
func (m Moment) eventIn() int32 {
	at := timescale.UTC(17167) * timescale.Day
	if m.Leap != clock.LeapNone {
		at = m.LeapAt
	}
	return int32((at - m.UTC) / timescale.Second)
}

// accuracy returns the error of the time that the receiver admits, ns.
func (m Moment) accuracy() uint32 {
	if !m.Fix {
		return unknown
	}
	return timeError
}

// timeValid returns the bits of NAV-TIMEGPS and its like.
func (m Moment) timeValid() (v uint8) {
	if m.Fix {
		v = ubx.TimeTOW | ubx.TimeWeek
	}
	if m.OffsetSet {
		v |= ubx.TimeLeap
	}
	return v
}

// valid returns the bits of a time.
func (m Moment) valid() (v uint8) {
	if m.Fix {
		v = casic.TimeTOW | casic.TimeWeek
	}
	if m.OffsetSet {
		v |= casic.TimeLeap
	}
	return v
}

// sure returns the bits of a time of the second generation.
func (m Moment) sure() (v uint8) {
	if m.Fix {
		return m.valid() | casic.TimeSure
	}
	return m.valid()
}

// after returns the leap seconds after the announced event.
func (m Moment) after() int8 { return m.leapsGPS() + int8(m.Leap) }
