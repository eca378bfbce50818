package sysclock

import (
	"errors"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	"timeball/pps/clock"
)

// world is three clocks with constant differences, read by system calls that take 40 to 400 ns and, now and then, 50 us.
type world struct {
	mono, real, boot int64
	times            int64 // by which they take longer; 0: 1
	random           *rand.Rand
	slow             int // further readings that take 50 us
	err              error
}

func (w *world) now(id int32) (int64, error) {
	w.mono += max(1, w.times) * (20 + w.random.Int64N(180))
	if w.slow > 0 || w.random.IntN(20) == 0 {
		w.mono += 50_000
		w.slow--
	}
	defer func() { w.mono += max(1, w.times) * (20 + w.random.Int64N(180)) }()
	switch id {
	case unix.CLOCK_REALTIME:
		return w.mono + w.real, w.err
	case unix.CLOCK_BOOTTIME:
		return w.mono + w.boot, w.err
	}
	return w.mono, w.err
}

func newWorld() (*world, *Clock) {
	w := &world{mono: 5e9, real: 1.7e18, boot: 3e9, random: rand.New(rand.NewPCG(1, 2))}
	return w, newClock((&fakeKernel{}).adjust, w.now)
}

// check reads once and compares with the truth.
func check(t *testing.T, w *world, c *Clock, within int64) clock.Reading {
	t.Helper()
	r, err := c.Read()
	if err != nil {
		t.Fatal(err)
	}
	if got := int64(r.Real) - int64(r.Mono); abs(got-w.real) > within {
		t.Errorf("Real - Mono is off by %d ns, want at most %d", got-w.real, within)
	}
	if got := int64(r.Boot) - int64(r.Mono); abs(got-w.boot) > within {
		t.Errorf("Boot - Mono is off by %d ns, want at most %d", got-w.boot, within)
	}
	if r.Mono > clock.Mono(w.mono) {
		t.Errorf("Mono is %d, ahead of the clock at %d", r.Mono, w.mono)
	}
	return r
}

func abs(n int64) int64 { return max(n, -n) }

func TestReadIsExactDespitePreemption(t *testing.T) {
	w, c := newWorld()
	for range 200 {
		check(t, w, c, 200) // half of what an undisturbed bracket spans
	}
	for range 50 {
		check(t, w, c, 20) // intersected brackets
	}
}

// In an emulated machine a reading takes 12 us and more.
func TestReadKeepsTheDifferenceWhereReadingsAreSlow(t *testing.T) {
	const interference = 2000 // ns: of package discipline, from which on it takes a change for another program's step
	for seed := range uint64(100) {
		w, c := newWorld()
		w.times, w.random = 60, rand.New(rand.NewPCG(seed, 0))
		first, err := c.Read()
		if err != nil {
			t.Fatal(err)
		}
		for range 200 {
			r, err := c.Read()
			if err != nil {
				t.Fatal(err)
			}
			moved := (int64(r.Real) - int64(r.Mono)) - (int64(first.Real) - int64(first.Mono))
			if abs(moved) > interference {
				t.Fatalf("seed %d: Real - Mono has moved by %d ns without a step, want at most %d", seed, moved, interference)
			}
		}
	}
}

func TestReadTriesAgainWhileDisturbed(t *testing.T) {
	w, c := newWorld()
	w.slow = 5 * minReads
	check(t, w, c, 200)
}

func TestReadNoticesForeignChange(t *testing.T) {
	tests := []struct {
		name       string
		real, boot int64
	}{
		{"step of a millisecond", 1e6, 0},
		{"step back by a microsecond", -1e3, 0},
		{"suspend", 0, 5e9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, c := newWorld()
			for range 20 {
				check(t, w, c, 200)
			}
			w.real, w.boot = w.real+tt.real, w.boot+tt.boot
			if r := check(t, w, c, 200); r.Era != 0 {
				t.Errorf("era is %d, want 0: only Step counts", r.Era)
			}
		})
	}
}

func TestStepForgetsTheDifference(t *testing.T) {
	w, c := newWorld()
	check(t, w, c, 200)
	if _, err := c.Step(100); err != nil {
		t.Fatal(err)
	}
	if c.real != (difference{}) {
		t.Errorf("after a step %+v is left of Real - Mono, want nothing", c.real)
	}
	w.real += 100
	if r := check(t, w, c, 200); r.Era != 1 {
		t.Errorf("era is %d, want 1", r.Era)
	}
}

func TestReadReturnsErrors(t *testing.T) {
	w, c := newWorld()
	w.err = unix.EINVAL
	if _, err := c.Read(); !errors.Is(err, unix.EINVAL) {
		t.Errorf("Read: %v, want EINVAL", err)
	}
}
