// Package gnss holds what any receiver tells, whatever it speaks: time marks, pulses, fixes, satellites, leap second
// notices, the health of the antenna and of the signals.
//
// Arrivals are CLOCK_MONOTONIC at the first byte of the message; angles are degrees, lengths metres. The values are as
// the receiver sent them after validation: whether they are believed is decided by pps/pairing and gnss/integrity.
package gnss

import (
	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// TimeMark is one message that names a second.
type TimeMark struct {
	Arrival clock.Mono    `json:"arrival"` // of the first byte
	End     clock.Mono    `json:"end"`     // of the last byte, as far as reads tell
	UTC     timescale.UTC `json:"utc"`     // as sent: no rollover repair yet
	Leap60  bool          `json:"leap60"`  // the second was sent as 60; UTC then counts as the following second
	Message string        `json:"message"` // message type, "GNRMC", "NAV-PVT": delays are learned per message type
	Valid   bool          `json:"valid"`   // the receiver vouches for it: status A, fix flags, valid-time flags
	FullUTC bool          `json:"full"`    // the receiver says that its leap second count is known, where it can say so
	Century bool          `json:"century"` // the message carried a four-digit year

	// TAIOffset is TAI - UTC as the receiver reckoned for this very second, where the message has the time of the satellites
	// as well; 0 = it has not. The receiver may have it from its firmware.
	TAIOffset int `json:"tai_offset,omitempty"`

	// Accuracy is the receiver's own estimate of the error of its time, one standard deviation in seconds; 0 = not said.
	Accuracy clock.Seconds `json:"accuracy,omitempty"`
}

// solution is how far the time of a solution may be from the second it belongs to. u-blox receivers round the seconds
// that they send to hundredths and say the rest, -5 ms to 995 ms, beside them (NAV-PVT, "nano").
const solution = 5 * timescale.Second / 1000

// Second returns the whole second that m names: the nearest to UTC, which may be a little before it where a receiver
// tells the time of its solution instead of that of its pulse. It is false for a time between two seconds, as receivers
// send that solve more often than once a second.
func (m TimeMark) Second() (utc timescale.UTC, ok bool) {
	rest := m.UTC % timescale.Second
	if rest < 0 {
		rest += timescale.Second
	}
	if rest >= timescale.Second-solution {
		return m.UTC - rest + timescale.Second, true
	}
	return m.UTC - rest, rest <= solution
}

// Fix is a position solution and its state.
type Fix struct {
	Arrival        clock.Mono `json:"arrival"`
	Message        string     `json:"message"`
	Valid          bool       `json:"valid"`      // the receiver reports a usable fix
	Dimensions     int        `json:"dimensions"` // 2 or 3; 0 = not said
	SatellitesUsed int        `json:"used"`       // -1 = not said
	HasPosition    bool       `json:"has_position"`
	Latitude       float64    `json:"lat"`  // degrees, north positive
	Longitude      float64    `json:"lon"`  // degrees, east positive
	Altitude       float64    `json:"alt"`  // metres above mean sea level (NAV-SOL, PUBX,00: the ellipsoid); 0 when HasPosition is false
	HDOP           float64    `json:"hdop"` // 0 = not said
}

// Satellite is one satellite as a receiver sees it.
type Satellite struct {
	System    string  `json:"system"` // GPS, GLONASS, Galileo, BeiDou, QZSS, NavIC, SBAS, or "" = not said
	ID        int     `json:"id"`     // number within the system as the receiver sent it
	Elevation int     `json:"elevation"`
	Azimuth   int     `json:"azimuth"`
	CN0       float64 `json:"cn0"` // dB-Hz; 0 = not tracked
	Used      bool    `json:"used"`
}

// Satellites is one complete view of the sky.
type Satellites struct {
	Arrival clock.Mono  `json:"arrival"`
	Seen    []Satellite `json:"seen"`
}

// LeapNotice is a receiver's announcement of a leap second, or of the current leap second count.
type LeapNotice struct {
	Arrival   clock.Mono    `json:"arrival"`
	Leap      clock.Leap    `json:"leap"`
	At        timescale.UTC `json:"at"`         // the midnight it takes effect at; 0 = not said
	TAIOffset int           `json:"tai_offset"` // TAI - UTC now; 0 = not said

	Message string `json:"message,omitempty"` // message type, "NAV-TIMELS"
	Source  string `json:"source,omitempty"`  // where the receiver has it from: a system, or "firmware"; "" = not said

	// Announces says that the message has room for a leap second to come, so that LeapNone is an answer. Otherwise
	// Leap and At repeat what the receiver said before in a message that has.
	Announces bool `json:"announces,omitempty"`
}

// PulseTime is what a receiver says of one pulse: the second it marks and how far it is from it.
type PulseTime struct {
	Arrival clock.Mono    `json:"arrival"`
	Message string        `json:"message"`
	UTC     timescale.UTC `json:"utc"`   // what the pulse marks, as sent; 0 where the leap seconds to tell it are not known
	Valid   bool          `json:"valid"` // the receiver vouches for UTC, its leap second count included
	Past    bool          `json:"past"`  // the pulse before the message is meant, otherwise the one that follows it
	Base    string        `json:"base"`  // what pulses are aligned to: "UTC", or the name of a system; "" = not said

	// Quantisation is by how much the receiver's clock could not place the pulse where it belongs, in seconds and with
	// the sign as sent, which makers do not agree on.
	Quantisation    clock.Seconds `json:"quantisation"`
	HasQuantisation bool          `json:"has_quantisation"`
}

// Survey is the state of a survey-in, the measurement of the place of a fixed antenna.
type Survey struct {
	Arrival      clock.Mono    `json:"arrival"`
	Message      string        `json:"message"`
	Active       bool          `json:"active"`   // in progress
	Valid        bool          `json:"valid"`    // the place is known and used
	Duration     clock.Seconds `json:"duration"` // so far
	Observations int           `json:"observations"`
	Accuracy     float64       `json:"accuracy"` // standard deviation of the place in metres; 0 = not said
	Place        ECEF          `json:"place"`    // the mean so far; all 0 = not said
}

// ECEF is a place in metres from the middle of the Earth: towards 0 N 0 E, 0 N 90 E, and the north pole.
type ECEF struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
	Z float64 `json:"z"`
}

