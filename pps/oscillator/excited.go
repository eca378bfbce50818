package oscillator

import (
	"math"

	"timeball/pps/clock"
)

// excitation is how much the sensors usually do within each horizon: the mean square of the phase that the law says has come
// of it, in s^2. A load that comes warms a crystal by more or less, sooner or later, than the law makes of it. That shows only
// while it does, so that errors over a day say little of such an hour: where the sensors have done more than usual, the
// error that is expected is larger by as much.
type excitation [levels]struct{ square, doubt, weight float64 }

// learn takes what the law said in a rehearsal at a level, in s, and the square of what was to be doubted of it. The first are
// forgotten like the errors beside them.
func (x *excitation) learn(level int, said, doubt, keep float64) {
	r := &x[level]
	r.square = keep*r.square + said*said
	r.doubt = keep*r.doubt + doubt
	r.weight = keep*r.weight + 1
}

// trusted returns what is left of the square of a doubt, in s^2, of which residuals have shown a share to be too much: all of
// it where the sensors do what they were not seen to do, as when the first load comes after hours of quiet.
func (x *excitation) trusted(h, doubt, share float64) float64 {
	level, _ := between(h)
	r := &x[level]
	if r.weight == 0 || r.doubt == 0 {
		return doubt
	}
	unseen := doubt / (r.doubt / r.weight)
	return doubt * min(1, share*max(1, unseen*unseen))
}

// over returns by how many times as much as usual the sensors have done, at least 1; a horizon that was never rehearsed is
// not usual or unusual.
func (x *excitation) over(h, said float64) float64 {
	level, share := between(h)
	usual := 0.0
	for i, part := range [2]float64{1 - share, share} {
		r := &x[level+i]
		if r.weight == 0 {
			return 1
		}
		usual += part * math.Sqrt(r.square/r.weight)
	}
	if math.Abs(said) <= usual || usual == 0 {
		return 1
	}
	return math.Abs(said) / usual
}

// expected returns the error that is expected h seconds after n, when the terms' integral has become integral, by a law that
// was learned before: 1 sigma.
func (r *Rehearsals) expected(n *note, g *regression, h float64, integral *Vector) float64 {
	over := r.excited.over(max(h, period), n.said(g.law(), h, integral))
	doubt := r.excited.trusted(max(h, period), n.doubt(g, h, integral), g.doubt())
	return math.Hypot(float64(r.Expected(clock.Seconds(h)))*over, math.Sqrt(doubt))
}
