package kernelpps

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"timeball/pps/clock"
)

// The interface's numbers, as include/uapi/linux/pps.h and asm-generic/ioctl.h make them: 2 bits of direction, 14 of size,
// which is that of a pointer here, 8 of 'p', 8 of number. Offsets are those of the structures without the compat form.
func TestInterfaceIsTheKernels(t *testing.T) {
	const read, write = 2, 1
	number := func(direction, nr uint) uint {
		return direction<<30 | uint(unsafe.Sizeof(uintptr(0)))<<16 | 'p'<<8 | nr
	}
	var data unix.PPSFData
	var params unix.PPSKParams
	word := unsafe.Alignof(uint64(0)) // kinfo ends with an int and is padded to 64 bits where those are aligned so
	for _, tt := range []struct {
		name      string
		got, want uint
	}{
		{"PPS_GETPARAMS", unix.PPS_GETPARAMS, number(read, 0xa1)},
		{"PPS_SETPARAMS", unix.PPS_SETPARAMS, number(write, 0xa2)},
		{"PPS_GETCAP", unix.PPS_GETCAP, number(read, 0xa3)},
		{"PPS_FETCH", unix.PPS_FETCH, number(read|write, 0xa4)},
		{"clear_sequence", uint(unsafe.Offsetof(data.Info.Clear_sequence)), 4},
		{"assert_tu", uint(unsafe.Offsetof(data.Info.Assert_tu)), 8},
		{"nsec", uint(unsafe.Offsetof(data.Timeout.Nsec)), 8},
		{"flags", uint(unsafe.Offsetof(data.Timeout.Flags)), 12},
		{"clear_tu", uint(unsafe.Offsetof(data.Info.Clear_tu)), 24},
		{"current_mode", uint(unsafe.Offsetof(data.Info.Current_mode)), 40},
		{"timeout", uint(unsafe.Offsetof(data.Timeout)), uint((44 + word - 1) / word * word)},
		{"mode", uint(unsafe.Offsetof(params.Mode)), 4},
		{"assert_off_tu", uint(unsafe.Offsetof(params.Assert_off_tu)), 8},
		{"pps_kparams", uint(unsafe.Sizeof(params)), 40},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %#x, want %#x", tt.name, tt.got, tt.want)
		}
	}
}

// kernel answers like drivers/pps/pps.c.
type kernel struct {
	capable, mode int32
	info          unix.PPSKInfo
	silence       error // what a wait ends with; nil: an event
	set           int   // how often its parameters were
	err           error
	asked         []unix.PPSKTime
}

func (k *kernel) ioctl(request uint, arg unsafe.Pointer) error {
	switch request {
	case unix.PPS_GETCAP:
		*(*int32)(arg) = k.capable
	case unix.PPS_GETPARAMS:
		(*unix.PPSKParams)(arg).Mode = k.mode
	case unix.PPS_SETPARAMS:
		p := (*unix.PPSKParams)(arg)
		if p.Mode&^k.capable != 0 || p.Api_version != 1 {
			return unix.EINVAL
		}
		k.mode = p.Mode
		k.set++
	case unix.PPS_FETCH:
		data := (*unix.PPSFData)(arg)
		k.asked = append(k.asked, data.Timeout)
		if data.Timeout != (unix.PPSKTime{}) && k.silence != nil {
			return k.silence
		}
		data.Info = k.info
	}
	return k.err
}

