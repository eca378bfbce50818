package main

import (
	"fmt"
	"math"
	"strings"
)

// figure is one SVG: charts below one another, drawn dark on a light ground of its own, so that it reads on any page.
type figure struct {
	title  string
	charts []chart
}

// chart is one pair of axes with what is drawn between them.
type chart struct {
	x, y   axis
	bands  [][2]float64 // ranges of x that are shaded
	series []series
}

// axis runs from one value to another; a logarithmic one must have both above 0.
type axis struct {
	title    string
	from, to float64
	log      bool
	ticks    []tick
}

type tick struct {
	at    float64
	label string
}

// series is a line through points. Those with the same name share one entry in the legend; NaN interrupts a line.
type series struct {
	name   string
	colour string
	dashed bool
	wide   bool // as what lies under another line
	filled bool // down to the lower end of the y axis
	points []point
}

type point struct{ x, y float64 }

// Colours that differ in lightness too, for those who see no hue.
const (
	blue   = "#1f5fbf"
	orange = "#d9730d"
	grey   = "#8b949e"
	red    = "#a40e26"
	green  = "#2f8f4e"
)

// The layout, in the SVG's own units.
const (
	width, chartHeight       = 760.0, 300.0
	left, right, top, bottom = 78.0, 18.0, 34.0, 52.0
)

// svg draws the figure. The same figure gives the same bytes.
func (f *figure) svg() []byte {
	var b strings.Builder
	height := 10 + chartHeight*float64(len(f.charts))
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="12" role="img">`+"\n", width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n", escape(f.title))
	fmt.Fprintf(&b, `<rect width="%.0f" height="%.0f" rx="6" fill="#fbfbfa" stroke="#d0d4d9"/>`+"\n", width, height)
	for i := range f.charts {
		fmt.Fprintf(&b, `<g transform="translate(0 %.0f)">`+"\n", 5+chartHeight*float64(i))
		f.charts[i].draw(&b, i)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func (c *chart) draw(b *strings.Builder, n int) {
	const x0, x1, y0, y1 = left, width - right, chartHeight - bottom, top
	fmt.Fprintf(b, `<clipPath id="c%d"><rect x="%.0f" y="%.0f" width="%.0f" height="%.0f"/></clipPath>`+"\n", n, x0, y1, x1-x0, y0-y1)
	for _, band := range c.bands {
		from, to := c.x.place(band[0], x0, x1), c.x.place(band[1], x0, x1)
		fmt.Fprintf(b, `<rect x="%.1f" y="%.0f" width="%.1f" height="%.0f" fill="#efe6d8"/>`+"\n", from, y1, to-from, y0-y1)
	}
	for _, t := range c.x.ticks {
		at := c.x.place(t.at, x0, x1)
		fmt.Fprintf(b, `<path d="M%.1f %.0fV%.0f" stroke="#e1e4e8"/><text x="%.1f" y="%.0f" text-anchor="middle" fill="#33383d">%s</text>`+"\n",
			at, y0, y1, at, y0+16, escape(t.label))
	}
	for _, t := range c.y.ticks {
		at := c.y.place(t.at, y0, y1)
		fmt.Fprintf(b, `<path d="M%.0f %.1fH%.0f" stroke="#e1e4e8"/><text x="%.0f" y="%.1f" text-anchor="end" fill="#33383d">%s</text>`+"\n",
			x0, at, x1, x0-6, at+4, escape(t.label))
	}
	fmt.Fprintf(b, `<rect x="%.0f" y="%.0f" width="%.0f" height="%.0f" fill="none" stroke="#8b949e"/>`+"\n", x0, y1, x1-x0, y0-y1)
	fmt.Fprintf(b, `<text x="%.0f" y="%.0f" text-anchor="middle" fill="#1c2024">%s</text>`+"\n", (x0+x1)/2, y0+38, escape(c.x.title))
	fmt.Fprintf(b, `<text transform="translate(16 %.0f) rotate(-90)" text-anchor="middle" fill="#1c2024">%s</text>`+"\n", (y0+y1)/2, escape(c.y.title))
	for i := range c.series {
		c.line(b, &c.series[i], n)
	}
	c.legend(b)
}

// line draws one series, cut off at the axes.
func (c *chart) line(b *strings.Builder, s *series, n int) {
	const x0, x1, y0, y1 = left, width - right, chartHeight - bottom, top
	var path strings.Builder
	command := byte('M')
	first, last := math.NaN(), math.NaN()
	for _, p := range s.points {
		x, y := c.x.place(p.x, x0, x1), c.y.place(p.y, y0, y1)
		if math.IsNaN(x) || math.IsNaN(y) {
			command = 'M'
			continue
		}
		fmt.Fprintf(&path, "%c%.1f %.1f", command, x, max(y1-9, min(y0+9, y)))
		command = 'L'
		if math.IsNaN(first) {
			first = x
		}
		last = x
	}
	if path.Len() == 0 {
		return
	}
	fill, style := "none", ""
	if s.filled {
		fill = s.colour
		style = ` fill-opacity="0.25"`
		fmt.Fprintf(&path, "L%.1f %.1fL%.1f %.1fZ", last, y0, first, y0)
	}
	if s.dashed {
		style += ` stroke-dasharray="5 3"`
	}
	stroke := 1.4
	if s.wide {
		stroke = 5
	}
	fmt.Fprintf(b, `<path clip-path="url(#c%d)" d="%s" fill="%s" stroke="%s" stroke-width="%.1f" stroke-linejoin="round"%s/>`+"\n",
		n, path.String(), fill, s.colour, stroke, style)
}

// legend names the series above the chart.
func (c *chart) legend(b *strings.Builder) {
	x, seen := left, map[string]bool{"": true}
	for i := range c.series {
		s := &c.series[i]
		if seen[s.name] {
			continue
		}
		seen[s.name] = true
		dash := ""
		if s.dashed {
			dash = ` stroke-dasharray="5 3"`
		}
		fmt.Fprintf(b, `<path d="M%.1f 20h20" stroke="%s" stroke-width="2.5"%s/><text x="%.1f" y="24" fill="#1c2024">%s</text>`+"\n",
			x, s.colour, dash, x+25, escape(s.name))
		x += 40 + 6.4*float64(len([]rune(s.name)))
	}
}

// place returns where a value is between two ends; NaN where a logarithm has none.
func (a *axis) place(v, from, to float64) float64 {
	if !a.log {
		return from + (v-a.from)/(a.to-a.from)*(to-from)
	}
	if v <= 0 {
		return math.NaN()
	}
	return from + math.Log(v/a.from)/math.Log(a.to/a.from)*(to-from)
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

func escape(s string) string { return escaper.Replace(s) }

// decades returns an axis of times in seconds, marked at powers of ten from 10^from to 10^to.
func decades(title string, from, to int) axis {
	a := axis{title: title, from: math.Pow10(from), to: math.Pow10(to), log: true}
	units := []string{"ns", "µs", "ms", "s"}
	for e := from; e <= to; e++ {
		u := max(0, min(len(units)-1, (e+9)/3))
		a.ticks = append(a.ticks, tick{math.Pow10(e), fmt.Sprintf("%.4g %s", math.Pow10(e+9-3*u), units[u])})
	}
	return a
}

// linear returns an axis marked at every multiple of step.
func linear(title string, from, to, step float64) axis {
	a := axis{title: title, from: from, to: to}
	for k := math.Ceil(from/step - 1e-9); k*step <= to+step*1e-9; k++ {
		a.ticks = append(a.ticks, tick{k * step, fmt.Sprintf("%.4g", k*step+0)})
	}
	return a
}
