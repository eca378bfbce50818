package sim

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"timeball/gnss/nmea"
	"timeball/gnss/receiver"
	"timeball/gnss/scan"
	"timeball/gnss/timescale"
	"timeball/gnss/ubx"
	"timeball/pps/clock"
)

const (
	// foundWithin is how soon a receiver must be found in its worst case.
	foundWithin = 60 * second
	readPeriod  = second / 20 // between two reads of a line
)

// findBench is a machine with serial ports, of which one has a receiver, and a Finder that looks for it.
type findBench struct {
	t      *testing.T
	finder *receiver.Finder
	device *Device // nil: unplugged
	path   string
	others map[string]*foreign
	now    timescale.UTC
	spoken timescale.UTC // the second that was spoken of last

	open    string
	baud    int
	usb     bool // the baud rate of the receiver's line means nothing
	damage  float64
	keepBad bool // bytes with a framing error are read; a driver that is told IGNPAR drops them
	rng     *rand.Rand
	heard   *scan.Scanner // what comes while the line is in use
	packets int
}

// foreign is another device at a port: it says the same at a rate each second, or refuses to be opened.
type foreign struct {
	says   []byte
	baud   int
	refuse error
	got    int // bytes written to it
}

func newFindBench(t *testing.T, d *Device, phase timescale.UTC) *findBench {
	b := &findBench{
		t: t, finder: receiver.New(), device: d, path: "/dev/ttyS0", now: start + phase, rng: rand.New(rand.NewPCG(1, 7)), heard: scan.New(),
		others: map[string]*foreign{
			"/dev/ttyAMA0": {},
			"/dev/ttyAMA1": {refuse: errors.New("open /dev/ttyAMA1: input/output error")},
			"/dev/ttyUSB0": {says: bytes.Repeat([]byte("\x10\x8f\xab\x00\x51\x10\x03"), 20), baud: 9600},
		},
	}
	b.plug()
	return b
}

// plug tells the Finder which ports there are.
func (b *findBench) plug() {
	var ports []string
	for path := range b.others {
		ports = append(ports, path)
	}
	if b.device != nil {
		ports = append(ports, b.path)
	}
	slices.Sort(ports)
	b.finder.Candidates(ports)
}

func (b *findBench) mono() clock.Mono { return clock.Mono(b.now - start + second) }

// until lets time pass until done, and returns how much.
func (b *findBench) until(atMost timescale.UTC, done func() bool) timescale.UTC {
	b.t.Helper()
	for began := b.now; ; b.step() {
		if done() {
			return b.now - began
		}
		if b.now-began > atMost {
			b.t.Fatalf("not within %d s: worked %+v, trouble %q", int64(atMost/second), b.finder.Worked(), b.finder.Trouble())
		}
	}
}

// step lets one read pass.
func (b *findBench) step() {
	b.now += readPeriod
	if s := b.now / second * second; b.device != nil && s > b.spoken {
		b.spoken = s
		_, delay := b.device.Line()
		b.device.Speak(s+timescale.UTC(delay), Ordinary(s, true))
	}
	switch read, gone := b.read(); {
	case gone:
		b.open = ""
		b.do(b.finder.Gone(b.mono(), errors.New("serial line is gone")))
	case len(read) > 0:
		b.do(b.finder.Received(b.mono(), read))
		if b.finder.InUse() {
			b.heard.Write(b.mono(), 0, read, func(scan.Packet) { b.packets++ })
		}
	}
	b.do(b.finder.Tick(b.mono()))
}

// read returns what has come over the open line.
func (b *findBench) read() (read []byte, gone bool) {
	switch {
	case b.open == "":
	case b.open == b.path && b.device == nil:
		return nil, true
	case b.open == b.path:
		return b.fromDevice(), false
	case b.now%second < readPeriod:
		f := b.others[b.open]
		if len(f.says) > 0 {
			read, _ = Misheard(f.says, f.baud, b.baud)
		}
	}
	return read, false
}

// fromDevice returns what a driver gives of what the receiver sent, some of it damaged.
func (b *findBench) fromDevice() (read []byte) {
	rate := b.baud
	if b.usb {
		rate = b.device.Baud()
	}
	for _, c := range b.device.Read(b.now, rate) {
		if b.rng.Float64() < b.damage {
			c.Value ^= 1 << b.rng.IntN(8)
		}
		if !c.Framing || b.keepBad {
			read = append(read, c.Value)
		}
	}
	return read
}

