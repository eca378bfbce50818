package oscillator

import (
	"math"

	"timeball/pps/clock"
)

// Rehearsed says what rehearsed holdovers of one length really erred, all predictors together, the older ones being forgotten.
type Rehearsed struct {
	After  clock.Seconds `json:"after"`
	Median clock.Seconds `json:"median"` // of the error's magnitude, to a tenth of itself, rounded up
	P95    clock.Seconds `json:"p95"`    // 95 % of them erred no more
	Count  int           `json:"count"`  // rehearsals ever
}

// errors counts the magnitudes of errors in bins of an eighth of an octave, the older ones for less and less.
type errors struct {
	bins   [errorBins]float32
	weight float32 // of the next one: that of those before shrinks beside it
}

const (
	errorBins  = 240
	perOctave  = 8
	leastError = 1.0 / (1 << 34) // s, 58 ps: the upper end of the first bin; the last one ends at 29 ms
	heaviest   = 1e30
	fewest     = 20 // rehearsals, so that a 95th percentile is one of them
	apart      = 3  // lengths one after the other: those that overlap much are as good as one
)

// add counts an error; those before count keep times what they did.
func (e *errors) add(err, keep float64) {
	if e.weight == 0 {
		e.weight = 1
	}
	e.weight /= float32(max(keep, 1e-3))
	if e.weight > heaviest {
		for i := range e.bins {
			e.bins[i] /= e.weight
		}
		e.weight = 1
	}
	place := math.Ceil(perOctave * math.Log2(math.Abs(err)/leastError))
	e.bins[int(max(0, min(errorBins-1, place)))] += e.weight
}

// quantile returns what a share q of the errors does not exceed: the upper end of a bin.
func (e *errors) quantile(q float64) float64 {
	sum := 0.0
	for _, n := range e.bins {
		sum += float64(n)
	}
	left := q * sum
	for i, n := range e.bins {
		if left -= float64(n); left <= 1e-6*sum {
			return leastError * math.Exp2(float64(i)/perOctave)
		}
	}
	return leastError * math.Exp2((errorBins-1)/float64(perOctave))
}

// Rehearsed returns what was rehearsed at each length that has been for long enough, the shortest first.
func (r *Rehearsals) Rehearsed() (all []Rehearsed) {
	for j := range levels {
		if r.scored[j] < max(fewest, apart<<j) {
			break
		}
		e := &r.errors[j]
		all = append(all, Rehearsed{
			After: clock.Seconds(int64(1)<<j) * period, Median: clock.Seconds(e.quantile(0.5)), P95: clock.Seconds(e.quantile(0.95)), Count: r.scored[j],
		})
	}
	return all
}
