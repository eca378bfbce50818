package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// wanted is an address that the port is to have; life is how long DHCP gave it for, 0 for ever.
type wanted struct {
	prefix netip.Prefix
	life   time.Duration
}

// wants returns the addresses of the file, of DHCP and of the link.
func (p *port) wants() []wanted {
	var all []wanted
	for _, prefix := range p.Settings.Addresses {
		all = append(all, wanted{prefix, 0})
	}
	if p.offered.valid() {
		left := p.offered.life - time.Since(p.offered.began)
		all = append(all, wanted{p.offered.address, max(left, time.Second)}) // 0 would be for ever
	}
	if p.local.IsValid() {
		all = append(all, wanted{netip.PrefixFrom(p.local, linkLocalLength), 0})
	}
	return all
}

// apply gives the port the addresses, routes and name servers it is to have, and takes away those it was given before. The
// kernel takes routes away when a port goes down: it is done again when the carrier is back.
func (p *port) apply() {
	wants := p.wants()
	for _, old := range p.inUse {
		if !slices.ContainsFunc(wants, func(w wanted) bool { return w.prefix == old }) {
			if err := netlink.AddrDel(p.link, address(old, 0)); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
				p.Log.Warn("address not taken away", "address", old, "error", err)
			}
		}
	}
	p.inUse = nil
	for _, w := range wants {
		if err := netlink.AddrReplace(p.link, address(w.prefix, w.life)); err != nil {
			p.Log.Error("address not taken", "address", w.prefix, "error", err)
			continue
		}
		p.inUse = append(p.inUse, w.prefix)
	}
	if err := p.applyRoutes(); err != nil {
		p.Log.Error("route", "error", err)
	}
}

// address turns a prefix into what the kernel takes. The kernel itself takes it away when its life ends, whatever becomes of
// this program.
func address(p netip.Prefix, life time.Duration) *netlink.Addr {
	a := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
	if seconds := int(life / time.Second); seconds > 0 {
		a.ValidLft, a.PreferedLft = seconds, seconds
	}
	if p.Addr().Is4() && p.Addr().IsLinkLocalUnicast() {
		a.Scope = unix.RT_SCOPE_LINK // never the sender of what leaves the link
	}
	return a
}

// applyRoutes replaces the routes.
func (p *port) applyRoutes() error {
	var failed error
	var now []*netlink.Route
	for _, r := range p.wantedRoutes() {
		if err := netlink.RouteReplace(r); err != nil {
			failed = errors.Join(failed, fmt.Errorf("to %v by %v: %w", r.Dst, r.Gw, err))
			continue
		}
		now = append(now, r)
	}
	for _, old := range p.routes {
		if !slices.ContainsFunc(now, func(r *netlink.Route) bool { return r.Equal(*old) }) {
			_ = netlink.RouteDel(old) // it may have gone with its address
		}
	}
	p.routes = now
	return failed
}

// wantedRoutes returns the routes of the file, and DHCP's where the file has none for IPv4.
func (p *port) wantedRoutes() []*netlink.Route {
	var routes []*netlink.Route
	has4 := false
	for _, g := range p.Settings.Gateways {
		has4 = has4 || g.Is4()
		all := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if g.Is6() {
			all = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		routes = append(routes, p.route(all, g))
	}
	if has4 || !p.offered.valid() {
		return routes
	}
	for _, r := range p.offered.routes {
		if !r.gateway.IsUnspecified() && !p.offered.address.Masked().Contains(r.gateway) {
			// A router that is on none of our networks is reached on the link all the same.
			routes = append(routes, p.route(netip.PrefixFrom(r.gateway, r.gateway.BitLen()), netip.Addr{}))
		}
		routes = append(routes, p.route(r.to, r.gateway))
	}
	return routes
}

// route returns a route for the kernel; without a gateway what is there is on the link.
func (p *port) route(to netip.Prefix, gateway netip.Addr) *netlink.Route {
	r := &netlink.Route{
		LinkIndex: p.link.Attrs().Index,
		Dst:       &net.IPNet{IP: to.Addr().AsSlice(), Mask: net.CIDRMask(to.Bits(), to.Addr().BitLen())},
		Protocol:  unix.RTPROT_DHCP,
	}
	if gateway.IsValid() && !gateway.IsUnspecified() {
		r.Gw = gateway.AsSlice()
	} else {
		r.Scope = netlink.SCOPE_LINK
	}
	return r
}
