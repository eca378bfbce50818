// Package casic decodes and encodes the binary messages of CASIC receivers (AT6558, ATGM332D, ATGM336H and their
// successors), in both generations: NAV and TIM of the first, whose firmware calls itself URANUS5 and earlier, NAV2 and
// TIM2 of the second, URANUS6.
//
// The messages are structs with the fields and units of the maker's protocol specifications: "CASIC multimode satellite
// navigation receiver protocol specification" V4.2.0.3 and, for the second generation, its chapter CASBIN. Where a
// recording shows otherwise it is followed: NAV-TIMEUTC has milliseconds before the year. Append writes a message as a
// frame, Unmarshal reads one; Decoder turns frames into reports.
//
// A message that is too short or says what cannot be is refused with a *gnss.Refused and moves nothing; a type that is
// not known, and an empty payload, which is a request, report nothing. Checksums are scan's business.
package casic

import (
	"encoding/binary"
	"fmt"

	"timeball/gnss"
	"timeball/gnss/wire"
)

// ID is class and id of a message, class in the high byte.
type ID uint16

// The messages that have a struct or a meaning here.
const (
	IDNavSOL      ID = 0x0102
	IDNavPV       ID = 0x0103
	IDNavTIMEUTC  ID = 0x0110
	IDNavCLOCK    ID = 0x0111
	IDNavGPSINFO  ID = 0x0120
	IDNavBDSINFO  ID = 0x0121
	IDNavGLNINFO  ID = 0x0122
	IDTimTP       ID = 0x0200
	IDAckNAK      ID = 0x0500
	IDAckACK      ID = 0x0501
	IDCfgPRT      ID = 0x0600
	IDCfgMSG      ID = 0x0601
	IDCfgTP       ID = 0x0603
	IDCfgRATE     ID = 0x0604
	IDCfgTMODE    ID = 0x0606
	IDCfgTMODE2   ID = 0x0616
	IDMsgBDSUTC   ID = 0x0800
	IDMsgGPSUTC   ID = 0x0805
	IDMonVER      ID = 0x0A04
	IDMonHW       ID = 0x0A09
	IDMonSEC      ID = 0x0A0B
	IDNav2SOL     ID = 0x1102
	IDNav2PVH     ID = 0x1103
	IDNav2SAT     ID = 0x1104
	IDNav2TIMEUTC ID = 0x1105
	IDTim2TPX     ID = 0x1200
	IDTim2TIMEGPS ID = 0x1201
	IDTim2TIMEBDS ID = 0x1202
	IDTim2TIMEGAL ID = 0x1204
	IDTim2TIMEPOS ID = 0x1206
	IDTim2LS      ID = 0x1207
)

// names are the messages that a person may meet; what is missing is shown in hexadecimal.
var names = map[ID]string{
	0x0100: "NAV-STATUS", 0x0101: "NAV-DOP", IDNavSOL: "NAV-SOL", IDNavPV: "NAV-PV",
	IDNavTIMEUTC: "NAV-TIMEUTC", IDNavCLOCK: "NAV-CLOCK", IDNavGPSINFO: "NAV-GPSINFO", IDNavBDSINFO: "NAV-BDSINFO",
	IDNavGLNINFO: "NAV-GLNINFO", IDTimTP: "TIM-TP", IDAckNAK: "ACK-NAK", IDAckACK: "ACK-ACK",
	IDCfgPRT: "CFG-PRT", IDCfgMSG: "CFG-MSG", 0x0602: "CFG-RST", IDCfgTP: "CFG-TP",
	IDCfgRATE: "CFG-RATE", 0x0605: "CFG-CFG", IDCfgTMODE: "CFG-TMODE", 0x0607: "CFG-NAVX", IDCfgTMODE2: "CFG-TMODE2",
	IDMsgBDSUTC: "MSG-BDSUTC", IDMsgGPSUTC: "MSG-GPSUTC",
	IDMonVER: "MON-VER", IDMonHW: "MON-HW", IDMonSEC: "MON-SEC",
	0x1101: "NAV2-DOP", IDNav2SOL: "NAV2-SOL", IDNav2PVH: "NAV2-PVH", IDNav2SAT: "NAV2-SAT", IDNav2TIMEUTC: "NAV2-TIMEUTC",
	0x1106: "NAV2-SIG", 0x1107: "NAV2-CLK", IDTim2TPX: "TIM2-TPX", IDTim2TIMEGPS: "TIM2-TIMEGPS", IDTim2TIMEBDS: "TIM2-TIMEBDS",
	0x1203: "TIM2-TIMEGLN", IDTim2TIMEGAL: "TIM2-TIMEGAL", IDTim2TIMEPOS: "TIM2-TIMEPOS", IDTim2LS: "TIM2-LS",
}

// String returns the name of the message, "NAV-PV", or class and id in hexadecimal, "0a-07".
func (id ID) String() string {
	if name, ok := names[id]; ok {
		return name
	}
	return fmt.Sprintf("%02x-%02x", uint8(id>>8), uint8(id))
}

// Bytes around the payload.
const (
	header   = 6 // BA CE, length, class, id
	overhead = header + 4
)

// FrameID returns the ID of a frame, which must have a header.
func FrameID(frame []byte) ID { return ID(frame[4])<<8 | ID(frame[5]) }

// Message is a struct of this package that can be sent or read.
type Message interface {
	ID() ID
	fields(*wire.Codec)
}

// Append appends m as a frame with its checksum.
func Append(dst []byte, m Message) []byte {
	at := len(dst)
	id := m.ID()
	c := wire.Append(append(dst, 0xBA, 0xCE, 0, 0, uint8(id>>8), uint8(id)))
	m.fields(&c)
	return finish(c.Bytes(), at)
}

// AppendPoll appends a request for the message id. Messages that are sent regularly are asked for once with a CfgMSG of
// rate Once instead.
func AppendPoll(dst []byte, id ID) []byte {
	return finish(append(dst, 0xBA, 0xCE, 0, 0, uint8(id>>8), uint8(id)), len(dst))
}

// finish writes length and checksum of the frame that begins at dst[at], whose payload is of whole words of four bytes.
// The checksum is the sum of the words, the first of which is length, class and id.
func finish(dst []byte, at int) []byte {
	binary.LittleEndian.PutUint16(dst[at+2:], uint16(len(dst)-at-header))
	var sum uint32
	for b := dst[at+2:]; len(b) >= 4; b = b[4:] {
		sum += binary.LittleEndian.Uint32(b)
	}
	return binary.LittleEndian.AppendUint32(dst, sum)
}

// Unmarshal reads the payload of a whole frame into m. It is an error, a *gnss.Refused, if the frame is of another type
// or too short.
func Unmarshal(frame []byte, m Message) error {
	if !framed(frame) || FrameID(frame) != m.ID() {
		return refuse(m.ID(), gnss.ReasonProtocol, frame)
	}
	c := wire.Read(frame[header : len(frame)-4])
	m.fields(&c)
	if c.Short() {
		return refuse(m.ID(), gnss.ReasonFields, frame)
	}
	return nil
}

// framed reports whether b has the shape of one frame.
func framed(b []byte) bool {
	return len(b) >= overhead && b[0] == 0xBA && b[1] == 0xCE && int(binary.LittleEndian.Uint16(b[2:]))+overhead == len(b)
}

// refuse returns the error of a frame that is not used.
func refuse(id ID, reason string, frame []byte) *gnss.Refused {
	return &gnss.Refused{
		Protocol: "casic", Reason: reason, Message: id.String(),
		Detail: fmt.Sprintf("%d bytes: %x", len(frame), frame[:min(len(frame), 48)]),
	}
}
