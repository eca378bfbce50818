//go:build linux && arm64

// Command guest is the first process of the machine of package precision: it makes the machine a board with a receiver,
// starts the daemon on it, and reports once a second how far its clock is off. When it has played its Scenario it switches
// the machine off.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"timeball/cmd/internal/e2e/precision"
)

func main() {
	if os.Getpid() != 1 { // it sets a clock and switches off
		fmt.Fprintln(os.Stderr, "guest: it is the first process of an emulated machine and nothing else")
		os.Exit(1)
	}
	runtime.GOMAXPROCS(4)           // one processor, but a thread in a system call is not to hold up the others
	debug.SetGCPercent(-1)          // a collection would hold up pulses
	debug.SetMemoryLimit(256 << 20) // until there is no other way
	say := newReporter(os.Stdout)
	ended := "as planned"
	if err := run(say); err != nil {
		ended = err.Error()
	}
	say(precision.Line{Ended: ended})
	time.Sleep(100 * time.Millisecond) // for the console
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// newReporter returns a function that writes lines, for any goroutine.
func newReporter(f *os.File) func(precision.Line) {
	var mu sync.Mutex
	e := json.NewEncoder(f)
	return func(l precision.Line) {
		mu.Lock()
		defer mu.Unlock()
		_ = e.Encode(l) // there is no one else to tell
	}
}

func run(say func(precision.Line)) error {
	if err := errors.Join(mounts(), loopback(), checkFrequency()); err != nil {
		return err
	}
	var s precision.Scenario
	b, err := os.ReadFile(precision.ScenarioFile)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if s.Steer {
		return steer(s, say)
	}
	if err := loadModules(s.Modules); err != nil {
		return err
	}
	line, err := openLine(s.PulseLine)
	if err != nil {
		return err
	}
	receiver, err := openReceiver()
	if err != nil {
		return err
	}
	begin := unix.NsecToTimespec(int64(s.Start) + int64(s.E0))
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &begin); err != nil {
		return fmt.Errorf("set the guest's clock: %w", err)
	}
	p, err := newPlayer(s, line, receiver)
	if err != nil {
		return err
	}
	played := make(chan error, 1)
	go func() { played <- p.play(s.For) }()
	if s.Witness != 0 {
		if err := serveTruth(p, s); err != nil {
			return err
		}
	}
	died, err := startDaemon(s.Daemon, say)
	if err != nil {
		return err
	}
	flood := &flood{Flood: s.Flood}
	go watch(p, s, say)
	go ask(p, s, say)
	go flood.run()
	select {
	case err = <-played:
	case err = <-died:
	}
	say(precision.Line{Late: p.late, Sent: flood.sent.Load()})
	return err
}
