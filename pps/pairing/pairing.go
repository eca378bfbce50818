// Package pairing decides which second an edge marks.
//
// A receiver's message names the pulse before its first byte; the time between the two is the message's delay. Three
// messages of one type that agree, behind three edges that are whole seconds apart, fix the label of one edge; from then
// on edges are counted, on a clock that can be off by no more than the caller says, and messages only check the count. So
// a lost, late or lying message never moves a label, and the seconds go on when the messages stop.
//
// What comes later in a second's burst can come after the next pulse. So all of a burst belongs to the pulse before its
// first byte; where that is not known the message that names a second first tells which one it is, and a type whose delay
// was seen to cross a pulse tells nothing until the delay has stood still.
//
// Witnesses settle what the delay leaves open: another clock, a message about the pulse itself, a delay that was learned
// before. Another clock is heard at any time and its verdict on the count is kept.
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
	Contradicted Reason = "messages name different seconds"
	NotWitnessed Reason = "witness disagrees with the message"
	TooMany      Reason = "too many kinds of messages"
)

const (
	second   = 1_000_000_000 // ns
	maxDelay = 0.9           // s; longer, and the message may speak of the pulse to come
	maxAge   = 1.1           // s from the last edge to a message; longer, and its edge was lost
	nearEdge = 0.1           // s; a delay this close to a pulse needs a witness
	// A message about a pulse says itself whether it means the one before or the one after: all that is in doubt is whether
	// it came before or after an edge, by what its arrival may be wrong. USB polls and UART queues hold bytes for 16 ms.
	nearNamed = 0.02
	maxMove   = 0.2  // s; so does one that has moved this far
	maxBurst  = 0.8  // s of a second's messages on the line; longer, and their beginning is in doubt
	maxDrift  = 0.25 // s; a count that may be this wrong does not tell one second from the next
	maxPhase  = 0.01 // s; an edge this far from the count's grid marks no second, or needs another one to say so

	agreeing = 3   // marks of one type fix a label
	doubting = 10  // marks in a row put a label, or a witness, in doubt; as many take the doubt away
	maxTypes = 16  // message types whose delay is kept
	learning = 0.1 // weight of a new delay

	memory   = 60 * second  // in which messages of one or two types are held against one another
	standing = 600 * second // for which a delay that has crossed a pulse must stand still
	// A receiver without the almanac, which takes 12.5 min to receive, is off by the leap seconds since 1980 at most, or
	// by those since its flash was written: a witness that says so is believed for longer.
	leapSeconds = 30 * second
	almanac     = 900 * second
)

// anchor is an edge whose second is known.
type anchor struct {
	at  clock.Mono
	utc timescale.UTC
}

// ahead returns by how many whole seconds the labels that a gives are ahead of b's, and how far the two edges are from
// being whole seconds apart.
func (a anchor) ahead(b anchor) (seconds int64, phase clock.Seconds) {
	n, phase := wholeSeconds(a.at - b.at)
	return int64(a.utc-b.utc)/second - n, phase
}

// wholeSeconds rounds d to seconds and returns the rest.
func wholeSeconds(d clock.Mono) (n int64, rest clock.Seconds) {
	n = int64(math.Round(float64(d) / second))
	return n, clock.Seconds(int64(d)-n*second) * 1e-9
}

// history is what one message type has said.
type history struct {
	delay   clock.Seconds // smoothed
	counted bool          // delay was learned from the count, which is as good as a witness
	heard   clock.Mono    // arrival of the last mark
	agreed  int           // marks in a row that name the same anchor
	first   clock.Seconds // how long after the pulse the burst of the first of them began
	anchor  anchor        // that they would set
	last    clock.Seconds // how long after the pulse the burst of the last of them began
	crossed bool          // it has crossed a pulse
	steady  clock.Mono    // and has not moved since
	named   bool          // it speaks of pulses, see Pulse
}

