package discipline

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"timeball/gnss/timescale"
	"timeball/pps"
	"timeball/pps/clock"
)

const second = 1_000_000_000

// plant is a crystal, a clock and a pulse, in whole seconds of truth.
type plant struct {
	t      *testing.T
	error  float64 // of the clock, s
	y      float64 // of the crystal
	steer  float64
	k      int64
	shift  clock.Real // steps, ns
	era    clock.Era
	steps  int
	loop   *Loop
	status clock.Status
	fail   error
	noise  func() float64
}

const epoch = 1_790_000_000 * second

func newPlant(t *testing.T, cfg Config, e0, y float64) *plant {
	p := &plant{t: t, error: e0, y: y, noise: func() float64 { return 0 }}
	p.loop = New(cfg, p, p.now())
	return p
}

func (p *plant) now() clock.Reading {
	mono := clock.Mono(p.k*second) + clock.Mono(math.Round(p.error*1e9)) - clock.Mono(p.shift)
	return clock.Reading{Mono: mono, Real: clock.Real(mono) + epoch + p.shift, Boot: clock.Boot(mono), Era: p.era}
}

func (p *plant) Read() (clock.Reading, error) { return p.now(), p.fail }

func (p *plant) SetFrequency(y clock.Ratio) (clock.Ratio, clock.Mono, error) {
	if p.fail == nil {
		p.steer = max(-500e-6, min(500e-6, float64(y)))
	}
	return clock.Ratio(p.steer), p.now().Mono, p.fail
}

func (p *plant) Step(by time.Duration) (clock.Era, error) {
	if p.fail != nil {
		return p.era, p.fail
	}
	p.error += by.Seconds()
	p.shift += clock.Real(by)
	p.era++
	p.steps++
	return p.era, nil
}

func (p *plant) SetStatus(s clock.Status) error { p.status = s; return p.fail }

// pulse gives the loop this second's pulse, late by extra seconds.
func (p *plant) pulse(extra float64) (Refusal, error) {
	now := p.now()
	stamp := now.Mono.Add(clock.Seconds(p.noise() + extra))
	return p.loop.Measure(pps.Measurement{
		Seq: uint64(p.k), At: stamp, UTC: timescale.UTC(epoch + p.k*second), Offset: clock.Seconds(now.RealAt(stamp)-clock.Real(epoch+p.k*second)) * 1e-9,
	}, now)
}

// advance lets a second pass, with a tick at its end.
func (p *plant) advance() {
	p.error += p.y + p.steer
	p.k++
	if err := p.loop.Advance(p.now()); err != nil {
		p.t.Fatal(err)
	}
}

// run lets n seconds pass, with or without pulses.
func (p *plant) run(n int, pulses bool) {
	for range n {
		if pulses {
			if _, err := p.pulse(0); err != nil {
				p.t.Fatal(err)
			}
		}
		p.advance()
	}
}

func gauss(sigma float64) func() float64 {
	rng := rand.New(rand.NewPCG(1, 2))
	return func() float64 { return sigma * rng.NormFloat64() }
}

func TestLoopLocksOnAFastCrystal(t *testing.T) {
	for _, y := range []float64{0, 20e-6, -150e-6, 300e-6} {
		p := newPlant(t, Default(), 0.05, y)
		p.noise = gauss(200e-9)
		p.run(60, true)
		if p.loop.Mode() != Locked || math.Abs(p.error) > 1e-6 || p.steps != 1 {
			t.Errorf("y %v: %v, error %v after %d steps, want locked within 1 us after one", y, p.loop.Mode(), p.error, p.steps)
		}
		est := p.loop.Estimate(p.now())
		if math.Abs(float64(est.Frequency)-y) > 1e-7 || math.Abs(float64(est.Steering)+y) > 2e-7 {
			t.Errorf("y %v: estimated %v, steered %v", y, est.Frequency, est.Steering)
		}
	}
}

