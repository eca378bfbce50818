//go:build linux && arm64

// Command guest is the whole of an emulated machine that saves its state again and again until the power is cut.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"timeball/board/store"
	"timeball/cmd/internal/e2e/powercut"
)

func main() {
	if err := save(); err != nil {
		fmt.Println("guest:", err)
	} else {
		fmt.Println("guest: saved all")
	}
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF) // without unmounting anything
}

// save saves values that count up and, after each, tells its number to the disk's last sector.
func save() error {
	const dir = "/perm"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("devtmpfs", "/dev", "devtmpfs", 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("mount /dev: %w", err)
	}
	if err := unix.Mount("/dev/vda", dir, "ext4", unix.MS_NODEV|unix.MS_NOSUID|unix.MS_NOEXEC|unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	disk, err := os.OpenFile("/dev/vda", os.O_WRONLY|unix.O_SYNC, 0)
	if err != nil {
		return err
	}
	size, err := disk.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	for n := 1; n <= powercut.Values; n++ {
		v := powercut.Value{N: n, Ballast: strings.Repeat("x", n*977%20000)}
		if err := store.Dir(dir+"/timeball").Save(powercut.Name, v); err != nil {
			return err
		}
		sector := make([]byte, powercut.Sector)
		binary.LittleEndian.PutUint64(sector, uint64(n))
		if _, err := disk.WriteAt(sector, size-powercut.Sector); err != nil {
			return err
		}
	}
	return nil
}
