package sim

import (
	"time"

	"timeball/gnss"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/timing"
)

// Receiver is the voice of the simulated GNSS receiver.
type Receiver interface {
	// Burst returns the bytes sent for the second utc, which began at the last pulse; fix is false when the receiver has
	// only its own clock to go by.
	Burst(utc timescale.UTC, fix bool) []byte
	// Line returns the baud rate and the delay from the second's begin to the first byte's start.
	Line() (baud int, delay time.Duration)
}

const decodedDelay = second / 5 // of marks that are delivered without bytes

// speak makes the appointments of the receiver's messages for the second that begins now.
func (w *World) speak(now timescale.UTC, fix bool) {
	if w.cfg.Receiver == nil {
		w.at(now+decodedDelay, func(take func(timing.Event)) { w.report(take, now, fix) })
		return
	}
	baud, delay := w.cfg.Receiver.Line()
	burst := w.cfg.Receiver.Burst(now, fix)
	byteTime := 10 * second / timescale.UTC(baud) // start bit, eight bits, stop bit
	// A read returns what has come since the last one: about every 8 ms at any rate.
	chunk := max(1, int(8*timescale.UTC(time.Millisecond)/byteTime))
	start := now + timescale.UTC(delay)
	for len(burst) > 0 {
		n := min(chunk, len(burst))
		part := burst[:n]
		burst = burst[n:]
		start += byteTime * timescale.UTC(n)
		w.at(start, func(take func(timing.Event)) {
			first := w.mono().Add(clock.Seconds(1-n) * 10 / clock.Seconds(baud))
			take(timing.Event{Kind: timing.KindBytes, At: first, Bytes: part, Baud: baud})
		})
	}
}

// report delivers what the messages of a second would have said.
func (w *World) report(take func(timing.Event), utc timescale.UTC, fix bool) {
	at := w.mono()
	used := 0
	if fix {
		used = 12
	}
	take(timing.Event{Kind: timing.KindReport, At: at, Report: &gnss.Report{
		Mark: &gnss.TimeMark{Arrival: at, End: at, UTC: utc, Message: "GNRMC", Valid: fix},
		Fix:  &gnss.Fix{Arrival: at, Message: "GNGGA", Valid: fix, SatellitesUsed: used},
	}})
}
