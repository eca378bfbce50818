// Package ntp is the NTP packet codec and the pure reply of RFC 5905.
//
// Times are clock.Real of the served clock, which counts UTC as POSIX does; on the wire they are NTP timestamps of
// RFC 5905, 6. Delays and dispersions are seconds inside and 2^-16 s, rounded up, on the wire. Extension fields follow
// RFC 7822. Nothing here reads a clock, opens anything or allocates per packet.
//
// A request that cannot be answered is refused with a named reason and gets no bytes. When the Reference cannot be
// trusted any more (expired, the clock stepped under it, the machine slept) the answer says "unsynchronised" by itself:
// leap indicator 3, stratum 0, reference ID zero.
package ntp

import (
	"math"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/server/leap"
)

// Reference is what the server needs to know of the disciplined clock to answer: an immutable value with its own growth
// and expiry, so that a stalled engine, a foreign step or a suspend turns answers into "unsynchronised" by themselves.
//
// It is plain data: it may cross a process boundary.
type Reference struct {
	Anchor clock.Reading // when it was published; Real-Mono and Boot-Mono of a reader must still agree with it
	Expiry clock.Mono    // nothing is served as synchronised from this instant on

	Synchronised bool
	Stratum      uint8         // 1..15 when Synchronised
	ReferenceID  [4]byte       // "GPS\0", "PPS\0", ...
	ReferenceAt  clock.Real    // when the clock was last set or corrected, 0 = unknown
	RootDelay    clock.Seconds // to the reference; 0 for a pulse
	Bound        clock.Seconds // of |served - UTC| at Anchor
	Growth       clock.Ratio   // of Bound after Anchor
	Precision    int8          // log2 seconds of one reading of the clock

	Leap      clock.Leap    // announced on the last UTC day only
	LeapAt    timescale.UTC // 0 = none known
	TAIOffset int           // TAI - Real in seconds, 0 = unknown

	// What is told as UTC ends here, as which second it is will be in doubt; 0 = no end.
	Until clock.Mono
	// Smear is the leap second that a smear, from noon to noon around it, is made of, and SmearOpen that it is not known
	// whether there is one.
	Smear     leap.Event
	SmearOpen bool
}

const (
	// The three clocks of a Reading are read one after the other, so that Real-Mono of two Readings differs by up to half
	// of both brackets even when nothing stepped: below 1 us with the vDSO, 3 us where each read is a system call. A
	// preemption inside a bracket is the reader's to notice and to read again. A step smaller than this goes unseen until
	// the next pulse.
	maxAnchorError = 20_000 // ns

	// A suspend lasts milliseconds at least and moves Real-Mono as well; this one catches a Real that was corrected since.
	maxBootError = 1_000_000 // ns
)

// Doubt is why a Reference is not served as synchronised.
type Doubt uint8

// The doubts. Certain is the zero value.
const (
	Certain        Doubt = iota
	NoReference          // nothing has been published yet
	Unsynchronised       // the publisher says so
	Expired              // nothing new was published in time
	EraChanged           // the clock was stepped since
	Stepped              // CLOCK_REALTIME moved against CLOCK_MONOTONIC since
	Suspended            // the machine slept since
	Leaping              // within the seconds around a leap second
	TooUncertain         // root distance of MaxDispersion or more, or not a number
	BadStratum           // not in 1..15
	SmearUnknown         // whether a leap second is to be smeared
)

var doubtNames = [...]string{
	"none", "no reference", "not synchronised", "reference expired", "clock era changed",
	"clock stepped by something else", "machine was suspended", "leap second", "too uncertain", "stratum out of range",
	"not known whether there is a leap second to smear",
}

// String returns the doubt in plain words.
func (d Doubt) String() string {
	if int(d) < len(doubtNames) {
		return doubtNames[d]
	}
	return "unknown doubt"
}

// Check returns why r must not be served as UTC at now, or Certain. r may be nil.
func (r *Reference) Check(now clock.Reading) Doubt { return r.CheckFor(leap.Announce, now) }

// CheckFor is Check for a listener with policy p. A smear goes on while UTC has its leap second, and when the kernel makes
// it: that is no step.
func (r *Reference) CheckFor(p leap.Policy, now clock.Reading) Doubt {
	smear := p == leap.Smear
	switch {
	case r == nil:
		return NoReference
	case !r.Synchronised:
		return Unsynchronised
	case now.Mono >= r.Expiry:
		return Expired
	case now.Era != r.Anchor.Era:
		return EraChanged
	case smear && r.SmearOpen && r.nearSmear(now.Real):
		return SmearUnknown
	case !smear && r.Until != 0 && now.Mono >= r.Until:
		return Expired
	case !smear && r.leaping(now.Real):
		return Leaping
	case apart(int64(now.Boot)-int64(now.Mono), int64(r.Anchor.Boot)-int64(r.Anchor.Mono), maxBootError):
		return Suspended
	case apart(int64(now.Real)-int64(now.Mono)-int64(r.leapt(now)), int64(r.Anchor.Real)-int64(r.Anchor.Mono), maxAnchorError):
		return Stepped
	case r.Stratum < 1 || r.Stratum > 15:
		return BadStratum
	case !(r.RootDelay >= 0 && r.RootDelay/2+r.DispersionAfter(now.Mono.Sub(r.Anchor.Mono)) < MaxDispersion):
		return TooUncertain
	}
	return Certain
}

// DispersionAfter returns the root dispersion d after Anchor, not rounded: Bound, what it has grown, and one reading of
// the clock. Before Anchor nothing has grown. It is NaN when Bound or Growth make no sense.
func (r *Reference) DispersionAfter(d clock.Seconds) clock.Seconds {
	if !(r.Bound >= 0 && r.Growth >= 0) {
		return clock.Seconds(math.NaN())
	}
	return r.Bound + clock.Seconds(r.Growth)*max(d, 0) + clock.Seconds(math.Ldexp(1, int(r.Precision)))
}

// leaping reports whether real lies in the seconds around the leap second in which nobody can tell what the clock of
// another machine shows: from one second before the second that is inserted or missing to one second after midnight.
func (r *Reference) leaping(real clock.Real) bool {
	if r.Leap == clock.LeapNone || r.LeapAt == 0 {
		return false
	}
	lead := int64(nanosecond) // 23:59:59, shown twice when a second is inserted
	if r.Leap == clock.LeapDelete {
		lead = 2 * nanosecond // 23:59:58 is the last second of the day
	}
	until := int64(r.LeapAt) - int64(real)
	return until <= lead && until > -nanosecond
}

// leapIndicator returns what a synchronised answer announces at real.
func (r *Reference) leapIndicator(real clock.Real) uint8 {
	past := r.LeapAt != 0 && int64(real) >= int64(r.LeapAt)
	switch {
	case past:
		return LeapNone
	case r.Leap == clock.LeapInsert:
		return LeapInsert
	case r.Leap == clock.LeapDelete:
		return LeapDelete
	}
	return LeapNone
}

// apart reports whether a and b differ by more than limit, in nanoseconds; the difference may wrap.
func apart(a, b, limit int64) bool {
	d := a - b
	return d > limit || d < -limit
}
