package sim

import (
	"strconv"
	"strings"

	"timeball/gnss"
	"timeball/gnss/nmea"
	"timeball/gnss/ubx"
)

// sentenceOrder is the order in which the sentences of a second are sent; TXT is the state of the antenna.
var sentenceOrder = []string{"RMC", "GGA", "GSA", "GSV", "ZDA", "TXT"}

// usualSentences returns what is sent as delivered. u-blox' receivers don't say the year in four digits unless asked.
func (k Kind) usualSentences() map[string]int {
	s := map[string]int{"RMC": 1, "GGA": 1, "GSA": 1, "GSV": 1}
	switch {
	case k.casic():
		s["ZDA"], s["TXT"] = 1, 1
	case k == KindNMEA:
		s["ZDA"] = 1
	}
	return s
}

// sees says whether the device receives a system, by its talker.
func (d *Device) sees(talker string) bool {
	switch d.cfg.Kind {
	case KindUBX6, KindUBX7, KindMTK:
		return talker == "GP"
	case KindCASIC1:
		return talker == "GP" && d.set.systems&nmea.PCASGPS != 0 || talker == "GB" && d.set.systems&nmea.PCASBeiDou != 0
	case KindCASIC2:
		return talker == "GA" || talker == "GP" && d.set.systems&nmea.PCASGPS != 0 || talker == "GB" && d.set.systems&nmea.PCASBeiDou != 0
	}
	return true
}

const allSystems = nmea.PCASGPS | nmea.PCASBeiDou | nmea.PCASGLONASS

// look returns what the device sees of every system that it receives.
func (d *Device) look(m Moment) (sky []constellation) {
	for _, c := range d.talker.look(m) {
		if d.sees(c.talker) {
			sky = append(sky, c)
		}
	}
	return sky
}

// sentence makes the sentences of a kind.
func (d *Device) sentence(kind string, m Moment, say func([]byte)) {
	talker := "GN"
	if !d.sees("GB") && !d.cfg.Kind.casic() {
		talker = "GP"
	}
	if kind == "TXT" {
		say(nmea.AppendTXT(nil, "GP", "ANTENNA "+antennaWord(m.Antenna)))
		return
	}
	say(d.talker.append(nil, kind, talker, m, d.sky))
}

func antennaWord(a gnss.Antenna) string {
	if a == gnss.AntennaUnknown {
		return "INIT"
	}
	return strings.ToUpper(a.String())
}

// banner returns the texts of a start.
func (d *Device) banner() (b []byte) {
	if d.cfg.Kind == KindMTK {
		return nmea.AppendSentence(nmea.AppendSentence(nil, "PMTK011,MTKGPS"), "PMTK010,001")
	}
	for _, line := range d.cfg.Kind.texts() {
		talker := "GN"
		if d.cfg.Kind.casic() {
			talker = "GP"
		}
		b = nmea.AppendTXT(b, talker, line)
	}
	return b
}

// texts are what a kind says of itself at its start, as such receivers were recorded.
func (k Kind) texts() []string {
	switch {
	case k.casic():
		return []string{"MA=CASIC", "IC=" + casicChips[k], "SW=" + casicFirmware[k], "TB=2020-03-26,13:25:12", "MO=GB"}
	case k.ubx():
		v := ubxVersions[k]
		lines := []string{"u-blox AG - www.u-blox.com", "HW " + ubxChips[k] + " " + v.HwVersion, v.SwVersion}
		return append(lines, v.Extensions...)
	}
	return []string{"GNSS receiver"}
}

// obeyText does what a sentence asks for: PCAS of CASIC, PUBX of u-blox, PMTK of MediaTek.
func (d *Device) obeyText(sentence string) {
	body, _, _ := strings.Cut(strings.TrimPrefix(sentence, "$"), "*")
	f := strings.Split(body, ",")
	switch {
	case d.cfg.Kind.casic() && strings.HasPrefix(f[0], "PCAS"):
		d.obeyPCAS(f[0], f[1:])
	case d.cfg.Kind.ubx() && f[0] == "PUBX" && len(f) > 1:
		d.obeyPUBX(f[1], f[2:])
	case d.cfg.Kind == KindMTK && strings.HasPrefix(f[0], "PMTK"):
		d.obeyPMTK(strings.TrimPrefix(f[0], "PMTK"), f[1:])
	}
}

