package web

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"timeball/web/api"
)

// memory is a Store that counts.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
	saves map[string]int
	full  bool
}

func newMemory() *memory { return &memory{files: map[string][]byte{}, saves: map[string]int{}} }

func (m *memory) Save(name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full {
		return errors.New("no space left on device")
	}
	m.files[name] = data
	m.saves[name]++
	return nil
}

// saved returns how often a file was saved.
func (m *memory) saved(name string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.saves[name]
}

func (m *memory) setFull(full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.full = full
}

func (m *memory) Load(name string, limit int) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if data, ok := m.files[name]; ok {
		return data, nil
	}
	return nil, fs.ErrNotExist
}

// watched returns a server that has followed its unit for so long in a bubble, with what it kept.
func watched(t *testing.T, store Store, last time.Duration) *Server {
	u := &fakeUnit{}
	u.status.Mode, u.status.OffsetSeconds = "locked", new(5e-9)
	s := New(Config{Store: store}, &datedUnit{fakeUnit: u})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Watch(ctx) }()
	time.Sleep(last)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return s
}

// historyOf asks for a span as CSV and returns the lines below the head.
func historyOf(t *testing.T, s *Server, query string) []string {
	t.Helper()
	w := ask(s, "GET", "/api/v1/history.csv?series=offset_seconds&"+query, nil)
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return strings.Split(strings.TrimSpace(w.Body.String()), "\n")[1:]
}

func TestWatchKeepsTheHistoryHourlyAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		s := watched(t, store, 2*time.Hour+150*time.Second+time.Millisecond)
		if n := store.saved(historyFile); n != 3 {
			t.Errorf("saved %d times in 2 h and a bit, want 3", n)
		}
		if n := len(historyOf(t, s, "span=hour")); n != 3600 {
			t.Errorf("%d seconds of the last hour", n)
		}
		next := watched(t, store, 10*time.Second)
		if days := historyOf(t, next, "span=day"); len(days) < 735 || !strings.HasSuffix(days[0], ",5e-09,5e-09,5e-09") {
			t.Errorf("%d buckets of 10 s after a restart, the first %q", len(days), days[0])
		}
	})
}

func TestWatchGoesOnWithoutAStoreAndWithABadOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		store.files[historyFile], store.full = []byte("no history"), true
		store.files[eventsFile] = []byte("no events")
		for _, store := range []Store{nil, store} {
			if n := len(historyOf(t, watched(t, store, 70*time.Second+time.Millisecond), "")); n != 71 {
				t.Errorf("%d seconds in 70 s, want 71", n)
			}
		}
	})
}

func TestHistoryIsAnsweredAsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := watched(t, nil, 65*time.Second)
		tests := []struct {
			query string
			code  int
			has   string
		}{
			{"history?series=mode,offset_seconds&span=hour", 200, `"mode":{"median":[0,0,`},
			{"history?span=day&series=offset_seconds", 200, `"step_seconds":10,"dated":true,`},
			{"history?span=hour&points=60&series=offset_seconds", 200, `"step_seconds":60,`},
			{"history?format=csv&series=offset_seconds,mode", 200, "unix_seconds,utc,offset_seconds,mode\n"},
			{"history.csv?span=day&series=mode", 200, "unix_seconds,utc,mode_min,mode_median,mode_max\n"},
			{"history.csv?format=json&series=mode", 200, `{"api":1,`},
			{"history?span=week", 400, "one of hour, day, month"},
			{"history?series=secret", 400, "offset_seconds"},
			{"history?points=0", 400, "positive"},
			{"history?points=x", 400, "positive"},
			{"history?format=xml", 400, "json or csv"},
		}
		for _, tt := range tests {
			w := ask(s, "GET", "/api/v1/"+tt.query, nil)
			if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.has) {
				t.Errorf("%s: %d %.200s, want %d with %q", tt.query, w.Code, w.Body, tt.code, tt.has)
			}
		}
	})
}

// datedUnit is a fakeUnit whose served clock goes.
type datedUnit struct{ *fakeUnit }

func (u *datedUnit) Status() api.Status {
	s := u.fakeUnit.Status()
	s.ServedUnixNanoseconds = new(time.Now().UnixNano())
	return s
}

func TestHistoryIsAnsweredToFewAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer()
		for range maxHeavy {
			s.heavy <- struct{}{}
		}
		began := time.Now()
		if w := ask(s, "GET", "/api/v1/history", nil); w.Code != 503 || w.Header().Get("Retry-After") == "" || time.Since(began) != heavyPatience {
			t.Errorf("%d after %v", w.Code, time.Since(began))
		}
		if w := ask(s, "GET", "/api/v1/status", nil); w.Code != 200 {
			t.Errorf("status meanwhile: %d", w.Code)
		}
		<-s.heavy
		if w := ask(s, "GET", "/api/v1/history", nil); w.Code != 200 || len(s.heavy) != maxHeavy-1 {
			t.Errorf("%d with a place, %d are taken", w.Code, len(s.heavy))
		}
	})
}
