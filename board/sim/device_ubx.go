package sim

import (
	"encoding/binary"
	"math"
	"slices"

	"timeball/gnss"
	"timeball/gnss/timescale"
	"timeball/gnss/ubx"
	"timeball/pps/clock"
)

// ubxVersions are MON-VER of each generation, as recorded or as in its documents.
var ubxVersions = map[Kind]ubx.MonVER{
	KindUBX6: {SwVersion: "7.03 (45969)", HwVersion: "00040007"},
	KindUBX7: {SwVersion: "1.00 (59842)", HwVersion: "00070000", Extensions: []string{"PROTVER 14.00", "GPS;SBAS;GLO;QZSS"}},
	KindUBX8: {
		SwVersion: "EXT CORE 3.01 (1ec93f)", HwVersion: "00080000",
		Extensions: []string{"ROM BASE 3.01 (107888)", "FWVER=TIM 1.10", "PROTVER=22.00", "MOD=NEO-M8T-0", "GPS;GLO;GAL;BDS", "SBAS;IMES;QZSS"},
	},
	KindUBX9: {
		SwVersion: "EXT CORE 1.00 (3fda8e)", HwVersion: "00190000",
		Extensions: []string{"ROM BASE 0x118B2060", "FWVER=TIM 2.20", "PROTVER=29.20", "MOD=ZED-F9T", "GPS;GLO;GAL;BDS", "SBAS;QZSS"},
	},
	KindUBX10: {
		SwVersion: "ROM SPG 5.10 (7b202e)", HwVersion: "000A0000",
		Extensions: []string{"FWVER=SPG 5.10", "PROTVER=34.10", "GPS;GLO;GAL;BDS", "SBAS;QZSS"},
	},
}

var ubxChips = map[Kind]string{KindUBX6: "UBX-G60xx ", KindUBX7: "UBX-G70xx ", KindUBX8: "UBX-M8030", KindUBX9: "UBX 9", KindUBX10: "UBX 10"}

// ubxUsual are the messages of a device that speaks UBX alone, in the order in which they are sent.
var ubxUsual = map[Kind][]ubx.ID{
	KindUBX6:  {ubx.IDNavSOL, ubx.IDNavTIMEUTC, ubx.IDNavTIMEGPS, ubx.IDTimTP, ubx.IDNavPOSLLH, ubx.IDNavSTATUS, ubx.IDNavCLOCK, ubx.IDMonHW, ubx.IDNavSVINFO},
	KindUBX7:  {ubx.IDNavPVT, ubx.IDNavTIMEUTC, ubx.IDNavTIMEGPS, ubx.IDTimTP, ubx.IDNavCLOCK, ubx.IDMonHW, ubx.IDNavSVINFO},
	KindUBX8:  {ubx.IDNavPVT, ubx.IDNavTIMEUTC, ubx.IDNavTIMELS, ubx.IDTimTP, ubx.IDNavCLOCK, ubx.IDMonHW, ubx.IDNavSAT},
	KindUBX9:  {ubx.IDNavPVT, ubx.IDNavTIMEUTC, ubx.IDNavTIMELS, ubx.IDTimTP, ubx.IDNavCLOCK, ubx.IDMonRF, ubx.IDSecSIG, ubx.IDNavSAT},
	KindUBX10: {ubx.IDNavPVT, ubx.IDNavTIMEUTC, ubx.IDNavTIMELS, ubx.IDTimTP, ubx.IDNavCLOCK, ubx.IDMonRF, ubx.IDSecSIG, ubx.IDNavSAT},
}

// ubxOthers are further messages that can be switched on.
var ubxOthers = map[Kind][]ubx.ID{
	KindUBX6:  {ubx.IDTimSVIN},
	KindUBX7:  {ubx.IDNavSOL, ubx.IDNavPOSLLH, ubx.IDNavSTATUS},
	KindUBX8:  {ubx.IDNavSOL, ubx.IDNavPOSLLH, ubx.IDNavSTATUS, ubx.IDNavTIMEGPS, ubx.IDNavTIMEBDS, ubx.IDNavTIMEGAL, ubx.IDNavSVINFO, ubx.IDTimSVIN},
	KindUBX9:  {ubx.IDNavPOSLLH, ubx.IDNavSTATUS, ubx.IDNavTIMEGPS, ubx.IDNavTIMEBDS, ubx.IDNavTIMEGAL, ubx.IDTimSVIN},
	KindUBX10: {ubx.IDNavPOSLLH, ubx.IDNavSTATUS, ubx.IDNavTIMEGPS, ubx.IDNavTIMEBDS, ubx.IDNavTIMEGAL},
}

