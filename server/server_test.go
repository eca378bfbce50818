package server

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"timeball/pps/clock"
	"timeball/server/ntp"
)

// hostClock serves the machine's own clocks, ahead by shift, and takes the first stale kernel stamps for those of another
// Era.
type hostClock struct {
	shift clock.Real
	stale atomic.Int32
	era   atomic.Uint32

	stepAfter atomic.Int32 // readings until the clock is stepped, 0 = never
}

func (h *hostClock) Now() (now clock.Reading) {
	narrowest := int64(math.MaxInt64)
	for range 8 { // a reading that was preempted is wide; 10 us is usual where a system call is slow
		before := gettime(unix.CLOCK_MONOTONIC)
		real, boot := gettime(unix.CLOCK_REALTIME), gettime(unix.CLOCK_BOOTTIME)
		width := gettime(unix.CLOCK_MONOTONIC) - before
		if width < narrowest {
			narrowest = width
			now = clock.Reading{Mono: clock.Mono(before + width/2), Real: clock.Real(real) + h.shift, Boot: clock.Boot(boot), Era: clock.Era(h.era.Load())}
		}
		if width < 10_000 {
			break
		}
	}
	if h.stepAfter.Load() > 0 && h.stepAfter.Add(-1) == 0 {
		h.era.Add(1)
	}
	return now
}

func (h *hostClock) FromKernel(stamp clock.Real, _ clock.Reading) (clock.Real, bool) {
	return stamp + h.shift, h.stale.Add(-1) < 0
}

func gettime(id int32) int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(id, &ts); err != nil {
		panic(err)
	}
	return ts.Nano()
}

// unit is a listening server with all it was made from.
type unit struct {
	*Server
	clock *hostClock
	ref   atomic.Pointer[ntp.Reference]
	logs  bytes.Buffer // read it after stop
	stop  func() error
}

// stamping waits until the kernel stamps what arrives, which it begins a moment after the first socket has asked for it
// and goes on with as long as one does.
func stamping(t testing.TB) {
	keeper := listenOnly(t)
	conn := dial(t, keeper.addr)
	deadline := time.Now().Add(10 * time.Second)
	for stamped := false; !stamped; {
		if time.Now().After(deadline) {
			t.Fatal("the kernel does not stamp packets")
		}
		send(t, conn, []byte{0})
		n, _ := keeper.batch.receive(keeper.fd)
		for i := range n {
			stamped = stamped || keeper.batch.slots[i].arrival(int(keeper.batch.messages[i].Hdr.Controllen)).stamped
		}
	}
}

// listenOnly returns a socket that nobody serves.
func listenOnly(t testing.TB) *listener {
	s := New(open("127.0.0.1:0"), &hostClock{}, nil, slog.New(slog.DiscardHandler))
	socket, err := openOne(netip.MustParseAddrPort("127.0.0.1:0"), false, Default().ReceiveBuffer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return newListener(s, socket)
}

// open is a configuration without limits.
func open(addrs ...string) Config {
	cfg := Default()
	cfg.Listen, cfg.RateLimit = addrs, "off"
	return cfg
}

// listen opens a server with a synchronised Reference of an hour; serve starts it.
func listen(t testing.TB, addrs ...string) *unit {
	t.Helper()
	u := &unit{clock: &hostClock{}}
	stamping(t)
	u.Server = New(open(addrs...), u.clock, &u.ref, slog.New(slog.NewTextHandler(&u.logs, nil)))
	u.share = 1 // so that a test knows which socket gets its packets
	u.publish()
	if len(addrs) == 0 {
		return u
	}
	if err := u.Listen(); err != nil {
		t.Fatal(err)
	}
	return u
}

func (u *unit) publish() {
	now := u.clock.Now()
	u.ref.Store(&ntp.Reference{
		Anchor: now, Expiry: now.Mono + 3600_000_000_000, Synchronised: true, Stratum: 1,
		ReferenceID: [4]byte{'P', 'P', 'S'}, ReferenceAt: now.Real, Bound: 1e-6, Growth: 1e-6, Precision: -23,
	})
}

func (u *unit) serve(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- u.Serve(ctx) }()
	stopped := false
	u.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(10 * time.Second):
			return errors.New("Serve did not return")
		}
	}
	t.Cleanup(func() {
		if err := u.stop(); err != nil {
			t.Error(err)
		}
	})
}

