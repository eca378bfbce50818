// Package oscillator knows the crystal: what the sensors say about its frequency, and how far it can be trusted alone.
//
// Frequencies are fractional, positive when the crystal runs fast; temperatures are degrees Celsius, utilisations 0 to 1,
// times seconds. The law of a crystal is linear in Terms of the sensors' readings, so that a Kalman filter can learn its
// coefficients together with phase and frequency. Nothing here reads a clock.
//
// A sensor that is absent, or stuck, leaves its terms where they are: the law then says nothing, and no error is made of it.
package oscillator

import (
	"math"

	"timeball/pps/clock"
)

// Terms is the number of terms of the law.
const Terms = 9

// Vector holds a value for each term of the law.
type Vector [Terms]float64

// Dot returns the sum of products.
func (v *Vector) Dot(w *Vector) float64 {
	sum := 0.0
	for i := range v {
		sum += v[i] * w[i]
	}
	return sum
}

// The crystal follows the board's temperature with a lag that depends on the board; a mixture of low passes of these time
// constants, in seconds, comes near to any lag between them, also one of second order. The processor's own heat reaches
// its sensor within shortLag, long before the crystal: the law needs that difference.
var (
	temperatureLags = [...]float64{60, 180, 600}
	loadLags        = [...]float64{15, 180, 600}
)

// lags has the lag of each term.
var lags = Vector{60, 180, 600, 15, 180, 600, 180, 180, 180}

const middleLag = 1 // index in both: the lag whose squares are terms, for the curvature of the crystal's law

// Prior is the standard deviation that a coefficient of the law is taken to have before anything was learned: per degree,
// per unit of load, and their products. A bare AT-cut crystal far from its turning point has 2e-7 per degree; a busy
// processor warms it by some degrees.
var Prior = Vector{1e-7, 1e-7, 1e-7, 3e-7, 1e-6, 3e-7, 1e-8, 1e-7, 3e-7}

// lowPass is a first-order lag that starts settled.
type lowPass struct{ value float64 }

func (l *lowPass) follow(v, dt, lag float64) { l.value += (v - l.value) * -math.Expm1(-dt/lag) }

// Sensors makes terms from readings.
type Sensors struct {
	temperature    [len(temperatureLags)]lowPass
	load           [len(loadLags)]lowPass
	readT          clock.Mono
	readU          clock.Mono
	movedT         clock.Mono // when the temperature last was another
	hasT, hasU     bool
	lastT, lastU   float64
	noiseT, noiseU float64 // variance of a reading times the time between readings
	centre         float64 // temperature from which degrees are counted
	restored       bool    // centre is from a Memory
}

// What a sensor may say; the rest is refused.
const (
	coldest, hottest = -40.0, 125.0 // degrees, the range of the chips
	longestGap       = 600          // s without a reading, after which the lags begin anew
	learnNoise       = 0.003        // share of a new difference between readings in what is known of their noise
)

// Temperature takes a reading. It returns false when it can't be true.
func (s *Sensors) Temperature(at clock.Mono, celsius float64) bool {
	if !(celsius >= coldest && celsius <= hottest) {
		return false
	}
	dt := float64(at.Sub(s.readT))
	fresh := !s.hasT || dt > longestGap
	if !s.hasT && !s.restored {
		s.centre = celsius
	}
	if !fresh && dt > 0 {
		s.noiseT += learnNoise * ((celsius-s.lastT)*(celsius-s.lastT)/2*dt - s.noiseT)
	}
	if celsius != s.lastT {
		s.movedT = at
	}
	s.lastT = celsius
	for i := range s.temperature {
		if fresh {
			s.temperature[i].value = celsius - s.centre
		} else if dt > 0 {
			s.temperature[i].follow(celsius-s.centre, dt, temperatureLags[i])
		}
	}
	s.readT, s.hasT = at, true
	return true
}

// Utilisation takes a reading. It returns false when it can't be true.
func (s *Sensors) Utilisation(at clock.Mono, share float64) bool {
	if !(share >= 0 && share <= 1) {
		return false
	}
	dt := float64(at.Sub(s.readU))
	fresh := !s.hasU || dt > longestGap
	if !fresh && dt > 0 {
		s.noiseU += learnNoise * ((share-s.lastU)*(share-s.lastU)/2*dt - s.noiseU)
	}
	s.lastU = share
	for i := range s.load {
		if fresh {
			s.load[i].value = share
		} else if dt > 0 {
			s.load[i].follow(share, dt, loadLags[i])
		}
	}
	s.readU, s.hasU = at, true
	return true
}

// Terms returns the terms as of the last readings.
func (s *Sensors) Terms() Vector {
	t, u := s.temperature[middleLag].value, s.load[middleLag].value
	return Vector{
		s.temperature[0].value, t, s.temperature[2].value,
		s.load[0].value, u, s.load[2].value,
		t * t, t * u, u * u,
	}
}

// Senses is how well the sensors can be relied on.
type Senses struct {
	Noise Vector // variance of each term that comes from the readings' own noise
	Alive bool   // the temperature moves, as every true one does: a sensor that is stuck or absent would hide a change
}

// Senses returns how well the sensors can be relied on at an instant.
func (s *Sensors) Senses(at clock.Mono) Senses {
	return Senses{s.noise(), s.hasT && at.Sub(s.movedT) < longestGap}
}

// noise returns the variance of each term that comes from the readings' own noise, which is taken for half the mean square
// difference of two in a row: what changes slowly does not count.
func (s *Sensors) noise() (v Vector) {
	for i, lag := range temperatureLags {
		v[i] = s.noiseT / (2 * lag)
	}
	for i, lag := range loadLags {
		v[len(temperatureLags)+i] = s.noiseU / (2 * lag)
	}
	t, u := s.temperature[middleLag].value, s.load[middleLag].value
	tt, uu := v[middleLag], v[len(temperatureLags)+middleLag]
	v[6], v[7], v[8] = 4*t*t*tt, u*u*tt+t*t*uu, 4*u*u*uu
	return v
}
