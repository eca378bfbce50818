package daemon

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"timeball/cmd/internal/roles"
	"timeball/server/ntp"
	"timeball/web/api"
)

// The test binary is timeballd when it is started with this variable, and then, as its processes inherit it, each of them.
const asDaemon = "TIMEBALLD_TEST_RUNS_DAEMON"

func TestMain(m *testing.M) {
	if os.Getenv(asDaemon) == "" && roles.Inherited() == "" {
		m.Run()
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := Run(ctx, os.Args[1:], Build{Version: "test"}, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// three is a simulated unit of three processes.
type three struct {
	cmd   *exec.Cmd
	log   *buffer
	lines chan string
	ntp   netip.AddrPort
	page  string
	state string
}

// startThree starts one, with its addresses free ones of loopback.
func startThree(t *testing.T, args ...string) *three {
	t.Helper()
	u := &three{log: &buffer{}, lines: make(chan string, 100), state: t.TempDir()}
	open(t, u.state)
	ctx, cancel := context.WithCancel(context.Background())
	u.cmd = exec.CommandContext(ctx, os.Args[0], append([]string{
		"-board", "sim", "-processes", "3", "-ntp", "127.0.0.1:0", "-http", "127.0.0.1:0", "-https", "127.0.0.1:0", "-state", u.state,
	}, args...)...)
	u.cmd.Env = append(os.Environ(), asDaemon+"=1")
	u.cmd.Stderr = u.log
	out, err := u.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); u.cmd.Wait() }) // the processes end with their supervisor
	go func() {
		defer close(u.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			u.lines <- s.Text()
		}
	}()
	line := u.line(t, "Timeball has started")
	m := where.FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("the first line is %q:\n%s", line, u.log)
	}
	if u.ntp, err = netip.ParseAddrPort(m[1]); err != nil {
		t.Fatal(err)
	}
	u.page = m[2]
	return u
}

// open lets the page's own user through to dir: the directories that a test makes are its own user's.
func open(t *testing.T, dir string) {
	t.Helper()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// line waits for a line of standard output that begins with prefix.
func (u *three) line(t *testing.T, prefix string) string {
	t.Helper()
	for end := time.After(patience); ; {
		select {
		case line, more := <-u.lines:
			if strings.HasPrefix(line, prefix) {
				return line
			}
			if !more {
				t.Fatalf("it ended without %q:\n%s", prefix, u.log)
			}
		case <-end:
			t.Fatalf("%q was not said in %v:\n%s", prefix, patience, u.log)
		}
	}
}

// pid returns the process of a role, 0 when there is none.
func (u *three) pid(role string) int {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", u.cmd.Process.Pid))
	found := strings.Fields(string(children))
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", u.cmd.Process.Pid))
	for _, task := range tasks {
		children, _ := os.ReadFile(task)
		found = append(found, strings.Fields(string(children))...)
	}
	for _, text := range found {
		pid, _ := strconv.Atoi(text)
		if line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); strings.HasPrefix(string(line), "timeballd: "+role) {
			return pid
		}
	}
	return 0
}

// ask asks for the time once; ok is false when no answer came in half a second.
func (u *three) ask() (answer ntp.Packet, ok bool) {
	conn, err := net.Dial("udp", u.ntp.String())
	if err != nil {
		return answer, false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second / 2))
	request := ntp.Packet{Version: 4, Mode: ntp.ModeClient, Transmit: ntp.Timestamp(time.Now().UnixNano())}
	if _, err := conn.Write(request.Append(nil)); err != nil {
		return answer, false
	}
	b := make([]byte, 200)
	n, err := conn.Read(b)
	if err != nil {
		return answer, false
	}
	answer, ok = ntp.Decode(b[:n])
	return answer, ok && answer.Origin == request.Transmit
}

func synchronised(p ntp.Packet) bool { return p.Leap != ntp.LeapUnsynchronised && p.Stratum == 1 }

// status returns what the page says; ok is false when it says nothing.
func (u *three) status() (s api.Status, ok bool) {
	client := http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get(u.page + "api/v1/status")
	if err != nil {
		return s, false
	}
	defer answer.Body.Close()
	return s, json.NewDecoder(answer.Body).Decode(&s) == nil
}

