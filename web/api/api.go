// Package api is the contract between a unit and whoever reads it over HTTP: the flat Status of /api/v1.
//
// Every number carries its unit in its name. A value that is not known is null, never 0, and no value is rounded.
package api

// Status is the answer of GET /api/v1/status and one event of /api/v1/stream.
type Status struct {
	API                   int      `json:"api"`                     // 1
	Mode                  string   `json:"mode"`                    // free-running, acquiring, locked, holdover, quarantine
	Leap                  string   `json:"leap"`                    // none, insert, delete, unsynchronized
	Stratum               int      `json:"stratum"`                 // 16 = unsynchronised
	RefID                 *string  `json:"refid"`                   // reference ID that clients are sent
	OffsetSeconds         *float64 `json:"offset_seconds"`          // local minus reference, positive is fast
	PrecisionSeconds      *float64 `json:"precision_seconds"`       // 1 sigma of the loop
	BiasSeconds           *float64 `json:"bias_seconds"`            // latency of the edge capture, taken off
	BiasSigmaSeconds      *float64 `json:"bias_sigma_seconds"`      // 1 sigma of what is not known of the bias
	BoundSeconds          *float64 `json:"bound_seconds"`           // the error of the clock is at most this
	RootDispersionSeconds *float64 `json:"root_dispersion_seconds"` // as sent, rounded up to 2^-16 s
	FrequencyRatio        *float64 `json:"frequency_ratio"`         // of the oscillator, positive runs fast
	TemperatureCelsius    *float64 `json:"temperature_celsius"`     // of the processor
	Utilisation           *float64 `json:"utilisation"`             // of the processor, 0..1
	Undervoltage          *bool    `json:"undervoltage"`            // the board's supply is too low now; null = not told
	Throttled             *bool    `json:"throttled"`               // the processor is slowed down now, for supply or temperature
	SatellitesUsed        *int     `json:"satellites_used"`         // in the receiver's solution
	Receiver              *string  `json:"receiver"`                // what it says it is
	Reason                string   `json:"reason"`                  // why the unit is not locked, in plain words; "" when all is well
	UptimeSeconds         float64  `json:"uptime_seconds"`          // since the unit was started
	Version               string   `json:"version"`                 // of the program
	Board                 string   `json:"board"`                   // what it runs on
	Simulated             bool     `json:"simulated"`               // the board is made of mathematics
	SimErrorSeconds       *float64 `json:"sim_error_seconds"`       // simulated board only: true error of the clock

	LimitSeconds          *float64 `json:"limit_seconds"`           // above this bound nothing is served
	BoundPulseSeconds     *float64 `json:"bound_pulse_seconds"`     // part of bound_seconds: the loop
	BoundCaptureSeconds   *float64 `json:"bound_capture_seconds"`   // part of bound_seconds: the edge capture
	BoundReferenceSeconds *float64 `json:"bound_reference_seconds"` // part of bound_seconds: receiver, cable, UTC
	ModeSeconds           float64  `json:"mode_seconds"`            // since the mode last changed
	PulsesAccepted        uint64   `json:"pulses_accepted"`         // since the unit was started
	PulsesRefused         uint64   `json:"pulses_refused"`          // since the unit was started
	RequestsAnswered      uint64   `json:"ntp_requests_answered"`   // since the unit was started
	RequestsRefused       uint64   `json:"ntp_requests_refused"`    // since the unit was started
	ServedUnixNanoseconds *int64   `json:"served_unix_nanoseconds"` // the served clock when this was written; null until locked

	ClockSteps uint64 `json:"clock_steps"` // of the served clock, since this unit started

	FrequencySigmaRatio *float64         `json:"frequency_sigma_ratio"` // 1 sigma of frequency_ratio
	TAIOffsetSeconds    *int             `json:"tai_offset_seconds"`    // TAI - UTC
	LeapAtUnixSeconds   *int64           `json:"leap_at_unix_seconds"`  // the midnight the announced leap second ends at
	LeapSeconds         *LeapSeconds     `json:"leap_seconds"`          // what list and receiver say of them
	Listeners           []Listener       `json:"listeners"`             // the addresses that NTP requests are answered at; null = none
	Serial              *string          `json:"serial"`                // what the receiver's line says, in plain words
	Addresses           []string         `json:"addresses"`             // of this unit, without port
	Satellites          []Satellite      `json:"satellites"`            // null = no view of the sky yet
	Stability           []StabilityPoint `json:"stability"`             // of the undisciplined oscillator; null = not yet
	EdgeJitter          *Histogram       `json:"edge_jitter"`           // edges minus the loop's predictions while locked, before the filter, positive is late; null = not yet
	MessageLatency      []MessageLatency `json:"message_latency"`       // of the messages that name a second; null = none heard
	BoundParts          []BoundPart      `json:"bound_parts"`           // what bound_seconds is made of, in the order of the signal; null = no bound
	OscillatorLaw       *OscillatorLaw   `json:"oscillator_law"`        // frequency by temperature, as learned; null = not yet, or nothing tells the temperature
	HoldoverRehearsed   []RehearsedPoint `json:"holdover_rehearsed"`    // what holdovers that were tried out while there was a pulse really erred; null = too few yet
	HoldoverForecast    []ForecastPoint  `json:"holdover_forecast"`     // by rising after_seconds; null = not offered
	Witnesses           []Witness        `json:"witnesses"`             // other clocks this unit asks; null = none
	Conditions          []Condition      `json:"conditions"`            // what speaks against the receiver, the worst first; [] = nothing
	Notices             []string         `json:"notices"`               // what was found wrong with card, settings or network, in sentences; [] = nothing
}

