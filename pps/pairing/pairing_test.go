package pairing

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"timeball/gnss"
	"timeball/gnss/timescale"
	"timeball/pps"
	"timeball/pps/clock"
)

const (
	ppm500  = 500e-6
	steady  = 5e-6
	firstS  = 1_782_864_000 // the UTC second of pulse 0
	firstAt = clock.Mono(77_123_456_789)
)

func utcOf(k int) timescale.UTC { return timescale.UTC(firstS+k) * second }

func pulseAt(k float64) clock.Mono { return firstAt + clock.Mono(math.Round(k*second)) }

func edgeAt(k float64) pps.Edge {
	return pps.Edge{Earliest: pulseAt(k) - 100, Latest: pulseAt(k) + 100}
}

// rmc is a mark that names second k and arrives at pulse time at.
func rmc(k int, at float64) gnss.TimeMark {
	return gnss.TimeMark{Arrival: pulseAt(at), End: pulseAt(at + 0.01), UTC: utcOf(k), Message: "GNRMC", Valid: true}
}

func of(message string, m gnss.TimeMark) gnss.TimeMark {
	m.Message = message
	return m
}

// run feeds pulses from..to-1, each followed by its message after delay.
func run(p *Pairing, from, to int, delay float64) {
	for k := from; k < to; k++ {
		p.Edge(edgeAt(float64(k)), ppm500)
		p.Mark(rmc(k, float64(k)+delay), ppm500)
	}
}

// fixed returns a pairing that has labelled pulses 0..9 by messages of the given delay.
func fixed(t *testing.T, delay float64) *Pairing {
	t.Helper()
	var p Pairing
	run(&p, 0, 10, delay)
	wantLabel(t, &p, 10)
	return &p
}

func wantLabel(t *testing.T, p *Pairing, k int) {
	t.Helper()
	if utc, reason := p.Edge(edgeAt(float64(k)), ppm500); utc != utcOf(k) || reason != "" {
		t.Errorf("pulse %d labelled %v off by %v s, want right: %q", k, utc, int64(utc-utcOf(k))/second, reason)
	}
}

func wantNone(t *testing.T, p *Pairing, at float64, want Reason) {
	t.Helper()
	if utc, reason := p.Edge(edgeAt(at), ppm500); utc != 0 || reason != want {
		t.Errorf("edge at %v: label %v, %q, want none and %q", at, utc, reason, want)
	}
}

func TestThreeAgreeingMarksFixALabel(t *testing.T) {
	var p Pairing
	for k := range 3 {
		wantNone(t, &p, float64(k), NoLabel)
		if p.Anchored() {
			t.Errorf("anchored after %d marks", k)
		}
		if reason := p.Mark(rmc(k, float64(k)+0.3), ppm500); reason != "" {
			t.Errorf("mark %d refused: %q", k, reason)
		}
	}
	wantLabel(t, &p, 3)
	if delay, ok := p.Delay("GNRMC"); !ok || math.Abs(float64(delay-0.3)) > 1e-6 {
		t.Errorf("Delay = %v, %v, want 0.3", delay, ok)
	}
	if p.Witnessed() {
		t.Error("witnessed without a witness")
	}
	p.history("GNGGA", 0)
	for _, unknown := range []string{"GNZDA", "GNGGA"} {
		if _, ok := p.Delay(unknown); ok {
			t.Errorf("a delay of %s, which said nothing", unknown)
		}
	}
}

func TestLabelsWithoutAWitness(t *testing.T) {
	tests := []struct {
		delay float64
		want  bool
	}{
		{0, false},
		{0.05, false},
		{0.0999, false},
		{0.1001, true},
		{0.5, true},
		{0.8999, true},
		{0.9001, false},
		{0.95, false},
		{0.9999, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.delay), func(t *testing.T) {
			var p Pairing
			run(&p, 0, 30, tt.delay)
			if p.Anchored() != tt.want {
				t.Fatalf("anchored %v, want %v", p.Anchored(), tt.want)
			}
			if tt.want {
				wantLabel(t, &p, 30)
			}
		})
	}
}

func TestMarksThatNameNoSecond(t *testing.T) {
	void, leap, fraction := rmc(3, 3.3), rmc(3, 3.3), rmc(3, 3.3)
	void.Valid, leap.Leap60, fraction.UTC = false, true, fraction.UTC+second/2
	tests := []struct {
		name string
		mark gnss.TimeMark
		want Reason
	}{
		{"void", void, Void},
		{"second 60", leap, LeapSecond},
		{"a fraction", fraction, Fraction},
		{"edge lost", rmc(4, 4.3), NoEdge},
		{"before any edge", rmc(0, -0.2), NoEdge},
		{"good", rmc(3, 3.3), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var learning Pairing
			if reason := learning.Mark(rmc(0, 0.3), ppm500); reason != NoEdge {
				t.Errorf("without any edge: %q", reason)
			}
			run(&learning, 0, 2, 0.3)
			learning.Edge(edgeAt(2), ppm500)
			learning.Edge(edgeAt(3), ppm500)
			if reason := learning.Mark(tt.mark, ppm500); reason != tt.want || learning.Anchored() != (tt.want == "") {
				t.Errorf("while learning: %q, anchored %v, want %q", reason, learning.Anchored(), tt.want)
			}
			if tt.want == NoEdge {
				return // counted seconds need no edge before each message
			}
			counting := fixed(t, 0.3)
			if reason := counting.Mark(tt.mark, ppm500); reason != tt.want {
				t.Errorf("while counting: %q, want %q", reason, tt.want)
			}
			wantLabel(t, counting, 11)
		})
	}
}

