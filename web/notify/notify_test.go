package notify

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"timeball/web/api"
)

var (
	unit  = Unit{Name: "tb-a", Version: "1.0.3"}
	quiet = slog.New(slog.DiscardHandler)
)

func message(id uint64) Message {
	return Message{
		Event: api.Event{ID: id, Name: "jamming", Severity: "alarm", Active: true, Count: 1, Told: []string{}}, Text: "the receiver hears jamming",
		Unix: new(int64(1_795_269_600)),
	}
}

// record is who took what.
type record struct {
	mu    sync.Mutex
	taken []string
}

func (r *record) take(id uint64, channel string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = append(r.taken, fmt.Sprint(channel, id))
}

// bubble returns a Notifier whose one channel answers by send, running in a bubble.
func bubble(t *testing.T, send func(Message) error) (*Notifier, *record) {
	var r record
	n := New(Config{Syslog: "udp://192.0.2.9:514"}, unit, r.take, quiet)
	n.channels[0].send = func(_ context.Context, m Message) error { return send(m) }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { n.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return n, &r
}

func TestNotifierTriesAgainWithGrowingPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var tries []time.Duration
		n, r := bubble(t, func(Message) error {
			tries = append(tries, time.Since(began))
			if len(tries) < 5 {
				return errors.New("no route to host")
			}
			return nil
		})
		n.Tell(message(7))
		time.Sleep(time.Hour)
		synctest.Wait()
		want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second}
		if diff := cmp.Diff(want, tries); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"syslog7"}, r.taken); diff != "" {
			t.Error(diff)
		}
		if c := n.Channels()[0]; c.Sent != 1 || c.Failed != 4 || c.Dropped != 0 || c.LastError != "" {
			t.Errorf("%+v", c)
		}
	})
}

func TestNotifierNeverWaitsAndDropsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []uint64
		var down atomic.Bool
		down.Store(true)
		n, _ := bubble(t, func(m Message) error {
			if down.Load() {
				return errors.New("connection refused")
			}
			got = append(got, m.Event.ID)
			return nil
		})
		began := time.Now()
		n.Tell(message(0))
		synctest.Wait()
		for id := range uint64(1000) {
			n.Tell(message(id + 1))
		}
		if time.Since(began) != 0 {
			t.Error("telling took time")
		}
		if c := n.Channels()[0]; c.Waiting != queue || c.Dropped != 1000-queue {
			t.Errorf("%+v, want %d waiting", c, queue)
		}
		down.Store(false)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if len(got) != queue+1 || got[0] != 0 || got[queue] != 1000 {
			t.Errorf("%d were sent, the last %d", len(got), got[len(got)-1])
		}
	})
}

func TestNotifierGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := map[uint64]int{}
		n, _ := bubble(t, func(m Message) error {
			tries[m.Event.ID]++
			if m.Event.ID == 1 {
				return fmt.Errorf("%w: answered 404", errRefused)
			}
			return errors.New("no route to host")
		})
		n.Tell(message(1))
		n.Tell(message(2))
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if tries[1] != 1 || tries[2] != maxTries {
			t.Errorf("%v tries, want 1 and %d", tries, maxTries)
		}
		if c := n.Channels()[0]; c.Dropped != 2 || c.LastError != "no route to host" {
			t.Errorf("%+v", c)
		}
	})
}

// rfc5424 is the grammar of a message as far as it is used (RFC 5424, 6).
var rfc5424 = regexp.MustCompile(`^<(\d{1,3})>1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) (\[origin software="[^"\]]*" swVersion="(?:[^"\\\]]|\\["\\\]])*"\]) \x{feff}([^\n\r\x00]*)$`)

