package sim

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"timeball/gnss/timescale"
	"timeball/pps"
	"timeball/pps/clock"
	"timeball/pps/timing"
)

func TestFaultKindsAreNamedOnceAndExplained(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range FaultKinds() {
		if k.Name == "" || strings.TrimSpace(k.Text) == "" || strings.Contains(k.Text, "\n") || seen[k.Name] {
			t.Errorf("%+v", k)
		}
		seen[k.Name] = true
		if err := CheckFault(k.Name); err != nil {
			t.Error(err)
		}
	}
	if len(seen) != 31 {
		t.Errorf("%d kinds, want 31", len(seen))
	}
}

func TestUnknownFaultIsAnError(t *testing.T) {
	for _, name := range []string{"", "antena", "Antenna"} {
		if err := CheckFault(name); err == nil || !strings.Contains(err.Error(), FaultAntenna) {
			t.Errorf("%q: %v, want an error that names the known ones", name, err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q: a world was made with it", name)
				}
			}()
			New(Config{Model: named(t, "perfect"), Start: start, Faults: []Fault{{Name: name}}})
		}()
	}
}

// A fault changes nothing before it begins, and after it has ended the world is the one that never knew it: every stream
// of random numbers is where it would have been. What lasts by its nature is taken out: the counts of edges, the readings
// of a clock that slept and the heat that is still in the board.
func TestFaultsLeaveTheRestOfTheWorldAlone(t *testing.T) {
	const begin, length, end = 20, 20, 300
	world := func(receiver bool, faults ...Fault) ([]heard, clock.Mono) {
		m := named(t, "pi-load")
		m.C1, m.C2 = 0, 0 // or the heat moves the clock
		cfg := Config{Model: m, Seed: 9, Start: start, Y0: 1e-5, Sensors: true, RTC: true, Faults: faults}
		if receiver {
			cfg.Receiver = NewTalker(9, 38400, 120*time.Millisecond)
		}
		w := New(cfg)
		all := listen(w, end*time.Second)
		return all, w.Clock().ReadAt(w.Now()).Mono
	}
	for _, receiver := range []bool{false, true} {
		well, uptime := world(receiver)
		for _, k := range FaultKinds() {
			ill, illUptime := world(receiver, Fault{Name: k.Name, At: begin * time.Second, For: length * time.Second})
			// NMEA announces no leap second, and there is none in this world. Decoded reports have no line and no signals.
			silent := k.Name == FaultForeignStep || k.Name == FaultFalseLeap || k.Name == FaultLeapEarly || k.Name == FaultNoLeap ||
				!receiver && slices.Contains([]string{FaultFlat, FaultGarbled, FaultCut, FaultGlued, FaultBaud}, k.Name)
			if !silent && reflect.DeepEqual(plain(ill, 0), plain(well, 0)) {
				t.Errorf("%s: nothing happened", k.Name)
			}
			slept := uptime - illUptime
			if want := clock.Mono(length * 1e9 * (1 + 1e-5)); k.Name == FaultSuspend && (slept < want-1e4 || slept > want+1e4) || k.Name != FaultSuspend && slept != 0 {
				t.Errorf("%s: slept for %v ns", k.Name, slept)
			}
			settled := begin + length + 2 // what was said late has been said
			switch k.Name {
			case FaultHeat:
				settled += 150 // ten time constants of the SoC
			case FaultUnplugged:
				settled += int(replugged / time.Second)
			}
			between := func(all []heard, from, to int) []heard {
				return slices.DeleteFunc(slices.Clone(all), func(h heard) bool {
					return h.truth < start+timescale.UTC(from)*second || h.truth >= start+timescale.UTC(to)*second
				})
			}
			if !reflect.DeepEqual(plain(between(ill, 0, begin-1), 0), plain(between(well, 0, begin-1), 0)) {
				t.Errorf("%s: another world before it begins", k.Name)
			}
			a, b := plain(between(ill, settled, end), slept), plain(between(well, settled, end), 0)
			if len(a) == 0 || !reflect.DeepEqual(a, b) {
				t.Errorf("%s: another world after it has ended: %d events, %d", k.Name, len(a), len(b))
				for i := range min(len(a), len(b)) {
					if a[i] != b[i] {
						t.Errorf("  %s\n  want %s", a[i], b[i])
						break
					}
				}
			}
		}
	}
}

