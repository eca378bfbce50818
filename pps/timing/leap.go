package timing

import (
	"cmp"
	"fmt"
	"math"

	"timeball/gnss"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
)

// The Engine counts seconds without leap seconds: its count is UTC plus the leap seconds since it began, and its readings
// of CLOCK_REALTIME have those added that the clock has made. So neither the pairing nor the loop ever sees one, and what
// they learned before it holds behind it. What is published has the clock's own reading again.

// leapState is how far a leap second at the end of the present day has come.
type leapState uint8

const (
	leapIdle     leapState = iota // nothing at the end of this day
	leapExpected                  // two witnesses have it: it is announced and made
	leapOpen                      // the table alone has it, or no table tells: whether it was made is asked behind it
	leapDisputed                  // it is over and there are not two witnesses for either answer
	leapDecided                   // it is over, and made
)

// leapSecond is the midnight that ends a quarter, and the leap second there may be before it.
type leapSecond struct {
	state  leapState
	at     timescale.UTC // the midnight, as counted
	leap   clock.Leap    // that there may be, or is; LeapNone while only the receiver's labels can tell
	made   bool          // CLOCK_REALTIME has made it
	voted  clock.Leap    // what the last marks behind it say
	votes  int           // how many of them in a row
	first  timescale.UTC // the second of the first of these
	tai    int           // TAI - UTC before it as the receiver has it
	steady bool          // the receiver has announced it for a day
}

// passedMidnight is one at which it was decided whether there was a leap second.
type passedMidnight struct {
	at   timescale.UTC
	leap clock.Leap
}

// announcement is a leap second that the receiver announces.
type announcement struct {
	leap   clock.Leap
	at     timescale.UTC
	since  clock.Mono // without another answer
	heard  clock.Mono
	source string
}

// leapSeconds is what the Engine knows of them.
type leapSeconds struct {
	table     *timescale.Table
	announced announcement
	server    announcement // of the witness heard last
	tai       int          // TAI - UTC as the receiver has it, 0 = not said
	taiSince  clock.Mono
	differs   bool // from the table's

	labels timescale.UTC // that the count is ahead of UTC, for leap seconds that are over
	real   clock.Real    // that readings are ahead of CLOCK_REALTIME
	next   leapSecond
	past   passedMidnight
	last   clock.Reading // as the clock gave it
	said   string
}

const (
	leapLatch     = 3 * timescale.Second   // before the midnight nothing is changed any more
	leapLead      = 2 * timescale.Second   // before it an open question ends what is served: 23:59:58 may be the last second
	leapWindow    = 10 * timescale.Second  // around it the clock may make one
	leapDeadline  = 3 * timescale.Second   // behind it the clock has made one, or will not
	leapFold      = 600 * timescale.Second // behind it marks of before are heard no more
	leapVotes     = 3                      // marks in a row that tell whether it was made
	leapSteady    = 24 * 3600              // s of an announcement that is taken seriously where no table tells
	leapForgotten = 3600                   // s after which an announcement that is not repeated is none
)

// LeapSeconds is who says what of leap seconds.
type LeapSeconds struct {
	ListUpdated       timescale.UTC `json:"list_updated"`
	ListExpires       timescale.UTC `json:"list_expires"`
	Listed            clock.Leap    `json:"listed"` // the next one in the list
	ListedAt          timescale.UTC `json:"listed_at"`
	Announced         clock.Leap    `json:"announced"` // by the receiver
	AnnouncedAt       timescale.UTC `json:"announced_at"`
	AnnouncedBy       string        `json:"announced_by"`        // the system that the receiver has it from, "" = not said
	ReceiverTAIOffset int           `json:"receiver_tai_offset"` // TAI - UTC as the receiver has it; 0 = not said
	Text              string        `json:"text"`                // what is expected at the end of this UTC day; "" = nothing
}

// shown returns what is shown of l.
func (l *leapSeconds) shown(now timescale.UTC) LeapSeconds {
	s := LeapSeconds{
		ListUpdated: l.table.Updated(), ListExpires: l.table.Expires(), ReceiverTAIOffset: l.tai, Text: l.said,
		Announced: l.announced.leap, AnnouncedAt: l.announced.at, AnnouncedBy: l.announced.source,
	}
	s.Listed, s.ListedAt = l.table.Next(now)
	return s
}