// BoundPart is one cause of the bound, or one that is known to be within another.
type BoundPart struct {
	// Name is satellites, receiver, sawtooth, cable (these four are what reference allows for), reference, capture, jitter
	// (of the edges), loop, offset (known, and not removed yet), oscillator or contradiction (by pulses that were not believed).
	Name string `json:"name"`
	// State is "counted" (seconds is its share of the bound), "within-reference" (it is within that part and not known apart),
	// "removed" (the receiver tells it and it is taken off each pulse) or "not-told".
	State        string   `json:"state"`
	Seconds      *float64 `json:"seconds"`       // of the bound: those that are counted add up to it; null = not counted apart
	SigmaSeconds *float64 `json:"sigma_seconds"` // 1 sigma, of receiver and sawtooth as the receiver says; null = not known
}

// The states of a BoundPart.
const (
	PartCounted   = "counted"
	PartReference = "within-reference"
	PartRemoved   = "removed"
	PartNotTold   = "not-told"
)

// OscillatorLaw is the frequency of the undisciplined oscillator by temperature, at the present load of the processor: with d
// degrees from centre_celsius it is coefficients[0] + coefficients[1] d + coefficients[2] d^2.
type OscillatorLaw struct {
	CentreCelsius float64   `json:"centre_celsius"` // d counts from it
	Coefficients  []float64 `json:"coefficients"`   // fractional frequency, per degree, per square degree
	Covariance    []float64 `json:"covariance"`     // of the coefficients: 00, 01, 02, 11, 12, 22

	AgeingRatioPerDay      float64 `json:"ageing_ratio_per_day"`       // drift that neither temperature nor load explains
	AgeingSigmaRatioPerDay float64 `json:"ageing_sigma_ratio_per_day"` // 1 sigma of it
}

// RehearsedPoint is what rehearsed holdovers of one length really erred.
type RehearsedPoint struct {
	AfterSeconds  float64 `json:"after_seconds"`  // length of the holdover
	MedianSeconds float64 `json:"median_seconds"` // half of them erred no more; rounded up by at most a tenth
	P95Seconds    float64 `json:"p95_seconds"`    // 95 % of them erred no more; rounded up by at most a tenth
	Rehearsals    int     `json:"rehearsals"`     // since the unit was started; old ones count less
}

