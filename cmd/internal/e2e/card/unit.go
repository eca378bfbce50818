package card

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"timeball/web/api"
)

// Power is how a machine is switched on.
type Power struct {
	Card      string
	ReadOnly  bool      // the card takes no writes
	Date      time.Time // of the battery-backed clock; zero: that of this machine
	Tryboot   bool
	Hand      bool // processes can be killed by Unit.Kill
	Unplugged bool // there is no network until Unit.Plug
}

// Unit is a running machine with a card.
type Unit struct {
	Page string         // URL of it
	NTP  netip.AddrPort // of its server

	t       testing.TB
	began   time.Time
	busy    time.Duration // of this machine, then
	cmd     *exec.Cmd
	ended   chan struct{}
	console *console
	dir     string
	client  *http.Client
	hand    string // address of who kills processes
}

// PulseLine is the line of the machine's GPIO chip that carries the pulse. Line 3 is its power key.
const PulseLine = 5

// On switches a machine on. It runs until Off, or until the test ends.
func On(t testing.TB, p Power) *Unit {
	t.Helper()
	u := &Unit{t: t, console: &console{}, dir: tempDir(t), ended: make(chan struct{}), client: &http.Client{Timeout: 20 * time.Second}}
	loaded := Loader{Tryboot: p.Tryboot}.Load(t, p.Card, u.dir)
	page, ntp := freePort(t, "tcp"), freePort(t, "udp")
	forwarded := fmt.Sprintf("user,id=net,hostfwd=tcp:127.0.0.1:%d-:80,hostfwd=udp:127.0.0.1:%d-:123", page, ntp)
	u.Page, u.NTP = fmt.Sprintf("http://127.0.0.1:%d", page), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(ntp))
	commandLine := loaded.CommandLine + " console=ttyAMA0"
	drive := "if=none,id=card,format=raw,file=" + p.Card
	if p.ReadOnly {
		drive += ",readonly=on"
	}
	var more []string
	if p.Hand {
		port := freePort(t, "tcp")
		u.hand = fmt.Sprintf("127.0.0.1:%d", port)
		forwarded += fmt.Sprintf(",hostfwd=tcp:%s-:%d", u.hand, handPort)
		commandLine += fmt.Sprintf(" hand_port=%d", handPort)
		more = []string{"-initrd", handInitrd(t)}
	}
	args := []string{
		"-M", "virt,gic-version=2", "-cpu", "cortex-a53", "-smp", "2", "-m", "512", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot",
		"-kernel", loaded.Kernel, "-append", commandLine,
		"-drive", drive, "-device", "virtio-blk-device,drive=card",
		"-netdev", forwarded, "-device", "virtio-net-device,netdev=net",
		"-chardev", "socket,id=gnss,server=on,wait=off,path=" + u.socket("gnss"), "-device", "pci-serial,chardev=gnss",
		"-qmp", "unix:" + u.socket("qmp") + ",server=on,wait=off",
		"-qtest", "unix:" + u.socket("qtest") + ",server=on,wait=off", "-qtest-log", os.DevNull, "-accel", "tcg",
	}
	if !p.Date.IsZero() {
		args = append(args, "-rtc", "base="+p.Date.UTC().Format("2006-01-02T15:04:05"))
	}
	if p.Unplugged {
		more = append(more, "-S")
	}
	u.start(append(args, more...))
	if p.Unplugged {
		u.command("set_link", map[string]any{"name": "net", "up": false})
		u.command("cont", struct{}{})
	}
	return u
}

// Plug plugs the network's cable in.
func (u *Unit) Plug() { u.command("set_link", map[string]any{"name": "net", "up": true}) }

func (u *Unit) socket(name string) string { return filepath.Join(u.dir, name) }

