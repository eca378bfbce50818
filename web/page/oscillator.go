package page

import (
	"fmt"
	"math"
	"strings"

	"timeball/web/figure"
)

// mostDots is how many dots a scatter has: more are not told apart.
const mostDots = 240

func (m maker) oscillatorPanel() Panel {
	p := Panel{ID: "oscillator", Answer: m.Say("oscillator.none")}
	if s := m.s; s.FrequencyRatio != nil && !math.IsNaN(*s.FrequencyRatio) {
		y := *s.FrequencyRatio
		pace := "oscillator.fast"
		if y < 0 {
			pace = "oscillator.slow"
		}
		p.Answer = m.Say(pace, "ppm", strings.TrimLeft(figure.Frequency(y), "+−"), "day", m.Prose(figure.Offset(y*86400)))
		sigma := 0.0
		if s.FrequencySigmaRatio != nil {
			sigma = *s.FrequencySigmaRatio
		}
		p.Facts = []Fact{{m.Say("oscillator.frequency"), figure.FrequencySigma(y, sigma)}, {m.Say("oscillator.day"), figure.Offset(y * 86400)}}
	}
	p.Facts = append(p.Facts, m.lawFacts()...)
	if t := m.s.TemperatureCelsius; t != nil {
		p.Facts = append(p.Facts, Fact{m.Say("oscillator.temperature"), figure.Celsius(*t)})
	}
	if u := m.s.Utilisation; u != nil {
		p.Facts = append(p.Facts, Fact{m.Say("oscillator.utilisation"), figure.Percent(*u)})
	}
	for _, point := range m.s.Stability {
		switch point.TauSeconds {
		case 1:
			p.Facts = append(p.Facts, Fact{m.Say("oscillator.adev", "tau", "1\u00a0s"), scientific(point.ADEVRatio)})
		case 1024:
			if point.TDEVSeconds != nil {
				p.Facts = append(p.Facts, Fact{m.Say("oscillator.tdev", "tau", "1024\u00a0s"), figure.Duration(*point.TDEVSeconds, 2)})
			}
		}
	}
	p.Blocks = []Block{{ID: "oscillator-law", Half: true, Body: m.lawChart()}, {ID: "oscillator-stability", Half: true, Body: m.stabilityChart()}}
	return p
}

// scientific writes a ratio as "1.0 × 10⁻⁹".
func scientific(v float64) string {
	if !(v > 0) || math.IsInf(v, 0) {
		return figure.Unknown
	}
	exp := int(math.Floor(math.Log10(v) + 1e-12))
	return figure.Decimal(v/math.Pow10(exp), 1) + "\u00a0×\u00a0" + decade(exp)
}

// lawChart draws frequency against temperature: a dot for each bucket of the history in which both are known.
func (m maker) lawChart() any {
	f, known := newTrack(m.d.History, "frequency_ratio", 1e6)
	t, warm := newTrack(m.d.History, "temperature_celsius", 1)
	none := empty{m.Say("oscillator.law"), m.Say("oscillator.law.empty")}
	if !known || !warm {
		return none
	}
	var xs, ys []float64
	for i := range f.at {
		if !math.IsNaN(f.middle[i]) && !math.IsNaN(t.middle[i]) {
			xs, ys = append(xs, t.middle[i]), append(ys, f.middle[i])
		}
	}
	if len(xs) < 8 {
		return none
	}
	x, xTicks := niceScale(least(xs), greatest(xs), 6)
	curve := m.curve(x)
	y, yTicks := niceScale(min(least(ys), least(curve.y)), max(greatest(ys), greatest(curve.y)), 6)
	c := chart{Title: m.Say("oscillator.law"), Height: "m"}
	c.Caption = m.Say("oscillator.law.caption", "window", m.windowWords(&f), "step", m.span(f.step), "law", m.Say("oscillator.law.none"))
	c.yAxis(y, yTicks, "ppm", signedPlain(yTicks[1]-yTicks[0]))
	for i, v := range xTicks {
		text := plain(xTicks[1] - xTicks[0])(v)
		if i == len(xTicks)-1 {
			text += "\u00a0°C"
		}
		c.Grid += fmt.Sprintf("M%s 0V1000", px(x.at(v)))
		c.xTick(x.at(v)/10, text)
	}
	if len(curve.x) > 0 {
		c.Caption = m.Say("oscillator.law.caption", "window", m.windowWords(&f), "step", m.span(f.step), "law", m.Say("oscillator.law.known"))
		curve.draw(&c, x, y, m.Say("oscillator.law.label"))
	}
	every := (len(xs) + mostDots - 1) / mostDots
	for i := len(xs) - 1; i >= 0; i -= every {
		class := "dot"
		if i == len(xs)-1 {
			class = "now"
		}
		c.Points = append(c.Points, point{x.at(xs[i]) / 10, y.up(ys[i]) / 10, class})
	}
	now := c.Points[0]
	c.Points = append(c.Points[1:], now) // above the others
	c.Labels = append(c.Labels, nowLabel(m.Say("chart.now"), now))
	c.Table = m.lawTable(xs, ys, x)
	return c
}

// nowLabel stands beside a point, on the side where there is room.
func nowLabel(text string, at point) label {
	l := label{X: at.X, Y: at.Y, DX: 10, DY: 16, Anchor: "start", Text: text, Strong: true}
	if at.X > 80 {
		l.DX, l.Anchor = -10, "end"
	}
	if at.Y > 85 {
		l.DY = -10
	}
	return l
}

