package main

import (
	"math"
	"testing"

	"timeball/board/sim"
)

func model(t *testing.T, name string) sim.Model {
	t.Helper()
	m, err := sim.ModelNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The limits are what the loop was asked to reach over five seeds, with 5 % for one seed alone; chrony's figures are the
// first of each comment.
func TestSteadyStateIsWithinItsFigures(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates 30 h of each model; the whole tests have it")
	}
	for name, want := range map[string]struct{ sd, p99, bias float64 }{
		"pi-load":  {105e-9, 285e-9, 10e-9}, // 356
		"pi-quiet": {52e-9, 140e-9, 5e-9},   // 88
		"pi-hwts":  {7.8e-9, 21e-9, 2e-9},   // 13.1
		"tcxo":     {40e-9, 106e-9, 5e-9},   // 69
		"ocxo":     {1.7e-9, 5e-9, 1e-9},    // 2.7
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := steady.run(model(t, name), 1, true, true)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("SD %.3g, p99 %.3g, bias %.3g", r.sd, r.p99, r.bias)
			if r.sd > 1.05*want.sd || r.p99 > 1.05*want.p99 || math.Abs(r.bias) > 1.05*want.bias || r.dishonest > 0 {
				t.Errorf("SD %.3g, p99 %.3g, bias %.3g, dishonest %d, want at most %+v and none", r.sd, r.p99, r.bias, r.dishonest, want)
			}
		})
	}
}

func TestColdStartIsWithinItsFigures(t *testing.T) {
	for name, most := range map[string]float64{"pi-load": 40, "pi-quiet": 10, "pi-hwts": 8, "tcxo": 10, "ocxo": 8} {
		x := cold
		x.seconds = 300
		for seed := uint64(1); seed <= 5; seed++ {
			r, err := x.run(model(t, name), seed, true, false)
			if err != nil {
				t.Fatal(err)
			}
			if r.to1us > most {
				t.Errorf("%s seed %d: 1 us after %v s, want %v", name, seed, r.to1us, most)
			}
		}
	}
}

// After a day of lock, at 1, 4 and 24 h: a fifth, a tenth and a twentieth of what chrony erred on the same noise.
func TestHoldoverIsWithinItsFigures(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates two days; the whole tests have it")
	}
	chrony := readChrony(chronyTable)["hold24_us pi-load 1"]
	r, err := hold24.run(model(t, "pi-load"), 1, true, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range [3]float64{5, 10, 20} {
		got := r.after[i] * 1e6
		t.Logf("after %d h: %.3g us, chrony %.3g", horizons[i]/3600, got, chrony[i])
		if chrony[i] == 0 || got > chrony[i]/part {
			t.Errorf("after %d h: %.3g us, chrony %.3g, want 1/%v of it", horizons[i]/3600, got, chrony[i], part)
		}
	}
	if r.dishonest > 0 {
		t.Errorf("%d dishonest answers", r.dishonest)
	}
}
