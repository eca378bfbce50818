package roles

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary is a Role when it was started as one.
func TestMain(m *testing.M) {
	if Inherited() != "" {
		if err := act(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv(elsewhere) != "" {
		superviseElsewhere()
		return
	}
	m.Run()
}

// act is a Role that does what it is told.
func act() error {
	c, err := Begin()
	if err != nil {
		return err
	}
	var part string
	if err := c.Told(&part); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go c.Link.Serve(ctx, func(ctx context.Context, what string, data json.RawMessage) (any, error) {
		switch what {
		case "double":
			var n int
			err := json.Unmarshal(data, &n)
			return 2 * n, err
		case "slow":
			<-ctx.Done()
		}
		return nil, fmt.Errorf("%s is not done here", what)
	})
	switch part {
	case "mute":
		<-ctx.Done()
		return nil
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
		for c.Beat() == nil {
			time.Sleep(BeatEvery)
		}
	case "ends":
		return errors.New("of its own accord")
	case "real time":
		return c.Link.Tell("what became", realTime())
	}
	if part == "supervises" {
		return c.Link.Tell("what became", supervises())
	}
	if dir, ok := strings.CutPrefix(part, "confined to "); ok {
		return c.Link.Tell("what became", confined(dir))
	}
	c.Link.Tell("status", status())
	if part == "stays" {
		select {}
	}
	for ctx.Err() == nil {
		if err := c.Beat(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(BeatEvery):
		}
	}
	if part == "slow end" {
		time.Sleep(200 * time.Millisecond)
	}
	if f, err := c.File("last words"); err == nil {
		fmt.Fprintln(f, c.Name)
	}
	return nil
}

// realTime makes one thread of this process a real-time one, which does nothing, and returns what the kernel then says of its
// threads and memory.
func realTime() string {
	if err := LockMemory(); err != nil {
		return err.Error()
	}
	become := make(chan error)
	own := 0
	go func() {
		err := realTimeOn(runtime.NumCPU() - 1)
		own = unix.Gettid()
		become <- err
		select {} // it ends with the process
	}()
	if err := <-become; err != nil {
		return err.Error()
	}
	said := ""
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err.Error()
	}
	for _, task := range tasks {
		tid, _ := strconv.Atoi(task.Name())
		a, err := unix.SchedGetAttr(tid, 0)
		if err == nil && (a.Policy == unix.SCHED_FIFO) != (tid == own) {
			said += fmt.Sprintf("thread %d of %d has policy %d; ", tid, own, a.Policy)
		}
		if err == nil && tid == own && a.Flags&unix.SCHED_FLAG_RESET_ON_FORK == 0 {
			said += "what it starts inherits that; "
		}
	}
	var cores unix.CPUSet
	if err := unix.SchedGetaffinity(own, &cores); err != nil || cores.Count() != 1 || !cores.IsSet(runtime.NumCPU()-1) {
		said += fmt.Sprintf("it runs on %d cores, %v; ", cores.Count(), err)
	}
	tids := make(chan int)
	for range 200 {
		go func() { time.Sleep(time.Millisecond); tids <- unix.Gettid() }()
	}
	for range 200 {
		if <-tids == own {
			said += "others run on that thread; "
			break
		}
	}
	f := fields(status())
	if f["VmLck"] == "0 kB" {
		said += "nothing is locked; "
	}
	return said + "resident " + f["VmRSS"]
}

// supervision is what a Supervisor with no more than it needs has, and what its Roles have of it.
type supervision struct {
	Failed  string
	Missing Capabilities // of what it needs
	Threads []string     // status of each of its own
	Roles   map[string]string
	Ended   bool // the Role of another user, when it was to
}

// supervises makes this process such a Supervisor of two Roles.
func supervises() (became supervision) {
	var err error
	for range 4 { // threads of all kinds, from before
		go func() { runtime.LockOSThread(); select {} }()
	}
	if became.Missing, err = Bound(ForSupervising, SysNice|IPCLock|SysTime); err != nil {
		return supervision{Failed: err.Error()}
	}
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, task := range tasks {
		text, _ := os.ReadFile("/proc/self/task/" + task.Name() + "/status")
		became.Threads = append(became.Threads, string(text))
	}
	var log buffer
	said := make(chan [2]string, 2)
	tell := func(role string) Handler {
		return func(_ context.Context, _ string, data json.RawMessage) (any, error) {
			var text string
			err := json.Unmarshal(data, &text)
			said <- [2]string{role, text}
			return nil, err
		}
	}
	s := New(slog.New(slog.NewTextHandler(&log, nil)), io.Discard, &log,
		Role{Name: "rights", Privileges: Privileges{Capabilities: SysNice | IPCLock}, Answer: tell("rights")},
		Role{Name: "user", Privileges: Privileges{UID: 60123}, Answer: tell("user")})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	became.Roles = map[string]string{}
	for range 2 {
		select {
		case one := <-said:
			became.Roles[one[0]] = one[1]
		case <-time.After(10 * time.Second):
			return supervision{Failed: "a role says nothing: " + log.String()}
		}
	}
	pid, began := s.PID("user"), time.Now()
	cancel()
	<-ended
	became.Ended = pid != 0 && syscall.Kill(pid, 0) == syscall.ESRCH && time.Since(began) < EndWithin
	return became
}

// confined confines this process to dir, and returns what it can do all the same.
func confined(dir string) (can []string) {
	if err := Confine([]string{dir, "/does/not/exist"}, []string{dir + "/../read", "/nor/does/this"}); err != nil {
		return []string{err.Error()}
	}
	note := func(what string, err error) {
		if err == nil {
			can = append(can, what)
		}
	}
	_, err := os.ReadFile("/etc/passwd")
	note("read passwd", err)
	_, err = os.ReadFile("/proc/self/status")
	note("read proc", err)
	_, err = os.ReadDir("/")
	note("list /", err)
	note("write beside", os.WriteFile(dir+"/../beside", nil, 0o600))
	note("change what it may read", os.WriteFile(dir+"/../read", nil, 0o600))
	_, err = os.ReadFile(dir + "/../read")
	note("read what it may", err)
	note("write its own", os.WriteFile(dir+"/own", nil, 0o600))
	note("remove its own", os.Remove(dir+"/own"))
	if Confined() {
		can = append(can, "tell that it is confined")
	}
	return can
}

// status returns what the kernel says of this process.
func status() string {
	b, _ := os.ReadFile("/proc/self/status")
	return string(b)
}

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

// bench is a Supervisor that runs, and what its Roles said.
type bench struct {
	*Supervisor
	log  buffer
	said chan string
	stop func()
}

func newBench(t *testing.T, all ...Role) *bench {
	t.Helper()
	b := &bench{said: make(chan string, 100)}
	for i := range all {
		all[i].Answer = func(_ context.Context, what string, data json.RawMessage) (any, error) {
			var text string
			err := json.Unmarshal(data, &text)
			b.said <- text
			return nil, err
		}
	}
	b.Supervisor = New(slog.New(slog.NewTextHandler(&b.log, nil)), io.Discard, &b.log, all...)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); b.Run(ctx) }()
	b.stop = func() { cancel(); <-ended }
	t.Cleanup(b.stop)
	return b
}

