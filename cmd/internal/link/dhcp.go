package link

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/vishvananda/netlink"
)

// lease is what a DHCP server gave.
type lease struct {
	address  netip.Prefix
	server   netip.Addr
	routes   []via
	dns      []netip.Addr
	search   []string
	hostname string
	began    time.Time
	life     time.Duration
	renew    time.Duration // T1 of RFC 2131, 4.4.5: the server that gave it is asked to go on
	rebind   time.Duration // T2: any server is
}

// via is a route.
type via struct {
	to      netip.Prefix
	gateway netip.Addr // 0.0.0.0: on the link
}

func (l lease) valid() bool { return l.address.IsValid() }

// Bounds of a lease, so that a server cannot make a unit ask ten times a second or never again.
const (
	minLife = 60 * time.Second
	maxLife = 30 * 24 * time.Hour
)

// maxRoutes is how many routes are taken from a server.
const maxRoutes = 16

// read takes what a server's acknowledgement says, or says why that is no lease.
func read(ack *dhcpv4.DHCPv4, began time.Time) (lease, error) {
	l := lease{hostname: ack.HostName(), began: began, life: min(max(ack.IPAddressLeaseTime(time.Hour), minLife), maxLife)}
	addr, ok := netip.AddrFromSlice(ack.YourIPAddr.To4())
	if !ok || addr.IsUnspecified() || addr.IsMulticast() || addr.IsLoopback() {
		return lease{}, errors.New("the server gave no address that can be used")
	}
	ones, bits := 24, 32
	if mask := ack.SubnetMask(); mask != nil {
		ones, bits = mask.Size()
	}
	if bits != 32 || ones == 0 {
		return lease{}, errors.New("the server gave a network that cannot be")
	}
	l.address = netip.PrefixFrom(addr, ones)
	l.server, _ = netip.AddrFromSlice(ack.ServerIdentifier().To4())
	l.dns = addresses(ack.DNS())
	if labels := ack.DomainSearch(); labels != nil {
		l.search = labels.Labels
	} else if domain := ack.DomainName(); domain != "" {
		l.search = []string{domain}
	}
	l.routes = readRoutes(ack)
	l.renew = within(ack.IPAddressRenewalTime(0), l.life, l.life/2)
	l.rebind = within(ack.IPAddressRebindingTime(0), l.life, l.life*7/8)
	if l.rebind < l.renew {
		l.renew, l.rebind = l.life/2, l.life*7/8
	}
	return l, nil
}

// within returns t when it is a time before the end, and otherwise usual.
func within(t, end, usual time.Duration) time.Duration {
	if t <= 0 || t >= end {
		return usual
	}
	return t
}

// readRoutes returns classless routes, which replace the routers (RFC 3442), or the first router.
func readRoutes(ack *dhcpv4.DHCPv4) []via {
	var routes []via
	for _, r := range ack.ClasslessStaticRoute() {
		to, okTo := netip.AddrFromSlice(r.Dest.IP.To4())
		gateway, okGateway := netip.AddrFromSlice(r.Router.To4())
		if ones, bits := r.Dest.Mask.Size(); okTo && okGateway && bits == 32 && len(routes) < maxRoutes {
			routes = append(routes, via{netip.PrefixFrom(to, ones), gateway})
		}
	}
	if len(routes) > 0 {
		return routes
	}
	for _, a := range addresses(ack.Router()) {
		if !a.IsUnspecified() && !a.IsMulticast() {
			return []via{{netip.PrefixFrom(netip.IPv4Unspecified(), 0), a}}
		}
	}
	return nil
}

func addresses(ips []net.IP) []netip.Addr {
	var found []netip.Addr
	for _, ip := range ips {
		if a, ok := netip.AddrFromSlice(ip.To4()); ok {
			found = append(found, a)
		}
	}
	return found
}

// asking asks for a lease and keeps it.
type asking struct {
	log      *slog.Logger
	link     netlink.Link
	hostname string
	carrier  *latest
	leases   chan<- lease // the zero lease: what was given has ended, or nobody answers
}

// How long one question waits for its answer, how often it is repeated, and how long the unit waits before the next one.
const (
	answerTime = 2 * time.Second
	answerTry  = 2
	minPause   = time.Second
	maxPause   = 30 * time.Second
)

// run asks until ctx is done.
func (a asking) run(ctx context.Context) {
	pause, told := minPause, false
	for a.carrier.wait(ctx) {
		seen := a.carrier.seen() // a cable that is out for a moment while somebody is asked counts as well
		got, l, err := a.discover(ctx)
		if err == nil {
			pause, told = minPause, false
			a.hold(ctx, got, l, seen)
			continue
		}
		if !told {
			a.log.Warn("no lease", "interface", a.link.Attrs().Name, "error", err)
			told = true
		}
		a.give(ctx, lease{})
		a.carrier.change(ctx, &seen, pause)
		pause = min(2*pause, maxPause)
	}
}

