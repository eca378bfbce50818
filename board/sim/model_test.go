package sim

import (
	"math"
	"slices"
	"strings"
	"testing"

	"timeball/pps/clock"
)

// moments returns mean and standard deviation.
func moments(v []float64) (mean, sd float64) {
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	for _, x := range v {
		sd += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(sd / float64(len(v)-1))
}

func within(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.6g, want %.6g +- %.2g", what, got, want, tolerance)
	}
}

func named(t testing.TB, name string) Model {
	t.Helper()
	m, err := ModelNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestModelsAreNamed(t *testing.T) {
	want := []string{"pi-load", "pi-quiet", "pi-hwts", "tcxo", "ocxo", "perfect", "mismatch", "mismatch-quiet", "mismatch-stuck"}
	if got := ModelNames(); !slices.Equal(got, want) {
		t.Errorf("ModelNames = %v, want %v", got, want)
	}
	if _, err := ModelNamed("quartz"); err == nil || !strings.Contains(err.Error(), "pi-quiet") {
		t.Errorf("unknown model: %v", err)
	}
}

// The first seconds of seed 1, 10 ppm off, as the project's reference generator of traces writes them. The figures of
// other programs were measured on these very series.
func TestNatureIsTheOneOthersWereMeasuredOn(t *testing.T) {
	tests := []struct {
		model string
		want  []Second
	}{
		{"pi-load", []Second{
			{Frequency: 1.042344887970e-05, PulseNoise: 1.790188e-07, Temperature: 49.187, Utilisation: 0.019},
			{Frequency: 1.042468915069e-05, PulseNoise: 1.896200e-06, Temperature: 48.700, Utilisation: -0.003},
			{Frequency: 1.042300490199e-05, PulseNoise: 2.202747e-07, Temperature: 49.187, Utilisation: 0.074},
		}},
		{"pi-quiet", []Second{
			{Frequency: 1.014262653833e-05, PulseNoise: 1.203508e-07, Temperature: 47.726, Utilisation: 0.019},
			{Frequency: 1.014386059139e-05, PulseNoise: 1.884148e-07, Temperature: 47.239, Utilisation: -0.003},
			{Frequency: 1.014217276087e-05, PulseNoise: 1.475615e-07, Temperature: 47.239, Utilisation: 0.074},
		}},
		{"pi-hwts", []Second{
			{Frequency: 1.042344887970e-05, PulseNoise: 1.189643e-08, Temperature: 49.187, Utilisation: 0.019},
			{Frequency: 1.042468915069e-05, PulseNoise: 2.431815e-08, Temperature: 48.700, Utilisation: -0.003},
			{Frequency: 1.042300490199e-05, PulseNoise: 1.154147e-08, Temperature: 49.187, Utilisation: 0.074},
		}},
		{"tcxo", []Second{
			{Frequency: 1.002559922446e-05, PulseNoise: 1.203508e-07, Temperature: 49.187, Utilisation: 0.019},
			{Frequency: 1.002596696324e-05, PulseNoise: 1.884148e-07, Temperature: 48.700, Utilisation: -0.003},
			{Frequency: 1.002546030890e-05, PulseNoise: 1.475615e-07, Temperature: 49.187, Utilisation: 0.074},
		}},
		{"ocxo", []Second{
			{Frequency: 1.000012989346e-05, PulseNoise: 1.189643e-08, Temperature: 49.187, Utilisation: 0.019},
			{Frequency: 1.000015426777e-05, PulseNoise: 2.431815e-08, Temperature: 48.700, Utilisation: -0.003},
			{Frequency: 1.000012046811e-05, PulseNoise: 1.154147e-08, Temperature: 49.187, Utilisation: 0.074},
		}},
	}
	for _, tt := range tests {
		n := Generate(named(t, tt.model), 1, 1e-5)
		for k, want := range tt.want {
			got, ok := n.Second()
			near := math.Abs(float64(got.Frequency-want.Frequency)) < 1e-17 && math.Abs(float64(got.PulseNoise-want.PulseNoise)) < 1e-6*math.Abs(float64(want.PulseNoise)) &&
				math.Abs(got.Temperature-want.Temperature) < 1e-3 && math.Abs(got.Utilisation-want.Utilisation) < 1e-3
			if !ok || !got.Pulse || !near {
				t.Errorf("%s second %d: %+v, want %+v", tt.model, k, got, want)
			}
		}
	}
}

// bare returns a model of which nothing is left but what edit puts in.
func bare(edit func(*Model)) Model {
	var m Model
	edit(&m)
	return m
}

// column draws n seconds and returns what pick takes of each.
func column(m Model, seed uint64, n int, pick func(Second) float64) []float64 {
	g := Generate(m, seed, 0)
	v := make([]float64, n)
	for i := range v {
		s, _ := g.Second()
		v[i] = pick(s)
	}
	return v
}

func frequency(s Second) float64 { return float64(s.Frequency) }
func noise(s Second) float64     { return float64(s.PulseNoise) }

// Limits are 4.5 standard errors, which one honest check in 150,000 fails; seeds are fixed, so that a pass stays one. Of n
// independent values the mean has sd/sqrt(n), a normal's standard deviation sd/sqrt(2n), a share sqrt(p(1-p)/n).
const (
	sigmas = 4.5
	drawn  = 200_000
)

func TestFrequencyNoise(t *testing.T) {
	for _, name := range ModelNames() {
		m := named(t, name)
		white := column(bare(func(b *Model) { b.WhiteFM = m.WhiteFM }), 3, drawn, frequency)
		mean, sd := moments(white)
		within(t, name+": mean of white FM", mean, 0, sigmas*m.WhiteFM/math.Sqrt(drawn))
		within(t, name+": sigma of white FM", sd, m.WhiteFM, sigmas*m.WhiteFM/math.Sqrt(2*drawn))
		lag := 0.0
		for i := 1; i < drawn; i++ {
			lag += white[i] * white[i-1]
		}
		// The autocorrelation of n white values has 1/sqrt(n).
		within(t, name+": autocorrelation of white FM", lag/drawn, 0, sigmas*m.WhiteFM*m.WhiteFM/math.Sqrt(drawn))

		walk := column(bare(func(b *Model) { b.WalkFM = m.WalkFM }), 3, drawn, frequency)
		steps := make([]float64, drawn-1)
		for i := range steps {
			steps[i] = walk[i+1] - walk[i]
		}
		if walk[0] != 0 {
			t.Errorf("%s: the walk begins at %v", name, walk[0])
		}
		_, sd = moments(steps)
		within(t, name+": step of the walk", sd, m.WalkFM, sigmas*m.WalkFM/math.Sqrt(2*drawn))

		aged := column(bare(func(b *Model) { b.Aging = m.Aging }), 3, 86401, frequency)
		within(t, name+": aging in a day", aged[86400]-aged[0], m.Aging*86400, 1e-20)
	}
}

// The pulse's noise is a sum of independent parts, so that its mean and variance are sums too:
// G^2 + saw^2/3 + 2 PT TT^2 - (PT TT)^2 + PO MO^2/3 - (PO MO/2)^2. The error of a standard deviation needs the fourth
// moment, which is measured.
func TestPulseNoise(t *testing.T) {
	for _, name := range ModelNames() {
		m := named(t, name)
		v := column(m, 4, drawn, noise)
		mean, sd := moments(v)
		late, far := m.TailP*m.TailT, m.OutlierP*m.OutlierM/2
		variance := m.Gauss*m.Gauss + m.Sawtooth*m.Sawtooth/3 + 2*m.TailP*m.TailT*m.TailT - late*late + m.OutlierP*m.OutlierM*m.OutlierM/3 - far*far
		fourth := 0.0
		for _, x := range v {
			fourth += math.Pow(x-mean, 4) / drawn
		}
		within(t, name+": mean", mean, late+far, sigmas*math.Sqrt(variance/drawn))
		within(t, name+": variance", sd*sd, variance, sigmas*math.Sqrt((fourth-variance*variance)/drawn))
	}

	saw := column(bare(func(b *Model) { b.Sawtooth = 10e-9 }), 4, drawn, noise)
	if least, most := slices.Min(saw), slices.Max(saw); least < -10e-9 || most > 10e-9 || most-least < 19.9e-9 {
		t.Errorf("sawtooth between %v and %v, want all of +-10 ns", least, most)
	}
	share := func(v []float64, above float64) (n float64) {
		for _, x := range v {
			if x > above {
				n += 1.0 / drawn
			}
		}
		return n
	}
	tail := column(bare(func(b *Model) { b.TailP, b.TailT = 0.3, 2e-6 }), 4, drawn, noise)
	for _, x := range []float64{0, 2e-6, 6e-6} {
		p := 0.3 * math.Exp(-x/2e-6)
		within(t, "share of the tail", share(tail, x), p, sigmas*math.Sqrt(p*(1-p)/drawn))
	}
	outliers := column(bare(func(b *Model) { b.OutlierP, b.OutlierM = 0.01, 50e-6 }), 4, drawn, noise)
	for _, x := range []float64{0, 25e-6, 45e-6} {
		p := 0.01 * (1 - x/50e-6)
		within(t, "share of outliers", share(outliers, x), p, sigmas*math.Sqrt(p*(1-p)/drawn))
	}
	if most := slices.Max(outliers); most > 50e-6 {
		t.Errorf("an outlier of %v s", most)
	}
}

// On for 600 s and off for 3600 s on average. A share p of a two-state chain with relaxation time tau, here
// 1/(1/600 + 1/3600) = 514 s, over T seconds has sqrt(2 p (1-p) tau/T); n exponential lengths have a mean of T/sqrt(n).
func TestLoadComesAndGoes(t *testing.T) {
	const days, p, tau = 100, 600.0 / 4200, 3600.0 * 600 / 4200
	g := Generate(bare(func(b *Model) { b.Load = true }), 6, 0).(*generated)
	on, begun := 0.0, 0.0
	var usage []float64
	for range days * 86400 {
		was := g.load
		s, _ := g.Second()
		on += g.load
		if g.load > was {
			begun++
		}
		usage = append(usage, s.Utilisation-g.load)
	}
	within(t, "share of load", on/(days*86400), p, sigmas*math.Sqrt(2*p*(1-p)*tau/(days*86400)))
	within(t, "length of a load", on/begun, 600, sigmas*600/math.Sqrt(begun))
	mean, sd := moments(usage)
	n := float64(len(usage))
	within(t, "mean of the utilisation's noise", mean, 0, sigmas*0.05/math.Sqrt(n))
	within(t, "sigma of the utilisation's noise", sd, 0.05, sigmas*0.05/math.Sqrt(2*n))
	for _, name := range []string{"pi-quiet", "perfect"} {
		g := Generate(named(t, name), 6, 0).(*generated)
		for range 86400 {
			if g.Second(); g.load != 0 {
				t.Fatalf("%s has load", name)
			}
		}
	}
}

// The Ornstein-Uhlenbeck process has the sigma of its name and forgets it with exp(-t/tau), tau = 3600 s. Over T seconds the
// mean has sigma sqrt(2 tau/T), and the variance, whose square forgets twice as fast, the relative error sqrt(2 tau/T).
func TestWeather(t *testing.T) {
	const days = 100
	g := Generate(bare(func(b *Model) { b.Weather = 0.3 }), 7, 0).(*generated)
	var v []float64
	for range days * 86400 {
		g.Second()
		v = append(v, g.ou)
	}
	mean, sd := moments(v)
	relative := math.Sqrt(2 * 3600.0 / (days * 86400))
	within(t, "mean", mean, 0, sigmas*0.3*relative)
	within(t, "variance", sd*sd, 0.09, sigmas*0.09*relative)
	product := 0.0
	for i := 3600; i < len(v); i++ {
		product += v[i] * v[i-3600]
	}
	within(t, "autocorrelation after an hour", product/float64(len(v)-3600)/0.09, math.Exp(-1), sigmas*math.Sqrt2*relative)
}

// Without weather and load everything is known: sensor and crystal follow a sine through a first-order lag, which takes
// amplitude 1/sqrt(1+(w tau)^2) and phase atan(w tau).
func TestHeatFollowsTheDay(t *testing.T) {
	m := bare(func(b *Model) { b.Diurnal, b.C1 = 3, 1e-7 })
	g := Generate(m, 8, 0).(*generated)
	const w = 2 * math.Pi / 86400
	for k := range 3 * 86400 {
		s, _ := g.Second()
		if k < 3600 { // 20 lags of the crystal
			continue
		}
		for _, part := range []struct {
			name      string
			got, tau  float64
			tolerance float64
		}{
			// Steps of a second instead of a steady flow: half a step's worth of the steepest slope, 3 w.
			{"SoC", g.soc, socTau, 3 * w},
			{"crystal", float64(s.Frequency) / 1e-7, crystalTau, 3 * w},
		} {
			lag := math.Atan(w * part.tau)
			want := 3 / math.Hypot(1, w*part.tau) * math.Sin(w*float64(k)+2*math.Pi*g.phase-lag)
			if math.Abs(part.got-want) > part.tolerance {
				t.Fatalf("%s at %d s: %v degrees, want %v", part.name, k, part.got, want)
			}
		}
	}
}

// A step of load heats the SoC by 12 degrees in 15 s and the crystal by 4 in 180 s, each to 1 - 1/e.
func TestHeatFollowsTheLoad(t *testing.T) {
	g := Generate(bare(func(b *Model) { b.C1, b.C2 = 1e-7, -5e-9 }), 9, 0).(*generated)
	g.load = 1
	for k := 1; k <= 2000; k++ {
		s, _ := g.Second()
		soc, crystal := 12*(1-math.Pow(1-1.0/15, float64(k))), 4*(1-math.Pow(1-1.0/180, float64(k)))
		within(t, "SoC", g.soc, soc, 1e-9)
		within(t, "frequency", float64(s.Frequency), 1e-7*crystal-5e-9*crystal*crystal, 1e-18)
	}
}

func TestAirConditioningIsATriangle(t *testing.T) {
	for _, tt := range []struct{ x, want float64 }{{0, -1}, {0.25, 0}, {0.5, 1}, {0.75, 0}, {1, -1}, {-0.25, 0}, {7.5, 1}} {
		within(t, "triangle", triangle(tt.x), tt.want, 1e-12)
	}
	g := Generate(bare(func(b *Model) { b.HVAC = 0.5 }), 10, 0).(*generated)
	for k := range 3000 {
		g.k = k
		within(t, "ambient", g.ambient(), 0.5*triangle(float64(k)/1500+g.phase2), 1e-12)
	}
}

// The sensor rounds a noisy value to its step: uniform in the step and normal together.
func TestSensor(t *testing.T) {
	m := bare(func(*Model) {})
	v := column(m, 11, drawn, func(s Second) float64 { return s.Temperature })
	for _, x := range v {
		if steps := x / sensorStep; math.Abs(steps-math.Round(steps)) > 1e-9 {
			t.Fatalf("%v degrees are not a whole number of %v", x, sensorStep)
		}
	}
	mean, sd := moments(v)
	// 0.3 degrees of noise are 0.6 steps: what rounding leaves in the mean is below exp(-2 pi^2 0.6^2)/pi = 0.03 % of a step.
	want := math.Sqrt(sensorSigma*sensorSigma + sensorStep*sensorStep/12)
	within(t, "mean", mean, 47, sigmas*want/math.Sqrt(drawn)+0.0003*sensorStep)
	within(t, "sigma", sd, want, sigmas*want/math.Sqrt(2*drawn)+0.01*want)
}

func TestSameSeedSameNature(t *testing.T) {
	a, b, c := Generate(named(t, "pi-load"), 5, 1e-6), Generate(named(t, "pi-load"), 5, 1e-6), Generate(named(t, "pi-load"), 6, 1e-6)
	same := 0
	for range 10_000 {
		x, _ := a.Second()
		y, _ := b.Second()
		z, _ := c.Second()
		if x != y {
			t.Fatalf("%+v and %+v", x, y)
		}
		if x.PulseNoise == z.PulseNoise || x.Frequency == z.Frequency {
			same++
		}
	}
	if same > 0 {
		t.Errorf("another seed has %d equal seconds", same)
	}
	y0 := Generate(bare(func(*Model) {}), 1, 2e-5)
	if s, _ := y0.Second(); s.Frequency != clock.Ratio(2e-5) {
		t.Errorf("y0 = %v", s.Frequency)
	}
}
