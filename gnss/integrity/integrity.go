// Package integrity says what speaks against a receiver: named conditions drawn from what it tells of its antenna, its
// signals, its place and its satellites.
//
// Levels are dB-Hz, lengths metres, times seconds of CLOCK_MONOTONIC that come with each report. A condition is raised and
// cleared by different limits and after different times, which stand beside it with their reason, so that it does not come
// and go with one value near a limit. What is not told raises nothing. Nothing here steers: a Severity says what a unit
// should do, and the Engine does it.
//
// Whatever is reported, the memory is bounded: one place, one level for each of at most maxSignals satellites, the last
// statement of at most maxVoices kinds of messages.
package integrity

import (
	"slices"

	"timeball/gnss"
	"timeball/pps/clock"
)

// Severity is what a condition asks of the unit.
type Severity uint8

// The severities, the worse the greater.
const (
	Inform   Severity = iota // worth knowing
	Alarm                    // someone should look
	Holdover                 // the pulse may be wrong: do not use it
)

// String returns "inform", "alarm" or "holdover".
func (s Severity) String() string {
	return [...]string{"inform", "alarm", "holdover"}[min(s, Holdover)]
}

// MarshalText writes s as String does.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote; anything else is Inform.
func (s *Severity) UnmarshalText(b []byte) error {
	*s = Inform
	for _, v := range []Severity{Alarm, Holdover} {
		if v.String() == string(b) {
			*s = v
		}
	}
	return nil
}

// kind is a condition's place in the tables.
type kind int

const (
	antennaOpen kind = iota
	antennaShort
	jamming
	spoofing
	signalCollapse
	fixWithoutSatellites
	positionJump
	constellationsDisagree
	flatSignals
	fewSatellites
	kinds
)

// names are stable: other programs rely on them.
var names = [kinds]string{
	antennaOpen:            "antenna-open",
	antennaShort:           "antenna-short",
	jamming:                "jamming",
	spoofing:               "spoofing",
	signalCollapse:         "signal-collapse",
	fixWithoutSatellites:   "fix-without-satellites",
	positionJump:           "position-jump",
	constellationsDisagree: "constellations-disagree",
	flatSignals:            "flat-signals",
	fewSatellites:          "few-satellites",
}

// Names returns the names of all conditions, in the order in which Conditions has them within a severity.
func Names() []string { return slices.Clone(names[:]) }

// Condition is one thing that speaks against a receiver.
type Condition struct {
	Name     string     `json:"name"` // one of Names
	Since    clock.Mono `json:"since"`
	Severity Severity   `json:"severity"`
	Text     string     `json:"text"` // the evidence in words, with its figures
}

// Monitor watches one receiver. Use New. One goroutine owns it.
type Monitor struct {
	watches [kinds]watch
	health  health
	signals signals
	place   place
	systems systems
	fixes   fixes
	list    []Condition
	stale   bool // list is not what the watches say any more
}

// New returns a Monitor that has heard nothing.
func New() *Monitor {
	m := &Monitor{signals: signals{levels: map[key]level{}, now: map[key]float64{}}}
	for k := range m.watches {
		m.watches[k].limits = limitsOf[k]
	}
	return m
}

// Report takes what one message told at an instant of CLOCK_MONOTONIC.
func (m *Monitor) Report(at clock.Mono, r *gnss.Report) {
	if r.Sky != nil {
		m.sky(at, r.Sky)
	}
	if r.Health != nil {
		m.state(at, r.Health)
	}
	if r.Survey != nil {
		m.fixes.surveyed = r.Survey.Valid
	}
	if r.Fix != nil {
		m.fix(at, r.Fix)
	}
	if r.Mark != nil {
		m.mark(at, r.Mark)
	}
}

// Advance lets time pass: what a receiver said once of its hardware holds until it says something else, what is drawn from
// its figures is dropped when there are no more of them.
func (m *Monitor) Advance(at clock.Mono) {
	if !m.stale && len(m.list) == 0 { // only what is raised can change by itself
		return
	}
	m.hardware(at)
	for i := range m.watches {
		m.stale = m.watches[i].advance(at) || m.stale
	}
	m.relearn(at)
}

// Reopened forgets what the receiver said of its antenna and of its surroundings: there may be another one on the line.
func (m *Monitor) Reopened() {
	m.health = health{}
	for _, k := range []kind{antennaOpen, antennaShort, jamming, spoofing} {
		m.watches[k].forget()
	}
	m.stale = true
}

// Conditions returns what is raised, the worst first. The list is not changed later.
func (m *Monitor) Conditions() []Condition {
	if !m.stale {
		return m.list
	}
	m.list, m.stale = nil, false
	for k := range m.watches {
		if w := &m.watches[k]; w.raised {
			m.list = append(m.list, Condition{names[k], w.since, w.severity, w.text})
		}
	}
	slices.SortStableFunc(m.list, func(a, b Condition) int { return int(b.Severity) - int(a.Severity) })
	return m.list
}

// see takes an answer to whether a condition holds.
func (m *Monitor) see(at clock.Mono, k kind, is answer) {
	m.stale = m.watches[k].see(at, is) || m.stale
}

// holds takes the evidence that a condition holds.
func (m *Monitor) holds(at clock.Mono, k kind, severity Severity, text string) {
	m.see(at, k, yes)
	if w := &m.watches[k]; w.raised {
		m.stale = w.grade(at, severity, text) || m.stale
	}
}
