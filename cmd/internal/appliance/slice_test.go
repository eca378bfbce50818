package appliance

import (
	"os"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// Every thread, and those that it makes.
func TestThreadsHaveShortSlices(t *testing.T) {
	if err := ShortSlices(); err != nil {
		t.Fatal(err)
	}
	// More threads than there are places, so that there have to be new ones.
	hold, held := make(chan struct{}), make(chan int)
	for range 2*runtime.GOMAXPROCS(0) + 4 {
		go func() {
			runtime.LockOSThread()
			held <- unix.Gettid()
			<-hold
		}()
	}
	for range 2*runtime.GOMAXPROCS(0) + 4 {
		<-held
	}
	defer close(hold)
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			t.Fatal(err)
		}
		a, err := unix.SchedGetAttr(tid, 0)
		if err != nil {
			continue // it has ended
		}
		if a.Policy != unix.SCHED_NORMAL || a.Runtime != slice && a.Runtime != 0 { // a kernel before 6.12 says 0
			t.Errorf("thread %d: policy %d, slice %d ns", tid, a.Policy, a.Runtime)
		}
	}
}