func told(part string) func() any { return func() any { return part } }

// await waits until ok, which is asked again and again.
func await(t *testing.T, what string, log *buffer, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 20 s:\n%s", what, log)
		}
	}
}

// fields reads /proc/PID/status.
func fields(text string) map[string]string {
	all := map[string]string{}
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		name, value, _ := strings.Cut(s.Text(), ":")
		all[name] = strings.Join(strings.Fields(value), " ")
	}
	return all
}

// Each Role has from its first instruction on what it was given and nothing else; a Supervisor that is not root gives no more
// than it has.
func TestRoleHasItsPrivilegesAndNoMore(t *testing.T) {
	root := os.Geteuid() == 0
	own := fields(status())
	may, err := strconv.ParseUint(own["CapBnd"], 16, 64) // the tests run without CAP_SYS_TIME where they can
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]Privileges{
		"clock": {Capabilities: SysTime | SysNice | IPCLock}, "ntp": {UID: 60123}, "sim": {},
	} {
		b := newBench(t, Role{Name: name, Privileges: p})
		var f map[string]string
		select {
		case text := <-b.said:
			f = fields(text)
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: it says nothing:\n%s", name, &b.log)
		}
		want := uint64(p.Capabilities) & may
		if p.UID != 0 {
			want = 0
		}
		user := fmt.Sprintf("%d %[1]d %[1]d %[1]d", p.UID)
		bounding := fmt.Sprintf("%016x", want)
		if !root { // it can't take from its own bounding set, and has nothing to give
			want, user, bounding = 0, fmt.Sprintf("%d %[1]d %[1]d %[1]d", os.Getuid()), f["CapBnd"]
		}
		set := fmt.Sprintf("%016x", want)
		if f["CapEff"] != set || f["CapPrm"] != set || f["CapInh"] != "0000000000000000" || f["CapAmb"] != "0000000000000000" ||
			f["CapBnd"] != bounding || f["NoNewPrivs"] != "1" || f["Uid"] != user {
			t.Errorf("%s: CapEff %s, CapPrm %s, CapBnd %s, NoNewPrivs %s, Uid %s; want %s, %s, %s, 1, %s", name,
				f["CapEff"], f["CapPrm"], f["CapBnd"], f["NoNewPrivs"], f["Uid"], set, set, bounding, user)
		}
		if group, err := syscall.Getpgid(b.PID(name)); err != nil || group != b.PID(name) { // Ctrl-C is for the supervisor
			t.Errorf("%s: process %d is of group %d, %v", name, b.PID(name), group, err)
		}
		b.stop()
	}
	if own = fields(status()); own["NoNewPrivs"] != "0" || root && own["CapEff"] == "0000000000000000" {
		t.Errorf("the supervisor has given up its own: NoNewPrivs %s, CapEff %s", own["NoNewPrivs"], own["CapEff"])
	}
}

