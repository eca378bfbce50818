package timing

import (
	"slices"
	"strings"

	"timeball/gnss"
	"timeball/pps/histogram"
)

// Lag is how long after its pulse the first byte of a type of message came that names a second.
type Lag struct {
	Message string           `json:"message"`
	Counts  histogram.Counts `json:"counts"`
}

// lag is what Lags are taken of.
type lag struct {
	message string
	window  *histogram.Window
}

// spread is what Snapshots share of jitter and lags.
type spread struct {
	jitter *histogram.Counts
	lags   []Lag
}

const (
	spreadEvery = 10 // s
	maxLags     = 4  // types of messages: a receiver is told to send one or two that name a second
)

// An interrupt can only be late, on a busy Pi by tens of microseconds. A message has to begin within the second.
var (
	jitterShape = histogram.Shape{Least: -2e-6, Width: 100e-9, Bins: 520, Span: 3600, Slices: 12}
	lagShape    = histogram.Shape{Least: -0.1, Width: 0.01, Bins: 150, Span: 600, Slices: 10}
)

// noteLag counts how late the mark came that the pairing has just taken.
func (e *Engine) noteLag(m *gnss.TimeMark) {
	late, ok := e.pairing.Lag()
	if !ok {
		return
	}
	i := slices.IndexFunc(e.lags, func(l lag) bool { return l.message == m.Message })
	if i < 0 {
		if i = e.room(m); i < 0 {
			return
		}
	}
	e.lags[i].window.Add(m.Arrival, late)
}

// room makes room for another type of message, in the place of one that is no longer heard; -1: there is none.
func (e *Engine) room(m *gnss.TimeMark) int {
	e.lags = slices.DeleteFunc(e.lags, func(l lag) bool { return l.window.At(m.Arrival) == nil })
	if len(e.lags) >= maxLags {
		return -1
	}
	e.lags = append(e.lags, lag{m.Message, histogram.New(lagShape)})
	return len(e.lags) - 1
}

// spreadOut takes down for the Snapshots to come how jitter and lags spread.
func (e *Engine) spreadOut() {
	if e.now.Mono.Sub(e.spreadAt) < spreadEvery && e.spreadAt != 0 {
		return
	}
	e.spreadAt = e.now.Mono
	e.spread = spread{jitter: e.jitter.At(e.now.Mono)}
	for _, l := range e.lags {
		if c := l.window.At(e.now.Mono); c != nil {
			e.spread.lags = append(e.spread.lags, Lag{l.message, *c})
		}
	}
	slices.SortFunc(e.spread.lags, func(a, b Lag) int { return strings.Compare(a.Message, b.Message) })
}
