package sysclock

import (
	"testing"
)

// Both clocks of a quick reading lie between two whole readings, to the 1 us that the whole ones take, and cost nothing.
func TestQuickReadsTheSameClocks(t *testing.T) {
	quick, monitor := Quick(), NewMonitor()
	const slack = maxBracket
	for range 100 {
		before, err := monitor.Read()
		if err != nil {
			t.Fatal(err)
		}
		real, mono := quick()
		after, err := monitor.Read()
		if err != nil {
			t.Fatal(err)
		}
		if real < before.Real-slack || real > after.Real+slack || mono < before.Mono-slack || mono > after.Mono+slack {
			t.Fatalf("real %d, mono %d: not between %+v and %+v", real, mono, before, after)
		}
	}
	if n := testing.AllocsPerRun(100, func() { quick() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkQuick(b *testing.B) {
	quick := Quick()
	for b.Loop() {
		quick()
	}
}
