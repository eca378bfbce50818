package sysclock

import (
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"timeball/pps/clock"
	"timeball/pps/discipline"
)

// ErrMonitor is what a Monitor answers when it is asked to step.
var ErrMonitor = errors.New("monitor only: the clock is not steered")

// adjustFunc is clock_adjtime(CLOCK_REALTIME, t): it may change the clock, so tests pass one of their own.
type adjustFunc func(t *unix.Timex) (state int, err error)

// Clock steers CLOCK_REALTIME. It has one user at a time.
type Clock struct {
	reader
	adjust adjustFunc

	taken bool         // the clock is ours since the first call that steers
	told  clock.Status // by the last SetStatus
	freq  int64        // Timex.Freq as the kernel took it
	last  Kernel       // as returned by the last call
}

// Monitor looks at the kernel's clock and never changes it. It has one user at a time.
type Monitor struct {
	reader
	adjust adjustFunc
}

var (
	_ discipline.Clock = (*Clock)(nil)
	_ discipline.Clock = (*Monitor)(nil)
)

// New returns the machine's clock, to be steered. It changes nothing yet; see the package comment.
func New() *Clock { return newClock(clockAdjtime, gettime) }

// NewMonitor returns the machine's clock, to be looked at only.
func NewMonitor() *Monitor {
	return &Monitor{reader: reader{now: gettime}, adjust: clockAdjtime}
}

func newClock(adjust adjustFunc, now func(int32) (int64, error)) *Clock {
	return &Clock{reader: reader{now: now}, adjust: adjust}
}

// SetFrequency makes the clock run faster by y than its oscillator; y is clamped to MaxFrequency. It returns the
// frequency the kernel took, a multiple of 2^-16 ppm, and CLOCK_MONOTONIC read right after the call.
//
// Most kernels since Linux 4.19 change the rate within the call, all others at the next timer tick (4 ms at 250 Hz): the
// rate changed between the beginning of the call and one tick after the returned instant.
func (c *Clock) SetFrequency(y clock.Ratio) (clock.Ratio, clock.Mono, error) {
	freq, err := scaled(y)
	if err != nil {
		return 0, 0, err
	}
	if err := c.takeOver(); err != nil {
		return 0, 0, err
	}
	t := unix.Timex{Modes: unix.ADJ_FREQUENCY}
	assign(&t.Freq, freq)
	if err := c.call(&t); err != nil {
		return 0, 0, err
	}
	c.freq = int64(t.Freq)
	at, err := c.now(unix.CLOCK_MONOTONIC)
	if err != nil {
		return 0, 0, fmt.Errorf("clock_gettime: %w", err)
	}
	return ratioOf(c.freq), clock.Mono(at), nil
}

// Step adds by to CLOCK_REALTIME and begins a new Era, which it returns.
//
// ADJ_SETOFFSET makes the kernel forget its NTP state, so the same call tells it again what the last SetStatus said,
// with the maximum error widened by the step: a true bound before the step is a true one after it.
func (c *Clock) Step(by time.Duration) (clock.Era, error) {
	t := unix.Timex{Modes: unix.ADJ_SETOFFSET | unix.ADJ_NANO | unix.ADJ_STATUS | unix.ADJ_MAXERROR | unix.ADJ_ESTERROR}
	if err := stepOf(&t.Time, by); err != nil {
		return c.era, err
	}
	if err := c.takeOver(); err != nil {
		return c.era, err
	}
	after := c.told
	after.MaxError += clock.Seconds(by.Abs().Seconds())
	after.EstimatedError += clock.Seconds(by.Abs().Seconds())
	statusOf(&t, after)
	if err := c.call(&t); err != nil {
		return c.era, fmt.Errorf("step of %v: %w", by, err)
	}
	c.stepped()
	return c.era, nil
}

// SetStatus tells the kernel how good its clock is. The kernel lets the maximum error grow by 500 ppm and sets
// STA_UNSYNC when it passes 16 s: to be repeated at least once an hour, better every second. A TAIOffset other than 0 is
// sent when the kernel has another one; the kernel moves its own at a leap second, and telling the old one after that
// puts it back. A Leap stays told until LeapNone follows it, also after the leap second.
func (c *Clock) SetStatus(s clock.Status) error {
	if err := c.takeOver(); err != nil {
		return err
	}
	t := unix.Timex{Modes: unix.ADJ_STATUS | unix.ADJ_MAXERROR | unix.ADJ_ESTERROR}
	statusOf(&t, s)
	if err := c.call(&t); err != nil {
		return err
	}
	c.told = s
	if s.TAIOffset == 0 || s.TAIOffset == c.last.TAIOffset {
		return nil
	}
	// Constant is the time constant of the PLL in other modes: a call of its own keeps the two meanings apart.
	t = unix.Timex{Modes: unix.ADJ_TAI}
	assign(&t.Constant, int64(s.TAIOffset))
	return c.call(&t)
}

// Kernel returns what the kernel says of its clock, without changing it.
func (c *Clock) Kernel() (Kernel, error) { return readKernel(c.adjust) }

