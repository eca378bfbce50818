package page

import (
	"fmt"
	"math"
	"slices"

	"timeball/web/api"
	"timeball/web/figure"
)

// bins are a histogram's counts on an axis of seconds.
type bins struct {
	least, width float64
	counts       []uint64
	below, above uint64 // beside them
}

// mostBins is how many bins are taken from a status: more than a unit sends.
const mostBins = 2000

// newBins reads a histogram; ok is false where it says nothing.
func newBins(h *api.Histogram) (b bins, ok bool) {
	if h == nil || !(h.BinSeconds > 0) || math.IsInf(h.BinSeconds, 0) || math.IsNaN(h.LeastSeconds) || math.IsInf(h.LeastSeconds, 0) {
		return b, false
	}
	b = bins{h.LeastSeconds, h.BinSeconds, h.Counts[:min(len(h.Counts), mostBins)], h.Below, h.Above}
	return b, b.all() > 0
}

func (b bins) all() uint64 {
	n := b.below + b.above
	for _, in := range b.counts {
		n += in
	}
	return n
}

func (b bins) greatest() uint64 {
	if len(b.counts) == 0 {
		return 0
	}
	return slices.Max(b.counts)
}

func (b bins) at(i int) float64 { return b.least + float64(i)*b.width }
func (b bins) end() float64     { return b.at(len(b.counts)) }

// joined returns b in bins of whole multiples of its width, which begin at multiples of that.
func (b bins) joined(times int) bins {
	skip := int(math.Round(b.least/b.width)) % times
	if skip < 0 {
		skip += times
	}
	j := bins{least: b.least - float64(skip)*b.width, width: b.width * float64(times), below: b.below, above: b.above}
	for i, n := range b.counts {
		k := (i + skip) / times
		for len(j.counts) <= k {
			j.counts = append(j.counts, 0)
		}
		j.counts[k] += n
	}
	return j
}

// core returns the bins without the first and last values that are less than a share of all, and how many those are.
func (b bins) core(share float64) (c bins, early, late uint64) {
	few := uint64(share * float64(b.all()))
	first, last := 0, len(b.counts)
	early, late = b.below, b.above
	for first < last && early+b.counts[first] <= few {
		early, first = early+b.counts[first], first+1
	}
	for last > first && late+b.counts[last-1] <= few {
		late, last = late+b.counts[last-1], last-1
	}
	return bins{least: b.at(first), width: b.width, counts: b.counts[first:last]}, early, late
}

// draw returns the bars as one path; y says how high a count stands.
func (b bins) draw(x scale, y func(uint64) float64) string {
	path := ""
	for i, n := range b.counts {
		if n > 0 {
			left, right := x.at(b.at(i)), x.at(b.at(i+1))
			path += fmt.Sprintf("M%s 1000V%sH%sV1000Z", px(left), px(min(985, y(n))), px(max(left+1, right-1)))
		}
	}
	return path
}

// rangeWords writes where bin i lies, in a unit.
func (b bins) rangeWords(i int, unit figure.Unit, write func(float64) string) string {
	return write(b.at(i)/unit.Seconds) + "\u00a0– " + write(b.at(i+1)/unit.Seconds)
}

// rows are the bins that hold something, as lines of a table.
func (b bins) rows(m maker, x scale, unit figure.Unit, write func(float64) string) (rows []row) {
	all := float64(b.all())
	line := func(at, text string, n uint64) {
		if n > 0 {
			rows = append(rows, textRow(at, text, figure.Count(n), shareWords(float64(n)/all)))
		}
	}
	line("", m.Say("histogram.below", "value", write(b.least/unit.Seconds)), b.below)
	for i, n := range b.counts {
		line(px(x.at(b.at(i)+b.width/2)), b.rangeWords(i, unit, write), n)
	}
	line("", m.Say("histogram.above", "value", write(b.end()/unit.Seconds)), b.above)
	return rows
}

// shareWords writes a share of one with a decimal.
func shareWords(share float64) string { return figure.Decimal(100*share, 1) + "\u00a0%" }

