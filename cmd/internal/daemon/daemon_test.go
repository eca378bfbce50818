package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"timeball/board"
	"timeball/board/store"
	"timeball/cmd/internal/appliance"
	"timeball/cmd/internal/config"
	"timeball/pps/sysclock"
	"timeball/pps/timing"
)

// buffer is a bytes.Buffer for many goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// write makes a file and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// busy returns an address of loopback that is in use.
func busy(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// nothing is a machine to which nothing can be attached: no test touches the one it runs on.
func nothing() board.Info { return board.Info{} }

func TestDaemonRefusesWhatItCannotDo(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing", "file")
	sim := []string{"-board", "sim", "-ntp", "127.0.0.1:0", "-http", "127.0.0.1:0", "-https", "127.0.0.1:0"}
	page := busy(t)
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	tests := []struct {
		name string
		args []string
		want []string // parts of the error
	}{
		{"unknown flag", []string{"-bored"}, []string{"-bored", "-h"}},
		{"flag without a number", append(sim, "-seed", "x"), []string{"-seed", `"x"`}},
		{"an argument", []string{"start"}, []string{`"start"`, "flags"}},
		{"unknown board", []string{"-board", "pi"}, []string{`-board "pi"`, "auto or sim"}},
		{"pace 0", append(sim, "-pace", "0"), []string{"-pace 0", "1 to 1000"}},
		{"pace beyond", append(sim, "-pace", "1001"), []string{"-pace 1001", "1 to 1000"}},
		{"unknown model", append(sim, "-model", "pi"), []string{"-model", `"pi"`, "pi-load", "pi-quiet", "pi-hwts", "tcxo", "ocxo", "perfect"}},
		{"model of no board", []string{"-model", "perfect"}, []string{"-model", "-board sim"}},
		{"receiver absent", append(sim, "-receiver", missing), []string{"-receiver", missing, "no such file"}},
		{"receiver without labels", append(sim, "-receiver", write(t, "empty.log", "$GPTXT,01,01,02,hello*00\r\n")), []string{"-receiver", "empty.log", "no message"}},
		{"page in use", append(sim, "-http", page), []string{page, "in use", "-http"}},
		{"NTP in use", append(sim, "-ntp", socket.LocalAddr().String()), []string{socket.LocalAddr().String(), "in use", "-ntp"}},
		{"https in use", append(sim, "-https", page), []string{page, "in use", "-https"}},
		{"a certificate that is not there", append(sim, "-config", write(t, "tls.toml", "[web]\ncertificate_file = \""+missing+"\"\nkey_file = \""+missing+"\"\n")), []string{missing, "no such file"}},
		{"page by a name", append(sim, "-http", "example.org:80"), []string{"web.http", "example.org"}},
		{"NTP nowhere", append(sim, "-ntp", ""), []string{"server.listen"}},
		{"level", append(sim, "-log-level", "loud"), []string{"log.level", `"loud"`}},
		{"file absent", append(sim, "-config", missing), []string{missing, "no such file"}},
		{"file with a typo", append(sim, "-config", write(t, "typo.toml", "[server]\nlissten = [\":123\"]\n")), []string{"typo.toml:2", "server.lissten", "did you mean server.listen?"}},
		{"record file", append(sim, "-record", missing), []string{"-record", missing, "no such file"}},
		{"record on a full disk", append(sim, "-record", "/dev/full"), []string{"record", "no space left"}},
		{"nothing attached", []string{"-board", "auto", "-state", t.TempDir()}, []string{"no GPIO chip", "/dev/pps", "serial", "-board sim"}},
		{"nothing attached, from the file", []string{"-state", t.TempDir(), "-config", write(t, "auto.toml", "[board]\nkind = \"auto\"\n")}, []string{"no GPIO chip"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var out, log buffer
			err := program{build: Build{}, stdout: &out, stderr: &log, host: nothing}.run(ctx, tt.args)
			if err == nil {
				t.Fatalf("run %q = nil:\n%s%s", tt.args, &out, &log)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("run %q = %q, want something with %q", tt.args, err, part)
				}
			}
			if out.String() != "" {
				t.Errorf("run %q says %q although nothing has started", tt.args, &out)
			}
		})
	}
}