// plain returns events as text without the edges' counts, and at the times of a clock that never slept.
func plain(all []heard, slept clock.Mono) []string {
	var lines []string
	for _, h := range all {
		h.At += slept
		line := fmt.Sprintf("%d %s %d %q %v %d", h.truth, h.Kind, h.At, h.Bytes, h.Value, h.UTC)
		if h.Edge != nil {
			line += fmt.Sprintf(" edge %d", h.Edge.Earliest+slept)
		}
		if h.Report != nil {
			line += fmt.Sprintf(" mark %v %v", h.Report.Mark.UTC, h.Report.Mark.Valid)
		}
		lines = append(lines, line)
	}
	return lines
}

// troubled runs a perfect world with one fault from second 10 on for 20 s.
func troubled(t *testing.T, f Fault) (*World, []heard) {
	t.Helper()
	f.At, f.For = 10*time.Second, 20*time.Second
	w := New(Config{Model: named(t, "perfect"), Seed: 3, Start: start, Latency: &zero, Faults: []Fault{f}})
	return w, listen(w, 40*time.Second)
}

// stamps returns the edges' stamps in seconds since Start; CLOCK_MONOTONIC begins at 1 s.
func stamps(all []heard) (s []float64) {
	for i, h := range ofKind(all, timing.KindEdge) {
		if h.Edge.Seq != uint64(i+1) || h.Edge.Latest > h.At {
			panic(fmt.Sprintf("edge %d: %+v at %v", i, h.Edge, h.At))
		}
		s = append(s, float64(h.Edge.Latest-1e9)*1e-9)
	}
	return s
}

// offGrid returns how far stamps are from whole seconds, those that are.
func offGrid(s []float64) (off []float64) {
	for _, v := range s {
		if d := v - math.Round(v); math.Abs(d) > 1e-9 {
			off = append(off, d)
		}
	}
	return off
}

func TestGlitchesComeBesideThePulses(t *testing.T) {
	_, all := troubled(t, Fault{Name: FaultGlitch, Size: 1})
	s := stamps(all)
	off := offGrid(s)
	if len(off) != 20 || len(s) != 60 {
		t.Errorf("%d strays among %d edges, want 20 among 60", len(off), len(s))
	}
	early, near := 0, 0
	for _, d := range off {
		if math.Abs(d) < 1e-6-1e-9 || math.Abs(d) > 0.5 {
			t.Errorf("a stray %v s off", d)
		}
		if d < 0 {
			early++
		}
		if math.Abs(d) < 1e-3 {
			near++
		}
	}
	if early < 3 || early > 17 || near < 3 || near > 17 { // 10 +- 2.2 each
		t.Errorf("of %d strays %d are early and %d within 1 ms", len(off), early, near)
	}
	_, all = troubled(t, Fault{Name: FaultGlitch, By: -20 * time.Millisecond, Size: 1})
	for _, d := range offGrid(stamps(all)) {
		within(t, "stray", d, -0.02, 2e-9)
	}
	_, all = troubled(t, Fault{Name: FaultGlitch})
	if n := len(offGrid(stamps(all))); n < 1 || n > 10 { // 4 +- 1.8
		t.Errorf("%d strays in 20 s, want a fifth", n)
	}
}

func TestMissingPulsesAreAShare(t *testing.T) {
	m := named(t, "perfect")
	w := New(Config{Model: m, Seed: 1, Start: start, Faults: []Fault{{Name: FaultMissing, Size: 0.25}}})
	within(t, "share", float64(len(stamps(listen(w, 4000*time.Second))))/4000, 0.75, sigmas*math.Sqrt(0.25*0.75/4000))
}

func TestBurstHasTenPulsesASecond(t *testing.T) {
	_, all := troubled(t, Fault{Name: FaultBurst})
	s := stamps(all)
	if len(s) != 40+20*9 {
		t.Fatalf("%d edges", len(s))
	}
	for i := 11; i < 200; i++ {
		within(t, "period", s[i]-s[i-1], 0.1, 1e-8)
	}
}

func TestPulseIsDraggedAndOffset(t *testing.T) {
	for _, by := range []time.Duration{300 * time.Nanosecond, -300 * time.Nanosecond, 3 * time.Millisecond} {
		_, all := troubled(t, Fault{Name: FaultDrag, By: by})
		for k, v := range stamps(all) {
			want := float64(k)
			if k >= 10 && k < 30 {
				want += float64(k-10) * by.Seconds()
			}
			within(t, fmt.Sprintf("drag by %v, edge %d", by, k), v, want, 2e-9)
		}
		_, all = troubled(t, Fault{Name: FaultOffset, By: by})
		for k, v := range stamps(all) {
			want := float64(k)
			if k >= 10 && k < 30 {
				want += by.Seconds()
			}
			within(t, fmt.Sprintf("offset by %v, edge %d", by, k), v, want, 2e-9)
		}
	}
	_, all := troubled(t, Fault{Name: FaultOffset})
	within(t, "UTC of January 2016", stamps(all)[15], 15+13.7e-6, 2e-9)
}

