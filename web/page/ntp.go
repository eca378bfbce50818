package page

import (
	"math"
	"slices"
	"strconv"

	"timeball/web/api"
	"timeball/web/figure"
	"timeball/web/verdict"
)

// mostClients is how many clients the page shows; the API has all.
const mostClients = 12

func (m maker) ntpPanel() Panel {
	p := Panel{ID: "ntp", Facts: m.ntpFacts()}
	rate, now := m.rateChart()
	p.Answer = m.ntpAnswer(now)
	if !verdict.Served(m.s) {
		p.Mark = "octagon"
	}
	p.Blocks = []Block{{ID: "ntp-rate", Body: rate}, {ID: "ntp-sources", Body: m.sources()}, {ID: "ntp-clients", Body: m.clientsTable()}}
	return p
}

func (m maker) ntpAnswer(rate string) string {
	text := m.Say("ntp.total", "answered", figure.Count(m.s.RequestsAnswered), "refused", figure.Count(m.s.RequestsRefused))
	if c := m.d.Clients; c != nil && rate != "" {
		text = m.Count("ntp.clients", c.Known, "rate", rate)
	}
	if !verdict.Served(m.s) {
		return m.Say("ntp.silent", "text", text)
	}
	return m.Stop(text)
}

func (m maker) ntpFacts() []Fact {
	s := m.s
	says := m.Say("ntp.not-synchronised")
	if verdict.Served(s) {
		refid := figure.Unknown
		if s.RefID != nil {
			refid = *s.RefID
		}
		says = m.Say("ntp.stratum", "stratum", strconv.Itoa(s.Stratum), "refid", refid)
	}
	leap := m.Say("ntp.leap." + s.Leap)
	facts := []Fact{{m.Say("ntp.says"), says}}
	if verdict.Served(s) && (s.Leap == "none" || s.Leap == "insert" || s.Leap == "delete") {
		facts = append(facts, Fact{m.Say("ntp.leap"), leap})
	}
	return append(facts, Fact{m.Say("ntp.dispersion"), duration(told(s), 4)},
		Fact{m.Say("ntp.answered"), figure.Count(s.RequestsAnswered)}, Fact{m.Say("ntp.refused"), figure.Count(s.RequestsRefused)})
}

// rateChart draws how many requests were answered a second, and returns the newest rate.
func (m maker) rateChart() (body any, now string) {
	t, ok := newTrack(m.d.History, "ntp_answered_per_second", 1)
	if !ok {
		return empty{m.Say("ntp.rate"), m.Say("history.empty")}, ""
	}
	_, high := t.limits()
	y, ticks := niceScale(0, max(4, high), 4)
	c := chart{Title: m.Say("ntp.rate"), Height: "s", Caption: m.Say("ntp.rate.caption", "window", m.windowWords(&t), "step", m.span(t.step))}
	c.yAxis(y, ticks, m.Say("per-second"), plain(ticks[1]-ticks[0]))
	unit := m.Say("per-second")
	c.Table.Head = numbersHead(m.Say("chart.from"), m.Say("chart.least", "unit", unit), m.Say("chart.median", "unit", unit), m.Say("chart.greatest", "unit", unit))
	t.draw(&c, y, plain(0.1))
	t.timeTicks(&c, m.Say("chart.now"))
	c.Readout = m.readout(c.Table)
	for i := len(t.middle) - 1; i >= 0 && now == ""; i-- {
		if !math.IsNaN(t.middle[i]) {
			now = figure.Decimal(t.middle[i], 0)
		}
	}
	return c, now
}

