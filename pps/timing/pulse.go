package timing

import (
	"timeball/gnss"
	"timeball/gnss/timescale"
	"timeball/pps"
	"timeball/pps/clock"
)

// pulse takes what the receiver says of one of its pulses: as a mark of the second of the last pulse, and, of a pulse to
// come, the quantisation that is kept for its edge.
func (e *Engine) pulse(p gnss.PulseTime) {
	if !p.Past {
		e.coming, e.expects = p, true
	}
	if p.UTC == 0 || !p.Valid {
		return
	}
	m := gnss.TimeMark{Arrival: p.Arrival, End: p.Arrival, UTC: p.UTC, Message: p.Message, Valid: true, Century: true}
	if !p.Past {
		m.UTC -= timescale.Second
	}
	e.take(m, e.pairing.Pulse)
}

// quantise puts into m what the receiver said of that very pulse: its last message about a pulse to come, if this is the
// next edge and has the second that the message named, where it named one.
func (e *Engine) quantise(m *pps.Measurement) {
	after := m.At.Sub(e.coming.Arrival)
	if !e.expects || after <= 0 {
		return
	}
	e.expects = false
	named, whole := gnss.TimeMark{UTC: e.coming.UTC}.Second()
	if after > nextPulse || e.coming.UTC != 0 && (!whole || named != m.UTC) {
		return
	}
	m.Quantisation, m.HasQuantisation = e.coming.Quantisation, e.coming.HasQuantisation
}

// nextPulse is how long after a message about it a pulse comes at most.
const nextPulse clock.Seconds = 1
