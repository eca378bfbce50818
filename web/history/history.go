// Package history keeps what a person plots of a unit: every second for an hour, every 10 s for a day, every 5 min for 30
// days, in rings of a fixed size.
//
// A bucket longer than a second has the least, the median and the greatest of its samples, so that an outlier is never
// averaged away. Seconds without a sample, and values that were not known, stay gaps: nothing is interpolated. Times are
// Unix seconds of the served clock. Before the unit knows the time the buckets have provisional ones, behind all that was
// kept before, and are moved when it does; they are then where they belong.
//
// All memory is taken by New: MemoryBytes. What Encode wrote is checked by Restore as a whole; a torn or implausible file is an
// error and changes nothing. A History is used by one goroutine at a time.
package history

import (
	"math"
	"slices"
	"time"

	"timeball/web/api"
)

// The spans that are kept.
const (
	hour  = 3600
	day   = 24 * hour
	month = 30 * day

	maxGap = 3 * time.Second // between samples; what was counted over a longer one is no rate

	// A served clock that goes back by more than this against the one that is never stepped was not right before: the
	// buckets of this run move with it. Leap seconds are less. One that goes ahead leaves a gap, as in a simulated world
	// that is paced.
	maxShift = 2 // s
)

// spans are the rings by name.
var spans = [...]struct {
	name       string
	step, last int64 // seconds
}{{"hour", 1, hour}, {"day", 10, day}, {"month", 300, month}}

// Spans returns the names of the spans, the shortest first.
func Spans() []string {
	var names []string
	for _, s := range spans {
		names = append(names, s.name)
	}
	return names
}

// MemoryBytes is what a History has in memory: the rings, and the samples of the buckets that are being filled.
const MemoryBytes = hour*(8+4*width) + (day/10+month/300)*(8+4*3*width) + (20+600)*4*width

// History is what was seen of one unit.
type History struct {
	rings  [len(spans)]*ring
	before sample
	offset float64 // s: Unix time less that of the samples
	begun  bool
	dated  bool // offset is by the served clock
}

// New returns an empty History.
func New() *History {
	h := &History{}
	for i, s := range spans {
		h.rings[i] = newRing(s.step, s.last/s.step)
	}
	return h
}

// Add takes one status. at is of a clock that is never stepped, such as the time since the program began; wall is what the
// machine's clock says, in Unix seconds, for as long as the unit does not know the time.
func (h *History) Add(at time.Duration, wall int64, s *api.Status) {
	now := sample{at, s}
	h.date(now, wall)
	second := int64(math.Floor(at.Seconds() + h.offset))
	var values [width]float32
	for i := range series {
		values[i] = nothing
		if v := series[i].of(&now, &h.before); v != nil {
			values[i] = finite(float32(*v))
		}
	}
	for _, r := range h.rings {
		r.add(second, &values)
	}
	h.before = sample{at, &api.Status{PulsesRefused: s.PulsesRefused, RequestsAnswered: s.RequestsAnswered, RequestsRefused: s.RequestsRefused}}
}

// date finds out which second it is.
func (h *History) date(now sample, wall int64) {
	if !h.begun {
		h.begun = true
		h.offset = float64(max(wall, h.next())) - now.at.Seconds()
	}
	served := now.status.ServedUnixNanoseconds
	if served == nil {
		return
	}
	offset := float64(*served)/1e9 - now.at.Seconds()
	if shift := math.Round(offset - h.offset); !h.dated || shift < -maxShift {
		for _, r := range h.rings {
			r.move(int64(shift), int64(*served/1e9))
		}
	}
	h.offset, h.dated = offset, true
}

// next returns a second that no bucket has anything of.
func (h *History) next() int64 {
	var last int64
	for _, r := range h.rings {
		if r.n > 0 {
			last = max(last, r.at[r.index(r.n-1)])
		}
	}
	longest := spans[len(spans)-1].step
	return floor(last, longest) + longest
}

// Close ends the buckets that are being filled. What is added later into the same ones widens them.
func (h *History) Close() {
	for _, r := range h.rings {
		r.close()
	}
}

// ring is the buckets of one span, the oldest first.
type ring struct {
	step   int64
	each   int       // values of a series in a bucket: 1, or least, median and greatest
	at     []int64   // where each bucket begins
	values []float32 // each*width for a bucket
	first  int
	n      int
	run    int // of n, how many are of this run: the newest ones

	filling int64        // where the bucket that is being filled begins
	samples [][]float32  // its samples, for each series
	seen    [width]int32 // how many, known ones only
	some    bool         // there was one, though nothing may be known
}