func TestDelayThatMovesIsRefused(t *testing.T) {
	var p Pairing
	run(&p, 0, 2, 0.3)
	p.Edge(edgeAt(2), ppm500)
	if reason := p.Mark(rmc(2, 2.51), ppm500); reason != Moved || p.Anchored() {
		t.Errorf("moved by 0.21 s: %q, anchored %v", reason, p.Anchored())
	}
	run(&p, 3, 5, 0.51)
	wantLabel(t, &p, 5)
}

func TestLongBurstNeedsAWitness(t *testing.T) {
	var p Pairing
	p.Burst(0.81)
	run(&p, 0, 5, 0.3)
	if reason := p.Mark(rmc(4, 4.3), ppm500); reason != LongBurst || p.Anchored() {
		t.Errorf("%q, anchored %v, want %q", reason, p.Anchored(), LongBurst)
	}
	p.Burst(0.79)
	run(&p, 5, 6, 0.3)
	if p.Anchored() {
		t.Error("anchored by marks of long bursts")
	}
	run(&p, 6, 8, 0.3)
	wantLabel(t, &p, 8)
}

func TestOneSecondNamedThreeTimesIsOneVote(t *testing.T) {
	for _, witnessed := range []bool{false, true} {
		var p Pairing
		if witnessed {
			p.Witness(witnessAt(0, 0, 0.1))
		}
		for k := range 5 {
			p.Edge(edgeAt(float64(k)), ppm500)
		}
		for range 5 {
			p.Mark(rmc(4, 4.3), ppm500)
		}
		if p.Anchored() {
			t.Errorf("anchored by repetition, witness %v", witnessed)
		}
	}
}

// Two good marks, and the receiver finds that it was off.
func TestReceiverThatCorrectsItselfBeginsAnew(t *testing.T) {
	for _, tt := range []struct{ by, after int }{{-18, 3}, {18, 3}, {-1, 600}, {1, 600}} { // s
		var p Pairing
		k := 0
		for ; k < 1000 && !p.Anchored(); k++ {
			off := tt.by
			if k >= 2 {
				off = 0
			}
			p.Edge(edgeAt(float64(k)), ppm500)
			p.Mark(rmc(k+off, float64(k)+0.3), ppm500)
		}
		if k < 2+tt.after || k > 5+tt.after {
			t.Errorf("corrected by %d s: anchored after %d s, want %d", tt.by, k-2, tt.after)
		}
		wantLabel(t, &p, k)
	}
}

// What comes later in a burst is no better than its beginning.
func TestOtherMessageNearThePulse(t *testing.T) {
	var p Pairing
	for k := range 30 {
		p.Edge(edgeAt(float64(k)), ppm500)
		p.Mark(rmc(k, float64(k)+0.05), ppm500)
		if reason := p.Mark(of("GNZDA", rmc(k, float64(k)+0.4)), ppm500); reason != Ambiguous {
			t.Fatalf("ZDA behind an RMC at the pulse: %q", reason)
		}
	}
	for k := 30; k < 100 && !p.Anchored(); k++ { // the RMC is not sent any more
		p.Edge(edgeAt(float64(k)), ppm500)
		p.Mark(of("GNZDA", rmc(k, float64(k)+0.4)), ppm500)
		if p.Anchored() && k < 85 {
			t.Errorf("the RMC was forgotten after %d s", k-30)
		}
	}
	wantLabel(t, &p, 100)
}

func TestStuckReceiverFixesNothing(t *testing.T) {
	var p Pairing
	for k := range 100 {
		p.Edge(edgeAt(float64(k)), ppm500)
		p.Mark(rmc(0, float64(k)+0.3), ppm500)
	}
	if p.Anchored() {
		t.Error("anchored by a receiver that names one second for ever")
	}
}

// At 4800 baud the RMC of one second can end after the next edge; it still speaks of the edge before its first byte.
func TestMessageKnownAfterTheNextEdge(t *testing.T) {
	var p Pairing
	p.Edge(edgeAt(0), ppm500)
	for k := range 5 {
		p.Edge(edgeAt(float64(k+1)), ppm500)
		p.Mark(rmc(k, float64(k)+0.88), ppm500)
	}
	if !p.Anchored() {
		t.Fatal("not anchored")
	}
	wantLabel(t, &p, 6)
}

