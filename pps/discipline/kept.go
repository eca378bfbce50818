package discipline

import (
	"fmt"
	"math"

	"timeball/pps/clock"
)

// Kept is what another loop knew of this clock when it ended, while the clock went on: it bounds by how much the clock may
// be wrong, and so by how much it may be stepped. It is plain data.
type Kept struct {
	At       clock.Reading `json:"at"`
	Bound    clock.Seconds `json:"bound"`          // of the clock's error at At; that loop served it
	Steering clock.Ratio   `json:"steering"`       // that the clock was told last, and still obeys
	Slew     clock.Ratio   `json:"slew,omitempty"` // the part of it that removes an offset
	Growth   clock.Ratio   `json:"growth"`         // of Bound after At: a loop that has just locked does not know the rate well
}

// Settled returns what is known at an instant of a clock that is from then on steered to keep its rate: what removed an
// offset has gone on without anybody who would have ended it.
func (k Kept) Settled(at clock.Mono) Kept {
	k.Bound += clock.Seconds(math.Abs(float64(k.Slew))) * max(0, at.Sub(k.At.Mono))
	k.Steering, k.Slew = max(-maxSteer, min(maxSteer, k.Steering-k.Slew)), 0
	return k
}

// keptDrift is how fast a clock that is steered by what its crystal did last may have run wrong at least: what Steady says of
// a holdover.
const keptDrift clock.Ratio = 20e-6

// keptFor is how long a clock that was served binds the loop that comes after: the longest interval between two questions of a
// client (RFC 5905, 7.3: 2^10 s). Whoever has heard of it has asked again by then and was told that it is unsynchronised.
const keptFor clock.Seconds = 1024

// MayBeOff returns by how much the clock may be wrong at an instant.
func (k *Kept) MayBeOff(at clock.Mono) clock.Seconds {
	return k.Bound + clock.Seconds(max(keptDrift, k.Growth))*max(0, at.Sub(k.At.Mono))
}

// Valid says whether k is about the clock as now reads it: nobody has stepped it and the machine has not slept since.
func (k *Kept) Valid(now clock.Reading) bool {
	const apart = 20_000 // ns, of two programs' readings of Real - Mono; server/ntp says why
	moved := int64(now.Real) - int64(now.Mono) - (int64(k.At.Real) - int64(k.At.Mono))
	slept := int64(now.Boot) - int64(now.Mono) - (int64(k.At.Boot) - int64(k.At.Mono))
	return now.Era == k.At.Era && now.Mono >= k.At.Mono && moved <= apart && moved >= -apart && slept < 10_000_000 &&
		k.Bound >= 0 && k.Bound < 1 && k.Growth >= 0 && k.Growth < 1 && math.Abs(float64(k.Steering)) <= maxSteer
}

// Resume begins with a clock that was served until a moment ago: it runs as it ran, and is stepped no more readily than by
// the loop that ended. Until this loop has locked itself, a pulse that is further from the clock than that can have gone
// wrong is not followed. It is called instead of Restore or after it, before the first pulse. The error is the Clock's.
func (l *Loop) Resume(k *Kept) error {
	if l.mode != FreeRunning || l.first != nil {
		return nil
	}
	l.kept = k
	actual, _, err := l.clock.SetFrequency(k.Steering)
	if err != nil {
		return fmt.Errorf("set frequency: %w", err)
	}
	l.steer = actual
	return nil
}

// contradictsKept says that the phase can't be that of the clock which was served before this loop began.
func (l *Loop) contradictsKept() bool {
	const sigmas = 6 // of a phase that two pulses have told
	off := math.Abs(l.filter.mean.s[phase])
	return l.kept != nil && off > float64(l.kept.MayBeOff(l.at))+sigmas*math.Sqrt(l.filter.mean.p[phase][phase])
}
