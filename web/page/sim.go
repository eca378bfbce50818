package page

import (
	"math"

	"timeball/web/api"
	"timeball/web/figure"
	"timeball/web/words"
)

// faults is the list of what can be made to go wrong on a simulated board.
type faults struct {
	Rows   []faultRow
	Secure string // where it can be asked for; "" = here
}

type faultRow struct {
	Name, Title, See, Within string
	On                       bool
	For                      string
	Once                     bool // it is over at once: there is nothing to end
}

// simPanel is there on a simulated board only: there the truth is known.
func (m maker) simPanel() Panel {
	p := Panel{ID: "sim", Answer: m.Say("sim.answer")}
	p.Facts = []Fact{{m.Say("sim.error"), offset(m.s.SimErrorSeconds)}, {m.Say("mark.bound"), m.Say("no-bound")}}
	if words := m.boundWords(); words != "" && m.s.SimErrorSeconds != nil {
		inside := m.Say("yes")
		if math.Abs(*m.s.SimErrorSeconds) > *m.s.BoundSeconds {
			inside = m.Say("sim.outside")
			p.Mark = "octagon"
		}
		p.Facts[1].Value = words
		p.Facts = append(p.Facts, Fact{m.Say("sim.inside"), inside})
	}
	body := any(empty{m.Say("sim.faults"), m.Say("not-reported")})
	if f := m.d.Faults; f != nil && len(f.Faults) > 0 {
		body = m.faultsList(f)
		on := 0
		for _, one := range f.Faults {
			if one.SinceSeconds != nil {
				on++
			}
		}
		if on > 0 {
			p.Answer = m.Count("sim.on", on)
		}
	}
	p.Blocks = []Block{{ID: "sim-faults", Body: body}}
	return p
}

func (m maker) faultsList(f *api.Faults) faults {
	list := faults{Secure: m.d.Secure}
	for _, one := range f.Faults {
		r := faultRow{Name: one.Name, Title: one.Name, See: one.Text, On: one.SinceSeconds != nil, Once: one.Once, Within: figure.Unknown}
		if key := "fault." + one.Name; words.Has(key) {
			r.Title, r.See, r.Within = m.Say(key), m.Say(key+".see"), m.Prose(m.Say(key+".within"))
		}
		if one.Name == "false-leap" && m.tellsNoLeap() {
			r.See, r.Within = m.Say("fault.false-leap.mute"), figure.Unknown
		}
		if r.On {
			r.For = m.span(*one.SinceSeconds)
		}
		list.Rows = append(list.Rows, r)
	}
	return list
}

// tellsNoLeap says that the receiver has said nothing of leap seconds: NMEA has no word for them.
func (m maker) tellsNoLeap() bool {
	l := m.s.LeapSeconds
	return l == nil || l.ReceiverTAIOffsetSeconds == nil && l.Announced == nil
}
