package boot

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"timeball/image/mounts"
)

// kernel is what process 1 asks of the kernel besides reading and writing files.
type kernel interface {
	Mount(m mounts.Mount) error
	Remount(m mounts.Mount) error // changes the flags of a mounted file system
	Unmount(target string) error
	Now() time.Time
	SetClock(t time.Time) error
	SetHostname(name string) error
	Signal(s unix.Signal) // to all processes but this
	Sync()
	Stop(off bool) error // the board: switched off, or restarted
}

// linux is the kernel of the card.
type linux struct {
	marker string // path of the file that only the image has
}

// flags are the kernel's for ours.
var flags = map[mounts.Flags]uintptr{
	mounts.ReadOnly: unix.MS_RDONLY,
	mounts.NoDev:    unix.MS_NODEV,
	mounts.NoSuid:   unix.MS_NOSUID,
	mounts.NoExec:   unix.MS_NOEXEC,
	mounts.NoATime:  unix.MS_NOATIME,
}

func (l linux) Mount(m mounts.Mount) error { return l.mount(m, 0) }

func (l linux) Remount(m mounts.Mount) error { return l.mount(m, unix.MS_REMOUNT) }

func (linux) mount(m mounts.Mount, bits uintptr) error {
	for ours, theirs := range flags {
		if m.Flags&ours != 0 {
			bits |= theirs
		}
	}
	if err := unix.Mount(m.Source, m.Target, m.Type, bits, m.Options); err != nil {
		return fmt.Errorf("mount %s at %s: %w", m.Source, m.Target, err)
	}
	return nil
}

func (linux) Unmount(target string) error {
	if err := unix.Unmount(target, 0); err != nil {
		return fmt.Errorf("unmount %s: %w", target, err)
	}
	return nil
}

func (linux) Now() time.Time { return time.Now() }

// errNotOurs is why a clock is left alone.
var errNotOurs = errors.New("this is not process 1 of the card: its clock is left alone")

// initialProcesses is the namespace that a kernel starts with (PROC_PID_INIT_INO of its proc_ns.h): a container has another,
// in which something is process 1 as well.
const initialProcesses = "pid:[4026531836]"

// onCard reports whether this is process 1 of the card and not of a container that was made of it.
func (l linux) onCard() bool {
	_, errMarker := os.Stat(l.marker)
	namespace, err := os.Readlink("/proc/self/ns/pid")
	return os.Getpid() == 1 && errMarker == nil && err == nil && namespace == initialProcesses
}

// SetClock sets CLOCK_REALTIME. It is the one place outside of pps/sysclock that touches the clock, before anything that
// steers it has been started, and it refuses to anywhere but on the card.
func (l linux) SetClock(t time.Time) error {
	if !l.onCard() {
		return errNotOurs
	}
	ts := unix.NsecToTimespec(t.UnixNano())
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &ts); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	return nil
}

func (linux) SetHostname(name string) error {
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("set the host name %q: %w", name, err)
	}
	return nil
}

func (linux) Signal(s unix.Signal) { _ = unix.Kill(-1, s) } // that there is nobody else is no error

func (linux) Sync() { unix.Sync() }

func (linux) Stop(off bool) error {
	how := unix.LINUX_REBOOT_CMD_RESTART
	if off {
		how = unix.LINUX_REBOOT_CMD_POWER_OFF
	}
	return os.NewSyscallError("reboot", unix.Reboot(how))
}