// became returns what a Role that acts a part says of it.
func became[T any](t *testing.T, role Role) (said T) {
	t.Helper()
	got := make(chan T, 10)
	role.Answer = func(_ context.Context, _ string, data json.RawMessage) (any, error) {
		var v T
		err := json.Unmarshal(data, &v)
		got <- v
		return nil, err
	}
	var log buffer
	s := New(slog.New(slog.NewTextHandler(&log, nil)), io.Discard, &log, role)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	select {
	case said = <-got:
	case <-time.After(20 * time.Second):
		t.Fatalf("it says nothing:\n%s", &log)
	}
	return said
}

// A Supervisor that is root keeps what it needs, in all its threads, and can do with it what it is for. What a Role may have is
// its own to give and not to use.
func TestSupervisorHasWhatItNeedsAndNoMore(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root has anything to keep")
	}
	may, err := strconv.ParseUint(fields(status())["CapBnd"], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	given := SysNice | IPCLock | SysTime
	// This process starts it with all it has itself; the kernel forbids only that it gains any.
	got := became[supervision](t, Role{Name: "supervisor", Privileges: Privileges{Capabilities: ^Capabilities(0)}, Prepare: told("supervises")})
	if want := (ForSupervising | given) &^ Capabilities(may); got.Failed != "" || got.Missing != want || !got.Ended {
		t.Errorf("%s; missing %v, want %v; the role of another user ended: %v", got.Failed, got.Missing, want, got.Ended)
	}
	own, all := fmt.Sprintf("%016x", uint64(ForSupervising)&may), fmt.Sprintf("%016x", uint64(ForSupervising|given)&may)
	for _, thread := range got.Threads {
		f := fields(thread)
		if f["CapEff"] != own || f["CapPrm"] != all || f["CapBnd"] != all || f["CapInh"] != "0000000000000000" || f["CapAmb"] != "0000000000000000" {
			t.Errorf("a thread has CapEff %s, CapPrm %s, CapBnd %s, want %s, %s, %[5]s", f["CapEff"], f["CapPrm"], f["CapBnd"], own, all)
		}
	}
	if len(got.Threads) < 3 {
		t.Errorf("%d threads were looked at", len(got.Threads))
	}
	for role, want := range map[string]Capabilities{"rights": SysNice | IPCLock, "user": 0} {
		f, set := fields(got.Roles[role]), fmt.Sprintf("%016x", uint64(want)&may)
		if f["CapEff"] != set {
			t.Errorf("its role %q has CapEff %s, want %s", role, f["CapEff"], set)
		}
	}
	if f := fields(got.Roles["user"]); f["Uid"] != "60123 60123 60123 60123" {
		t.Errorf("its role of another user is %q", f["Uid"])
	}
}

