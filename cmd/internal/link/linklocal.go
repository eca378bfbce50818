package link

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/packet"
)

// Times and counts of RFC 3927, 9.
const (
	probeWait       = time.Second // at most, before the first probe
	probeNum        = 3
	probeMin        = time.Second // between probes
	probeMax        = 2 * time.Second
	announceWait    = 2 * time.Second // after the last probe
	announceNum     = 2
	announceEvery   = 2 * time.Second
	maxConflicts    = 10 // before the next tries are made once in rateLimit
	rateLimit       = 60 * time.Second
	defendInterval  = 10 * time.Second
	linkLocalLength = 16 // of the network's prefix
)

// etherARP is the protocol's number on Ethernet.
const etherARP = 0x0806

// arpLine is where ARP packets come and go: the port, or a test's.
type arpLine interface {
	Send(p *arp.Packet) error
	Receive() (*arp.Packet, error)
	Close() error
}

// claiming finds an IPv4 address of the link that nobody has (RFC 3927), for a unit that was given none, and keeps it as long
// as nobody else insists on it. A computer on the other end of the cable, which has one too, then reaches the unit.
type claiming struct {
	log  *slog.Logger
	mac  net.HardwareAddr
	open func() (arpLine, error)
	own  chan<- netip.Addr // the address that is ours, the zero Addr when it is no longer
}

// run claims addresses until ctx is done.
func (c claiming) run(ctx context.Context) {
	draw := rand.New(rand.NewPCG(seed(c.mac), 0)) // the same addresses in the same order at each start
	for conflicts := 0; ctx.Err() == nil; conflicts++ {
		if conflicts >= maxConflicts {
			pause(ctx, rateLimit)
		}
		if err := c.hold(ctx, candidate(draw), draw); err != nil && ctx.Err() == nil {
			c.log.Warn("address of the link", "error", err)
			conflicts = max(conflicts, maxConflicts) // no port, no packets: not again at once
		}
	}
}

// seed makes a number of an Ethernet address.
func seed(mac net.HardwareAddr) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(mac)
	return h.Sum64()
}

// candidate draws one of the addresses that may be claimed: 169.254.1.0 to 169.254.254.255 (RFC 3927, 2.1).
func candidate(draw *rand.Rand) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 169<<24|254<<16|1<<8+draw.Uint32N(254<<8))
	return netip.AddrFrom4(b)
}

// hold looks whether anyone has addr, takes it and keeps it. It returns when somebody else has it.
func (c claiming) hold(ctx context.Context, addr netip.Addr, draw *rand.Rand) error {
	line, err := c.open()
	if err != nil {
		return err
	}
	defer line.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	heard := make(chan *arp.Packet)
	failed := make(chan error, 1)
	go func() { failed <- receive(ctx, line, heard) }()
	h := holding{claiming: c, addr: addr, line: line, heard: heard, failed: failed}
	if free, err := h.probe(ctx, draw); err != nil || !free {
		return err
	}
	c.log.Info("address of the link", "address", addr)
	c.tell(ctx, addr)
	err = h.defend(ctx)
	c.tell(ctx, netip.Addr{})
	return err
}

// tell hands an address to the port. One that is no longer waited for is of no use to it.
func (c claiming) tell(ctx context.Context, addr netip.Addr) {
	select {
	case c.own <- addr:
	case <-ctx.Done():
	}
}