// final stops the server and returns what it counted: an answer is counted after it was sent.
func (u *unit) final(t testing.TB) Stats {
	t.Helper()
	if err := u.stop(); err != nil {
		t.Fatal(err)
	}
	return u.Stats()
}

// dial returns a connected socket, which takes answers from addr only.
func dial(t testing.TB, addr netip.AddrPort) *net.UDPConn {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func request(origin uint64) []byte {
	b := make([]byte, ntp.HeaderLen)
	b[0] = 0x23
	binary.BigEndian.PutUint64(b[40:], origin)
	return b
}

func send(t testing.TB, conn *net.UDPConn, packets ...[]byte) {
	t.Helper()
	for _, p := range packets {
		if _, err := conn.Write(p); err != nil {
			t.Fatal(err)
		}
	}
}

func receive(t testing.TB, conn *net.UDPConn) ntp.Packet {
	t.Helper()
	b := make([]byte, 512)
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	p, ok := ntp.Decode(b[:n])
	if !ok || n != ntp.HeaderLen {
		t.Fatalf("answer of %d bytes", n)
	}
	return p
}

func TestServeAnswersFromTheAddressAsked(t *testing.T) {
	tests := []struct{ name, listen, ask string }{
		{"IPv4", "127.0.0.1:0", "127.0.0.1"},
		{"IPv4, every address", "0.0.0.0:0", "127.0.0.1"},
		{"IPv4, every address, another one", "0.0.0.0:0", "127.8.7.6"},
		{"IPv6", "[::1]:0", "::1"},
		{"IPv6, every address", "[::]:0", "::1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := listen(t, tt.listen)
			u.serve(t)
			conn := dial(t, netip.AddrPortFrom(netip.MustParseAddr(tt.ask), u.Addrs()[0].Port()))
			before := u.clock.Now().Real
			send(t, conn, request(42))
			p := receive(t, conn)
			after := u.clock.Now().Real
			if p.Leap != 0 || p.Stratum != 1 || p.Origin != 42 || p.Mode != ntp.ModeServer || p.Version != 4 {
				t.Errorf("answer %+v", p)
			}
			got := []clock.Real{before, p.Receive.Real(before), p.Transmit.Real(before), after}
			for i := range got[1:] {
				if got[i] > got[i+1] {
					t.Errorf("sent, received, answered, got at %v: not in order", got)
				}
			}
			if s := u.final(t); s.Answered != 1 || s.Unstamped != 0 || s.Unsynchronised != 0 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

// A connected client never sees an answer from another address than the one it asked, and for a way back to 127.0.0.2 the
// kernel itself would choose 127.0.0.1.
func TestServeAnswersAClientOfAnotherAddress(t *testing.T) {
	u := listen(t, "0.0.0.0:0")
	u.serve(t)
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)},
		&net.UDPAddr{IP: net.IPv4(127, 8, 7, 6), Port: int(u.Addrs()[0].Port())})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	send(t, conn, request(1))
	receive(t, conn)
}

// Where a machine has one address answers leave from it without being told to; of two each answers for itself, also when the
// second has come a moment ago.
func TestServeAnswersFromItsOnlyAddress(t *testing.T) {
	ip := inNamespace(t)
	ip("link", "set", "lo", "up")
	ip("addr", "add", "10.0.0.1/24", "dev", "lo")
	one, two := net.IPv4(10, 0, 0, 1), net.IPv4(10, 0, 0, 2)
	u := listen(t, "0.0.0.0:0")
	if u.sole.Load() == 0 {
		t.Fatal("the only address is not found")
	}
	u.serve(t)
	ask := func(from, to net.IP) {
		t.Helper()
		conn, err := net.DialUDP("udp", &net.UDPAddr{IP: from}, &net.UDPAddr{IP: to, Port: int(u.Addrs()[0].Port())})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		send(t, conn, request(1))
		receive(t, conn) // a connected client sees no answer from elsewhere
	}
	ask(one, one)
	ip("addr", "add", "10.0.0.2/24", "dev", "lo")
	ask(one, two) // the kernel by itself would answer from 10.0.0.1
	u.admit()
	if u.sole.Load() != 0 {
		t.Error("one of two addresses is taken for the only one")
	}
	ask(two, one)
	ask(one, two)
}

// inNamespace runs the rest of the test on a machine of its own without any network, which it returns the ip command for.
func inNamespace(t *testing.T) (ip func(args ...string)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root makes network namespaces")
	}
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	return func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v: %s", args, err, out)
		}
	}
}