// hold keeps a lease until it ends or the server takes it back; seen is the state of the cable that it was asked for over.
func (a asking) hold(ctx context.Context, got *nclient4.Lease, l lease, seen uint64) {
	a.give(ctx, l)
	a.log.Info("lease", "address", l.address, "server", l.server, "for", l.life)
	for next := l.renew; ; {
		changed := a.carrier.change(ctx, &seen, time.Until(l.began.Add(next)))
		age := time.Since(l.began)
		switch {
		case ctx.Err() != nil:
			return
		case age >= l.life:
			a.lose(ctx, l, "it has ended")
			return
		case !a.carrier.now():
			next = min(age+time.Minute, l.life)
			continue
		}
		fresh, kept, err := a.again(ctx, got, changed || age >= l.rebind)
		if nak := (*nclient4.ErrNak)(nil); errors.As(err, &nak) {
			a.lose(ctx, l, "the server takes it back")
			return
		}
		if err != nil {
			next = retry(age, l)
			continue
		}
		if kept.address != l.address {
			a.log.Info("lease", "address", kept.address, "server", kept.server, "for", kept.life)
		}
		got, l, next = fresh, kept, kept.renew
		a.give(ctx, l)
	}
}

// lose tells that a lease is no more.
func (a asking) lose(ctx context.Context, l lease, why string) {
	a.log.Warn("lease lost", "address", l.address, "because", why)
	a.give(ctx, lease{})
}

// retry returns the age at which a lease is asked for again after no answer: half of what remains, and at least a minute
// (RFC 2131, 4.4.5).
func retry(age time.Duration, l lease) time.Duration {
	end := l.life
	if age < l.rebind {
		end = l.rebind
	}
	return min(age+max((end-age)/2, time.Minute), l.life)
}

// give hands a lease to the port.
func (a asking) give(ctx context.Context, l lease) {
	select {
	case a.leases <- l:
	case <-ctx.Done():
	}
}

// again asks for the same lease: its server alone, or any. After the cable was out it may be plugged in elsewhere, where
// nobody knows the lease: who gets no answer asks anew.
func (a asking) again(ctx context.Context, got *nclient4.Lease, anyServer bool) (*nclient4.Lease, lease, error) {
	var options []nclient4.ClientOpt
	if !anyServer {
		options = append(options, nclient4.WithUnicast(&net.UDPAddr{IP: got.ACK.YourIPAddr, Port: nclient4.ClientPort}),
			nclient4.WithServerAddr(&net.UDPAddr{IP: got.ACK.ServerIdentifier(), Port: nclient4.ServerPort}))
	}
	return a.ask(options, func(c *nclient4.Client) (*nclient4.Lease, error) {
		fresh, err := c.Renew(ctx, got, a.modifiers()...)
		if nak := (*nclient4.ErrNak)(nil); err == nil || !anyServer || errors.As(err, &nak) {
			return fresh, err
		}
		return c.Request(ctx, a.modifiers()...)
	})
}

// discover asks for a lease.
func (a asking) discover(ctx context.Context) (*nclient4.Lease, lease, error) {
	return a.ask(nil, func(c *nclient4.Client) (*nclient4.Lease, error) { return c.Request(ctx, a.modifiers()...) })
}

// ask opens a client, asks by it and reads the answer. A lease begins when it is asked for.
func (a asking) ask(options []nclient4.ClientOpt, question func(*nclient4.Client) (*nclient4.Lease, error)) (*nclient4.Lease, lease, error) {
	options = append(options, nclient4.WithTimeout(answerTime), nclient4.WithRetry(answerTry))
	c, err := nclient4.New(a.link.Attrs().Name, options...)
	if err != nil {
		return nil, lease{}, err
	}
	defer c.Close()
	began := time.Now()
	got, err := question(c)
	if err != nil {
		return nil, lease{}, err
	}
	l, err := read(got.ACK, began)
	return got, l, err
}

// modifiers is what every question says of us and asks for.
func (a asking) modifiers() []dhcpv4.Modifier {
	mac := a.link.Attrs().HardwareAddr
	return []dhcpv4.Modifier{
		dhcpv4.WithOption(dhcpv4.OptHostName(a.hostname)),
		dhcpv4.WithOption(dhcpv4.OptClassIdentifier("timeball")),
		dhcpv4.WithOption(dhcpv4.OptClientIdentifier(append([]byte{1}, mac...))), // 1: Ethernet
		dhcpv4.WithRequestedOptions(dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer, dhcpv4.OptionHostName,
			dhcpv4.OptionDomainName, dhcpv4.OptionDNSDomainSearchList, dhcpv4.OptionClasslessStaticRoute,
			dhcpv4.OptionRenewTimeValue, dhcpv4.OptionRebindingTimeValue),
	}
}
