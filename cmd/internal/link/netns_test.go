package link

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/pion/mdns/v2"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/net/ipv6"

	"timeball/image/netconf"
)

// TestMain lets the test's own program be the unit, a DHCP server, or somebody who asks multicast DNS: each is a process of
// its own, in a network namespace of its own.
func TestMain(m *testing.M) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	switch kind, dir := os.Getenv("LINK_TEST_CHILD"), os.Getenv("LINK_TEST_DIR"); kind {
	case "":
		os.Exit(m.Run())
	case "unit":
		beUnit(ctx, dir)
	case "server":
		beServer(ctx, dir)
	case "asker":
		beAsker(ctx, dir)
	case "router":
		beRouter(ctx)
	case "squatter":
		beSquatter(ctx, netip.MustParseAddr(dir))
	}
}

// beUnit is a unit with the settings in dir/network.toml, which says each of its states in a line.
func beUnit(ctx context.Context, dir string) {
	text, _ := os.ReadFile(filepath.Join(dir, "network.toml"))
	settings, err := netconf.Parse("network.toml", text)
	if err != nil {
		fmt.Println(err)
		return
	}
	out := json.NewEncoder(os.Stdout)
	Run(ctx, Config{
		Settings: settings, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Resolver: filepath.Join(dir, "resolv.conf"),
		SetHostname: func(string) error { return nil }, Report: func(s State) { _ = out.Encode(s) }, HTTPPort: 80,
	})
}