// Antenna is what a receiver finds at its antenna connector.
type Antenna uint8

// The states of an antenna.
const (
	AntennaUnknown Antenna = iota // not said, or there is no supervisor circuit
	AntennaOK
	AntennaOpen  // draws no current
	AntennaShort // draws too much
)

// String returns "unknown", "ok", "open" or "short".
func (a Antenna) String() string { return name([]string{"unknown", "ok", "open", "short"}, int(a)) }

// MarshalText writes a as String does.
func (a Antenna) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText wrote; anything else is unknown.
func (a *Antenna) UnmarshalText(b []byte) error {
	*a = parse([]Antenna{AntennaOK, AntennaOpen, AntennaShort}, string(b))
	return nil
}

// Threat is what a receiver believes of jamming or spoofing.
type Threat uint8

// The degrees of a threat.
const (
	ThreatUnknown  Threat = iota // not said, or its detection is off
	ThreatNone                   // nothing indicated
	ThreatWarning                // indicated; there may still be a good fix
	ThreatCritical               // jamming that leaves no fix, spoofing that several tests confirm
)

// String returns "unknown", "none", "warning" or "critical".
func (t Threat) String() string {
	return name([]string{"unknown", "none", "warning", "critical"}, int(t))
}

// MarshalText writes t as String does.
func (t Threat) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText wrote; anything else is unknown.
func (t *Threat) UnmarshalText(b []byte) error {
	*t = parse([]Threat{ThreatNone, ThreatWarning, ThreatCritical}, string(b))
	return nil
}

func name(names []string, i int) string {
	if i >= len(names) {
		i = 0
	}
	return names[i]
}

// parse returns the one of values whose name is s, else the first of its kind.
func parse[T interface {
	~uint8
	String() string
}](values []T, s string) (none T) {
	for _, v := range values {
		if v.String() == s {
			return v
		}
	}
	return none
}

// Health is what a receiver says of its antenna and of its surroundings. A message tells a part of it; the rest is
// unknown.
type Health struct {
	Arrival  clock.Mono `json:"arrival"`
	Message  string     `json:"message"`
	Antenna  Antenna    `json:"antenna"` // of several inputs the worst
	Jamming  Threat     `json:"jamming"`
	Spoofing Threat     `json:"spoofing"`
	Tone     float64    `json:"tone"` // strength of a continuous jammer, 0 to 1; -1 = not said
	Gain     float64    `json:"gain"` // of the first input, as a part of the greatest, 0 to 1; -1 = not said. It falls under jamming
}

// Quality is what a receiver says of the errors of its fix, one standard deviation in metres; 0 is not said.
type Quality struct {
	Arrival   clock.Mono `json:"arrival"`
	Message   string     `json:"message"`
	Residual  float64    `json:"residual"` // root mean square of what the ranges are off
	Latitude  float64    `json:"latitude"`
	Longitude float64    `json:"longitude"`
	Altitude  float64    `json:"altitude"`

	// Suspect is a satellite that the receiver found to be wrong by SuspectBias metres; ID 0 = none.
	Suspect     Satellite `json:"suspect"`
	SuspectBias float64   `json:"suspect_bias"`
}

// ReceiverClock is the receiver's own oscillator against the time of the satellites.
type ReceiverClock struct {
	Arrival  clock.Mono    `json:"arrival"`
	Message  string        `json:"message"`
	Bias     clock.Seconds `json:"bias"`
	Drift    clock.Ratio   `json:"drift"`
	Accuracy clock.Seconds `json:"accuracy"` // of the bias, one standard deviation
}

// Ack is the answer to a message that configures the receiver.
type Ack struct {
	Arrival  clock.Mono `json:"arrival"`
	Class    uint8      `json:"class"` // class and id of the message that is answered
	ID       uint8      `json:"id"`
	Accepted bool       `json:"accepted"`
}

// Text is a line of plain text from the receiver, such as its version or its antenna's state.
type Text struct {
	Arrival clock.Mono `json:"arrival"`
	Text    string     `json:"text"` // printable ASCII; anything else has been replaced by '.'
}

// Report is what one packet told. What is nil was not in it.
type Report struct {
	Mark    *TimeMark
	Fix     *Fix
	Sky     *Satellites
	Leap    *LeapNotice
	Text    *Text
	Pulse   *PulseTime     `json:",omitempty"`
	Survey  *Survey        `json:",omitempty"`
	Health  *Health        `json:",omitempty"`
	Quality *Quality       `json:",omitempty"`
	Clock   *ReceiverClock `json:",omitempty"`
	Ack     *Ack           `json:",omitempty"`
}