func TestLoopRemovesTheDeclaredBias(t *testing.T) {
	cfg := Default()
	cfg.Bias, cfg.BiasRange = 6e-6, 4e-6
	p := newPlant(t, cfg, 0, 1e-6)
	p.noise = func() float64 { return 6e-6 }
	p.run(60, true)
	if math.Abs(p.error) > 1e-7 {
		t.Errorf("error %v, want the 6 us of the capture removed", p.error)
	}
	if b := p.loop.Estimate(p.now()).Bound; b.Capture != 4e-6 || b.Total() != b.Pulse+4e-6+cfg.Reference {
		t.Errorf("bound %+v", b)
	}
}

// F5: a pulse that is far off moves nothing, and is counted with its reason.
func TestLoopRefusesStrayPulses(t *testing.T) {
	for _, off := range []float64{20e-6, -20e-6, 1e-3, -0.4} {
		p := newPlant(t, Default(), 0, 1e-5)
		p.noise = gauss(200e-9)
		p.run(300, true)
		before, steps := p.error, p.steps
		if refusal, _ := p.pulse(off); refusal != Outlier {
			t.Errorf("a pulse %v s off: %q, want %q", off, refusal, Outlier)
		}
		p.advance()
		if moved := math.Abs(p.error - before); moved > 200e-9 || p.steps != steps {
			t.Errorf("a pulse %v s off moved the clock by %v", off, moved)
		}
	}
}

// Pulses that agree twice and then no more leave the clock as it ran before, not removing for ever what the two had told.
func TestLoopUndoesWhatItDidForPulsesThatDoNotAgree(t *testing.T) {
	p := newPlant(t, Default(), 90e-6, 0)
	if err := p.loop.Resume(&Kept{At: p.now(), Bound: 100e-6}); err != nil {
		t.Fatal(err)
	}
	p.run(3, true)
	if p.loop.Mode() != Acquiring || p.steer > -10e-6 {
		t.Fatalf("%v, steering %v", p.loop.Mode(), p.steer)
	}
	for _, far := range []float64{30e-3, -20e-3, 10e-3, -30e-3} {
		if _, err := p.pulse(far); err != nil {
			t.Fatal(err)
		}
		p.advance()
	}
	if p.loop.Mode() != FreeRunning || p.steer != 0 {
		t.Errorf("%v, steering %v", p.loop.Mode(), p.steer)
	}
	off := p.error
	p.run(100, false)
	if p.error != off || float64(p.loop.kept.Bound) < 100e-6+math.Abs(off-90e-6)*0.99 {
		t.Errorf("off by %v and 100 s later by %v; it is taken to be within %v", off, p.error, p.loop.kept.Bound)
	}
}

// What another program's step makes the loop check again is no reason to forget the crystal's rate.
func TestLoopKeepsItsRateWhenItChecksAgain(t *testing.T) {
	p := newPlant(t, Default(), 0.001, 10e-6)
	p.run(100, true)
	p.shift, p.error = p.shift+1_000_000, p.error+1e-3
	p.run(1, true)
	for _, far := range []float64{30e-3, -20e-3, 10e-3, -30e-3, 25e-3} {
		if _, err := p.pulse(far); err != nil {
			t.Fatal(err)
		}
		p.advance()
	}
	if p.loop.Mode() != FreeRunning || math.Abs(p.steer+10e-6) > 1e-6 {
		t.Errorf("%v, steering %v", p.loop.Mode(), p.steer)
	}
}

func TestLoopRefusesASecondPulseWithinASecond(t *testing.T) {
	p := newPlant(t, Default(), 0, 0)
	p.run(20, true)
	for i, want := range []Refusal{"", Repeated} {
		if got, _ := p.pulse(0); got != want {
			t.Errorf("pulse %d: %q, want %q", i+1, got, want)
		}
	}
}

// A tail of late edges must not make a bias: a third of the edges late by 2 us on average shifts a mean by 600 ns.
func TestLateEdgesMakeNoBias(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	p := newPlant(t, Default(), 0, 1e-5)
	p.noise = func() float64 {
		late := 0.0
		if rng.Float64() < 0.3 {
			late = 2e-6 * rng.ExpFloat64()
		}
		return 300e-9*rng.NormFloat64() + late
	}
	p.run(1000, true)
	sum, n := 0.0, 20000
	for range n {
		p.run(1, true)
		sum += p.error
	}
	if mean := sum / float64(n); math.Abs(mean) > 60e-9 {
		t.Errorf("mean error %v, want within 60 ns", mean)
	}
}

