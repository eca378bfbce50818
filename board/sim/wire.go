package sim

import (
	"bytes"
	"math"
	"time"

	"timeball/gnss/timescale"
	"timeball/pps/timing"
)

// The faults of the receiver's line.
const (
	FaultGarbled   = "garbled"
	FaultCut       = "cut"
	FaultGlued     = "glued"
	FaultBaud      = "baud"
	FaultUnplugged = "unplugged"
)

var wireKinds = []FaultKind{
	{Name: FaultGarbled, Text: "bits on the receiver's line are flipped, such a share of them", Size: 1e-3},
	{Name: FaultCut, Text: "a share of what is read from the receiver's line is lost", Size: 0.1},
	{Name: FaultGlued, Text: "a share of the ends of lines is lost", Size: 0.3},
	{Name: FaultBaud, Text: "the receiver's line is read at half its rate"},
	{Name: FaultUnplugged, Text: "the receiver is unplugged, line and pulse; when it is back it has a fix after 5 s"},
}

// On a line without a rate, as over USB, a wrong one is any other.
const anyBaud = 38400

// damaged returns what is read of what came over the line. It has memory of its own where it differs.
func (w *World) damaged(e timing.Event) []byte {
	b := e.Bytes
	if w.happens(FaultCut) {
		return nil
	}
	if f := w.fault(FaultGarbled); f != nil {
		b = w.garbled(b, f.Size)
	}
	if w.failing(FaultGlued) {
		b = w.glued(b)
	}
	if w.failing(FaultBaud) {
		baud := e.Baud
		if baud == 0 {
			baud = anyBaud
		}
		b, _ = Misheard(b, baud, baud/2)
	}
	return b
}

// garbled flips a share of the bits.
func (w *World) garbled(b []byte, share float64) []byte {
	b, rng := bytes.Clone(b), w.chance(FaultGarbled)
	if !(share > 0) {
		return b
	}
	// The distance from one flipped bit to the next is geometric: one draw for each, not for every bit.
	for i := -1; ; {
		i += 1 + int(min(math.Log(1-rng.Float64())/math.Log1p(-min(share, 0.5)), float64(8*len(b))))
		if i >= 8*len(b) {
			return b
		}
		b[i/8] ^= 1 << (i % 8)
	}
}

// glued takes a share of the ends of lines away.
func (w *World) glued(b []byte) []byte {
	kept := make([]byte, 0, len(b))
	for i, c := range b {
		if c == '\r' || c == '\n' && (i == 0 || b[i-1] != '\r') {
			w.gluing = w.happens(FaultGlued)
		}
		if c != '\r' && c != '\n' || !w.gluing {
			kept = append(kept, c)
		}
	}
	return kept
}

// replugged is how long a receiver that is plugged in again has no fix.
const replugged = 5 * time.Second

// powered returns whether the receiver has power and whether it can have a fix, and makes the appointment to tell the
// board when its line comes or goes.
func (w *World) powered() (on, settled bool) {
	now := w.clock.now
	if gone := w.failing(FaultUnplugged); gone != w.unplugged {
		w.unplugged, w.pluggedAt = gone, now
		w.at(appointment{at: now, do: (*World).tellPort})
		if w.device != nil && !gone {
			w.device.PowerCycle(now)
		}
	}
	return !w.unplugged, w.pluggedAt == 0 || now-w.pluggedAt >= timescale.UTC(replugged)
}

// tellPort tells the board whether the line is there.
func (w *World) tellPort(_ appointment, take func(timing.Event)) {
	text := ""
	if w.unplugged {
		text = "the receiver's port is gone"
	}
	take(timing.Event{Kind: timing.KindPort, At: w.mono(), Text: text})
}
