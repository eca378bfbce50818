package discipline

import (
	"math"

	"timeball/pps/clock"
)

// Rehearsed holdovers: every 16 s the oscillator's phase and frequency are noted, and every later note tells how far a
// clock that had coasted since then on the frequency noted would be off by now. The root mean square of that error for
// each horizon is what a real holdover of that length is expected to err.
const (
	rehearsalPeriod = clock.Seconds(16)
	rehearsalNotes  = 5400 // 24 h
	rehearsalLevels = 13   // horizons of 16 s * 2^0 .. 2^12 = 18.2 h

	// Before there are rehearsals a crystal is taken to change by priorDrift, as in the minutes after a change of load,
	// but never to leave its frequency by more than priorSpan, which is a room's worth of temperature for a Pi's crystal.
	priorDrift = 2e-10 // 1/s
	priorSpan  = 1e-6

	// An error that grows with the square of time, as that of a lasting drift, is 4 times as large an octave on; with the
	// 1.5th power, as that of a random walk of frequency, 2.8 times.
	perOctave = 3.5

	// A rehearsal weighs less the older it is; three days keep a daily cycle in mind.
	rehearsalMemory = 3 * 86400 / float64(rehearsalPeriod)
)

// note is the undisciplined oscillator at one instant.
type note struct {
	phase     float64 // seconds since the first note, as if the clock had never been steered
	frequency float64
}

type rehearsals struct {
	notes [rehearsalNotes]note
	taken int // notes ever taken
	last  clock.Mono
	level [rehearsalLevels]struct{ square, weight float64 }
	table [rehearsalLevels]float64 // what learned makes of level; made anew with each note
}

// take notes the oscillator's phase and frequency at an instant, once in 16 s, and scores what was noted before.
func (r *rehearsals) take(at clock.Mono, phase clock.Seconds, frequency clock.Ratio) {
	if r.taken > 0 && at.Sub(r.last) < rehearsalPeriod-0.5 {
		return
	}
	if r.taken > 0 && at.Sub(r.last) > rehearsalPeriod+2 {
		r.taken = 0 // a gap: horizons counted in notes would be wrong
	}
	r.last = at
	now := note{float64(phase), float64(frequency)}
	for j := range r.level {
		back := 1 << j
		if back > r.taken || back >= rehearsalNotes {
			break
		}
		then := r.notes[(r.taken-back)%rehearsalNotes]
		err := now.phase - then.phase - then.frequency*float64(back)*float64(rehearsalPeriod)
		l := &r.level[j]
		keep := 1 - 1/rehearsalMemory
		l.square = keep*l.square + err*err
		l.weight = keep*l.weight + 1
	}
	r.notes[r.taken%rehearsalNotes] = now
	r.taken++
	r.learn()
}

// expected returns the root mean square error of a holdover of length h.
func (r *rehearsals) expected(h clock.Seconds) clock.Seconds {
	if h <= 0 {
		return 0
	}
	x := math.Log2(float64(h / rehearsalPeriod))
	if x <= 0 { // shorter than the shortest: frequency error dominates
		return clock.Seconds(r.table[0]) * h / rehearsalPeriod
	}
	j := min(int(x), rehearsalLevels-2)
	a, b := math.Log2(r.table[j]), math.Log2(r.table[j+1])
	return clock.Seconds(math.Exp2(a + (b-a)*(x-float64(j))))
}

// learn fills the table with the expected error at each level: what was rehearsed, in as far as there were independent
// rehearsals, and for the rest the prior or, where that is less, what the next shorter horizon makes likely.
func (r *rehearsals) learn() {
	for j, l := range r.level {
		h := float64(int64(1)<<j) * float64(rehearsalPeriod)
		likely := min(priorDrift*h*h/2, priorSpan*h)
		if j > 0 && r.level[0].weight > 0 {
			likely = min(likely, perOctave*r.table[j-1])
		}
		if l.weight > 0 {
			independent := l.weight * float64(rehearsalPeriod) / h
			likely = math.Sqrt((l.square/l.weight*independent + likely*likely) / (independent + 1))
		}
		r.table[j] = likely
	}
}
