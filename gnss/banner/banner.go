// Package banner reads what receivers say in plain text, in whatever protocol it comes: who they are and how their
// antenna is. It knows the texts of u-blox (generations 4 to 10), CASIC, Unicore and others as they were recorded.
//
// Nothing here fails: a text that is not known tells nothing.
package banner

import (
	"strings"

	"timeball/gnss"
)

// maxText is the longest text that is reported; an NMEA sentence of 82 characters has room for 61.
const maxText = 200

// Clean replaces everything but printable ASCII by '.'.
func Clean(s string) string {
	plain := true
	for i := range len(s) {
		plain = plain && ' ' <= s[i] && s[i] <= '~'
	}
	if plain {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, s)
}

// Line returns s as a line of text that can be shown: clean, without spaces around it, of bounded length.
func Line(s string) string {
	s = Clean(strings.TrimSpace(s))
	return s[:min(len(s), maxText)]
}

// antennas are what a line about the antenna begins with: u-blox, CASIC and Unicore.
var antennas = []string{"ANTSTATUS=", "ANTENNA ", "ANT_"}

// Antenna returns the state of the antenna that a line tells, and whether it tells one.
func Antenna(line string) (gnss.Antenna, bool) {
	for _, prefix := range antennas {
		state, ok := strings.CutPrefix(line, prefix)
		if !ok {
			continue
		}
		state, _, _ = strings.Cut(strings.TrimSpace(state), " ")
		switch state {
		case "OK":
			return gnss.AntennaOK, true
		case "OPEN":
			return gnss.AntennaOpen, true
		case "SHORT":
			return gnss.AntennaShort, true
		case "INIT", "DONTKNOW":
			return gnss.AntennaUnknown, true
		}
	}
	return gnss.AntennaUnknown, false
}

// Identity is what a receiver told of itself.
type Identity struct {
	maker string // by the address of its own sentences, or by name
	model string // the module
	chip  string // used where the module is not told
}

// String returns maker and model.
func (id Identity) String() string {
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

// Maker learns the maker where nothing was told of one before.
func (id *Identity) Maker(name string) {
	if id.maker == "" {
		id.maker = name
	}
}

// Model learns the name of the module.
func (id *Identity) Model(name string) { id.model = name }

// Chip learns the name of the chip or its generation, which is shown where the module is not told.
func (id *Identity) Chip(name string) { id.chip = name }

// Known returns how much is known: 0 nothing, 1 the maker, 2 the chip, 3 the module.
func (id Identity) Known() int {
	switch {
	case id.model != "":
		return 3
	case id.chip != "":
		return 2
	case id.maker != "":
		return 1
	}
	return 0
}

// Address learns from the address of any NMEA sentence.
func (id *Identity) Address(address string) {
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

// Text learns from a line of text.
func (id *Identity) Text(line string) {
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
