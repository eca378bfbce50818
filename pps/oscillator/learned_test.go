package oscillator

import (
	"math"
	"math/rand/v2"
	"testing"
)

// weather makes terms that change slowly and apart from one another, and their mean over each window.
type weather struct {
	rng   *rand.Rand
	value Vector
}

func (w *weather) next() Vector {
	for i := range w.value {
		w.value[i] += -0.05*w.value[i] + w.rng.NormFloat64()*math.Sqrt(0.1)*scale[i]
	}
	return w.value
}

// scale is the order of the terms: degrees, shares, and their squares.
var scale = Vector{1, 1, 1, 0.3, 0.3, 0.3, 1, 0.3, 0.1}

const windowOf = 128.0 // s of a mean

// A law whose coefficients are drawn from the prior is learned within the sigma that is stated: over many crystals the
// squared errors by their stated variances have the mean 1.
func TestRegressionLearnsAKnownLawWithinItsSigma(t *testing.T) {
	const crystals, means = 60, 400
	for _, tt := range []struct {
		sensorNoise float64
		fromRest    bool // the terms are counted from their first values
	}{{0, true}, {0.05, true}, {0.05, false}} {
		sensorNoise := tt.sensorNoise
		sum, worst, n := 0.0, 0.0, 0
		shrunk := 0.0
		for seed := range uint64(crystals) {
			rng := random(100 + seed)
			var law, nothing, noise Vector
			for i := range law {
				law[i] = Prior[i] * rng.NormFloat64()
				noise[i] = math.Pow(sensorNoise*scale[i], 2)
			}
			const walk, phaseSigma = 2e-11, 20e-9
			g := newRegression(walk, &nothing, &Prior)
			w := weather{rng: rng}
			base := 1e-5
			for k := range means {
				truth := w.next()
				if k == 0 && tt.fromRest {
					truth, w.value = nothing, nothing
				}
				read := truth
				for i := range read {
					read[i] += math.Sqrt(noise[i]) * rng.NormFloat64()
				}
				base += walk * math.Sqrt(windowOf) * rng.NormFloat64()
				frequency := base + law.Dot(&truth) + math.Sqrt2*phaseSigma/windowOf*rng.NormFloat64()
				g.take(windowOf, windowOf, frequency, &read, &Vector{}, phaseSigma*phaseSigma, &noise)
			}
			sigma := g.sigma()
			for i, c := range g.law() {
				z := (c - law[i]) / sigma[i]
				sum += z * z
				worst = max(worst, math.Abs(z))
				shrunk += math.Log(sigma[i] / Prior[i])
				n++
			}
		}
		// A chi square of n degrees; noise of the terms beside a coefficient makes it weaker by its share of the variance.
		tolerance := sigmas * math.Sqrt(2/float64(n))
		if sensorNoise > 0 {
			tolerance += 0.6
		}
		near(t, "mean square of the errors by their sigma", sum/float64(n), 1, tolerance)
		if worst > 6 {
			t.Errorf("noise %v: a coefficient is %.1f sigma off", sensorNoise, worst)
		}
		if mean := math.Exp(shrunk / float64(n)); mean > 0.05 {
			t.Errorf("noise %v: the sigma has become %.3f of the prior, want less than 0.05", sensorNoise, mean)
		}
	}
}

func TestRegressionLearnsAgeing(t *testing.T) {
	for _, ageingOf := range []float64{-4e-14, 3e-14} {
		rng := random(5)
		var nothing, noise Vector
		const walk = 1e-13
		g := newRegression(walk, &nothing, &Prior)
		base := -2e-6
		const days = 5
		for range days * 86400 / int(windowOf) {
			base += ageingOf*windowOf + walk*math.Sqrt(windowOf)*rng.NormFloat64()
			g.take(windowOf, windowOf, base, &nothing, &nothing, 1e-18, &noise)
		}
		sigma := math.Sqrt(g.p[ageing][ageing])
		near(t, "ageing", g.s[ageing], ageingOf, sigmas*sigma)
		if sigma > priorAgeing/20 {
			t.Errorf("its sigma is %.3g after %d days, want a twentieth of the prior", sigma, days)
		}
		near(t, "base", g.s[0], base, 1e-10)
	}
}

// Terms that never move teach nothing: their coefficients stay the prior's, and the frequency is all base.
func TestRegressionLearnsNothingFromTermsThatStand(t *testing.T) {
	var nothing, terms, noise Vector
	g := newRegression(2e-11, &nothing, &Prior)
	for range 1000 {
		g.take(windowOf, windowOf, 7e-6, &terms, &Vector{}, 1e-16, &noise)
	}
	if *g.law() != nothing {
		t.Errorf("law %v", *g.law())
	}
	if got := g.sigma(); got != Prior {
		t.Errorf("sigma %v, want the prior", got)
	}
	near(t, "base", g.s[0], 7e-6, 1e-11)
}

// The covariance stays one: symmetric, with positive variances, after a year of means.
func TestRegressionStaysSound(t *testing.T) {
	rng := random(6)
	for _, walk := range walks {
		var nothing, noise Vector
		g := newRegression(walk, &nothing, &Prior)
		w := weather{rng: rng}
		for range 100_000 {
			terms := w.next()
			g.take(windowOf, windowOf, 1e-5+1e-9*rng.NormFloat64(), &terms, &Vector{}, 1e-16, &noise)
		}
		for i := range g.p {
			if !(g.p[i][i] > 0) {
				t.Errorf("walk %v: variance %d is %v", walk, i, g.p[i][i])
			}
			for j := range i {
				if c := g.p[i][j] * g.p[i][j]; g.p[i][j] != g.p[j][i] && math.Abs(g.p[i][j]-g.p[j][i]) > 1e-12*math.Sqrt(g.p[i][i]*g.p[j][j]) || c > 1.000001*g.p[i][i]*g.p[j][j] {
					t.Errorf("walk %v: covariance %d,%d is %v and %v, of variances %v and %v", walk, i, j, g.p[i][j], g.p[j][i], g.p[i][i], g.p[j][j])
				}
			}
		}
	}
}
