package server

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"timeball/pps/clock"
	"timeball/server/access"
	"timeball/server/clientlog"
	"timeball/server/control"
	"timeball/server/ntp"
)

// outcome is what a turn of the loop has seen.
type outcome uint8

const (
	worked  outcome = iota
	nothing         // nothing to read
	failing         // errors without end: wait for the next packet instead of trying again at once
)

// Errors in a row before the loop waits for the next packet: a receive error is normally that of one packet and gone
// with it.
const maxFailures = 8

// turn waits for what comes, up to a batch, and answers it. One by one is cheaper where they come so.
func (l *listener) turn() outcome {
	read := l.batch.receiveOne
	if l.behind {
		read = l.batch.receive
	}
	n, errno := read(l.fd)
	switch {
	case errno == unix.EAGAIN:
		return nothing
	case errno == unix.EINTR:
		return worked
	case errno != 0:
		l.count.receiveErrors.Add(1)
		l.failures++
		if l.failures%maxFailures == 0 {
			return failing
		}
		return worked
	}
	l.failures, l.stamps.asked = 0, false
	ref := l.server.ref.Load() // before the clock is read: see ntp.Serve
	now := l.server.clock.Now()
	l.behind = n > 1 || now.Mono-l.now < backToBack
	l.now = now.Mono
	serving := ntp.Serve(ref, l.policy, now, l.server.epoch)
	l.drain(now, &serving.Scale)
	for i := range n {
		l.handle(i, &serving, now)
	}
	l.leave(ref, now, serving.Doubt())
	return worked
}

// handle prepares the answer to the request in slot i or counts why there is none.
func (l *listener) handle(i int, serving *ntp.Serving, now clock.Reading) {
	s, m := &l.batch.slots[i], &l.batch.messages[i]
	from := l.batch.source(i)
	flags := l.server.access.Load().Of(from.Addr())
	switch {
	case flags&access.Ignore != 0:
		l.refuse(ntp.NoAccess)
		return
	case m.Hdr.Flags&unix.MSG_TRUNC != 0:
		l.refuse(ntp.TooLong)
		return
	case m.Len > 0 && s.request[0]&7 == ntp.ModeControl:
		l.control(i, from, flags, now.Mono)
		return
	}
	ask, refusal := ntp.Parse(s.request[:m.Len])
	if refusal == ntp.Answered && flags&access.NoTrust != 0 {
		refusal = ntp.NoAccess
	}
	if refusal != ntp.Answered {
		l.refuse(refusal)
		return
	}
	interleaved := ask.Interleaved(ntp.TimestampAt(serving.Show(now.Real)))
	switch l.server.clients.Note(from, now.Mono, clientlog.Sighting{Version: ask.Version, Mode: ask.Mode, Interleaved: interleaved}) {
	case clientlog.Serve:
		l.answer(i, &ask, serving, now, from, interleaved)
	case clientlog.Kiss:
		l.refuse(ntp.TooOften)
		if flags&access.KoD != 0 {
			came := l.arrival(i)
			l.batch.address(i, &came, false)
			l.batch.queue(i, ask.AppendKiss(s.answer[:0], kissPoll), kiss)
		}
	default:
		l.refuse(ntp.TooOften)
	}
}

// backToBack is how long after the one before a packet is at most that may have waited for it, in ns: answering one takes 5
// to 10 us.
const backToBack clock.Mono = 20_000

// kissPoll is what a client that asks too often is told to poll at most: 2^4 s, the shortest poll of RFC 5905, 7.2.
const kissPoll = 4

func (l *listener) refuse(why ntp.Refusal) { l.count.refused[why].Add(1) }

// arrival returns what the kernel says of the packet in slot i.
func (l *listener) arrival(i int) arrival {
	came := l.batch.slots[i].arrival(int(l.batch.messages[i].Hdr.Controllen))
	if sole := l.server.sole.Load(); sole != 0 && sole == binary.NativeEndian.Uint32(came.to4[:]) {
		came.to4 = [4]byte{}
	}
	return came
}

