package nmea

import (
	"strings"

	nmea "github.com/adrianmo/go-nmea"

	"timeball/gnss"
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

// maxText is the longest text that is reported; a sentence of 82 characters has room for 61.
const maxText = 200

func (d *Decoder) text(t text) (gnss.Report, error) {
	line := clean(t.line)
	line = line[:min(len(line), maxText)]
	d.who.text(line)
	return gnss.Report{Text: &gnss.Text{Arrival: d.mark.Arrival, Text: line}}, nil
}

// identity is what a receiver told of itself.
type identity struct {
	maker string // by the address of its own sentences, or by name
	model string // the module
	chip  string // used where the module is not told
}

// String returns maker and model.
func (id identity) String() string {
	model := id.model
	if model == "" {
		model = id.chip
	}
	return strings.TrimSpace(id.maker + " " + model)
}

// makers have the first letters of the addresses of proprietary sentences.
var makers = []struct{ prefix, name string }{
	{"PUBX", "u-blox"},
	{"PCAS", "CASIC"},
	{"PMTK", "MediaTek"},
	{"PQ", "Quectel"},
	{"PSTI", "SkyTraq"},
	{"PSRF", "SiRF"},
	{"PGLOR", "Broadcom"},
	{"PERD", "Furuno"},
	{"PSTM", "STMicroelectronics"},
	{"PAIR", "Airoha"},
	{"PGRM", "Garmin"},
	{"PTNL", "Trimble"},
	{"PMOTG", "Motorola"},
}

// address learns from the address of any sentence.
func (id *identity) address(address string) {
	if id.maker != "" || address == "" || address[0] != 'P' {
		return
	}
	for _, m := range makers {
		if strings.HasPrefix(address, m.prefix) {
			id.maker = m.name
			return
		}
	}
}

// texts are what lines of text begin with, and what is told by them: lead and the next word are the name of the module
// or of its chip. The first ones are of u-blox (generations 5 to 10), the others of CASIC receivers.
var texts = []struct {
	prefix, maker, lead string
	chip                bool
}{
	{"MOD=", "u-blox", "", false},
	{"MOD ", "u-blox", "", false},
	{"HW UBX-", "u-blox", "UBX-", true},
	{"HW  UBX-", "u-blox", "UBX-", true},
	{"IC=", "CASIC", "", true},
	{"HW=", "CASIC", "", false},
}

// text learns from a line of text.
func (id *identity) text(line string) {
	switch {
	case strings.Contains(line, "u-blox"):
		id.maker = "u-blox"
	case strings.Contains(line, "CASIC"):
		id.maker = "CASIC"
	}
	for _, t := range texts {
		rest, ok := strings.CutPrefix(line, t.prefix)
		if !ok {
			continue
		}
		word, _, _ := strings.Cut(strings.TrimSpace(rest), ",")
		word, _, _ = strings.Cut(word, " ")
		if word == "" {
			return
		}
		id.maker = t.maker
		if t.chip {
			id.chip = t.lead + word
		} else {
			id.model = t.lead + word
		}
		return
	}
}
