// Package decode turns the packets of a receiver into reports, whichever of the protocols each of them is in: NMEA, UBX
// and CASIC may share one line. RTCM 3 has nothing that a time server needs and reports nothing.
//
// A packet that cannot be true is refused with a *gnss.Refused, counted by the caller under its Reason.
package decode

import (
	"timeball/gnss"
	"timeball/gnss/banner"
	"timeball/gnss/casic"
	"timeball/gnss/nmea"
	"timeball/gnss/scan"
	"timeball/gnss/ubx"
)

// Decoder decodes what one receiver sends. Use New.
type Decoder struct {
	nmea  *nmea.Decoder
	ubx   *ubx.Decoder
	casic *casic.Decoder
}

// New returns a Decoder that has heard nothing.
func New() *Decoder {
	return &Decoder{nmea: nmea.NewDecoder(), ubx: ubx.NewDecoder(), casic: casic.NewDecoder()}
}

// SetFirstYear makes the two-digit years of NMEA lie in first to first+99, until a four-digit year was valid.
func (d *Decoder) SetFirstYear(first int) { d.nmea.SetFirstYear(first) }

// Decode reports what p tells. An error is a *gnss.Refused.
func (d *Decoder) Decode(p scan.Packet) (gnss.Report, error) {
	switch p.Protocol {
	case scan.NMEA:
		return d.nmea.Decode(p)
	case scan.UBX:
		return d.ubx.Decode(p)
	case scan.CASIC:
		return d.casic.Decode(p)
	}
	return gnss.Report{}, nil
}

// Receiver returns what the receiver told of itself, such as "u-blox NEO-M8T-0", by the protocol that told most, and ""
// when it told nothing.
func (d *Decoder) Receiver() string {
	best := d.nmea.Identity()
	for _, id := range []banner.Identity{d.ubx.Identity(), d.casic.Identity()} {
		if id.Known() > best.Known() {
			best = id
		}
	}
	return best.String()
}
