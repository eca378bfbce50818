// Package alarm decides what of a unit's status is worth telling, without any configuration.
//
// Once a second Take looks at a status and returns what began and what ended; each rule has a threshold that ends it which is
// easier to reach than the one that began it, and times for which it must hold. What comes again within an hour of its
// end is the same event with a higher count, and has to be acknowledged anew. The list is bounded: the oldest that has
// ended goes first, and is counted. Times are those of the served clock; an event of a time that nobody knew has none.
//
// Alarms is used by one goroutine at a time. What Encode wrote is checked by Restore as a whole; a torn or implausible file is an
// error and changes nothing.
package alarm

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"timeball/web/api"
	"timeball/web/words"
)

const (
	// MaxEvents are kept.
	MaxEvents = 200

	again    = time.Hour       // after its end an event that comes again is another one
	testLast = 2 * time.Minute // so that a collector that looks every minute sees a test

	textKey = "alarm."
	modeKey = "alarm.mode."
	maxText = 300 // bytes of a value in a text
)

// Input is what is looked at.
type Input struct {
	Status    *api.Status
	NotKept   string   // why the last write of the state failed; "" = it did not
	FreeShare *float64 // of the file system with the state; nil = not known
}

// Change is an event that has just begun or ended; one that is neither active nor has ended happened at once.
type Change struct {
	Event api.Event // in English
	Ended bool
}

// Alarms is all events of one unit.
type Alarms struct {
	watches []watch
	events  []*event // by the time they last began, the newest last
	next    uint64
	dropped uint64
	began   map[string]uint64 // how often, by the names of rules and notes
	minute  minute

	wasLocked, wasServed bool

	now    time.Duration
	offset float64 // s: Unix time less now, where it is known
	dated  bool
	test   time.Duration // until when a test lasts
}

// watch is one rule and where it is.
type watch struct {
	rule   *rule
	event  *event        // nil: it is not so
	other  bool          // what is found differs from that
	turned time.Duration // since when
}

// event is what api.Event is made of.
type event struct {
	ID       uint64   `json:"id"`
	Name     string   `json:"name"`
	Severity string   `json:"severity"`
	Count    int      `json:"count"`
	Key      string   `json:"key"`
	With     []string `json:"with"`
	First    moment   `json:"first"`
	Last     moment   `json:"last"`
	By       string   `json:"by,omitempty"` // who acknowledged it
	Seen     moment   `json:"seen"`
	Is       bool     `json:"is"` // acknowledged
	Told     []string `json:"told,omitempty"`
	active   bool
}

// moment is when something was.
type moment struct {
	Unix int64         `json:"unix"` // 0 = not known
	at   time.Duration // in this run
	run  bool          // it was in this run
}

// New returns Alarms to which nothing has happened.
func New() *Alarms {
	a := &Alarms{next: 1, began: map[string]uint64{}}
	for i := range rules {
		a.watches = append(a.watches, watch{rule: &rules[i]})
	}
	return a
}

// Take looks at the unit. at is of a clock that is never stepped.
func (a *Alarms) Take(at time.Duration, in Input) []Change {
	a.now = at
	s := in.Status
	if s.ServedUnixNanoseconds != nil {
		a.date(float64(*s.ServedUnixNanoseconds)/1e9 - at.Seconds())
	}
	a.wasLocked = a.wasLocked || s.Mode == "locked"
	a.wasServed = a.wasServed || s.Stratum > 0 && s.Stratum < 16
	a.minute.take(at, s)
	v := &view{Input: in, wasLocked: a.wasLocked, wasServed: a.wasServed, requests: &a.minute, testing: at < a.test}
	var changes []Change
	for i := range a.watches {
		changes = a.watch(&a.watches[i], v, changes)
	}
	return changes
}

// watch lets one rule look.
func (a *Alarms) watch(w *watch, v *view, changes []Change) []Change {
	f := w.rule.find(v, w.event != nil)
	if f.unknown {
		w.other = false
		return changes
	}
	if f.is && w.event != nil {
		a.goesOn(w.event, w.rule, f)
	}
	if f.is == (w.event != nil) {
		w.other = false
		return changes
	}
	if !w.other {
		w.other, w.turned = true, a.now
	}
	last := w.rule.until
	if f.is {
		last = w.rule.after
	}
	if a.now-w.turned < last {
		return changes
	}
	w.other = false
	if f.is {
		w.event = a.begin(w.rule.name, w.severity(f), w.turned, f)
		return append(changes, Change{Event: a.show(w.event, words.In(words.English))})
	}
	e := w.event
	e.active, w.event = false, nil
	return append(changes, Change{Event: a.show(e, words.In(words.English)), Ended: true})
}

func (w *watch) severity(f finding) string {
	if f.severity != "" {
		return f.severity
	}
	return w.rule.severity
}

// goesOn keeps an event's text and time up to date; its severity is the worst it had.
func (a *Alarms) goesOn(e *event, r *rule, f finding) {
	e.Last = a.moment(a.now)
	e.Key, e.With = key(r.name, f), short(f.with)
	if worse(f.severity, e.Severity) {
		e.Severity, e.By, e.Is = f.severity, "", false
	}
}

func worse(a, b string) bool {
	order := []string{api.SeverityNote, api.SeverityWarning, api.SeverityAlarm}
	return slices.Index(order, a) > slices.Index(order, b)
}

func key(name string, f finding) string {
	if f.key != "" {
		name = f.key
	}
	return textKey + name
}

// short bounds what is kept of values that come from a receiver or a file system.
func short(with []string) []string {
	for i, v := range with {
		if len(v) > maxText {
			with[i] = string([]rune(v[:maxText])) // a cut character becomes U+FFFD
		}
	}
	return with
}

