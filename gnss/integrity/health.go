package integrity

import (
	"fmt"
	"slices"

	"timeball/gnss"
	"timeball/pps/clock"
)

// health is what the receiver says of its antenna and of its surroundings.
type health struct {
	antenna  voices // gnss.Antenna
	jamming  voices // gnss.Threat
	spoofing voices // gnss.Threat
	tone     float64
	wasOK    bool // the antenna was well before
}

const (
	maxVoices = 4 // kinds of messages that say the same thing: MON-HW or MON-RF, SEC-SIG, NAV-STATUS, TXT
	// A receiver repeats what holds; what a message said this long before another message spoke does not count any more.
	voiceLifetime = 10 // s

	// By when a receiver without an antenna has lost its fix: 20 s and a wide margin.
	provenAfter = 600 // s
	// What has a good fix for this long without a word of the antenna had one: receivers that say "open" say so from their
	// start, or every second.
	unspoken = 60 // s

	// The indicator of a continuous jammer has no unit: u-blox gives 0 to 255 for "no" to "strong". The recorded
	// receivers say 2 % to 12 %.
	loudTone, quietTone = 0.8, 0.6
	// By which signals have fallen when jamming is more than heard: half of the amplitude. An indicated jammer that takes
	// less from the signals leaves the pulse as good as it was.
	jammed = 6 // dB
)

// voices are the last statements of the messages that say the same thing.
type voices []voice

type voice struct {
	message string
	value   uint8 // the worse the greater
	at      clock.Mono
}

// say notes a statement.
func (v *voices) say(message string, value uint8, at clock.Mono) {
	i := slices.IndexFunc(*v, func(have voice) bool { return have.message == message })
	switch {
	case i >= 0:
		(*v)[i] = voice{message, value, at}
	case len(*v) < maxVoices:
		*v = append(*v, voice{message, value, at})
	default:
		(*v)[0] = voice{message, value, at}
	}
}

// worst returns the worst of the statements that are not old beside the newest one; 0 where there is none.
func (v voices) worst() (worst uint8) {
	var newest clock.Mono
	for _, s := range v {
		newest = max(newest, s.at)
	}
	for _, s := range v {
		if newest.Sub(s.at) <= voiceLifetime {
			worst = max(worst, s.value)
		}
	}
	return worst
}

// state takes what the receiver says of its health. What it does not know says nothing.
func (m *Monitor) state(at clock.Mono, h *gnss.Health) {
	if h.Antenna != gnss.AntennaUnknown {
		// Some tell it only when it changes: after a while of good fixes the first word of it is a change.
		m.health.wasOK = m.health.wasOK || len(m.health.antenna) == 0 && m.fixes.lasting(at, 0) >= unspoken
		m.health.antenna.say(h.Message, uint8(h.Antenna), at)
	}
	if h.Jamming != gnss.ThreatUnknown {
		m.health.jamming.say(h.Message, uint8(h.Jamming), at)
	}
	if h.Spoofing != gnss.ThreatUnknown {
		m.health.spoofing.say(h.Message, uint8(h.Spoofing), at)
	}
	if h.Tone >= 0 {
		m.health.tone = h.Tone
	}
	m.hardware(at)
}

// hardware judges what was last said of the hardware.
func (m *Monitor) hardware(at clock.Mono) {
	if len(m.health.antenna) > 0 {
		m.antenna(at)
	}
	m.jamming(at)
	if len(m.health.spoofing) > 0 {
		m.spoofing(at)
	}
}

// antenna judges the antenna's state. A splitter that lets no current through makes a receiver say "open" for ever while
// its signals are good: then it is an alarm.
func (m *Monitor) antenna(at clock.Mono) {
	worst := gnss.Antenna(m.health.antenna.worst())
	m.health.wasOK = m.health.wasOK || worst == gnss.AntennaOK
	for _, a := range []struct {
		kind
		state gnss.Antenna
		text  string
	}{
		{antennaOpen, gnss.AntennaOpen, "the receiver finds no antenna: it draws no current"},
		{antennaShort, gnss.AntennaShort, "the receiver finds a short circuit in the antenna or its cable"},
	} {
		if worst == a.state {
			m.holds(at, a.kind, m.withoutAntenna(at, a.kind), a.text)
		} else {
			m.see(at, a.kind, no)
		}
	}
}

// withoutAntenna returns how severe it is that an antenna is missing: not very, where there is a good fix all the same and
// the antenna was never found, or where the fix has outlasted it for longer than it can.
func (m *Monitor) withoutAntenna(at clock.Mono, k kind) Severity {
	since := at
	if w := &m.watches[k]; w.raised {
		since = w.since
	}
	needed := clock.Seconds(0)
	if m.health.wasOK {
		needed = provenAfter
	}
	if m.fixes.lasting(at, since) >= needed {
		return Alarm
	}
	return Holdover
}

// jamming judges what is heard of jammers. One that leaves no fix stops the use of the pulse, and so does one that has
// weakened the signals.
func (m *Monitor) jamming(at clock.Mono) {
	worst := gnss.Threat(m.health.jamming.worst())
	severity, text := Alarm, "the receiver hears jamming"
	switch {
	case worst == gnss.ThreatCritical:
		severity, text = Holdover, "the receiver hears jamming that leaves it no fix"
	case worst == gnss.ThreatWarning:
	case m.health.tone >= loudTone:
		text = fmt.Sprintf("the receiver hears a continuous jammer, %.0f %% of its scale", 100*m.health.tone)
	case m.health.tone < quietTone:
		m.see(at, jamming, no)
		return
	default:
		m.see(at, jamming, undecided)
		return
	}
	if fall := m.signals.fall; fall >= jammed {
		severity, text = Holdover, fmt.Sprintf("%s; signals are %.0f dB weaker than before", text, fall)
	}
	m.holds(at, jamming, severity, text)
}

// spoofing: what one test of the receiver indicates is an alarm, what several confirm stops the use of the pulse.
func (m *Monitor) spoofing(at clock.Mono) {
	switch gnss.Threat(m.health.spoofing.worst()) {
	case gnss.ThreatCritical:
		m.holds(at, spoofing, Holdover, "the receiver finds that signals are forged")
	case gnss.ThreatWarning:
		m.holds(at, spoofing, Alarm, "the receiver finds signs of forged signals")
	default:
		m.see(at, spoofing, no)
	}
}
