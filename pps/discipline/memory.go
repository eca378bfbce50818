package discipline

import (
	"fmt"
	"math"

	"timeball/pps/clock"
	"timeball/pps/oscillator"
)

// Memory is what the loop keeps over a restart. It is plain data.
type Memory struct {
	Frequency  clock.Ratio       `json:"frequency"` // of the undisciplined oscillator
	Oscillator oscillator.Memory `json:"oscillator"`
}

// Valid says whether m can be true; a Memory that is not is no reason not to begin.
func (m *Memory) Valid() bool {
	return math.Abs(float64(m.Frequency)) <= maxSteer && m.Oscillator.Valid()
}

// Restore begins with what was known before: the clock runs at the frequency it had, and the law need not be learned anew.
// It returns false, and changes nothing, when that can't be true; the error is the Clock's. Only for a loop that has not
// taken a pulse.
func (l *Loop) Restore(m *Memory) (bool, error) {
	if l.mode != FreeRunning || !m.Valid() {
		return false, nil
	}
	l.sensor.Restore(&m.Oscillator)
	l.past.Restore(&m.Oscillator)
	actual, _, err := l.clock.SetFrequency(-m.Frequency)
	if err != nil {
		return true, fmt.Errorf("set frequency: %w", err)
	}
	l.steer = actual
	return true, nil
}

// Memory returns what is worth keeping; false when nothing is yet.
func (l *Loop) Memory() (Memory, bool) {
	centre, ok := l.sensor.Centre()
	if !l.everLocked || !ok {
		return Memory{}, false
	}
	m := Memory{Frequency: clock.Ratio(l.filter.mean.s[frequency]), Oscillator: oscillator.Memory{Centre: centre}}
	m.Oscillator.Law, m.Oscillator.Sigma = l.past.Law()
	m.Oscillator.Ageing, m.Oscillator.AgeingSigma = l.past.Ageing()
	return m, m.Valid()
}
