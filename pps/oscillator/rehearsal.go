package oscillator

import (
	"math"

	"timeball/pps/clock"
)

// Rehearsals try out holdovers while there is a pulse. Every 16 s the bare oscillator's phase is noted together with what
// each of several predictors would say of its frequency from then on, and every later note tells how far a clock that had
// coasted since then on each of them would be off by now. For every horizon the predictors are weighted by what they have
// erred, and their weighted root mean square error is what a real holdover of that length is expected to err.
//
// The zero value is ready.
type Rehearsals struct {
	terms    Vector // now
	integral Vector // of the terms over time, s
	sensed   clock.Mono
	hasTerms bool

	notes [ringNotes]note
	taken int // notes ever taken since the last gap
	last  clock.Mono

	regression [len(walks)]regression
	regressed  clock.Mono          // when they took their last means
	learned    int                 // means they have taken
	restored   bool                // they began with a law that was learned before
	lessons    [lessons]regression // the best one, after each of the last means

	scored [levels]int // rehearsals ever
	score  [levels][predictors]struct{ square, weight float64 }
	table  [levels][predictors]float64 // log2 of the expected error in s; made anew with each note
	whole  [levels]float64             // the same of all predictors together, weighted
	share  [levels][predictors]float64 // the weights
	errors [levels]errors              // of all together, as they were rehearsed
	ready  bool

	excited excitation

	began   clock.Mono // of the holdover that is real
	from    note
	doubted regression // as it was when it began

	suspicion suspicion
	surprises int // notes in a row
}

const (
	period    = 16.0 // s between notes
	ringNotes = 5400 // a day of notes
	levels    = 13   // horizons of 16 s times 2^0 to 2^12, 18.2 h

	// Before there are rehearsals a crystal is taken to drift by priorDrift per second, as in the minutes after a change of
	// load, but never to leave its frequency by more than priorSpan, which is a room's worth of temperature for a Pi's.
	priorDrift = 2e-10
	priorSpan  = 1e-6

	// An error that grows with the square of time, as that of a lasting drift, is 4 times as large an octave on; with the
	// 1.5th power, as that of a random walk of frequency, 2.83 times. What a law does not explain is such a walk; what nothing
	// explains lies between, and in the first half hour, means of 128 s, nobody knows.
	lastingDrift = 4.0
	walking      = 2.83
	drifting     = 3.5
	wellLearned  = 14

	// A rehearsal is forgotten over three days, which keeps a daily cycle in mind. Before there are so many, a quarter of
	// them is remembered: the predictors learn too, and what they were worth at first says little.
	remembered = 3 * 86400 / period
	unlearning = 4
)

// A predictor says what the frequency will be.
type predictor struct {
	kind   predictorKind
	window int // notes over which steady and lawful take the mean; 0 = the filter's present frequency
	law    int // regression whose law, and for lasting also base and ageing, is followed
}

type predictorKind uint8

const (
	steady  predictorKind = iota // the mean frequency, whatever the sensors say
	present                      // the filter's present frequency and law
	lawful                       // the mean frequency, then the law of a regression
	lasting                      // base, ageing and law of a regression
)

// walks are the random walks of the base, per sqrt(s), for which there is a regression each: from an oven-controlled
// crystal to one whose temperature the sensors tell only in part.
var walks = [...]float64{1e-13, 3e-12, 2e-11, 2e-10}

const (
	predictors = 10
	unchanged  = 0 // the candidate for which the frequency stays as it is
)

var candidates = [predictors]predictor{
	{kind: steady}, {kind: steady, window: 256}, {kind: steady, window: 4096}, // now, 1.1 h, 18.2 h
	{kind: present}, {kind: lawful, law: 2}, {kind: lawful, law: 2, window: 64}, // now, now, 17 min
	{kind: lasting, law: 0}, {kind: lasting, law: 1}, {kind: lasting, law: 2}, {kind: lasting, law: 3},
}

// regressNotes is how many notes a regression's means take: 128 s.
const regressNotes = 8

// lateNotes is how many notes late anything is learned from a note: for so long wrong pulses can still be dropped, or their
// movement found suspicious.
const lateNotes = 8

// note is the oscillator at one instant and what the predictors say of it.
type note struct {
	at       clock.Mono
	phase    float64 // s, as if the clock had never been steered
	terms    Vector
	integral Vector
	learned  int                    // means that the regressions had taken
	law      [len(walks) + 1]Vector // of the regressions and, last, of the filter
	base     [predictors]float64    // frequency, less the law's part for those that follow one
	ageing   [predictors]float64    // per second
}

