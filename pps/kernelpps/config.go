package kernelpps

import (
	"fmt"
	"path"
	"strings"
)

// Config says which device has the pulse, and which of its edges marks the second.
type Config struct {
	Device string // "/dev/pps0", or a link to one
	Edge   string // "rising": the kernel's assert; "falling": its clear
}

// CheckDevice returns what is wrong with the name of a device.
func CheckDevice(device string) error {
	if !strings.HasPrefix(device, "/dev/") || path.Clean(device) != device || strings.ContainsRune(device, 0) {
		return fmt.Errorf("%q: no device of /dev", device)
	}
	return nil
}