// begin begins an event, or lets one that was so within the hour begin again.
func (a *Alarms) begin(name, severity string, since time.Duration, f finding) *event {
	a.began[name]++
	e := a.recent(name)
	if e != nil {
		a.events = slices.DeleteFunc(a.events, func(o *event) bool { return o == e })
		e.Count++
		e.By, e.Is, e.Told, e.Severity = "", false, nil, severity
	} else {
		e = &event{ID: a.next, Name: name, Severity: severity, Count: 1, First: a.moment(since)}
		a.next++
	}
	e.Key, e.With, e.Last, e.active = key(name, f), short(f.with), a.moment(a.now), true
	a.events = append(a.events, e)
	a.bound()
	return e
}

// recent returns the event of a name that ended within the hour.
func (a *Alarms) recent(name string) *event {
	for _, e := range slices.Backward(a.events) {
		if e.Name != name {
			continue
		}
		if e.active {
			return nil
		}
		if e.Last.run {
			if a.now-e.Last.at <= again {
				return e
			}
			return nil
		}
		last, now := unix(e.Last), unix(a.moment(a.now))
		switch {
		case last != nil && now != nil && *now-*last <= int64(again/time.Second),
			(last == nil || now == nil) && e == a.events[len(a.events)-1]: // nothing else has happened since
			return e
		}
		return nil
	}
	return nil
}

// bound drops the oldest event that has ended.
func (a *Alarms) bound() {
	if len(a.events) <= MaxEvents {
		return
	}
	if i := slices.IndexFunc(a.events, func(e *event) bool { return !e.active }); i >= 0 {
		a.events = slices.Delete(a.events, i, i+1)
		a.dropped++
	}
}

// Note adds what happens at once: it is over as it begins. with fills in the text of key.
func (a *Alarms) Note(name string, with ...string) Change {
	e := a.begin(name, api.SeverityNote, a.now, finding{with: with})
	e.active = false
	return Change{Event: a.show(e, words.In(words.English))}
}

// Test lets the event "test" be for a while.
func (a *Alarms) Test() { a.test = a.now + testLast }

// Told notes that a channel took an event.
func (a *Alarms) Told(id uint64, channel string) {
	if e := a.byID(id); e != nil && !slices.Contains(e.Told, channel) {
		e.Told = append(slices.Clip(e.Told), channel) // what was shown stays as it was
	}
}

// Acknowledge notes that somebody has seen an event.
func (a *Alarms) Acknowledge(id uint64, by string) error {
	e := a.byID(id)
	switch {
	case e == nil:
		return fmt.Errorf("event %d: there is none, or it is no longer kept", id)
	case e.Is:
		return fmt.Errorf("event %d: acknowledged by %s before", id, e.By)
	}
	e.By, e.Is, e.Seen = by, true, a.moment(a.now)
	return nil
}

func (a *Alarms) byID(id uint64) *event {
	for _, e := range a.events {
		if e.ID == id {
			return e
		}
	}
	return nil
}

// Events returns what happened in the words of a language. Channels are somebody else's.
func (a *Alarms) Events(w words.Words) api.Events {
	list := api.Events{API: 1, Events: make([]api.Event, 0, len(a.events)), Channels: []api.Channel{}, Dropped: a.dropped}
	for _, active := range []bool{true, false} {
		for _, e := range slices.Backward(a.events) {
			if e.active != active {
				continue
			}
			list.Events = append(list.Events, a.show(e, w))
			if active {
				list.Active++
				if !e.Is && e.Severity != api.SeverityNote {
					list.Unacknowledged++
				}
			}
		}
	}
	return list
}

// show returns an event in the words of a language.
func (a *Alarms) show(e *event, w words.Words) api.Event {
	told := e.Told
	if told == nil {
		told = []string{}
	}
	return api.Event{
		ID: e.ID, Name: e.Name, Severity: e.Severity, Active: e.active, Count: e.Count, Text: text(e, w), Told: told,
		FirstUnixSeconds: unix(e.First), LastUnixSeconds: unix(e.Last),
		Acknowledged: e.Is, AcknowledgedBy: e.By, AcknowledgedUnixSeconds: unix(e.Seen),
	}
}

// text says an event.
func text(e *event, w words.Words) string {
	with := slices.Clone(e.With)
	for i := 1; i < len(with); i += 2 {
		if words.Has(with[i]) {
			with[i] = w.Say(with[i])
			continue
		}
		with[i] = w.Prose(w.Heard(with[i]))
	}
	return w.Say(e.Key, with...)
}

// date takes what is known of the time, and dates what was before anybody knew it.
func (a *Alarms) date(offset float64) {
	first := !a.dated
	a.offset, a.dated = offset, true
	if !first {
		return
	}
	for _, e := range a.events {
		for _, m := range []*moment{&e.First, &e.Last, &e.Seen} {
			if m.run {
				*m = a.moment(m.at)
			}
		}
	}
}

// moment is one of this run.
func (a *Alarms) moment(at time.Duration) moment {
	m := moment{at: at, run: true}
	if a.dated {
		m.Unix = int64(math.Floor(at.Seconds() + a.offset))
	}
	return m
}

// unix returns a moment in Unix seconds, nil where that is not known.
func unix(m moment) *int64 {
	if m.Unix == 0 {
		return nil
	}
	return &m.Unix
}

// State is what a collector of figures is told.
type State struct {
	Active map[string]string // the severity of what is, by name
	Began  map[string]uint64 // how often each began in this run
}

// State returns what is and how often it was.
func (a *Alarms) State() State {
	s := State{map[string]string{}, maps.Clone(a.began)}
	for _, e := range a.events {
		if e.active {
			s.Active[e.Name] = e.Severity
		}
	}
	return s
}
