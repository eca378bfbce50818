package sim

import (
	"math"
	"slices"

	"timeball/gnss"
	"timeball/gnss/timescale"
	"timeball/gnss/ubx"
	"timeball/pps/clock"
)

// ubxMessage makes a message.
func (d *Device) ubxMessage(id ubx.ID, m Moment, say func([]byte)) {
	week, in := m.tai().GPS().Week()
	tow := uint32(in / 1e6)
	switch id {
	case ubx.IDNavPVT:
		say(d.navPVT(m, tow))
	case ubx.IDNavTIMEUTC:
		say(ubx.Append(nil, d.navTIMEUTC(m, tow)))
	case ubx.IDNavSOL, ubx.IDNavPOSLLH, ubx.IDNavSTATUS, ubx.IDTimSVIN:
		d.ubxPlace(id, m, week, tow, say)
	case ubx.IDNavTIMEGPS:
		say(ubx.Append(nil, &ubx.NavTIMEGPS{ITOW: tow, Week: int16(week), LeapS: m.leapsGPS(), Valid: m.timeValid(), TAcc: m.accuracy()}))
	case ubx.IDNavTIMEBDS, ubx.IDNavTIMEGAL:
		d.ubxSystem(id, m, tow, say)
	case ubx.IDNavTIMELS:
		say(ubx.Append(nil, m.timeLS(tow)))
	case ubx.IDTimTP:
		say(ubx.Append(nil, d.ubxPulse(m)))
	case ubx.IDNavCLOCK:
		say(ubx.Append(nil, &ubx.NavCLOCK{ITOW: tow, ClkB: int32(d.solutions%1000) - 500, ClkD: 31, TAcc: m.accuracy(), FAcc: 400}))
	case ubx.IDNavSAT, ubx.IDNavSVINFO:
		d.ubxSky(id, m, tow, say)
	case ubx.IDMonHW, ubx.IDMonRF, ubx.IDSecSIG:
		d.ubxHealth(id, m, say)
	}
}

// solved returns the nanoseconds of a solution: its time is not exactly that of the pulse.
func (d *Device) solved(c timescale.Civil) int32 {
	if c.Nanosecond != 0 {
		return int32(c.Nanosecond)
	}
	return int32(150 * math.Sin(float64(d.solutions)))
}

// navTIMEUTC makes NAV-TIMEUTC.
func (d *Device) navTIMEUTC(m Moment, tow uint32) *ubx.NavTIMEUTC {
	c := m.civil()
	t := &ubx.NavTIMEUTC{
		ITOW: tow, TAcc: m.accuracy(), Nano: d.solved(c), Year: uint16(c.Year),
		Month: uint8(c.Month), Day: uint8(c.Day), Hour: uint8(c.Hour), Min: uint8(c.Minute), Sec: uint8(c.Second),
	}
	if m.Fix {
		t.Valid = ubx.UTCTOW | ubx.UTCWeek | 3<<4 // of USNO
	}
	if m.OffsetSet {
		t.Valid |= ubx.UTCKnown
	}
	return t
}

// navPVT makes NAV-PVT, for generation 7 without its end.
func (d *Device) navPVT(m Moment, tow uint32) []byte {
	c := m.civil()
	pvt := &ubx.NavPVT{
		ITOW: tow, Year: uint16(c.Year), Month: uint8(c.Month), Day: uint8(c.Day), Hour: uint8(c.Hour), Min: uint8(c.Minute), Sec: uint8(c.Second),
		Valid: ubx.PVTDate | ubx.PVTTime, TAcc: m.accuracy(), Nano: d.solved(c), HAcc: unknown, VAcc: unknown, PDOP: 9999,
	}
	if m.OffsetSet {
		pvt.Valid |= ubx.PVTResolved
	}
	if m.Fix {
		p := d.talker.placed(m)
		pvt.FixType, pvt.Flags, pvt.NumSV = 3, ubx.FixOK, uint8(inUse(d.sky))
		pvt.Lat, pvt.Lon = angle(p.Latitude), angle(p.Longitude)
		pvt.HMSL, pvt.Height = int32(p.Altitude*1e3), int32((p.Altitude+geoid)*1e3)
		pvt.HAcc, pvt.VAcc, pvt.SAcc, pvt.PDOP = 1500, 2200, 90, 140
	}
	frame := ubx.Append(nil, pvt)
	if d.cfg.Kind == KindUBX7 {
		return ubx.AppendPayload(nil, ubx.IDNavPVT, frame[6:6+84])
	}
	return frame
}

// geoid is the height of the mean sea level above the ellipsoid at Greenwich, m.
const geoid = 45.4

