package sim

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"timeball/gnss/nmea"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/timing"
)

// heard is an event, and truth and CLOCK_MONOTONIC at its delivery.
type heard struct {
	timing.Event
	truth timescale.UTC
	mono  clock.Mono
}

// listen runs a world for d and returns what happened.
func listen(w *World, d time.Duration) []heard {
	var all []heard
	w.Run(w.Now()+timescale.UTC(d), func(e timing.Event) { all = append(all, heard{e, w.Now(), w.mono()}) })
	return all
}

func ofKind(all []heard, kind timing.Kind) []heard {
	return slices.DeleteFunc(slices.Clone(all), func(h heard) bool { return h.Kind != kind })
}

var zero clock.Seconds

func TestEventsComeInOrder(t *testing.T) {
	for _, name := range ModelNames() {
		for _, r := range []Receiver{nil, NewTalker(1, 4800, 900*time.Millisecond), NewTalker(1, 115200, 50*time.Millisecond)} {
			w := New(Config{Model: named(t, name), Seed: 2, Start: start, Y0: 2e-5, Receiver: r, Sensors: true, RTC: true})
			all := listen(w, time.Minute)
			for i := 1; i < len(all); i++ {
				if all[i].truth < all[i-1].truth {
					t.Fatalf("%s: %+v behind %+v", name, all[i], all[i-1])
				}
			}
			for _, h := range all {
				if h.At > h.mono+1 {
					t.Errorf("%s: %s at %v before it happened", name, h.Kind, h.At)
				}
			}
			if ticks := ofKind(all, timing.KindTick); len(ticks) != 240 {
				t.Errorf("%s: %d ticks in a minute, want 240", name, len(ticks))
			} else {
				for i, h := range ticks {
					if want := start + timescale.UTC(i)*second/4 + second/8; h.truth != want {
						t.Errorf("tick %d at %v, want %v", i, h.truth, want)
					}
				}
			}
			if n := len(ofKind(all, timing.KindTemperature)); n != 60 {
				t.Errorf("%d temperatures in a minute", n)
			}
			if n := len(ofKind(all, timing.KindWitness)); n != 1 {
				t.Errorf("%d readings of the RTC", n)
			}
		}
	}
}

func TestEdgesAreLateByLatencyAndNoise(t *testing.T) {
	for _, name := range []string{"pi-load", "pi-hwts", "perfect"} {
		m := named(t, name)
		latency := clock.Seconds(7e-6)
		w := New(Config{Model: m, Seed: 3, Start: start, Latency: &latency})
		nature := Generate(m, 3, 0)
		edges := ofKind(listen(w, 2000*time.Second), timing.KindEdge)
		if len(edges) != 2000 {
			t.Fatalf("%d edges", len(edges))
		}
		var rounding []float64
		for k, h := range edges {
			s, _ := nature.Second()
			pulse := start + timescale.UTC(k)*second
			late := s.PulseNoise + latency
			if h.Edge.Seq != uint64(k+1) || h.Edge.Earliest != h.Edge.Latest || h.truth < pulse+timescale.UTC(float64(late)*1e9)+deliveryDelay-1 {
				t.Fatalf("edge %d: %+v delivered at %v", k, h.Edge, h.truth)
			}
			// The clock's own rate over the lateness is less than a nanosecond.
			elapsed := clock.Seconds(h.At-h.Edge.Latest) * 1e-9
			wait := clock.Seconds(h.truth-pulse) * 1e-9
			rounding = append(rounding, float64(wait-elapsed-late))
		}
		step := float64(m.Resolution)
		mean, sd := moments(rounding)
		// Uniform over a step, and up to 2 ns of whole nanoseconds; mean and sd of 2000 values.
		within(t, name+": mean of the rounding", mean, 0, 1.5e-9+sigmas*step/math.Sqrt(12*2000))
		within(t, name+": sigma of the rounding", sd, step/math.Sqrt(12), 1e-9)
		if most := max(slices.Max(rounding), -slices.Min(rounding)); most > step/2+3e-9 {
			t.Errorf("%s: rounded by %v", name, most)
		}
	}
}

func TestLatencyIsDrawnFromTheModel(t *testing.T) {
	m := named(t, "pi-quiet")
	least, most := clock.Seconds(1), clock.Seconds(0)
	for seed := range uint64(500) {
		l := New(Config{Model: m, Seed: seed, Start: start}).Latency()
		least, most = min(least, l), max(most, l)
	}
	if least < 2e-6-50e-9 || most > 10e-6+50e-9 || least > 2.2e-6 || most < 9.8e-6 {
		t.Errorf("between %v and %v, want all of 2..10 us", least, most)
	}
}

