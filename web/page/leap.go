package page

import (
	"math"
	"strconv"
	"time"

	"timeball/web/api"
	"timeball/web/figure"
	"timeball/web/words"
)

func (m maker) leapPanel() Panel {
	p := Panel{ID: "leap", Answer: m.leapAnswer()}
	if m.s.Leap == "insert" || m.s.Leap == "delete" {
		p.Mark = "triangle"
	}
	witnesses := any(empty{m.Say("leap.witnesses"), m.Say("not-reported")})
	if l := m.s.LeapSeconds; l != nil {
		p.Facts, witnesses = m.leapFacts(l), m.leapWitnesses(l)
	}
	p.Blocks = []Block{{ID: "leap-witnesses", Half: true, Body: witnesses}, {ID: "leap-listeners", Half: true, Body: m.leapListeners()}}
	return p
}

func (m maker) leapAnswer() string {
	s, tai := m.s, ""
	if s.TAIOffsetSeconds != nil {
		tai = m.Say("leap.tai", "n", strconv.Itoa(*s.TAIOffsetSeconds))
	}
	key := "leap.no"
	switch {
	case s.Leap == "insert":
		key = "leap.insert"
	case s.Leap == "delete":
		key = "leap.delete"
	case s.LeapSeconds == nil:
		key = "leap.unknown"
	case s.LeapSeconds.Text != "":
		return m.Say("leap.open", "text", m.Heard(s.LeapSeconds.Text), "tai", tai)
	case s.LeapSeconds.AnnouncedAtUnixSeconds != nil:
		key = "leap.announced"
	case s.LeapSeconds.ListedAtUnixSeconds != nil:
		key = "leap.listed"
	}
	return m.Say(key, "tai", tai)
}

// leapFacts say how long the list is good and when a leap second could come.
func (m maker) leapFacts(l *api.LeapSeconds) []Fact {
	facts := []Fact{{m.Say("leap.valid"), day(l.ListExpiresUnixSeconds)}}
	if now := m.s.ServedUnixNanoseconds; now != nil {
		left := max(0, (l.ListExpiresUnixSeconds-*now/1e9)/86400)
		facts = append(facts, Fact{m.Say("leap.days"), figure.Count(uint64(left))}, Fact{m.Say("leap.possible"), nextHalfYear(*now / 1e9)})
	}
	if m.s.LeapAtUnixSeconds != nil {
		facts = append(facts, Fact{m.Say("leap.at"), day(*m.s.LeapAtUnixSeconds-1) + "\u00a023:59"})
	}
	return facts
}

func day(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.DateOnly) }

// nextHalfYear returns the last day of June or December, at whose end leap seconds have always come.
func nextHalfYear(unix int64) string {
	at := time.Unix(unix, 0).UTC()
	end := time.Date(at.Year(), 6, 30, 0, 0, 0, 0, time.UTC)
	if at.Month() > 6 {
		end = time.Date(at.Year(), 12, 31, 0, 0, 0, 0, time.UTC)
	}
	return end.Format(time.DateOnly)
}

func (m maker) leapWitnesses(l *api.LeapSeconds) table {
	t := table{Title: m.Say("leap.witnesses"), Caption: m.Say("leap.witnesses.caption"), Stack: true}
	t.Head = []column{{Text: m.Say("leap.witness")}, {Text: m.Say("leap.says")}, {Text: m.Say("leap.when"), Number: true}}
	said := m.Say("leap.none-until", "day", day(l.ListExpiresUnixSeconds))
	if l.ListedAtUnixSeconds != nil {
		said = m.Say("leap.says-"+sort(l.Listed), "day", day(*l.ListedAtUnixSeconds))
	}
	t.Rows = append(t.Rows, row{Cells: []cell{{Text: m.Say("leap.list"), Bold: true}, {Text: said, Wide: true}, {Text: m.Say("leap.updated", "day", day(l.ListUpdatedUnixSeconds)), Number: true}}})
	said = m.Say("leap.silent")
	if l.Announced != nil && l.AnnouncedAtUnixSeconds != nil {
		said = m.Say("leap.says-"+sort(*l.Announced), "day", day(*l.AnnouncedAtUnixSeconds))
	}
	if l.ReceiverTAIOffsetSeconds != nil {
		said = m.List(said, m.Say("leap.receiver-tai", "n", strconv.Itoa(*l.ReceiverTAIOffsetSeconds)))
	}
	by := l.AnnouncedBy
	if by == "" {
		by = figure.Unknown
	}
	t.Rows = append(t.Rows, row{Cells: []cell{{Text: m.Say("sky.receiver"), Bold: true}, {Text: said, Wide: true}, {Text: by, Number: true}}})
	return t
}

// sort returns the kind of a leap second for a key of the catalogue.
func sort(kind string) string {
	if kind == "delete" {
		return "delete"
	}
	return "insert"
}

// leapListeners says what each address does around a leap second, and what it tells now.
func (m maker) leapListeners() any {
	if len(m.s.Listeners) == 0 {
		return empty{m.Say("leap.listeners"), m.Say("leap.listeners.none")}
	}
	t := table{Title: m.Say("leap.listeners"), Caption: m.Say("leap.listeners.caption"), Stack: true}
	t.Head = []column{{Text: m.Say("leap.listener")}, {Text: m.Say("leap.policy")}, {Text: m.Say("leap.now")}}
	for _, l := range m.s.Listeners {
		policy := cell{Text: l.LeapPolicy, Wide: true}
		if words.Has("leap.policy." + l.LeapPolicy) {
			policy.Small = m.Say("leap.policy." + l.LeapPolicy)
		}
		t.Rows = append(t.Rows, row{Cells: []cell{{Text: l.Address, Bold: true}, policy, {Text: m.listenerTells(l), Wide: true, Label: m.Say("leap.now")}}})
	}
	return t
}

// listenerTells says what a listener tells its clients now.
func (m maker) listenerTells(l api.Listener) string {
	if l.SmearSeconds != nil && !math.IsNaN(*l.SmearSeconds) {
		return m.Say("leap.tells.smear", "offset", figure.Offset(*l.SmearSeconds))
	}
	if key := "leap.tells." + l.Leap; words.Has(key) {
		return m.Say(key)
	}
	return l.Leap
}
