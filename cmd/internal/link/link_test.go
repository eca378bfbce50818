package link

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/rfc1035label"
)

// acknowledged returns a server's answer with the options given.
func acknowledged(t *testing.T, address string, options ...dhcpv4.Option) *dhcpv4.DHCPv4 {
	t.Helper()
	ack, err := dhcpv4.New(dhcpv4.WithMessageType(dhcpv4.MessageTypeAck), dhcpv4.WithYourIP(net.ParseIP(address)))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range options {
		ack.UpdateOption(o)
	}
	return ack
}

func TestLeaseIsRead(t *testing.T) {
	const day = 24 * time.Hour
	ip := func(texts ...string) []net.IP {
		var all []net.IP
		for _, text := range texts {
			all = append(all, net.ParseIP(text))
		}
		return all
	}
	addr, prefix := netip.MustParseAddr, netip.MustParsePrefix
	mask := dhcpv4.OptSubnetMask(net.CIDRMask(24, 32))
	tests := []struct {
		name    string
		address string
		options []dhcpv4.Option
		want    lease
	}{
		{"all there is", "192.0.2.7", []dhcpv4.Option{
			mask, dhcpv4.OptServerIdentifier(net.ParseIP("192.0.2.1")), dhcpv4.OptRouter(ip("192.0.2.1", "192.0.2.2")...), dhcpv4.OptDNS(ip("192.0.2.3", "192.0.2.4")...),
			dhcpv4.OptHostName("time1"), dhcpv4.OptDomainName("example.org"), dhcpv4.OptIPAddressLeaseTime(day), dhcpv4.OptRenewTimeValue(6 * time.Hour), dhcpv4.OptRebindingTimeValue(20 * time.Hour),
		}, lease{
			address: prefix("192.0.2.7/24"), server: addr("192.0.2.1"), routes: []via{{prefix("0.0.0.0/0"), addr("192.0.2.1")}}, dns: []netip.Addr{addr("192.0.2.3"), addr("192.0.2.4")},
			search: []string{"example.org"}, hostname: "time1", life: day, renew: 6 * time.Hour, rebind: 20 * time.Hour,
		}},
		{"next to nothing", "10.1.2.3", nil, lease{address: prefix("10.1.2.3/24"), life: time.Hour, renew: 30 * time.Minute, rebind: 52*time.Minute + 30*time.Second}},
		{"a lease of a second", "10.1.2.3", []dhcpv4.Option{dhcpv4.OptIPAddressLeaseTime(time.Second)}, lease{address: prefix("10.1.2.3/24"), life: minLife, renew: minLife / 2, rebind: minLife * 7 / 8}},
		{"a lease for ever", "10.1.2.3", []dhcpv4.Option{dhcpv4.OptIPAddressLeaseTime(0xffffffff * time.Second)}, lease{address: prefix("10.1.2.3/24"), life: maxLife, renew: maxLife / 2, rebind: maxLife * 7 / 8}},
		{"renewal after its end", "10.1.2.3", []dhcpv4.Option{
			dhcpv4.OptIPAddressLeaseTime(day), dhcpv4.OptRenewTimeValue(2 * day), dhcpv4.OptRebindingTimeValue(time.Hour),
		}, lease{address: prefix("10.1.2.3/24"), life: day, renew: 12 * time.Hour, rebind: 21 * time.Hour}},
		{"search list instead of domain", "10.1.2.3", []dhcpv4.Option{
			mask, dhcpv4.OptDomainName("example.org"), dhcpv4.OptDomainSearch(&rfc1035label.Labels{Labels: []string{"a.example", "b.example"}}),
		}, lease{address: prefix("10.1.2.3/24"), search: []string{"a.example", "b.example"}, life: time.Hour, renew: 30 * time.Minute, rebind: 52*time.Minute + 30*time.Second}},
		{"classless routes instead of the router", "10.1.2.3", []dhcpv4.Option{
			mask, dhcpv4.OptRouter(ip("10.1.2.1")...), dhcpv4.OptClasslessStaticRoute(
				&dhcpv4.Route{Dest: &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, Router: net.ParseIP("10.1.2.9")},
				&dhcpv4.Route{Dest: &net.IPNet{IP: net.ParseIP("198.51.100.0").To4(), Mask: net.CIDRMask(24, 32)}, Router: net.ParseIP("10.1.2.8")},
			),
		}, lease{
			address: prefix("10.1.2.3/24"), routes: []via{{prefix("0.0.0.0/0"), addr("10.1.2.9")}, {prefix("198.51.100.0/24"), addr("10.1.2.8")}},
			life: time.Hour, renew: 30 * time.Minute, rebind: 52*time.Minute + 30*time.Second,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := read(acknowledged(t, tt.address, tt.options...), time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(lease{}, via{}), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLeaseThatCannotBeIsRefused(t *testing.T) {
	for name, ack := range map[string]*dhcpv4.DHCPv4{
		"no address":      acknowledged(t, "0.0.0.0"),
		"loopback":        acknowledged(t, "127.0.0.1"),
		"multicast":       acknowledged(t, "224.0.0.7"),
		"a mask of none":  acknowledged(t, "192.0.2.7", dhcpv4.OptSubnetMask(net.CIDRMask(0, 32))),
		"a mask of holes": acknowledged(t, "192.0.2.7", dhcpv4.OptSubnetMask(net.IPMask{255, 0, 255, 0})),
	} {
		if l, err := read(ack, time.Time{}); err == nil {
			t.Errorf("%s: taken as %+v", name, l)
		}
	}
}

func TestUnansweredRenewalIsTriedAgainInTime(t *testing.T) {
	l := lease{life: 24 * time.Hour, renew: 12 * time.Hour, rebind: 21 * time.Hour}
	age, asked := l.renew, 0
	for ; age < l.life; asked++ {
		later := retry(age, l)
		if later <= age || later > l.life {
			t.Fatalf("at %v: again at %v", age, later)
		}
		age = later
	}
	// Half of what remains each time, not below a minute: some tens of questions, not thousands.
	if asked < 10 || asked > 60 {
		t.Errorf("asked %d times until the end", asked)
	}
}

func TestStateSaysInWordsHowItIs(t *testing.T) {
	global, local := netip.MustParsePrefix("192.0.2.7/24"), netip.MustParsePrefix("fe80::7/64")
	tests := []struct {
		state State
		want  string
	}{
		{State{}, "No Ethernet port has been found."},
		{State{Interface: "eth0", Addresses: []netip.Prefix{global}}, "No cable, or nothing at its other end (eth0)."},
		{State{Interface: "eth0", Carrier: true, DHCP: Searching}, "eth0: no DHCP server has answered yet."},
		{State{Interface: "eth0", Carrier: true, DHCP: Searching, Addresses: []netip.Prefix{local}}, "eth0: no DHCP server has answered yet. On this link the unit has fe80::7/64."},
		{State{Interface: "eth0", Carrier: true, DHCP: Off}, "eth0 has no address."},
		{State{Interface: "eth0", Carrier: true, DHCP: Bound, Addresses: []netip.Prefix{global, local}}, "eth0: 192.0.2.7/24, fe80::7/64"},
	}
	for _, tt := range tests {
		if got := tt.state.Sentence(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.state, got, tt.want)
		}
	}
}

func TestLatestWakesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLatest()
		came := make(chan time.Duration, 1)
		began := time.Now()
		go func() {
			l.wait(t.Context())
			came <- time.Since(began)
		}()
		time.Sleep(time.Second)
		l.set(false) // no change
		time.Sleep(time.Second)
		l.set(true)
		if got := <-came; got != 2*time.Second {
			t.Errorf("woken after %v, want 2 s", got)
		}
		seen := l.seen()
		if l.change(t.Context(), &seen, time.Minute) || time.Since(began) != 62*time.Second {
			t.Errorf("a change after %v where there was none", time.Since(began))
		}
		l.set(false)
		l.set(true) // nobody waited meanwhile
		if !l.change(t.Context(), &seen, time.Minute) || l.change(t.Context(), &seen, time.Minute) || time.Since(began) != 122*time.Second {
			t.Errorf("what changed and changed back was not told once: after %v", time.Since(began))
		}
		time.AfterFunc(time.Second, func() { l.set(false) })
		if !l.change(t.Context(), &seen, time.Minute) || time.Since(began) != 123*time.Second || seen != l.seen() {
			t.Errorf("a change was told after %v", time.Since(began))
		}
	})
}

var errTest = errors.New("no")

func TestNameIsSettled(t *testing.T) {
	tests := []struct {
		name, file, dhcp, want string
	}{
		{"nobody names it", "", "", "timeball-3f2a"},
		{"DHCP does", "", "time1.example.org", "time1"},
		{"DHCP says nonsense", "", "no name", "timeball-3f2a"},
		{"DHCP says localhost", "", "localhost", "timeball-3f2a"},
		{"the file rules", "clock", "time1", "clock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var told []string
			p := &port{own: "timeball-3f2a", offered: lease{hostname: tt.dhcp}}
			p.Log = silent()
			p.SetHostname = func(name string) error { told = append(told, name); return errTest } // refused, and known all the same
			if p.Settings.Hostname = tt.file; tt.file != "" {
				p.own = tt.file
			}
			p.name()
			p.name()
			if p.state.Hostname != tt.want || strings.Join(told, " ") != tt.want {
				t.Errorf("named %q, told %q, want %q once", p.state.Hostname, told, tt.want)
			}
		})
	}
}