// F1 and F7 in small: silence and refused pulses both end in holdover; the bound then contains the contradiction.
func TestHoldoverBeginsOnSilenceAndOnContradiction(t *testing.T) {
	p := newPlant(t, Default(), 0, 1e-5)
	p.noise = gauss(200e-9)
	p.run(600, true)
	p.run(1, false) // the last pulse is 2 s old then
	if p.loop.Mode() != Locked {
		t.Errorf("after 2 s of silence: %v", p.loop.Mode())
	}
	p.run(1, false)
	if p.loop.Mode() != Holdover {
		t.Errorf("after 3 s of silence: %v", p.loop.Mode())
	}
	p.run(20, true)
	if p.loop.Mode() != Locked {
		t.Errorf("after the return: %v", p.loop.Mode())
	}
	for range 22 {
		_, _ = p.pulse(13.7e-6)
		p.advance()
	}
	est := p.loop.Estimate(p.now())
	if est.Mode != Holdover || est.Bound.Pulse < 13e-6 {
		t.Errorf("pulses 13.7 us off: %v with bound %v, want holdover and a bound that contains them", est.Mode, est.Bound)
	}
}

// Whatever happens, the parts of the pulse's part are that part and none is negative: a budget adds up.
func TestBoundIsTheSumOfItsParts(t *testing.T) {
	p := newPlant(t, Config{Bias: 6e-6, BiasRange: 4e-6, Reference: 100e-9, Limit: 1e-3}, 0, 1e-5)
	p.noise = gauss(200e-9)
	check := func(what string, greatest func(Pulse) clock.Seconds) {
		t.Helper()
		est := p.loop.Estimate(p.now())
		of := est.Pulse
		if of.Total() != est.Bound.Pulse || est.Bound.Total() != of.Total()+4e-6+100e-9 {
			t.Errorf("%s: the parts %+v do not add up to %+v", what, of, est.Bound)
		}
		if min(of.Offset, of.State, of.Jitter, of.Oscillator, of.Contradicted) < 0 || greatest(of) < max(of.Offset, of.State, of.Jitter, of.Oscillator, of.Contradicted) {
			t.Errorf("%s: %+v: a part is negative, or another one is the greatest", what, of)
		}
		if of.Core < 100e-9 || of.Core > 300e-9 {
			t.Errorf("%s: the core's sigma is %v, want that of the pulse, 200 ns", what, of.Core)
		}
	}
	p.run(7200, true)
	check("locked", func(of Pulse) clock.Seconds { return max(of.State, of.Oscillator) })
	p.run(3600, false)
	check("an hour without a pulse", func(of Pulse) clock.Seconds { return of.Oscillator })
	p = newPlant(t, Config{Bias: 6e-6, BiasRange: 4e-6, Reference: 100e-9, Limit: 1e-3}, 0, 1e-5)
	p.noise = gauss(200e-9)
	p.run(7200, true)
	p.noise = func() float64 { return 50e-6 }
	p.run(60, true)
	check("a pulse that is 50 us off", func(of Pulse) clock.Seconds { return of.Contradicted })
}

func TestHoldoverForecastGrows(t *testing.T) {
	p := newPlant(t, Default(), 0, 1e-5)
	p.noise = gauss(200e-9)
	p.run(7200, true)
	last := clock.Seconds(0)
	for h := clock.Seconds(1); h < 2e5; h *= 1.3 {
		f := p.loop.Forecast(p.now().Mono, h)
		if f < last {
			t.Fatalf("forecast for %v s is %v, less than %v before", h, f, last)
		}
		last = f
	}
}

func TestLoopReturnsTheClocksError(t *testing.T) {
	p := newPlant(t, Default(), 0, 1e-5)
	p.run(30, true)
	p.fail = errors.New("not permitted")
	if _, err := p.pulse(0); !errors.Is(err, p.fail) {
		t.Errorf("error %v, want %v", err, p.fail)
	}
	p.fail = nil
	p.advance()
	p.run(30, true)
	if p.loop.Mode() != Locked || math.Abs(p.error) > 1e-7 {
		t.Errorf("after the error: %v, error %v", p.loop.Mode(), p.error)
	}
}