// step returns by how much UTC is set.
func step(l clock.Leap) timescale.UTC { return -timescale.UTC(l) * timescale.Second }

// count turns the number that UTC gives a second into the count's.
func (l *leapSeconds) count(utc timescale.UTC, leap60 bool) timescale.UTC {
	c := utc + l.labels
	if n := &l.next; (n.state == leapExpected || n.state == leapDecided) && c >= n.at && !(leap60 && c == n.at) {
		c -= step(n.leap)
	}
	return c
}

// reading turns a reading of the clock into one without leap seconds. A jump by a second around the midnight of one is the
// clock's doing.
func (l *leapSeconds) reading(raw clock.Reading) clock.Reading {
	n := &l.next
	if n.state != leapIdle && n.leap != clock.LeapNone && !n.made && raw.Era == l.last.Era {
		jump := timescale.UTC(raw.Real) - timescale.UTC(raw.Mono) - (timescale.UTC(l.last.Real) - timescale.UTC(l.last.Mono))
		off := timescale.UTC(raw.Real+l.real) - n.at
		if near := jump - step(n.leap); near > -timescale.Second/10 && near < timescale.Second/10 && off > -leapLatch && off < leapWindow {
			l.make()
		}
	}
	l.last = raw
	raw.Real += l.real
	return raw
}

// make takes note that the clock has made the leap second, or should have.
func (l *leapSeconds) make() {
	l.next.made = true
	l.real -= clock.Real(step(l.next.leap))
}

// drop forgets the midnight without a leap second. A clock that has made one is off then, which the loop will see.
func (l *leapSeconds) drop() {
	if l.next.made && l.next.state != leapDecided {
		l.real += clock.Real(step(l.next.leap))
	}
	if l.next.state == leapDecided {
		at, _ := l.midnight()
		l.past = passedMidnight{at, l.next.leap}
		l.labels -= step(l.next.leap)
	}
	l.next = leapSecond{}
}

// leapAnswer is what the receiver says of leap seconds.
func (e *Engine) leapAnswer(n gnss.LeapNotice) {
	l := &e.leaps
	if n.TAIOffset != 0 && n.TAIOffset != l.tai {
		l.tai, l.taiSince = n.TAIOffset, n.Arrival
	}
	switch {
	case !n.Announces:
	case n.Leap == clock.LeapNone:
		l.announced = announcement{}
	case n.At == 0 || !endsQuarter(n.At):
		e.refuse("leap second announced for a day that ends no quarter")
		l.announced = announcement{}
	default:
		if l.announced.leap != n.Leap || l.announced.at != n.At {
			l.announced = announcement{leap: n.Leap, at: n.At, since: n.Arrival}
		}
		l.announced.heard, l.announced.source = n.Arrival, n.Source
	}
}

// countKnown says that the receiver's leap second count is the table's: the one that it reckoned with for this mark, or
// the one that it told a little earlier. It takes note of one that is not.
func (e *Engine) countKnown(m gnss.TimeMark, utc timescale.UTC) bool {
	l := &e.leaps
	const settled = 2 // s in which messages of before may still come
	said := m.TAIOffset
	if said == 0 && m.Arrival.Sub(l.taiSince) >= settled {
		said = l.tai
	}
	offset, known := l.table.TAIOffset(utc)
	if !known || said == 0 || l.next.state != leapIdle {
		return false
	}
	l.differs = offset != said
	return !l.differs
}

// endsQuarter says whether a midnight ends a quarter of a year. Leap seconds come at the end of June and December, and
// might come at that of March and September (ITU-R TF.460-6, 2.1); those of other months have third preference.
func endsQuarter(at timescale.UTC) bool {
	c := at.Civil()
	return at == at.Midnight() && c.Day == 1 && c.Month%3 == 1
}

// leapTick considers the midnight that is next or was last. It is called with every tick.
func (e *Engine) leapTick() {
	l := &e.leaps
	now, ok := e.counted()
	if !ok {
		return
	}
	if l.next.state == leapIdle {
		e.expectLeap(now)
		return
	}
	n := &l.next
	switch left := n.at - now; {
	case left > leapLatch:
		e.expectLeap(now)
	case left > -leapDeadline || n.state == leapOpen || n.state == leapDisputed:
	case n.state == leapExpected:
		n.state = leapDecided
	case !n.made:
		e.say("leap second", "the clock has not made it")
		l.make()
	case left < -leapFold:
		l.drop()
	}
	e.tellLeap()
}