// Pairing keeps the count. The zero value knows nothing and is ready.
type Pairing struct {
	anchor    anchor
	anchored  bool
	edges     [4]clock.Mono // the last ones, labelled or not, newest first
	hasEdges  int
	clean     int // edges in a row that were whole seconds apart
	types     map[string]*history
	witnesses []witness // bounded, see Witness
	hearings  int
	witnessed bool
	burst     clock.Seconds
	begun     clock.Mono // the burst of messages that the line is busy with
	hasBegun  bool
	disagreed int // valid marks in a row against the count
	agreed    int // and for it
	doubt     bool
	offGrid   int           // edges in a row
	lag       clock.Seconds // of the last mark
	hasLag    bool
}

// Anchored says whether edges are being counted.
func (p *Pairing) Anchored() bool { return p.anchored }

// Witnessed says that the label was fixed with the agreement of a witness, leap second count included.
func (p *Pairing) Witnessed() bool { return p.anchored && p.witnessed }

// Doubt says that the messages have named another second than the count for ten messages.
func (p *Pairing) Doubt() bool { return p.doubt }

// Burst tells how long the line was busy during the last second.
func (p *Pairing) Burst(s clock.Seconds) { p.burst = s }

// Began tells when the first byte of a burst of messages came. All of it speaks of one second, however long the line is
// busy with it: what comes at the end of a long one may come after the next pulse.
func (p *Pairing) Began(at clock.Mono) { p.begun, p.hasBegun = at, true }

// spoken returns when the receiver began to say what m is a part of: the beginning of the burst, or m itself where the
// line has not been silent for a second.
func (p *Pairing) spoken(m gnss.TimeMark) clock.Mono {
	if p.hasBegun && m.Arrival >= p.begun && m.Arrival-p.begun < second {
		return p.begun
	}
	return m.Arrival
}

// Forget drops the count and the delays, as after a doubt about what they were learned from.
func (p *Pairing) Forget() {
	*p = Pairing{
		edges: p.edges, hasEdges: p.hasEdges, clean: p.clean, witnesses: p.witnesses, hearings: p.hearings, burst: p.burst, begun: p.begun, hasBegun: p.hasBegun,
	}
	for i := range p.witnesses {
		p.hear(&p.witnesses[i]) // there is nothing left to agree with
	}
}

// expire drops a count that is too old. Nothing is wrong with the delays that it taught.
func (p *Pairing) expire() {
	types := p.types
	p.Forget()
	p.types = types
	for name, h := range types {
		if h.counted {
			*h = history{delay: h.delay, counted: true, heard: h.heard}
		} else {
			delete(types, name)
		}
	}
}

// Delay returns the learned delay of a message type.
func (p *Pairing) Delay(message string) (clock.Seconds, bool) {
	h := p.types[message]
	if h == nil || h.agreed == 0 && !h.counted {
		return 0, false
	}
	return h.delay, true
}

// Off returns by how many whole seconds a mark is ahead of the count, by the delay that its type has had; ok is false
// where that can't be told.
func (p *Pairing) Off(m gnss.TimeMark, drift clock.Ratio) (seconds int, ok bool) {
	utc, phase, ok := p.count(m.Arrival, drift)
	h := p.types[m.Message]
	if !ok || h == nil || h.agreed == 0 && !h.counted {
		return 0, false
	}
	late := float64(phase) + float64(utc-m.UTC)*1e-9 - float64(h.delay)
	n := math.Round(late)
	return -int(n), math.Abs(late-n) <= maxMove && math.Abs(n) <= 60
}

// Recall tells the delay that a message type of this very receiver had before a restart, learned from a count.
func (p *Pairing) Recall(message string, delay clock.Seconds) {
	const least, most = -1, 2.5 // s; nobody has seen others
	if p.anchored || !(delay >= least && delay <= most) {
		return
	}
	if h := p.history(message, 0); h != nil && !h.counted && h.agreed == 0 {
		*h = history{delay: delay, counted: true, heard: h.heard}
	}
}

