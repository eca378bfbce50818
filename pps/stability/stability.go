package stability

import (
	"math"

	"timeball/pps/clock"
)

// Point is the stability at one averaging time.
type Point struct {
	Tau  clock.Seconds
	ADEV clock.Ratio
	MDEV clock.Ratio   // unknown while ModifiedTerms is 0
	TDEV clock.Seconds // unknown while ModifiedTerms is 0

	Terms         int // second differences in ADEV
	ModifiedTerms int // windows in MDEV and TDEV

	// Freedom and ModifiedFreedom are equivalent degrees of freedom of ADEV and of MDEV and TDEV: neighbouring terms share
	// samples, and count for less. They are lower limits for white PM, white FM and random walk FM noise. The true
	// variance lies between Freedom*ADEV^2 divided by the upper and by the lower quantile of chi-squared; above about 10
	// a deviation d has a standard error of d/sqrt(2*Freedom).
	Freedom, ModifiedFreedom float64
}

// Counts tells what an Accumulator was given.
type Counts struct {
	Samples int // phases used
	Missed  int // intervals without a phase, or with one that is no number
	Gaps    int // fresh starts: those asked for by Gap and the phase steps found by Add
}

const (
	octaves   = 18       // up to 2^17 tau0, the first octave above a day at 1 s
	maxPerTau = 256      // strides per averaging time: more would hardly add freedom, as neighbours agree
	tick      = 0x1p-43  // s
	maxPhase  = 0x1p19   // s, 2^62 ticks: six days
	maxStep   = 0.015    // s a sample: 2 maxPerTau 2^17 maxStep/tick is just below 2^63, so that no sum of a window overflows
	missing   = -1 << 63 // ticks; no phase is as large
)

// Accumulator gathers phase samples into the stability at all averaging times. Use New. One goroutine at a time.
type Accumulator struct {
	tau0   clock.Seconds
	levels [octaves]level
	counts Counts

	joined bool    // last is a phase of the present run
	last   float64 // s
	since  int     // intervals from last to the next sample
}

// New returns an Accumulator for samples every tau0 seconds, which must be positive.
func New(tau0 clock.Seconds) *Accumulator {
	if !(tau0 > 0) || math.IsInf(float64(tau0), 1) {
		panic("stability: sampling interval is not a positive time")
	}
	a := &Accumulator{tau0: tau0}
	for j := range a.levels {
		a.levels[j] = newLevel(1 << j)
	}
	return a
}

// Add takes the phase of the next sampling time, local minus reference in seconds.
func (a *Accumulator) Add(x clock.Seconds) {
	phase := float64(x)
	if !(math.Abs(phase) < maxPhase) {
		a.Miss()
		return
	}
	if a.joined && !(math.Abs(phase-a.last) < maxStep*float64(a.since)) {
		a.Gap()
	}
	a.joined, a.last, a.since = true, phase, 1
	a.counts.Samples++
	ticks := int64(math.Round(phase / tick))
	a.push(block{ticks, ticks})
}

// Miss takes note that the next sampling time has no sample, while the clock went on undisturbed. It is to be called
// once for each.
func (a *Accumulator) Miss() {
	a.since++
	a.counts.Missed++
	a.push(block{missing, missing})
}

// Gap takes note that the next sample can't be compared with those before: the phase was stepped, or an unknown number
// of samples is missing.
func (a *Accumulator) Gap() {
	a.joined = false
	a.counts.Gaps++
	for j := range a.levels {
		a.levels[j].restart()
	}
}

// Counts returns what the Accumulator was given so far.
func (a *Accumulator) Counts() Counts { return a.counts }

// Points returns the averaging times for which there is at least one term of ADEV, in rising order.
func (a *Accumulator) Points() []Point {
	points := make([]Point, 0, octaves)
	for j := range a.levels {
		if l := &a.levels[j]; l.terms > 0 {
			points = append(points, l.point(a.tau0))
		}
	}
	return points
}

// push hands a sample to the octaves without a stride, and what becomes of it to those above.
func (a *Accumulator) push(b block) {
	stride := 1
	for j := range a.levels {
		l := &a.levels[j]
		if l.stride > stride {
			var whole bool
			if b, whole = l.fold(b); !whole {
				return
			}
			stride = l.stride
		}
		l.push(b)
	}
}