// angle returns degrees in 1e-7 degrees.
func angle(degrees float64) int32 { return int32(math.Round(degrees * 1e7)) }

// ecef returns a place in metres from the middle of the Earth (WGS 84).
func ecef(lat, lon, height float64) (x, y, z float64) {
	const semiMajor, flattening = 6378137.0, 1 / 298.257223563
	const e2 = flattening * (2 - flattening)
	sinLat, cosLat := math.Sincos(lat * math.Pi / 180)
	sinLon, cosLon := math.Sincos(lon * math.Pi / 180)
	n := semiMajor / math.Sqrt(1-e2*sinLat*sinLat)
	return (n + height) * cosLat * cosLon, (n + height) * cosLat * sinLon, (n*(1-e2) + height) * sinLat
}

// ubxPlace makes the messages of a place.
func (d *Device) ubxPlace(id ubx.ID, m Moment, week int, tow uint32, say func([]byte)) {
	p := d.talker.placed(m)
	fix, flags := uint8(0), uint8(0)
	if m.Fix {
		fix, flags = 3, ubx.FixOK|ubx.WeekSet|ubx.TOWSet
	}
	x, y, z := ecef(p.Latitude, p.Longitude, p.Altitude+geoid)
	switch {
	case id == ubx.IDTimSVIN:
		say(ubx.Append(nil, &ubx.TimSVIN{}))
	case id == ubx.IDNavSTATUS:
		say(ubx.Append(nil, &ubx.NavSTATUS{ITOW: tow, GPSFix: fix, Flags: flags, Flags2: uint8(m.Spoofing) << 3, TTFF: 25_000, MSSS: uint32(d.solutions * 1000)}))
	case id == ubx.IDNavSOL && m.Fix:
		say(ubx.Append(nil, &ubx.NavSOL{
			ITOW: tow, Week: int16(week), GPSFix: fix, Flags: flags, X: cm(x), Y: cm(y), Z: cm(z),
			PAcc: 180, PDOP: 140, NumSV: uint8(inUse(d.sky)),
		}))
	case id == ubx.IDNavSOL:
		say(ubx.Append(nil, &ubx.NavSOL{ITOW: tow, Week: int16(week), PAcc: unknown, PDOP: 9999}))
	case m.Fix:
		say(ubx.Append(nil, &ubx.NavPOSLLH{
			ITOW: tow, Lat: angle(p.Latitude), Lon: angle(p.Longitude),
			Height: int32((p.Altitude + geoid) * 1e3), HMSL: int32(p.Altitude * 1e3), HAcc: 1500, VAcc: 2200,
		}))
	default:
		say(ubx.Append(nil, &ubx.NavPOSLLH{ITOW: tow, HAcc: unknown, VAcc: unknown}))
	}
}

func cm(metres float64) int32 { return int32(math.Round(metres * 100)) }

// ubxSystem makes the time of BeiDou or Galileo.
func (d *Device) ubxSystem(id ubx.ID, m Moment, tow uint32, say func([]byte)) {
	if id == ubx.IDNavTIMEBDS {
		week, in := m.tai().BDT().Week()
		b := &ubx.NavTIMEBDS{}
		b.ITOW, b.TOW, b.Week, b.LeapS, b.Valid, b.TAcc = tow, uint32(in/1e9), int16(week), m.leapsGPS()-14, m.timeValid(), m.accuracy()
		say(ubx.Append(nil, b))
		return
	}
	week, in := m.tai().GPS().Week()
	g := &ubx.NavTIMEGAL{}
	g.ITOW, g.TOW, g.Week, g.LeapS, g.Valid, g.TAcc = tow, uint32(in/1e9), int16(week-1024), m.leapsGPS(), m.timeValid(), m.accuracy()
	say(ubx.Append(nil, g))
}

// timeLS makes NAV-TIMELS.
func (m Moment) timeLS(tow uint32) *ubx.NavTIMELS {
	ls := &ubx.NavTIMELS{ITOW: tow, CurrLs: m.leapsGPS(), Valid: ubx.LSCurrent}
	if m.OffsetSet {
		week, day := m.event()
		ls.SrcOfCurrLs, ls.SrcOfLsChange, ls.Valid = 2, 2, ubx.LSCurrent|ubx.LSEvent
		ls.LsChange, ls.TimeToLsEvent = int8(m.Leap), m.eventIn()
		ls.DateOfLsGpsWn, ls.DateOfLsGpsDn = uint16(week), uint16(day)
	}
	return ls
}

// quantisation returns an error as the device says it, s.
func (d *Device) quantisation(late clock.Seconds) float64 {
	if d.cfg.Backwards {
		return float64(late)
	}
	return -float64(late)
}

