package timing

import (
	"fmt"
	"slices"

	"timeball/gnss/integrity"
)

// judge lets the unit follow what speaks against its receiver: changes are told, and while a condition asks for it the
// pulse is not used. The last pulses before it are taken back then: receivers send bad ones for up to 20 s before they
// admit a loss.
func (e *Engine) judge() {
	was, is := e.conditions, e.monitor.Conditions()
	if sameList(was, is) {
		return
	}
	e.conditions = is
	for _, c := range is {
		if old := conditionNamed(was, c.Name); old == nil || old.Severity != c.Severity {
			e.say("condition", fmt.Sprintf("%s (%v): %s", c.Name, c.Severity, c.Text))
		}
	}
	for _, c := range was {
		if conditionNamed(is, c.Name) == nil {
			e.say("condition", fmt.Sprintf("%s has ended after %.0f s", c.Name, e.now.Mono.Sub(c.Since)))
		}
	}
	e.heed()
}

// heed stops and allows the use of the pulse.
func (e *Engine) heed() {
	distrusted := e.distrust != ""
	e.distrust = ""
	if len(e.conditions) > 0 && e.conditions[0].Severity == integrity.Holdover { // the first is the worst
		e.distrust = e.conditions[0].Text
	}
	switch {
	case e.distrust != "" && !distrusted:
		e.loop.Distrust(e.conditions[0].Since, e.distrust)
	case e.distrust == "" && distrusted:
		e.loop.Trust()
	}
}

// conditionNamed returns the condition of that name, nil when there is none.
func conditionNamed(all []integrity.Condition, name string) *integrity.Condition {
	i := slices.IndexFunc(all, func(c integrity.Condition) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// sameList says that two lists are one and the same: the Monitor makes a new one for every change.
func sameList(a, b []integrity.Condition) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
