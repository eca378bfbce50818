package timing

import (
	"testing"

	"timeball/gnss/timescale"
	"timeball/gnss/ubx"
	"timeball/pps"
	"timeball/pps/clock"
)

// late lets n seconds pass with a receiver whose messages come 1.2 s after the pulse that they name.
func (b *bench) late(n int) {
	const delay = second / 5
	for range n {
		b.seq++
		at := b.clock.now.Mono
		b.engine.Take(Event{Kind: KindEdge, At: at, Edge: &pps.Edge{Seq: b.seq, Earliest: at, Latest: at}})
		b.pass(delay)
		b.utc -= second
		b.message(true)
		b.utc += 2 * second
		b.pass(second - delay)
		b.engine.Take(Event{Kind: KindTick, At: b.clock.now.Mono})
	}
}

func (b *bench) pass(d int64) {
	b.clock.now.Mono += clock.Mono(d)
	b.clock.now.Real += clock.Real(d)
	b.clock.now.Boot += clock.Boot(d)
}

// name lets the receiver say who it is.
func (b *bench) name(module string) {
	v := &ubx.MonVER{SwVersion: "EXT CORE", HwVersion: "00080000", Extensions: []string{"MOD=" + module}}
	b.engine.Take(Event{Kind: KindBytes, At: b.clock.now.Mono, Bytes: ubx.Append(nil, v), Baud: 9600})
}

// What was learned of a receiver with a witness is one after a restart, for this receiver at this rate only.
func TestDelaysAreKeptForTheirReceiver(t *testing.T) {
	before := newBench(t, true)
	before.name("NEO-M8T-0")
	before.late(120)
	known := before.engine.Snapshot().Learned
	if known == nil || known.Receiver == "" || known.Baud != 9600 || known.Delays["GNRMC"] < 1.19 || known.Delays["GNRMC"] > 1.21 {
		t.Fatalf("learned %+v", known)
	}
	for _, tt := range []struct {
		name, module string
		baud         int
		want         timescale.UTC // s by which the count is off
	}{
		{"the same", "NEO-M8T-0", 9600, 0},
		{"another receiver", "NEO-M8N-0", 9600, -1}, // a constant delay above 1 s without a witness is not claimed
		{"another rate", "NEO-M8T-0", 4800, -1},
	} {
		kept := *known
		kept.Baud = tt.baud
		b := dated(t, func(c *Config) { c.Learned = &kept })
		b.name(tt.module)
		b.late(30)
		if got, ok := b.engine.pairing.Second(b.clock.now.Mono, 0); !ok || got-b.utc != tt.want*second {
			t.Errorf("%s: %v, off by %v s, want %v", tt.name, ok, (got-b.utc)/second, tt.want)
		}
	}
}