// follows returns the law that predictor p follows, nil when it follows none.
func (n *note) follows(p int) *Vector {
	switch c := candidates[p]; c.kind {
	case present:
		return &n.law[len(walks)]
	case lawful, lasting:
		return &n.law[c.law]
	}
	return nil
}

// advance returns how far predictor p says that the phase moves within h seconds from n, when the terms' integral has
// become integral.
func (n *note) advance(p int, h float64, integral *Vector) float64 {
	phase := n.base[p]*h + n.ageing[p]*h*h/2
	if law := n.follows(p); law != nil {
		for i := range integral {
			phase += law[i] * (integral[i] - n.integral[i])
		}
	}
	return phase
}

// Sense takes the terms of the law as they are from an instant on.
func (r *Rehearsals) Sense(at clock.Mono, terms *Vector) {
	r.integrate(at)
	r.terms, r.hasTerms = *terms, true
}

func (r *Rehearsals) integrate(at clock.Mono) {
	if dt := float64(at.Sub(r.sensed)); r.hasTerms && dt > 0 {
		for i := range r.integral {
			r.integral[i] += r.terms[i] * dt
		}
	}
	r.sensed = max(r.sensed, at)
}

// ahead returns what the terms' integral will be at an instant if they stay.
func (r *Rehearsals) ahead(at clock.Mono) Vector {
	integral, h := r.integral, max(0, float64(at.Sub(r.sensed)))
	for i := range integral {
		integral[i] += r.terms[i] * h
	}
	return integral
}

// Forget drops the notes, as after a gap; what was learned of the predictors stays.
func (r *Rehearsals) Forget() { r.taken = 0 }

// Drop drops the notes taken after an instant, not more than some minutes ago, whose pulses turn out to have been wrong.
func (r *Rehearsals) Drop(after clock.Mono) {
	for r.taken > 0 && r.back(1).at > after {
		r.taken--
	}
	if r.taken > 0 {
		r.last = r.back(1).at
	}
}

// Note notes the phase of the bare oscillator, whose variance is given, and the filter's frequency and law, once in 16 s, and
// scores the notes before.
func (r *Rehearsals) Note(at clock.Mono, phase clock.Seconds, variance float64, y clock.Ratio, law *Vector, senses *Senses) {
	since := float64(at.Sub(r.last))
	if r.taken > 0 && since < period-0.5 {
		return
	}
	if r.taken > 0 && since > 2*period {
		r.taken = 0 // horizons are counted in notes
	}
	r.last = at
	r.integrate(at)
	r.start()
	now := r.describe(at, phase, y, law)
	suspected := r.suspect(&now, senses.Alive)
	r.notes[r.taken%ringNotes] = now
	r.taken++
	if !suspected {
		r.regress(variance, &senses.Noise)
		r.rehearse()
		r.learn()
	}
}

// start makes the regressions at the first need.
func (r *Rehearsals) start() {
	if r.regression[0].walk != 0 {
		return
	}
	var nothing Vector
	for i, walk := range walks {
		r.regression[i] = newRegression(walk, &nothing, &Prior)
	}
	r.lessons[r.learned%lessons] = r.regression[kept]
}

// back returns the note so many notes ago; 1 is the last one.
func (r *Rehearsals) back(n int) *note { return &r.notes[(r.taken-n)%ringNotes] }

// describe makes a note of the present.
func (r *Rehearsals) describe(at clock.Mono, phase clock.Seconds, y clock.Ratio, law *Vector) note {
	n := note{at: at, phase: float64(phase), terms: r.terms, integral: r.integral, learned: r.learned}
	for i := range r.regression {
		n.law[i] = *r.regression[i].law()
	}
	n.law[len(walks)] = *law
	for p, c := range candidates {
		window := min(c.window, r.taken, ringNotes-1)
		follows := n.follows(p)
		switch {
		case c.kind == lasting && r.regression[c.law].taken > 0:
			n.base[p], n.ageing[p] = r.regression[c.law].s[base], r.regression[c.law].s[ageing]
		case window >= 2:
			n.base[p] = mean(r.back(window), &n, follows)
		default:
			n.base[p] = float64(y)
			if follows != nil {
				n.base[p] -= follows.Dot(&r.terms)
			}
		}
	}
	return n
}

