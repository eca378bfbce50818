// Package precision is the run of the daemon as it ships on the kernel that the card ships: pulses come as interrupts of a
// GPIO chip, sentences over a pseudo-terminal, CLOCK_REALTIME is steered by clock_adjtime(2), and all of it is held against
// a truth that the daemon can't see.
//
// The machine is emulated by QEMU and counts instructions for time (-icount), so that neither the load of the machine the
// test runs on nor its speed is in any figure. The local oscillator is the guest's counter; what is off from it is the
// truth: a simulated world says, second by second, where truth is on the counter, when pulses come and what the receiver
// says. Offsets are local minus truth.
//
// It is a bench for the daemon against the kernel's interface, and says nothing of a certain board's interrupts.
package precision

import (
	"time"

	"timeball/board/sim"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// ScenarioFile is where the guest finds its Scenario, ConfigFile where the daemon finds its configuration.
const (
	ScenarioFile = "/scenario.json"
	ConfigFile   = "/timeball.toml"
)

// Scenario is what is played in the guest.
type Scenario struct {
	Model  string        `json:"model"` // of oscillator and pulse
	Seed   uint64        `json:"seed"`
	Start  timescale.UTC `json:"start"` // truth at the beginning
	For    time.Duration `json:"for"`
	E0     time.Duration `json:"e0"` // CLOCK_REALTIME minus truth at the beginning
	Y0     clock.Ratio   `json:"y0"`
	Faults []sim.Fault   `json:"faults"`
	Flood  Flood         `json:"flood"`

	// Steer is another play: the clock is steered through pps/sysclock alone, and looked at. Nothing else of the Scenario but
	// Start is used then.
	Steer bool `json:"steer"`

	// Modules are files of kernel modules, xz-compressed, to be loaded in this order.
	Modules []string `json:"modules"`
	// PulseLine is the line of the GPIO chip that carries the pulse.
	PulseLine int `json:"pulse_line"`
	// Witness is the UDP port of an NTP server in the guest that serves truth; 0: there is none.
	Witness int `json:"witness"`
	// LookEvery is how many seconds there are to a sample.
	LookEvery int `json:"look_every"`
	// AskEvery is between two questions to the daemon by an NTP client.
	AskEvery time.Duration `json:"ask_every"`
	// Daemon are the daemon's arguments.
	Daemon []string `json:"daemon"`
}

// Flood is a load of NTP requests from many addresses of the loopback network.
type Flood struct {
	At        time.Duration `json:"at"`
	For       time.Duration `json:"for"`
	PerSecond int           `json:"per_second"`
}

// Line is one line of what the guest reports; it has one of its parts.
type Line struct {
	Sample *Sample `json:"sample,omitempty"`
	Answer *Answer `json:"answer,omitempty"`
	Turn   *Turn   `json:"turn,omitempty"`
	Told   *Told   `json:"told,omitempty"`
	Log    string  `json:"log,omitempty"`   // of the daemon
	Ended  string  `json:"ended,omitempty"` // why the guest ends; "as planned"
	Late   int64   `json:"late,omitempty"`  // pulses that the guest could not bring in time, at its end
	Sent   int64   `json:"sent,omitempty"`  // requests of the flood, at its end
}

// Sample is a look at the clock.
type Sample struct {
	At    float64 `json:"at"`    // s of truth since the beginning
	Error int64   `json:"error"` // ns, CLOCK_REALTIME minus truth
	Width int64   `json:"width"` // ns, of the bracket that Error was read in

	// From the daemon's page, right after that.
	Mode    string  `json:"mode"`
	Leap    string  `json:"leap"`
	Stratum int     `json:"stratum"`
	Bound   float64 `json:"bound"` // s
	Pulse   float64 `json:"pulse"` // s, the part of Bound that is the loop's
	Reason  string  `json:"reason,omitempty"`

	// From the kernel, right before it.
	Status   uint32  `json:"status"` // STA_*
	State    int     `json:"state"`  // TIME_*
	MaxError float64 `json:"max_error"`
	TAI      int     `json:"tai"`
	PPM      float64 `json:"ppm"`
}

// Answer is what an NTP client has made of an answer, against truth.
type Answer struct {
	At       float64 `json:"at"`
	Trouble  string  `json:"trouble,omitempty"` // why there is none
	Offset   int64   `json:"offset"`            // ns, served minus truth
	Width    int64   `json:"width"`             // ns, of question and answer: Offset is good to half of it
	Leap     int     `json:"leap"`
	Stratum  int     `json:"stratum"`
	Distance float64 `json:"distance"` // s, root delay / 2 + root dispersion as the server said
	RefID    string  `json:"refid"`
}

// Turn is what became of a frequency.
type Turn struct {
	Set      float64 `json:"set"`      // the ratio asked for
	Took     float64 `json:"took"`     // by the kernel, as it says
	Measured float64 `json:"measured"` // of CLOCK_REALTIME against the counter
	Over     float64 `json:"over"`     // s
	After    float64 `json:"after"`    // s from the call to the beginning of that
	Jump     float64 `json:"jump"`     // s by which the clock is ahead of what the frequencies before and after make of it
}

// Told is what the kernel says of its clock after it was told something.
type Told struct {
	What     string  `json:"what"`
	Moved    float64 `json:"moved"` // s by which CLOCK_REALTIME has moved against the counter, frequencies taken off
	Status   uint32  `json:"status"`
	State    int     `json:"state"`
	MaxError float64 `json:"max_error"` // s
	EstError float64 `json:"est_error"` // s
	TAI      int     `json:"tai"`
	Ratio    float64 `json:"ratio"`
	Era      uint32  `json:"era"`
}
