package sysclock

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"timeball/pps/clock"
)

// call is what a test compares of a unix.Timex: the fields that the modes give a meaning to.
type call struct {
	Modes                               uint32
	Freq, Offset, Maxerror, Esterror    int64
	Status                              int32
	Constant, Tick, StepSec, StepNanosc int64
}

// fakeKernel answers like the kernel and records every call that would have changed the clock.
type fakeKernel struct {
	state unix.Timex
	calls []call
	err   error
	mono  int64
}

func (k *fakeKernel) adjust(t *unix.Timex) (int, error) {
	if t.Modes != 0 {
		if k.err != nil {
			return -1, k.err
		}
		k.calls = append(k.calls, call{
			t.Modes, int64(t.Freq), int64(t.Offset), int64(t.Maxerror), int64(t.Esterror),
			t.Status, int64(t.Constant), int64(t.Tick), int64(t.Time.Sec), int64(t.Time.Usec),
		})
	}
	k.apply(t)
	*t = k.state
	return unix.TIME_OK, nil
}

func (k *fakeKernel) apply(t *unix.Timex) {
	if t.Modes == unix.ADJ_OFFSET_SINGLESHOT {
		return
	}
	if t.Modes&unix.ADJ_STATUS != 0 {
		k.state.Status = t.Status
	}
	if t.Modes&unix.ADJ_FREQUENCY != 0 {
		k.state.Freq = t.Freq
	}
	if t.Modes&unix.ADJ_TICK != 0 {
		k.state.Tick = t.Tick
	}
	if t.Modes&unix.ADJ_TAI != 0 {
		k.state.Tai = int32(t.Constant)
	}
}

func (k *fakeKernel) now(id int32) (int64, error) {
	k.mono += 100
	return k.mono, nil
}

// taken returns a Clock that has been taken over already, and its kernel without that call.
func taken(t *testing.T) (*Clock, *fakeKernel) {
	t.Helper()
	k := &fakeKernel{}
	k.state.Tick = nominalTick
	c := newClock(k.adjust, k.now)
	if err := c.takeOver(); err != nil {
		t.Fatal(err)
	}
	k.calls = nil
	return c, k
}