// ubxSentences are the numbers of sentences in class F0.
var ubxSentences = map[ubx.ID]string{
	0xF000: "GGA", 0xF001: "GLL", 0xF002: "GSA", 0xF003: "GSV", 0xF004: "RMC", 0xF005: "VTG", 0xF006: "GRS", 0xF007: "GST",
	0xF008: "ZDA", 0xF009: "GBS", 0xF00D: "GNS",
}

// usualPulse is one pulse a second of 100 ms, aligned to UTC, with a fix alone.
var usualPulse = ubx.CfgTP5{
	FreqPeriod: 1e6, FreqPeriodLock: 1e6, PulseLenRatioLock: 100_000,
	Flags: ubx.TPActive | ubx.TPLockGNSS | ubx.TPLockedOther | ubx.TPIsLength | ubx.TPAlignToTow | ubx.TPPolarityRises,
}

// gridUTC says whether pulses are aligned to UTC, and not to the time of GPS.
func (d *Device) gridUTC() bool { return d.set.pulse.Flags>>7&15 == 0 }

// sends says whether a u-blox device has a message.
func (d *Device) sends(id ubx.ID) bool {
	return slices.Contains(ubxUsual[d.cfg.Kind], id) || slices.Contains(ubxOthers[d.cfg.Kind], id)
}

// obeyUBX does what a frame asks for and answers it.
func (d *Device) obeyUBX(frame []byte) {
	id, payload := ubx.FrameID(frame), frame[6:len(frame)-2]
	if id>>8 != 6 {
		if len(payload) == 0 {
			d.answerUBX(id)
		}
		return
	}
	if id == idCfgRST { // is not answered
		d.restart()
		return
	}
	ok := false
	switch {
	case d.cfg.Kind == KindUBX10 && id != ubx.IDCfgVALSET && id != idCfgCFG: // it has no others
	case d.pollUBX(id, payload):
		ok = true
	default:
		ok = d.configureUBX(id, frame, payload)
	}
	d.replyUBX(&ubx.Acknowledgement{Accepted: ok, Of: id})
}

// Messages that are simulated and have no struct.
const (
	idCfgRST ubx.ID = 0x0604
	idCfgCFG ubx.ID = 0x0609
)

// replyUBX answers, where UBX is sent at all.
func (d *Device) replyUBX(m ubx.Message) {
	if d.set.binary {
		d.reply(ubx.Append(nil, m))
	}
}

// answerUBX answers a request for a message that is no configuration.
func (d *Device) answerUBX(id ubx.ID) {
	switch {
	case id == ubx.IDMonVER:
		v := ubxVersions[d.cfg.Kind]
		d.replyUBX(&v)
	case d.sends(id) && d.set.binary && d.solutions > 0:
		d.ubxMessage(id, d.last, d.reply)
	}
}

// pollUBX answers a request for a part of the configuration, and says whether it was one.
func (d *Device) pollUBX(id ubx.ID, payload []byte) bool {
	switch {
	case id == ubx.IDCfgPRT && len(payload) <= 1:
		out := uint16(0)
		if d.set.binary {
			out |= ubx.ProtoUBX
		}
		if d.set.text {
			out |= ubx.ProtoNMEA
		}
		d.replyUBX(&ubx.CfgPRT{PortID: 1, Mode: ubx.UART8N1, BaudRate: uint32(d.set.baud), InProtoMask: ubx.ProtoUBX | ubx.ProtoNMEA, OutProtoMask: out})
	case id == ubx.IDCfgRATE && len(payload) == 0:
		d.replyUBX(&ubx.CfgRATE{MeasRate: uint16(d.set.interval), NavRate: 1, TimeRef: 1})
	case id == ubx.IDCfgTP5 && len(payload) <= 1:
		pulse := d.set.pulse
		d.replyUBX(&pulse)
	case id == ubx.IDCfgMSG && len(payload) == 2:
		of := ubx.ID(payload[0])<<8 | ubx.ID(payload[1])
		d.replyUBX(&ubx.CfgMSG{Of: of, Rate: uint8(d.set.rates[uint16(of)])})
	default:
		return false
	}
	return true
}

// configureUBX changes the configuration, and says whether it could.
func (d *Device) configureUBX(id ubx.ID, frame, payload []byte) bool {
	switch id {
	case ubx.IDCfgPRT:
		var m ubx.CfgPRT
		if ubx.Unmarshal(frame, &m) != nil || m.PortID != 1 || !possible(int(m.BaudRate)) {
			return false
		}
		d.protocols(m.OutProtoMask)
		d.change(int(m.BaudRate))
		return true
	case ubx.IDCfgMSG:
		return d.rateUBX(payload)
	case ubx.IDCfgRATE:
		var m ubx.CfgRATE
		if ubx.Unmarshal(frame, &m) != nil || m.NavRate == 0 {
			return false
		}
		return d.solveEvery(int(m.MeasRate) * int(m.NavRate))
	case ubx.IDCfgTP5:
		return ubx.Unmarshal(frame, &d.set.pulse) == nil
	case ubx.IDCfgNAV5:
		return ubx.Unmarshal(frame, &ubx.CfgNAV5{}) == nil
	case ubx.IDCfgTMODE2:
		return d.timing() && ubx.Unmarshal(frame, &ubx.CfgTMODE2{}) == nil
	case ubx.IDCfgVALSET:
		var m ubx.CfgVALSET
		return d.cfg.Kind >= KindUBX9 && ubx.Unmarshal(frame, &m) == nil && d.values(m)
	case idCfgCFG:
		if len(payload) >= 12 && binary.LittleEndian.Uint32(payload[4:]) != 0 {
			d.saves++
		}
		return len(payload) >= 12
	}
	return false
}

