package page

import (
	"timeball/web/figure"
	"timeball/web/verdict"
)

// budget is the waterfall from the satellites to the answer: each part begins where the last one ended.
type budget struct {
	Rows  []budgetRow
	Total string // exact, rounded up
	Bars  []bar  // of the total
	Axis  []tick
}

type budgetRow struct {
	Name, What, Mark    string
	Sigma, Value, Share string
	Bar                 bar
	Most                bool // more than half of the bound
}

func (m maker) budgetPanel() Panel {
	p := Panel{ID: "budget"}
	block := func(body any) Panel {
		p.Blocks = []Block{{ID: "budget-fall", Body: body}}
		return p
	}
	if m.s.Mode == verdict.Quarantine {
		p.Answer, p.Mark = m.Say("budget.quarantine"), "octagon"
		return block(empty{m.Say("budget.quarantine.title"), m.Say("budget.quarantine.text")})
	}
	if m.boundWords() == "" {
		p.Answer = m.Say("budget.none")
		return block(empty{m.Say("budget.none.title"), m.Say("budget.none.text")})
	}
	parts := m.boundParts()
	p.Answer = m.Say("budget.answer", "bound", m.Prose(figure.Bound(*m.s.BoundSeconds, 2)), "leading", m.leading(parts))
	p.Facts = []Fact{{m.Say("budget.exact"), "≤\u00a0" + figure.Bound(*m.s.BoundSeconds, 4)}}
	if verdict.Served(m.s) && m.s.RootDispersionSeconds != nil {
		p.Facts = append(p.Facts, Fact{m.Say("budget.dispersion"), figure.Duration(*m.s.RootDispersionSeconds, 4)},
			Fact{m.Say("budget.step"), m.Say("budget.step.value")})
	}
	p.Facts = append(p.Facts, Fact{m.Say("budget.now"), "±\u00a0" + figure.Bound(*m.s.BoundSeconds, 4)})
	if len(parts) == 0 {
		return block(empty{m.Say("budget.sum.title"), m.Say("budget.sum.text")})
	}
	return block(m.newBudget(*m.s.BoundSeconds, parts))
}

// part is one cause of the bound; key names it in the catalogue.
type part struct {
	key, mark string
	seconds   float64
	sigma     *float64
}

// boundParts returns the causes in the order of the signal; nil unless all are known.
func (m maker) boundParts() []part {
	s := m.s
	pulse := part{key: "loop", mark: "precision", sigma: s.PrecisionSeconds}
	if s.Mode == verdict.Holdover {
		pulse = part{key: "oscillator"}
	}
	var parts []part
	for _, p := range []struct {
		part
		of *float64
	}{{part{key: "reference"}, s.BoundReferenceSeconds}, {part{key: "capture", mark: "bias", sigma: s.BiasSigmaSeconds}, s.BoundCaptureSeconds}, {pulse, s.BoundPulseSeconds}} {
		if p.of == nil || !(*p.of >= 0) {
			return nil
		}
		p.seconds = *p.of
		parts = append(parts, p.part)
	}
	return parts
}

// leading names the part that makes most of the bound, if one does.
func (m maker) leading(parts []part) string {
	if len(parts) == 0 {
		return ""
	}
	var sum float64
	for _, p := range parts {
		sum += p.seconds
	}
	for _, p := range parts {
		name := m.Say("budget." + p.key + ".words")
		switch {
		case p.seconds > 0.9*sum:
			return m.Say("budget.nearly-all", "part", name)
		case p.seconds > 0.5*sum:
			return m.Say("budget.half", "part", name)
		}
	}
	return m.Say("budget.no-single")
}

func (m maker) newBudget(bound float64, parts []part) budget {
	unit := figure.UnitFor(bound, 4)
	places := unit.Decimals(bound, 4)
	top, axis := niceAxis(bound)
	b := budget{Total: figure.Bound(bound, 4), Axis: axis}
	var at float64
	for i, p := range parts {
		piece := bar{X: 1000 * at / top, Width: 1000 * p.seconds / top, Other: i%2 == 1}
		what := m.Say("budget." + p.key + ".what")
		if p.key == "capture" && m.s.BiasSeconds != nil {
			what = m.Say("budget.capture.removed", "bias", figure.Offset(-*m.s.BiasSeconds))
		}
		b.Rows = append(b.Rows, budgetRow{
			Name: m.Say("budget." + p.key), What: what, Mark: p.mark, Bar: piece, Most: p.seconds > bound/2,
			Sigma: duration(p.sigma, 2), Value: unit.Format(p.seconds, places) + "\u00a0" + unit.Name, Share: share(p.seconds, bound),
		})
		b.Bars = append(b.Bars, piece)
		at += p.seconds
	}
	return b
}

func share(part, whole float64) string {
	if !(whole > 0) {
		return figure.Unknown
	}
	return figure.Percent(part / whole)
}
