package oscillator

import (
	"math"
	"testing"
)

func plausible() Memory {
	m := Memory{Centre: 47, Ageing: 2e-14, AgeingSigma: 1e-15}
	for i := range m.Law {
		m.Law[i], m.Sigma[i] = Prior[i]/2, Prior[i]/100
	}
	return m
}

// What can't be a crystal's is not used, whichever field it is.
func TestMemoryThatCannotBeTrueIsInvalid(t *testing.T) {
	if m := plausible(); !m.Valid() {
		t.Fatal("a plausible memory is refused")
	}
	for name, spoil := range map[string]func(*Memory){
		"centre not a number": func(m *Memory) { m.Centre = math.NaN() },
		"centre too hot":      func(m *Memory) { m.Centre = 130 },
		"law not a number":    func(m *Memory) { m.Law[3] = math.NaN() },
		"law too strong":      func(m *Memory) { m.Law[0] = 11 * Prior[0] },
		"sigma missing":       func(m *Memory) { m.Sigma[8] = 0 },
		"sigma infinite":      func(m *Memory) { m.Sigma[8] = math.Inf(1) },
		"ageing not a number": func(m *Memory) { m.Ageing = math.NaN() },
		"ageing too fast":     func(m *Memory) { m.Ageing = -1e-12 },
		"ageing sigma":        func(m *Memory) { m.AgeingSigma = math.NaN() },
		"ageing sigma < 0":    func(m *Memory) { m.AgeingSigma = -1e-15 },
	} {
		m := plausible()
		if spoil(&m); m.Valid() {
			t.Errorf("%s: valid", name)
		}
	}
}

// A restart goes on with law and ageing, and no surer of them than before; one that was never learned begins at the prior.
func TestRestoredLawGoesOn(t *testing.T) {
	m := plausible()
	m.Sigma[0] = 1e-9 * Prior[0]
	var r Rehearsals
	r.Restore(&m)
	law, sigma := r.Law()
	if law != m.Law {
		t.Errorf("law %v, want %v", law, m.Law)
	}
	for i := range sigma {
		if want := max(m.Sigma[i], leastPart*Prior[i]); math.Abs(sigma[i]/want-1) > 1e-9 {
			t.Errorf("sigma %d is %v, want %v", i, sigma[i], want)
		}
	}
	if drift, s := r.Ageing(); drift != m.Ageing || math.Abs(s/m.AgeingSigma-1) > 1e-9 {
		t.Errorf("ageing %v +- %v, want %v +- %v", drift, s, m.Ageing, m.AgeingSigma)
	}
	m.Ageing, m.AgeingSigma = 0, 0
	r = Rehearsals{}
	r.Restore(&m)
	if drift, s := r.Ageing(); drift != 0 || math.Abs(s/priorAgeing-1) > 1e-9 {
		t.Errorf("ageing that was not kept: %v +- %v", drift, s)
	}
}