// The ZDA at the end of a long burst comes after the next pulse: by itself it looks like a short delay.
func TestLaterMessageOfABurstDoesNotName(t *testing.T) {
	for _, begin := range []string{"GNZDA", "GNRMC"} {
		t.Run(begin+" first", func(t *testing.T) {
			var p Pairing
			for k := range 10 {
				p.Edge(edgeAt(float64(k)), ppm500)
				if k > 0 || begin == "GNZDA" {
					p.Mark(of("GNZDA", rmc(k-1, float64(k)+0.15)), ppm500)
				}
				p.Mark(rmc(k, float64(k)+0.5), ppm500)
			}
			wantLabel(t, &p, 10)
			if d, ok := p.Delay("GNZDA"); !ok || math.Abs(float64(d-1.15)) > 1e-3 {
				t.Errorf("delay of the ZDA %v, %v, want 1.15", d, ok)
			}
		})
	}
}

// Two receivers on one line that differ, by a second or by the leap seconds: neither is believed.
func TestContradictingTypesFixNothing(t *testing.T) {
	for _, off := range []int{-18, -1, 1, 18} {
		var p Pairing
		refused := map[Reason]int{}
		for k := range 50 {
			p.Edge(edgeAt(float64(k)), ppm500)
			refused[p.Mark(of("GPRMC", rmc(k+off, float64(k)+0.2)), ppm500)]++
			refused[p.Mark(rmc(k, float64(k)+0.3), ppm500)]++
		}
		if p.Anchored() || refused[Contradicted] < 90 {
			t.Errorf("off by %d s: anchored %v, refused %v", off, p.Anchored(), refused)
		}
	}
}

// A delay that rises through the pulse looks short behind it. Two kinds of rise: in small steps, and in one.
func TestDelayThatCrossesThePulse(t *testing.T) {
	for _, step := range []float64{0.001, 0.004, 0.02, 0.07, 0.15, 0.3} {
		for _, from := range []float64{0.91, 0.95, 0.99} {
			t.Run(fmt.Sprintf("%v from %v", step, from), func(t *testing.T) {
				var p Pairing
				for k := range 500 {
					if utc, reason := p.Edge(edgeAt(float64(k)), ppm500); reason == "" && utc != utcOf(k) {
						t.Fatalf("pulse %d labelled %d s off", k, int64(utc-utcOf(k))/second)
					}
					at := float64(k) + min(from+float64(k)*step, 1.4)
					if at >= float64(k)+1 { // known only behind the next edge
						if utc, reason := p.Edge(edgeAt(float64(k)+1), ppm500); reason == "" && utc != utcOf(k+1) {
							t.Fatalf("pulse %d labelled %d s off", k+1, int64(utc-utcOf(k+1))/second)
						}
					}
					p.Mark(rmc(k, at), ppm500)
				}
			})
		}
	}
}

func TestDelayThatCrossedIsUsedWhenItStandsStill(t *testing.T) {
	var p Pairing
	p.Edge(edgeAt(0), ppm500)
	p.Mark(rmc(1, 0.99), ppm500) // spoken a little early, at once before the pulse
	for k := 1; k < 590; k++ {
		p.Edge(edgeAt(float64(k)), ppm500)
		p.Mark(rmc(k, float64(k)+0.4), ppm500)
	}
	if p.Anchored() {
		t.Error("believed before it stood still for ten minutes")
	}
	run(&p, 590, 610, 0.4)
	wantLabel(t, &p, 610)
}

func witnessAt(k, off float64, uncertainty clock.Seconds) Witness {
	return Witness{At: pulseAt(k), UTC: utcOf(0) + timescale.UTC((k+off)*second), Uncertainty: uncertainty, Drift: 100e-6}
}

func TestWitnessDecides(t *testing.T) {
	tests := []struct {
		name  string
		delay float64 // of the message from the pulse that it names
		off   float64 // of the witness
		want  bool
	}{
		{"at the pulse", 0, 0.2, true},
		{"just before the next pulse", 0.97, -0.2, true},
		{"just behind the next pulse", 1.03, 0.2, true},
		{"late", 1.4, 0.2, true},
		{"late, slow witness", 1.4, -0.2, true},
		{"names the coming pulse", -0.3, 0.2, true},
		{"names the pulse after the coming one", -1.3, 0, false},
		{"18 s off", 18.3, 0.2, false},
		{"witness between two seconds", 0.02, 0.5, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p Pairing
			p.Witness(witnessAt(-5, tt.off, 0.3))
			begin := int(math.Floor(tt.delay))
			for k := range 100 {
				utc, reason := p.Edge(edgeAt(float64(k)), ppm500)
				if reason == "" && utc != utcOf(k) {
					t.Fatalf("pulse %d labelled %d s off", k, int64(utc-utcOf(k))/second)
				}
				p.Mark(rmc(k-begin, float64(k)+tt.delay-float64(begin)), ppm500)
			}
			if p.Anchored() != tt.want || p.Witnessed() != tt.want {
				t.Fatalf("anchored %v, witnessed %v, want %v", p.Anchored(), p.Witnessed(), tt.want)
			}
			if d, ok := p.Delay("GNRMC"); tt.want && (!ok || math.Abs(float64(d)-tt.delay) > 1e-3) {
				t.Errorf("delay %v, %v, want %v", d, ok, tt.delay)
			}
		})
	}
}

