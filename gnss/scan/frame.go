package scan

import "encoding/binary"

// Bytes around the payload of each binary frame.
const (
	ubxFrame   = 8  // B5 62, class, id, length, two checksum bytes
	casicFrame = 10 // BA CE, length, class, id, four checksum bytes
	rtcmFrame  = 6  // D3, length, three bytes of CRC
)

// none marks a byte that begins no frame.
const none = protocols

// starts has the protocol a byte may be the first of.
var starts = func() (t [256]Protocol) {
	for i := range t {
		t[i] = none
	}
	t['$'], t['!'] = NMEA, NMEA
	t[0xB5], t[0xBA], t[0xD3] = UBX, CASIC, RTCM3
	return t
}()

// frameLength returns the length that the binary frame at b claims to have, and good if its header can be one.
func frameLength(proto Protocol, b []byte) (int, verdict) {
	switch proto {
	case UBX:
		return claim(b, 0x62, 4, ubxFrame)
	case CASIC:
		return claim(b, 0xCE, 2, casicFrame)
	}
	if len(b) < 3 {
		return 0, wait
	}
	if b[1] > 3 { // six reserved bits are zero
		return 0, nothing
	}
	return int(b[1])<<8 + int(b[2]) + rtcmFrame, good
}

// claim reads a little-endian length at the given place, once the second sync byte is right.
func claim(b []byte, sync byte, at, frame int) (int, verdict) {
	if len(b) >= 2 && b[1] != sync {
		return 0, nothing
	}
	if len(b) < at+2 {
		return 0, wait
	}
	return int(binary.LittleEndian.Uint16(b[at:])) + frame, good
}

// checksum reports whether the whole binary frame b is right.
func checksum(proto Protocol, b []byte) bool {
	n := len(b)
	switch proto {
	case UBX:
		return binary.LittleEndian.Uint16(b[n-2:]) == fletcher(b[2:n-2])
	case CASIC:
		return binary.LittleEndian.Uint32(b[n-4:]) == wordSum(b)
	}
	return crc24q(b) == 0
}

// fletcher is the 8-bit Fletcher checksum of UBX, first sum in the low byte. The sums are taken modulo 2^32, of which
// 256 is a divisor, and cut at the end.
func fletcher(b []byte) uint16 {
	var x, y uint32
	for _, c := range b {
		x += uint32(c)
		y += x
	}
	return uint16(y&0xFF)<<8 | uint16(x&0xFF)
}

// wordSum is the checksum of a CASIC frame: id, class and length as one word, and the payload's words. A payload that
// is not of whole words is not defined; its last word is filled with zeros.
func wordSum(b []byte) uint32 {
	sum := uint32(b[5])<<24 + uint32(b[4])<<16 + uint32(binary.LittleEndian.Uint16(b[2:]))
	p := b[6 : len(b)-4]
	for len(p) >= 4 {
		sum += binary.LittleEndian.Uint32(p)
		p = p[4:]
	}
	for i, c := range p {
		sum += uint32(c) << (8 * i)
	}
	return sum
}

// crcTable is CRC-24Q (RTCM 10403.3, 4.2), polynomial 1864CFB.
var crcTable = func() (t [256]uint32) {
	for i := range t {
		c := uint32(i) << 16
		for range 8 {
			c <<= 1
			if c&0x1000000 != 0 {
				c ^= 0x1864CFB
			}
		}
		t[i] = c
	}
	return t
}()

// crc24q of a whole frame, its CRC included, is 0.
func crc24q(b []byte) uint32 {
	var c uint32
	for _, x := range b {
		c = c<<8&0xFFFFFF ^ crcTable[byte(c>>16)^x]
	}
	return c
}

// sentence judges an NMEA line, going on where it stopped when more bytes have come.
type sentence struct {
	n       int  // bytes judged
	sum     byte // exclusive or of those after the first
	starred bool // a '*' and two digits that do not agree were met
}

// The bytes that matter within a line.
const (
	plain = iota
	star
	end   // CR, LF
	begin // '$', and '!' in a line that began with it
	alien // other control characters: this is no text
)

