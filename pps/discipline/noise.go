package discipline

import "math"

// density is the probability density of a pulse's noise, learned from the pulses themselves.
//
// An edge is stamped by an interrupt, which can only make it late. So the density is a normal core, the same core with an
// exponentially distributed lateness added (an exponentially modified normal distribution), and a little of anything, early
// or late, for strays. The core is what the clock is anchored to: its mean is the instant of the pulse.
//
//	p(v) = core N(v; s) + late E(v; s, T) + stray / (2 S)      with core + late + stray = 1
type density struct {
	sigma float64 // s, of the core
	late  float64 // share of late edges
	mean  float64 // s, their mean lateness T
	stray float64 // share of strays
	seen  float64 // pulses learned from
	erred float64 // s, what a holdover is expected to have erred that the pulse ends; 0: none
}

// What is believed before the first pulses, and between what limits the rest is learned.
const (
	startSigma = 400e-9 // s, between a hardware stamp and a busy Pi
	leastSigma = 5e-9   // s, below the quantisation of any counter
	startLate  = 0.15
	mostLate   = 0.6
	leastLate  = 0.002
	// A lateness not longer than this times the core's sigma would be the core's own shape.
	shortestTail = 3.0
	longestTail  = 30.0
	startStray   = 0.01
	leastStray   = 1e-3
	mostStray    = 0.1
	straySpan    = 200.0  // S in core sigmas, or in what a holdover is expected to have erred
	learnOver    = 3000.0 // pulses
	learnAtFirst = 12.0   // pulses that the start counts for
)

func newDensity() density {
	return density{sigma: startSigma, late: startLate, mean: 4 * startSigma, stray: startStray, seen: learnAtFirst}
}

// look is what a density says of one residual.
type look struct {
	likelihood  float64 // p(v)
	score       float64 // -p'/p, 1/s: the pull on a phase of unit variance
	information float64 // d score/dv, 1/s^2, between 0 and that of the core alone
	core, late  float64 // shares of the likelihood
}

// at looks at a residual v, in seconds, of a prediction whose variance is extra.
func (d *density) at(v, extra float64) look {
	ss := d.sigma*d.sigma + extra
	s := math.Sqrt(ss)
	normal := math.Exp(-v*v/(2*ss)) / (s * math.Sqrt(2*math.Pi))
	rate := 1 / d.mean
	tail := modifiedNormal(v, s, rate)
	core, late := (1-d.late-d.stray)*normal, d.late*tail
	p := core + late + d.stray/(2*straySpan*max(d.sigma, d.erred))
	// N' = -v N / ss, and E' = rate (N - E).
	slopeN, slopeE := -v/ss*normal, rate*(normal-tail)
	slope := (1-d.late-d.stray)*slopeN + d.late*slopeE
	curve := (1-d.late-d.stray)*(v*v/ss-1)/ss*normal + d.late*rate*(slopeN-slopeE)
	score := -slope / p
	return look{
		likelihood: p, score: score, information: max(0, min(1/ss, score*score-curve/p)),
		core: core / p, late: late / p,
	}
}

// modifiedNormal returns the density at v of a normal distribution of sigma s to which an exponentially distributed
// lateness of the given rate is added.
func modifiedNormal(v, s, rate float64) float64 {
	z := (rate*s - v/s) / math.Sqrt2
	if z < 0 {
		return rate / 2 * math.Exp(rate*(rate*s*s/2-v)) * math.Erfc(z)
	}
	return rate / 2 * math.Exp(-v*v/(2*s*s)) * scaledErfc(z)
}

// scaledErfc returns exp(z^2) erfc(z) for z >= 0.
func scaledErfc(z float64) float64 {
	if z < 6 {
		return math.Exp(z*z) * math.Erfc(z)
	}
	zz := z * z // Abramowitz and Stegun 7.1.23
	return (1 - 1/(2*zz) + 3/(4*zz*zz)) / (z * math.Sqrt(math.Pi))
}

// learn takes a residual of a prediction whose variance is extra: one step of the expectation-maximisation algorithm, with
// the past forgotten over learnOver pulses.
func (d *density) learn(v, extra float64) {
	l := d.at(v, extra)
	d.seen = min(d.seen+1, learnOver)
	gain := 1 / d.seen
	// A core residual's variance is that of core and prediction together.
	share := l.core * gain / max(0.2, 1-d.late-d.stray)
	variance := d.sigma * d.sigma
	variance += share * (v*v - extra - variance)
	least := max(0.25, 1-learnAtFirst*gain) * d.sigma * d.sigma // an uncertain prediction must not make the noise small
	d.sigma = math.Sqrt(max(leastSigma*leastSigma, least, variance))
	d.mean += gain * l.late / max(0.02, d.late) * (v - d.mean)
	d.mean = max(shortestTail*d.sigma, min(longestTail*d.sigma, d.mean))
	d.late = max(leastLate, min(mostLate, d.late+gain*(l.late-d.late)))
	d.stray = max(leastStray, min(mostStray, d.stray+gain*(1-l.core-l.late-d.stray)))
}

// after returns the density of a pulse that ends a holdover which is expected to have erred so much: where the prediction is
// worse than a pulse, strays are rare within its error as well.
func (d density) after(erred float64) density {
	d.erred = erred
	return d
}

// widened returns the density of an edge that is only known to lie within an interval of the given width: its variance is
// added to the core's.
func (d density) widened(width float64) density {
	d.sigma = math.Sqrt(d.sigma*d.sigma + width*width/12)
	return d
}
