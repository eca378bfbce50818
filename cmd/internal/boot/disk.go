package boot

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"timeball/board/store"
	"timeball/image/mounts"
)

// root is the disk that / is on, by the kernel's name, and the number of its partition; "" and 0 where there is none, as in
// an initramfs.
type root struct {
	disk      string
	partition int
}

// findRoot finds it.
func findRoot() root {
	var s unix.Stat_t
	if err := unix.Stat("/", &s); err != nil {
		return root{}
	}
	path, err := filepath.EvalSymlinks(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(uint64(s.Dev)), unix.Minor(uint64(s.Dev))))
	if err != nil {
		return root{}
	}
	number, err := os.ReadFile(filepath.Join(path, "partition"))
	if err != nil {
		return root{disk: filepath.Base(path)}
	}
	r := root{disk: filepath.Base(filepath.Dir(path))}
	r.partition, _ = strconv.Atoi(strings.TrimSpace(string(number)))
	return r
}

// patience is how long a partition may take to appear: root is there, so that the others of its disk are, or never will be.
const patience = time.Second

// appears waits until a device is there.
func appears(device string) bool {
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(device); err == nil {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// permState is how perm was found.
type permState string

const (
	permOK       permState = "ok"
	permReadOnly permState = "read-only"
	permFull     permState = "full"
	permMissing  permState = "missing"
	permCorrupt  permState = "corrupt"
)

// sentence returns what people are told; package words says it in Chinese.
func (p permState) sentence() string {
	switch p {
	case permReadOnly:
		return "The card cannot be written: settings are read from it, and what changes from now on is lost at the next start. Replace the card."
	case permFull:
		return "The card's partition for settings is full: " +
			"what changes from now on is lost at the next start. The file factory-reset on the boot partition empties it."
	case permMissing:
		return "The card has no partition for settings: the unit runs from RAM, and what changes from now on is lost at the next start. Write the image anew."
	case permCorrupt:
		return "The card's partition for settings is damaged: " +
			"the unit runs from RAM, and what changes from now on is lost at the next start. The file factory-reset on the boot partition makes it new, if the card is still good."
	}
	return ""
}

// mountPerm mounts perm from device, or what can stand for it, and says which; the error is why it is not the partition.
func (b *boot) mountPerm(device string) (permState, error) {
	if device == "" || !b.appears(device) {
		return permMissing, errors.Join(fmt.Errorf("perm: no partition %q", device), b.permInRAM())
	}
	err := b.k.Mount(mounts.PermFrom(device, mounts.Perm))
	switch {
	case err == nil:
		return b.tryPerm(device)
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES):
		return b.permOverlay(device, permReadOnly, err)
	}
	return b.permOverlay(device, permCorrupt, err)
}

// faulty reports whether the file system on a device has ever noted a fault of its own. It does not forget: only a check that
// is not on the card, or a new file system, takes that away.
func (b *boot) faulty(device string) bool {
	count, err := os.ReadFile(b.path("/sys/fs/ext4", filepath.Base(device), "errors_count"))
	return err == nil && strings.TrimSpace(string(count)) != "0"
}

// trial is the size of what is written to a perm to see whether it takes it: several times what the unit keeps.
const trial = 256 << 10

// tryPerm writes to a perm that was mounted, and falls back to an overlay when that is refused.
func (b *boot) tryPerm(device string) (permState, error) {
	err := b.tryWrite(b.path(mounts.Perm))
	if err == nil {
		return permOK, nil
	}
	state := permReadOnly
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		state = permFull
	case b.faulty(device): // the file system has made itself read-only
		state = permCorrupt
	}
	if errUnmount := b.k.Unmount(mounts.Perm); errUnmount != nil {
		return state, errors.Join(err, errUnmount)
	}
	return b.permOverlay(device, state, err)
}

// tryWrite writes a file into dir, makes it durable and removes it.
func tryWrite(dir string) error {
	f, err := os.CreateTemp(dir, ".try-*")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, trial))
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}

// permOverlay shows what can be read of perm, and takes writes in RAM; where nothing can be read all is in RAM.
func (b *boot) permOverlay(device string, state permState, why error) (permState, error) {
	if err := b.overlay(device); err != nil {
		b.unmountPerm()
		return permCorrupt, errors.Join(why, err, b.permInRAM())
	}
	return state, why
}

// overlay mounts perm as it is on the card beneath a folder in RAM.
func (b *boot) overlay(device string) error {
	if err := os.MkdirAll(b.path(mounts.Under), 0o755); err != nil {
		return err
	}
	if err := b.k.Mount(mounts.Below()); err != nil {
		return err
	}
	for _, dir := range []string{mounts.Lower, mounts.Upper, mounts.Work} {
		if err := os.MkdirAll(b.path(dir), 0o755); err != nil {
			return err
		}
	}
	if err := b.k.Mount(mounts.PermUnwritable(device, mounts.Lower, true)); err != nil {
		if err := b.k.Mount(mounts.PermUnwritable(device, mounts.Lower, false)); err != nil {
			return err
		}
	}
	return b.k.Mount(mounts.PermOver())
}

func (b *boot) permInRAM() error { return b.k.Mount(mounts.PermInRAM()) }

// unmountPerm takes perm away, whatever stands for it.
func (b *boot) unmountPerm() {
	_ = b.k.Unmount(mounts.Perm)
	_ = b.k.Unmount(mounts.Lower)
	_ = b.k.Unmount(mounts.Under)
}

// mountAll mounts what every start needs. /dev may have been mounted by the kernel.
func (b *boot) mountAll() error {
	var failed error
	for _, m := range mounts.Kernel() {
		if err := os.MkdirAll(b.path(m.Target), 0o755); err != nil && !errors.Is(err, syscall.EROFS) {
			failed = errors.Join(failed, err)
		}
		if err := b.k.Mount(m); err != nil && !errors.Is(err, unix.EBUSY) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// saved returns the last certain second that the unit saved, in Unix seconds, or 0.
func (b *boot) saved() int64 {
	type certain struct {
		UTC int64 `json:"utc"` // nanoseconds, as appliance.Kept has it
	}
	kept, _, ignored := store.Load[certain](b.state(), keptName, nil)
	if ignored != nil {
		b.log.Warn("some of what was kept is not used", "error", ignored)
	}
	return kept.UTC / int64(time.Second)
}

// marker is what the image says of itself.
type marker struct {
	Version string
	Build   int64 // Unix seconds; 0: not known
}

// readMarker reads the file that only the image has.
func readMarker(path string) (marker, error) {
	f, err := os.Open(path)
	if err != nil {
		return marker{}, err
	}
	defer f.Close()
	var m marker
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), "=")
		switch key {
		case "version":
			m.Version = value
		case "build_unix":
			if _, err := fmt.Sscan(value, &m.Build); err != nil {
				return m, fmt.Errorf("%s: build_unix: %q", path, value)
			}
		}
	}
	return m, nil
}
