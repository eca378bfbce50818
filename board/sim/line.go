package sim

import (
	"timeball/gnss/receiver"
	"timeball/pps/timing"
)

// Line is the board's end of the line of a Device, looked after by a receiver.Finder as on hardware: what comes over it
// goes to the Finder, and to the Engine while the line is in use; what the Finder asks for is done to the world.
type Line struct {
	world  *World
	finder *receiver.Finder
	open   bool
	said   timing.Event
}

// port is the name of the line.
const port = "/dev/ttyAMA0"

// NewLine returns the line of w's Device, of which the Finder knows nothing yet but what first says.
func NewLine(w *World, first ...receiver.Found) *Line {
	l := &Line{world: w, finder: receiver.New(first...)}
	l.finder.Candidates([]string{port})
	return l
}

// Take takes an event of the world and hands on to take what the Engine gets of it.
func (l *Line) Take(ev timing.Event, take func(timing.Event)) {
	switch ev.Kind {
	case timing.KindBytes:
		if !l.open {
			return
		}
		l.do(l.finder.Received(ev.At, ev.Bytes), ev)
		if !l.finder.InUse() {
			return
		}
	case timing.KindTick:
		l.do(l.finder.Tick(ev.At), ev)
	}
	l.tell(ev, take)
	take(ev)
}

// tell tells what is known of the line when that has changed.
func (l *Line) tell(ev timing.Event, take func(timing.Event)) {
	now := timing.Event{Kind: timing.KindPort, Text: l.finder.Trouble(), Where: l.finder.Line()}
	if now.Text != l.said.Text || now.Where != l.said.Where {
		l.said = now
		now.At = ev.At
		take(now)
	}
}

// do does what the Finder asks for.
func (l *Line) do(actions []receiver.Action, ev timing.Event) {
	for len(actions) > 0 {
		a := actions[0]
		actions = actions[1:]
		switch a.Do {
		case receiver.Open:
			l.world.Listen(a.Baud)
			l.open = true
			actions = append(actions, l.finder.Opened(ev.At, true, nil)...)
		case receiver.Write:
			l.world.Send(a.Bytes)
		case receiver.Close:
			l.open = false
		}
	}
}