// answer prepares the answer to the request ask in slot i.
func (l *listener) answer(i int, ask *ntp.Request, serving *ntp.Serving, now clock.Reading, from netip.AddrPort, interleaved bool) {
	came := l.arrival(i)
	received, ok := now.Real, true
	if came.stamped {
		received, ok = l.server.clock.FromKernel(came.stamp, now)
	} else {
		l.count.unstamped.Add(1)
	}
	if !ok {
		l.refuse(ntp.ForeignStamp)
		return
	}
	sent, kind := ntp.Timestamp(0), basic
	client := from.Addr().As16()
	if interleaved {
		if sent = l.exchanges.Sent(client, ask.Origin, now.Era); sent != 0 {
			kind = interleavedAnswer
		}
	}
	stamp := interleaved || l.probe(now.Mono)
	if stamp {
		l.stamps.await(awaited{client: client, receive: serving.ReceivedAt(received), era: now.Era, keep: interleaved})
		l.stamps.asked = true
	}
	l.batch.address(i, &came, stamp)
	l.batch.queue(i, ask.Append(l.batch.slots[i].answer[:0], serving, received, sent), kind)
}

// leave sends the answers of a turn. The clock is read once more right before; where it has been stepped since now, or is in
// doubt for another reason, the answers are worth nothing and go nowhere.
func (l *listener) leave(ref *ntp.Reference, before clock.Reading, doubt ntp.Doubt) {
	b := l.batch
	if b.queued == 0 {
		return
	}
	now := l.server.clock.Now()
	if now.Era != before.Era || ref.CheckFor(l.policy, now) != doubt {
		l.count.refused[ntp.ForeignStamp].Add(uint64(b.queued))
		b.queued = 0
		return
	}
	// The answers of a backlog leave one after the other within one system call: each says when its turn will come.
	scale := ref.Scale(l.policy, now)
	first := now.Real + l.leaveTime
	if b.queued >= backlog { // hot caches
		first = now.Real + l.sendTime/2
	}
	for k := range b.queued {
		if b.kinds[k] == basic {
			ntp.SetTransmit(b.answer(k), scale.Show(first+clock.Real(k)*l.sendTime))
		}
	}
	if l.stamps.asked && b.queued == 1 {
		l.stamps.last().at = now.Real
	}
	sent, n := [kinds]uint64{}, clock.Real(b.queued)
	failed := b.send(l.fd, &sent)
	b.queued = 0
	l.sent(&sent, failed, doubt)
	if n < backlog && l.stamps.waiting == 0 {
		return
	}
	after := l.server.clock.Now()
	if n >= backlog {
		l.sendTime += (min(max((after.Real-now.Real)/n, 1), maxSendTime) - l.sendTime) / 8
	}
	scale = ref.Scale(l.policy, after)
	l.drain(after, &scale)
}

// backlog is how many answers at once tell how long one takes.
const backlog = batchSize / 4

// How long it takes to send one answer, in ns: as found at first, and the most that is believed. More is a
// preemption.
const (
	usualSendTime = 2_000
	maxSendTime   = 20_000
)

// sent counts answers by kind.
func (l *listener) sent(sent *[kinds]uint64, failed uint64, doubt ntp.Doubt) {
	l.count.sendErrors.Add(failed)
	l.count.kisses.Add(sent[kiss])
	l.count.interleaved.Add(sent[interleavedAnswer])
	answered := sent[basic] + sent[interleavedAnswer]
	if answered == 0 {
		return
	}
	l.count.answered.Add(answered)
	if doubt != ntp.Certain {
		l.count.unsynchronised.Add(answered)
	}
	l.server.noteDoubt(l.policy, doubt)
}

// control answers the request of mode 6 in slot i, whose answers are longer: only to who is listed for it.
func (l *listener) control(i int, from netip.AddrPort, flags access.Flags, now clock.Mono) {
	s, m := &l.batch.slots[i], &l.batch.messages[i]
	request := s.request[:m.Len]
	switch {
	case flags&(access.NoQuery|access.NoTrust) != 0 || l.server.describe == nil:
		l.refuse(ntp.NotClient)
		return
	case !control.Request(request):
		l.refuse(ntp.BadTrailer)
		return
	case l.server.clients.Note(from, now, clientlog.Sighting{Version: request[0] >> 3 & 7, Mode: ntp.ModeControl}) != clientlog.Serve:
		l.refuse(ntp.TooOften)
		return
	}
	came := l.arrival(i)
	l.batch.address(i, &came, false)
	for _, packet := range control.Answer(request, l.server.describe()) {
		if errno := l.batch.sendOne(l.fd, i, packet); errno != 0 {
			l.count.sendErrors.Add(1)
			return
		}
	}
	l.count.controls.Add(1)
}
