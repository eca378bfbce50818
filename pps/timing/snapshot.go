package timing

import (
	"maps"
	"strings"

	"timeball/gnss"
	"timeball/gnss/integrity"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/histogram"
	"timeball/pps/oscillator"
	"timeball/pps/stability"
)

// Snapshot is everything the unit knows at one instant. It is immutable.
type Snapshot struct {
	Estimate discipline.Estimate `json:"estimate"`
	Counters Counters            `json:"counters"`

	Receiver    string           `json:"receiver"` // what the receiver says it is, "" = unknown
	Serial      string           `json:"serial"`   // what is wrong with the serial line, "" = nothing
	Line        string           `json:"line"`     // the serial line in use, "NMEA on ttyAMA0 at 9600 baud"; "" = none or unknown
	Text        string           `json:"text"`     // the receiver's last line of text
	Fix         *gnss.Fix        `json:"fix"`
	Sky         *gnss.Satellites `json:"sky"`
	Temperature *float64         `json:"temperature"` // of the SoC, degrees Celsius
	Utilisation *float64         `json:"utilisation"` // of the processor, 0..1
	Forecast    []Forecast       `json:"forecast"`
	Witnesses   []Witness        `json:"witnesses,omitempty"`
	Leap        LeapSeconds      `json:"leap_seconds"`

	Conditions []integrity.Condition `json:"conditions"` // what speaks against the receiver, the worst first

	Stability []stability.Point `json:"stability,omitempty"` // of the bare oscillator; every 5 min

	// Jitter is how far the pulses of the last hour were from the loop's predictions while it was locked, positive is late;
	// Lags how long after its pulse each type of message that names a second came, in the last 10 min. Both every 10 s.
	Jitter *histogram.Counts `json:"jitter,omitempty"`
	Lags   []Lag             `json:"lags,omitempty"`

	// What the receiver says of its own errors, 1 sigma; 0 = it does not say. Sawtooth is that of its clock.
	Accuracy          clock.Seconds `json:"accuracy,omitempty"`
	Sawtooth          clock.Seconds `json:"sawtooth,omitempty"`
	SawtoothCorrected bool          `json:"sawtooth_corrected,omitempty"` // it is taken off

	// What the crystal has taught, once a minute; nothing until there is enough of it.
	Curve     *oscillator.Curve      `json:"curve,omitempty"`
	Rehearsed []oscillator.Rehearsed `json:"rehearsed,omitempty"`

	Memory  *discipline.Memory `json:"memory,omitempty"`  // worth keeping over a restart; nil: nothing is yet
	Learned *Learned           `json:"learned,omitempty"` // so is this
}

// Forecast is the bound that would be advertised if the pulse stopped now, up to ten seconds old.
type Forecast struct {
	After clock.Seconds `json:"after"`
	Bound clock.Seconds `json:"bound"`
}

// Counters count since the Engine began.
type Counters struct {
	Edges       uint64            `json:"edges"`
	Labelled    uint64            `json:"labelled"`
	Accepted    uint64            `json:"accepted"`
	Marks       uint64            `json:"marks"`
	ClockErrors uint64            `json:"clock_errors"`
	Refused     map[string]uint64 `json:"refused"` // what was not used, by reason
	LastOffset  clock.Seconds     `json:"last_offset"`
}

// Change is a change of state that is worth a line in the log.
type Change struct {
	At   clock.Reading
	What string // "mode", "clock", "serial line", "condition"
	Text string
}

var horizons = []clock.Seconds{60, 600, 3600, 4 * 3600, 12 * 3600, 24 * 3600}

// publish makes a new Snapshot.
func (e *Engine) publish() {
	s := &Snapshot{
		Estimate: e.estimate(), Counters: e.counters,
		Receiver: e.decoder.Receiver(), Serial: e.state.serial, Line: e.state.line, Text: e.state.text, Fix: e.state.fix, Sky: e.state.sky, Conditions: e.conditions,
		Memory: e.memory, Learned: e.learned, Stability: e.points, Jitter: e.spread.jitter, Lags: e.spread.lags, Temperature: e.state.temperature.fresh(e.now.Mono), Utilisation: e.state.utilisation.fresh(e.now.Mono),
	}
	s.Accuracy, s.Sawtooth, s.SawtoothCorrected = e.accuracy(), e.taught.sawtooth, e.taught.corrected
	s.Curve, s.Rehearsed = e.taught.curve, e.taught.rehearsed
	s.Counters.Refused = e.refusals()
	s.Forecast = e.forecast(&s.Estimate)
	s.Witnesses = e.testimonies()
	s.Leap = e.leaps.shown(timescale.UTC(e.raw.Real))
	if s.Estimate.Mode != e.mode {
		e.say("mode", e.mode.String()+" -> "+s.Estimate.Mode.String()+reasonSuffix(s.Estimate.Reason))
	}
	e.mode = s.Estimate.Mode
	e.snapshot = s
}

// refusals returns an immutable copy of what was refused, made anew only when something was.
func (e *Engine) refusals() map[string]uint64 {
	if e.refused == nil {
		e.refused = maps.Clone(e.counters.Refused)
	}
	return e.refused
}

