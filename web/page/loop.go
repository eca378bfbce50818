package page

import (
	"math"
	"strings"

	"timeball/web/figure"
	"timeball/web/verdict"
)

// ruler shows several widths around UTC on one axis, in thousandths of its width; 500 is UTC.
type ruler struct {
	Rows []rulerRow
	Axis []tick
}

type rulerRow struct {
	Name, What, Mark, Value string
	Band                    bar
	Kind                    string  // band, dot, cross or limit
	At                      float64 // of a dot or cross, in percent
}

func (m maker) loopPanel() Panel {
	p := Panel{ID: "loop", Answer: m.loopAnswer()}
	if m.s.Mode == verdict.Quarantine {
		p.Mark = "triangle"
	}
	p.Facts = []Fact{
		{m.Say("loop.offset"), offset(m.s.OffsetSeconds)},
		{m.Say("loop.precision"), duration(m.s.PrecisionSeconds, 2)},
	}
	history, facts := m.offsetChart()
	p.Facts = append(p.Facts, facts...)
	p.Facts = append(p.Facts, Fact{m.Say("loop.used"), figure.Count(m.s.PulsesAccepted)}, Fact{m.Say("loop.refused"), figure.Count(m.s.PulsesRefused)})
	p.Blocks = []Block{{ID: "loop-now", Body: m.loopNow()}, {ID: "loop-offset", Body: history}, {ID: "loop-jitter", Body: m.jitterChart()}}
	return p
}

func (m maker) loopNow() any {
	s := m.s
	switch {
	case s.Mode == verdict.Quarantine:
		return empty{m.Say("loop.quarantine.title"), m.Say("loop.quarantine.text")}
	case s.OffsetSeconds == nil || s.PrecisionSeconds == nil || m.boundWords() == "":
		return empty{m.Say("loop.none.title"), m.Say("loop.none.text")}
	}
	return m.newRuler()
}

func (m maker) loopAnswer() string {
	s := m.s
	pulses := m.Say("loop.pulses-none")
	if all := s.PulsesAccepted + s.PulsesRefused; all > 0 {
		pulses = m.Say("loop.pulses", "n", figure.Count(s.PulsesAccepted), "all", figure.Count(all))
	}
	switch {
	case s.Mode == verdict.Locked && s.PrecisionSeconds != nil:
		return m.Say("loop.yes", "sigma", m.Prose(figure.Duration(*s.PrecisionSeconds, 2)), "pulses", pulses)
	case s.Mode == verdict.Holdover:
		return m.Say("loop.did", "span", m.span(s.ModeSeconds))
	case s.Mode == verdict.Acquiring:
		return m.Say("loop.settles", "pulses", pulses)
	case s.Mode == verdict.Quarantine:
		return m.Say("loop.disbelieved")
	}
	return m.Say("loop.no")
}

func (m maker) newRuler() ruler {
	s := m.s
	top, axis := symmetricAxis(*s.BoundSeconds)
	at := func(v float64) float64 { return 500 + 500*max(-1, min(1, v/top)) }
	band := func(half float64) bar { return bar{X: at(-half), Width: at(half) - at(-half)} }
	r := ruler{Axis: axis, Rows: []rulerRow{
		{Name: m.Say("ruler.offset"), What: m.Say("ruler.offset.what"), Value: figure.Offset(*s.OffsetSeconds), Kind: "dot", At: at(*s.OffsetSeconds) / 10},
		{Name: m.Say("mark.precision"), What: m.Say("ruler.precision.what"), Mark: "precision", Value: "±\u00a0" + figure.Duration(*s.PrecisionSeconds, 2), Kind: "band", Band: band(*s.PrecisionSeconds)},
	}}
	if s.BiasSeconds != nil && s.BiasSigmaSeconds != nil {
		r.Rows = append(r.Rows, rulerRow{
			Name: m.Say("ruler.bias"), What: m.Say("ruler.bias.what", "bias", figure.Offset(*s.BiasSeconds)), Mark: "bias",
			Value: "±\u00a0" + figure.Duration(*s.BiasSigmaSeconds, 2), Kind: "band", Band: band(*s.BiasSigmaSeconds),
		})
	}
	r.Rows = append(r.Rows, rulerRow{Name: m.Say("mark.bound"), What: m.Say("ruler.bound.what"), Mark: "bound", Value: "±\u00a0" + figure.Bound(*s.BoundSeconds, 2), Kind: "limit", Band: band(*s.BoundSeconds)})
	if s.SimErrorSeconds != nil {
		r.Rows = append(r.Rows, rulerRow{Name: m.Say("ruler.true"), What: m.Say("ruler.true.what"), Mark: "true", Value: figure.Offset(*s.SimErrorSeconds), Kind: "cross", At: at(*s.SimErrorSeconds) / 10})
	}
	return r
}

