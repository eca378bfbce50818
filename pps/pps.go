// Package pps holds what passes between the capture of a pulse and the loop.
//
// An edge is an interval on CLOCK_MONOTONIC that contains the electrical edge of the pulse as far as the capture knows:
// a kernel time stamp, a polled bracket and a hardware clock's cross-stamp differ only in the width of it. Offsets are
// seconds, local minus reference: positive means that the local clock is ahead.
package pps

import (
	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// Edge is one captured pulse.
type Edge struct {
	Source   string     `json:"source"` // "gpio", "pps", "sim"
	Seq      uint64     `json:"seq"`    // counts every edge of the source; a gap is a lost edge
	Earliest clock.Mono `json:"earliest"`
	Latest   clock.Mono `json:"latest"`
}

// Middle returns the middle of the interval, rounded towards Earliest.
func (e Edge) Middle() clock.Mono { return e.Earliest + (e.Latest-e.Earliest)/2 }

// Width returns the length of the interval in seconds.
func (e Edge) Width() clock.Seconds { return e.Latest.Sub(e.Earliest) }

// Measurement is an edge with its second: where the local clock stood when the reference said UTC.
type Measurement struct {
	Seq    uint64        `json:"seq"`
	At     clock.Mono    `json:"at"`     // middle of the edge
	UTC    timescale.UTC `json:"utc"`    // the second the edge marks
	Offset clock.Seconds `json:"offset"` // CLOCK_REALTIME at the edge minus UTC; capture bias not yet removed
	Width  clock.Seconds `json:"width"`  // of the edge

	// Quantisation is what the receiver said of this very pulse where HasQuantisation: by how much its clock could not
	// place it, in seconds and with the sign as sent. u-blox's is to be added to the time of the pulse, so that the pulse of
	// a positive one comes early; makers do not agree.
	Quantisation    clock.Seconds `json:"quantisation,omitempty"`
	HasQuantisation bool          `json:"has_quantisation,omitempty"`
}
