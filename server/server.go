// Package server answers NTP requests on UDP sockets from the Reference that was published last.
//
// It is the thin, doing side of server/ntp: it opens IPv4 and IPv6 sockets, takes the kernel's receive stamp of every
// packet (SO_TIMESTAMPNS_NEW, nanoseconds of CLOCK_REALTIME), has ntp.Reply compute the answer (RFC 5905) and sends it
// from the address that was asked. Times are clock.Real of the served clock, which on a simulated board is not the
// machine's own: Clock converts.
//
// Nothing a packet holds stops the loop: what is refused, or cannot be received or sent, is counted by reason. Memory is
// fixed when the sockets are opened and nothing is allocated per packet. A packet without a kernel stamp is stamped here,
// later by the wake-up, and counted. When the Reference cannot be trusted the answers say so by themselves.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"

	"timeball/pps/clock"
	"timeball/server/ntp"
)

// Clock is the clock that is served. It must be safe for concurrent use.
type Clock interface {
	// Now returns one reading of the served clock, its three parts read within 10 us of each other: Reply takes a larger
	// difference for a step.
	Now() clock.Reading
	// FromKernel converts the kernel's stamp of a packet, of the machine's CLOCK_REALTIME, to the served clock. It reports
	// false for a stamp taken before the present Era began, which no longer means anything.
	FromKernel(stamp clock.Real) (clock.Real, bool)
}

// Server answers NTP requests. Use it in the order New, Listen, Serve, once; Addrs and Stats may be called by anyone any time
// after Listen.
type Server struct {
	cfg   Config
	clock Clock
	ref   *atomic.Pointer[ntp.Reference]
	log   *slog.Logger

	listeners []*listener
	doubt     atomic.Uint32 // the last logged ntp.Doubt, plus one
}

// New returns a server that serves clk and answers from whatever ref points to; nil there means "not synchronised".
func New(cfg Config, clk Clock, ref *atomic.Pointer[ntp.Reference], log *slog.Logger) *Server {
	return &Server{cfg: cfg, clock: clk, ref: ref, log: log}
}

// Listen opens every address of the configuration, or none. An IPv6 address is left out with a log line where the machine
// has no IPv6. The error names the address; errors.Is finds the system's reason, as syscall.EADDRINUSE, in it.
func (s *Server) Listen() error {
	addrs, err := s.cfg.addresses()
	if err != nil {
		return err
	}
	for _, addr := range addrs {
		l, err := s.open(addr)
		if noIPv6(addr, err) {
			s.log.Warn("listener skipped", "address", addr, "error", err)
			continue
		}
		if err != nil {
			err = errors.Join(err, s.close())
			s.listeners = nil
			return err
		}
		s.listeners = append(s.listeners, l)
		s.log.Info("listening", "address", l.addr, "receive_buffer_bytes", l.receiveBuffer,
			"wanted_bytes", s.cfg.ReceiveBuffer, "kernel_stamps", l.stamped)
	}
	if len(s.listeners) == 0 {
		return fmt.Errorf("server: none of %q can be listened on", s.cfg.Listen)
	}
	return nil
}

// Serve answers until ctx is done, then closes the sockets and returns nil. It returns early, with the error, when a
// socket can no longer be waited on. All it started has ended when it returns.
func (s *Server) Serve(ctx context.Context) error {
	failed := make(chan error, len(s.listeners))
	var running sync.WaitGroup
	for _, l := range s.listeners {
		running.Go(func() {
			if err := l.serve(); err != nil {
				failed <- fmt.Errorf("server: receive on %v: %w", l.addr, err)
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	for _, l := range s.listeners {
		l.interrupt()
	}
	running.Wait()
	return errors.Join(err, s.close())
}

// Addrs returns the addresses listened on, in the order of the configuration.
func (s *Server) Addrs() []netip.AddrPort {
	addrs := make([]netip.AddrPort, len(s.listeners))
	for i, l := range s.listeners {
		addrs[i] = l.addr
	}
	return addrs
}

// close closes the sockets.
func (s *Server) close() error {
	var all []error
	for _, l := range s.listeners {
		all = append(all, l.conn.Close())
	}
	return errors.Join(all...)
}

// noteDoubt logs when answers begin or cease to be synchronised.
func (s *Server) noteDoubt(d ntp.Doubt) {
	now := uint32(d) + 1
	if s.doubt.Load() == now || s.doubt.Swap(now) == now {
		return
	}
	s.log.Info("answers changed", "synchronised", d == ntp.Certain, "reason", d)
}
