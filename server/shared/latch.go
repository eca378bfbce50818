package shared

import "sync/atomic"

// latch is a record in shared memory: the sequence, 0 while nothing was written, and two copies of it, each followed by its
// checksum. That of the sequence's last bit is the newest.
type latch struct {
	words []uint64
	size  int // words of the record
}

// copyAt returns the copy that belongs to a sequence.
func (l latch) copyAt(sequence uint64) []uint64 {
	from := 1 + int(sequence&1)*(l.size+1)
	return l.words[from : from+l.size+1]
}

// write makes record the newest.
func (l latch) write(record []uint64) {
	sequence := atomic.LoadUint64(&l.words[0]) + 1
	if sequence == 0 { // which means that nothing was written
		sequence = 2
	}
	to := l.copyAt(sequence)
	for i, w := range record {
		atomic.StoreUint64(&to[i], w)
	}
	atomic.StoreUint64(&to[l.size], checksum(sequence, record))
	atomic.StoreUint64(&l.words[0], sequence)
}

// maxReads is how often a record is read anew when it was replaced meanwhile. The writer replaces one a few times a second.
const maxReads = 16

// read reads the newest record into record and returns its sequence. still is false when it was replaced at every try; whole
// when it is what was written, and something was.
func (l latch) read(record []uint64) (sequence uint64, still, whole bool) {
	for range maxReads {
		sequence = atomic.LoadUint64(&l.words[0])
		from := l.copyAt(sequence)
		for i := range record {
			record[i] = atomic.LoadUint64(&from[i])
		}
		sum := atomic.LoadUint64(&from[l.size])
		if atomic.LoadUint64(&l.words[0]) == sequence {
			return sequence, true, sequence != 0 && sum == checksum(sequence, record)
		}
	}
	return 0, false, false
}

// checksum finds a record that is not what was written under a sequence. It is none against malice.
func checksum(sequence uint64, record []uint64) uint64 {
	const golden = 0x9e3779b97f4a7c15 // 2^64 / golden ratio: multiplied by it every bit reaches the upper ones
	sum := sequence
	for _, w := range record {
		sum = (sum ^ w) * golden
		sum ^= sum >> 32
	}
	return sum
}

// cell is a reader's side of a latch, which remembers what it read last.
type cell[T any] struct {
	latch
	decode func([]uint64) (T, bool)
	last   atomic.Pointer[decoded[T]]
}

// decoded is what a record said; nil: nothing that can be.
type decoded[T any] struct {
	sequence uint64
	value    *T
}

// load returns what the newest record says, nil when it says nothing that can be or there is none. When the record was
// replaced at every try what was read before is returned: it is only older.
func (c *cell[T]) load() *T {
	last := c.last.Load()
	if last != nil && last.sequence == atomic.LoadUint64(&c.words[0]) {
		return last.value
	}
	var record [maxWords]uint64
	sequence, still, whole := c.read(record[:c.size])
	if !still {
		if last == nil {
			return nil
		}
		return last.value
	}
	next := &decoded[T]{sequence: sequence}
	if whole {
		if v, ok := c.decode(record[:c.size]); ok {
			next.value = &v
		}
	}
	c.last.Store(next)
	return next.value
}
