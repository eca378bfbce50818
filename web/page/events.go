package page

// eventsPanel tells what happened and who was told.
func (m maker) eventsPanel() Panel {
	p := Panel{ID: "events"}
	active := len(m.alarms())
	p.Answer = m.Say("events.quiet")
	if active > 0 {
		p.Answer = m.Count("events.active", active)
	}
	p.Blocks = []Block{{ID: "events-list", Body: empty{m.Say("panel.events"), m.Say("not-reported")}}}
	return p
}
