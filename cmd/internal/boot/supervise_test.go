package boot

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// TestMain lets the test's own program stand for timeballd.
func TestMain(m *testing.M) {
	switch os.Getenv("BOOT_TEST_CHILD") {
	case "":
		os.Exit(m.Run())
	case "fail":
		fmt.Println("child failed")
		os.Exit(7)
	case "stops":
		beStopped()
	case "serves":
		beServing()
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("child stays")
		select {}
	}
}

// lines collects what is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	came chan struct{}
}

func newLines() *lines { return &lines{came: make(chan struct{}, 1000)} }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.came <- struct{}{}:
	default:
	}
	return l.text.Write(p)
}

// wait waits until text was written n times.
func (l *lines) wait(t *testing.T, text string, n int) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		l.mu.Lock()
		has := l.text.String()
		l.mu.Unlock()
		if strings.Count(has, text) >= n {
			return
		}
		select {
		case <-l.came:
		case <-limit:
			t.Fatalf("%q did not come %d times:\n%s", text, n, has)
		}
	}
}

// start runs a service of a kind with a reaper of its own and returns what it wrote and how to end it.
func start(t *testing.T, kind string) (output, log *lines, end func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	output, log = newLines(), newLines()
	s := service{
		command: func() []string { return []string{self} }, env: []string{"BOOT_TEST_CHILD=" + kind}, log: slog.New(slog.NewTextHandler(log, nil)), output: output, grace: 100 * time.Millisecond,
	}
	ctx, cancel := context.WithCancel(context.Background())
	reap, stop := context.WithCancel(context.Background())
	r := newReaper()
	var all, reaping sync.WaitGroup
	reaping.Go(func() { r.run(reap) })
	all.Go(func() { s.run(ctx, r) })
	return output, log, func() {
		cancel()
		all.Wait()
		stop()
		reaping.Wait()
	}
}

func TestAProgramThatEndsIsStartedAgain(t *testing.T) {
	output, log, end := start(t, "fail")
	output.wait(t, "child failed", 3)
	log.wait(t, "status=7", 2)
	end()
}

func TestAProgramThatDoesNotEndIsKilled(t *testing.T) {
	output, log, end := start(t, "stubborn")
	output.wait(t, "child stays", 1)
	end()
	log.wait(t, "program killed", 1)
}

func TestBackoffGrowsAndForgets(t *testing.T) {
	var wait time.Duration
	var got []time.Duration
	for range 8 {
		wait = next(wait, time.Second)
		got = append(got, wait)
	}
	if got[0] != minWait || got[1] != 2*minWait || got[7] != maxWait {
		t.Errorf("waits %v", got)
	}
	if got := next(maxWait, steady); got != minWait {
		t.Errorf("after a steady run %v, want %v", got, minWait)
	}
}

func TestAFloodOfLogIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := &logFile{path: path, size: 10_000}
	for i := range 10_000 {
		if _, err := fmt.Fprintf(l, "line %06d of a flood\n", i); err != nil {
			t.Fatal(err)
		}
	}
	var total int64
	for _, name := range []string{path, path + ".1"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total > 20_000 || total < 10_000 {
		t.Errorf("%d bytes are kept, want 10,000 to 20,000", total)
	}
	last, err := os.ReadFile(path)
	if err != nil || !bytes.HasSuffix(last, []byte("line 009999 of a flood\n")) {
		t.Errorf("the last line is not there: %v", err)
	}
}

// stuck is a console that takes nothing.
type stuck struct{ release chan struct{} }

func (s stuck) Write(p []byte) (int, error) { <-s.release; return len(p), nil }

func TestAStuckConsoleHoldsNobodyUp(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	s := newSlow(stuck{release}, 1_000_000)
	for range 1000 {
		if n, err := io.WriteString(s, "line\n"); n != 5 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost == 0 {
		t.Error("no line is counted as lost, and the console has taken none")
	}
}
