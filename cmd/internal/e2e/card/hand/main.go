//go:build linux && arm64

// Command hand is the first process of an emulated machine whose card has to be seen with a process killed: nothing on the
// card does that for anybody. It mounts the root that the kernel's command line names, leaves a second process of its own
// behind and becomes the card's process 1, as an initial file system does.
//
// The second process lives in the initial file system, listens on the TCP port that the command line's hand_port names, and
// kills, by SIGKILL, what it is asked to: to a line with the name of a role, "clock", it answers with the number of the
// process, or with "none".
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const root = "/card"

func main() {
	err := kill
	if os.Getpid() == 1 {
		err = start
	}
	fmt.Fprintln(os.Stderr, "hand:", err())
	os.Exit(1)
}

// start starts the card's process 1 in the place of this one.
func start() error {
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := unix.Mount("devtmpfs", "/dev", "devtmpfs", 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("mount /dev: %w", err)
	}
	device, err := rootDevice()
	if err != nil {
		return err
	}
	if err := unix.Mount(device, root, "squashfs", unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mount %s: %w", device, err)
	}
	if err := unix.Mount("devtmpfs", root+"/dev", "devtmpfs", 0, ""); err != nil { // as the kernel does with a root of its own
		return fmt.Errorf("mount %s/dev: %w", root, err)
	}
	if _, err := os.StartProcess("/init", []string{"hand"}, &os.ProcAttr{Dir: "/", Files: []*os.File{nil, os.Stdout, os.Stderr}}); err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return syscall.Exec("/init", []string{"/init"}, nil)
}

// rootDevice waits for the partition that the command line's root=PARTUUID=xxxxxxxx-nn names.
func rootDevice() (string, error) {
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(line), "root=PARTUUID=")
	id, _, _ := strings.Cut(rest, " ")
	_, digits, _ := strings.Cut(id, "-")
	number, err := strconv.ParseUint(digits, 16, 8)
	if err != nil {
		return "", fmt.Errorf("%q names no root by PARTUUID", line)
	}
	device := fmt.Sprintf("/dev/vda%d", number)
	for began := time.Now(); time.Since(began) < 30*time.Second; time.Sleep(20 * time.Millisecond) {
		if _, err = os.Stat(device); err == nil {
			return device, nil
		}
	}
	return "", err
}

// kill serves those who want something killed.
func kill() error {
	l, err := net.Listen("tcp", ":"+os.Getenv("hand_port"))
	if err != nil {
		return err
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		role, err := bufio.NewReader(conn).ReadString('\n')
		if err == nil {
			fmt.Fprintln(conn, killRole(strings.TrimSpace(role)))
		}
		conn.Close()
	}
}

// killRole kills the process of a role and says which that was.
func killRole(role string) string {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		line, err := os.ReadFile(file)
		name, _, _ := bytes.Cut(line, []byte{0})
		if err != nil || string(name) != "timeballd: "+role {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil {
			return err.Error()
		}
		return strconv.Itoa(pid)
	}
	return "none"
}
