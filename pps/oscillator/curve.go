package oscillator

import (
	"math"

	"timeball/pps/clock"
)

// Curve is the law at one load as a function of the temperature that has settled: with d degrees from Centre the frequency is
//
//	Law[0] + Law[1] d + Law[2] d^2
type Curve struct {
	Centre     float64    `json:"centre_celsius"`
	Law        [3]float64 `json:"law"`        // fractional frequency, per degree, per square degree
	Covariance [6]float64 `json:"covariance"` // of Law: 00, 01, 02, 11, 12, 22

	Ageing      float64 `json:"ageing"`       // drift that no sensor explains, 1/s
	AgeingSigma float64 `json:"ageing_sigma"` // 1 sigma of it
}

// Frequency returns the frequency at a temperature, and its sigma.
func (c *Curve) Frequency(celsius float64) (y, sigma clock.Ratio) {
	d := celsius - c.Centre
	v := &c.Covariance
	variance := v[0] + 2*d*v[1] + d*d*(2*v[2]+v[3]) + 2*d*d*d*v[4] + d*d*d*d*v[5]
	return clock.Ratio(c.Law[0] + d*(c.Law[1]+d*c.Law[2])), clock.Ratio(math.Sqrt(max(0, variance)))
}

// Curve returns the law as the best regression has learned it, at the present load; centre is the temperature that the terms
// count from. False until it has been learned for a quarter of an hour or, where one was restored, until it has met this
// crystal.
func (r *Rehearsals) Curve(centre float64) (c Curve, ok bool) {
	r.start()
	g := &r.regression[r.best()]
	if !r.hasTerms || g.taken < shortRecord && (!r.restored || g.taken == 0) {
		return c, false
	}
	u := r.terms[len(temperatureLags)+middleLag]
	rows := [3][unknowns]float64{{base: 1}}
	for i := range temperatureLags {
		rows[1][firstTerm+i] = 1
	}
	for i := range loadLags {
		rows[0][firstTerm+len(temperatureLags)+i] = u
	}
	rows[2][firstTerm+6], rows[1][firstTerm+7], rows[0][firstTerm+8] = 1, u, u*u // t^2, t u, u^2
	c.Centre = centre
	n := 0
	for i, a := range rows {
		for j, v := range a {
			c.Law[i] += v * g.s[j]
		}
		for _, b := range rows[i:] {
			for k, v := range a {
				for l, w := range b {
					c.Covariance[n] += v * g.p[k][l] * w
				}
			}
			n++
		}
	}
	c.Ageing, c.AgeingSigma = g.s[ageing], math.Sqrt(max(0, g.p[ageing][ageing]))
	return c, true
}
