package page

import (
	"math"

	"timeball/web/api"
	"timeball/web/figure"
	"timeball/web/verdict"
	"timeball/web/words"
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
	Within              bool // not counted apart: no bar
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
	key     string
	counted bool // its seconds are of the bound
	seconds float64
	sigma   *float64
	state   string
}

// budgetMarks are the marks that some parts have on the dial.
var budgetMarks = map[string]string{"capture": "bias", "loop": "precision"}

// boundParts returns the causes in the order of the signal; nil unless they are known and add up to the bound.
func (m maker) boundParts() []part {
	var parts []part
	sum := 0.0
	for _, p := range m.s.BoundParts {
		one := part{key: p.Name, sigma: p.SigmaSeconds, state: p.State, counted: p.State == api.PartCounted}
		if !words.Has("budget." + p.Name) {
			one.key = "other"
		}
		if one.counted {
			if p.Seconds == nil || !(*p.Seconds >= 0) {
				return nil
			}
			one.seconds = *p.Seconds
		}
		sum += one.seconds
		parts = append(parts, one)
	}
	if bound := *m.s.BoundSeconds; !(math.Abs(sum-bound) <= 1e-6*bound) {
		return nil
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
	for _, p := range parts {
		row := budgetRow{Name: m.Say("budget." + p.key), What: m.partWords(p), Mark: budgetMarks[p.key], Sigma: duration(p.sigma, 2)}
		if !p.counted {
			row.Within, row.Value = true, m.Say("budget.state."+p.state)
			b.Rows = append(b.Rows, row)
			continue
		}
		row.Bar = bar{X: 1000 * at / top, Width: 1000 * p.seconds / top, Other: len(b.Bars)%2 == 1}
		row.Most, row.Value, row.Share = p.seconds > bound/2, unit.Format(p.seconds, places)+"\u00a0"+unit.Name, share(p.seconds, bound)
		b.Rows, b.Bars = append(b.Rows, row), append(b.Bars, row.Bar)
		at += p.seconds
	}
	return b
}

// partWords says what a part is, and what was done about it.
func (m maker) partWords(p part) string {
	switch {
	case p.key == "capture" && m.s.BiasSeconds != nil:
		return m.Say("budget.capture.removed", "bias", figure.Offset(-*m.s.BiasSeconds))
	case p.key == "oscillator" && m.s.Mode == verdict.Holdover:
		return m.Say("budget.oscillator.alone", "span", m.span(m.s.ModeSeconds))
	case p.key == "receiver" && p.sigma != nil:
		return m.Say("budget.receiver.told")
	case p.key == "sawtooth" && words.Has("budget.sawtooth."+p.state):
		return m.Say("budget.sawtooth." + p.state)
	}
	return m.Say("budget." + p.key + ".what")
}

func share(part, whole float64) string {
	if !(whole > 0) {
		return figure.Unknown
	}
	if part > 0 && part < whole/200 { // "0 %" would say that it is nothing
		return "<\u00a01\u00a0%"
	}
	return figure.Percent(part / whole)
}
