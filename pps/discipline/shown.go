package discipline

import (
	"timeball/pps/clock"
	"timeball/pps/oscillator"
)

// Sawtooth returns how far the receiver says that its own clock moves its pulses, root mean square, and whether that is
// taken off: it is once their residuals have shown with which sign. 0: the receiver does not say.
func (l *Loop) Sawtooth() (rms clock.Seconds, corrected bool) {
	r := l.saw.rms()
	return clock.Seconds(r), r > 0 && l.saw.correction(r) != 0
}

// Curve returns the frequency that the learned law gives each temperature, at the present load; false while no law is known.
func (l *Loop) Curve() (oscillator.Curve, bool) {
	centre, ok := l.sensor.Centre()
	if !ok {
		return oscillator.Curve{}, false
	}
	return l.past.Curve(centre)
}

// Rehearsed returns what rehearsed holdovers have erred, by their length.
func (l *Loop) Rehearsed() []oscillator.Rehearsed { return l.past.Rehearsed() }
