// Package ntp is the NTP packet codec and the pure reply of RFC 5905.
package ntp

import (
	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// Reference is what the server needs to know of the disciplined clock to answer: an immutable value with its own growth
// and expiry, so that a stalled engine, a foreign step or a suspend turn answers into "unsynchronised" by themselves.
//
// It is plain data: it may cross a process boundary.
type Reference struct {
	Anchor clock.Reading // when it was published; Real-Mono and Boot-Mono of a reader must still agree with it
	Expiry clock.Mono    // nothing is served as synchronised from this instant on

	Synchronised bool
	Stratum      uint8         // 1..15 when Synchronised
	ReferenceID  [4]byte       // "GPS\0", "PPS\0", ...
	ReferenceAt  clock.Real    // when the clock was last set or corrected
	RootDelay    clock.Seconds // to the reference; 0 for a pulse
	Bound        clock.Seconds // of |served - UTC| at Anchor
	Growth       clock.Ratio   // of Bound after Anchor
	Precision    int8          // log2 seconds of one reading of the clock

	Leap      clock.Leap    // announced on the last UTC day only
	LeapAt    timescale.UTC // 0 = none known
	TAIOffset int           // TAI - UTC in seconds, 0 = unknown
}
