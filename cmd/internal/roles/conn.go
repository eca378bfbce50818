package roles

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// MaxFrame is the most bytes that cross at once. The kernel takes half as much again into a socket's queue by default.
const MaxFrame = 128 << 10

// ErrFull says that the other end does not read: what was to be sent is lost.
var ErrFull = errors.New("the other end does not read")

// Conn is one end of a pair of sockets that keep the bounds of what is sent (SOCK_SEQPACKET). Many may send; one receives.
type Conn struct {
	socket *net.UnixConn
	buffer []byte
}

// Pair returns two connected ends, to be inherited. While somebody has an end open, what is sent to it waits there, also
// while the Role that reads it starts anew.
func Pair(name string) (a, b *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(fds[0]), name), os.NewFile(uintptr(fds[1]), name), nil
}

// newConn takes an end over; f is closed.
func newConn(f *os.File) (*Conn, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	socket, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, fmt.Errorf("%s is a %T", f.Name(), c)
	}
	return &Conn{socket: socket, buffer: make([]byte, MaxFrame)}, nil
}

// Send sends a frame and does not wait for room: ErrFull says that there was none.
func (c *Conn) Send(frame []byte) error {
	if len(frame) == 0 || len(frame) > MaxFrame {
		return fmt.Errorf("a frame of %d bytes, which has 1 to %d", len(frame), MaxFrame)
	}
	raw, err := c.socket.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Write(func(fd uintptr) bool {
		sent = unix.Send(int(fd), frame, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		return true
	})
	switch {
	case err != nil:
		return err
	case sent == unix.EAGAIN:
		return ErrFull
	}
	return os.NewSyscallError("send", sent)
}

// Receive waits for a frame, which is good until the next call.
func (c *Conn) Receive() ([]byte, error) {
	n, _, flags, _, err := c.socket.ReadMsgUnix(c.buffer, nil)
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, errors.New("the other end is closed")
	case flags&unix.MSG_TRUNC != 0:
		return nil, fmt.Errorf("a frame of more than %d bytes", MaxFrame)
	}
	return c.buffer[:n], nil
}

// Close closes this end. A Receive that waits returns.
func (c *Conn) Close() error { return c.socket.Close() }
