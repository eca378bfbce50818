package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"timeball/server/leap"
)

// Socket is an open UDP socket with every option set, ready to be served. Its file descriptor may be given to another
// process, which serves it without the right to open it.
type Socket struct {
	FD      int
	Address netip.AddrPort // that it is bound to
	Leap    leap.Policy    // what is shown on it around a leap second
}

// Close closes the socket.
func (s Socket) Close() error { return os.NewSyscallError("close", unix.Close(s.FD)) }

// Open opens the sockets of every address of cfg, or none: what takes the right to open a port below 1024 and, for the
// receive buffer, CAP_NET_ADMIN. perAddress is how many share an address, 0 one for each core. An IPv6 address is left out
// with a log line where the machine has no IPv6. The error names the address; errors.Is finds the system's reason, as
// syscall.EADDRINUSE, in it.
func Open(cfg Config, perAddress int, log *slog.Logger) ([]Socket, error) {
	places, err := cfg.places()
	if err = errors.Join(err, cfg.Validate()); err != nil {
		return nil, err
	}
	if perAddress == 0 {
		perAddress = runtime.NumCPU()
	}
	var all []Socket
	for _, at := range places {
		opened, err := openAll(at.Address, perAddress, slices.ContainsFunc(all, at.overlaps), cfg.ReceiveBuffer)
		if noIPv6(at.Address, err) {
			log.Warn("listener skipped", "address", at.Address, "error", err)
			continue
		}
		if err != nil {
			return nil, errors.Join(err, closeAll(all))
		}
		for i := range opened {
			opened[i].Leap = at.Leap
		}
		all = append(all, opened...)
		logOpened(opened, cfg.ReceiveBuffer, log)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("server: none of %q can be listened on", cfg.Listen)
	}
	return all, nil
}

// overlaps reports whether s has the port of p on every address, or p that of s: the kernel gives a packet to who has its
// very address.
func (p place) overlaps(s Socket) bool {
	a, b := p.Address.Addr(), s.Address.Addr()
	return p.Address.Port() == s.Address.Port() && a.Is4() == b.Is4() && a.IsUnspecified() != b.IsUnspecified()
}

// logOpened says how an address is listened on.
func logOpened(opened []Socket, wanted int, log *slog.Logger) {
	got, err := unix.GetsockoptInt(opened[0].FD, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		return
	}
	log.Info("listening", "address", opened[0].Address, "leap", opened[0].Leap, "sockets", len(opened), "receive_buffer_bytes", got)
	if got < wanted { // the kernel doubles what it grants
		log.Warn("receive buffer clamped to net.core.rmem_max: bursts of requests may be lost", "address", opened[0].Address,
			"receive_buffer_bytes", got, "wanted_bytes", 2*wanted)
	}
}

func closeAll(sockets []Socket) error {
	var all []error
	for _, s := range sockets {
		all = append(all, s.Close())
	}
	return errors.Join(all...)
}

// openAll opens n sockets for addr, among which the kernel divides the clients. The first finds out whether someone else
// has the address: it shares it only when it has it. shared says that another of ours has the port, on every address.
func openAll(addr netip.AddrPort, n int, shared bool, receiveBuffer int) ([]Socket, error) {
	var all []Socket
	for range n {
		s, err := openOne(addr, shared || len(all) > 0, receiveBuffer)
		if err == nil && len(all) == 0 {
			addr = s.Address // where port 0 was asked, the one that was free
			err = os.NewSyscallError("setsockopt SO_REUSEPORT", unix.SetsockoptInt(s.FD, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
		}
		if err != nil {
			return nil, fmt.Errorf("server: listen on %v: %w", addr, errors.Join(err, closeAll(all)))
		}
		all = append(all, s)
	}
	return all, nil
}

// openOne binds addr with every option set before the first packet can arrive, shared or as its only owner.
func openOne(addr netip.AddrPort, shared bool, receiveBuffer int) (Socket, error) {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return Socket{}, os.NewSyscallError("socket", err)
	}
	s := Socket{FD: fd}
	if err := s.bind(addr, shared, receiveBuffer); err != nil {
		return Socket{}, errors.Join(err, s.Close())
	}
	return s, nil
}

// bind sets the socket's options and gives it its address.
func (s *Socket) bind(addr netip.AddrPort, shared bool, receiveBuffer int) error {
	to, err := sockaddr(addr)
	if err != nil {
		return err
	}
	if err := s.configure(addr.Addr(), shared); err != nil {
		return err
	}
	if err := s.size(receiveBuffer); err != nil {
		return err
	}
	if err := unix.Bind(s.FD, to); err != nil {
		return os.NewSyscallError("bind", err)
	}
	s.Address, err = boundTo(s.FD)
	s.Address = netip.AddrPortFrom(addr.Addr(), s.Address.Port()) // with its zone
	return err
}

// boundTo returns the address of a socket.
func boundTo(fd int) (netip.AddrPort, error) {
	bound, err := unix.Getsockname(fd)
	switch bound := bound.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(bound.Addr), uint16(bound.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(bound.Addr), uint16(bound.Port)), nil
	}
	return netip.AddrPort{}, os.NewSyscallError("getsockname", errors.Join(err, unix.EAFNOSUPPORT))
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

// configure sets the options that come before the address.
func (s *Socket) configure(addr netip.Addr, shared bool) error {
	fd := s.FD
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
	_ = stamp(fd) // where the kernel can't, requests are stamped by their reader
	wait := unix.NsecToTimeval(int64(rawWait))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return os.NewSyscallError("setsockopt SO_RCVTIMEO", err)
	}
	return nil
}

// drops returns how many packets the kernel has dropped of those for a socket, 0 where it does not say. With SO_RXQ_OVFL the
// same number would come, and have to be read, with each packet under overload.
func drops(fd int) uint32 {
	const meminfoDrops = 8 // SK_MEMINFO_DROPS of linux/sock_diag.h, Linux 4.12
	var all [meminfoDrops + 1]uint32
	length := uint32(unsafe.Sizeof(all))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&length)), 0)
	if errno != 0 {
		return 0
	}
	return all[meminfoDrops]
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
func (s *Socket) size(want int) error {
	if unix.SetsockoptInt(s.FD, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, want) == nil { // needs CAP_NET_ADMIN
		return nil
	}
	return os.NewSyscallError("setsockopt SO_RCVBUF", unix.SetsockoptInt(s.FD, unix.SOL_SOCKET, unix.SO_RCVBUF, want))
}

// noIPv6 reports whether err says that the machine has no IPv6, not even for its loopback, as many containers have not.
func noIPv6(addr netip.AddrPort, err error) bool {
	if err == nil || !addr.Addr().Is6() {
		return false
	}
	absent := errors.Is(err, unix.EADDRNOTAVAIL) && (addr.Addr().IsLoopback() || addr.Addr().IsUnspecified())
	return absent || errors.Is(err, unix.EAFNOSUPPORT)
}

// check finds out whether s can be served: a UDP socket, whose address it takes down where it is not given. What is set on
// a socket stays set when it is handed on, whoever may set it.
func (s *Socket) check() error {
	protocol, err := unix.GetsockoptInt(s.FD, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err != nil {
		return os.NewSyscallError("getsockopt SO_PROTOCOL", err)
	}
	bound, err := boundTo(s.FD)
	switch {
	case err != nil:
		return err
	case protocol != unix.IPPROTO_UDP:
		return fmt.Errorf("protocol %d is not UDP", protocol)
	case bound.Port() == 0:
		return errors.New("not bound to an address")
	case !s.Address.IsValid():
		s.Address = bound
	}
	return nil
}