// Delays returns the delays that the count has taught, by message type.
func (p *Pairing) Delays() map[string]clock.Seconds {
	taught := map[string]clock.Seconds{}
	for name, h := range p.types {
		if h.counted {
			taught[name] = h.delay
		}
	}
	return taught
}

// Lag returns how long after its pulse the first byte of the last mark came: after the pulse whose second it names or, while
// nothing is counted, after the last one. False where that is not known.
func (p *Pairing) Lag() (clock.Seconds, bool) { return p.lag, p.hasLag }

// OffGrid returns how many edges in a row came between two seconds.
func (p *Pairing) OffGrid() int { return p.offGrid }

// count returns the second that begins nearest to at and how far at is from it. drift is how fast the clock of the count
// may be off; ok is false when it may have drifted too far to tell.
func (p *Pairing) count(at clock.Mono, drift clock.Ratio) (utc timescale.UTC, phase clock.Seconds, ok bool) {
	n, phase := wholeSeconds(at - p.anchor.at)
	return p.anchor.utc + timescale.UTC(n*second), phase, p.anchored && drifted(at-p.anchor.at, drift) <= maxDrift
}

// drifted returns how far a clock may drift in d.
func drifted(d clock.Mono, drift clock.Ratio) clock.Seconds {
	return clock.Seconds(math.Abs(float64(d))) * 1e-9 * clock.Seconds(drift)
}

func abs(s clock.Seconds) clock.Seconds { return clock.Seconds(math.Abs(float64(s))) }

// Edge labels an edge. drift is how fast CLOCK_MONOTONIC may run wrong: 500 ppm when nothing is known.
func (p *Pairing) Edge(e pps.Edge, drift clock.Ratio) (timescale.UTC, Reason) {
	at := e.Middle()
	p.remember(at, drift)
	if !p.anchored {
		return 0, NoLabel
	}
	utc, phase, ok := p.count(at, drift)
	if !ok {
		p.expire()
		return 0, NoLabel
	}
	// After a gap the true pulses may come anywhere within the drift; so may a glitch, but not twice a second apart.
	phase = abs(phase)
	if phase > maxPhase && (phase > maxPhase+drifted(at-p.anchor.at, drift) || p.clean < 2) {
		p.offGrid++
		return 0, BetweenEdges
	}
	p.offGrid = 0
	p.anchor = anchor{at, utc}
	return utc, ""
}

// remember keeps an edge for the messages to come. Of two edges within maxPhase the first is kept: the other is a bounce.
func (p *Pairing) remember(at clock.Mono, drift clock.Ratio) {
	clean := 1
	if p.hasEdges > 0 {
		since := at - p.edges[0]
		n, off := wholeSeconds(since)
		allowed := drifted(since, drift)
		switch {
		case n == 0 && abs(off) <= maxPhase:
			return
		case since < 0: // of another source, or late: no one knows what else is missing
			p.clean = 0
			return
		case allowed > maxPhase: // the edges before say nothing about this one
		case abs(off) <= maxPhase+allowed:
			clean = p.clean + 1
		default:
			clean = 0
		}
	}
	p.clean = clean
	copy(p.edges[1:], p.edges[:])
	p.edges[0], p.hasEdges = at, min(p.hasEdges+1, len(p.edges))
}

// before returns the last edge before an instant. A message is known only when its end has come, and at 4800 baud that
// may be after the next edge.
func (p *Pairing) before(at clock.Mono) (clock.Mono, bool) {
	for _, edge := range p.edges[:p.hasEdges] {
		if edge <= at {
			return edge, at.Sub(edge) <= maxAge
		}
	}
	return 0, false
}

// Mark takes a message that names a second. It returns why it was of no use; "" when it fixed or confirmed a label.
func (p *Pairing) Mark(m gnss.TimeMark, drift clock.Ratio) Reason { return p.take(m, false, drift) }

