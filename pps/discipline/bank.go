package discipline

import "math"

// bank is one filter for each level of oscillator noise, weighted by how well it has predicted the last minutes. So a
// quiet crystal is averaged over long, and one that a load has begun to warm is followed at once.
type bank struct {
	filters [len(levels)]filter
	weight  [len(levels)]float64 // sums to 1
	away    [len(levels)]int     // pulses in a row that others believed and this filter did not
	mean    filter               // the mixture's mean and covariance; the latter of phase, frequency and drift only
}

// From an oven-controlled crystal in a quiet room to a bare one beside a processor that has just begun to work: the load
// warms it by up to 0.02 degrees a second at 2e-7 per degree.
var levels = [...]level{
	{2e-11, 1e-13, 0},
	{1e-10, 2e-12, 0},
	{1e-9, 2e-11, 0},
	{1e-9, 2e-10, 0},
	{1e-9, 1e-10, 1e-11},
	{1e-9, 1e-9, 1e-10},
	{1e-9, 4e-9, 1e-9},
}

const (
	forgetting  = 1 - 1.0/200 // of the likelihoods, per pulse
	leastWeight = 1e-6        // so that a level can come back within seconds
	lost        = 5           // pulses in a row that a filter misses before it is set right
	believable  = 0.1         // probability of being no stray that a pulse must have
)

// newBank starts every filter from a state that comes from two pulses dt seconds apart. The narrower half of the levels
// take both for pulses of the core, of the given sigma. Either may have been a late edge: the broader half leave room
// for that, and the third pulse decides.
func newBank(start filter, sigma, dt float64) bank {
	const late = 20e-6 // s, the lateness of a busy processor's worst edges
	var b bank
	for i := range b.filters {
		f := &b.filters[i]
		*f = start
		f.noise = levels[i]
		r := sigma * sigma
		if i >= len(levels)/2 {
			r = late * late
		}
		f.p[phase][phase], f.p[frequency][frequency] = r, 2*r/(dt*dt)
		f.p[phase][frequency], f.p[frequency][phase] = r/dt, r/dt
		b.weight[i] = 1 / float64(len(levels))
	}
	b.mix()
	return b
}

// each changes every filter, and the mixture with them.
func (b *bank) each(change func(*filter)) {
	for i := range b.filters {
		change(&b.filters[i])
	}
	b.mix()
}

// looks is what every filter's prediction says of one pulse.
type looks struct {
	of             [len(levels)]look
	believed, core float64 // the greatest probability that any filter gives to its being no stray, and to its being on time
}

// look looks at a measured phase z with noise of density d. extra is what is to be added to the variance of each
// prediction.
func (b *bank) look(z, extra float64, d *density) (l looks) {
	for i := range b.filters {
		f := &b.filters[i]
		l.of[i] = d.at(z-f.s[phase], f.p[phase][phase]+extra)
		l.believed, l.core = max(l.believed, l.of[i].core+l.of[i].late), max(l.core, l.of[i].core)
	}
	return l
}

// update takes the pulse that was looked at. Each filter takes a step of Masreliez: its state moves by the score of the
// predicted density and gains its information.
func (b *bank) update(l *looks, d *density) {
	sum := 0.0
	for i := range b.filters {
		b.filters[i].update(l.of[i].score, l.of[i].information)
		b.weight[i] = math.Pow(b.weight[i], forgetting)*l.of[i].likelihood*d.sigma + leastWeight
		sum += b.weight[i]
	}
	for i := range b.weight {
		b.weight[i] /= sum
	}
	b.regroup(l)
	b.mix()
}

// regroup gives a filter that has lost the clock the state of the likeliest one: its level may be right again in a minute.
func (b *bank) regroup(l *looks) {
	for i := range l.of {
		if l.of[i].core+l.of[i].late > believable || l.believed < 0.5 {
			b.away[i] = 0
			continue
		}
		if b.away[i]++; b.away[i] >= lost {
			noise := b.filters[i].noise
			b.filters[i] = b.filters[b.likeliest()]
			b.filters[i].noise = noise
			b.away[i] = 0
		}
	}
}

// likeliest returns the filter of the greatest weight.
func (b *bank) likeliest() int {
	best := 0
	for i, w := range b.weight {
		if w > b.weight[best] {
			best = i
		}
	}
	return best
}

// mix makes the moments of the mixture.
func (b *bank) mix() {
	m := &b.mean
	m.s = state{}
	for i := range b.filters {
		for j, v := range b.filters[i].s {
			m.s[j] += b.weight[i] * v
		}
	}
	for j := range law {
		for k := range j + 1 {
			sum := 0.0
			for i := range b.filters {
				f := &b.filters[i]
				sum += b.weight[i] * (f.p[j][k] + (f.s[j]-m.s[j])*(f.s[k]-m.s[k]))
			}
			m.p[j][k], m.p[k][j] = sum, sum
		}
	}
}
