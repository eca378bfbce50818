package server

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"timeball/pps/clock"
)

// listener is one socket with its buffers and counters. The socket is none of package net's: Go's poller would be woken by
// every packet beside the loop that waits for it.
type listener struct {
	server *Server
	fd     int
	addr   netip.AddrPort
	count  counters

	receiveBuffer int  // bytes, as the kernel reports it: twice what was asked, or less
	stamped       bool // the kernel stamps what arrives

	stopping  atomic.Bool
	staying   atomic.Bool // in recvmmsg, as the scheduler does not know
	batch     *batch
	stamps    *stamps
	failures  int        // receive errors in a row
	probed    clock.Mono // when a basic answer was last stamped
	leaveTime clock.Real // ns from the reading of the clock until an answer leaves, mean of the last ones
	sendTime  clock.Real // ns that sending one answer of a backlog takes, mean of the last ones
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
			err = os.NewSyscallError("setsockopt SO_REUSEPORT", unix.SetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
		}
		if err != nil {
			for _, opened := range all {
				err = errors.Join(err, opened.close())
			}
			return nil, fmt.Errorf("server: listen on %v: %w", addr, err)
		}
		all = append(all, l)
	}
	return all, nil
}

// open binds addr with every option set before the first packet can arrive, shared or as its only owner.
func (s *Server) open(addr netip.AddrPort, shared bool) (*listener, error) {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	l := &listener{server: s, fd: fd, batch: newBatch(addr.Addr().Is6()), stamps: newStamps(), sendTime: usualSendTime}
	if err := l.bind(addr, shared); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// bind sets the socket's options and gives it its address.
func (l *listener) bind(addr netip.AddrPort, shared bool) error {
	to, err := sockaddr(addr)
	if err != nil {
		return err
	}
	if err := l.configure(l.fd, addr.Addr(), shared); err != nil {
		return err
	}
	if err := unix.Bind(l.fd, to); err != nil {
		return os.NewSyscallError("bind", err)
	}
	bound, err := unix.Getsockname(l.fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	port := addr.Port()
	switch bound := bound.(type) {
	case *unix.SockaddrInet4:
		port = uint16(bound.Port)
	case *unix.SockaddrInet6:
		port = uint16(bound.Port)
	}
	l.addr = netip.AddrPortFrom(addr.Addr(), port)
	return nil
}

// sockaddr returns an address as the kernel has it.
func sockaddr(addr netip.AddrPort) (unix.Sockaddr, error) {
	if addr.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}, nil
	}
	to := &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
	if zone := addr.Addr().Zone(); zone != "" {
		link, err := net.InterfaceByName(zone)
		if err != nil {
			return nil, err
		}
		to.ZoneId = uint32(link.Index)
	}
	return to, nil
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
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return os.NewSyscallError("setsockopt IPV6_V6ONLY", err)
		}
	}
	if addr.IsUnspecified() { // else there is only one address to answer from
		if err := unix.SetsockoptInt(fd, level, pktinfo, 1); err != nil {
			return os.NewSyscallError("setsockopt PKTINFO", err)
		}
	}
	l.stamped = stamp(fd) == nil
	wait := unix.NsecToTimeval(int64(rawWait))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return os.NewSyscallError("setsockopt SO_RCVTIMEO", err)
	}
	return l.size(fd)
}

// onlyOwn is SOF_TIMESTAMPING_OPT_RX_FILTER of Linux 6.12: SO_TIMESTAMPING then adds no stamps of its own to what arrives.
const onlyOwn = 1 << 17

// stamp has the kernel stamp what arrives and what leaves. The _NEW options have 64-bit seconds on every architecture;
// kernels before 5.1 have none of them. Transmit stamps are asked for with each answer that needs one.
func stamp(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1); err != nil {
		return err
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW, unix.SOF_TIMESTAMPING_SOFTWARE|onlyOwn) == nil {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW, unix.SOF_TIMESTAMPING_SOFTWARE)
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

// close closes the socket.
func (l *listener) close() error { return os.NewSyscallError("close", unix.Close(l.fd)) }

// interrupt makes serve return.
func (l *listener) interrupt() {
	l.stopping.Store(true)
	_ = unix.Shutdown(l.fd, unix.SHUT_RD) // it is not connected, says the error; its loop is woken nevertheless
}

// serve answers until interrupt. It returns an error when the socket cannot be waited on.
func (l *listener) serve() error {
	events := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}
	for !l.stopping.Load() {
		// Any thread may run others meanwhile: this wait may be long.
		if _, err := unix.Poll(events, -1); err != nil && err != unix.EINTR {
			return os.NewSyscallError("poll", err)
		}
		l.stay()
	}
	return nil
}

// stay answers as long as no pause between two packets is longer than rawWait.
//
// It waits in recvmmsg itself, and without telling the scheduler, which would hand on this thread's place, wake another
// thread to take it and cost more than the answer. A collection of garbage does not wait for it: the runtime's signal ends
// the call because SO_RCVTIMEO is set (signal(7)), and turn is a place where a goroutine may be stopped.
func (l *listener) stay() {
	l.staying.Store(true)
	defer l.staying.Store(false)
	for !l.stopping.Load() && l.turn(unix.MSG_WAITFORONE) == worked {
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
