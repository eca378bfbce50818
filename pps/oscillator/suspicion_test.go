package oscillator

import (
	"math"
	"testing"

	"timeball/pps/clock"
)

// dragged lets a crystal with white frequency noise live for three hours, then drags its pulses by rate for an hour, and
// returns after how many seconds that was suspected, 0 = never.
func dragged(c *crystal, alive bool, rate float64) int {
	rng := random(7)
	noise := func(int) float64 { return 1e-9 * rng.NormFloat64() }
	c.blind = !alive
	c.live(3*3600, true, noise)
	for k := 1; k <= 3600; k++ {
		c.live(1, true, func(int) float64 { return rate + noise(0) })
		if c.r.suspicion.held {
			return k
		}
	}
	return 0
}

func TestDragIsSuspected(t *testing.T) {
	for _, rate := range []float64{100e-9, -100e-9, 1e-6} {
		var c crystal
		after := dragged(&c, true, rate)
		if after == 0 || math.Abs(float64(after)*rate) > 10e-6 && after > 2*int(period)+1 {
			t.Errorf("drag of %v: suspected after %d s", rate, after)
			continue
		}
		by, sigma, held := c.r.Suspected(c.at(), clock.Seconds(c.phase))
		if off := math.Abs(float64(by) - rate*float64(after)); !held || off > 4*float64(sigma)+0.1*math.Abs(float64(by)) {
			t.Errorf("drag of %v for %d s: said to be off by %v +- %v", rate, after, by, sigma)
		}
	}
}

// What was held is still held an hour later, however long the prediction is by then, and nothing was learned meanwhile;
// it ends when the pulses have come back.
func TestSuspicionLastsUntilThePulseIsBack(t *testing.T) {
	var c crystal
	after := dragged(&c, true, 100e-9)
	if after == 0 {
		t.Fatal("not suspected")
	}
	expected := c.r.Expected(256)
	c.live(3600, true, func(int) float64 { return 100e-9 })
	if by, _, held := c.r.Suspected(c.at(), clock.Seconds(c.phase)); !held || math.Abs(float64(by)-100e-9*float64(after+3600)) > 20e-6 {
		t.Errorf("an hour later: held %v, by %v", held, by)
	}
	if c.r.Expected(256) != expected {
		t.Error("rehearsals have learned from suspected pulses")
	}
	c.phase -= 100e-9 * float64(after+3600)
	c.live(64, true, func(int) float64 { return 0 })
	if _, _, held := c.r.Suspected(c.at(), clock.Seconds(c.phase)); held {
		t.Error("still held when the pulse is back")
	}
}

// A processor that begins to work moves a bare crystal by 8e-7 within minutes: without a thermometer that is no reason to
// doubt the pulse.
func TestHeatThatNobodySeesIsNotSuspected(t *testing.T) {
	load := func(k int) float64 { return 8e-7 * -math.Expm1(-float64(max(0, k-3*3600))/180) }
	for _, blind := range []bool{true, false} {
		var c crystal
		rng := random(8)
		c.blind = blind
		c.live(4*3600, true, func(k int) float64 { return load(k) + 1e-9*rng.NormFloat64() })
		if c.r.suspicion.held == blind {
			t.Errorf("blind %v: suspected %v", blind, c.r.suspicion.held)
		}
	}
}
