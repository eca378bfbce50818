// Package port is the serial line of a receiver: it opens the device, reads bytes with the time at which they were
// there, and tells a line that is silent from one that is gone.
//
// Times are CLOCK_MONOTONIC in nanoseconds, baud rates bits per second with eight data bits, no parity and one stop bit.
// The line settings are those of termios(3), the exclusive use is TIOCEXCL of ioctl_tty(2).
//
// A line that was unplugged is ErrGone; the caller closes the Port and opens the path again until it is back. Changing
// the baud rate is closing and opening.
package port

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tarm/serial"
	"golang.org/x/sys/unix"

	"timeball/pps/clock"
)

// ErrGone is returned when the device was unplugged or replaced.
var ErrGone = errors.New("serial line is gone")

// Wait is how long Read waits for bytes: the smallest step of termios. Without it Close would hang behind a Read.
const Wait = 100 * time.Millisecond

// bitsPerByte counts a start bit and a stop bit.
const bitsPerByte = 10

// Port is an open serial line. Read is for one goroutine; Write and Close may be called from others.
type Port struct {
	path   string
	line   *serial.Port
	watch  *os.File // sees what reading does not: a hang-up
	opened fs.FileInfo
	baud   int // 0 = says nothing about the time of a byte
}

// Open opens the line at path, which may be a symbolic link, for this process alone, and drops what it had received
// before: those bytes cannot be dated.
func Open(path string, baud int) (*Port, error) {
	line, err := serial.OpenPort(&serial.Config{Name: path, Baud: baud, ReadTimeout: Wait})
	if err != nil {
		return nil, named(path, baud, err)
	}
	p := &Port{path: path, line: line, baud: meant(path, baud)}
	if err := p.guard(); err != nil {
		return nil, errors.Join(named(path, baud, err), p.Close())
	}
	return p, nil
}

// named adds path and baud rate to errors that do not have them.
func named(path string, baud int, err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return err
	}
	return fmt.Errorf("open %s at %d baud: %w", path, baud, err)
}

// guard opens the second descriptor and keeps others from opening the line.
func (p *Port) guard() (err error) {
	p.watch, err = os.OpenFile(p.path, os.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	if p.opened, err = p.watch.Stat(); err != nil {
		return err
	}
	err = p.control(func(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCEXCL, 0) })
	if err != nil {
		return fmt.Errorf("exclusive use: %w", err)
	}
	return p.line.Flush()
}

// control calls f with the second descriptor.
func (p *Port) control(f func(fd int) error) error {
	raw, err := p.watch.SyscallConn()
	if err != nil {
		return err
	}
	if raw.Control(func(fd uintptr) { err = f(int(fd)) }) != nil {
		return os.ErrClosed // the only reason, which package os does not name here
	}
	return err
}

// Path returns the path the Port was opened by.
func (p *Port) Path() string { return p.path }

// Baud returns the baud rate of the line, 0 where it says nothing about the time of a byte: those of a USB receiver
// (ttyACM) and of a pseudo-terminal come in blocks.
func (p *Port) Baud() int { return p.baud }

// ByteTime returns how long a byte takes on the line, 0 where Baud is 0.
func (p *Port) ByteTime() clock.Seconds {
	if p.baud == 0 {
		return 0
	}
	return bitsPerByte / clock.Seconds(p.baud)
}

func meant(path string, baud int) int {
	device, err := filepath.EvalSymlinks(path)
	if err != nil {
		device = path
	}
	if strings.HasPrefix(device, "/dev/pts/") || strings.HasPrefix(filepath.Base(device), "ttyACM") {
		return 0
	}
	return baud
}

// Read waits at most Wait for bytes and returns how many were put into b, and when the read returned. Silence is 0 bytes
// and no error; a line that is gone is ErrGone, a closed Port os.ErrClosed.
func (p *Port) Read(b []byte) (n int, returned clock.Mono, err error) {
	n, err = p.line.Read(b)
	returned, clockErr := monotonic()
	switch {
	case n > 0:
		return n, returned, clockErr
	case errors.Is(err, syscall.EIO):
		return 0, returned, p.gone("input/output error")
	case err != nil && err != io.EOF:
		return 0, returned, err
	}
	return 0, returned, errors.Join(p.present(), clockErr)
}

// present returns ErrGone unless the device is still there: a time-out and a hang-up read alike.
func (p *Port) present() error {
	now, err := os.Stat(p.path)
	if err != nil {
		return p.gone(err.Error())
	}
	if !os.SameFile(now, p.opened) {
		return p.gone("another device has its name")
	}
	var events int16
	err = p.control(func(fd int) error {
		set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		_, err := unix.Poll(set, 0)
		events = set[0].Revents
		return err
	})
	switch {
	case err == unix.EINTR: // asked again after the next silence
		return nil
	case err != nil:
		return err
	case events&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0:
		return p.gone("hung up")
	}
	return nil
}

func (p *Port) gone(why string) error { return fmt.Errorf("read %s: %w: %s", p.path, ErrGone, why) }

// Write sends b to the receiver.
func (p *Port) Write(b []byte) (int, error) { return p.line.Write(b) }

// Close gives the line back. A Read that is waiting returns after at most Wait.
func (p *Port) Close() error {
	err := p.line.Close()
	if p.watch != nil {
		// While any descriptor is open the line stays exclusive: let the next Open have it at once.
		_ = p.control(func(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCNXCL, 0) })
		err = errors.Join(err, p.watch.Close())
	}
	return err
}

// monotonic reads CLOCK_MONOTONIC.
func monotonic() (clock.Mono, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, fmt.Errorf("read CLOCK_MONOTONIC: %w", err)
	}
	return clock.Mono(ts.Nano()), nil
}
