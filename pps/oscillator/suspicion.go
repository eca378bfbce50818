package oscillator

import (
	"math"

	"timeball/pps/clock"
)

// suspicion is held against pulses that move away from what the crystal was rehearsed to do: someone may be dragging them
// off. From the note before they began a holdover is carried on in thought, and what separates the pulses from it may be
// the clock's error.
//
// One unit alone can't tell a dragged pulse from a crystal that does what it has never done. So pulses are followed and what
// they may be wrong by is said; and nothing is learned from them about holdovers.
type suspicion struct {
	held  bool
	since clock.Mono
	from  note
	law   regression // as it was then
	most  float64    // s, the farthest that pulses were from it beyond doubt
}

const (
	astonished = 2   // notes in a row
	atOnce     = 1.5 // or one note that is off by so many times as much
	unusual    = 4.0 // and the longest rehearsal that is so much off tells since when
	// What was rehearsed less often, or takes longer, tells little.
	rehearsedOften = 8
	longestJudged  = 9 // level: 2.3 h
	unsettled      = 8 // notes after a gap, by which the filters have settled
	suspected      = 86400
	asGood         = 2 // times the expected error of all predictors together
	lessons        = 1<<longestJudged/regressNotes + 2
	// Without a thermometer a change of load can't be told from a drag, unless it is faster than heat: a busy processor
	// makes a bare crystal drift by 4e-9 a second.
	fastestHeat = 1e-8
)

// surprising is how many times as far from a rehearsed prediction as was expected a pulse is suspect, by level. Undisturbed
// crystals of all models reached 10 at 16 s, 5.5 at 256 s and 3.4 from 1024 s on, once in some days.
func surprising(level int) float64 { return max(5, 16-2*float64(level)) }

// suspect compares a note with what was predicted before, and returns whether pulses are suspected.
func (r *Rehearsals) suspect(now *note, alive bool) bool {
	if r.suspicion.held {
		by, sigma := r.suspicion.separation(r, now.at, now.phase, &now.integral)
		by = math.Abs(by)
		if by > unusual*sigma {
			r.suspicion.most = max(r.suspicion.most, by)
		}
		if by > r.suspicion.most/2 && now.at.Sub(r.suspicion.since) < suspected {
			return true
		}
		r.suspicion.held = false
		r.taken = 0 // what was noted meanwhile is no rehearsal
		return false
	}
	since, surprise := r.surprise(now, alive)
	if surprise < 1 {
		r.surprises = 0
		return false
	}
	if r.surprises++; r.surprises < astonished && surprise < atOnce {
		return false
	}
	r.surprises = 0
	r.suspicion = suspicion{held: true, since: now.at, from: *since, law: r.lessons[since.learned%lessons]}
	return true
}

// surprise returns by how many times as much as is surprising a note is off the prediction of an earlier one, and the oldest
// note whose prediction it is off by more than is usual.
func (r *Rehearsals) surprise(now *note, alive bool) (since *note, surprise float64) {
	if !r.ready {
		return nil, 0
	}
	for j := range longestJudged + 1 {
		n := 1 << j
		if n+unsettled > r.taken || float64(r.scored[j]) < rehearsedOften*float64(n) {
			break
		}
		then := r.back(n)
		h := float64(now.at.Sub(then.at))
		s := suspicion{from: *then, law: r.lessons[then.learned%lessons]}
		by, sigma := s.separation(r, now.at, now.phase, &now.integral)
		by = math.Abs(by)
		if !alive && math.Abs(now.phase-then.phase-then.base[unchanged]*h) < fastestHeat*h*h/2 {
			continue
		}
		if by > unusual*sigma {
			since = then
		}
		if q := by / (surprising(j) * sigma); q > max(1, surprise) && !r.explained(&s, now, j, sigma) {
			surprise = q
		}
	}
	return since, surprise
}

// explained says that one of the predictors that are about as good as all together at a level did foresee a note.
func (r *Rehearsals) explained(s *suspicion, now *note, level int, sigma float64) bool {
	h := float64(now.at.Sub(s.from.at))
	for p, e := range r.table[level] {
		expected := math.Exp2(e)
		if expected > asGood*math.Exp2(r.whole[level]) {
			continue
		}
		by := now.phase - s.from.phase - s.from.advance(p, h, &now.integral)
		if math.Abs(by) <= unusual*max(expected, sigma) {
			return true
		}
	}
	return false
}

// separation returns how far a phase is from what was predicted at the beginning, and what the prediction may have erred, 1
// sigma.
func (s *suspicion) separation(r *Rehearsals, at clock.Mono, phase float64, integral *Vector) (by, sigma float64) {
	h := float64(at.Sub(s.from.at))
	by = phase - s.from.phase - r.foreseen(&s.from, h, integral)
	return by, r.expected(&s.from, &s.law, h, integral)
}

// Suspected returns by how much a phase at an instant may be wrong because the pulses it comes from are suspected of having
// been dragged off, and the uncertainty of that, 1 sigma; false when they are not.
func (r *Rehearsals) Suspected(at clock.Mono, phase clock.Seconds) (by, sigma clock.Seconds, held bool) {
	if !r.suspicion.held {
		return 0, 0, false
	}
	integral := r.ahead(at)
	b, s := r.suspicion.separation(r, at, float64(phase), &integral)
	return clock.Seconds(b), clock.Seconds(s), true
}
