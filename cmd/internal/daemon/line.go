package daemon

import (
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"timeball/board"
	"timeball/board/store"
	"timeball/cmd/internal/appliance"
	"timeball/cmd/internal/config"
	"timeball/gnss/port"
	"timeball/gnss/receiver"
)

// lineName is the file in the state directory that has the line which worked.
const lineName = "receiver.json"

// addLines gives h the serial lines of the machine whose files are below root, as host finds them, and what is known of
// the receiver's.
func addLines(h *appliance.Hardware, host func() board.Info, cfg config.GNSS, u *appliance.Config, root fs.FS) {
	h.Wanted.Baud = cfg.Baud
	if cfg.Device != "auto" {
		h.Wanted.Port = cfg.Device
	}
	h.Ports = func() []string { return candidates(h.Wanted.Port, host().Serial) }
	consoles := consolesOf(root)
	h.OpenPort = func(path string, baud int) (appliance.Port, error) {
		if path != h.Wanted.Port && slices.Contains(consoles, filepath.Base(path)) {
			return nil, fmt.Errorf("%s is left to the kernel's console", filepath.Base(path))
		}
		return port.Open(path, baud)
	}
	if u.State != "" {
		h.Worked = recallLine(u.State, u.Log)
		h.KeepLine = func(f receiver.Found) {
			u.Log.Info("receiver found", "port", f.Port, "baud", f.Baud, "protocol", f.Protocol, "identity", f.Identity)
			if err := u.State.Save(lineName, f); err != nil {
				u.Log.Error("state not kept", "error", err)
			}
		}
	}
}

// recallLine returns what worked before the restart. A file that can't be read is reported and taken for absent.
func recallLine(dir store.Dir, log *slog.Logger) receiver.Found {
	f, _, ignored := store.Load[receiver.Found](dir, lineName, nil)
	if ignored != nil {
		log.Warn("the line that worked may not be known", "error", ignored)
	}
	return f
}

// candidates returns the lines a receiver may be at: the wanted one as it was named, then the others, each once and by
// the name of its device.
func candidates(wanted string, found []string) (ports []string) {
	if wanted != "" {
		ports = append(ports, wanted)
		wanted = device(wanted)
	}
	for _, p := range found {
		if p = device(p); p != wanted && !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
	}
	return ports
}

// device follows the links to a device, which may not be there.
func device(path string) string {
	if d, err := filepath.EvalSymlinks(path); err == nil {
		return d
	}
	return path
}

// consolesOf returns the names of the devices that are the kernel's consoles (sysfs, class/tty/console/active). A login
// prompt is usually on them too.
func consolesOf(root fs.FS) []string {
	b, err := fs.ReadFile(root, "sys/class/tty/console/active")
	if err != nil {
		return nil // a kernel without consoles
	}
	return strings.Fields(string(b))
}
