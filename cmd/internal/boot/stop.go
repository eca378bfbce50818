package boot

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"timeball/image"
	"timeball/image/mounts"
)

// stop ends what runs, writes what is to be written and restarts the board, or switches it off.
func (b *boot) stop(off bool) {
	_ = unix.Kill(-1, unix.SIGTERM)
	time.Sleep(500 * time.Millisecond) // all services have ended; this is for what they left behind
	_ = unix.Kill(-1, unix.SIGKILL)
	unix.Sync()
	for _, target := range []string{mounts.Perm, mounts.Lower, mounts.Under, mounts.Boot} {
		_ = b.k.Unmount(target)
	}
	unix.Sync()
	how := unix.LINUX_REBOOT_CMD_RESTART
	if off {
		how = unix.LINUX_REBOOT_CMD_POWER_OFF
	}
	b.log.Error("the kernel did not stop", "error", unix.Reboot(how))
	time.Sleep(time.Second)
}

// renewPerm writes an empty file system to a perm that cannot be mounted. The image has one of the right size.
func (b *boot) renewPerm() error {
	b.unmountPerm()
	err := b.writePerm()
	var again error
	b.perm, again = b.mountPerm(b.permDevice)
	b.report.set(func(r *Report) { r.Perm = string(b.perm) })
	if err = errors.Join(err, again); err != nil {
		return fmt.Errorf("perm made new: %w", err)
	}
	return nil
}

func (b *boot) writePerm() error {
	packed, err := os.Open(b.path(image.EmptyPerm))
	if err != nil {
		return err
	}
	defer packed.Close()
	from, err := gzip.NewReader(packed)
	if err != nil {
		return err
	}
	to, err := os.OpenFile(b.path(b.permDevice), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Sync(), to.Close())
}
