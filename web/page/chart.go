package page

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"timeball/web/figure"
)

// chart is a plot in three layers: geometry in a square of 1000 that is stretched to any width, points and labels placed
// by percentages, and axes. The table has its figures.
type chart struct {
	Title, Caption, Readout string
	Height                  string // s, m or l
	X, Y                    []tick
	Grid, Zero              string // paths
	Areas, Lines            []stroke
	Bars                    string // path
	Hatch                   []box
	Breaks                  []label // dashed across the plot, with the reason
	Points                  []point
	Labels                  []label
	Table                   table
	Side                    *chart // shares the y axis
	NoY                     bool
}

// stroke is a path with its kind of line.
type stroke struct{ Class, D string }

// box is a rectangle in percent.
type box struct{ X, Y, Width, Height float64 }

// point is a mark in percent.
type point struct {
	X, Y  float64
	Class string
}

// label is a text in percent, with an offset in pixels.
type label struct {
	X, Y, DX, DY float64
	Anchor       string // start, middle or end
	Text         string
	Strong       bool
}

// tick is a place on an axis, in percent, with its label.
type tick struct {
	Percent float64
	Anchor  string // start, middle or end
	Text    string
	Class   string // of a label that is not for every width, see thinned
}

// bar is a piece of a horizontal axis, in thousandths of its width.
type bar struct {
	X, Width float64
	Other    bool // the second of two alternating shades
}

// scale maps values to thousandths of an axis.
type scale struct {
	low, high float64
	log       bool
}

// at returns where v stands, 0 at low and 1000 at high, held within the axis.
func (s scale) at(v float64) float64 {
	low, high := s.low, s.high
	if s.log {
		v, low, high = math.Log10(v), math.Log10(low), math.Log10(high)
	}
	if math.IsNaN(v) || !(high > low) {
		return 0
	}
	return 1000 * max(0, min(1, (v-low)/(high-low)))
}

// up is at on an axis that grows upwards.
func (s scale) up(v float64) float64 { return 1000 - s.at(v) }

// niceStep returns a round step that divides span into at most most pieces.
func niceStep(span float64, most int) float64 {
	if !(span > 0) || math.IsInf(span, 0) {
		return 1
	}
	raw := span / float64(most)
	power := math.Pow10(int(math.Floor(math.Log10(raw))))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*power >= raw*0.9999 {
			return m * power
		}
	}
	return 10 * power
}

// niceScale returns a round axis that holds low and high, and the values of its ticks.
func niceScale(low, high float64, most int) (s scale, ticks []float64) {
	if !(high > low) {
		pad := max(math.Abs(high)*0.1, 1e-12)
		low, high = low-pad, high+pad
	}
	step := niceStep(high-low, most)
	first, last := math.Floor(low/step+1e-9), math.Ceil(high/step-1e-9)
	for i := first; i <= last && len(ticks) < 20; i++ {
		ticks = append(ticks, i*step)
	}
	return scale{low: first * step, high: last * step}, ticks
}

// yAxis puts ticks and horizontal grid on c; write writes a value, and the topmost label has the unit.
func (c *chart) yAxis(s scale, ticks []float64, unit string, write func(float64) string) {
	for i, v := range ticks {
		text := write(v)
		if i == len(ticks)-1 && unit != "" {
			text += "\u00a0" + unit
		}
		y := s.up(v)
		c.Y = append(c.Y, tick{Percent: y / 10, Text: text})
		if v == 0 && s.low < 0 {
			c.Zero = fmt.Sprintf("M0 %sH1000", px(y))
		} else {
			c.Grid += fmt.Sprintf("M0 %sH1000", px(y))
		}
	}
}

// xTick adds a label below the plot; those at its ends stay within it.
func (c *chart) xTick(percent float64, text string) {
	t := tick{Percent: percent, Anchor: "middle", Text: text}
	switch {
	case percent < 3:
		t.Anchor = "start"
	case percent > 97:
		t.Anchor = "end"
	}
	c.X = append(c.X, t)
}