// One IPv6 address is all that a loopback has: the control message is looked at instead.
func TestAnswerNamesItsIPv6Address(t *testing.T) {
	tests := []struct {
		name string
		to   string
		link uint32 // the interface it arrived on is 3
	}{
		{"global", "2001:db8::1", 0},
		{"link-local, with its link", "fe80::1", 3},
		{"multicast: the kernel chooses", "ff02::101", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, to, came := newBatch(true), netip.MustParseAddr(tt.to), arrival{}
			data := append(to.AsSlice(), binary.NativeEndian.AppendUint32(nil, 3)...)
			came.read(unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, data)
			b.address(0, &came, false)
			h := &b.messages[0].Hdr
			if to.IsMulticast() {
				if h.Control != nil || h.Controllen != 0 {
					t.Errorf("%d bytes of control message, want none", h.Controllen)
				}
				return
			}
			a := b.slots[0].arrival(int(h.Controllen))
			if got := netip.AddrFrom16(a.to6.Addr); got != to || a.to6.Ifindex != tt.link {
				t.Errorf("answer from %v on link %d, want %v on %d", got, a.to6.Ifindex, to, tt.link)
			}
		})
	}
}

func TestListenOpensBothFamiliesOnOnePort(t *testing.T) {
	free := listen(t, "0.0.0.0:0")
	port := free.Addrs()[0].Port()
	free.serve(t)
	if err := free.stop(); err != nil {
		t.Fatal(err)
	}
	u := listen(t, netip.AddrPortFrom(netip.IPv4Unspecified(), port).String()[len("0.0.0.0"):])
	u.serve(t)
	addrs := u.Addrs()
	if len(addrs) != 2 || !addrs[0].Addr().Is4() || !addrs[1].Addr().Is6() || addrs[0].Port() != port || addrs[1].Port() != port {
		t.Fatalf("listening on %v, want port %d of both families", addrs, port)
	}
	for _, ip := range []string{"127.0.0.1", "::1"} {
		conn := dial(t, netip.AddrPortFrom(netip.MustParseAddr(ip), port))
		send(t, conn, request(1))
		receive(t, conn)
	}
}

func TestServeStampsArrivalNotReading(t *testing.T) {
	u := listen(t, "127.0.0.1:0")
	conn := dial(t, u.Addrs()[0])
	before := u.clock.Now().Real
	send(t, conn, request(1))
	arrived := u.clock.Now().Real
	u.serve(t) // reads it only now
	p := receive(t, conn)
	if got := p.Receive.Real(before); got < before || got > arrived {
		t.Errorf("receive stamp %d ns after the request was sent, %d ns after it had arrived", got-before, got-arrived)
	}
	if got := p.Transmit.Real(before); got <= arrived {
		t.Errorf("transmit stamp %d ns before the server was started", arrived-got)
	}
}

func TestServeConvertsKernelStamps(t *testing.T) {
	u := listen(t, "127.0.0.1:0")
	u.clock.shift = 3600_000_000_000
	u.publish()
	u.serve(t)
	conn := dial(t, u.Addrs()[0])
	before := u.clock.Now().Real
	send(t, conn, request(1))
	p := receive(t, conn)
	if got := p.Receive.Real(before); got < before || got > p.Transmit.Real(before) {
		t.Errorf("receive stamp %d ns after the request was sent", got-before)
	}
}

