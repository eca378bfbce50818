package page

import (
	"timeball/web/api"
	"timeball/web/figure"
)

const (
	nearPulse = 0.1 // s from a pulse within which the message alone does not tell its second
	mostKinds = 4   // of messages that are shown
)

// latencyChart shows how long after its pulse the receiver names a second.
func (m maker) latencyChart() any {
	kinds := m.s.MessageLatency[:min(len(m.s.MessageLatency), mostKinds)]
	c := chart{Title: m.Say("sky.latency"), Height: "s"}
	var of []bins
	var heard []api.MessageLatency
	end, window, greatest := 1.0, 0.0, uint64(0)
	for _, k := range kinds {
		b, ok := newBins(&k.Latency)
		if !ok {
			continue
		}
		of, heard = append(of, b), append(heard, k)
		end, window, greatest = max(end, b.end()), max(window, k.Latency.WindowSeconds), max(greatest, b.greatest())
	}
	if len(of) == 0 {
		return empty{m.Say("sky.latency"), m.Say("sky.latency.empty")}
	}
	x := scale{high: min(2, end)}
	unit := figure.Millisecond
	c.Caption = m.Say("sky.latency.caption", "bin", m.Prose(figure.Duration(of[0].width, 1)), "window", m.span(window))
	c.timeAxis(x, []float64{0, 250, 500, 750, 1000}, unit, plain(1))
	c.nearPulses(x)
	y := c.countAxis(greatest, false)
	c.Table.Head = numbersHead(m.Say("sky.latency.head", "unit", unit.Name), m.Say("sky.latency.messages"), m.Say("histogram.share"))
	messages := uint64(0)
	for i, b := range of {
		messages += b.all()
		c.Bars += b.draw(x, y)
		if v := heard[i].Latency.MedianSeconds; v != nil {
			c.mark(x.at(*v), float64(i), m.Say("sky.latency.label", "message", heard[i].Message, "value", figure.Duration(*v, 3)))
		}
		for _, r := range b.rows(m, x, unit, plain(1)) {
			r.Cells[0].Text = heard[i].Message + " " + r.Cells[0].Text
			c.Table.Rows = append(c.Table.Rows, r)
		}
	}
	c.Readout = figure.Count(messages) + " " + m.Say("sky.latency.messages")
	return c
}

// nearPulses hatches what is too close to a pulse.
func (c *chart) nearPulses(x scale) {
	for _, pulse := range []float64{0, 1, 2} {
		from, to := x.at(pulse-nearPulse)/10, x.at(pulse+nearPulse)/10
		if to > from {
			c.Hatch = append(c.Hatch, box{X: from, Width: to - from, Height: 100})
		}
	}
}
