package web

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"timeball/web/api"
)

type fakeUnit struct {
	mu     sync.Mutex
	status api.Status
}

func (u *fakeUnit) Status() api.Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.status.PulsesAccepted++
	return u.status
}

func (u *fakeUnit) Now() (earliest, latest *int64, mode string) {
	if u.status.BoundSeconds == nil {
		return nil, nil, u.status.Mode
	}
	return new(int64(1795269694000000001)), new(int64(1795269694000003737)), u.status.Mode
}

func (u *fakeUnit) Clients() api.Clients { return api.Clients{Clients: []api.Client{}} }

func (u *fakeUnit) Faults() *api.Faults { return nil }

func (u *fakeUnit) Do(context.Context, api.Command) (api.Result, error) {
	return api.Refuse("a unit of a test does nothing"), nil
}

func newServer(extra ...func(io.Writer)) (*Server, *fakeUnit) {
	u := &fakeUnit{status: api.Status{Mode: "locked", Leap: "none", Stratum: 1, BoundSeconds: new(1.868e-6), SatellitesUsed: new(14)}}
	return New(Config{Name: "tb-a", Names: []string{"time.example.org"}}, u, extra...), u
}

func ask(s http.Handler, method, target string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "127.0.0.1:8080"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestRoutesAnswerWithTheirTypeAndHeaders(t *testing.T) {
	s, _ := newServer(func(w io.Writer) { io.WriteString(w, "timeball_extra_total 1\n") })
	tests := []struct{ path, kind, has string }{
		{"/", "text/html; charset=utf-8", `id="verdict" data-mode="locked"`},
		{"/api/v1/status", "application/json", `"api":1,"mode":"locked"`},
		{"/api/v1/now", "application/json", `{"earliest_unix_nanoseconds":1795269694000000001,"latest_unix_nanoseconds":1795269694000003737,"mode":"locked"}`},
		{"/metrics", "text/plain; version=0.0.4; charset=utf-8", "timeball_extra_total 1\n"},
		{s.assets.site.Style, "text/css; charset=utf-8", "--paper"},
		{s.assets.site.Scripts[0], "text/javascript; charset=utf-8", "EventSource"},
		{s.assets.site.Icon, "image/svg+xml", "<svg"},
	}
	for _, tt := range tests {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			w := ask(s, method, tt.path, nil)
			if w.Code != http.StatusOK || w.Header().Get("Content-Type") != tt.kind || !strings.Contains(w.Body.String(), tt.has) {
				t.Errorf("%s %s: %d %s, want 200 %s with %q in\n%.300s", method, tt.path, w.Code, w.Header().Get("Content-Type"), tt.kind, tt.has, w.Body)
			}
			for name, want := range map[string]string{
				"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s %s: %s is %q, want %q", method, tt.path, name, got, want)
				}
			}
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy %q allows what is unsafe", policy)
	}
}

func TestGuardRefuses(t *testing.T) {
	s, _ := newServer()
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	tests := []struct {
		name, method, path string
		change             func(*http.Request)
		want               int
	}{
		{"a name of someone else", "GET", "/", host("evil.example"), 421},
		{"no name", "GET", "/", host(""), 421},
		{"a name that ends like ours", "GET", "/metrics", host("xtb-a"), 421},
		{"brackets around a name", "GET", "/", host("[evil.example]:80"), 421},
		{"an address", "GET", "/", host("10.4.0.11"), 200},
		{"an IPv6 address", "GET", "/", host("[2001:db8::1]:8080"), 200},
		{"an IPv6 address without port", "GET", "/", host("[::1]"), 200},
		{"localhost", "GET", "/", host("localhost:8080"), 200},
		{"the host name in capitals, rooted", "GET", "/", host("TB-A.:80"), 200},
		{"a configured name", "GET", "/", host("time.example.org"), 200},
		{"POST", "POST", "/", nil, 405},
		{"DELETE of the API", "DELETE", "/api/v1/status", nil, 405},
		{"OPTIONS", "OPTIONS", "/", nil, 405},
		{"a body", "GET", "/", func(r *http.Request) { r.ContentLength = 5 }, 413},
		{"a body of unknown length", "GET", "/", func(r *http.Request) { r.ContentLength = -1 }, 413},
		{"an unknown path", "GET", "/nothing", nil, 404},
		{"an unknown asset", "GET", "/assets/page.css", nil, 404},
		{"a path out of the assets", "GET", "/assets/..%2fserver.go", nil, 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := ask(s, tt.method, tt.path, tt.change)
			if w.Code != tt.want {
				t.Errorf("%s %s: %d, want %d: %s", tt.method, tt.path, w.Code, tt.want, w.Body)
			}
			if w.Header().Get("Content-Security-Policy") == "" {
				t.Error("an answer without security headers")
			}
			if tt.want == 405 && w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow is %q", w.Header().Get("Allow"))
			}
		})
	}
}

