package direct

import (
	"math"
	"slices"

	"timeball/pps/clock"
	"timeball/pps/discipline"
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
	Held    int       // |error| <= bound
	errors  []float32 // |error|
	bounds  []float32
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
	to.errors = append(to.errors, float32(err))
	to.bounds = append(to.bounds, float32(x.Bound))
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
		to.errors = append(to.errors, from.errors...)
		to.bounds = append(to.bounds, from.bounds...)
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

// Tightness returns the median bound over the 95th percentile of the error; NaN without samples.
func (b *BucketScore) Tightness() float64 { return quantile(b.bounds, 0.5) / quantile(b.errors, 0.95) }

// quantile returns the p-quantile of v, which it sorts.
func quantile(v []float32, p float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	return float64(v[int(p*float64(len(v)-1)+0.5)])
}
