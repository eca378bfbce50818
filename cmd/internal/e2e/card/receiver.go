package card

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"timeball/board/sim"
	"timeball/gnss/timescale"
)

// Receiver is a simulated receiver, whose serial line and pulse are connected to a Unit. It knows the time of the machine
// that the test runs on.
type Receiver struct {
	t     testing.TB
	dev   *sim.Device
	line  net.Conn
	gpio  net.Conn
	path  string // of the GPIO chip
	fix   atomic.Bool
	wired atomic.Bool // the pulse's wire
	mu    sync.Mutex  // of dev
	late  atomic.Int64
}

// baud is the receiver's rate. The emulated line has none: the unit hears it at whatever rate it tries first, and takes that
// for the line's. At this one a second's messages are over long before the next pulse, whatever it believes.
const baud = 115200

// burstDelay is how long after the pulse the receiver begins to speak: far from either pulse, for on a busy machine bytes and
// pulses come late.
const burstDelay = 250 * time.Millisecond

// Connect connects a receiver of that kind, with a fix, that speaks its binary protocol where it has one and so knows of UTC, to a unit until the test ends or the unit's power goes.
func Connect(u *Unit, kind sim.Kind) *Receiver {
	u.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &Receiver{t: u.t, path: u.gpio(ctx)}
	r.dev = sim.NewDevice(sim.DeviceConfig{Kind: kind, Seed: 1, Baud: baud, Delay: burstDelay, Binary: true})
	r.line, r.gpio = u.dial(ctx, "gnss"), u.dial(ctx, "qtest")
	r.fix.Store(true)
	r.wired.Store(true)
	// Both need little time, but that at once. Not at real-time priority: a guest that is busy would stop everything else here.
	emulator := u.cmd.Process.Pid
	if err := errors.Join(preferSession(emulator), prefer(emulator), prefer(os.Getpid())); err != nil {
		u.t.Logf("emulator and receiver wait their turn: %v", err)
	}
	var parts sync.WaitGroup
	parts.Go(func() { r.speak(ctx) })
	parts.Go(r.listen)
	parts.Go(r.drain)
	parts.Go(func() { r.pulse(ctx) })
	u.t.Cleanup(func() {
		cancel()
		r.line.Close()
		r.gpio.Close()
		parts.Wait()
		u.t.Logf("the latest pulse was %v late when it was handed to the emulator", time.Duration(r.late.Load()))
	})
	return r
}

// Antenna plugs the antenna in or takes it out: no fix, no pulse.
func (r *Receiver) Antenna(in bool) { r.fix.Store(in) }

// Wire connects the pulse's wire or breaks it.
func (r *Receiver) Wire(connected bool) { r.wired.Store(connected) }

func now() timescale.UTC { return timescale.UTC(time.Now().UnixNano()) }

// speak lets the receiver say what it has to say of every second, and puts it on the line as the baud rate allows. The
// receiver is asked at the very instants it gives: both ends of the emulated line have the same rate.
func (r *Receiver) speak(ctx context.Context) {
	tick := time.NewTicker(4 * time.Millisecond)
	defer tick.Stop()
	const second = timescale.UTC(time.Second)
	next := (now()/second+1)*second + timescale.UTC(burstDelay)
	for ctx.Err() == nil {
		<-tick.C
		at := now()
		r.mu.Lock()
		if at >= next {
			r.dev.Speak(at, sim.Ordinary(at/second*second, r.fix.Load()))
			next = (at/second+1)*second + timescale.UTC(burstDelay)
		}
		var said []byte
		for _, b := range r.dev.Read(at, r.dev.Baud()) {
			said = append(said, b.Value)
		}
		r.mu.Unlock()
		if len(said) > 0 {
			if _, err := r.line.Write(said); err != nil {
				return // the power is off
			}
		}
	}
}

// listen gives the receiver what the unit says to it.
func (r *Receiver) listen() {
	buf := make([]byte, 256)
	for {
		n, err := r.line.Read(buf)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.dev.Write(now(), r.dev.Baud(), buf[:n])
		r.mu.Unlock()
	}
}

// pulse raises the line at every full second while there is a fix, and lowers it again. It has a thread of its own, which
// nothing but the kernel wakes: a pulse is as good as that is punctual.
func (r *Receiver) pulse(ctx context.Context) {
	runtime.LockOSThread() // and never unlocked: the thread ends with its priority
	if err := hurryThread(); err != nil {
		r.t.Logf("no real-time priority for the pulse: %v", err)
	}
	set := func(level int) bool {
		_, err := fmt.Fprintf(r.gpio, "set_irq_in %s unnamed-gpio-in %d %d\n", r.path, PulseLine, level)
		return err == nil
	}
	for ctx.Err() == nil {
		second := time.Now().Truncate(time.Second).Add(time.Second)
		until(second)
		if !r.fix.Load() || !r.wired.Load() {
			continue
		}
		r.late.Store(max(r.late.Load(), int64(time.Since(second))))
		if !set(1) {
			return // the power is off
		}
		until(second.Add(100 * time.Millisecond))
		if !set(0) {
			return
		}
	}
}

// drain takes what QEMU answers to the pulse's commands.
func (r *Receiver) drain() {
	answers := bufio.NewScanner(r.gpio)
	for answers.Scan() {
		if !strings.HasPrefix(answers.Text(), "OK") {
			r.t.Errorf("QEMU on set_irq_in: %q", answers.Text())
			return
		}
	}
}

// until waits for an instant of the wall clock.
func until(at time.Time) {
	for {
		left := time.Until(at)
		if left <= 0 {
			return
		}
		ts := unix.NsecToTimespec(int64(left))
		_ = unix.Nanosleep(&ts, nil) // interrupted, it goes on
	}
}

// preferred is the nice value of what has to be punctual.
const preferred = -10

// preferSession gives a process that leads a session, which shares with other sessions alike whatever nice values are in it
// (sched(7), "The autogroup feature"), more of the processors than those get, where that is allowed.
func preferSession(leader int) error {
	err := os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", leader), strconv.AppendInt(nil, preferred, 10), 0)
	if errors.Is(err, fs.ErrNotExist) { // this kernel has no such groups
		return nil
	}
	return err
}

// prefer gives all threads of a process more of the processors than others of its session get, where that is allowed.
func prefer(pid int) error {
	return ofThreads(pid, func(tid int) error { return unix.Setpriority(unix.PRIO_PROCESS, tid, preferred) })
}

// ofThreads does something to all threads of a process; some may have ended.
func ofThreads(pid int, do func(tid int) error) error {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, thread := range threads {
		tid, convErr := strconv.Atoi(thread.Name())
		if err = errors.Join(err, convErr); convErr != nil {
			continue
		}
		if e := do(tid); !errors.Is(e, unix.ESRCH) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// hurryThread gives the caller's thread a real-time priority, where that is allowed. What it starts is as usual.
func hurryThread() error {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Flags: unix.SCHED_FLAG_RESET_ON_FORK, Priority: 10}
	return unix.SchedSetAttr(0, &attr, 0)
}

// Be lets the unit have its receiver for a while.
func (r *Receiver) Be(d time.Duration) { until(time.Now().Add(d)) }
