//go:build linux && arm64

package main

import (
	"time"

	"golang.org/x/sys/unix"

	"timeball/cmd/internal/e2e/precision"
	"timeball/pps/clock"
	"timeball/pps/sysclock"
)

// steering is a clock under pps/sysclock, and what it should show.
type steering struct {
	clock *sysclock.Clock
	say   func(precision.Line)
	took  clock.Ratio
}

// steer does all that the daemon's loop does to the clock, further than the loop would go.
func steer(s precision.Scenario, say func(precision.Line)) error {
	begin := unix.NsecToTimespec(int64(s.Start))
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &begin); err != nil {
		return err
	}
	d := &steering{clock: sysclock.New(), say: say}
	for _, y := range []clock.Ratio{0, 1e-6, -200e-6, 0, 200e-6, 10.3e-6, 500e-6, -500e-6, 12.34567e-6, 12.34568e-6} {
		if err := d.turn(y); err != nil {
			return err
		}
	}
	good := clock.Status{Synchronised: true, MaxError: 2e-6, EstimatedError: 1e-6, TAIOffset: 37}
	leap := good
	leap.Leap = clock.LeapInsert
	for _, t := range []struct {
		what string
		do   func() error
	}{
		{"synchronised", func() error { return d.clock.SetStatus(good) }},
		{"step of 1.5 s", d.step(1500 * time.Millisecond)},
		{"step of -1 us", d.step(-time.Microsecond)},
		{"leap second", func() error { return d.clock.SetStatus(leap) }},
		{"step of 250 ns before the leap second", d.step(250 * time.Nanosecond)},
		{"no leap second", func() error { return d.clock.SetStatus(good) }},
		{"unsynchronised", func() error { return d.clock.SetStatus(clock.Status{MaxError: 16, EstimatedError: 16}) }},
	} {
		if err := d.tell(t.what, t.do); err != nil {
			return err
		}
	}
	return nil
}

func (d *steering) step(by time.Duration) func() error {
	return func() error {
		_, err := d.clock.Step(by)
		return err
	}
}

const (
	settle = 10 * time.Millisecond
	long   = 2 * time.Second
)

// turn sets a frequency and measures what becomes of it, at once and in the following seconds.
func (d *steering) turn(y clock.Ratio) error {
	before := d.took
	c0, r0, _ := bracket()
	took, _, err := d.clock.SetFrequency(y)
	called := count()
	if err != nil {
		return err
	}
	d.took = took
	time.Sleep(settle)
	c1, r1, _ := bracket()
	expected := seconds(called-c0)*(1+float64(before)) + seconds(c1-called)*(1+float64(took))
	jump := float64(r1.Sub(r0)) - expected
	for range 3 {
		time.Sleep(long)
		c2, r2, _ := bracket()
		d.say(precision.Line{Turn: &precision.Turn{
			Set: float64(y), Took: float64(took), Measured: float64(r2-r1)/float64((c2-c1)*nanosPerCount) - 1,
			Over: seconds(c2 - c1), After: seconds(c1 - called), Jump: jump,
		}})
		c1, r1 = c2, r2
	}
	return nil
}

// tell tells the kernel something and reports what it says then.
func (d *steering) tell(what string, do func() error) error {
	c0, r0, _ := bracket()
	if err := do(); err != nil {
		return err
	}
	c1, r1, _ := bracket()
	k, err := sysclock.NewMonitor().Kernel()
	if err != nil {
		return err
	}
	now, err := d.clock.Read()
	if err != nil {
		return err
	}
	d.say(precision.Line{Told: &precision.Told{
		What: what, Moved: float64(r1.Sub(r0)) - seconds(c1-c0)*(1+float64(d.took)),
		Status: k.Status, State: k.State, MaxError: float64(k.MaxError), EstError: float64(k.EstError),
		TAI: k.TAIOffset, Ratio: float64(k.Frequency), Era: uint32(now.Era),
	}})
	return nil
}

func seconds(counts int64) float64 { return float64(counts*nanosPerCount) * 1e-9 }
