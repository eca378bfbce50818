// Package mounts says what process 1 of the card mounts where, and which partition is which.
//
// A card's partitions are where package image says. The kernel's command line can name others, by their number on the disk
// the root file system is on or by their device: the FAT partitions that people put files on (timeball.boot=1,2) and the
// ext4 partition of what the unit keeps (timeball.perm=7). Nothing is guessed: what is not where it is said to be is absent,
// and the unit then keeps its state in RAM and says so.
package mounts

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Flags are how a file system is mounted.
type Flags uint

// What a mount may not do.
const (
	ReadOnly Flags = 1 << iota
	NoDev
	NoSuid
	NoExec
	NoATime
)

// Data is how everything is mounted that holds data: no device nodes, no set-user-id programs, nothing to execute.
const Data = NoDev | NoSuid | NoExec | NoATime

// Mount is one call of mount(2).
type Mount struct {
	Source, Target, Type string
	Flags                Flags
	Options              string // of the file system's own
}

// Kernel returns the kernel's own file systems and those in RAM, in the order they are mounted in. The sizes bound what a
// log or a forgotten file can take from a board with 512 MiB.
func Kernel() []Mount {
	return []Mount{
		{"devtmpfs", "/dev", "devtmpfs", NoSuid | NoExec, "mode=0755"},
		{"proc", "/proc", "proc", NoDev | NoSuid | NoExec, ""},
		{"sysfs", "/sys", "sysfs", NoDev | NoSuid | NoExec, ""},
		{"devpts", "/dev/pts", "devpts", NoSuid | NoExec, "mode=0620,ptmxmode=0666"},
		{"tmpfs", "/dev/shm", "tmpfs", NoDev | NoSuid | NoExec, "mode=1777,size=8m"},
		{"tmpfs", "/tmp", "tmpfs", NoDev | NoSuid | NoExec, "mode=1777,size=16m"},
		{"tmpfs", "/run", "tmpfs", NoDev | NoSuid | NoExec, "mode=0755,size=32m"},
	}
}

// Where the partitions are mounted, and where a perm that cannot be written lies beneath what is written in RAM.
const (
	Boot  = "/boot"
	Perm  = "/perm"
	Under = "/run/perm"
)

// BootFrom mounts the FAT partition at device, read-only.
func BootFrom(device string) Mount {
	return Mount{device, Boot, "vfat", Data | ReadOnly, "utf8=1"}
}

// PermFrom mounts the ext4 partition at device at target. A file system that finds itself damaged becomes read-only.
func PermFrom(device, target string) Mount {
	return Mount{device, target, "ext4", Data, "errors=remount-ro"}
}

// PermUnwritable is PermFrom for a card that takes no writes. With replay the journal is replayed, which the kernel does only
// where the device can be written; without it what the last power cut left is read as it is.
func PermUnwritable(device, target string, replay bool) Mount {
	m := PermFrom(device, target)
	m.Flags |= ReadOnly
	if !replay {
		m.Options += ",noload"
	}
	return m
}

// PermInRAM is perm where there is none: empty at every start.
func PermInRAM() Mount {
	return Mount{"tmpfs", Perm, "tmpfs", NoDev | NoSuid | NoExec, "mode=0755,size=16m"}
}

// Below is the file system in RAM that holds what is written over an unwritable perm, and that perm itself.
func Below() Mount {
	return Mount{"tmpfs", Under, "tmpfs", NoDev | NoSuid | NoExec, "mode=0755,size=16m"}
}

// Below's folders: what the card has, what is written over it, and the overlay's own.
const (
	Lower = Under + "/lower"
	Upper = Under + "/upper"
	Work  = Under + "/work"
)

// PermOver shows what the card has, with what is written since in RAM.
func PermOver() Mount {
	return Mount{"overlay", Perm, "overlay", Data, "lowerdir=" + Lower + ",upperdir=" + Upper + ",workdir=" + Work}
}

// Places is where the partitions are.
type Places struct {
	Boot []Place // FAT partitions, the one to mount at /boot first
	Perm Place   // empty: none
}

// Place is a partition by its number on the root's disk, or a device by its path.
type Place struct {
	Number int
	Path   string
}

// maxPartitions is what a disk of Linux can have (DISK_MAX_PARTS).
const maxPartitions = 256

// Parse reads the kernel's command line, which may say that partitions are elsewhere than usual. What is wrong with it is
// in the error, and absent.
func Parse(cmdline string, usual Places) (Places, error) {
	l := usual
	var wrong []error
	for _, word := range strings.Fields(cmdline) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "timeball.boot":
			l.Boot = nil
			for _, v := range strings.Split(value, ",") {
				p, err := parsePlace(v)
				if err != nil {
					wrong = append(wrong, fmt.Errorf("%s: %w", word, err))
					continue
				}
				l.Boot = append(l.Boot, p)
			}
		case "timeball.perm":
			p, err := parsePlace(value)
			if err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %w", word, err))
			}
			l.Perm = p
		}
	}
	return l, errors.Join(wrong...)
}

// parsePlace reads the number of a partition or the path of a device.
func parsePlace(text string) (Place, error) {
	if strings.HasPrefix(text, "/dev/") {
		return Place{Path: text}, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n >= maxPartitions {
		return Place{}, fmt.Errorf("%q: neither the number of a partition nor a device", text)
	}
	return Place{Number: n}, nil
}

// None reports whether no partition is named.
func (p Place) None() bool { return p == Place{} }

// Device returns the path of the device, given the kernel's name of the root's disk ("mmcblk0", "vda"; "" where root is on
// none), or "".
func (p Place) Device(disk string) string {
	switch {
	case p.Path != "":
		return p.Path
	case p.None() || disk == "":
		return ""
	}
	if last := disk[len(disk)-1]; last >= '0' && last <= '9' {
		disk += "p"
	}
	return "/dev/" + disk + strconv.Itoa(p.Number)
}
