package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"timeball/pps/clock"
)

// Model is one row of the table of oscillator and pulse models, in SI units and degrees Celsius.
type Model struct {
	Name string

	WhiteFM float64 // sigma of white frequency noise, per second
	WalkFM  float64 // sigma of the frequency's random walk, per step of a second
	Aging   float64 // fractional frequency per second

	Diurnal, HVAC, Weather float64 // ambient: amplitude over a day, over 1500 s, sigma of a 3600 s Ornstein-Uhlenbeck
	Load                   bool    // a processor load that comes and goes
	C1, C2                 float64 // fractional frequency per degree, per degree squared

	Gauss, Sawtooth    float64 // pulse: sigma, half width of the uniform, seconds
	TailP, TailT       float64 // probability and mean of the exponential interrupt latency
	OutlierP, OutlierM float64 // probability and greatest value of uniform outliers

	Mismatch Mismatch // what the loop does not know of

	Latency    [2]clock.Seconds // the hidden capture latency is drawn between these
	Reference  clock.Seconds    // half width of the hidden error of receiver, cable and UTC
	Resolution clock.Seconds    // step of the counter that stamps edges, 0 = 1 ns
	Board      string           // what the simulated board calls itself
}

// The models of the project's simulations.
var models = append(matching, mismatched()...)

// Those whose terms the loop's own model has too. Latencies: a Raspberry Pi 4's interrupt latency is taken as 2-10 us, a
// hardware time stamp has none. The counter of a Pi 4 ticks at 54 MHz.
var matching = []Model{
	{
		Name: "pi-load", WhiteFM: 1e-9, WalkFM: 2e-11, Diurnal: 3, HVAC: .5, Weather: .3, Load: true, C1: 1.9e-7, C2: -5e-9,
		Gauss: 300e-9, Sawtooth: 10e-9, TailP: .3, TailT: 2e-6, OutlierP: .01, OutlierM: 50e-6,
		Latency: pi4Latency, Reference: hiddenReference, Resolution: counterStep, Board: "simulated Raspberry Pi 4",
	},
	{
		Name: "pi-quiet", WhiteFM: 1e-9, WalkFM: 2e-11, Diurnal: 1, HVAC: .2, Weather: .1, C1: 1.9e-7, C2: -5e-9,
		Gauss: 200e-9, Sawtooth: 10e-9, TailP: .1, TailT: 1e-6, OutlierP: .001, OutlierM: 20e-6,
		Latency: pi4Latency, Reference: hiddenReference, Resolution: counterStep, Board: "simulated Raspberry Pi 4",
	},
	{
		Name: "pi-hwts", WhiteFM: 1e-9, WalkFM: 2e-11, Diurnal: 3, HVAC: .5, Weather: .3, Load: true, C1: 1.9e-7, C2: -5e-9,
		Gauss: 10e-9, Sawtooth: 20e-9, Reference: hiddenReference, Board: "simulated Raspberry Pi with a PPS input on the network card",
	},
	{
		Name: "tcxo", WhiteFM: 3e-10, WalkFM: 3e-12, Aging: 2e-9 / 86400, Diurnal: 3, HVAC: .5, Weather: .3, Load: true, C1: 1e-8, C2: 3e-10,
		Gauss: 200e-9, Sawtooth: 10e-9, TailP: .1, TailT: 1e-6, OutlierP: .001, OutlierM: 20e-6,
		Latency: pi4Latency, Reference: hiddenReference, Resolution: counterStep, Board: "simulated Raspberry Pi 4 with a TCXO",
	},
	{
		Name: "ocxo", WhiteFM: 2e-11, WalkFM: 5e-14, Aging: 5e-10 / 86400, Diurnal: 3, HVAC: .5, Weather: .3, Load: true, C1: 5e-11,
		Gauss: 10e-9, Sawtooth: 20e-9, Reference: hiddenReference, Board: "simulated board with an OCXO and hardware time stamps",
	},
	{Name: "perfect", Board: "simulated perfect board"},
}

var pi4Latency = [2]clock.Seconds{2e-6, 10e-6}

// A few metres of cable that nobody measured, a receiver's group delay and the realisation of UTC.
const hiddenReference = 50e-9 // s

const counterStep = 1 / 54e6 // s, the 54 MHz counter of a Raspberry Pi 4 and 5

// ModelNamed returns the model of that name.
func ModelNamed(name string) (Model, error) {
	i := slices.IndexFunc(models, func(m Model) bool { return m.Name == name })
	if i < 0 {
		return Model{}, fmt.Errorf("no model %q: known are %v", name, ModelNames())
	}
	return models[i], nil
}

// ModelNames returns the names of all models.
func ModelNames() []string {
	var names []string
	for _, m := range models {
		names = append(names, m.Name)
	}
	return names
}

// Second is what the world does during one second of truth.
type Second struct {
	Frequency   clock.Ratio   // of the oscillator, from this second to the next
	PulseNoise  clock.Seconds // of this second's pulse, late positive
	Sawtooth    clock.Seconds // the part of PulseNoise that the receiver knows: its clock ticks only so often
	Following   clock.Seconds // the same of the next second's pulse
	Declared    bool          // it knows both
	Pulse       bool          // there is a pulse and a fix
	Temperature float64       // degrees Celsius, as the SoC's sensor reads
	Utilisation float64       // as observed; noise may carry it outside 0..1
}

