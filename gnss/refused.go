package gnss

import (
	"errors"

	"timeball/gnss/timescale"
)

// Refused is the error of every decoder: why a packet was not used.
type Refused struct {
	Protocol string // "nmea", "ubx" or "casic"
	Reason   string // one of the Reason constants: a key to count by
	Message  string // the type of the message, "GNRMC", "NAV-PVT"
	Detail   string // what was seen, printable
}

// The reasons for which a packet is refused.
const (
	ReasonProtocol = "protocol" // not a packet of the decoder's protocol
	ReasonChecksum = "checksum" // no checksum or a wrong one
	ReasonFields   = "fields"   // fields are missing or not what they should be
	ReasonTime     = "time"     // no such time of day
	ReasonDate     = "date"     // no such date
	ReasonPosition = "position" // no such place
	ReasonPanic    = "panic"    // the parser broke on it
)

func (r *Refused) Error() string {
	return r.Protocol + ": " + r.Reason + ": " + r.Message + ": " + r.Detail
}

// ReasonOf returns the reason for which a date and time of day is refused, from the error of timescale.
func ReasonOf(err error) string {
	if errors.Is(err, timescale.ErrTime) {
		return ReasonTime
	}
	return ReasonDate
}
