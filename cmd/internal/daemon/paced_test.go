package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	beevik "github.com/beevik/ntp"

	"timeball/cmd/internal/peers"
	"timeball/web/api"
)

// patience is how long a test waits for what takes at most half of it on an idle machine.
const patience = 40 * time.Second

// running is a daemon in this process.
type running struct {
	lines <-chan string // of its standard output
	log   *buffer
	stop  func() error

	started string // the first line
	ntp     []netip.AddrPort
	page    string
}

var where = regexp.MustCompile(`^Timeball has started\. NTP: (.*)\. Page: (http://\S+/)$`)

// run starts a daemon and returns when it has said where it is.
func run(t *testing.T, p program, args ...string) *running {
	t.Helper()
	reader, writer := io.Pipe()
	r := &running{log: &buffer{}}
	p.stdout, p.stderr = writer, r.log
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { err := p.run(ctx, args); writer.Close(); ended <- err }()
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(reader); s.Scan(); {
			lines <- s.Text()
		}
	}()
	r.lines = lines
	r.stop = func() error { cancel(); return <-ended }
	r.started = r.line(t)
	found := where.FindStringSubmatch(r.started)
	if found == nil {
		t.Fatalf("the first line is %q: %v\n%s", r.started, r.stop(), r.log)
	}
	r.page = found[2]
	if found[1] == "not served" {
		return r
	}
	for text := range strings.SplitSeq(found[1], ", ") {
		addr, err := netip.ParseAddrPort(text)
		if err != nil || addr.Port() == 0 {
			t.Errorf("%q: %q, %v", r.started, text, err)
		}
		r.ntp = append(r.ntp, addr)
	}
	return r
}

// line returns the next line of standard output, "" at its end.
func (r *running) line(t *testing.T) string {
	t.Helper()
	select {
	case line := <-r.lines:
		return line
	case <-time.After(patience):
		t.Fatalf("nothing was said in %v:\n%s", patience, r.log)
		return ""
	}
}

var locked = regexp.MustCompile(`^Locked after \d+ s: error at most \d+\.\d µs\.$`)

// aboutTheDoor reports whether a line of standard output says where and how changes are made.
func aboutTheDoor(line string) bool {
	return strings.HasPrefix(line, "Changes are made on https://") || strings.HasPrefix(line, "Claim ")
}

// waitLock waits for the line that says so.
func (r *running) waitLock(t *testing.T) {
	t.Helper()
	line := r.line(t)
	for aboutTheDoor(line) {
		line = r.line(t)
	}
	if !locked.MatchString(line) {
		t.Fatalf("%q instead of the lock:\n%s", line, r.log)
	}
}

// get returns a page.
func (r *running) get(t *testing.T, path string) string {
	t.Helper()
	answer, err := http.Get(r.page + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s%s: %s, %v", r.page, path, answer.Status, err)
	}
	return string(body)
}

func (r *running) status(t *testing.T) api.Status {
	t.Helper()
	var s api.Status
	if err := json.Unmarshal([]byte(r.get(t, "api/v1/status")), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// unsynchronised checks that NTP says so.
func (r *running) unsynchronised(t *testing.T) {
	t.Helper()
	a := peers.Beevik(t, r.ntp[0], 4)
	if a.Leap != beevik.LeapNotInSync || a.Stratum != 0 || a.ReferenceID != 0 || a.Validate() == nil {
		t.Errorf("before the lock: leap %d, stratum %d, reference ID %08x, valid: %v", a.Leap, a.Stratum, a.ReferenceID, a.Validate())
	}
}

// tolerance of an offset seen by a client over loopback on a busy machine.
const tolerance = 1e-3 // s

func TestClientsOfASimulatedUnit(t *testing.T) {
	for _, model := range []string{"perfect", "pi-quiet"} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			r := run(t, program{}, "-board", "sim", "-model", model, "-ntp", "127.0.0.1:0,[::1]:0", "-http", "localhost:0", "-https", "127.0.0.1:0")
			began := time.Now()
			r.unsynchronised(t)
			if s := r.status(t); s.Stratum != 16 || s.Leap != "unsynchronized" || s.Mode == "locked" {
				t.Errorf("before the lock: stratum %d, leap %s, mode %s", s.Stratum, s.Leap, s.Mode)
			}
			r.waitLock(t)
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("locked after %v, want 20 s at most", took)
			} else {
				t.Logf("locked after %.1f s", took.Seconds())
			}
			t.Run("HTTP", func(t *testing.T) { checkPages(t, r, model) })
			t.Run("NTP", func(t *testing.T) { checkClients(t, r) })
			if err := r.stop(); err != nil {
				t.Error(err)
			}
			if line := r.line(t); line != "Stopped." {
				t.Errorf("the last line is %q", line)
			}
			if line, more := <-r.lines; more {
				t.Errorf("and then %q", line)
			}
		})
	}
}

