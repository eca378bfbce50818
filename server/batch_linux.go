package server

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"timeball/pps/clock"
	"timeball/server/ntp"
)

const (
	batchSize  = 32   // packets read at once when there is a backlog
	maxRequest = 2048 // bytes; the longest requests, of NTS, fit an Ethernet frame
	maxControl = 192  // bytes; control messages of 64 (stamps) and 40 (addresses), and room for more
)

// batch is the memory of one socket's loop, laid out for recvmmsg and sendmsg. The headers point into the slots, which
// never move.
type batch struct {
	is6      bool
	used     int // slots that have to be made ready before they can receive again
	messages [batchSize]unix.Mmsghdr
	slots    [batchSize]slot

	// Answers that wait to be sent.
	queued int
	out    [batchSize]unix.Mmsghdr
	from   [batchSize]uint8 // their slots
	kinds  [batchSize]kind
}

// kind is a kind of answer.
type kind uint8

const (
	basic kind = iota
	interleavedAnswer
	kiss
	kinds = iota
)

// slot is the memory of one request; its answer reuses name and control.
type slot struct {
	name    unix.RawSockaddrInet6 // large enough for both families
	receive unix.Iovec
	send    unix.Iovec
	control [maxControl / 8]uint64 // words, for the alignment control messages need
	request [maxRequest]byte
	answer  [ntp.MaxAnswer]byte
}

// arrival is what the control messages say of one packet.
type arrival struct {
	stamp   clock.Real // of the machine's CLOCK_REALTIME
	stamped bool
	to4     [4]byte // the address it came to; all zero when unknown, or when the kernel has no other to answer from
	to6     unix.Inet6Pktinfo
}

// newBatch returns a batch for one address family.
func newBatch(is6 bool) *batch {
	b := &batch{is6: is6, used: batchSize}
	for i := range b.slots {
		s, h := &b.slots[i], &b.messages[i].Hdr
		s.receive.Base = &s.request[0]
		s.receive.SetLen(len(s.request))
		h.Name = (*byte)(unsafe.Pointer(&s.name))
		h.SetIovlen(1)
	}
	return b
}

// arm makes the slots that were used ready to receive.
func (b *batch) arm() {
	for i := range b.used {
		s, h := &b.slots[i], &b.messages[i].Hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.Iov = &s.receive
		h.Control = (*byte)(unsafe.Pointer(&s.control[0]))
		h.SetControllen(maxControl)
		h.Flags = 0
	}
	b.used = 0
}

// receive waits for a packet and reads what has come, up to the batch. RawSyscall does not tell the scheduler: see the
// package comment.
func (b *batch) receive(fd int) (n int, errno unix.Errno) {
	b.arm()
	got, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.messages[0])), batchSize, unix.MSG_WAITFORONE, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	b.used = int(got)
	return int(got), 0
}

// receiveOne waits for one packet. Where they come one by one recvmmsg would look for a second in vain each time.
func (b *batch) receiveOne(fd int) (n int, errno unix.Errno) {
	b.arm()
	length, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.messages[0].Hdr)), 0)
	if errno != 0 {
		return 0, errno
	}
	b.messages[0].Len, b.used = uint32(length), 1
	return 1, 0
}

// queue makes answer the next to be sent to where the request in slot i came from. It lies in the slot's own memory.
func (b *batch) queue(i int, answer []byte, k kind) {
	b.slots[i].send.Base = &answer[0]
	b.slots[i].send.SetLen(len(answer))
	b.out[b.queued].Hdr = b.messages[i].Hdr
	b.from[b.queued], b.kinds[b.queued] = uint8(i), k
	b.queued++
}

// answer returns the answer that will be sent as number k.
func (b *batch) answer(k int) []byte { return b.slots[b.from[k]].answer[:] }

