package roles

import (
	"errors"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// realTimePriority is below that of the kernel's interrupt threads, 50: what they bring has to come in first.
const realTimePriority = 20

// enoughCores is from how many cores on a thread may have one before all others.
const enoughCores = 3

// LockMemory keeps the memory of this process from being paged out: a pulse or a turn of the loop is not to wait for the card.
// Pages are locked when they are first touched (MCL_ONFAULT): Go maps far more than it uses.
func LockMemory() error {
	return os.NewSyscallError("mlockall", unix.Mlockall(unix.MCL_CURRENT|unix.MCL_FUTURE|unix.MCL_ONFAULT))
}

// RealTimeThread ties the calling goroutine to its thread for good, and has that run before all others (SCHED_FIFO) on the
// last core; what it starts does not inherit that. With less than three cores it does nothing.
//
// It is for the thread that steers, or that waits for a polled pulse, and for that alone: in a process of its own such a
// thread was late by 0.7 to 1.2 ms at p99.9, beside the heap of a web server by 4 to 6. Threads of Go wait for one another by
// spinning; if all of them had this priority, or the only core, one that spins could keep the one that it waits for from
// running for ever. The kernel stamps a pulse in the interrupt, so that none of this makes a stamp better.
func RealTimeThread() error {
	cores := runtime.NumCPU()
	if cores < enoughCores {
		return nil
	}
	return realTimeOn(cores - 1)
}

// realTimeOn is RealTimeThread on a core.
func realTimeOn(core int) error {
	runtime.LockOSThread()
	var last unix.CPUSet
	last.Set(core)
	policy := unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: realTimePriority, Flags: unix.SCHED_FLAG_RESET_ON_FORK,
	}
	return errors.Join(os.NewSyscallError("sched_setaffinity", unix.SchedSetaffinity(0, &last)),
		os.NewSyscallError("sched_setattr", unix.SchedSetAttr(0, &policy, 0)))
}
