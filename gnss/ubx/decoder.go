package ubx

import (
	"strings"

	"timeball/gnss"
	"timeball/gnss/banner"
	"timeball/gnss/scan"
	"timeball/gnss/timescale"
	"timeball/gnss/wire"
	"timeball/pps/clock"
)

// Decoder turns the frames of one receiver into reports. It remembers what several messages tell together: whether
// there is a fix, the leap second count, and who the receiver is. Its memory is bounded. Use NewDecoder.
type Decoder struct {
	id      ID
	frame   []byte
	arrival clock.Mono
	end     clock.Mono
	payload []byte

	fix     epochFix
	place   NavPOSLLH
	placed  bool
	used    int // satellites of the last view; -1 = none yet
	hasPVT  bool
	hasSAT  bool
	leap    gnss.LeapNotice
	offset  int // GPS - UTC in seconds, where it is known
	counted bool
	who     banner.Identity
	pvt     NavPVT // read into, so that a second of messages needs no memory
	sat     NavSAT
}

// epochFix is what the last message that has a status said of the fix, and for which time of week.
type epochFix struct {
	said bool
	ok   bool
	itow uint32
}

// NewDecoder returns a Decoder that has heard nothing.
func NewDecoder() *Decoder { return &Decoder{used: -1} }

// Receiver returns what the receiver told of itself, such as "u-blox NEO-M8T-0", and "" when it told nothing.
func (d *Decoder) Receiver() string { return d.who.String() }

// Identity returns the same as Receiver, to be weighed against what other protocols tell.
func (d *Decoder) Identity() banner.Identity { return d.who }

// Decode reports what p tells. An error is a *gnss.Refused.
func (d *Decoder) Decode(p scan.Packet) (gnss.Report, error) {
	if p.Protocol != scan.UBX || !framed(p.Data) {
		return gnss.Report{}, &gnss.Refused{Protocol: "ubx", Reason: gnss.ReasonProtocol, Detail: p.Protocol.String()}
	}
	d.id, d.frame, d.arrival, d.end = FrameID(p.Data), p.Data, p.Arrival, p.End
	d.payload = p.Data[header : len(p.Data)-2]
	if len(d.payload) == 0 { // a request
		return gnss.Report{}, nil
	}
	d.who.Maker("u-blox")
	r, err := d.report()
	d.frame, d.payload = nil, nil
	return r, err
}

// report decodes by type.
func (d *Decoder) report() (gnss.Report, error) {
	switch d.id {
	case IDNavPVT:
		return d.navPVT()
	case IDNavSOL:
		return d.navSOL()
	case IDNavSTATUS:
		return d.navSTATUS()
	case IDNavPOSLLH:
		return gnss.Report{}, d.navPOSLLH()
	case IDNavTIMEUTC:
		return d.navTIMEUTC()
	case IDNavTIMEGPS:
		return d.navTIMEGPS()
	case IDNavTIMEBDS:
		return d.navTIMEBDS()
	case IDNavTIMEGAL:
		return d.navTIMEGAL()
	case IDNavTIMELS:
		return d.navTIMELS()
	case IDNavSAT:
		return d.navSAT()
	case IDNavSVINFO:
		return d.navSVINFO()
	case IDTimTP:
		return d.timTP()
	}
	return d.state()
}

// state decodes what has nothing to do with time.
func (d *Decoder) state() (gnss.Report, error) {
	switch d.id {
	case IDNavCLOCK:
		return d.navCLOCK()
	case IDTimSVIN:
		return d.timSVIN()
	case IDNavSVIN:
		return d.navSVIN()
	case IDMonVER:
		return d.monVER()
	case IDMonHW:
		return d.monHW()
	case IDMonHW3:
		var m MonHW3
		return gnss.Report{}, d.read(&m)
	case IDMonRF:
		return d.monRF()
	case IDSecSIG:
		return d.secSIG()
	case IDInfERROR, IDInfWARNING, IDInfNOTICE:
		return d.inf()
	case IDAckACK, IDAckNAK:
		return d.ack()
	}
	return gnss.Report{}, nil
}

// read reads the payload into m.
func (d *Decoder) read(m Message) error {
	c := wire.Read(d.payload)
	m.fields(&c)
	return d.whole(&c)
}

// whole returns an error if the payload ended before its fields.
func (d *Decoder) whole(c *wire.Codec) error {
	if c.Short() {
		return d.refuse(gnss.ReasonFields)
	}
	return nil
}

