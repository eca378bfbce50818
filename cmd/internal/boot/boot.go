// Package boot is process 1 of the card: the way from the kernel to a running timeballd, and back down.
//
// It mounts, sets the kernel's clock forward to a plausible date, does what the files on the boot partition ask for, brings
// the network up, starts timeballd and keeps it running, and shows on the console where the unit can be reached. What goes
// wrong on the way is told in a sentence, on the console and in /run/timeball/boot.json for the page, and the way goes on: a
// unit without a card, a network or a receiver still has a page that says so. There is no shell and no way in but the page.
//
// Only process 1 of the card's image does any of this; anywhere else Main returns an error at once.
package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"timeball/cmd/internal/config"
	"timeball/image"
	"timeball/image/floor"
	"timeball/image/mounts"
	"timeball/image/netconf"
	"timeball/image/requests"
)

// usual is where the partitions of a card are.
var usual = mounts.Places{Boot: []mounts.Place{{Number: image.Selector}}, Perm: mounts.Place{Number: image.Perm}}

// boot is one start of the card.
type boot struct {
	root     string // "" on the card; tests have a folder
	k        kernel
	log      *slog.Logger
	logTo    *logFile
	console  *slow // the serial console, nil where there is none
	appears  func(device string) bool
	tryWrite func(dir string) error

	marker     marker
	slot       string
	bootDevice string // what is mounted at /boot, "" = nothing
	claim      string // what the boot partition says of it
	claimTried bool
	permDevice string
	perm       permState
	config     atomic.Pointer[config.Config]
	network    netconf.Settings
	report     *report
}

// path returns where a path of the card is.
func (b *boot) path(parts ...string) string {
	return filepath.Join(append([]string{"/", b.root}, parts...)...)
}

// note tells people something in a sentence.
func (b *boot) note(format string, args ...any) {
	text := strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
	b.log.Warn("noted", "text", text)
	b.report.note(text)
}

// Main is process 1. It returns only where it is not.
func Main() error {
	if os.Getpid() != 1 {
		return fmt.Errorf("runs as process 1 of the card's image only, and this is process %d", os.Getpid())
	}
	const path = "/" + image.Marker
	m, err := readMarker(path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("runs as process 1 of the card's image only, and this has no %s", path)
	}
	b := &boot{k: linux{marker: path}, appears: appears, tryWrite: tryWrite, marker: m, report: newReport("/run/timeball/boot.json")}
	b.run()
	return errors.New("the kernel did not stop")
}

// run boots, serves until it is told to stop, and stops.
func (b *boot) run() {
	asked := toStop() // also what comes before there is anything to stop
	// Ctrl-Alt-Del becomes SIGINT, so that what is to be written is written.
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF)
	failed := b.mountAll()
	b.openLog()
	if failed != nil {
		b.log.Error("not mounted", "error", failed)
	}
	b.partitions()
	b.setFloor()
	b.tune()
	b.configure()
	b.readNetwork()
	b.untilTold(asked, b.serve)
}

// openLog opens the log in RAM, which the serial console follows where there is one.
func (b *boot) openLog() {
	err := os.MkdirAll(b.path("/run/timeball"), 0o755)
	b.logTo = &logFile{path: b.path("/run/timeball/log"), size: 256 << 10}
	to := both{b.logTo}
	if serial := serialConsole(); serial != nil {
		b.console = newSlow(serial, 20)
		to = append(to, b.console)
	}
	b.log = slog.New(slog.NewTextHandler(to, nil))
	b.log.Info("process 1 has started", "version", b.marker.Version, "uptime", uptime())
	if err != nil {
		b.log.Error("no folder for the log", "error", err)
	}
}

// partitions mounts boot and perm and does what the files on boot ask for.
func (b *boot) partitions() {
	root := findRoot()
	switch root.partition {
	case image.RootA:
		b.slot = image.A.String()
	case image.RootB:
		b.slot = image.B.String()
	}
	b.report.set(func(r *Report) { r.Slot = b.slot })
	cmdline, err := os.ReadFile(b.path("/proc/cmdline"))
	places, wrong := mounts.Parse(string(cmdline), usual)
	if err = errors.Join(err, wrong); err != nil {
		b.log.Error("the kernel's command line", "error", err)
	}
	b.permDevice = places.Perm.Device(root.disk)
	b.perm, err = b.mountPerm(b.permDevice)
	b.report.set(func(r *Report) { r.Perm = string(b.perm) })
	if err != nil {
		b.log.Error("perm", "device", b.permDevice, "state", b.perm, "error", err)
	}
	var devices []string
	for _, p := range places.Boot {
		if d := p.Device(root.disk); d != "" {
			devices = append(devices, d)
		}
	}
	found := b.lookAt(devices)
	b.firstBoot(found, b.perm)
	if s := b.perm.sentence(); s != "" {
		b.note("%s", s)
	}
}

