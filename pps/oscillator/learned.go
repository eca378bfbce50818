package oscillator

import "math"

// regression learns the law of a crystal from mean frequencies over minutes. A Kalman filter over phase that follows every
// pulse would learn it too, but at the time scale of its own noise, where the sensor's noise hides the temperature's work
// and the law comes out too weak for hours; means over two minutes have neither.
//
//	mean frequency = base + law . mean terms + noise r    base' = base + ageing dt + walk sqrt(dt)
//
// The noise r of a mean is that of the phase at its two ends and what the law makes of the noise of the sensors.
type regression struct {
	s     [unknowns]float64
	p     [unknowns][unknowns]float64
	walk  float64 // of the base, per sqrt(s)
	taken int     // means
	// surprise is the mean square of the means' residuals over the variance expected of them: 1 when all is as believed.
	surprise float64
}

const (
	base, ageing, firstTerm = 0, 1, 2
	unknowns                = firstTerm + Terms

	// 4e-9 a day is what a cheap crystal ages in its first weeks.
	priorAgeing = 5e-14 // 1/s
	ageingWalk  = 1e-17 // 1/s per sqrt(s): free to change within some months
	leastNoise  = 3e-12 // of a mean: what the phases' own quantisation leaves

	lagging = 0.1 // of a change within a window: as much of it may come sooner or later than the lags say

	shortRecord, longRecord = 8, 700 // means: a quarter of an hour, a day
)

func newRegression(walk float64, law, sigma *Vector) regression {
	g := regression{walk: walk}
	g.p[ageing][ageing] = priorAgeing * priorAgeing
	for i := range law {
		g.s[firstTerm+i] = law[i]
		g.p[firstTerm+i][firstTerm+i] = sigma[i] * sigma[i]
	}
	return g
}

// doubt returns by what the variances of the law are to be multiplied: a crystal that has done far less than the prior
// allowed has a weaker law. Where residuals are as large as expected, or there are too few of them, it is 1.
func (g *regression) doubt() float64 {
	n := min(float64(g.taken-1), longRecord)
	if n < shortRecord {
		return 1
	}
	return min(1, g.surprise*(1+3*math.Sqrt(2/n))) // 3 sigma of a mean of n squares
}

// law returns the coefficients.
func (g *regression) law() *Vector { return (*Vector)(g.s[firstTerm:]) }

// take takes the mean frequency and the mean terms of a window of dt seconds, elapsed seconds after the last one. change is
// that of the terms within it, variance that of the phase at its ends, noise that of the terms.
func (g *regression) take(dt, elapsed, frequency float64, terms, change *Vector, variance float64, noise *Vector) {
	r2 := 2*variance/(dt*dt) + leastNoise*leastNoise
	for i, v := range noise {
		c := g.s[firstTerm+i]
		// The noise of a lagging term is much the same in the next windows: it counts as if it were that much larger.
		r2 += v * (1 + 2*lags[i]/dt) * (c*c + g.p[firstTerm+i][firstTerm+i])
	}
	// While the temperature changes the law is as wrong as its mixture of lags.
	said := g.law().Dot(change)
	square := said * said
	for i, a := range change {
		for k, b := range change {
			square += a * g.p[firstTerm+i][firstTerm+k] * b
		}
	}
	r2 += lagging * lagging * max(0, square)
	if g.taken++; g.taken == 1 {
		g.s[base] = frequency - g.law().Dot(terms)
		g.p[base][base] = r2 // and what is not known of the law, by which the base is wrong the other way
		for i, t := range terms {
			v := g.p[firstTerm+i][firstTerm+i]
			g.p[base][base] += t * t * v
			g.p[base][firstTerm+i], g.p[firstTerm+i][base] = -t*v, -t*v
		}
		return
	}
	g.predict(elapsed)
	var h, ph [unknowns]float64
	h[base] = 1
	copy(h[firstTerm:], terms[:])
	known, expected := 0.0, 0.0
	for i := range ph {
		for j, v := range h {
			ph[i] += g.p[i][j] * v
		}
		known += h[i] * ph[i]
		expected += h[i] * g.s[i]
	}
	over := 1 / (known + r2)
	residual := frequency - expected
	g.surprise += (residual*residual*over - g.surprise) / min(float64(g.taken-1), longRecord)
	for i := range ph {
		g.s[i] += ph[i] * over * residual
		for j := range i + 1 {
			m := g.p[i][j] - ph[i]*ph[j]*over
			g.p[i][j], g.p[j][i] = m, m
		}
	}
}

func (g *regression) predict(dt float64) {
	g.s[base] += g.s[ageing] * dt
	for j := range unknowns {
		g.p[base][j] += dt * g.p[ageing][j]
	}
	for i := range unknowns {
		g.p[i][base] += dt * g.p[i][ageing]
	}
	g.p[base][base] += g.walk * g.walk * dt
	g.p[ageing][ageing] += ageingWalk * ageingWalk * dt
}

// sigma returns the standard deviations of the coefficients.
func (g *regression) sigma() (v Vector) {
	for i := range v {
		v[i] = math.Sqrt(max(0, g.p[firstTerm+i][firstTerm+i]))
	}
	return v
}
