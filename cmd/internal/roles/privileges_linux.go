package roles

import (
	"fmt"
	"math/bits"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Capabilities is a set of capabilities(7), a bit for each.
type Capabilities uint64

// The capabilities that a Role may have.
const (
	SysTime Capabilities = 1 << unix.CAP_SYS_TIME // steer the clock
	SysNice Capabilities = 1 << unix.CAP_SYS_NICE // real-time threads
	IPCLock Capabilities = 1 << unix.CAP_IPC_LOCK // memory that is not paged out
)

// lastCapability is the last that Linux 6 has (CAP_CHECKPOINT_RESTORE).
const lastCapability = unix.CAP_CHECKPOINT_RESTORE

// Privileges is what a Role may have at most: it gets no more than the Supervisor has itself.
type Privileges struct {
	// UID is the user and group that the Role is, if the Supervisor may change it and end others' processes; 0: the Supervisor's.
	UID          int
	Capabilities Capabilities
}

// start starts cmd with no more than p, from its first instruction on, and returns when it runs. The thread it is started
// from has given up everything first, for the process has what its thread had; it lives as long as the process, which the
// kernel ends with that thread (PR_SET_PDEATHSIG). ended gets what Wait returned.
func (p Privileges) start(cmd *exec.Cmd) (ended <-chan error, err error) {
	started, waited := make(chan error, 1), make(chan error, 1)
	onOwnThread(func() {
		err := p.restrict(cmd)
		if err == nil {
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			waited <- cmd.Wait()
		}
	})
	return waited, <-started
}

// onOwnThread runs f on a thread that nothing else runs on and that ends with it; never on the main thread, which can't end
// and by which others know the process.
func onOwnThread(f func()) {
	began := make(chan struct{})
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		if unix.Gettid() == os.Getpid() {
			onOwnThread(f) // on another, as this one is locked
			runtime.UnlockOSThread()
			close(began)
			return
		}
		close(began)
		f()
	}()
	<-began
}

// anotherUser is what it takes to have a process of another user: who may not end one starts none.
const anotherUser = 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID | 1<<unix.CAP_KILL

// isAnother reports whether the Role is another user than a Supervisor that has these capabilities.
func (p Privileges) isAnother(effective Capabilities) bool {
	return p.UID != 0 && effective&anotherUser == anotherUser
}

// restrict takes from this thread what cmd is not to have.
func (p Privileges) restrict(cmd *exec.Cmd) error {
	effective, permitted, err := capabilities()
	if err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if p.isAnother(effective) {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(p.UID), Gid: uint32(p.UID)}
	}
	if effective&(1<<unix.CAP_SETPCAP) != 0 {
		for c := range uintptr(lastCapability + 1) {
			if p.Capabilities&(1<<c) != 0 {
				continue
			}
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && err != unix.EINVAL { // unknown to this kernel
				return os.NewSyscallError("prctl PR_CAPBSET_DROP", err)
			}
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl PR_CAP_AMBIENT", err)
	}
	if os.Geteuid() != 0 { // root has by its user what its bounding set leaves; another user has it by inheriting
		for rest := uint64(p.Capabilities & permitted); rest != 0; rest &= rest - 1 {
			cmd.SysProcAttr.AmbientCaps = append(cmd.SysProcAttr.AmbientCaps, uintptr(bits.TrailingZeros64(rest)))
		}
	}
	if cmd.SysProcAttr.Credential == nil { // else all goes with the user
		if err := keepOnly(p.Capabilities & permitted); err != nil {
			return err
		}
	}
	return os.NewSyscallError("prctl PR_SET_NO_NEW_PRIVS", unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
}

// keepOnly leaves this thread no more than c. What it executes without the right to gain any has no more either, also where
// the bounding set can't be changed.
func keepOnly(c Capabilities) error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{{Effective: uint32(c), Permitted: uint32(c)}, {Effective: uint32(c >> 32), Permitted: uint32(c >> 32)}}
	return os.NewSyscallError("capset", unix.Capset(&head, &data[0]))
}

// capabilities returns what this thread has and may have.
func capabilities() (effective, permitted Capabilities, err error) {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return 0, 0, os.NewSyscallError("capget", err)
	}
	return Capabilities(data[0].Effective) | Capabilities(data[1].Effective)<<32,
		Capabilities(data[0].Permitted) | Capabilities(data[1].Permitted)<<32, nil
}

// Give makes dir, which only the Role's user may enter, and returns what went wrong. Where users can't be changed it is the
// Supervisor's.
func (p Privileges) Give(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	effective, _, err := capabilities()
	if err != nil || !p.isAnother(effective) {
		return err
	}
	return give(dir, p.UID)
}

// give changes the owner of dir and of the plain files in it. Links are not followed: what is in there may be the work of
// whoever had taken the Role over.
func give(dir string, uid int) error {
	if err := os.Lchown(dir, uid, uid); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			if err := os.Lchown(dir+"/"+e.Name(), uid, uid); err != nil {
				return err
			}
		}
	}
	return nil
}

// String lists c as the kernel names them.
func (c Capabilities) String() string {
	names := []string{}
	for _, v := range c.values() {
		names = append(names, v.String())
		c &^= 1 << v
	}
	if c != 0 {
		names = append(names, fmt.Sprintf("%#x", uint64(c)))
	}
	return strings.Join(names, ",")
}
