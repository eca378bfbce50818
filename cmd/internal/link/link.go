// Package link brings a card's Ethernet port up and keeps it up: addresses by DHCP, router advertisement or file, the
// resolver, the host name, and multicast DNS, so that the unit is found as timeball-xxxx.local.
//
// There is one untagged port. IPv4 comes from DHCP (RFC 2131) or the file, and while DHCP does not answer the unit takes an
// address of the link that nobody has (RFC 3927); IPv6 from the kernel, which makes its address of
// the link by itself and takes others from router advertisements, or from the file. A cable that is pulled and put back, a
// server that forgets us, a lease that ends: each makes the unit ask again, and meanwhile it keeps what it may keep. Nothing
// here ends before its context does; what goes wrong is logged when it changes, and the State says in words how it is.
package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"timeball/image/netconf"
)

// Config is what the port is to be.
type Config struct {
	Settings    netconf.Settings
	Log         *slog.Logger
	Resolver    string             // path of the resolver's file
	SetHostname func(string) error // tells the kernel
	Report      func(State)        // gets the State whenever it changes
	HTTPPort    uint16             // where the page is, for multicast DNS
}

// port is the port at work.
type port struct {
	Config
	link     netlink.Link
	state    State
	own      string   // the host name that nobody else gave
	answerer answerer // multicast DNS

	offered    lease // what DHCP gave, the zero lease when nothing
	flapped    bool  // there was no carrier for a moment, since it was looked at last
	unanswered bool  // DHCP was asked and gave nothing, since the cable is in
	local      netip.Addr
	claimed    <-chan netip.Addr  // gives local; nil: it is not sought
	endClaim   context.CancelFunc // ends that
	heard      heard              // what routers said of name servers
	told       string             // what the resolver was told last
	inUse      []netip.Prefix
	routes     []*netlink.Route
}