// ubxPulse makes TIM-TP, which is of the pulse to come.
func (d *Device) ubxPulse(m Moment) *ubx.TimTP {
	tp := &ubx.TimTP{QErr: int32(math.Round(d.quantisation(m.NextQuantisation) * 1e12)), Flags: 2 << 2}
	if !m.NextQuantised {
		tp.Flags |= ubx.TPQErrInvalid
	}
	if m.OffsetSet {
		tp.Flags |= ubx.TPUTC
	}
	week, in := (m.tai() + timescale.Second).GPS().Week()
	if d.gridUTC() {
		// The seconds of UTC since the epoch of GPS, without its leap seconds.
		tp.Flags, tp.RefInfo = tp.Flags|ubx.TPBaseUTC, 15
		week, in = timescale.GPS(m.UTC + timescale.Second - gpsBegin).Week()
	}
	tp.Week, tp.TowMS = uint16(week), uint32(in/1e6)
	return tp
}

const gpsBegin timescale.UTC = 315964800 * timescale.Second // 1980-01-06

// ubxSky makes NAV-SAT and NAV-SVINFO.
func (d *Device) ubxSky(id ubx.ID, m Moment, tow uint32, say func([]byte)) {
	sat := &ubx.NavSAT{ITOW: tow, Version: 1}
	info := &ubx.NavSVINFO{ITOW: tow, GlobalFlags: uint8(d.cfg.Kind-KindUBX6) + 2}
	for _, c := range d.sky {
		for _, v := range c.seen {
			used := slices.Contains(c.used, v.ID)
			flags := uint32(4)
			if used {
				flags = 7 | ubx.SatUsed
			}
			sat.Sats = append(sat.Sats, ubx.Sat{GNSSID: ubxSystems[c.talker], SVID: uint8(v.ID), CNO: uint8(v.CN0), Elev: int8(v.Elevation), Azim: int16(v.Azimuth), Flags: flags})
			info.Channels = append(info.Channels, ubx.Channel{
				Chn: uint8(len(info.Channels)), SVID: single(c.talker, v.ID), Flags: uint8(flags >> 3 & 1),
				Quality: uint8(flags & 7), CNO: uint8(v.CN0), Elev: int8(v.Elevation), Azim: int16(v.Azimuth),
			})
		}
	}
	if id == ubx.IDNavSAT {
		say(ubx.Append(nil, sat))
	} else {
		say(ubx.Append(nil, info))
	}
}

// ubxSystems are the numbers of systems in NAV-SAT.
var ubxSystems = map[string]uint8{"GP": 0, "GA": 2, "GB": 3}

// single returns the number of a satellite where one row of numbers is for all systems.
func single(talker string, id int) uint8 {
	switch {
	case talker == "GA":
		return uint8(210 + id)
	case talker == "GB" && id <= 5:
		return uint8(158 + id)
	case talker == "GB":
		return uint8(27 + id)
	}
	return uint8(id)
}

// antennaCode returns the number of a state in MON-HW and MON-RF, and in CASIC's MON-HW.
func antennaCode(a gnss.Antenna) uint8 {
	return [...]uint8{gnss.AntennaUnknown: 1, gnss.AntennaOK: 2, gnss.AntennaOpen: 4, gnss.AntennaShort: 3}[a]
}

// ubxHealth makes the messages of antenna and jamming.
func (d *Device) ubxHealth(id ubx.ID, m Moment, say func([]byte)) {
	noise, gain, tone := uint16(90), uint16(m.Gain*8191), uint8(m.Tone*255)
	switch id {
	case ubx.IDMonHW:
		say(ubx.Append(nil, &ubx.MonHW{NoisePerMS: noise, AgcCnt: gain, AStatus: antennaCode(m.Antenna), APower: 1, Flags: uint8(m.Jamming) << 2, JamInd: tone}))
	case ubx.IDMonRF:
		rf := &ubx.MonRF{Blocks: []ubx.RFBlock{{
			Flags: uint8(m.Jamming), AntStatus: antennaCode(m.Antenna), AntPower: 1, NoisePerMS: noise, AgcCnt: gain, JamInd: tone,
		}}}
		if d.cfg.Kind == KindUBX9 { // L5 has an input of its own
			second := rf.Blocks[0]
			second.BlockID = 1
			rf.Blocks = append(rf.Blocks, second)
		}
		say(ubx.Append(nil, rf))
	case ubx.IDSecSIG:
		say(ubx.Append(nil, &ubx.SecSIG{Version: 1, Jam: uint8(m.Jamming), Spoof: uint8(m.Spoofing)}))
	}
}
