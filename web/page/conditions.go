package page

import (
	"strconv"
	"strings"

	"timeball/web/api"
	"timeball/web/figure"
)

// conditions is the list of what speaks against the receiver.
type conditions []conditionRow

type conditionRow struct {
	Shape, Level     string // octagon, triangle or ring; and in words
	Name, Text, Last string
}

// levels are the severities as they are shown, the worst first.
var levels = []struct{ severity, shape, word string }{
	{"holdover", "octagon", "Pulse not used"},
	{"alarm", "triangle", "Alarm"},
	{"inform", "ring", "Note"},
}

// conditionsPanel is there once the unit says what it thinks of its receiver.
func conditionsPanel(s api.Status) *Panel {
	if s.Conditions == nil {
		return nil
	}
	p := &Panel{ID: "conditions", Title: "Receiver", Question: "Does anything speak against it?", Answer: "No: antenna, signals, place and times are **as they should be**, as far as the receiver tells."}
	if len(s.Conditions) == 0 {
		p.Body = empty{"Nothing speaks against the receiver", "What is odd about its antenna, its signals or its place appears here with its figures, within seconds."}
		return p
	}
	var list conditions
	worst := len(levels) - 1
	for _, c := range s.Conditions {
		level := levelOf(c.Severity)
		worst = min(worst, level)
		list = append(list, conditionRow{
			Shape: levels[level].shape, Level: levels[level].word, Name: strings.ReplaceAll(c.Name, "-", " "), Text: c.Text, Last: figure.Span(c.SinceSeconds),
		})
	}
	p.Mark = levels[worst].shape
	p.Answer = conditionsAnswer(s.Conditions, worst)
	p.Body = list
	return p
}

// levelOf returns the place of a severity in levels; one that is not known is shown as a note.
func levelOf(severity string) int {
	for i, l := range levels {
		if l.severity == severity {
			return i
		}
	}
	return len(levels) - 1
}

func conditionsAnswer(all []api.Condition, worst int) string {
	many := "**one thing does**"
	if n := len(all); n > 1 {
		many = "**" + strconv.Itoa(n) + " things do**"
	}
	switch worst {
	case 0:
		return "Yes, " + many + ": its pulse is not used until half a minute after it is well again."
	case 1:
		return "Yes, " + many + ": its pulse is used, and someone should look."
	}
	return "A little, " + many + ": its pulse is used."
}