// symmetricAxis returns the half width of a round axis around zero that holds greatest, and its ticks.
func symmetricAxis(greatest float64) (top float64, ticks []tick) {
	top, _ = niceAxis(greatest)
	unit := figure.UnitFor(top, 3)
	for i := range 5 {
		v := top * (float64(i)/2 - 1)
		t := tick{Percent: 25 * float64(i), Anchor: "middle", Text: trimZeros(unit.Format(v, 2))}
		switch {
		case i == 0:
			t.Anchor = "start"
		case i == 4:
			t.Anchor, t.Text = "end", "+"+t.Text+"\u00a0"+unit.Name
		case i == 3:
			t.Text = "+" + t.Text
		}
		ticks = append(ticks, t)
	}
	return top, ticks
}

// offsetChart draws the history of the offset, with its histogram on the same axis.
func (m maker) offsetChart() (any, []Fact) {
	raw, ok := newTrack(m.d.History, "offset_seconds", 1)
	if !ok {
		return empty{m.Say("loop.history.title"), m.Say("history.empty")}, nil
	}
	low, high := raw.limits()
	greatest := max(math.Abs(low), math.Abs(high))
	unit := figure.UnitFor(greatest, 2)
	if y, _ := niceScale(-greatest, greatest, 6); y.high > 999*unit.Seconds { // "1 000 ns" is 1 us
		unit = figure.UnitFor(y.high*1.001, 2)
	}
	t, _ := newTrack(m.d.History, "offset_seconds", 1/unit.Seconds)
	y, ticks := niceScale(-greatest/unit.Seconds, greatest/unit.Seconds, 6)
	write := signedPlain(y.high / 100)
	c := chart{Title: m.Say("loop.history.title"), Height: "m"}
	c.Caption = m.Say("loop.history.caption", "window", m.windowWords(&t), "step", m.span(t.step))
	c.yAxis(y, ticks, unit.Name, signedPlain(ticks[1]-ticks[0]))
	c.Table.Head = numbersHead(m.Say("chart.from"), m.Say("chart.least", "unit", unit.Name), m.Say("chart.median", "unit", unit.Name), m.Say("chart.greatest", "unit", unit.Name))
	t.draw(&c, y, write)
	t.timeTicks(&c, m.Say("chart.now"))
	c.Readout = m.readout(c.Table)
	c.Side = m.histogram(&t, y)
	worst := low
	if high > -low {
		worst = high
	}
	return c, []Fact{{m.Say("loop.worst", "window", m.windowWords(&t)), figure.Offset(worst)}}
}

// readout says the newest line of a table as the crosshair says any other.
func (m maker) readout(t table) string {
	if len(t.Rows) == 0 {
		return ""
	}
	cells := t.Rows[0].Cells
	text, unit := cells[0].Text, ""
	for i, c := range cells[1:] { // a head is "median, ns": the unit is said once, behind the last figure
		name, of, _ := strings.Cut(strings.Replace(t.Head[i+1].Text, "，", ", ", 1), ", ")
		text, unit = text+"  "+name+" "+c.Text, of
	}
	return strings.TrimSpace(text + " " + unit)
}