var classes = func() (t [256]uint8) {
	for i := range 0x20 {
		t[i] = alien
	}
	t['\t'], t[0x7F] = plain, alien
	t['\r'], t['\n'], t['*'], t['$'], t['!'] = end, end, star, begin, begin
	return t
}()

// judge says what the line that begins at b[0] is. It is good at the first '*' with a checksum that agrees, wherever the
// line goes on, so that trailing junk and a glued sentence do no harm; a '$' gives up what is before it.
func (c *sentence) judge(b []byte) (verdict, int) {
	if c.n == 0 {
		c.n = 1
	}
	for c.n < len(b) {
		x := b[c.n]
		switch classes[x] {
		case star:
			v := c.stars(b)
			if v == good {
				return good, c.n + 3
			}
			if v == wait {
				return wait, 0
			}
		case end:
			return c.ended(b), 0
		case begin:
			if x == '$' || b[0] == '!' {
				return nothing, 0
			}
		case alien:
			return nothing, 0
		}
		if c.n == 1 && !alnum(x) {
			return nothing, 0
		}
		c.sum ^= x
		c.n++
		if c.n == maxFrame {
			return overlong, 0
		}
	}
	return wait, 0
}

// stars judges the '*' at b[n]: two digits that agree make the line good.
func (c *sentence) stars(b []byte) verdict {
	if c.n == 1 {
		return nothing
	}
	if len(b) < c.n+2 {
		return wait
	}
	hi, ok := digit(b[c.n+1])
	if !ok {
		return nothing
	}
	if len(b) < c.n+3 {
		return wait
	}
	lo, ok := digit(b[c.n+2])
	if !ok {
		return nothing
	}
	if hi<<4|lo == c.sum {
		return good
	}
	c.starred = true
	return bad
}

// ended judges a line that came to its end without a checksum that agrees. Only what has an address counts as a line.
func (c *sentence) ended(b []byte) verdict {
	i := 1
	for i < c.n && alnum(b[i]) {
		i++
	}
	if i < 4 || i < c.n && b[i] != ',' && b[i] != '*' {
		return nothing
	}
	if c.starred {
		return bad
	}
	return bare
}

func alnum(x byte) bool {
	return 'A' <= x && x <= 'Z' || '0' <= x && x <= '9' || 'a' <= x && x <= 'z'
}

func digit(x byte) (byte, bool) {
	switch {
	case '0' <= x && x <= '9':
		return x - '0', true
	case 'A' <= x && x <= 'F':
		return x - 'A' + 10, true
	case 'a' <= x && x <= 'f':
		return x - 'a' + 10, true
	}
	return 0, false
}

// patience is the longest binary frame that is waited for without a doubt, 0.27 s at 9600 baud. NAV-PVT has 100 bytes,
// a GSV 70. What is longer must not hold back the labels of seconds because a bit of its length was flipped.
const patience = 256

// doubt looks for packets inside of a long frame: two of them mean that its length is a lie. One may be a receiver's
// message that quotes a sentence.
type doubt struct {
	at    int // looked at so far; 0 = not begun
	found int
	line  sentence
}

// look goes on looking in frame, the part of the frame that is there, and reports whether the frame is to be given up.
func (d *doubt) look(frame []byte) bool {
	d.at = max(d.at, 1)
	for d.at < len(frame) && d.found < 2 {
		b := frame[d.at:]
		proto := starts[b[0]]
		if proto == none {
			d.at++
			continue
		}
		v, n := d.judge(proto, b)
		if v == wait {
			return false
		}
		if v == good {
			d.found++
		}
		d.at += max(n, 1)
		d.line = sentence{}
	}
	return d.found == 2
}

// judge is Scanner.judge for a packet that is itself short.
func (d *doubt) judge(proto Protocol, b []byte) (verdict, int) {
	if proto == NMEA {
		return d.line.judge(b)
	}
	total, v := frameLength(proto, b)
	if v != good {
		return v, 0
	}
	if total > patience {
		return nothing, 0
	}
	return whole(proto, b, total)
}
