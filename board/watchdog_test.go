package board

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestWatchdogRefusesWhatIsNone(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, device string
		timeout      time.Duration
		want         error
	}{
		{"absent", filepath.Join(dir, "absent"), 15 * time.Second, fs.ErrNotExist},
		{"a file", plain, 15 * time.Second, unix.ENOTTY},
		{"too short", plain, 999 * time.Millisecond, nil},
		{"longer than the timer", plain, 16 * time.Second, nil},
	} {
		w, err := OpenWatchdog(tt.device, tt.timeout)
		if err == nil || w != nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, %v, want %v", tt.name, w, err, tt.want)
		}
	}
}

func TestWatchdogIsFedAndStopped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "watchdog")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	fed := 0
	w := &Watchdog{file: f, feed: func(fd int) error {
		if fd != int(f.Fd()) {
			t.Errorf("fed %d", fd)
		}
		if fed++; fed == 2 {
			return unix.EIO
		}
		return nil
	}}
	if err := w.Feed(); err != nil {
		t.Error(err)
	}
	if err := w.Feed(); !errors.Is(err, unix.EIO) {
		t.Errorf("Feed = %v, want EIO", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "V" {
		t.Errorf("stopped with %q, %v, want the magic V", b, err)
	}
}
