package timeball_test

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestTestsCannotSetTheClock holds that the tests of a whole run have no capability to set the clock of the machine that runs
// them. A single package tested by hand has what its user has.
func TestTestsCannotSetTheClock(t *testing.T) {
	const capSysTime = 25 // include/uapi/linux/capability.h
	if os.Getenv("TIMEBALL_TEST_TIMELESS") == "" {
		t.Log("not run by .ci/test")
		return
	}
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if name != "CapEff" && name != "CapBnd" {
			continue
		}
		if set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64); err != nil || set&(1<<capSysTime) != 0 {
			t.Errorf("%s %s: CAP_SYS_TIME is in it (%v)", name, value, err)
		}
	}
}
