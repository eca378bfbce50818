package sysclock

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"timeball/pps/clock"
)

const (
	// MaxFrequency is the largest frequency the kernel takes: MAXFREQ of include/linux/timex.h, 500 ppm.
	MaxFrequency clock.Ratio = 500e-6

	// MaxError is the largest error the kernel tells (NTP_PHASE_LIMIT); at it the kernel sets STA_UNSYNC by itself.
	MaxError clock.Seconds = 16

	scaledPPM   = 65536e6 // Timex.Freq of a fractional frequency of 1
	nominalTick = 10_000  // microseconds in one tick of USER_HZ, 100 Hz on every architecture built for
	microsecond = 1e-6
	nanosecond  = 1e-9

	// ownFlags are the status bits that Clock may set; any other writable bit is someone else's.
	ownFlags = unix.STA_INS | unix.STA_DEL | unix.STA_UNSYNC
	// readOnlyFlags are the bits the kernel reports and refuses to take, STA_RONLY of include/linux/timex.h.
	readOnlyFlags = unix.STA_PPSSIGNAL | unix.STA_PPSJITTER | unix.STA_PPSWANDER | unix.STA_PPSERROR |
		unix.STA_CLOCKERR | unix.STA_NANO | unix.STA_MODE | unix.STA_CLK
)

// Kernel is what the kernel says of its clock: the state of clock_adjtime(2), read without changing it.
type Kernel struct {
	Frequency clock.Ratio   // set by ADJ_FREQUENCY; + speeds the clock up
	Tick      int           // microseconds per tick of 10 ms; 10000 is nominal
	Offset    clock.Seconds // still to be slewed by the kernel's PLL; 0 under Clock
	MaxError  clock.Seconds // grows by 500 ppm until it is told again
	EstError  clock.Seconds
	Status    uint32 // STA_* bits
	State     int    // TIME_OK, TIME_INS, ...: what clock_adjtime returned
	TAIOffset int    // TAI - UTC in seconds; 0 = never told
}

// Speed returns by how much the clock runs faster than its oscillator: frequency and tick together.
func (k Kernel) Speed() clock.Ratio {
	return k.Frequency + clock.Ratio(k.Tick-nominalTick)/nominalTick
}

// Synchronised reports whether STA_UNSYNC is clear.
func (k Kernel) Synchronised() bool { return k.Status&unix.STA_UNSYNC == 0 }

// Leap returns the leap second the kernel was told to make at the end of the UTC day.
func (k Kernel) Leap() clock.Leap {
	switch {
	case k.Status&unix.STA_INS != 0:
		return clock.LeapInsert
	case k.Status&unix.STA_DEL != 0:
		return clock.LeapDelete
	}
	return clock.LeapNone
}

// kernelOf takes over what clock_adjtime wrote into t.
func kernelOf(t *unix.Timex, state int) Kernel {
	unit := microsecond
	if t.Status&unix.STA_NANO != 0 {
		unit = nanosecond
	}
	return Kernel{
		Frequency: ratioOf(int64(t.Freq)),
		Tick:      int(t.Tick),
		Offset:    clock.Seconds(float64(t.Offset) * unit),
		MaxError:  clock.Seconds(float64(t.Maxerror) * microsecond),
		EstError:  clock.Seconds(float64(t.Esterror) * microsecond),
		Status:    uint32(t.Status),
		State:     state,
		TAIOffset: int(t.Tai),
	}
}

// scaled returns y as Timex.Freq: rounded to 2^-16 ppm and clamped to what the kernel takes.
func scaled(y clock.Ratio) (int64, error) {
	if math.IsNaN(float64(y)) {
		return 0, fmt.Errorf("set frequency: %v is no frequency", y)
	}
	y = min(max(y, -MaxFrequency), MaxFrequency)
	return int64(math.Round(float64(y) * scaledPPM)), nil
}

// ratioOf is the inverse of scaled.
func ratioOf(freq int64) clock.Ratio { return clock.Ratio(float64(freq) / scaledPPM) }

// microseconds returns s in whole microseconds, rounded up so that an error bound is never told too small. What is no
// bound (negative, NaN) or more than the kernel tells is MaxError.
func microseconds(s clock.Seconds) int64 {
	if !(s >= 0 && s < MaxError) {
		s = MaxError
	}
	return int64(math.Ceil(float64(s) * 1e6))
}

// assign stores v in a field of unix.Timex, whose fields are 32 or 64 bits wide by architecture.
func assign[T ~int32 | ~int64](field *T, v int64) { *field = T(v) }
