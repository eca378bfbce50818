// Package nmea decodes the NMEA 0183 sentences (IEC 61162-1) that a time server needs: RMC, ZDA, GGA, GNS, GSA, GSV, GST,
// GBS, GRS and TXT of any talker, and of makers' own PUBX (u-blox), PQGSV and PQGSA (Quectel's BeiDou), PGTOP and PCD
// (MediaTek's antenna). It encodes what the simulated receiver says and the commands PUBX and PCAS of set-up.
//
// go-nmea parses GNS, GSA and GSV; before it does, what receivers really send is made acceptable to it (absent and
// proprietary fields, hexadecimal signal ids). The sentences that come every second and decide about time are read here,
// which is five times as fast, and so are those that go-nmea does not know. Everything that is used is checked here,
// dates and times from the text itself. Years always get four digits from a parameter, from ZDA or from a week number,
// never from the clock of this machine.
//
// Angles are degrees, lengths metres, C/N0 dB-Hz. A sentence that cannot be true is refused with an error of type
// *Refused, which is never a panic; a sentence of another type, or one that is empty as before the first fix, is no
// error and reports nothing.
package nmea

import (
	"strings"

	nmea "github.com/adrianmo/go-nmea"

	"timeball/gnss"
	"timeball/gnss/banner"
	"timeball/gnss/scan"
	"timeball/gnss/timescale"
)

// Refused says why a sentence was not used.
type Refused = gnss.Refused

// The reasons for which a sentence is refused.
const (
	ReasonProtocol = gnss.ReasonProtocol
	ReasonChecksum = gnss.ReasonChecksum
	ReasonFields   = gnss.ReasonFields
	ReasonTime     = gnss.ReasonTime
	ReasonDate     = gnss.ReasonDate
	ReasonPosition = gnss.ReasonPosition
	ReasonPanic    = gnss.ReasonPanic
)

// Decoder turns sentences of one receiver into reports. It remembers what several sentences tell together: whether
// there is a fix, the century, and the satellites. Its memory is bounded. Use NewDecoder.
type Decoder struct {
	parser   nmea.SentenceParser
	fields   []string
	mark     gnss.TimeMark // of the sentence that is being decoded
	sent     sent          // by it
	first    int           // two-digit years lie in first..first+99
	fullYear int           // of the last valid ZDA; 0 = none
	fixes    fixes
	sky      sky
	leap     int // GPS - UTC, as last told; 0 = never
	who      banner.Identity
}

// NewDecoder returns a Decoder that has heard nothing. Two-digit years are of 1980 to 2079.
func NewDecoder() *Decoder {
	d := &Decoder{first: 1980}
	d.parser = nmea.SentenceParser{
		ParsePrefix:    func(p string) (string, string, error) { return p[:2], p[2:], nil }, // of wanted addresses only
		CheckCRC:       func(nmea.BaseSentence, string) error { return nil },                // done by Decode, lower-case too
		OnBaseSentence: d.normalise,
	}
	return d
}

// SetFirstYear makes two-digit years lie in first to first+99, until a valid ZDA tells the century. It is about the
// century only: a date before the floor of a week rollover stays as it was sent.
func (d *Decoder) SetFirstYear(first int) { d.first = first }

// Receiver returns what the receiver told of itself in text or proprietary sentences, such as "u-blox NEO-M8N-0",
// and "" when it told nothing.
func (d *Decoder) Receiver() string { return d.who.String() }

// Identity returns the same as Receiver, to be weighed against what other protocols tell.
func (d *Decoder) Identity() banner.Identity { return d.who }

// Decode reports what p tells. An error is a *Refused.
func (d *Decoder) Decode(p scan.Packet) (gnss.Report, error) {
	if p.Protocol != scan.NMEA || len(p.Data) == 0 {
		return gnss.Report{}, &Refused{Protocol: "nmea", Reason: ReasonProtocol, Detail: p.Protocol.String()}
	}
	body, ok := verified(p.Data)
	if !ok {
		return gnss.Report{}, &Refused{Protocol: "nmea", Reason: ReasonChecksum, Detail: quote(p.Data)}
	}
	address, _, _ := strings.Cut(body, ",")
	d.who.Address(address)
	if p.Data[0] != '$' {
		return gnss.Report{}, nil
	}
	d.mark = gnss.TimeMark{Arrival: p.Arrival, End: p.End, Message: address}
	r, err := d.sentence(address, body)
	if err != nil {
		return gnss.Report{}, refusal(err, address, p.Data)
	}
	return r, nil
}

