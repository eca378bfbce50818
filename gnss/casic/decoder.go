package casic

import (
	"math"
	"strings"

	"timeball/gnss"
	"timeball/gnss/banner"
	"timeball/gnss/scan"
	"timeball/gnss/timescale"
	"timeball/gnss/wire"
	"timeball/pps/clock"
)

// Decoder turns the frames of one receiver into reports. It remembers what several messages tell together: whether
// there is a fix, the last second, the leap second count, and the view of the sky. Its memory is bounded. Use NewDecoder.
type Decoder struct {
	id      ID
	frame   []byte
	arrival clock.Mono
	end     clock.Mono
	payload []byte

	fixed   bool // the last message that has a status said that there is a fix
	said    bool // there was one
	last    timescale.UTC
	lastAt  clock.Mono
	offset  int // GPS - UTC in seconds, where it is known
	counted bool
	leap    gnss.LeapNotice
	sky     sky
	who     banner.Identity
}

// NewDecoder returns a Decoder that has heard nothing.
func NewDecoder() *Decoder { return &Decoder{} }

// Receiver returns what the receiver told of itself, and "" when it told nothing.
func (d *Decoder) Receiver() string { return d.who.String() }

// Identity returns the same as Receiver, to be weighed against what other protocols tell.
func (d *Decoder) Identity() banner.Identity { return d.who }

// Decode reports what p tells. An error is a *gnss.Refused.
func (d *Decoder) Decode(p scan.Packet) (gnss.Report, error) {
	if p.Protocol != scan.CASIC || !framed(p.Data) {
		return gnss.Report{}, &gnss.Refused{Protocol: "casic", Reason: gnss.ReasonProtocol, Detail: p.Protocol.String()}
	}
	d.id, d.frame, d.arrival, d.end = FrameID(p.Data), p.Data, p.Arrival, p.End
	d.payload = p.Data[header : len(p.Data)-4]
	if len(d.payload) == 0 { // a request
		return gnss.Report{}, nil
	}
	d.who.Maker("CASIC")
	r, err := d.report()
	d.frame, d.payload = nil, nil
	return r, err
}

// report decodes by type.
func (d *Decoder) report() (gnss.Report, error) {
	switch d.id {
	case IDNavPV:
		return d.navPV()
	case IDNavSOL:
		return d.navSOL()
	case IDNavTIMEUTC:
		return d.navTIMEUTC()
	case IDNavCLOCK:
		return d.navCLOCK()
	case IDNavGPSINFO, IDNavBDSINFO, IDNavGLNINFO:
		return d.navINFO()
	case IDTimTP:
		return d.timTP()
	case IDMsgGPSUTC, IDMsgBDSUTC:
		return d.msgUTC()
	case IDNav2SOL:
		return d.nav2SOL()
	case IDNav2PVH:
		return d.nav2PVH()
	case IDNav2SAT:
		return d.nav2SAT()
	case IDNav2TIMEUTC:
		return d.nav2TIMEUTC()
	case IDTim2TPX:
		return d.tim2TPX()
	case IDTim2TIMEGPS, IDTim2TIMEBDS, IDTim2TIMEGAL:
		return d.tim2TIME()
	case IDTim2LS:
		return d.tim2LS()
	}
	return d.state()
}

// state decodes what has nothing to do with time.
func (d *Decoder) state() (gnss.Report, error) {
	switch d.id {
	case IDTim2TIMEPOS:
		return d.tim2TIMEPOS()
	case IDMonVER:
		return d.monVER()
	case IDMonHW:
		return d.monHW()
	case IDMonSEC:
		return d.monSEC()
	case IDAckACK, IDAckNAK:
		m := Acknowledgement{Accepted: d.id == IDAckACK}
		if err := d.read(&m); err != nil {
			return gnss.Report{}, err
		}
		return gnss.Report{Ack: &gnss.Ack{Arrival: d.arrival, Class: uint8(m.Of >> 8), ID: uint8(m.Of), Accepted: m.Accepted}}, nil
	}
	return gnss.Report{}, nil
}

// read reads the payload into m.
func (d *Decoder) read(m Message) error {
	c := wire.Read(d.payload)
	m.fields(&c)
	if c.Short() {
		return d.refuse(gnss.ReasonFields)
	}
	return nil
}

func (d *Decoder) refuse(reason string) error { return refuse(d.id, reason, d.frame) }

// refused returns the error of the packet with an empty report.
func (d *Decoder) refused(reason string) (gnss.Report, error) { return gnss.Report{}, d.refuse(reason) }

// usable reports whether the validity of a position is a fix, and its dimensions. What is quick, kept or reckoned is none.
func usable(valid uint8) (ok bool, dimensions int) {
	switch valid {
	case Fix2D:
		return true, 2
	case Fix3D, 8, 9, 10:
		return true, 3
	case 15: // the place is fixed, only time is solved
		return true, 0
	}
	return false, 0
}

