package server

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"timeball/pps/clock"
	"timeball/server/ntp"
)

// interleavedClient asks as RFC 9769, 2 has it and keeps what it needs of the last answer.
type interleavedClient struct {
	conn     *net.UDPConn
	last     ntp.Packet // the last answer
	received ntp.Timestamp
	counter  uint64 // for stamps that are never the same
}

// address is what the client is known by.
func (c *interleavedClient) address() [16]byte {
	return c.conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().As16()
}

// ask sends one request and returns the answer, and whether it is interleaved.
func (c *interleavedClient) ask(t testing.TB) (p ntp.Packet, interleaved bool) {
	t.Helper()
	c.counter += 1 << 20
	q := ntp.Packet{Version: 4, Mode: ntp.ModeClient, Origin: c.last.Receive, Receive: c.received, Transmit: ntp.Timestamp(c.counter)}
	send(t, c.conn, q.Append(nil))
	p = receive(t, c.conn)
	switch {
	case p.Origin == q.Transmit:
	case p.Origin == q.Receive && q.Receive != 0:
		interleaved = true
	default:
		t.Fatalf("answer %+v is for another request than %+v", p, q)
	}
	c.last, c.received = p, ntp.Timestamp(c.counter+7)
	return p, interleaved
}

func TestServeInterleavesFromTheThirdAnswerOn(t *testing.T) {
	for _, listen := range []struct{ at, ask string }{
		{"127.0.0.1:0", "127.0.0.1"}, {"[::1]:0", "::1"}, {"0.0.0.0:0", "127.0.0.1"}, {"[::]:0", "::1"},
	} {
		t.Run(listen.at, func(t *testing.T) {
			u := shared(t, 2, listen.at)
			u.serve(t)
			addr := netip.AddrPortFrom(netip.MustParseAddr(listen.ask), u.Addrs()[0].Port())
			c := &interleavedClient{}
			var sent, answered clock.Real // the answer before left between these two
			for k := range 20 {
				c.conn = dial(t, addr) // from another port, and so perhaps to another socket: RFC 9109
				previous := c.last
				p, interleaved := c.ask(t)
				if interleaved != (k >= 2) {
					t.Errorf("answer %d: interleaved %v", k+1, interleaved)
				}
				if interleaved && (p.Transmit.Real(sent) < previous.Receive.Real(sent) || p.Transmit.Real(sent) > answered || p.Transmit&1 != 0) {
					t.Errorf("answer %d says that the one before left at %d, but it came between %d and %d", k+1, p.Transmit.Real(sent), sent, answered)
				}
				if k > 0 { // no client asks again before the server has read its own stamp
					u.awaitStamp(t, c.conn, p.Receive)
				}
				sent, answered = p.Receive.Real(u.clock.Now().Real), u.clock.Now().Real
			}
			if s := u.final(t); s.Interleaved != 18 || s.Answered != 20 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

// awaitStamp waits until the transmit stamp of the answer with this receive time has come.
func (u *unit) awaitStamp(t testing.TB, conn *net.UDPConn, receive ntp.Timestamp) {
	t.Helper()
	client := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().As16()
	for deadline := time.Now().Add(10 * time.Second); u.listeners[0].exchanges.Sent(client, receive, u.clock.Now().Era) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("no transmit stamp")
		}
	}
}

// shared opens a server with n sockets for each address.
func shared(t testing.TB, n int, addrs ...string) *unit {
	t.Helper()
	u := listen(t)
	u.share = n
	if len(addrs) == 0 {
		return u
	}
	u.cfg.Listen = addrs
	if err := u.Listen(); err != nil {
		t.Fatal(err)
	}
	return u
}

// The transmit time of an interleaved answer is the kernel's, that of the basic answer foretold.
func TestInterleavedStampsAreTheKernels(t *testing.T) {
	u := listen(t, "127.0.0.1:0")
	u.serve(t)
	c := &interleavedClient{conn: dial(t, u.Addrs()[0])}
	c.ask(t)
	for range 20 {
		basic, _ := c.ask(t)
		c.last.Receive = basic.Receive
		p, interleaved := c.ask(t)
		c.last = ntp.Packet{Receive: 1} // an origin we have not: the next answer is basic
		if !interleaved {
			continue
		}
		late := p.Transmit.Real(0) - basic.Transmit.Real(0)
		if late == 0 || late < -maxSendTime || late > 5_000_000 {
			t.Errorf("the kernel sent %d ns after what was foretold", late)
		}
	}
}

// The first answer is stamped, and says how long after the reading it left.
func TestServeLearnsWhenAnswersLeave(t *testing.T) {
	u := listen(t, "127.0.0.1:0")
	u.serve(t)
	c := &interleavedClient{conn: dial(t, u.Addrs()[0])}
	for range 3 {
		c.ask(t)
	}
	u.final(t)
	if l := u.listeners[0]; l.leaveTime <= 0 || l.leaveTime > maxSendTime {
		t.Errorf("answers leave %d ns after the reading", l.leaveTime)
	}
}

func TestLearnIsNotImpressedByAPreemption(t *testing.T) {
	l := &listener{}
	for k := range 200 {
		late := clock.Real(9000 + 200*(k%5-2))
		if k%20 == 19 {
			late = 4_000_000
		}
		l.learn(late)
	}
	// One in 20 counts as 20 us, for an eighth; the last of these was one.
	if l.leaveTime < 8500 || l.leaveTime > 11_000 {
		t.Errorf("%d ns, want 9000", l.leaveTime)
	}
	l.learn(-5)
	if l.leaveTime < 7000 || l.leaveTime > 10_500 {
		t.Errorf("%d ns after a stamp before the reading", l.leaveTime)
	}
}

// One interleaved client among many basic ones gets every answer from the third on interleaved.
func TestInterleavedAmongOthers(t *testing.T) {
	u := shared(t, 2, "127.0.0.1:0")
	u.serve(t)
	stop, others := make(chan struct{}), sync.WaitGroup{}
	for n := range 4 {
		conn := dial(t, u.Addrs()[0])
		others.Go(func() {
			answer := make([]byte, 512)
			for k := uint64(n) << 40; ; k++ {
				select {
				case <-stop:
					return
				default:
				}
				_, _ = conn.Write(request(k | 1))
				_, _ = conn.Read(answer)
			}
		})
	}
	c := &interleavedClient{conn: dial(t, u.Addrs()[0])}
	for k := range 500 {
		if _, interleaved := c.ask(t); interleaved != (k >= 2) {
			t.Errorf("answer %d: interleaved %v", k+1, interleaved)
		}
	}
	close(stop)
	others.Wait()
	if s := u.final(t); s.Answered < 1000 || s.Interleaved != 498 {
		t.Errorf("%d answers, %d interleaved: want many and 498", s.Answered, s.Interleaved)
	}
}

// A stamp from before a step of the clock is worth nothing after it.
func TestInterleavedStampsEndWithTheEra(t *testing.T) {
	u := listen(t, "127.0.0.1:0")
	u.serve(t)
	c := &interleavedClient{conn: dial(t, u.Addrs()[0])}
	for k, want := range []bool{false, false, true, false, true} {
		if k == 3 {
			u.clock.era.Add(1)
			u.publish()
		}
		if _, interleaved := c.ask(t); interleaved != want {
			t.Errorf("answer %d: interleaved %v, want %v", k+1, interleaved, want)
		}
	}
}

// Clients are divided among the sockets, and all are answered.
func TestServeSharesAnAddress(t *testing.T) {
	const clients = 64
	u := shared(t, 2, "127.0.0.1:0", "[::1]:0")
	if got := u.Addrs(); len(got) != 2 || len(u.listeners) != 4 {
		t.Errorf("%v on %d sockets, want 2 on 4", got, len(u.listeners))
	}
	u.serve(t)
	for k := range uint64(clients) {
		for _, addr := range u.Addrs() {
			conn := dial(t, addr)
			send(t, conn, request(k))
			receive(t, conn)
		}
	}
	if s := u.final(t); s.Answered != 2*clients {
		t.Errorf("%d answered, want %d", s.Answered, 2*clients)
	}
	for i, l := range u.listeners {
		if l.count.answered.Load() == 0 {
			t.Errorf("socket %d answered nobody", i)
		}
	}
}

// What a client sees when it goes on after a pause: the loop was waiting as a goroutine and wakes.
func TestServeWakesFromAPause(t *testing.T) {
	u := listen(t, "127.0.0.1:0")
	u.serve(t)
	conn := dial(t, u.Addrs()[0])
	for k := range uint64(10) {
		send(t, conn, request(k))
		if p := receive(t, conn); p.Origin != ntp.Timestamp(k) {
			t.Errorf("answer to %d, want %d", p.Origin, k)
		}
		if k%2 == 0 {
			continue // after two without a pause the loop waits for the third
		}
		until := time.Now().Add(2 * rawWait)
		for l := u.listeners[0]; l.staying.Load() && time.Now().Before(until.Add(time.Second)); {
			time.Sleep(rawWait / 4) // polled: nothing tells when a loop has begun to wait
		}
		if u.listeners[0].staying.Load() {
			t.Fatal("still in recvmmsg a second after the last packet")
		}
	}
}

// packets of all kinds that nobody may be answered on, over a header of 48 bytes.
func hostile() map[string][]byte {
	p := map[string][]byte{"nothing": {}, "one byte": {0x23}, "47 bytes": make([]byte, 47)}
	for mode := range byte(8) {
		for version := range byte(8) {
			if mode == ntp.ModeClient && version >= 1 && version <= 4 {
				continue
			}
			b := make([]byte, 48)
			b[0] = version<<3 | mode
			p["mode and version "+string('0'+rune(mode))+string('0'+rune(version))] = b
		}
	}
	p["mode 7 monlist, 8 bytes"] = []byte{0x17, 0, 3, 42, 0, 0, 0, 0}
	p["an answer of ours"] = append([]byte{0x24, 1}, make([]byte, 46)...)
	field := append(request(0), 1, 4, 0, 200)
	p["a field that is longer than the packet"] = append(field, make([]byte, 24)...)
	return p
}

func TestServeAnswersNothingHostile(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		u := listen(t, addr)
		u.serve(t)
		conn := dial(t, u.Addrs()[0])
		n := uint64(0)
		for name, packet := range hostile() {
			if len(packet) > 0 && packet[0]&7 == ntp.ModeControl && netip.MustParseAddrPort(addr).Addr().IsLoopback() {
				continue // answered to this machine: see the tests of mode 6
			}
			n++
			send(t, conn, packet, request(1000+n))
			if p := receive(t, conn); p.Origin != ntp.Timestamp(1000+n) {
				t.Errorf("%s: %s was answered", addr, name)
			}
		}
		if s := u.final(t); s.Answered != n || s.RefusedTotal() != n {
			t.Errorf("%s: %d answered and %d refused of %d each", addr, s.Answered, s.RefusedTotal(), n)
		}
	}
}

func TestServeKeepsToItsAccessList(t *testing.T) {
	u := listen(t)
	u.cfg.Listen = []string{"127.0.0.1:0", "[::1]:0"}
	u.cfg.Access = []string{"127.0.0.8/29 ignore", "127.0.0.9", "127.0.0.16 notrust", "::1 ignore"}
	if err := u.Listen(); err != nil {
		t.Fatal(err)
	}
	u.serve(t)
	for _, tt := range []struct {
		from     string
		answered bool
	}{
		{"127.0.0.1", true}, {"127.0.0.7", true}, {"127.0.0.8", false}, {"127.0.0.9", true}, {"127.0.0.15", false}, {"127.0.0.16", false},
	} {
		conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(tt.from)}, net.UDPAddrFromAddrPort(u.Addrs()[0]))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		before := u.listeners[0].count.refused[ntp.NoAccess].Load()
		send(t, conn, request(1))
		for deadline := time.Now().Add(10 * time.Second); !tt.answered && u.listeners[0].count.refused[ntp.NoAccess].Load() == before; {
			if time.Now().After(deadline) {
				t.Fatalf("%s: not refused", tt.from)
			}
		}
		if tt.answered {
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			receive(t, conn)
		}
	}
	send(t, dial(t, u.Addrs()[1]), request(1))
	send(t, dial(t, u.Addrs()[0]), request(1))
}