// number returns field i of a command, -1 where it is empty or none.
func number(f []string, i int) int {
	if i >= len(f) {
		return -1
	}
	n, err := strconv.Atoi(f[i])
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// bauds are the rates in the order of PCAS01.
var bauds = []int{4800, 9600, 19200, 38400, 57600, 115200}

// pcasSentences are the fields of PCAS03 that are simulated; ANT is sent as TXT.
var pcasSentences = []string{"GGA", "GLL", "GSA", "GSV", "RMC", "VTG", "ZDA", "TXT"}

// obeyPCAS does what a command of CASIC's text protocol asks for. Only questions are answered.
func (d *Device) obeyPCAS(address string, f []string) {
	n := number(f, 0)
	switch address {
	case "PCAS00":
		d.saves++
	case "PCAS01":
		if n >= 0 && n < len(bauds) {
			d.change(bauds[n])
		}
	case "PCAS02":
		if n >= 100 && n <= 1000 {
			d.set.interval = n
		}
	case "PCAS03":
		for i, kind := range pcasSentences {
			if rate := number(f, i); rate >= 0 && rate <= 9 {
				d.set.sentences[kind] = rate
			}
		}
	case "PCAS04":
		if n > 0 && n <= allSystems {
			d.set.systems = n
		}
	case "PCAS06":
		d.introduce(n)
	case "PCAS10":
		d.restart()
	}
}

// introduce answers PCAS06.
func (d *Device) introduce(what int) {
	answers := map[int]string{
		nmea.PCASFirmware: "SW=" + casicFirmware[d.cfg.Kind],
		nmea.PCASHardware: "HW=" + casicModules[d.cfg.Kind] + ",0001090405872",
		nmea.PCASMode:     "MO=GB",
	}
	if answer, ok := answers[what]; ok {
		d.reply(nmea.AppendTXT(nil, "GP", answer))
	}
}

// pmtkSentences are the places in PMTK314 of the sentences that are simulated.
var pmtkSentences = map[string]int{"GLL": 0, "RMC": 1, "VTG": 2, "GGA": 3, "GSA": 4, "GSV": 5, "GST": 7, "ZDA": 17}

// obeyPMTK does what a command of MediaTek's packet list asks for and says whether it was done: 3 yes, 2 it could not be,
// 1 there is no such command.
func (d *Device) obeyPMTK(command string, f []string) {
	done, n := 3, number(f, 0)
	switch command {
	case "101", "102", "103", "104":
		d.restart()
		return
	case "605":
		d.reply(nmea.AppendSentence(nil, "PMTK705,AXN_2.31_3339_13101700,5632,PA6H,1.0"))
		return
	case "251":
		if n == 0 {
			n = d.cfg.Baud
		}
		if possible(n) {
			d.change(n)
		}
		return
	case "220":
		if n < 100 || n > 10_000 {
			done = 2
		} else {
			d.set.interval = n
		}
	case "314":
		d.ratesPMTK(f)
	default:
		done = 1
	}
	d.reply(nmea.AppendSentence(nil, "PMTK001,"+command+","+strconv.Itoa(done)))
}

// ratesPMTK sets how often sentences are sent; -1 is as delivered.
func (d *Device) ratesPMTK(f []string) {
	if len(f) > 0 && f[0] == "-1" {
		d.set.sentences = d.cfg.Kind.usualSentences()
		return
	}
	for kind, i := range pmtkSentences {
		if rate := number(f, i); rate >= 0 && rate <= 5 {
			d.set.sentences[kind] = rate
		}
	}
}

// obeyPUBX answers a request for 00, the position, and does what 40, the rate of a sentence, and 41, the port, ask for;
// these are not answered.
func (d *Device) obeyPUBX(number string, f []string) {
	if number == "00" && len(f) == 0 && d.set.text {
		d.reply(d.pubxPosition())
	}
	switch {
	case number == "40" && len(f) >= 3: // sentence, then the rates on DDC and on UART 1
		if rate, err := strconv.ParseUint(f[2], 10, 8); err == nil && has(ubxSentences, f[0]) {
			d.set.sentences[f[0]] = int(rate)
		}
	case number == "41" && len(f) >= 4 && f[0] == "1": // port, protocols in and out, rate
		out, err := strconv.ParseUint(f[2], 16, 16)
		baud, err2 := strconv.Atoi(f[3])
		if err == nil && err2 == nil && possible(baud) {
			d.protocols(uint16(out))
			d.change(baud)
		}
	}
}

// pubxPosition makes PUBX,00 with the fields that GGA has as well.
func (d *Device) pubxPosition() []byte {
	gga := strings.Split(string(d.talker.append(nil, "GGA", "GP", d.last, d.sky)), ",")
	state := "G3"
	if !d.last.Fix {
		state = "NF"
	}
	used := strings.TrimPrefix(gga[7], "0")
	place := strings.Join(gga[1:6], ",")
	return nmea.AppendSentence(nil, "PUBX,00,"+place+",92.4,"+state+",1.5,2.2,0.01,0.00,0.000,,0.80,1.10,0.60,"+used+",0,0")
}

// has says whether a kind of sentence is in a table.
func has[T comparable](sentences map[T]string, kind string) bool {
	for _, s := range sentences {
		if s == kind {
			return true
		}
	}
	return false
}

// protocols sets what is sent from a mask of UBX's CFG-PRT.
func (d *Device) protocols(out uint16) {
	d.set.binary, d.set.text = out&ubx.ProtoUBX != 0, out&ubx.ProtoNMEA != 0
}

// possible says whether a UART can have a rate.
func possible(baud int) bool { return baud >= 4800 && baud <= 921600 }