// lookAt collects what lies on the boot partitions and leaves the first of them mounted.
func (b *boot) lookAt(devices []string) []dropped {
	var found []dropped
	for _, device := range slices.Backward(devices) {
		if b.bootDevice != "" {
			if err := b.k.Unmount(mounts.Boot); err != nil {
				b.log.Error("boot", "error", err)
				return found
			}
			b.bootDevice = ""
		}
		err := fmt.Errorf("no device %s", device)
		if b.appears(device) {
			err = b.k.Mount(mounts.BootFrom(device))
		}
		if err != nil {
			b.log.Error("boot", "error", err)
			continue
		}
		b.bootDevice = device
		found = append(b.look(device), found...)
	}
	if b.bootDevice == "" && len(devices) > 0 {
		b.note("The card's boot partition cannot be read: files put there are not seen.")
	}
	return found
}

// mountBoot mounts the boot partition again.
func (b *boot) mountBoot() error {
	if b.bootDevice == "" {
		return nil
	}
	return b.k.Mount(mounts.BootFrom(b.bootDevice))
}

// setFloor sets the clock forward to the earliest second that it can be.
func (b *boot) setFloor() {
	now := b.k.Now()
	second, set, why := floor.Decide(now.Unix(), b.marker.Build, b.saved())
	if !set {
		b.log.Info("clock left as it is", "why", why)
		return
	}
	if err := b.k.SetClock(time.Unix(second, 0)); err != nil {
		b.log.Error("clock not set", "error", err)
		return
	}
	b.log.Info("clock set forward", "from", now.UTC(), "to", time.Unix(second, 0).UTC(), "because of", why)
}

// configure reads the unit's configuration, which the page may have changed since the last start of timeballd, and returns
// how that is started: it reads the same file, uses the default where that is wrong, and undoes changes that were not
// confirmed. What is wrong is told.
func (b *boot) configure() []string {
	argv := []string{"/bin/timeballd", "-board", "auto", "-state", stateDir, "-claim-file", claimPath, "-watchdog", "/dev/watchdog"}
	const notUsed = "The unit's configuration is not used, the default is: "
	b.report.set(func(r *Report) {
		r.Notices = slices.DeleteFunc(slices.Clone(r.Notices), func(text string) bool { return strings.HasPrefix(text, notUsed) })
	})
	c := config.Default()
	content, err := os.ReadFile(b.path(stateDir, requests.Config))
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		b.note(notUsed+"%v", err)
	default:
		if c, err = config.Parse(requests.Config, content); err != nil {
			c = config.Default()
			b.note(notUsed+"%v", err)
		}
	}
	b.config.Store(&c)
	return argv
}

// readNetwork reads what perm says of the network. What is wrong is told, and DHCP is used.
func (b *boot) readNetwork() {
	content, err := os.ReadFile(b.path(stateDir, requests.Network))
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err == nil {
		b.network, err = netconf.Parse(requests.Network, content)
	}
	if err != nil {
		b.network = netconf.Settings{}
		b.note("The unit's network settings are not used, DHCP is: %v", err)
	}
}

// serve starts timeballd, network and console and keeps them going until ctx is done.
func (b *boot) serve(ctx context.Context) {
	r := newReaper()
	var all, reaping sync.WaitGroup
	reap, stopReaping := context.WithCancel(context.Background())
	defer reaping.Wait()
	defer stopReaping()
	reaping.Go(func() { r.run(reap) })
	daemon := service{
		command: b.configure, env: []string{"PATH=/bin", "HOME=/", "TMPDIR=/tmp"}, log: b.log, output: b.daemonLog(), grace: 10 * time.Second,
	}
	named := make(chan struct{})
	all.Go(func() { b.uplink(ctx, named) })
	all.Go(func() {
		// The page's certificate has the unit's name, which comes with the Ethernet port.
		select {
		case <-named:
		case <-time.After(3 * time.Second):
		}
		daemon.run(ctx, r)
	})
	all.Go(func() { b.show(ctx) })
	all.Go(func() { b.watchPerm(ctx) })
	all.Wait()
}

// daemonLog is where timeballd writes to.
func (b *boot) daemonLog() io.Writer {
	if b.console == nil {
		return b.logTo
	}
	return both{b.logTo, b.console}
}
