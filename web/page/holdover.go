package page

import (
	"fmt"
	"math"
	"strings"

	"timeball/web/api"
	"timeball/web/figure"
	"timeball/web/verdict"
)

// forecast is the bound against the time without a pulse, both logarithmic.
type forecast struct {
	Title, Caption string
	Line, Area     string // paths in a square of 1000
	Grid           string
	XTicks, YTicks []tick
	Points         []forecastRow
}

type forecastRow struct {
	After, Bound string
	X, Y         float64 // percent
}

// holdoverPanel is there when the unit offers a forecast.
func holdoverPanel(s api.Status) *Panel {
	points := forecastPoints(s)
	if len(points) < 2 || s.Mode == verdict.Quarantine {
		return nil
	}
	p := &Panel{ID: "holdover", Title: "Holdover", Question: "And if the antenna failed now?"}
	last := points[len(points)-1]
	p.Answer = "After " + figure.Span(last.AfterSeconds) + " the bound would be **" + figure.Bound(last.BoundSeconds, 2) + "**."
	f := newForecast(points)
	f.Title = "Bound after a loss of the pulse, forecast"
	if s.Mode == verdict.Holdover {
		p.Question = "How long does it last?"
		p.Answer = "Running alone for **" + figure.Span(s.ModeSeconds) + "**; in another " + figure.Span(last.AfterSeconds) +
			" the bound will be **" + figure.Bound(last.BoundSeconds, 2) + "**."
		f.Title = "Bound from now on, forecast"
	}
	for _, row := range f.Points {
		p.Facts = append(p.Facts, Fact{"After " + row.After, "≤\u00a0" + row.Bound})
	}
	f.Caption = "Both scales logarithmic. The line is the bound that would be served."
	p.Body = f
	return p
}

// forecastPoints returns the points that can be drawn: finite, a second or more from now, above zero and in order. Without a pulse a bound only
// grows, so none is below the bound of now, and none is offered without one.
func forecastPoints(s api.Status) []api.ForecastPoint {
	if boundWords(s) == "" {
		return nil
	}
	var points []api.ForecastPoint
	for _, p := range s.HoldoverForecast {
		if !(p.AfterSeconds >= 1) || figure.Bound(p.BoundSeconds, 2) == "" || p.BoundSeconds == 0 || math.IsInf(p.AfterSeconds, 1) {
			continue
		}
		if n := len(points); n > 0 && p.AfterSeconds <= points[n-1].AfterSeconds {
			continue
		}
		p.BoundSeconds = max(p.BoundSeconds, *s.BoundSeconds)
		points = append(points, p)
	}
	return points
}

// forecastAt returns the forecast bound after the given time: the next later point, so that it is never too small.
func forecastAt(s api.Status, after float64) (bound float64, ok bool) {
	for _, p := range forecastPoints(s) {
		if p.AfterSeconds >= after {
			return p.BoundSeconds, true
		}
	}
	return 0, false
}

func newForecast(points []api.ForecastPoint) forecast {
	first, last := points[0], points[len(points)-1]
	least, most := first.BoundSeconds, first.BoundSeconds
	for _, p := range points {
		least, most = min(least, p.BoundSeconds), max(most, p.BoundSeconds)
	}
	low, high := math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
	if high <= low {
		high = low + 1
	}
	span := math.Log10(last.AfterSeconds / first.AfterSeconds)
	var f forecast
	var path strings.Builder
	for i, p := range points {
		x := 1000 * math.Log10(p.AfterSeconds/first.AfterSeconds) / span
		y := 1000 * (high - math.Log10(p.BoundSeconds)) / (high - low)
		fmt.Fprintf(&path, "%c%s %s", "ML"[min(i, 1)], px(x), px(y))
		f.Points = append(f.Points, forecastRow{figure.Span(p.AfterSeconds), figure.Bound(p.BoundSeconds, 2), x / 10, y / 10})
	}
	f.Line = path.String()
	f.Area = f.Line + "L1000 1000L0 1000Z"
	f.YTicks, f.Grid = decadeTicks(low, high)
	f.XTicks = spanTicks(first.AfterSeconds, last.AfterSeconds)
	return f
}

// decadeTicks labels every power of ten, at most six of them.
func decadeTicks(low, high float64) (ticks []tick, grid string) {
	step := math.Ceil((high - low) / 6)
	for e := high; e >= low; e -= step {
		percent := 100 * (high - e) / (high - low)
		ticks = append(ticks, tick{Percent: percent, Text: plainDecade(e)})
		grid += fmt.Sprintf("M0 %sH1000", px(10*percent))
	}
	return ticks, grid
}

// plainDecade writes a power of ten of a second as "100 µs".
func plainDecade(exp float64) string {
	v := math.Pow10(int(exp))
	unit := figure.UnitFor(v, 2)
	return trimZeros(unit.Format(v, 3)) + "\u00a0" + unit.Name
}

// spanTicks labels round spans of time between first and last.
func spanTicks(first, last float64) []tick {
	var ticks []tick
	width := math.Log10(last / first)
	for _, v := range []float64{1, 10, 60, 600, 3600, 6 * 3600, 86400, 7 * 86400, 30 * 86400} {
		if v < first || v > last {
			continue
		}
		percent := 100 * math.Log10(v/first) / width
		t := tick{Percent: percent, Anchor: "middle", Text: figure.Span(v)}
		switch {
		case percent < 5:
			t.Anchor = "start"
		case percent > 95:
			t.Anchor = "end"
		}
		ticks = append(ticks, t)
	}
	return ticks
}