func TestServeRefusesStampsOfAnotherEra(t *testing.T) {
	u := listen(t, "127.0.0.1:0")
	u.clock.stale.Store(1)
	u.serve(t)
	conn := dial(t, u.Addrs()[0])
	send(t, conn, request(1), request(2))
	if p := receive(t, conn); p.Origin != 2 {
		t.Errorf("answered request %d, want 2", p.Origin)
	}
	if s := u.final(t); s.Refused[ntp.ForeignStamp] != 1 || s.RefusedTotal() != 1 || s.Answered != 1 {
		t.Errorf("stats %+v", s)
	}
}

// A step between the two readings of a turn: the answers prepared by the first are worth nothing.
func TestServeDropsWhatAStepOverlooks(t *testing.T) {
	u := listen(t, "127.0.0.1:0")
	conn, l := dial(t, u.Addrs()[0]), u.listeners[0]
	u.clock.stepAfter.Store(1)
	send(t, conn, request(1), request(2))
	for refused := uint64(0); refused < 2; refused = u.Stats().RefusedTotal() {
		u.clock.stepAfter.Store(1)
		l.turn()
	}
	send(t, conn, request(3))
	for l.turn() != worked {
	}
	if p := receive(t, conn); p.Origin != 3 || p.Leap != ntp.LeapUnsynchronised {
		t.Errorf("answer %+v, want one to request 3 that is not synchronised", p)
	}
	u.serve(t)
	if s := u.final(t); s.Refused[ntp.ForeignStamp] != 2 || s.Answered != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestServeStampsWhatTheKernelDidNot(t *testing.T) {
	u := listen(t, "127.0.0.1:0")
	if err := unix.SetsockoptInt(u.listeners[0].fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 0); err != nil {
		t.Fatal(err)
	}
	conn := dial(t, u.Addrs()[0])
	before := u.clock.Now().Real
	send(t, conn, request(1))
	u.serve(t)
	p := receive(t, conn)
	if p.Transmit.Real(before)-p.Receive.Real(before) > 50_000_000 || p.Receive.Real(before) < before {
		t.Errorf("receive %x, transmit %x: want readings of the answer", p.Receive, p.Transmit)
	}
	if s := u.final(t); s.Unstamped != 1 || s.Answered != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestServeSurvivesAnything(t *testing.T) {
	u := listen(t, "127.0.0.1:0")
	u.serve(t)
	conn := dial(t, u.Addrs()[0])
	control := make([]byte, 12)
	control[0] = 0x16
	badField := append(request(0), make([]byte, 40)...)
	mac := append(request(0), append([]byte{0, 0, 0, 1}, make([]byte, 16)...)...)
	send(t, conn, nil, control, make([]byte, 48), badField, mac, make([]byte, 9000), request(7))
	if p := receive(t, conn); p.Origin != 7 {
		t.Errorf("answered request %d, want 7", p.Origin)
	}
	want := Stats{Answered: 1}
	want.Refused[ntp.TooShort] = 1
	want.Refused[ntp.NotClient] = 1
	want.Refused[ntp.BadVersion] = 1
	want.Refused[ntp.BadTrailer] = 1
	want.Refused[ntp.UnknownKey] = 1
	want.Refused[ntp.TooLong] = 1
	if got := u.final(t); got != want {
		t.Errorf("stats\n%+v, want\n%+v", got, want)
	}
}

func TestServeAnswersABacklogInOrder(t *testing.T) {
	const backlog = 3*batchSize + 5
	u := listen(t, "127.0.0.1:0")
	conn := dial(t, u.Addrs()[0])
	for i := range uint64(backlog) {
		send(t, conn, request(i+1))
	}
	u.serve(t)
	var last ntp.Packet
	for i := range uint64(backlog) {
		p := receive(t, conn)
		if i == 0 {
			last.Transmit = p.Transmit
		}
		if uint64(p.Origin) != i+1 {
			t.Fatalf("answer %d is to request %d", i+1, p.Origin)
		}
		// The transmit times of a batch foretell: they are not in order across two of them.
		if p.Receive <= last.Receive || p.Transmit <= p.Receive || p.Transmit-last.Transmit+1<<20 > 1<<32/10 {
			t.Fatalf("answer %d: receive %x, transmit %x, not after %x, %x", i+1, p.Receive, p.Transmit, last.Receive, last.Transmit)
		}
		last = p
	}
}

func TestServeTellsWhenItIsNotSynchronised(t *testing.T) {
	u := listen(t, "127.0.0.1:0")
	u.serve(t)
	conn := dial(t, u.Addrs()[0])
	good := *u.ref.Load()
	stepped := good
	stepped.Anchor.Real -= 100_000
	expired := good
	expired.Expiry = good.Anchor.Mono
	for i, ref := range []*ntp.Reference{&good, &good, nil, &stepped, &expired, &expired, &good} {
		u.ref.Store(ref)
		send(t, conn, request(1))
		p := receive(t, conn)
		if got, want := p.Leap != ntp.LeapUnsynchronised && p.Stratum == 1, ref == &good; got != want {
			t.Errorf("answer %d synchronised %v, want %v: %+v", i, got, want, p)
		}
	}
	if s := u.final(t); s.Answered != 7 || s.Unsynchronised != 4 {
		t.Errorf("stats %+v", s)
	}
	if got := strings.Count(u.logs.String(), "answers changed"); got != 5 {
		t.Errorf("%d changes logged, want 5:\n%s", got, &u.logs)
	}
}

func TestListenNamesTheAddressInUse(t *testing.T) {
	u := listen(t, "127.0.0.1:0")
	u.serve(t)
	taken := u.Addrs()[0].String()
	cfg := Default()
	cfg.Listen = []string{"127.0.0.1:0", taken}
	other := New(cfg, u.clock, &u.ref, slog.New(slog.DiscardHandler))
	err := other.Listen()
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), taken) {
		t.Errorf("Listen: %v, want one that names %s as in use", err, taken)
	}
	if got := other.Addrs(); len(got) != 0 {
		t.Errorf("still listening on %v", got)
	}
	cfg.Listen = []string{"127.0.0.9:11123", taken} // an address nobody else of these tests uses
	if err := New(cfg, u.clock, &u.ref, slog.New(slog.DiscardHandler)).Listen(); err == nil {
		t.Fatal("listening on an address in use")
	}
	listen(t, "127.0.0.9:11123").serve(t) // was closed
}

