package discipline

import (
	"time"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// Clock is the clock that is steered. It is not safe for concurrent use: the owner of the loop is its only user.
type Clock interface {
	// Read returns the three kernel clocks, read together.
	Read() (clock.Reading, error)
	// SetFrequency makes the clock run faster by y than its oscillator (y > 0 speeds it up). It returns the value the
	// clock really took after rounding and clamping and the instant it took effect.
	SetFrequency(y clock.Ratio) (actual clock.Ratio, effective clock.Mono, err error)
	// Step adds by to CLOCK_REALTIME and begins a new Era.
	Step(by time.Duration) (clock.Era, error)
	// SetStatus tells the kernel how good its clock is; it keeps STA_UNSYNC from returning and must be repeated.
	SetStatus(clock.Status) error
}

// Mode is the state of the unit in the words of ITU-T G.810, with two of our own.
type Mode uint8

// The modes.
const (
	FreeRunning Mode = iota // no reference yet: the clock runs on its oscillator alone
	Acquiring               // ours: a labelled pulse is there and the loop settles
	Locked                  // the pulse steers the clock
	Holdover                // the pulse is gone: the clock coasts on what was learned
	Quarantine              // ours: the unit has evidence that it is wrong and serves nothing
)

var modeNames = [...]string{"free-running", "acquiring", "locked", "holdover", "quarantine"}

// String returns the name used in the API.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return "free-running"
}

// Bound is how wrong the clock may be at most, by cause; the parts add up linearly. All are half widths in seconds.
type Bound struct {
	Pulse     clock.Seconds `json:"pulse"`     // the loop: noise of the pulse, or what the oscillator may have done since
	Capture   clock.Seconds `json:"capture"`   // what is not known of the edge capture's latency
	Reference clock.Seconds `json:"reference"` // receiver, cable and realisation of UTC
}

// Total returns the sum of the parts.
func (b Bound) Total() clock.Seconds { return b.Pulse + b.Capture + b.Reference }

// Pulse is what Bound.Pulse is made of, by cause, in the order in which it is added up.
type Pulse struct {
	Offset       clock.Seconds `json:"offset"`       // of the clock, which is known and not removed yet
	State        clock.Seconds `json:"state"`        // 4 sigma of the filter's phase at the last accepted pulse
	Jitter       clock.Seconds `json:"jitter"`       // by which a density of the pulses' jitter that was learned wrong may shift the phase
	Oscillator   clock.Seconds `json:"oscillator"`   // 4 times what the crystal is expected to have strayed since that pulse
	Contradicted clock.Seconds `json:"contradicted"` // by pulses that were not believed, or had moved

	Core clock.Seconds `json:"core"` // no part of it: 1 sigma of the core of the pulses' jitter
}

// Total returns the sum of the parts.
func (p Pulse) Total() clock.Seconds {
	return p.Offset + p.State + p.Jitter + p.Oscillator + p.Contradicted
}

// Estimate is what the unit knows of its clock at one instant. It is immutable once published.
type Estimate struct {
	At     clock.Reading `json:"at"` // the instant it is true for; also the anchor by which readers detect a step or a suspend
	Mode   Mode          `json:"mode"`
	Reason string        `json:"reason"` // why the unit is not locked, or what is odd, in plain words; "" when all is well

	// HasOffset is false until a labelled pulse has been seen; Offset, Precision, Bound, Pulse and Growth mean nothing then.
	HasOffset bool          `json:"has_offset"`
	Offset    clock.Seconds `json:"offset"`     // local minus reference, best estimate, capture bias removed
	Precision clock.Seconds `json:"precision"`  // 1 sigma of Offset within the loop
	Bias      clock.Seconds `json:"bias"`       // declared latency of the capture that has been removed
	BiasSigma clock.Seconds `json:"bias_sigma"` // 1 sigma of it
	Bound     Bound         `json:"bound"`      // contains |local - UTC|
	Pulse     Pulse         `json:"pulse"`      // what Bound.Pulse is made of
	Growth    clock.Ratio   `json:"growth"`     // how fast Bound grows after At, until the next Estimate

	Frequency      clock.Ratio `json:"frequency"`       // of the undisciplined oscillator; valid when HasFrequency
	FrequencySigma clock.Ratio `json:"frequency_sigma"` // 1 sigma
	HasFrequency   bool        `json:"has_frequency"`
	Steering       clock.Ratio `json:"steering"` // what the clock was last told, + is faster

	ModeSince  clock.Mono `json:"mode_since"`
	LastPulse  clock.Mono `json:"last_pulse"` // last accepted pulse; valid when HasOffset
	EverLocked bool       `json:"ever_locked"`

	Leap      clock.Leap    `json:"leap"`       // a leap second at the end of this UTC day
	LeapAt    timescale.UTC `json:"leap_at"`    // the midnight it takes effect at, 0 = none known
	TAIOffset int           `json:"tai_offset"` // TAI - UTC, 0 = unknown

	Until clock.Mono `json:"until,omitempty"` // from here on the second is in doubt and nothing is served; 0 = no end

	LeapDay LeapDay `json:"leap_day,omitzero"`
}

// LeapDay is the leap second that a smear from noon to noon is made of, or the question whether there is one: that of the
// midnight that ends this UTC day or, where there is none, of the one that began it. Zero is a day like any other.
type LeapDay struct {
	Leap   clock.Leap    `json:"leap"`
	At     timescale.UTC `json:"at"`
	Before int           `json:"before"` // TAI - UTC until At
	Open   bool          `json:"open"`   // two witnesses are needed and there are not
}