// Whoever takes the role over gets at no file but its own.
func TestConfinedRoleReadsAndWritesItsOwn(t *testing.T) {
	dir := t.TempDir()
	own := dir + "/own"
	if err := errors.Join(os.Mkdir(own, 0o700), os.WriteFile(dir+"/read", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	got := became[[]string](t, Role{Name: "web", Prepare: told("confined to " + own)})
	if want := []string{"read what it may", "write its own", "remove its own", "tell that it is confined"}; !slices.Equal(got, want) {
		t.Errorf("it can %q, want %q", got, want)
	}
}

// With the rights the clock has on hardware one thread is in real time and no other; without, what is missing is named.
func TestRealTimeIsForOneThread(t *testing.T) {
	got := became[string](t, Role{Name: "clock", Privileges: Privileges{Capabilities: SysNice | IPCLock}, Prepare: told("real time")})
	kB, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(got, "resident "), " kB"))
	if os.Geteuid() == 0 && (err != nil || kB > 100_000) { // the whole of its memory would be more than a gigabyte
		t.Errorf("as root: %q", got)
	}
	got = became[string](t, Role{Name: "clock", Prepare: told("real time")})
	if !strings.Contains(got, "sched_setattr: operation not permitted") && !strings.Contains(got, "mlockall: ") {
		t.Errorf("without capabilities: %q", got)
	}
}

func TestSupervisorStartsAnewWhatDiesOrHangs(t *testing.T) {
	t.Parallel()
	b := newBench(t, Role{Name: "good"}, Role{Name: "other"})
	alive := func(not int) func() bool { // one that is stopped before its first beat is given StartWithin, not Silence
		return func() bool { return b.PID("good") != 0 && b.PID("good") != not && b.ask("good", 4) == 8 && b.Alive() }
	}
	await(t, "start", &b.log, alive(0))
	other := b.PID("other")
	for n, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGTERM} {
		pid, began := b.PID("good"), time.Now()
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
		await(t, sig.String(), &b.log, alive(pid))
		t.Logf("%v: at work again after %v", sig, time.Since(began).Round(10*time.Millisecond))
		if got := b.Restarts(); got["good"] != uint64(n+1) || got["other"] != 0 {
			t.Errorf("restarts %v", got)
		}
		if syscall.Kill(pid, 0) == nil {
			t.Errorf("%v: process %d is still there", sig, pid)
		}
	}
	pid := b.PID("good")
	b.Kill("good", "nobody answers")
	await(t, "Kill", &b.log, alive(pid))
	for _, want := range []string{"signal: killed", "said nothing for", "it ended by itself", "nobody answers"} {
		if !strings.Contains(b.log.String(), want) {
			t.Errorf("the log has no %q:\n%s", want, &b.log)
		}
	}
	if b.PID("other") != other {
		t.Error("the other one was started anew as well")
	}
}

// ask has a Role double a number; -1: it does not.
func (b *bench) ask(role string, n int) (answer int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if b.Ask(ctx, role, "double", n, &answer) != nil {
		return -1
	}
	return answer
}

// A Role that can't work is tried again, ever more seldom, and does not keep the others from working.
func TestSupervisorGoesOnBesideARoleThatFails(t *testing.T) {
	t.Parallel()
	b := newBench(t, Role{Name: "bad", Prepare: told("ends")}, Role{Name: "good"})
	await(t, "three failures", &b.log, func() bool { return b.Restarts()["bad"] >= 3 })
	await(t, "the other", &b.log, func() bool { return b.ask("good", 1) == 2 })
	if b.Alive() {
		t.Error("all are said to be alive, and one never said so")
	}
	if !strings.Contains(b.log.String(), "pause=400ms") || !strings.Contains(b.log.String(), "of its own accord") {
		t.Errorf("log:\n%s", &b.log)
	}
	var n int
	m := newBench(t, Role{Name: "mute", Prepare: told("mute")})
	await(t, "a process", &m.log, func() bool { return m.ask("mute", 1) == 2 })
	if m.Alive() {
		t.Error("a role that has not said so is taken to be alive")
	}
	if err := b.Ask(t.Context(), "nobody", "double", 1, &n); !errors.Is(err, errNotRunning) {
		t.Errorf("a role that is none: %v", err)
	}
}

