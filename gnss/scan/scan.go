// Package scan cuts the byte stream of a GNSS receiver into packets and says when the first byte of each arrived.
//
// It knows the frames of NMEA 0183 (IEC 61162-1, 7.1), UBX (u-blox interface description, "UBX frame structure"), CASIC
// (the multi-mode receiver protocol specification of its maker, "CSIP") and RTCM 10403.3, 4. Times are CLOCK_MONOTONIC
// nanoseconds, the time of a byte on the line is seconds.
//
// A length is never trusted: a frame counts only when its checksum is right, and what is not a frame costs one byte, so
// that nothing behind it is lost. A long frame that is still incomplete is given up as soon as two whole packets were
// found inside of it. The result depends on the bytes alone, never on how reads cut them.
//
// Bytes that belong to no packet are skipped and counted. Nothing here fails or panics.
package scan

import "timeball/pps/clock"

// Protocol is the kind of frame a packet has.
type Protocol uint8

// The protocols that are framed. RTCM3 is framed only to be skipped as a whole.
const (
	NMEA Protocol = iota
	UBX
	CASIC
	RTCM3
	protocols
)

// String returns "nmea", "ubx", "casic" or "rtcm3".
func (p Protocol) String() string {
	switch p {
	case NMEA:
		return "nmea"
	case UBX:
		return "ubx"
	case CASIC:
		return "casic"
	case RTCM3:
		return "rtcm3"
	}
	return "unknown"
}

// Packet is one frame with a right checksum.
type Packet struct {
	Protocol Protocol
	Arrival  clock.Mono // of the first byte
	End      clock.Mono // of the last byte
	Data     []byte     // from the first sync byte to the end of the checksum, without CR LF; valid only during emit
}

// Counts is what a Scanner has seen since New.
type Counts struct {
	Good       [protocols]int // packets with a right checksum, by Protocol
	Bad        [protocols]int // whole frames with a wrong checksum, by Protocol
	NoChecksum int            // NMEA lines that ended without a checksum
	Abandoned  int            // long frames given up because packets were found inside of them
	Overlong   int            // NMEA lines longer than any frame may be
	Skipped    int            // bytes outside of packets, CR and LF not counted
}

// maxFrame is the longest frame, a CASIC packet with the largest length 16 bits can say.
const maxFrame = 65535 + casicFrame

// Scanner finds packets in a stream of bytes. Its memory is bounded. The zero value is not usable, see New.
type Scanner struct {
	buf     []byte
	r, w    int   // buf[r:w] is waiting; buf[r] begins a candidate or nothing
	offset  int64 // stream position of buf[0]
	line    sentence
	doubt   doubt
	debt    int // bytes of long frames that turned out to be none, less what was paid
	arrived arrivals
	counts  Counts
}

// New returns a Scanner that has seen nothing.
func New() *Scanner {
	return &Scanner{buf: make([]byte, 2*maxFrame)}
}

// Began returns when the first of n bytes arrived that were read together, from the time the read returned.
func Began(returned clock.Mono, n int, byteTime clock.Seconds) clock.Mono {
	if n < 2 {
		return returned
	}
	return returned.Add(-clock.Seconds(n-1) * byteTime)
}

// Counts returns what has been counted.
func (s *Scanner) Counts() Counts { return s.counts }

// Write takes bytes that were read together and calls emit for each packet that they complete. The first of them arrived
// at arrival; byteTime is the time of one byte on the line in seconds, 0 when it is not known.
func (s *Scanner) Write(arrival clock.Mono, byteTime clock.Seconds, p []byte, emit func(Packet)) {
	if len(p) == 0 {
		return
	}
	s.arrived.add(s.offset+int64(s.r), s.offset+int64(s.w), arrival, byteTime)
	for len(p) > 0 {
		if s.w == len(s.buf) {
			s.compact()
		}
		n := copy(s.buf[s.w:], p)
		s.w += n
		p = p[n:]
		s.scan(false, emit)
	}
}