// send sends what is queued and counts it by kind. What the kernel does not take is left out and counted as failed.
func (b *batch) send(fd int, sent *[kinds]uint64) (failed uint64) {
	if b.queued == 1 {
		if _, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.out[0].Hdr)), unix.MSG_DONTWAIT); errno != 0 {
			return 1
		}
		sent[b.kinds[0]]++
		return 0
	}
	for k := 0; k < b.queued; {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.out[k])), uintptr(b.queued-k),
			unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 {
			failed++
			k++
			continue
		}
		for _, of := range b.kinds[k : k+int(n)] {
			sent[of]++
		}
		k += int(n)
	}
	return failed
}

// sendOne sends an answer, at once, to where the request in slot i came from.
func (b *batch) sendOne(fd, i int, answer []byte) unix.Errno {
	s := &b.slots[i]
	s.send.Base = &answer[0]
	s.send.SetLen(len(answer))
	_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.messages[i].Hdr)), unix.MSG_DONTWAIT)
	return errno
}

// source returns where the request in slot i came from.
func (b *batch) source(i int) netip.AddrPort {
	name := &b.slots[i].name
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&name.Port))[:])
	if b.is6 {
		return netip.AddrPortFrom(netip.AddrFrom16(name.Addr), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr), port)
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
	case level == unix.SOL_SOCKET && (kind == unix.SO_TIMESTAMPNS_NEW || kind == unix.SO_TIMESTAMPING_NEW) && len(data) >= 16:
		if stamp, ok := softwareStamp(data); ok {
			a.stamp, a.stamped = stamp, true
		}
	case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
		a.to4 = [4]byte(data[4:8]) // Spec_dst: ours also when the request was broadcast
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		a.to6.Addr = [16]byte(data[:16])
		if data[0] == 0xfe && data[1]&0xc0 == 0x80 { // a link-local address means something on its own link only
			a.to6.Ifindex = binary.NativeEndian.Uint32(data[16:])
		}
	}
}

// softwareStamp reads a struct __kernel_timespec, alone or the first of a struct scm_timestamping64, where the others are
// the network card's. It reports false for none.
func softwareStamp(data []byte) (clock.Real, bool) {
	seconds := int64(binary.NativeEndian.Uint64(data))
	stamp := clock.Real(seconds*1_000_000_000 + int64(binary.NativeEndian.Uint64(data[8:])))
	return stamp, stamp != 0
}

// address turns message i into the answer's: to where the request came from, from the address it came to. The interface is
// left to the routing table, which knows better where the way back is. With stamp the kernel is asked for the instant at
// which the answer leaves.
func (b *batch) address(i int, came *arrival, stamp bool) {
	s, h := &b.slots[i], &b.messages[i].Hdr
	h.Iov = &s.send
	h.Flags = 0
	length := 0
	switch {
	case b.is6 && came.to6.Addr != [16]byte{} && came.to6.Addr[0] != 0xff: // a multicast address is nobody's
		length = s.put(length, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
		*(*unix.Inet6Pktinfo)(s.data(0)) = came.to6
	case !b.is6 && came.to4 != [4]byte{}:
		length = s.put(length, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
		*(*unix.Inet4Pktinfo)(s.data(0)) = unix.Inet4Pktinfo{Spec_dst: came.to4}
	}
	if stamp {
		at := length
		length = s.put(length, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, 4) // the old name: not all kernels know the new one here
		*(*uint32)(s.data(at)) = unix.SOF_TIMESTAMPING_TX_SOFTWARE
	}
	h.Control = (*byte)(unsafe.Pointer(&s.control[0]))
	if length == 0 {
		h.Control = nil
	}
	h.SetControllen(length)
}

// put writes the head of a control message at byte at and returns where the next may be.
func (s *slot) put(at int, level, kind int32, size int) int {
	head := (*unix.Cmsghdr)(unsafe.Add(unsafe.Pointer(&s.control[0]), at))
	head.Level, head.Type = level, kind
	head.SetLen(unix.CmsgLen(size))
	return at + unix.CmsgSpace(size)
}

// data returns where the data of the control message at byte at is.
func (s *slot) data(at int) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(&s.control[0]), at+unix.CmsgLen(0))
}
