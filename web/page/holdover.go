package page

import (
	"fmt"
	"math"

	"timeball/web/api"
	"timeball/web/figure"
	"timeball/web/verdict"
)

// gauge is a small dial of how long the time would last.
type gauge struct {
	Arc, Track string
	Hand       float64 // degrees clockwise from the top
	Labels     []dialLabel
	Unit       string
	Describe   string
}

func (m maker) holdoverPanel() Panel {
	p := Panel{ID: "holdover"}
	block := func(body any) Panel {
		p.Blocks = []Block{{ID: "holdover-forecast", Body: body}}
		return p
	}
	points := m.forecastPoints()
	if m.s.Mode == verdict.Quarantine {
		p.Answer = m.Say("holdover.quarantine")
		return block(empty{m.Say("holdover.quarantine.title"), m.Say("holdover.quarantine.text")})
	}
	if len(points) < 2 {
		p.Answer = m.Say("holdover.none")
		return block(empty{m.Say("holdover.title"), m.Say("holdover.empty")})
	}
	limit := m.s.LimitSeconds
	reserve, reached := math.NaN(), false
	if limit != nil && *limit > 0 {
		reserve, reached = m.crossing(points, *limit)
		p.Gauge = m.newGauge(reserve, reached)
	}
	p.Answer, p.Facts = m.holdoverAnswer(points, reserve, reached), m.holdoverFacts(points)
	if m.s.Mode == verdict.Holdover {
		p.Mark = "triangle"
	}
	return block(m.forecastChart(points, limit))
}

// holdoverAnswer says how long the time would last without a pulse, or lasts.
func (m maker) holdoverAnswer(points []api.ForecastPoint, reserve float64, reached bool) string {
	last := points[len(points)-1]
	with := []string{"span", m.span(m.s.ModeSeconds), "after", m.span(last.AfterSeconds), "bound", m.Prose(figure.Bound(last.BoundSeconds, 2))}
	key := "holdover.after"
	switch {
	case reached:
		key = "holdover.good-for"
		with = append(with, "reserve", m.span(reserve), "limit", m.Prose(figure.Duration(*m.s.LimitSeconds, 2)))
	case m.s.LimitSeconds != nil:
		key = "holdover.longer"
		with = append(with, "limit", m.Prose(figure.Duration(*m.s.LimitSeconds, 2)))
	}
	if m.s.Mode == verdict.Holdover {
		key += ".running"
	}
	return m.Say(key, with...)
}

// holdoverFacts says when round bounds are reached and what the bound is at last.
func (m maker) holdoverFacts(points []api.ForecastPoint) []Fact {
	var facts []Fact
	for _, bound := range []float64{10e-6, 100e-6, 1e-3} {
		if after, ok := m.crossing(points, bound); ok && after > 0 {
			facts = append(facts, Fact{m.Say("holdover.fact", "bound", figure.Duration(bound, 1)), m.span(after)})
		}
	}
	for _, p := range points {
		if p.AfterSeconds == 3600 || p.AfterSeconds == 86400 {
			facts = append(facts, Fact{m.Say("holdover.fact-after", "span", m.span(p.AfterSeconds)), "≤\u00a0" + figure.Bound(p.BoundSeconds, 2)})
		}
	}
	return append(facts, m.rehearsedFacts()...)
}

// crossing returns when the forecast bound passes a limit; between two points it is a straight line of logarithms, and
// rounded down.
func (m maker) crossing(points []api.ForecastPoint, limit float64) (after float64, ok bool) {
	if points[0].BoundSeconds >= limit {
		return 0, points[0].BoundSeconds < 2*limit && *m.s.BoundSeconds < limit
	}
	for i, p := range points[1:] {
		before := points[i]
		if p.BoundSeconds < limit {
			continue
		}
		share := math.Log(limit/before.BoundSeconds) / math.Log(p.BoundSeconds/before.BoundSeconds)
		return before.AfterSeconds * math.Pow(p.AfterSeconds/before.AfterSeconds, share), true
	}
	return 0, false
}

// forecastPoints returns the points that can be drawn: finite, a second or more from now, above zero and in order. Without
// a pulse a bound only grows, so none is below the bound of now, and none is offered without one.
func (m maker) forecastPoints() []api.ForecastPoint {
	if m.boundWords() == "" {
		return nil
	}
	var points []api.ForecastPoint
	for _, p := range m.s.HoldoverForecast {
		if !(p.AfterSeconds >= 1) || figure.Bound(p.BoundSeconds, 2) == "" || p.BoundSeconds == 0 || math.IsInf(p.AfterSeconds, 1) {
			continue
		}
		if n := len(points); n > 0 && p.AfterSeconds <= points[n-1].AfterSeconds {
			continue
		}
		p.BoundSeconds = max(p.BoundSeconds, *m.s.BoundSeconds)
		if p.BoundSeconds > 0 {
			points = append(points, p)
		}
	}
	return points
}