// wide says that labels of a vertical axis need more room than most.
func wide(ticks []tick) bool {
	return slices.ContainsFunc(ticks, func(t tick) bool { return utf8.RuneCountInString(t.Text) > 9 })
}

// plain writes v with just the decimals that step needs.
func plain(step float64) func(float64) string {
	places := 0
	if step > 0 && step < 1 {
		places = min(9, int(math.Ceil(-math.Log10(step)-1e-9)))
	}
	return func(v float64) string { return figure.Decimal(v, places) }
}

// signedPlain is plain with the sign of what is above zero.
func signedPlain(step float64) func(float64) string {
	write := plain(step)
	return func(v float64) string { return figure.Signed(write(v)) }
}

// decade writes ten to the power of n as "10⁻⁹".
func decade(n int) string {
	digits := strings.NewReplacer("-", "⁻", "0", "⁰", "1", "¹", "2", "²", "3", "³", "4", "⁴", "5", "⁵", "6", "⁶", "7", "⁷", "8", "⁸", "9", "⁹")
	switch n {
	case 0:
		return "1"
	case 1:
		return "10"
	case 2:
		return "100"
	}
	return "10" + digits.Replace(fmt.Sprint(n))
}

// path draws points as one line for each run of them; a point that is not a number ends a run.
func path(xs, ys []float64) string {
	var b strings.Builder
	pen := false
	for i, x := range xs {
		if math.IsNaN(ys[i]) || math.IsNaN(x) {
			pen = false
			continue
		}
		c := byte('M')
		if pen {
			c = 'L'
		} else if i+1 == len(xs) || math.IsNaN(ys[i+1]) {
			fmt.Fprintf(&b, "M%s %sh1", px(x), px(ys[i])) // a single point is seen as well
			continue
		}
		fmt.Fprintf(&b, "%c%s %s", c, px(x), px(ys[i]))
		pen = true
	}
	return b.String()
}

// envelope fills between two lines, run by run.
func envelope(xs, top, bottom []float64) string {
	var b strings.Builder
	for i := 0; i < len(xs); i++ {
		if math.IsNaN(top[i]) || math.IsNaN(bottom[i]) {
			continue
		}
		end := i
		for end+1 < len(xs) && !math.IsNaN(top[end+1]) && !math.IsNaN(bottom[end+1]) {
			end++
		}
		for j := i; j <= end; j++ {
			fmt.Fprintf(&b, "%c%s %s", "ML"[min(j-i, 1)], px(xs[j]), px(top[j]))
		}
		for j := end; j >= i; j-- {
			fmt.Fprintf(&b, "L%s %s", px(xs[j]), px(bottom[j]))
		}
		b.WriteByte('Z')
		i = end
	}
	return b.String()
}

// niceAxis returns the end of an axis from zero that holds greatest and is a round number, and four to five ticks on it.
func niceAxis(greatest float64) (top float64, ticks []tick) {
	if !(greatest >= 1e-10) {
		greatest = 1e-9 // no clock here knows less than a tenth of a nanosecond
	}
	scale := math.Pow10(int(math.Floor(math.Log10(greatest))))
	steps := 4
	for _, round := range []struct {
		top   float64
		steps int
	}{{1, 4}, {1.5, 3}, {2, 4}, {3, 3}, {4, 4}, {5, 5}, {6, 4}, {8, 4}, {10, 4}} {
		top, steps = round.top*scale, round.steps
		if top >= greatest*0.9999 {
			break
		}
	}
	unit := figure.UnitFor(top, 3)
	for i := range steps + 1 {
		share := float64(i) / float64(steps)
		t := tick{Percent: 100 * share, Anchor: "middle", Text: trimZeros(unit.Format(top*share, 2))}
		switch i {
		case 0:
			t.Anchor = "start"
		case steps:
			t.Anchor = "end"
			t.Text += "\u00a0" + unit.Name
		}
		ticks = append(ticks, t)
	}
	return top, ticks
}

func trimZeros(text string) string {
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}
