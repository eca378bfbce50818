package timing

import (
	"testing"

	"timeball/gnss"
	"timeball/pps"
	"timeball/pps/clock"
	"timeball/pps/discipline"
)

// sayPulse lets the receiver tell of a pulse, at after the last tick.
func (b *bench) sayPulse(p gnss.PulseTime) {
	p.Arrival, p.Message = b.clock.now.Mono, "TIM-TP"
	b.engine.Take(Event{Kind: KindReport, At: p.Arrival, Report: &gnss.Report{Pulse: &p}})
}

// A receiver that says nothing but which pulse comes next is enough.
func TestPulsesAreNamedByTheMessageAboutThem(t *testing.T) {
	b := newBench(t, false)
	b.engine.fixed = true
	for range 20 {
		b.run(1, act{pulse: true})
		b.sayPulse(gnss.PulseTime{UTC: b.utc, Valid: true, Base: "UTC"}) // 1 s after the pulse: of the one that comes now
	}
	if b.engine.pairing.Anchored() {
		t.Error("labels by a message that comes with the pulse")
	}
	b = newBench(t, false)
	for range 20 {
		at := b.clock.now.Mono
		b.seq++
		b.engine.Take(Event{Kind: KindEdge, At: at, Edge: &pps.Edge{Seq: b.seq, Earliest: at, Latest: at}})
		b.clock.now.Mono += second / 20
		b.clock.now.Real += second / 20
		b.sayPulse(gnss.PulseTime{UTC: b.utc + second, Valid: true, Base: "UTC"})
		b.clock.now.Mono += second - second/20
		b.clock.now.Real += second - second/20
		b.clock.now.Boot += second
		b.utc += second
	}
	if got, ok := b.engine.pairing.Second(b.clock.now.Mono, 0); !ok || got != b.utc {
		t.Errorf("counted %v, %v, want %v", got, ok, b.utc)
	}
}

func TestQuantisationGoesToItsPulse(t *testing.T) {
	const q = 7e-9
	at := func(s float64) clock.Mono { return clock.Mono(s * second) }
	tests := []struct {
		name string
		say  gnss.PulseTime
		edge clock.Mono
		want bool
	}{
		{"the next pulse", gnss.PulseTime{Arrival: at(10.1), UTC: start + 11*second}, at(11), true},
		{"without a name", gnss.PulseTime{Arrival: at(10.1)}, at(11), true},
		{"a nanosecond beside the second", gnss.PulseTime{Arrival: at(10.1), UTC: start + 11*second - 3}, at(11), true},
		{"another second", gnss.PulseTime{Arrival: at(10.1), UTC: start + 12*second}, at(11), false},
		{"a lost pulse", gnss.PulseTime{Arrival: at(9.9)}, at(11), false},
		{"a pulse that has been", gnss.PulseTime{Arrival: at(10.1), Past: true}, at(11), false},
		{"came after the edge", gnss.PulseTime{Arrival: at(11.1)}, at(11), false},
	}
	for _, tt := range tests {
		b := newBench(t, true)
		tt.say.Quantisation, tt.say.HasQuantisation = q, true
		b.engine.pulse(tt.say)
		m := pps.Measurement{At: tt.edge, UTC: start + 11*second}
		b.engine.quantise(&m)
		if m.HasQuantisation != tt.want || tt.want && m.Quantisation != q {
			t.Errorf("%s: %v, %v", tt.name, m.Quantisation, m.HasQuantisation)
		}
		again := pps.Measurement{At: tt.edge + second, UTC: start + 12*second}
		if b.engine.quantise(&again); tt.want && again.HasQuantisation {
			t.Errorf("%s: used twice", tt.name)
		}
	}
}

// A message about a pulse whose time is not vouched for gives no label.
func TestPulseThatIsNotVouchedForIsNoLabel(t *testing.T) {
	b := newBench(t, false)
	b.run(1, act{pulse: true})
	b.sayPulse(gnss.PulseTime{UTC: b.utc, Base: "UTC"})
	b.sayPulse(gnss.PulseTime{Valid: true, Base: "GPS"})
	if got := b.engine.pairing.Testimonies(); len(got) != 0 || b.engine.pairing.Anchored() {
		t.Error("it was taken")
	}
	b.want(b.engine.Snapshot(), discipline.FreeRunning, "")
}
