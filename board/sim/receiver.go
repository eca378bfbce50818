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
	// Burst returns the bytes sent for a second.
	Burst(Moment) []byte
	// Line returns the baud rate, 0 where bytes come all at once, and the delay from the second's begin to the first
	// byte's start. A negative delay is a receiver that speaks of the coming pulse. What has not been sent when the next
	// second is spoken of is sent first.
	Line() (baud int, delay time.Duration)
}

// Moment is a second as a receiver knows it, and what it finds around it then.
type Moment struct {
	UTC    timescale.UTC // of the second, which began at the last pulse; 0:00:00 where Leap60
	Leap60 bool          // the second is 23:59:60
	Fix    bool          // false: the receiver has only its own clock to go by

	TAIOffset int           // TAI - UTC as the receiver has it
	OffsetSet bool          // satellites told it; otherwise the firmware was built with it
	Leap      clock.Leap    // that satellites announce
	LeapAt    timescale.UTC // the midnight at which it takes effect

	Antenna  gnss.Antenna
	Jamming  gnss.Threat
	Spoofing gnss.Threat
	Tone     float64 // strength of a continuous jammer, 0 to 1
	Gain     float64 // of the input, as a part of the greatest

	Weaker float64 // dB that every satellite is below its usual strength
	Flat   bool    // all are equally strong
	Alone  bool    // no satellite is used: the fix is a lie
	North  float64 // metres by which the receiver takes its place for another

	// Quantisation is by how much the pulse that begins the second comes late because the receiver's own clock ticks only
	// so often, NextQuantisation the same of the pulse that ends it; false where the receiver does not know.
	Quantisation, NextQuantisation clock.Seconds
	Quantised, NextQuantised       bool
}

// What a healthy receiver says of its input.
const usualTone, usualGain = 0.03, 0.45

// leapNotice is how long before its date satellites announce a leap second.
const leapNotice = 150 * timescale.Day

// Ordinary returns a Moment in which nothing is wrong, with the leap seconds of the table that the program has.
func Ordinary(utc timescale.UTC, fix bool) Moment {
	m := Moment{UTC: utc, Fix: fix, OffsetSet: fix, Antenna: gnss.AntennaOK, Jamming: gnss.ThreatNone, Spoofing: gnss.ThreatNone, Tone: usualTone, Gain: usualGain}
	table := timescale.Builtin()
	known := min(utc, table.Expires()-1) // nobody knows better
	m.TAIOffset, _ = table.TAIOffset(known)
	if leap, at := table.Next(known); fix && leap != clock.LeapNone && at-utc <= leapNotice {
		m.Leap, m.LeapAt = leap, at
	}
	return m
}

const decodedDelay = second / 5 // of marks that are delivered without bytes

// speak makes the appointments of the receiver's messages for the second that begins at now and that it takes for the second
// utc of truth.
func (w *World) speak(now, utc timescale.UTC, fix bool) {
	if w.cfg.Receiver == nil {
		w.at(appointment{at: now + decodedDelay, do: (*World).report, utc: utc, fix: fix})
		return
	}
	baud, delay := w.cfg.Receiver.Line()
	start, ahead := now+timescale.UTC(delay), 0
	for start < now { // it speaks of a pulse to come
		utc, start, ahead = utc+second, start+second, ahead+1
	}
	m := w.moment(utc, fix, ahead)
	w.trouble(&m)
	if w.device != nil {
		w.at(appointment{at: start, do: (*World).deviceSpeaks, moment: &m})
		return
	}
	w.send(w.cfg.Receiver.Burst(m), baud, max(start, w.lineFree))
}

// moment returns what the receiver knows of the second that it takes for utc, so many seconds after this one.
func (w *World) moment(utc timescale.UTC, fix bool, ahead int) Moment {
	off := timescale.UTC(w.by(FaultDate))
	m := w.ordinary(utc-off, fix)
	if m.UTC += off; m.Leap != clock.LeapNone {
		m.LeapAt += off // a receiver whose weeks are off still hears the leap second count of today
	}
	switch s := &w.second; {
	case !s.Declared:
	case ahead == 0:
		m.Quantisation, m.Quantised, m.NextQuantisation, m.NextQuantised = s.Sawtooth, true, s.Following, true
	case ahead == 1:
		m.Quantisation, m.Quantised = s.Following, true
	}
	return m
}

// send puts bytes on the line from start on. Without a baud rate they come all at once, as over USB.
func (w *World) send(burst []byte, baud int, start timescale.UTC) {
	w.lineFree = start + timescale.UTC(len(burst))*byteTime(baud)
	if len(burst) > 0 {
		w.at(appointment{at: start + timescale.UTC(chunk(burst, baud))*byteTime(baud), do: (*World).deliverBytes, bytes: burst, baud: baud})
	}
}

// byteTime returns how long start bit, eight bits and stop bit take.
func byteTime(baud int) timescale.UTC {
	if baud <= 0 {
		return 0
	}
	return 10 * second / timescale.UTC(baud)
}

// chunk returns how many bytes a read returns: what has come since the last one, about 8 ms ago at any rate.
func chunk(burst []byte, baud int) int {
	if baud <= 0 {
		return len(burst)
	}
	return min(max(1, int(8*timescale.UTC(time.Millisecond)/byteTime(baud))), len(burst))
}

// deliverBytes delivers what has come by now and waits for the rest.
func (w *World) deliverBytes(a appointment, take func(timing.Event)) {
	n, first := chunk(a.bytes, a.baud), w.mono()
	if a.baud > 0 {
		first = first.Add(clock.Seconds(1-n) * 10 / clock.Seconds(a.baud))
	}
	take(timing.Event{Kind: timing.KindBytes, At: first, Bytes: a.bytes[:n], Baud: a.baud})
	if a.bytes = a.bytes[n:]; len(a.bytes) > 0 {
		a.at += timescale.UTC(chunk(a.bytes, a.baud)) * byteTime(a.baud)
		w.at(a)
	}
}

// report delivers what the messages of a second would have said.
func (w *World) report(a appointment, take func(timing.Event)) {
	at, m := w.mono(), w.ordinary(a.utc, a.fix)
	used := 0
	if a.fix {
		used = 12
	}
	r := &gnss.Report{
		Mark: &gnss.TimeMark{Arrival: at, End: at, UTC: m.UTC, Leap60: m.Leap60, Message: "GNRMC", Valid: a.fix},
		Fix:  &gnss.Fix{Arrival: at, Message: "GNGGA", Valid: a.fix, SatellitesUsed: used, HasPosition: a.fix, Latitude: greenwich.Latitude, Longitude: greenwich.Longitude},
	}
	w.trouble(&m)
	w.ail(r, &m)
	take(timing.Event{Kind: timing.KindReport, At: at, Report: r})
}
