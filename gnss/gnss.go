// Package gnss holds what any receiver tells, whatever it speaks: time marks, fixes, satellites and leap second notices.
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
	Altitude       float64    `json:"alt"`  // metres above mean sea level; NaN-free, 0 when HasPosition is false
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
}

// Text is a line of plain text from the receiver, such as its version or its antenna's state.
type Text struct {
	Arrival clock.Mono `json:"arrival"`
	Text    string     `json:"text"` // printable ASCII; anything else has been replaced by '.'
}

// Report is what one packet told. What is nil was not in it.
type Report struct {
	Mark *TimeMark
	Fix  *Fix
	Sky  *Satellites
	Leap *LeapNotice
	Text *Text
}