// countAxis puts an axis of counts on c and returns how high a count stands: a logarithmic one begins below 1.
func (c *chart) countAxis(greatest uint64, log bool) func(uint64) float64 {
	if !log {
		y, ticks := niceScale(0, max(4, float64(greatest)), 4)
		c.yAxis(y, ticks, "", plain(ticks[1]-ticks[0]))
		return func(n uint64) float64 { return y.up(float64(n)) }
	}
	y := scale{low: 0.7, high: math.Pow10(max(1, int(math.Ceil(math.Log10(float64(max(1, greatest))))))), log: true}
	for v := y.high; v >= 1; v /= 10 {
		at := y.up(v)
		c.Y = append(c.Y, tick{Percent: at / 10, Text: figure.Decimal(v, 0)})
		c.Grid += fmt.Sprintf("M0 %sH1000", px(at))
	}
	return func(n uint64) float64 { return y.up(float64(n)) }
}

// timeAxis labels the horizontal axis in a unit.
func (c *chart) timeAxis(x scale, ticks []float64, unit figure.Unit, write func(float64) string) {
	for i, v := range ticks {
		text := write(v)
		if i == len(ticks)-1 {
			text += "\u00a0" + unit.Name
		}
		c.xTick(x.at(v*unit.Seconds)/10, text)
	}
}

// mark draws a dashed line at a value with its label, on the side where there is room.
func (c *chart) mark(at, lower float64, text string) {
	l := label{X: at / 10, DX: 6, DY: 14 + 17*lower, Anchor: "start", Text: text, Strong: true}
	if at > 650 {
		l.DX, l.Anchor = -6, "end"
	}
	c.Breaks = append(c.Breaks, label{X: at / 10})
	c.Labels = append(c.Labels, l)
}

const (
	mostBars = 80
	unshown  = 0.005 // share of the edges at either end that would press the rest together: they are named instead
)

// jitterChart shows how the edges spread around the loop's predictions.
func (m maker) jitterChart() any {
	h := m.s.EdgeJitter
	all, ok := newBins(h)
	if !ok {
		return empty{m.Say("loop.jitter"), m.Say("loop.jitter.empty")}
	}
	core, early, late := all.core(unshown)
	low, high := min(core.least, -10*all.width), max(core.end(), 10*all.width)
	times := max(1, int(math.Round(niceStep((high-low)/all.width, mostBars))))
	core, table := core.joined(times), all.joined(times)
	low, high = min(core.least, low), max(core.end(), high)
	unit := figure.UnitFor(max(-low, high), 1)
	x := scale{low: low, high: high}
	_, ticks := niceScale(low/unit.Seconds, high/unit.Seconds, 6)
	ticks = slices.DeleteFunc(ticks, func(v float64) bool { return v < low/unit.Seconds*1.0001 || v > high/unit.Seconds*1.0001 })
	write := signedPlain(ticks[1] - ticks[0])
	c := chart{Title: m.Say("loop.jitter"), Height: "s"}
	c.Caption = m.Say("loop.jitter.caption", "bin", m.Prose(figure.Duration(core.width, 1)), "window", m.span(h.WindowSeconds))
	c.Bars = core.draw(x, c.countAxis(core.greatest(), true))
	c.timeAxis(x, ticks, unit, write)
	if h.MedianSeconds != nil {
		c.Labels = append(c.Labels, label{X: x.at(*h.MedianSeconds) / 10, DX: 30, DY: 14, Anchor: "start", Text: m.Say("histogram.median", "value", figure.Offset(*h.MedianSeconds)), Strong: true})
	}
	if h.P99Seconds != nil && *h.P99Seconds < high {
		c.mark(x.at(*h.P99Seconds), 1, "p99 "+figure.Offset(*h.P99Seconds))
	}
	c.Table.Head = numbersHead(m.Say("loop.jitter.head", "unit", unit.Name), m.Say("loop.jitter.edges"), m.Say("histogram.share"))
	c.Table.Rows = table.rows(m, x, unit, signedPlain(table.width/unit.Seconds))
	c.Readout = figure.Count(all.all()) + " " + m.Say("loop.jitter.edges")
	if early > 0 {
		c.Readout += "  " + m.Say("loop.jitter.before", "n", figure.Count(early), "least", edge(all.least, all.below, "<\u00a0"))
	}
	if late > 0 {
		c.Readout += "  " + m.Say("loop.jitter.beyond", "n", figure.Count(late), "most", edge(all.end(), all.above, ">\u00a0"))
	}
	return c
}

// edge writes the outermost value, which may lie beyond all bins.
func edge(v float64, beyond uint64, sign string) string {
	if beyond > 0 {
		return sign + figure.Offset(v)
	}
	return figure.Offset(v)
}
