package server

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"timeball/server/access"
	"timeball/server/leap"
)

// Config says where the server listens. Its keys live in the section [server] of the configuration file.
type Config struct {
	// Listen holds IP addresses with a UDP port: "192.0.2.1:123", "[2001:db8::1]:123". ":123" is every address, IPv4 and
	// IPv6; port 0 takes a free one. What is shown there around a leap second may follow: "192.0.2.2:123 smear", "suppress"
	// or, as without a word, "announce".
	Listen []string `toml:"listen"`
	// ReceiveBuffer is the size in bytes of each socket's queue of requests not yet read; one request takes about 768. The
	// kernel doubles what is asked and may clamp it to net.core.rmem_max.
	ReceiveBuffer int `toml:"receive_buffer_bytes"`
	// Access holds entries of package access that are added to its default; of two for one prefix the later counts.
	Access []string `toml:"access"`
	// RateLimit is how often one client may ask in the long run, as "8/s", or "off"; package clientlog has the rule.
	RateLimit string `toml:"rate_limit"`
}

// Default returns the configuration of a unit nobody configured.
func Default() Config {
	return Config{
		Listen:        []string{":123"},
		ReceiveBuffer: 1 << 20, // 2700 requests: 13 ms at the 200,000 answers/s one core manages
		Access:        []string{},
		RateLimit:     "32/s", // a poll of 2^-5 s, shorter than anyone needs
	}
}

// Validate returns what is wrong with c, naming the key.
func (c Config) Validate() error {
	if _, err := c.places(); err != nil {
		return err
	}
	if c.ReceiveBuffer < 4096 || c.ReceiveBuffer > 64<<20 {
		return fmt.Errorf("config: server.receive_buffer_bytes: %d: must be from 4096 to 67108864", c.ReceiveBuffer)
	}
	if _, err := c.perSecond(); err != nil {
		return err
	}
	_, err := c.entries()
	return err
}

// perSecond returns RateLimit as a number, 0 for none.
func (c Config) perSecond() (float64, error) {
	if c.RateLimit == "off" {
		return 0, nil
	}
	number, found := strings.CutSuffix(c.RateLimit, "/s")
	n, err := strconv.ParseFloat(number, 64)
	if !found || err != nil || !(n >= 0.01 && n <= 1e6) {
		return 0, fmt.Errorf("config: server.rate_limit: %q: neither \"off\" nor requests a second from 0.01 to 1000000, as \"8/s\"", c.RateLimit)
	}
	return n, nil
}

// entries returns the access list: the default and Access.
func (c Config) entries() ([]access.Entry, error) {
	entries := access.Default()
	for _, text := range c.Access {
		e, err := access.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("config: server.access: %q: %w", text, err)
		}
		entries = append(entries, e)
	}
	if len(entries) > access.MaxEntries {
		return nil, fmt.Errorf("config: server.access: %d entries with the default ones: must be at most %d", len(entries), access.MaxEntries)
	}
	return entries, nil
}

// place is where the server listens and what it shows there around a leap second.
type place struct {
	Address netip.AddrPort
	Leap    leap.Policy
}

// Words divides an entry of Listen into the address and what is shown there around a leap second.
func Words(entry string) (address string, p leap.Policy, err error) {
	address, word, given := strings.Cut(entry, " ")
	if word = strings.TrimSpace(word); given && word != "" {
		if p, err = leap.Parse(word); err != nil {
			return address, p, fmt.Errorf("config: server.listen: %q: %w", entry, err)
		}
	}
	return address, p, nil
}

// places returns where to listen: each address once for every entry of Listen that means it.
func (c Config) places() ([]place, error) {
	if len(c.Listen) == 0 || len(c.Listen) > 64 {
		return nil, fmt.Errorf("config: server.listen: %d addresses: must be from 1 to 64", len(c.Listen))
	}
	var places []place
	for _, entry := range c.Listen {
		full, policy, err := Words(entry)
		if err != nil {
			return nil, err
		}
		every := strings.HasPrefix(full, ":")
		if every {
			full = "0.0.0.0" + full
		}
		addr, err := netip.ParseAddrPort(full)
		if err != nil {
			return nil, fmt.Errorf("config: server.listen: %q: %w", entry, err)
		}
		places = append(places, place{netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()), policy})
		if every {
			places = append(places, place{netip.AddrPortFrom(netip.IPv6Unspecified(), addr.Port()), policy})
		}
	}
	for i, p := range places {
		if p.Address.Port() != 0 && slices.ContainsFunc(places[:i], func(o place) bool { return o.Address == p.Address }) {
			return nil, fmt.Errorf("config: server.listen: %v is given twice", p.Address)
		}
	}
	return places, nil
}
