package roles

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// realTimePriority is below that of the kernel's interrupt threads, 50: what they bring has to come in first.
const realTimePriority = 20

// RealTime makes this process one that is not kept waiting: its memory is not paged out, its threads run before all
// others (SCHED_FIFO) and, where there are more than two cores, on the last two of them alone.
//
// The kernel stamps a pulse in the interrupt, so that none of this makes a stamp better. But the loop's steering should be in
// force within milliseconds, and a polled pulse has to be waited for at the right time: beside the heap of a web server in
// one process a thread was late by 4 to 6 ms at p99.9, in a process of its own by 0.7 to 1.2. Pages are locked when they are
// first touched (MCL_ONFAULT): Go maps far more than it uses. What could not be done is in the error; the rest has been.
func RealTime() error {
	lock := os.NewSyscallError("mlockall", unix.Mlockall(unix.MCL_CURRENT|unix.MCL_FUTURE|unix.MCL_ONFAULT))
	cores := lastCores(runtime.NumCPU())
	return errors.Join(lock, eachThread(func(tid int) error {
		attributes := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: realTimePriority, Flags: unix.SCHED_FLAG_RESET_ON_FORK}
		policy := os.NewSyscallError("sched_setattr", unix.SchedSetAttr(tid, &attributes, 0))
		if cores == nil {
			return policy
		}
		return errors.Join(policy, os.NewSyscallError("sched_setaffinity", unix.SchedSetaffinity(tid, cores)))
	}))
}

// lastCores returns the last two of n cores, nil where others would have none to themselves.
func lastCores(n int) *unix.CPUSet {
	if n < 3 {
		return nil
	}
	var set unix.CPUSet
	set.Set(n - 1)
	set.Set(n - 2)
	return &set
}

// eachThread does something to all threads of this process. Those made meanwhile are of the ones that it has been done to, or
// are found in the next round.
func eachThread(do func(tid int) error) error {
	done := map[int]bool{}
	for range 10 {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("threads: %w", err)
		}
		found := false
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil || done[tid] {
				continue
			}
			found, done[tid] = true, true
			if err := do(tid); err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
				return err
			}
		}
		if !found {
			return nil
		}
	}
	return errors.New("threads: new ones appear without end")
}
