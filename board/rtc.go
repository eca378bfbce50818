package board

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoRTC is what FindRTC returns where the kernel has no real-time clock.
var ErrNoRTC = errors.New("no real-time clock")

// RTC is a real-time clock of the kernel (Documentation/ABI/testing/sysfs-class-rtc), which counts seconds of UTC on its
// battery.
type RTC struct {
	Name string // the driver's: "rpi_rtc", "rtc-ds1307 1-0068", "rtc-pl031 9010000.pl031"

	root   fs.FS
	dir    string
	device string
	set    func(device string, t *unix.RTCTime) error
}

// FindRTC returns the clock below root from which the kernel took its time at the start; where it took it from none, the
// first one.
func FindRTC(root fs.FS) (*RTC, error) {
	dirs, err := fs.Glob(root, "sys/class/rtc/rtc*")
	if err != nil || len(dirs) == 0 {
		return nil, fmt.Errorf("/sys/class/rtc: %w", ErrNoRTC)
	}
	chosen := dirs[0]
	for _, dir := range dirs {
		if from, err := fs.ReadFile(root, dir+"/hctosys"); err == nil && strings.TrimSpace(string(from)) == "1" {
			chosen = dir
			break
		}
	}
	r := &RTC{Name: path.Base(chosen), root: root, dir: chosen, device: "/dev/" + path.Base(chosen), set: setRTC}
	if name, err := fs.ReadFile(root, chosen+"/name"); err == nil {
		r.Name = strings.TrimSpace(string(name))
	}
	return r, nil
}

// Read returns the second it shows, since 1970. The kernel refuses (EINVAL) where the clock says that it has lost its
// time.
func (r *RTC) Read() (int64, error) {
	b, err := fs.ReadFile(r.root, r.dir+"/since_epoch")
	if errors.Is(err, unix.EINVAL) {
		return 0, fmt.Errorf("rtc %s: it has lost its time", r.Name)
	}
	if err != nil {
		return 0, fmt.Errorf("rtc %s: %w", r.Name, err)
	}
	text := strings.TrimSpace(string(b))
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("rtc %s: %.20q is no second", r.Name, text)
	}
	return n, nil
}

// Set makes it show a second now (RTC_SET_TIME of rtc(4), which needs CAP_SYS_TIME).
func (r *RTC) Set(second int64) error {
	if err := r.set(r.device, broken(second)); err != nil {
		return fmt.Errorf("set rtc %s: %w", r.Name, err)
	}
	return nil
}

// broken returns a second as the kernel wants it: struct rtc_time has the years since 1900 and the months from 0.
func broken(second int64) *unix.RTCTime {
	t := time.Unix(second, 0).UTC()
	return &unix.RTCTime{
		Sec: int32(t.Second()), Min: int32(t.Minute()), Hour: int32(t.Hour()),
		Mday: int32(t.Day()), Mon: int32(t.Month()) - 1, Year: int32(t.Year()) - 1900,
		Wday: int32(t.Weekday()), Yday: int32(t.YearDay()) - 1,
	}
}

func setRTC(device string, t *unix.RTCTime) error {
	f, err := os.Open(device)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.IoctlSetRTCTime(int(f.Fd()), t)
}
