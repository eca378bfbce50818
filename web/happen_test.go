package web

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"timeball/web/api"
	"timeball/web/notify"
)

// events returns what a server says happened.
func events(t *testing.T, s *Server, query string, role Role) api.Events {
	t.Helper()
	s.identify = func(http.ResponseWriter, *http.Request) Visitor { return Visitor{"ops", role} }
	w := ask(s, "GET", "/api/v1/events"+query, func(r *http.Request) { r.TLS = &tls.ConnectionState{} })
	var list api.Events
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || w.Code != 200 {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return list
}

// post sends a form as somebody over TLS.
func post(s *Server, path string, form url.Values, role Role) *httptest.ResponseRecorder {
	s.identify = func(http.ResponseWriter, *http.Request) Visitor { return Visitor{"ops", role} }
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Host, r.TLS = "127.0.0.1:8443", &tls.ConnectionState{}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestEventsAreToldKeptAndAcknowledged(t *testing.T) {
	calls := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls <- string(body)
	}))
	defer hook.Close()
	u := &fakeUnit{status: api.Status{Mode: "locked", Stratum: 1, ServedUnixNanoseconds: new(int64(1_795_269_600e9))}}
	store := newMemory()
	s := New(Config{Name: "tb-a", Store: store, Alarm: notify.Config{Webhook: hook.URL, Language: "zh"}}, u)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.happened.notifier.Run(ctx); close(ended) }()
	defer func() { cancel(); <-ended }()

	status := u.Status()
	s.happened.look(time.Second, &status)
	status.Mode, status.Reason = "quarantine", "the receiver has no fix"
	s.happened.look(2*time.Second, &status)
	if call := <-calls; !strings.Contains(call, `"unit":"tb-a","state":"active","text":"tb-a: alarm: 有证据表明本机时间有误，已停止授时：接收机未定位 (active)","event":{"id":1,"name":"quarantine"`) {
		t.Errorf("the webhook was sent %s", call)
	}
	for deadline := time.Now().Add(10 * time.Second); len(events(t, s, "", ViewerRole).Events[0].Told) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("nobody knows that the webhook was told")
		}
		time.Sleep(time.Millisecond)
	}
	if w := post(s, "/api/v1/events/acknowledge", url.Values{"id": {"1"}}, AdminRole); w.Code != 200 || !strings.Contains(w.Body.String(), `"state":1`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if deeds := s.audit.Newest(1); len(deeds) != 1 || deeds[0].What != "event-acknowledge" || deeds[0].By != "ops" || !deeds[0].OK {
		t.Errorf("recorded: %+v", deeds)
	}
	e := events(t, s, "", ViewerRole).Events[0]
	if !e.Acknowledged || e.AcknowledgedBy != "ops" || e.Told[0] != "webhook" || *e.FirstUnixSeconds != 1_795_269_600 {
		t.Errorf("%+v", e)
	}
	if err := s.happened.save(); err != nil || store.saved(eventsFile) != 1 {
		t.Errorf("%v, saved %d times", err, store.saved(eventsFile))
	}
	if err := s.happened.save(); err != nil || store.saved(eventsFile) != 1 {
		t.Error("written although nothing has happened since")
	}
	if e := events(t, s, "?lang=zh", Nobody); e.Events[0].AcknowledgedBy != "" || e.Channels[0].Target != "" || !strings.Contains(e.Events[0].Text, "有证据") {
		t.Errorf("who is not signed in is told %+v", e)
	}
}

func TestEventCommandsSayWhatIsWrong(t *testing.T) {
	s, _ := newServer()
	tests := []struct {
		path string
		form url.Values
		role Role
		code int
		has  string
	}{
		{"/api/v1/events/acknowledge", url.Values{"id": {"1"}}, AdminRole, 409, `{"state":0,"message":"event 1: there is none`},
		{"/api/v1/events/acknowledge", url.Values{"id": {"x"}}, AdminRole, 400, "number"},
		{"/api/v1/events/acknowledge", url.Values{"id": {"1"}}, ViewerRole, 403, "admin"},
		{"/api/v1/events/acknowledge", url.Values{"id": {"1"}, "from": {"page"}}, AdminRole, 303, ""},
		{"/api/v1/events/test", url.Values{"channel": {"pager"}}, AdminRole, 409, `no channel`},
		{"/api/v1/events/test", url.Values{"channel": {"prometheus"}}, AdminRole, 200, `"state":2`},
		{"/api/v1/events/test", url.Values{"channel": {"prometheus"}}, Nobody, 401, ""},
	}
	for _, tt := range tests {
		if w := post(s, tt.path, tt.form, tt.role); w.Code != tt.code || !strings.Contains(w.Body.String(), tt.has) {
			t.Errorf("%s %v: %d %s, want %d with %q", tt.path, tt.form, w.Code, w.Body, tt.code, tt.has)
		}
	}
	w := ask(s, "POST", "/api/v1/events/test", nil)
	if w.Code != 403 {
		t.Errorf("over http: %d", w.Code)
	}
}

func TestTestIsSentOverItsChannel(t *testing.T) {
	calls := make(chan string, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls <- string(body)
	}))
	s := New(Config{Name: "tb-a", Alarm: notify.Config{Webhook: hook.URL, Language: "en"}}, &fakeUnit{})
	if w := post(s, "/api/v1/events/test", url.Values{"channel": {"webhook"}}, AdminRole); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if call := <-calls; !strings.Contains(call, "this is a test") {
		t.Error(call)
	}
	hook.Close()
	if w := post(s, "/api/v1/events/test", url.Values{"channel": {"webhook"}}, AdminRole); w.Code != 409 || !strings.Contains(w.Body.String(), "refused") {
		t.Errorf("a webhook that is down: %d %s", w.Code, w.Body)
	}
	if c := events(t, s, "", AdminRole).Channels[0]; c.Sent != 1 || c.Failed != 1 || c.LastResult == nil || !strings.Contains(*c.LastResult, "refused") {
		t.Errorf("%+v", c)
	}
}

func TestWatchKeepsWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		watched(t, store, 3*time.Minute)
		if n := store.saved(eventsFile); n != 1 {
			t.Errorf("the start was written %d times, want 1", n)
		}
		list := events(t, watched(t, store, 3*time.Minute), "", AdminRole)
		if len(list.Events) != 1 || list.Events[0].Name != "started" || list.Events[0].Count != 2 || list.Events[0].Active {
			t.Errorf("after a restart: %+v", list.Events)
		}
	})
}

func TestFullDiskIsAnEventAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		s := New(Config{Store: store}, &datedUnit{fakeUnit: &fakeUnit{}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Watch(ctx) }()
		store.setFull(true)
		time.Sleep(2 * time.Minute)
		if e := events(t, s, "", AdminRole).Events[0]; e.Name != "disk" || !e.Active || !strings.Contains(e.Text, "no space left") {
			t.Errorf("%+v", e)
		}
		store.setFull(false)
		time.Sleep(3 * time.Minute)
		if list := events(t, s, "", AdminRole); list.Active != 0 || store.saved(eventsFile) == 0 {
			t.Errorf("%+v", list)
		}
		cancel()
		<-ended
	})
}