func TestListenSetsTheReceiveBuffer(t *testing.T) {
	u := listen(t, "127.0.0.1:0")
	u.serve(t)
	limit := 2 * u.cfg.ReceiveBuffer // the kernel doubles it
	got, err := unix.GetsockoptInt(u.listeners[0].fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil || got <= 0 || got > limit {
		t.Errorf("receive buffer %d bytes, %v, want up to %d", got, err, limit)
	}
	if unix.Geteuid() == 0 && got != limit {
		t.Errorf("receive buffer %d bytes as root, want %d", got, limit)
	}
}

func TestServeCountsWhatTheKernelDropped(t *testing.T) {
	u := &unit{clock: &hostClock{}}
	cfg := open("127.0.0.1:0")
	cfg.ReceiveBuffer = 4096
	u.Server = New(cfg, u.clock, &u.ref, slog.New(slog.DiscardHandler))
	u.share = 1
	if err := u.Listen(); err != nil {
		t.Fatal(err)
	}
	conn := dial(t, u.Addrs()[0])
	for range 100 {
		send(t, conn, request(1))
	}
	u.serve(t)
	for waiting := 1; waiting > 0; {
		var err error
		if waiting, err = unix.IoctlGetInt(u.listeners[0].fd, unix.SIOCINQ); err != nil {
			t.Fatal(err)
		}
	}
	if s := u.Stats(); s.Dropped == 0 {
		t.Error("none dropped, as long as it serves")
	}
	if s := u.final(t); s.Dropped == 0 || s.Dropped+s.Answered != 100 {
		t.Errorf("%d dropped, %d answered of 100", s.Dropped, s.Answered)
	}
}

func TestServeStopsUnderLoad(t *testing.T) {
	u := listen(t, "127.0.0.1:0", "[::1]:0")
	u.serve(t)
	conn := dial(t, u.Addrs()[0])
	flood, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-flood:
				return
			default:
				_, _ = conn.Write(request(1)) // refused once the server is gone
			}
		}
	}()
	receive(t, conn)
	if err := u.stop(); err != nil {
		t.Error(err)
	}
	close(flood)
	<-ended
}

