package stability

import (
	"math"

	"timeball/pps/clock"
)

// block is one stride of samples, in ticks.
type block struct {
	phase int64 // of the last sample, or missing
	mean  int64 // of all samples, or missing if one of them is
}

// level is one averaging time: a ring with the strides of the last three averaging times, the window of MDEV.
type level struct {
	m      int // averaging time in samples
	stride int // samples
	perTau int // strides in an averaging time
	ring   []block
	at     int // of the ring's oldest, which is the next to be replaced

	first block // the first half of the next stride
	half  bool

	blocks int   // in this run
	whole  int   // in this run since the last incomplete one
	window int64 // sum of the newest perTau means, less twice those before, plus the oldest, in ticks

	terms, modifiedTerms     int
	squares, modifiedSquares float64 // ticks squared; of window for the modified
}

func newLevel(m int) level {
	perTau := min(m, maxPerTau)
	return level{m: m, stride: m / perTau, perTau: perTau, ring: make([]block, 3*perTau)}
}

// restart forgets the run and keeps the sums.
func (l *level) restart() { l.half, l.blocks, l.whole, l.window = false, 0, 0, 0 }

// fold joins two strides of the octave below to one of this, and returns it once it is whole.
func (l *level) fold(b block) (block, bool) {
	l.half = !l.half
	if l.half {
		l.first = b
		return block{}, false
	}
	joined := block{phase: b.phase, mean: missing}
	if l.first.mean != missing && b.mean != missing {
		// Rounding down is a bias of a quarter of a tick in all means alike, gone in their differences.
		joined.mean = (l.first.mean + b.mean) >> 1
	}
	return joined, true
}

// push takes the next stride.
func (l *level) push(b block) {
	oldest := l.ring[l.at]
	twice := l.ring[l.ahead(l.perTau)]  // two averaging times ago
	once := l.ring[l.ahead(2*l.perTau)] // one averaging time ago
	l.ring[l.at] = b
	l.at = l.ahead(1)
	if l.blocks >= 2*l.perTau && b.phase != missing && once.phase != missing && twice.phase != missing {
		d := float64(b.phase - once.phase - (once.phase - twice.phase))
		l.squares += d * d
		l.terms++
	}
	l.blocks++
	l.slide(b.mean, once.mean, twice.mean, oldest.mean)
}

// ahead returns the place n strides after the ring's oldest.
func (l *level) ahead(n int) int {
	if n += l.at; n >= len(l.ring) {
		n -= len(l.ring)
	}
	return n
}

// slide moves the window of MDEV on by one stride. While it fills, what lies before the run counts as zero; those
// partial sums may wrap around, the whole window can't (maxStep), and integers mod 2^64 forget that they ever did.
func (l *level) slide(mean, once, twice, oldest int64) {
	if mean == missing {
		l.whole, l.window = 0, 0
		return
	}
	l.window += mean
	if l.whole >= l.perTau {
		l.window -= 3 * once
	}
	if l.whole >= 2*l.perTau {
		l.window += 3 * twice
	}
	if l.whole >= 3*l.perTau {
		l.window -= oldest
	}
	l.whole++
	if l.whole >= 3*l.perTau {
		d := float64(l.window)
		l.modifiedSquares += d * d
		l.modifiedTerms++
	}
}

// point returns the deviations so far; there is at least one term.
func (l *level) point(tau0 clock.Seconds) Point {
	tau := float64(tau0) * float64(l.m)
	p := Point{
		Tau:     clock.Seconds(tau),
		ADEV:    clock.Ratio(tick / tau * math.Sqrt(l.squares/(2*float64(l.terms)))),
		Terms:   l.terms,
		Freedom: l.freedom(l.terms),
	}
	if l.modifiedTerms > 0 {
		mdev := tick / tau / float64(l.perTau) * math.Sqrt(l.modifiedSquares/(2*float64(l.modifiedTerms)))
		p.MDEV, p.TDEV = clock.Ratio(mdev), clock.Seconds(tau*mdev/math.Sqrt(3))
		p.ModifiedTerms, p.ModifiedFreedom = l.modifiedTerms, l.freedom(l.modifiedTerms)
	}
	return p
}

// freedom returns a lower limit of the equivalent degrees of freedom of n terms. Computed from the covariances of the
// terms, the least of white PM, white FM and random walk FM comes down to 0.52 for each averaging time at m = 1 (white PM),
// 0.77 above (MDEV, random walk FM), for long runs; short ones have more.
func (l *level) freedom(n int) float64 {
	perTau := 0.75
	if l.m == 1 {
		perTau = 0.5
	}
	return max(1, perTau*float64(n)/float64(l.perTau))
}