func (d *Decoder) refuse(reason string) error { return refuse(d.id, reason, d.frame) }

// refused returns the error of the packet with an empty report.
func (d *Decoder) refused(reason string) (gnss.Report, error) { return gnss.Report{}, d.refuse(reason) }

// week is a week in milliseconds.
const week = 7 * 24 * 3600 * 1000

// note remembers whether there is a fix at a time of week.
func (d *Decoder) note(itow uint32, ok bool) { d.fix = epochFix{true, ok, itow} }

// vouched reports whether the receiver vouches for a time: a message for the same time, at most 2 s before, said that
// there is a fix. Where no message ever says so, the receiver's own estimate of its error decides: a clock that was kept
// by a battery is not known to a millisecond.
func (d *Decoder) vouched(itow, tAcc uint32) bool {
	if !d.fix.said {
		return tAcc <= 1e6
	}
	apart := (itow + week - d.fix.itow) % week
	return d.fix.ok && (apart <= 2000 || apart >= week-2000)
}

// usable reports whether a fix type of NavPVT, NavSTATUS or NavSOL is a fix, and its dimensions.
func usable(fixType, flags uint8) (ok bool, dimensions int) {
	if flags&FixOK == 0 {
		return false, 0
	}
	switch fixType {
	case 2:
		return true, 2
	case 3, 4:
		return true, 3
	case 5: // the place is known, only time is solved
		return true, 0
	}
	return false, 0
}

// degrees checks a place in 1e-7 degrees.
func degrees(lat, lon int32) (float64, float64, bool) {
	return float64(lat) * 1e-7, float64(lon) * 1e-7,
		-900_000_000 <= lat && lat <= 900_000_000 && -1_800_000_000 <= lon && lon <= 1_800_000_000
}

// newMark returns a mark of this packet. Accuracy 0xFFFFFFFF is not known.
func (d *Decoder) newMark(utc timescale.UTC, tAcc uint32) *gnss.TimeMark {
	m := &gnss.TimeMark{Arrival: d.arrival, End: d.end, UTC: utc, Message: d.id.String(), Century: true}
	if tAcc != 0xFFFFFFFF {
		m.Accuracy = clock.Seconds(tAcc) * 1e-9
	}
	return m
}

func (d *Decoder) ack() (gnss.Report, error) {
	m := Acknowledgement{Accepted: d.id == IDAckACK}
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	return gnss.Report{Ack: &gnss.Ack{Arrival: d.arrival, Class: uint8(m.Of >> 8), ID: uint8(m.Of), Accepted: m.Accepted}}, nil
}

// inf is a text in a message of its own, as TXT is in NMEA.
func (d *Decoder) inf() (gnss.Report, error) {
	line := banner.Line(string(d.payload))
	if line == "" {
		return gnss.Report{}, nil
	}
	d.who.Text(line)
	r := gnss.Report{Text: d.text(line)}
	if antenna, ok := banner.Antenna(line); ok {
		h := d.health()
		h.Antenna = antenna
		r.Health = h
	}
	return r, nil
}

func (d *Decoder) text(line string) *gnss.Text { return &gnss.Text{Arrival: d.arrival, Text: line} }

// generations are the names of the chips by the first digits of MonVER.HwVersion.
var generations = []struct{ prefix, name string }{
	{"00040005", "5"},
	{"00040007", "6"},
	{"00070000", "7"},
	{"00080000", "8"},
	{"00190000", "9"},
	{"000A0000", "10"},
}

// monVER: the module if it is told, otherwise the generation and the firmware.
func (d *Decoder) monVER() (gnss.Report, error) {
	var m MonVER
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	chip := ""
	for _, g := range generations {
		if strings.HasPrefix(m.HwVersion, g.prefix) {
			chip = "generation " + g.name
		}
	}
	parts := []string{banner.Line(m.SwVersion)}
	for _, e := range m.Extensions {
		e = banner.Line(e)
		if module, ok := strings.CutPrefix(e, "MOD="); ok && module != "" {
			d.who.Model(module)
		}
		if firmware, ok := strings.CutPrefix(e, "FWVER="); ok && chip != "" {
			chip += ", " + firmware
		}
		if e != "" {
			parts = append(parts, e)
		}
	}
	if chip != "" {
		d.who.Chip(chip)
	}
	return gnss.Report{Text: d.text(banner.Line(strings.Join(parts, ", ")))}, nil
}