// sentence decodes by type; a sentence of another type tells nothing.
func (d *Decoder) sentence(address, body string) (gnss.Report, error) {
	if len(address) < 3 || !letter(address[0]) || !letter(address[1]) {
		return gnss.Report{}, nil
	}
	if address[0] == 'P' && address[1] != 'Q' {
		return d.proprietary(address, body)
	}
	if len(address) != 5 {
		return gnss.Report{}, nil
	}
	switch address[2:] {
	case nmea.TypeRMC:
		return d.rmc(d.split(body))
	case nmea.TypeZDA:
		return d.zda(d.split(body))
	case nmea.TypeGGA:
		return d.gga(d.split(body))
	case nmea.TypeTXT:
		return d.text(d.split(body))
	case "GST":
		return d.gst(d.split(body))
	case "GBS":
		return d.gbs(d.split(body))
	case "GRS":
		return d.grs(d.split(body))
	case nmea.TypeGNS, nmea.TypeGSA, nmea.TypeGSV:
		s, err := d.parse(body)
		if err != nil {
			return gnss.Report{}, err
		}
		return d.report(s)
	}
	return gnss.Report{}, nil
}

// maxFields is the most fields that are told apart; PUBX,03 of 40 satellites has 243.
const maxFields = 512

// split returns the fields behind the address, valid until the next sentence.
func (d *Decoder) split(body string) []string {
	d.fields = d.fields[:0]
	_, rest, more := strings.Cut(body, ",")
	for more && len(d.fields) < maxFields {
		var f string
		f, rest, more = strings.Cut(rest, ",")
		d.fields = append(d.fields, f)
	}
	return d.fields
}

// verified returns what is between the first byte and the checksum. The last '*' whose digits agree ends it.
func verified(b []byte) (string, bool) {
	for len(b) > 0 && (b[len(b)-1] == '\r' || b[len(b)-1] == '\n') {
		b = b[:len(b)-1]
	}
	n := len(b) - 3
	if n < 1 || b[n] != '*' {
		return "", false
	}
	var sum byte
	for _, c := range b[1:n] {
		sum ^= c
	}
	hi, lo := digit(b[n+1]), digit(b[n+2])
	return string(b[1:n]), hi < 16 && lo < 16 && hi<<4|lo == sum
}

// digit returns the value of a hexadecimal digit, 255 for anything else.
func digit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}

func letter(c byte) bool { return 'A' <= c && c <= 'Z' }

// parse is go-nmea with its panics turned into errors.
func (d *Decoder) parse(body string) (s nmea.Sentence, err error) {
	defer func() {
		if v := recover(); v != nil {
			s, err = nil, &Refused{Reason: ReasonPanic}
		}
	}()
	return d.parser.Parse("$" + body + "*00")
}

func refusal(err error, address string, raw []byte) *Refused {
	r, ok := err.(*Refused)
	if !ok {
		r = &Refused{Reason: ReasonFields}
	}
	r.Protocol, r.Message, r.Detail = "nmea", banner.Clean(address), quote(raw)
	return r
}

// quote returns a short printable form of a sentence.
func quote(b []byte) string { return banner.Clean(string(b[:min(len(b), 90)])) }

// report checks what go-nmea parsed and turns it into what it tells.
func (d *Decoder) report(s nmea.Sentence) (gnss.Report, error) {
	switch m := s.(type) {
	case nmea.GNS:
		return d.gns(m)
	case nmea.GSA:
		return d.gsa(m)
	case nmea.GSV:
		sky, err := d.sky.gsv(m, d.mark.Arrival)
		return gnss.Report{Sky: sky}, err
	}
	return gnss.Report{}, &Refused{Reason: ReasonFields}
}

// stamp returns d.mark with the instant of the date and the time that was sent.
func (d *Decoder) stamp(year, month, day int) (*gnss.TimeMark, error) {
	t := d.sent.time
	at, err := timescale.Civil{
		Year: year, Month: month, Day: day,
		Hour: t.hour, Minute: t.minute, Second: t.second, Nanosecond: t.nanosecond,
	}.UTC()
	if err != nil {
		return nil, &Refused{Reason: gnss.ReasonOf(err)}
	}
	m := d.mark
	m.UTC, m.Leap60 = at, t.second == 60
	return &m, nil
}
