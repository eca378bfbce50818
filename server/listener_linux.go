package server

import (
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"timeball/pps/clock"
	"timeball/server/leap"
	"timeball/server/ntp"
)

// listener is one socket with its buffers and counters. The socket is none of package net's: Go's poller would be woken by
// every packet beside the loop that waits for it.
type listener struct {
	server *Server
	fd     int
	addr   netip.AddrPort
	policy leap.Policy
	// exchanges are those of its time scale: an answer's transmit time means nothing in another.
	exchanges *ntp.Exchanges
	count     counters

	closing sync.Mutex
	closed  bool
	drops   uint32 // of the kernel, when it was closed; that counter has 32 bits and wraps

	stopping  atomic.Bool
	staying   atomic.Bool // in recvmmsg, as the scheduler does not know
	batch     *batch
	stamps    *stamps
	failures  int        // receive errors in a row
	behind    bool       // there may be more to read at once
	now       clock.Mono // of the last packet
	probed    clock.Mono // when a basic answer was last stamped
	leaveTime clock.Real // ns from the reading of the clock until an answer leaves, mean of the last ones
	sendTime  clock.Real // ns that sending one answer of a backlog takes, mean of the last ones
}

// rawWait is how long a loop waits for the next packet without the scheduler's knowledge, after one that came as soon after
// the one before. Above 50 packets a second it is always in such a wait; below, it waits as any goroutine does and costs
// nothing while it waits.
const rawWait = 20 * time.Millisecond

// newListener returns the listener of an open socket.
func newListener(server *Server, s Socket) *listener {
	return &listener{
		server: server, fd: s.FD, addr: s.Address, policy: s.Leap, exchanges: server.exchangesOf(s.Leap),
		batch: newBatch(s.Address.Addr().Is6()), stamps: newStamps(), sendTime: usualSendTime,
	}
}

// dropped returns how many requests the kernel has dropped.
func (l *listener) dropped() uint32 {
	l.closing.Lock()
	defer l.closing.Unlock()
	if !l.closed {
		return drops(l.fd)
	}
	return l.drops
}

// close closes the socket.
func (l *listener) close() error {
	l.closing.Lock()
	defer l.closing.Unlock()
	l.drops, l.closed = drops(l.fd), true
	return Socket{FD: l.fd}.Close()
}

// alarm ends the waits of all sockets' loops. Shutting the sockets down would as well, but other processes go on using them.
type alarm struct{ fd int }

func newAlarm() (alarm, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	return alarm{fd}, os.NewSyscallError("eventfd", err)
}

// ring ends every wait, from now on: nobody reads what it writes.
func (a alarm) ring() {
	_, _ = unix.Write(a.fd, []byte{1, 0, 0, 0, 0, 0, 0, 1}) // not 0, in either byte order
}

func (a alarm) close() { unix.Close(a.fd) }

// discardStamps empties the queue of transmit stamps: nobody knows the answers any more that they are of, and as long as one
// is there a wait for packets ends at once.
func (l *listener) discardStamps() {
	const most = 1024 // more than fit into the queue
	var packet [1]byte
	for range most {
		if _, _, _, _, err := unix.Recvmsg(l.fd, packet[:], nil, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT); err != nil {
			return
		}
	}
}

// serve answers until it is stopping and a rings. It returns an error when the socket cannot be waited on.
func (l *listener) serve(a alarm) error {
	events := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}, {Fd: int32(a.fd), Events: unix.POLLIN}}
	for !l.stopping.Load() {
		// Any thread may run others meanwhile: this wait may be long.
		if _, err := unix.Poll(events, -1); err != nil && err != unix.EINTR {
			return os.NewSyscallError("poll", err)
		}
		if before := l.now; l.turn() == worked && l.now-before < clock.Mono(rawWait) {
			l.stay()
		}
	}
	return nil
}

// stay goes on answering as long as no pause between two packets is longer than rawWait.
//
// It waits in recvmmsg itself, and without telling the scheduler, which would hand on this thread's place, wake another
// thread to take it and cost more than the answer. A collection of garbage does not wait for it: the runtime's signal ends
// the call because SO_RCVTIMEO is set (signal(7)), and turn is a place where a goroutine may be stopped.
func (l *listener) stay() {
	l.staying.Store(true)
	defer l.staying.Store(false)
	for !l.stopping.Load() && l.turn() == worked {
	}
}
