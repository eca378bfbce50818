package link

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mdlayher/arp"
	"github.com/vishvananda/netlink"
)

// others are who is on a link: they hear what a unit sends, and when, and may answer.
type others struct {
	began  time.Time
	sent   []sentARP
	answer func(*arp.Packet) *arp.Packet // nil: nobody does
	unit   chan *arp.Packet              // what the unit hears
}

type sentARP struct {
	at     time.Duration
	packet *arp.Packet
}

func (o *others) Send(p *arp.Packet) error {
	o.sent = append(o.sent, sentARP{time.Since(o.began), p})
	if o.answer != nil {
		if a := o.answer(p); a != nil {
			o.unit <- a
		}
	}
	return nil
}

// toOthers is one opening of the way to them.
type toOthers struct {
	*others
	heard chan *arp.Packet
}

func (l toOthers) Receive() (*arp.Packet, error) {
	p, ok := <-l.heard
	if !ok {
		return nil, errors.New("closed")
	}
	return p, nil
}

func (l toOthers) Close() error { close(l.heard); return nil }

var (
	unitMAC  = net.HardwareAddr{2, 0, 0, 0, 0x3f, 0x2a}
	otherMAC = net.HardwareAddr{2, 0, 0, 0, 0, 1}
)

// from returns an ARP request of a machine.
func from(mac net.HardwareAddr, sender, target netip.Addr) *arp.Packet {
	p, err := arp.NewPacket(arp.OperationRequest, mac, sender, make(net.HardwareAddr, 6), target)
	if err != nil {
		panic(err)
	}
	return p
}

// claim has a unit claim an address among others until the test ends it; it tells its addresses with the time they came at.
func (o *others) claim(ctx context.Context) <-chan netip.Addr {
	told, own := make(chan netip.Addr, 100), make(chan netip.Addr)
	o.began = time.Now()
	c := claiming{silent(), unitMAC, func() (arpLine, error) {
		o.unit = make(chan *arp.Packet, 10)
		return toOthers{o, o.unit}, nil
	}, own}
	go c.run(ctx)
	go func() {
		for {
			select {
			case a := <-own:
				told <- a
			case <-ctx.Done():
				return
			}
		}
	}()
	return told
}

// isProbe reports whether a packet asks for an address as nobody.
func isProbe(p *arp.Packet) bool { return p.SenderIP.IsUnspecified() }

// The order and the times are those of RFC 3927, 2.2.1 and 2.4.
func TestUnitProbesAndAnnouncesAnAddressOfTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &others{}
		ctx, cancel := context.WithCancel(t.Context())
		told := o.claim(ctx)
		addr := <-told
		if at := time.Since(o.began); at < 4*time.Second || at > 7*time.Second {
			t.Errorf("taken after %v", at)
		}
		if !netip.MustParsePrefix("169.254.0.0/16").Contains(addr) || addr.As4()[2] == 0 || addr.As4()[2] == 255 {
			t.Errorf("%v is none that may be taken", addr)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(o.sent) != probeNum+announceNum {
			t.Fatalf("%d packets were sent, want %d", len(o.sent), probeNum+announceNum)
		}
		for i, s := range o.sent {
			if s.packet.Operation != arp.OperationRequest || s.packet.TargetIP != addr || !slices.Equal(s.packet.SenderHardwareAddr, unitMAC) ||
				isProbe(s.packet) != (i < probeNum) || !isProbe(s.packet) && s.packet.SenderIP != addr {
				t.Errorf("packet %d: %+v", i, s.packet)
			}
			var after, low, high time.Duration
			switch {
			case i == 0:
				after, low, high = s.at, 0, probeWait
			case i < probeNum:
				after, low, high = s.at-o.sent[i-1].at, probeMin, probeMax
			default: // after the last probe, and after the first announcement
				after, low, high = s.at-o.sent[i-1].at, 2*time.Second, 2*time.Second
			}
			if after < low || after > high {
				t.Errorf("packet %d came %v after the one before, want %v to %v", i, after, low, high)
			}
		}
		cancel()
		synctest.Wait()
		if len(told) != 0 {
			t.Errorf("told %v", <-told)
		}
	})
}

