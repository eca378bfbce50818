package oscillator

import (
	"math"
	"testing"

	"timeball/pps/clock"
)

// crystal is a bare oscillator that is noted as the loop would note it, without measurement noise.
type crystal struct {
	r     Rehearsals
	k     int // seconds
	phase float64
	y     float64
	terms *Vector // sensed every second; nil: there are no sensors
	blind bool    // no thermometer that lives
}

const phaseNoise = 1e-18 // s^2: variance of the phase that is said to the regressions

func (c *crystal) at() clock.Mono { return clock.Mono(c.k) * second }

// note gives the Rehearsals the present.
func (c *crystal) note() {
	var nothing Vector
	c.r.Note(c.at(), clock.Seconds(c.phase), phaseNoise, clock.Ratio(c.y), &nothing, &Senses{Alive: !c.blind})
}

// live lets n seconds pass in each of which the oscillator runs at the frequency that is returned for it.
func (c *crystal) live(n int, noted bool, frequency func(k int) float64) {
	for range n {
		c.y = frequency(c.k)
		if c.terms != nil {
			c.r.Sense(c.at(), c.terms)
		}
		if noted && c.k%int(period) == 0 {
			c.note()
		}
		c.phase += c.y
		c.k++
	}
}

// coast begins a holdover and returns how far its prediction is off after n seconds.
func (c *crystal) coast(n int, frequency func(k int) float64) float64 {
	var nothing Vector
	c.r.Begin(c.at(), clock.Seconds(c.phase), clock.Ratio(c.y), &nothing)
	c.live(n, false, frequency)
	return float64(c.r.Coast(c.at())) - c.phase
}

// A crystal whose frequency is a random walk of q per sqrt(s) has strayed by q sqrt(h^3/3) after h seconds from its true
// frequency, and no predictor does better.
func TestRandomWalkCrystalIsExpectedToStrayAsItDoes(t *testing.T) {
	const q, days, crystals = 2e-11, 4, 16
	horizons := []int{64, 256, 1024, 4096, 16384}
	sums := make([]float64, len(horizons))
	for seed := range uint64(crystals) {
		rng := random(200 + seed)
		y := 1e-6
		c := crystal{terms: &Vector{}}
		c.live(days*86400, true, func(int) float64 { y += q * rng.NormFloat64(); return y })
		for i, h := range horizons {
			sums[i] += math.Pow(float64(c.r.Expected(clock.Seconds(h))), 2) / crystals
		}
	}
	for i, h := range horizons {
		n := float64(h)
		want := q * math.Sqrt((n-1)*n*(2*n-1)/6) // the sum of squares that h^3/3 is the limit of
		// Over three days there are as many independent rehearsals, each of one degree of freedom. The weighting takes
		// from the predictors that happened to err least and gives to those that err most, and the prior of a drift
		// counts for one rehearsal: within 10 % and, at the longest horizon, where it is one of sixteen, 20 %.
		independent := float64(crystals) * remembered * period / n
		tolerance := sigmas/math.Sqrt(2*independent) + 0.10
		if h == 16384 {
			tolerance += 0.10
		}
		near(t, "expected error by q sqrt(h^3/3)", math.Sqrt(sums[i])/want, 1, tolerance)
	}
}

// What is expected is what happens: over many crystals the mean square of a holdover's error is that of Expected.
func TestHoldoverErrsAsExpected(t *testing.T) {
	const q, crystals, h = 2e-11, 60, 1024
	sum := 0.0
	for seed := range uint64(crystals) {
		rng := random(300 + seed)
		y := -1e-6
		walk := func(int) float64 { y += q * rng.NormFloat64(); return y }
		c := crystal{terms: &Vector{}}
		c.live(86400, true, walk)
		expected := float64(c.r.Expected(h))
		off := c.coast(h, walk)
		sum += off * off / (expected * expected)
	}
	near(t, "mean square of the error by Expected", sum/crystals, 1, sigmas*math.Sqrt(2.0/crystals))
}

func TestDriftOfACrystalIsLearned(t *testing.T) {
	const drift, h = 4e-14, 16384 // 3.5e-9 a day
	frequency := func(k int) float64 { return 1e-6 + drift*float64(k) }
	c := crystal{terms: &Vector{}}
	c.live(3*86400, true, frequency)
	undone := drift * h * h / 2 // of a clock that keeps the last frequency
	expected := float64(c.r.Expected(h))
	off := math.Abs(c.coast(h, frequency))
	if expected > undone/4 || off > undone/10 {
		t.Errorf("after %d s off by %.3g s, expected %.3g; without the drift it would be %.3g", h, off, expected, undone)
	}
	if off > 3.5*expected {
		t.Errorf("off by %.3g s, expected %.3g", off, expected)
	}
}

