package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
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

	batch    *batch
	failures int // receive errors in a row
}

// open binds addr with every option set before the first packet can arrive.
func (s *Server) open(addr netip.AddrPort) (*listener, error) {
	l := &listener{server: s}
	control := func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) { failed = l.configure(int(fd), addr.Addr().Is6()) })
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
	l.batch = newBatch(addr.Addr().Is6())
	if l.raw, err = l.conn.SyscallConn(); err != nil {
		return nil, errors.Join(fmt.Errorf("server: listen on %v: %w", addr, err), l.conn.Close())
	}
	return l, nil
}

// configure sets the options of the socket fd.
func (l *listener) configure(fd int, is6 bool) error {
	level, pktinfo := unix.IPPROTO_IP, unix.IP_PKTINFO
	if is6 {
		level, pktinfo = unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO
	}
	if err := unix.SetsockoptInt(fd, level, pktinfo, 1); err != nil {
		return os.NewSyscallError("setsockopt PKTINFO", err)
	}
	// The _NEW option has 64-bit seconds on every architecture; kernels before 5.1 have none of it.
	l.stamped = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1) == nil
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
	// The only error is that the socket is closed, and then serve has returned or is about to.
	_ = l.conn.SetReadDeadline(time.Unix(1, 0))
}

// serve answers until interrupt. It returns an error when the socket cannot be waited on.
func (l *listener) serve() error {
	turn := l.turn // once: a method value made in the loop would be allocated each time
	for {
		if err := l.raw.Read(turn); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
	}
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
