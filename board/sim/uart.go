package sim

import (
	"slices"
	"time"

	"timeball/gnss/timescale"
)

// A serial line is modelled by its level: high while nothing is sent; a byte is a low start bit, eight bits, least
// significant first, and a high stop bit. A listener looks for a falling edge, finds the middle of its own start bit still
// low and takes the middle of each of the bits that follow. At the sender's rate it reads what was sent. At another it
// reads what any UART reads, the same garbage every time.

// Byte is what a listener on a serial line reads.
type Byte struct {
	At      timescale.UTC // middle of the stop bit
	Value   byte
	Framing bool // the stop bit was low: at the sender's rate that does not happen
}

// sent is a byte on a line.
type sent struct {
	at    timescale.UTC // the start bit begins
	baud  int
	value byte
}

// line is one direction of a serial line.
type line struct {
	bytes []sent        // in order, no two at once
	head  int           // those before it have been listened to
	free  timescale.UTC // the last of them has been sent
	baud  int           // of the listener
	from  timescale.UTC // it waits for a falling edge since then
	until timescale.UTC // it has listened until then
}

// maxSent bounds what waits for a listener that doesn't listen: 23 s at 460800 baud.
const maxSent = 1 << 20

const bitsOfByte = 10

// bits returns how long n bits take.
func bits(n float64, baud int) timescale.UTC {
	return timescale.UTC(n*1e9/float64(baud) + 0.5)
}

// send puts b on the line from at on, or as soon as what is on it has been sent.
func (l *line) send(at timescale.UTC, baud int, b []byte) {
	at = max(at, l.free)
	l.bytes = slices.Grow(l.bytes, len(b))
	for i, v := range b {
		l.bytes = append(l.bytes, sent{at + bits(float64(bitsOfByte*i), baud), baud, v})
	}
	l.free = at + bits(float64(bitsOfByte*len(b)), baud)
	if over := len(l.bytes) - maxSent; over > 0 {
		l.bytes, l.head = slices.Delete(l.bytes, 0, over), max(0, l.head-over)
	}
}

// cut takes what has not begun by at from the line and returns it.
func (l *line) cut(at timescale.UTC) (rest []byte) {
	n := l.index(at-1) + 1
	for _, s := range l.bytes[n:] {
		rest = append(rest, s.value)
	}
	l.bytes, l.head, l.free = l.bytes[:n], min(l.head, n), min(l.free, at)
	if n > 0 {
		l.free = l.bytes[n-1].end()
	}
	return rest
}

// listen returns the next byte whose stop bit a listener at that rate has seen by to. One that changes its rate begins
// anew at the instant until which it listened before.
func (l *line) listen(to timescale.UTC, baud int) (b Byte, ok bool) {
	if baud != l.baud {
		l.baud, l.from = baud, max(l.from, l.until)
	}
	if b, ok := l.plain(to, baud); ok {
		return b, true
	}
	for {
		edge, ok := l.falling(l.from)
		stop := edge + bits(9.5, baud)
		if !ok || stop > to {
			l.from, l.until = max(l.from, min(edge, to)), max(l.until, to)
			l.forget()
			return Byte{}, false
		}
		if l.high(edge + bits(0.5, baud)) { // too short for a start bit
			l.from = edge + bits(0.5, baud)
			continue
		}
		b = Byte{At: stop, Framing: !l.high(stop)}
		for k := range 8 {
			if l.high(edge + bits(float64(k)+1.5, baud)) {
				b.Value |= 1 << k
			}
		}
		l.from = stop
		return b, true
	}
}

// plain is listen where all is well: what is next on the line is the begin of a byte at the listener's own rate.
func (l *line) plain(to timescale.UTC, baud int) (b Byte, ok bool) {
	for l.head < len(l.bytes) && l.bytes[l.head].stop() <= l.from { // behind it nothing falls
		l.head++
	}
	if l.head == len(l.bytes) {
		return Byte{}, false
	}
	s := l.bytes[l.head]
	stop := s.at + bits(9.5, baud)
	if s.at < l.from || s.baud != baud || stop > to {
		return Byte{}, false
	}
	l.from = stop
	return Byte{At: stop, Value: s.value}, true
}

// stop returns when the stop bit begins.
func (s sent) stop() timescale.UTC { return s.at + bits(bitsOfByte-1, s.baud) }

// end returns when the stop bit ends.
func (s sent) end() timescale.UTC { return s.at + bits(bitsOfByte, s.baud) }

// index returns the last byte that begins at or before t, -1 when there is none.
func (l *line) index(t timescale.UTC) int {
	i, found := slices.BinarySearchFunc(l.bytes, t, func(s sent, t timescale.UTC) int { return int(max(-1, min(1, s.at-t))) })
	if found {
		return i
	}
	return i - 1
}

// high returns the level at t.
func (l *line) high(t timescale.UTC) bool {
	i := l.index(t)
	if i < 0 {
		return true
	}
	return l.bytes[i].high(int(float64(t-l.bytes[i].at) * float64(l.bytes[i].baud) / 1e9))
}

// high returns the level of bit n of a byte, of which 0 is the start bit.
func (s sent) high(n int) bool { return n > 8 || n > 0 && s.value>>(n-1)&1 == 1 }

// falling returns the first falling edge at or after t; false: there is none, and the edge is the end of all.
func (l *line) falling(t timescale.UTC) (edge timescale.UTC, ok bool) {
	for i := max(0, l.index(t)); i < len(l.bytes); i++ {
		s := l.bytes[i]
		if s.end() <= t {
			continue
		}
		for n := range bitsOfByte {
			at := s.at + bits(float64(n), s.baud)
			if at >= t && !s.high(n) && (n == 0 || s.high(n-1)) {
				return at, true
			}
		}
	}
	return max(t, l.free), false
}

// forget drops what a listener won't look at again.
func (l *line) forget() {
	n := 0
	for n < len(l.bytes) && l.bytes[n].end() < l.from {
		n++
	}
	if n > 0 {
		l.bytes, l.head = slices.Delete(l.bytes, 0, n), max(0, l.head-n)
	}
}

// Misheard returns what a listener at one rate reads of bytes that are sent without a pause at another, and how long after
// their begin each of them was read.
func Misheard(b []byte, sentAt, heardAt int) (heard []byte, at []time.Duration) {
	var l line
	l.send(0, sentAt, b)
	for {
		r, ok := l.listen(l.free+bits(bitsOfByte, heardAt), heardAt)
		if !ok {
			return heard, at
		}
		heard, at = append(heard, r.Value), append(at, time.Duration(r.At))
	}
}
