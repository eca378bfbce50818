package page

import (
	"math"

	"timeball/web/figure"
)

// lawAt returns the frequency in ppm that the learned law gives a temperature, and its sigma; false where there is no law.
func (m maker) lawAt(celsius float64) (ppm, sigma float64, ok bool) {
	l := m.s.OscillatorLaw
	if l == nil || len(l.Coefficients) != 3 || len(l.Covariance) != 6 {
		return 0, 0, false
	}
	d, c, v := celsius-l.CentreCelsius, l.Coefficients, l.Covariance
	variance := v[0] + 2*d*v[1] + d*d*(2*v[2]+v[3]) + 2*d*d*d*v[4] + d*d*d*d*v[5]
	ppm, sigma = 1e6*(c[0]+d*(c[1]+d*c[2])), 1e6*math.Sqrt(max(0, variance))
	return ppm, sigma, !math.IsNaN(ppm+sigma) && !math.IsInf(ppm+sigma, 0)
}

// lawFacts say what the law makes of the present temperature, and what it can't explain.
func (m maker) lawFacts() []Fact {
	l, t := m.s.OscillatorLaw, m.s.TemperatureCelsius
	if l == nil {
		return []Fact{{m.Say("oscillator.says"), m.Say("oscillator.says.none")}}
	}
	var facts []Fact
	if t != nil {
		if ppm, sigma, ok := m.lawAt(*t); ok {
			facts = append(facts, Fact{m.Say("oscillator.says"), figure.FrequencySigma(ppm*1e-6, sigma*1e-6)})
		}
	}
	const ppb = 1e9
	if sigma := l.AgeingSigmaRatioPerDay; sigma > 0 && sigma*ppb < 1e4 {
		places := 1
		if sigma*ppb < 0.095 {
			places = 3
		}
		facts = append(facts, Fact{m.Say("oscillator.ageing"), figure.Signed(figure.Decimal(l.AgeingRatioPerDay*ppb, places)) + "\u00a0±\u00a0" + figure.Decimal(sigma*ppb, places) + "\u00a0ppb/d"})
	}
	return facts
}

// curve is the law over a range of temperatures, with two sigma either way.
type curve struct{ x, y, low, high []float64 }

// curve returns the law over the whole of an axis.
func (m maker) curve(x scale) (c curve) {
	const pieces = 24
	for i := range pieces + 1 {
		at := x.low + (x.high-x.low)*float64(i)/pieces
		y, sigma, ok := m.lawAt(at)
		if !ok {
			return curve{}
		}
		c.x, c.y = append(c.x, at), append(c.y, y)
		c.low, c.high = append(c.low, y-2*sigma), append(c.high, y+2*sigma)
	}
	return c
}

// draw puts the law on a plot, with its name where it begins.
func (l *curve) draw(c *chart, x, y scale, name string) {
	xs := along(l.x, x.at)
	c.Areas = append(c.Areas, stroke{"band", envelope(xs, along(l.high, y.up), along(l.low, y.up))})
	c.Lines = append(c.Lines, stroke{"line", path(xs, along(l.y, y.up))})
	at := label{X: 0, Y: y.up(l.y[0]) / 10, DX: 6, DY: -8, Anchor: "start", Text: name, Strong: true}
	if at.Y < 12 {
		at.DY = 18
	}
	c.Labels = append(c.Labels, at)
}