// Pulse takes a message that says of a pulse, not of a solution, which second it marks: m names the second of the last
// pulse before it. That is a witness: it tells the pulse even where it is sent close to one.
func (p *Pairing) Pulse(m gnss.TimeMark, drift clock.Ratio) Reason { return p.take(m, true, drift) }

func (p *Pairing) take(m gnss.TimeMark, named bool, drift clock.Ratio) Reason {
	p.hasLag = false
	switch {
	case !m.Valid:
		return Void
	case m.Leap60:
		return LeapSecond
	case m.UTC%second != 0:
		return Fraction
	case p.hasEdges == 0:
		return NoEdge
	}
	if p.anchored {
		return p.check(m, drift)
	}
	return p.learn(m, named)
}

// learn uses a mark to fix the first label.
func (p *Pairing) learn(m gnss.TimeMark, named bool) Reason {
	spoken := p.spoken(m)
	edge, ok := p.before(spoken)
	switch {
	case !ok:
		return NoEdge
	case p.clean == 0: // at least one of the last edges was no pulse
		return BetweenEdges
	}
	p.lag, p.hasLag = m.Arrival.Sub(edge), true
	h := p.history(m.Message, m.Arrival)
	if h == nil {
		return TooMany
	}
	h.named = named
	if w, seen := p.asked(edge, m.UTC); w != nil {
		return p.learnWitnessed(m, h, anchor{edge, seen}, w)
	}
	if h.counted {
		return p.learnCounted(m, h, edge, m.Arrival.Sub(edge))
	}
	return p.learnAlone(m, h, anchor{edge, m.UTC}, spoken.Sub(edge))
}

// learnAlone fixes a label with nothing but the prior: a receiver speaks of a pulse lead seconds after it, before the next.
func (p *Pairing) learnAlone(m gnss.TimeMark, h *history, c anchor, lead clock.Seconds) Reason {
	ahead, same := h.compare(c, m.Arrival)
	moved := same && (ahead != 0 || abs(lead-h.first) > maxMove)
	if same && (ahead == 1 || ahead == -1) { // more, and it is the date that was corrected
		h.crossed = true
	}
	if h.agreed > 0 && !same { // it was silent for long, or the pulses have moved
		h.crossed = false
	}
	if moved || !same {
		h.agreed, h.steady = 0, m.Arrival
	}
	h.heard = m.Arrival
	again := h.agreed > 0 && c.utc <= h.anchor.utc // one second, one vote
	if !again {
		h.say(c, m.Arrival.Sub(c.at), lead)
	}
	reason := p.doubtful(h, lead, m.Arrival)
	switch {
	case moved:
		return Moved
	case reason != "":
		h.agreed = 1 // its place in the second is kept, for others to be held against
		return reason
	case !again:
		p.fix(h)
	}
	return ""
}

// doubtful says why a label can't be fixed with a delay although the messages of this type agree.
func (p *Pairing) doubtful(h *history, lead clock.Seconds, now clock.Mono) Reason {
	if lead < h.nearest() || lead > maxDelay {
		return Ambiguous
	}
	if p.burst > maxBurst {
		return LongBurst
	}
	for _, other := range p.types {
		if other == h || other.agreed == 0 || now-other.heard > memory {
			continue
		}
		switch ahead, phase := other.anchor.ahead(h.anchor); {
		case abs(phase) > 5*maxPhase: // of edges that are none of these
		case ahead == 0 && other.last < min(other.nearest(), h.nearest()):
			return Ambiguous
		case ahead == 1 && lead+1-other.last <= maxBurst: // the other names the second first, this one after the next pulse
			return Ambiguous
		case ahead == -1 && other.last+1-lead <= maxBurst: // the other way round
		case ahead != 0:
			return Contradicted
		}
	}
	if h.crossed {
		if now-h.steady < standing {
			return Moved
		}
		h.crossed = false
	}
	return ""
}