// Interference returns in plain words what another program has changed since our last call, or "". It knows nothing of
// steps: those show in Read as a changed Real - Mono.
func (c *Clock) Interference() (string, error) {
	k, err := c.Kernel()
	if err != nil || !c.taken {
		return "", err
	}
	switch {
	case k.Status&^(ownFlags|readOnlyFlags) != 0:
		return fmt.Sprintf("another program uses the kernel's own loop: status %#x", k.Status), nil
	case k.Tick != nominalTick:
		return fmt.Sprintf("another program changed the tick to %d us", k.Tick), nil
	case int64(math.Round(float64(k.Frequency)*scaledPPM)) != c.freq:
		return fmt.Sprintf("another program changed the frequency from %+.6f to %+.6f ppm",
			float64(ratioOf(c.freq))*1e6, float64(k.Frequency)*1e6), nil
	case k.Leap() != c.told.Leap:
		return fmt.Sprintf("another program changed the pending leap second from %v to %v", c.told.Leap, k.Leap()), nil
	}
	return "", nil
}

// takeOver makes the clock ours before the first call that steers it.
func (c *Clock) takeOver() error {
	if c.taken {
		return nil
	}
	k, err := c.Kernel()
	if err != nil {
		return err
	}
	for _, t := range takeOverCalls(k) {
		if err := c.call(&t); err != nil {
			return err
		}
		c.freq = int64(t.Freq)
	}
	c.told = clock.Status{MaxError: MaxError, EstimatedError: MaxError}
	c.taken = true
	return nil
}

// takeOverCalls returns the calls that end whatever else moves the clock described by k.
//
// The PLL's offset goes on being slewed after STA_PLL is cleared and ADJ_OFFSET is ignored without it: it has to be set
// to zero with the flag and the flag cleared afterwards. The frequency is left alone by an offset of zero.
func takeOverCalls(k Kernel) []unix.Timex {
	adjtime := unix.Timex{Modes: unix.ADJ_OFFSET_SINGLESHOT} // an offset of 0 cancels adjtime(3)
	pll := unix.Timex{Modes: unix.ADJ_STATUS | unix.ADJ_OFFSET, Status: unix.STA_PLL | unix.STA_UNSYNC}
	own := unix.Timex{Modes: unix.ADJ_STATUS | unix.ADJ_MAXERROR | unix.ADJ_ESTERROR}
	statusOf(&own, clock.Status{MaxError: MaxError, EstimatedError: MaxError})
	if k.Tick != nominalTick {
		own.Modes |= unix.ADJ_TICK
		assign(&own.Tick, nominalTick)
	}
	return []unix.Timex{adjtime, pll, own}
}

// call makes one clock_adjtime call and remembers what the kernel answered.
func (c *Clock) call(t *unix.Timex) error {
	state, err := c.adjust(t)
	if err != nil {
		return adjustError(err)
	}
	c.last = kernelOf(t, state)
	return nil
}

// SetFrequency changes nothing: it returns the frequency the kernel has and CLOCK_MONOTONIC now.
func (m *Monitor) SetFrequency(clock.Ratio) (clock.Ratio, clock.Mono, error) {
	k, err := m.Kernel()
	if err != nil {
		return 0, 0, err
	}
	at, err := m.now(unix.CLOCK_MONOTONIC)
	if err != nil {
		return 0, 0, fmt.Errorf("clock_gettime: %w", err)
	}
	return k.Speed(), clock.Mono(at), nil
}

// Step changes nothing and returns ErrMonitor.
func (m *Monitor) Step(by time.Duration) (clock.Era, error) {
	return m.era, fmt.Errorf("step of %v: %w", by, ErrMonitor)
}

// SetStatus changes nothing: what a monitor thinks of the clock is not the kernel's concern.
func (m *Monitor) SetStatus(clock.Status) error { return nil }

// Kernel returns what the kernel says of its clock.
func (m *Monitor) Kernel() (Kernel, error) { return readKernel(m.adjust) }

// readKernel reads the state with modes 0, which changes nothing and needs no capability.
func readKernel(adjust adjustFunc) (Kernel, error) {
	var t unix.Timex
	state, err := adjust(&t)
	if err != nil {
		return Kernel{}, adjustError(err)
	}
	return kernelOf(&t, state), nil
}

// statusOf fills in status, maximum and estimated error.
func statusOf(t *unix.Timex, s clock.Status) {
	if !s.Synchronised {
		t.Status |= unix.STA_UNSYNC
	}
	switch s.Leap {
	case clock.LeapInsert:
		t.Status |= unix.STA_INS
	case clock.LeapDelete:
		t.Status |= unix.STA_DEL
	}
	assign(&t.Maxerror, microseconds(s.MaxError))
	assign(&t.Esterror, microseconds(s.EstimatedError))
}

// stepOf stores by as the kernel wants it with ADJ_NANO: whole seconds rounded down and nanoseconds in Usec.
func stepOf(tv *unix.Timeval, by time.Duration) error {
	sec, nsec := int64(by/time.Second), int64(by%time.Second)
	if nsec < 0 {
		sec, nsec = sec-1, nsec+int64(time.Second)
	}
	assign(&tv.Sec, sec)
	assign(&tv.Usec, nsec)
	if int64(tv.Sec) != sec {
		return fmt.Errorf("step of %v: more than this architecture's seconds hold", by)
	}
	return nil
}

// adjustError names the call and, where it is missing, the capability.
func adjustError(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("clock_adjtime: %w (needs CAP_SYS_TIME)", err)
	}
	return fmt.Errorf("clock_adjtime: %w", err)
}

func clockAdjtime(t *unix.Timex) (int, error) { return unix.ClockAdjtime(unix.CLOCK_REALTIME, t) }