func (u *Unit) start(args []string) {
	u.t.Helper()
	u.cmd = exec.Command("qemu-system-aarch64", args...)
	u.cmd.Stdout, u.cmd.Stderr = u.console, u.console
	// For the session see preferSession. The kernel ends the machine with the thread that has started it, when the test panics.
	u.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	u.began, u.busy = time.Now(), busy(u.t)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := u.cmd.Start()
		started <- err
		if err == nil {
			_ = u.cmd.Wait() // it is always killed
			close(u.ended)
		}
	}()
	if err := <-started; err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() {
		u.Off()
		if u.t.Failed() {
			u.t.Logf("the unit's console:\n%s", u.console)
		}
	})
}

// Off cuts the power.
func (u *Unit) Off() {
	_ = u.cmd.Process.Kill() // it may have ended
	<-u.ended
}

// Console returns what the unit has printed on its serial console.
func (u *Unit) Console() string { return u.console.String() }

// freePort returns a port of loopback that nobody uses at the moment.
func freePort(t testing.TB, network string) int {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().(*net.UDPAddr).Port
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Get returns what the page answers at a path.
func (u *Unit) Get(path string) (string, error) {
	answer, err := u.client.Get(u.Page + path)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<22))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, answer.Status)
	}
	return string(body), err
}

// Status returns the unit's status.
func (u *Unit) Status() (s api.Status, err error) {
	body, err := u.Get("/api/v1/status")
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(body), &s)
}

// Start is how long a unit took from power to page.
type Start struct {
	Real   time.Duration
	Used   time.Duration // of a processor, by the emulator
	Others float64       // processors that others kept busy meanwhile: with more than half a one, Real says little
}

// guest is the address that the emulator's DHCP server gives.
const guest = "10.0.2.15"

// Await waits until the unit's page answers. A question that comes before the unit has an address is lost in the emulator's
// network for seconds, so that none is asked before the console shows it. Few are under way at a time, and each waits: the unit
// answers all that it has heard, also those that nobody waits for any more, before the newest.
func (u *Unit) Await(patience time.Duration) Start {
	u.t.Helper()
	answered := make(chan struct{}, 1)
	ctx, cancel := context.WithTimeout(u.t.Context(), patience)
	defer cancel()
	places := make(chan struct{}, 3)
	ask := func() {
		defer func() { <-places }()
		client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		answer, err := client.Get(u.Page + "/")
		if err != nil {
			return
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			select {
			case answered <- struct{}{}:
			default:
			}
		}
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-answered:
			s := Start{Used: u.used()}
			s.Real, s.Others = load{u, u.began, u.busy}.since()
			return s
		case <-u.ended:
			u.t.Fatal("the machine has ended")
		case <-ctx.Done():
			u.t.Fatalf("not within %v: the page answers", patience)
		case <-tick.C:
		}
		if !strings.Contains(u.Console(), guest) {
			continue
		}
		select {
		case places <- struct{}{}:
			go ask() // ends by its own timeout
		default:
		}
	}
}

// load is how busy this machine was at an instant.
type load struct {
	u    *Unit
	at   time.Time
	rest time.Duration // of a processor, for all but the emulator
}

func (u *Unit) load() load { return load{u, time.Now(), busy(u.t) - u.used()} }

// since returns how long ago that was, and how many processors others than the emulator kept busy in that time.
func (l load) since() (took time.Duration, others float64) {
	took = time.Since(l.at)
	return took, (busy(l.u.t) - l.u.used() - l.rest).Seconds() / took.Seconds()
}

// spare is how many processors others may keep busy for a limit in seconds to say something of the unit.
const spare = 0.5