func TestSameSeedSameWorld(t *testing.T) {
	world := func(seed uint64) []heard {
		w := New(Config{
			Model: named(t, "pi-load"), Seed: seed, Start: start, E0: time.Millisecond, Y0: 1e-5, Sensors: true, RTC: true,
			Receiver: NewTalker(seed, 38400, 120*time.Millisecond),
		})
		return listen(w, 30*time.Second)
	}
	if a, b := world(4), world(4); !reflect.DeepEqual(a, b) {
		t.Error("one seed, two worlds")
	}
	if a, b := world(4), world(5); reflect.DeepEqual(a, b) {
		t.Error("two seeds, one world")
	}
}

// However Run is cut, the same happens.
func TestRunMayBeCut(t *testing.T) {
	cfg := Config{Model: named(t, "pi-load"), Seed: 4, Start: start, Receiver: NewTalker(1, 9600, 300*time.Millisecond)}
	whole := listen(New(cfg), 10*time.Second)
	w := New(cfg)
	var cut []heard
	for w.Now() < start+10*second {
		cut = append(cut, listen(w, 7*time.Millisecond)...)
	}
	cut = slices.DeleteFunc(cut, func(h heard) bool { return h.truth >= start+10*second })
	if !reflect.DeepEqual(whole, cut) {
		t.Errorf("%d events, cut %d", len(whole), len(cut))
	}
}

func TestAppointmentsOfOneInstantKeepTheirOrder(t *testing.T) {
	w := New(Config{Model: named(t, "perfect"), Start: start})
	for k := range 5 {
		w.at(appointment{at: start + 10, by: time.Duration(k), do: (*World).foreignStep})
		w.at(appointment{at: start + 5, by: time.Duration(k), do: (*World).foreignStep})
	}
	agenda := slices.Clone(w.agenda)
	slices.Reverse(agenda)
	for i, a := range agenda[1:] {
		if want := start + 5*timescale.UTC(1+i/5); a.at != want || a.by != time.Duration(i%5) {
			t.Errorf("%d: at %v number %d", i, a.at-start, a.by)
		}
	}
}

func TestWorldThatBeginsWithinASecond(t *testing.T) {
	w := New(Config{Model: named(t, "perfect"), Start: start + second*6/10, E0: time.Second})
	all := listen(w, 2*time.Second)
	if n := len(ofKind(all, timing.KindTick)); n != 8 {
		t.Errorf("%d ticks in two seconds", n)
	}
	if n := len(ofKind(all, timing.KindReport)); n != 2 {
		t.Errorf("%d reports in two seconds", n)
	}
	edges := ofKind(all, timing.KindEdge)
	if len(edges) != 2 || edges[0].Edge.Earliest != 1e9+4e8 {
		t.Errorf("edges %+v", edges)
	}
}

// spoken is a receiver that says what it is told.
type spoken struct {
	baud  int
	delay time.Duration
	say   func(utc timescale.UTC) []byte
}

func (s spoken) Burst(m Moment) []byte      { return s.say(m.UTC) }
func (s spoken) Line() (int, time.Duration) { return s.baud, s.delay }

// Each byte arrives when its stop bit has: the first at Delay plus a byte's time, the n-th n-1 bytes later.
func TestBytesArriveAtTheLinesRate(t *testing.T) {
	for _, baud := range []int{4800, 115200} {
		byteTime := 10 * time.Second / time.Duration(baud)
		burst := bytes.Repeat([]byte("0123456789"), 40)
		const delay = 100 * time.Millisecond
		w := New(Config{Model: named(t, "perfect"), Start: start, Receiver: spoken{baud, delay, func(timescale.UTC) []byte { return burst }}})
		var got []byte
		for _, h := range ofKind(listen(w, 3*time.Second), timing.KindBytes) {
			k, n := len(got)/len(burst), len(got)%len(burst)
			want := time.Second + time.Duration(k)*time.Second + delay + time.Duration(n+1)*byteTime // Mono begins at 1 s
			if off := time.Duration(h.At) - want; off.Abs() > time.Microsecond {
				t.Errorf("%d baud: byte %d arrives %v off", baud, len(got), off)
			}
			if span := time.Duration(len(h.Bytes)) * byteTime; span > 8*time.Millisecond || h.Baud != baud {
				t.Errorf("%d baud: a read of %v", h.Baud, span)
			}
			got = append(got, h.Bytes...)
		}
		if !bytes.Equal(got, bytes.Repeat(burst, 3)) {
			t.Errorf("%d baud: %d bytes, want %d", baud, len(got), 3*len(burst))
		}
	}
}

