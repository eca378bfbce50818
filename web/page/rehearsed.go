package page

import (
	"cmp"
	"math"
	"slices"

	"timeball/web/api"
	"timeball/web/figure"
)

// rehearsed returns what can be drawn of the rehearsals: finite, above zero, in order.
func (m maker) rehearsed() (all []api.RehearsedPoint) {
	for _, p := range m.s.HoldoverRehearsed {
		sound := p.AfterSeconds > 0 && !math.IsInf(p.AfterSeconds, 1) && p.MedianSeconds > 0 && p.P95Seconds >= p.MedianSeconds && p.P95Seconds < 1
		if n := len(all); sound && (n == 0 || p.AfterSeconds > all[n-1].AfterSeconds) {
			all = append(all, p)
		}
	}
	return all
}

// rehearsedFacts say how often holdovers were rehearsed, and what the longest have erred.
func (m maker) rehearsedFacts() []Fact {
	all := m.rehearsed()
	if len(all) == 0 {
		return []Fact{{m.Say("holdover.rehearsals"), m.Say("holdover.rehearsals.none")}}
	}
	last := all[len(all)-1]
	return []Fact{
		{m.Say("holdover.rehearsals"), count(all[0].Rehearsals)},
		{m.Say("holdover.p95", "span", m.exactSpan(last.AfterSeconds)), figure.Bound(last.P95Seconds, 2)},
	}
}

// rehearsedPoints returns the rehearsals along the forecast's axis; what begins before it is cut there.
func (m maker) rehearsedPoints(points []api.ForecastPoint) []api.RehearsedPoint {
	all, first := m.rehearsed(), points[0].AfterSeconds
	i := slices.IndexFunc(all, func(p api.RehearsedPoint) bool { return p.AfterSeconds >= first })
	if i < 0 {
		return nil
	}
	if i == 0 {
		return all
	}
	before, next := all[i-1], all[i]
	share := math.Log(first/before.AfterSeconds) / math.Log(next.AfterSeconds/before.AfterSeconds)
	between := func(a, b float64) float64 { return a * math.Pow(b/a, share) }
	cut := api.RehearsedPoint{AfterSeconds: first, MedianSeconds: between(before.MedianSeconds, next.MedianSeconds), P95Seconds: between(before.P95Seconds, next.P95Seconds)}
	return append([]api.RehearsedPoint{cut}, all[i:]...)
}

// rehearsedBand draws what rehearsals really erred, from the median to the 95th percentile, so that the forecast can be judged.
func (m maker) rehearsedBand(c *chart, band []api.RehearsedPoint, x, y scale) {
	if len(band) < 2 {
		return
	}
	var xs, top, bottom []float64
	for _, p := range band {
		if p.AfterSeconds <= x.high {
			xs, top, bottom = append(xs, x.at(p.AfterSeconds)), append(top, y.up(p.P95Seconds)), append(bottom, y.up(p.MedianSeconds))
		}
	}
	c.Caption = m.Say("holdover.caption.band", "n", count(m.rehearsed()[0].Rehearsals))
	c.Areas = append(c.Areas, stroke{"band", envelope(xs, top, bottom)})
	last := len(xs) - 1
	c.Labels = append(c.Labels, label{X: xs[last] / 10, Y: (top[last] + bottom[last]) / 20, DX: 6, DY: 4, Anchor: "start", Text: m.Say("holdover.band.label"), Strong: true})
}

// forecastTable has the bound and what was rehearsed, in the order of their lengths.
func (m maker) forecastTable(points []api.ForecastPoint, x scale) table {
	t := table{Head: numbersHead(m.Say("holdover.head.after"), m.Say("mark.bound"), m.Say("holdover.head.median"), m.Say("holdover.head.p95"), m.Say("holdover.rehearsals"))}
	type line struct {
		after float64
		row   row
	}
	var lines []line
	for _, p := range points {
		lines = append(lines, line{p.AfterSeconds, textRow(px(x.at(p.AfterSeconds)), m.span(p.AfterSeconds), "≤\u00a0"+figure.Bound(p.BoundSeconds, 2), figure.Unknown, figure.Unknown, figure.Unknown)})
	}
	for _, p := range m.rehearsed() {
		at := ""
		if p.AfterSeconds >= x.low && p.AfterSeconds <= x.high {
			at = px(x.at(p.AfterSeconds))
		}
		lines = append(lines, line{p.AfterSeconds, textRow(at, m.exactSpan(p.AfterSeconds), figure.Unknown, figure.Bound(p.MedianSeconds, 2), figure.Bound(p.P95Seconds, 2), count(p.Rehearsals))})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.after, b.after) })
	for _, l := range lines {
		t.Rows = append(t.Rows, l.row)
	}
	return t
}

// exactSpan writes a time of minutes in seconds, so that powers of two are told apart from whole minutes.
func (m maker) exactSpan(seconds float64) string {
	if seconds < 1000 {
		return m.Prose(figure.Decimal(seconds, 0) + "\u00a0s")
	}
	return m.span(seconds)
}
