//go:build linux && arm64

package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// count reads the virtual counter, which is the board's oscillator. A system call for the time takes ten times as long.
func count() int64

// frequency returns how many counts make a second.
func frequency() int64

// nanosPerCount is what a count lasts on QEMU's virt machine, 62.5 MHz. Nothing here has been tried with another one.
const nanosPerCount = 16

func checkFrequency() error {
	if f := frequency(); f*nanosPerCount != int64(time.Second) {
		return fmt.Errorf("the counter runs at %d Hz, not at 62.5 MHz", f)
	}
	return nil
}

// spin is how long before an instant the counter is watched without sleeping: longer than waking takes.
const spin = 40 * time.Microsecond

// sleepTo sleeps until the counter has reached c, and some microseconds more.
func sleepTo(c int64) {
	for left := (c - count()) * nanosPerCount; left > 0; left = (c - count()) * nanosPerCount {
		ts := unix.NsecToTimespec(left)
		_ = unix.Nanosleep(&ts, nil) // whatever wakes us, the counter is looked at again
	}
}

// waitFor returns when the counter has reached c; late says that it had before.
func waitFor(c int64) (late bool) {
	if count() >= c {
		return true
	}
	for count() < c {
	}
	return false
}
