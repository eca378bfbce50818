package page

import (
	"time"

	"timeball/web/api"
	"timeball/web/figure"
	"timeball/web/words"
)

// alarm is one line of the band under the verdict.
type alarm struct {
	Level, Shape, Word string
	Name, Text, For    string
	ID                 uint64 // of an event that can be acknowledged; 0 = none
}

// mostBand is how many lines the band has: the panel has all.
const mostBand = 4

// alarms are what is wrong now, the worst first: the active alarms and warnings nobody has acknowledged, or where no
// events are kept what speaks against the receiver.
func (m maker) alarms() []alarm {
	all := m.notices()
	if m.d.Events == nil {
		for _, c := range m.s.Conditions {
			level := levels[levelOf(c.Severity)]
			if level.class != "" {
				all = append(all, alarm{
					Level: level.class, Shape: level.shape, Word: m.Say("level." + level.shape), Name: m.condition(c.Name), Text: m.Heard(c.Text), For: m.span(c.SinceSeconds),
				})
			}
		}
		return all
	}
	for _, severity := range []string{api.SeverityAlarm, api.SeverityWarning} {
		for _, e := range m.d.Events.Events {
			if e.Severity != severity || !e.Active || e.Acknowledged || len(all) >= mostBand {
				continue
			}
			shape, class := eventLook(e)
			all = append(all, alarm{Level: class, Shape: shape, Word: m.Say("level." + shape), Name: m.eventName(e.Name), Text: e.Text, ID: e.ID})
		}
	}
	return all
}

// notices are what a person at the unit has to know, since its start.
func (m maker) notices() (all []alarm) {
	level := levels[levelOf("alarm")]
	for _, text := range m.s.Notices {
		all = append(all, alarm{Level: level.class, Shape: level.shape, Word: m.Say("level." + level.shape), Name: m.Say("notice"), Text: m.Heard(text)})
	}
	return all
}

// eventLook returns shape and class of an event.
func eventLook(e api.Event) (shape, class string) {
	switch {
	case !e.Active && e.Severity != api.SeverityNote:
		return "tick", "go"
	case e.Severity == api.SeverityAlarm:
		return "octagon", "stop"
	case e.Severity == api.SeverityWarning:
		return "triangle", "warn"
	}
	return "ring", ""
}

// eventName names an event for people.
func (m maker) eventName(name string) string {
	for _, key := range []string{"event." + name, "condition." + name} {
		if words.Has(key) {
			return m.Say(key)
		}
	}
	return name
}

// eventList are the newest events.
type eventList []eventRow

type eventRow struct {
	When, Level, Class, Shape string
	Text, Count, Told         string
	Seen                      bool
	ID                        uint64 // where it can be acknowledged
}

// channels are the ways by which events are told.
type channels []channelRow

type channelRow struct{ Name, Sent, Failed, Waiting string }

// mostEvents is how many events the page shows; the API has all.
const mostEvents = 20

// eventsPanel tells what happened and who was told.
func (m maker) eventsPanel() Panel {
	p := Panel{ID: "events", Answer: m.Say("events.quiet")}
	band := m.alarms()
	if len(band) > 0 {
		p.Mark = band[0].Shape
	}
	if m.d.Events == nil {
		if len(band) > 0 {
			p.Answer = m.Count("events.active", len(band))
		}
		p.Blocks = []Block{{ID: "events-list", Body: empty{m.Say("panel.events"), m.Say("not-reported")}}}
		return p
	}
	e := m.d.Events
	active := 0
	for _, one := range e.Events {
		if one.Active && one.Severity != api.SeverityNote {
			active++
		}
	}
	if active > 0 {
		p.Answer = m.Count("events.active", active)
	}
	p.Facts = []Fact{{m.Say("events.fact.active"), count(active)}, {m.Say("events.fact.open"), count(e.Unacknowledged)}}
	list := Block{ID: "events-list", Body: empty{m.Say("panel.events"), m.Say("events.none")}}
	if len(e.Events) > 0 {
		list.Body = m.eventRows(e.Events[:min(len(e.Events), mostEvents)])
	}
	p.Blocks = []Block{list}
	if len(e.Channels) > 0 {
		var rows channels
		for _, c := range e.Channels {
			rows = append(rows, channelRow{c.Name, figure.Count(c.Sent), figure.Count(c.Failed), count(c.Waiting)})
		}
		p.Blocks = append(p.Blocks, Block{ID: "events-channels", Body: rows})
	}
	return p
}

func (m maker) eventRows(events []api.Event) eventList {
	var list eventList
	for _, e := range events {
		shape, class := eventLook(e)
		r := eventRow{When: figure.Unknown, Level: m.Say("level." + shape), Class: class, Shape: shape, Text: e.Text, Told: m.List(e.Told...), Seen: e.Acknowledged}
		if at := e.LastUnixSeconds; at != nil && !e.Active {
			r.When = eventTime(*at)
		} else if e.FirstUnixSeconds != nil {
			r.When = eventTime(*e.FirstUnixSeconds)
		}
		if e.Count > 1 {
			r.Count = "×\u00a0" + count(e.Count)
		}
		if e.Active && !e.Acknowledged && e.Severity != api.SeverityNote {
			r.ID = e.ID
		}
		list = append(list, r)
	}
	return list
}

func eventTime(unix int64) string { return time.Unix(unix, 0).UTC().Format("01-02 15:04:05") }