// mean returns the mean frequency between two notes, less the part of a law, which may be nil.
func mean(from, to *note, law *Vector) float64 {
	phase := to.phase - from.phase
	if law != nil {
		for i := range law {
			phase -= law[i] * (to.integral[i] - from.integral[i])
		}
	}
	return phase / float64(to.at.Sub(from.at))
}

// regress gives the regressions the means over the next notes, once there are enough of them.
func (r *Rehearsals) regress(variance float64, noise *Vector) {
	if r.taken < regressNotes+lateNotes || r.taken%regressNotes != 0 {
		return
	}
	then, now := r.back(regressNotes+lateNotes), r.back(lateNotes)
	if now.at <= r.regressed {
		return // taken before what followed was dropped
	}
	dt := float64(now.at.Sub(then.at))
	var terms, change Vector
	for i := range terms {
		terms[i] = (now.integral[i] - then.integral[i]) / dt
		change[i] = now.terms[i] - then.terms[i]
	}
	elapsed := max(dt, float64(now.at.Sub(r.regressed)))
	r.regressed = now.at
	for i := range r.regression {
		r.regression[i].take(dt, elapsed, mean(then, now, nil), &terms, &change, variance, noise)
	}
	r.learned++
	r.lessons[r.learned%lessons] = r.regression[r.best()]
}

// rehearse scores what the predictors said at each horizon ago. It does so lateNotes late.
func (r *Rehearsals) rehearse() {
	if r.taken <= lateNotes {
		return
	}
	now, best := r.back(lateNotes), &r.regression[r.best()]
	for j := range levels {
		n := 1 << j
		if n+lateNotes > r.taken || n+lateNotes >= ringNotes {
			return
		}
		then := r.back(n + lateNotes)
		r.scored[j]++
		keep := 1 - max(1/remembered, unlearning/(float64(r.scored[j])+unlearning))
		moved, h := now.phase-then.phase, float64(now.at.Sub(then.at))
		r.excited.learn(j, then.said(best.law(), h, &now.integral), then.doubt(best, h, &now.integral), keep)
		together := 0.0
		for p := range predictors {
			err := moved - then.advance(p, h, &now.integral)
			s := &r.score[j][p]
			s.square = keep*s.square + err*err
			s.weight = keep*s.weight + 1
			together += r.share[j][p] * err
		}
		if r.ready {
			r.errors[j].add(together, keep)
		}
	}
}

// learn fills the table with the expected error of each predictor at each level: what was rehearsed, in as far as there
// were independent rehearsals, and for the rest the prior or, where that is less, what the next shorter horizon makes
// likely.
func (r *Rehearsals) learn() {
	for p := range predictors {
		before := 0.0
		for j := range levels {
			h := float64(int64(1)<<j) * period
			likely := min(priorDrift*h*h/2, priorSpan*h)
			if j > 0 && r.score[0][p].weight > 0 {
				likely = min(likely, r.perOctave(p)*before)
			}
			if s := r.score[j][p]; s.weight > 0 {
				independent := s.weight * period / h
				likely = math.Sqrt((s.square/s.weight*independent + likely*likely) / (independent + 1))
			}
			r.table[j][p], before = math.Log2(max(likely, 1e-15)), likely
		}
	}
	for j := range levels {
		var errors, weights [predictors]float64
		for p, e := range r.table[j] {
			errors[p] = math.Exp2(e)
		}
		weigh(&errors, &weights)
		r.share[j] = weights
		square := 0.0
		for p, e := range errors {
			square += weights[p] * e * e
		}
		r.whole[j] = math.Log2(square) / 2
	}
	r.ready = true
}

// perOctave returns how much larger the error of predictor p is likely to be an octave on.
func (r *Rehearsals) perOctave(p int) float64 {
	switch k := candidates[p].kind; {
	case r.learned < wellLearned:
		return lastingDrift
	case r.hasTerms && (k == lawful || k == lasting):
		return walking
	}
	return drifting
}

// between returns the level at or before a horizon of h seconds, and how much of the way to the next one it is.
func between(h float64) (level int, share float64) {
	if h <= period {
		return 0, 0
	}
	x := math.Log2(h / period)
	level = min(int(x), levels-2)
	return level, x - float64(level)
}

// shorter is what is left of an expected error at a horizon shorter than the shortest one: the frequency's error dominates.
func shorter(h float64) float64 { return min(1, h/period) }

// weigh weights predictors by the errors expected of them: the weights sum to 1.
func weigh(errors, weights *[predictors]float64) {
	sum := 0.0
	for p, e := range errors {
		square := e * e
		weights[p] = 1 / (square*square*square + 1e-300)
		sum += weights[p]
	}
	for p := range weights {
		weights[p] /= sum
	}
}

