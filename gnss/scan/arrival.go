package scan

import "timeball/pps/clock"

// maxReads is how many reads can be told apart in what is waiting. A line that is read byte by byte has about 100.
const maxReads = 1024

// read is where a read began in the stream, and when.
type read struct {
	from     int64
	arrival  clock.Mono
	byteTime clock.Seconds
}

// arrivals dates the bytes that are waiting.
type arrivals struct {
	reads  []read // in order of from; the first has the oldest waiting byte
	stride int    // every so many reads one is kept, the others are dated from it
	passed int    // reads since the last that was kept
}

// add notes that the byte at from and those behind it were read together; nothing before waiting is needed any more.
// When there are too many reads, every second one is given up, and so on.
func (a *arrivals) add(waiting, from int64, arrival clock.Mono, byteTime clock.Seconds) {
	if a.reads == nil {
		a.reads, a.stride = make([]read, 0, maxReads), 1
	}
	if len(a.reads) == maxReads || a.stride > 1 {
		a.forget(waiting)
	}
	if len(a.reads) == maxReads {
		for i := range maxReads / 2 {
			a.reads[i] = a.reads[2*i]
		}
		a.reads = a.reads[:maxReads/2]
		a.stride *= 2
	}
	a.passed++
	if a.passed < a.stride {
		return
	}
	a.passed = 0
	a.reads = append(a.reads, read{from, arrival, byteTime})
}

// forget drops the reads that ended before waiting.
func (a *arrivals) forget(waiting int64) {
	if i := a.index(waiting); i > 0 {
		a.reads = a.reads[:copy(a.reads, a.reads[i:])]
	}
	if len(a.reads) < maxReads/2 {
		a.stride = 1
	}
}

// index returns the read that the byte at has come with.
func (a *arrivals) index(at int64) int {
	lo, hi := 0, len(a.reads)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; a.reads[mid].from <= at {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// at returns when the byte at the given stream position arrived.
func (a *arrivals) at(at int64) clock.Mono {
	r := a.reads[a.index(at)]
	return r.arrival.Add(clock.Seconds(at-r.from) * r.byteTime)
}