// Condition is one thing that speaks against the receiver.
type Condition struct {
	Name         string  `json:"name"`          // stable: antenna-open, jamming, position-jump, ...
	SinceSeconds float64 `json:"since_seconds"` // for how long it has been so
	Severity     string  `json:"severity"`      // inform, alarm, or holdover: the pulse is not used
	Text         string  `json:"text"`          // the evidence in words, with its figures
}

// LeapSeconds is who says what of leap seconds.
type LeapSeconds struct {
	ListExpiresUnixSeconds   int64   `json:"list_expires_unix_seconds"`   // from then on the list tells nothing
	ListUpdatedUnixSeconds   int64   `json:"list_updated_unix_seconds"`   // when the list was last changed
	Listed                   string  `json:"listed"`                      // the next one in the list: none, insert, delete
	ListedAtUnixSeconds      *int64  `json:"listed_at_unix_seconds"`      // the midnight it ends at
	Announced                *string `json:"announced"`                   // by the receiver: insert, delete; null = none, or it can't announce any
	AnnouncedAtUnixSeconds   *int64  `json:"announced_at_unix_seconds"`   // the midnight it ends at
	AnnouncedBy              string  `json:"announced_by"`                // the system that the receiver has it from, "" = not said
	ReceiverTAIOffsetSeconds *int    `json:"receiver_tai_offset_seconds"` // TAI - UTC as the receiver has it; null = not said
	Text                     string  `json:"text"`                        // what is expected at the end of this UTC day, in words; "" = nothing
}

// Listener is one address that NTP requests are answered at, and what it does about leap seconds.
type Listener struct {
	Address      string   `json:"address"`       // with its port; "[::]:123" is every one
	LeapPolicy   string   `json:"leap_policy"`   // announce, suppress or smear
	Leap         string   `json:"leap"`          // what its answers say now: none, insert, delete, unsynchronized
	SmearSeconds *float64 `json:"smear_seconds"` // by how much it shows more than UTC now; null = it shows UTC
}

// Witness is what another clock says: an NTP server, the board's RTC. It never steers this unit's.
type Witness struct {
	Name string `json:"name"` // of the server as configured, or of the RTC
	// State is "agrees", "disagrees", "not compared" (this unit did not know the time), "waiting" (it has not answered
	// yet), "silent" (no usable answer) or "kept" (an RTC that may have been set from here).
	State           string   `json:"state"`
	Text            string   `json:"text"`             // why there is no usable answer; "" when there is one
	OffsetSeconds   *float64 `json:"offset_seconds"`   // this unit's clock minus the witness's, at its last answer
	DistanceSeconds *float64 `json:"distance_seconds"` // by how much the witness may be wrong
	Stratum         *int     `json:"stratum"`          // of an NTP server
	AskedSeconds    *float64 `json:"asked_seconds"`    // since it was last asked
}

// Satellite is one satellite as the receiver sees it.
type Satellite struct {
	System           string   `json:"system"`            // GPS, GLONASS, Galileo, BeiDou, QZSS, NavIC, SBAS, or "" = not said
	ID               int      `json:"id"`                // number within the system
	ElevationDegrees *int     `json:"elevation_degrees"` // above the horizon
	AzimuthDegrees   *int     `json:"azimuth_degrees"`   // clockwise from true north
	CN0DBHz          *float64 `json:"cn0_dbhz"`          // carrier to noise density; null = not tracked
	Used             bool     `json:"used"`              // it is in the receiver's solution
}

// ForecastPoint is one point of the bound this unit would serve if its pulse failed now; in holdover, of the bound from
// now on.
type ForecastPoint struct {
	AfterSeconds float64 `json:"after_seconds"` // from now
	BoundSeconds float64 `json:"bound_seconds"` // the error would be at most this
}

// StabilityPoint is how stable the undisciplined oscillator is over one averaging time (IEEE 1139).
type StabilityPoint struct {
	TauSeconds  float64  `json:"tau_seconds"`  // averaging time
	ADEVRatio   float64  `json:"adev_ratio"`   // overlapping Allan deviation
	MDEVRatio   *float64 `json:"mdev_ratio"`   // null = too few samples
	TDEVSeconds *float64 `json:"tdev_seconds"` // null = too few samples
}