func TestSupervisorEndsRolesTheLastFirst(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	words := []File{{"last words", w}}
	b := newBench(t, Role{Name: "first", Files: words}, Role{Name: "second", Files: words, Prepare: told("slow end")}, Role{Name: "third", Files: words})
	for _, name := range []string{"first", "second", "third"} {
		await(t, name, &b.log, func() bool { return b.ask(name, 1) == 2 })
	}
	b.stop()
	w.Close()
	all, err := io.ReadAll(r)
	if got, want := string(all), "third\nsecond\nfirst\n"; err != nil || got != want {
		t.Errorf("they ended as %q, want %q", got, want)
	}
}

// A Role that does not end when asked to, or is stopped, is killed.
func TestSupervisorEndsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t, Role{Name: "deaf", Prepare: told("deaf")})
	await(t, "start", &b.log, func() bool { return b.ask("deaf", 1) == 2 })
	pid := b.PID("deaf")
	began := time.Now()
	b.stop()
	if took := time.Since(began); took < EndWithin || took > EndWithin+3*time.Second || syscall.Kill(pid, 0) == nil {
		t.Errorf("ended after %v, still there: %v", took, syscall.Kill(pid, 0) == nil)
	}
}

// One that stands still can be asked to end all the same.
func TestSupervisorAsksWhatIsStoppedToEnd(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, Role{Name: "stopped", Files: []File{{"last words", w}}})
	await(t, "start", &b.log, func() bool { return b.ask("stopped", 1) == 2 })
	if err := syscall.Kill(b.PID("stopped"), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	b.stop()
	w.Close()
	if words, err := io.ReadAll(r); err != nil || string(words) != "stopped\n" {
		t.Errorf("its last words are %q, %v", words, err)
	}
}

// elsewhere makes the test binary a Supervisor in a process of its own, of which what its Roles say of themselves comes out.
const elsewhere = "ROLES_TEST_SUPERVISES"

const elsewhereWithout = "ROLES_TEST_WITHOUT"

func superviseElsewhere() {
	if n, err := strconv.ParseUint(os.Getenv(elsewhereWithout), 10, 64); err == nil {
		_, permitted, _ := capabilities()
		if _, err := Bound(permitted&^Capabilities(n), 0); err != nil {
			fmt.Println(err)
			return
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var all []Role
	for name, may := range map[string]Privileges{"with": {Capabilities: SysNice}, "without": {UID: 60124}} {
		all = append(all, Role{
			Name: name, Privileges: may, Prepare: told(os.Getenv(elsewhere)),
			Answer: func(_ context.Context, _ string, data json.RawMessage) (any, error) {
				var text string
				err := json.Unmarshal(data, &text)
				line, _ := json.Marshal([]string{name, text})
				fmt.Println(string(line))
				return nil, err
			},
		})
	}
	New(slog.New(slog.NewTextHandler(os.Stderr, nil)), os.Stdout, os.Stderr, all...).Run(ctx)
}

// startElsewhere starts one, whose Roles act that part and which may be another user's; next returns what the next Role says of itself.
func startElsewhere(t *testing.T, part string, as *syscall.SysProcAttr, without ...Capabilities) (cmd *exec.Cmd, next func() (role string, status map[string]string), log *buffer) {
	t.Helper()
	log = &buffer{}
	cmd = exec.Command("/proc/self/exe")
	cmd.Env, cmd.Dir, cmd.Stderr, cmd.SysProcAttr = append(os.Environ(), elsewhere+"="+part), "/", log, as
	cmd.WaitDelay = EndWithin // a role that stays has its outputs
	if len(without) > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", elsewhereWithout, without[0]))
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, func() (string, map[string]string) {
		t.Helper()
		select {
		case line := <-lines:
			var said []string
			if err := json.Unmarshal([]byte(line), &said); err != nil || len(said) != 2 {
				t.Fatalf("%q: %v\n%s", line, err, log)
			}
			return said[0], fields(said[1])
		case <-time.After(20 * time.Second):
			t.Fatalf("its roles say nothing:\n%s", log)
		}
		return "", nil
	}, log
}

// A Supervisor that is not root hands on what it has itself, and to each Role what that is to have.
func TestSupervisorOfAnotherUserGivesWhatItHas(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make one with capabilities")
	}
	t.Parallel()
	_, next, log := startElsewhere(t, "beats", &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: 60123, Gid: 60123}, AmbientCaps: []uintptr{unix.CAP_SYS_NICE, unix.CAP_NET_RAW},
	})
	want := map[string]Capabilities{"with": SysNice, "without": 0}
	for range 2 {
		name, f := next()
		set := fmt.Sprintf("%016x", uint64(want[name]))
		if f["CapEff"] != set || f["CapPrm"] != set || f["CapAmb"] != set || f["Uid"] != "60123 60123 60123 60123" {
			t.Errorf("%s: CapEff %s, CapPrm %s, CapAmb %s, Uid %s, want %s\n%s", name, f["CapEff"], f["CapPrm"], f["CapAmb"], f["Uid"], set, log)
		}
	}
}

