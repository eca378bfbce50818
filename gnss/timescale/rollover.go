package timescale

import "math"

// The weeks after which receivers take a date for one that has passed.
const (
	Rollover10 = 1024 // weeks of 10 bits, GPS L1 C/A: 19.6 years
	Rollover13 = 8192 // weeks of 13 bits, GPS CNAV and BeiDou: 157 years
)

// Window is where dates can be: at the floor, such as the day the firmware was built, or after it.
type Window struct{ Floor UTC }

// Candidate is a date that may be meant by one that was sent.
type Candidate struct {
	UTC   UTC
	Weeks int // added to what was sent; 0 = as it was sent
}

// Repair returns the first date at or after the floor that is a whole number of rollovers, of the given weeks, after
// raw. It is a candidate: that it is right takes a fix and a witness. A raw date that is not before the floor is
// returned as it is, and so is one for which 64 bits have no candidate.
func (w Window) Repair(raw UTC, rollover int) Candidate {
	step := UTC(rollover) * Week
	c := Candidate{UTC: raw}
	for c.UTC < w.Floor {
		if step <= 0 || c.UTC > math.MaxInt64-step {
			return Candidate{UTC: raw}
		}
		c.UTC += step
		c.Weeks += rollover
	}
	return c
}

// Candidates returns what raw may mean after rollovers of either length, the nearest first and each once.
func (w Window) Candidates(raw UTC) []Candidate {
	c, long := w.Repair(raw, Rollover10), w.Repair(raw, Rollover13)
	if c == long || long.Weeks == 0 {
		return []Candidate{c}
	}
	if long.UTC < c.UTC || c.Weeks == 0 {
		c, long = long, c
	}
	if long.Weeks == 0 {
		return []Candidate{c}
	}
	return []Candidate{c, long}
}
