package direct

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A bin is 1/128 of its lower end wide at most, and its middle half of that from either side.
func TestHistogramKnowsQuantiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var both, first, second histogram
	var v []float64
	for i := range 10_000 {
		x := 1e-9 * math.Exp(3*rng.NormFloat64())
		v = append(v, x)
		if i%3 == 0 {
			first.add(-x)
		} else {
			second.add(x)
		}
	}
	both.merge(&first)
	both.merge(&histogram{})
	both.merge(&second)
	slices.Sort(v)
	for _, p := range []float64{0, 0.01, 0.5, 0.95, 0.999, 1} {
		want := v[int(p*float64(len(v)-1)+0.5)]
		if got := both.quantile(p); math.Abs(got/want-1) > 1.01/256 {
			t.Errorf("%v-quantile %v, want %v", p, got, want)
		}
	}
	if both.n != len(v) {
		t.Errorf("%d counted, want %d", both.n, len(v))
	}
	var empty histogram
	if got := empty.quantile(0.5); !math.IsNaN(got) {
		t.Errorf("median of nothing is %v", got)
	}
}
