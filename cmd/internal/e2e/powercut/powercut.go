// Package powercut cuts the power of an emulated machine that saves its state, at any write, and looks at what is left.
//
// The machine's kernel and its ext4 are the card's. Each write and each flush of its disk is logged by QEMU
// (docs/system/qemu-block-drivers, blklogwrites); the disk is put together again as it may be at a moment: all that was
// flushed, and of the sectors written since then any. Its file system is repaired as a mount would, and the state read.
package powercut

// What guest and test agree on.
const (
	Name   = "clock.json" // of the state
	Values = 150          // that are saved
	Sector = 512          // bytes; the last one of the disk has the number of the last Value whose Save has returned
)

// Value is what is saved.
type Value struct {
	N       int
	Ballast string // makes the file longer or shorter
}
