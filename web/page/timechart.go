package page

import (
	"fmt"
	"math"
	"time"

	"timeball/web/api"
	"timeball/web/figure"
)

// spanSeconds are the spans of the history.
var spanSeconds = map[string]int64{"hour": 3600, "day": 86400, "month": 30 * 86400}

// Spans are the spans a page can show, the shortest first.
func Spans() []string { return []string{"hour", "day", "month"} }

// track is one series of a history, in the unit it is shown in, with a gap as a not-a-number between two runs.
type track struct {
	at               []float64 // Unix seconds, of each bucket's middle
	low, middle, top []float64
	begin, end       float64
	step             float64
	gaps             []float64 // where one begins
}

// newTrack reads a series; ok is false where there are fewer than two values.
func newTrack(h *api.History, name string, scale float64) (t track, ok bool) {
	if h == nil {
		return track{}, false
	}
	c, known := h.Series[name]
	if !known || len(c.Median) != len(h.UnixSeconds) || h.StepSeconds < 1 {
		return track{}, false
	}
	t.step = float64(h.StepSeconds)
	values := 0
	for i, at := range h.UnixSeconds {
		if n := len(t.at); n > 0 && i > 0 && at-h.UnixSeconds[i-1] > h.StepSeconds*3/2 {
			t.add(math.NaN(), math.NaN(), math.NaN(), math.NaN())
			t.gaps = append(t.gaps, float64(h.UnixSeconds[i-1]+h.StepSeconds))
		}
		middle := float64(c.Median[i]) * scale
		low, top := middle, middle
		if len(c.Min) == len(c.Median) && len(c.Max) == len(c.Median) {
			low, top = float64(c.Min[i])*scale, float64(c.Max[i])*scale
		}
		if !math.IsNaN(middle) {
			values++
		}
		t.add(float64(at)+t.step/2, low, middle, top)
	}
	if values < 2 {
		return track{}, false
	}
	t.end = float64(h.UnixSeconds[len(h.UnixSeconds)-1]) + t.step
	t.begin = max(t.end-float64(spanSeconds[h.Span]), float64(h.UnixSeconds[0]))
	t.begin = min(t.begin, t.end-60)
	return t, true
}

func (t *track) add(at, low, middle, top float64) {
	t.at, t.low, t.middle, t.top = append(t.at, at), append(t.low, low), append(t.middle, middle), append(t.top, top)
}

// limits returns the least and the greatest value.
func (t *track) limits() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for i := range t.at {
		if !math.IsNaN(t.low[i]) && !math.IsNaN(t.top[i]) {
			low, high = min(low, t.low[i]), max(high, t.top[i])
		}
	}
	if low > high {
		return 0, 0
	}
	return low, high
}

// along maps values to thousandths.
func along(values []float64, at func(float64) float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = math.NaN()
		if !math.IsNaN(v) {
			out[i] = at(v)
		}
	}
	return out
}

// draw puts the track on c: envelope, median and gaps, and its buckets into the table, the newest first.
func (t *track) draw(c *chart, y scale, write func(float64) string) {
	x := scale{low: t.begin, high: t.end}
	xs := along(t.at, x.at)
	c.Areas = append(c.Areas, stroke{"band", envelope(xs, along(t.top, y.up), along(t.low, y.up))})
	c.Lines = append(c.Lines, stroke{"line", path(xs, along(t.middle, y.up))})
	for _, g := range t.gaps {
		c.Breaks = append(c.Breaks, label{X: x.at(g) / 10})
	}
	for i := len(t.at) - 1; i >= 0; i-- {
		if math.IsNaN(t.middle[i]) {
			continue
		}
		c.Table.Rows = append(c.Table.Rows, textRow(px(xs[i]), stamp(t.at[i]-t.step/2, t.step), write(t.low[i]), write(t.middle[i]), write(t.top[i])))
	}
}

// timeTicks labels round times of UTC below the plot, and now at its end.
func (t *track) timeTicks(c *chart, now string) {
	steps := []float64{10, 30, 60, 300, 600, 1200, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 2 * 86400, 5 * 86400}
	step := steps[len(steps)-1]
	for _, s := range steps {
		if (t.end-t.begin)/s <= 7 {
			step = s
			break
		}
	}
	x := scale{low: t.begin, high: t.end}
	for at := math.Ceil(t.begin/step) * step; at < t.end; at += step {
		percent := x.at(at) / 10
		if percent > 92 {
			break
		}
		c.xTick(percent, stamp(at, step))
	}
	c.xTick(100, now)
}

// stamp writes a time with what a step of so many seconds tells apart.
func stamp(unix, step float64) string {
	at := time.Unix(int64(unix), 0).UTC()
	switch {
	case step >= 86400:
		return at.Format("01-02")
	case step >= 4*3600:
		return at.Format("01-02 15h")
	case step >= 60:
		return at.Format("15:04")
	}
	return at.Format("15:04:05")
}

// windowWords says how long what is shown is.
func (m maker) windowWords(t *track) string {
	whole := float64(spanSeconds[m.d.Span])
	if length := t.end - t.begin; length < 0.97*whole {
		return m.span(length)
	}
	return m.span(whole)
}

// histogram draws how often the medians had which value, beside c and on its y axis.
func (m maker) histogram(t *track, y scale) *chart {
	const bins = 30
	counts, all := make([]float64, bins), 0.0
	for _, v := range t.middle {
		if !math.IsNaN(v) {
			counts[min(bins-1, int(y.at(v)/1000*bins))]++
			all++
		}
	}
	c := &chart{Title: m.Say("chart.histogram"), Caption: m.Say("chart.histogram.caption"), NoY: true}
	x := scale{low: 0.1, high: 100, log: true} // percent
	for i, n := range counts {
		if n > 0 {
			c.Bars += fmt.Sprintf("M0 %sH%sV%sH0Z", px(1000-1000*float64(i)/bins-2), px(max(8, x.at(100*n/all))), px(1000-1000*float64(i+1)/bins+2))
		}
	}
	for _, v := range []float64{0.1, 1, 10, 100} {
		text := figure.Decimal(v, 0)
		if v < 1 {
			text = "0.1"
		}
		if v == 100 {
			text += "\u00a0%"
		}
		c.xTick(x.at(v)/10, text)
	}
	return c
}
