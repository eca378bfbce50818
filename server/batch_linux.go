package server

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"

	"timeball/pps/clock"
	"timeball/server/ntp"
)

const (
	batchSize  = 32   // packets read at once when there is a backlog
	maxRequest = 2048 // bytes; the longest requests, of NTS, fit an Ethernet frame
	maxControl = 128  // bytes; three control messages of at most 40

	// Errors in a row before the loop waits for the next packet instead of trying again at once: a receive error is
	// normally that of one packet and gone with it.
	maxFailures = 8
)

// batch is the memory of one socket's loop, laid out for recvmmsg and sendmsg. The headers point into the slots, which
// never move.
type batch struct {
	is6      bool
	messages [batchSize]unix.Mmsghdr
	slots    [batchSize]slot
}

// slot is the memory of one request; its answer reuses name and control.
type slot struct {
	name    unix.RawSockaddrInet6 // large enough for both families
	receive unix.Iovec
	send    unix.Iovec
	control [maxControl / 8]uint64 // words, for the alignment control messages need
	request [maxRequest]byte
	answer  [ntp.HeaderLen]byte
}

// arrival is what the control messages say of one packet.
type arrival struct {
	stamp   clock.Real // of the machine's CLOCK_REALTIME
	stamped bool
	to4     [4]byte // the address it came to; all zero when unknown
	to6     unix.Inet6Pktinfo
	dropped uint32 // packets dropped before it since the socket was opened
}

// newBatch returns a batch for one address family.
func newBatch(is6 bool) *batch {
	b := &batch{is6: is6}
	for i := range b.slots {
		s, h := &b.slots[i], &b.messages[i].Hdr
		s.receive.Base = &s.request[0]
		s.receive.SetLen(len(s.request))
		s.send.Base = &s.answer[0]
		s.send.SetLen(len(s.answer))
		h.Name = (*byte)(unsafe.Pointer(&s.name))
	}
	return b
}

// arm makes the first n messages ready to receive.
func (b *batch) arm(n int) {
	for i := range n {
		s, h := &b.slots[i], &b.messages[i].Hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.Iov = &s.receive
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(&s.control[0]))
		h.SetControllen(maxControl)
		h.Flags = 0
	}
}

// turn reads one batch and answers it. It reports false when the socket has nothing to read. The answers go one by one,
// each with a transmit time of its own: sent together, the last would leave microseconds after its stamp.
func (l *listener) turn(fd uintptr) bool {
	l.batch.arm(batchSize)
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&l.batch.messages[0])), batchSize,
		unix.MSG_DONTWAIT, 0, 0)
	switch {
	case errno == unix.EAGAIN:
		return false
	case errno == unix.EINTR:
		return true
	case errno != 0:
		l.count.receiveErrors.Add(1)
		l.failures++
		return l.failures%maxFailures != 0
	}
	l.failures = 0
	for i := range int(n) {
		l.answer(fd, i)
	}
	return true
}

// answer answers the request in slot i or counts why not.
func (l *listener) answer(fd uintptr, i int) {
	s, m := &l.batch.slots[i], &l.batch.messages[i]
	if m.Hdr.Flags&unix.MSG_TRUNC != 0 {
		l.count.refused[ntp.TooLong].Add(1)
		return
	}
	came := s.arrival(int(m.Hdr.Controllen))
	if came.dropped != 0 {
		l.count.dropped.Store(came.dropped)
	}
	ref := l.server.ref.Load() // before the clock is read: see ntp.Reply
	now := l.server.clock.Now()
	received, ok := now.Real, true
	if came.stamped {
		received, ok = l.server.clock.FromKernel(came.stamp)
	} else {
		l.count.unstamped.Add(1)
	}
	if !ok {
		l.count.refused[ntp.ForeignStamp].Add(1)
		return
	}
	_, refusal := ntp.Reply(s.answer[:0], s.request[:m.Len], ref, now, received)
	if refusal != ntp.Answered {
		l.count.refused[refusal].Add(1)
		return
	}
	l.batch.address(i, came)
	if _, _, errno := unix.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&m.Hdr)), unix.MSG_DONTWAIT); errno != 0 {
		l.count.sendErrors.Add(1)
		return
	}
	l.count.answered.Add(1)
	doubt := ref.Check(now)
	if doubt != ntp.Certain {
		l.count.unsynchronised.Add(1)
	}
	l.server.noteDoubt(doubt)
}

// arrival reads the control messages of a received packet, length bytes of them.
func (s *slot) arrival(length int) (a arrival) {
	rest := unsafe.Slice((*byte)(unsafe.Pointer(&s.control[0])), maxControl)[:min(length, maxControl)]
	for len(rest) >= unix.SizeofCmsghdr {
		h, data, next, err := unix.ParseOneSocketControlMessage(rest)
		if err != nil {
			return a
		}
		a.read(h.Level, h.Type, data)
		rest = next
	}
	return a
}

// read takes in one control message.
func (a *arrival) read(level, kind int32, data []byte) {
	switch {
	case level == unix.SOL_SOCKET && kind == unix.SO_TIMESTAMPNS_NEW && len(data) >= 16: // struct __kernel_timespec
		seconds := int64(binary.NativeEndian.Uint64(data))
		a.stamp = clock.Real(seconds*1_000_000_000 + int64(binary.NativeEndian.Uint64(data[8:])))
		a.stamped = true
	case level == unix.SOL_SOCKET && kind == unix.SO_RXQ_OVFL && len(data) >= 4:
		a.dropped = binary.NativeEndian.Uint32(data)
	case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
		a.to4 = [4]byte(data[4:8]) // Spec_dst: ours also when the request was broadcast
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		a.to6.Addr = [16]byte(data[:16])
		if data[0] == 0xfe && data[1]&0xc0 == 0x80 { // a link-local address means something on its own link only
			a.to6.Ifindex = binary.NativeEndian.Uint32(data[16:])
		}
	}
}

// address turns message i into the answer's: to where the request came from, from the address it came to. The interface is
// left to the routing table, which knows better where the way back is.
func (b *batch) address(i int, came arrival) {
	s, h := &b.slots[i], &b.messages[i].Hdr
	h.Iov = &s.send
	h.Flags = 0
	head := (*unix.Cmsghdr)(unsafe.Pointer(&s.control[0]))
	switch {
	case b.is6 && came.to6.Addr != [16]byte{} && came.to6.Addr[0] != 0xff: // a multicast address is nobody's
		head.Level, head.Type = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
		head.SetLen(unix.CmsgLen(unix.SizeofInet6Pktinfo))
		*(*unix.Inet6Pktinfo)(s.controlData()) = came.to6
		h.SetControllen(unix.CmsgSpace(unix.SizeofInet6Pktinfo))
	case !b.is6 && came.to4 != [4]byte{}:
		head.Level, head.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		head.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
		*(*unix.Inet4Pktinfo)(s.controlData()) = unix.Inet4Pktinfo{Spec_dst: came.to4}
		h.SetControllen(unix.CmsgSpace(unix.SizeofInet4Pktinfo))
	default:
		h.Control = nil
		h.SetControllen(0)
	}
}

// controlData returns where the data of the first control message is.
func (s *slot) controlData() unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(&s.control[0]), unix.CmsgLen(0))
}