// A forecast spans a minute to a day. While locked it changes with what was learned over minutes; otherwise with the bound.
const (
	forecastEvery       = 1  // s
	forecastEveryLocked = 10 // s
)

// forecast returns the bounds that would be advertised if the pulse stopped, no older than the constants above allow.
func (e *Engine) forecast(est *discipline.Estimate) []Forecast {
	if !est.HasOffset {
		e.forecasts = nil
		return nil
	}
	every := clock.Seconds(forecastEvery)
	if est.Mode == discipline.Locked {
		every = forecastEveryLocked
	}
	if e.forecasts != nil && e.now.Mono.Sub(e.forecastAt) < every {
		return e.forecasts
	}
	e.forecasts, e.forecastAt = make([]Forecast, len(horizons)), e.now.Mono
	for i, h := range horizons {
		e.forecasts[i] = Forecast{h, e.loop.Forecast(e.now.Mono, h)}
	}
	return e.forecasts
}

func reasonSuffix(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// estimate is the loop's Estimate with what else decides whether the unit may be trusted.
func (e *Engine) estimate() discipline.Estimate {
	est := e.loop.Estimate(e.now)
	est.At = e.raw
	e.verify(&est)
	if est.HasOffset {
		e.leapEstimate(&est)
	}
	if est.Mode != e.mode {
		e.modeSince = e.now.Mono
	}
	est.ModeSince = e.modeSince
	return est
}

// verify takes the right to serve from an estimate whose second is in doubt, and says why the unit is where it is.
func (e *Engine) verify(est *discipline.Estimate) {
	good := est.Mode == discipline.Locked || est.Mode == discipline.Holdover
	known, why := e.knowsUTC()
	switch {
	case good && !e.served && (e.pairing.Doubt() || e.pairing.Overruled()):
		// Nothing has been served with this count: the receiver has learned the leap seconds, or another clock has been heard.
		e.forget()
		e.loop.Restart("the receiver or a witness has corrected the second")
		*est = e.loop.Estimate(e.now)
		est.At = e.raw
	case good && e.pairing.Doubt():
		est.Mode, est.Reason = discipline.Quarantine, "the receiver names another second than this unit has counted"
	case good && !known:
		est.Mode, est.Reason = discipline.Acquiring, why
	case e.distrust != "" && est.Mode != discipline.Quarantine:
		est.Reason = e.distrust
	case est.Mode == discipline.Locked && e.spoke && e.now.Mono.Sub(e.spokeAt) > fixLifetime:
		est.Reason = "the receiver's messages have stopped; seconds are counted by the pulse"
	case est.Mode == discipline.Holdover && e.unfixed(e.now.Mono):
		est.Reason = "the receiver has no fix"
	case est.Mode == discipline.FreeRunning:
		est.Reason = e.missing(est.Reason)
	case est.Mode == discipline.Locked && est.Reason == "" && e.dating.weeks != 0:
		est.Reason = e.dating.text()
	}
	e.served = e.served || est.Mode == discipline.Locked || est.Mode == discipline.Holdover
	if f := e.fault(); f != "" {
		est.Reason = f
	}
}

// missing says in words what a unit that has not begun is waiting for.
func (e *Engine) missing(reason string) string {
	switch {
	case e.unwell() != "":
		return e.unwell()
	case e.fixed && !e.pairing.Anchored() && e.dating.doubt != "" && e.now.Mono.Sub(e.dating.at) < fixLifetime:
		return e.dating.doubt
	case e.fixed && e.counters.Edges > 0 && !e.pairing.Anchored() && e.unpaired != "":
		return "the receiver's messages do not tell the second: " + e.unpaired
	case e.loop.Mode() == discipline.FreeRunning && e.snapshot != nil && e.snapshot.Estimate.EverLocked:
		return reason
	case !e.spoke && e.counters.Edges == 0 && e.state.line != "":
		return e.state.line + ", but nothing about a fix; " + e.noPulse()
	case !e.spoke && e.counters.Edges == 0:
		return "neither messages nor pulses from the receiver"
	case !e.spoke:
		return "pulses come, but no message says which second they are"
	case !e.fixed:
		return "the receiver has no fix yet"
	case e.counters.Edges == 0 && e.state.line != "":
		return e.state.line + " with a fix, but " + e.noPulse()
	case e.counters.Edges == 0:
		return "the receiver has a fix, but no pulse comes"
	case !e.pairing.Anchored():
		return "waiting for messages that agree on the second"
	}
	return reason
}

// unwell says what is wrong with the serial line and the capture of the pulse, "" = nothing.
func (e *Engine) unwell() string {
	said := []string{e.state.serial, e.state.capture}
	if e.state.serial != "" && e.state.capture == "" && e.state.pulse != "" && e.counters.Edges == 0 {
		said[1] = e.noPulse()
	}
	return strings.Trim(strings.Join(said, "; "), "; ")
}

// noPulse says where the pulse was expected.
func (e *Engine) noPulse() string {
	if e.state.pulse == "" {
		return "no pulse comes"
	}
	return "no pulse on " + e.state.pulse
}