// beServer gives 192.0.2.50, to be renewed after 5 s; once dir/refuse exists it refuses that and gives 192.0.2.51. It says in
// a line what it was asked.
func beServer(ctx context.Context, dir string) {
	own := net.IPv4(192, 0, 2, 1)
	s, err := server4.NewServer("peer", &net.UDPAddr{Port: 67}, func(conn net.PacketConn, from net.Addr, m *dhcpv4.DHCPv4) {
		gives := net.IPv4(192, 0, 2, 50)
		if _, err := os.Stat(filepath.Join(dir, "refuse")); err == nil {
			gives = net.IPv4(192, 0, 2, 51)
		}
		asked := m.RequestedIPAddress()
		if !m.ClientIPAddr.IsUnspecified() {
			asked = m.ClientIPAddr
		}
		fmt.Println(m.MessageType(), asked, "as", m.HostName(), "from", from)
		kind := dhcpv4.MessageTypeOffer
		if m.MessageType() == dhcpv4.MessageTypeRequest {
			if kind = dhcpv4.MessageTypeAck; !asked.Equal(gives) {
				kind = dhcpv4.MessageTypeNak
			}
		}
		answer, err := dhcpv4.NewReplyFromRequest(m, dhcpv4.WithMessageType(kind), dhcpv4.WithYourIP(gives), dhcpv4.WithServerIP(own),
			dhcpv4.WithOption(dhcpv4.OptServerIdentifier(own)), dhcpv4.WithNetmask(net.CIDRMask(24, 32)), dhcpv4.WithRouter(own),
			dhcpv4.WithDNS(net.IPv4(192, 0, 2, 3)), dhcpv4.WithOption(dhcpv4.OptHostName("time1")), dhcpv4.WithOption(dhcpv4.OptDomainName("example.org")),
			dhcpv4.WithLeaseTime(3600), dhcpv4.WithOption(dhcpv4.OptRenewTimeValue(5*time.Second)))
		if err != nil {
			fmt.Println(err)
			return
		}
		to := from
		if m.ClientIPAddr.IsUnspecified() { // it has no address yet
			to = &net.UDPAddr{IP: net.IPv4bcast, Port: 68}
		}
		if _, err := conn.WriteTo(answer.ToBytes(), to); err != nil {
			fmt.Println(err)
		}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("serving")
	context.AfterFunc(ctx, func() { s.Close() })
	_ = s.Serve()
}

// beAsker asks multicast DNS for the name in dir and says the answer.
func beAsker(ctx context.Context, name string) {
	c, err := mdns.NewServer(listen4(), nil, mdns.WithQueryInterval(200*time.Millisecond))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, addr, err := c.QueryAddr(ctx, name)
	fmt.Println(addr, err)
}

// beRouter advertises 2001:db8:1::/64 with a name server and a domain, each half second.
func beRouter(ctx context.Context) {
	c, err := net.ListenPacket("ip6:ipv6-icmp", "::")
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = ipv6.NewPacketConn(c).SetMulticastHopLimit(255) // no other is believed (RFC 4861, 6.1.2)
	prefix, server := netip.MustParseAddr("2001:db8:1::").As16(), netip.MustParseAddr("2001:db8:1::53").As16()
	m := []byte{134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0}
	m = append(append(m, 3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0, 0, 0), prefix[:]...)
	m = append(append(m, 25, 3, 0, 0, 0, 0, 0x0e, 0x10), server[:]...)
	m = append(m, 31, 3, 0, 0, 0, 0, 0x0e, 0x10)
	m = append(m, "\x07example\x03net\x00\x00\x00\x00"...)
	for ctx.Err() == nil {
		_, _ = c.WriteTo(m, &net.IPAddr{IP: net.ParseIP("ff02::1"), Zone: "peer"}) // refused until the link has an address
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// beSquatter says twice that it has an address, as one does that does not look whether somebody else has it.
func beSquatter(ctx context.Context, addr netip.Addr) {
	ifi, err := net.InterfaceByName("peer")
	if err != nil {
		fmt.Println(err)
		return
	}
	line, err := openLine(ifi.Index)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer line.Close()
	for range 2 {
		fmt.Println("said", line.Send(from(ifi.HardwareAddr, addr, addr)))
		pause(ctx, time.Second)
	}
}

// child is such a process.
type child struct {
	cmd   *exec.Cmd
	lines chan string
}

// start starts one in a namespace; it ends with the test, or before by end.
func start(t *testing.T, ns netns.NsHandle, kind, dir string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{exec.Command(self), make(chan string, 1000)}
	c.cmd.Env = append(os.Environ(), "LINK_TEST_CHILD="+kind, "LINK_TEST_DIR="+dir)
	c.cmd.Stderr = toLog{t}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in(t, ns, c.cmd.Start)
	go func() {
		defer close(c.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			c.lines <- lines.Text()
		}
	}()
	t.Cleanup(c.end)
	return c
}

// toLog is a test's log.
type toLog struct{ t *testing.T }

func (l toLog) Write(p []byte) (int, error) { l.t.Logf("%s", p); return len(p), nil }

// end ends the process.
func (c *child) end() {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Signal(syscall.SIGTERM)
		for range c.lines {
		}
		_ = c.cmd.Wait()
	}
}

// wait returns the first line that pleases.
func (c *child) wait(t *testing.T, what string, pleases func(line string) bool) string {
	t.Helper()
	limit := time.After(30 * time.Second)
	var last string
	for {
		select {
		case line, ok := <-c.lines:
			if !ok {
				t.Fatalf("ended before %s; last: %s", what, last)
			}
			if last = line; pleases(line) {
				return line
			}
		case <-limit:
			t.Fatalf("no %s; last: %s", what, last)
		}
	}
}

// waitState returns the first state of a unit that pleases.
func (c *child) waitState(t *testing.T, what string, pleases func(State) bool) State {
	t.Helper()
	var s State
	c.wait(t, what, func(line string) bool {
		s = State{}
		return json.Unmarshal([]byte(line), &s) == nil && pleases(s)
	})
	return s
}

// has reports whether a state has an address.
func (s State) has(address string) bool {
	return slices.Contains(s.Addresses, netip.MustParsePrefix(address))
}

func silent() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// wire is a cable: the unit's end is "eth0" in a network namespace of its own, the other end "peer" in another.
type wire struct {
	unit, peer netns.NsHandle
}

// in runs f in a namespace, on a thread that ends with it: goroutines f starts would run elsewhere.
func in(t *testing.T, ns netns.NsHandle, f func() error) {
	t.Helper()
	failed := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends
		if err := netns.Set(ns); err != nil {
			failed <- err
			return
		}
		failed <- f()
	}()
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
}

// newWire lays a cable. Without the right to make namespaces the test is left to a root's run.
func newWire(t *testing.T) wire {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root makes network namespaces")
	}
	var w wire
	made := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		var err error
		if w.unit, err = netns.New(); err != nil {
			made <- err
			return
		}
		if w.peer, err = netns.New(); err != nil {
			made <- err
			return
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "peer"
		made <- netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(w.unit)})
	}()
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.unit.Close(); w.peer.Close() })
	in(t, w.peer, func() error {
		l, err := netlink.LinkByName("peer")
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(l, address(netip.MustParsePrefix("192.0.2.1/24"), 0)); err != nil {
			return err
		}
		return netlink.LinkSetUp(l)
	})
	return w
}

