package server

import (
	"sync/atomic"

	"timeball/server/ntp"
)

// Stats counts packets since Listen, over all sockets.
type Stats struct {
	Answered       uint64               // answers sent
	Unsynchronised uint64               // answers among them that said "not synchronised"
	Interleaved    uint64               // answers among them in interleaved mode
	Kisses         uint64               // kiss-o'-death packets sent; their requests are refused as ntp.TooOften
	Controls       uint64               // requests of mode 6 answered
	Refused        [ntp.Refusals]uint64 // requests without an answer, by ntp.Refusal
	Unstamped      uint64               // requests without a kernel stamp, stamped here
	Dropped        uint64               // requests the kernel dropped for want of room in the receive buffer
	ReceiveErrors  uint64
	SendErrors     uint64 // answers the kernel did not take
}

// RefusedTotal returns the sum of Refused.
func (s Stats) RefusedTotal() uint64 {
	var sum uint64
	for _, n := range s.Refused {
		sum += n
	}
	return sum
}

// counters is the Stats of one socket while it is being written by its loop.
type counters struct {
	answered, unsynchronised, interleaved, kisses, controls, unstamped, receiveErrors, sendErrors atomic.Uint64

	refused [ntp.Refusals]atomic.Uint64
}

// Stats returns the sum over all sockets. Each counter is exact; together they are not of one instant.
func (s *Server) Stats() Stats {
	var sum Stats
	for _, l := range s.listeners {
		sum.Answered += l.count.answered.Load()
		sum.Unsynchronised += l.count.unsynchronised.Load()
		sum.Interleaved += l.count.interleaved.Load()
		sum.Kisses += l.count.kisses.Load()
		sum.Controls += l.count.controls.Load()
		sum.Unstamped += l.count.unstamped.Load()
		sum.Dropped += uint64(l.dropped())
		sum.ReceiveErrors += l.count.receiveErrors.Load()
		sum.SendErrors += l.count.sendErrors.Load()
		for i := range l.count.refused {
			sum.Refused[i] += l.count.refused[i].Load()
		}
	}
	return sum
}