// counted returns what the count, or the clock where there is none, says now.
func (e *Engine) counted() (timescale.UTC, bool) {
	if now, ok := e.pairing.Second(e.now.Mono, e.loop.Steady()); ok {
		return now - e.leaps.labels, true
	}
	return timescale.UTC(e.now.Real) - e.leaps.labels, e.served && e.loop.Mode() != discipline.FreeRunning
}

// expectLeap decides what is to be expected at the end of the present UTC day, from the witnesses that there are.
func (e *Engine) expectLeap(now timescale.UTC) {
	l := &e.leaps
	at := now.Midnight() + timescale.Day
	before := l.next.state
	l.next = leapSecond{}
	leap, known := l.table.At(at)
	if known && leap == clock.LeapNone || !known && !endsQuarter(at) {
		if before != leapIdle {
			e.tellLeap()
		}
		return
	}
	receiver, server := clock.LeapNone, clock.LeapNone
	if r := &l.announced; r.at == at && e.now.Mono.Sub(r.heard) < leapForgotten {
		receiver = r.leap
	}
	if endsQuarter(at) && e.now.Mono.Sub(l.server.heard) < leapForgotten {
		server = l.server.leap
	}
	l.next = leapSecond{state: leapOpen, at: at + l.labels, leap: leap, tai: l.tai}
	switch {
	case known && (receiver == leap || server == leap), !known && receiver != clock.LeapNone && receiver == server:
		l.next.state, l.next.leap = leapExpected, cmp.Or(leap, receiver)
	case !known && receiver != clock.LeapNone:
		l.next.leap, l.next.steady = receiver, e.now.Mono.Sub(l.announced.since) >= leapSteady
	case !known:
		l.next.leap = server
	}
	if l.next.state != before {
		e.tellLeap()
	}
}

// vote takes a mark behind the midnight of an open question as an answer to it. It is true for a mark that is of no other
// use. In the leap second itself only its name is an answer: receivers that reckon UTC from the satellites' time call it
// 0:00:00, leap second or not.
func (e *Engine) vote(m gnss.TimeMark) bool {
	n := &e.leaps.next
	if n.state != leapOpen && n.state != leapDisputed || !m.Valid {
		return false
	}
	off, ok := e.pairing.Off(m, e.loop.Steady())
	means := m.UTC - timescale.UTC(off)*timescale.Second
	said := clock.Leap(-off)
	if m.Leap60 {
		said = clock.LeapInsert
	}
	from := n.at + timescale.Second
	switch said {
	case clock.LeapInsert:
		from = n.at
	case clock.LeapDelete:
		from = n.at - timescale.Second
	}
	if !ok || off < -1 || off > 1 || means < n.at-timescale.Second {
		return false
	}
	if means >= from {
		e.cast(said, means)
	}
	return n.state == leapOpen && (means >= n.at || said == clock.LeapDelete)
}

// cast counts an answer. It takes several in a row, of more than one second: a receiver may learn the new count between
// two messages of one.
func (e *Engine) cast(said clock.Leap, of timescale.UTC) {
	n := &e.leaps.next
	if n.votes == 0 || said != n.voted {
		n.voted, n.votes, n.first = said, 0, of
	}
	if n.votes++; n.votes >= leapVotes && of > n.first {
		e.answerLeap(said)
	}
}

// answerLeap settles an open question with what the receiver's labels say, if that is enough. In a dispute they may agree
// with the table later on.
func (e *Engine) answerLeap(said clock.Leap) {
	l := &e.leaps
	n := &l.next
	at, _ := l.midnight()
	_, known := l.table.At(at)
	switch {
	case known && said == n.leap, n.state == leapOpen && !known && said == clock.LeapNone && !n.steady:
		e.decideLeap(said)
	case n.state == leapOpen:
		n.state = leapDisputed
		if !known && said != clock.LeapNone {
			n.leap = said
		}
	}
	e.tellLeap()
}

// midnight returns the midnight of the leap second as UTC.
func (l *leapSeconds) midnight() (timescale.UTC, bool) {
	return l.next.at - l.labels, l.next.state != leapIdle
}

