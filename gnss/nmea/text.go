package nmea

import (
	"strings"

	"timeball/gnss"
	"timeball/gnss/banner"
)

// text is a TXT sentence: the text is the fourth field and what follows it; some receivers send the text alone.
func (d *Decoder) text(f []string) (gnss.Report, error) {
	if len(f) >= 4 && digits(f[0]) && digits(f[1]) {
		f = f[3:]
	} else if len(f) > 0 && digits(f[0]) {
		f = nil
	}
	line := banner.Line(strings.Join(f, ","))
	if line == "" {
		return gnss.Report{}, &Refused{Reason: ReasonFields}
	}
	d.who.Text(line)
	r := gnss.Report{Text: &gnss.Text{Arrival: d.mark.Arrival, Text: line}}
	if antenna, ok := banner.Antenna(line); ok {
		r.Health = d.antenna(antenna)
	}
	return r, nil
}

// antenna is a report of nothing but the antenna's state.
func (d *Decoder) antenna(a gnss.Antenna) *gnss.Health {
	return &gnss.Health{Arrival: d.mark.Arrival, Message: d.mark.Message, Antenna: a, Tone: -1, Gain: -1}
}
