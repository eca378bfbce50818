package roles

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"timeball/server/ntp"
)

// fakeDog counts.
type fakeDog struct{ fed, closed int }

func (d *fakeDog) Feed() error  { d.fed++; return nil }
func (d *fakeDog) Close() error { d.closed++; return nil }

// patient is a unit whose health is looked at.
type patient struct {
	Health
	dog        *fakeDog
	ago        time.Duration
	ever       bool
	is, says   bool // synchronised
	err        error
	log        buffer
	unanswered []string
}

func newPatient() *patient {
	p := &patient{dog: &fakeDog{}, ever: true}
	p.Health = Health{
		Ticked:       func() (time.Duration, bool) { return p.ago, p.ever },
		Synchronised: func() bool { return p.is },
		Ask:          func(context.Context) (bool, error) { return p.says, p.err },
		Watchdog:     p.dog, Log: slog.New(slog.NewTextHandler(&p.log, nil)), well: true,
		Unanswered: func(why string) { p.unanswered = append(p.unanswered, why) },
	}
	return p
}

// fed says whether n checks feed the watchdog each time.
func (p *patient) fed(n int) bool {
	before := p.dog.fed
	for range n {
		p.check(context.Background())
	}
	return p.dog.fed == before+n
}

func TestWatchdogIsFedWhileTheUnitDoesWhatItIsFor(t *testing.T) {
	lost := errors.New("no answer")
	for _, tt := range []struct {
		name       string
		spoil      func(*patient)
		fed        bool
		unanswered bool
	}{
		{"synchronised, and says so", func(p *patient) { p.is, p.says = true, true }, true, false},
		{"not synchronised, and says so", func(p *patient) {}, true, false},
		{"says that it is and is not", func(p *patient) { p.says = true }, false, true},
		{"is and says that it is not", func(p *patient) { p.is = true }, false, true},
		{"no answer", func(p *patient) { p.err = lost }, false, true},
		{"the engine stands still", func(p *patient) { p.ago = lastTick + 1 }, false, false},
	} {
		p := newPatient()
		if !p.fed(3) {
			t.Errorf("%s: not fed while all is well", tt.name)
		}
		tt.spoil(p)
		p.fed(Patience - 1)
		if fed := p.fed(4); fed != tt.fed {
			t.Errorf("%s: fed %v, want %v", tt.name, fed, tt.fed)
		}
		if got := len(p.unanswered) > 0; got != tt.unanswered {
			t.Errorf("%s: unanswered %q", tt.name, p.unanswered)
		}
		if said := strings.Contains(p.log.String(), "does not do what it is for"); said == tt.fed {
			t.Errorf("%s: log %s", tt.name, &p.log)
		}
		p.is, p.says, p.err, p.ago = true, true, nil, 0
		if !p.fed(2) || !tt.fed && !strings.Contains(p.log.String(), "again") {
			t.Errorf("%s: not fed when all is well again: %s", tt.name, &p.log)
		}
	}
}

// What never worked would not be mended by a reset, and one lost packet is none.
func TestWatchdogIsFedWhereNothingHasWorkedYet(t *testing.T) {
	p := newPatient()
	p.ever, p.err = false, errors.New("refused by the access list")
	if !p.fed(100) || len(p.unanswered) != 0 {
		t.Errorf("fed %d times of 100, unanswered %q", p.dog.fed, p.unanswered)
	}
	p.ever = true
	if !p.fed(2) {
		t.Error("not fed when the engine ticks")
	}
	if p.ago = time.Minute; p.fed(1) {
		t.Error("fed although the engine has stopped")
	}
	p = newPatient()
	p.fed(1)
	p.err = errors.New("lost")
	if !p.fed(Patience - 1) {
		t.Error("not fed when a packet was lost")
	}
}

// A slow machine whose role is started anew again and again before it can answer never serves anything.
func TestHealthGivesAFreshRoleTimeToAnswer(t *testing.T) {
	p := newPatient()
	p.fed(1)
	p.err = errors.New("no answer")
	for _, tt := range []struct{ checks, told int }{{Patience - 1, 0}, {1, 1}, {fresh - 1, 1}, {1, 2}, {fresh, 3}} {
		p.fed(tt.checks)
		if len(p.unanswered) != tt.told {
			t.Errorf("after %d failures it was told %d times, want %d", p.failures, len(p.unanswered), tt.told)
		}
	}
}

// The state may change between the question and the answer.
func TestHealthAllowsForAChangeMeanwhile(t *testing.T) {
	p := newPatient()
	p.fed(1)
	asked := 0
	p.Synchronised = func() bool { asked++; return asked%2 == 0 } // each time it becomes synchronised in between
	p.says = true
	if !p.fed(10) {
		t.Errorf("not fed: %s", &p.log)
	}
}

// AskNTP asks as a client does, over a real socket.
func TestAskNTP(t *testing.T) {
	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	addr := socket.LocalAddr().(*net.UDPAddr).AddrPort()
	for _, tt := range []struct {
		name   string
		answer func(ask ntp.Packet) []byte
		want   bool
		fails  bool
	}{
		{"synchronised", func(a ntp.Packet) []byte {
			p := ntp.Packet{Version: 4, Mode: ntp.ModeServer, Stratum: 1, Origin: a.Transmit}
			return p.Append(nil)
		}, true, false},
		{"not synchronised", func(a ntp.Packet) []byte {
			p := ntp.Packet{Version: 4, Mode: ntp.ModeServer, Leap: ntp.LeapUnsynchronised, Origin: a.Transmit}
			return p.Append(nil)
		}, false, false},
		{"to another question", func(a ntp.Packet) []byte {
			p := ntp.Packet{Version: 4, Mode: ntp.ModeServer, Stratum: 1, Origin: a.Transmit + 1}
			return p.Append(nil)
		}, false, true},
		{"too short", func(ntp.Packet) []byte { return []byte{0x24} }, false, true},
		{"nothing", func(ntp.Packet) []byte { return nil }, false, true},
	} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			b := make([]byte, 100)
			n, from, err := socket.ReadFromUDPAddrPort(b)
			ask, ok := ntp.Decode(b[:n])
			if err != nil || !ok {
				t.Errorf("asked %x, %v", b[:n], err)
				return
			}
			if answer := tt.answer(ask); answer != nil {
				socket.WriteToUDPAddrPort(answer, from)
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		got, err := AskNTP(ctx, addr)
		cancel()
		<-done
		if got != tt.want || (err != nil) != tt.fails {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
	}
	for from, to := range map[string]string{"0.0.0.0:123": "127.0.0.1:123", "[::]:123": "[::1]:123", "192.0.2.1:123": "192.0.2.1:123"} {
		if got := Loopback(netip.MustParseAddrPort(from)); got.String() != to {
			t.Errorf("%s is asked at %s, want %s", from, got, to)
		}
	}
}
