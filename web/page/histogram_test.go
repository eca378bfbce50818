package page

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"timeball/web/api"
)

// However bins are joined, nothing is lost and nothing moves out of its place.
func TestJoinedBinsHoldTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.IntRange(-50, 50).Draw(t, "first")
		b := bins{least: float64(first) * 1e-7, width: 1e-7, counts: rapid.SliceOfN(rapid.Uint64Max(9), 1, 100).Draw(t, "counts"), below: 3, above: 4}
		times := rapid.IntRange(1, 20).Draw(t, "times")
		j := b.joined(times)
		if j.all() != b.all() || j.below != 3 || j.above != 4 {
			t.Fatalf("%d joined of %d", j.all(), b.all())
		}
		if whole := j.least / j.width; math.Abs(whole-math.Round(whole)) > 1e-6 || j.least > b.least+1e-12 || j.end() < b.end()-1e-12 {
			t.Fatalf("from %v to %v in steps of %v, want round ones around %v to %v", j.least, j.end(), j.width, b.least, b.end())
		}
		for i := range j.counts {
			want := uint64(0)
			for k, n := range b.counts {
				if middle := b.at(k) + b.width/2; middle > j.at(i) && middle < j.at(i+1) {
					want += n
				}
			}
			if j.counts[i] != want {
				t.Fatalf("bin %d holds %d, want %d", i, j.counts[i], want)
			}
		}
	})
}

func TestCoreNamesWhatItLeavesOut(t *testing.T) {
	b := bins{width: 1, counts: []uint64{1, 0, 500, 1000, 500, 0, 0, 0, 1}, above: 1}
	core, early, late := b.core(0.001)
	want := bins{least: 2, width: 1, counts: []uint64{500, 1000, 500}}
	if diff := cmp.Diff(want, core, cmp.AllowUnexported(bins{})); diff != "" || early != 1 || late != 2 {
		t.Errorf("%d early, %d late, want 1, 2; core (-want +got):\n%s", early, late, diff)
	}
	if core, early, late = b.core(0); len(core.counts) != 9 || early != 0 || late != 1 {
		t.Errorf("without a share: %+v, %d, %d, want all bins and the one above them", core, early, late)
	}
}

func TestHatchLiesWithinATenthOfASecondOfThePulse(t *testing.T) {
	s := lockedStatus()
	_, s.MessageLatency = spreadOf()
	c, ok := maker{d: Data{Status: s}, s: s}.latencyChart().(chart)
	if !ok {
		t.Fatal("no chart of a status with latencies")
	}
	near := func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }
	if h := c.Hatch; len(h) != 2 || h[0].X != 0 || !near(h[0].Width, 10) || !near(h[1].X, 90) || !near(h[1].Width, 10) {
		t.Errorf("hatched %+v, want the first and the last tenth", h)
	}
}

// Whatever a status says, a page is made of it.
func TestHistogramsThatCannotBeTrueAreDrawnOrNot(t *testing.T) {
	for name, h := range map[string]api.Histogram{
		"nothing":        {BinSeconds: 1e-7},
		"no width":       {Counts: []uint64{1}},
		"outside alone":  {BinSeconds: 1e-7, Above: 3},
		"one value":      {BinSeconds: 1e-7, Counts: []uint64{1}, MedianSeconds: new(math.NaN()), P99Seconds: new(math.Inf(1))},
		"far away":       {BinSeconds: 1e-7, LeastSeconds: 1e9, Counts: []uint64{7, 8}},
		"not a number":   {BinSeconds: math.NaN(), LeastSeconds: math.NaN(), Counts: []uint64{1}},
		"more than ever": {BinSeconds: 1e-7, Counts: make([]uint64, 100_000), Below: 1},
		"wide":           {BinSeconds: 1e300, LeastSeconds: -1e300, Counts: []uint64{1, math.MaxInt32}},
	} {
		s := lockedStatus()
		s.EdgeJitter, s.MessageLatency = &h, []api.MessageLatency{{Message: "M", Latency: h}, {Message: "N", Latency: h}}
		got := render(t, s)
		if !strings.Contains(got, `id="loop-jitter"`) || strings.Contains(got, "NaN") || len(got) > 300_000 {
			t.Errorf("%s: a page of %d bytes, with a NaN: %v", name, len(got), strings.Contains(got, "NaN"))
		}
	}
}