// Who uses the address, and who is about to, keeps it; the unit looks for another one.
func TestUnitLeavesAnAddressThatOthersHave(t *testing.T) {
	for name, answer := range map[string]func(asked netip.Addr) *arp.Packet{
		"used":                 func(a netip.Addr) *arp.Packet { return from(otherMAC, a, netip.MustParseAddr("169.254.9.9")) },
		"probed for as well":   func(a netip.Addr) *arp.Packet { return from(otherMAC, netip.IPv4Unspecified(), a) },
		"its own probe":        func(a netip.Addr) *arp.Packet { return from(unitMAC, netip.IPv4Unspecified(), a) },
		"others ask who it is": func(a netip.Addr) *arp.Packet { return from(otherMAC, netip.MustParseAddr("169.254.9.9"), a) },
	} {
		leaves := name == "used" || name == "probed for as well"
		synctest.Test(t, func(t *testing.T) {
			var first netip.Addr
			o := &others{answer: func(p *arp.Packet) *arp.Packet {
				if !first.IsValid() {
					first = p.TargetIP
				}
				if p.TargetIP == first && isProbe(p) {
					return answer(first)
				}
				return nil
			}}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if got := <-o.claim(ctx); (got != first) != leaves {
				t.Errorf("%s: %v was asked for first, %v is taken", name, first, got)
			}
		})
	}
}

// On a link where everything is taken a unit asks for ten addresses at once and then for one a minute (RFC 3927, 2.2.1).
func TestUnitDoesNotStormALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &others{answer: func(p *arp.Packet) *arp.Packet { return from(otherMAC, p.TargetIP, p.TargetIP) }}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		told := o.claim(ctx)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(o.sent); n < 60 || n > 75 || len(told) != 0 {
			t.Errorf("%d packets in an hour, %d addresses taken", n, len(told))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := claiming{silent(), unitMAC, func() (arpLine, error) { opened++; return nil, errors.New("no port") }, nil}
		go c.run(ctx)
		time.Sleep(time.Hour)
		synctest.Wait()
		if opened < 50 || opened > 62 {
			t.Errorf("a port that is none was opened %d times in an hour", opened)
		}
	})
}

// An address is defended once; who insists within ten seconds gets it (RFC 3927, 2.5).
func TestUnitDefendsItsAddressOnce(t *testing.T) {
	for _, tt := range []struct {
		apart time.Duration
		lost  bool
	}{{5 * time.Second, true}, {11 * time.Second, false}} {
		synctest.Test(t, func(t *testing.T) {
			o := &others{}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			told := o.claim(ctx)
			addr := <-told
			time.Sleep(time.Minute)
			synctest.Wait()
			before := len(o.sent)
			o.unit <- from(otherMAC, addr, addr)
			synctest.Wait()
			if len(o.sent) != before+1 || o.sent[before].packet.SenderIP != addr {
				t.Errorf("defended by %d packets", len(o.sent)-before)
			}
			time.Sleep(tt.apart)
			o.unit <- from(otherMAC, addr, addr)
			synctest.Wait()
			if lost := len(told) == 1 && !(<-told).IsValid(); lost != tt.lost {
				t.Errorf("claimed again after %v: given up %v, want %v", tt.apart, lost, tt.lost)
			}
			if tt.lost {
				if other := <-told; !other.IsValid() || other == addr {
					t.Errorf("then it took %v", other)
				}
			}
		})
	}
}

func FuzzReadARP(f *testing.F) {
	b, err := from(otherMAC, netip.MustParseAddr("169.254.1.2"), netip.MustParseAddr("169.254.1.3")).MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:20])
	f.Add(append([]byte{0, 1, 8, 0, 6, 16, 0, 1}, make([]byte, 2*6+2*16)...)) // addresses of 16 bytes
	f.Add(append([]byte{0, 1, 8, 0, 8, 4, 0, 1}, make([]byte, 2*8+2*4)...))
	f.Add([]byte{0, 1, 8, 0, 255, 255, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, ok := readARP(data); ok && (!p.SenderIP.Is4() || len(p.SenderHardwareAddr) != 6) {
			t.Errorf("%x is %+v", data, p)
		}
	})
}

// A port needs an address of the link while DHCP was asked in vain over a cable that is in, and the file gives no IPv4 address.
func TestPortSeeksAnAddressOfTheLinkWhereItHasNone(t *testing.T) {
	for _, tt := range []struct {
		name                string
		unanswered, carrier bool
		fixed               string
		seeks               bool
	}{
		{"DHCP does not answer", true, true, "", true},
		{"DHCP was not asked yet, or has answered", false, true, "", false},
		{"no cable", true, false, "", false},
		{"an IPv6 address of the file", true, true, "2001:db8::7/64", true},
		{"an IPv4 address of the file, and DHCP beside it", true, true, "192.0.2.7/24", false},
	} {
		p := &port{link: &netlink.Dummy{}, unanswered: tt.unanswered, state: State{Carrier: tt.carrier}}
		p.Log = silent()
		if tt.fixed != "" {
			p.Settings.Addresses = []netip.Prefix{netip.MustParsePrefix(tt.fixed)}
		}
		p.seekLocal(t.Context())
		if seeks := p.endClaim != nil; seeks != tt.seeks {
			t.Errorf("%s: sought %v", tt.name, seeks)
		}
		if p.endClaim != nil {
			p.endClaim()
		}
	}
}
