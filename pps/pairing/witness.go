package pairing

import (
	"math"
	"slices"

	"timeball/gnss"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// Witness is a reading of another clock that may tell seconds apart: an RTC, a server.
type Witness struct {
	Name        string // a later reading of the same name replaces this one
	At          clock.Mono
	UTC         timescale.UTC
	Uncertainty clock.Seconds // 0.5 s or more, and it tells dates only
	Drift       clock.Ratio   // by which the reading ages
}

// aged returns the uncertainty at an instant; 0.5 s or more, or not a number, can't tell seconds apart.
func (w *Witness) aged(at clock.Mono) clock.Seconds { return w.Uncertainty + drifted(at-w.At, w.Drift) }

// second returns the second that begins nearest to an instant; ok is false when the witness can't tell seconds apart.
func (w *Witness) second(at clock.Mono) (utc timescale.UTC, ok bool) {
	uncertainty := w.aged(at)
	seen := w.UTC + timescale.UTC(at-w.At)
	n, off := wholeSeconds(clock.Mono(seen % second)) // the seconds of a date are too many for a float64
	return seen - seen%second + timescale.UTC(n*second), uncertainty < tellsApart && abs(off) <= uncertainty
}

// Verdict is what a witness says of the count.
type Verdict uint8

// The verdicts.
const (
	Unheard  Verdict = iota // seconds are not counted yet
	Confirms                // it agrees within its uncertainty
	Denies                  // it does not
)

// String returns "unheard", "agrees" or "disagrees".
func (v Verdict) String() string {
	switch v {
	case Confirms:
		return "agrees"
	case Denies:
		return "disagrees"
	}
	return "unheard"
}

// Testimony is a witness and what it says.
type Testimony struct {
	Witness
	Verdict Verdict
	Offset  clock.Seconds // the count less the witness when that was read; 0 while Unheard
	Refuted bool          // the messages contradicted it for so long that it is not asked any more
}

// witness is a Testimony and its quarrel with the messages.
type witness struct {
	Testimony
	fine     bool       // it could tell seconds apart, and is right to one of them
	contrary int        // marks in a row that it contradicts
	since    clock.Mono // when that began
}

const (
	tellsApart   = 0.5  // s of uncertainty from which on a witness names no second
	datesOnly    = 3600 // s of uncertainty from which on a sleep is a small matter
	maxWitnesses = 8    // that are kept; of more the one read longest ago is dropped
)

// Witness gives the pairing another clock to ask.
func (p *Pairing) Witness(w Witness) {
	i := slices.IndexFunc(p.witnesses, func(k witness) bool { return k.Name == w.Name })
	switch {
	case i >= 0:
		p.witnesses[i].Witness = w
	case len(p.witnesses) < maxWitnesses:
		i = len(p.witnesses)
		p.witnesses = append(p.witnesses, witness{Testimony: Testimony{Witness: w}})
	default:
		i = 0
		for k := range p.witnesses {
			if p.witnesses[k].At < p.witnesses[i].At {
				i = k
			}
		}
		p.witnesses[i] = witness{Testimony: Testimony{Witness: w}}
	}
	p.hear(&p.witnesses[i])
}

// Slept drops the count and what tells seconds apart: CLOCK_MONOTONIC, on which both were counted, has stood still. What
// tells dates only is still good enough for that.
func (p *Pairing) Slept() {
	p.witnesses = slices.DeleteFunc(p.witnesses, func(w witness) bool { return !(w.Uncertainty >= datesOnly) })
	p.Forget()
	p.hearings++
}

// Hearings counts how often what the witnesses say may have changed.
func (p *Pairing) Hearings() int { return p.hearings }

// Testimonies returns what the witnesses say, in the order in which they were first heard.
func (p *Pairing) Testimonies() []Testimony {
	all := make([]Testimony, len(p.witnesses))
	for i := range p.witnesses {
		all[i] = p.witnesses[i].Testimony
	}
	return all
}

// Overruled says that the count, which no witness supports, is another one than that of a witness who is still asked.
func (p *Pairing) Overruled() bool {
	if !p.anchored || p.witnessed {
		return false
	}
	return slices.ContainsFunc(p.witnesses, func(w witness) bool { return w.Verdict == Denies && w.fine && !w.Refuted })
}

// Second returns what the count says at an instant; ok is false where it can't.
func (p *Pairing) Second(at clock.Mono, drift clock.Ratio) (utc timescale.UTC, ok bool) {
	utc, phase, ok := p.count(at, drift)
	return utc + timescale.UTC(math.Round(float64(phase)*second)), ok
}

// hear compares a witness with the count. One who agrees is asked again, whatever was before.
func (p *Pairing) hear(w *witness) {
	p.hearings++
	w.Verdict, w.Offset, w.fine = Unheard, 0, false
	counted, ok := p.Second(w.At, w.Drift)
	uncertainty := w.aged(p.anchor.at) // the older of the two has aged
	if !ok || !(uncertainty >= 0) {
		return
	}
	_, phase := wholeSeconds(clock.Mono(counted - w.UTC))
	w.Offset, w.fine = clock.Seconds(counted-w.UTC)*1e-9, uncertainty < tellsApart && abs(phase) <= uncertainty
	if abs(w.Offset) > uncertainty {
		w.Verdict = Denies
		return
	}
	w.Verdict, w.Refuted, w.contrary = Confirms, false, 0
	p.witnessed = p.witnessed || w.fine
}

// hearAll compares all witnesses with a count that was just fixed.
func (p *Pairing) hearAll() {
	for i := range p.witnesses {
		p.hear(&p.witnesses[i])
	}
}

// asked returns the witness who tells which second an edge marks; nil when none can. Where they differ, that second is
// believed that most of them name; of as many, the one that the message says; then the best witness.
func (p *Pairing) asked(edge clock.Mono, said timescale.UTC) (best *witness, utc timescale.UTC) {
	most := 0
	for i := range p.witnesses {
		w := &p.witnesses[i]
		seen, ok := w.second(edge)
		if !ok || w.Refuted {
			continue
		}
		votes := 2 * p.votes(edge, seen)
		if seen == said {
			votes++
		}
		if votes > most || votes == most && w.aged(edge) < best.aged(edge) {
			best, utc, most = w, seen, votes
		}
	}
	return best, utc
}

// votes counts the witnesses who say that an edge marks a second.
func (p *Pairing) votes(edge clock.Mono, utc timescale.UTC) (n int) {
	for i := range p.witnesses {
		if seen, ok := p.witnesses[i].second(edge); ok && seen == utc && !p.witnesses[i].Refuted {
			n++
		}
	}
	return n
}

// supported says that another witness names the same second as w.
func (p *Pairing) supported(w *witness, edge clock.Mono, utc timescale.UTC) bool {
	for i := range p.witnesses {
		other := &p.witnesses[i]
		if seen, ok := other.second(edge); other != w && ok && seen == utc {
			return true
		}
	}
	return false
}

// learnWitnessed fixes a label on which the witness and the receiver agree. Whatever the delay, a receiver names the
// second of the edge, the one before or the one after.
func (p *Pairing) learnWitnessed(m gnss.TimeMark, h *history, seen anchor, w *witness) Reason {
	off := seen.utc - m.UTC
	if off >= -second && off <= second {
		w.contrary = 0
		p.follow(h, seen, m.Arrival.Sub(seen.at)+clock.Seconds(off)*1e-9, m.Arrival)
		return ""
	}
	if w.contrary++; w.contrary == 1 {
		w.since = m.Arrival
	}
	leaps := off >= -leapSeconds && off <= leapSeconds && !m.FullUTC
	if w.contrary >= doubting && (!leaps || m.Arrival-w.since > almanac) && !p.supported(w, seen.at, seen.utc) {
		p.hearings++
		w.Refuted = true // an RTC whose battery is old must not keep the unit from ever starting
	}
	return NotWitnessed
}