// timing says whether the device can survey its place: of those simulated the NEO-M8T and the ZED-F9T.
func (d *Device) timing() bool { return d.cfg.Kind == KindUBX8 || d.cfg.Kind == KindUBX9 }

// solveEvery sets the milliseconds between solutions.
func (d *Device) solveEvery(ms int) bool {
	if ms < 50 || ms > 60_000 {
		return false
	}
	d.set.interval = ms
	return true
}

// rateUBX is CFG-MSG with one rate, or with those of six ports, of which the second is the UART.
func (d *Device) rateUBX(payload []byte) bool {
	if len(payload) != 3 && len(payload) != 8 {
		return false
	}
	rate := int(payload[2])
	if len(payload) == 8 {
		rate = int(payload[3])
	}
	return d.sendEvery(ubx.ID(payload[0])<<8|ubx.ID(payload[1]), rate)
}

// sendEvery sets the rate of a message or of a sentence.
func (d *Device) sendEvery(id ubx.ID, rate int) bool {
	if kind, ok := ubxSentences[id]; ok {
		d.set.sentences[kind] = rate
		return true
	}
	if !d.sends(id) {
		return false
	}
	d.set.rates[uint16(id)] = rate
	return true
}

// ubxKeys are the messages and sentences of the configuration items of UART 1 (interface description of F9 timing,
// "CFG-MSGOUT").
var ubxKeys = map[uint32]ubx.ID{
	ubx.KeyMsgNavPVT: ubx.IDNavPVT, ubx.KeyMsgNavSAT: ubx.IDNavSAT, ubx.KeyMsgNavTIMEUTC: ubx.IDNavTIMEUTC,
	ubx.KeyMsgNavTIMELS: ubx.IDNavTIMELS, ubx.KeyMsgTimTP: ubx.IDTimTP, ubx.KeyMsgTimSVIN: ubx.IDTimSVIN,
	ubx.KeyMsgMonRF: ubx.IDMonRF, ubx.KeyMsgSecSIG: ubx.IDSecSIG,
	0x209100BB: 0xF000, 0x209100CA: 0xF001, 0x209100C0: 0xF002, 0x209100C5: 0xF003, 0x209100AC: 0xF004, 0x209100B1: 0xF005,
	0x209100D9: 0xF008,
}

// values sets items of the configuration, all of them or, where one is not known, none.
func (d *Device) values(m ubx.CfgVALSET) bool {
	for _, i := range m.Items {
		if !d.hasItem(i) {
			return false
		}
	}
	if m.Layers&^ubx.LayerRAM != 0 {
		d.saves++
	}
	if m.Layers&ubx.LayerRAM != 0 {
		for _, i := range m.Items {
			d.setItem(i)
		}
	}
	return len(m.Items) > 0
}

// hasItem says whether the device has an item and can set it so.
func (d *Device) hasItem(i ubx.Item) bool {
	switch i.Key {
	case ubx.KeyUART1Baud:
		return i.Value <= math.MaxInt32 && possible(int(i.Value))
	case ubx.KeyRateMeas:
		return i.Value >= 50 && i.Value <= 60_000
	case ubx.KeyTModeMode, ubx.KeyTModeSvinMinDur, ubx.KeyTModeSvinAccLimit:
		return d.timing()
	}
	if id, ok := ubxKeys[i.Key]; ok {
		return id>>8 == 0xF0 || d.sends(id)
	}
	const group = 0x0FFF0000 // of a key
	return slices.Contains([]uint32{0x00050000, 0x00110000, 0x00210000, 0x00520000, 0x00740000, 0x00910000}, i.Key&group)
}

