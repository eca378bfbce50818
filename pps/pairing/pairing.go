// Package pairing decides which second an edge marks.
//
// A receiver's message names the pulse before its first byte; the time between the two is the message's delay. Three
// messages of one type that agree fix the label of one edge; from then on edges are counted, on a clock that can be off
// by no more than the caller says, and messages only check the count. So a lost, late or lying message never moves a
// label, and the seconds go on when the messages stop.
//
// Times are CLOCK_MONOTONIC; delays are seconds. An edge that cannot be labelled without doubt is refused with a reason.
// Constant delays above one second cannot be told from a shorter one without a witness.
package pairing

import (
	"math"

	"timeball/gnss"
	"timeball/gnss/timescale"
	"timeball/pps"
	"timeball/pps/clock"
)

// Reason says why an edge or a mark was not used. It is a counter's name.
type Reason string

// The reasons for which edges and marks are refused.
const (
	NoLabel      Reason = "no message has named a second yet"
	BetweenEdges Reason = "edge between two seconds"
	Void         Reason = "message without a fix"
	Fraction     Reason = "message names a fraction of a second"
	LeapSecond   Reason = "message names second 60"
	NoEdge       Reason = "no edge before the message"
	Ambiguous    Reason = "delay too close to a pulse"
	Moved        Reason = "delay has moved"
	LongBurst    Reason = "messages take too long at this baud rate"
	Disagrees    Reason = "message disagrees with the count"
	NotWitnessed Reason = "witness disagrees with the message"
)

const (
	second   = 1_000_000_000 // ns
	maxDelay = 0.9           // s; longer, and the message may speak of the pulse to come
	nearEdge = 0.1           // s; a delay this close to a pulse needs a witness
	maxMove  = 0.2           // s; so does one that has moved this far
	maxBurst = 0.8           // s of a second's messages on the line; longer, and their beginning is in doubt
	maxDrift = 0.25          // s; a count that may be this wrong does not tell one second from the next
	maxPhase = 0.01          // s; an edge this far from the count's grid, beyond the drift, marks no second

	agreeing = 3   // marks of one type fix a label
	doubting = 10  // marks in a row put a label, or a witness, in doubt; as many take the doubt away
	maxTypes = 16  // message types whose delay is kept
	learning = 0.1 // weight of a new delay
)

// anchor is an edge whose second is known.
type anchor struct {
	at  clock.Mono
	utc timescale.UTC
}

// history is what one message type has said.
type history struct {
	delay  clock.Seconds // smoothed
	agreed int           // marks in a row that name the same anchor
	anchor anchor        // that they would set
}

// Witness is another clock that can tell seconds apart: an RTC, a server.
type Witness struct {
	At          clock.Mono
	UTC         timescale.UTC
	Uncertainty clock.Seconds // less than 0.5 s, or it witnesses nothing
	Drift       clock.Ratio   // by which At may have aged
}

// Pairing keeps the count. The zero value knows nothing and is ready.
type Pairing struct {
	anchor    anchor
	anchored  bool
	last      clock.Mono // last edge, labelled or not
	hasEdge   bool
	types     map[string]*history
	witness   Witness
	hasWit    bool
	contrary  int // marks in a row that the witness contradicts
	witnessed bool
	burst     clock.Seconds
	disagreed int // valid marks in a row against the count
	agreed    int // and for it
	doubt     bool
	offGrid   int // edges in a row
}

// Anchored says whether edges are being counted.
func (p *Pairing) Anchored() bool { return p.anchored }

// Witnessed says that the label was fixed with the agreement of a witness, leap second count included.
func (p *Pairing) Witnessed() bool { return p.anchored && p.witnessed }

// Doubt says that the messages have named another second than the count for ten messages.
func (p *Pairing) Doubt() bool { return p.doubt }

// Witness gives the pairing another clock to ask.
func (p *Pairing) Witness(w Witness) { p.witness, p.hasWit = w, w.Uncertainty < 0.5 }

// Burst tells how long the line was busy during the last second.
func (p *Pairing) Burst(s clock.Seconds) { p.burst = s }

// Forget drops the count, as after a doubt about the clock it was counted on.
func (p *Pairing) Forget() {
	*p = Pairing{last: p.last, hasEdge: p.hasEdge, witness: p.witness, hasWit: p.hasWit, burst: p.burst}
}

// Delay returns the learned delay of a message type.
func (p *Pairing) Delay(message string) (clock.Seconds, bool) {
	h := p.types[message]
	if h == nil {
		return 0, false
	}
	return h.delay, true
}

// count returns the second that begins nearest to at and how far at is from it. drift is how fast the clock of the count
// may be off; ok is false when it may have drifted too far to tell.
func (p *Pairing) count(at clock.Mono, drift clock.Ratio) (utc timescale.UTC, phase clock.Seconds, ok bool) {
	since := int64(at - p.anchor.at)
	if !p.anchored || math.Abs(float64(since))*1e-9*float64(drift) > maxDrift {
		return 0, 0, false
	}
	n := int64(math.Round(float64(since) / second))
	return p.anchor.utc + timescale.UTC(n*second), clock.Seconds(since-n*second) * 1e-9, true
}