// decideLeap ends an open question or a dispute.
func (e *Engine) decideLeap(leap clock.Leap) {
	l := &e.leaps
	if leap == clock.LeapNone || l.next.made && leap != l.next.leap {
		at, _ := l.midnight()
		l.past = passedMidnight{at, clock.LeapNone}
		l.drop()
		e.say("leap second", "there was none")
		return
	}
	l.next.leap, l.next.state = leap, leapDecided
}

// leaping says that an instant is so close to a leap second, or to what may be one, that another clock's second has no
// certain place in the count.
func (e *Engine) leaping(at clock.Mono) bool {
	const close = 3 * timescale.Second
	now, ok := e.pairing.Second(at, e.loop.Steady())
	off := now - e.leaps.next.at
	return ok && e.leaps.next.state != leapIdle && off > -close && off < close
}

// leaptLately says that there was a leap second in the last week, or may have been. Who has run by itself since then for
// longer can't tell seconds apart.
func (e *Engine) leaptLately(utc timescale.UTC) bool {
	const days = 7
	for d := range timescale.UTC(days) {
		at := utc.Midnight() - d*timescale.Day
		if leap, known := e.leaps.table.At(at); leap != clock.LeapNone || !known && endsQuarter(at) {
			return true
		}
	}
	return false
}

// leapWitness lets another clock announce a leap second, or answer what the receiver and the table could not. It is false
// for a clock that runs by itself and knows nothing of them.
func (e *Engine) leapWitness(ev Event) bool {
	if ev.Text == ownClock || ev.Text == savedTime {
		return false
	}
	l := &e.leaps
	if ev.Leap != clock.LeapNone || l.server.source == ev.Text { // who announces none may not know yet
		l.server = announcement{leap: ev.Leap, heard: ev.At, source: ev.Text}
	}
	now, ok := e.pairing.Second(ev.At, e.loop.Steady())
	asked := l.next.state == leapDisputed || l.next.state == leapOpen
	if !asked || !ok || now < l.next.at || !(ev.Value < tellsSeconds) {
		return true
	}
	ahead := float64(ev.UTC+l.labels-now) * 1e-9
	said := clock.Leap(-math.Round(ahead))
	if math.Abs(ahead+float64(said)) <= ev.Value && said >= -1 && said <= 1 {
		e.testify(said)
	}
	return true
}

// testify takes a clock's answer to what is open or in dispute.
func (e *Engine) testify(said clock.Leap) {
	n := &e.leaps.next
	switch {
	case said == clock.LeapNone || said == n.leap:
		e.decideLeap(said)
	case n.state == leapOpen && n.leap == clock.LeapNone:
		n.leap, n.state = said, leapDisputed // the receiver is asked as well
	}
	e.tellLeap()
}

// ownClock is the witness that is no other clock than this board's.
const ownClock = "rtc"

// tellsSeconds is the uncertainty from which on a witness names no second.
const tellsSeconds = 0.5

// leapTable takes a list of leap seconds, as IERS publishes it, if it is newer than the one there is.
func (e *Engine) leapTable(list []byte) {
	t, err := timescale.ParseTable(list)
	switch {
	case err != nil:
		e.refuse("list of leap seconds")
		e.say("leap seconds", err.Error())
		return
	case t.Expires() <= e.leaps.table.Expires():
		return
	}
	e.leaps.table = t
	e.say("leap seconds", fmt.Sprintf("list of %.10s, good until %.10s", t.Updated(), t.Expires()))
	n := &e.leaps.next
	if at, asked := e.leaps.midnight(); asked && (n.state == leapDisputed || n.state == leapOpen) {
		now, ok := e.counted()
		leap, known := t.At(at)
		if ok && now+e.leaps.labels > n.at && known && (leap == clock.LeapNone || leap == n.leap) {
			e.decideLeap(leap)
		}
	}
}

// tellLeap tells a change of what is expected.
func (e *Engine) tellLeap() {
	if text := e.leaps.text(); text != e.leaps.said {
		e.leaps.said = text
		if text != "" {
			e.say("leap second", text)
		}
	}
}

