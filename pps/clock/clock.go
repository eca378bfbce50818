// Package clock holds integer times that say which clock they were read from, so that adding a reading of one clock to a
// reading of another does not compile.
//
// Mono, Real and Boot are nanoseconds of the three Linux clocks of the same names. Seconds and Ratio are the two floating
// point quantities of the loop: a phase in seconds and a fractional frequency (1e-6 is 1 ppm, positive runs fast).
// Nothing here reads a clock; sub-nanosecond parts are lost when a time becomes an integer, which is below the 18.5 ns
// counter step of any supported board. 64 bits of nanoseconds last until the year 2262.
package clock

import (
	"math"
	"time"
)

// Mono is a reading of CLOCK_MONOTONIC in nanoseconds. It is slewed together with CLOCK_REALTIME and never stepped, so
// that Real minus Mono is constant within an Era.
type Mono int64

// Real is a reading of CLOCK_REALTIME in nanoseconds since 1970-01-01 00:00:00 UTC, leap seconds not counted.
type Real int64

// Boot is a reading of CLOCK_BOOTTIME in nanoseconds. It differs from Mono by the time spent suspended.
type Boot int64

// Era counts the steps of CLOCK_REALTIME: two Real readings can be subtracted only within one Era.
type Era uint32

// Seconds is a time difference or an uncertainty in seconds.
type Seconds float64

// Ratio is a fractional frequency: 1e-6 is 1 ppm, positive means that the clock runs fast.
type Ratio float64

// Sub returns m - n in seconds.
func (m Mono) Sub(n Mono) Seconds { return Seconds(m-n) * 1e-9 }

// Add returns m + d, rounded to the nanosecond.
func (m Mono) Add(d Seconds) Mono { return m + Mono(math.Round(float64(d)*1e9)) }

// Sub returns r - s in seconds; both must be of one Era.
func (r Real) Sub(s Real) Seconds { return Seconds(r-s) * 1e-9 }

// Add returns r + d, rounded to the nanosecond.
func (r Real) Add(d Seconds) Real { return r + Real(math.Round(float64(d)*1e9)) }

// Time returns r as a time.Time in UTC, for printing.
func (r Real) Time() time.Time { return time.Unix(0, int64(r)).UTC() }

// Duration returns s rounded to the nanosecond.
func (s Seconds) Duration() time.Duration { return time.Duration(math.Round(float64(s) * 1e9)) }

// Reading is one simultaneous reading of the three clocks.
type Reading struct {
	Mono Mono `json:"mono"`
	Real Real `json:"real"`
	Boot Boot `json:"boot"`
	Era  Era  `json:"era"`
}

// RealAt returns the CLOCK_REALTIME that belongs to m, which must lie in the Era of r.
func (r Reading) RealAt(m Mono) Real { return r.Real + Real(m-r.Mono) }

// MonoAt returns the CLOCK_MONOTONIC that belongs to t, which must lie in the Era of r.
func (r Reading) MonoAt(t Real) Mono { return r.Mono + Mono(t-r.Real) }

// Leap is a pending leap second.
type Leap int8

// The leap seconds a clock may be told of, as in RFC 5905, 7.3.
const (
	LeapNone   Leap = 0
	LeapInsert Leap = 1  // the last minute of the UTC day has 61 seconds
	LeapDelete Leap = -1 // the last minute of the UTC day has 59 seconds
)

// String returns "none", "insert" or "delete".
func (l Leap) String() string {
	switch l {
	case LeapInsert:
		return "insert"
	case LeapDelete:
		return "delete"
	}
	return "none"
}

// Status is what the kernel is told about its clock besides phase and frequency.
type Status struct {
	Synchronised   bool    // clears STA_UNSYNC
	MaxError       Seconds // the bound; the kernel lets it grow by 500 ppm
	EstimatedError Seconds // 1 sigma
	Leap           Leap    // sets STA_INS or STA_DEL
	TAIOffset      int     // TAI - UTC in seconds; 0 = unknown, leave as it is
}
