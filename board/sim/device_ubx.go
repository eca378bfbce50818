package sim

import (
	"encoding/binary"
	"math"
	"slices"

	"timeball/gnss/ubx"
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