// receive hands on what comes until ctx is done.
func receive(ctx context.Context, line arpLine, to chan<- *arp.Packet) error {
	for {
		p, err := line.Receive()
		if err != nil {
			return err
		}
		select {
		case to <- p:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// holding is one address that is claimed.
type holding struct {
	claiming
	addr   netip.Addr
	line   arpLine
	heard  <-chan *arp.Packet
	failed <-chan error
}

// probe asks who has the address; free says that nobody does (RFC 3927, 2.2.1).
func (h holding) probe(ctx context.Context, draw *rand.Rand) (free bool, err error) {
	wait := time.Duration(draw.Int64N(int64(probeWait)))
	for n := range probeNum {
		if clear, err := h.listen(ctx, wait, h.takenWhileProbing); err != nil || !clear {
			return false, err
		}
		if err := h.send(netip.IPv4Unspecified()); err != nil {
			return false, err
		}
		wait = probeMin + time.Duration(draw.Int64N(int64(probeMax-probeMin)))
		if n == probeNum-1 {
			wait = announceWait
		}
	}
	return h.listen(ctx, wait, h.takenWhileProbing)
}

// defend says that the address is ours, and says so once more when somebody else uses it; who does so again soon gets it
// (RFC 3927, 2.5, b).
func (h holding) defend(ctx context.Context) error {
	for range announceNum {
		if err := h.send(h.addr); err != nil {
			return err
		}
		if clear, err := h.listen(ctx, announceEvery, h.taken); err != nil || !clear {
			return err
		}
	}
	for {
		if clear, err := h.listen(ctx, forever, h.taken); err != nil || clear {
			return err
		}
		h.log.Warn("address of the link is used by another as well", "address", h.addr)
		if err := h.send(h.addr); err != nil {
			return err
		}
		if clear, err := h.listen(ctx, defendInterval, h.taken); err != nil || !clear {
			h.log.Warn("address of the link given up", "address", h.addr)
			return err
		}
	}
}

const forever = time.Duration(1<<63 - 1)

// listen listens for a while; clear says that nothing came for which taken is true.
func (h holding) listen(ctx context.Context, d time.Duration, taken func(*arp.Packet) bool) (clear bool, err error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case <-timer.C:
			return true, nil
		case err := <-h.failed:
			return false, fmt.Errorf("ARP: %w", err)
		case p := <-h.heard:
			if taken(p) {
				return false, nil
			}
		}
	}
}

// taken reports whether a packet is of somebody else who uses the address.
func (h holding) taken(p *arp.Packet) bool {
	return p.SenderIP == h.addr && !slices.Equal(p.SenderHardwareAddr, h.mac)
}

// takenWhileProbing reports the same, or that somebody else is about to take it.
func (h holding) takenWhileProbing(p *arp.Packet) bool {
	probes := p.Operation == arp.OperationRequest && p.SenderIP.IsUnspecified() && p.TargetIP == h.addr
	return h.taken(p) || probes && !slices.Equal(p.SenderHardwareAddr, h.mac)
}

// send asks for the address: as nobody, which is a probe, or as who has it, which is an announcement.
func (h holding) send(from netip.Addr) error {
	p, err := arp.NewPacket(arp.OperationRequest, h.mac, from, make(net.HardwareAddr, len(h.mac)), h.addr)
	if err != nil {
		return fmt.Errorf("ARP: %w", err)
	}
	if err := h.line.Send(p); err != nil {
		return fmt.Errorf("ARP: %w", err)
	}
	return nil
}

// pause waits, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// portLine is a port's ARP.
type portLine struct {
	conn   *packet.Conn
	buffer []byte
}

// openLine opens the ARP of a port.
func openLine(index int) (arpLine, error) {
	ifi, err := net.InterfaceByIndex(index)
	if err != nil {
		return nil, err
	}
	conn, err := packet.Listen(ifi, packet.Datagram, etherARP, nil)
	if err != nil {
		return nil, fmt.Errorf("ARP: %w", err)
	}
	return &portLine{conn, make([]byte, 128)}, nil
}

// Send sends to all on the link.
func (l *portLine) Send(p *arp.Packet) error {
	b, err := p.MarshalBinary()
	if err != nil {
		return err
	}
	_, err = l.conn.WriteTo(b, &packet.Addr{HardwareAddr: net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}})
	return err
}

// Receive returns the next packet that is one of IPv4 over Ethernet.
func (l *portLine) Receive() (*arp.Packet, error) {
	for {
		n, _, err := l.conn.ReadFrom(l.buffer)
		if err != nil {
			return nil, err
		}
		if p, ok := readARP(l.buffer[:n]); ok {
			return p, nil
		}
	}
}

// readARP reads a packet; ok is false when it is none of IPv4 over Ethernet.
func readARP(b []byte) (p *arp.Packet, ok bool) {
	if len(b) < 8 || b[4] != 6 || b[5] != 4 { // the library believes the lengths that are said
		return nil, false
	}
	p = new(arp.Packet)
	if p.UnmarshalBinary(b) != nil {
		return nil, false
	}
	return p, true
}

func (l *portLine) Close() error { return l.conn.Close() }

// seekLocal starts to claim an address of the link when the port needs one, and ends that when it doesn't. It needs one while
// DHCP does not answer and the file gives none.
func (p *port) seekLocal(ctx context.Context) {
	needs := p.unanswered && p.state.Carrier && !slices.ContainsFunc(p.Settings.Addresses, func(a netip.Prefix) bool {
		return a.Addr().Is4()
	})
	switch {
	case needs && p.endClaim == nil:
		ctx, cancel := context.WithCancel(ctx)
		index, own := p.link.Attrs().Index, make(chan netip.Addr)
		c := claiming{p.Log, p.link.Attrs().HardwareAddr, func() (arpLine, error) { return openLine(index) }, own}
		p.claimed, p.endClaim = own, cancel
		go c.run(ctx)
	case !needs && p.endClaim != nil:
		p.endClaim()
		p.claimed, p.endClaim = nil, nil
		p.takeLocal(netip.Addr{})
	}
}

// takeLocal gives the port an address of the link, or takes it away when there is none any more.
func (p *port) takeLocal(addr netip.Addr) {
	if p.local != addr {
		p.local = addr
		p.apply()
	}
}