func TestTakeOverEndsOtherLoops(t *testing.T) {
	k := &fakeKernel{}
	k.state.Tick = 10001
	k.state.Status = unix.STA_PLL | unix.STA_FREQHOLD | unix.STA_PPSFREQ | unix.STA_INS
	k.state.Freq = 77
	c := newClock(k.adjust, k.now)
	if _, err := c.Read(); err != nil || len(k.calls) != 0 {
		t.Fatalf("Read changed the clock: %v, %v", k.calls, err)
	}
	if err := c.SetStatus(clock.Status{Synchronised: true, MaxError: 1e-6, EstimatedError: 1e-7}); err != nil {
		t.Fatal(err)
	}
	want := []call{
		{Modes: unix.ADJ_OFFSET_SINGLESHOT},
		{Modes: unix.ADJ_STATUS | unix.ADJ_OFFSET, Status: unix.STA_PLL | unix.STA_UNSYNC},
		{
			Modes:  unix.ADJ_STATUS | unix.ADJ_MAXERROR | unix.ADJ_ESTERROR | unix.ADJ_TICK,
			Status: unix.STA_UNSYNC, Maxerror: 16e6, Esterror: 16e6, Tick: 10000,
		},
		{Modes: unix.ADJ_STATUS | unix.ADJ_MAXERROR | unix.ADJ_ESTERROR, Maxerror: 1, Esterror: 1},
	}
	if diff := cmp.Diff(want, k.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if k.state.Freq != 77 {
		t.Errorf("frequency is %d, want it kept at 77", k.state.Freq)
	}
}

func TestTakeOverLeavesNominalTick(t *testing.T) {
	for _, c := range takeOverCalls(Kernel{Tick: nominalTick}) {
		if c.Modes != unix.ADJ_OFFSET_SINGLESHOT && c.Modes&unix.ADJ_TICK != 0 {
			t.Errorf("modes %#x set the tick", c.Modes)
		}
	}
}

func TestSetFrequency(t *testing.T) {
	tests := []struct {
		name   string
		y      clock.Ratio
		freq   int64
		actual clock.Ratio
	}{
		{"1 ppm", 1e-6, 65536, 1e-6},
		{"rounded to 2^-16 ppm", 1e-11, 1, 1e-6 / 65536},
		{"less than half a unit", 7e-12, 0, 0},
		{"slower", -2.5e-6, -163840, -2.5e-6},
		{"clamped above", 501e-6, 32768000, 500e-6},
		{"clamped below", -1, -32768000, -500e-6},
		{"infinite", clock.Ratio(math.Inf(1)), 32768000, 500e-6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, k := taken(t)
			actual, at, err := c.SetFrequency(tt.y)
			if err != nil || math.Abs(float64(actual-tt.actual)) > 1e-18 {
				t.Errorf("SetFrequency(%v) = %v, %v, want %v", tt.y, actual, err, tt.actual)
			}
			if diff := cmp.Diff([]call{{Modes: unix.ADJ_FREQUENCY, Freq: tt.freq}}, k.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if at != clock.Mono(k.mono) {
				t.Errorf("effective at %d, want the monotonic clock after the call, %d", at, k.mono)
			}
		})
	}
}

func TestSetFrequencyRefusesNaN(t *testing.T) {
	c, k := taken(t)
	if _, _, err := c.SetFrequency(clock.Ratio(math.NaN())); err == nil || len(k.calls) != 0 {
		t.Errorf("SetFrequency(NaN): error %v, calls %v, want an error and no call", err, k.calls)
	}
}

func TestStep(t *testing.T) {
	const modes = unix.ADJ_SETOFFSET | unix.ADJ_NANO | unix.ADJ_STATUS | unix.ADJ_MAXERROR | unix.ADJ_ESTERROR
	tests := []struct {
		name string
		told clock.Status
		by   time.Duration
		want call
	}{
		{
			"forward while unsynchronised",
			clock.Status{MaxError: 16, EstimatedError: 16},
			1500 * time.Millisecond,
			call{Modes: modes, Status: unix.STA_UNSYNC, Maxerror: 16e6, Esterror: 16e6, StepSec: 1, StepNanosc: 500e6},
		},
		{
			"back: whole seconds round down",
			clock.Status{Synchronised: true, MaxError: 2e-6, EstimatedError: 1e-6},
			-1 * time.Microsecond,
			call{Modes: modes, Maxerror: 3, Esterror: 2, StepSec: -1, StepNanosc: 999_999_000},
		},
		{
			"a whole second back, leap pending",
			clock.Status{Synchronised: true, Leap: clock.LeapInsert},
			-time.Second,
			call{Modes: modes, Status: unix.STA_INS, Maxerror: 1e6, Esterror: 1e6, StepSec: -1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, k := taken(t)
			c.told = tt.told
			era, err := c.Step(tt.by)
			if err != nil || era != 1 {
				t.Errorf("Step(%v) = %v, %v, want era 1", tt.by, era, err)
			}
			if diff := cmp.Diff([]call{tt.want}, k.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if r, _ := c.Read(); r.Era != 1 {
				t.Errorf("Read has era %d, want 1", r.Era)
			}
		})
	}
}

func TestSetStatus(t *testing.T) {
	const modes = unix.ADJ_STATUS | unix.ADJ_MAXERROR | unix.ADJ_ESTERROR
	tests := []struct {
		name string
		give clock.Status
		want []call
	}{
		{"errors round up to microseconds", clock.Status{Synchronised: true, MaxError: 1.2e-6, EstimatedError: 4e-8}, []call{
			{Modes: modes, Maxerror: 2, Esterror: 1},
		}},
		{"not a number is the largest error", clock.Status{MaxError: clock.Seconds(math.NaN()), EstimatedError: -1}, []call{
			{Modes: modes, Status: unix.STA_UNSYNC, Maxerror: 16e6, Esterror: 16e6},
		}},
		{"insert", clock.Status{Synchronised: true, Leap: clock.LeapInsert}, []call{{Modes: modes, Status: unix.STA_INS}}},
		{"delete", clock.Status{Synchronised: true, Leap: clock.LeapDelete}, []call{{Modes: modes, Status: unix.STA_DEL}}},
		{"TAI", clock.Status{Synchronised: true, TAIOffset: 37}, []call{
			{Modes: modes}, {Modes: unix.ADJ_TAI, Constant: 37},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, k := taken(t)
			if err := c.SetStatus(tt.give); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, k.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSetStatusTellsTAIOnce(t *testing.T) {
	c, k := taken(t)
	for range 2 {
		if err := c.SetStatus(clock.Status{TAIOffset: 37}); err != nil {
			t.Fatal(err)
		}
	}
	if len(k.calls) != 3 {
		t.Errorf("%d calls, want 3: the offset was known the second time", len(k.calls))
	}
}

func TestNeverUsesKernelLoops(t *testing.T) {
	c, k := taken(t)
	c.SetStatus(clock.Status{Synchronised: true, Leap: clock.LeapDelete})
	c.SetFrequency(1e-6)
	c.Step(time.Second)
	for _, got := range k.calls {
		if got.Status&^ownFlags != 0 {
			t.Errorf("modes %#x set status %#x", got.Modes, got.Status)
		}
	}
}

func TestMissingCapabilityIsNamed(t *testing.T) {
	k := &fakeKernel{err: unix.EPERM}
	c := newClock(k.adjust, k.now)
	_, _, err := c.SetFrequency(1e-6)
	const want = "clock_adjtime: operation not permitted (needs CAP_SYS_TIME)"
	if err == nil || err.Error() != want || !errors.Is(err, unix.EPERM) {
		t.Errorf("SetFrequency: %v, want %s", err, want)
	}
	if era, err := c.Step(time.Second); era != 0 || err == nil {
		t.Errorf("Step = %d, %v, want era 0 and an error", era, err)
	}
	if err := c.SetStatus(clock.Status{}); !errors.Is(err, unix.EPERM) {
		t.Errorf("SetStatus: %v, want EPERM", err)
	}
	k.err = nil
	if _, _, err := c.SetFrequency(1e-6); err != nil || len(k.calls) != 4 {
		t.Errorf("after the error: %v and %d calls, want the clock taken over by 4", err, len(k.calls))
	}
}

func TestRefusedStepKeepsEra(t *testing.T) {
	c, k := taken(t)
	k.err = unix.EINVAL
	if era, err := c.Step(time.Hour); era != 0 || !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "1h0m0s") {
		t.Errorf("Step = %d, %v, want era 0 and EINVAL with the step in words", era, err)
	}
}

func TestInterference(t *testing.T) {
	tests := []struct {
		name   string
		change func(*unix.Timex)
		want   string
	}{
		{"none", func(*unix.Timex) {}, ""},
		{"STA_UNSYNC by age", func(k *unix.Timex) { k.Status |= unix.STA_UNSYNC }, ""},
		{"kernel's own flags", func(k *unix.Timex) { k.Status |= unix.STA_NANO | unix.STA_PPSSIGNAL }, ""},
		{"PLL", func(k *unix.Timex) { k.Status |= unix.STA_PLL }, "own loop"},
		{"tick", func(k *unix.Timex) { k.Tick = 9999 }, "tick to 9999"},
		{"frequency", func(k *unix.Timex) { k.Freq++ }, "from +1.000000 to +1.000015 ppm"},
		{"leap", func(k *unix.Timex) { k.Status |= unix.STA_INS }, "from none to insert"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, k := taken(t)
			c.SetFrequency(1e-6)
			c.SetStatus(clock.Status{Synchronised: true})
			tt.change(&k.state)
			got, err := c.Interference()
			if err != nil || !strings.Contains(got, tt.want) || (tt.want == "") != (got == "") {
				t.Errorf("Interference() = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestMonitorChangesNothing(t *testing.T) {
	k := &fakeKernel{}
	k.state.Freq, k.state.Tick = 65536, 10001
	m := &Monitor{reader: reader{now: k.now}, adjust: k.adjust}
	actual, _, err := m.SetFrequency(5e-6)
	if want := clock.Ratio(101e-6); err != nil || math.Abs(float64(actual-want)) > 1e-15 {
		t.Errorf("SetFrequency = %v, %v, want what the kernel has, %v", actual, err, want)
	}
	if _, err := m.Step(time.Second); !errors.Is(err, ErrMonitor) {
		t.Errorf("Step: %v, want ErrMonitor", err)
	}
	if err := m.SetStatus(clock.Status{Synchronised: true}); err != nil {
		t.Errorf("SetStatus: %v", err)
	}
	if len(k.calls) != 0 {
		t.Errorf("calls that change the clock: %v", k.calls)
	}
}

func TestKernelReadsUnits(t *testing.T) {
	k := &fakeKernel{}
	k.state = unix.Timex{Status: unix.STA_NANO | unix.STA_DEL, Tai: 37, Tick: 10000}
	assign(&k.state.Freq, -65536)
	assign(&k.state.Offset, 1500)
	assign(&k.state.Maxerror, 3)
	assign(&k.state.Esterror, 2)
	got, err := newClock(k.adjust, k.now).Kernel()
	if err != nil {
		t.Fatal(err)
	}
	got.Offset, got.MaxError, got.EstError = round(got.Offset), round(got.MaxError), round(got.EstError)
	want := Kernel{
		Frequency: -1e-6, Tick: 10000, Offset: 1.5e-6, MaxError: 3e-6, EstError: 2e-6,
		Status: unix.STA_NANO | unix.STA_DEL, TAIOffset: 37,
	}
	if got != want {
		t.Errorf("Kernel() = %+v, want %+v", got, want)
	}
	if !got.Synchronised() || got.Leap() != clock.LeapDelete {
		t.Errorf("synchronised %v, leap %v, want true, delete", got.Synchronised(), got.Leap())
	}
}

// round returns s to the nanosecond, as the constant of the same decimal digits has it.
func round(s clock.Seconds) clock.Seconds {
	return clock.Seconds(math.Round(float64(s)*1e9) / 1e9)
}

// The one test that asks the real kernel: modes 0 reads and needs no capability.
func TestKernelOfThisMachine(t *testing.T) {
	readOnly := func(t *unix.Timex) (int, error) {
		if t.Modes != 0 {
			panic("a test may not change the clock of the machine it runs on")
		}
		return clockAdjtime(t)
	}
	c := newClock(readOnly, gettime)
	k, err := c.Kernel()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		t.Logf("not to be read here: %v", err)
	} else if err != nil || k.Tick < 9000 || k.Tick > 11000 {
		t.Errorf("Kernel() = %+v, %v, want a tick within what the kernel allows", k, err)
	}
	a, err := c.Read()
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Read()
	if err != nil {
		t.Fatal(err)
	}
	// Before the first suspend the two are equal; 1 us covers what the brackets leave.
	if b.Mono <= a.Mono || b.Boot < clock.Boot(b.Mono)-1000 {
		t.Errorf("readings %+v then %+v: want a growing monotonic clock, not ahead of the boot time", a, b)
	}
}
