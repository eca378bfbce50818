package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"testing/synctest"
	"time"
)

var eventID = regexp.MustCompile(`(?m)^id: (\S+)$`)

// resumed follows a stream on a wire as a reader who has seen an event.
func resumed(ctx context.Context, s *Server, w *wire, last string) <-chan struct{} {
	r := httptest.NewRequest("GET", "/api/v1/stream", nil).WithContext(ctx)
	r.Host = "localhost"
	r.Header.Set("Last-Event-ID", last)
	ended := make(chan struct{})
	go func() { defer close(ended); s.ServeHTTP(w, r) }()
	return ended
}

func TestStreamGivesWhatWasMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer()
		ctx, cancel := context.WithCancel(t.Context())
		other := newWire(1000) // somebody follows all the time, as the unit's own watch does
		ended := follow(ctx, s, other, "/api/v1/stream")
		synctest.Wait()
		first := eventID.FindStringSubmatch(<-other.events)[1]
		time.Sleep(10 * time.Second)
		synctest.Wait()
		w := newWire(1000)
		again := resumed(ctx, s, w, first)
		synctest.Wait()
		var got []string
		for len(w.events) > 0 {
			for _, m := range eventID.FindAllStringSubmatch(<-w.events, -1) {
				got = append(got, m[1])
			}
		}
		var want []string
		for len(other.events) > 0 {
			want = append(want, eventID.FindStringSubmatch(<-other.events)[1])
		}
		if len(want) != 10 || len(got) != 10 {
			t.Errorf("resumed behind %s: %v, want %v", first, got, want)
		}
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Errorf("event %d is %s, want %s", i, got[i], want[i])
			}
		}
		for _, odd := range []string{"", "x", "-1", first + "9", "other-3", "a-b-c"} {
			w := newWire(1000)
			resumed(ctx, s, w, odd)
			synctest.Wait()
			if n := len(w.events); n != 1 {
				t.Errorf("Last-Event-ID %q: %d writes, want the newest event alone", odd, n)
			}
		}
		cancel()
		<-ended
		<-again
	})
}

func TestStreamGivesALoneReaderWhatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer()
		watching, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Watch(watching) }()
		ctx, cancel := context.WithCancel(t.Context())
		w := newWire(1000)
		lost := follow(ctx, s, w, "/api/v1/stream")
		synctest.Wait()
		last := eventID.FindStringSubmatch(<-w.events)[1]
		cancel()
		<-lost
		time.Sleep(30 * time.Second)
		ctx, cancel = context.WithCancel(t.Context())
		w = newWire(1000)
		again := resumed(ctx, s, w, last)
		synctest.Wait()
		n := 0
		for len(w.events) > 0 {
			n += len(eventID.FindAllString(<-w.events, -1))
		}
		if n != 30 {
			t.Errorf("%d events after 30 s without a connection, want 30", n)
		}
		cancel()
		<-again
		stop()
		<-ended
	})
}

func TestSlowViewerHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer()
		ctx, cancel := context.WithCancel(t.Context())
		stuck := follow(ctx, s, newWire(1), "/api/v1/stream?page")
		w := newWire(1000)
		ended := follow(ctx, s, w, "/api/v1/stream")
		time.Sleep(20*time.Second + time.Millisecond)
		synctest.Wait()
		if n := len(w.events); n != 21 {
			t.Errorf("%d events in 20 s beside a viewer that is stuck, want 21", n)
		}
		began := time.Now()
		if r := ask(s, http.MethodGet, "/", nil); r.Code != 200 || time.Since(began) != 0 {
			t.Errorf("the page: %d after %v", r.Code, time.Since(began))
		}
		<-stuck
		cancel()
		<-ended
	})
}
