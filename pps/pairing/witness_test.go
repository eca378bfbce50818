package pairing

import (
	"fmt"
	"math"
	"testing"

	"timeball/pps/clock"
)

// A witness that is heard when seconds are counted already supports the count or overrules it.
func TestWitnessHeardAfterTheCount(t *testing.T) {
	tests := []struct {
		off         float64
		uncertainty clock.Seconds
		want        Verdict
		witnessed   bool
		overruled   bool
	}{
		{0.2, 0.3, Confirms, true, false},
		{-0.29, 0.3, Confirms, true, false},
		{0.31, 0.3, Denies, false, false}, // it is right to no second
		{-0.5, 0.03, Denies, false, false},
		{1.2, 0.3, Denies, false, true},
		{-18, 0.05, Denies, false, true},
		{0.4, 0.6, Confirms, false, false},   // a date, no second
		{-18, 0.6, Denies, false, false},     // it may be wrong: it can't tell seconds apart
		{300, 43200, Confirms, false, false}, // within its 12 h
		{0, clock.Seconds(math.NaN()), Unheard, false, false},
		{0, -1, Unheard, false, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%v +- %v", tt.off, tt.uncertainty), func(t *testing.T) {
			p := fixed(t, 0.3)
			p.Witness(witnessAt(9.7, tt.off, tt.uncertainty))
			got := p.Testimonies()[0]
			if got.Verdict != tt.want || p.Witnessed() != tt.witnessed || p.Overruled() != tt.overruled {
				t.Errorf("%v, witnessed %v, overruled %v, want %v, %v, %v", got.Verdict, p.Witnessed(), p.Overruled(), tt.want, tt.witnessed, tt.overruled)
			}
			if tt.want != Unheard && abs(got.Offset+clock.Seconds(tt.off)) > 1e-6 {
				t.Errorf("offset %v, want %v", got.Offset, -tt.off)
			}
		})
	}
}

func TestForgottenCountIsNoWitness(t *testing.T) {
	p := fixed(t, 0.3)
	p.Witness(witnessAt(9.7, 0, 0.1))
	p.Forget()
	if got := p.Testimonies()[0]; got.Verdict != Unheard || got.Offset != 0 || p.Witnessed() {
		t.Errorf("%+v, witnessed %v", got, p.Witnessed())
	}
}

// Two clocks that agree are not given up because of one receiver.
func TestTwoWitnessesAreNotGivenUp(t *testing.T) {
	for _, second := range []float64{0, 40} {
		var p Pairing
		a, b := witnessAt(0, 0, 0.1), witnessAt(0, second, 0.2)
		a.Name, b.Name = "a", "b"
		p.Witness(a)
		p.Witness(b)
		for k := range 60 {
			p.Edge(edgeAt(float64(k)), ppm500)
			p.Mark(rmc(k+86400, float64(k)+0.3), ppm500)
		}
		if got, want := p.Anchored(), second != 0; got != want {
			t.Errorf("second witness %v s off: the receiver was believed: %v, want %v", second, got, want)
		}
	}
}

// The best of several witnesses is not believed against the others, nor against another one and the receiver.
func TestWitnessesVote(t *testing.T) {
	for _, tt := range []struct {
		offs []float64 // of witnesses, ever worse
		late float64   // of the message behind its pulse
		want int       // the label's error
	}{
		{[]float64{1}, 0.3, 1}, // alone it is believed: the message may be late
		{[]float64{1, 0}, 0.3, 0},
		{[]float64{-1, 0}, 0.3, 0},
		{[]float64{0, 1}, 0.3, 0},
		{[]float64{0, 1}, 1.3, 0}, // the message says 1 s less than both
		{[]float64{1, 0, 0}, 0.3, 0},
		{[]float64{0, 1, 1}, 0.3, 1},
		{[]float64{0, -1, 7, 1, 0.5}, 0.3, 0},
	} {
		var p Pairing
		for i, off := range tt.offs {
			w := witnessAt(0, off, 0.1+0.01*clock.Seconds(i))
			w.Name = fmt.Sprint("w", i)
			p.Witness(w)
		}
		for k := range 8 {
			p.Edge(edgeAt(float64(k)), ppm500)
			p.Mark(rmc(k-int(tt.late), float64(k)+math.Mod(tt.late, 1)), ppm500)
		}
		utc, reason := p.Edge(edgeAt(8), ppm500)
		if got := int((utc - utcOf(8)) / second); got != tt.want || reason != "" {
			t.Errorf("witnesses %v, message late by %v s: the label is %d s off, %q, want %d", tt.offs, tt.late, got, reason, tt.want)
		}
	}
}

// What was read before a sleep is late by as much as that lasted, and 1 s late is what nobody would notice.
func TestSleepEndsWhatWitnessesSay(t *testing.T) {
	p := fixed(t, 0.3)
	clock, calendar := witnessAt(9.7, 0, 0.1), witnessAt(9.7, 0, 43200)
	clock.Name, calendar.Name = "clock", "calendar"
	p.Witness(clock)
	p.Witness(calendar)
	before := p.Hearings()
	p.Slept()
	all := p.Testimonies()
	if len(all) != 1 || all[0].Name != "calendar" || p.Anchored() || p.Hearings() == before {
		t.Errorf("%+v, anchored %v", all, p.Anchored())
	}
}

