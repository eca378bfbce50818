// Package verdict says in one sentence whether a unit's time may be trusted.
//
// The sentence gives the verdict first, then the number, then the reason. It is drawn from api.Status alone, so the page
// and the tool say the same, in the languages of web/words. A bound is rounded up to two digits; where none is known the
// words are "no bound". Where the mode and what is served contradict each other, the worse of the two is told.
package verdict

import (
	"strings"
	"time"

	"timeball/web/api"
	"timeball/web/figure"
	"timeball/web/words"
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
func (v Verdict) String() string {
	if strings.HasSuffix(v.Lead, "：") {
		return v.Lead + v.Text
	}
	return v.Lead + " " + v.Text
}

// Sentence returns the whole sentence for a status, in English.
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
		if _, ok := Bound(s); ok && Served(s) {
			return s.Mode
		}
	}
	return Unsynchronised
}

// Of returns the verdict on a status in English.
func Of(s api.Status) Verdict { return In(words.In(words.English), s) }

// In returns the verdict on a status in the language of w.
func In(w words.Words, s api.Status) Verdict {
	c := composer{w, s}
	v := Verdict{State: State(s), Bound: c.bound()}
	v.Word = w.Say("verdict." + v.State)
	lead := ""
	switch v.State {
	case Locked:
		lead, v.Text = c.locked()
	case Holdover:
		lead, v.Text = "still", w.Clauses(w.Say("verdict.bound-growing", "bound", c.bound()), c.gone())
	case Acquiring:
		lead, v.Text = c.acquiring()
	case Quarantine:
		lead, v.Text = "refuse", w.Say("verdict.evidence")
		if why := c.reason(); why != "" {
			v.Text = w.Say("verdict.stopped", "reason", why)
		}
	default:
		lead, v.Text = c.unsynchronised()
	}
	v.Lead, v.Text = w.Say("verdict."+lead), w.Stop(v.Text)
	if v.Bound == "" || !strings.Contains(v.Text, v.Bound) {
		v.Bound = ""
	}
	return v
}

// composer puts the sentence for one status together.
type composer struct {
	w words.Words
	s api.Status
}

func (c composer) locked() (lead, text string) {
	bound, satellites := c.w.Say("verdict.bound", "bound", c.bound()), c.satellites("verdict.satellites")
	since := c.lasting("verdict.locked-for")
	narrow := c.s.SatellitesUsed != nil && *c.s.SatellitesUsed < fewSatellites
	why, alarm := c.reason(), c.alarmed()
	switch {
	case narrow && why == "":
		why = c.w.Say("verdict.sky-blocked")
	case !narrow && why == "" && alarm != "":
		return "alarmed", c.w.Clauses(c.w.List(bound, satellites, since), alarm, c.leap())
	}
	switch {
	case narrow:
		return "narrow", c.w.Clauses(c.w.List(satellites, bound), c.leap(), why)
	case why != "":
		return "good", c.w.Clauses(c.w.List(bound, satellites), c.leap(), why)
	}
	return "good", c.w.Clauses(c.w.List(bound, satellites, since), c.leap())
}

// alarmed returns the worst that speaks against the receiver of a unit that uses its pulse, "" where it is no alarm.
func (c composer) alarmed() string {
	for _, one := range c.s.Conditions {
		if one.Severity == "alarm" {
			return c.w.Heard(trimmed(one.Text))
		}
	}
	return ""
}

// lost are the conditions that say best why no pulse is used, with the words that take a span.
var lost = map[string]string{"antenna-open": "verdict.antenna-gone", "antenna-short": "verdict.antenna-short"}

// gone says why a unit in holdover uses no pulse.
func (c composer) gone() string {
	for _, one := range c.s.Conditions {
		if key := lost[one.Name]; key != "" && one.Severity == "holdover" && one.SinceSeconds >= 1 {
			return c.w.Say(key, "span", c.w.Prose(figure.Span(one.SinceSeconds)))
		}
	}
	why := c.reason()
	if why == "" {
		why = c.w.Say("verdict.no-pulse-used")
	}
	return c.w.List(why, c.lasting("verdict.holdover-for"))
}

func (c composer) acquiring() (lead, text string) {
	why := c.reason()
	if why == "" {
		why = c.lasting("verdict.settling-for")
	}
	if why == "" {
		why = c.w.Say("verdict.settling")
	}
	if c.bound() != "" && Served(c.s) {
		return "still", c.w.Clauses(c.w.Say("verdict.bound", "bound", c.bound()), why)
	}
	return "not-ready", c.w.Clauses(c.satellites("verdict.satellites-use"), why)
}

func (c composer) unsynchronised() (lead, text string) {
	why := c.reason()
	switch {
	case c.s.Mode != Locked && c.s.Mode != Holdover:
		if why == "" {
			why = c.w.Say("verdict.no-pulse")
		}
		return "not-ready", why
	case c.bound() == "":
		return "no-time", c.w.Clauses(c.w.Say("verdict.no-bound"), why)
	}
	if why == "" {
		why = c.w.Say("verdict.not-serving")
	}
	since := map[string]string{Locked: "verdict.locked-for", Holdover: "verdict.holdover-for"}[c.s.Mode]
	return "no-time", c.w.List(why, c.lasting(since))
}

// leap tells of a leap second that is announced.
func (c composer) leap() string {
	if c.s.Leap != "insert" && c.s.Leap != "delete" {
		return ""
	}
	key := "verdict.leap-" + c.s.Leap
	if c.s.LeapAtUnixSeconds != nil && c.s.ServedUnixNanoseconds != nil {
		at := time.Unix(*c.s.LeapAtUnixSeconds, 0).UTC()
		if left := at.Sub(time.Unix(0, *c.s.ServedUnixNanoseconds)); left >= 0 {
			return c.w.Say(key, "span", c.w.Prose(figure.Span(left.Seconds())), "utc", leapLabel(at, c.s.Leap))
		}
	}
	return c.w.Say(key + "-today")
}

// leapLabel names the second that is put in, or the last one before the one left out, at the midnight at.
func leapLabel(at time.Time, leap string) string {
	day := at.Add(-time.Hour).Format(time.DateOnly)
	if leap == "delete" {
		return day + " 23:59:58"
	}
	return day + " 23:59:60"
}

func (c composer) bound() string {
	seconds, ok := Bound(c.s)
	if !ok {
		return ""
	}
	return c.w.Prose(figure.Bound(seconds, 2))
}

func (c composer) satellites(key string) string {
	if c.s.SatellitesUsed == nil || *c.s.SatellitesUsed < 0 {
		return ""
	}
	return c.w.Count(key, *c.s.SatellitesUsed)
}

// reason is the unit's own words, without what would end the sentence they are put into.
func (c composer) reason() string { return c.w.Heard(trimmed(c.s.Reason)) }

func trimmed(text string) string { return strings.TrimRight(strings.TrimSpace(text), ".;,") }

// lasting says how long the mode has lasted; nothing in its first second.
func (c composer) lasting(key string) string {
	span := figure.Span(c.s.ModeSeconds)
	if !(c.s.ModeSeconds >= 1) || span == figure.Unknown || key == "" {
		return ""
	}
	return c.w.Say(key, "span", c.w.Prose(span))
}
