package discipline

import (
	"timeball/pps/clock"
	"timeball/pps/oscillator"
)

// Distrusted is the reason for which pulses are refused that the receiver is known to get wrong.
const Distrusted Refusal = "pulse of a receiver that is not trusted"

// suspect is for how long, in seconds, the pulses before an alarm may have been wrong already: receivers were seen to send
// bad ones for up to 20 s before they admitted that they had lost their satellites.
const suspect = 30

// checkpoint is what the filters knew at an earlier instant. Two are kept, so that one is always at least suspect and, while
// pulses come, at most twice as old.
type checkpoint struct {
	at       clock.Mono
	filter   bank
	variance float64
	given    clock.Seconds
	terms    oscillator.Vector
}

// keepCheckpoint takes down what is known now, once in suspect seconds.
func (l *Loop) keepCheckpoint(at clock.Mono) {
	if l.newer != nil && at.Sub(l.newer.at) < suspect {
		return
	}
	if l.older == nil {
		l.older = &checkpoint{}
	}
	l.newer, l.older = l.older, l.newer
	*l.newer = checkpoint{at, l.filter, l.variance, l.given, l.terms}
}

// Distrust takes back what the last 30 s of pulses have taught, coasts, and refuses pulses until Trust. at is when the
// receiver or its antenna was found to be unwell, reason says so in words.
func (l *Loop) Distrust(at clock.Mono, reason string) {
	l.distrusted = true
	switch {
	case l.mode == Acquiring:
		l.Restart(reason)
	case l.mode == FreeRunning || at.Sub(l.accepted) > suspect:
		l.reason = reason
	default:
		l.revert(at)
		l.coast(reason)
	}
}

// Trust ends what Distrust began: the next pulses are compared with the prediction like those after any holdover.
func (l *Loop) Trust() { l.distrusted = false }

// revert takes back what was learned from suspect seconds before an instant on. Without a checkpoint that old it takes back
// nothing.
func (l *Loop) revert(at clock.Mono) {
	c := l.newer
	if c != nil && at.Sub(c.at) < suspect {
		c = l.older
	}
	if c == nil {
		return
	}
	var change oscillator.Vector
	for i := range change {
		change[i] = l.terms[i] - c.terms[i]
	}
	half, given := float64(l.at.Sub(c.at))/2, float64(l.given-c.given)
	l.filter, l.variance, l.accepted = c.filter, c.variance, c.at
	l.filter.each(func(f *filter) {
		f.move(half, 0)
		f.sense(&change) // as if all of it had come in the middle
		f.move(half, 0)
		f.spread(2 * half)
		f.s[phase] += given
	})
	l.newer, l.older = c, nil
	l.past.Drop(c.at)
}
