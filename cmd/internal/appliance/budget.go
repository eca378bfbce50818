package appliance

import (
	"timeball/pps/clock"
	"timeball/pps/timing"
	"timeball/web/api"
)

// describeBound fills in what the bound is made of, grown to now: what grows is what the oscillator may do.
func describeBound(status *api.Status, s *timing.Snapshot, now clock.Reading) {
	est := &s.Estimate
	if !est.HasOffset {
		return
	}
	part := func(name, state string, sigma clock.Seconds) {
		p := api.BoundPart{Name: name, State: state}
		if sigma > 0 {
			p.SigmaSeconds = some(float64(sigma))
		}
		status.BoundParts = append(status.BoundParts, p)
	}
	counted := func(name string, seconds, sigma clock.Seconds) {
		part(name, api.PartCounted, sigma)
		status.BoundParts[len(status.BoundParts)-1].Seconds = some(float64(seconds))
	}
	sawtooth := api.PartNotTold
	switch {
	case s.SawtoothCorrected:
		sawtooth = api.PartRemoved
	case s.Sawtooth > 0:
		sawtooth = api.PartReference
	}
	part("satellites", api.PartReference, 0)
	part("receiver", api.PartReference, s.Accuracy)
	part("sawtooth", sawtooth, s.Sawtooth)
	part("cable", api.PartReference, 0)
	counted("reference", est.Bound.Reference, 0)
	counted("capture", est.Bound.Capture, est.BiasSigma)
	of, strays := est.Pulse, est.Pulse.Oscillator+grown(est, now)
	counted("jitter", of.Jitter, of.Core)
	counted("loop", of.State, of.State/sigmas)
	counted("offset", of.Offset, 0)
	counted("oscillator", strays, strays/sigmas)
	if of.Contradicted > 0 {
		counted("contradiction", of.Contradicted, 0)
	}
}

// sigmas is how many the bound takes of the filter's phase and of what the oscillator is expected to stray.
const sigmas = 4

// describeOscillator fills in what the crystal has taught.
func describeOscillator(status *api.Status, s *timing.Snapshot) {
	if c := s.Curve; c != nil {
		const day = 86400
		status.OscillatorLaw = &api.OscillatorLaw{
			CentreCelsius: c.Centre, Coefficients: c.Law[:], Covariance: c.Covariance[:],
			AgeingRatioPerDay: c.Ageing * day, AgeingSigmaRatioPerDay: c.AgeingSigma * day,
		}
	}
	for _, r := range s.Rehearsed {
		status.HoldoverRehearsed = append(status.HoldoverRehearsed, api.RehearsedPoint{
			AfterSeconds: float64(r.After), MedianSeconds: float64(r.Median), P95Seconds: float64(r.P95), Rehearsals: r.Count,
		})
	}
}
