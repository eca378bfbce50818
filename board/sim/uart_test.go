package sim

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"timeball/gnss/timescale"
)

// fieldBauds are the rates met in the field.
var fieldBauds = []int{4800, 9600, 38400, 57600, 115200, 230400, 460800}

// hear returns all that a listener reads of l until to.
func (l *line) hear(to timescale.UTC, baud int) (all []Byte) {
	for {
		b, ok := l.listen(to, baud)
		if !ok {
			return all
		}
		all = append(all, b)
	}
}

func values(read []Byte) (b []byte) {
	for _, r := range read {
		b = append(b, r.Value)
	}
	return b
}

func TestListenerAtTheSendersRateReadsWhatWasSent(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, baud := range fieldBauds {
		var l line
		var want, got []byte
		at := start
		for range 200 {
			b := make([]byte, 1+rng.IntN(40))
			for i := range b {
				b[i] = byte(rng.Uint32())
			}
			l.send(at, baud, b)
			want = append(want, b...)
			at += timescale.UTC(rng.Int64N(int64(second) / 100)) // sometimes before the last has been sent
			for _, r := range l.hear(at, baud) {
				got = append(got, r.Value)
				if r.Framing || r.At > at {
					t.Fatalf("%d baud: byte %d: %+v at %v", baud, len(got), r, at)
				}
			}
		}
		got = append(got, values(l.hear(l.free, baud))...)
		if !bytes.Equal(got, want) {
			t.Errorf("%d baud: %d bytes of %d, or others", baud, len(got), len(want))
		}
		if len(l.bytes) > 1 {
			t.Errorf("%d baud: %d bytes are kept behind the last", baud, len(l.bytes))
		}
	}
}

// The levels of 0x55 at 9600 baud are a square wave of 4800 Hz: start bit 0, then 1 0 1 0 1 0 1 0, and the stop bit.
func TestListenerAtAnotherRateReadsTheLevels(t *testing.T) {
	tests := []struct {
		name         string
		sent         []byte
		baud, heard  int
		want         []byte
		wantsFraming []bool
	}{
		// Each bit is read twice: 0 (start), 0 11 00 11 0, and 0 as stop bit. Then from the next edge on 0 (start), 0 11 00
		// 11 and the silence behind.
		{"twice as fast", []byte{0x55}, 9600, 19200, []byte{0x66, 0xE6}, []bool{true, false}},
		// The middle of its start bit is the end of the one that was sent.
		{"half as fast, ones", []byte{0xFF, 0xFF}, 9600, 4800, nil, nil},
		// With a zero behind it the start bit is found. Of the bits 3, 5, 7 ... of the line the 11th, in the next byte, is 0.
		{"half as fast", []byte{0xFE, 0xFE}, 9600, 4800, []byte{0xEF}, []bool{false}},
		{"a zero read twice as fast", []byte{0x00}, 9600, 19200, []byte{0x00}, []bool{true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l line
			l.send(0, tt.baud, tt.sent)
			var framing []bool
			read := l.hear(second, tt.heard)
			for _, r := range read {
				framing = append(framing, r.Framing)
			}
			if !bytes.Equal(values(read), tt.want) || !slices.Equal(framing, tt.wantsFraming) {
				t.Errorf("read % x, framing %v, want % x, %v", values(read), framing, tt.want, tt.wantsFraming)
			}
		})
	}
}

// However often a listener looks, it reads the same.
func TestReadingDoesNotDependOnWhenItIsLooked(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	burst := NewTalker(1, 9600, 0).Burst(Ordinary(start, true))
	for _, heard := range fieldBauds {
		var once, often line
		once.send(0, 9600, burst)
		often.send(0, 9600, burst)
		end := once.free + second/100
		want := once.hear(end, heard)
		var got []Byte
		for at := timescale.UTC(0); at < end; at += timescale.UTC(rng.Int64N(int64(second / 200))) {
			got = append(got, often.hear(at, heard)...)
		}
		got = append(got, often.hear(end, heard)...)
		if !slices.Equal(got, want) {
			t.Errorf("9600 baud heard at %d: %d bytes at many looks, %d at one, or others", heard, len(got), len(want))
		}
		if text, _ := Misheard(burst, 9600, heard); heard != 9600 && bytes.Contains(text, []byte("GNRMC")) {
			t.Errorf("9600 baud heard at %d is text", heard)
		} else if heard == 9600 && !bytes.Equal(text, burst) {
			t.Error("heard at its own rate it is not what was sent")
		}
	}
}

// A line whose rate is changed, at any bit, goes on at the new rate, and what was not sent is not lost.
func TestCutLineGoesOnAtAnotherRate(t *testing.T) {
	text := []byte("The time ball falls at one o'clock.")
	for at := timescale.UTC(0); at < bits(float64(10*len(text)), 9600); at += second / 7919 {
		var l line
		l.send(0, 9600, text)
		rest := l.cut(at)
		got := values(l.hear(l.free, 9600))
		l.send(at, 38400, rest)
		got = append(got, values(l.hear(l.free, 38400))...)
		if !bytes.Equal(got, text) {
			t.Fatalf("cut at %v: %q", at, got)
		}
	}
}

// A listener that changes its rate in the middle of a byte begins with what falls behind that.
func TestListenerThatChangesItsRateBeginsAnew(t *testing.T) {
	var l line
	l.send(0, 9600, []byte{0xF0, 0x31})
	if got := l.hear(bits(4.7, 9600), 4800); len(got) > 0 { // a start bit has begun, which at 4800 baud goes on
		t.Errorf("% x", values(got))
	}
	if got := values(l.hear(second, 9600)); !bytes.Equal(got, []byte{0x31}) {
		t.Errorf("read % x, want 31: the rest of the first byte has no edge", got)
	}
}