func TestWitnessThatCannotTellSecondsApart(t *testing.T) {
	for _, w := range []Witness{
		witnessAt(0, 0.9, 0.5),
		witnessAt(0, 0.9, clock.Seconds(math.NaN())),
		witnessAt(0, 0.9, -1),
		{At: pulseAt(-4000), UTC: utcOf(-3999), Uncertainty: 0.2, Drift: 100e-6},
		{At: pulseAt(4000), UTC: utcOf(4001), Uncertainty: 0.2, Drift: 100e-6},
	} {
		var p Pairing
		p.Witness(w)
		run(&p, 0, 5, 0.3)
		if p.Witnessed() {
			t.Errorf("%+v was believed", w)
		}
		wantLabel(t, &p, 5)
	}
}

func TestWrongWitnessIsGivenUp(t *testing.T) {
	tests := []struct {
		name string
		off  float64 // of the witness, s
		full bool    // the receiver says that it knows the leap seconds
		most int     // s until the receiver is believed
	}{
		{"days slow", -3 * 86400, false, 15},
		{"56 years slow", -float64(firstS), false, 15},
		{"18 s fast, leap seconds known", 18, true, 15},
		{"18 s fast, almanac on its way", 18, false, 920},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p Pairing
			p.Witness(witnessAt(0, tt.off, 0.05))
			k := 0
			for ; k < 2000 && !p.Anchored(); k++ {
				p.Edge(edgeAt(float64(k)), ppm500)
				m := rmc(k, float64(k)+0.3)
				m.FullUTC = tt.full
				p.Mark(m, ppm500)
			}
			if k > tt.most || tt.most > 900 && k < 750 { // the almanac takes 12.5 min
				t.Errorf("given up after %d s, want at most %d", k, tt.most)
			}
			wantLabel(t, &p, k)
			if p.Witnessed() {
				t.Error("witnessed by a witness that was given up")
			}
		})
	}
}

// A receiver starts 18 s off and learns the leap seconds from the almanac.
func TestReceiverWithoutLeapSecondsIsRefusedByAWitness(t *testing.T) {
	var p Pairing
	p.Witness(witnessAt(0, 0, 0.05))
	for k := range 800 {
		p.Edge(edgeAt(float64(k)), ppm500)
		off := 18
		if k >= 750 {
			off = 0
		}
		p.Mark(rmc(k+off, float64(k)+0.3), ppm500)
		if p.Anchored() != (k >= 752) {
			t.Fatalf("anchored %v after %d s", p.Anchored(), k)
		}
	}
	wantLabel(t, &p, 800)
}

// F2: the messages stop for a day. The clock is slewed by as much as the loop may, edges get lost.
func TestEdgesAreCountedWithoutMessages(t *testing.T) {
	for _, rate := range []float64{0, 5e-6, 500e-6, -500e-6} {
		p := fixed(t, 0.3)
		at, labelled := float64(10), 0
		for k := 11; k < 86400; k++ {
			at += 1 + rate
			if k%97 < 5 || k%5000 > 4700 {
				continue
			}
			utc, reason := p.Edge(edgeAt(at), ppm500)
			if reason == BetweenEdges {
				continue // the first behind a gap of 300 s
			}
			if utc != utcOf(k) || reason != "" {
				t.Fatalf("rate %v: pulse %d: %q, %d s off", rate, k, reason, int64(utc-utcOf(k))/second)
			}
			labelled++
		}
		if labelled < 75000 {
			t.Errorf("rate %v: only %d labelled", rate, labelled)
		}
	}
}

func TestCountEndsWhenTheClockMayHaveDrifted(t *testing.T) {
	tests := []struct {
		gap   float64
		drift clock.Ratio
		want  bool
	}{
		{499, ppm500, true},
		{501, ppm500, false},
		{49_000, steady, true},
		{51_000, steady, false},
		{501, clock.Ratio(math.NaN()), false},
	}
	for _, tt := range tests {
		p := fixed(t, 0.3)
		utc, reason := p.Edge(edgeAt(10+tt.gap), tt.drift)
		if (reason == "") != tt.want || p.Anchored() != tt.want || tt.want && utc != utcOf(10+int(tt.gap)) {
			t.Errorf("%v s at %v: %v, %q, want a label: %v", tt.gap, tt.drift, utc, reason, tt.want)
		}
		if reason := fixed(t, 0.3).Mark(rmc(10+int(tt.gap), 10.3+tt.gap), tt.drift); (reason == "") != tt.want {
			t.Errorf("mark after %v s at %v: %q", tt.gap, tt.drift, reason)
		}
	}
}

