package direct

import (
	"math"

	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/server/publish"
)

// Bucket is a stretch of a unit's life in which its bound is judged on its own.
type Bucket int

// The buckets. Holdover is divided by the time since it began.
const (
	Locked Bucket = iota
	HoldoverTo1h
	HoldoverTo4h
	HoldoverTo24h
	Buckets int = iota
)

// String returns the bucket's name.
func (b Bucket) String() string {
	return [Buckets]string{"locked", "holdover 0-1 h", "holdover 1-4 h", "holdover 4-24 h"}[b]
}

var limit = clock.Seconds(publish.Default().Limit.Seconds())

// Score is what a run, or several, came to.
type Score struct {
	Samples      int
	Synchronised int // answers that claimed to be good
	Dishonest    int // and were not
	Bucket       [Buckets]BucketScore
}

// BucketScore judges the bound in one Bucket. Lengths are seconds.
type BucketScore struct {
	Samples int
	Held    int // |error| <= bound
	Served  int // bound is within the limit of a unit that nobody configured
	errors  histogram
	bounds  histogram
	pulses  histogram // the pulse part of the bound
}

// Add takes a Sample.
func (s *Score) Add(x Sample) {
	s.Samples++
	if x.Synchronised {
		s.Synchronised++
	}
	if x.Dishonest() {
		s.Dishonest++
	}
	b, ok := bucketOf(x)
	if !ok {
		return
	}
	err := clock.Seconds(math.Abs(float64(x.Error)))
	to := &s.Bucket[b]
	to.Samples++
	if err <= x.Bound {
		to.Held++
	}
	if x.Bound <= limit {
		to.Served++
	}
	parts := x.Snapshot.Estimate.Bound
	to.errors.add(float64(err))
	to.bounds.add(float64(x.Bound))
	to.pulses.add(float64(x.Bound - parts.Capture - parts.Reference))
}

// Merge adds another Score to s.
func (s *Score) Merge(o *Score) {
	s.Samples += o.Samples
	s.Synchronised += o.Synchronised
	s.Dishonest += o.Dishonest
	for i := range s.Bucket {
		to, from := &s.Bucket[i], &o.Bucket[i]
		to.Samples += from.Samples
		to.Held += from.Held
		to.Served += from.Served
		to.errors.merge(&from.errors)
		to.bounds.merge(&from.bounds)
		to.pulses.merge(&from.pulses)
	}
}

func bucketOf(x Sample) (Bucket, bool) {
	est := &x.Snapshot.Estimate
	switch est.Mode {
	case discipline.Locked:
		return Locked, true
	case discipline.Holdover:
	default:
		return 0, false
	}
	switch h := est.At.Mono.Sub(est.ModeSince); {
	case h < 3600:
		return HoldoverTo1h, true
	case h < 4*3600:
		return HoldoverTo4h, true
	case h < 24*3600:
		return HoldoverTo24h, true
	}
	return 0, false
}

// Coverage returns the share of samples whose bound held the error; NaN without samples.
func (b *BucketScore) Coverage() float64 { return float64(b.Held) / float64(b.Samples) }

// Serving returns the share of samples in which a unit that nobody configured would serve; NaN without samples.
func (b *BucketScore) Serving() float64 { return float64(b.Served) / float64(b.Samples) }

// Tightness returns the median bound over the 95th percentile of the error; NaN without samples.
func (b *BucketScore) Tightness() float64 { return b.bounds.quantile(0.5) / b.errors.quantile(0.95) }

// PulseTightness is Tightness of the pulse part of the bound, which is all of it that the loop can make smaller.
func (b *BucketScore) PulseTightness() float64 {
	return b.pulses.quantile(0.5) / b.errors.quantile(0.95)
}

// histogram counts positive numbers by their logarithm, to 1/128 of their value: sign, exponent and the first seven bits of
// the fraction are the upper half of a float32. Days of samples take no more room than an hour of them.
type histogram struct {
	counts []uint32 // nil while there are none
	n      int
}

const (
	histogramBins  = 1 << 15
	histogramShift = 16
)

func (h *histogram) add(v float64) {
	if h.counts == nil {
		h.counts = make([]uint32, histogramBins)
	}
	h.counts[math.Float32bits(float32(math.Abs(v)))>>histogramShift]++
	h.n++
}

func (h *histogram) merge(o *histogram) {
	if o.counts == nil {
		return
	}
	if h.counts == nil {
		h.counts = make([]uint32, histogramBins)
	}
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
}

// quantile returns the p-quantile, NaN of nothing.
func (h *histogram) quantile(p float64) float64 {
	rank, sum := int(p*float64(h.n-1)+0.5), 0
	for i, n := range h.counts {
		if sum += int(n); sum > rank {
			return float64(math.Float32frombits(uint32(i)<<histogramShift | 1<<(histogramShift-1))) // the middle of the bin
		}
	}
	return math.NaN()
}