// setItem sets an item that the device has.
func (d *Device) setItem(i ubx.Item) {
	p := &d.set.pulse
	switch i.Key {
	case ubx.KeyUART1Baud:
		d.change(int(i.Value))
	case ubx.KeyUART1OutUBX:
		d.set.binary = i.Value != 0
	case ubx.KeyUART1OutNMEA:
		d.set.text = i.Value != 0
	case ubx.KeyRateMeas:
		d.set.interval = int(i.Value)
	case ubx.KeyTPPeriod:
		p.FreqPeriod = uint32(i.Value)
	case ubx.KeyTPPeriodLock:
		p.FreqPeriodLock = uint32(i.Value)
	case ubx.KeyTPEnable:
		p.Flags = p.Flags&^ubx.TPActive | uint32(i.Value&1)
	case ubx.KeyTPTimeGrid:
		p.Flags = p.Flags&^(15<<7) | uint32(i.Value&15)<<7
	}
	if id, ok := ubxKeys[i.Key]; ok {
		d.sendEvery(id, int(i.Value))
	}
}

// restart begins anew, as after the power was away.
func (d *Device) restart() {
	d.reset()
	d.boot(d.replyTo)
}

// A receiver's statements about its own errors.
const (
	timeError = 20         // ns
	unknown   = 0xFFFFFFFF // of an accuracy
)

// tai returns the second of a Moment.
func (m Moment) tai() timescale.TAI {
	return timescale.TAI(m.UTC) + timescale.TAI(m.TAIOffset)*timescale.Second
}

// civil returns date and time of a Moment, second 60 included.
func (m Moment) civil() timescale.Civil {
	if !m.Leap60 {
		return m.UTC.Civil()
	}
	c := (m.UTC - timescale.Second).Civil()
	c.Second++
	return c
}

// leapsGPS returns GPS - UTC.
func (m Moment) leapsGPS() int8 { return int8(m.TAIOffset - 19) }

// event returns week and day, 1 to 7, at whose end the announced leap second is, or the last one was.
func (m Moment) event() (week, day int) {
	const gpsBegin, lastEvent = 3657, 17167 // days since 1970: 1980-01-06, 2017-01-01
	days := lastEvent - gpsBegin - 1
	if m.Leap != clock.LeapNone {
		days = int(m.LeapAt/timescale.Day) - gpsBegin - 1
	}
	return days / 7, days%7 + 1
}

// eventIn returns the seconds until the announced leap second, or since the last one, negative.
func (m Moment) eventIn() int32 {
	at := timescale.UTC(17167) * timescale.Day
	if m.Leap != clock.LeapNone {
		at = m.LeapAt
	}
	return int32((at - m.UTC) / timescale.Second)
}

// accuracy returns the error of the time that the receiver admits, ns.
func (m Moment) accuracy() uint32 {
	if !m.Fix {
		return unknown
	}
	return timeError
}

// ubxMessage makes a message.
func (d *Device) ubxMessage(id ubx.ID, m Moment, say func([]byte)) {
	week, in := m.tai().GPS().Week()
	tow := uint32(in / 1e6)
	switch id {
	case ubx.IDNavPVT, ubx.IDNavTIMEUTC:
		d.ubxTime(id, m, tow, say)
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

// timeValid returns the bits of NAV-TIMEGPS and its like.
func (m Moment) timeValid() (v uint8) {
	if m.Fix {
		v = ubx.TimeTOW | ubx.TimeWeek
	}
	if m.OffsetSet {
		v |= ubx.TimeLeap
	}
	return v
}

// ubxTime makes NAV-PVT and NAV-TIMEUTC. Their time is that of the solution, which is not exactly that of the pulse.
func (d *Device) ubxTime(id ubx.ID, m Moment, tow uint32, say func([]byte)) {
	c := m.civil()
	nano := int32(c.Nanosecond)
	if nano == 0 {
		nano = int32(150 * math.Sin(float64(d.solutions)))
	}
	if id == ubx.IDNavTIMEUTC {
		valid := uint8(0)
		if m.Fix {
			valid = ubx.UTCTOW | ubx.UTCWeek | 3<<4 // of USNO
		}
		if m.OffsetSet {
			valid |= ubx.UTCKnown
		}
		say(ubx.Append(nil, &ubx.NavTIMEUTC{
			ITOW: tow, TAcc: m.accuracy(), Nano: nano, Year: uint16(c.Year),
			Month: uint8(c.Month), Day: uint8(c.Day), Hour: uint8(c.Hour), Min: uint8(c.Minute), Sec: uint8(c.Second), Valid: valid,
		}))
		return
	}
	pvt := &ubx.NavPVT{
		ITOW: tow, Year: uint16(c.Year), Month: uint8(c.Month), Day: uint8(c.Day), Hour: uint8(c.Hour), Min: uint8(c.Minute), Sec: uint8(c.Second),
		Valid: ubx.PVTDate | ubx.PVTTime, TAcc: m.accuracy(), Nano: nano, HAcc: unknown, VAcc: unknown, PDOP: 9999,
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
		frame = ubx.AppendPayload(nil, id, frame[6:6+84])
	}
	say(frame)
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
