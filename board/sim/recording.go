package sim

import (
	"bytes"
	"errors"
	"time"

	"timeball/gnss/decode"
	"timeball/gnss/scan"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// Recording is a receiver that says again what a real one once said, each second's bytes at their second. Recordings
// carry no arrival times: the bytes of a second are sent Delay after it begins, and when the recording has ended the
// receiver is silent.
type Recording struct {
	Baud  int
	Delay time.Duration
	first timescale.UTC
	bytes map[timescale.UTC][]byte
}

// ErrNoLabel is the error of a recording in which no message names a second that the receiver vouches for.
var ErrNoLabel = errors.New("no message of the recording names a valid whole second")

// NewRecording reads the raw bytes of a receiver, whatever it speaks.
func NewRecording(data []byte, baud int, delay time.Duration) (*Recording, error) {
	r := &Recording{Baud: baud, Delay: delay, bytes: map[timescale.UTC][]byte{}}
	now, begin, offset := timescale.UTC(0), 0, 0
	decoder, scanner := decode.New(), scan.New()
	label := func(p scan.Packet) {
		// A byte a nanosecond: the arrival is the place in the file.
		offset = int(p.Arrival)
		report, err := decoder.Decode(p)
		if err != nil || report.Mark == nil || !report.Mark.Valid {
			return
		}
		utc, whole := report.Mark.Second()
		if !whole || utc <= now {
			return
		}
		if now != 0 {
			r.bytes[now] = append(r.bytes[now], data[begin:offset]...)
		} else {
			r.first = utc
		}
		now, begin = utc, offset
	}
	data = withoutNotes(data)
	scanner.Write(0, clock.Seconds(1e-9), data, label)
	if now == 0 {
		return nil, ErrNoLabel
	}
	r.bytes[now] = append(r.bytes[now], data[begin:]...)
	return r, nil
}

// withoutNotes cuts the lines at the top that begin with '#', which some collections add.
func withoutNotes(data []byte) []byte {
	for len(data) > 0 && data[0] == '#' {
		_, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
	}
	return data
}

// First returns the first valid second of the recording.
func (r *Recording) First() timescale.UTC { return r.first }

// Line implements Receiver.
func (r *Recording) Line() (int, time.Duration) { return r.Baud, r.Delay }

// Burst implements Receiver. What was recorded is said whether the simulated antenna is there or not.
func (r *Recording) Burst(m Moment) []byte { return r.bytes[m.UTC] }
