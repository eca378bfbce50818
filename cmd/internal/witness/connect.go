package witness

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// connect finds an address of the server that may be asked and opens a socket to it. Its errors are ErrNotSent.
func (s *Server) connect(ctx context.Context) (net.Conn, error) {
	host, port := split(s.Name)
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%w: port %q out of range", ErrNotSent, port)
	}
	addrs, err := s.addresses(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	why := fmt.Errorf("%s has no address", host)
	for _, addr := range addrs {
		addr = addr.Unmap()
		to := netip.AddrPortFrom(addr, uint16(n))
		switch {
		case slices.Contains(s.denied, addr) || len(s.denied) == maxDenied:
			why = errDenied
			continue
		case s.Own != nil && s.Own(to):
			why = errSelf
			continue
		}
		conn, err := s.dial(ctx, to)
		if err == nil {
			return conn, nil
		}
		why = err // no route to this one, perhaps to another
	}
	return nil, fmt.Errorf("%w: %w", ErrNotSent, why)
}

// addresses returns what the server's name means now; a pool's means something else each time.
func (s *Server) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupPatience)
	defer cancel()
	if s.Lookup != nil {
		return s.Lookup(ctx, host)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

func (s *Server) dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	if s.Dial != nil {
		return s.Dial(ctx, addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, "udp", addr.String())
}
