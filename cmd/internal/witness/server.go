package witness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/beevik/ntp"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// Server is an NTP server that is asked.
type Server struct {
	Name string // as configured
	// Now reads the unit's clocks, of which only CLOCK_MONOTONIC and CLOCK_BOOTTIME count.
	Now clockReader
	// Own says that an address is one of this unit's; nil: none is.
	Own func(netip.AddrPort) bool
	// Lookup and Dial are those of package net where they are nil.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	Dial   func(ctx context.Context, addr netip.AddrPort) (net.Conn, error)

	denied []netip.Addr // those that do not want to be asked
}

const (
	lookupPatience = 10 * time.Second
	answerPatience = 5 * time.Second
	// MAXDIST of RFC 5905, 7.2: a server further from the truth is no source of time.
	maxDistance clock.Seconds = 1
	// By which a server may say that it took longer than question and answer took together: two clocks' granularity, and
	// 500 ppm of the patience.
	maxHeld   = 5 * time.Millisecond
	maxDenied = 16 // addresses of one name
)

// Errors a caller can ask for.
var (
	// ErrNotSent means that nothing was sent to anybody.
	ErrNotSent = errors.New("not asked")
	// ErrRate is the server's kiss code RATE: it wants to be asked less often.
	ErrRate = errors.New("wants to be asked less often (kiss code RATE)")

	errDenied     = errors.New("does not want to be asked")
	errNoAnswer   = errors.New("no answer")
	errNotSynced  = errors.New("it is not synchronised")
	errSelf       = errors.New("that is this unit itself")
	errFollows    = errors.New("it follows this unit")
	errImpossible = errors.New("it says that it took longer to answer than the answer took")
)

// Ask asks the server once. Every question comes from a port of its own, which the kernel draws, and carries a random
// number that the answer has to repeat (RFC 9109).
func (s *Server) Ask(ctx context.Context) (Reading, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return Reading{}, err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var times []clock.Reading
	readable := true
	answer, err := ntp.QueryWithOptions(s.Name, ntp.QueryOptions{
		Timeout: answerPatience,
		Dialer:  func(string, string) (net.Conn, error) { return conn, nil },
		// The unit's own time of day may be anything: offsets are taken from CLOCK_MONOTONIC, as if it began in 1970.
		GetSystemTime: func() time.Time {
			now, ok := s.Now()
			readable = readable && ok
			times = append(times, now)
			return time.Unix(0, int64(now.Mono))
		},
	})
	switch {
	case err != nil:
		return Reading{}, plain(err)
	case !readable || len(times) != 2:
		return Reading{}, errUnreadable
	case slept(times[0], times[1]):
		return Reading{}, errSlept
	}
	return s.judge(answer, conn)
}

// judge turns an answer into a Reading, or says why it is none.
func (s *Server) judge(answer *ntp.Response, conn net.Conn) (Reading, error) {
	t := answer.Timestamps
	distance := clock.Seconds(answer.RootDistance.Seconds())
	switch {
	case answer.IsKissOfDeath():
		return Reading{}, s.kissed(answer.KissCode, conn)
	case answer.Leap == ntp.LeapNotInSync || answer.Stratum > 15:
		return Reading{}, errNotSynced
	case answer.Validate() != nil:
		return Reading{}, fmt.Errorf("refused: %w", answer.Validate())
	case t.ServerXmit.Sub(t.ServerRecv) > t.ClientRecv.Sub(t.ClientXmit)+maxHeld:
		return Reading{}, errImpossible
	case distance > maxDistance:
		return Reading{}, fmt.Errorf("refused: it may be %.1f s from the truth, at most %.0f s is taken", distance, maxDistance)
	case answer.Stratum > 1 && refersTo(answer.ReferenceID, conn.LocalAddr()):
		return Reading{}, errFollows
	}
	at := clock.Mono(t.ClientRecv.UnixNano())
	return Reading{
		At: at, UTC: timescale.UTC(at) + timescale.UTC(answer.ClockOffset), Distance: distance, Stratum: int(answer.Stratum),
		Leap: map[ntp.LeapIndicator]clock.Leap{ntp.LeapAddSecond: clock.LeapInsert, ntp.LeapDelSecond: clock.LeapDelete}[answer.Leap],
	}, nil
}

// kissed obeys a kiss-o'-death packet (RFC 5905, 7.4): DENY and RSTR are for good.
func (s *Server) kissed(code string, conn net.Conn) error {
	switch code {
	case "RATE":
		return ErrRate
	case "DENY", "RSTR":
		if addr, ok := remote(conn); ok && len(s.denied) < maxDenied {
			s.denied = append(s.denied, addr.Addr())
		}
		return fmt.Errorf("%w (kiss code %s)", errDenied, code)
	case "":
		return errNotSynced
	}
	return fmt.Errorf("%w (kiss code %s)", errNotSynced, code)
}

// refersTo reports whether a reference ID is the IPv4 address we ask from: the server's time is then ours.
func refersTo(id uint32, local net.Addr) bool {
	udp, ok := local.(*net.UDPAddr)
	if !ok || udp.IP.To4() == nil {
		return false
	}
	ip := udp.IP.To4()
	return id == uint32(ip[0])<<24|uint32(ip[1])<<16|uint32(ip[2])<<8|uint32(ip[3])
}

func remote(conn net.Conn) (netip.AddrPort, bool) {
	udp, ok := conn.RemoteAddr().(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	return udp.AddrPort(), true
}

// plain says in a few words what went wrong.
func plain(err error) error {
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w within %v", errNoAnswer, answerPatience)
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return fmt.Errorf("%w: no way there", ErrNotSent)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: nothing listens there", errNoAnswer)
	}
	return fmt.Errorf("refused: %w", err)
}
