package server

import (
	"net/netip"
	"slices"

	"timeball/server/leap"
)

// Listening is an address that requests are answered at, and what is shown there around a leap second.
type Listening struct {
	Address netip.AddrPort
	Leap    leap.Policy
}

// Listening returns where s answers, each address once.
func (s *Server) Listening() (all []Listening) {
	for _, l := range s.listeners {
		all = addListening(all, Listening{l.addr, l.policy})
	}
	return all
}

// ListeningOf returns where open sockets are answered at, each address once.
func ListeningOf(sockets []Socket) (all []Listening) {
	for _, s := range sockets {
		all = addListening(all, Listening{s.Address, s.Leap})
	}
	return all
}

func addListening(all []Listening, l Listening) []Listening {
	if slices.Contains(all, l) {
		return all
	}
	return append(all, l)
}
