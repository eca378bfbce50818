package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is the daemon when it is started with this variable.
const asDaemon = "TIMEBALLD_TEST_RUNS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asDaemon) != "" {
		main()
		return
	}
	m.Run()
}

// timeballd returns the daemon, to be started.
func timeballd(t *testing.T, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asDaemon+"=1")
	return cmd
}

func TestDaemonEndsOnASignal(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		cmd := timeballd(t, "-board", "sim", "-ntp", "127.0.0.1:0", "-http", "127.0.0.1:0", "-https", "127.0.0.1:0")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), "Timeball has started. NTP: 127.0.0.1:") {
			t.Errorf("%v: the first line is %q", sig, lines.Text())
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Error(err)
		}
		var last string
		for lines.Scan() {
			last = lines.Text()
		}
		if last != "Stopped." {
			t.Errorf("%v: the last line is %q", sig, last)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", sig, err)
		}
	}
}

func TestDaemonSaysWhatIsWrongOnce(t *testing.T) {
	cmd := timeballd(t, "-board", "moon")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("Run = %v, want exit code 1", err)
	}
	if want := "timeballd: -board \"moon\": auto or sim\n"; stderr.String() != want {
		t.Errorf("stderr %q, want %q", stderr.String(), want)
	}
}