// One that may not change its bounding set, nor end the processes of others, has Roles with no more than they are to have, and
// can end them.
func TestSupervisorWithoutAllRightsGivesNoMore(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root has any to be without")
	}
	t.Parallel()
	for _, without := range []Capabilities{1 << unix.CAP_SETPCAP, 1 << unix.CAP_KILL} {
		cmd, next, log := startElsewhere(t, "beats", nil, without)
		for range 2 {
			name, f := next()
			want, uid := fmt.Sprintf("%016x", uint64(map[string]Capabilities{"with": SysNice}[name])), "0"
			if without == 1<<unix.CAP_SETPCAP && name == "without" { // it may have other users
				uid = "60124"
			}
			if f["CapEff"] != want || f["CapPrm"] != want || !strings.HasPrefix(f["Uid"], uid+" ") {
				t.Errorf("without %v %s has CapEff %s, CapPrm %s, Uid %s, want %s, %s", without, name, f["CapEff"], f["CapPrm"], f["Uid"], want, uid)
			}
		}
		began := time.Now()
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil || time.Since(began) > EndWithin {
			t.Errorf("without %v: ended after %v, %v\n%s", without, time.Since(began), err, log)
		}
	}
}

// When the Supervisor is killed nothing of it stays.
func TestRolesEndWithTheirSupervisor(t *testing.T) {
	t.Parallel()
	cmd, next, log := startElsewhere(t, "stays", nil)
	var pids []int
	for range 2 {
		_, f := next()
		pid, err := strconv.Atoi(f["Pid"])
		if err != nil || syscall.Kill(pid, 0) != nil {
			t.Fatalf("process %q: %v", f["Pid"], err)
		}
		pids = append(pids, pid)
		t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) }) // where the kernel did not
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		await(t, "end", log, func() bool { return gone(pid) })
	}
}

// gone reports whether a process has ended, waited for or not.
func gone(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err != nil || strings.HasPrefix(fields(string(text))["State"], "Z")
}

