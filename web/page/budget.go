package page

import (
	"math"

	"timeball/web/api"
	"timeball/web/figure"
	"timeball/web/verdict"
)

// budget is the waterfall from the satellites to the answer: each part begins where the last one ended.
type budget struct {
	Rows  []budgetRow
	Total string // exact, rounded up
	Unit  string
	Bars  []bar // of the total
	Axis  []tick
}

type budgetRow struct {
	Name, What, Mark string
	Value, Share     string
	Bar              bar
}

// bar is a piece of a horizontal axis, in thousandths of its width.
type bar struct {
	X, Width float64
	Other    bool // the second of two alternating shades
}

// tick is a place on an axis with its label.
type tick struct {
	Percent float64 // along the axis
	Anchor  string  // start, middle or end
	Text    string
}

func budgetPanel(s api.Status) *Panel {
	p := &Panel{ID: "budget", Title: "Error budget", Question: "How wrong can it be, and why?"}
	if s.Mode == verdict.Quarantine {
		p.Answer = "**No bound**: the evidence contradicts what this unit reckons."
		p.Body = empty{"Not offered in quarantine", "The parts of the bound return when the unit trusts its own time again."}
		return p
	}
	if boundWords(s) == "" {
		p.Answer = "**No bound**: this unit cannot yet say how wrong it is."
		p.Body = empty{"No error budget yet", "The parts of the bound appear here as soon as a pulse has been given its second."}
		return p
	}
	parts := boundParts(s)
	p.Answer = "At most **" + figure.Bound(*s.BoundSeconds, 2) + "**" + leading(parts) + "."
	p.Facts = []Fact{{"Exact bound", "≤\u00a0" + figure.Bound(*s.BoundSeconds, 4)}}
	if verdict.Served(s) && s.RootDispersionSeconds != nil {
		p.Facts = append(p.Facts, Fact{"Root dispersion", figure.Duration(*s.RootDispersionSeconds, 4)},
			Fact{"NTP step", "15.26\u00a0µs, rounded up"})
	}
	if len(parts) > 0 {
		p.Body = newBudget(*s.BoundSeconds, parts)
	} else {
		p.Body = empty{"Only the sum is known", "The parts of the bound appear here as soon as this unit reports them."}
	}
	return p
}

// part is one cause of the bound.
type part struct {
	name, what, mark, words string
	seconds                 float64
}

// boundParts returns the causes in the order of the signal; nil unless all are known.
func boundParts(s api.Status) []part {
	pulse := part{"Loop", "noise of the pulse within the loop", "precision", "the loop", 0}
	if s.Mode == verdict.Holdover {
		pulse = part{"Oscillator", "what the crystal may have done since the last pulse", "", "the crystal running alone", 0}
	}
	capture := part{"Edge capture", "what is not known of the latency between edge and time stamp", "bias", "the edge capture", 0}
	reference := part{"Reference", "receiver, antenna cable and its realisation of UTC", "", "the receiver and its UTC", 0}
	var parts []part
	for _, p := range []struct {
		part    part
		seconds *float64
	}{{reference, s.BoundReferenceSeconds}, {capture, s.BoundCaptureSeconds}, {pulse, s.BoundPulseSeconds}} {
		if p.seconds == nil || !(*p.seconds >= 0) {
			return nil
		}
		p.part.seconds = *p.seconds
		parts = append(parts, p.part)
	}
	return parts
}

// leading names the part that makes most of the bound, if one does.
func leading(parts []part) string {
	var sum float64
	for _, p := range parts {
		sum += p.seconds
	}
	for _, p := range parts {
		switch {
		case p.seconds > 0.9*sum:
			return "; nearly all of it is " + p.words
		case p.seconds > 0.5*sum:
			return "; more than half is " + p.words
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "; no single cause makes half of it"
}

func newBudget(bound float64, parts []part) budget {
	unit := figure.UnitFor(bound, 4)
	places := unit.Decimals(bound, 4)
	top, axis := niceAxis(bound)
	b := budget{Unit: unit.Name, Total: figure.Bound(bound, 4), Axis: axis}
	var at float64
	for i, p := range parts {
		piece := bar{X: 1000 * at / top, Width: 1000 * p.seconds / top, Other: i%2 == 1}
		b.Rows = append(b.Rows, budgetRow{
			Name: p.name, What: p.what, Mark: p.mark, Bar: piece,
			Value: unit.Format(p.seconds, places) + "\u00a0" + unit.Name, Share: share(p.seconds, bound),
		})
		b.Bars = append(b.Bars, piece)
		at += p.seconds
	}
	return b
}

func share(part, whole float64) string {
	if !(whole > 0) {
		return figure.Unknown
	}
	return figure.Percent(part / whole)
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