func TestSuspendMakesTheLoopCheckAgain(t *testing.T) {
	p := newPlant(t, Default(), 0, 1e-5)
	p.run(60, true)
	now := p.now()
	now.Boot += 30 * second
	if err := p.loop.Advance(now); err != nil || p.loop.Mode() != Acquiring {
		t.Errorf("%v, %v, want acquiring", p.loop.Mode(), err)
	}
}

func TestConfigValidates(t *testing.T) {
	for name, edit := range map[string]func(*Config){
		"negative range":     func(c *Config) { c.BiasRange = -1 },
		"negative reference": func(c *Config) { c.Reference = -1e-9 },
		"no limit":           func(c *Config) { c.Limit = 0 },
		"limit of 2 s":       func(c *Config) { c.Limit = 2 },
	} {
		c := Default()
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		if edit(&c); c.Validate() == nil {
			t.Errorf("%s is valid", name)
		}
	}
}

func TestDensityLearnsCoreAndTail(t *testing.T) {
	for _, sigma := range []float64{15e-9, 300e-9, 3e-6} {
		rng := rand.New(rand.NewPCG(5, 6))
		d := newDensity()
		for range 20000 {
			late := 0.0
			if rng.Float64() < 0.2 {
				late = 8 * sigma * rng.ExpFloat64()
			}
			d.learn(sigma*rng.NormFloat64()+late, 0)
		}
		if math.Abs(d.sigma/sigma-1) > 0.15 || math.Abs(d.late-0.2) > 0.06 || math.Abs(d.mean/(8*sigma)-1) > 0.25 {
			t.Errorf("sigma %v, late 0.2 of mean %v: learned %+v", sigma, 8*sigma, d)
		}
	}
}

// Residuals much smaller than a prediction was known to are chance: the noise learned from thousands of pulses stays.
func TestDensityKeepsItsNoiseWhereAPredictionIsUncertain(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	d := newDensity()
	for range 3000 {
		d.learn(100e-9*rng.NormFloat64(), 0)
	}
	before := d.sigma
	for range 10 {
		d.learn(1e-6*rng.NormFloat64(), 1e-10)
	}
	if d.sigma < 0.9*before {
		t.Errorf("the core's sigma was %v and is %v", before, d.sigma)
	}
}

// What a clock is off by at the end of a holdover says nothing of the pulse that finds it out, though it is more than expected.
func TestNoiseIsNotLearnedFromTheEndOfAHoldover(t *testing.T) {
	p := newPlant(t, Default(), 0.001, 10e-6)
	p.noise = gauss(100e-9)
	p.run(3600, true)
	before := p.loop.noise
	p.run(1800, false)
	now := p.now().Mono
	erred := float64(p.loop.erred(now, now.Sub(p.loop.accepted)))
	if p.loop.Mode() != Holdover || erred < 20*before.sigma {
		t.Fatalf("%v, may have erred %v", p.loop.Mode(), erred)
	}
	p.y += 2 * erred // for a second
	p.advance()
	p.y -= 2 * erred
	if refusal, err := p.pulse(0); refusal != "" || err != nil {
		t.Fatal(refusal, err)
	}
	if after := p.loop.noise; math.Abs(after.sigma/before.sigma-1) > 0.01 {
		t.Errorf("the core's sigma was %v and is %v", before.sigma, after.sigma)
	}
}

// A pulse that is as far from the prediction of a holdover as that may have erred is no stray.
func TestDensityBelievesThePulseThatEndsAHoldover(t *testing.T) {
	d := newDensity()
	for _, erred := range []float64{1e-6, 1e-4, 1e-2} {
		after := d.after(erred)
		if l := after.at(erred, erred*erred); l.core+l.late < 0.95 {
			t.Errorf("%v s: %+v", erred, l)
		}
	}
}

