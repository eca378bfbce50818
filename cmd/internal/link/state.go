package link

import (
	"fmt"
	"net/netip"
	"strings"
)

// State is how the unit is connected. Addresses are those of the port that can be used, IPv4 first, IPv6's of the link last.
type State struct {
	Hostname  string         `json:"hostname"`
	MDNS      string         `json:"mdns"`      // the name that multicast DNS answers to; "" = it does not run
	Interface string         `json:"interface"` // "" = there is no port
	MAC       string         `json:"mac"`
	Carrier   bool           `json:"carrier"`
	Addresses []netip.Prefix `json:"addresses"`
	DHCP      string         `json:"dhcp"` // off, searching, bound
	Server    string         `json:"dhcp_server"`
}

// States of DHCP.
const (
	Off       = "off"
	Searching = "searching"
	Bound     = "bound"
)

// Sentence says the same in words.
func (s State) Sentence() string {
	switch {
	case s.Interface == "":
		return "No Ethernet port has been found."
	case !s.Carrier:
		return fmt.Sprintf("No cable, or nothing at its other end (%s).", s.Interface)
	}
	var addresses []string
	global := false
	for _, p := range s.Addresses {
		addresses = append(addresses, p.String())
		global = global || !p.Addr().IsLinkLocalUnicast()
	}
	list := strings.Join(addresses, ", ")
	switch {
	case !global && s.DHCP == Searching && list != "":
		return fmt.Sprintf("%s: no DHCP server has answered yet. On this link the unit has %s.", s.Interface, list)
	case !global && s.DHCP == Searching:
		return fmt.Sprintf("%s: no DHCP server has answered yet.", s.Interface)
	case list == "":
		return fmt.Sprintf("%s has no address.", s.Interface)
	}
	return fmt.Sprintf("%s: %s", s.Interface, list)
}
