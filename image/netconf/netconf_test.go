package netconf

import (
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSettingsAreRead(t *testing.T) {
	off := false
	tests := []struct {
		name, text string
		want       Settings
		dhcp, ra   bool
	}{
		{"empty", "", Settings{}, true, true},
		{"a name alone", `hostname = "time1"`, Settings{Hostname: "time1"}, true, true},
		{"a fixed address", "addresses = [\"192.0.2.7/24\", \"2001:db8::7/64\"]\ngateways = [\"192.0.2.1\", \"fe80::1\"]\ndns = [\"192.0.2.1\"]\nsearch = [\"example.org\"]", Settings{
			Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24"), netip.MustParsePrefix("2001:db8::7/64")},
			Gateways:  []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("fe80::1")},
			DNS:       []netip.Addr{netip.MustParseAddr("192.0.2.1")},
			Search:    []string{"example.org"},
		}, false, true},
		{"IPv6 fixed, IPv4 by DHCP", `addresses = ["2001:db8::7/64"]`, Settings{Addresses: []netip.Prefix{netip.MustParsePrefix("2001:db8::7/64")}}, true, true},
		{"nothing from others", "dhcp = false\nrouter_advertisements = false", Settings{DHCP: &off, RA: &off}, false, false},
		{"point to point", `addresses = ["192.0.2.0/31"]`, Settings{Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/31")}}, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.name, []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
				t.Error(diff)
			}
			if got.UsesDHCP() != tt.dhcp || got.UsesRA() != tt.ra {
				t.Errorf("DHCP %v, router advertisements %v, want %v, %v", got.UsesDHCP(), got.UsesRA(), tt.dhcp, tt.ra)
			}
		})
	}
}

func TestSettingsThatCannotBeAreRefused(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no TOML", "addresses: [x]", "network.toml:1"},
		{"a key with a typo", `adresses = ["192.0.2.7/24"]`, "adresses: no such key"},
		{"another type", `dhcp = "yes"`, "dhcp"},
		{"address without its network", `addresses = ["192.0.2.7"]`, "192.0.2.7"},
		{"the network itself", `addresses = ["192.0.2.0/24"]`, `"192.0.2.0/24"`},
		{"the broadcast address", `addresses = ["192.0.2.255/24"]`, `"192.0.2.255/24"`},
		{"multicast", `addresses = ["224.0.0.1/24"]`, "224.0.0.1"},
		{"loopback", `addresses = ["127.0.0.1/8"]`, "127.0.0.1"},
		{"a zone", `addresses = ["fe80::1%eth0/64"]`, "fe80::1"},
		{"gateway elsewhere", "addresses = [\"192.0.2.7/24\"]\ngateways = [\"198.51.100.1\"]", "on no network"},
		{"two gateways of a kind", "addresses = [\"192.0.2.7/24\"]\ngateways = [\"192.0.2.1\", \"192.0.2.2\"]", "second"},
		{"host name with a space", `hostname = "time one"`, "hostname"},
		{"host name with a dot", `hostname = "time1.example.org"`, "hostname"},
		{"a port that is a path", `interface = "../x"`, "interface"},
		{"domain with a space", `search = ["a b"]`, "search"},
		{"server 0.0.0.0", `dns = ["0.0.0.0"]`, "dns"},
		{"too long", strings.Repeat("#", maxSize+1), "more than"},
		{"too many", `dns = ["192.0.2.1"` + strings.Repeat(`,"192.0.2.1"`, 8) + `]`, "at most 8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("network.toml", []byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "network.toml") {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// The example on the card has every key, and all of it can be used.
func TestExampleIsTaken(t *testing.T) {
	text, err := os.ReadFile("../boot/network.toml.example")
	if err != nil {
		t.Fatal(err)
	}
	used := regexp.MustCompile(`(?m)^#(\w+ = )`).ReplaceAllString(string(text), "$1")
	got, err := Parse("network.toml.example", []byte(used))
	if err != nil {
		t.Fatal(err)
	}
	v := reflect.ValueOf(got)
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("toml"); v.Field(i).IsZero() && name != "dhcp" { // which an address says as well
			t.Errorf("the example does not show %s", name)
		}
	}
}

func TestNamesThatOthersGive(t *testing.T) {
	for name, want := range map[string]string{
		"time1": "time1", "time1.example.org": "time1", "Time-1": "Time-1", "": "", ".": "", "-a": "", "a-": "", "a b": "", "a_b": "", "a\n": "", "zeit\u00fc": "",
		strings.Repeat("a", 63): strings.Repeat("a", 63), strings.Repeat("a", 64): "",
	} {
		if got := Hostname(name); got != want {
			t.Errorf("Hostname(%q) = %q, want %q", name, got, want)
		}
	}
	for mac, want := range map[string]string{"\xb8\x27\xeb\x01\x3f\x2a": "timeball-3f2a", "\x00": "timeball", "": "timeball"} {
		if got := DefaultName([]byte(mac)); got != want {
			t.Errorf("DefaultName(%x) = %q, want %q", mac, got, want)
		}
	}
}

// What a DHCP server says goes into a file that is read line by line.
func TestResolverTakesOnlyWhatCanBe(t *testing.T) {
	servers := []netip.Addr{
		{}, netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.3"), netip.MustParseAddr("192.0.2.4"),
	}
	got := Resolver(servers, []string{"example.org", "a b", "x\nnameserver 203.0.113.1", "", "local.example"})
	want := "search example.org local.example\nnameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver 192.0.2.3\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Resolver(nil, nil); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`addresses = ["192.0.2.7/24"]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse("network.toml", data)
		if err == nil && len(s.Addresses) > maxList {
			t.Errorf("%d addresses", len(s.Addresses))
		}
	})
}
