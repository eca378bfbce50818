package board

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Watchdog is a hardware timer that resets the board unless it is fed in time (the kernel's watchdog API). From the moment
// it is open it counts.
type Watchdog struct {
	Timeout time.Duration // as the driver granted it

	file *os.File
	feed func(fd int) error
}

// WatchdogDevice is the first watchdog of a machine.
const WatchdogDevice = "/dev/watchdog0"

// maxWatchdogTimeout is the longest that the timer of a Raspberry Pi counts: 20 bits of 1/65536 s, 15 whole seconds.
const maxWatchdogTimeout = 15 * time.Second

// OpenWatchdog opens the device and asks for a timeout, whole seconds up to 15. A driver that can't change its own is taken
// as it is. errors.Is finds fs.ErrNotExist where the board has no watchdog and unix.EBUSY where another program feeds it.
func OpenWatchdog(device string, timeout time.Duration) (*Watchdog, error) {
	if timeout < time.Second || timeout > maxWatchdogTimeout {
		return nil, fmt.Errorf("watchdog: timeout %v: from 1 s to %v", timeout, maxWatchdogTimeout)
	}
	f, err := os.OpenFile(device, os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("watchdog: %w", err)
	}
	w := &Watchdog{file: f, feed: unix.IoctlWatchdogKeepalive}
	fd := int(f.Fd())
	_ = unix.IoctlSetPointerInt(fd, unix.WDIOC_SETTIMEOUT, int(timeout/time.Second)) // what holds then is asked
	granted, err := unix.IoctlGetInt(fd, unix.WDIOC_GETTIMEOUT)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watchdog %s: %w", device, err), w.Close())
	}
	w.Timeout = time.Duration(granted) * time.Second
	return w, nil
}

// Feed begins the timeout anew.
func (w *Watchdog) Feed() error {
	if err := w.feed(int(w.file.Fd())); err != nil {
		return fmt.Errorf("feed watchdog %s: %w", w.file.Name(), err)
	}
	return nil
}

// Close stops the timer, where the driver lets it be stopped; a file that is closed without the magic V leaves it counting.
func (w *Watchdog) Close() error {
	_, err := w.file.WriteString("V")
	if err := errors.Join(err, w.file.Close()); err != nil {
		return fmt.Errorf("stop watchdog %s: %w", w.file.Name(), err)
	}
	return nil
}
