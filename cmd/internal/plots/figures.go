package main

import (
	"fmt"
	"math"
	"slices"

	"timeball/pps/clock"
	"timeball/pps/discipline"
)

func coldFigure(units []unit) figure {
	c := chart{x: linear("time since the first pulse was due (s)", 0, coldTime, 10), y: decades("|error| of the clock", -9, -1)}
	for i, u := range units {
		name := fmt.Sprintf("error, %d seeds", len(units))
		s := series{name: name, colour: blue}
		b := series{name: "bound, seed 1", colour: orange, dashed: true}
		for k, m := range u.moments {
			s.points = append(s.points, point{float64(k), math.Abs(m.err)})
			b.points = append(b.points, point{float64(k), known(m.bound)})
		}
		c.series = append(c.series, s)
		if i == 0 {
			c.series = append(c.series, b)
		}
	}
	return figure{title: "Lock from cold: pi-load, 50 ms and 20 ppm off", charts: []chart{c}}
}

// known returns a bound, or NaN where there is none yet.
func known(bound float64) float64 {
	if bound == 0 {
		return math.NaN()
	}
	return bound
}

// loadFigure shows the longest load of those after the warm-up.
func loadFigure(u unit) figure {
	const before, after = 300, 1500
	at, length := longestLoad(u.moments[:lockTime-after])
	from, to := at-before, at+after
	band := [2]float64{0, float64(min(length, after))}
	base := u.moments[from].truth
	truth := series{name: "true frequency", colour: grey, wide: true}
	estimate := series{name: "estimated frequency", colour: blue}
	err := series{name: "error of the clock", colour: blue}
	above := series{name: "+ and - bound", colour: orange, dashed: true}
	below := series{colour: orange, dashed: true}
	low, high := math.Inf(1), math.Inf(-1)
	for k := from; k < to; k += 4 {
		m, x := u.moments[k], float64(k-at)
		y := (m.truth - base) * 1e9
		low, high = min(low, y), max(high, y)
		truth.points = append(truth.points, point{x, y})
		estimate.points = append(estimate.points, point{x, (m.estimate - base) * 1e9})
		err.points = append(err.points, point{x, m.err * 1e9})
		above.points = append(above.points, point{x, m.bound * 1e9})
		below.points = append(below.points, point{x, -m.bound * 1e9})
	}
	title := "time since the processor became busy (s); shaded: busy"
	return figure{title: "A load event: pi-load, seed 1", charts: []chart{
		{
			x: linear(title, -before, after, 300), y: linear("frequency, relative (ppb)", low-50, high+50, 200),
			bands: [][2]float64{band}, series: []series{truth, estimate},
		},
		{
			x: linear(title, -before, after, 300), y: linear("error (ns)", -1000, 1000, 250),
			bands: [][2]float64{band}, series: []series{above, below, err},
		},
	}}
}

// longestLoad returns the second in which the longest load after the warm-up began, and how long it was.
func longestLoad(moments []moment) (at, length int) {
	began := -1
	for k := warmUp; k < len(moments); k++ {
		switch {
		case moments[k].busy && !moments[k-1].busy:
			began = k
		case !moments[k].busy && moments[k-1].busy && began > 0 && k-began > length:
			at, length = began, k-began
		}
	}
	return at, length
}

