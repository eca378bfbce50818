package board

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// The files are those of Linux 6.12; no one has run this on a board's own clock yet.
func TestFindRTC(t *testing.T) {
	for _, tt := range []struct {
		name         string
		root         fstest.MapFS
		want, device string
	}{
		{
			"Pi 5",
			fstest.MapFS{"sys/class/rtc/rtc0/name": file("rpi_rtc soc:rpi_rtc\n"), "sys/class/rtc/rtc0/hctosys": file("1\n")},
			"rpi_rtc soc:rpi_rtc", "/dev/rtc0",
		},
		{
			"the one the kernel took its time from",
			fstest.MapFS{
				"sys/class/rtc/rtc0/name": file("rpi_rtc\n"), "sys/class/rtc/rtc0/hctosys": file("0\n"),
				"sys/class/rtc/rtc1/name": file("rtc-ds1307 1-0068\n"), "sys/class/rtc/rtc1/hctosys": file("1\n"),
			},
			"rtc-ds1307 1-0068", "/dev/rtc1",
		},
		{"one without a name", fstest.MapFS{"sys/class/rtc/rtc0/since_epoch": file("1\n")}, "rtc0", "/dev/rtc0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := FindRTC(tt.root)
			if err != nil || r.Name != tt.want || r.device != tt.device {
				t.Errorf("FindRTC = %+v, %v, want %s at %s", r, err, tt.want, tt.device)
			}
		})
	}
	if r, err := FindRTC(fstest.MapFS{}); !errors.Is(err, ErrNoRTC) {
		t.Errorf("FindRTC without any = %+v, %v", r, err)
	}
}

// lost is a file system in which every file can be opened and none read, as the kernel has it for a clock without time.
type lost struct{ fs.FS }

func (lost) ReadFile(name string) ([]byte, error) {
	return nil, &fs.PathError{Op: "read", Path: name, Err: unix.EINVAL}
}

func TestRTCRead(t *testing.T) {
	root := fstest.MapFS{"sys/class/rtc/rtc0/since_epoch": file("1794000000\n")}
	r, err := FindRTC(root)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Read(); got != 1794000000 || err != nil {
		t.Errorf("Read = %d, %v", got, err)
	}
	for content, want := range map[string]string{"": `"" is no second`, "soon": `"soon" is no second`} {
		root["sys/class/rtc/rtc0/since_epoch"] = file(content)
		if got, err := r.Read(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Read of %q = %d, %v", content, got, err)
		}
	}
	delete(root, "sys/class/rtc/rtc0/since_epoch")
	if got, err := r.Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read without a file = %d, %v", got, err)
	}
	r.root = lost{root}
	if got, err := r.Read(); err == nil || !strings.Contains(err.Error(), "lost its time") {
		t.Errorf("Read of a clock without time = %d, %v", got, err)
	}
}

func TestRTCSet(t *testing.T) {
	r, err := FindRTC(fstest.MapFS{"sys/class/rtc/rtc0/name": file("rtc-pl031\n")})
	if err != nil {
		t.Fatal(err)
	}
	var device string
	var got unix.RTCTime
	r.set = func(d string, t *unix.RTCTime) error { device, got = d, *t; return nil }
	if err := r.Set(1709164799); err != nil { // 2024-02-28T23:59:59Z, a Wednesday, the 59th day
		t.Error(err)
	}
	want := unix.RTCTime{Sec: 59, Min: 59, Hour: 23, Mday: 28, Mon: 1, Year: 124, Wday: 3, Yday: 58}
	if diff := cmp.Diff(want, got); diff != "" || device != "/dev/rtc0" {
		t.Errorf("%s is set to (-want +got):\n%s", device, diff)
	}
	r.set, r.device = setRTC, "/dev/null"
	if err := r.Set(1709164799); !errors.Is(err, unix.ENOTTY) {
		t.Errorf("what is no clock is set: %v", err)
	}
}
