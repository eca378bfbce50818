package server

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"timeball/server/control"
	"timeball/server/ntp"
)

// describing opens a server that answers mode 6 on IPv4 and IPv6.
func describing(t testing.TB, access ...string) *unit {
	t.Helper()
	u := listen(t)
	u.cfg.Listen, u.cfg.Access = []string{"0.0.0.0:0", "[::1]:0"}, access
	u.Describe(func() *control.State {
		return &control.State{System: control.System{Stratum: 1, ReferenceID: "PPS"}, Sources: []control.Source{{ID: 1, Name: "PPS(0)"}}}
	})
	if err := u.Listen(); err != nil {
		t.Fatal(err)
	}
	u.serve(t)
	return u
}

// over sends and receives on conn.
func over(conn *net.UDPConn) control.Exchange {
	return func(request []byte, take func([]byte) bool) error {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		for b := make([]byte, control.MaxPacket); ; {
			n, err := conn.Read(b)
			if err != nil || take(b[:n]) {
				return err
			}
		}
	}
}

func TestServeShowsItsSources(t *testing.T) {
	u := describing(t)
	for i, ip := range []string{"127.0.0.1", "::1"} {
		rows, err := control.Ask(over(dial(t, netip.AddrPortFrom(netip.MustParseAddr(ip), u.Addrs()[i].Port()))))
		if err != nil || len(rows) != 1 || rows[0].Variables["srchost"] != "PPS(0)" {
			t.Errorf("%s: %+v, %v", ip, rows, err)
		}
	}
	if s := u.final(t); s.Controls != 4 || s.Answered != 0 {
		t.Errorf("stats %+v", s)
	}
}

// Mode 6 is for this machine and who has an entry; mode 7 is for nobody.
func TestControlIsForWhoIsListed(t *testing.T) {
	u := describing(t, "127.0.0.3 kod", "127.0.0.4 noquery", "127.0.0.5 notrust")
	for _, tt := range []struct {
		from     string
		mode     byte
		answered bool
	}{
		{"127.0.0.1", 6, true},
		{"127.0.0.2", 6, false},
		{"127.0.0.3", 6, true},
		{"127.0.0.4", 6, false},
		{"127.0.0.5", 6, false},
		{"127.0.0.1", 7, false},
		{"127.0.0.3", 7, false},
	} {
		conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(tt.from)}, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(u.Addrs()[0].Port())})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		ask := make([]byte, 12)
		ask[0], ask[1] = 2<<3|tt.mode, 1
		refused := u.Stats().RefusedTotal()
		send(t, conn, ask)
		if tt.answered {
			if n, err := conn.Read(make([]byte, 512)); err != nil || n != 16 {
				t.Errorf("%s, mode %d: %d bytes, %v", tt.from, tt.mode, n, err)
			}
			continue
		}
		for deadline := time.Now().Add(10 * time.Second); u.Stats().RefusedTotal() == refused; {
			if time.Now().After(deadline) {
				t.Fatalf("%s, mode %d: not refused", tt.from, tt.mode)
			}
		}
	}
}

// An ill-formed request of mode 6 gets nothing even from this machine, and one flood of them is limited as any other.
func TestControlIsLimited(t *testing.T) {
	u := listen(t)
	u.cfg.RateLimit = Default().RateLimit
	u.Server = New(u.cfg, u.clock, &u.ref, u.log)
	u.cfg.Listen, u.share = []string{"127.0.0.1:0"}, 1
	u.Describe(func() *control.State { return &control.State{} })
	if err := u.Listen(); err != nil {
		t.Fatal(err)
	}
	u.serve(t)
	conn := dial(t, u.Addrs()[0])
	send(t, conn, []byte{0x16}, []byte{0x16, 0x82, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, []byte{0x16, 2, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0})
	for range 500 {
		send(t, conn, []byte{0x16, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	}
	other := dial(t, u.Addrs()[0])
	send(t, other, request(1))
	receive(t, other)
	if s := u.final(t); s.Refused[ntp.BadTrailer] != 3 || s.Controls > 100 || s.Controls+s.Refused[ntp.TooOften] != 500 {
		t.Errorf("stats %+v", s)
	}
}