// A crystal that follows the temperature is predicted by the law where there are sensors, and not where there are none.
func TestTemperatureOfACrystalIsFollowed(t *testing.T) {
	const h, perDegree = 4 * 3600, 1.9e-7
	run := func(sensors bool) (off, expected float64) {
		var terms Vector
		c := crystal{}
		if sensors {
			c.terms = &terms
		}
		frequency := func(k int) float64 {
			x := 3 * math.Sin(2*math.Pi*float64(k)/86400)
			terms[0], terms[1], terms[2] = x, x, x
			terms[6] = x * x
			return 1e-5 + perDegree*x - 5e-9*x*x
		}
		c.live(2*86400, true, frequency)
		expected = float64(c.r.Expected(h))
		return math.Abs(c.coast(h, frequency)), expected
	}
	with, expected := run(true)
	without, blind := run(false)
	if with > without/100 || expected > blind/10 {
		t.Errorf("off by %.3g s (expected %.3g), without sensors by %.3g s (expected %.3g)", with, expected, without, blind)
	}
	if with > 3.5*expected || without > 3.5*blind {
		t.Errorf("off by %.3g s, expected %.3g; without sensors %.3g and %.3g", with, expected, without, blind)
	}
	if without < 1e-3 {
		t.Errorf("without sensors off by only %.3g s: nothing was tested", without)
	}
}

// What happened while there were no notes is nobody's error.
func TestGapsAreNotRehearsed(t *testing.T) {
	const y = 2e-6
	steady := func(int) float64 { return y }
	c := crystal{}
	c.live(6*3600, true, steady)
	before := c.r
	c.live(40, false, steady)
	c.phase += 0.3 // as a step that the caller was not told of
	c.live(6*3600, true, steady)
	for _, h := range []clock.Seconds{16, 100, 1000, 10_000} {
		if got, was := c.r.Expected(h), before.Expected(h); got > was*1.01 {
			t.Errorf("for %v s %.3g s are expected, %.3g before the gap", h, got, was)
		}
	}
	// A pulse that comes between two notes is none, and one that is missing makes no gap.
	taken := c.r.taken
	c.live(int(period), true, steady)
	for range 15 {
		c.live(1, false, steady)
		c.note()
	}
	if c.r.taken != taken+2 {
		t.Errorf("%d notes in 31 s, want 2", c.r.taken-taken)
	}
	c.live(16, false, steady)
	c.note()
	if c.r.taken == 1 {
		t.Error("a missed note made a gap")
	}
}

// After Forget a step of the phase counts for nothing, and what is known of the predictors stays.
func TestForgetKeepsWhatWasLearned(t *testing.T) {
	rng := random(8)
	y := 1e-6
	walk := func(int) float64 { y += 2e-11 * rng.NormFloat64(); return y }
	c := crystal{}
	c.live(86400, true, walk)
	var before [3]clock.Seconds
	horizons := [3]clock.Seconds{16, 600, 4000}
	for i, h := range horizons {
		before[i] = c.r.Expected(h)
	}
	c.r.Forget()
	for i, h := range horizons {
		if got := c.r.Expected(h); got != before[i] {
			t.Errorf("after Forget %.3g s are expected for %v s, want %.3g", got, h, before[i])
		}
	}
	c.phase += 0.1
	c.live(600, true, walk)
	for i, h := range horizons {
		near(t, "expected, a step after Forget", float64(c.r.Expected(h)/before[i]), 1, 0.3)
	}
}

// A holdover begins where the clock is and never jumps, whichever predictors it turns to.
func TestCoastIsContinuous(t *testing.T) {
	rng := random(9)
	y := 3e-6
	var terms Vector
	frequency := func(int) float64 {
		y += 2e-11 * rng.NormFloat64()
		terms[0] += 0.01 * rng.NormFloat64()
		terms[3] = math.Round(rng.Float64())
		return y + 1e-7*terms[0]
	}
	c := crystal{terms: &terms}
	c.live(2*86400, true, frequency)
	var law Vector
	c.r.Begin(c.at(), clock.Seconds(c.phase), clock.Ratio(c.y), &law)
	if got := float64(c.r.Coast(c.at())); got != c.phase {
		t.Errorf("begins at %v, the clock is at %v", got, c.phase)
	}
	last, began := c.r.Coast(c.at()), c.phase
	for range 86400 {
		c.live(1, false, frequency)
		now := c.r.Coast(c.at())
		// 1e-6 would be ten degrees of the law that was learned: more than the weather here does.
		if step := float64(now - last); !(math.Abs(step-c.y) < 1e-6) {
			t.Fatalf("%d s: the prediction moved by %.9g s in one, at a frequency of %.9g", c.k, step, c.y)
		}
		last = now
	}
	if c.phase == began {
		t.Error("nothing moved")
	}
}

