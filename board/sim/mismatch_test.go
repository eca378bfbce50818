package sim

import (
	"math"
	"slices"
	"testing"
)

// allan returns the overlapping Allan deviation of fractional frequencies of a second each, over n seconds.
func allan(y []float64, n int) float64 {
	sums := make([]float64, len(y)+1)
	for i, v := range y {
		sums[i+1] = sums[i] + v
	}
	square, count := 0.0, 0
	for i := 0; i+2*n < len(sums); i++ {
		d := (sums[i+2*n] - 2*sums[i+n] + sums[i]) / float64(n)
		square += d * d / 2
		count++
	}
	return math.Sqrt(square / float64(count))
}

// Of N values, over n of them, the overlapping Allan deviation of flicker noise has about 1.1 N/n degrees of freedom (NIST SP
// 1065, 5.4.2), its own relative sigma is 1/sqrt(2 df). Processes a ratio of 4 apart make a ripple of some per cent, and
// the shortest, of 1 s, leaves a little out over a second.
func TestFlickerIsFlat(t *testing.T) {
	const days, ripple = 20, 0.05
	for _, floor := range []float64{1e-9, 3e-11} {
		m := bare(func(b *Model) { b.Mismatch.FlickerFM = floor })
		y := column(m, 12, days*86400, frequency)
		for _, n := range []int{4, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000} {
			df := 1.1 * float64(len(y)) / float64(n)
			within(t, "Allan deviation over its floor", allan(y, n)/floor, 1, ripple+sigmas/math.Sqrt(2*df))
		}
		within(t, "Allan deviation over 1 s over its floor", allan(y, 1)/floor, 1, ripple)
	}
}

// A step of heat reaches a crystal behind two stages of lag T to 1 - (1 + t/T) exp(-t/T); in steps of a second the exponential
// is a power.
func TestHeatPassesTwoStages(t *testing.T) {
	g := Generate(bare(func(b *Model) { b.Mismatch.Lag, b.C1 = 400, 1e-7 }), 9, 0).(*generated)
	g.load = 1
	for k := 1; k <= 4000; k++ {
		s, _ := g.Second()
		degrees := 4 * (1 - (1+float64(k)/400)*math.Pow(1-1.0/400, float64(k)))
		within(t, "degrees", float64(s.Frequency)/1e-7, degrees, 1e-9)
	}
}

// The frequency turns back only after the temperature has by the width.
func TestHysteresisNeedsItsWidth(t *testing.T) {
	at := 0.0
	for i, step := range []struct{ v, want float64 }{
		{0.02, 0}, {-0.02, 0}, {0.1, 0.075}, {0.06, 0.075}, {0.05, 0.075}, {0.04, 0.065}, {0.08, 0.065}, {-1, -0.975}, {-0.96, -0.975},
	} {
		at = slack(at, step.v, 0.05)
		within(t, "temperature that is felt", at, step.want, 1e-12)
		if t.Failed() {
			t.Fatalf("step %d", i)
		}
	}
	for _, v := range []float64{3, -2, 2.5} {
		at = slack(at, v, 0)
		within(t, "without hysteresis", at, v, 0)
	}
	m := bare(func(b *Model) { b.Diurnal, b.C1, b.Mismatch.Hysteresis = 3, 1e-7, 0.05 })
	with := column(m, 8, 86400, frequency)
	m.Mismatch.Hysteresis = 0
	apart := 0.0
	for k, y := range column(m, 8, 86400, frequency) {
		apart = max(apart, math.Abs(y-with[k]))
	}
	within(t, "frequency apart by half the width", apart, 1e-7*0.025, 1e-12)
}

func TestCubicTerm(t *testing.T) {
	g := Generate(bare(func(b *Model) { b.Mismatch.C3 = 1e-10 }), 9, 0).(*generated)
	g.load = 1
	for k := 1; k <= 2000; k++ {
		s, _ := g.Second()
		within(t, "frequency", float64(s.Frequency), 1e-10*math.Pow(4*(1-math.Pow(1-1.0/180, float64(k))), 3), 1e-19)
	}
}

func TestMismatchedSensors(t *testing.T) {
	m := bare(func(b *Model) { b.Diurnal, b.Mismatch.Usage, b.Mismatch.Stuck = 3, 0.2, 5000 })
	_, sd := moments(column(m, 13, drawn, func(s Second) float64 { return s.Utilisation }))
	within(t, "sigma of the utilisation", sd, 0.2, sigmas*0.2/math.Sqrt(2*drawn))
	v := column(m, 13, 86400, func(s Second) float64 { return s.Temperature })
	if slices.Min(v[:5000]) == slices.Max(v[:5000]) {
		t.Error("the sensor is stuck from the beginning")
	}
	if rest := v[4999:]; slices.Min(rest) != slices.Max(rest) {
		t.Errorf("a stuck sensor says %v to %v", slices.Min(rest), slices.Max(rest))
	}
}

// What the mismatch adds draws from streams of its own: the rest is what it is without.
func TestMismatchLeavesTheRest(t *testing.T) {
	for name, base := range map[string]string{"mismatch": "pi-load", "mismatch-quiet": "pi-quiet", "mismatch-stuck": "pi-load"} {
		a, b := Generate(named(t, name), 3, 1e-5).(*generated), Generate(named(t, base), 3, 1e-5).(*generated)
		apart := 0.0
		for range 40_000 {
			x, _ := a.Second()
			y, _ := b.Second()
			if x.PulseNoise != y.PulseNoise || x.Temperature != y.Temperature || a.walk != b.walk || a.soc != b.soc || a.load != b.load {
				t.Fatalf("%s: %+v, %s: %+v", name, x, base, y)
			}
			apart = max(apart, math.Abs(float64(x.Frequency-y.Frequency)))
		}
		if apart < 3e-9 { // three times the flicker's floor
			t.Errorf("%s and %s have the same frequency to %v", name, base, apart)
		}
	}
}