// checkPages checks what a locked unit says over HTTP.
func checkPages(t *testing.T, r *running, model string) {
	s := r.status(t)
	if s.Mode != "locked" || s.Stratum != 1 || s.Leap != "none" || !s.Simulated || s.Reason != "" || s.SimErrorSeconds == nil || s.BoundSeconds == nil {
		t.Errorf("status %+v", s)
	} else if math.Abs(*s.SimErrorSeconds) > *s.BoundSeconds {
		t.Errorf("off by %g s with a bound of %g s", *s.SimErrorSeconds, *s.BoundSeconds)
	}
	page := r.get(t, "")
	for end := time.Now().Add(patience); !strings.Contains(page, `id="verdict" data-mode="locked"`) && time.Now().Before(end); page = r.get(t, "") {
		time.Sleep(100 * time.Millisecond) // it is made once a second
	}
	if !strings.Contains(page, `id="verdict" data-mode="locked"`) {
		t.Errorf("the page has no verdict of a locked unit:\n%.500s", page)
	}
	if metrics := r.get(t, "metrics"); !strings.Contains(metrics, "timeball_locked 1\n") {
		t.Errorf("metrics:\n%s", metrics)
	}
	var now struct {
		Earliest int64 `json:"earliest_unix_nanoseconds"`
		Latest   int64 `json:"latest_unix_nanoseconds"`
		Mode     string
	}
	before := time.Now().UnixNano()
	text := r.get(t, "api/v1/now")
	after := time.Now().UnixNano()
	if err := json.Unmarshal([]byte(text), &now); err != nil {
		t.Fatal(err)
	}
	// It contains truth at an instant between before and after. The simulated truth is this machine's clock.
	if now.Earliest > after || now.Latest < before || now.Latest <= now.Earliest || now.Mode != "locked" {
		t.Errorf("%s: now is %s, asked from %d to %d", model, text, before, after)
	}
}

// checkClients asks a locked unit with clients of other projects.
func checkClients(t *testing.T, r *running) {
	check := func(t *testing.T, offset float64) {
		t.Helper()
		t.Logf("offset %+.1f µs", offset*1e6)
		if math.Abs(offset) > tolerance {
			t.Errorf("offset %v s, want %v s at most", offset, tolerance)
		}
	}
	t.Run("beevik", func(t *testing.T) {
		t.Parallel()
		for _, addr := range r.ntp {
			a := peers.Beevik(t, addr, 4)
			check(t, a.ClockOffset.Seconds())
			if err := a.Validate(); err != nil || a.Stratum != 1 || a.Leap != beevik.LeapNoWarning || a.ReferenceString() != ".PPS." ||
				a.RootDelay != 0 || a.RootDispersion <= 0 || a.RootDispersion > 100*time.Microsecond || a.RTT <= 0 || a.RTT > 100*time.Millisecond {
				t.Errorf("%v: %+v, %v", addr, a, err)
			}
		}
	})
	t.Run("ntpdig", func(t *testing.T) {
		t.Parallel()
		a := peers.Ntpdig(t, r.ntp[0])
		check(t, float64(a.Offset))
		if !a.Synchronised || a.Stratum != 1 {
			t.Errorf("synchronised %v, stratum %d:\n%s", a.Synchronised, a.Stratum, a.Output)
		}
	})
	t.Run("chronyd", func(t *testing.T) {
		t.Parallel()
		a := peers.Chronyd(t, r.ntp[len(r.ntp)-1], 12*time.Second, "")
		check(t, float64(a.Offset))
		if !a.Synchronised {
			t.Errorf("not taken:\n%s", a.Output)
		}
	})
}

