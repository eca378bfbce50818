package discipline

import "math"

// noise learns the core of the pulse's noise from the filter's residuals: the distance from their median to their 16th
// percentile, which for a normal core is its sigma. Interrupts only ever make an edge late, so the upper half tells
// about the tail and is left out.
type noise struct {
	median, low float64 // seconds
	seen        int
}

const (
	startSigma = 500e-9 // s, before anything was learned: between a hardware stamp and a busy Pi
	leastSigma = 5e-9   // s, the quantisation of the counter
	lowShare   = 0.1587 // of a normal distribution lies below minus one sigma
)

func newNoise() noise { return noise{low: -startSigma} }

func (n *noise) sigma() float64 { return max(leastSigma, n.median-n.low) }

// learn takes one residual in seconds. Quantiles are followed in steps proportional to the present sigma.
func (n *noise) learn(residual float64) {
	n.seen++
	step := n.sigma() * max(0.02, 2/(4+float64(n.seen)))
	n.median += step * (0.5 - below(residual, n.median))
	n.low += step * (lowShare - below(residual, n.low))
	n.median = max(-2*n.sigma(), min(2*n.sigma(), n.median))
	n.low = math.Min(n.low, n.median-leastSigma)
}

func below(x, limit float64) float64 {
	if x < limit {
		return 1
	}
	return 0
}
