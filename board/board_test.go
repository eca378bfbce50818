package board

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func file(content string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(content)} }

func TestDetect(t *testing.T) {
	pi5 := Latency{Bias: 13.5e-6, HalfRange: 6.5e-6}
	pi4 := Latency{Bias: 6e-6, HalfRange: 4e-6}
	unknown := Latency{Bias: 25e-6, HalfRange: 25e-6}
	tests := []struct {
		name string
		root fstest.MapFS
		want Info
	}{
		{"nothing", fstest.MapFS{}, Info{Family: Unknown, Latency: unknown}},
		{
			"Pi 5",
			fstest.MapFS{
				"proc/device-tree/model":      file("Raspberry Pi 5 Model B Rev 1.0\x00"),
				"proc/device-tree/compatible": file("raspberrypi,5-model-b\x00brcm,bcm2712\x00"),
				"dev/gpiochip0":               file(""),
				"dev/gpiochip10":              file(""),
				"dev/gpiochip4":               file(""),
				"dev/ttyAMA0":                 file(""),
				"dev/ttyAMA10":                file(""),
			},
			Info{
				Model: "Raspberry Pi 5 Model B Rev 1.0", Family: Pi5, Latency: pi5,
				GPIOChips: []string{"/dev/gpiochip0", "/dev/gpiochip4", "/dev/gpiochip10"},
				Serial:    []string{"/dev/ttyAMA0", "/dev/ttyAMA10"},
			},
		},
		{
			"CM5 by its model alone",
			fstest.MapFS{"proc/device-tree/model": file("Raspberry Pi Compute Module 5 Rev 1.0\x00")},
			Info{Model: "Raspberry Pi Compute Module 5 Rev 1.0", Family: Pi5, Latency: pi5},
		},
		{
			"a board of another maker with the Pi 5's chip",
			fstest.MapFS{
				"proc/device-tree/model":      file("Carrier\x00"),
				"proc/device-tree/compatible": file("maker,carrier\x00brcm,bcm2712\x00"),
			},
			Info{Model: "Carrier", Family: Pi5, Latency: pi5},
		},
		{
			"Pi 4 with links, USB and a kernel pulse",
			fstest.MapFS{
				"proc/device-tree/model":      file("Raspberry Pi 4 Model B Rev 1.4\x00"),
				"proc/device-tree/compatible": file("raspberrypi,4-model-b\x00brcm,bcm2711\x00"),
				"dev/pps0":                    file(""),
				"dev/ttyUSB0":                 file(""),
				"dev/ttyACM0":                 file(""),
				"dev/serial0":                 file(""),
				"dev/ttyAMA0":                 file(""),
			},
			Info{
				Model: "Raspberry Pi 4 Model B Rev 1.4", Family: Pi4, Latency: pi4,
				PPS:    []string{"/dev/pps0"},
				Serial: []string{"/dev/serial0", "/dev/ttyAMA0", "/dev/ttyACM0", "/dev/ttyUSB0"},
			},
		},
		{
			"Zero 2 W",
			fstest.MapFS{"proc/device-tree/model": file("Raspberry Pi Zero 2 W Rev 1.0\x00")},
			Info{Model: "Raspberry Pi Zero 2 W Rev 1.0", Family: Raspberry, Latency: pi4},
		},
		{
			"QEMU's virt",
			fstest.MapFS{
				"proc/device-tree/model":      file("linux,dummy-virt\x00"),
				"proc/device-tree/compatible": file("linux,dummy-virt\x00"),
				"dev/gpiochip0":               file(""),
			},
			Info{Model: "linux,dummy-virt", Family: Unknown, Latency: unknown, GPIOChips: []string{"/dev/gpiochip0"}},
		},
		{
			"PC with one real port of four names",
			fstest.MapFS{
				"dev/ttyS0":                 file(""),
				"dev/ttyS1":                 file(""),
				"dev/ttyS2":                 file(""),
				"sys/class/tty/ttyS0/type":  file("4\n"),
				"sys/class/tty/ttyS1/type":  file("0\n"),
				"sys/class/tty/ttyS2/other": file(""),
			},
			Info{Family: Unknown, Latency: unknown, Serial: []string{"/dev/ttyS0", "/dev/ttyS2"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Detect(tt.root)
			if diff := cmp.Diff(tt.want, got, near); diff != "" {
				t.Errorf("Detect (-want +got):\n%s", diff)
			}
			if want := len(tt.want.GPIOChips)+len(tt.want.PPS)+len(tt.want.Serial) > 0; got.Attachable() != want {
				t.Errorf("Attachable() = %v, want %v", got.Attachable(), want)
			}
		})
	}
}

// near compares seconds to a picosecond.
var near = cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-12 })

func TestDetectIgnoresDanglingLink(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "dev"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("ttyAMA0", filepath.Join(root, "dev", "serial0")); err != nil {
		t.Fatal(err)
	}
	if got := Detect(os.DirFS(root)); got.Attachable() {
		t.Errorf("Detect = %+v, want nothing: serial0 leads nowhere", got)
	}
}

func TestHostIsDetected(t *testing.T) {
	got, want := Host(), Detect(os.DirFS("/"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("periph and the device tree disagree (-tree +periph):\n%s", diff)
	}
}

func TestEveryFamilyHasALatency(t *testing.T) {
	for _, f := range []Family{Unknown, Pi5, Pi4, Raspberry} {
		if l := latencies[f]; l.HalfRange <= 0 || l.Bias < l.HalfRange {
			t.Errorf("%s: %+v, want a range of positive latencies", f, l)
		}
	}
}
