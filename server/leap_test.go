package server

import (
	"encoding/binary"
	"log/slog"
	"net/netip"
	"testing"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/server/leap"
	"timeball/server/ntp"
)

// A listener that smears shows its own scale in every stamp, interleaved ones and the kernel's among them, beside one that
// shows UTC.
func TestEachListenerHasItsScale(t *testing.T) {
	u := listen(t, "127.0.0.1:0", "127.0.0.1:0 smear", "[::1]:0 smear", "127.0.0.1:0 suppress")
	ref := *u.ref.Load()
	midnight := timescale.UTC(ref.Anchor.Real) + 6*3600*timescale.Second // a quarter of the smear is over
	ref.TAIOffset, ref.Leap, ref.LeapAt = 37, clock.LeapInsert, midnight
	ref.Smear = leap.Event{Leap: clock.LeapInsert, At: midnight, Before: 37}
	u.ref.Store(&ref)
	u.serve(t)
	for k, want := range []struct {
		li      uint8
		smeared bool
	}{{ntp.LeapInsert, false}, {ntp.LeapNone, true}, {ntp.LeapNone, true}, {ntp.LeapNone, false}} {
		if at := u.Listening()[k]; at.Address != u.Addrs()[k] || at.Leap != []leap.Policy{leap.Announce, leap.Smear, leap.Smear, leap.Suppress}[k] {
			t.Errorf("listener %d: %+v", k, at)
		}
		c := &interleavedClient{conn: dial(t, u.Addrs()[k])}
		shown := func() clock.Real {
			now := u.clock.Now().Real
			if want.smeared {
				return clock.Real(ref.Smear.Smeared(timescale.TAI(int64(now) + 37e9)))
			}
			return now
		}
		var sent, answered clock.Real
		for n := range 5 {
			from := shown()
			p, interleaved := c.ask(t)
			if interleaved != (n >= 2) || p.Leap != want.li || p.Stratum != 1 {
				t.Errorf("listener %d, answer %d: interleaved %v, LI %d", k, n+1, interleaved, p.Leap)
			}
			if received := p.Receive.Real(from); received < from || received > shown() {
				t.Errorf("listener %d, answer %d: received %d ns after it was sent", k, n+1, received-from)
			}
			transmit := p.Transmit.Real(from)
			if !interleaved {
				sent, answered = from, shown()+maxSendTime
			}
			if transmit < sent || transmit > answered {
				t.Errorf("listener %d, answer %d: left %d ns after it was asked for", k, n+1, transmit-sent)
			}
			if at := p.Reference.Real(from); at > from || from-at > 60e9 {
				t.Errorf("listener %d: reference time %d ns before", k, from-at)
			}
			sent, answered = from, shown()
			for n > 0 && u.listeners[k].exchanges.Sent(c.address(), p.Receive, u.clock.Now().Era) == 0 {
				if shown() > answered+10e9 {
					t.Fatal("no transmit stamp")
				}
			}
		}
		send(t, c.conn, monoRoot())
		answer := make([]byte, 512)
		n, err := c.conn.Read(answer)
		if err != nil || n != ntp.MaxAnswer || (binary.BigEndian.Uint64(answer[64:]) == 0) != want.smeared {
			t.Errorf("listener %d: chrony's field %x, %v", k, answer[48:n], err)
		}
	}
	if a, b := u.listeners[0].exchanges, u.listeners[1].exchanges; a == b || a != u.listeners[3].exchanges || b != u.listeners[2].exchanges {
		t.Error("listeners of different scales share their exchanges, or those of one do not")
	}
}

func mustAddr(ip string, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(ip), port)
}

// monoRoot is a request with chrony's field.
func monoRoot() []byte {
	b := binary.BigEndian.AppendUint32(request(5), 0xf323001c)
	b = binary.BigEndian.AppendUint32(b, 0xf5bedd9a)
	return append(b, make([]byte, 20)...)
}

func TestListenRefusesTwoPoliciesForOneAddress(t *testing.T) {
	for _, listen := range [][]string{
		{"127.0.0.1:123", "127.0.0.1:123 smear"}, {":123", "[::]:123 smear"}, {"127.0.0.1:0 slew"}, {"127.0.0.1:0 smear announce"},
	} {
		if err := open(listen...).Validate(); err == nil {
			t.Errorf("%q was taken", listen)
		}
	}
	if err := open(":123", "127.0.0.1:123 smear", "127.0.0.1:0  suppress ").Validate(); err != nil {
		t.Error(err)
	}
}

// One address of the machine may smear while all others announce.
func TestListenOnOneAddressBesideAll(t *testing.T) {
	u := listen(t)
	u.cfg.Listen = []string{"0.0.0.0:0"}
	free, err := Open(u.cfg, 1, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	port := free[0].Address.Port()
	if err := free[0].Close(); err != nil {
		t.Fatal(err)
	}
	for _, order := range []bool{false, true} {
		u := shared(t, 2)
		u.cfg.Listen = []string{mustAddr("0.0.0.0", port).String(), mustAddr("127.0.0.2", port).String() + " smear"}
		if order {
			u.cfg.Listen[0], u.cfg.Listen[1] = u.cfg.Listen[1], u.cfg.Listen[0]
		}
		if err := u.Listen(); err != nil {
			t.Fatal(err)
		}
		u.serve(t)
		for _, l := range u.Addrs() {
			at := l
			if l.Addr().IsUnspecified() {
				at = mustAddr("127.0.0.1", port)
			}
			conn := dial(t, at)
			for range 8 {
				send(t, conn, request(1))
				receive(t, conn)
			}
		}
		u.final(t)
		answers := map[leap.Policy]uint64{}
		for _, l := range u.listeners {
			answers[l.policy] += l.count.answered.Load()
		}
		if answers[leap.Announce] != 8 || answers[leap.Smear] != 8 {
			t.Errorf("answers by policy %v, want 8 of both", answers)
		}
	}
}