// do does what the Finder asks for.
func (b *findBench) do(actions []receiver.Action) {
	for _, a := range actions {
		switch a.Do {
		case receiver.Open:
			b.do(b.opened(a))
		case receiver.Close:
			b.open = ""
		case receiver.Write:
			b.write(a)
		}
	}
}

func (b *findBench) opened(a receiver.Action) []receiver.Action {
	f := b.others[a.Port]
	if f == nil && (a.Port != b.path || b.device == nil) {
		return b.finder.Opened(b.mono(), false, fmt.Errorf("open %s: no such file or directory", a.Port))
	}
	if f != nil && f.refuse != nil {
		return b.finder.Opened(b.mono(), false, f.refuse)
	}
	b.open, b.baud = a.Port, a.Baud
	if a.Port == b.path {
		b.fromDevice() // what came before is dropped
	}
	return b.finder.Opened(b.mono(), !(b.usb && a.Port == b.path), nil)
}

func (b *findBench) write(a receiver.Action) {
	if f := b.others[a.Port]; f != nil {
		f.got += len(a.Bytes)
		return
	}
	rate := b.baud
	if b.usb {
		rate = b.device.Baud()
	}
	b.device.Write(b.now, rate, a.Bytes)
}

// found lets time pass until the receiver is found as it is, and checks that.
func (b *findBench) found() timescale.UTC {
	b.t.Helper()
	good := func() bool {
		w := b.finder.Worked()
		return b.finder.InUse() && w.Port == b.path && (b.usb || w.Baud == b.device.Baud()) && w.Protocol != "" && b.finder.Trouble() == ""
	}
	took := b.until(foundWithin, good)
	if n := b.device.Saves(); n > 0 {
		b.t.Errorf("%d commands to save to flash", n)
	}
	if f := b.others["/dev/ttyUSB0"]; f.got > 0 {
		b.t.Errorf("%d bytes were written to another device", f.got)
	}
	return took
}

// identity is what a kind of device must be known by.
func identity(k Kind) string {
	switch {
	case k.ubx():
		return "u-blox "
	case k.casic():
		return "CASIC"
	case k == KindMTK:
		return "MediaTek"
	}
	return ""
}

// phases are parts of a second at which a search begins.
func phases() []timescale.UTC {
	if testing.Short() {
		return []timescale.UTC{370 * second / 1000}
	}
	return []timescale.UTC{0, 130 * second / 1000, 370 * second / 1000, 610 * second / 1000, 950 * second / 1000}
}

// All receivers are found at all rates, in whatever they speak, among ports that are silent, refuse, or have another device.
func TestEveryReceiverIsFound(t *testing.T) {
	for _, kind := range Kinds() {
		for _, binary := range []bool{false, true} {
			if kind == KindNMEA && binary {
				continue
			}
			t.Run(fmt.Sprintf("%v binary=%v", kind, binary), func(t *testing.T) {
				var worst timescale.UTC
				for i, baud := range fieldBauds {
					for j, phase := range phases() {
						d := NewDevice(DeviceConfig{Kind: kind, Baud: baud, Binary: binary, Delay: 70 * time.Millisecond})
						b := newFindBench(t, d, phase)
						b.keepBad, b.damage = (i+j)%2 == 0, 1e-3*float64(j%2)
						worst = max(worst, b.found())
						b.judge(kind, binary)
					}
				}
				t.Logf("found within %.1f s", float64(worst)/1e9)
			})
		}
	}
}

// judge checks what is known of the receiver that was found.
func (b *findBench) judge(kind Kind, binary bool) {
	b.t.Helper()
	want := "nmea"
	switch {
	case binary && kind.ubx():
		want = "ubx"
	case binary && kind.casic():
		want = "casic"
	}
	w := b.finder.Worked()
	if w.Protocol != want || !strings.HasPrefix(w.Identity, identity(kind)) || kind == KindNMEA && w.Identity != "" {
		b.t.Errorf("%v at %d baud, found %+v, want %s", kind, b.device.Baud(), w, want)
	}
}

// silence switches off everything that a device says by itself.
func (b *findBench) silence(kind Kind) {
	d := b.device
	switch {
	case kind.ubx():
		for _, s := range []string{"GGA", "GLL", "GSA", "GSV", "RMC", "VTG", "ZDA", "GST", "GNS"} {
			d.Write(d.Busy(), d.Baud(), nmea.AppendPUBXRate(nil, s, 0))
		}
	case kind.casic():
		d.Write(d.Busy(), d.Baud(), nmea.AppendPCASRates(nil, nmea.Rates{}))
	case kind == KindMTK:
		d.Write(d.Busy(), d.Baud(), nmea.AppendSentence(nil, "PMTK314,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0"))
	}
	b.now = max(b.now, d.Busy()) + second/10
	d.Read(b.now, d.Baud())
}