// A machine that stands still as a whole, Supervisor and Roles, finds all as it was.
func TestRolesAreNotBlamedForAMachineThatStoodStill(t *testing.T) {
	t.Parallel()
	cmd, next, log := startElsewhere(t, "beats", nil)
	pids := []int{cmd.Process.Pid}
	for range 2 {
		_, f := next()
		pid, err := strconv.Atoi(f["Pid"])
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	time.Sleep(2 * BeatEvery) // each has to have said that it is alive: before that it is given StartWithin
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(Silence + BeatEvery)
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(Silence) // what was held against them would be by now
	if strings.Contains(log.String(), "started anew") || gone(pids[1]) || gone(pids[2]) {
		t.Errorf("log:\n%s", log)
	}
}

// Silence counts from when the Supervisor itself was at work: what stood still as it did could not say anything.
func TestSilenceIsExcusedWhileTheSupervisorStoodStill(t *testing.T) {
	ago := func(d time.Duration) int64 { return int64(time.Hour - d) }
	for _, tt := range []struct {
		name    string
		begun   time.Duration // ago
		heard   int64
		excused int64
		hangs   bool
	}{
		{"just heard", time.Hour, ago(Silence / 2), 0, false},
		{"silent", time.Hour, ago(2 * Silence), 0, true},
		{"silent while both stood still", time.Hour, ago(2 * Silence), ago(Silence / 2), false},
		{"and longer", time.Hour, ago(3 * Silence), ago(2 * Silence), true},
		{"starting", StartWithin / 2, 0, 0, false},
		{"never heard", 2 * StartWithin, 0, 0, true},
		{"never heard, both stood still", 2 * StartWithin, 0, int64(StartWithin * 3 / 2), false},
	} {
		p := &process{begun: time.Now().Add(-tt.begun), excused: time.Duration(tt.excused)}
		p.heard.Store(tt.heard)
		if why := p.hangs(); (why != "") != tt.hangs {
			t.Errorf("%s: %q", tt.name, why)
		}
	}
}

func TestLinkAsksAndAnswers(t *testing.T) {
	a, b, err := Pair("link")
	if err != nil {
		t.Fatal(err)
	}
	ends := [2]*Link{}
	for i, f := range []*os.File{a, b} {
		conn, err := newConn(f)
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = newLink(conn)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	for _, l := range ends {
		serving.Go(func() {
			l.Serve(ctx, func(ctx context.Context, what string, data json.RawMessage) (any, error) {
				switch what {
				case "back":
					return data, nil
				case "never":
					<-ctx.Done()
				case "large":
					return strings.Repeat("x", MaxFrame), nil
				}
				return nil, errors.New("refused")
			})
		})
	}
	for _, l := range ends { // both ask
		var got []string
		if err := l.Ask(ctx, "back", []string{"a", "b"}, &got); err != nil || !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("answer %q, %v", got, err)
		}
		if err := l.Ask(ctx, "other", nil, &got); err == nil || err.Error() != "refused" {
			t.Errorf("refused: %v", err)
		}
		if err := l.Ask(ctx, "large", nil, &got); err == nil || !strings.Contains(err.Error(), "bytes") {
			t.Errorf("an answer that is too large: %v", err)
		}
	}
	soon, end := context.WithTimeout(ctx, 20*time.Millisecond)
	defer end()
	var waiting sync.WaitGroup
	refused := make(chan error, 40)
	for range 40 {
		waiting.Go(func() { refused <- ends[0].Ask(soon, "never", nil, nil) })
	}
	waiting.Wait()
	close(refused)
	many := 0
	for err := range refused {
		if errors.Is(err, errTooMany) {
			many++
		} else if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	}
	if many != 40-maxAsked || len(ends[0].open) != 0 {
		t.Errorf("%d were refused, want %d; %d are still open", many, 40-maxAsked, len(ends[0].open))
	}
	cancel()
	serving.Wait()
}

// Who sends does not wait for who reads, and what is too large or no frame is refused.
func TestConnIsBounded(t *testing.T) {
	a, b, err := Pair("pair")
	if err != nil {
		t.Fatal(err)
	}
	from, err := newConn(a)
	if err != nil {
		t.Fatal(err)
	}
	to, err := newConn(b)
	if err != nil {
		t.Fatal(err)
	}
	if from.Send(nil) == nil || from.Send(make([]byte, MaxFrame+1)) == nil {
		t.Error("a frame of no bytes, or too many, was sent")
	}
	large := bytes.Repeat([]byte("ab"), MaxFrame/2)
	if err := from.Send(large); err != nil {
		t.Errorf("the largest frame: %v", err)
	}
	n := 1
	for err = nil; err == nil; n++ {
		if err = from.Send([]byte{byte(n)}); n > 100_000 {
			t.Fatal("a queue without end")
		}
	}
	if !errors.Is(err, ErrFull) {
		t.Errorf("a full queue: %v", err)
	}
	if got, err := to.Receive(); err != nil || !bytes.Equal(got, large) {
		t.Errorf("received %d bytes, %v", len(got), err)
	}
	if got, err := to.Receive(); err != nil || !bytes.Equal(got, []byte{1}) {
		t.Errorf("received %v, %v", got, err)
	}
	raw, err := to.socket.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 4*MaxFrame) })
	if _, sent := to.socket.Write(make([]byte, MaxFrame+1)); err != nil || sent != nil {
		t.Fatal(err, sent)
	}
	if _, err := from.Receive(); err == nil {
		t.Error("a frame that is too large was received")
	}
	to.Close()
	if _, err := from.Receive(); err == nil {
		t.Error("received from a closed end")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := newConn(r); err == nil {
		t.Error("a pipe was taken for a pair")
	}
}
