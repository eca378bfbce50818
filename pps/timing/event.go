package timing

import (
	"timeball/gnss"
	"timeball/gnss/timescale"
	"timeball/pps"
	"timeball/pps/clock"
)

// Kind says which of an Event's values is meant.
type Kind string

// The kinds of events the Engine takes.
const (
	KindBytes       Kind = "bytes"        // Bytes arrived at At (the first of them)
	KindEdge        Kind = "edge"         // Edge was captured
	KindReport      Kind = "report"       // an already decoded Report, from a simulation that skips the bytes
	KindTemperature Kind = "temperature"  // Value is the SoC's temperature in degrees Celsius
	KindUtilisation Kind = "utilisation"  // Value is the processor's utilisation, 0..1
	KindWitness     Kind = "witness"      // Text names another clock that read UTC at At, good to Value seconds
	KindLeapSeconds Kind = "leap-seconds" // Bytes are a list of leap seconds as IERS publishes it
	KindPort        Kind = "port"         // Text is the state of the serial line in words; "" = open and well
	KindCapture     Kind = "capture"      // Text is the state of the pulse's capture in words; "" = open and well
	KindTick        Kind = "tick"         // 4 Hz
)

// Event is everything that can reach the Engine. It is plain data: a recording is a list of them.
type Event struct {
	Kind   Kind         `json:"kind"`
	At     clock.Mono   `json:"at"`
	Bytes  []byte       `json:"bytes,omitempty"`
	Baud   int          `json:"baud,omitempty"` // of the line, with KindBytes; 0 = not known
	Edge   *pps.Edge    `json:"edge,omitempty"`
	Report *gnss.Report `json:"report,omitempty"`
	Value  float64      `json:"value,omitempty"`
	Text   string       `json:"text,omitempty"`

	// Where names what is open, with KindPort and KindCapture: "NMEA on ttyAMA0 at 9600 baud", "GPIO 18".
	Where string `json:"where,omitempty"`

	// UTC is what the witness read; with KindEdge the second it marks, where its source knows that by itself.
	UTC timescale.UTC `json:"utc,omitempty"`
	// Leap is the leap second at the end of its day that a witness announces.
	Leap clock.Leap `json:"leap,omitempty"`
}
