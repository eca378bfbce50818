package ntp

import "encoding/binary"

// HeaderLen is the length in bytes of a packet without extension fields and MAC.
const HeaderLen = 48

// The leap indicator of RFC 5905, 7.3.
const (
	LeapNone           = 0
	LeapInsert         = 1 // the last minute of the day has 61 seconds
	LeapDelete         = 2 // the last minute of the day has 59 seconds
	LeapUnsynchronised = 3
)

// The modes of RFC 5905, 7.3 that a server meets.
const (
	ModeReserved  = 0
	ModeActive    = 1
	ModePassive   = 2
	ModeClient    = 3
	ModeServer    = 4
	ModeBroadcast = 5
	ModeControl   = 6
	ModePrivate   = 7
)

// Packet is the header of RFC 5905, 7.3 as it is on the wire.
type Packet struct {
	Leap           uint8 // 0..3
	Version        uint8 // 1..4 are answered
	Mode           uint8 // 0..7
	Stratum        uint8 // 0 = unspecified
	Poll           int8  // log2 seconds
	Precision      int8  // log2 seconds
	RootDelay      Short
	RootDispersion Short
	ReferenceID    [4]byte
	Reference      Timestamp // when the clock was last set or corrected
	Origin         Timestamp // the client's Transmit
	Receive        Timestamp
	Transmit       Timestamp
}

// Decode reads the header at the start of b. It reports false when b is shorter than HeaderLen; what follows the header
// is for Trailer.
func Decode(b []byte) (p Packet, ok bool) {
	if len(b) < HeaderLen {
		return Packet{}, false
	}
	return Packet{
		Leap:           b[0] >> 6,
		Version:        b[0] >> 3 & 7,
		Mode:           b[0] & 7,
		Stratum:        b[1],
		Poll:           int8(b[2]),
		Precision:      int8(b[3]),
		RootDelay:      Short(binary.BigEndian.Uint32(b[4:])),
		RootDispersion: Short(binary.BigEndian.Uint32(b[8:])),
		ReferenceID:    [4]byte(b[12:16]),
		Reference:      Timestamp(binary.BigEndian.Uint64(b[16:])),
		Origin:         Timestamp(binary.BigEndian.Uint64(b[24:])),
		Receive:        Timestamp(binary.BigEndian.Uint64(b[32:])),
		Transmit:       Timestamp(binary.BigEndian.Uint64(b[40:])),
	}, true
}

// Append appends the HeaderLen bytes of p to dst.
func (p *Packet) Append(dst []byte) []byte {
	dst = append(dst, p.Leap<<6|p.Version&7<<3|p.Mode&7, p.Stratum, byte(p.Poll), byte(p.Precision))
	dst = binary.BigEndian.AppendUint32(dst, uint32(p.RootDelay))
	dst = binary.BigEndian.AppendUint32(dst, uint32(p.RootDispersion))
	dst = append(dst, p.ReferenceID[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.Reference))
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.Origin))
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.Receive))
	return binary.BigEndian.AppendUint64(dst, uint64(p.Transmit))
}