func TestMessagesNameAnotherSecondOrDate(t *testing.T) {
	for _, f := range []struct {
		Fault
		want timescale.UTC
	}{
		{Fault{Name: FaultLabel}, second},
		{Fault{Name: FaultLabel, By: -3 * time.Second}, -3 * second},
		{Fault{Name: FaultDate}, -1024 * 7 * 86400 * second},
	} {
		_, all := troubled(t, f.Fault)
		for k, h := range ofKind(all, timing.KindReport) {
			want := start + timescale.UTC(k)*second
			if k >= 10 && k < 30 {
				want += f.want
			}
			if m := h.Report.Mark; m.UTC != want || !m.Valid {
				t.Errorf("%+v: message %d names %v, want %v", f.Fault, k, m.UTC, want)
			}
		}
	}
	r := NewTalker(1, 0, 0)
	w := New(Config{Model: named(t, "perfect"), Start: start, Receiver: r, Faults: []Fault{{Name: FaultLabel}}})
	if got := ofKind(listen(w, time.Second), timing.KindBytes)[0].Bytes; !reflect.DeepEqual(got, r.Burst(Ordinary(start+second, true))) {
		t.Errorf("the talker says %.60q", got)
	}
}

func TestReceiverWithoutFixKeepsItsOwnTime(t *testing.T) {
	for by, want := range map[time.Duration]struct{ whole, rest float64 }{
		0: {0, 0.7}, 2300 * time.Millisecond: {2, 0.3}, -300 * time.Millisecond: {-1, 0.7}, -2 * time.Second: {-2, 0},
	} {
		_, all := troubled(t, Fault{Name: FaultKeptClock, By: by})
		edges, marks := ofKind(all, timing.KindEdge), ofKind(all, timing.KindReport)
		if len(edges) != 40 || len(marks) != 40 {
			t.Fatalf("%v: %d edges, %d messages", by, len(edges), len(marks))
		}
		for k := range 40 {
			ill := k >= 10 && k < 30
			at, utc := float64(k), start+timescale.UTC(k)*second
			if ill {
				at, utc = at+want.rest, utc+timescale.UTC(want.whole*1e9)
			}
			within(t, fmt.Sprintf("%v: pulse %d", by, k), float64(edges[k].Edge.Latest-1e9)*1e-9, at, 2e-9)
			within(t, fmt.Sprintf("%v: message %d", by, k), float64(marks[k].At-1e9)*1e-9, at+0.2, 2e-9)
			if m := marks[k].Report.Mark; m.UTC != utc || m.Valid == ill {
				t.Errorf("%v: message %d: %v, valid %v, want %v", by, k, m.UTC, m.Valid, utc)
			}
		}
	}
}

func TestSuspendStopsTheMachineButNotTheWorld(t *testing.T) {
	w, all := troubled(t, Fault{Name: FaultSuspend, By: 5 * time.Millisecond})
	for _, h := range all {
		if at := h.truth - start; at >= 10*second && at < 30*second {
			t.Fatalf("%s in its sleep, %v", h.Kind, time.Duration(at))
		}
	}
	if len(all) != 20*(4+1+1) {
		t.Errorf("%d events, want 4 ticks, a pulse and a message in each of 20 s", len(all))
	}
	now := w.Clock().ReadAt(w.Now())
	want := clock.Reading{Mono: 1e9 + 20e9, Boot: 1e9 + 40e9, Real: clock.Real(w.Now()) + 5e6}
	if now != want {
		t.Errorf("%+v, want %+v", now, want)
	}

	w = New(Config{Model: named(t, "perfect"), Start: start})
	listen(w, 10*time.Second)
	w.Begin(Fault{Name: FaultSuspend, By: 5 * time.Millisecond})
	if n := len(listen(w, 20*time.Second)); n != 0 {
		t.Errorf("%d events in its sleep", n)
	}
	w.End(FaultSuspend)
	if n := len(listen(w, 10*time.Second)); n != 60 {
		t.Errorf("awake again: %d events in 10 s, want 60", n)
	}
	if now := w.Clock().ReadAt(w.Now()); now != want {
		t.Errorf("begun and ended by hand: %+v, want %+v", now, want)
	}
}

