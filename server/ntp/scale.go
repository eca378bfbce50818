package ntp

import (
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/server/leap"
)

const (
	// A smear is looked at from a little before its noon to a little after the other one.
	smearReach = 43200*nanosecond + 10*nanosecond
	// The kernel makes a leap second at the midnight of its own clock, which is within milliseconds of UTC's.
	leapReach = 10 * nanosecond
)

// nearSmear reports whether a smear may be going on.
func (r *Reference) nearSmear(real clock.Real) bool {
	return r.Smear.At != 0 && !apart(int64(real), int64(r.Smear.At), smearReach)
}

// leapt returns by how much CLOCK_REALTIME was set, since r was published, by the kernel making the leap second.
func (r *Reference) leapt(now clock.Reading) clock.Real {
	if r.Smear.Leap == clock.LeapNone || r.SmearOpen || apart(int64(now.Real), int64(r.Smear.At), leapReach) {
		return 0
	}
	by := -clock.Real(r.Smear.Leap) * nanosecond
	moved := now.Real - r.Anchor.Real - clock.Real(now.Mono-r.Anchor.Mono)
	if apart(int64(moved), int64(by), maxAnchorError) {
		return 0
	}
	return by
}

// Scale turns times of the served clock into what a listener shows: Real to TAI to the listener's scale. It is good for
// times close to the reading it was made from. The zero value shows them as they are.
type Scale struct {
	now      clock.Reading
	event    leap.Event
	tai      timescale.TAI // at now
	smearing bool
}

// Scale returns what a listener with policy p shows at now. r may be nil.
func (r *Reference) Scale(p leap.Policy, now clock.Reading) Scale {
	if p != leap.Smear || r == nil || r.SmearOpen || r.Smear.Leap == clock.LeapNone || !r.nearSmear(now.Real) {
		return Scale{}
	}
	tai := int64(now.Real) - int64(r.leapt(now)) + int64(r.TAIOffset)*nanosecond
	return Scale{now, r.Smear, timescale.TAI(tai), true}
}

// Show returns what is shown when the served clock shows real, on the side of a leap second that now is on.
func (s *Scale) Show(real clock.Real) clock.Real {
	if !s.smearing {
		return real
	}
	return clock.Real(s.event.Smeared(s.tai - timescale.TAI(s.now.Real-real)))
}
