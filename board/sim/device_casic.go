package sim

import (
	"math"
	"slices"

	"timeball/gnss"
	"timeball/gnss/casic"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// What such receivers say of themselves.
var (
	casicChips    = map[Kind]string{KindCASIC1: "AT6558R-5N-32-1C510800", KindCASIC2: "AT9880B-5N-32-1C580901"}
	casicFirmware = map[Kind]string{KindCASIC1: "URANUS5,V5.3.0.0", KindCASIC2: "URANUS6,V6.1.0.0"}
	casicModules  = map[Kind]string{KindCASIC1: "ATGM336H", KindCASIC2: "ATGM332D-F8N"}
)

// casicUsual are the messages of a device that speaks CASIC's binary protocol alone, in the order in which they are sent.
var casicUsual = map[Kind][]casic.ID{
	KindCASIC1: {
		casic.IDNavPV, casic.IDNavTIMEUTC, casic.IDTimTP, casic.IDNavCLOCK, casic.IDMsgGPSUTC, casic.IDMonHW,
		casic.IDNavGPSINFO, casic.IDNavBDSINFO,
	},
	KindCASIC2: {
		casic.IDNav2PVH, casic.IDNav2TIMEUTC, casic.IDTim2TPX, casic.IDTim2TIMEGPS, casic.IDTim2LS, casic.IDMonSEC, casic.IDMonHW,
		casic.IDNav2SAT,
	},
}

// casicOthers are further messages that can be switched on.
var casicOthers = map[Kind][]casic.ID{
	KindCASIC1: {casic.IDNavSOL, casic.IDMsgBDSUTC},
	KindCASIC2: {casic.IDNav2SOL, casic.IDTim2TIMEBDS, casic.IDTim2TIMEGAL},
}

// casicSentences are the numbers of sentences in class 4E.
var casicSentences = map[casic.ID]string{
	0x4E00: "GGA", 0x4E01: "GLL", 0x4E02: "GSA", 0x4E03: "GSV", 0x4E04: "RMC", 0x4E05: "VTG", 0x4E08: "ZDA", 0x4E11: "TXT",
}

// usualPulseCASIC is one pulse a second of 100 ms, with a fix alone.
var usualPulseCASIC = casic.CfgTP{Interval: 1e6, Width: 100_000, Enable: 3, TimeRef: 0}

// Messages that are simulated and have no struct.
const (
	idCasicRST casic.ID = 0x0602
	idCasicCFG casic.ID = 0x0605
)

// obeyCASIC does what a frame asks for and answers it.
func (d *Device) obeyCASIC(frame []byte) {
	id, payload := casic.FrameID(frame), frame[6:len(frame)-4]
	switch {
	case id == idCasicRST:
		d.restart()
	case id>>8 == 6:
		ok := d.pollCASIC(id, payload) || d.configureCASIC(id, frame, payload)
		d.replyCASIC(&casic.Acknowledgement{Accepted: ok, Of: id})
	case id == casic.IDMonVER && len(payload) == 0:
		d.versionCASIC()
	}
}

// versionCASIC answers MON-VER: the first generation refuses it, as recorded of an ATGM332D.
func (d *Device) versionCASIC() {
	if d.cfg.Kind == KindCASIC1 {
		d.replyCASIC(&casic.Acknowledgement{Of: casic.IDMonVER})
		return
	}
	d.replyCASIC(&casic.MonVER{SwVersion: casicFirmware[d.cfg.Kind], HwVersion: casicModules[d.cfg.Kind] + ",0001090405872"})
}

// replyCASIC answers, where the binary protocol is sent at all.
func (d *Device) replyCASIC(m casic.Message) {
	if d.set.binary {
		d.reply(casic.Append(nil, m))
	}
}

// pollCASIC answers a request for a part of the configuration, and says whether it was one.
func (d *Device) pollCASIC(id casic.ID, payload []byte) bool {
	if len(payload) != 0 {
		return false
	}
	switch id {
	case casic.IDCfgPRT:
		mask := uint8(casic.ProtoInBinary | casic.ProtoInText)
		if d.set.binary {
			mask |= casic.ProtoOutBinary
		}
		if d.set.text {
			mask |= casic.ProtoOutText
		}
		d.replyCASIC(&casic.CfgPRT{PortID: 0, ProtoMask: mask, Mode: casic.UART8N1, BaudRate: uint32(d.set.baud)})
	case casic.IDCfgRATE:
		d.replyCASIC(&casic.CfgRATE{Interval: uint16(d.set.interval)})
	case casic.IDCfgTP:
		pulse := d.set.pulseCASIC
		d.replyCASIC(&pulse)
	default:
		return false
	}
	return true
}

// configureCASIC changes the configuration, and says whether it could.
func (d *Device) configureCASIC(id casic.ID, frame, payload []byte) bool {
	switch id {
	case casic.IDCfgPRT:
		var m casic.CfgPRT
		if casic.Unmarshal(frame, &m) != nil || m.PortID != 0 && m.PortID != casic.CurrentPort || !possible(int(m.BaudRate)) {
			return false
		}
		d.set.binary, d.set.text = m.ProtoMask&casic.ProtoOutBinary != 0, m.ProtoMask&casic.ProtoOutText != 0
		d.change(int(m.BaudRate))
		return true
	case casic.IDCfgMSG:
		var m casic.CfgMSG
		return casic.Unmarshal(frame, &m) == nil && d.rateCASIC(m)
	case casic.IDCfgRATE:
		var m casic.CfgRATE
		return casic.Unmarshal(frame, &m) == nil && d.solveEvery(int(m.Interval))
	case casic.IDCfgTP:
		return casic.Unmarshal(frame, &d.set.pulseCASIC) == nil
	case casic.IDCfgTMODE, casic.IDCfgTMODE2: // these modules navigate only
		return false
	case idCasicCFG: // mask, mode: 0 clear, 1 save, 2 load
		if len(payload) >= 3 && payload[2] == 1 {
			d.saves++
		}
		return len(payload) >= 3
	}
	return false
}

// rateCASIC is CFG-MSG.
func (d *Device) rateCASIC(m casic.CfgMSG) bool {
	if kind, ok := casicSentences[m.Of]; ok {
		if m.Rate != casic.Once {
			d.set.sentences[kind] = int(m.Rate)
		}
		return true
	}
	switch {
	case m.Rate != casic.Once && !slices.Contains(d.known, uint16(m.Of)):
		return false
	case m.Rate != casic.Once:
		d.set.rates[uint16(m.Of)] = int(m.Rate)
	case m.Of == casic.IDMonVER:
		d.versionCASIC()
	case slices.Contains(d.known, uint16(m.Of)) && d.solutions > 0 && d.set.binary:
		d.casicMessage(m.Of, d.last, d.reply)
	}
	return true
}

// runTime is the time since the start in ms.
func (d *Device) runTime() uint32 { return uint32(d.solutions * d.set.interval) }

// casicMessage makes a message.
func (d *Device) casicMessage(id casic.ID, m Moment, say func([]byte)) {
	switch id {
	case casic.IDNavPV, casic.IDNavSOL, casic.IDNav2PVH, casic.IDNav2SOL:
		d.casicPlace(id, m, say)
	case casic.IDNavTIMEUTC, casic.IDNav2TIMEUTC:
		d.casicTime(id, m, say)
	case casic.IDNavCLOCK:
		say(casic.Append(nil, d.casicClock(m)))
	case casic.IDTimTP, casic.IDTim2TPX:
		d.casicPulse(id, m, say)
	case casic.IDMsgGPSUTC, casic.IDMsgBDSUTC:
		d.casicUTC(id, m, say)
	case casic.IDTim2LS:
		d.casicLS(m, say)
	case casic.IDTim2TIMEGPS, casic.IDTim2TIMEBDS, casic.IDTim2TIMEGAL:
		d.casicSystem(id, m, say)
	case casic.IDNavGPSINFO, casic.IDNavBDSINFO, casic.IDNav2SAT:
		d.casicSky(id, m, say)
	case casic.IDMonHW:
		gain := uint16(m.Gain * math.MaxUint8)
		say(casic.Append(nil, &casic.MonHW{Noise: [3]uint32{90, 92}, AGC: [3]uint16{gain, gain}, AntStatus: antennaCode(m.Antenna)}))
	case casic.IDMonSEC:
		say(casic.Append(nil, &casic.MonSEC{SecFlags: 1, SpoofFlags: casicLevel(m.Spoofing), JamDetect: 1, JamLevel: casicLevel(m.Jamming)}))
	}
}

// casicLevel returns a degree as MON-SEC has it, 0 to 3.
func casicLevel(t gnss.Threat) uint8 {
	return [...]uint8{gnss.ThreatUnknown: 0, gnss.ThreatNone: 0, gnss.ThreatWarning: 1, gnss.ThreatCritical: 3}[t]
}

// solution is what the messages of the second generation begin with.
func (d *Device) solution(m Moment, sky []constellation) casic.Solution {
	week, in := m.tai().GPS().Week()
	s := casic.Solution{TOW: uint32(in / 1e6), Week: uint16(week), GNSSMask: 0x0B}
	if m.Fix {
		s.FixFlags, s.VelFlags, s.NumFix = casic.Fix3D, casic.Fix3D, uint8(inUse(sky))
		for _, c := range sky {
			s.NumFixOf[casicSystems[c.talker]] = uint8(len(c.used))
		}
	}
	return s
}

// casicSystems are the numbers of systems.
var casicSystems = map[string]uint8{"GP": 0, "GB": 1, "GA": 3}

// casicPlace makes the messages of a place.
func (d *Device) casicPlace(id casic.ID, m Moment, say func([]byte)) {
	sky, p := d.sky, d.talker.placed(m)
	height, sep := float32(p.Altitude+geoid), float32(geoid)
	x, y, z := ecef(p.Latitude, p.Longitude, p.Altitude+geoid)
	if !m.Fix {
		height, sep, x, y, z = 0, 0, 0, 0, 0
	}
	s := d.solution(m, sky)
	switch id {
	case casic.IDNavPV:
		pv := &casic.NavPV{RunTime: d.runTime(), PosValid: s.FixFlags, VelValid: s.VelFlags, System: 3, NumSV: s.NumFix, NumSVGPS: s.NumFixOf[0], NumSVBDS: s.NumFixOf[1]}
		pv.PDop, pv.Lon, pv.Lat, pv.Height, pv.SepGeoid, pv.HAcc, pv.VAcc = 1.4, p.Longitude, p.Latitude, height, sep, 2.2, 4.8
		say(casic.Append(nil, pv))
	case casic.IDNavSOL:
		say(casic.Append(nil, &casic.NavSOL{
			RunTime: d.runTime(), PosValid: s.FixFlags, VelValid: s.VelFlags, System: 3, NumSV: s.NumFix, NumSVGPS: s.NumFixOf[0],
			NumSVBDS: s.NumFixOf[1], Week: s.Week, TOW: float64(s.TOW) * 1e-3, X: x, Y: y, Z: z, PAcc: 3, PDop: 1.4,
		}))
	case casic.IDNav2PVH:
		say(casic.Append(nil, &casic.Nav2PVH{Solution: s, Lon: p.Longitude, Lat: p.Latitude, Height: height, SepGeoid: sep, HAcc: 1.5, VAcc: 2.2}))
	case casic.IDNav2SOL:
		say(casic.Append(nil, &casic.Nav2SOL{Solution: s, X: x, Y: y, Z: z, PAcc: 1.8, PDop: 1.4}))
	}
}

// casicTime makes NAV-TIMEUTC and NAV2-TIMEUTC.
func (d *Device) casicTime(id casic.ID, m Moment, say func([]byte)) {
	c := m.civil()
	if id == casic.IDNavTIMEUTC {
		t := &casic.NavTIMEUTC{
			RunTime: d.runTime(), TAcc: 4e-16, Ms: uint16(c.Nanosecond / 1e6), Year: uint16(c.Year),
			Month: uint8(c.Month), Day: uint8(c.Day), Hour: uint8(c.Hour), Min: uint8(c.Minute), Sec: uint8(c.Second), Valid: m.valid(),
		}
		if m.Fix {
			t.DateValid = 3
		}
		say(casic.Append(nil, t))
		return
	}
	t := &casic.Nav2TIMEUTC{
		TAcc: timeError, Cs: uint8(c.Nanosecond / 1e7), SubCs: int8(c.Nanosecond / 1e6 % 10), Year: uint16(c.Year),
		Month: uint8(c.Month), Day: uint8(c.Day), Hour: uint8(c.Hour), Min: uint8(c.Minute), Sec: uint8(c.Second),
		Flags: m.sure(), LeapSec: m.leapsGPS(),
	}
	say(casic.Append(nil, t))
}

// casicClock makes NAV-CLOCK.
func (d *Device) casicClock(m Moment) *casic.NavCLOCK {
	week, in := m.tai().GPS().Week()
	weekB, inB := m.tai().BDT().Week()
	return &casic.NavCLOCK{
		RunTime: d.runTime(), FreqBias: 1e-7, TAcc: 4e-16, FAcc: 1e-18,
		Systems: [3]casic.SystemClock{
			{TOW: float64(in) * 1e-6, Week: uint16(week), Leaps: m.leapsGPS(), Valid: m.valid()},
			{TOW: float64(inB) * 1e-6, Week: uint16(weekB), Leaps: m.leapsGPS() - 14, Valid: m.valid()},
		},
	}
}

// casicPulse makes TIM-TP, of the pulse to come, and TIM2-TPX, of the one before. The second has a byte for the
// quantisation, 12.7 ns: what is more is cut.
func (d *Device) casicPulse(id casic.ID, m Moment, say func([]byte)) {
	if id == casic.IDTimTP {
		week, in := (m.tai() + timescale.Second).GPS().Week()
		tp := &casic.TimTP{RunTime: d.runTime(), QErr: float32(d.quantisation(m.NextQuantisation)), TOW: float64(in) * 1e-9, Week: uint16(week), RefTime: 1 << 4}
		if m.OffsetSet {
			tp.UTCValid = 3
		}
		say(casic.Append(nil, tp))
		return
	}
	week, in := m.tai().GPS().Week()
	tp := &casic.Tim2TPX{TOW: uint32(in / 1e6), Week: uint16(week), Flags: m.sure(), Base: 1, LeapSec: m.leapsGPS(), TAcc: 200}
	if m.Fix {
		tp.Flags |= casic.TPXPulse
	}
	tenths := math.Round(d.quantisation(m.Quantisation) * 1e10)
	tp.QuanErr = int8(max(-127, min(127, tenths)))
	say(casic.Append(nil, tp))
}

// casicUTC makes MSG-GPSUTC and MSG-BDSUTC: what a system sends of leap seconds.
func (d *Device) casicUTC(id casic.ID, m Moment, say func([]byte)) {
	week, day := m.event()
	u := &casic.MsgUTC{Of: id, DtLS: m.leapsGPS(), DtLSF: m.after(), WnLSF: uint8(week), DN: uint8(day)}
	if id == casic.IDMsgBDSUTC { // its weeks began 1356 later, and its days at 0
		u.DtLS, u.DtLSF, u.WnLSF, u.DN = u.DtLS-14, u.DtLSF-14, uint8(week-1356), uint8(day-1)
	}
	if m.OffsetSet {
		u.Valid = 3
	}
	say(casic.Append(nil, u))
}

// casicLS makes TIM2-LS.
func (d *Device) casicLS(m Moment, say func([]byte)) {
	week, day := m.event()
	ls := &casic.Tim2LS{SVID: 7, RaimType: 1, WnLSF: uint8(week), DN: uint8(day), DtLS: m.leapsGPS(), DtLSF: m.after()}
	if m.OffsetSet {
		ls.RaimType = 2
	}
	say(casic.Append(nil, ls))
}

// casicSystem makes the time of one system with its leap seconds.
func (d *Device) casicSystem(id casic.ID, m Moment, say func([]byte)) {
	t := &casic.Tim2TIME{Of: id, TAcc: timeError, LS: m.leapsGPS(), LSF: m.after(), Flags: m.sure(), DtLSF: m.eventIn(), TOWFlag: 1, WNFlag: 1}
	week, in := m.tai().GPS().Week()
	switch id {
	case casic.IDTim2TIMEBDS:
		week, in = m.tai().BDT().Week()
		t.LS, t.LSF, t.TimeSrc = t.LS-14, t.LSF-14, 1
	case casic.IDTim2TIMEGAL:
		week, t.TimeSrc = week-1024, 3
	}
	t.Week, t.TOW, t.Total = uint16(week), uint32(in/1e6), uint32(in/1e9)
	if m.OffsetSet {
		t.UTCFlag, t.LSFlag = 1, 1
	}
	if m.OffsetSet && m.Leap != clock.LeapNone {
		last := (m.LeapAt - timescale.Second).Civil()
		t.LSFlag, t.LSYear = 2, uint16(last.Year<<1)
		if last.Month == 12 {
			t.LSYear++
		}
	}
	say(casic.Append(nil, t))
}

// casicSky makes the views of the sky: one of each system in the first generation, one of all in the second.
func (d *Device) casicSky(id casic.ID, m Moment, say func([]byte)) {
	all := &casic.Nav2SAT{}
	_, in := m.tai().GPS().Week()
	all.TOW = uint32(in / 1e6)
	for _, c := range d.sky {
		system := casicSystems[c.talker]
		info := &casic.NavINFO{Of: casic.IDNavGPSINFO + casic.ID(system), RunTime: d.runTime(), NumFixSv: uint8(len(c.used)), System: system}
		for i, v := range c.seen {
			flags := uint8(0)
			if slices.Contains(c.used, v.ID) {
				flags = 1
			}
			info.Sats = append(info.Sats, casic.Sat{Chn: uint8(i), SVID: uint8(v.ID), Flags: flags, Quality: 3, CNO: uint8(v.CN0), Elev: int8(v.Elevation), Azim: int16(v.Azimuth)})
			all.Sats = append(all.Sats, casic.Sat2{
				Chn: uint8(len(all.Sats)), SVID: uint8(v.ID), GNSSID: system, Flags: flags, Quality: 3, CNO: uint8(v.CN0), Elev: int8(v.Elevation), Azim: int16(v.Azimuth),
			})
		}
		all.NumFixTot += uint8(len(c.used))
		if id == info.Of {
			say(casic.Append(nil, info))
		}
	}
	if id == casic.IDNav2SAT {
		say(casic.Append(nil, all))
	}
}
