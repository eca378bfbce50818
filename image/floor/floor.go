// Package floor says to which second process 1 sets the kernel's clock before anything else runs.
//
// A board without a battery starts in 1970, one with a wrong battery anywhere. No second before the program was built, or
// before the last one the unit was certain of, can be now. So that certificates, logs and leases have a plausible date, a
// clock that is earlier is set forward to the later of the two. It is never trusted for that, and never set back: which second
// it really is only the receiver and its witnesses tell.
package floor

import (
	"fmt"
	"time"
)

// longest is how long a card may have lain unused: 1024 weeks, after which a receiver's date is ambiguous anyway. A saved
// second further off is damage, not time.
const longest = 1024 * 7 * 24 * time.Hour

// Decide returns the second to set, given what the clock says, when the program was built, and the last certain second that
// was saved, all in Unix seconds; 0 stands for unknown. The second result is false where the clock stays as it is; why is
// for the log.
func Decide(now, build, saved int64) (second int64, set bool, why string) {
	second, why = build, "the program's build"
	if build > 0 && saved > build+int64(longest/time.Second) {
		saved = 0
		why += "; the saved second is implausible"
	}
	if saved > second {
		second, why = saved, "the last certain second that was saved"
	}
	if second <= 0 {
		return 0, false, "neither build nor saved second is known"
	}
	if now >= second {
		return 0, false, fmt.Sprintf("not before %s", why)
	}
	return second, true, why
}