// A receiver that says nothing by itself is asked and told to speak, and after its power was cut it is as it was.
func TestSilentReceiversAreToldToSpeak(t *testing.T) {
	for _, kind := range Kinds() {
		if kind == KindNMEA {
			continue
		}
		t.Run(kind.String(), func(t *testing.T) {
			var worst timescale.UTC
			for _, baud := range fieldBauds {
				d := NewDevice(DeviceConfig{Kind: kind, Baud: baud, Delay: 70 * time.Millisecond})
				b := newFindBench(t, d, 0)
				b.silence(kind)
				worst = max(worst, b.found())
				if w := b.finder.Worked(); (w.Protocol == "nmea") != (kind == KindMTK) || !strings.HasPrefix(w.Identity, identity(kind)) {
					t.Errorf("%d baud: found %+v", baud, w)
				}
				told := b.now + 20*second
				b.until(21*second, func() bool { return b.now > told })
				d.PowerCycle(b.now)
				b.until(foundWithin, func() bool { return !b.finder.InUse() || b.finder.Worked().Protocol == "nmea" })
				b.found()
				b.until(20*second, func() bool { return b.finder.Worked().Protocol == "nmea" })
			}
			t.Logf("found within %.1f s", float64(worst)/1e9)
		})
	}
}

// A u-blox receiver that was told to send neither UBX nor any sentence answers PUBX,00 alone.
func TestReceiverWithoutUBXIsToldToSpeak(t *testing.T) {
	for _, kind := range Kinds() {
		if !kind.ubx() {
			continue
		}
		d := NewDevice(DeviceConfig{Kind: kind, Baud: 38400, Delay: 70 * time.Millisecond})
		b := newFindBench(t, d, 0)
		b.silence(kind)
		d.Write(b.now, 38400, nmea.AppendPUBXPort(nil, ubx.ProtoNMEA, 38400))
		b.found()
		if w := b.finder.Worked(); w.Protocol != "nmea" || w.Identity != "u-blox" {
			t.Errorf("%v: found %+v", kind, w)
		}
	}
}

// A search that goes on for minutes finds what appears at last, at another name than before and at another rate.
func TestReceiverIsFollowed(t *testing.T) {
	b := newFindBench(t, nil, 0)
	end := b.now + 300*second
	b.until(301*second, func() bool { return b.now >= end })
	b.device = NewDevice(DeviceConfig{Kind: KindUBX9, Baud: 460800, Binary: true})
	b.plug()
	t.Logf("after five minutes: found in %.1f s", float64(b.found())/1e9)

	for _, baud := range []int{4800, 115200, 9600} {
		b.device.SetBaud(b.now, baud)
		b.until(20*second, func() bool { return !b.finder.InUse() })
		t.Logf("switched to %d baud: found in %.1f s", baud, float64(b.found())/1e9)
	}

	b.device = nil
	b.plug()
	b.until(20*second, func() bool { return !b.finder.InUse() })
	b.until(60*second, func() bool { return strings.HasPrefix(b.finder.Trouble(), "nothing arrives on ttyAMA0; ") })
	b.device, b.path, b.usb = NewDevice(DeviceConfig{Kind: KindCASIC1}), "/dev/ttyACM3", true
	b.plug()
	t.Logf("another over USB: found in %.1f s", float64(b.found())/1e9)
	if line := b.finder.Line(); line != "NMEA on ttyACM3" {
		t.Errorf("line %q", line)
	}
}

// A line that is found is not given up for some damaged bytes.
func TestFoundLineIsLeftAlone(t *testing.T) {
	d := NewDevice(DeviceConfig{Kind: KindUBX8, Baud: 9600, Delay: 70 * time.Millisecond})
	b := newFindBench(t, d, 0)
	b.damage = 1e-3
	b.found()
	b.until(10*second, func() bool { return b.finder.Worked().Identity != "" })
	before, spoke := b.now, b.packets
	const minutes = 20
	b.until(minutes*61*second, func() bool {
		if !b.finder.InUse() || b.finder.Trouble() != "" {
			t.Fatalf("after %d s: %q", int64((b.now-before)/second), b.finder.Trouble())
		}
		return b.now-before >= minutes*60*second
	})
	if b.packets-spoke < minutes*60*8 {
		t.Errorf("%d packets in %d minutes", b.packets-spoke, minutes)
	}
}
