package appliance

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/oscillator"
	"timeball/pps/timing"
	"timeball/web/api"
)

// What a receiver does not tell is not told; what is not known apart has no figure of its own, and the rest adds up.
func TestStatusTellsWhatTheBoundIsMadeOf(t *testing.T) {
	est := discipline.Estimate{
		HasOffset: true, Growth: 1e-9, BiasSigma: 2e-6,
		Bound: discipline.Bound{Pulse: 740e-9, Capture: 4e-6, Reference: 100e-9},
		Pulse: discipline.Pulse{Offset: 40e-9, State: 400e-9, Jitter: 100e-9, Oscillator: 200e-9, Core: 400e-9},
	}
	counted := func(name string, seconds float64, sigma *float64) api.BoundPart {
		return api.BoundPart{Name: name, State: api.PartCounted, Seconds: &seconds, SigmaSeconds: sigma}
	}
	rest := []api.BoundPart{
		{Name: "cable", State: api.PartReference},
		counted("reference", 100e-9, nil), counted("capture", 4e-6, new(2e-6)), counted("jitter", 100e-9, new(400e-9)),
		counted("loop", 400e-9, new(100e-9)), counted("offset", 40e-9, nil), counted("oscillator", 210e-9, new(52.5e-9)),
	}
	for _, tt := range []struct {
		name     string
		s        timing.Snapshot
		receiver []api.BoundPart
		more     []api.BoundPart
	}{
		{"NMEA", timing.Snapshot{}, []api.BoundPart{{Name: "receiver", State: api.PartReference}, {Name: "sawtooth", State: api.PartNotTold}}, nil},
		{"UBX", timing.Snapshot{Accuracy: 20e-9, Sawtooth: 6e-9}, []api.BoundPart{
			{Name: "receiver", State: api.PartReference, SigmaSeconds: new(20e-9)}, {Name: "sawtooth", State: api.PartReference, SigmaSeconds: new(6e-9)},
		}, nil},
		{"taken off", timing.Snapshot{Sawtooth: 6e-9, SawtoothCorrected: true}, []api.BoundPart{
			{Name: "receiver", State: api.PartReference}, {Name: "sawtooth", State: api.PartRemoved, SigmaSeconds: new(6e-9)},
		}, nil},
		{"a drag", timing.Snapshot{Estimate: discipline.Estimate{Pulse: discipline.Pulse{Contradicted: 3e-6}}}, []api.BoundPart{
			{Name: "receiver", State: api.PartReference}, {Name: "sawtooth", State: api.PartNotTold},
		}, []api.BoundPart{counted("contradiction", 3e-6, nil)}},
	} {
		more := tt.s.Estimate.Pulse.Contradicted
		tt.s.Estimate = est
		tt.s.Estimate.Pulse.Contradicted = more
		var got api.Status
		describeBound(&got, &tt.s, clock.Reading{Mono: 10e9})
		want := append(append(append([]api.BoundPart{{Name: "satellites", State: api.PartReference}}, tt.receiver...), rest...), tt.more...)
		if diff := cmp.Diff(want, got.BoundParts, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	var none api.Status
	if describeBound(&none, &timing.Snapshot{}, clock.Reading{}); none.BoundParts != nil {
		t.Errorf("of nothing: %+v", none.BoundParts)
	}
}

func TestStatusTellsWhatTheCrystalHasTaught(t *testing.T) {
	s := timing.Snapshot{
		Curve:     &oscillator.Curve{Centre: 47, Law: [3]float64{-7e-6, 5e-8, 1e-10}, Covariance: [6]float64{1, 2, 3, 4, 5, 6}, Ageing: 1e-14, AgeingSigma: 2e-14},
		Rehearsed: []oscillator.Rehearsed{{After: 64, Median: 2e-9, P95: 5e-9, Count: 30}},
	}
	want := api.Status{
		OscillatorLaw: &api.OscillatorLaw{
			CentreCelsius: 47, Coefficients: []float64{-7e-6, 5e-8, 1e-10}, Covariance: []float64{1, 2, 3, 4, 5, 6},
			AgeingRatioPerDay: 8.64e-10, AgeingSigmaRatioPerDay: 1.728e-9,
		},
		HoldoverRehearsed: []api.RehearsedPoint{{AfterSeconds: 64, MedianSeconds: 2e-9, P95Seconds: 5e-9, Rehearsals: 30}},
	}
	var got, none api.Status
	describeOscillator(&got, &s)
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if describeOscillator(&none, &timing.Snapshot{}); none.OscillatorLaw != nil || none.HoldoverRehearsed != nil {
		t.Errorf("of nothing: %+v, want null", none)
	}
}
