package oscillator

import (
	"math"
	"testing"

	"timeball/pps/clock"
)

// The curve is what the whole law says of a temperature that has settled, and its sigma that of the whole covariance.
func TestCurveIsTheLawOfASettledTemperature(t *testing.T) {
	rng := random(31)
	c := crystal{terms: &Vector{}}
	law := Vector{2e-8, 5e-8, 1e-8, 1e-8, 2e-8, 1e-8, 1e-9, 2e-9, 1e-8}
	const centre, at = 45.0, 9e-6
	if _, ok := c.r.Curve(centre); ok {
		t.Error("a law that nobody has learned is shown")
	}
	w := weather{rng: rng}
	const seconds = 12 * 3600
	frequency := func(k int) float64 {
		if k%64 == 0 {
			*c.terms = w.next()
		}
		return at + law.Dot(c.terms)
	}
	c.live(600, true, frequency)
	if _, ok := c.r.Curve(centre); ok {
		t.Error("a law of ten minutes is shown")
	}
	c.live(seconds, true, frequency)
	curve, ok := c.r.Curve(centre)
	if !ok || curve.Centre != centre {
		t.Fatalf("no curve after half a day: %+v", curve)
	}
	u := c.terms[4]
	g := &c.r.regression[c.r.best()]
	for _, d := range []float64{-2, -0.5, 0, 1, 3} {
		terms := Vector{d, d, d, u, u, u, d * d, d * u, u * u}
		y, sigma := curve.Frequency(centre + d)
		near(t, "the frequency the law says", float64(y), g.s[base]+g.law().Dot(&terms), 1e-15)
		h := [unknowns]float64{base: 1}
		copy(h[firstTerm:], terms[:])
		variance := 0.0
		for i := range h {
			for j := range h {
				variance += h[i] * g.p[i][j] * h[j]
			}
		}
		near(t, "sigma over that of the covariance", float64(sigma)/math.Sqrt(variance), 1, 1e-3)
		if truth := at + law.Dot(&terms); math.Abs(float64(y)-truth) > 5*float64(sigma) {
			t.Errorf("at %v degrees the law says %v ± %v, true is %v", d, y, sigma, truth)
		}
	}
}

func TestRestoredLawIsShownOnceItHasMetTheCrystal(t *testing.T) {
	m := Memory{Centre: 45, Law: Vector{1e-8, 5e-8}, Sigma: Prior}
	c := crystal{terms: &Vector{}}
	c.r.Restore(&m)
	if _, ok := c.r.Curve(45); ok {
		t.Error("a law without a frequency is shown")
	}
	c.live((regressNotes+lateNotes+1)*period, true, func(int) float64 { return 3e-6 })
	curve, ok := c.r.Curve(45)
	if y, _ := curve.Frequency(45); !ok || math.Abs(float64(y)-3e-6) > 1e-12 || curve.Law[1] != 6e-8 {
		t.Errorf("%+v, %v; want 3e-6 and 6e-8 a degree", curve, ok)
	}
}

// A crystal whose frequency is a random walk errs as a normal variable: what rehearsals show has the median and the 95th
// percentile of one, 0.674 and 1.96 sigma, about what is expected.
func TestRehearsedErrorsAreThoseExpected(t *testing.T) {
	rng := random(32)
	const q, days = 2e-11, 4
	c := crystal{terms: &Vector{}}
	y := 1e-6
	walk := func(int) float64 { y += q * rng.NormFloat64(); return y }
	c.live(300, true, walk)
	if got := c.r.Rehearsed(); got != nil {
		t.Errorf("after 5 min %+v is shown", got)
	}
	c.live(1500, true, walk) // 17 min have three lengths of 256 s in a row, and one of them before
	if got := c.r.Rehearsed(); len(got) != 5 || got[4].After != 256 {
		t.Errorf("after half an hour %+v", got)
	}
	c.live(days*86400, true, walk)
	all := c.r.Rehearsed()
	if len(all) != levels {
		t.Fatalf("%d lengths of %d", len(all), levels)
	}
	for i, got := range all[1:6] { // the first has the prior in it, and beyond ten minutes there are few that are independent
		sigma := float64(c.r.Expected(got.After))
		if got.After != clock.Seconds(period*math.Exp2(float64(i+1))) || got.Count < 10000 {
			t.Errorf("length %d: %+v", i, got)
		}
		// Bins are an eighth of an octave and named by their upper end: 0 to 9 % more.
		near(t, "median by sigma", float64(got.Median)/sigma/0.674, 1.045, 0.15)
		near(t, "p95 by sigma", float64(got.P95)/sigma/1.96, 1.045, 0.15)
	}
}

func TestErrorsAreCountedWhateverTheyAre(t *testing.T) {
	var e errors
	for _, err := range []float64{0, 1e-30, -1e-9, 1e9, math.Inf(-1)} {
		for range 20_000 {
			e.add(err, 0.99)
		}
	}
	if got := e.quantile(0.5); got != leastError*math.Exp2((errorBins-1)/float64(perOctave)) || math.IsInf(float64(e.weight), 0) {
		t.Errorf("median %v, weight %v", got, e.weight)
	}
	e = errors{}
	for i := range 1000 {
		e.add(float64(i+1)*1e-9, 1)
	}
	for q, want := range map[float64]float64{0.5: 500e-9, 0.95: 950e-9} {
		if got := e.quantile(q); got < want || got > want*1.1 {
			t.Errorf("quantile %v = %v, want %v", q, got, want)
		}
	}
}