// sources lists what this unit follows and the other clocks it asks, which never steer it.
func (m maker) sources() any {
	t := table{Title: m.Say("ntp.sources"), Caption: m.Say("ntp.sources.caption"), Stack: true}
	t.Head = []column{{Text: m.Say("ntp.source")}, {Text: m.Say("ntp.state")}, {m.Say("ntp.offset"), true}, {m.Say("ntp.distance"), true}, {m.Say("ntp.st"), true}, {m.Say("ntp.asked"), true}}
	if s := m.s; s.OffsetSeconds != nil && s.BoundSeconds != nil && verdict.Served(s) {
		state := m.Say("ntp.followed")
		if s.Mode != verdict.Locked {
			state = m.Say("ntp.not-used")
		}
		t.Rows = append(t.Rows, m.sourceRow(m.Say("ntp.pulse"), state, figure.Offset(*s.OffsetSeconds), figure.Bound(*s.BoundSeconds, 2), "0", figure.Unknown))
	}
	for _, w := range m.s.Witnesses {
		state := w.State
		if known := "witness." + w.State; slices.Contains(witnessStates, w.State) {
			state = m.Say(known)
		}
		if w.Text != "" {
			state += m.Say("list.colon") + m.Heard(w.Text)
		}
		stratum, asked := figure.Unknown, figure.Unknown
		if w.Stratum != nil {
			stratum = strconv.Itoa(*w.Stratum)
		}
		if w.AskedSeconds != nil {
			asked = m.Say("ago", "span", m.span(*w.AskedSeconds))
		}
		distance := figure.Unknown
		if w.DistanceSeconds != nil {
			if text := figure.Bound(*w.DistanceSeconds, 2); text != "" {
				distance = text
			}
		}
		t.Rows = append(t.Rows, m.sourceRow(w.Name, state, offset(w.OffsetSeconds), distance, stratum, asked))
	}
	if len(t.Rows) == 0 {
		return empty{m.Say("ntp.sources"), m.Say("ntp.sources.none")}
	}
	return t
}

var witnessStates = []string{"agrees", "disagrees", "not compared", "waiting", "silent", "kept"}

func (m maker) sourceRow(name, state, off, distance, stratum, asked string) row {
	return row{Cells: []cell{
		{Text: name, Bold: true},
		{Text: state, Wide: true},
		{Text: off, Number: true, Label: m.Say("ntp.offset")},
		{Text: "±\u00a0" + distance, Number: true, Label: m.Say("ntp.distance")},
		{Text: stratum, Number: true, Label: m.Say("ntp.st")},
		{Text: asked, Number: true, Label: m.Say("ntp.asked")},
	}}
}

// compared counts the witnesses that can be compared, and those of them that agree.
func compared(all []api.Witness) (agree, compared int) {
	for _, w := range all {
		switch w.State {
		case "agrees":
			agree++
			compared++
		case "disagrees":
			compared++
		}
	}
	return agree, compared
}

// clientsTable lists the busiest clients.
func (m maker) clientsTable() any {
	c := m.d.Clients
	if c == nil || len(c.Clients) == 0 {
		return empty{m.Say("ntp.clients.title"), m.Say("ntp.clients.none")}
	}
	shown := slices.Clone(c.Clients)
	rate := func(c api.Client) float64 {
		if c.IntervalSeconds == nil || !(*c.IntervalSeconds > 0) {
			return 0
		}
		return 60 / *c.IntervalSeconds
	}
	slices.SortStableFunc(shown, func(a, b api.Client) int { return cmpFloat(rate(b), rate(a)) })
	shown = shown[:min(len(shown), mostClients)]
	t := table{Title: m.Say("ntp.clients.title"), Caption: m.Say("ntp.clients.caption", "n", count(len(shown)), "all", count(c.Known))}
	t.Head = []column{
		{Text: m.Say("client")},
		{m.Say("client.rate"), true},
		{m.Say("client.total"), true},
		{m.Say("client.version"), true},
		{Text: m.Say("client.mode")},
		{m.Say("client.limited"), true},
		{m.Say("client.first"), true},
		{m.Say("client.last"), true},
	}
	for _, one := range shown {
		mode := m.Say("client.basic")
		if one.Interleaved {
			mode = m.Say("client.interleaved")
		}
		per := figure.Unknown
		if r := rate(one); r > 0 {
			per = figure.Decimal(r, 1)
			if r >= 100 {
				per = figure.Decimal(r, 0)
			}
		}
		t.Rows = append(t.Rows, row{Cells: []cell{
			{Text: one.Address},
			{Text: per, Number: true},
			{Text: figure.Count(one.Requests), Number: true},
			{Text: strconv.Itoa(one.Version), Number: true},
			{Text: mode},
			{Text: figure.Count(one.Limited), Number: true},
			{Text: m.span(one.FirstSeconds), Number: true},
			{Text: m.span(one.LastSeconds), Number: true},
		}})
	}
	return t
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
