package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"sync"
	"time"

	"timeball/web/alarm"
	"timeball/web/api"
	"timeball/web/notify"
	"timeball/web/words"
)

const (
	eventsFile   = "events"
	eventsAfter  = time.Minute // between writes: what a power cut may cost of what happened
	testPatience = 12 * time.Second
	collected    = "prometheus" // the channel that fetches
)

// happenings is what happened to the unit, what keeps it and who is told.
type happenings struct {
	store    Store // nil: nothing is kept
	notifier *notify.Notifier
	words    words.Words // of what is told

	mu      sync.Mutex
	alarms  *alarm.Alarms
	fresh   bool // something is not kept yet
	notKept string
	tested  *string // what became of the newest test for collectors
}

func newHappenings(s *Server) *happenings {
	h := &happenings{store: s.config.Store, words: words.In(words.Lang(s.config.Alarm.Language)), alarms: alarm.New()}
	unit := notify.Unit{Name: s.config.Name, Version: s.unit.Status().Version}
	h.notifier = notify.New(s.config.Alarm, unit, h.told, s.log)
	return h
}

// recall takes what was kept, before the first look.
func (h *happenings) recall() error {
	if h.store == nil {
		return nil
	}
	data, err := h.store.Load(eventsFile, alarm.MaxFileBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.alarms.Restore(bytes.NewReader(data))
}

// started notes that this program began.
func (h *happenings) started(version string) {
	h.happened(nil, []alarm.Change{h.note("started", "version", version)})
}

func (h *happenings) note(name string, with ...string) alarm.Change {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.alarms.Note(name, with...)
}

// look lets the rules see a status. at is of a clock that is never stepped.
func (h *happenings) look(at time.Duration, status *api.Status) {
	in := alarm.Input{Status: status}
	if f, ok := h.store.(interface {
		Free() (share float64, ok bool)
	}); ok {
		if share, ok := f.Free(); ok {
			in.FreeShare = &share
		}
	}
	h.mu.Lock()
	in.NotKept = h.notKept
	changes := h.alarms.Take(at, in)
	h.mu.Unlock()
	h.happened(status.ServedUnixNanoseconds, changes)
}

// happened tells of changes and lets them be kept.
func (h *happenings) happened(served *int64, changes []alarm.Change) {
	if len(changes) == 0 {
		return
	}
	h.mu.Lock()
	h.fresh = true
	h.mu.Unlock()
	for _, c := range changes {
		h.notifier.Tell(h.message(c.Event, c.Ended, served))
	}
}

// message puts an event into the words of those who are told.
func (h *happenings) message(e api.Event, ended bool, served *int64) notify.Message {
	m := notify.Message{Event: e, Ended: ended, Text: e.Text}
	if served != nil {
		m.Unix = new(*served / 1e9)
	}
	for _, said := range h.events(h.words).Events {
		if said.ID == e.ID {
			m.Text = said.Text
		}
	}
	return m
}

func (h *happenings) told(id uint64, channel string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.alarms.Told(id, channel)
	h.fresh = true
}

// events returns all that happened in the words of a language, with who was told.
func (h *happenings) events(w words.Words) api.Events {
	h.mu.Lock()
	list, tested := h.alarms.Events(w), h.tested
	h.mu.Unlock()
	list.Channels = append(h.notifier.Channels(), api.Channel{Name: collected, Target: "/metrics", LastResult: tested})
	return list
}

func (h *happenings) state() alarm.State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.alarms.State()
}

func (h *happenings) acknowledge(id uint64, by string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fresh = true
	return h.alarms.Acknowledge(id, by)
}

// test sends a test over a channel and says what became of it.
func (h *happenings) test(ctx context.Context, channel string, served *int64) api.Result {
	if channel == collected {
		text := "the event test is active for two minutes: look for timeball_alarm{alarm=\"test\"}"
		h.mu.Lock()
		h.alarms.Test()
		h.tested = &text
		h.mu.Unlock()
		return api.Result{State: api.InProgress, Message: text}
	}
	ctx, cancel := context.WithTimeout(ctx, testPatience)
	defer cancel()
	text := h.words.Say("alarm.test")
	e := api.Event{Name: "test", Severity: api.SeverityNote, Count: 1, Text: text, Told: []string{}}
	m := notify.Message{Event: e, Text: text}
	if served != nil {
		m.Unix = new(*served / 1e9)
	}
	known, err := h.notifier.Test(ctx, channel, m)
	switch {
	case !known:
		return api.Refuse("%.40q is no channel of this unit", channel)
	case err != nil:
		return api.Refuse("%s: %v", channel, err)
	}
	return api.Result{State: api.OK, Message: channel + ": sent"}
}