// text says in words what is to be expected, "" when there is nothing.
func (l *leapSeconds) text() string {
	at, _ := l.midnight()
	what := "a leap second"
	if l.next.leap == clock.LeapDelete {
		what = "a second left out"
	}
	switch l.next.state {
	case leapExpected:
		return fmt.Sprintf("%s before %.10s", what, at)
	case leapOpen:
		if l.next.leap == clock.LeapNone {
			return fmt.Sprintf("no list tells whether there is a leap second before %.10s: the receiver will be asked", at)
		}
		return fmt.Sprintf("%s before %.10s has one witness only: the receiver will be asked", what, at)
	case leapDisputed:
		return fmt.Sprintf("%s before %.10s: two witnesses are needed and there is one", what, at)
	case leapDecided:
		return fmt.Sprintf("%s before %.10s was made", what, at)
	}
	return ""
}

// leapStatus returns what the kernel is to be told: the leap second at the end of the day, also one that the table alone
// has, and TAI - UTC, which the kernel moves itself.
func (e *Engine) leapStatus(est *discipline.Estimate) (leap clock.Leap, tai int) {
	n := &e.leaps.next
	now, ok := e.counted()
	left := n.at - e.leaps.labels - now
	if n.state == leapIdle || !ok || left > timescale.Day-timescale.Minute || left < -leapDeadline {
		return clock.LeapNone, est.TAIOffset
	}
	if at, _ := e.leaps.midnight(); n.state != leapDisputed {
		if _, known := e.leaps.table.At(at); known || n.state == leapExpected {
			leap = n.leap
		}
	}
	if left < leapLatch {
		return leap, 0
	}
	return leap, est.TAIOffset
}

// leapEstimate puts into an Estimate what is known of leap seconds, and takes from it the right to serve while a question
// is open.
func (e *Engine) leapEstimate(est *discipline.Estimate) {
	l := &e.leaps
	n := &l.next
	now, ok := e.counted()
	if !ok {
		now = timescale.UTC(e.now.Real) - l.labels
	}
	left := n.at - l.labels - now
	serving := est.Mode == discipline.Locked || est.Mode == discipline.Holdover
	est.TAIOffset = e.taiOffset(now, left)
	if n.state == leapOpen || (n.state == leapExpected || n.state == leapDecided) && !n.made {
		est.Until = max(1, e.now.Mono+clock.Mono(left-leapLead)) // also where this unit is stalled then
		if left < leapLead && serving {
			est.Reason = l.said
		}
	}
	est.LeapDay = l.day(now, est.TAIOffset)
	switch {
	case n.state == leapExpected, n.state == leapDecided && timescale.UTC(est.At.Real) < n.at-l.labels+2*timescale.Second:
		est.Leap, est.LeapAt = n.leap, n.at-l.labels
	case n.state == leapDisputed:
		est.Until = 1
		if serving || est.Mode == discipline.Quarantine { // the messages disagree with the count for this reason
			est.Mode, est.Reason = discipline.Quarantine, l.said
		}
	}
}

// day returns the leap second of the day around the midnight that is next, or was last. tai is TAI less what the clock
// shows, 0 while that is not known.
func (l *leapSeconds) day(now timescale.UTC, tai int) discipline.LeapDay {
	n := &l.next
	if at, asked := l.midnight(); asked {
		d := discipline.LeapDay{Leap: n.leap, At: at, Before: tai, Open: n.state != leapExpected && n.state != leapDecided || tai == 0}
		if n.made {
			d.Before -= int(n.leap)
		}
		return d
	}
	at := now.Midnight()
	leap, known := l.table.At(at)
	if l.past.at == at {
		leap, known = l.past.leap, true
	}
	if leap == clock.LeapNone && (known || !endsQuarter(at)) {
		return discipline.LeapDay{}
	}
	return discipline.LeapDay{Leap: leap, At: at, Before: tai - int(leap), Open: !known || tai == 0}
}

// taiOffset returns TAI less what CLOCK_REALTIME shows, 0 while that is not known: by the table, or by the receiver.
func (e *Engine) taiOffset(now, left timescale.UTC) int {
	l := &e.leaps
	n := &l.next
	over := left <= 0
	switch {
	case n.state == leapOpen && over, n.state == leapDisputed:
		return 0
	case n.state != leapIdle && (over || n.made):
		now = n.at - l.labels - 1 // the last of the old offset
	}
	offset, known := l.table.TAIOffset(now)
	switch {
	case known:
	case n.state == leapIdle:
		offset = l.tai
	default:
		offset = n.tai
	}
	if n.made && offset != 0 {
		offset += int(n.leap)
	}
	return offset
}