// The score of the true density has mean zero, and its mean square and mean slope are both the information.
func TestDensityScoreHasNoBias(t *testing.T) {
	d := density{sigma: 1e-7, late: 0.3, mean: 8e-7, stray: 0.01}
	area, mean, square := 0.0, 0.0, 0.0
	const dv = 1e-10
	for v := -2e-5 + dv/2; v < 2e-5; v += dv { // strays are uniform over +-200 sigma
		l := d.at(v, 0)
		area += l.likelihood * dv
		mean += l.score * l.likelihood * dv
		square += l.score * l.score * l.likelihood * dv
	}
	if math.Abs(area-1) > 1e-3 || math.Abs(mean)*1e-7 > 1e-3 || square*1e-14 < 0.4 || square*1e-14 > 0.8 {
		t.Errorf("area %v, mean score %v, mean square %v of the core's", area, mean*1e-7, square*1e-14)
	}
	for _, v := range []float64{-1e-3, -1e-6, 0, 1e-9, 1e-6, 1e-3, 1} {
		l := d.at(v, 1e-16)
		if math.IsNaN(l.score) || math.IsInf(l.score, 0) || !(l.likelihood > 0) || l.information < 0 {
			t.Errorf("at %v: %+v", v, l)
		}
	}
}

// diagonal returns a covariance of independent phase, frequency and drift, and a law that is known.
func diagonal(v ...float64) (p covariance) {
	for i, x := range v {
		p[i][i] = x
	}
	return p
}

func TestFilterAgreesWithItsCovariance(t *testing.T) {
	// The covariance of a filter that is right about the world is that of its error: the squared error over it has mean 1.
	rng := rand.New(rand.NewPCG(9, 10))
	lv := level{1e-9, 1e-10, 1e-12}
	const r = 300e-9
	sum, n := 0.0, 0
	for range 40 {
		f := filter{p: diagonal(r*r, 1e-14, 1e-22), noise: lv}
		x, y, d := r*rng.NormFloat64(), 1e-7*rng.NormFloat64(), 1e-11*rng.NormFloat64()
		for k := range 600 {
			x += y + d/2 + lv.white*rng.NormFloat64()
			y += d + lv.walk*rng.NormFloat64()
			d += lv.run * rng.NormFloat64()
			f.move(1, 0)
			f.spread(1)
			variance := f.p[phase][phase] + r*r
			f.update((x+r*rng.NormFloat64()-f.s[phase])/variance, 1/variance)
			if k > 100 && k%100 == 0 {
				sum += (f.s[phase] - x) * (f.s[phase] - x) / f.p[phase][phase]
				n++
			}
		}
	}
	if mean := sum / float64(n); mean < 0.75 || mean > 1.3 { // 200 samples of chi squared: 1 +- 0.1
		t.Errorf("normalised squared error %v, want 1", mean)
	}
}

func TestBankFollowsAChangeAndForgetsAStray(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	const sigma = 20e-9
	d := density{sigma: sigma, late: 0.01, mean: 5 * sigma, stray: 0.001}
	b := newBank(filter{p: diagonal(1e-12, 1e-14, 1e-20)}, sigma, 1)
	x, y := 0.0, 0.0
	step := func(stray float64) {
		x += y
		b.each(func(f *filter) { f.move(1, 0); f.spread(1) })
		seen := b.look(x+sigma*rng.NormFloat64()+stray, 0, &d)
		b.update(&seen, &d)
	}
	for range 1000 {
		step(0)
	}
	step(500 * sigma)
	if off := math.Abs(b.mean.s[phase] - x); off > sigma {
		t.Errorf("a stray pulse moved the phase by %v", off)
	}
	for range 60 { // a load warms the crystal
		y += 4e-9
		step(0)
	}
	if off := math.Abs(b.mean.s[phase] - x); off > 5*sigma {
		t.Errorf("phase %v off after a minute of drift", off)
	}
	if off := math.Abs(b.mean.s[frequency] - y); off > 4e-8 {
		t.Errorf("frequency %v off after a minute of drift", off)
	}
}

