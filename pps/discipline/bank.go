package discipline

import "math"

// bank is one filter for each level of oscillator noise, weighted by how well it has predicted the last minutes. So a
// quiet crystal is averaged over long, and one that a load has begun to warm is followed at once.
type bank struct {
	filters [len(levels)]filter
	weight  [len(levels)]float64 // sums to 1
	away    [len(levels)]int     // pulses in a row that others believed and this filter did not
	mean    filter               // the mixture's mean and covariance
}

// From an oven-controlled crystal in a quiet room to a bare one beside a processor that has just begun to work: the load
// warms it by up to 0.02 degrees a second at 2e-7 per degree.
var levels = [...]level{
	{2e-11, 1e-13, 1e-14},
	{1e-10, 1e-12, 1e-13},
	{1e-9, 1e-11, 1e-12},
	{1e-9, 1e-10, 1e-11},
	{1e-9, 1e-9, 1e-10},
	{1e-9, 4e-9, 1e-9},
}

const (
	forgetting  = 1 - 1.0/200 // of the likelihoods, per pulse
	leastWeight = 1e-6        // so that a level can come back within seconds
	lost        = 5           // pulses in a row that a filter misses before it is set right
	believable  = 0.01        // share of a pulse's probability that must be due to the core of the noise
)

// newBank starts every filter from the same state.
func newBank(start filter) bank {
	var b bank
	for i := range b.filters {
		b.filters[i] = start
		b.filters[i].noise = levels[i]
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

// update takes a measured phase z whose core noise has variance r. It returns the greatest share that a filter gave to the
// pulse belonging to the core: near 0 no filter believed it, and only uncertainty has grown.
func (b *bank) update(z, r float64) (believed float64) {
	core := math.Sqrt(r)
	sum := 0.0
	var shares [len(levels)]float64
	for i := range b.filters {
		f := &b.filters[i]
		v := z - f.x
		s := f.p[0][0] + r
		normal := (1 - tailShare) * math.Exp(-v*v/(2*s)) / math.Sqrt(2*math.Pi*s)
		density := normal + tail(v, core)
		share := normal / density
		shares[i] = share
		believed = max(believed, share)
		f.update(v, r/max(share, 1e-9))
		b.weight[i] = math.Pow(b.weight[i], forgetting)*density*core + leastWeight
		sum += b.weight[i]
	}
	for i := range b.weight {
		b.weight[i] /= sum
	}
	b.mix()
	b.regroup(&shares, believed)
	return believed
}

// An edge may come late, never early: the tail of its density is one-sided. Early ones are left a little room, so that
// the density is nowhere zero. The shares are those of a busy Pi; where there are no late edges they cost 5 % of sigma.
const (
	tailShare  = 0.2
	tailScale  = 8.0  // core sigmas, mean of the late tail
	earlyShare = 1e-3 // of the tail's density
)

// tail returns the density of a residual v that does not come from the core.
func tail(v, core float64) float64 {
	d := tailShare / (tailScale * core)
	if v < 0 {
		return d * earlyShare
	}
	return d * (math.Exp(-v/(tailScale*core)) + earlyShare)
}

// regroup gives a filter that has lost the clock the mixture's state: its level may be right again in a minute.
func (b *bank) regroup(shares *[len(levels)]float64, believed float64) {
	for i, share := range shares {
		if share > believable || believed < 0.5 {
			b.away[i] = 0
			continue
		}
		if b.away[i]++; b.away[i] >= lost {
			noise := b.filters[i].noise
			b.filters[i] = b.mean
			b.filters[i].noise = noise
			b.away[i] = 0
		}
	}
}

// mix makes the moments of the mixture.
func (b *bank) mix() {
	m := &b.mean
	*m = filter{}
	for i, f := range b.filters {
		m.x += b.weight[i] * f.x
		m.y += b.weight[i] * f.y
		m.d += b.weight[i] * f.d
	}
	for i, f := range b.filters {
		off := [3]float64{f.x - m.x, f.y - m.y, f.d - m.d}
		for j := range 3 {
			for k := range 3 {
				m.p[j][k] += b.weight[i] * (f.p[j][k] + off[j]*off[k])
			}
		}
	}
}
