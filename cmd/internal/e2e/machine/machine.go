// Package machine runs emulated 64-bit Arm machines for tests: QEMU's "virt", a kernel and an initial file system.
//
// Every machine is bounded in time and ended by its process. Where QEMU or the kernel is not there the test is skipped with
// a message that names `make deps`.
package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// board is what the machine is.
const board = "virt,gic-version=2"

// program is QEMU for a 64-bit Arm machine.
const program = "qemu-system-aarch64"

// Kernel returns the path of the kernel that the card ships.
func Kernel(t testing.TB) string {
	t.Helper()
	project := Project(t)
	cmd := exec.Command("go", "mod", "download", "-json", kernelModule)
	cmd.Dir = filepath.Join(project, modules)
	out, err := cmd.Output()
	var m struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &m); jsonErr != nil || m.Dir == "" {
		t.Fatalf("%v in %s: %v %s %v", cmd.Args, cmd.Dir, err, m.Error, jsonErr)
	}
	return filepath.Join(m.Dir, "vmlinuz")
}

const (
	kernelModule = "github.com/gokrazy/kernel.rpi"
	modules      = "image/modules" // the module that pins it
)

// Project returns the root of the project.
func Project(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatalf("go env GOMOD: %v", err)
	}
	return filepath.Dir(string(bytes.TrimSpace(out)))
}

// Build builds a command of the project for a 64-bit Arm machine and returns the program's path.
func Build(t testing.TB, pkg string, ldflags string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w "+ldflags, "-o", to, pkg)
	cmd.Dir = Project(t)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return to
}

// Long says that the long runs are wanted: `make e2e-long`.
func Long() bool { return os.Getenv("E2E_LONG") != "" }

// Require skips the test where there is no QEMU, and where only short tests are wanted.
func Require(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("emulated machines take their time")
	}
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not here: `make deps` fetches it on Debian", program)
	}
}

// Virtual is a machine whose clock counts instructions: an idle hour takes seconds, and nothing depends on the speed of the
// machine it runs on.
type Virtual struct {
	Kernel   string
	Initrd   string
	Tree     string        // file of a device tree; "": the machine's own
	Append   string        // to the kernel's command line
	Patience time.Duration // of real time
	Date     time.Time     // of the battery-backed clock
	Options  []string      // more of QEMU's: disks
}

// cheap spares what costs a machine that is emulated most: changes of its page tables at every entry of the kernel.
const cheap = "nokaslr kpti=off mitigations=off"

// Run runs the machine until it switches itself off, gives its serial line to out and returns the processor time it took.
// It ends the machine when patience or, some seconds later, the test would.
func (m Virtual) Run(t testing.TB, out io.Writer) (time.Duration, error) {
	runtime.LockOSThread() // it is this thread's death that ends the machine when the test panics
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithTimeout(t.Context(), m.patience(t))
	defer cancel()
	args := []string{
		"-M", board, "-cpu", "cortex-a53", "-m", "512", "-icount", "shift=0,sleep=off",
		"-display", "none", "-monitor", "none", "-serial", "stdio", "-nic", "none", "-no-reboot",
		"-rtc", "clock=vm,base=" + m.Date.UTC().Format("2006-01-02T15:04:05"),
		"-kernel", m.Kernel, "-initrd", m.Initrd, "-append", "console=ttyAMA0 quiet panic=-1 " + cheap + " " + m.Append,
	}
	if m.Tree != "" {
		args = append(args, "-dtb", m.Tree)
	}
	cmd := exec.CommandContext(ctx, program, append(args, m.Options...)...)
	var complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &complaints
	cmd.WaitDelay = 10 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w: %v\n%s", program, err, context.Cause(ctx), complaints.String())
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// patience returns how long the machine may run: not beyond what is left for the test.
func (m Virtual) patience(t testing.TB) time.Duration {
	const toEnd = 20 * time.Second
	if d, ok := t.(interface{ Deadline() (time.Time, bool) }); ok {
		if deadline, set := d.Deadline(); set {
			return min(m.Patience, time.Until(deadline)-toEnd)
		}
	}
	return m.Patience
}