// Nature makes the seconds of a world, in order from 0.
type Nature interface {
	// Second returns the next second; ok is false when there are no more.
	Second() (s Second, ok bool)
}

const (
	sensorSigma, sensorStep = 0.3, 0.487  // degrees, a Raspberry Pi's thermal zone
	weatherTau              = 3600.0      // s
	socTau, crystalTau      = 15.0, 180.0 // s
	socLoad, crystalLoad    = 12.0, 4.0   // degrees at full load
	usageSigma              = 0.05        // of the utilisation
)

// generated is the Nature of a Model.
type generated struct {
	m                              Model
	y0                             float64
	k                              int
	phase, phase2                  float64
	ou, load, walk, soc, crystal   float64
	felt                           float64 // degrees that the frequency follows
	heating                        float64 // degrees
	following                      pulse   // of the next second
	weather, loads, white, walking *rand.Rand
	noise, sensor, usage           *rand.Rand

	// Of the Mismatch.
	usageSigma float64
	can        float64 // degrees, between air and crystal
	shown      float64 // by the temperature sensor
	flicker    *flicker
}

// Generate returns the endless Nature of m for seed, whose oscillator is y0 off at second 0.
func Generate(m Model, seed uint64, y0 clock.Ratio) Nature {
	stream := func(k uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, k)) }
	phases := stream(7)
	g := &generated{
		m: m, y0: float64(y0), phase: phases.Float64(), phase2: phases.Float64(),
		weather: stream(1), loads: stream(2), white: stream(3), walking: stream(4), noise: stream(5), sensor: stream(6), usage: stream(8),
	}
	g.soc = g.ambient()
	g.crystal, g.can, g.felt = g.soc, g.soc, g.soc
	g.following = g.pulse()
	g.usageSigma = usageSigma
	if m.Mismatch.Usage > 0 {
		g.usageSigma = m.Mismatch.Usage
	}
	if m.Mismatch.FlickerFM > 0 {
		g.flicker = newFlicker(m.Mismatch.FlickerFM, stream(9))
	}
	return g
}

// heat makes the air around the board so many degrees warmer than the model has it.
func (g *generated) heat(degrees float64) { g.heating = degrees }

func triangle(x float64) float64 { return -4 * (math.Abs(x-math.Floor(x)-0.5) - 0.25) }

// ambient returns the deterministic part of the ambient temperature, degrees from its mean.
func (g *generated) ambient() float64 {
	t := float64(g.k)
	return g.m.Diurnal*math.Sin(2*math.Pi*(t/86400+g.phase)) + g.m.HVAC*triangle(t/1500+g.phase2)
}

func (g *generated) Second() (Second, bool) {
	m := &g.m
	g.ou += -g.ou/weatherTau + m.Weather*math.Sqrt(2/weatherTau)*g.weather.NormFloat64()
	ambient := g.ambient() + g.ou + g.heating
	g.stepLoad()
	g.soc += (ambient + socLoad*g.load - g.soc) / socTau
	g.warmCrystal(ambient + crystalLoad*g.load)
	g.felt = slack(g.felt, g.crystal, m.Mismatch.Hysteresis)
	now := g.following
	g.following = g.pulse()
	s := Second{
		Pulse:       true,
		Temperature: g.read(),
		Utilisation: g.load + g.usageSigma*g.usage.NormFloat64(),
		PulseNoise:  now.noise,
		Sawtooth:    now.sawtooth,
		Following:   g.following.sawtooth,
		Declared:    true,
		Frequency: clock.Ratio(g.y0 + m.Aging*float64(g.k) + g.walk + m.C1*g.felt + m.C2*g.felt*g.felt +
			m.WhiteFM*g.white.NormFloat64()),
	}
	if m.Mismatch != (Mismatch{}) {
		s.Frequency += clock.Ratio(g.unforeseen())
	}
	g.walk += m.WalkFM * g.walking.NormFloat64()
	g.k++
	return s, true
}

// stepLoad is the two-state Markov chain of the processor's load.
func (g *generated) stepLoad() {
	p := g.loads.Float64()
	switch {
	case !g.m.Load:
	case g.load == 0 && p < 1.0/3600:
		g.load = 1
	case g.load == 1 && p < 1.0/600:
		g.load = 0
	}
}

// pulse is how late a pulse is: in all, and by the receiver's own clock.
type pulse struct{ noise, sawtooth clock.Seconds }

// pulse draws the noise of the next pulse. It has a random stream of its own, which is drawn from a second ahead.
func (g *generated) pulse() pulse {
	m := &g.m
	gauss, sawtooth := m.Gauss*g.noise.NormFloat64(), m.Sawtooth*(2*g.noise.Float64()-1)
	v := gauss + sawtooth
	if p, late := g.noise.Float64(), g.noise.ExpFloat64(); p < m.TailP {
		v += m.TailT * late
	}
	if p, late := g.noise.Float64(), g.noise.Float64(); p < m.OutlierP {
		v += m.OutlierM * late
	}
	return pulse{clock.Seconds(v), clock.Seconds(sawtooth)}
}