// newFix returns a fix at a place, if that can be one; NaN and 0 N 0 E are none.
func (d *Decoder) newFix(valid, used uint8, lat, lon, altitude float64) (gnss.Report, error) {
	ok, dimensions := usable(valid)
	d.fixed, d.said = ok, true
	f := &gnss.Fix{Arrival: d.arrival, Message: d.id.String(), Valid: ok, Dimensions: dimensions, SatellitesUsed: int(used)}
	if ok && (!(math.Abs(lat) <= 90) || !(math.Abs(lon) <= 180) || !(math.Abs(altitude) <= 1e6)) {
		return d.refused(gnss.ReasonPosition)
	}
	if valid != 0 && math.Abs(lat) <= 90 && math.Abs(lon) <= 180 && math.Abs(altitude) <= 1e6 && (lat != 0 || lon != 0) {
		f.HasPosition, f.Latitude, f.Longitude, f.Altitude = true, lat, lon, altitude
	}
	return gnss.Report{Fix: f}, nil
}

func (d *Decoder) navPV() (gnss.Report, error) {
	var m NavPV
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	return d.newFix(m.PosValid, m.NumSV, m.Lat, m.Lon, float64(m.Height)-float64(m.SepGeoid))
}

func (d *Decoder) nav2PVH() (gnss.Report, error) {
	var m Nav2PVH
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	return d.newFix(m.FixFlags, m.NumFix, m.Lat, m.Lon, float64(m.Height)-float64(m.SepGeoid))
}

// navSOL is a fix without a place in degrees. Its week and time of week are of a source and need leap seconds that most
// of these receivers do not tell; NavTIMEUTC has the same in UTC.
func (d *Decoder) navSOL() (gnss.Report, error) {
	var m NavSOL
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	return d.newFix(m.PosValid, m.NumSV, 0, 0, 0)
}

func (d *Decoder) nav2SOL() (gnss.Report, error) {
	var m Nav2SOL
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	return d.newFix(m.FixFlags, m.NumFix, 0, 0, 0)
}

// health is a report in which nothing is known.
func (d *Decoder) health() *gnss.Health {
	return &gnss.Health{Arrival: d.arrival, Message: d.id.String(), Tone: -1, Gain: -1}
}

func (d *Decoder) monHW() (gnss.Report, error) {
	var m MonHW
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	h := d.health()
	switch m.AntStatus {
	case 2:
		h.Antenna = gnss.AntennaOK
	case 3:
		h.Antenna = gnss.AntennaShort
	case 4:
		h.Antenna = gnss.AntennaOpen
	}
	return gnss.Report{Health: h}, nil
}

// monSEC: the levels are 0, nothing, to 3, the worst; jamming is only known while its detection is on.
func (d *Decoder) monSEC() (gnss.Report, error) {
	var m MonSEC
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	if m.SpoofFlags > 3 || m.JamLevel > 3 {
		return d.refused(gnss.ReasonFields)
	}
	h := d.health()
	if m.JamDetect != 0 {
		h.Jamming = level(m.JamLevel)
	}
	if m.SecFlags != 0 {
		h.Spoofing = level(m.SpoofFlags)
	}
	return gnss.Report{Health: h}, nil
}

func level(n uint8) gnss.Threat {
	return [...]gnss.Threat{gnss.ThreatNone, gnss.ThreatWarning, gnss.ThreatWarning, gnss.ThreatCritical}[n&3]
}

func (d *Decoder) monVER() (gnss.Report, error) {
	var m MonVER
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	software, hardware := banner.Line(m.SwVersion), banner.Line(m.HwVersion)
	name, _, _ := strings.Cut(hardware, ",")
	if name != "" {
		d.who.Chip(name)
	}
	line := banner.Line(software + " " + hardware)
	return gnss.Report{Text: &gnss.Text{Arrival: d.arrival, Text: line}}, nil
}

func (d *Decoder) tim2TIMEPOS() (gnss.Report, error) {
	var m Tim2TIMEPOS
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	for _, v := range []float64{m.X, m.Y, m.Z} {
		if !(math.Abs(v) <= 1e8) {
			return d.refused(gnss.ReasonPosition)
		}
	}
	s := &gnss.Survey{
		Arrival: d.arrival, Message: d.id.String(), Valid: m.FixFlag == 15, Active: m.FixFlag != 15 && m.SurTimer > 0,
		Duration: clock.Seconds(m.SurTimer), Place: gnss.ECEF{X: m.X, Y: m.Y, Z: m.Z},
	}
	if m.SurPAcc > 0 && m.SurPAcc < 1e9 {
		s.Accuracy = float64(m.SurPAcc)
	}
	return gnss.Report{Survey: s}, nil
}