// learnCounted fixes a label with a delay that an earlier count has taught.
func (p *Pairing) learnCounted(m gnss.TimeMark, h *history, edge clock.Mono, delay clock.Seconds) Reason {
	late := clock.Seconds(math.Round(float64(h.delay - delay))) // whole seconds
	if abs(delay+late-h.delay) > maxMove {
		*h = history{delay: delay, crossed: true, steady: m.Arrival, heard: m.Arrival}
		return Moved
	}
	p.follow(h, anchor{edge, m.UTC + timescale.UTC(late*second)}, delay+late, m.Arrival)
	return ""
}

// compare returns by how many seconds c is ahead of what the type said last; ok is false when it can't be compared.
func (h *history) compare(c anchor, now clock.Mono) (ahead int64, ok bool) {
	if h.agreed == 0 || now-h.heard > memory {
		return 0, false
	}
	ahead, phase := c.ahead(h.anchor)
	return ahead, abs(phase) <= 5*maxPhase // 500 ppm over the memory, and the edges' own
}

// nearest returns how soon after a pulse the type may speak and still be understood without a witness.
func (h *history) nearest() clock.Seconds {
	if h.named {
		return nearNamed
	}
	return nearEdge
}

// say adds a candidate to a message type's history: the message came delay after the pulse, its burst lead after it.
func (h *history) say(c anchor, delay, lead clock.Seconds) {
	if h.agreed == 0 {
		h.delay, h.first = delay, lead
	}
	h.anchor, h.last = c, lead
	h.agreed++
	h.delay += learning * (delay - h.delay)
}

// follow adds a candidate whose second is known from elsewhere.
func (p *Pairing) follow(h *history, c anchor, delay clock.Seconds, now clock.Mono) {
	ahead, same := h.compare(c, now)
	if ahead != 0 || !same {
		h.agreed = 0
	}
	h.heard = now
	if h.agreed == 0 || c.utc > h.anchor.utc {
		h.say(c, delay, delay)
		p.fix(h)
	}
}

// fix makes the third candidate in a row the anchor.
func (p *Pairing) fix(h *history) {
	if h.agreed < agreeing || p.clean < agreeing {
		return
	}
	p.anchor, p.anchored, p.witnessed = h.anchor, true, false
	for _, other := range p.types {
		if other != h { // what they seemed to say is not what the count will teach
			*other = history{heard: other.heard}
		}
	}
	p.hearAll()
}

// check holds a mark against the count.
func (p *Pairing) check(m gnss.TimeMark, drift clock.Ratio) Reason {
	utc, phase, ok := p.count(m.Arrival, drift)
	if !ok {
		p.expire()
		return NoLabel
	}
	delay := phase + clock.Seconds(utc-m.UTC)*1e-9
	p.lag, p.hasLag = delay, true
	h := p.history(m.Message, m.Arrival)
	if h == nil {
		return TooMany
	}
	h.heard = m.Arrival
	switch {
	case h.agreed > 0 && abs(delay-h.delay) <= 0.5:
		h.delay += learning * (delay - h.delay)
	case delay >= 0 && delay <= maxDelay, h.agreed == 0 && delay > -0.5 && delay < 1.5:
		// Whatever it was before, the message names the right second: the count tells its delay.
		h.delay, h.agreed = delay, 0
	default:
		return p.against()
	}
	h.agreed++
	h.counted = h.counted && h.agreed > 1 || h.agreed >= doubting
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

// history returns what is kept of a message type; nil when too many types were heard of late.
func (p *Pairing) history(message string, now clock.Mono) *history {
	if h := p.types[message]; h != nil {
		return h
	}
	if len(p.types) >= maxTypes {
		for name, h := range p.types {
			if now-h.heard > memory {
				delete(p.types, name)
			}
		}
	}
	if len(p.types) >= maxTypes {
		return nil
	}
	if p.types == nil {
		p.types = make(map[string]*history)
	}
	h := &history{heard: now}
	p.types[message] = h
	return h
}
