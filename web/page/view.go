package page

import (
	"encoding/json"
	"strings"
	"time"

	"timeball/web/api"
	"timeball/web/figure"
	"timeball/web/verdict"
	"timeball/web/words"
)

// maker makes the parts of one page.
type maker struct {
	words.Words
	d Data
	s api.Status
}

// view is what the templates see.
type view struct {
	Site    Site
	Lang    words.Lang
	Tag     string
	Langs   []language
	Span    string
	Status  api.Status
	Verdict verdict.Verdict
	Lead    string
	Phrases [][]run // of the sentence; lines break between them only
	Title   string
	For     string // how long the mode has lasted
	Note    string // what follows from the verdict, in one or two sentences
	Served  bool
	Marks   []mark
	Dial    dial
	Clock   clockFace
	Alarms  []alarm
	Panels  []Panel
	Uptime  string
	Secure  string
	Links   []Link
	Ranges  []string // of the history
}

// language is one entry of the switch.
type language struct {
	Tag, Code, Name string
	Current         bool
}

func newView(site Site, d Data) view {
	m := maker{words.In(d.Lang), d, d.Status}
	v := view{
		Site: site, Lang: m.Lang(), Tag: m.Lang().Tag(), Span: d.Span, Status: m.s, Served: verdict.Served(m.s), Secure: d.Secure,
		Verdict: verdict.In(m.Words, m.s), Uptime: m.span(m.s.UptimeSeconds), Ranges: Spans(), Links: d.Links,
	}
	for _, l := range words.Langs {
		v.Langs = append(v.Langs, language{l.Tag(), string(l), l.Name(), l == v.Lang})
	}
	v.Phrases = phrases(v.Lang, v.Verdict)
	v.Title = strings.TrimRight(v.Verdict.Lead, ":：")
	if bound := m.boundWords(); v.Served && bound != "" {
		v.Title += m.Say("list.comma") + bound
	}
	v.Title += " · " + site.Name
	if m.s.ModeSeconds >= 1 {
		v.For = m.Say("verdict.for", "span", m.span(m.s.ModeSeconds))
	}
	v.Note = m.note()
	v.Marks = m.marks()
	v.Dial = m.dial()
	v.Clock = newClockFace(m.s)
	v.Alarms = m.alarms()
	v.Panels = m.panels()
	return v
}

// phrases splits a verdict's text where a line of it may break. English breaks between words anyway.
func phrases(lang words.Lang, v verdict.Verdict) [][]run {
	text := v.Text
	if v.Bound != "" {
		text = strings.Replace(text, v.Bound, "**"+v.Bound+"**", 1)
	}
	if lang != words.Chinese {
		return [][]run{bold(text)}
	}
	var all [][]run
	for text != "" {
		end := strings.IndexAny(text, "，；：")
		if end < 0 {
			return append(all, bold(text))
		}
		end += len("，")
		all = append(all, bold(text[:end]))
		text = text[end:]
	}
	return all
}

// panels returns all panels, numbered. A panel that has nothing to show says why.
func (m maker) panels() []Panel {
	all := []Panel{m.budgetPanel(), m.loopPanel(), m.oscillatorPanel(), m.holdoverPanel(), m.skyPanel(), m.ntpPanel(), m.leapPanel(), m.eventsPanel()}
	if m.s.Simulated {
		all = append(all, m.simPanel())
	}
	for i := range all {
		p := &all[i]
		p.No = i + 1
		p.Title, p.Question = m.Say("panel."+p.ID), m.Say("panel."+p.ID+".question")
		if p.Mark != "" {
			p.MarkWords = m.Say("level." + p.Mark)
		}
	}
	return all
}

// mark is one of the numbers under the verdict, with the mark it has on the dial and in the budget.
type mark struct{ Mark, Name, Value, What string }

