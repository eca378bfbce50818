package history

import (
	"fmt"
	"slices"
	"strings"

	"timeball/web/api"
)

// Query is what is asked for.
type Query struct {
	Span   string   // "" = hour
	Series []string // none = all
	Points int      // buckets wanted at most; 0 = all there are
}

// maxAsked bounds the names in a query.
const maxAsked = 2 * width

// Check returns what is wrong with a query.
func (q Query) Check() error {
	if q.Span != "" && !slices.Contains(Spans(), q.Span) {
		return fmt.Errorf("span %.40q: one of %s", q.Span, strings.Join(Spans(), ", "))
	}
	if len(q.Series) > maxAsked {
		return fmt.Errorf("%d series asked for: there are %d", len(q.Series), width)
	}
	for _, name := range q.Series {
		if !slices.Contains(Series(), name) {
			return fmt.Errorf("series %.40q: one of %s", name, strings.Join(Series(), ", "))
		}
	}
	if q.Points < 0 {
		return fmt.Errorf("points %d: a positive number", q.Points)
	}
	return nil
}

// Query returns a copy of what is kept. The query has been checked.
func (h *History) Query(q Query) api.History {
	number := 0
	for i, s := range spans {
		if s.name == q.Span {
			number = i
		}
	}
	names := q.Series
	if len(names) == 0 {
		names = Series()
	}
	r, span := h.rings[number], spans[number]
	a := api.History{API: 1, Span: span.name, StepSeconds: span.step, Dated: h.dated, Modes: Modes, UnixSeconds: []int64{}, Series: map[string]api.Column{}}
	var begin, end int
	if r.n > 0 {
		oldest := r.at[r.index(r.n-1)] - span.last
		end = r.n
		for begin < end && r.at[r.index(begin)] <= oldest {
			begin++
		}
	}
	if q.Points > 0 {
		// Divided by what the span may hold, so that the buckets are the same ones a second later.
		a.StepSeconds *= (span.last/span.step + int64(q.Points) - 1) / int64(q.Points)
	}
	groups := r.groups(begin, end, a.StepSeconds)
	for _, g := range groups {
		a.UnixSeconds = append(a.UnixSeconds, floor(r.at[r.index(g[0])], a.StepSeconds))
	}
	for _, name := range names {
		i := slices.IndexFunc(series[:], func(f figure) bool { return f.name == name })
		a.Series[name] = r.column(i, groups, a.StepSeconds > 1)
	}
	return a
}

// groups returns which buckets, from and below, make one bucket of step seconds.
func (r *ring) groups(begin, end int, step int64) [][2]int {
	groups := make([][2]int, 0, end-begin)
	for i := begin; i < end; i++ {
		if last := len(groups) - 1; last >= 0 && floor(r.at[r.index(i)], step) == floor(r.at[r.index(groups[last][0])], step) {
			groups[last][1] = i + 1
			continue
		}
		groups = append(groups, [2]int{i, i + 1})
	}
	return groups
}

// column returns one series over groups of buckets; the median of several buckets is that of their medians.
func (r *ring) column(i int, groups [][2]int, envelope bool) api.Column {
	c := api.Column{Median: make(api.Numbers, 0, len(groups))}
	if envelope {
		c.Min, c.Max = make(api.Numbers, 0, len(groups)), make(api.Numbers, 0, len(groups))
	}
	var medians []float32
	for _, g := range groups {
		low, high := nothing, nothing
		medians = medians[:0]
		for k := g[0]; k < g[1]; k++ {
			v := r.bucket(k)[r.each*i : r.each*(i+1)]
			if v[0] != v[0] {
				continue
			}
			medians = append(medians, v[r.each/2])
			if low != low || v[0] < low {
				low = v[0]
			}
			if high != high || v[r.each-1] > high {
				high = v[r.each-1]
			}
		}
		_, middle, _ := summary(medians)
		c.Median = append(c.Median, middle)
		if envelope {
			c.Min, c.Max = append(c.Min, low), append(c.Max, high)
		}
	}
	return c
}