// At another pace the world runs away from this machine's clock: no NTP.
func TestDaemonAtAnotherPaceServesNoNTP(t *testing.T) {
	r := run(t, program{}, "-board", "sim", "-pace", "10", "-http", "127.0.0.1:0", "-https", "127.0.0.1:0")
	if !strings.Contains(r.started, "NTP: not served.") || len(r.ntp) != 0 {
		t.Errorf("started with %q", r.started)
	}
	r.waitLock(t)
	if s := r.status(t); s.Mode != "locked" || len(s.Addresses) != 0 || s.UptimeSeconds > 10 || math.Abs(*s.SimErrorSeconds) > *s.BoundSeconds {
		t.Errorf("status %+v", s)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// The receiver of the simulated board speaks what the file says, and the page shows what it told.
func TestDaemonHearsEveryProtocol(t *testing.T) {
	for kind, name := range map[string]string{
		"ubx-6": "u-blox generation 6", "ubx-8": "u-blox NEO-M8T-0", "casic-1": "CASIC ATGM336H", "casic-2": "CASIC ATGM332D-F8N",
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			file := write(t, "sim.toml", "[sim]\nreceiver = \""+kind+"\"\n")
			r := run(t, program{}, "-board", "sim", "-config", file, "-pace", "4", "-http", "localhost:0", "-https", "127.0.0.1:0")
			r.waitLock(t)
			s := r.status(t)
			if s.Mode != "locked" || s.Receiver == nil || *s.Receiver != name || s.SatellitesUsed == nil || *s.SatellitesUsed < 4 {
				t.Errorf("mode %s, receiver %v, satellites %v", s.Mode, s.Receiver, s.SatellitesUsed)
			}
			if err := r.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Other clocks are asked and shown; that one is absent is no trouble.
func TestDaemonAsksWitnesses(t *testing.T) {
	t.Parallel()
	chronyd := peers.ServeChronyd(t).String()
	file := write(t, "witness.toml", "[witness]\nservers = ["+strconv.Quote(chronyd)+", \"127.0.0.1:1\"]\n")
	r := run(t, program{}, "-board", "sim", "-config", file, "-ntp", "127.0.0.1:0", "-http", "localhost:0", "-https", "127.0.0.1:0")
	r.waitLock(t)
	said := map[string]api.Witness{}
	for _, w := range r.status(t).Witnesses {
		said[w.Name] = w
	}
	if w := said[chronyd]; w.State != "agrees" || *w.Stratum != 10 || math.Abs(*w.OffsetSeconds) > *w.DistanceSeconds+tolerance {
		t.Errorf("chronyd is shown as %+v", w)
	}
	if w := said["127.0.0.1:1"]; w.State != "silent" || !strings.Contains(w.Text, "nothing listens") {
		t.Errorf("nobody is shown as %+v", w)
	}
	if said["rtc"].State != "agrees" || len(said) != 3 {
		t.Errorf("witnesses %+v", said)
	}
	if page := r.get(t, "?lang=en"); !strings.Contains(page, chronyd) {
		t.Errorf("the page does not say what they say:\n%s", page)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// A recording of a real receiver locks the unit to the seconds of its day.
func TestDaemonTakesTheSecondsOfARecording(t *testing.T) {
	file := corpus(t, "ublox-8.log")
	r := run(t, program{}, "-board", "sim", "-receiver", file, "-pace", "20", "-http", "127.0.0.1:0", "-https", "127.0.0.1:0")
	r.waitLock(t)
	s := r.status(t)
	if s.Mode != "locked" || s.ServedUnixNanoseconds == nil || s.SatellitesUsed == nil || math.Abs(*s.SimErrorSeconds) > *s.BoundSeconds {
		t.Fatalf("status %+v", s)
	}
	served := time.Unix(0, *s.ServedUnixNanoseconds).UTC()
	// The first valid second of the file and, at this pace, a minute and a half.
	first := time.Date(2017, 1, 10, 0, 9, 41, 0, time.UTC)
	if served.Before(first) || served.After(first.Add(90*time.Second)) {
		t.Errorf("serves %v, want a little after %v", served, first)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// corpus returns the path of a recording in the folder beside the project's, or skips the test.
func corpus(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
	}
	file := filepath.Join(dir, "..", "shared", "corpus", name)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("../shared/corpus/%s is absent", name)
	}
	return file
}
