// Package ubx decodes and encodes the UBX messages of u-blox receivers that a time server has to do with, of
// generations 4 to 10.
//
// The messages are structs with the fields, names and units of u-blox' interface descriptions (UBX-13003221 for
// generation 8, UBX-22008968 for F9 timing, UBX-22003221 for M10; NAV-SOL and NAV-SVINFO: GPS.G6-SW-10018); scaled
// values are methods. Append writes a message as a frame, Unmarshal reads one; Decoder turns frames into reports.
//
// Messages may become longer with later firmware: what is behind the known fields is not read. A message that is too
// short or says what cannot be is refused with a *gnss.Refused and moves nothing; a type that is not known, and an
// empty payload, which is a request, report nothing. Checksums are scan's business.
package ubx

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
	IDNavPOSLLH  ID = 0x0102
	IDNavSTATUS  ID = 0x0103
	IDNavSOL     ID = 0x0106
	IDNavPVT     ID = 0x0107
	IDNavTIMEGPS ID = 0x0120
	IDNavTIMEUTC ID = 0x0121
	IDNavCLOCK   ID = 0x0122
	IDNavTIMEBDS ID = 0x0124
	IDNavTIMEGAL ID = 0x0125
	IDNavTIMELS  ID = 0x0126
	IDNavSVINFO  ID = 0x0130
	IDNavSAT     ID = 0x0135
	IDNavSVIN    ID = 0x013B
	IDInfERROR   ID = 0x0400
	IDInfWARNING ID = 0x0401
	IDInfNOTICE  ID = 0x0402
	IDAckNAK     ID = 0x0500
	IDAckACK     ID = 0x0501
	IDCfgPRT     ID = 0x0600
	IDCfgMSG     ID = 0x0601
	IDCfgRATE    ID = 0x0608
	IDCfgNAV5    ID = 0x0624
	IDCfgTP5     ID = 0x0631
	IDCfgTMODE2  ID = 0x063D
	IDCfgVALSET  ID = 0x068A
	IDMonVER     ID = 0x0A04
	IDMonHW      ID = 0x0A09
	IDMonHW3     ID = 0x0A37
	IDMonRF      ID = 0x0A38
	IDTimTP      ID = 0x0D01
	IDTimSVIN    ID = 0x0D04
	IDSecSIG     ID = 0x2709
)

// names are the messages that a person may meet; what is missing is shown in hexadecimal.
var names = map[ID]string{
	0x0101: "NAV-POSECEF", IDNavPOSLLH: "NAV-POSLLH", IDNavSTATUS: "NAV-STATUS", 0x0104: "NAV-DOP",
	IDNavSOL: "NAV-SOL", IDNavPVT: "NAV-PVT", 0x0111: "NAV-VELECEF", 0x0112: "NAV-VELNED",
	IDNavTIMEGPS: "NAV-TIMEGPS", IDNavTIMEUTC: "NAV-TIMEUTC", IDNavCLOCK: "NAV-CLOCK", 0x0123: "NAV-TIMEGLO",
	IDNavTIMEBDS: "NAV-TIMEBDS", IDNavTIMEGAL: "NAV-TIMEGAL", IDNavTIMELS: "NAV-TIMELS", IDNavSVINFO: "NAV-SVINFO",
	0x0132: "NAV-SBAS", IDNavSAT: "NAV-SAT", IDNavSVIN: "NAV-SVIN", 0x0143: "NAV-SIG", 0x0161: "NAV-EOE",
	0x0210: "RXM-RAW", 0x0211: "RXM-SFRB", IDAckNAK: "ACK-NAK", IDAckACK: "ACK-ACK",
	IDMonVER: "MON-VER", IDMonHW: "MON-HW", IDMonHW3: "MON-HW3", IDMonRF: "MON-RF",
	IDTimTP: "TIM-TP", IDTimSVIN: "TIM-SVIN", 0x2703: "SEC-UNIQID", IDSecSIG: "SEC-SIG",
}

// String returns the name of the message, "NAV-PVT", or class and id in hexadecimal, "0a-07".
func (id ID) String() string {
	if name, ok := names[id]; ok {
		return name
	}
	return fmt.Sprintf("%02x-%02x", uint8(id>>8), uint8(id))
}

// Bytes around the payload.
const (
	header   = 6 // B5 62, class, id, length
	overhead = header + 2
)

// FrameID returns the ID of a frame, which must have a header.
func FrameID(frame []byte) ID { return ID(frame[2])<<8 | ID(frame[3]) }

// Message is a struct of this package that can be sent or read.
type Message interface {
	ID() ID
	fields(*wire.Codec)
}

// Append appends m as a frame with its checksum.
func Append(dst []byte, m Message) []byte {
	at := len(dst)
	id := m.ID()
	c := wire.Append(append(dst, 0xB5, 0x62, uint8(id>>8), uint8(id), 0, 0))
	m.fields(&c)
	return finish(c.Bytes(), at)
}

// AppendPayload appends a frame of any message with a payload as it is: what has no struct here, or is cut short as an
// older receiver sends it.
func AppendPayload(dst []byte, id ID, payload []byte) []byte {
	at := len(dst)
	return finish(append(append(dst, 0xB5, 0x62, uint8(id>>8), uint8(id), 0, 0), payload...), at)
}

// AppendPoll appends a request for the message id.
func AppendPoll(dst []byte, id ID) []byte {
	return finish(append(dst, 0xB5, 0x62, uint8(id>>8), uint8(id), 0, 0), len(dst))
}

// finish writes length and checksum of the frame that begins at dst[at].
func finish(dst []byte, at int) []byte {
	binary.LittleEndian.PutUint16(dst[at+4:], uint16(len(dst)-at-header))
	var x, y uint8
	for _, c := range dst[at+2:] {
		x += c
		y += x
	}
	return append(dst, x, y)
}

// Unmarshal reads the payload of a whole frame into m. It is an error, a *gnss.Refused, if the frame is of another type
// or too short.
func Unmarshal(frame []byte, m Message) error {
	if !framed(frame) || FrameID(frame) != m.ID() {
		return refuse(m.ID(), gnss.ReasonProtocol, frame)
	}
	c := wire.Read(frame[header : len(frame)-2])
	m.fields(&c)
	if c.Short() {
		return refuse(m.ID(), gnss.ReasonFields, frame)
	}
	return nil
}

// framed reports whether b has the shape of one frame.
func framed(b []byte) bool {
	return len(b) >= overhead && b[0] == 0xB5 && b[1] == 0x62 && int(binary.LittleEndian.Uint16(b[4:]))+overhead == len(b)
}

// refuse returns the error of a frame that is not used.
func refuse(id ID, reason string, frame []byte) *gnss.Refused {
	return &gnss.Refused{
		Protocol: "ubx", Reason: reason, Message: id.String(),
		Detail: fmt.Sprintf("%d bytes: %x", len(frame), frame[:min(len(frame), 48)]),
	}
}
