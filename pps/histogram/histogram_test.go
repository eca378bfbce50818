package histogram

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"timeball/pps/clock"
)

// tens counts from -10 to 40 in bins of 10, over a minute in slices of ten seconds.
var tens = Shape{Least: -10, Width: 10, Bins: 5, Span: 60, Slices: 6}

const second clock.Mono = 1e9

func TestWindowCountsEachValueInItsBin(t *testing.T) {
	w := New(tens)
	if got := w.At(0); got != nil {
		t.Errorf("an empty window is %+v, want nil", got)
	}
	for _, v := range []float64{-10.5, 0, 9.9, 10, 25, 40, 1e300, math.Inf(1), math.Inf(-1), math.NaN()} {
		w.Add(second, clock.Seconds(v))
	}
	want := &Counts{Over: 4, Least: 0, Width: 10, Bins: []uint32{2, 1, 1}, Below: 2, Above: 3, Ever: 9, Sum: -10.5 + 0 + 9.9 + 10 + 25 + 40 + 1e300}
	if diff := cmp.Diff(want, w.At(5*second)); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestWindowForgetsWhatIsOlderThanItsSpan(t *testing.T) {
	w := New(tens)
	for s := range clock.Mono(200) {
		w.Add(s*second, 5)
		got := w.At(s * second).Count()
		least, most := uint64(min(s+1, 51)), uint64(min(s+1, 60))
		if got < least || got > most {
			t.Fatalf("after %d s with a value each: %d values, want %d to %d", s, got, least, most)
		}
	}
	if got := w.At(249 * second); got == nil || got.Over != 60 || got.Ever != 200 || got.Sum != 1000 {
		t.Errorf("50 s after the last value: %+v, want some, over 60 s", got)
	}
	if got := w.At(260 * second); got != nil {
		t.Errorf("a minute after the last value: %+v, want nothing", got)
	}
	w.Add(10_000*second, 5)
	if got := w.At(10_001 * second); got == nil || got.Count() != 1 || got.Over != 1 {
		t.Errorf("after a long silence: %+v, want the one value of the last second", got)
	}
}

func TestWindowKeepsWhatItHasShown(t *testing.T) {
	w := New(tens)
	w.Add(0, 5)
	shown := w.At(0)
	w.Add(0, 5)
	if shown.Bins[0] != 1 {
		t.Errorf("counts that were shown have changed to %v", shown.Bins)
	}
}

func TestQuantileLiesWithinItsBin(t *testing.T) {
	c := &Counts{Least: 100, Width: 10, Bins: []uint32{50, 0, 50}, Below: 50, Above: 50}
	tests := []struct {
		q    float64
		want clock.Seconds
		ok   bool
	}{
		{0.1, 0, false},
		{0.25, 100, true},
		{0.375, 105, true},
		{0.5, 110, true},
		{0.625, 125, true},
		{0.75, 130, true},
		{0.8, 0, false},
	}
	for _, tt := range tests {
		if got, ok := c.Quantile(tt.q); ok != tt.ok || math.Abs(float64(got-tt.want)) > 1e-9 {
			t.Errorf("Quantile(%v) = %v, %v, want %v, %v", tt.q, got, ok, tt.want, tt.ok)
		}
	}
}

// Whatever comes when, the total is what the slices hold: nothing underflows, and no value is in two bins.
func TestWindowHoldsAsManyValuesAsItTook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := New(tens)
		now, taken := clock.Mono(0), uint64(0)
		for range rapid.IntRange(1, 100).Draw(t, "n") {
			now += clock.Mono(rapid.Int64Range(-20, 40).Draw(t, "later")) * second
			v := rapid.Float64().Draw(t, "v")
			w.Add(now, clock.Seconds(v))
			if !math.IsNaN(v) {
				taken++
			}
			if c := w.At(now); c != nil && (c.Count() > taken || c.Count() != w.count) {
				t.Fatalf("%d values in the bins, %d counted, %d taken", c.Count(), w.count, taken)
			}
		}
	})
}