// routes returns those of a family in a namespace, as text.
func routes(t *testing.T, ns netns.NsHandle, family int) string {
	t.Helper()
	var texts []string
	in(t, ns, func() error {
		all, err := netlink.RouteList(nil, family)
		for _, r := range all {
			texts = append(texts, fmt.Sprintf("%v by %v", r.Dst, r.Gw))
		}
		return err
	})
	return strings.Join(texts, "\n")
}

// carrier takes the cable out at the other end, or puts it back.
func (w wire) carrier(t *testing.T, up bool) {
	t.Helper()
	in(t, w.peer, func() error {
		l, err := netlink.LinkByName("peer")
		if err != nil {
			return err
		}
		if up {
			return netlink.LinkSetUp(l)
		}
		return netlink.LinkSetDown(l)
	})
}

func TestUnitGetsItsAddressByDHCP(t *testing.T) {
	t.Parallel()
	w, dir := newWire(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "network.toml"), []byte("interface = \"eth0\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := start(t, w.peer, "server", dir)
	server.wait(t, "server", func(line string) bool { return line == "serving" })
	unit := start(t, w.unit, "unit", dir)

	s := unit.waitState(t, "lease", func(s State) bool { return s.DHCP == Bound && s.has("192.0.2.50/24") && s.MDNS == "time1.local" })
	if s.Hostname != "time1" || s.Server != "192.0.2.1" || !s.Carrier {
		t.Errorf("state %+v", s)
	}
	if first := server.wait(t, "question", func(line string) bool { return strings.HasPrefix(line, "DISCOVER") }); !strings.Contains(first, "as timeball-") {
		t.Errorf("the server heard %q, want the unit's own name", first)
	}
	if resolver, err := os.ReadFile(filepath.Join(dir, "resolv.conf")); string(resolver) != "search example.org\nnameserver 192.0.2.3\n" {
		t.Errorf("resolver %q, %v", resolver, err)
	}
	if got := routes(t, w.unit, netlink.FAMILY_V4); !strings.Contains(got, "0.0.0.0/0 by 192.0.2.1") {
		t.Errorf("routes\n%s\nwant one to all by 192.0.2.1", got)
	}
	asker := start(t, w.peer, "asker", "time1.local")
	if got := asker.wait(t, "answer", func(string) bool { return true }); got != "192.0.2.50 <nil>" {
		t.Errorf("multicast DNS answers %q", got)
	}

	renewal := server.wait(t, "renewal", func(line string) bool {
		return strings.HasPrefix(line, "REQUEST 192.0.2.50") && strings.Contains(line, "192.0.2.50:68")
	})
	t.Log(renewal)

	w.carrier(t, false)
	unit.waitState(t, "loss of the carrier", func(s State) bool { return !s.Carrier })
	w.carrier(t, true)
	s = unit.waitState(t, "carrier", func(s State) bool { return s.Carrier })
	if !s.has("192.0.2.50/24") {
		t.Errorf("after the cable was out for a moment: %+v", s)
	}
	// It may be elsewhere now: any server is asked, while renewals go to the one that gave the lease.
	server.wait(t, "question to all", func(line string) bool {
		return strings.HasPrefix(line, "REQUEST 192.0.2.50") && !strings.Contains(line, "192.0.2.50:68")
	})
	unit.waitState(t, "address", func(s State) bool { return s.Carrier && s.has("192.0.2.50/24") })
	if got := routes(t, w.unit, netlink.FAMILY_V4); !strings.Contains(got, "0.0.0.0/0 by 192.0.2.1") {
		t.Errorf("routes after the cable was out\n%s", got)
	}

	if err := os.WriteFile(filepath.Join(dir, "refuse"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s = unit.waitState(t, "another address", func(s State) bool { return s.has("192.0.2.51/24") })
	if s.has("192.0.2.50/24") {
		t.Errorf("the address that the server took back is kept: %+v", s)
	}
}

// With fixed addresses nobody is asked for one.
func TestUnitTakesFixedAddresses(t *testing.T) {
	t.Parallel()
	w, dir := newWire(t), t.TempDir()
	file := "interface = \"eth0\"\nhostname = \"clock\"\naddresses = [\"192.0.2.7/24\", \"2001:db8::7/64\"]\ngateways = [\"192.0.2.1\", \"2001:db8::1\"]\n" +
		"dns = [\"192.0.2.9\"]\nrouter_advertisements = false\n"
	if err := os.WriteFile(filepath.Join(dir, "network.toml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	server := start(t, w.peer, "server", dir)
	server.wait(t, "server", func(line string) bool { return line == "serving" })
	unit := start(t, w.unit, "unit", dir)
	s := unit.waitState(t, "both addresses", func(s State) bool { return s.has("192.0.2.7/24") && s.has("2001:db8::7/64") })
	if s.Hostname != "clock" || s.DHCP != Off {
		t.Errorf("state %+v", s)
	}
	w.carrier(t, false)
	unit.waitState(t, "loss of the carrier", func(s State) bool { return !s.Carrier })
	w.carrier(t, true)
	unit.waitState(t, "both addresses again", func(s State) bool {
		return s.Carrier && s.has("192.0.2.7/24") && s.has("2001:db8::7/64") && s.MDNS == "clock.local"
	})
	in(t, w.unit, func() error { // then the kernel takes routes and IPv6 addresses away, as a driver in trouble makes it
		l, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		return errors.Join(netlink.LinkSetDown(l), netlink.LinkSetUp(l))
	})
	unit.waitState(t, "the port going down", func(s State) bool { return !s.Carrier || len(s.Addresses) < 2 })
	unit.waitState(t, "both addresses once more", func(s State) bool {
		return s.Carrier && s.has("192.0.2.7/24") && s.has("2001:db8::7/64") && s.MDNS == "clock.local"
	})
	if got := routes(t, w.unit, netlink.FAMILY_V4); !strings.Contains(got, "0.0.0.0/0 by 192.0.2.1") {
		t.Errorf("routes\n%s", got)
	}
	if got := routes(t, w.unit, netlink.FAMILY_V6); !strings.Contains(got, "::/0 by 2001:db8::1") {
		t.Errorf("routes\n%s", got)
	}
	if resolver, err := os.ReadFile(filepath.Join(dir, "resolv.conf")); string(resolver) != "nameserver 192.0.2.9\n" {
		t.Errorf("resolver %q, %v", resolver, err)
	}
	server.end()
	for line := range server.lines {
		t.Errorf("the DHCP server was asked: %s", line)
	}
}

// Where there is no DHCP a router tells all that is needed.
func TestUnitHeedsARouter(t *testing.T) {
	t.Parallel()
	w, dir := newWire(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "network.toml"), []byte("interface = \"eth0\"\ndhcp = false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	unit := start(t, w.unit, "unit", dir)
	start(t, w.peer, "router", dir)
	resolver := func() string { text, _ := os.ReadFile(filepath.Join(dir, "resolv.conf")); return string(text) }
	s := unit.waitState(t, "address and name server", func(s State) bool {
		return len(s.Addresses) > 0 && netip.MustParsePrefix("2001:db8:1::/64").Contains(s.Addresses[0].Addr()) && resolver() != ""
	})
	if got, want := resolver(), "search example.net\nnameserver 2001:db8:1::53\n"; got != want {
		t.Errorf("resolver %q, want %q", got, want)
	}
	if got := routes(t, w.unit, netlink.FAMILY_V6); !strings.Contains(got, "::/0 by fe80::") {
		t.Errorf("routes\n%s\nof %+v, want one to all by the router", got, s)
	}
}

// A computer on the other end of the cable, and nothing else: both have an address of the link, and the unit is found by its
// name. It leaves an address on which somebody else insists, and any when DHCP gives one.
func TestUnitIsReachedOverTheLink(t *testing.T) {
	t.Parallel()
	w, dir := newWire(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "network.toml"), []byte("interface = \"eth0\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	local := netip.MustParsePrefix("169.254.0.0/16")
	on := func(s State) (addr netip.Addr) {
		for _, p := range s.Addresses {
			if local.Contains(p.Addr()) && p.Bits() == 16 {
				addr = p.Addr()
			}
		}
		return addr
	}
	in(t, w.peer, func() error {
		l, err := netlink.LinkByName("peer")
		if err != nil {
			return err
		}
		return netlink.AddrAdd(l, address(netip.MustParsePrefix("169.254.0.7/16"), 0))
	})
	unit := start(t, w.unit, "unit", dir)
	s := unit.waitState(t, "address of the link", func(s State) bool { return on(s).IsValid() && s.MDNS != "" })
	first := on(s)
	if want := fmt.Sprintf("eth0: no DHCP server has answered yet. On this link the unit has %v/16", first); !strings.HasPrefix(s.Sentence(), want) {
		t.Errorf("%q, want %q", s.Sentence(), want)
	}
	if got := routes(t, w.unit, netlink.FAMILY_V4); !strings.Contains(got, "169.254.0.0/16 by <nil>") || strings.Contains(got, "0.0.0.0/0") {
		t.Errorf("routes\n%s", got)
	}
	in(t, w.peer, func() error { // nobody listens there, and says so: it is reached
		conn, err := net.DialTimeout("tcp4", net.JoinHostPort(first.String(), "80"), 5*time.Second)
		if err == nil {
			conn.Close()
		} else if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("from the other end: %v", err)
		}
		return nil
	})
	start(t, w.peer, "asker", s.MDNS).wait(t, s.MDNS+" by multicast DNS", func(line string) bool { return strings.Contains(line, first.String()) })

	w.carrier(t, false)
	unit.waitState(t, "loss of the carrier and of what was looked up on it", func(s State) bool { return !s.Carrier && !on(s).IsValid() })
	w.carrier(t, true)
	unit.waitState(t, "the same address again", func(s State) bool { return s.Carrier && on(s) == first })

	start(t, w.peer, "squatter", first.String()).wait(t, "squatter", func(line string) bool { return line == "said <nil>" })
	s = unit.waitState(t, "another address", func(s State) bool { return on(s).IsValid() && on(s) != first })
	if s.has(first.String() + "/16") {
		t.Errorf("the address that another has is kept: %+v", s)
	}
	server := start(t, w.peer, "server", dir)
	server.wait(t, "server", func(line string) bool { return line == "serving" })
	unit.waitState(t, "lease", func(s State) bool { return s.has("192.0.2.50/24") && !on(s).IsValid() })
}