func TestWitnessThatIsReadAgainReplacesItself(t *testing.T) {
	var p Pairing
	for k := range 3 * maxWitnesses {
		w := witnessAt(float64(k), 0, 0.1)
		w.Name = "rtc"
		if k >= 10 {
			w.Name = fmt.Sprint("server ", k)
		}
		p.Witness(w)
	}
	all := p.Testimonies()
	if len(all) != maxWitnesses {
		t.Fatalf("%d are kept, want %d", len(all), maxWitnesses)
	}
	for _, w := range all {
		if w.At < pulseAt(3*maxWitnesses-maxWitnesses) {
			t.Errorf("%q of %v is kept, newer ones are not", w.Name, w.At)
		}
	}
}

// The end of a burst that began late comes after the next pulse. Nothing else names a second: without knowing when the
// burst began every label would be off by one.
func TestMessageBelongsToThePulseBeforeItsBurst(t *testing.T) {
	for _, begin := range []float64{0.15, 0.5, 0.6, 0.85} {
		for _, length := range []float64{0.3, 0.45, 0.7, 0.79} {
			var p Pairing
			for k := range 20 {
				at := float64(k) + begin
				p.Edge(edgeAt(float64(k)), ppm500)
				if at+length >= float64(k)+1 {
					continue
				}
				p.Began(pulseAt(at))
				p.Mark(of("GNZDA", rmc(k, at+length)), ppm500)
			}
			if begin+length >= 1 {
				for k := 20; k < 40; k++ {
					p.Began(pulseAt(float64(k) - 1 + begin))
					p.Edge(edgeAt(float64(k)), ppm500)
					p.Mark(of("GNZDA", rmc(k-1, float64(k)-1+begin+length)), ppm500)
				}
			}
			wantLabel(t, &p, 40)
		}
	}
}

// Without a silence the beginning of a burst is not known: it is not taken for that of messages a second later.
func TestOldBurstIsNoBeginning(t *testing.T) {
	var p Pairing
	p.Began(pulseAt(-1.2))
	run(&p, 0, 10, 0.3)
	wantLabel(t, &p, 10)
}

// TIM-TP and its kind say which pulse they mean: close to a pulse they are a witness where other messages need one.
func TestMessageAboutAPulseIsAWitness(t *testing.T) {
	tests := []struct {
		at   float64 // of the message about the pulse
		mark float64 // of a message that names the second, 0 = none
		want bool
	}{
		{0.021, 0, true},
		{0.019, 0, false},
		{0.06, 0.05, true},
		{0.5, 0, true},
		{0.89, 0, true},
		{0.91, 0, false},
		{0.04, 0.97, false}, // spoken of the pulse to come, or late by a second?
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.at, tt.mark), func(t *testing.T) {
			var p Pairing
			for k := range 20 {
				p.Edge(edgeAt(float64(k)), ppm500)
				if tt.mark != 0 {
					named := k
					if tt.mark > 0.9 {
						named = k + 1
					}
					p.Mark(rmc(named, float64(k)+tt.mark), ppm500)
				}
				p.Pulse(of("TIM-TP", rmc(k, float64(k)+tt.at)), ppm500)
			}
			if p.Anchored() != tt.want {
				t.Fatalf("anchored %v, want %v", p.Anchored(), tt.want)
			}
			if tt.want {
				wantLabel(t, &p, 20)
			}
		})
	}
}

// What this very receiver's delay was is a witness after a restart.
func TestRecalledDelayIsAWitness(t *testing.T) {
	for _, delay := range []float64{-0.3, 0.03, 0.5, 0.97, 1.2, 1.4} {
		var before Pairing
		before.Witness(witnessAt(0, 0, 0.1))
		begin := int(math.Floor(delay))
		for k := range 30 {
			before.Edge(edgeAt(float64(k)), ppm500)
			before.Mark(rmc(k-begin, float64(k)+delay-float64(begin)), ppm500)
		}
		var p Pairing
		taught := before.Delays()
		if len(taught) != 1 || abs(taught["GNRMC"]-clock.Seconds(delay)) > 1e-3 {
			t.Fatalf("delay %v was learned as %v", delay, taught)
		}
		p.Recall("GNRMC", taught["GNRMC"])
		for k := range 10 {
			p.Edge(edgeAt(float64(k)), ppm500)
			p.Mark(rmc(k-begin, float64(k)+delay-float64(begin)), ppm500)
		}
		wantLabel(t, &p, 10)
		if p.Witnessed() {
			t.Error("a delay says nothing of the leap seconds")
		}
	}
	var p Pairing
	p.Recall("GNRMC", 7)
	p.Recall("GNRMC", clock.Seconds(math.NaN()))
	if len(p.Delays()) != 0 {
		t.Error("an impossible delay is recalled")
	}
}
