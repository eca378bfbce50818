// Package server answers NTP requests on UDP sockets from the Reference that was published last.
//
// It is the thin, doing side of server/ntp: it opens IPv4 and IPv6 sockets, one for each core, takes the kernel's receive
// stamp of every packet and the transmit stamps of interleaved answers (SO_TIMESTAMPNS_NEW and SO_TIMESTAMPING_NEW,
// nanoseconds of CLOCK_REALTIME), has package ntp compute the answer (RFC 5905, RFC 9769) and sends it from the address
// that was asked. Before that the access list (package access) and the rate limit (package clientlog) have their say;
// package control answers mode 6. Times are clock.Real of the served clock, which on a simulated board is not the
// machine's own: Clock converts.
//
// While requests come, a socket's loop waits for the next inside recvmmsg without the Go scheduler's knowledge, which at
// 1000 packets a second halves the cost of an answer; each has a place of its own in GOMAXPROCS for that. After a pause of
// 20 ms it waits in poll, as the scheduler knows.
//
// The transmit time of a basic answer foretells when it leaves: some answers a second are stamped as well, and say how long
// after the reading of the clock that is. A backlog is answered by one system call for up to 32 answers. They leave one
// after the other: each says when its turn will come, by what sending one has taken lately.
//
// Nothing a packet holds stops the loop: what is refused, or cannot be received or sent, is counted by reason. Memory is
// fixed when the sockets are opened and nothing is allocated per packet. A packet without a kernel stamp is stamped here,
// later by the wake-up, and counted. When the Reference cannot be trusted the answers say so by themselves.
package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"timeball/pps/clock"
	"timeball/server/access"
	"timeball/server/clientlog"
	"timeball/server/control"
	"timeball/server/leap"
	"timeball/server/ntp"
)

// Clock is the clock that is served. It must be safe for concurrent use.
type Clock interface {
	// Now returns one reading of the served clock, its three parts read within 10 us of each other: Reply takes a larger
	// difference for a step.
	Now() clock.Reading
	// FromKernel converts the kernel's stamp of a packet, of the machine's CLOCK_REALTIME, to the served clock; now is a
	// reading made since, a moment ago. It reports false for a stamp taken before the present Era began, which no longer
	// means anything.
	FromKernel(stamp clock.Real, now clock.Reading) (clock.Real, bool)
}

// References is where the newest Reference is: an atomic.Pointer, or a page of memory that another process writes to. Load
// returns nil while there is none, costs next to nothing, and must be safe for concurrent use.
type References interface{ Load() *ntp.Reference }

// Server answers NTP requests. Use it in the order New, Listen or Take, Serve, once; Addrs and Stats may be called by anyone any time
// after Listen or Take.
type Server struct {
	cfg   Config
	clock Clock
	ref   References
	log   *slog.Logger

	share     int // sockets for each address, 0 one for each core
	listeners []*listener
	access    atomic.Pointer[access.List]
	sole      atomic.Uint32 // the only IPv4 address of this machine, see soleOf
	clients   *clientlog.Log
	exchanges [2]*ntp.Exchanges            // of UTC, and of the smear
	describe  func() *control.State        // nil: mode 6 is not answered
	epoch     uint32                       // of the clock in chrony's field
	doubts    [leap.Policies]atomic.Uint32 // the last logged ntp.Doubt, plus one
	seed      [2]uint64
}

// New returns a server that serves clk and answers from the newest of ref; nil there means "not synchronised".
func New(cfg Config, clk Clock, ref References, log *slog.Logger) *Server {
	s := &Server{cfg: cfg, clock: clk, ref: ref, log: log}
	var seed [4]uint64
	for i := range seed {
		seed[i] = rand.Uint64() // of the operating system's randomness
	}
	perSecond, _ := cfg.perSecond()
	s.clients = clientlog.New(perSecond, seed[0])
	s.seed = [2]uint64{seed[1], seed[2]}
	s.epoch = uint32(seed[3])
	return s
}

// Describe has requests of mode 6 (ntpq) answered with what state returns; any number of goroutines may call it. It is
// called before Listen.
func (s *Server) Describe(state func() *control.State) { s.describe = state }

// exchangesOf returns the exchanges of listeners with policy p. They take 1.3 MB: those that nobody needs are not made.
func (s *Server) exchangesOf(p leap.Policy) *ntp.Exchanges {
	of := &s.exchanges[0]
	if p == leap.Smear {
		of = &s.exchanges[1]
	}
	if *of == nil {
		*of = ntp.NewExchanges(s.seed)
	}
	return *of
}

// Listen opens every address of the configuration, or none, as Open does.
func (s *Server) Listen() error {
	sockets, err := Open(s.cfg, s.share, s.log)
	if err != nil {
		return err
	}
	return s.Take(sockets)
}

