package daemon

import (
	"time"

	"golang.org/x/sys/unix"

	"timeball/web/auth"
)

// claimSpan returns for how long a unit can yet be claimed that has been running for some time. On the card, whose init names
// the file for the code, the hour counts from the machine's boot, so that a program that dies and starts anew gives nobody
// another one; a simulated board, and a program that somebody starts on a machine of his, count from their own start.
func (o options) claimSpan(running, booted time.Duration) time.Duration {
	if o.claim != "" && o.board != "sim" {
		running = max(running, booted)
	}
	return max(1, auth.ClaimSpan-running) // 0 would mean for ever to nobody, and that it is over to all who ask
}

// sinceBoot returns CLOCK_BOOTTIME, which goes on while the machine sleeps; 0 where it can't be read.
func sinceBoot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
