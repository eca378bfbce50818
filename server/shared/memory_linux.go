package shared

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Create makes the memory: a file without a name (memfd) that nobody can make shorter or longer, and that no other user may
// open anew.
func Create() (*os.File, error) {
	fd, err := unix.MemfdCreate("timeball", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "shared page")
	if err := seal(fd); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func seal(fd int) error {
	if err := unix.Ftruncate(fd, Size); err != nil {
		return os.NewSyscallError("ftruncate", err)
	}
	if err := unix.Fchmod(fd, 0o600); err != nil {
		return os.NewSyscallError("fchmod", err)
	}
	_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	return os.NewSyscallError("fcntl F_ADD_SEALS", err)
}

// ReadOnly opens f once more, for who may only read it.
func ReadOnly(f *os.File) (*os.File, error) {
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
}

// MapWriter maps f for a Writer. The mapping lasts as long as the process.
func MapWriter(f *os.File) (*Page, error) { return mapped(f, unix.PROT_READ|unix.PROT_WRITE) }

// MapReader maps f for a Reader. The mapping lasts as long as the process.
func MapReader(f *os.File) (*Page, error) { return mapped(f, unix.PROT_READ) }

func mapped(f *os.File, protection int) (*Page, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("shared page: %w", err)
	}
	if info.Size() != Size { // reading behind the end would end the process
		return nil, fmt.Errorf("shared page: %d bytes, want %d", info.Size(), Size)
	}
	memory, err := unix.Mmap(int(f.Fd()), 0, Size, protection, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return &Page{unsafe.Slice((*uint64)(unsafe.Pointer(&memory[0])), Size/8)}, nil
}
