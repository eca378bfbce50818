package boot

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// beStopped is process 1 from where it serves on: a program runs until it is told to stop. It says what it then does.
func beStopped() {
	os.Setenv("BOOT_TEST_CHILD", "serves")
	k := &fakeKernel{}
	b := &boot{k: k, log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	asked := toStop()
	b.untilTold(asked, func(ctx context.Context) {
		r := newReaper()
		go r.run(context.Background())
		s := service{
			command: func() []string { return []string{"/proc/self/exe"} }, env: os.Environ(), log: b.log, output: os.Stdout, grace: 10 * time.Second,
		}
		s.run(ctx, r)
		k.calls = append(k.calls, "served")
	})
	fmt.Println("calls: " + strings.Join(k.calls, ", "))
}

// beServing is that program: it has something to write when it is told to end.
func beServing() {
	asked := toStop()
	fmt.Println("serving")
	<-asked
	time.Sleep(100 * time.Millisecond)
	fmt.Println("written")
}

// Each signal ends what runs, in order, and then the board as it says: what is to be written is written.
func TestBoardIsRestartedAndSwitchedOff(t *testing.T) {
	for sig, off := range map[unix.Signal]bool{unix.SIGTERM: false, unix.SIGINT: false, unix.SIGUSR1: true, unix.SIGUSR2: true} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			t.Parallel()
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), "BOOT_TEST_CHILD=stops")
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			kill := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
			defer kill.Stop()
			var said []string
			for s := bufio.NewScanner(out); s.Scan(); {
				if said = append(said, s.Text()); s.Text() == "serving" {
					if err := cmd.Process.Signal(sig); err != nil {
						t.Error(err)
					}
				}
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			want := []string{"serving", "written", "calls: served, SIGTERM to all, SIGKILL to all, sync, unmount /perm, unmount /run/perm/lower, " +
				"unmount /run/perm, unmount /boot, sync, stop off=" + fmt.Sprint(off)}
			if diff := cmp.Diff(want, said); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What comes while the card is still being mounted is not lost.
func TestSignalBeforeThereIsAnythingToStopIsHeeded(t *testing.T) {
	k := &fakeKernel{}
	b := &boot{k: k, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	asked := make(chan os.Signal, 4)
	asked <- unix.SIGUSR1
	served := false
	b.untilTold(asked, func(ctx context.Context) { <-ctx.Done(); served = true })
	if !served || len(k.calls) == 0 || k.calls[len(k.calls)-1] != "stop off=true" {
		t.Errorf("served %v, then %q", served, k.calls)
	}
}