// The kernel's stamps of edges stay; everything else is stamped when the process sees it, ticks are lost, bytes are read
// together.
func TestStallDeliversLate(t *testing.T) {
	const at = 10
	cfg := Config{
		Model: named(t, "perfect"), Start: start, Latency: &zero, Sensors: true, Receiver: NewTalker(1, 9600, 100*time.Millisecond),
		Faults: []Fault{{Name: FaultStall, At: at * time.Second, For: time.Second, By: time.Second}},
	}
	all := listen(New(cfg), 20*time.Second)
	cfg.Faults = nil
	well := listen(New(cfg), 20*time.Second)
	in := func(all []heard, from, to float64) []heard {
		return slices.DeleteFunc(slices.Clone(all), func(h heard) bool {
			x := time.Duration(h.truth - start).Seconds()
			return x < from || x >= to
		})
	}
	if n := len(in(all, at, at+1)); n != 0 {
		t.Errorf("%d events during the stall", n)
	}
	kinds := map[timing.Kind]int{}
	bytes := 0
	for _, h := range in(all, at+1, at+1+1e-9) {
		kinds[h.Kind]++
		bytes += len(h.Bytes)
		switch now := clock.Mono(1e9 + (at+1)*1e9); {
		case h.Kind == timing.KindEdge && *h.Edge != (pps.Edge{Source: "sim", Seq: at + 1, Earliest: 1e9 + at*1e9, Latest: 1e9 + at*1e9}):
			t.Errorf("edge %+v", h.Edge)
		case h.Kind == timing.KindBytes && h.At != now.Add(-clock.Seconds(len(h.Bytes)-1)*10/9600):
			t.Errorf("%d bytes at %v", len(h.Bytes), h.At)
		case h.Kind != timing.KindBytes && h.At != now:
			t.Errorf("%s at %v", h.Kind, h.At)
		}
	}
	want := map[timing.Kind]int{timing.KindEdge: 1, timing.KindTick: 1, timing.KindBytes: 1, timing.KindTemperature: 1, timing.KindUtilisation: 1}
	if !reflect.DeepEqual(kinds, want) {
		t.Errorf("at its end come %v, want %v", kinds, want)
	}
	for _, h := range in(well, at, at+1) {
		bytes -= len(h.Bytes)
	}
	if bytes != 0 {
		t.Errorf("%d bytes too many", bytes)
	}

	_, all = troubled(t, Fault{Name: FaultStall})
	longest := 0.0
	for _, h := range ofKind(all, timing.KindEdge) {
		longest = max(longest, float64(h.At-h.Edge.Latest)*1e-9)
	}
	if longest < 0.2 || longest > 1.001 {
		t.Errorf("the latest of twenty edges came after %v s, want up to 1 s", longest)
	}
}

func TestHeatWarmsTheBoardAndItsCrystal(t *testing.T) {
	m := named(t, "pi-quiet")
	m.Diurnal, m.HVAC, m.Weather, m.WhiteFM, m.WalkFM = 0, 0, 0, 0, 0
	w := New(Config{Model: m, Start: start, Sensors: true, Faults: []Fault{{Name: FaultHeat, At: 100 * time.Second, Size: 5}}})
	temperatures := ofKind(listen(w, 2000*time.Second), timing.KindTemperature)
	mean := func(all []heard) (sum float64) {
		for _, h := range all {
			sum += h.Value / float64(len(all))
		}
		return sum
	}
	tolerance := sigmas * math.Sqrt((sensorSigma*sensorSigma+sensorStep*sensorStep/12)/100)
	within(t, "before", mean(temperatures[:100]), 47, tolerance)
	within(t, "after", mean(temperatures[1900:]), 52, tolerance)
	within(t, "frequency", float64(w.second.Frequency), m.C1*5+m.C2*25, 1e-10)
	trace, err := NewTrace([]float64{1e-6}, []float64{0}, []float64{40}, []float64{0})
	if err != nil {
		t.Fatal(err)
	}
	w = New(Config{Model: m, Start: start, Nature: trace, Sensors: true, Faults: []Fault{{Name: FaultHeat}}})
	listen(w, time.Second/2)
	if w.second.Temperature != 40 || w.second.Frequency != 1e-6 {
		t.Errorf("a recorded second was changed: %+v", w.second)
	}
}
