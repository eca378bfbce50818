package oscillator

import "math"

// Memory is what is kept of a crystal over a restart: its law.
type Memory struct {
	Centre float64 `json:"centre_celsius"` // temperature from which the law counts degrees
	Law    Vector  `json:"law"`            // coefficients
	Sigma  Vector  `json:"sigma"`          // 1 sigma of them
}

// A law that is further from nothing than this many of Prior's sigmas is no crystal's.
const implausible = 10

// A law learned before is trusted half as much as it trusted itself, and never more than a hundredth of Prior: boards are
// opened, fans fail, crystals age.
const (
	distrust  = 2
	leastPart = 0.01
)

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
	return true
}

// prior returns the standard deviations with which a remembered law is begun.
func (m *Memory) prior() (v Vector) {
	for i := range v {
		v[i] = max(leastPart*Prior[i], min(Prior[i], distrust*m.Sigma[i]))
	}
	return v
}

// Restore begins with a law that was learned before, which must be valid: degrees are counted from its centre.
func (s *Sensors) Restore(m *Memory) { s.centre, s.restored = m.Centre, true }

// Centre returns the temperature from which degrees are counted, and whether there has been one.
func (s *Sensors) Centre() (celsius float64, ok bool) { return s.centre, s.hasT || s.restored }

// Restore begins with a law that was learned before, which must be valid.
func (r *Rehearsals) Restore(m *Memory) {
	sigma := m.prior()
	for i, walk := range walks {
		r.regression[i] = newRegression(walk, &m.Law, &sigma)
	}
}

// kept is the regression whose law is kept until rehearsals tell which is best: the one for a bare crystal whose sensors
// tell nearly all.
const kept = 2

// Law returns the law learned over minutes and its sigma.
func (r *Rehearsals) Law() (law, sigma Vector) {
	r.start()
	g := &r.regression[r.best()]
	return *g.law(), g.sigma()
}
