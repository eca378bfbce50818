package nmea

import (
	"strings"

	nmea "github.com/adrianmo/go-nmea"

	"timeball/gnss"
	"timeball/gnss/banner"
)

// text is a TXT sentence.
type text struct {
	nmea.BaseSentence
	line string
}

// parseTXT stands in for go-nmea's parser, which panics on a TXT of less than four fields. The text is the fourth field
// and what follows it; some receivers send the text alone.
func parseTXT(s nmea.BaseSentence) (nmea.Sentence, error) {
	f := s.Fields
	if len(f) >= 4 && digits(f[0]) && digits(f[1]) {
		f = f[3:]
	} else if len(f) > 0 && digits(f[0]) {
		return nil, &Refused{Reason: ReasonFields}
	}
	t := text{s, strings.TrimSpace(strings.Join(f, nmea.FieldSep))}
	if t.line == "" {
		return nil, &Refused{Reason: ReasonFields}
	}
	return t, nil
}

func (d *Decoder) text(t text) (gnss.Report, error) {
	line := banner.Line(t.line)
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