// 4800 baud are 480 bytes a second: what is too long for one second is sent in the next.
func TestLongBurstsAreNeitherLostNorMixed(t *testing.T) {
	var want []byte
	say := func(utc timescale.UTC) []byte {
		k := int(utc-start) / int(second)
		if k >= 10 {
			return nil
		}
		b := bytes.Repeat([]byte{byte('A' + k)}, 300+400*(k%2)+k)
		want = append(want, b...)
		return b
	}
	w := New(Config{Model: named(t, "perfect"), Start: start, Receiver: spoken{4800, 900 * time.Millisecond, say}})
	var got []byte
	last := clock.Mono(0)
	for _, h := range ofKind(listen(w, 30*time.Second), timing.KindBytes) {
		if h.At <= last {
			t.Errorf("bytes at %v behind those at %v", h.At, last)
		}
		last = h.At + clock.Mono(len(h.Bytes)-1)*2_083_333
		got = append(got, h.Bytes...)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("sent %d bytes, said %d, equal %v", len(got), len(want), bytes.Equal(got, want))
	}
}

func TestReceiverThatSpeaksOfTheComingPulse(t *testing.T) {
	say := func(utc timescale.UTC) []byte { return []byte(utc.String()) }
	w := New(Config{Model: named(t, "perfect"), Start: start, Receiver: spoken{0, -300 * time.Millisecond, say}})
	first := ofKind(listen(w, 2*time.Second), timing.KindBytes)[0]
	if first.truth != start+second*7/10 || string(first.Bytes) != (start+second).String() || first.Baud != 0 {
		t.Errorf("at %v: %q", first.truth, first.Bytes)
	}
}

func TestFaultsBeginAndEnd(t *testing.T) {
	w := New(Config{Model: named(t, "perfect"), Start: start, FixAfter: 3 * time.Second, Latency: &zero, Faults: []Fault{
		{Name: FaultPulse, At: 10 * time.Second, For: 5 * time.Second},
		{Name: FaultMessages, At: 20 * time.Second, For: 5 * time.Second},
		{Name: FaultAntenna, At: 30 * time.Second, For: 5 * time.Second},
		{Name: FaultForeignStep, At: 40 * time.Second, By: time.Millisecond},
	}})
	in := func(all []heard, from, to int) (edges, messages, fixed int) {
		for _, h := range all {
			if h.truth < start+timescale.UTC(from)*second || h.truth >= start+timescale.UTC(to)*second {
				continue
			}
			switch h.Kind {
			case timing.KindEdge:
				edges++
			case timing.KindReport:
				messages++
				if h.Report.Mark.Valid != h.Report.Fix.Valid {
					t.Errorf("mark valid %v, fix valid %v", h.Report.Mark.Valid, h.Report.Fix.Valid)
				}
				if h.Report.Mark.Valid {
					fixed++
				}
			}
		}
		return edges, messages, fixed
	}
	all := listen(w, 50*time.Second)
	for _, tt := range []struct {
		name                   string
		from, to               int
		edges, messages, fixed int
	}{
		{"before the fix", 0, 3, 0, 3, 0},
		{"well", 3, 10, 7, 7, 7},
		{"pulse", 10, 15, 0, 5, 5},
		{"messages", 20, 25, 5, 0, 0},
		{"antenna", 30, 35, 0, 5, 0},
		{"well again", 35, 50, 15, 15, 15},
	} {
		if e, m, f := in(all, tt.from, tt.to); e != tt.edges || m != tt.messages || f != tt.fixed {
			t.Errorf("%s: %d edges, %d messages, %d with a fix, want %d, %d, %d", tt.name, e, m, f, tt.edges, tt.messages, tt.fixed)
		}
	}
	if got := w.Clock().Error(); math.Abs(float64(got)-1e-3) > 1e-12 {
		t.Errorf("after the foreign step the clock is off by %v", got)
	}

	w.Begin(Fault{Name: FaultAntenna})
	if e, m, f := in(listen(w, 5*time.Second), 0, 1000); e != 0 || m != 5 || f != 0 {
		t.Errorf("antenna, begun: %d edges, %d messages, %d with a fix", e, m, f)
	}
	w.End(FaultAntenna)
	if e, _, f := in(listen(w, 5*time.Second), 0, 1000); e != 5 || f != 5 {
		t.Errorf("antenna, ended: %d edges, %d with a fix", e, f)
	}
	w.Begin(Fault{Name: FaultForeignStep, By: -time.Millisecond})
	if got := w.Clock().Error(); math.Abs(float64(got)) > 1e-12 {
		t.Errorf("after the second foreign step the clock is off by %v", got)
	}
}

