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
	maxDrained = 32  // stamps read at once
	maxVain    = 100 // times that nothing has come, until what is awaited is given up
)

// stamps are the kernel's transmit stamps of one socket's interleaved answers: they come through the error queue with a
// copy of the packet, most of them before sendmsg has returned.
type stamps struct {
	awaited [maxAwaited]awaited // a ring: stamps come in the order of sending, but for those that never come
	first   int                 // the oldest that is waiting
	waiting int
	asked   bool // in this turn
	vain    int  // times in a row that nothing had come

	messages [maxDrained]unix.Mmsghdr
	slots    [maxDrained]stampSlot
}

// stampSlot is the memory of one stamp.
type stampSlot struct {
	part    unix.Iovec
	packet  [maxStamped]byte
	control [maxControl / 8]uint64
}

// awaited is an answer that was sent.
type awaited struct {
	client  [16]byte
	receive ntp.Timestamp // its receive time, which no other answer has
	era     clock.Era     // in which it was sent
	keep    bool          // its client will ask for its transmit time
	at      clock.Real    // of the reading right before it was sent alone; 0: it was not
}

// newStamps returns the memory of one socket.
func newStamps() *stamps {
	s := &stamps{}
	for i := range s.slots {
		o, h := &s.slots[i], &s.messages[i].Hdr
		o.part.Base = &o.packet[0]
		o.part.SetLen(len(o.packet))
		h.Iov = &o.part
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(&o.control[0]))
	}
	return s
}

// await notes an answer that is about to be sent. It may displace the oldest, whose stamp is then lost.
func (s *stamps) await(a awaited) {
	if s.waiting == maxAwaited {
		s.forget(1)
	}
	s.awaited[(s.first+s.waiting)%maxAwaited] = a
	s.waiting++
}

// last returns the newest.
func (s *stamps) last() *awaited { return &s.awaited[(s.first+s.waiting-1)%maxAwaited] }

// forget drops the oldest n.
func (s *stamps) forget(n int) {
	s.first = (s.first + n) % maxAwaited
	s.waiting -= n
}

// found returns the answer that a copy of a sent packet ends with, if it was awaited; all that was sent before it is not
// awaited any longer.
func (s *stamps) found(packet []byte) (awaited, bool) {
	for _, length := range [...]int{ntp.HeaderLen, ntp.MaxAnswer} {
		if len(packet) < length {
			continue
		}
		receive := ntp.Timestamp(binary.BigEndian.Uint64(packet[len(packet)-length+32:]))
		for k := range s.waiting {
			if a := s.awaited[(s.first+k)%maxAwaited]; a.receive == receive {
				s.forget(k + 1)
				return a, true
			}
		}
	}
	return awaited{}, false
}

// receive reads stamps, and the packets they are of, from the error queue; it returns how many.
func (s *stamps) receive(fd int) int {
	for i := range min(s.waiting, maxDrained) {
		s.messages[i].Hdr.SetControllen(maxControl)
		s.messages[i].Hdr.Flags = 0
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&s.messages[0])),
		uintptr(min(s.waiting, maxDrained)), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// stamp returns stamp i and the packet it is of.
func (s *stamps) stamp(i int) (stamp clock.Real, packet []byte) {
	o, m := &s.slots[i], &s.messages[i]
	rest := unsafe.Slice((*byte)(unsafe.Pointer(&o.control[0])), maxControl)[:min(int(m.Hdr.Controllen), maxControl)]
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
	return stamp, o.packet[:min(int(m.Len), maxStamped)]
}

// nothing notes that no stamp has come. Where none comes any more the queue is not looked at for ever.
func (s *stamps) nothing() {
	if s.vain++; s.vain >= maxVain {
		s.forget(s.waiting)
		s.vain = 0
	}
}

// probeEvery is how often a basic answer is stamped as well, in ns, to learn how long after the reading it leaves.
const probeEvery clock.Mono = 60_000_000

// probe reports whether it is time to have a basic answer stamped.
func (l *listener) probe(now clock.Mono) bool {
	if now-l.probed < probeEvery {
		return false
	}
	l.probed = now
	return true
}

// learn takes in that an answer left late ns after the reading right before: from then on transmit times say when answers
// will leave. One that was preempted counts no more than one that took twice as long as usual.
func (l *listener) learn(late clock.Real) {
	late = min(max(late, 0), 2*l.leaveTime+usualSendTime)
	l.leaveTime = min(l.leaveTime+(late-l.leaveTime)/8, maxSendTime)
}

// drain takes in the transmit stamps that have come. now is the present reading and scale what the listener shows then.
func (l *listener) drain(now clock.Reading, scale *ntp.Scale) {
	if l.stamps.waiting == 0 {
		return
	}
	n := l.stamps.receive(l.fd)
	if n == 0 {
		l.stamps.nothing()
		return
	}
	l.stamps.vain = 0
	for i := range n {
		stamp, packet := l.stamps.stamp(i)
		a, known := l.stamps.found(packet)
		if !known || stamp == 0 {
			continue
		}
		sent, ok := l.server.clock.FromKernel(stamp, now)
		if !ok {
			continue
		}
		if a.keep {
			l.exchanges.Keep(a.client, a.receive, ntp.SentAt(scale.Show(sent)), a.era)
		}
		if a.at != 0 {
			l.learn(sent - a.at)
		}
	}
}