func TestServeDoesNotAllocate(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		u := listen(t, addr)
		conn, l, ask := dial(t, u.Addrs()[0]), u.listeners[0], request(1)
		buffer := make([]byte, 512)
		n := testing.AllocsPerRun(200, func() {
			_, _ = conn.Write(ask)
			for l.turn() != worked { // loopback may deliver a moment later
			}
			_, _ = conn.Read(buffer)
		})
		if n != 0 {
			t.Errorf("%s: %v allocations per request, want 0", addr, n)
		}
		if s := u.Stats(); s.Answered != 201 {
			t.Errorf("%s: %d answers, want 201", addr, s.Answered)
		}
		u.serve(t)
	}
}

func TestConfigValidate(t *testing.T) {
	tests := []struct {
		name   string
		listen []string
		buffer int
		want   string
	}{
		{"default", []string{":123"}, 1 << 20, ""},
		{"two addresses", []string{"127.0.0.1:11123", "[::1]:11123"}, 1 << 20, ""},
		{"none", nil, 1 << 20, "config: server.listen: 0 addresses: must be from 1 to 64"},
		{"port out of range", []string{"0.0.0.0:99999"}, 1 << 20, `config: server.listen: "0.0.0.0:99999": invalid port "99999" parsing "0.0.0.0:99999"`},
		{"a name", []string{"localhost:123"}, 1 << 20, `config: server.listen: "localhost:123": ParseAddr("localhost"): unable to parse IP`},
		{"no port", []string{"127.0.0.1"}, 1 << 20, `config: server.listen: "127.0.0.1": not an ip:port`},
		{"small buffer", []string{":123"}, 100, "config: server.receive_buffer_bytes: 100: must be from 4096 to 67108864"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, got := Default(), ""
			cfg.Listen, cfg.ReceiveBuffer = tt.listen, tt.buffer
			if err := cfg.Validate(); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("Validate: %q, want %q", got, tt.want)
			}
		})
	}
}

func TestConfigValidatesAccessAndLimit(t *testing.T) {
	tests := []struct {
		name, limit string
		access      []string
		want        string
	}{
		{"off", "off", nil, ""},
		{"one in ten seconds", "0.1/s", []string{"0.0.0.0/0 kod", "on-link ignore"}, ""},
		{"no unit", "8", nil, `config: server.rate_limit: "8": neither "off" nor requests a second from 0.01 to 1000000, as "8/s"`},
		{"no number", "NaN/s", nil, `config: server.rate_limit: "NaN/s": neither "off" nor requests a second from 0.01 to 1000000, as "8/s"`},
		{"none", "0/s", nil, `config: server.rate_limit: "0/s": neither "off" nor requests a second from 0.01 to 1000000, as "8/s"`},
		{"no prefix", "off", []string{"kod"}, `config: server.access: "kod": "kod": neither a prefix nor an address nor "on-link"`},
		{"too many", "off", slices.Repeat([]string{"192.0.2.1 kod"}, 250), "config: server.access: 263 entries with the default ones: must be at most 256"},
	}
	for _, tt := range tests {
		cfg, got := Default(), ""
		cfg.RateLimit, cfg.Access = tt.limit, tt.access
		if err := cfg.Validate(); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// BenchmarkServe measures queued bursts over loopback; server-ns/answer leaves out the client's part of it.
func BenchmarkServe(b *testing.B) {
	u := listen(b, "127.0.0.1:0")
	conn, l, ask := dial(b, u.Addrs()[0]), u.listeners[0], request(1)
	if err := conn.SetDeadline(time.Time{}); err != nil {
		b.Fatal(err)
	}
	buffer := make([]byte, 512)
	var spent time.Duration
	b.ReportAllocs()
	for b.Loop() {
		for range batchSize {
			_, _ = conn.Write(ask)
		}
		began, answered := time.Now(), u.Stats().Answered
		for u.Stats().Answered < answered+batchSize {
			l.turn()
		}
		spent += time.Since(began)
		for range batchSize {
			_, _ = conn.Read(buffer)
		}
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/batchSize, "server-ns/answer")
	u.serve(b)
}
