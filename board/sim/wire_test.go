package sim

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"timeball/gnss/scan"
	"timeball/gnss/timescale"
	"timeball/pps/timing"
)

// F11: of what was not hit, at most one packet more is lost than was hit.
func TestDamagedLineLosesLittleMoreThanWhatWasHit(t *testing.T) {
	receivers := map[string]func() Receiver{
		"nmea":    func() Receiver { return NewTalker(3, 38400, 120*time.Millisecond) },
		"ubx-8":   func() Receiver { return NewDevice(DeviceConfig{Kind: KindUBX8, Seed: 3, Baud: 38400, Binary: true}) },
		"casic-1": func() Receiver { return NewDevice(DeviceConfig{Kind: KindCASIC1, Seed: 3, Baud: 38400, Binary: true}) },
	}
	for name, receiver := range receivers {
		world := func(faults ...Fault) []heard {
			w := New(Config{Model: named(t, "perfect"), Seed: 3, Start: start, Latency: &zero, Receiver: receiver(), Faults: faults})
			return ofKind(listen(w, 100*time.Second), timing.KindBytes)
		}
		clean := world()
		for _, f := range []Fault{
			{Name: FaultGarbled, Size: 1e-5},
			{Name: FaultGarbled, Size: 1e-4},
			{Name: FaultGarbled, Size: 1e-3},
			{Name: FaultGarbled, Size: 1e-2},
			{Name: FaultCut},
			{Name: FaultCut, Size: 0.01},
			{Name: FaultGlued, Size: 1},
			{Name: FaultBaud},
		} {
			f.At, f.For = 20*time.Second, 60*time.Second
			damaged, lost, all := losses(clean, world(f), f.Name == FaultGlued && name == "nmea")
			if f.Name != FaultGlued && f.Size != 1e-5 && damaged == 0 || lost > damaged+1 {
				t.Errorf("%s, %s %g: of %d packets %d were hit, and %d others lost", name, f.Name, f.Size, all, damaged, lost)
			}
		}
	}
}

// losses compares what was sent with what was read: how many packets were hit, and how many were lost that were not.
// Where the ends of lines were lost, no packet was hit.
func losses(sent, read []heard, whole bool) (damaged, lost, all int) {
	var clean, dirty []byte
	var hit []bool
	for _, s := range sent {
		var got []byte
		if len(read) > 0 && read[0].truth == s.truth {
			got, read = read[0].Bytes, read[1:]
		}
		for i, b := range s.Bytes {
			hit = append(hit, !whole && (len(got) != len(s.Bytes) || got[i] != b))
		}
		clean, dirty = append(clean, s.Bytes...), append(dirty, got...)
	}
	after := map[string]int{}
	packets(dirty, func(_ int, data string) { after[data]++ })
	packets(clean, func(at int, data string) {
		all++
		switch {
		case bytes.Contains(bools(hit[at:at+len(data)]), []byte{1}):
			damaged++
		case after[data] == 0:
			lost++
		default:
			after[data]--
		}
	})
	return damaged, lost, all
}

func bools(hit []bool) (b []byte) {
	for _, h := range hit {
		b = append(b, map[bool]byte{true: 1}[h])
	}
	return b
}

// packets finds what is whole in a stream.
func packets(b []byte, found func(at int, data string)) {
	s := scan.New()
	emit := func(p scan.Packet) { found(int(p.Arrival), string(p.Data)) }
	s.Write(0, 1e-9, b, emit)
	s.Flush(emit)
}

// USB: the port goes and comes back, and so does the pulse; the fix takes a little longer.
func TestUnpluggedReceiverTellsThePortAndStartsAnew(t *testing.T) {
	w := New(Config{
		Model: named(t, "perfect"), Seed: 3, Start: start, Latency: &zero,
		Receiver: NewDevice(DeviceConfig{Kind: KindUBX8, Baud: 38400, Binary: true}),
		Faults:   []Fault{{Name: FaultUnplugged, At: 10 * time.Second, For: 20 * time.Second}},
	})
	all := listen(w, 60*time.Second)
	ports := ofKind(all, timing.KindPort)
	if len(ports) != 2 || ports[0].Text == "" || ports[1].Text != "" || ports[0].truth != start+10*second || ports[1].truth != start+30*second {
		t.Fatalf("%+v", ports)
	}
	for _, h := range all {
		at := (h.truth - start) / second
		if h.Kind == timing.KindBytes && at >= 10 && at < 30 {
			t.Errorf("bytes at %d s", at)
		}
		if h.Kind == timing.KindEdge && at >= 10 && at < 30+timescale.UTC(replugged/time.Second) {
			t.Errorf("a pulse at %d s", at)
		}
	}
	if n := len(ofKind(all, timing.KindEdge)); n != 60-20-5 {
		t.Errorf("%d pulses", n)
	}
}

// The share of flipped bits is what was asked for.
func TestGarbledFlipsItsShare(t *testing.T) {
	w := New(Config{Model: named(t, "perfect"), Start: start, Faults: []Fault{{Name: FaultGarbled}}})
	for _, share := range []float64{0, 1e-4, 1e-2, 0.3} {
		t.Run(fmt.Sprint(share), func(t *testing.T) {
			const n = 1 << 20
			flipped := 0
			for _, b := range w.garbled(make([]byte, n/8), share) {
				for ; b != 0; b &= b - 1 {
					flipped++
				}
			}
			if got := float64(flipped) / n; got < 0.8*share || got > 1.2*share {
				t.Errorf("%g of the bits are flipped, want %g", got, share)
			}
		})
	}
}
