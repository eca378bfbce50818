package netconf

import (
	"net/netip"
	"strings"
)

// maxLabel is the longest label of a domain name (RFC 1035, 2.3.4).
const maxLabel = 63

// DefaultName returns what a unit is called that nobody named: timeball-xxxx with the last two bytes of its Ethernet
// address, which stand on the board's label and are different for all units of a delivery.
func DefaultName(mac []byte) string {
	const hex = "0123456789abcdef"
	if len(mac) < 2 {
		return "timeball"
	}
	name := []byte("timeball-")
	for _, b := range mac[len(mac)-2:] {
		name = append(name, hex[b>>4], hex[b&15])
	}
	return string(name)
}

// Hostname returns the first label of a name that somebody else gives, where it can be a host name: letters, digits and
// hyphens within, at most 63. Otherwise "".
func Hostname(name string) string {
	label, _, _ := strings.Cut(name, ".")
	if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
		return ""
	}
	for _, r := range label {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' {
			return ""
		}
	}
	return label
}

// plainDomain reports whether a domain may stand in the resolver's file.
func plainDomain(domain string) bool {
	if domain == "" || len(domain) > 253 {
		return false
	}
	for _, label := range strings.Split(strings.TrimSuffix(domain, "."), ".") {
		if label == "" || len(label) > maxLabel {
			return false
		}
		for _, r := range label {
			if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
				return false
			}
		}
	}
	return true
}

// maxServers is how many servers a resolver looks at (resolv.conf(5)).
const maxServers = 3

// Resolver returns the resolver's file. Servers and domains that DHCP or a router told are taken only where they can be
// one; of those there are at most as many as a resolver looks at.
func Resolver(servers []netip.Addr, search []string) string {
	var b strings.Builder
	var domains []string
	for _, domain := range search {
		if plainDomain(domain) && len(domains) < maxList {
			domains = append(domains, domain)
		}
	}
	if len(domains) > 0 {
		b.WriteString("search " + strings.Join(domains, " ") + "\n")
	}
	n := 0
	for _, s := range servers {
		if s.IsValid() && !s.IsUnspecified() && !s.IsMulticast() && n < maxServers {
			b.WriteString("nameserver " + s.String() + "\n")
			n++
		}
	}
	return b.String()
}

// Hosts returns the hosts file of a unit with a name.
func Hosts(name string) string {
	return "127.0.0.1 localhost " + name + "\n::1 localhost " + name + "\n"
}
