package server

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"

	"timeball/pps/clock"
	"timeball/server/ntp"
)

const (
	maxAwaited = 256 // answers whose transmit stamps have not come yet; a card's queue is no longer
	maxStamped = 512 // bytes of a stamped packet: link, network and transport header, and the answer
	maxDrained = 64  // stamps read in a row
	maxVain    = 100 // times that nothing has come, until what is awaited is given up
)

// stamps are the kernel's transmit stamps of one socket's interleaved answers: they come through the error queue with a
// copy of the packet, most of them before sendmsg has returned.
type stamps struct {
	awaited [maxAwaited]awaited
	waiting int
	vain    int // times in a row that nothing had come

	message unix.Msghdr
	part    unix.Iovec
	packet  [maxStamped]byte
	control [maxControl / 8]uint64
}

// awaited is an answer that was sent.
type awaited struct {
	client  [16]byte
	receive ntp.Timestamp // its receive time, which no other answer has; 0: free
	era     clock.Era     // in which it was sent
}

// newStamps returns the memory of one socket.
func newStamps() *stamps {
	s := &stamps{}
	s.part.Base = &s.packet[0]
	s.part.SetLen(len(s.packet))
	s.message.Iov = &s.part
	s.message.SetIovlen(1)
	return s
}

// await notes an answer that is about to be sent. It may displace an older one, whose stamp is then lost.
func (s *stamps) await(a awaited) {
	place := s.place(a.receive)
	if place.receive == 0 {
		s.waiting++
	}
	*place = a
}

// place returns where the answer with this receive time is, or would be. A stamp has steps of 16 ns or more.
func (s *stamps) place(receive ntp.Timestamp) *awaited {
	return &s.awaited[receive>>6*0x9e3779b97f4a7c15>>56]
}

// found returns the answer that a copy of a sent packet ends with, if it was awaited.
func (s *stamps) found(packet []byte) (awaited, bool) {
	for _, length := range [...]int{ntp.HeaderLen, ntp.MaxAnswer} {
		if len(packet) < length {
			continue
		}
		receive := ntp.Timestamp(binary.BigEndian.Uint64(packet[len(packet)-length+32:]))
		if a := s.place(receive); receive != 0 && a.receive == receive {
			found := *a
			*a = awaited{}
			s.waiting--
			return found, true
		}
	}
	return awaited{}, false
}

// next reads one stamp and the packet it is of from the error queue. It reports false when there is none.
func (s *stamps) next(fd uintptr) (stamp clock.Real, packet []byte, ok bool) {
	m := &s.message
	m.Control = (*byte)(unsafe.Pointer(&s.control[0]))
	m.SetControllen(maxControl)
	m.Flags = 0
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(m)), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	if errno != 0 {
		return 0, nil, false
	}
	rest := unsafe.Slice((*byte)(unsafe.Pointer(&s.control[0])), maxControl)[:min(int(m.Controllen), maxControl)]
	for len(rest) >= unix.SizeofCmsghdr {
		h, data, following, err := unix.ParseOneSocketControlMessage(rest)
		if err != nil {
			break
		}
		if h.Level == unix.SOL_SOCKET && h.Type == unix.SO_TIMESTAMPING_NEW && len(data) >= 16 {
			stamp, _ = softwareStamp(data)
		}
		rest = following
	}
	return stamp, s.packet[:min(int(n), maxStamped)], true
}

// nothing notes that no stamp has come. Where none comes any more the queue is not looked at for ever.
func (s *stamps) nothing() {
	if s.vain++; s.vain >= maxVain {
		s.awaited, s.waiting, s.vain = [maxAwaited]awaited{}, 0, 0
	}
}

// drain takes in the transmit stamps that have come.
func (l *listener) drain(fd uintptr) {
	for range maxDrained {
		if l.stamps.waiting == 0 {
			return
		}
		stamp, packet, ok := l.stamps.next(fd)
		if !ok {
			l.stamps.nothing()
			return
		}
		l.stamps.vain = 0
		a, known := l.stamps.found(packet)
		if !known || stamp == 0 {
			continue
		}
		if sent, ok := l.server.clock.FromKernel(stamp); ok {
			l.server.exchanges.Keep(a.client, a.receive, ntp.SentAt(sent), a.era)
		}
	}
}