// The delay that the count has taught tells the second after the count has ended, also where the prior can't.
func TestLearnedDelayIsAWitness(t *testing.T) {
	for _, tt := range []struct {
		before, after float64
		want          bool
	}{
		{0.5, 0.5, true},
		{0.5, 0.69, true},
		{0.5, 0.75, false},
		{0.89, 1.05, true},
		{0.12, -0.04, true},
		{0.6, 1.2, false},
	} {
		p := fixed(t, tt.before)
		run(p, 11, 100, tt.before)
		const later = 4000
		begin := int(math.Floor(tt.after))
		for k := later; k < later+30; k++ {
			if utc, reason := p.Edge(edgeAt(float64(k)), ppm500); reason == "" && utc != utcOf(k) {
				t.Fatalf("%v -> %v: pulse %d labelled %d s off", tt.before, tt.after, k, int64(utc-utcOf(k))/second)
			}
			p.Mark(rmc(k-begin, float64(k)+tt.after-float64(begin)), ppm500)
		}
		if p.Anchored() != tt.want {
			t.Errorf("%v -> %v: anchored %v, want %v", tt.before, tt.after, p.Anchored(), tt.want)
		}
	}
}

func TestEdgesThatMarkNoSecond(t *testing.T) {
	p := fixed(t, 0.3)
	wantNone(t, p, 10.0115, BetweenEdges)
	wantNone(t, p, 10.5, BetweenEdges)
	wantNone(t, p, 10.985, BetweenEdges)
	if p.OffGrid() != 3 {
		t.Errorf("OffGrid = %d, want 3", p.OffGrid())
	}
	wantLabel(t, p, 11)
	if p.OffGrid() != 0 {
		t.Errorf("OffGrid = %d, want 0", p.OffGrid())
	}
	wantLabel(t, p, 15) // edges lost
	for i := range 9 {
		wantNone(t, p, 15.1+float64(i)/10, BetweenEdges)
	}
	wantLabel(t, p, 16)
}

// After a gap the count allows for drift; a glitch within it must not become the grid.
func TestGlitchAfterAGapIsNoSecond(t *testing.T) {
	p := fixed(t, 0.3)
	wantNone(t, p, 310.1, BetweenEdges)
	wantLabel(t, p, 311)
	wantLabel(t, p, 312)

	drifting := fixed(t, 0.3) // the pulses themselves are off by 0.1 s after the gap
	wantNone(t, drifting, 310.1, BetweenEdges)
	if utc, reason := drifting.Edge(edgeAt(311.1), ppm500); utc != utcOf(311) || reason != "" {
		t.Errorf("second edge of a drifted grid: %v, %q", utc, reason)
	}
}

func TestNoGridIsLearnedFromDisturbedEdges(t *testing.T) {
	tests := []struct {
		name  string
		extra []float64 // edges of every second, besides the pulse
		want  bool
	}{
		{"clean", nil, true},
		{"bounce", []float64{5e-6, 1e-3}, true},
		{"both edges of the pulse", []float64{0.1}, false},
		{"10 Hz", []float64{.1, .2, .3, .4, .5, .6, .7, .8, .9}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p Pairing
			for k := range 20 {
				p.Edge(edgeAt(float64(k)), ppm500)
				for _, x := range tt.extra {
					if utc, reason := p.Edge(edgeAt(float64(k)+x), ppm500); reason == "" && x > maxPhase {
						t.Fatalf("edge at %v labelled %v", x, utc)
					}
				}
				p.Mark(rmc(k, float64(k)+0.25), ppm500)
			}
			if p.Anchored() != tt.want {
				t.Errorf("anchored %v, want %v", p.Anchored(), tt.want)
			}
		})
	}
}

// A glitch costs the seconds until three edges in a row are clean again, and its own mark.
func TestGlitchWhileLearning(t *testing.T) {
	for _, extra := range []float64{1.2, 0.9995 - 0.3, -0.5} { // the last is an edge that came too late
		var p Pairing
		run(&p, 0, 2, 0.5)
		p.Edge(edgeAt(extra), ppm500)
		if reason := p.Mark(rmc(1, 1.52), ppm500); reason != BetweenEdges {
			t.Errorf("mark behind a glitch: %q", reason)
		}
		anchored := 2
		for ; anchored < 20 && !p.Anchored(); anchored++ {
			run(&p, anchored, anchored+1, 0.5)
		}
		if anchored < 5 || anchored > 6 {
			t.Errorf("glitch at %v: anchored after pulse %d", extra, anchored-1)
		}
		wantLabel(t, &p, anchored)
	}
}