func TestPrepare(t *testing.T) {
	const both, fine = captureAssert | captureClear, canWait
	for _, tt := range []struct {
		name          string
		clear         bool
		capable, mode int32
		err           error
		wantMode      int32
		want          string
	}{
		{"already captured", false, both | fine, captureAssert, nil, captureAssert, ""},
		{"switched on beside the other", true, both | fine, captureAssert, nil, both, ""},
		{"not capable", true, captureAssert | fine, captureAssert, nil, captureAssert, "it can't capture the edge of [pps] edge: capabilities 0x101"},
		{"no waiting", false, both, both, nil, both, "it can't wait for an event: capabilities 0x3"},
		{"no such device", false, 0, 0, unix.ENOTTY, 0, "PPS_GETCAP: inappropriate ioctl for device (no device of the PPS API)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := &kernel{capable: tt.capable, mode: tt.mode, err: tt.err}
			err := (&kernelDevice{clear: tt.clear, ioctl: k.ioctl}).prepare()
			if got := errorText(err); got != tt.want || k.mode != tt.wantMode || (k.set > 0) != (tt.mode != tt.wantMode) {
				t.Errorf("prepare: %q, mode %#x, set %d times, want %q, %#x", got, k.mode, k.set, tt.want, tt.wantMode)
			}
		})
	}
}

func TestFetch(t *testing.T) {
	info := unix.PPSKInfo{
		Assert_sequence: 5, Assert_tu: unix.PPSKTime{Sec: 1_790_000_000, Nsec: 123},
		Clear_sequence: 6, Clear_tu: unix.PPSKTime{Sec: 1_790_000_001, Nsec: 999_999_999},
	}
	for _, tt := range []struct {
		name    string
		clear   bool
		silence error
		want    Stamp
	}{
		{"assert", false, nil, Stamp{5, 1_790_000_000e9 + 123}},
		{"clear", true, nil, Stamp{6, 1_790_000_001_999_999_999}},
		{"silence is what was last", false, unix.ETIMEDOUT, Stamp{5, 1_790_000_000e9 + 123}},
		{"so is a wait that a signal ended", false, unix.EINTR, Stamp{5, 1_790_000_000e9 + 123}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := &kernel{info: info, silence: tt.silence}
			got, err := (&kernelDevice{clear: tt.clear, ioctl: k.ioctl}).fetch()
			if got != tt.want || err != nil {
				t.Errorf("fetch = %+v, %v, want %+v", got, err, tt.want)
			}
			if k.asked[0] != (unix.PPSKTime{Nsec: 500_000_000}) {
				t.Errorf("waits for %+v, want half a second", k.asked[0])
			}
		})
	}
	if _, err := (&kernelDevice{ioctl: (&kernel{err: unix.EIO}).ioctl}).fetch(); !errors.Is(err, unix.EIO) {
		t.Errorf("fetch: %v, want EIO", err)
	}
}

func TestDeviceIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pps0")
	plug := func() *os.File {
		f, err := os.CreateTemp(filepath.Dir(path), "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		if err := os.Rename(f.Name(), path); err != nil {
			t.Fatal(err)
		}
		return f
	}
	d := &kernelDevice{file: plug(), path: path}
	if err := d.present(); err != nil {
		t.Errorf("present: %v", err)
	}
	plug()
	if err := d.present(); err == nil || !strings.Contains(err.Error(), "another device has its name") {
		t.Errorf("present after another took its name: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := d.present(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("present after it was taken away: %v, want ErrNotExist", err)
	}
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	read := func() (clock.Reading, error) { return clock.Reading{}, nil }
	_, err := Open(Config{Device: "/dev/pps-absent", Edge: "rising"}, read)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "pps driver") {
		t.Errorf("absent: %v", err)
	}
	_, err = Open(Config{Device: "/dev/null", Edge: "rising"}, read)
	if !errors.Is(err, unix.ENOTTY) || !strings.Contains(err.Error(), "/dev/null: PPS_GETCAP") {
		t.Errorf("/dev/null: %v", err)
	}
}

func TestCheckDevice(t *testing.T) {
	for device, want := range map[string]string{
		"/dev/pps0":     "",
		"/dev/gnss/pps": "",
		"pps0":          `"pps0": no device of /dev`,
		"/dev/../pps0":  `"/dev/../pps0": no device of /dev`,
		"/tmp/pps0":     `"/tmp/pps0": no device of /dev`,
		"":              `"": no device of /dev`,
	} {
		if got := errorText(CheckDevice(device)); got != want {
			t.Errorf("CheckDevice(%q) = %q, want %q", device, got, want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
