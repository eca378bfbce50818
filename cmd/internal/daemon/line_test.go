package daemon

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"timeball/board"
	"timeball/board/sim"
	"timeball/board/store"
	"timeball/cmd/internal/appliance"
	"timeball/cmd/internal/config"
	"timeball/gnss/receiver"
	"timeball/gnss/timescale"
	"timeball/web/api"
)

// haste is how many seconds a receiver on a pseudo-terminal lives in one.
const haste = 5

// plugged is a simulated receiver behind a pseudo-terminal, which ignores the baud rate.
type plugged struct {
	path string // of the slave
	pull func() // unplugs it
}

// plug starts a receiver on a new pseudo-terminal.
func plug(t *testing.T, cfg sim.DeviceConfig) plugged {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	controlErr := raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err := errors.Join(controlErr, err); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	ended := make(chan struct{})
	p := plugged{path: fmt.Sprintf("/dev/pts/%d", n), pull: func() { once.Do(func() { master.Close(); <-ended }) }}
	t.Cleanup(p.pull)
	go func() { defer close(ended); live(sim.NewDevice(cfg), master) }()
	return p
}

// live moves a device and its line until the line is closed.
func live(d *sim.Device, line *os.File) {
	began, spoken := time.Now(), timescale.UTC(0)
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	buffer := make([]byte, 4096)
	for range ticks.C {
		now := timescale.UTC(began.UnixNano()) + timescale.UTC(haste*time.Since(began))
		if s := now / timescale.Second; s > spoken {
			spoken = s
			d.Speak(now, sim.Ordinary(s*timescale.Second, true))
		}
		if err := line.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			return
		}
		if n, err := line.Read(buffer); n > 0 {
			d.Write(now, d.Baud(), buffer[:n])
		} else if errors.Is(err, os.ErrClosed) {
			return
		}
		var b []byte
		for _, r := range d.Read(now, d.Baud()) {
			b = append(b, r.Value)
		}
		if _, err := line.Write(b); errors.Is(err, os.ErrClosed) {
			return
		}
	}
}

