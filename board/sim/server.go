package sim

import (
	"time"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/timing"
)

// Server is an NTP server that the unit asks which second it is, or says that it was asked.
type Server struct {
	Name     string
	Off      time.Duration // its clock minus truth
	Distance clock.Seconds // by which it says that it may be wrong
}

const (
	firstAnswer = 500 * timescale.UTC(time.Millisecond) // from Start
	askEvery    = 1024 * second
)

// ask lets a server answer now, and again later.
func (s Server) ask(w *World, a appointment, take func(timing.Event)) {
	take(timing.Event{Kind: timing.KindWitness, At: w.mono(), Text: s.Name, UTC: w.clock.now + timescale.UTC(s.Off), Value: float64(s.Distance)})
	a.at += askEvery
	w.at(a)
}
