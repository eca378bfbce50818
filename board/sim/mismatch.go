package sim

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Mismatch is what a real crystal and real sensors do and the loop's own model of them has not. The zero value does nothing.
type Mismatch struct {
	FlickerFM  float64 // Allan deviation of flicker frequency noise, the same at all averaging times
	Lag        float64 // s, of each of two stages between air and crystal; 0 = one stage of crystalTau
	Hysteresis float64 // degrees by which the temperature must turn back before the frequency does
	C3         float64 // fractional frequency per degree cubed
	Usage      float64 // sigma of the utilisation's noise; 0 = usageSigma
	Stuck      int     // s after which the temperature sensor repeats itself for ever; 0 = it works
}

// The mismatch all models of that name have. The floor is what tables of short-term stability give for quartz without an
// oven (Vig, "Quartz Crystal Resonators and Oscillators", comparison of oscillators: 1e-9 at 1 s for a TCXO), the cubic term
// that of an AT cut (about 1e-10 per degree cubed, whatever the angle of the cut). Lag, hysteresis and noise are
// assumptions of the right order.
var mismatch = Mismatch{FlickerFM: 1e-9, Lag: 400, Hysteresis: 0.05, C3: 1e-10, Usage: 0.2}

// mismatched returns the models with a Mismatch: a busy and a quiet Pi, and a busy one whose sensor fails when the law has
// been learned.
func mismatched() []Model {
	find := func(name string) Model {
		return matching[slices.IndexFunc(matching, func(m Model) bool { return m.Name == name })]
	}
	busy, quiet, stuck := find("pi-load"), find("pi-quiet"), find("pi-load")
	busy.Name, quiet.Name, stuck.Name = "mismatch", "mismatch-quiet", "mismatch-stuck"
	busy.Mismatch, quiet.Mismatch, stuck.Mismatch = mismatch, mismatch, mismatch
	stuck.Mismatch.Stuck = 12 * 3600
	return []Model{busy, quiet, stuck}
}

// flicker is noise whose power spectral density is S(f) = h/f. It is made of first-order processes (Ornstein-Uhlenbeck) whose
// time constants rise by flickerRatio, each of the same standard deviation s: together they have h = s^2/ln(flickerRatio)
// between the longest and the shortest. Their Allan deviation is sqrt(2 ln(2) h) (NIST SP 1065, domain conversions) at every
// averaging time in between: with a ratio of 4 it equals s.
type flicker struct {
	value [flickerStages]float64
	keep  [flickerStages]float64 // per second
	drive [flickerStages]float64
	rng   *rand.Rand
}

const (
	flickerRatio  = 4.0
	flickerStages = 11 // 1 s to 12 days
)

// newFlicker returns a flicker of an Allan deviation; it begins anywhere in its range.
func newFlicker(deviation float64, rng *rand.Rand) *flicker {
	f := &flicker{rng: rng}
	s := deviation * math.Sqrt(math.Log(flickerRatio)/(2*math.Ln2))
	for i := range f.value {
		f.keep[i] = math.Exp(-1 / math.Pow(flickerRatio, float64(i)))
		f.drive[i] = s * math.Sqrt(1-f.keep[i]*f.keep[i])
		f.value[i] = s * rng.NormFloat64()
	}
	return f
}

// next returns the noise of the next second.
func (f *flicker) next() float64 {
	sum := 0.0
	for i := range f.value {
		sum += f.value[i]
		f.value[i] = f.keep[i]*f.value[i] + f.drive[i]*f.rng.NormFloat64()
	}
	return sum
}

// slack follows v once that is half a width away, as a gear with backlash does: what turns back by less than the width is
// not followed.
func slack(at, v, width float64) float64 { return max(v-width/2, min(v+width/2, at)) }

// warmCrystal lets a second of heat reach the crystal.
func (g *generated) warmCrystal(heat float64) {
	if lag := g.m.Mismatch.Lag; lag > 0 {
		g.can += (heat - g.can) / lag
		g.crystal += (g.can - g.crystal) / lag
		return
	}
	g.crystal += (heat - g.crystal) / crystalTau
}

// unforeseen is the frequency that the Mismatch adds.
func (g *generated) unforeseen() float64 {
	y := g.m.Mismatch.C3 * g.felt * g.felt * g.felt
	if g.flicker != nil {
		y += g.flicker.next()
	}
	return y
}

// read returns what the temperature sensor reads, once it is stuck what it read last.
func (g *generated) read() float64 {
	read := sensorStep * math.Round((47+g.soc+sensorSigma*g.sensor.NormFloat64())/sensorStep)
	if stuck := g.m.Mismatch.Stuck; stuck == 0 || g.k < stuck {
		g.shown = read
	}
	return g.shown
}