// Take has the server serve sockets that were opened before, by this process or another with Open; it is called once,
// instead of Listen. Those of one address follow one another. The server closes them, also where it returns an error.
func (s *Server) Take(sockets []Socket) error {
	if len(sockets) == 0 {
		return errors.New("server: no sockets")
	}
	for i := range sockets {
		if err := sockets[i].check(); err != nil {
			return errors.Join(fmt.Errorf("server: socket %d of %v: %w", sockets[i].FD, sockets[i].Address, err), closeAll(sockets))
		}
		l := newListener(s, sockets[i])
		l.discardStamps()
		s.listeners = append(s.listeners, l)
	}
	s.admit()
	return nil
}

// places is locked while GOMAXPROCS is changed.
var places sync.Mutex

// addPlaces changes GOMAXPROCS by n. While requests come each socket's loop occupies one of the places that it counts, even
// when it waits for the next: with a place of its own it keeps nobody else from running.
func addPlaces(n int) {
	places.Lock()
	defer places.Unlock()
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
}

// admit makes the access list anew, with the networks that this machine is on, and finds its only address.
func (s *Server) admit() {
	entries, err := s.cfg.entries()
	if err != nil { // Listen has checked it
		return
	}
	onLink, err := networks()
	if err != nil {
		s.log.Warn("own networks unknown: only configured addresses are answered", "error", err)
		onLink = nil
	}
	s.sole.Store(soleOf(onLink))
	s.access.Store(access.New(entries, onLink))
}

// networks returns the prefixes of this machine's addresses, but for those of its loopback.
func networks() ([]netip.Prefix, error) {
	addrs, err := net.InterfaceAddrs()
	var found []netip.Prefix
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && !p.Addr().IsLoopback() && p.Bits() > 0 {
			found = append(found, p)
		}
	}
	return found, err
}

// soleOf returns the IPv4 address of a machine that has one, but for those of its loopback; 0 of any other machine. Answers to
// what came to that address leave from it by themselves: the kernel has no other to choose, and is not told with each answer,
// which costs 3 to 5 % of it under overload. One that is added is noticed within admitEvery; answers that take another way because of
// it bear its address till then.
func soleOf(networks []netip.Prefix) (sole uint32) {
	for _, p := range networks {
		if a := p.Addr(); a.Is4() {
			if sole != 0 {
				return 0
			}
			b := a.As4()
			sole = binary.NativeEndian.Uint32(b[:])
		}
	}
	return sole
}

// admitEvery is how long a new network may wait until its clients are let in.
const admitEvery = 10 * time.Second

// keepAdmitting follows the machine's networks until ctx is done.
func (s *Server) keepAdmitting(ctx context.Context) {
	tick := time.NewTicker(admitEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.admit()
		}
	}
}

// Clients returns who has asked, as far as is remembered, the last seen first.
func (s *Server) Clients() []clientlog.Client { return s.clients.Clients() }

// Serve answers until ctx is done, then closes the sockets and returns nil. It returns early, with the error, when a
// socket can no longer be waited on. All it started has ended when it returns. While it runs GOMAXPROCS is larger by the
// number of its sockets.
func (s *Server) Serve(ctx context.Context) error {
	stop, err := newAlarm()
	if err != nil {
		return errors.Join(fmt.Errorf("server: %w", err), s.close())
	}
	defer stop.close()
	failed := make(chan error, len(s.listeners))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() { s.keepAdmitting(ctx) })
	addPlaces(len(s.listeners))
	defer addPlaces(-len(s.listeners))
	for _, l := range s.listeners {
		running.Go(func() {
			if err := l.serve(stop); err != nil {
				failed <- fmt.Errorf("server: receive on %v: %w", l.addr, err)
			}
		})
	}
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	cancel()
	for _, l := range s.listeners {
		l.stopping.Store(true)
	}
	stop.ring()
	running.Wait()
	return errors.Join(err, s.close())
}

// Addrs returns the addresses listened on, in the order of the configuration.
func (s *Server) Addrs() []netip.AddrPort {
	var addrs []netip.AddrPort
	for _, l := range s.listeners {
		if !slices.Contains(addrs, l.addr) {
			addrs = append(addrs, l.addr)
		}
	}
	return addrs
}

// close closes the sockets.
func (s *Server) close() error {
	var all []error
	for _, l := range s.listeners {
		all = append(all, l.close())
	}
	return errors.Join(all...)
}

// noteDoubt logs when answers of listeners with policy p begin or cease to be synchronised.
func (s *Server) noteDoubt(p leap.Policy, d ntp.Doubt) {
	now, last := uint32(d)+1, &s.doubts[p]
	if last.Load() == now || last.Swap(now) == now {
		return
	}
	s.log.Info("answers changed", "synchronised", d == ntp.Certain, "reason", d, "leap", p)
}