// Edge labels an edge. drift is how fast CLOCK_MONOTONIC may run wrong: 500 ppm when nothing is known.
func (p *Pairing) Edge(e pps.Edge, drift clock.Ratio) (timescale.UTC, Reason) {
	at := e.Middle()
	p.last, p.hasEdge = at, true
	if !p.anchored {
		return 0, NoLabel
	}
	utc, phase, ok := p.count(at, drift)
	if !ok {
		p.Forget()
		return 0, NoLabel
	}
	since := clock.Seconds(math.Abs(float64(at.Sub(p.anchor.at))))
	if clock.Seconds(math.Abs(float64(phase))) > maxPhase+since*clock.Seconds(drift) {
		p.offGrid++
		return 0, BetweenEdges
	}
	p.offGrid = 0
	p.anchor = anchor{at, utc}
	return utc, ""
}

// OffGrid returns how many edges in a row came between two seconds.
func (p *Pairing) OffGrid() int { return p.offGrid }

// Mark takes a message that names a second. It returns why it was of no use; "" when it fixed or confirmed a label.
func (p *Pairing) Mark(m gnss.TimeMark, drift clock.Ratio) Reason {
	switch {
	case !m.Valid:
		return Void
	case m.Leap60:
		return LeapSecond
	case m.UTC%second != 0:
		return Fraction
	case !p.hasEdge:
		return NoEdge
	}
	if p.anchored {
		return p.check(m, drift)
	}
	return p.learn(m)
}

// learn uses a mark to fix the first label.
func (p *Pairing) learn(m gnss.TimeMark) Reason {
	delay := m.Arrival.Sub(p.last)
	if delay < 0 || delay > 1.1 { // the last edge is not the one before the message
		return NoEdge
	}
	h := p.history(m.Message)
	if h == nil {
		return NoLabel
	}
	if seen, ok := p.witnessedSecond(); ok {
		return p.learnWitnessed(m, h, seen)
	}
	switch {
	case delay < nearEdge || delay > maxDelay:
		return Ambiguous
	case p.burst > maxBurst:
		return LongBurst
	case h.agreed > 0 && math.Abs(float64(delay-h.delay)) > maxMove:
		h.agreed, h.delay = 0, delay
		return Moved
	}
	p.agree(h, anchor{p.last, m.UTC}, delay, false)
	return ""
}

// agree adds a candidate to a message type's history; the third in a row becomes the anchor.
func (p *Pairing) agree(h *history, c anchor, delay clock.Seconds, witnessed bool) {
	if !h.continues(c) {
		h.agreed, h.delay = 0, delay
	}
	h.anchor = c
	h.agreed++
	h.delay += learning * (delay - h.delay)
	if h.agreed >= agreeing {
		p.anchor, p.anchored, p.witnessed = c, true, witnessed
	}
}

// continues says whether c names a later second of the same count.
func (h *history) continues(c anchor) bool {
	counted := int64(c.utc - h.anchor.utc)
	since := int64(c.at - h.anchor.at)
	return h.agreed > 0 && counted >= 0 && math.Abs(float64(since-counted)) < maxDrift*second
}

// witnessedSecond returns the second that the witness gives the last edge; ok is false when it can't tell seconds apart.
func (p *Pairing) witnessedSecond() (utc timescale.UTC, ok bool) {
	if !p.hasWit {
		return 0, false
	}
	uncertainty := p.witness.Uncertainty + p.last.Sub(p.witness.At)*clock.Seconds(p.witness.Drift)
	seen := p.witness.UTC + timescale.UTC(p.last-p.witness.At)
	utc = timescale.UTC(math.Round(float64(seen)/second)) * second
	off := clock.Seconds(math.Abs(float64(seen-utc))) * 1e-9
	return utc, uncertainty < 0.5 && off <= uncertainty
}

// learnWitnessed fixes a label on which the witness and the receiver agree. Whatever the delay, a receiver names the
// second of the edge, the one before or the one after.
func (p *Pairing) learnWitnessed(m gnss.TimeMark, h *history, seen timescale.UTC) Reason {
	if off := seen - m.UTC; off < -second || off > second {
		if p.contrary++; p.contrary >= doubting {
			p.hasWit = false // an RTC whose battery is old must not keep the unit from ever starting
		}
		return NotWitnessed
	}
	p.contrary = 0
	p.agree(h, anchor{p.last, seen}, m.Arrival.Sub(p.last)+clock.Seconds(seen-m.UTC)*1e-9, true)
	return ""
}

// check holds a mark against the count.
func (p *Pairing) check(m gnss.TimeMark, drift clock.Ratio) Reason {
	utc, phase, ok := p.count(m.Arrival, drift)
	if !ok {
		p.Forget()
		return NoLabel
	}
	delay := phase + clock.Seconds(utc-m.UTC)*1e-9
	h := p.history(m.Message)
	if h == nil {
		return NoLabel
	}
	switch {
	case h.agreed == 0 && delay > -0.5 && delay < 1.5:
		// First of its type since the count began: the count tells its delay.
		h.delay, h.agreed = delay, 1
	case h.agreed == 0 || math.Abs(float64(delay-h.delay)) > 0.5:
		return p.against()
	default:
		h.delay += learning * (delay - h.delay)
		h.agreed++
	}
	p.disagreed = 0
	if p.agreed++; p.agreed >= doubting {
		p.doubt = false
	}
	return ""
}

func (p *Pairing) against() Reason {
	p.agreed = 0
	if p.disagreed++; p.disagreed >= doubting {
		p.doubt = true
	}
	return Disagrees
}

// history returns what is kept of a message type; nil when there are too many types.
func (p *Pairing) history(message string) *history {
	h := p.types[message]
	if h == nil && len(p.types) < maxTypes {
		if p.types == nil {
			p.types = make(map[string]*history)
		}
		h = &history{}
		p.types[message] = h
	}
	return h
}
