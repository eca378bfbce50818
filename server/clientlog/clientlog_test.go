package clientlog

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"timeball/pps/clock"
)

const second clock.Mono = 1_000_000_000

const perSecond = 8

var seen = Sighting{Version: 4, Mode: 3}

func address(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
}

// ask sends n requests, every after the last, and returns how many were served and how many were kissed.
func ask(l *Log, from netip.AddrPort, at *clock.Mono, every clock.Mono, n int) (served, kissed int) {
	for range n {
		switch l.Note(from, *at, seen) {
		case Serve:
			served++
		case Kiss:
			kissed++
		}
		*at += every
	}
	return served, kissed
}

func TestABurstIsNeverLimited(t *testing.T) {
	for _, from := range []string{"192.0.2.1:123", "[2001:db8::1]:123"} {
		l, at := New(perSecond, 1), 100*second
		for burst := range 100 { // the shortest poll of RFC 5905 apart
			if served, _ := ask(l, netip.MustParseAddrPort(from), &at, 1000, 8); served != 8 {
				t.Fatalf("%s, burst %d: %d of 8 served", from, burst, served)
			}
			at += 16 * second
		}
		if served, _ := ask(l, netip.MustParseAddrPort(from), &at, second/perSecond, 1000); served != 1000 {
			t.Errorf("%s, at the limit: %d of 1000 served", from, served)
		}
	}
}

func TestAFloodIsLimited(t *testing.T) {
	tests := []struct {
		name  string
		ports int
		above int // what is served besides the leak
	}{
		{"from one port", 1, Burst + 10*perSecond},
		{"from all ports", 60_000, gatewayBurst + 10*perSecond*Gateway},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const n = 200_000 // in ten seconds
			l, at, served, kissed := New(perSecond, 7), 100*second, 0, 0
			for k := range n {
				from := netip.AddrPortFrom(address(1), uint16(1024+k%tt.ports))
				s, kiss := ask(l, from, &at, 10*second/n, 1)
				served, kissed = served+s, kissed+kiss
			}
			leaked := (n - tt.above) / Leak
			if served < tt.above+leaked*9/10 || served > tt.above+leaked*11/10 {
				t.Errorf("%d served, want %d and a leak of %d", served, tt.above, leaked)
			}
			if kissed < 9 || kissed > 11 {
				t.Errorf("%d kisses in ten seconds, want one a second", kissed)
			}
			c := l.Clients()
			if len(c) != 1 || c[0].Requests != n || c[0].Limited < n-uint64(tt.above)-1 {
				t.Errorf("clients %+v", c)
			}
		})
	}
}

// 500 clients behind one gateway, each with a burst at the start and a poll of 64 s, beside one of them that floods.
func TestAGatewayIsNotStarved(t *testing.T) {
	l, at := New(perSecond, 3), 100*second
	gateway := address(0xc0000201)
	for client := range uint16(500) {
		if served, _ := ask(l, netip.AddrPortFrom(gateway, 2000+client), &at, 1000, 8); served != 8 {
			t.Fatalf("client %d: %d of a burst of 8 served", client, served)
		}
	}
	for range 10 {
		for client := range uint16(500) {
			ask(l, netip.AddrPortFrom(gateway, 1999), &at, 64*second/500/100, 100) // 780 a second
			if served, _ := ask(l, netip.AddrPortFrom(gateway, 2000+client), &at, 0, 1); served != 1 {
				t.Fatalf("client %d is starved", client)
			}
		}
	}
}

// Another address, or another IPv6 network, is not touched by a flood; a neighbour in the same network is.
func TestOthersAreNotTouched(t *testing.T) {
	for _, tt := range []struct {
		flood, other string
		shared       bool
	}{
		{"192.0.2.1", "192.0.2.2", false},
		{"2001:db8:0:1::1", "2001:db8:0:2::1", false},
		{"2001:db8:0:1::1", "2001:db8:0:1:ffff::1", true},
		{"::1", "0.0.0.1", false},
	} {
		l, at, served := New(perSecond, 3), 100*second, 0
		for port := range uint16(60_000) {
			ask(l, netip.AddrPortFrom(netip.MustParseAddr(tt.flood), port), &at, 0, 1)
		}
		for port := range uint16(64) {
			s, _ := ask(l, netip.AddrPortFrom(netip.MustParseAddr(tt.other), port), &at, 0, 1)
			served += s
		}
		if got := served < 64; got != tt.shared {
			t.Errorf("flood from %s: %d of 64 served for %s", tt.flood, served, tt.other)
		}
	}
}

func TestNoLimit(t *testing.T) {
	l, at := New(0, 1), 100*second
	if served, _ := ask(l, netip.MustParseAddrPort("192.0.2.1:123"), &at, 0, 100_000); served != 100_000 {
		t.Errorf("%d of 100000 served", served)
	}
}

func TestClients(t *testing.T) {
	l, at := New(perSecond, 9), 100*second
	ask(l, netip.MustParseAddrPort("192.0.2.1:123"), &at, 4*second, 3)
	l.Note(netip.MustParseAddrPort("192.0.2.1:4000"), at, Sighting{Version: 3, Mode: 3, Interleaved: true})
	l.Note(netip.MustParseAddrPort("[2001:db8::7]:123"), at+second, Sighting{Version: 4, Mode: 6})
	want := []Client{
		{netip.MustParsePrefix("2001:db8::/64"), 113 * second, 113 * second, 1, 0, 0, Sighting{4, 6, false}},
		{netip.MustParsePrefix("192.0.2.1/32"), 100 * second, 112 * second, 4, 0, 4, Sighting{3, 3, true}},
	}
	if diff := cmp.Diff(want, l.Clients(), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("clients (-want +got):\n%s", diff)
	}
}

// A million addresses: memory stays, and a client that goes on asking is remembered.
func TestAMillionAddresses(t *testing.T) {
	if size := unsafe.Sizeof(Log{}); size > 1<<21 {
		t.Errorf("%d bytes, want at most 2 MiB", size)
	}
	l, at := New(perSecond, 11), 100*second
	client := netip.MustParseAddrPort("192.0.2.1:123")
	addresses := uint32(1_000_000)
	if testing.Short() {
		addresses = 200_000
	}
	for n := range addresses {
		l.Note(netip.AddrPortFrom(address(0x7f000000+n), uint16(n)), at, seen)
		if n%500 == 0 { // one of 2048 sets is hit by a quarter of an address meanwhile
			ask(l, client, &at, 0, 1)
		}
		at += 50_000
	}
	clients := l.Clients()
	if len(clients) != addressSets*addressWays {
		t.Errorf("%d remembered, want the table full: %d", len(clients), addressSets*addressWays)
	}
	for _, c := range clients {
		if c.Prefix.Addr() == client.Addr() && c.Requests > uint64(addresses/5000) {
			return
		}
	}
	t.Error("the client is forgotten")
}

func TestNoteDoesNotAllocate(t *testing.T) {
	l, at := New(perSecond, 1), 100*second
	from := netip.MustParseAddrPort("192.0.2.1:123")
	if n := testing.AllocsPerRun(100, func() { ask(l, from, &at, 1, 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkNote(b *testing.B) {
	l, at := New(perSecond, 1), 100*second
	for n := uint32(0); b.Loop(); n++ {
		l.Note(netip.AddrPortFrom(address(n%100_000), 123), at, seen)
		at += 5000
	}
}
