//go:build linux && arm64

package main

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The PL061 of QEMU's virt machine (hw/arm/virt.c) and its registers (ARM DDI 0190B, 3.2).
const (
	chipAddress = 0x09030000
	chipSize    = 0x1000
	registerDir = 0x400
)

// pulseLine is an input of the GPIO chip that is moved from inside. The chip takes the level of a line that is an input from
// what was written to it while it was an output: the write that makes it an input again is the edge.
type pulseLine struct {
	registers []byte
	bit       uint32
}

func openLine(line int) (*pulseLine, error) {
	f, err := os.OpenFile("/dev/mem", os.O_RDWR|unix.O_SYNC, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := unix.Mmap(int(f.Fd()), chipAddress, chipSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the gpio chip: %w", err)
	}
	return &pulseLine{m, 1 << line}, nil
}

func (l *pulseLine) register(offset uint32) *uint32 {
	return (*uint32)(unsafe.Pointer(&l.registers[offset]))
}

// prepare sets what the line will be once it is let go. Address bits 9 to 2 are the mask of the lines that a write to the
// data register is for.
func (l *pulseLine) prepare(high bool) {
	dir := l.register(registerDir)
	atomic.StoreUint32(dir, atomic.LoadUint32(dir)|l.bit)
	level := uint32(0)
	if high {
		level = l.bit
	}
	atomic.StoreUint32(l.register(l.bit<<2), level)
}

// release lets the line take its level.
func (l *pulseLine) release() {
	dir := l.register(registerDir)
	atomic.StoreUint32(dir, atomic.LoadUint32(dir)&^l.bit)
}
