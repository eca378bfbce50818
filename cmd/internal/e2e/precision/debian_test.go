//go:build e2elong

package precision

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"timeball/cmd/internal/e2e/machine"
)

// The pulse of a kernel that has pps-gpio, Debian's: the line is the kernel's, the daemon has /dev/pps0.
func TestPulseOfTheKernelsOwnDriver(t *testing.T) {
	t.Parallel()
	machine.Require(t)
	fetch := exec.Command(filepath.Join(machine.Project(t), ".ci/debian-kernel"))
	out, err := fetch.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", fetch.Args, err, out)
	}
	t.Logf("Debian's kernel %s", strings.TrimSpace(string(out)))
	kernel, module := filepath.Join(machine.Project(t), ".cache/debian-kernel"), "pps-gpio.ko.xz"
	const end, settled = 300 * time.Second, 60 * time.Second
	s := scenario(t, anyDay, end)
	s.Modules = []string{"/" + module}
	r := playOn(t, machine.Virtual{
		Kernel: filepath.Join(kernel, "vmlinuz"), Patience: 30 * time.Minute,
		Tree:   machine.TreeWith(t, `pps { compatible = "pps-gpio"; gpios = <GPIO 0x05 0x00>; };`),
		Append: "iomem=relaxed", // the guest moves a line whose chip has a driver
	}, s, strings.Replace(config, "[pps]", "[pps]\nsource = \"kernel\"", 1), machine.File{Path: "/" + module, From: filepath.Join(kernel, module)})

	since := r.of(r.silentBefore(t)+2*time.Second, end)
	since.honest(t, 0.999)
	since.toldToKernel(t, 37)
	since.served(t, "since the lock", leads)
	r.of(settled, end).precise(t, "with /dev/pps0")
}
