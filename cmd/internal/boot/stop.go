package boot

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"timeball/image"
	"timeball/image/mounts"
)

// toStop returns the signals that tell process 1 to stop: SIGUSR1 and SIGUSR2 switch the board off, SIGTERM and SIGINT restart
// it.
func toStop() <-chan os.Signal {
	asked := make(chan os.Signal, 4)
	signal.Notify(asked, unix.SIGTERM, unix.SIGINT, unix.SIGUSR1, unix.SIGUSR2)
	return asked
}

// untilTold has serve serve until the board is asked to stop, and stops it.
func (b *boot) untilTold(asked <-chan os.Signal, serve func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	served := make(chan struct{})
	go func() { defer close(served); serve(ctx) }()
	how := <-asked
	b.log.Info("told to stop", "signal", how)
	cancel()
	<-served
	b.stop(how == unix.SIGUSR1 || how == unix.SIGUSR2)
}

// stop ends what runs, writes what is to be written and restarts the board, or switches it off.
func (b *boot) stop(off bool) {
	b.k.Signal(unix.SIGTERM)
	time.Sleep(500 * time.Millisecond) // all services have ended; this is for what they left behind
	b.k.Signal(unix.SIGKILL)
	b.k.Sync()
	for _, target := range []string{mounts.Perm, mounts.Lower, mounts.Under, mounts.Boot} {
		_ = b.k.Unmount(target)
	}
	b.k.Sync()
	b.log.Error("the kernel did not stop", "error", b.k.Stop(off))
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