// get returns a page.
func (u *three) get(t *testing.T, path string) string {
	t.Helper()
	answer, err := http.Get(u.page + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// await waits for ok, which it asks again and again, and returns how long that took.
func (u *three) await(t *testing.T, what string, atMost time.Duration, ok func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > atMost {
			t.Fatalf("%s: not within %v:\n%s", what, atMost, u.log)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(began)
}

// stop ends the unit as a person does.
func (u *three) stop(t *testing.T) {
	t.Helper()
	if err := u.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	u.line(t, "Stopped.")
	if err := u.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// unserved is the longest that a unit may take to answer again after any part of it has died or hung (F24).
const unserved = 10 * time.Second

// Any one process may be killed or stopped: NTP is answered again within ten seconds, never with a time that the state does
// not call for, the page says in words what is wrong, and a clock that was served is not stepped once more.
func TestAnyProcessMayDie(t *testing.T) {
	t.Parallel()
	u := startThree(t)
	u.line(t, "Locked after ")
	u.await(t, "first answer", unserved, func() bool { p, ok := u.ask(); return ok && synchronised(p) })
	u.checkPrivileges(t)
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		for _, role := range []string{roleNTP, roleWeb, roleClock} {
			if testing.Short() && (role == roleClock) != (sig == syscall.SIGSTOP) {
				continue
			}
			u.hit(t, role, sig)
		}
	}
	if n := strings.Count(u.log.String(), "stepped by"); n != 1 {
		t.Errorf("the clock was stepped %d times, want once, at the start:\n%s", n, u.log)
	}
	restarted := "timeball_process_restarts_total{process=\"ntp\"} " + strconv.Itoa(strings.Count(u.log.String(), "anew\" role=ntp"))
	if page := u.get(t, "metrics"); !strings.Contains(page, restarted+"\n") {
		t.Errorf("the metrics have no %s", restarted)
	}
	before := u.pid(roleClock)
	u.stop(t)
	if before == 0 || syscall.Kill(before, 0) == nil {
		t.Errorf("process %d is still there", before)
	}
}

// hit does something to a process and waits until all is well again.
func (u *three) hit(t *testing.T, role string, sig syscall.Signal) {
	t.Helper()
	pid, what := u.pid(role), fmt.Sprintf("%s, %v", role, sig)
	if pid == 0 {
		t.Fatalf("%s: there is no such process:\n%s", what, u.log)
	}
	began := time.Now()
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatal(err)
	}
	said := ""
	if role == roleClock { // nobody steers the clock: the answers say so when the last Reference ends, and the page does
		u.await(t, what+": LI 3", unserved, func() bool {
			p, ok := u.ask()
			if s, shown := u.status(); shown && strings.Contains(s.Reason, "silent") {
				said = s.Reason
			}
			return ok && !synchronised(p)
		})
		t.Logf("%s: LI 3 after %v", what, time.Since(began).Round(10*time.Millisecond))
	}
	took := u.await(t, what+": a new process", unserved, func() bool { now := u.pid(role); return now != 0 && now != pid })
	answered := u.await(t, what+": an answer", unserved-took, func() bool { _, ok := u.ask(); return ok })
	t.Logf("%s: answered again after %v", what, (took + answered).Round(10*time.Millisecond))
	u.await(t, what+": synchronised", patience, func() bool { p, ok := u.ask(); return ok && synchronised(p) })
	u.await(t, what+": the page", patience, func() bool {
		s, ok := u.status()
		if ok && s.Mode == "locked" && s.SimErrorSeconds != nil && s.BoundSeconds != nil && max(*s.SimErrorSeconds, -*s.SimErrorSeconds) > *s.BoundSeconds {
			t.Errorf("%s: off by %g s with a bound of %g s", what, *s.SimErrorSeconds, *s.BoundSeconds)
		}
		return ok && s.Mode == "locked" && s.Reason == ""
	})
	t.Logf("%s: all is well again after %v; meanwhile %q", what, time.Since(began).Round(10*time.Millisecond), said)
	if sig == syscall.SIGSTOP && role == roleClock && !strings.Contains(said, "the process that keeps the clock has been silent for ") {
		t.Errorf("%s: the page said %q", what, said)
	}
}

// kernelSays reads /proc/PID/status.
func kernelSays(status []byte) map[string]string {
	said := map[string]string{}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		said[name] = strings.Join(strings.Fields(value), " ")
	}
	return said
}

// checkPrivileges reads what the kernel says of each process.
func (u *three) checkPrivileges(t *testing.T) {
	t.Helper()
	for role, uid := range map[string]int{roleClock: 0, roleNTP: userNTP, roleWeb: userWeb} {
		if os.Geteuid() != 0 { // there is nobody else that it could be
			uid = os.Geteuid()
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", u.pid(role)))
		if err != nil {
			t.Error(err)
		}
		said := kernelSays(text)
		// On a simulated board not even the clock's process may do anything to this machine.
		const none = "0000000000000000"
		if got := said["CapEff"] + said["CapPrm"] + said["CapAmb"] + said["NoNewPrivs"]; got != none+none+none+"1" {
			t.Errorf("%s: CapEff %s, CapPrm %s, CapAmb %s, NoNewPrivs %s", role, said["CapEff"], said["CapPrm"], said["CapAmb"], said["NoNewPrivs"])
		}
		if want := fmt.Sprintf("%d %[1]d %[1]d %[1]d", uid); said["Uid"] != want {
			t.Errorf("%s: Uid %s, want %s", role, said["Uid"], want)
		}
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", u.cmd.Process.Pid))
	if err != nil {
		t.Error(err)
	}
	if want := fmt.Sprintf("%016x", uint64(supervisorCapabilities(1<<20, largestBuffer(), false))); os.Geteuid() == 0 && (kernelSays(text)["CapEff"] != want || kernelSays(text)["CapBnd"] != want) {
		t.Errorf("the supervisor has CapEff %s, CapBnd %s, want %s", kernelSays(text)["CapEff"], kernelSays(text)["CapBnd"], want)
	}
	for _, largest := range []int{1 << 19, 1 << 20} {
		if got := supervisorCapabilities(1<<20, largest, false); (got&roles.NetAdmin != 0) != (largest < 1<<20) {
			t.Errorf("where sockets may have %d bytes the supervisor has %v", largest, got)
		}
	}
	if got := supervisorCapabilities(1<<20, 1<<20, true); got != roles.ForSupervising|roles.DACOverride {
		t.Errorf("with a recording the supervisor has %v", got)
	}
	if clock := clockPrivileges("auto"); clock.Capabilities.String() != "cap_ipc_lock,cap_sys_nice,cap_sys_time" {
		t.Errorf("on hardware the clock has %v", clock.Capabilities)
	}
}

// What one process is asked for crosses to the one that can do it, and nothing else does.
func TestThreeProcessesAnswerAsOne(t *testing.T) {
	t.Parallel()
	u := startThree(t, "-model", "perfect")
	claim := u.line(t, "Claim this unit within ")
	if !strings.Contains(claim, "https://127.0.0.1:") || !strings.Contains(claim, ", code ") {
		t.Errorf("%q", claim)
	}
	u.line(t, "Locked after ")
	u.await(t, "counted on the page", patience, func() bool {
		u.ask()
		s, ok := u.status()
		return ok && s.RequestsAnswered > 2 && len(s.Addresses) == 1 && len(s.Satellites) > 0 && s.Board != "" && s.Mode == "locked"
	})
	u.await(t, "mode 6", patience, func() bool { return strings.Contains(u.control(), "stratum=1,") })
	if text := u.control(); !strings.Contains(text, "refid=PPS") || !strings.Contains(text, `version="timeball test"`) {
		t.Errorf("mode 6 says %q", text)
	}
	if text := u.get(t, "api/v1/clients"); !strings.Contains(text, `"address":"127.0.0.1"`) {
		t.Errorf("clients: %s", text)
	}
	state, err := os.ReadDir(filepath.Join(u.state, "web"))
	if err != nil || len(state) == 0 {
		t.Errorf("the page keeps %v, %v", state, err)
	}
	u.stop(t)
}

// control returns what a request for the system's variables is answered with.
func (u *three) control() string {
	conn, err := net.Dial("udp", u.ntp.String())
	if err != nil {
		return ""
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	request := make([]byte, 12)
	request[0], request[1] = 2<<3|6, 2
	binary.BigEndian.PutUint16(request[2:], 1)
	if _, err := conn.Write(request); err != nil {
		return ""
	}
	b := make([]byte, 600)
	n, err := conn.Read(b)
	if err != nil && err != io.EOF || n < 12 {
		return ""
	}
	return string(b[12:n])
}