// A bounce neither counts as an edge nor moves the grid.
func TestBounceIsNoEdge(t *testing.T) {
	var p Pairing
	for k := range 2 {
		p.Edge(edgeAt(float64(k)), ppm500)
		p.Edge(edgeAt(float64(k)+0.005), ppm500)
		p.Edge(edgeAt(float64(k)+0.009), ppm500)
		p.Mark(rmc(k, float64(k)+0.3), ppm500)
	}
	if p.clean != 2 || p.edges[0] != edgeAt(1).Middle() {
		t.Errorf("%d clean edges, the last at %v, want 2 and %v", p.clean, p.edges[0], edgeAt(1).Middle())
	}
}

// After a grid has moved, what was said before says nothing about the delay.
func TestReceiverThatMovesItsPulses(t *testing.T) {
	var p Pairing
	p.Edge(edgeAt(0), ppm500)
	p.Mark(rmc(1, 0.99), ppm500)
	run(&p, 1, 5, 0.4) // crossed
	for k := 5; k < 15; k++ {
		p.Edge(edgeAt(float64(k)+0.3), ppm500)
		p.Mark(rmc(k, float64(k)+0.8), ppm500)
	}
	if utc, reason := p.Edge(edgeAt(15.3), ppm500); utc != utcOf(15) {
		t.Errorf("%v, %q", utc, reason)
	}
}

func TestWitnessIsGivenUpOnlyByMarksInARow(t *testing.T) {
	var p Pairing
	p.Witness(witnessAt(0, 0, 0.1))
	for k := range 29 {
		p.Edge(edgeAt(float64(k)), ppm500)
		m, want := rmc(k+86400, float64(k)+0.3), NotWitnessed
		if k == 9 || k == 19 { // after nine contrary ones
			m, want = rmc(k, float64(k)+0.3), ""
		}
		if reason := p.Mark(m, ppm500); reason != want {
			t.Errorf("mark %d: %q, want %q", k, reason, want)
		}
	}
	if w := p.Testimonies()[0]; w.Refuted || p.Anchored() {
		t.Errorf("refuted %v, anchored %v", w.Refuted, p.Anchored())
	}
}

func TestDelayIsAWitnessOnlyWhenItIsKnownWell(t *testing.T) {
	p := fixed(t, 0.3)
	for k := 11; k < 21; k++ {
		if p.history("GNZDA", 0).counted {
			t.Errorf("believed after %d marks", k-11)
		}
		p.Mark(of("GNZDA", rmc(k, float64(k)+0.4)), ppm500)
	}
	if !p.history("GNZDA", 0).counted {
		t.Error("not believed after ten marks")
	}
}

func TestDoubtAndItsEnd(t *testing.T) {
	p := fixed(t, 0.3)
	for k := 11; k < 21; k++ {
		wantLabel(t, p, k)
		if reason := p.Mark(rmc(k+1, float64(k)+0.3), ppm500); reason != Disagrees {
			t.Fatalf("a second ahead: %q", reason)
		}
		if want := k == 20; p.Doubt() != want {
			t.Errorf("doubt %v after %d contrary marks, want %v", p.Doubt(), k-10, want)
		}
	}
	for k := 21; k < 31; k++ {
		wantLabel(t, p, k)
		if !p.Doubt() {
			t.Errorf("no doubt after %d good marks", k-21)
		}
		p.Mark(rmc(k, float64(k)+0.3), ppm500)
	}
	if p.Doubt() {
		t.Error("doubt after ten good marks")
	}
	for k := 31; k < 40; k++ { // one good mark among nine contrary ones
		p.Mark(rmc(k+18, float64(k)+0.3), ppm500)
	}
	p.Mark(rmc(40, 40.3), ppm500)
	p.Mark(rmc(58, 41.3), ppm500)
	if p.Doubt() {
		t.Error("doubt without ten contrary marks in a row")
	}
}

// A delay that jumps within the prior names the same second as before: it is no contradiction.
func TestDelayWithinThePriorIsNoDoubt(t *testing.T) {
	tests := []struct {
		name  string
		off   int
		delay float64
		want  bool // doubt
	}{
		{"longer", 0, 0.9, false},
		{"at the pulse", 0, 0, false},
		{"a second ahead, at the pulse", 1, 0.02, true},
		{"a second behind", -1, 0.25, true},
		{"late by more than a second", 0, 1.3, true},
	}
	for _, tt := range tests {
		p := fixed(t, 0.25)
		for k := 11; k < 31; k++ {
			p.Mark(rmc(k+tt.off, float64(k)+tt.delay), ppm500)
		}
		if p.Doubt() != tt.want {
			t.Errorf("%s: doubt %v, want %v", tt.name, p.Doubt(), tt.want)
		}
	}
}

