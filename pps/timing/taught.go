package timing

import (
	"timeball/gnss"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/oscillator"
)

// taught is what Snapshots share of what the loop has learned, for people to see.
type taught struct {
	curve     *oscillator.Curve
	rehearsed []oscillator.Rehearsed
	sawtooth  clock.Seconds
	corrected bool
}

const taughtEvery = 60 // s: means of two minutes teach it

// takeDown takes down what was learned, for the Snapshots to come.
func (e *Engine) takeDown() {
	if e.now.Mono.Sub(e.taughtAt) < taughtEvery && e.taughtAt != 0 {
		return
	}
	e.taughtAt = e.now.Mono
	e.taught = taught{}
	if e.loop.Mode() == discipline.FreeRunning {
		return
	}
	e.taught.rehearsed = e.loop.Rehearsed()
	e.taught.sawtooth, e.taught.corrected = e.loop.Sawtooth()
	if c, ok := e.loop.Curve(); ok {
		e.taught.curve = &c
	}
}

// claims notes what the receiver says of the accuracy of its time.
func (e *Engine) claims(m *gnss.TimeMark) {
	if m.Accuracy > 0 {
		e.claimed, e.claimedAt = m.Accuracy, m.Arrival
	}
}

// accuracy returns what the receiver says of the accuracy of its time; 0: nothing, of late.
func (e *Engine) accuracy() clock.Seconds {
	if e.claimed > 0 && e.now.Mono.Sub(e.claimedAt) < fixLifetime {
		return e.claimed
	}
	return 0
}