func TestWorldEndsWithItsNature(t *testing.T) {
	trace, err := NewTrace(make([]float64, 5), []float64{0, 1e-6, 1e10, 0, 0}, make([]float64, 5), make([]float64, 5))
	if err != nil {
		t.Fatal(err)
	}
	w := New(Config{Model: named(t, "perfect"), Start: start, Nature: trace, Latency: &zero})
	edges := 0
	if w.Run(start+100*second, func(e timing.Event) {
		if e.Kind == timing.KindEdge {
			edges++
		}
	}) {
		t.Error("the world goes on behind its end")
	}
	if edges != 4 || w.Next() <= w.Now() {
		t.Errorf("%d edges, want 4; next at %v", edges, w.Next())
	}
	if w.Run(start+200*second, func(timing.Event) { t.Error("an event behind the end") }) {
		t.Error("the world began again")
	}
}

func TestRTCIsRightToTwoTenths(t *testing.T) {
	for seed := range uint64(200) {
		w := New(Config{Model: named(t, "perfect"), Seed: seed, Start: start, RTC: true})
		h := ofKind(listen(w, time.Second), timing.KindWitness)[0]
		if off := time.Duration(h.UTC - start); off.Abs() > 200*time.Millisecond || h.Value != 0.3 || h.At != 1e9 {
			t.Errorf("seed %d: %+v", seed, h.Event)
		}
	}
}

func TestRecordingSaysItAgain(t *testing.T) {
	stamp := func(k int) nmea.Stamp { return nmea.Stamp{UTC: start + timescale.UTC(k)*second, Decimals: 2} }
	rmc := func(k int, valid bool) []byte {
		return nmea.AppendRMC(nil, nmea.RMC{Talker: "GN", Stamp: stamp(k), Place: nmea.Place{Latitude: 1, Longitude: 2}, Valid: valid, Mode: 'A'})
	}
	tail := func(k int) []byte {
		return nmea.AppendZDA(nmea.AppendTXT(nil, "GN", "so it is"), nmea.ZDA{Talker: "GN", Stamp: stamp(k)})
	}
	var data []byte
	say := func(parts ...[]byte) { data = append(data, bytes.Join(parts, nil)...) }
	say([]byte("# a note\n# another\n"), rmc(-1, false), rmc(0, true), tail(0), rmc(1, true), []byte("noise$GP"), rmc(3, true), rmc(0, true), tail(3))
	cut := data[:len(data)-20]
	r, err := NewRecording(cut, 9600, 150*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if baud, delay := r.Line(); baud != 9600 || delay != 150*time.Millisecond || r.First() != start {
		t.Errorf("%d baud, %v, first %v", baud, delay, r.First())
	}
	for k, want := range map[int][]byte{
		-1: nil,
		0:  append(rmc(0, true), tail(0)...),
		1:  append(rmc(1, true), "noise$GP"...),
		2:  nil,
		3:  bytes.Join([][]byte{rmc(3, true), rmc(0, true), tail(3)[:len(tail(3))-20]}, nil),
		4:  nil,
	} {
		if got := r.Burst(Ordinary(start+timescale.UTC(k)*second, true)); !bytes.Equal(got, want) {
			t.Errorf("second %d: %q, want %q", k, got, want)
		}
	}
	for name, data := range map[string][]byte{
		"nothing": nil, "notes": []byte("# only a note"), "no fix": rmc(0, false), "binary": {0xb5, 0x62, 1, 2, 3}, "cut": rmc(0, true)[:30],
	} {
		if _, err := NewRecording(data, 9600, 0); !errors.Is(err, ErrNoLabel) {
			t.Errorf("%s: %v, want ErrNoLabel", name, err)
		}
	}
}

func TestTalkerNamesItsSecond(t *testing.T) {
	for _, fix := range []bool{true, false} {
		r := NewTalker(1, 38400, 0)
		recording, err := NewRecording(r.Burst(Ordinary(start, fix)), 38400, 0)
		if (err == nil) != fix || fix && recording.First() != start {
			t.Errorf("fix %v: %v", fix, err)
		}
		if n := len(r.Burst(Ordinary(start, fix))); n < 400 || n > 2048 {
			t.Errorf("a burst of %d bytes", n)
		}
	}
}

func BenchmarkWorld(b *testing.B) {
	for name, r := range map[string]Receiver{"marks": nil, "bytes": NewTalker(1, 38400, 120*time.Millisecond)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			w := New(Config{Model: named(b, "pi-load"), Seed: 1, Start: start, Sensors: true, Receiver: r})
			for b.Loop() {
				w.Run(w.Now()+second, func(timing.Event) {})
			}
		})
	}
}
