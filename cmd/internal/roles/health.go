package roles

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"timeball/server/ntp"
)

// Watchdog resets the machine unless it is fed. board.Watchdog is one.
type Watchdog interface {
	Feed() error
	Close() error
}

// Health finds out, from outside, whether the unit does what it is for: the Engine ticks, and a question over loopback gets
// the answer that the state of the clock calls for, "unsynchronised" included. While it does the Watchdog is fed.
//
// What has never worked is no hang, and a reset would not mend it: a requirement counts from the first time it was met.
// Until then, and for a unit whose access list refuses its own questions, the others decide.
type Health struct {
	// Ticked returns how long ago the Engine was at work last; false: it never was.
	Ticked func() (time.Duration, bool)
	// Synchronised says what an answer has to say now.
	Synchronised func() bool
	// Ask asks over loopback.
	Ask      func(context.Context) (synchronised bool, err error)
	Watchdog Watchdog // nil: none
	// Unanswered is told that questions get no right answer any more, and why: after Patience of them, and again after as many
	// as a Role that was started anew for it may need.
	Unanswered func(why string)
	Log        *slog.Logger

	ticked, answered bool // once
	failures         int  // in a row
	well             bool
}

const (
	checkEvery = time.Second
	// Patience is how many questions in a row may go wrong: the last is given up at most 3.7 s after a right answer.
	Patience  = 3
	askWithin = 700 * time.Millisecond
	// fresh is the questions that a Role may leave unanswered while it starts: on a slow machine it takes long.
	fresh = int(StartWithin / checkEvery)
	// lastTick is the oldest tick of an Engine that is at work: eight were left out.
	lastTick = 2 * time.Second
)

// Run checks once a second until ctx is done.
func (h *Health) Run(ctx context.Context) {
	h.well = true
	every := time.NewTicker(checkEvery)
	defer every.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			if stalled := time.Since(last) > 2*checkEvery+askWithin; !stalled { // else this process stood still as well
				h.check(ctx)
			}
			last = time.Now()
		}
	}
}

// check looks once, and feeds or doesn't.
func (h *Health) check(ctx context.Context) {
	err := errors.Join(h.checkTicks(), h.checkAnswer(ctx))
	if ctx.Err() != nil {
		return
	}
	if well := err == nil; well != h.well {
		h.well = well
		if well {
			h.Log.Info("the unit does what it is for again")
		} else {
			h.Log.Error("the unit does not do what it is for", "error", err)
		}
	}
	if err != nil || h.Watchdog == nil {
		return
	}
	if err := h.Watchdog.Feed(); err != nil {
		h.Log.Error("watchdog", "error", err)
	}
}

func (h *Health) checkTicks() error {
	ago, ever := h.Ticked()
	switch {
	case ever && ago <= lastTick:
		h.ticked = true
	case h.ticked:
		return fmt.Errorf("the clock was not looked after for %v", ago.Round(time.Millisecond))
	}
	return nil
}

// checkAnswer asks, and compares the answer with what it has to say: before or after, for the state may change meanwhile.
func (h *Health) checkAnswer(ctx context.Context) error {
	before := h.Synchronised()
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	got, err := h.Ask(ctx)
	if err == nil && got != before && got != h.Synchronised() {
		err = fmt.Errorf("it says that it is synchronised: %v, which is not so", got)
	}
	if err == nil {
		h.answered, h.failures = true, 0
		return nil
	}
	if !h.answered {
		return nil
	}
	err = fmt.Errorf("NTP over loopback: %w", err)
	if h.failures++; h.failures >= Patience && (h.failures-Patience)%fresh == 0 && h.Unanswered != nil {
		h.Unanswered(err.Error())
	}
	if h.failures < Patience {
		return nil // packets get lost
	}
	return err
}

// Loopback returns an address at which the server listening on addr can be asked from this machine.
func Loopback(addr netip.AddrPort) netip.AddrPort {
	if !addr.Addr().IsUnspecified() {
		return addr
	}
	if addr.Addr().Is4() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), addr.Port())
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), addr.Port())
}

var errNotOurs = errors.New("an answer to another question")

// AskNTP asks the server at addr once, as any client does, and returns whether its answer is synchronised.
func AskNTP(ctx context.Context, addr netip.AddrPort) (synchronised bool, err error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr)) // which waits for nothing
	if err != nil {
		return false, err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return false, err
		}
	}
	ask := ntp.Packet{Version: 4, Mode: ntp.ModeClient, Transmit: ntp.Timestamp(rand.Uint64())}
	if _, err := conn.Write(ask.Append(nil)); err != nil {
		return false, err
	}
	b := make([]byte, 512)
	n, err := conn.Read(b)
	if err != nil {
		return false, err
	}
	answer, ok := ntp.Decode(b[:n])
	if !ok || answer.Mode != ntp.ModeServer || answer.Origin != ask.Transmit {
		return false, errNotOurs
	}
	return answer.Leap != ntp.LeapUnsynchronised && answer.Stratum >= 1 && answer.Stratum <= 15, nil
}
