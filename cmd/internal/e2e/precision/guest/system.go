//go:build linux && arm64

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"timeball/cmd/internal/e2e/precision"
)

// receiverLine is where the daemon finds the receiver.
const receiverLine = "/dev/gnss0"

func mounts() error {
	var failed []error
	for _, m := range [][3]string{
		{"proc", "proc", "/proc"},
		{"sysfs", "sysfs", "/sys"},
		{"devtmpfs", "devtmpfs", "/dev"},
		{"devpts", "devpts", "/dev/pts"},
		{"tmpfs", "tmpfs", "/tmp"},
		{"tmpfs", "tmpfs", "/var"},
	} {
		err := os.MkdirAll(m[2], 0o755)
		if err == nil {
			err = unix.Mount(m[1], m[2], m[0], 0, "")
		}
		if err != nil && !errors.Is(err, unix.EBUSY) {
			failed = append(failed, fmt.Errorf("mount %s: %w", m[2], err))
		}
	}
	return errors.Join(append(failed, unix.Sethostname([]byte("timeball-e2e")))...)
}

// loopback sets the loopback interface up.
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, r); err != nil {
		return err
	}
	r.SetUint16(r.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
}

// loadModules loads kernel modules that the kernel decompresses itself.
func loadModules(paths []string) error {
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", unix.MODULE_INIT_COMPRESSED_FILE)
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("load %s: %w", path, err)
		}
	}
	return nil
}

// openReceiver makes a pseudo-terminal, names its far end and returns the near one.
func openReceiver() (*os.File, error) {
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	n, err := unix.IoctlGetInt(int(near.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(near.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = os.Symlink(fmt.Sprintf("/dev/pts/%d", n), receiverLine)
	}
	if err != nil {
		return nil, fmt.Errorf("make the receiver's line: %w", err)
	}
	// A line without anybody at its far end takes 4 kB and then blocks; what is too much for it is lost, as on a wire.
	if err := unix.SetNonblock(int(near.Fd()), true); err != nil {
		return nil, err
	}
	go func() { _, _ = io.Copy(io.Discard, bufio.NewReader(near)) }() // what the daemon asks
	return near, nil
}

// startDaemon starts the daemon and hands on what it says. died gets its end.
func startDaemon(args []string, say func(precision.Line)) (died <-chan error, err error) {
	d := exec.Command("/timeballd", args...)
	out, err := d.StderrPipe()
	if err != nil {
		return nil, err
	}
	d.Stdout = d.Stderr
	if err := d.Start(); err != nil {
		return nil, err
	}
	end := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			say(precision.Line{Log: lines.Text()})
		}
		end <- fmt.Errorf("the daemon has ended: %v", d.Wait())
	}()
	return end, nil
}