// keep writes what is fresh, at most once a minute, until ctx ends; the last time is save's.
func (h *happenings) keep(ctx context.Context, done func(error)) {
	every := time.NewTicker(eventsAfter)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		done(h.save())
	}
}

// save keeps what happened, if that is not kept yet.
func (h *happenings) save() error {
	if h.store == nil {
		return nil
	}
	var b bytes.Buffer
	h.mu.Lock()
	if !h.fresh {
		h.mu.Unlock()
		return nil
	}
	err := h.alarms.Encode(&b)
	h.fresh = false
	h.mu.Unlock()
	if err != nil {
		return err
	}
	return h.store.Save(eventsFile, b.Bytes())
}

// kept notes whether what is worth keeping could be kept.
func (h *happenings) kept(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.notKept = ""
		return
	}
	h.notKept, h.fresh = err.Error(), true
}

// eventRoutes are what is answered of what happened.
func (s *Server) eventRoutes() []Route {
	return []Route{
		{Method: "GET", Path: "/api/v1/events", Policy: Public, Handle: s.events},
		{Method: "POST", Path: "/api/v1/events/acknowledge", Policy: Admin, Handle: s.acknowledge},
		{Method: "GET", Path: "/api/v1/bundle", Policy: Admin, Handle: s.bundle},
		{Method: "POST", Path: "/api/v1/events/test", Policy: Admin, Handle: s.testChannel},
	}
}

// events answers with all that happened; who is not signed in is not told names of accounts and where messages go.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	list := s.happened.events(words.In(words.Choose(r.URL.Query().Get("lang"), "", "")))
	if VisitorOf(r).Role == Nobody {
		for i := range list.Events {
			list.Events[i].AcknowledgedBy = ""
		}
		for i := range list.Channels {
			list.Channels[i] = api.Channel{Name: list.Channels[i].Name, Sent: list.Channels[i].Sent, Failed: list.Channels[i].Failed, Dropped: list.Channels[i].Dropped, Waiting: list.Channels[i].Waiting}
		}
	}
	s.json(w, r, list)
}

// acknowledge takes a form with the id of an event.
func (s *Server) acknowledge(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.PostFormValue("id"), 10, 64)
	if err != nil {
		http.Error(w, "id: the number of an event", http.StatusBadRequest)
		return
	}
	result := api.Result{State: api.OK}
	err = s.happened.acknowledge(id, VisitorOf(r).Name)
	if err != nil {
		result = api.Refuse("%v", err)
	}
	s.did(r, "event-acknowledge", fmt.Sprintf("event %d", id), err)
	s.answerForm(w, r, result, "/#events")
}

// testChannel takes a form with the name of a channel.
func (s *Server) testChannel(w http.ResponseWriter, r *http.Request) {
	channel := r.PostFormValue("channel")
	result := s.happened.test(r.Context(), channel, s.snapshot().ServedUnixNanoseconds)
	if result.State == api.Failed {
		s.did(r, "event-test", "", errors.New(result.Message))
	} else {
		s.did(r, "event-test", channel, nil)
	}
	s.answerForm(w, r, result, "/#events")
}

// answerForm answers a program with the result, and the page's form with the place on the page where the result shows.
func (s *Server) answerForm(w http.ResponseWriter, r *http.Request, result api.Result, page string) {
	if r.PostFormValue("from") == "page" {
		http.Redirect(w, r, page, http.StatusSeeOther)
		return
	}
	if result.State == api.Failed {
		w.Header().Set("Content-Type", jsonType)
		w.WriteHeader(http.StatusConflict)
		fmt.Fprintf(w, `{"state":0,"message":%s}`+"\n", strconv.Quote(result.Message))
		return
	}
	s.json(w, r, result)
}
