// Package netconf is the network of a card: what network.toml may say, what the unit is called, and the resolver's file.
//
// Without a file the first Ethernet port asks DHCP for IPv4 and takes IPv6 from router advertisements. The file is taken
// strictly, as timeball.toml is: a key that is not known or a value that cannot be meant is an error, and the caller then
// goes on as without a file, so that a unit with a wrong file can be reached.
package netconf

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Settings is network.toml.
type Settings struct {
	Interface string         `toml:"interface"` // the kernel's name of the port; "": the first Ethernet port
	Hostname  string         `toml:"hostname"`  // "": as DHCP says, or timeball-xxxx
	Addresses []netip.Prefix `toml:"addresses"` // with the length of the network's prefix
	Gateways  []netip.Addr   `toml:"gateways"`  // at most one for each of IPv4 and IPv6
	DNS       []netip.Addr   `toml:"dns"`
	Search    []string       `toml:"search"`
	DHCP      *bool          `toml:"dhcp"`                  // nil: unless an IPv4 address is given
	RA        *bool          `toml:"router_advertisements"` // nil: true
}

// maxSize is the largest file read, in bytes; maxList what the resolver of the C library and ours look at, and more than a
// port needs.
const (
	maxSize = 16 << 10
	maxList = 8
)

// Parse reads and checks a file; name stands for it in errors, which come all at once, one a line.
func Parse(name string, data []byte) (Settings, error) {
	if len(data) > maxSize {
		return Settings{}, fmt.Errorf("%s: more than %d bytes", name, maxSize)
	}
	var s Settings
	meta, err := toml.Decode(string(data), &s)
	if err != nil {
		if syntax := (toml.ParseError{}); errors.As(err, &syntax) {
			return Settings{}, fmt.Errorf("%s:%d: %s", name, syntax.Position.Line, syntax.Message)
		}
		return Settings{}, fmt.Errorf("%s: %w", name, err)
	}
	var wrong []error
	for _, key := range meta.Undecoded() {
		wrong = append(wrong, fmt.Errorf("%s: %s: no such key", name, key))
	}
	for _, err := range s.check() {
		wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
	}
	if len(wrong) > 0 {
		return Settings{}, errors.Join(wrong...)
	}
	return s, nil
}

// check returns what is wrong with the values.
func (s Settings) check() []error {
	var wrong []error
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if s.Hostname != "" && Hostname(s.Hostname) != s.Hostname {
		add("hostname: %q: letters, digits and hyphens, at most 63", s.Hostname)
	}
	if len(s.Interface) > 15 || strings.ContainsAny(s.Interface, "/ :") {
		add("interface: %q: not a name of the kernel's", s.Interface)
	}
	if n := max(len(s.Addresses), len(s.DNS), len(s.Search)); n > maxList {
		add("%d entries in a list: at most %d", n, maxList)
	}
	for _, p := range s.Addresses {
		if !p.IsValid() || !host(p) {
			add("addresses: %q: not an address of one machine with its prefix, as in 192.0.2.7/24", p)
		}
	}
	for _, a := range s.DNS {
		if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() {
			add("dns: %q: not a server's address", a)
		}
	}
	for _, domain := range s.Search {
		if !plainDomain(domain) {
			add("search: %q: not a domain", domain)
		}
	}
	return append(wrong, s.checkGateways()...)
}

// checkGateways returns what is wrong with the gateways: one of IPv4 must be on a network of ours, or nothing could be sent
// through it.
func (s Settings) checkGateways() []error {
	var wrong []error
	families := map[bool]bool{}
	for _, g := range s.Gateways {
		reached := slices.ContainsFunc(s.Addresses, func(p netip.Prefix) bool { return p.Masked().Contains(g) })
		switch {
		case !g.IsValid() || g.IsUnspecified() || g.IsMulticast():
			wrong = append(wrong, fmt.Errorf("gateways: %q: not a router's address", g))
		case families[g.Is4()]:
			wrong = append(wrong, fmt.Errorf("gateways: %s: a second one of its kind", g))
		case !reached && !g.IsLinkLocalUnicast():
			wrong = append(wrong, fmt.Errorf("gateways: %s: on no network of addresses", g))
		}
		families[g.Is4()] = true
	}
	return wrong
}

// host reports whether p is one machine's address within its network, which a unit can have.
func host(p netip.Prefix) bool {
	a := p.Addr()
	if a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || a.Zone() != "" || p.Bits() == 0 {
		return false
	}
	return p.Bits() >= a.BitLen()-1 || !a.Is4() || (a != p.Masked().Addr() && a != broadcast(p))
}

// broadcast returns the last address of an IPv4 network.
func broadcast(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(b)
}

// UsesDHCP reports whether DHCP is asked for IPv4.
func (s Settings) UsesDHCP() bool {
	if s.DHCP != nil {
		return *s.DHCP
	}
	return !slices.ContainsFunc(s.Addresses, func(p netip.Prefix) bool { return p.Addr().Is4() })
}

// UsesRA reports whether router advertisements are listened to.
func (s Settings) UsesRA() bool { return s.RA == nil || *s.RA }
