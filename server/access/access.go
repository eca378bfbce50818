// Package access says which clients the server speaks to: a list of address prefixes with the flags of ntpd's restrict
// line, of which the longest prefix that holds an address counts, IPv4 and IPv6 alike.
//
// An address that no entry holds is ignored. An entry that cannot be read is an error that shows it; a List never changes
// and may be used by any number of goroutines.
package access

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Flags restrict a client. None of them: it may ask for the time and, with mode 6, for the server's state.
type Flags uint8

// The flags, as ntpd names them.
const (
	Ignore   Flags = 1 << iota // no answer of any kind
	NoModify                   // no change by mode 6: this server takes none from anyone
	NoTrust                    // no time without a valid key
	NoQuery                    // no state by mode 6
	NoTrap                     // no traps: this server has none
	NoPeer                     // no association: this server makes none for who asks
	KoD                        // a kiss-o'-death packet, at most one a second, where the rate limit refuses a request
)

var names = []string{"ignore", "nomodify", "notrust", "noquery", "notrap", "nopeer", "kod"}

// String returns the names of the flags with spaces between.
func (f Flags) String() string {
	var set []string
	for i, name := range names {
		if f&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	return strings.Join(set, " ")
}

// OnLink in place of a prefix stands for those of the machine's own networks.
const OnLink = "on-link"

// MaxEntries is how many entries a list may have, so that looking an address up stays cheap.
const MaxEntries = 256

// Entry gives flags to the addresses of a prefix.
type Entry struct {
	Prefix netip.Prefix // invalid for OnLink
	Flags  Flags
}

// Parse reads an entry: a prefix or an address or "on-link", then flags, with spaces between.
func Parse(text string) (Entry, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return Entry{}, errors.New("no prefix")
	}
	e := Entry{}
	if words[0] != OnLink {
		var err error
		if e.Prefix, err = prefix(words[0]); err != nil {
			return Entry{}, err
		}
	}
	for _, word := range words[1:] {
		i := slices.Index(names, word)
		if i < 0 {
			return Entry{}, fmt.Errorf("flag %q: none of %s", word, strings.Join(names, ", "))
		}
		e.Flags |= 1 << i
	}
	return e, nil
}

// prefix reads a prefix, or an address as the prefix of itself.
func prefix(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%q: neither a prefix nor an address nor %q", text, OnLink)
		}
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil || p.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q: neither a prefix nor an address nor %q", text, OnLink)
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("%q: bits are set outside the prefix, did you mean %v?", text, p.Masked())
	}
	return p, nil
}

// usual is what a client of the neighbourhood may: ask for the time.
const usual = NoModify | NoQuery | NoTrap | NoPeer | KoD

// Default returns the entries of a server nobody configured: it answers its own machine, private networks (RFC 1918, RFC
// 4193), shared address space (RFC 6598), link-local addresses (RFC 3927, RFC 4291) and the networks it is on, and shows
// its state to its own machine.
func Default() []Entry {
	entries := []Entry{{Flags: usual}}
	for _, p := range []string{
		"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10",
	} {
		entries = append(entries, Entry{netip.MustParsePrefix(p), usual})
	}
	for _, p := range []string{"127.0.0.1/32", "::1/128"} {
		entries = append(entries, Entry{netip.MustParsePrefix(p), usual &^ NoQuery})
	}
	return append(entries, Entry{netip.MustParsePrefix("0.0.0.0/0"), Ignore}, Entry{netip.MustParsePrefix("::/0"), Ignore})
}

// List is a set of entries, ready to be asked.
type List struct{ v4, v6 []rule }

// rule is an entry as its address and mask in two words; IPv4 is in the upper half of the first.
type rule struct {
	high, low         uint64
	highMask, lowMask uint64
	flags             Flags
}

// New returns the list of entries: of two for the same prefix the later counts, and on-link gives its flags to the
// prefixes onLink that have no entry of their own.
func New(entries []Entry, onLink []netip.Prefix) *List {
	flags := map[netip.Prefix]Flags{}
	for _, e := range entries {
		if !e.Prefix.IsValid() {
			for _, p := range onLink {
				flags[p.Masked()] = e.Flags
			}
		}
	}
	for _, e := range entries {
		if e.Prefix.IsValid() {
			flags[e.Prefix.Masked()] = e.Flags
		}
	}
	l := &List{}
	prefixes := make([]netip.Prefix, 0, len(flags))
	for p := range flags {
		prefixes = append(prefixes, p)
	}
	slices.SortFunc(prefixes, func(a, b netip.Prefix) int { return b.Bits() - a.Bits() })
	for _, p := range prefixes {
		r := rule{flags: flags[p]}
		r.high, r.low = words(p.Addr())
		r.highMask, r.lowMask = masks(p.Bits())
		if p.Addr().Is4() {
			l.v4 = append(l.v4, r)
		} else {
			l.v6 = append(l.v6, r)
		}
	}
	return l
}

// Of returns what restricts a.
func (l *List) Of(a netip.Addr) Flags {
	rules := l.v6
	if a = a.Unmap(); a.Is4() {
		rules = l.v4
	}
	high, low := words(a)
	for i := range rules {
		if r := &rules[i]; high&r.highMask == r.high && low&r.lowMask == r.low {
			return r.flags
		}
	}
	return Ignore
}

// words returns an address as two words.
func words(a netip.Addr) (high, low uint64) {
	if a.Is4() {
		b := a.As4()
		return uint64(binary.BigEndian.Uint32(b[:])) << 32, 0
	}
	b := a.As16()
	return binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])
}

// masks returns the mask of a prefix of bits bits.
func masks(bits int) (high, low uint64) {
	return ^(^uint64(0) >> min(bits, 64)), ^(^uint64(0) >> max(bits-64, 0))
}
