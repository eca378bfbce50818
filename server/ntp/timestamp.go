package ntp

import (
	"math"

	"timeball/pps/clock"
)

// Timestamp is the 64-bit NTP timestamp of RFC 5905, 6: seconds since 1900-01-01 00:00:00 UTC modulo 2^32, and a fraction
// of 2^-32 s. Zero means "unknown".
type Timestamp uint64

// Short is the 32-bit format of RFC 5905, 6 for delays and dispersions: units of 2^-16 s.
type Short uint32

const (
	unixEpoch  = 2208988800 // seconds from 1900-01-01 to 1970-01-01, RFC 5905, figure 4
	nanosecond = 1_000_000_000

	// MaxDispersion is MAXDISP of RFC 5905, 7.2: a clock this uncertain is not synchronised.
	MaxDispersion clock.Seconds = 16
)

// TimestampAt returns the timestamp of r in whatever NTP era r lies, to the nearest 2^-32 s. The one instant an era that
// would read as "unknown" is sent 2^-32 s late.
func TimestampAt(r clock.Real) Timestamp {
	seconds, ns := divide(r)
	fraction := (uint64(ns)<<32 + nanosecond/2) / nanosecond
	t := Timestamp(uint64(uint32(seconds+unixEpoch))<<32 + fraction)
	if t == 0 {
		return 1
	}
	return t
}

// Real returns the time nearest to pivot that t can stand for: within 68 years of it, RFC 5905's eras resolved by what is
// known already. Beyond the years 1678 to 2262 the result is the first or last instant clock.Real can hold.
func (t Timestamp) Real(pivot clock.Real) clock.Real {
	near, _ := divide(pivot)
	seconds := near + int64(int32(uint32(t>>32)-uint32(near+unixEpoch)))
	ns := int64((uint64(uint32(t))*nanosecond + 1<<31) >> 32)
	switch {
	case seconds > math.MaxInt64/nanosecond-1:
		return math.MaxInt64
	case seconds < math.MinInt64/nanosecond:
		return math.MinInt64
	}
	return clock.Real(seconds*nanosecond + ns)
}

// divide splits r into whole seconds, rounded down, and the rest in 0..999999999 ns.
func divide(r clock.Real) (seconds, ns int64) {
	seconds, ns = int64(r)/nanosecond, int64(r)%nanosecond
	if ns < 0 {
		seconds, ns = seconds-1, ns+nanosecond
	}
	return seconds, ns
}

// ShortUp returns s rounded up to the next 2^-16 s, so that what is sent is never smaller than what is known. Values that
// do not fit, and NaN, become the largest; negative ones become 0.
func ShortUp(s clock.Seconds) Short {
	units := math.Ceil(float64(s) * 65536) // exact: a power of two
	switch {
	case units <= 0:
		return 0
	case units < math.MaxUint32:
		return Short(units)
	}
	return math.MaxUint32
}

// Seconds returns s in seconds, exactly.
func (s Short) Seconds() clock.Seconds { return clock.Seconds(s) / 65536 }