// The shipped limit: a burst of 8 is answered, a flood only as far as it goes, told once; others are served meanwhile.
func TestServeLimitsAFlood(t *testing.T) {
	u := listen(t)
	u.cfg.Listen, u.cfg.RateLimit = []string{"127.0.0.1:0"}, Default().RateLimit
	u.Server = New(u.cfg, u.clock, &u.ref, u.log)
	u.share = 1
	if err := u.Listen(); err != nil {
		t.Fatal(err)
	}
	u.serve(t)
	const flood = 2000
	flooder, answer, kissed, served := dial(t, u.Addrs()[0]), make([]byte, 512), 0, 0
	for k := range uint64(flood) {
		send(t, flooder, request(k))
		if k%100 != 99 {
			continue
		}
		other := dial(t, u.Addrs()[0])
		for burst := range uint64(8) {
			send(t, other, request(burst))
			if p := receive(t, other); p.Stratum != 1 {
				t.Fatalf("answer of stratum %d to a burst of 8", p.Stratum)
			}
		}
	}
	if err := flooder.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for {
		n, err := flooder.Read(answer)
		if err != nil {
			break
		}
		if p, _ := ntp.Decode(answer[:n]); p.ReferenceID == [4]byte{'R', 'A', 'T', 'E'} {
			kissed++
		} else {
			served++
		}
	}
	s := u.final(t)
	if kissed < 1 || kissed > 5 || uint64(kissed) != s.Kisses {
		t.Errorf("%d kisses, %d counted: want one a second", kissed, s.Kisses)
	}
	// The burst of 32, one in 16 of the rest, 8 a second for the seconds it took.
	if served > 32+flood/16*3/2+100 || s.Answered != uint64(served)+160 {
		t.Errorf("%d of %d served, %d answers counted", served, flood, s.Answered)
	}
	if c := u.Clients(); len(c) != 1 || c[0].Prefix.String() != "127.0.0.1/32" || c[0].Requests != flood+160 || c[0].Limited != s.Refused[ntp.TooOften]+0 && c[0].Limited < s.Refused[ntp.TooOften] {
		t.Errorf("clients %+v, stats %+v", c, s)
	}
}