func TestSyslogWritesRFC5424(t *testing.T) {
	ended := message(7)
	ended.Ended, ended.Unix, ended.Event.Severity = true, nil, "warning"
	odd := message(8)
	odd.Event.Severity, odd.Text = "note", "line\r\none\x00 µs"
	once := message(9)
	once.Event.Active = false
	tests := []struct {
		unit       Unit
		m          Message
		pri, stamp string
		text       string
	}{
		{unit, message(7), "26", "2026-11-21T14:00:00Z", "alarm: the receiver hears jamming (active, event 7)"},
		{unit, ended, "30", "-", "warning: the receiver hears jamming (ended, event 7)"},
		{Unit{Name: "a b\nß", Version: `1"]\`}, odd, "29", "2026-11-21T14:00:00Z", "note: line  one  µs (active, event 8)"},
		{Unit{}, once, "26", "2026-11-21T14:00:00Z", "alarm: the receiver hears jamming (happened, event 9)"},
	}
	for _, tt := range tests {
		got := newSyslog("udp://192.0.2.9:514", tt.unit).format(tt.m)
		m := rfc5424.FindStringSubmatch(got)
		if m == nil || m[1] != tt.pri || m[2] != tt.stamp || m[8] != tt.text || m[6] != "jamming" {
			t.Errorf("%q: %q, want %s %s %q", got, m, tt.pri, tt.stamp, tt.text)
		}
	}
}

func TestSyslogSendsDatagrams(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := newSyslog("udp://"+conn.LocalAddr().String(), unit)
	if err := s.send(t.Context(), message(7)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2048)
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, _, err := conn.ReadFrom(b)
	if err != nil || string(b[:n]) != s.format(message(7)) {
		t.Errorf("%q, %v", b[:n], err)
	}
}

func TestSyslogCountsOctetsOverTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := newSyslog("tcp://"+l.Addr().String(), unit)
	sent := make(chan error, 1)
	go func() { sent <- s.send(t.Context(), message(7)) }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	var count int
	if _, err := fmt.Fscanf(in, "%d ", &count); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(in)
	if err := errors.Join(err, <-sent); err != nil || count != len(rest) || string(rest) != s.format(message(7)) {
		t.Errorf("count %d of %d octets: %q, %v", count, len(rest), rest, err)
	}
}

func TestWebhookPostsJSON(t *testing.T) {
	var got Call
	answer := http.StatusNoContent
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.URL.RawQuery != "key=secret" {
			t.Errorf("%s %s %s", r.Method, r.URL, r.Header.Get("Content-Type"))
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(answer)
	}))
	defer server.Close()
	w := newWebhook(server.URL+"/hook?key=secret", unit)
	if err := w.send(t.Context(), message(7)); err != nil {
		t.Fatal(err)
	}
	want := Call{"event", 1, "tb-a", "active", "tb-a: alarm: the receiver hears jamming (active)", message(7).Event}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for code, refused := range map[int]bool{302: false, 404: true, 403: true, 429: false, 408: false, 500: false, 503: false} {
		answer = code
		if err := w.send(t.Context(), message(7)); err == nil || errors.Is(err, errRefused) != refused {
			t.Errorf("answered %d: %v, want refused %v", code, err, refused)
		}
	}
	server.Close()
	err := w.send(t.Context(), message(7))
	if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(w.shown, "secret") {
		t.Errorf("the error or the target shows the secret: %v, %s", err, w.shown)
	}
}

func TestTestSaysWhatBecameOfIt(t *testing.T) {
	n := New(Config{Syslog: "udp://192.0.2.9:514"}, unit, nil, quiet)
	if known, _ := n.Test(t.Context(), "pager", message(1)); known {
		t.Error("a channel that is none is known")
	}
	fails := true
	n.channels[0].send = func(context.Context, Message) error {
		if fails {
			return errors.New("no route to host")
		}
		return nil
	}
	if known, err := n.Test(t.Context(), "syslog", message(1)); !known || err == nil {
		t.Errorf("%v %v", known, err)
	}
	if c := n.Channels()[0]; c.LastResult == nil || *c.LastResult != "no route to host" || c.LastError == "" {
		t.Errorf("%+v", c)
	}
	fails = false
	if _, err := n.Test(t.Context(), "syslog", message(1)); err != nil || *n.Channels()[0].LastResult != "sent" {
		t.Errorf("%v", err)
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	good := []Config{
		Default(),
		{Syslog: "udp://192.0.2.9:514", Webhook: "https://hooks.example.org/T0/B0?x=y", Language: "zh"},
		{Syslog: "tcp://[2001:db8::1]:601", Webhook: "http://10.0.0.1:9000/", Language: "en"},
		{Syslog: "tcp://log.example.org:601", Language: "en"},
	}
	for _, c := range good {
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, c := range []Config{
		{Syslog: "192.0.2.9:514"},
		{Syslog: "udp://192.0.2.9"},
		{Syslog: "tls://192.0.2.9:6514"},
		{Syslog: "udp://192.0.2.9:0"},
		{Syslog: "udp://192.0.2.9:514/x"},
		{Syslog: "udp://:514"},
		{Syslog: "udp://a@b:514"},
		{Syslog: "u"},
		{Webhook: "ftp://x/"},
		{Webhook: "https:///x"},
		{Webhook: "secret"},
		{Webhook: "http://x/#y"},
		{Webhook: "http://" + strings.Repeat("x", maxURL)},
		{Language: "fr"},
	} {
		if c.Language == "" {
			c.Language = "en"
		}
		err := c.Validate()
		if err == nil || !strings.HasPrefix(err.Error(), "config: alarm.") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
