package daemon

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"timeball/cmd/internal/config"
)

func TestPulseIsWhereItIsConfigured(t *testing.T) {
	kernel := config.Default().PPS
	kernel.Source, kernel.Device = "kernel", "/dev/pps-absent"
	if got := pulseAt(kernel); got != kernel.Device {
		t.Errorf("pulseAt = %q, want the device", got)
	}
	if _, err := openPulse(kernel); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "/dev/pps-absent") {
		t.Errorf("openPulse of the kernel's device: %v", err)
	}
	gpio := config.Default().PPS
	gpio.Device, gpio.Chip = "/dev/pps-absent", "gpiochip-absent"
	if got := pulseAt(gpio); got != "GPIO 18" {
		t.Errorf("pulseAt = %q, want GPIO 18", got)
	}
	if _, err := openPulse(gpio); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "gpiochip-absent") {
		t.Errorf("openPulse of a GPIO line: %v", err)
	}
}