// Flush ends the stream: an incomplete frame is given up and what is inside of it is searched. The Scanner can then take
// another stream, as after a change of baud rate.
func (s *Scanner) Flush(emit func(Packet)) { s.scan(true, emit) }

// compact moves what is waiting to the front. Less than maxFrame bytes wait, so that half of the buffer becomes free.
func (s *Scanner) compact() {
	copy(s.buf, s.buf[s.r:s.w])
	s.offset += int64(s.r)
	s.w -= s.r
	s.r = 0
}

// verdict is what the bytes at a position are.
type verdict uint8

const (
	nothing  verdict = iota // no frame begins here
	wait                    // a frame may begin here; more bytes will tell
	good                    // a packet
	bad                     // a whole frame with a wrong checksum
	bare                    // an NMEA line without a checksum
	overlong                // an NMEA line that does not end
	inside                  // a frame overtaken by packets inside of it
)

// scan judges what is waiting, until it is used up or the candidate needs more bytes.
func (s *Scanner) scan(final bool, emit func(Packet)) {
	for s.r < s.w {
		b := s.buf[s.r:s.w]
		proto := starts[b[0]]
		if proto == none {
			s.skip(b[0])
			continue
		}
		v, n := s.judge(proto, b)
		if v == wait {
			if !final {
				return
			}
			s.debt += len(b)
		}
		if v == good {
			s.emit(proto, n, emit)
			continue
		}
		s.count(v, proto)
		s.skip(b[0])
	}
	if s.r == s.w {
		s.offset += int64(s.r)
		s.r, s.w = 0, 0
	}
}

// judge says what begins at b[0], a first byte of proto, and how long it is if it is good.
func (s *Scanner) judge(proto Protocol, b []byte) (verdict, int) {
	if proto == NMEA {
		return s.line.judge(b)
	}
	total, v := frameLength(proto, b)
	if v != good {
		return v, 0
	}
	if total > patience {
		return s.long(proto, b, total)
	}
	return whole(proto, b, total)
}

// long judges a frame that claims to be long. It costs its length to find that it is none: where such claims follow one
// another, as a hostile receiver could send them, they are not looked into until enough bytes have paid for them.
func (s *Scanner) long(proto Protocol, b []byte, total int) (v verdict, n int) {
	if s.debt > maxDebt {
		return nothing, 0
	}
	v = inside
	if !s.doubt.look(b[:min(total, len(b))]) {
		v, n = whole(proto, b, total)
	}
	if v == inside || v == bad {
		s.debt += total
	}
	return v, n
}

// whole judges a frame of a known length.
func whole(proto Protocol, b []byte, total int) (verdict, int) {
	if len(b) < total {
		return wait, 0
	}
	if !checksum(proto, b[:total]) {
		return bad, 0
	}
	return good, total
}

// A byte pays for the search of payment bytes; 64 frames of the greatest length may be searched in advance.
const (
	payment = 64
	maxDebt = 64 * maxFrame
)

func (s *Scanner) count(v verdict, proto Protocol) {
	switch v {
	case bad:
		s.counts.Bad[proto]++
	case bare:
		s.counts.NoChecksum++
	case overlong:
		s.counts.Overlong++
	case inside:
		s.counts.Abandoned++
	}
}

// skip gives up b, the byte at r.
func (s *Scanner) skip(b byte) {
	if b != '\r' && b != '\n' {
		s.counts.Skipped++
	}
	s.advance(1)
}

func (s *Scanner) emit(proto Protocol, n int, emit func(Packet)) {
	s.counts.Good[proto]++
	at := s.offset + int64(s.r)
	p := Packet{
		Protocol: proto,
		Arrival:  s.arrived.at(at),
		End:      s.arrived.at(at + int64(n) - 1),
		Data:     s.buf[s.r : s.r+n : s.r+n],
	}
	p.End = max(p.End, p.Arrival)
	s.advance(n)
	emit(p)
}

func (s *Scanner) advance(n int) {
	s.r += n
	s.debt = max(s.debt-n*payment, 0)
	s.line = sentence{}
	s.doubt = doubt{}
}
