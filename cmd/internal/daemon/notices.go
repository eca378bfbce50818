package daemon

import (
	"encoding/json"
	"os"
	"sync"
	"time"
)

// bootReport is where process 1 of the card writes what it has found wrong with the card, its settings and the network.
const bootReport = "/run/timeball/boot.json"

// notices reads what process 1 tells, anew when the file has changed. Elsewhere than on the card there is none.
type notices struct {
	path string

	mu      sync.Mutex
	changed time.Time
	texts   []string
}

func newNotices(path string) *notices { return &notices{path: path} }

// maxReport is the longest report that is read, in bytes.
const maxReport = 64 << 10

// now returns the sentences. A file that cannot be read tells nothing new.
func (n *notices) now() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	info, err := os.Stat(n.path)
	if err != nil || info.ModTime().Equal(n.changed) || info.Size() > maxReport {
		return n.texts
	}
	text, err := os.ReadFile(n.path)
	if err != nil {
		return n.texts
	}
	var report struct {
		Notices []string `json:"notices"`
	}
	if json.Unmarshal(text, &report) == nil {
		n.texts, n.changed = report.Notices, info.ModTime()
	}
	return n.texts
}

// hostname returns the machine's name at this moment, or "".
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}
