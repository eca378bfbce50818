package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"timeball/web/api"
	"timeball/web/history"
	"timeball/web/page"
	"timeball/web/words"
)

// live makes what is sent once a second, once for all who follow: the status, and the parts of the page for each look that
// somebody has. Nobody's slowness holds it up: it is asked, and writes to no one.
type live struct {
	server *Server
	began  time.Time
	boot   string // tells the events of this run from those of another

	mu      sync.Mutex
	recent  [resume]*moment // by number
	looks   map[look]*frame // the newest of each
	history map[string]aged[*api.History]
	clients aged[*api.Clients]
}

// resume is for how many seconds an event is kept for a reader who has lost its connection.
const resume = 64

// look is what a page can look like for the same status.
type look struct {
	lang   words.Lang
	span   string
	secure string // where changes are made, "" = here
	role   Role   // of who looks
}

// moment is the status of one second.
type moment struct {
	number int64 // of the second since the start
	status api.Status
	event  []byte
}

// frame is the page of one moment.
type frame struct {
	number, before int64 // before: of the frame that changed is against; -1 = none
	page           page.Event
	whole, changed []byte // events
}

// aged is what is kept for a while.
type aged[T any] struct {
	value T
	until time.Duration
}

// How long figures that are dear to collect are shown.
const (
	clientsFor = 5 * time.Second
	maxLooks   = 32
)

var historyFor = map[string]time.Duration{"hour": 5 * time.Second, "day": 20 * time.Second, "month": 120 * time.Second}

// historyPoints is how many buckets a plot has.
const historyPoints = 144

func newLive(s *Server) *live {
	now := time.Now()
	return &live{server: s, began: now, boot: strconv.FormatInt(now.UnixNano(), 36), looks: map[look]*frame{}, history: map[string]aged[*api.History]{}}
}

// wait returns how long it is until the next second begins.
func (l *live) wait() time.Duration {
	return time.Second - time.Since(l.began)%time.Second
}

// moment returns that of this second.
func (l *live) moment() *moment {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now()
}

func (l *live) now() *moment {
	number := int64(time.Since(l.began) / time.Second)
	if m := l.recent[number%resume]; m != nil && m.number == number {
		return m
	}
	m := &moment{number: number, status: l.server.snapshot()}
	m.event = event("", fmt.Sprintf("%s-%d", l.boot, number), m.status)
	l.recent[number%resume] = m
	return m
}

// since returns the moments after the one that lastEventID names, the oldest first; none where it is not of this run.
func (l *live) since(lastEventID string) (missed []*moment) {
	boot, text, _ := strings.Cut(lastEventID, "-")
	last, err := strconv.ParseInt(text, 10, 64)
	if boot != l.boot || err != nil || last < 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now().number
	for n := max(last+1, now-resume+1); n < now; n++ {
		if m := l.recent[n%resume]; m != nil && m.number == n {
			missed = append(missed, m)
		}
	}
	return missed
}

// frame returns the page of this second for a look.
func (l *live) frame(k look) (*frame, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, last := l.now(), l.looks[k]
	if last != nil && last.number == m.number {
		return last, nil
	}
	var before page.Event
	if last != nil {
		before = last.page
	}
	e, err := page.Follow(l.server.site(), l.data(k, m), before)
	if err != nil {
		return nil, err
	}
	f := &frame{number: m.number, before: -1, page: e}
	f.whole = f.event(e.Parts)
	if last != nil {
		f.before, f.changed = last.number, f.event(f.newer(last))
	}
	if len(l.looks) >= maxLooks {
		clear(l.looks)
	}
	l.looks[k] = f
	return f, nil
}

// newer returns the parts that are not as in last.
func (f *frame) newer(last *frame) map[string]string {
	changed := map[string]string{}
	for id, html := range f.page.Parts {
		if last == nil || last.page.Parts[id] != html {
			changed[id] = html
		}
	}
	return changed
}

// event is the page event with some parts.
func (f *frame) event(parts map[string]string) []byte {
	e := f.page
	e.Parts = parts
	return event("page", "", e)
}

// after returns the event for a reader whose page is of last; nil: it has none.
func (f *frame) after(last *frame) []byte {
	switch {
	case last == nil:
		return f.whole
	case last.number == f.before:
		return f.changed
	}
	return f.event(f.newer(last))
}

// data is what the page shows at a moment.
func (l *live) data(k look, m *moment) page.Data {
	happened := l.server.happened.events(words.In(k.lang))
	return page.Data{
		Status: m.status, Lang: k.lang, Span: k.span, Secure: k.secure, History: l.past(k.span), Clients: l.who(), Faults: l.server.unit.Faults(),
		Events: &happened, Links: links(k),
	}
}

// past returns the history of a span for plots, collected now and then.
func (l *live) past(span string) *api.History {
	now := time.Since(l.began)
	if kept, ok := l.history[span]; ok && now < kept.until {
		return kept.value
	}
	h := l.server.past.query(history.Query{Span: span, Points: historyPoints})
	l.history[span] = aged[*api.History]{&h, now + historyFor[span]}
	return &h
}

// who returns the clients, collected now and then.
func (l *live) who() *api.Clients {
	if now := time.Since(l.began); l.clients.value == nil || now >= l.clients.until {
		c := l.server.unit.Clients()
		l.clients = aged[*api.Clients]{&c, now + clientsFor}
	}
	return l.clients.value
}

// whole returns the page of this second for a look.
func (l *live) whole(k look) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b bytes.Buffer
	err := page.Write(&b, l.server.site(), l.data(k, l.now()))
	return b.Bytes(), err
}

// event writes one event; JSON has no line breaks, so one data line holds it.
func event(name, id string, data any) []byte {
	var b bytes.Buffer
	if name != "" {
		b.WriteString("event: " + name + "\n")
	}
	b.WriteString("data: ")
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // no browser takes an event for HTML, and the parts are full of it
	if e.Encode(data) != nil {
		return nil // what is not finite has been taken out: it can not be
	}
	if id != "" {
		b.WriteString("id: " + id + "\n")
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// look returns what the sender of a request is to see.
func (s *Server) look(r *http.Request) look {
	asked := r.URL.Query()
	k := look{lang: s.words(r).Lang(), span: page.Spans()[0]}
	for _, span := range page.Spans() {
		if asked.Get("span") == span {
			k.span = span
		}
	}
	k.role = VisitorOf(r).Role
	if r.TLS == nil {
		k.secure = s.secureHome(r)
	}
	return k
}

// links are where the page leads besides: on -http to the door on -https.
func links(k look) []page.Link {
	switch {
	case k.role != Nobody:
		return []page.Link{{Key: "door.settings", URL: "/settings"}, {Key: "door.account", URL: "/account"}}
	case k.secure != "":
		return []page.Link{{Key: "door.sign-in", URL: strings.TrimSuffix(k.secure, "/") + "/login"}}
	}
	return []page.Link{{Key: "door.sign-in", URL: "/login"}}
}

// rememberLang keeps the language that the query chooses, for a year.
func rememberLang(w http.ResponseWriter, r *http.Request, lang words.Lang) {
	w.Header().Add("Vary", "Accept-Language, Cookie")
	if r.URL.Query().Has("lang") {
		http.SetCookie(w, &http.Cookie{Name: langCookie, Value: string(lang), Path: "/", MaxAge: 365 * 86400, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
}

// secureHome returns the address of the page on -https, "" where there is none.
func (s *Server) secureHome(r *http.Request) string {
	home := r.Clone(r.Context())
	home.URL.Path, home.URL.RawPath = "/", ""
	return s.secureURL(home)
}
