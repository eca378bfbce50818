package card

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// OnPi3 switches on what QEMU has of a Raspberry Pi 3, with the device tree and the overlays that its boot loader would take
// from the card. It has no network, and its serial line is the console instead of the receiver's.
//
// Its watchdog resets the board as soon as it is started, where a real one waits for 15 s: the kernel is told to leave it
// alone.
func OnPi3(t testing.TB, card string) *Unit {
	t.Helper()
	u := &Unit{t: t, console: &console{}, dir: tempDir(t), ended: make(chan struct{}), client: &http.Client{Timeout: 20 * time.Second}}
	loaded := Loader{Board: []string{"pi3"}, Tree: "bcm2710-rpi-3-b.dtb"}.Load(t, card, u.dir)
	tree := filepath.Join(u.dir, "merged.dtb")
	merge := exec.Command("fdtoverlay", append([]string{"-i", loaded.Tree, "-o", tree}, loaded.Overlays...)...)
	if out, err := merge.CombinedOutput(); err != nil {
		t.Fatalf("fdtoverlay: %v: %s", err, out)
	}
	u.start([]string{
		"-M", "raspi3b", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot", "-kernel", loaded.Kernel, "-dtb", tree,
		"-append", loaded.CommandLine + " console=ttyAMA0 initcall_blacklist=bcm2835_wdt_driver_init",
		"-drive", "if=sd,format=raw,file=" + card,
	})
	return u
}