// noiseFigure shows the residuals of pulses by what the loop made of them, beside the noise that nature drew.
func noiseFigure(u unit) figure {
	const from, to, bin = -2e-6, 8e-6, 100e-9
	verdicts := []struct {
		name, colour string
		verdict      discipline.Refusal
	}{
		{"accepted", blue, ""},
		{"late", orange, discipline.Late},
		{"far away", red, discipline.Outlier},
	}
	pulses := u.pulses[warmUp:]
	count := func(of func(pulse) (float64, bool)) []point {
		bins := make([]float64, int(math.Round((to-from)/bin)))
		for _, p := range pulses {
			if v, ok := of(p); ok && v >= from && v < to {
				bins[min(len(bins)-1, int((v-from)/bin))]++
			}
		}
		var steps []point
		for i, n := range bins {
			x := (from + float64(i)*bin) * 1e6
			y := max(n, 0.5) // below the axis, not at minus infinity
			steps = append(steps, point{x, y}, point{x + bin*1e6, y})
		}
		return steps
	}
	c := chart{
		x: linear("measured minus predicted (µs), late is positive", from*1e6, to*1e6, 1),
		y: axis{title: "pulses per 0.1 µs", from: 0.8, to: 2e4, log: true},
	}
	for e := range 5 {
		c.y.ticks = append(c.y.ticks, tick{math.Pow10(e), fmt.Sprint(math.Pow10(e))})
	}
	for _, v := range verdicts {
		c.series = append(c.series, series{
			name: v.name, colour: v.colour, filled: true,
			points: count(func(p pulse) (float64, bool) { return p.residual, p.verdict == v.verdict }),
		})
	}
	c.series = append(c.series, series{
		name: "noise as drawn", colour: "#1c2024", dashed: true,
		points: count(func(p pulse) (float64, bool) { return p.noise, true }),
	})
	return figure{title: fmt.Sprintf("Pulses of %d hours: pi-load, seed 1", (lockTime-warmUp)/3600), charts: []chart{c}}
}

// holdoverFigure shows the largest error and the smallest bound of every tenth of an octave of time.
func holdoverFigure(units []unit) figure {
	c := chart{
		x: times("time since the last pulse", 10, awayTime),
		y: decades("|error| and bound", -8, -1),
	}
	for i, u := range units {
		errors := series{name: fmt.Sprintf("error, %d seeds", len(units)), colour: blue}
		bounds := series{name: "bound, same seeds", colour: orange, dashed: true}
		away := u.moments[lockTime:]
		for h := 10.0; h < awayTime; h *= math.Exp2(0.1) {
			worst, least := 0.0, math.Inf(1)
			for _, m := range away[int(h):min(len(away), int(h*math.Exp2(0.1))+1)] {
				worst, least = max(worst, math.Abs(m.err)), min(least, m.bound)
			}
			errors.points = append(errors.points, point{h, worst})
			bounds.points = append(bounds.points, point{h, least})
		}
		if i > 0 {
			errors.name, bounds.name = "", ""
		}
		c.series = append(c.series, errors, bounds)
	}
	return figure{title: fmt.Sprintf("Holdover after %d h of lock: pi-load", lockTime/3600), charts: []chart{c}}
}

// forecastFigure shows what bound the unit would reach if the pulse went away, as lock goes on.
func forecastFigure(u unit) figure {
	c := chart{x: times("time of lock", 60, lockTime), y: decades("bound if the pulse stopped", -7, 0)}
	colours := map[clock.Seconds]string{60: blue, 600: green, 3600: orange, 4 * 3600: red, 24 * 3600: grey}
	var order []clock.Seconds
	lines := map[clock.Seconds]*series{}
	next := 60.0
	for _, f := range u.forecasts {
		if float64(f.second) < next {
			continue
		}
		next = max(next*1.02, float64(f.second)+1)
		for _, b := range f.bounds {
			if colours[b.After] == "" {
				continue
			}
			if lines[b.After] == nil {
				lines[b.After] = &series{name: "after " + lasting(float64(b.After)), colour: colours[b.After]}
				order = append(order, b.After)
			}
			lines[b.After].points = append(lines[b.After].points, point{float64(f.second), float64(b.Bound)})
		}
	}
	slices.Sort(order)
	for _, h := range order {
		c.series = append(c.series, *lines[h])
	}
	return figure{title: "What a holdover would come to: pi-load, seed 1", charts: []chart{c}}
}

// times returns a logarithmic axis of durations in seconds.
func times(title string, from, to float64) axis {
	a := axis{title: title, from: from, to: to, log: true}
	for _, t := range []float64{10, 60, 600, 3600, 4 * 3600, 12 * 3600, 24 * 3600} {
		if t >= from && t <= to {
			a.ticks = append(a.ticks, tick{t, lasting(t)})
		}
	}
	return a
}

// lasting writes a duration of whole seconds, minutes or hours.
func lasting(seconds float64) string {
	switch {
	case seconds < 60:
		return fmt.Sprintf("%g s", seconds)
	case seconds < 3600:
		return fmt.Sprintf("%g min", seconds/60)
	}
	return fmt.Sprintf("%g h", seconds/3600)
}