// The last pulses before a receiver admits that it has lost its satellites drag the clock off: Distrust takes them back.
func TestDistrustTakesBackTheLastPulses(t *testing.T) {
	p := newPlant(t, Default(), 0.01, 10e-6)
	p.noise = gauss(20e-9)
	p.run(600, true)
	dragged := 0.0
	for range 20 {
		dragged += 40e-9
		if _, err := p.pulse(dragged); err != nil {
			t.Fatal(err)
		}
		p.advance()
	}
	moved := math.Abs(p.error)
	p.loop.Distrust(p.now().Mono, "antenna open")
	if est := p.loop.Estimate(p.now()); est.Mode != Holdover || est.Reason != "antenna open" {
		t.Fatalf("%v: %q", est.Mode, est.Reason)
	}
	for range 120 {
		if refusal, _ := p.pulse(dragged); refusal != Distrusted {
			t.Fatalf("pulse of a distrusted receiver: %q", refusal)
		}
		p.advance()
		if bound := float64(p.loop.Estimate(p.now()).Bound.Pulse); math.Abs(p.error) > bound {
			t.Fatalf("error %v beyond the bound %v", p.error, bound)
		}
	}
	if moved < 200e-9 || math.Abs(p.error) > moved/2 {
		t.Errorf("the clock had been dragged by %v and is off by %v two minutes later", moved, p.error)
	}
	p.loop.Trust()
	p.run(10, true)
	if p.loop.Mode() != Locked {
		t.Errorf("%v after trust has returned", p.loop.Mode())
	}
}

func TestDistrustBeforeTheFirstLock(t *testing.T) {
	p := newPlant(t, Default(), 0.01, 10e-6)
	p.loop.Distrust(p.now().Mono, "jammed")
	p.run(30, true)
	if est := p.loop.Estimate(p.now()); est.Mode != FreeRunning || est.Reason != "jammed" {
		t.Errorf("%v: %q", est.Mode, est.Reason)
	}
	p.loop.Trust()
	p.run(2, true)
	p.loop.Distrust(p.now().Mono, "jammed")
	if p.loop.Mode() != FreeRunning {
		t.Errorf("%v while acquiring from a jammed receiver", p.loop.Mode())
	}
}

// A receiver that says what its clock does to each pulse is believed, whatever its maker means by the sign, and one that says
// nothing true is not.
func TestSawtoothIsTakenOff(t *testing.T) {
	const jitter, step = 5e-9, 20e-9
	for _, says := range []float64{1, -1, 0} { // times the truth; 0: anything
		rng := rand.New(rand.NewPCG(5, 6))
		p := newPlant(t, Default(), 0.001, 10e-6)
		squares, n := 0.0, 0
		for k := range 2000 {
			saw := step * (2*rng.Float64() - 1)
			said := says * saw
			if says == 0 {
				said = step * (2*rng.Float64() - 1)
			}
			now := p.now()
			stamp := now.Mono.Add(clock.Seconds(jitter*rng.NormFloat64() + saw))
			if _, err := p.loop.Measure(pps.Measurement{
				At: stamp, UTC: timescale.UTC(epoch + p.k*second), Offset: clock.Seconds(now.RealAt(stamp)-clock.Real(epoch+p.k*second)) * 1e-9,
				Quantisation: clock.Seconds(said), HasQuantisation: true,
			}, now); err != nil {
				t.Fatal(err)
			}
			p.advance()
			if k >= 500 {
				squares, n = squares+p.error*p.error, n+1
			}
		}
		of, corrected := p.loop.Sawtooth()
		if want := step / math.Sqrt(3); math.Abs(float64(of)/want-1) > 0.05 || corrected != (says != 0) {
			t.Errorf("says %v: a sawtooth of %v, taken off: %v; want %.3g", says, of, corrected, want)
		}
		sigma, rms := p.loop.noise.sigma, math.Sqrt(squares/float64(n))
		t.Logf("says %v: core %.3g, rms %.3g", says, sigma, rms)
		if says != 0 && (sigma > 1.3*jitter || rms > jitter) || says == 0 && sigma < 2*jitter {
			t.Errorf("says %v: the core's sigma is %v, the clock's error %v", says, sigma, rms)
		}
	}
}
