package link

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"

	"github.com/pion/logging"
	"github.com/pion/mdns/v2"
	"github.com/vishvananda/netlink"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// answerer answers multicast DNS (RFC 6762) for the unit's name, and names its services (RFC 6763). It does not look whether
// another machine on the link has the name: the last two bytes of an Ethernet address are in it for that.
type answerer struct {
	conn      *mdns.Conn
	hostname  string
	addresses []netip.Prefix
}

// answer answers for a name with addresses; where these have not changed it goes on as it is.
func (a *answerer) answer(hostname string, addresses []netip.Prefix, link netlink.Link, http uint16) error {
	if a.conn != nil && a.hostname == hostname && slices.Equal(a.addresses, addresses) {
		return nil
	}
	a.stop()
	ifi, err := net.InterfaceByIndex(link.Attrs().Index)
	if err != nil {
		return fmt.Errorf("multicast DNS: %w", err)
	}
	v4, v6 := listen4(), listen6()
	quiet := logging.NewDefaultLoggerFactory()
	quiet.Writer = io.Discard // what others send is no trouble of ours
	options := []mdns.ServerOption{
		mdns.WithName("timeball"), mdns.WithLoggerFactory(quiet), mdns.WithInterfaces(*ifi), mdns.WithLocalNames(hostname + ".local"),
		mdns.WithCacheRefresh(false),
		mdns.WithService(mdns.ServiceInstance{Instance: hostname, Service: "_ntp._udp", Port: 123}),
	}
	if http != 0 {
		options = append(options, mdns.WithService(mdns.ServiceInstance{Instance: hostname, Service: "_http._tcp", Port: http}))
	}
	conn, err := mdns.NewServer(v4, v6, options...)
	if err != nil {
		closeAll(v4, v6)
		return fmt.Errorf("multicast DNS: %w", err)
	}
	a.conn, a.hostname, a.addresses = conn, hostname, slices.Clone(addresses)
	return nil
}

// listen4 and listen6 open the sockets that take the questions, nil where that is not possible.
func listen4() *ipv4.PacketConn {
	c, err := net.ListenPacket("udp4", mdns.DefaultAddressIPv4)
	if err != nil {
		return nil
	}
	return ipv4.NewPacketConn(c)
}

func listen6() *ipv6.PacketConn {
	c, err := net.ListenPacket("udp6", mdns.DefaultAddressIPv6)
	if err != nil {
		return nil
	}
	return ipv6.NewPacketConn(c)
}

func closeAll(v4 *ipv4.PacketConn, v6 *ipv6.PacketConn) {
	if v4 != nil {
		v4.Close()
	}
	if v6 != nil {
		v6.Close()
	}
}

// stop ends answering.
func (a *answerer) stop() {
	if a.conn != nil {
		a.conn.Close()
	}
	*a = answerer{}
}

// name returns the name that is answered for, "" when none is.
func (a *answerer) name() string {
	if a.conn == nil {
		return ""
	}
	return a.hostname + ".local"
}