func TestTypesAreBounded(t *testing.T) {
	p := fixed(t, 0.3)
	if maxTypes != 16 {
		t.Errorf("%d types are kept, want 16", maxTypes)
	}
	for k := 11; k < 11+maxTypes-1; k++ {
		if reason := p.Mark(of(fmt.Sprint(k), rmc(11, 11.3)), ppm500); reason != "" {
			t.Errorf("type %d: %q", k, reason)
		}
	}
	if reason := p.Mark(of("one more", rmc(11, 11.3)), ppm500); reason != TooMany {
		t.Errorf("type %d: %q", maxTypes+1, reason)
	}
	for k := 12; k < 80; k++ {
		wantLabel(t, p, k)
		p.Mark(rmc(k, float64(k)+0.3), ppm500)
	}
	if reason := p.Mark(of("one more", rmc(79, 79.3)), ppm500); reason != "" || len(p.types) > maxTypes {
		t.Errorf("after the others were silent for a minute: %q, %d types", reason, len(p.types))
	}
	if _, ok := p.Delay("GNRMC"); !ok {
		t.Error("a type in use was dropped")
	}
}

func TestForget(t *testing.T) {
	p := fixed(t, 0.3)
	for k := range 10 {
		p.Mark(rmc(k+18, float64(k)+11.3), ppm500)
	}
	p.Forget()
	if _, ok := p.Delay("GNRMC"); ok || p.Anchored() || p.Doubt() || p.OffGrid() != 0 {
		t.Errorf("after Forget: delay known %v, anchored %v, doubt %v, off grid %d", ok, p.Anchored(), p.Doubt(), p.OffGrid())
	}
	run(p, 30, 33, 0.4)
	wantLabel(t, p, 33)
	var witnessed Pairing
	witnessed.Witness(witnessAt(0, 0, 0.1))
	witnessed.Forget()
	run(&witnessed, 0, 3, 0.05)
	if !witnessed.Witnessed() {
		t.Error("the witness was forgotten with the count")
	}
}

// line is a receiver and its pulse as they reach the unit.
type line struct {
	baud     float64
	delay    func(k int) float64 // from the pulse to the first byte of the second's burst
	messages []message
	lost     func(k int) bool // edges that were not captured
	glitches []float64        // edges that mark no second, in seconds from pulse 0
	rate     float64          // of CLOCK_MONOTONIC
	witness  *Witness
}

type message struct {
	kind string // "" = names no second
	size float64
}

// happening is something that reaches the pairing.
type happening struct {
	at float64
	do func()
}