func TestDaemonHelps(t *testing.T) {
	var out buffer
	if err := Run(t.Context(), []string{"-h"}, Build{}, &out, &out); err != nil {
		t.Error(err)
	}
	for _, part := range []string{"-board", "-config", "-ntp", "-http", "-https", "-state", "-record", "-monitor", "-log-level", "-model", "-seed", "-pace", "-receiver", "perfect"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("help says nothing of %s:\n%s", part, &out)
		}
	}
}

func TestFlagsOverrideTheFile(t *testing.T) {
	file := write(t, "timeball.toml", `
[board]
kind = "sim"
state = "/srv/timeball"
[clock]
monitor = true
[server]
listen = ["127.0.0.1:1123"]
limit = "500us"
[web]
http = "127.0.0.1:8081"
https = "off"
[log]
level = "debug"
`)
	type said struct {
		Board, State, HTTP, HTTPS, Level string
		Listen                           []string
		Monitor                          bool
	}
	usual := config.Default()
	tests := []struct {
		name string
		args []string
		want said
	}{
		{"neither", nil, said{"auto", usual.Board.State, ":80", ":443", "info", []string{":123"}, false}},
		{"simulated", []string{"-board", "sim"}, said{"sim", usual.Board.State, "127.0.0.1:8080", "127.0.0.1:8443", "info", []string{"127.0.0.1:11123", "[::1]:11123"}, false}},
		{"the file", []string{"-config", file}, said{"sim", "/srv/timeball", "127.0.0.1:8081", "off", "debug", []string{"127.0.0.1:1123"}, true}},
		{"a file that says little", []string{"-board", "sim", "-config", write(t, "little.toml", "[log]\nlevel = \"warn\"\n")}, said{"sim", usual.Board.State, "127.0.0.1:8080", "127.0.0.1:8443", "warn", []string{"127.0.0.1:11123", "[::1]:11123"}, false}},
		{
			"both",
			[]string{"-config", file, "-board", "auto", "-state", "/tmp/s", "-http", "localhost:8082", "-https", "localhost:8444", "-log-level", "error", "-ntp", "localhost:1,[::1]:2", "-monitor=false"},
			said{"auto", "/tmp/s", "127.0.0.1:8082", "127.0.0.1:8444", "error", []string{"127.0.0.1:1", "[::1]:2"}, false},
		},
		{"monitor", []string{"-monitor"}, said{"auto", usual.Board.State, ":80", ":443", "info", []string{":123"}, true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := parse(tt.args, &buffer{})
			if err != nil {
				t.Fatal(err)
			}
			c, err := o.configuration()
			if err != nil {
				t.Fatal(err)
			}
			got := said{c.Board.Kind, c.Board.State, c.Web.HTTP, c.Web.HTTPS, c.Log.Level, c.Server.Listen, c.Clock.Monitor}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestRelativeStateDirectoryIsTaken(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	o, err := parse([]string{"-board", "sim", "-state", "kept"}, &buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := o.configuration(); err != nil || c.Board.State != filepath.Join(dir, "kept") {
		t.Errorf("state %q, %v, want %q", c.Board.State, err, filepath.Join(dir, "kept"))
	}
}

func TestBuildDate(t *testing.T) {
	for text, want := range map[string]string{
		"1780000000": "2026-05-28T20:26:40.000Z",
		"0":          timing.FirstDate.String(), // a build that knows nothing
		"":           timing.FirstDate.String(),
		"yesterday":  timing.FirstDate.String(),
	} {
		if got := (Build{CommitUnix: text}).date().String(); got != want {
			t.Errorf("date of %q = %s, want %s", text, got, want)
		}
	}
}

// TestMonitorNeverSteersThisMachine holds the one flag on which a stranger's clock depends.
func TestMonitorNeverSteersThisMachine(t *testing.T) {
	if c, ok := Steer(true).(*sysclock.Monitor); !ok {
		t.Errorf("with -monitor the clock is a %T", c)
	}
	if c, ok := Steer(false).(*sysclock.Clock); !ok {
		t.Errorf("without -monitor the clock is a %T", c)
	}
	// Whatever a test, or a program that is not timeballd, asks for: it can't steer.
	p := program{host: nothing}
	h := p.hardware(nothing(), config.Default(), &appliance.Config{Log: slog.New(slog.DiscardHandler)})
	if c, ok := h.Steered.(*sysclock.Monitor); !ok {
		t.Errorf("without Build.Steer the clock is a %T", c)
	}
}

func TestMonitorHoldsForASimulatedBoard(t *testing.T) {
	for _, want := range []bool{true, false} {
		o, err := parse([]string{"-board", "sim", fmt.Sprintf("-monitor=%v", want)}, &buffer{})
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := o.configuration()
		if err != nil {
			t.Fatal(err)
		}
		b, err := program{}.newBoard(o, cfg, &appliance.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if got := b.(*appliance.SimBoard).Monitor; got != want {
			t.Errorf("Monitor = %v, want %v", got, want)
		}
	}
}

// A board on which nothing works yet runs, serves "not synchronised" and says what is missing.
func TestDaemonRunsWithoutReceiver(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "ttyGONE")
	file := write(t, "timeball.toml", "[gnss]\ndevice = \""+gone+"\"\n[clock]\nmonitor = true\n")
	if o, err := parse([]string{"-config", file}, &buffer{}); err != nil {
		t.Fatal(err)
	} else if c, err := o.configuration(); err != nil || !c.Clock.Monitor {
		t.Fatalf("monitor %v, %v: this test must not steer the machine it runs on", c.Clock.Monitor, err)
	}
	r := run(t, program{host: func() board.Info { return board.Info{Serial: []string{gone}} }},
		"-config", file, "-monitor", "-state", t.TempDir(), "-ntp", "127.0.0.1:0", "-http", "127.0.0.1:0", "-https", "127.0.0.1:0")
	r.unsynchronised(t)
	s := r.status(t)
	if s.Mode != "free-running" || s.Board != "unknown board" || s.Simulated {
		t.Errorf("status %+v", s)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(r.log.String(), gone) {
		t.Errorf("the log does not name the line:\n%s", r.log)
	}
}

// A state that can't be kept is told at the start, and is no reason not to serve.
func TestDaemonGoesOnWithoutState(t *testing.T) {
	dir := filepath.Join(write(t, "file", ""), "below")
	r := run(t, program{}, "-board", "sim", "-pace", "50", "-state", dir, "-http", "127.0.0.1:0", "-https", "127.0.0.1:0")
	r.waitLock(t)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	for _, part := range []string{"nothing is kept over a restart", "state not kept", dir} {
		if !strings.Contains(r.log.String(), part) {
			t.Errorf("log without %q:\n%s", part, r.log)
		}
	}
}

func TestDaemonKeepsStateAndRecording(t *testing.T) {
	dir := t.TempDir()
	state, record := filepath.Join(dir, "state"), filepath.Join(dir, "events.jsonl")
	for range 2 { // the second start finds what the first has left
		r := run(t, program{build: Build{Version: "v1.2.3"}}, "-board", "sim", "-pace", "50", "-state", state, "-record", record, "-http", "127.0.0.1:0", "-https", "127.0.0.1:0")
		r.waitLock(t)
		if s := r.status(t); s.Version != "v1.2.3" {
			t.Errorf("version %q", s.Version)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		if strings.Contains(r.log.String(), "level=WARN") || strings.Contains(r.log.String(), "level=ERROR") {
			t.Errorf("log:\n%s", r.log)
		}
	}
	if floor := appliance.Recall(store.Dir(state), slog.New(slog.DiscardHandler)).UTC; floor == 0 {
		t.Error("no date was kept")
	}
	f, err := os.Open(record)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// The unit may have locked with the last pulse before it stopped, behind the last tick.
	ticks, accepted := 0, uint64(0)
	if err := timing.Replay(f, func(s *timing.Snapshot) error {
		ticks++
		accepted = s.Counters.Accepted
		return nil
	}); err != nil || accepted < 3 {
		t.Errorf("replayed %d ticks with %d pulses accepted: %v", ticks, accepted, err)
	}
}