// weights returns the weights of the predictors in a holdover of h seconds.
func (r *Rehearsals) weights(h float64) (weights [predictors]float64) {
	if !r.ready {
		r.learn()
	}
	j, share := between(h)
	var errors [predictors]float64
	for p := range predictors {
		errors[p] = math.Exp2(r.table[j][p]+(r.table[j+1][p]-r.table[j][p])*share) * shorter(h)
	}
	weigh(&errors, &weights)
	return weights
}

// Without sensors a change of load that has not come yet can't be foreseen: for this long, in seconds, what was rehearsed
// does not rule it out: as far as the prior or, where that is less, untold times what was expected. A crystal that a load can
// move far, its room moves too.
const (
	novelty = 6 * 3600
	untold  = 4
)

// Expected returns the root mean square error expected of a holdover of length h.
func (r *Rehearsals) Expected(h clock.Seconds) clock.Seconds {
	if h <= 0 {
		return 0
	}
	if !r.ready {
		r.learn()
	}
	j, share := between(float64(h))
	expected := math.Exp2(r.whole[j]+(r.whole[j+1]-r.whole[j])*share) * shorter(float64(h))
	square := expected * expected
	if !r.hasTerms {
		prior, known := float64(min(priorDrift*h*h/2, priorSpan*h)), float64(r.scored[0])*period/novelty
		prior = min(prior, untold*expected)
		square += prior * prior / (1 + known*known)
	}
	return clock.Seconds(math.Sqrt(square))
}

// Begin begins a real holdover with what is known now or, where pulses are suspected, was known before them; the suspicion
// ends then.
func (r *Rehearsals) Begin(at clock.Mono, phase clock.Seconds, y clock.Ratio, law *Vector) {
	r.integrate(at)
	r.start()
	if r.suspicion.held {
		r.began, r.from, r.doubted = r.suspicion.from.at, r.suspicion.from, r.suspicion.law
		r.suspicion.held = false
		return
	}
	r.began = at
	r.from = r.describe(at, phase, y, law)
	r.doubted = r.regression[r.best()]
}

// judged is the level at which the regressions are compared: 1.1 h.
const judged = 8

// best returns the regression that has predicted best.
func (r *Rehearsals) best() int {
	best, least := kept, math.Inf(1)
	for p, c := range candidates {
		if c.kind == lasting && r.ready && r.table[judged][p] < least {
			best, least = c.law, r.table[judged][p]
		}
	}
	return best
}

// Erred returns what the holdover is expected to have erred by an instant, given what the sensors have said since it began:
// 1 sigma.
func (r *Rehearsals) Erred(at clock.Mono) clock.Seconds {
	integral := r.ahead(at)
	return clock.Seconds(r.expected(&r.from, &r.doubted, max(0, float64(at.Sub(r.began))), &integral))
}

// doubt returns the variance of the phase h seconds after n, when the terms' integral has become integral, that comes of what
// g does not know of the law.
func (n *note) doubt(g *regression, h float64, integral *Vector) float64 {
	moved := n.moved(h, integral)
	square := 0.0
	for i, a := range moved {
		for k, b := range moved {
			square += a * g.p[firstTerm+i][firstTerm+k] * b
		}
	}
	return max(0, square)
}

// moved returns of the terms' integral, which has become integral h seconds after n, what has changed since n, when the
// frequency was known.
func (n *note) moved(h float64, integral *Vector) (v Vector) {
	for i := range v {
		v[i] = integral[i] - n.integral[i] - n.terms[i]*h
	}
	return v
}

// said returns how far the phase has moved since n because of what the sensors have said since, by a law.
func (n *note) said(law *Vector, h float64, integral *Vector) float64 {
	moved := n.moved(h, integral)
	return law.Dot(&moved)
}

// Coast returns the phase of the bare oscillator at an instant of the holdover, as predicted.
func (r *Rehearsals) Coast(at clock.Mono) clock.Seconds {
	r.integrate(at)
	h := float64(at.Sub(r.began))
	return clock.Seconds(r.from.phase + r.foreseen(&r.from, h, &r.integral))
}

// foreseen returns how far all predictors together say that the phase moves within h seconds from n.
func (r *Rehearsals) foreseen(n *note, h float64, integral *Vector) (phase float64) {
	for p, w := range r.weights(max(h, 1)) {
		phase += w * n.advance(p, h, integral)
	}
	return phase
}
