package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// listener is one socket with its buffers and counters.
type listener struct {
	server *Server
	conn   *net.UDPConn
	raw    syscall.RawConn
	addr   netip.AddrPort
	count  counters

	receiveBuffer int  // bytes, as the kernel reports it: twice what was asked, or less
	stamped       bool // the kernel stamps what arrives

	stopping atomic.Bool
	staying  atomic.Bool // in recvmmsg, as the scheduler does not know
	batch    *batch
	stamps   *stamps
	failures int // receive errors in a row
}

// rawWait is how long a loop waits for the next packet without the scheduler's knowledge. Above 50 packets a second it is
// always in such a wait; below, it waits as any goroutine does and costs nothing while it waits.
const rawWait = 20 * time.Millisecond

// openAll opens n sockets for addr, among which the kernel divides the clients. The first finds out whether someone else
// has the address: it shares it only when it has it.
func (s *Server) openAll(addr netip.AddrPort, n int) ([]*listener, error) {
	var all []*listener
	for range n {
		l, err := s.open(addr, len(all) > 0)
		if err == nil && len(all) == 0 && n > 1 {
			addr = l.addr // where port 0 was asked, the one that was free
			err = l.share()
		}
		if err != nil {
			for _, opened := range all {
				err = errors.Join(err, opened.conn.Close())
			}
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// share lets other sockets of this user have the same address.
func (l *listener) share() error {
	var failed error
	err := l.raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
	if err = errors.Join(err, os.NewSyscallError("setsockopt SO_REUSEPORT", failed)); err != nil {
		return errors.Join(fmt.Errorf("server: listen on %v: %w", l.addr, err), l.conn.Close())
	}
	return nil
}

// open binds addr with every option set before the first packet can arrive, shared or as its only owner.
func (s *Server) open(addr netip.AddrPort, shared bool) (*listener, error) {
	l := &listener{server: s}
	control := func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) { failed = l.configure(int(fd), addr.Addr(), shared) })
		return errors.Join(err, failed)
	}
	network := "udp4"
	if addr.Addr().Is6() {
		network = "udp6" // net sets IPV6_V6ONLY for it
	}
	packets, err := (&net.ListenConfig{Control: control}).ListenPacket(context.Background(), network, addr.String())
	if err != nil {
		return nil, fmt.Errorf("server: listen on %v: %w", addr, bare(err))
	}
	l.conn = packets.(*net.UDPConn)
	l.addr = l.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	l.batch, l.stamps = newBatch(addr.Addr().Is6()), newStamps()
	if l.raw, err = l.conn.SyscallConn(); err != nil {
		return nil, errors.Join(fmt.Errorf("server: listen on %v: %w", addr, err), l.conn.Close())
	}
	return l, nil
}

// configure sets the options of the socket fd.
func (l *listener) configure(fd int, addr netip.Addr, shared bool) error {
	if shared {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return os.NewSyscallError("setsockopt SO_REUSEPORT", err)
		}
	}
	level, pktinfo := unix.IPPROTO_IP, unix.IP_PKTINFO
	if addr.Is6() {
		level, pktinfo = unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO
	}
	if addr.IsUnspecified() { // else there is only one address to answer from
		if err := unix.SetsockoptInt(fd, level, pktinfo, 1); err != nil {
			return os.NewSyscallError("setsockopt PKTINFO", err)
		}
	}
	// The _NEW option has 64-bit seconds on every architecture; kernels before 5.1 have none of it. Transmit stamps are
	// asked for with each answer that needs one.
	l.stamped = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW,
		unix.SOF_TIMESTAMPING_RX_SOFTWARE|unix.SOF_TIMESTAMPING_SOFTWARE) == nil
	wait := unix.NsecToTimeval(int64(rawWait))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return os.NewSyscallError("setsockopt SO_RCVTIMEO", err)
	}
	return l.size(fd)
}

// size gives the receive queue the size that was configured, or what the kernel allows.
func (l *listener) size(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1); err != nil {
		return os.NewSyscallError("setsockopt SO_RXQ_OVFL", err)
	}
	want := l.server.cfg.ReceiveBuffer
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, want) != nil { // needs CAP_NET_ADMIN
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, want); err != nil {
			return os.NewSyscallError("setsockopt SO_RCVBUF", err)
		}
	}
	var err error
	l.receiveBuffer, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	return os.NewSyscallError("getsockopt SO_RCVBUF", err)
}

// interrupt makes serve return.
func (l *listener) interrupt() {
	l.stopping.Store(true)
	// The only errors are that the socket is closed, and then serve has returned or is about to, and that it is not
	// connected; its loop is woken nevertheless.
	_ = l.conn.SetReadDeadline(time.Unix(1, 0))
	_ = l.raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RD) })
}

// serve answers until interrupt. It returns an error when the socket cannot be waited on.
func (l *listener) serve() error {
	poll := func(fd uintptr) bool { return l.turn(fd, unix.MSG_DONTWAIT) == worked }
	busy := func(fd uintptr) { l.stay(fd) }
	if err := l.raw.Control(func(fd uintptr) { _ = unix.SetNonblock(int(fd), false) }); err != nil {
		return ended(err)
	}
	for !l.stopping.Load() {
		if err := l.raw.Read(poll); err != nil {
			return ended(err)
		}
		if err := l.raw.Control(busy); err != nil {
			return ended(err)
		}
	}
	return nil
}

// stay answers as long as no pause between two packets is longer than rawWait.
//
// It waits in recvmmsg itself, and without telling the scheduler, which would hand on this thread's place, wake another
// thread to take it and cost more than the answer. A collection of garbage does not wait for it: the runtime's signal ends
// the call because SO_RCVTIMEO is set (signal(7)), and turn is a place where a goroutine may be stopped.
func (l *listener) stay(fd uintptr) {
	l.staying.Store(true)
	defer l.staying.Store(false)
	for !l.stopping.Load() && l.turn(fd, unix.MSG_WAITFORONE) == worked {
	}
}

// ended returns err unless it says that the socket was interrupted or closed.
func ended(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// noIPv6 reports whether err says that the machine has no IPv6, not even for its loopback, as many containers have not.
func noIPv6(addr netip.AddrPort, err error) bool {
	if err == nil || !addr.Addr().Is6() {
		return false
	}
	absent := errors.Is(err, unix.EADDRNOTAVAIL) && (addr.Addr().IsLoopback() || addr.Addr().IsUnspecified())
	return absent || errors.Is(err, unix.EAFNOSUPPORT)
}

// bare returns the error inside a net.OpError, which would repeat the address.
func bare(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