func TestStatusHasNoNumberForWhatIsNone(t *testing.T) {
	s, u := newServer()
	u.status.OffsetSeconds, u.status.BoundSeconds = new(math.NaN()), new(math.Inf(1))
	w := ask(s, "GET", "/api/v1/status", nil)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"offset_seconds":null`) || !strings.Contains(w.Body.String(), `"bound_seconds":null`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	u.status.BoundSeconds = nil
	if got, want := ask(s, "GET", "/api/v1/now", nil).Body.String(), `{"earliest_unix_nanoseconds":null,"latest_unix_nanoseconds":null,"mode":"locked"}`+"\n"; got != want {
		t.Errorf("now without a bound: %s, want %s", got, want)
	}
}

// The limit is what a first visit may cost on a slow line.
func TestFirstVisitIsSmall(t *testing.T) {
	const limit = 61440
	s, _ := newServer()
	page := ask(s, "GET", "/", packed)
	sum := page.Body.Len()
	for _, url := range regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`).FindAllStringSubmatch(unpack(t, page), -1) {
		w := ask(s, "GET", url[1], packed)
		if w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", url[1], w.Code, w.Header())
		}
		unpack(t, w)
		sum += w.Body.Len()
	}
	if sum > limit {
		t.Errorf("a first visit takes %d bytes, want at most %d", sum, limit)
	}
	t.Logf("first visit: %d bytes", sum)
}

func packed(r *http.Request) { r.Header.Set("Accept-Encoding", "br, gzip;q=0.8") }

func unpack(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("not compressed: %v", w.Header())
	}
	z, err := gzip.NewReader(strings.NewReader(w.Body.String()))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTakesGzip(t *testing.T) {
	for header, want := range map[string]bool{"": false, "gzip": true, "br, gzip": true, "gzip;q=0": false, "gzip; q=0.000": false, "gzip;q=0.5": true, "identity": false} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Encoding", header)
		if got := takesGzip(r); got != want {
			t.Errorf("takesGzip(%q) = %v, want %v", header, got, want)
		}
	}
}

// wire is a response that a viewer reads, or does not: a full one blocks until its write deadline, as a socket does.
type wire struct {
	header http.Header
	events chan string // whole writes
	due    time.Time
}

func newWire(room int) *wire { return &wire{header: http.Header{}, events: make(chan string, room)} }

func (w *wire) Header() http.Header                  { return w.header }
func (w *wire) WriteHeader(int)                      {}
func (w *wire) Flush()                               {}
func (w *wire) SetReadDeadline(time.Time) error      { return nil }
func (w *wire) SetWriteDeadline(due time.Time) error { w.due = due; return nil }

var errSlow = errors.New("write: i/o timeout")

func (w *wire) Write(b []byte) (int, error) {
	select {
	case w.events <- string(b):
		return len(b), nil
	case <-time.After(time.Until(w.due)):
		return 0, errSlow
	}
}

// follow starts a stream on a wire and returns a channel that is closed when it has ended.
func follow(ctx context.Context, s *Server, w *wire, path string) <-chan struct{} {
	r := httptest.NewRequest("GET", path, nil).WithContext(ctx)
	r.Host = "localhost"
	ended := make(chan struct{})
	go func() { defer close(ended); s.ServeHTTP(w, r) }()
	return ended
}

func TestStreamSendsOneStatusASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer()
		ctx, cancel := context.WithCancel(t.Context())
		w := newWire(1)
		began := time.Now()
		ended := follow(ctx, s, w, "/api/v1/stream")
		event := <-w.events
		for range 10 {
			<-w.events
		}
		if after := time.Since(began); after != 10*time.Second {
			t.Errorf("11 events in %v, want one at once and then one a second", after)
		}
		var status api.Status
		text, ok := dataOf(event)
		if err := json.Unmarshal([]byte(text), &status); err != nil || !ok || status.Mode != "locked" || !strings.HasSuffix(event, "\n\n") {
			t.Errorf("event %q: %v", event, err)
		}
		cancel()
		<-ended
	})
}

func TestStreamSendsOnlyPartsThatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer()
		ctx, cancel := context.WithCancel(t.Context())
		w := newWire(10)
		ended := follow(ctx, s, w, "/api/v1/stream?page")
		first, second := pageParts(t, <-w.events), pageParts(t, <-w.events)
		if first["verdict-part"] == "" || first["ntp-head"] == "" {
			t.Errorf("the first event lacks parts: %d", len(first))
		}
		if second["loop-head"] == "" || second["verdict-part"] != "" {
			t.Errorf("the second event has %d parts, want the loop and not the verdict", len(second))
		}
		cancel()
		<-ended
	})
}

// dataOf returns the data of the first event.
func dataOf(events string) (string, bool) {
	for line := range strings.Lines(events) {
		if text, ok := strings.CutPrefix(line, "data: "); ok {
			return text, true
		}
	}
	return "", false
}

func pageParts(t *testing.T, events string) map[string]string {
	t.Helper()
	_, text, _ := strings.Cut(events, "event: page\n")
	text, _ = dataOf(text)
	var page struct{ Parts map[string]string }
	if err := json.Unmarshal([]byte(text), &page); err != nil {
		t.Fatalf("%v in %.200s", err, events)
	}
	return page.Parts
}

func TestStreamDropsASlowViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer()
		began := time.Now()
		<-follow(t.Context(), s, newWire(2), "/api/v1/stream")
		if after := time.Since(began); after != 2*time.Second+eventTimeout {
			t.Errorf("a viewer that stopped reading after two events was dropped after %v", after)
		}
		if len(s.streams) != 0 {
			t.Error("its place is not free")
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer()
		ctx, cancel := context.WithCancel(t.Context())
		var all []<-chan struct{}
		for range maxStreams {
			all = append(all, follow(ctx, s, newWire(10), "/api/v1/stream"))
		}
		synctest.Wait()
		if w := ask(s, "GET", "/api/v1/stream", nil); w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("one stream too many: %d", w.Code)
		}
		if w := ask(s, "GET", "/api/v1/status", nil); w.Code != 200 {
			t.Errorf("status while all streams are taken: %d", w.Code)
		}
		cancel()
		for _, ended := range all {
			<-ended
		}
		if len(s.streams) != 0 {
			t.Errorf("%d places are not free", len(s.streams))
		}
	})
}

func TestHeadOfAStreamEnds(t *testing.T) {
	s, _ := newServer()
	if w := ask(s, "HEAD", "/api/v1/stream", nil); w.Code != 200 || w.Header().Get("Content-Type") != "text/event-stream" || w.Body.Len() != 0 {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// listen serves on loopback and returns the address and a function that ends the server and returns its error.
func listen(t *testing.T) (address string, end func() error) {
	t.Helper()
	s, _ := newServer()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.ServeListener(ctx, l) }()
	end = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { end() })
	return l.Addr().String(), end
}

func TestServeEndsStreamsAtShutdown(t *testing.T) {
	address, end := listen(t)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	answer, err := client.Get("http://" + address + "/api/v1/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewReader(answer.Body)
	if line, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, "data: {") {
		t.Fatalf("%q, %v", line, err)
	}
	if err := end(); err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
	if _, err := io.ReadAll(lines); err != nil {
		t.Errorf("the stream was cut and not ended: %v", err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("the address is still served")
	}
}

func TestServeNamesAnAddressInUse(t *testing.T) {
	address, _ := listen(t)
	s := New(Config{Address: address}, &fakeUnit{})
	err := s.Serve(t.Context())
	if err == nil || !strings.Contains(err.Error(), address) || !strings.Contains(err.Error(), "another program") {
		t.Errorf("Serve on an address in use = %v", err)
	}
}

func TestServeRefusesLongHeaders(t *testing.T) {
	address, _ := listen(t)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 4*maxHeader)+"\r\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%v, %v, want 431", answer, err)
	}
}

func TestBoundedClosesWhatIsTooMany(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bounded{l, newPlaces(10, 2)}
	defer b.Close()
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	dial()
	first, _ := b.Accept()
	dial()
	b.Accept()
	third := dial()
	accepted := make(chan net.Conn, 1)
	go func() { conn, _ := b.Accept(); accepted <- conn }()
	third.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := third.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the third connection of one address is open")
	}
	first.Close()
	first.Close() // gives one place, not two
	dial()
	if conn := <-accepted; conn == nil || b.sum != 2 {
		t.Errorf("after a close %d places are taken, want 2", b.sum)
	}
}