// await reads the stream of the page until a status is as wanted.
func (r *running) await(t *testing.T, what string, wanted func(api.Status) bool) api.Status {
	t.Helper()
	answer, err := http.Get(r.page + "api/v1/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	began := time.Now()
	var s api.Status
	for lines := bufio.NewScanner(answer.Body); lines.Scan() && time.Since(began) < patience; {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		s = api.Status{}
		if err := json.Unmarshal([]byte(data), &s); err != nil {
			t.Fatal(err)
		}
		if wanted(s) {
			return s
		}
	}
	t.Fatalf("%s: not seen in %v: reason %q, line %v\n%s", what, patience, s.Reason, s.Serial, r.log)
	return s
}

// machine is one whose serial lines a test plugs.
type machine struct {
	mu    sync.Mutex
	lines []string
}

func (m *machine) plug(lines ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines = lines
}

func (m *machine) info() board.Info {
	m.mu.Lock()
	defer m.mu.Unlock()
	return board.Info{Serial: slices.Clone(m.lines), PPS: []string{"/dev/pps-of-no-machine"}}
}

// A receiver over USB is found, set up if it is silent, kept in mind, unplugged, and found again under another name.
func TestDaemonFindsTheReceiver(t *testing.T) {
	m, state := &machine{}, t.TempDir()
	file := write(t, "timeball.toml", "[clock]\nmonitor = true\n")
	args := []string{"-config", file, "-monitor", "-state", state, "-ntp", "127.0.0.1:0", "-http", "127.0.0.1:0", "-https", "127.0.0.1:0"}
	r := run(t, program{host: m.info}, args...)
	const nothing = "this machine has no serial line for a receiver"
	r.await(t, "without lines", func(s api.Status) bool { return s.Serial != nil && *s.Serial == nothing })

	first := plug(t, sim.DeviceConfig{Kind: sim.KindUBX8, Delay: 100 * time.Millisecond})
	m.plug(first.path)
	found := func(path, protocol string) func(api.Status) bool {
		return func(s api.Status) bool {
			return s.Serial != nil && *s.Serial == protocol+" on "+filepath.Base(path) && s.Receiver != nil && strings.HasPrefix(*s.Receiver, "u-blox ") && s.SatellitesUsed != nil
		}
	}
	r.await(t, "plugged in", found(first.path, "NMEA"))
	m.plug()
	first.pull()
	r.await(t, "unplugged", func(s api.Status) bool { return s.Serial != nil && *s.Serial == nothing })

	second := plug(t, sim.DeviceConfig{Kind: sim.KindUBX9, Binary: true, Delay: 100 * time.Millisecond})
	m.plug(second.path)
	again := found(second.path, "UBX")
	seconds := 0 // in which all the answers have come
	r.await(t, "plugged in again", func(s api.Status) bool {
		if again(s) {
			seconds++
		}
		return seconds == 4
	})
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(r.log.String(), "receiver found"); n != 2 {
		t.Errorf("kept %d times, want once at once and once at the end", n)
	}
	kept, known, ignored := store.Load[receiver.Found](store.Dir(state), lineName, nil)
	if !known || ignored != nil {
		t.Fatal(known, ignored)
	}
	if kept.Port != second.path || kept.Protocol != "ubx" || !strings.HasPrefix(kept.Identity, "u-blox ") {
		t.Errorf("kept %+v", kept)
	}

	r = run(t, program{host: m.info}, args...) // with another line, which comes first
	m.plug("/dev/tty-of-no-machine", second.path)
	r.await(t, "started again", found(second.path, "UBX"))
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if strings.Contains(r.log.String(), "receiver found") || strings.Contains(r.log.String(), "tty-of-no-machine") {
		t.Errorf("what was kept was found anew or another line was tried first:\n%s", r.log)
	}
}

func TestCandidates(t *testing.T) {
	dir := t.TempDir()
	uart, usb := filepath.Join(dir, "ttyAMA0"), filepath.Join(dir, "ttyUSB0")
	for _, path := range []string{uart, usb} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(dir, "serial0")
	if err := os.Symlink("ttyAMA0", link); err != nil {
		t.Fatal(err)
	}
	found := []string{link, uart, usb}
	for _, tt := range []struct {
		wanted string
		want   []string
	}{
		{"", []string{uart, usb}},
		{link, []string{link, usb}},
		{usb, []string{usb, uart}},
		{"/dev/ttyGONE", []string{"/dev/ttyGONE", uart, usb}},
	} {
		if diff := cmp.Diff(tt.want, candidates(tt.wanted, found)); diff != "" {
			t.Errorf("wanted %q (-want +got):\n%s", tt.wanted, diff)
		}
	}
}

func TestConsoleIsNotOpened(t *testing.T) {
	root := fstest.MapFS{"sys/class/tty/console/active": {Data: []byte("tty0 ttyAMA10\n")}}
	if diff := cmp.Diff([]string{"tty0", "ttyAMA10"}, consolesOf(root)); diff != "" {
		t.Errorf("consoles (-want +got):\n%s", diff)
	}
	if got := consolesOf(fstest.MapFS{}); got != nil {
		t.Errorf("no console: %v", got)
	}
	path := filepath.Join(t.TempDir(), "ttyAMA10")
	for wanted, left := range map[string]bool{"auto": true, path: false} {
		h := &appliance.Hardware{}
		addLines(h, nothing, config.GNSS{Device: wanted}, &appliance.Config{}, root)
		_, err := h.OpenPort(path, 9600)
		if got := strings.Contains(fmt.Sprint(err), "left to the kernel's console"); got != left {
			t.Errorf("device %q: %v", wanted, err)
		}
	}
}

func TestLineThatCannotBeRecalled(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "receiver.0.json"), []byte("{torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	log := &buffer{}
	if f := recallLine(store.Dir(dir), slog.New(slog.NewTextHandler(log, nil))); f != (receiver.Found{}) || !strings.Contains(log.String(), "receiver.0.json") {
		t.Errorf("recalled %+v, log %s", f, log)
	}
}
