package sim

import (
	"time"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/timing"
)

// attach connects the receiver to the board.
func (w *World) attach(r Receiver, hostBaud int) {
	d, ok := r.(*Device)
	if !ok {
		return
	}
	w.device, w.hostBaud = d, hostBaud
	if hostBaud == 0 {
		w.hostBaud = d.Baud()
	}
}

// Send sends bytes from the board to a Device, at the rate at which the board listens.
func (w *World) Send(b []byte) {
	if w.device != nil {
		w.device.Write(w.clock.now, w.hostBaud, b)
		w.poll()
	}
}

// Listen changes the rate at which the board listens to a Device.
func (w *World) Listen(baud int) { w.hostBaud = baud }

// deviceSpeaks lets the device say what it has to say of a second.
func (w *World) deviceSpeaks(a appointment, _ func(timing.Event)) {
	w.device.Speak(w.clock.now, *a.moment)
	w.poll()
}

// A serial driver hands on what has come about 8 ms ago at most.
const readEvery = 8 * timescale.UTC(time.Millisecond)

// poll makes the appointment of the next read from the device.
func (w *World) poll() {
	if !w.polling {
		w.polling = true
		w.at(appointment{at: w.clock.now + readEvery, do: (*World).readDevice})
	}
}

// readDevice delivers what has come from the device, and reads again while it is busy.
func (w *World) readDevice(_ appointment, take func(timing.Event)) {
	w.polling = false
	now := w.clock.now
	w.read = w.device.read(w.read[:0], now, w.hostBaud)
	for _, run := range runs(w.read, w.hostBaud) {
		first := w.mono().Add(clock.Seconds(run.at-now) * 1e-9)
		take(timing.Event{Kind: timing.KindBytes, At: first, Bytes: run.bytes, Baud: w.hostBaud})
	}
	if w.device.Busy()+bits(bitsOfByte, w.hostBaud) > now-readEvery {
		w.poll()
	}
}

// run is bytes that came without a pause, and when the first of them was there.
type run struct {
	at    timescale.UTC
	bytes []byte
}

// runs cuts what was read where the line was silent for longer than a byte.
func runs(read []Byte, baud int) (cut []run) {
	pause := 2 * bits(bitsOfByte, baud)
	for i, b := range read {
		if i == 0 || b.At-read[i-1].At > pause {
			cut = append(cut, run{at: b.At, bytes: make([]byte, 0, len(read)-i)})
		}
		last := &cut[len(cut)-1]
		last.bytes = append(last.bytes, b.Value)
	}
	return cut
}
