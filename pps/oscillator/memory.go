package oscillator

import "math"

// Memory is what is kept of a crystal over a restart: its law.
type Memory struct {
	Centre float64 `json:"centre_celsius"` // temperature from which the law counts degrees
	Law    Vector  `json:"law"`            // coefficients
	Sigma  Vector  `json:"sigma"`          // 1 sigma of them

	Ageing      float64 `json:"ageing"`       // drift of the frequency at the law's zero, 1/s
	AgeingSigma float64 `json:"ageing_sigma"` // 1 sigma of it, 0 = not learned
}

// A law that is further from nothing than this many of Prior's sigmas is no crystal's.
const implausible = 10

// A law learned before is trusted as much as it trusted itself, and never more than a ten-thousandth of Prior: it goes on
// being learned, and an oven's is that small.
const leastPart = 1e-4

// Valid says whether m can be the law of a crystal.
func (m *Memory) Valid() bool {
	if !(m.Centre >= coldest && m.Centre <= hottest) {
		return false
	}
	for i := range m.Law {
		if !(math.Abs(m.Law[i]) <= implausible*Prior[i]) || !(m.Sigma[i] > 0 && m.Sigma[i] <= 2*Prior[i]) {
			return false
		}
	}
	return math.Abs(m.Ageing) <= implausible*priorAgeing && m.AgeingSigma >= 0 && m.AgeingSigma <= 2*priorAgeing
}

// prior returns the standard deviations with which a remembered law is begun.
func (m *Memory) prior() (v Vector) {
	for i := range v {
		v[i] = max(leastPart*Prior[i], min(Prior[i], m.Sigma[i]))
	}
	return v
}

// Restore begins with a law that was learned before, which must be valid: degrees are counted from its centre.
func (s *Sensors) Restore(m *Memory) { s.centre, s.restored = m.Centre, true }

// Centre returns the temperature from which degrees are counted, and whether there has been one.
func (s *Sensors) Centre() (celsius float64, ok bool) { return s.centre, s.hasT || s.restored }

// Restore begins with a law that was learned before, which must be valid.
func (r *Rehearsals) Restore(m *Memory) {
	r.restored = true
	sigma := m.prior()
	for i, walk := range walks {
		g := newRegression(walk, &m.Law, &sigma)
		if m.AgeingSigma > 0 {
			g.s[ageing], g.p[ageing][ageing] = m.Ageing, m.AgeingSigma*m.AgeingSigma
		}
		r.regression[i] = g
	}
}

// kept is the regression whose law is kept until rehearsals tell which is best: the one for a bare crystal whose sensors
// tell nearly all.
const kept = 2

// Ageing returns the drift of the frequency that no sensor explains, and its sigma, per second.
func (r *Rehearsals) Ageing() (drift, sigma float64) {
	r.start()
	g := &r.regression[r.best()]
	return g.s[ageing], math.Sqrt(max(0, g.p[ageing][ageing]))
}

// Law returns the law learned over minutes and its sigma.
func (r *Rehearsals) Law() (law, sigma Vector) {
	r.start()
	g := &r.regression[r.best()]
	return *g.law(), g.sigma()
}