// marks returns precision, bias, bound and what NTP can say of it: never one number for all.
func (m maker) marks() []mark {
	bias := figure.Unknown
	if m.s.BiasSeconds != nil && m.s.BiasSigmaSeconds != nil {
		bias = figure.PlusMinus(*m.s.BiasSeconds, *m.s.BiasSigmaSeconds)
	}
	value, what := m.boundWords(), m.Say("mark.bound.what")
	if value == "" {
		value, what = m.Say("no-bound"), m.Say("mark.bound.none")
	}
	told, of := m.Say("mark.told.nothing"), m.Say("mark.told.none")
	if verdict.Served(m.s) {
		told, of = duration(m.s.RootDispersionSeconds, 4), m.Say("mark.told.what")
	}
	return []mark{
		{"precision", m.Say("mark.precision"), duration(m.s.PrecisionSeconds, 2), m.Say("mark.precision.what")},
		{"bias", m.Say("mark.bias"), bias, m.Say("mark.bias.what")},
		{"bound", m.Say("mark.bound"), value, what},
		{"told", m.Say("mark.told"), told, of},
	}
}

// note says what follows from the verdict.
func (m maker) note() string {
	s := m.s
	if !verdict.Served(s) {
		return m.Say("note.silent")
	}
	if s.Mode == verdict.Holdover {
		if hour, ok := m.forecastAt(3600); ok {
			return m.Say("note.holdover", "bound", m.Prose(figure.Bound(hour, 2)))
		}
		return m.Say("note.holdover-blind")
	}
	text := ""
	if agree, compared := compared(s.Witnesses); compared > 0 {
		text = m.Say("note.witnesses", "n", count(agree), "all", count(compared))
		if agree == 1 && compared == 1 {
			text = m.Say("note.witnesses.one")
		}
	}
	serves := m.Say("note.serves", "stratum", count(s.Stratum))
	if s.RootDispersionSeconds != nil {
		serves = m.Say("note.dispersion", "stratum", count(s.Stratum), "dispersion", m.Prose(figure.Duration(*s.RootDispersionSeconds, 4)))
	}
	if text != "" && m.Lang() != words.Chinese {
		text += " "
	}
	return text + serves
}

// scriptKeys are the words that the page's script says.
var scriptKeys = []string{
	"clock.local", "clock.unknown", "day-of-year", "skew", "skew.unknown", "skew.fast", "skew.slow", "skew.right", "skew.amber", "skew.red",
	"lost", "lost.word", "lost.title", "deed.done", "deed.lost",
}

// ScriptWords returns the script's words as JSON.
func (v view) ScriptWords() (string, error) {
	w, said := words.In(v.Lang), map[string]string{}
	for _, key := range scriptKeys {
		said[key] = w.Say(key)
	}
	text, err := json.Marshal(said)
	return string(text), err
}

// clockFace is the served clock as people read it.
type clockFace struct {
	Known     bool
	ISO       string // for <time>
	Time      string
	Date      string
	DayOfYear int
}

// newClockFace reads the served clock out of s; it is not known until the unit has locked once.
func newClockFace(s api.Status) clockFace {
	if s.ServedUnixNanoseconds == nil {
		return clockFace{}
	}
	t := time.Unix(0, *s.ServedUnixNanoseconds).UTC()
	return clockFace{
		Known: true, ISO: t.Format("2006-01-02T15:04:05Z"), Time: t.Format("15:04:05"), Date: t.Format("2006-01-02"), DayOfYear: t.YearDay(),
	}
}

// span writes how long something lasted in the page's language.
func (m maker) span(seconds float64) string { return m.Prose(figure.Span(seconds)) }

// boundWords returns "≤ 1.9 µs", or "" when there is no bound.
func (m maker) boundWords() string {
	seconds, ok := verdict.Bound(m.s)
	if !ok {
		return ""
	}
	return "≤\u00a0" + figure.Bound(seconds, 2)
}

func duration(seconds *float64, digits int) string {
	if seconds == nil {
		return figure.Unknown
	}
	return figure.Duration(*seconds, digits)
}

func offset(seconds *float64) string {
	if seconds == nil {
		return figure.Unknown
	}
	return figure.Offset(*seconds)
}

func count(n int) string { return figure.Count(uint64(max(n, 0))) }