// busy returns the processor time that this machine has spent on anything since it started (proc_stat(5)).
func busy(t testing.TB) time.Duration {
	t.Helper()
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	var sum time.Duration
	for i, field := range strings.Fields(line)[1:] {
		var n int64
		if _, err := fmt.Sscan(field, &n); err != nil {
			t.Fatal(err)
		}
		const idle, iowait, guest = 3, 4, 8 // from guest on it is part of the first two
		if i != idle && i != iowait && i < guest {
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum
}

// used returns the processor time of the emulator so far (proc_pid_stat(5): utime and stime, in hundredths of a second).
func (u *Unit) used() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", u.cmd.Process.Pid))
	if err != nil {
		u.t.Fatal(err)
	}
	_, fields, _ := strings.Cut(string(stat), ") ")
	var user, system int64
	f := strings.Fields(fields)
	if _, err := fmt.Sscan(f[11]+" "+f[12], &user, &system); err != nil {
		u.t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// AwaitMode waits until the unit is in a mode, in its status and on its page.
func (u *Unit) AwaitMode(mode string, patience time.Duration) api.Status {
	u.t.Helper()
	var s api.Status
	Eventually(u.t, patience, "the mode is "+mode, func() (bool, string) {
		var err error
		if s, err = u.Status(); err != nil {
			return false, err.Error()
		}
		return s.Mode == mode, "it is " + s.Mode + ": " + s.Reason
	})
	want := `data-mode="` + mode + `"`
	Eventually(u.t, patience, "the page says "+want, func() (bool, string) {
		page, err := u.Get("/")
		if err != nil {
			return false, err.Error()
		}
		return strings.Contains(page, want), fmt.Sprintf("it says %q", modeOnPage.FindString(page))
	})
	return s
}

var modeOnPage = regexp.MustCompile(`data-mode="[^"]*"`)

// monitor asks QEMU for its management protocol and returns a function that executes commands.
func (u *Unit) monitor(ctx context.Context) (execute func(command string, arguments any) (json.RawMessage, error), done func() error) {
	u.t.Helper()
	conn := u.dial(ctx, "qmp")
	in := json.NewDecoder(conn)
	execute = func(command string, arguments any) (json.RawMessage, error) {
		request, err := json.Marshal(map[string]any{"execute": command, "arguments": arguments})
		if err != nil {
			return nil, err
		}
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		for {
			var answer struct {
				Return json.RawMessage `json:"return"`
				Error  json.RawMessage `json:"error"`
			}
			if err := in.Decode(&answer); err != nil {
				return nil, err
			}
			if answer.Error != nil {
				return nil, fmt.Errorf("%s: %s", command, answer.Error)
			}
			if answer.Return != nil { // otherwise it is a greeting or an event
				return answer.Return, nil
			}
		}
	}
	if _, err := execute("qmp_capabilities", struct{}{}); err != nil {
		u.t.Fatal(err)
	}
	return execute, conn.Close
}

// command has QEMU execute a command.
func (u *Unit) command(name string, arguments any) {
	u.t.Helper()
	execute, done := u.monitor(u.t.Context())
	defer done()
	if _, err := execute(name, arguments); err != nil {
		u.t.Fatal(err)
	}
}

// dial connects to one of QEMU's sockets, which it makes before it runs.
func (u *Unit) dial(ctx context.Context, name string) net.Conn {
	u.t.Helper()
	var conn net.Conn
	Eventually(u.t, 20*time.Second, "QEMU's "+name+" socket is there", func() (bool, string) {
		var err error
		conn, err = (&net.Dialer{}).DialContext(ctx, "unix", u.socket(name))
		return err == nil, fmt.Sprint(err)
	})
	return conn
}

// gpio returns the path of the machine's GPIO chip among QEMU's objects.
func (u *Unit) gpio(ctx context.Context) string {
	u.t.Helper()
	execute, done := u.monitor(ctx)
	defer done()
	const where = "/machine/unattached"
	answer, err := execute("qom-list", map[string]string{"path": where})
	if err != nil {
		u.t.Fatal(err)
	}
	var objects []struct{ Name, Type string }
	if err := json.Unmarshal(answer, &objects); err != nil {
		u.t.Fatal(err)
	}
	for _, o := range objects {
		if o.Type == "child<pl061>" {
			return where + "/" + o.Name
		}
	}
	u.t.Fatalf("no GPIO chip among %v", objects)
	return ""
}
