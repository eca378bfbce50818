package sim

import (
	"time"

	"timeball/gnss"
)

// The faults of the receiver, of its antenna and of what it hears, and of the board's supply.
const (
	FaultJamming      = "jamming"
	FaultOpen         = "antenna-open"
	FaultShort        = "antenna-short"
	FaultNoSatellites = "no-satellites"
	FaultMoved        = "moved"
	FaultFlat         = "flat-signals"
	FaultUndervoltage = "undervoltage"
)

var troubleKinds = []FaultKind{
	{Name: FaultJamming, Text: "a jammer: signals are so many dB weaker, the pulse drifts off by so much every second; the fix is lost after 20 s", By: 100 * time.Nanosecond, Size: 20},
	{Name: FaultOpen, Text: "the antenna is unplugged: the receiver says so, the pulse drifts off by so much every second; the fix is lost after 20 s", By: 100 * time.Nanosecond},
	{Name: FaultShort, Text: "the antenna's cable is short-circuited, otherwise as antenna-open", By: 100 * time.Nanosecond},
	{Name: FaultNoSatellites, Text: "the receiver reports a fix without any satellite, the pulse drifts off by so much every second", By: 100 * time.Nanosecond},
	{Name: FaultMoved, Text: "the receiver is made to believe that it is so many metres to the north; its pulse is off", By: 3 * time.Microsecond, Size: 1000},
	{Name: FaultFlat, Text: "all satellites are received equally strong, as from a simulator"},
	{Name: FaultUndervoltage, Text: "the board's supply is too low, its processor slowed down and so many times as busy", Size: 2},
}

// lossAfter is for how long receivers put out pulses of a fix that they have lost.
const lossAfter = 20 * time.Second

// drifting are the faults in which the pulse drifts off; it is the receiver's own clock's then.
var drifting = []string{FaultJamming, FaultOpen, FaultShort, FaultNoSatellites}

// lost says that the receiver has noticed that it has no fix.
func (w *World) lost() bool {
	for _, name := range drifting[:3] {
		if f := w.fault(name); f != nil && w.lasted(f) >= lossAfter {
			return true
		}
	}
	return false
}

// lasted returns for how long a fault has been on.
func (w *World) lasted(f *Fault) time.Duration { return time.Duration(w.clock.now-w.cfg.Start) - f.At }

// drifted returns how far the pulse is off because the receiver has been led astray.
func (w *World) drifted() time.Duration {
	off := w.by(FaultMoved)
	for _, name := range drifting {
		if f := w.fault(name); f != nil {
			off += f.By * (w.lasted(f) / time.Second)
		}
	}
	return off
}

// trouble changes what the receiver finds around it as the faults have it.
func (w *World) trouble(m *Moment) {
	if f := w.fault(FaultJamming); f != nil {
		m.Jamming, m.Tone, m.Gain, m.Weaker = gnss.ThreatWarning, 0.9, 0.1, f.Size
		if w.lost() {
			m.Jamming = gnss.ThreatCritical
		}
	}
	if w.failing(FaultOpen) {
		m.Antenna, m.Weaker = gnss.AntennaOpen, deaf
	}
	if w.failing(FaultShort) {
		m.Antenna, m.Weaker = gnss.AntennaShort, deaf
	}
	if w.failing(FaultNoSatellites) {
		m.Alone, m.Weaker = true, deaf
	}
	if f := w.fault(FaultMoved); f != nil {
		m.North = f.Size
	}
	m.Flat = w.failing(FaultFlat)
}

const (
	deaf      = 99.0 // dB by which signals are weaker that are not there
	leastCN0  = 10   // dB-Hz; receivers track nothing weaker
	flatCN0   = 42   // dB-Hz of a simulator's signals
	northEach = 1 / 111_195.0
)

// received returns a satellite's C/N0, 0 where it is not received.
func (m *Moment) received(cn0 float64) int {
	if m.Flat {
		cn0 = flatCN0
	}
	if cn0 -= m.Weaker; cn0 < leastCN0 {
		return 0
	}
	return int(cn0)
}

// ail tells in a decoded report what the receiver finds around it. Before the first trouble nobody asks.
func (w *World) ail(r *gnss.Report, m *Moment) {
	usual := m.Antenna == gnss.AntennaOK && m.Jamming == gnss.ThreatNone && !m.Alone && m.North == 0
	if usual && !w.ailed {
		return
	}
	w.ailed = true
	if m.Alone {
		r.Fix.SatellitesUsed = 0
	}
	r.Fix.Latitude += m.North * northEach
	r.Health = &gnss.Health{Arrival: r.Fix.Arrival, Message: "MON-RF", Antenna: m.Antenna, Jamming: m.Jamming, Spoofing: m.Spoofing, Tone: m.Tone, Gain: m.Gain}
}
