package replay

import (
	"timeball/gnss"
	"timeball/gnss/integrity"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// conditions collects what speaks against the receiver anywhere in a recording.
type conditions struct {
	monitor *integrity.Monitor
	raised  map[string]bool
	at      clock.Mono    // recordings carry no arrival times: the receiver's own seconds are counted
	utc     timescale.UTC // of the last mark
}

// longestPause is the longest that a recording is believed to have been silent for; what is longer is a jump of the date.
const longestPause = timescale.Hour

func newConditions() conditions {
	return conditions{monitor: integrity.New(), raised: map[string]bool{}}
}

// report takes what a packet told.
func (c *conditions) report(r *gnss.Report) {
	if r.Mark != nil {
		if step := r.Mark.UTC - c.utc; c.utc != 0 && 0 < step && step <= longestPause {
			c.at += clock.Mono(step)
		}
		c.utc = r.Mark.UTC
	}
	c.monitor.Report(c.at, r)
	c.monitor.Advance(c.at)
	for _, raised := range c.monitor.Conditions() {
		c.raised[raised.Name] = true
	}
}

// names returns what was raised, in the order of integrity.Names.
func (c *conditions) names() []string {
	all := []string{}
	for _, name := range integrity.Names() {
		if c.raised[name] {
			all = append(all, name)
		}
	}
	return all
}
