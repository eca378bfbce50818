package precision

import (
	"math"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What chrony 4.8 reaches on pi-quiet, the model of these runs, with its best options for it: shared baseline of the
// project's loop (docs/loop.md). Standard deviation and greatest error are of 24 h, the time to lock of cold starts.
const (
	chronySD   = 88e-9   // s
	chronyMax  = 1331e-9 // s
	chronyLock = 36.0    // s, the slowest of them
)

// of returns what is not further from the beginning than to and not nearer than from.
func (r report) of(from, to time.Duration) report {
	inside := func(at float64) bool { return at >= from.Seconds() && at < to.Seconds() }
	cut := report{}
	for _, s := range r.samples {
		if inside(s.At) {
			cut.samples = append(cut.samples, s)
		}
	}
	for _, a := range r.answers {
		if inside(a.At) {
			cut.answers = append(cut.answers, a)
		}
	}
	return cut
}

// errors are the statistics of the clock's error, in seconds.
type errors struct{ mean, sd, greatest float64 }

func (r report) errors() (e errors) {
	n := float64(len(r.samples))
	for _, s := range r.samples {
		x := float64(s.Error) * 1e-9
		e.mean += x / n
		e.greatest = max(e.greatest, math.Abs(x))
	}
	for _, s := range r.samples {
		d := float64(s.Error)*1e-9 - e.mean
		e.sd += d * d / n
	}
	e.sd = math.Sqrt(e.sd)
	return e
}

// precise checks that the clock is as near to truth as another good program keeps it. One seed and some minutes are no
// day: half as much again is allowed.
func (r report) precise(t *testing.T, when string) {
	t.Helper()
	e := r.errors()
	t.Logf("%s: %d samples, error %.0f ns on average, standard deviation %.0f ns, at most %.0f ns",
		when, len(r.samples), e.mean*1e9, e.sd*1e9, e.greatest*1e9)
	if len(r.samples) < 20 || e.sd > 1.5*chronySD || e.greatest > chronyMax {
		t.Errorf("%s: want 20 samples, a standard deviation of at most %.0f ns, errors of at most %.0f ns", when, 1.5*chronySD*1e9, chronyMax*1e9)
	}
}

// honest checks that what is published contains truth: the bound in a share of all samples, and always what the kernel and
// NTP clients are told.
func (r report) honest(t *testing.T, share float64) {
	t.Helper()
	bounded, outside := r.bounded()
	for _, s := range r.samples {
		off := math.Abs(float64(s.Error)) * 1e-9
		if s.Status&unix.STA_UNSYNC == 0 && off > s.MaxError {
			t.Errorf("%.1f s: the kernel was told of %.0f ns, the clock is off by %.0f ns", s.At, s.MaxError*1e9, off*1e9)
		}
	}
	if float64(outside) > (1-share)*float64(bounded) {
		t.Errorf("in %d of %d samples the bound does not contain truth", outside, bounded)
	}
	for _, a := range r.answers {
		off := math.Abs(float64(a.Offset)) * 1e-9
		if a.Leap != 3 && (a.Stratum != 1 || off > float64(a.Width)*1e-9/2+a.Distance) {
			t.Errorf("an NTP client was told %+v", a)
		}
	}
}

// bounded returns how many samples have a bound, and in how many of them it does not contain truth.
func (r report) bounded() (bounded, outside int) {
	for _, s := range r.samples {
		if s.Stratum == 1 {
			if bounded++; math.Abs(float64(s.Error))*1e-9 > s.Bound {
				outside++
			}
		}
	}
	return bounded, outside
}

// served checks that every question was answered as a stratum 1 server answers, with one of these reference IDs.
func (r report) served(t *testing.T, when string, refIDs ...string) {
	t.Helper()
	for _, a := range r.answers {
		if a.Trouble != "" || a.Leap == 3 || a.Stratum != 1 || !slices.Contains(refIDs, a.RefID) {
			t.Errorf("%s: an NTP client was told %+v", when, a)
		}
	}
	if len(r.answers) == 0 {
		t.Errorf("%s: nobody has asked", when)
	}
	widths := make([]int64, 0, len(r.answers))
	for _, a := range r.answers {
		widths = append(widths, a.Width)
	}
	if slices.Sort(widths); len(widths) > 0 {
		t.Logf("%s: %d answers, half of them within %.0f us", when, len(widths), float64(widths[len(widths)/2])/1000)
	}
}

// toldToKernel checks flags and TAI offset of samples in which the unit serves time all along.
func (r report) toldToKernel(t *testing.T, tai int) {
	t.Helper()
	for _, s := range r.samples {
		if s.Status&unix.STA_UNSYNC != 0 || s.State == unix.TIME_ERROR || s.TAI != tai || s.Status&(unix.STA_PLL|unix.STA_FLL|unix.STA_PPSFREQ) != 0 {
			t.Errorf("%.1f s: status %#x, state %d, TAI offset %d, want a synchronised clock and %d", s.At, s.Status, s.State, s.TAI, tai)
		}
	}
}

// silentBefore checks that nothing was claimed before the first sample in mode locked, and returns when that was.
func (r report) silentBefore(t *testing.T) time.Duration {
	t.Helper()
	locked := slices.IndexFunc(r.samples, func(s Sample) bool { return s.Mode == "locked" })
	if locked < 1 {
		t.Fatalf("never locked: %+v", r.samples)
	}
	report{samples: r.samples[:locked-1]}.silent(t) // the kernel is looked at before the page
	return time.Duration(r.samples[locked].At * 1e9)
}

// silent checks that the unit claims nothing, to nobody.
func (r report) silent(t *testing.T) {
	t.Helper()
	for _, s := range r.samples {
		if s.Status&unix.STA_UNSYNC == 0 || s.Stratum == 1 || s.Leap != "unsynchronized" {
			t.Errorf("unsynchronised: %+v", s)
		}
	}
	for _, a := range r.answers {
		if a.Trouble != "" || a.Leap != 3 {
			t.Errorf("unsynchronised: an NTP client was told %+v", a)
		}
	}
}

// endOfHoldover returns when the last sample in holdover was, and the first of another mode; the latter is back where the unit
// held over until then.
func (r report) endOfHoldover(t *testing.T, lost, back time.Duration) (last, ended time.Duration) {
	t.Helper()
	begun := false
	for _, s := range r.of(lost, back).samples {
		at := time.Duration(s.At * 1e9)
		switch {
		case s.Mode == "holdover":
			begun, last = true, at
		case begun:
			return last, at
		}
	}
	return back, back
}

// firstAfter returns the time of the first sample after at in that mode, from at on.
func (r report) firstAfter(t *testing.T, at time.Duration, mode string) time.Duration {
	t.Helper()
	for _, s := range r.samples {
		if s.At >= at.Seconds() && s.Mode == mode {
			return time.Duration((s.At - at.Seconds()) * 1e9)
		}
	}
	t.Fatalf("never %s after %v", mode, at)
	return 0
}
