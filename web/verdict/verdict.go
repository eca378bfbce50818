// Package verdict says in one sentence whether a unit's time may be trusted.
//
// The sentence gives the verdict first, then the number, then the reason. It is drawn from api.Status alone, so the page
// and the tool say the same. A bound is rounded up to two digits; where none is known the words are "no bound". Where the
// mode and what is served contradict each other, the worse of the two is told.
package verdict

import (
	"strings"
	"time"

	"timeball/web/api"
	"timeball/web/figure"
)

// The states of a unit: the modes as far as they matter to who wants the time.
const (
	Locked         = "locked"
	Holdover       = "holdover"
	Acquiring      = "acquiring"
	Quarantine     = "quarantine"
	Unsynchronised = "unsynchronised"
)

// fewSatellites is the number below which a position or a time solution has no spare: four unknowns need four.
const fewSatellites = 5

// Verdict is one sentence in its parts.
type Verdict struct {
	State string // one of the states above
	Word  string // the state for a label: "Locked"
	Lead  string // "Time is good:"
	Text  string // the rest of the sentence
	Bound string // the bound as it occurs in Text; "" when it does not
}

// String returns the whole sentence.
func (v Verdict) String() string { return v.Lead + " " + v.Text }

// Sentence returns the whole sentence for a status.
func Sentence(s api.Status) string { return Of(s).String() }

// Served reports whether the unit answers clients as a synchronised server.
func Served(s api.Status) bool { return s.Stratum > 0 && s.Stratum < 16 && s.Leap != "unsynchronized" }

// Bound returns the bound in seconds that may be shown, if there is one. In quarantine there is none: the evidence is
// that the unit's own figure does not hold.
func Bound(s api.Status) (seconds float64, ok bool) {
	if s.BoundSeconds == nil || s.Mode == Quarantine || figure.Bound(*s.BoundSeconds, 2) == "" {
		return 0, false
	}
	return *s.BoundSeconds, true
}

// State returns the state the page shows for a status.
func State(s api.Status) string {
	switch s.Mode {
	case Quarantine, Acquiring:
		return s.Mode
	case Locked, Holdover:
		if Served(s) && bound(s) != "" {
			return s.Mode
		}
	}
	return Unsynchronised
}

// Of returns the verdict on a status.
func Of(s api.Status) Verdict {
	v := Verdict{State: State(s), Bound: bound(s)}
	v.Word = words[v.State]
	switch v.State {
	case Locked:
		v.Lead, v.Text = locked(s)
	case Holdover:
		v.Lead = "Time is still good:"
		v.Text = "error at most " + bound(s) + " and growing; " + reasonOr(s, "no pulse is used") + lasting(s, ", in holdover for ")
	case Acquiring:
		v.Lead, v.Text = acquiring(s)
	case Quarantine:
		v.Lead = "Do not use this unit:"
		v.Text = reasonOr(s, "it has evidence that its time is wrong") + ", so it has stopped serving"
	default:
		v.Lead, v.Text = unsynchronised(s)
	}
	if !strings.HasSuffix(v.Text, "?") {
		v.Text += "."
	}
	if v.Bound == "" || !strings.Contains(v.Text, v.Bound) {
		v.Bound = ""
	}
	return v
}

var words = map[string]string{
	Locked: "Locked", Holdover: "Holdover", Acquiring: "Acquiring", Quarantine: "Quarantined", Unsynchronised: "Unsynchronised",
}

func locked(s api.Status) (lead, text string) {
	parts := []string{"error at most " + bound(s), satellites(s), lasting(s, "locked for ")}
	lead = "Time is good:"
	tail := leap(s)
	if s.SatellitesUsed != nil && *s.SatellitesUsed < fewSatellites {
		lead = "Time is good, but narrow:"
		parts[0], parts[1] = parts[1], parts[0]
		tail += "; is the sky view blocked?"
	}
	switch r, alarm := reason(s), alarmed(s); {
	case r != "":
		parts[2], tail = "", "; "+r
	case alarm != "":
		tail = "; " + alarm
		if lead == "Time is good:" {
			lead = "Time is good, with an alarm:"
		}
	}
	return lead, list(parts) + tail
}

// alarmed returns the worst that speaks against the receiver of a unit that uses its pulse, "" where it is no alarm.
func alarmed(s api.Status) string {
	for _, c := range s.Conditions {
		if c.Severity == "alarm" {
			return strings.TrimRight(strings.TrimSpace(c.Text), ".;,")
		}
	}
	return ""
}

func acquiring(s api.Status) (lead, text string) {
	why := reasonOr(s, "the clock has been settling on the pulse"+lasting(s, " for "))
	if Served(s) && bound(s) != "" {
		return "Time is still good:", "error at most " + bound(s) + "; " + why
	}
	if sats := satellites(s); sats != "" {
		why = sats + " in use; " + why
	}
	return "Not ready yet:", why
}

func unsynchronised(s api.Status) (lead, text string) {
	switch {
	case s.Mode != Locked && s.Mode != Holdover:
		return "Not ready yet:", reasonOr(s, "this unit has no pulse that it can give a time")
	case bound(s) == "":
		return "No time:", "there is no bound on its error" + optional("; ", reason(s))
	default:
		since := map[string]string{Locked: ", locked for ", Holdover: ", in holdover for "}[s.Mode]
		return "No time:", reasonOr(s, "this unit tells its clients that it is not synchronised") + lasting(s, since)
	}
}

// leap tells of a leap second that is announced.
func leap(s api.Status) string {
	what := map[string]string{"insert": "a leap second comes", "delete": "a second is left out"}[s.Leap]
	if what == "" {
		return ""
	}
	if s.LeapAtUnixSeconds != nil && s.ServedUnixNanoseconds != nil {
		left := time.Unix(*s.LeapAtUnixSeconds, 0).Sub(time.Unix(0, *s.ServedUnixNanoseconds))
		if left >= 0 {
			return "; " + what + " in " + figure.Span(left.Seconds())
		}
	}
	return "; " + what + " at the end of this UTC day"
}

func bound(s api.Status) string {
	seconds, ok := Bound(s)
	if !ok {
		return ""
	}
	return figure.Bound(seconds, 2)
}

func satellites(s api.Status) string {
	switch {
	case s.SatellitesUsed == nil || *s.SatellitesUsed < 0:
		return ""
	case *s.SatellitesUsed == 1:
		return "1\u00a0satellite"
	}
	return figure.Count(uint64(*s.SatellitesUsed)) + "\u00a0satellites"
}

// reason is the unit's own words, without what would end the sentence they are put into.
func reason(s api.Status) string { return strings.TrimRight(strings.TrimSpace(s.Reason), ".;,") }

func reasonOr(s api.Status, otherwise string) string {
	if r := reason(s); r != "" {
		return r
	}
	return otherwise
}

// lasting says how long the mode has lasted; nothing in its first second.
func lasting(s api.Status, before string) string {
	if !(s.ModeSeconds >= 1) {
		return ""
	}
	return optional(before, strings.TrimPrefix(figure.Span(s.ModeSeconds), figure.Unknown))
}

func optional(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

// list joins what is not empty with commas.
func list(parts []string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ", ")
}
