package ntp

import (
	"timeball/pps/clock"
	"timeball/server/leap"
)

// Told is what a listener tells its clients at one instant around a leap second.
type Told struct {
	Doubt   Doubt         // why it says "unsynchronised", Certain when it does not
	Leap    uint8         // its leap indicator
	Smeared bool          // it shows a smear
	Ahead   clock.Seconds // by how much what it shows is ahead of UTC then
}

// Told returns what a listener with policy p tells at now. r may be nil.
func (r *Reference) Told(p leap.Policy, now clock.Reading) Told {
	doubt := r.CheckFor(p, now)
	t := Told{Doubt: doubt, Leap: r.header(now, &Serving{doubt: doubt, policy: p}).Leap}
	if scale := r.Scale(p, now); scale.smearing && doubt == Certain {
		t.Ahead = clock.Seconds(scale.Show(now.Real)-now.Real) * 1e-9
		t.Smeared = t.Ahead != 0
	}
	return t
}
