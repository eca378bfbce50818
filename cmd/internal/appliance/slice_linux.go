package appliance

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// slice is how long a thread of the process that keeps the clock runs before it has to let others, in ns: the shortest there
// is. What has to wait for a core waits less the shorter its slice is, and since Linux 6.12 it need not wait for the end of a
// longer one (PREEMPT_SHORT): an edge is not kept waiting by a flood of requests that has the core. It takes no privilege
// and, unlike real-time priority, nothing from anyone: the share of the core stays as it is.
const slice = 100_000

// ShortSlices gives every thread of this process short slices, and so all that they will make. Older kernels take the
// setting and do nothing.
func ShortSlices() error {
	done := map[int]bool{}
	for range 10 { // until there are none that another made meanwhile
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
			if err := shortSlice(tid); err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
				return err
			}
		}
		if !found {
			break
		}
	}
	return nil
}

// shortSlice is ShortSlices for one thread. One of a real-time policy is left as it is.
func shortSlice(tid int) error {
	a, err := unix.SchedGetAttr(tid, 0)
	if err != nil {
		return os.NewSyscallError("sched_getattr", err)
	}
	if a.Policy != unix.SCHED_NORMAL {
		return nil
	}
	a.Runtime = slice
	return os.NewSyscallError("sched_setattr", unix.SchedSetAttr(tid, a, 0))
}
