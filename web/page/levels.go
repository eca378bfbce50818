package page

import (
	"timeball/web/words"
)

// levels are the severities as they are shown, the worst first.
var levels = []struct{ severity, shape, class string }{
	{"holdover", "octagon", "stop"},
	{"alarm", "triangle", "warn"},
	{"inform", "ring", ""},
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

func levelName(shape string) string {
	for _, l := range levels {
		if l.shape == shape {
			return l.class
		}
	}
	return shape
}

// condition names a condition for people.
func (m maker) condition(name string) string {
	if key := "condition." + name; words.Has(key) {
		return m.Say(key)
	}
	return name
}

// conditionsTable lists what speaks against the receiver, ok is false where the unit does not judge it.
func (m maker) conditionsTable() (t table, worst int, ok bool) {
	if m.s.Conditions == nil {
		return table{}, len(levels), false
	}
	t = table{Title: m.Say("sky.conditions"), Caption: m.Say("sky.conditions.caption"), Stack: true}
	t.Head = []column{{Text: m.Say("level")}, {Text: m.Say("what")}, {Text: m.Say("for"), Number: true}}
	worst = len(levels)
	for _, c := range m.s.Conditions {
		level := levelOf(c.Severity)
		worst = min(worst, level)
		t.Rows = append(t.Rows, row{Cells: []cell{
			{Text: m.Say("level." + levels[level].shape), Shape: levels[level].shape},
			{Text: m.condition(c.Name), Small: m.Heard(c.Text), Wide: true},
			{Text: m.span(c.SinceSeconds), Number: true},
		}})
	}
	return t, worst, true
}
