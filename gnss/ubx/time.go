package ubx

import (
	"timeball/gnss"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// The epochs of week numbers as UTC, which counts no leap seconds; Galileo's week 0 is GPS week 1024.
const (
	gpsEpoch timescale.UTC = 315964800 * timescale.Second
	galEpoch               = gpsEpoch + 1024*timescale.Week
	bdsEpoch timescale.UTC = 1136073600 * timescale.Second
)

// TAI less the time of a system, in seconds.
const (
	taiLessGPS = 19
	taiLessBDS = 33
)

// civil is date and time as NavPVT and NavTIMEUTC have them.
type civil struct {
	year                          uint16
	month, day, hour, minute, sec uint8
	nano                          int32
}

// utc returns the instant: nano may be negative, and then belongs to the second before. A reason says what is wrong.
func (c civil) utc() (utc timescale.UTC, reason string) {
	at, err := timescale.Civil{
		Year: int(c.year), Month: int(c.month), Day: int(c.day),
		Hour: int(c.hour), Minute: int(c.minute), Second: int(c.sec),
	}.UTC()
	if err != nil {
		return 0, gnss.ReasonOf(err)
	}
	if c.nano < -timescale.Second || c.nano > timescale.Second {
		return 0, gnss.ReasonTime
	}
	return at + timescale.UTC(c.nano), ""
}

// navPVT: date and time are a mark where the receiver says that they are valid, and a void mark where they can be. A
// clock that was kept by a battery has valid dates without a fix, and is not vouched for.
func (d *Decoder) navPVT() (gnss.Report, error) {
	m := &d.pvt
	if err := d.read(m); err != nil {
		return gnss.Report{}, err
	}
	if m.ITOW >= week {
		return d.refused(gnss.ReasonTime)
	}
	lat, lon, possible := degrees(m.Lat, m.Lon)
	if !possible {
		return d.refused(gnss.ReasonPosition)
	}
	if m.FixType > 5 {
		return d.refused(gnss.ReasonFields)
	}
	d.hasPVT = true
	ok, dimensions := usable(m.FixType, m.Flags)
	d.note(m.ITOW, ok)
	fix := d.newFix(ok, dimensions, int(m.NumSV))
	if m.FixType != 0 && (m.Lat != 0 || m.Lon != 0) {
		fix.HasPosition, fix.Latitude, fix.Longitude, fix.Altitude = true, lat, lon, float64(m.HMSL)*1e-3
	}
	mark, err := d.pvtMark(m, ok)
	if err != nil {
		return gnss.Report{}, err
	}
	return gnss.Report{Mark: mark, Fix: fix}, nil
}

// pvtMark returns nil for a time that cannot be and is not said to be valid.
func (d *Decoder) pvtMark(m *NavPVT, ok bool) (*gnss.TimeMark, error) {
	valid := m.Valid&PVTDate != 0 && m.Valid&PVTTime != 0
	utc, reason := civil{m.Year, m.Month, m.Day, m.Hour, m.Min, m.Sec, m.Nano}.utc()
	if reason != "" {
		if valid {
			return nil, d.refuse(reason)
		}
		return nil, nil
	}
	mark := d.newMark(utc, m.TAcc)
	mark.Leap60, mark.Valid, mark.FullUTC = m.Sec == 60, valid && ok, valid && m.Valid&PVTResolved != 0
	mark.TAIOffset = reckoned(utc, m.ITOW, mark.Leap60)
	return mark, nil
}

// reckoned returns TAI - UTC in seconds by the time of week of GPS that a message has beside UTC, 0 where they do not go
// together.
func reckoned(utc timescale.UTC, itow uint32, leap60 bool) int {
	const most = 60 * timescale.Second // GPS - UTC; it was 0 in 1980
	ahead := (gpsEpoch + timescale.UTC(itow)*1e6 - utc) % timescale.Week
	if ahead < -most {
		ahead += timescale.Week
	}
	whole := (ahead + timescale.Second/2) / timescale.Second
	if rest := ahead - whole*timescale.Second; leap60 || ahead < -timescale.Second/2 || ahead > most || rest < -1e6 || rest > 1e6 {
		return 0
	}
	return int(whole) + taiLessGPS
}

// newFix returns a fix without a place.
func (d *Decoder) newFix(ok bool, dimensions, used int) *gnss.Fix {
	return &gnss.Fix{Arrival: d.arrival, Message: d.id.String(), Valid: ok, Dimensions: dimensions, SatellitesUsed: used}
}

func (d *Decoder) navTIMEUTC() (gnss.Report, error) {
	var m NavTIMEUTC
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	if m.ITOW >= week {
		return d.refused(gnss.ReasonTime)
	}
	valid := m.Valid&UTCTOW != 0 && m.Valid&UTCWeek != 0
	utc, reason := civil{m.Year, m.Month, m.Day, m.Hour, m.Min, m.Sec, m.Nano}.utc()
	if reason != "" {
		if valid {
			return d.refused(reason)
		}
		return gnss.Report{}, nil
	}
	mark := d.newMark(utc, m.TAcc)
	mark.Leap60, mark.FullUTC = m.Sec == 60, valid && m.Valid&UTCKnown != 0
	mark.Valid = valid && d.vouched(m.ITOW, m.TAcc)
	mark.TAIOffset = reckoned(utc, m.ITOW, mark.Leap60)
	return gnss.Report{Mark: mark}, nil
}

// navSOL names a second only when another message has told the leap seconds.
func (d *Decoder) navSOL() (gnss.Report, error) {
	var m NavSOL
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	if m.ITOW >= week || m.FTOW < -1e6 || m.FTOW > 1e6 || m.Flags&WeekSet != 0 && m.Week < 0 {
		return d.refused(gnss.ReasonTime)
	}
	if m.GPSFix > 5 {
		return d.refused(gnss.ReasonFields)
	}
	ok, dimensions := usable(m.GPSFix, m.Flags)
	d.note(m.ITOW, ok)
	var r gnss.Report
	if !d.hasPVT {
		r.Fix = d.newFix(ok, dimensions, int(m.NumSV))
		lat, lon, height, placed := geodetic(float64(m.X)*1e-2, float64(m.Y)*1e-2, float64(m.Z)*1e-2)
		if m.GPSFix != 0 && placed {
			r.Fix.HasPosition, r.Fix.Latitude, r.Fix.Longitude, r.Fix.Altitude = true, lat, lon, height
		}
	}
	if d.counted && m.Flags&WeekSet != 0 && m.Flags&TOWSet != 0 {
		r.Mark = d.newMark(inWeek(gpsEpoch, int(m.Week), m.ITOW, int64(m.FTOW))-seconds(d.offset), 0)
		r.Mark.FullUTC, r.Mark.Valid = true, ok
	}
	return r, nil
}

// inWeek returns an instant of a system as if it were UTC.
func inWeek(epoch timescale.UTC, weeks int, ms uint32, ns int64) timescale.UTC {
	return epoch + timescale.UTC(weeks)*timescale.Week + timescale.UTC(ms)*1e6 + timescale.UTC(ns)
}

func seconds(n int) timescale.UTC { return timescale.UTC(n) * timescale.Second }

func (d *Decoder) navTIMEGPS() (gnss.Report, error) {
	var m NavTIMEGPS
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	if m.ITOW >= week || m.FTOW < -1e6 || m.FTOW > 1e6 || m.Valid&TimeWeek != 0 && m.Week < 0 {
		return d.refused(gnss.ReasonTime)
	}
	if m.Valid&TimeLeap == 0 {
		return gnss.Report{}, nil
	}
	r := gnss.Report{Leap: d.count(int(m.LeapS), "GPS")}
	if m.Valid&TimeTOW != 0 && m.Valid&TimeWeek != 0 {
		r.Mark = d.newMark(inWeek(gpsEpoch, int(m.Week), m.ITOW, int64(m.FTOW))-seconds(int(m.LeapS)), m.TAcc)
		r.Mark.FullUTC, r.Mark.Valid = true, d.vouched(m.ITOW, m.TAcc)
	}
	return r, nil
}

// navTIMEBDS takes the time of BeiDou.
func (d *Decoder) navTIMEBDS() (gnss.Report, error) {
	var m NavTIMEBDS
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	return d.system(m.systemTime, bdsEpoch, "BeiDou", taiLessBDS-taiLessGPS)
}

// navTIMEGAL takes the time of Galileo.
func (d *Decoder) navTIMEGAL() (gnss.Report, error) {
	var m NavTIMEGAL
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	return d.system(m.systemTime, galEpoch, "Galileo", 0)
}

// system takes the time of a system that began at epoch and is the given seconds behind GPS time.
func (d *Decoder) system(m systemTime, epoch timescale.UTC, name string, behind int) (gnss.Report, error) {
	if m.ITOW >= week || m.TOW >= week/1000 || m.FTOW < -1e9 || m.FTOW > 1e9 || m.Valid&TimeWeek != 0 && m.Week < 0 {
		return d.refused(gnss.ReasonTime)
	}
	if m.Valid&TimeLeap == 0 {
		return gnss.Report{}, nil
	}
	r := gnss.Report{Leap: d.count(int(m.LeapS)+behind, name)}
	if m.Valid&TimeTOW != 0 && m.Valid&TimeWeek != 0 {
		r.Mark = d.newMark(inWeek(epoch, int(m.Week), 1000*m.TOW, int64(m.FTOW))-seconds(int(m.LeapS)), m.TAcc)
		r.Mark.FullUTC, r.Mark.Valid = true, d.vouched(m.ITOW, m.TAcc)
	}
	return r, nil
}

// count learns the leap second count, GPS - UTC, and returns a notice when it is news.
func (d *Decoder) count(offset int, source string) *gnss.LeapNotice {
	d.offset, d.counted = offset, true
	if d.leap.TAIOffset == offset+taiLessGPS {
		return nil
	}
	d.leap.TAIOffset = offset + taiLessGPS
	n := d.leap
	n.Arrival, n.Message, n.Source, n.Announces = d.arrival, d.id.String(), source, false
	return &n
}

// sources are the names of NavTIMELS.SrcOfCurrLs.
var sources = []string{"firmware", "GLONASS", "GPS", "SBAS", "BeiDou", "Galileo", "aiding", "configuration", "NavIC"}

// navTIMELS: a count that comes from the firmware itself is not known, only assumed.
func (d *Decoder) navTIMELS() (gnss.Report, error) {
	var m NavTIMELS
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	if m.ITOW >= week {
		return d.refused(gnss.ReasonTime)
	}
	if m.LsChange < -1 || m.LsChange > 1 {
		return d.refused(gnss.ReasonFields)
	}
	n := gnss.LeapNotice{Arrival: d.arrival, Message: d.id.String()}
	if int(m.SrcOfCurrLs) < len(sources) {
		n.Source = sources[m.SrcOfCurrLs]
	}
	if m.Valid&LSCurrent != 0 && m.SrcOfCurrLs != 0 {
		n.TAIOffset = int(m.CurrLs) + taiLessGPS
		d.offset, d.counted = int(m.CurrLs), true
	}
	if m.Valid&LSEvent != 0 {
		n.Announces = true
		if m.LsChange != 0 && m.TimeToLsEvent > 0 {
			n.Leap, n.At = clock.Leap(m.LsChange), m.event()
		}
	}
	d.leap = n
	return gnss.Report{Leap: &n}, nil
}

// event returns the midnight of a leap second, and 0 if the date and the time until then do not agree. BeiDou counts the
// days from 0, the others from 1; the time until then tells which it was.
func (m *NavTIMELS) event() timescale.UTC {
	const day, weekSeconds = 86400, week / 1000
	now := int64(m.ITOW)/1000 - int64(m.CurrLs)
	for days := int64(m.DateOfLsGpsDn); days <= int64(m.DateOfLsGpsDn)+1 && days <= 7; days++ {
		off := (days*day - now - int64(m.TimeToLsEvent)) % weekSeconds
		if off < 0 {
			off += weekSeconds
		}
		if off <= 2 || off >= weekSeconds-2 {
			return gpsEpoch + timescale.UTC(m.DateOfLsGpsWn)*timescale.Week + timescale.UTC(days)*timescale.Day
		}
	}
	return 0
}

// systems are the names of the base in TimTP.RefInfo.
var systems = []string{"GPS", "GLONASS", "BeiDou", "Galileo", "NavIC"}

// timTP names the pulse that follows. In the base UTC its time of week has no leap seconds; in the base of a system they
// have to be known from another message.
func (d *Decoder) timTP() (gnss.Report, error) {
	var m TimTP
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	if m.TowMS >= week {
		return d.refused(gnss.ReasonTime)
	}
	p := &gnss.PulseTime{Arrival: d.arrival, Message: d.id.String(), HasQuantisation: m.Flags&TPQErrInvalid == 0}
	if p.HasQuantisation {
		p.Quantisation = clock.Seconds(m.QErr) * 1e-12
	}
	sub := int64(uint64(m.TowSubMS) * 1e6 >> 32)
	vouched := !d.fix.said || d.fix.ok
	if m.Flags&TPBaseUTC != 0 {
		p.Base, p.Valid = "UTC", vouched && m.Flags&TPUTC != 0
		p.UTC = inWeek(gpsEpoch, int(m.Week), m.TowMS, sub)
		return gnss.Report{Pulse: p}, nil
	}
	system := int(m.RefInfo & 15)
	if system >= len(systems) {
		return gnss.Report{Pulse: p}, nil
	}
	p.Base = systems[system]
	epoch, ahead := gpsEpoch, d.offset
	switch p.Base {
	case "BeiDou":
		epoch, ahead = bdsEpoch, d.offset-(taiLessBDS-taiLessGPS)
	case "Galileo":
		epoch = galEpoch
	case "GLONASS", "NavIC": // GLONASS has no weeks, and NavIC's were not seen
		return gnss.Report{Pulse: p}, nil
	}
	if d.counted {
		p.UTC, p.Valid = inWeek(epoch, int(m.Week), m.TowMS, sub)-seconds(ahead), vouched
	}
	return gnss.Report{Pulse: p}, nil
}

func (d *Decoder) navCLOCK() (gnss.Report, error) {
	var m NavCLOCK
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	return gnss.Report{Clock: &gnss.ReceiverClock{
		Arrival: d.arrival, Message: d.id.String(),
		Bias: clock.Seconds(m.ClkB) * 1e-9, Drift: clock.Ratio(m.ClkD) * 1e-9, Accuracy: clock.Seconds(m.TAcc) * 1e-9,
	}}, nil
}