// However long a unit runs, nothing is allocated.
func TestRehearsalsNeedNoMoreMemory(t *testing.T) {
	c := crystal{terms: &Vector{}}
	steady := func(int) float64 { return 1e-6 }
	c.live(2*86400, true, steady) // the ring has gone round
	if n := testing.AllocsPerRun(100, func() {
		c.live(int(period), true, steady)
		c.r.Expected(1000)
		var law Vector
		c.r.Begin(c.at(), 0, 0, &law)
		c.r.Coast(c.at())
	}); n != 0 {
		t.Errorf("%v allocations for a note", n)
	}
}

func TestNothingIsKnownAtFirst(t *testing.T) {
	var r Rehearsals
	last := clock.Seconds(0)
	for _, h := range []clock.Seconds{0, -1, 0.1, 1, 16, 100, 3600, 86400, 1e6} {
		got := r.Expected(h)
		switch {
		case h <= 0 && got != 0:
			t.Errorf("%v s: %v s are expected", h, got)
		case h > 0 && !(got > last):
			t.Errorf("%v s: %v s are expected, not more than %v", h, got, last)
		case h >= 1 && h <= 100 && got > clock.Seconds(priorDrift)*h*h+1e-8:
			t.Errorf("%v s: %v s are expected", h, got)
		}
		last = got
	}
	var law Vector
	r.Begin(second, 0.5, 1e-5, &law)
	near(t, "coasting on the first frequency", float64(r.Coast(101*second)), 0.5+100*1e-5, 1e-12)
}

// Where the sensors stand still a holdover keeps the frequency it began with, whatever law there is.
func TestCoastKeepsTheFrequencyWhileTheSensorsStand(t *testing.T) {
	var r Rehearsals
	terms, law := Vector{2, 2, 2, 0.5, 0.5, 0.5, 4, 1, 0.25}, Vector{1e-7, 0, -3e-7, 1e-6, 0, 0, 1e-8, 0, 0}
	r.Sense(second, &terms)
	r.Begin(second, 0, 1e-6, &law)
	near(t, "after 1000 s", float64(r.Coast(1001*second)), 1000*1e-6, 1e-12)
}

// Expected grows with the length of a holdover, between its horizons and beyond them.
func TestExpectedGrows(t *testing.T) {
	rng := random(10)
	y := 1e-6
	c := crystal{}
	c.live(86400, true, func(int) float64 { y += 2e-11 * rng.NormFloat64(); return y })
	last := clock.Seconds(0)
	for h := clock.Seconds(0.25); h < 5*86400; h *= 1.1 {
		got := c.r.Expected(h)
		if !(got > last*0.98) { // a weight that turns from one predictor to another may take a little back
			t.Errorf("%v s: %.4g s are expected, %.4g a little before", h, got, last)
		}
		last = got
	}
}

// Whatever finite values come, in whatever order, the answers are numbers, and errors are not negative.
func TestRehearsalsAnswerNumbersToAnything(t *testing.T) {
	phases := []float64{0, -0, 1e-9, -1, 1, 1e3, -1e9, 1e9}
	ratios := []float64{0, 1e-12, -5e-4, 5e-4, 0.1, -1}
	steps := []clock.Mono{0, 1, -second, second / 2, 15 * second, 16 * second, 16 * second, 33 * second, 1e15, -1e15}
	for seed := range uint64(200) {
		rng := random(1000 + seed)
		var r Rehearsals
		at := clock.Mono(0)
		vector := func() (v Vector) {
			for i := range v {
				v[i] = []float64{0, 1, -165, 165 * 165, 1e-6}[rng.IntN(5)]
			}
			return v
		}
		for range 300 {
			at += steps[rng.IntN(len(steps))]
			phase, y := clock.Seconds(phases[rng.IntN(len(phases))]), clock.Ratio(ratios[rng.IntN(len(ratios))])
			law, noise := vector(), vector()
			for i := range law {
				law[i] *= 1e-7
				noise[i] = math.Abs(noise[i])
			}
			switch rng.IntN(8) {
			case 0:
				v := vector()
				r.Sense(at, &v)
			case 1:
				r.Forget()
			case 2:
				r.Begin(at, phase, y, &law)
			default:
				r.Note(at, phase, []float64{0, 1e-18, 1e-6, 1}[rng.IntN(4)], y, &law, &Senses{Noise: noise, Alive: true})
			}
			for _, h := range []clock.Seconds{0, 1e-3, 1, 17, 1e5, 1e9} {
				if e := float64(r.Expected(h)); !(e >= 0) || math.IsInf(e, 0) {
					t.Fatalf("seed %d: %v s are expected for %v s", seed, e, h)
				}
			}
			if x := float64(r.Coast(at + second)); math.IsNaN(x) || math.IsInf(x, 0) {
				t.Fatalf("seed %d: coasts to %v", seed, x)
			}
		}
	}
}