// Run keeps the port up until ctx is done.
func Run(ctx context.Context, c Config) {
	p := &port{Config: c, state: State{DHCP: Off}, own: netconf.DefaultName(nil)}
	if c.Settings.Hostname != "" {
		p.own = c.Settings.Hostname
	}
	if err := loopback(); err != nil {
		p.Log.Error("loopback", "error", err)
	}
	p.name()
	p.publish()
	defer p.answerer.stop()
	for ctx.Err() == nil {
		if err := p.run(ctx); err != nil && ctx.Err() == nil {
			p.Log.Error("network", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// loopback brings lo up; the kernel gives it its addresses.
func loopback() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(lo)
}

// run finds the port, brings it up and follows it until it is gone.
func (p *port) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	links := make(chan netlink.LinkUpdate, 64)
	if err := netlink.LinkSubscribeWithOptions(links, ctx.Done(), netlink.LinkSubscribeOptions{ErrorCallback: p.lost("ports")}); err != nil {
		return fmt.Errorf("follow the ports: %w", err)
	}
	addresses := make(chan netlink.AddrUpdate, 64)
	if err := netlink.AddrSubscribeWithOptions(addresses, ctx.Done(), netlink.AddrSubscribeOptions{ErrorCallback: p.lost("addresses")}); err != nil {
		return fmt.Errorf("follow the addresses: %w", err)
	}
	if err := p.find(ctx, links); err != nil {
		return err
	}
	if err := p.up(); err != nil {
		return err
	}
	carrier := newLatest()
	leases := make(chan lease)
	if p.Settings.UsesDHCP() {
		go asking{p.Log, p.link, p.state.Hostname, carrier, leases}.run(ctx)
	}
	advised := make(chan advice)
	if p.Settings.UsesRA() {
		go hear(ctx, p.Log, advised)
	}
	return p.follow(ctx, carrier, links, addresses, leases, advised)
}

// follow looks at the port whenever something has happened to it.
func (p *port) follow(ctx context.Context, carrier *latest, links <-chan netlink.LinkUpdate, addresses <-chan netlink.AddrUpdate,
	leases <-chan lease, advised <-chan advice,
) error {
	poll := time.NewTicker(10 * time.Second) // an event may have been lost
	defer poll.Stop()
	for {
		if err := p.refresh(carrier); err != nil {
			return err
		}
		p.seekLocal(ctx)
		select {
		case <-ctx.Done():
			return nil
		case l, ok := <-links:
			if !ok {
				return errors.New("the kernel tells of no more ports")
			}
			p.was(l)
		case _, ok := <-addresses:
			if !ok {
				return errors.New("the kernel tells of no more addresses")
			}
		case l := <-leases:
			p.take(l)
		case addr := <-p.claimed:
			p.takeLocal(addr)
		case a := <-advised:
			if a.index == p.link.Attrs().Index {
				p.heard.take(a, time.Now())
			}
		case <-poll.C:
		}
	}
}

// was notes that the port was down or without a carrier, which by now may be over: the kernel has taken routes and IPv6
// addresses away then, and the cable may be another one.
func (p *port) was(l netlink.LinkUpdate) {
	if int(l.Index) == p.link.Attrs().Index && l.Flags&unix.IFF_LOWER_UP == 0 {
		p.flapped = true
	}
}

// lost logs that the kernel's messages could not be read.
func (p *port) lost(of string) func(error) {
	return func(err error) { p.Log.Debug("messages of "+of, "error", err) }
}

// find waits for the port.
func (p *port) find(ctx context.Context, links <-chan netlink.LinkUpdate) error {
	for first := true; ; first = false {
		all, err := netlink.LinkList()
		if err != nil {
			return fmt.Errorf("list the ports: %w", err)
		}
		if p.link = p.choose(all); p.link != nil {
			return nil
		}
		if first {
			p.Log.Warn("no Ethernet port yet")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-links:
		case <-time.After(time.Second):
		}
	}
}

// choose returns the port that is configured, or the first Ethernet port, or nil.
func (p *port) choose(all []netlink.Link) netlink.Link {
	var found netlink.Link
	for _, l := range all {
		a := l.Attrs()
		switch {
		case p.Settings.Interface != "":
			if a.Name == p.Settings.Interface {
				return l
			}
		case a.Flags&net.FlagLoopback != 0 || a.EncapType != "ether" || !wired(a.Name):
		case found == nil || a.Name < found.Attrs().Name:
			found = l
		}
	}
	return found
}

// wired reports whether a port is hardware with a plug.
func wired(name string) bool {
	dir := filepath.Join("/sys/class/net", name)
	if _, err := os.Stat(filepath.Join(dir, "device")); err != nil {
		return false
	}
	_, err := os.Stat(filepath.Join(dir, "phy80211"))
	return err != nil
}

// up brings the port up with what the file says.
func (p *port) up() error {
	a := p.link.Attrs()
	p.state.Interface, p.state.MAC = a.Name, a.HardwareAddr.String()
	p.offered, p.heard, p.inUse, p.routes = lease{}, heard{}, nil, nil // of the port that was there before
	p.flapped, p.unanswered, p.local, p.claimed, p.endClaim = false, false, netip.Addr{}, nil, nil
	if p.Settings.UsesDHCP() {
		p.state.DHCP, p.state.Server = Searching, ""
	}
	if p.Settings.Hostname == "" {
		p.own = netconf.DefaultName(a.HardwareAddr)
	}
	p.name()
	ra := "0"
	if p.Settings.UsesRA() {
		ra = "1"
	}
	for _, key := range []string{"accept_ra", "autoconf"} {
		if err := os.WriteFile(filepath.Join("/proc/sys/net/ipv6/conf", a.Name, key), []byte(ra), 0o644); err != nil {
			p.Log.Warn("IPv6", "error", err)
		}
	}
	if err := netlink.LinkSetUp(p.link); err != nil {
		return fmt.Errorf("bring %s up: %w", a.Name, err)
	}
	p.Log.Info("port up", "interface", a.Name, "mac", a.HardwareAddr.String(), "dhcp", p.Settings.UsesDHCP())
	p.apply()
	return nil
}

// take takes what DHCP gave, or the zero lease when what it gave has ended.
func (p *port) take(l lease) {
	p.offered, p.unanswered = l, !l.valid()
	p.state.DHCP, p.state.Server = Searching, ""
	if l.valid() {
		p.state.DHCP, p.state.Server = Bound, l.server.String()
	}
	p.name()
	p.apply()
}

// name settles what the unit is called.
func (p *port) name() {
	name := p.own
	if n := netconf.Hostname(p.offered.hostname); n != "" && n != "localhost" && p.Settings.Hostname == "" {
		name = n
	}
	if name == p.state.Hostname {
		return
	}
	if err := p.SetHostname(name); err != nil {
		p.Log.Error("host name", "error", err)
	}
	p.Log.Info("named", "hostname", name)
	p.state.Hostname = name
}

// refresh looks how the port is and reports it; the error is that it is gone.
func (p *port) refresh(carrier *latest) error {
	l, err := netlink.LinkByIndex(p.link.Attrs().Index)
	if err != nil {
		p.state.Interface, p.state.Carrier, p.state.Addresses = "", false, nil
		p.publish()
		return fmt.Errorf("%s is gone: %w", p.link.Attrs().Name, err)
	}
	before := p.state
	p.state.Carrier = l.Attrs().RawFlags&unix.IFF_LOWER_UP != 0
	if p.state.Carrier != before.Carrier || p.flapped && p.state.Carrier {
		carrier.set(false) // also where it was away too short to be seen
		p.flapped = false
		p.Log.Info("carrier", "interface", p.state.Interface, "carrier", p.state.Carrier)
		p.unanswered = false // it may be another network
		p.apply()
	}
	carrier.set(p.state.Carrier)
	p.state.Addresses = usable(p.link)
	if !slices.Equal(before.Addresses, p.state.Addresses) {
		p.Log.Info("addresses", "interface", p.state.Interface, "addresses", p.state.Addresses)
	}
	if p.state.Carrier && len(p.state.Addresses) > 0 {
		if err := p.answerer.answer(p.state.Hostname, p.state.Addresses, p.link, p.HTTPPort); err != nil {
			p.Log.Warn("multicast DNS", "error", err)
		}
	}
	p.state.MDNS = p.answerer.name()
	if err := p.writeResolver(); err != nil {
		p.Log.Error("resolver", "error", err)
	}
	p.publish()
	return nil
}

// publish reports the state.
func (p *port) publish() {
	s := p.state
	s.Addresses = append([]netip.Prefix{}, s.Addresses...)
	p.Report(s)
}

// usable returns the addresses of a port that others can use: none that is still being checked for doubles, IPv6's of the
// link last.
func usable(link netlink.Link) []netip.Prefix {
	all, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return nil
	}
	var found []netip.Prefix
	for _, a := range all {
		addr, ok := netip.AddrFromSlice(a.IP)
		if !ok || a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED|unix.IFA_F_DEPRECATED) != 0 {
			continue
		}
		ones, _ := a.Mask.Size()
		found = append(found, netip.PrefixFrom(addr.Unmap(), ones))
	}
	slices.SortFunc(found, func(a, b netip.Prefix) int {
		if x, y := rank(a.Addr()), rank(b.Addr()); x != y {
			return x - y
		}
		return a.Addr().Compare(b.Addr())
	})
	return found
}

// rank orders addresses by how likely somebody can use them.
func rank(a netip.Addr) int {
	switch {
	case a.IsLinkLocalUnicast():
		return 2
	case a.Is4():
		return 0
	}
	return 1
}

// writeResolver writes the resolver's file when it changes: what the file says rules, then DHCP, then routers.
func (p *port) writeResolver() error {
	servers, search := p.Settings.DNS, p.Settings.Search
	heard, domains := p.heard.list(time.Now())
	if len(servers) == 0 {
		servers = slices.Concat(p.offered.dns, heard)
	}
	if len(search) == 0 {
		search = slices.Concat(p.offered.search, domains)
	}
	text := netconf.Resolver(servers, search)
	if text == p.told {
		return nil
	}
	if err := renameio.WriteFile(p.Resolver, []byte(text), 0o644); err != nil {
		return err
	}
	p.told = text
	p.Log.Info("resolver", "servers", servers, "search", search)
	return nil
}