// forecastAt returns the forecast bound after the given time: the next later point, so that it is never too small.
func (m maker) forecastAt(after float64) (bound float64, ok bool) {
	for _, p := range m.forecastPoints() {
		if p.AfterSeconds >= after {
			return p.BoundSeconds, true
		}
	}
	return 0, false
}

// forecastChart draws the bound against the time without a pulse, both logarithmic.
func (m maker) forecastChart(points []api.ForecastPoint, limit *float64) chart {
	c := chart{Title: m.Say("holdover.title"), Caption: m.Say("holdover.caption"), Height: "l"}
	if m.s.Mode == verdict.Holdover {
		c.Title = m.Say("holdover.title.running")
	}
	band := m.rehearsedPoints(points)
	low, high := points[0].BoundSeconds, points[len(points)-1].BoundSeconds
	for _, p := range band {
		low = min(low, p.MedianSeconds)
	}
	if limit != nil && *limit > 0 {
		high = max(high, *limit*1.01)
	}
	first, last := int(math.Floor(math.Log10(low))), int(math.Ceil(math.Log10(high)))
	last = max(last, first+1)
	y := scale{low: math.Pow10(first), high: math.Pow10(last), log: true}
	step := (last - first + 5) / 6
	for n := last; n >= first; n -= step {
		at := y.up(math.Pow10(n))
		c.Y = append(c.Y, tick{Percent: at / 10, Text: figure.Duration(math.Pow10(n), 1)})
		c.Grid += fmt.Sprintf("M0 %sH1000", px(at))
	}
	x := scale{low: points[0].AfterSeconds, high: points[len(points)-1].AfterSeconds, log: true}
	for _, v := range []float64{1, 10, 60, 600, 3600, 6 * 3600, 86400, 7 * 86400, 30 * 86400} {
		if v >= x.low && v <= x.high {
			c.Grid += fmt.Sprintf("M%s 0V1000", px(x.at(v)))
			c.xTick(x.at(v)/10, m.span(v))
		}
	}
	if limit != nil && *limit > 0 {
		c.Hatch = []box{{X: 0, Y: 0, Width: 100, Height: y.up(*limit) / 10}}
		c.Labels = append(c.Labels, label{X: 0, Y: 0, DX: 8, DY: 16, Anchor: "start", Text: m.Say("holdover.hatch", "limit", figure.Duration(*limit, 2))})
	}
	m.forecastLine(&c, points, x, y, limit)
	c.Table = m.forecastTable(points, x)
	m.rehearsedBand(&c, band, x, y)
	return c
}

// forecastLine draws the line and marks where it passes round bounds.
func (m maker) forecastLine(c *chart, points []api.ForecastPoint, x, y scale, limit *float64) {
	var xs, ys []float64
	for _, p := range points {
		xs, ys = append(xs, x.at(p.AfterSeconds)), append(ys, y.up(p.BoundSeconds))
	}
	c.Lines = []stroke{{"line", path(xs, ys)}}
	marks := []float64{10e-6, 100e-6}
	if limit != nil {
		marks = append(marks, *limit)
	}
	for _, bound := range marks {
		after, ok := m.crossing(points, bound)
		if !ok || after < x.low || after > x.high {
			continue
		}
		at := point{X: x.at(after) / 10, Y: y.up(bound) / 10, Class: "now"}
		c.Points = append(c.Points, at)
		c.Labels = append(c.Labels, label{X: at.X, Y: at.Y, DX: -8, DY: -8, Anchor: "end", Text: m.span(after), Strong: true})
	}
}

// newGauge shows the hours in reserve, of twelve; more than that stands at its end.
func (m maker) newGauge(reserve float64, reached bool) *gauge {
	const most, first, sweep, radius = 12.0, -110.0, 220.0, 54.0
	hours := most
	if reached {
		hours = min(most, reserve/3600)
	}
	at := func(h float64) float64 { return first + sweep*(1-h/most) }
	g := &gauge{Hand: at(hours), Unit: m.Say("holdover.gauge"), Track: arc(first, first+sweep, radius), Arc: arc(at(hours), first+sweep, radius)}
	for _, h := range []float64{0, 3, 6, 9, 12} {
		x, y := polar(at(h), radius+16)
		g.Labels = append(g.Labels, dialLabel{x, y + 4, count(int(h))})
	}
	g.Describe = m.Say("holdover.gauge.describe", "hours", trimZeros(figure.Decimal(math.Floor(hours*10)/10, 1)))
	return g
}
