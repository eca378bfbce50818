package server

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"timeball/pps/clock"
	"timeball/server/access"
	"timeball/server/clientlog"
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

// turn reads one batch and answers it. The answers go one by one, each with a transmit time of its own: sent together, the
// last would leave microseconds after its stamp.
func (l *listener) turn(fd uintptr, flags uintptr) outcome {
	n, errno := l.batch.receive(fd, flags)
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
	if l.stopping.Load() { // shut down: what was read are empty messages without end
		return nothing
	}
	l.failures = 0
	l.drain(fd)
	now := l.server.clock.Now().Mono
	for i := range n {
		l.handle(fd, i, now)
	}
	return worked
}

// handle answers the request in slot i or counts why not. now is about the present.
func (l *listener) handle(fd uintptr, i int, now clock.Mono) {
	s, m := &l.batch.slots[i], &l.batch.messages[i]
	from := l.batch.from(i)
	flags := l.server.access.Load().Of(from.Addr())
	if flags&access.Ignore != 0 {
		l.refuse(ntp.NoAccess)
		return
	}
	if m.Hdr.Flags&unix.MSG_TRUNC != 0 {
		l.refuse(ntp.TooLong)
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
	came := s.arrival(int(m.Hdr.Controllen))
	if came.dropped != 0 {
		l.count.dropped.Store(came.dropped)
	}
	interleaved := ask.Interleaved(ntp.TimestampAt(came.stamp)) // about the present as well
	switch l.server.clients.Note(from, now, clientlog.Sighting{Version: ask.Version, Mode: ask.Mode, Interleaved: interleaved}) {
	case clientlog.Refuse:
		l.refuse(ntp.TooOften)
	case clientlog.Kiss:
		l.refuse(ntp.TooOften)
		if flags&access.KoD != 0 {
			l.kiss(fd, i, &ask, &came)
		}
	default:
		l.answer(fd, i, &ask, &came, from, interleaved)
	}
}

func (l *listener) refuse(why ntp.Refusal) { l.count.refused[why].Add(1) }

// answer answers the request ask in slot i.
func (l *listener) answer(fd uintptr, i int, ask *ntp.Request, came *arrival, from netip.AddrPort, interleaved bool) {
	s := &l.batch.slots[i]
	serving := ntp.Serving{Reference: l.server.ref.Load(), Epoch: l.server.epoch} // loaded before the clock is read
	ok := true
	if came.stamped {
		serving.Received, ok = l.server.clock.FromKernel(came.stamp)
	}
	serving.Now = l.server.clock.Now()
	if !came.stamped {
		serving.Received = serving.Now.Real
		l.count.unstamped.Add(1)
	}
	if !ok {
		l.refuse(ntp.ForeignStamp)
		return
	}
	if interleaved {
		client := from.Addr().As16()
		serving.Sent = l.server.exchanges.Sent(client, ask.Origin, serving.Now.Era)
		receive, _ := serving.Stamps()
		l.stamps.await(awaited{client, receive, serving.Now.Era})
	}
	l.batch.address(i, came, interleaved)
	answer := ask.Append(s.answer[:0], serving)
	if errno := l.batch.send(fd, i, len(answer)); errno != 0 {
		l.count.sendErrors.Add(1)
		return
	}
	l.sent(&serving)
	if interleaved {
		l.drain(fd)
	}
}

// sent counts an answer.
func (l *listener) sent(s *ntp.Serving) {
	l.count.answered.Add(1)
	if s.Sent != 0 {
		l.count.interleaved.Add(1)
	}
	doubt := s.Reference.Check(s.Now)
	if doubt != ntp.Certain {
		l.count.unsynchronised.Add(1)
	}
	l.server.noteDoubt(doubt)
}

// kissPoll is what a client that asks too often is told to poll at most: 2^4 s, the shortest poll of RFC 5905, 7.2.
const kissPoll = 4

// kiss tells the client of slot i that it asks too often.
func (l *listener) kiss(fd uintptr, i int, ask *ntp.Request, came *arrival) {
	l.batch.address(i, came, false)
	answer := ask.AppendKiss(l.batch.slots[i].answer[:0], kissPoll)
	if errno := l.batch.send(fd, i, len(answer)); errno != 0 {
		l.count.sendErrors.Add(1)
		return
	}
	l.count.kisses.Add(1)
}
