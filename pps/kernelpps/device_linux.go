package kernelpps

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"timeball/pps/clock"
)

// The bits of include/uapi/linux/pps.h that are used.
const (
	captureAssert = 0x01
	captureClear  = 0x02
	canWait       = 0x100
	apiVersion    = 1
)

// ioctlFunc is ioctl(2) on the device with a pointer to what the request takes.
type ioctlFunc func(request uint, arg unsafe.Pointer) error

// Open opens the device of c, which must be valid. read reads CLOCK_REALTIME and CLOCK_MONOTONIC, for the Source alone.
func Open(c Config, read func() (clock.Reading, error)) (*Source, error) {
	f, err := os.OpenFile(c.Device, os.O_RDWR, 0)
	if err != nil {
		return nil, openError(err)
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	ioctl := func(request uint, arg unsafe.Pointer) (err error) {
		return errors.Join(raw.Control(func(fd uintptr) {
			if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, uintptr(request), uintptr(arg)); errno != 0 {
				err = errno
			}
		}), err)
	}
	d := &kernelDevice{f, c.Device, c.Edge == "falling", ioctl}
	if err := d.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", c.Device, err), f.Close())
	}
	s, err := start(d, c.Device+map[bool]string{false: " assert", true: " clear"}[d.clear], read)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// openError says what is missing to open the device.
func openError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w (is the kernel's pps driver loaded and its line configured?)", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (needs root or the group that owns it)", err)
	}
	return err
}

// kernelDevice is a device of the kernel.
type kernelDevice struct {
	file  *os.File
	path  string
	clear bool // the end of the pulse marks the second
	ioctl ioctlFunc
}

// capture returns the bit of the wanted edge.
func (d *kernelDevice) capture() int32 {
	if d.clear {
		return captureClear
	}
	return captureAssert
}

// prepare makes the device capture the wanted edge, beside what it captures for others.
func (d *kernelDevice) prepare() error {
	var capable int32
	if err := d.ioctl(unix.PPS_GETCAP, unsafe.Pointer(&capable)); err != nil {
		return fmt.Errorf("PPS_GETCAP: %w (no device of the PPS API)", err)
	}
	if want := d.capture(); capable&want == 0 {
		return fmt.Errorf("it can't capture the edge of [pps] edge: capabilities %#x", capable)
	}
	if capable&canWait == 0 {
		return fmt.Errorf("it can't wait for an event: capabilities %#x", capable)
	}
	var p unix.PPSKParams
	if err := d.ioctl(unix.PPS_GETPARAMS, unsafe.Pointer(&p)); err != nil {
		return fmt.Errorf("PPS_GETPARAMS: %w", err)
	}
	if p.Mode&d.capture() != 0 {
		return nil
	}
	p.Api_version, p.Mode = apiVersion, p.Mode|d.capture()
	if err := d.ioctl(unix.PPS_SETPARAMS, unsafe.Pointer(&p)); err != nil {
		return fmt.Errorf("PPS_SETPARAMS: %w (needs CAP_SYS_TIME)", err)
	}
	return nil
}

// fetch implements device. The kernel says ETIMEDOUT when nothing came.
func (d *kernelDevice) fetch() (Stamp, error) {
	data := unix.PPSFData{Timeout: unix.PPSKTime{Sec: int64(Wait.Seconds()), Nsec: int32(Wait.Nanoseconds() % 1e9)}}
	err := d.ioctl(unix.PPS_FETCH, unsafe.Pointer(&data))
	if errors.Is(err, unix.ETIMEDOUT) || errors.Is(err, unix.EINTR) {
		data.Timeout = unix.PPSKTime{} // what there is, without waiting
		err = d.ioctl(unix.PPS_FETCH, unsafe.Pointer(&data))
	}
	if err != nil {
		return Stamp{}, fmt.Errorf("PPS_FETCH: %w", err)
	}
	return d.stampOf(&data.Info), nil
}

// stampOf returns the last event of the wanted edge.
func (d *kernelDevice) stampOf(i *unix.PPSKInfo) Stamp {
	sequence, t := i.Assert_sequence, i.Assert_tu
	if d.clear {
		sequence, t = i.Clear_sequence, i.Clear_tu
	}
	return Stamp{Sequence: sequence, At: clock.Real(t.Sec*1e9 + int64(t.Nsec))}
}

// present implements device. A device that was taken away, or is another one by now, lets its waits time out for ever.
func (d *kernelDevice) present() error {
	now, err := os.Stat(d.path)
	if err != nil {
		return err
	}
	opened, err := d.file.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(now, opened) {
		return fmt.Errorf("%s: another device has its name", d.path)
	}
	return nil
}

// Close implements device.
func (d *kernelDevice) Close() error { return d.file.Close() }