// lawTable gives the mean and the spread of the frequency in each of at most twelve steps of temperature.
func (m maker) lawTable(xs, ys []float64, x scale) table {
	t := table{Head: numbersHead(m.Say("oscillator.temperature.head"), m.Say("chart.least", "unit", "ppm"), m.Say("chart.mean", "unit", "ppm"), m.Say("chart.greatest", "unit", "ppm"), m.Say("chart.count"), m.Say("oscillator.law.head"), "±\u00a0σ, ppb")}
	step := niceStep(x.high-x.low, 12)
	write := signedPlain(1e-4)
	for from := math.Floor(x.low/step) * step; from < x.high; from += step {
		low, high, sum, n := math.Inf(1), math.Inf(-1), 0.0, 0
		for i, v := range xs {
			if v >= from && v < from+step {
				low, high, sum, n = min(low, ys[i]), max(high, ys[i]), sum+ys[i], n+1
			}
		}
		if n > 0 {
			said, sigma := figure.Unknown, figure.Unknown
			if v, of, ok := m.lawAt(from + step/2); ok {
				said, sigma = write(v), figure.Decimal(1e3*of, 1)
			}
			t.Rows = append(t.Rows, textRow("", plain(step)(from)+"\u00a0– "+plain(step)(from+step), write(low), write(sum/float64(n)), write(high), count(n), said, sigma))
		}
	}
	return t
}

func least(vs []float64) float64 {
	low := math.Inf(1)
	for _, v := range vs {
		low = min(low, v)
	}
	return low
}

func greatest(vs []float64) float64 {
	high := math.Inf(-1)
	for _, v := range vs {
		high = max(high, v)
	}
	return high
}

// stabilityChart draws the deviations of the undisciplined oscillator, both scales logarithmic.
func (m maker) stabilityChart() any {
	var taus, adev, mdev []float64
	for _, p := range m.s.Stability {
		if !(p.TauSeconds > 0) || !(p.ADEVRatio > 0) || math.IsInf(p.ADEVRatio, 1) {
			continue
		}
		modified := math.NaN()
		if p.MDEVRatio != nil && *p.MDEVRatio > 0 {
			modified = *p.MDEVRatio
		}
		taus, adev, mdev = append(taus, p.TauSeconds), append(adev, p.ADEVRatio), append(mdev, modified)
	}
	if len(taus) < 3 {
		return empty{m.Say("oscillator.stability"), m.Say("oscillator.stability.empty")}
	}
	low, high := least(adev), greatest(adev)
	for _, v := range mdev {
		if !math.IsNaN(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	c := chart{Title: m.Say("oscillator.stability"), Caption: m.Say("oscillator.stability.caption"), Height: "m"}
	x := c.decades(taus[0], taus[len(taus)-1], "s")
	y := c.heights(low, high)
	xs := along(taus, x.at)
	c.Lines = []stroke{{"line", path(xs, along(adev, y.up))}, {"line dash", path(xs, along(mdev, y.up))}}
	c.Labels = m.stabilityLabels(x, y, taus, adev, mdev)
	c.Table.Head = numbersHead("τ, s", "ADEV", "MDEV", m.Say("oscillator.tdev.head"))
	for i, p := range m.s.Stability {
		if i < len(taus) && p.TauSeconds == taus[i] {
			tdev := duration(p.TDEVSeconds, 2)
			c.Table.Rows = append(c.Table.Rows, textRow(px(xs[i]), figure.Decimal(p.TauSeconds, 0), scientific(adev[i]), scientific(mdev[i]), tdev))
		}
	}
	return c
}

// stabilityLabels names the two lines where they are farthest apart, or at their end.
func (m maker) stabilityLabels(x, y scale, taus, adev, mdev []float64) []label {
	last := len(taus) - 1
	labels := []label{{X: x.at(taus[last]) / 10, Y: y.up(adev[last]) / 10, DX: -4, DY: -9, Anchor: "end", Text: "ADEV", Strong: true}}
	for i := last; i > 0; i-- {
		if !math.IsNaN(mdev[i]) && mdev[i] < adev[i]*0.9 {
			return append(labels, label{X: x.at(taus[i]) / 10, Y: y.up(mdev[i]) / 10, DX: -4, DY: 16, Anchor: "end", Text: "MDEV", Strong: true})
		}
	}
	return labels
}

// decades puts a logarithmic axis of powers of ten below the plot.
func (c *chart) decades(low, high float64, unit string) scale {
	first, last := int(math.Floor(math.Log10(low)+1e-9)), int(math.Ceil(math.Log10(high)-1e-9))
	last = max(last, first+1)
	s := scale{low: math.Pow10(first), high: math.Pow10(last), log: true}
	for n := first; n <= last; n++ {
		text := decade(n)
		if n == last {
			text += "\u00a0" + unit
		}
		at := s.at(math.Pow10(n))
		c.Grid += fmt.Sprintf("M%s 0V1000", px(at))
		c.xTick(at/10, text)
	}
	return s
}

// heights puts a logarithmic axis of powers of ten beside the plot.
func (c *chart) heights(low, high float64) scale {
	first, last := int(math.Floor(math.Log10(low)+1e-9)), int(math.Ceil(math.Log10(high)-1e-9))
	last = max(last, first+1)
	s := scale{low: math.Pow10(first), high: math.Pow10(last), log: true}
	for n := first; n <= last; n++ {
		at := s.up(math.Pow10(n))
		c.Grid += fmt.Sprintf("M0 %sH1000", px(at))
		c.Y = append(c.Y, tick{Percent: at / 10, Text: decade(n)})
	}
	return s
}
