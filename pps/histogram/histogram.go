// Package histogram counts how often a quantity had which value of late.
//
// Values are seconds with a sign. Bins are equally wide, closed at the lower end and open at the upper one; what lies
// outside of all of them is counted below or above, and a value that is no number is not counted. A Window forgets in
// slices: it holds at least its span less one slice. Time arrives with each value; one that is earlier than the newest
// counts as now. Memory is bounded by bins times slices and taken with the first value.
package histogram

import (
	"math"
	"slices"

	"timeball/pps/clock"
)

// Shape says what is counted: Bins bins of Width seconds from Least on, over Span seconds that are forgotten in Slices.
type Shape struct {
	Least, Width clock.Seconds
	Bins         int
	Span         clock.Seconds
	Slices       int
}

// Window counts the values of the last Span.
type Window struct {
	shape  Shape
	total  []uint32      // below, the bins, above
	slices [][]uint32    // a ring, parts of total
	number int64         // of the newest slice since CLOCK_MONOTONIC's 0
	first  clock.Mono    // since when values are counted
	count  uint64        // in total
	ever   uint64        // values ever
	sum    clock.Seconds // of these
}

// New returns an empty Window.
func New(s Shape) *Window { return &Window{shape: s} }

// Add counts a value.
func (w *Window) Add(at clock.Mono, v clock.Seconds) {
	if math.IsNaN(float64(v)) {
		return
	}
	if w.total == nil {
		w.begin(at)
	}
	w.forget(at)
	if w.count == 0 {
		w.first = at
	}
	i := w.place(v)
	w.total[i]++
	w.slices[w.number%int64(len(w.slices))][i]++
	w.count++
	w.ever++
	if !math.IsInf(float64(v), 0) {
		w.sum += v
	}
}

func (w *Window) begin(at clock.Mono) {
	n := w.shape.Bins + 2
	w.total, w.number = make([]uint32, n), w.slice(at)
	for range w.shape.Slices {
		w.slices = append(w.slices, make([]uint32, n))
	}
}

// place returns where a value is counted.
func (w *Window) place(v clock.Seconds) int {
	bin := math.Floor(float64((v - w.shape.Least) / w.shape.Width))
	return int(max(-1, min(float64(w.shape.Bins), bin))) + 1
}

// slice returns the number of the slice of an instant.
func (w *Window) slice(at clock.Mono) int64 {
	return int64(max(0, at) / clock.Mono(w.shape.Span*1e9/clock.Seconds(w.shape.Slices)))
}

// forget drops the slices that are over.
func (w *Window) forget(at clock.Mono) {
	for left := len(w.slices); left > 0 && w.number < w.slice(at); left-- {
		w.number++
		for i, n := range w.slices[w.number%int64(len(w.slices))] {
			w.total[i] -= n
			w.count -= uint64(n)
		}
		clear(w.slices[w.number%int64(len(w.slices))])
	}
	w.number = max(w.number, w.slice(at))
}

// Counts is what a Window held at one instant. It is immutable.
type Counts struct {
	Over  clock.Seconds `json:"over"`  // the values are of this long
	Least clock.Seconds `json:"least"` // lower end of the first bin
	Width clock.Seconds `json:"width"` // of a bin
	Bins  []uint32      `json:"bins"`  // from the first that holds a value to the last
	Below uint32        `json:"below"` // values below all bins there are
	Above uint32        `json:"above"`
	Ever  uint64        `json:"ever"` // values since the first one
	Sum   clock.Seconds `json:"sum"`  // of these
}

// At returns what is held at an instant, nil when it is nothing.
func (w *Window) At(now clock.Mono) *Counts {
	if w.total != nil {
		w.forget(now)
	}
	if w.count == 0 {
		return nil
	}
	bins, first := w.total[1:len(w.total)-1], 0
	for len(bins) > 0 && bins[len(bins)-1] == 0 {
		bins = bins[:len(bins)-1]
	}
	for first < len(bins) && bins[first] == 0 {
		first++
	}
	return &Counts{
		Over: max(0, min(now.Sub(w.first), w.shape.Span)), Least: w.shape.Least + clock.Seconds(first)*w.shape.Width, Width: w.shape.Width,
		Bins: slices.Clone(bins[first:]), Below: w.total[0], Above: w.total[len(w.total)-1], Ever: w.ever, Sum: w.sum,
	}
}

// Count returns the number of values.
func (c *Counts) Count() uint64 {
	n := uint64(c.Below) + uint64(c.Above)
	for _, in := range c.Bins {
		n += uint64(in)
	}
	return n
}

// Quantile returns the value that a share q of all values does not exceed, evenly spread within its bin; false where it lies
// outside of all bins.
func (c *Counts) Quantile(q float64) (clock.Seconds, bool) {
	rank := q*float64(c.Count()) - float64(c.Below)
	if rank < 0 {
		return 0, false
	}
	for i, n := range c.Bins {
		if n > 0 && rank <= float64(n) {
			return c.Least + c.Width*(clock.Seconds(i)+clock.Seconds(rank/float64(n))), true
		}
		rank -= float64(n)
	}
	return 0, false
}
