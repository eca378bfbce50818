package sysclock

import (
	"fmt"

	"golang.org/x/sys/unix"

	"timeball/pps/clock"
)

const (
	minReads   = 3    // brackets taken at each Read
	maxReads   = 12   // brackets taken while the difference is known to no better than wideBracket
	newReads   = 64   // brackets that a new difference is known from, where they are wide: what it moves by later looks like a step
	maxBracket = 1000 // nanoseconds; three system calls take less than that on every board
)

// difference is an interval of nanoseconds that contains the constant difference of two kernel clocks.
//
// CLOCK_REALTIME minus CLOCK_MONOTONIC is exactly constant between steps, so each reading of one between two of the other
// narrows the interval. Its middle is known far better than the time one reading takes, which keeps the time of a system
// call (0.1-1 us, more when preempted) out of every conversion between the two clocks.
type difference struct {
	low, high int64
	brackets  int // that it is known from, 0: it is not known; of many the first ones are counted
}

// narrow takes in that other was read between before and after. If that contradicts the interval the difference has
// changed (a step, a leap second, a suspend) and only the new reading counts.
func (d *difference) narrow(before, other, after int64) {
	low, high := other-after, other-before
	if d.brackets == 0 || low > d.high || high < d.low {
		*d = difference{low, high, 1}
		return
	}
	d.low, d.high, d.brackets = max(d.low, low), min(d.high, high), min(d.brackets+1, newReads)
}

// wide reports whether the interval is wider than an undisturbed reading leaves it.
func (d *difference) wide() bool { return d.brackets == 0 || d.high-d.low > maxBracket }

// wants returns how many brackets are to be taken at a Read.
func (d *difference) wants() int {
	switch {
	case !d.wide():
		return minReads
	case d.brackets < newReads:
		return newReads
	}
	return maxReads
}

// middle returns the best estimate of the difference.
func (d *difference) middle() int64 { return d.low + (d.high-d.low)/2 }

// reader reads the three clocks together.
type reader struct {
	now        func(clockID int32) (int64, error) // nanoseconds
	real, boot difference                         // minus monotonic
	era        clock.Era
}

// Read returns CLOCK_MONOTONIC, CLOCK_REALTIME and CLOCK_BOOTTIME for one instant, and the Era counted by Step. A step by
// someone else does not change the Era: it shows as a changed Real - Mono.
func (r *reader) Read() (clock.Reading, error) {
	var mono int64
	for n := 0; n < max(r.real.wants(), r.boot.wants()); n++ {
		var err error
		if mono, err = r.bracket(); err != nil {
			return clock.Reading{}, err
		}
	}
	return clock.Reading{
		Mono: clock.Mono(mono),
		Real: clock.Real(mono + r.real.middle()),
		Boot: clock.Boot(mono + r.boot.middle()),
		Era:  r.era,
	}, nil
}

// bracket reads each of the two other clocks between two readings of CLOCK_MONOTONIC and returns the last of those.
func (r *reader) bracket() (int64, error) {
	var t [5]int64
	for i, id := range [...]int32{
		unix.CLOCK_MONOTONIC, unix.CLOCK_REALTIME, unix.CLOCK_MONOTONIC, unix.CLOCK_BOOTTIME, unix.CLOCK_MONOTONIC,
	} {
		var err error
		if t[i], err = r.now(id); err != nil {
			return 0, fmt.Errorf("clock_gettime: %w", err)
		}
	}
	r.real.narrow(t[0], t[1], t[2])
	r.boot.narrow(t[2], t[3], t[4])
	return t[4], nil
}

// stepped begins a new Era: what was known of Real - Mono is no longer true.
func (r *reader) stepped() {
	r.era++
	r.real = difference{}
}

// gettime reads one kernel clock in nanoseconds.
func gettime(clockID int32) (int64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(clockID, &ts); err != nil {
		return 0, err
	}
	return ts.Nano(), nil
}