// maxSamples is how many samples of a bucket count, twice as many as come: a clock may go back by a second.
func (r *ring) maxSamples() int { return 2 * int(r.step) }

func newRing(step, room int64) *ring {
	r := &ring{step: step, each: 3, at: make([]int64, room)}
	if step == 1 {
		r.each = 1
	}
	r.values = make([]float32, int(room)*r.each*width)
	if r.each > 1 {
		r.samples = make([][]float32, width)
		for i := range r.samples {
			r.samples[i] = make([]float32, r.maxSamples())
		}
	}
	return r
}

// index returns where the bucket i is, 0 being the oldest.
func (r *ring) index(i int) int { return (r.first + i) % len(r.at) }

// bucket returns the values of the bucket i.
func (r *ring) bucket(i int) []float32 {
	size := r.each * width
	at := r.index(i) * size
	return r.values[at : at+size]
}

func (r *ring) add(second int64, values *[width]float32) {
	if r.each == 1 {
		if r.n == 0 || second > r.at[r.index(r.n-1)] {
			copy(r.push(second), values[:])
		}
		return
	}
	start := floor(second, r.step)
	if r.some && start != r.filling {
		r.close()
	}
	r.filling, r.some = start, true
	for i, v := range values {
		if v == v && int(r.seen[i]) < r.maxSamples() {
			r.samples[i][r.seen[i]] = v
			r.seen[i]++
		}
	}
}

// push makes room for a bucket behind the newest one and returns its values.
func (r *ring) push(start int64) []float32 {
	if r.n == len(r.at) {
		r.first = r.index(1)
		r.n--
	}
	r.n++
	r.run = min(r.run+1, r.n)
	r.at[r.index(r.n-1)] = start
	return r.bucket(r.n - 1)
}

// close ends the bucket that is being filled.
func (r *ring) close() {
	if !r.some {
		return
	}
	var b []float32
	again := r.n > 0 && r.at[r.index(r.n-1)] >= r.filling // the program was started anew within a bucket
	if again {
		b = r.bucket(r.n - 1)
	} else {
		b = r.push(r.filling)
	}
	for i := range width {
		low, middle, high := summary(r.samples[i][:r.seen[i]])
		if old := b[3*i : 3*i+3]; again && old[1] == old[1] {
			if low == low {
				old[0], old[2] = min(old[0], low), max(old[2], high)
			}
			continue
		}
		b[3*i], b[3*i+1], b[3*i+2] = low, middle, high
	}
	r.seen, r.some = [width]int32{}, false
}

// nothing stands for what is not known.
var nothing = float32(math.NaN())

// finite returns v, or nothing for an infinity.
func finite(v float32) float32 {
	if math.IsInf(float64(v), 0) {
		return nothing
	}
	return v
}

// summary returns the least, the median and the greatest of what is in no order.
func summary(of []float32) (low, middle, high float32) {
	if len(of) == 0 {
		return nothing, nothing, nothing
	}
	slices.Sort(of)
	return of[0], of[len(of)/2], of[len(of)-1]
}

// floor returns where the bucket that has second begins.
func floor(second, step int64) int64 {
	rest := second % step
	if rest < 0 {
		rest += step
	}
	return second - rest
}

// move moves the buckets of this run by so many seconds, and drops those of before that would then be later, or later than now.
func (r *ring) move(by, now int64) {
	for i := r.n - r.run; i < r.n; i++ {
		at := r.index(i)
		r.at[at] = floor(r.at[at]+by, r.step)
	}
	r.filling = floor(r.filling+by, r.step)
	begin := floor(now, r.step) + 1 // a bucket of before may be the one that is filled now
	switch {
	case r.run > 0:
		begin = r.at[r.index(r.n-r.run)]
	case r.some:
		begin = min(begin, r.filling+1)
	}
	kept := r.n - r.run
	for kept > 0 && r.at[r.index(kept-1)] >= begin {
		kept--
	}
	r.remove(kept, r.n-r.run)
}

// remove takes out the buckets from to below to.
func (r *ring) remove(from, to int) {
	if from == to {
		return
	}
	for i := to; i < r.n; i++ {
		r.at[r.index(from+i-to)] = r.at[r.index(i)]
		copy(r.bucket(from+i-to), r.bucket(i))
	}
	r.n -= to - from
}