// play runs a line for some seconds and returns how many labels were right and how many were wrong.
func (l line) play(p *Pairing, seconds int) (right, wrong int) {
	var all []happening
	mono := func(at float64) float64 { return at * (1 + l.rate) }
	edge := func(at float64, k int, pulse bool) {
		all = append(all, happening{at, func() {
			utc, reason := p.Edge(edgeAt(mono(at)), ppm500)
			switch {
			case reason != "":
			case pulse && utc == utcOf(k):
				right++
			default:
				wrong++
			}
		}})
	}
	total := 0.0
	for _, m := range l.messages {
		total += m.size * 10 / l.baud
	}
	free := math.Inf(-1) // when the line is
	for k := range seconds {
		if l.lost == nil || !l.lost(k) {
			edge(float64(k), k, true)
		}
		begin := max(float64(k)+l.delay(k), free)
		all = append(all, happening{begin, func() { p.Burst(clock.Seconds(min(total, 1))) }})
		for _, m := range l.messages {
			arrival := begin
			begin += m.size * 10 / l.baud
			if m.kind != "" {
				all = append(all, happening{begin, func() { p.Mark(of(m.kind, rmc(k, mono(arrival))), ppm500) }})
			}
		}
		free = begin
	}
	for _, g := range l.glitches {
		edge(g, 0, false)
	}
	slices.SortStableFunc(all, func(a, b happening) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	if l.witness != nil {
		p.Witness(*l.witness)
	}
	for _, h := range all {
		h.do()
	}
	return right, wrong
}

var (
	bauds  = []float64{4800, 9600, 19200, 38400, 57600, 115200}
	bursts = map[string][]message{
		"short": {{"GNRMC", 70}, {"", 75}},
		"usual": {{"GNRMC", 70}, {"", 75}, {"", 60}, {"", 140}, {"GNZDA", 38}},
		"long":  {{"GNRMC", 70}, {"", 75}, {"", 200}, {"", 500}, {"GNZDA", 38}},
	}
)

// F4: a label late by 0-0.9 s alone, by 0-1.4 s with a witness, at 4800-115200 baud: no label is off by one.
func TestNoLabelIsOffByOne(t *testing.T) {
	const seconds = 60
	labelled, possible := 0, 0
	for name, messages := range bursts {
		for _, baud := range bauds {
			for ms := 0; ms <= 1400; ms += 7 {
				delay := float64(ms) / 1000
				l := line{baud: baud, messages: messages, delay: func(int) float64 { return delay }, rate: 20e-6}
				for _, off := range []float64{-0.2, 0.2} {
					w := witnessAt(-30, off, 0.3)
					l.witness = &w
					var p Pairing
					right, wrong := l.play(&p, seconds)
					if fits := name != "long" || baud > 9600; wrong > 0 || right < seconds-10 && fits {
						t.Errorf("%s burst, %v baud, %v s, witness %v s off: %d right, %d wrong", name, baud, delay, off, right, wrong)
					}
				}
				if delay > 0.9 {
					continue
				}
				l.witness = nil
				var p Pairing
				right, wrong := l.play(&p, seconds)
				if wrong > 0 {
					t.Errorf("%s burst, %v baud, %v s: %d right, %d wrong", name, baud, delay, right, wrong)
				}
				if total := burstTime(messages, baud); delay > 0.1 && delay < 0.9 && total < 0.8 {
					possible++
					if right >= seconds-10 {
						labelled++
					}
				}
			}
		}
	}
	// What the rules do not forbid is to be labelled: refusing everything is no win.
	if labelled < possible {
		t.Errorf("labelled %d of %d", labelled, possible)
	}
}

func burstTime(messages []message, baud float64) (total float64) {
	for _, m := range messages {
		total += m.size * 10 / baud
	}
	return total
}

// However edges are lost, glitches come and delays move within the prior, a label is right or there is none. Once a
// label is fixed the delay may go beyond the prior.
func TestLabelIsRightOrNone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const seconds, learned = 150, 10
		burst := bursts[rapid.SampledFrom([]string{"short", "usual", "long"}).Draw(t, "burst")]
		l := line{baud: rapid.SampledFrom(bauds).Draw(t, "baud"), messages: burst, rate: rapid.Float64Range(-400e-6, 400e-6).Draw(t, "rate")}
		quiet, least, most, longest := 0, 0.0, 0.9, 0.9 // seconds without a disturbance; delays at first and later
		if rapid.Bool().Draw(t, "fixed first") && burstTime(burst, l.baud) < 0.8 {
			quiet, least, most, longest = learned, 0.2, 0.8, 1.3
		}
		from := rapid.Float64Range(least, most).Draw(t, "delay")
		to := rapid.Float64Range(0, longest).Draw(t, "later delay")
		change := rapid.IntRange(quiet, seconds).Draw(t, "change")
		over := rapid.IntRange(1, 60).Draw(t, "over")
		jitter := rapid.SliceOfN(rapid.Float64Range(-0.05, 0.05), seconds, seconds).Draw(t, "jitter")
		lost := map[int]bool{}
		for _, gap := range rapid.SliceOfN(rapid.IntRange(quiet, seconds), 0, 5).Draw(t, "lost") {
			for i := range rapid.IntRange(1, 20).Draw(t, "edges") {
				lost[gap+i] = true
			}
		}
		l.lost = func(k int) bool { return lost[k] }
		l.delay = func(k int) float64 {
			d := from + (to-from)*max(0, min(1, float64(k-change)/float64(over)))
			return max(0, min(d+jitter[k], longest))
		}
		for _, g := range rapid.SliceOfN(rapid.Float64Range(float64(quiet), seconds), 0, 10).Draw(t, "glitches") {
			if _, phase := math.Modf(g); phase > 0.02 && phase < 0.98 {
				l.glitches = append(l.glitches, g)
			}
		}
		var p Pairing
		right, wrong := l.play(&p, seconds)
		if wrong > 0 || quiet > 0 && !p.Anchored() {
			t.Fatalf("%d right, %d wrong, anchored %v", right, wrong, p.Anchored())
		}
	})
}

// With a witness good to 0.3 s the delay may be anything from a message that names the coming pulse to 1.4 s.
func TestLabelIsRightWithAWitness(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const seconds = 60
		from := rapid.Float64Range(-0.5, 1.4).Draw(t, "delay")
		to := rapid.Float64Range(-0.5, 1.4).Draw(t, "later delay")
		change := rapid.IntRange(0, seconds).Draw(t, "change")
		w := witnessAt(rapid.Float64Range(-600, 2).Draw(t, "read at"), rapid.Float64Range(-0.2, 0.2).Draw(t, "off"), 0.3)
		l := line{
			baud: rapid.SampledFrom(bauds).Draw(t, "baud"), messages: bursts["short"], witness: &w,
			rate: rapid.Float64Range(-90e-6, 90e-6).Draw(t, "rate"),
			delay: func(k int) float64 {
				if k < change {
					return from
				}
				return to
			},
		}
		for _, g := range rapid.SliceOfN(rapid.Float64Range(0, seconds), 0, 4).Draw(t, "glitches") {
			if _, phase := math.Modf(g); phase > 0.02 && phase < 0.98 {
				l.glitches = append(l.glitches, g)
			}
		}
		var p Pairing
		if right, wrong := l.play(&p, seconds); wrong > 0 || len(l.glitches) == 0 && right < seconds-8 {
			t.Fatalf("%d right, %d wrong", right, wrong)
		}
	})
}
