package sim

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"timeball/gnss/scan"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// tap sees what a device sends and what a host reads of it, byte by byte.
type tap struct {
	device *Device
	baud   int // of the host
	at     timescale.UTC
	sent   []sent
	read   map[timescale.UTC]Byte // by the middle of the stop bit
	found  []packetAt

	scanner *scan.Scanner
}

// packetAt is a packet that a host found, and when its first byte was read.
type packetAt struct {
	at   timescale.UTC
	data string
}

// foundAt says whether a packet was found whose first byte was read at an instant, to a bit.
func (p *tap) foundAt(at timescale.UTC, data string) bool {
	bit := bits(1, p.baud)
	return slices.ContainsFunc(p.found, func(f packetAt) bool { return f.data == data && f.at > at-bit && f.at < at+bit })
}

// run lets time pass up to an instant.
func (p *tap) run(to timescale.UTC) {
	for p.at < to {
		p.at = min(to, p.at+second/125)
		for _, s := range p.device.out.bytes {
			if (len(p.sent) == 0 || s.at > p.sent[len(p.sent)-1].at) && s.at < p.at {
				p.sent = append(p.sent, s)
			}
		}
		for _, b := range p.device.Read(p.at, p.baud) {
			p.read[b.At] = b
			p.scanner.Write(clock.Mono(b.At), bitsOfByte/clock.Seconds(p.baud), []byte{b.Value}, func(q scan.Packet) {
				p.found = append(p.found, packetAt{timescale.UTC(q.Arrival), string(q.Data)})
			})
		}
	}
}

// tally is what became of packets.
type tally struct {
	Sent, Damaged, Lost int // lost: read without a fault, and still not found
	Slipped             int // of the damaged: sent at the host's rate to a listener that was out of step
	SlippedLater        int // of those: in another second than the change
	Extra               int // found and never sent
}

// judge compares what was sent with what was found; at back the rate was the host's again.
func (p *tap) judge(back timescale.UTC) (t tally) {
	truth := scan.New()
	found := len(p.found)
	for i, s := range p.sent {
		truth.Write(clock.Mono(i), 0, []byte{s.value}, func(q scan.Packet) {
			t.Sent++
			first, damaged, foreign := int(q.Arrival), false, false
			for _, s := range p.sent[first : int(q.End)+1] {
				b, ok := p.read[s.at+bits(9.5, p.baud)]
				damaged = damaged || !ok || b.Framing || b.Value != s.value
				foreign = foreign || s.baud != p.baud
			}
			begin := p.sent[first].at
			switch {
			case p.foundAt(begin+bits(9.5, p.baud), string(q.Data)):
				found--
			case !damaged:
				t.Lost++
			default:
				t.Damaged++
				if !foreign {
					t.Slipped++
				}
				if !foreign && begin > back+second {
					t.SlippedLater++
				}
			}
		})
	}
	t.Extra = found
	return t
}

// The rate of a line is changed under its listener at any byte, and back at any byte: what is read whole is found whole,
// no packet is found that was never sent, and with the first silence on the line the listener is in step again.
func TestLostPacketsAreThoseThatWereDamaged(t *testing.T) {
	const baud, tries = 38400, 20
	var all tally
	for _, kind := range []Kind{KindNMEA, KindUBX6, KindUBX8, KindUBX10, KindCASIC1, KindCASIC2} {
		for _, other := range fieldBauds {
			if other == baud {
				continue
			}
			rng := rand.New(rand.NewPCG(uint64(kind), uint64(other)))
			n := tries
			if testing.Short() {
				n = 4
			}
			for try := range n {
				cfg := DeviceConfig{Kind: kind, Seed: uint64(try), Baud: baud, Binary: kind != KindNMEA, Delay: 20 * time.Millisecond}
				p := &tap{
					device: NewDevice(cfg), baud: baud, at: start, read: map[timescale.UTC]Byte{}, scanner: scan.New(),
				}
				change := start + second + timescale.UTC(rng.Int64N(int64(second*3/10)))
				back := change + timescale.UTC(rng.Int64N(int64(5*second/2)))
				changes := []timescale.UTC{change, back}
				for k := range timescale.UTC(8) {
					now := start + k*second
					for len(changes) > 0 && changes[0] < now+second/50 {
						p.switchAt(t, &changes, baud, other)
					}
					p.run(now + second/50)
					p.device.Speak(p.at, Ordinary(now, true))
					for len(changes) > 0 && changes[0] < now+second {
						p.switchAt(t, &changes, baud, other)
					}
					p.run(now + second)
				}
				got := p.judge(back)
				if got.Lost > 0 || got.Extra > 0 || got.SlippedLater > 0 {
					t.Errorf("%v, %d baud from %v to %v: %+v", kind, other, time.Duration(change-start), time.Duration(back-start), got)
				}
				all.Sent, all.Damaged, all.Slipped = all.Sent+got.Sent, all.Damaged+got.Damaged, all.Slipped+got.Slipped
			}
		}
	}
	t.Logf("%+v", all)
	if all.Damaged == 0 || all.Damaged > all.Sent/2 {
		t.Errorf("%+v: the changes did nothing, or everything", all)
	}
}

// switchAt runs to the next change of the rate and makes it.
func (p *tap) switchAt(t *testing.T, changes *[]timescale.UTC, baud, other int) {
	t.Helper()
	p.run((*changes)[0])
	if p.device.Baud() == baud {
		p.device.SetBaud(p.at, other)
	} else {
		p.device.SetBaud(p.at, baud)
	}
	for _, s := range p.device.out.bytes {
		if s.at >= p.at && s.baud != p.device.Baud() {
			t.Fatal("what was waiting is not sent at the new rate")
		}
	}
	*changes = (*changes)[1:]
}
