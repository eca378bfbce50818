// Package image says how the card is laid out and holds the files on it that people read: what the boot loader is told, and
// what is on the partition that a PC shows. cmd/mkimage writes cards from it, init finds its partitions by it.
//
// A card has an MBR, whose partition numbers 1 to 3 are those that the boot loader of a Raspberry Pi knows:
//
//	1  TIMEBALL   FAT32     the boot selector (autoboot.txt), and the files that people put on the card; /boot
//	2  BOOT-A     FAT32     firmware, kernel, device trees, config.txt, cmdline.txt of slot A
//	3  BOOT-B     FAT32     the same of slot B
//	4             extended  holds the others
//	5             squashfs  root of slot A, read-only
//	6             squashfs  root of slot B
//	7  perm       ext4      what is kept: /perm
//
// Sizes are bytes. The layout does not change from one version to the next: an update replaces slots, not cards. A slot's
// command line names its root by PARTUUID, which is the disk signature and the partition's number.
//
// Sources: the Raspberry Pi documentation on autoboot.txt, config.txt and tryboot; the kernel's Documentation on root=.
package image

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed boot root
var files embed.FS

// Root returns the files of the root file system that are not programs.
func Root() fs.FS { return sub("root") }

// Boot returns the files for the boot loader and for people, by the names they have in the source.
func Boot() fs.FS { return sub("boot") }

func sub(dir string) fs.FS {
	s, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // dir is a constant
	}
	return s
}

// Slot is one of the two systems on a card.
type Slot uint8

// The slots. A is started unless autoboot.txt says otherwise.
const (
	A Slot = iota
	B
)

// String returns "A" or "B".
func (s Slot) String() string { return [...]string{"A", "B"}[s] }

// Boot returns the number of the slot's boot partition, Root that of its root.
func (s Slot) Boot() int { return BootA + int(s) }

// Root returns the number of the partition with the slot's root file system.
func (s Slot) Root() int { return RootA + int(s) }

// The numbers of the partitions.
const (
	Selector = 1
	BootA    = 2
	BootB    = 3
	Extended = 4
	RootA    = 5
	RootB    = 6
	Perm     = 7
)

// Signature is the disk signature of every card.
const Signature uint32 = 0x54424c31 // "TBL1"

// PARTUUID returns the name the kernel has for a partition of a card.
func PARTUUID(partition int) string { return fmt.Sprintf("%08x-%02x", Signature, partition) }

// MiB is 2^20 bytes.
const MiB int64 = 1 << 20

// Size is that of the image. QEMU's SD cards have to be a power of two.
const Size = 512 * MiB

// Partition is a part of the card.
type Partition struct {
	Number int
	Label  string // of its file system; "" = it has none
	Type   byte   // in the MBR
	Start  int64  // bytes from the card's begin
	Size   int64
}

// Types of partitions in an MBR.
const (
	typeExtended = 0x0f // addressed by LBA
	typeFAT32    = 0x0c // addressed by LBA; the boot ROM of a Pi 3 knows it
	typeLinux    = 0x83
)

// Partitions returns all partitions in the order of their numbers. FAT32 needs 65,525 clusters, 32 MiB at the least. A
// logical partition has its own table in the MiB before it.
func Partitions() []Partition {
	return []Partition{
		{Selector, "TIMEBALL", typeFAT32, 4 * MiB, 44 * MiB},
		{BootA, "BOOT-A", typeFAT32, 48 * MiB, 64 * MiB},
		{BootB, "BOOT-B", typeFAT32, 112 * MiB, 64 * MiB},
		{Extended, "", typeExtended, 176 * MiB, Size - 176*MiB},
		{RootA, "", typeLinux, 177 * MiB, 63 * MiB},
		{RootB, "", typeLinux, 241 * MiB, 63 * MiB},
		{Perm, "perm", typeLinux, 305 * MiB, Size - 305*MiB},
	}
}

// Find returns the partition of that number.
func Find(number int) Partition { return Partitions()[number-1] }

// Files of the root file system that process 1 knows.
const (
	Marker    = "etc/timeball-image" // says that this is a card: lines "version=..." and "build_unix=..."
	EmptyPerm = "share/perm.ext4.gz" // perm as it was delivered, for one that can't be mounted any more
)