func TestNetworksAreOfTheMachine(t *testing.T) {
	found, err := networks()
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(found, func(p netip.Prefix) bool { return p.Addr().IsLoopback() || p.Bits() == 0 }) {
		t.Errorf("networks %v", found)
	}
}

// FuzzHandle gives one loop whatever may come: it goes on, and no answer is longer than its request.
func FuzzHandle(f *testing.F) {
	for _, p := range hostile() {
		f.Add(p)
	}
	f.Add(request(7))
	f.Add(append(request(7), binary.BigEndian.AppendUint32(nil, 0xf323001c)...))
	u := listen(f, "127.0.0.1:0")
	u.serve(f)
	f.Fuzz(func(t *testing.T, packet []byte) {
		conn := dial(t, u.Addrs()[0])
		if len(packet) > 60_000 {
			return
		}
		send(t, conn, packet, request(0xfeedfacecafebeef))
		answer := make([]byte, 4096)
		for {
			n, err := conn.Read(answer)
			if err != nil {
				t.Fatal(err)
			}
			if p, _ := ntp.Decode(answer[:n]); p.Origin == 0xfeedfacecafebeef && n == ntp.HeaderLen {
				return
			}
			if n > len(packet) && (len(packet) == 0 || packet[0]&7 != ntp.ModeControl) {
				t.Fatalf("answer of %d bytes to %d", n, len(packet))
			}
		}
	})
}
