package boot

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/google/renameio/v2"

	"timeball/cmd/internal/link"
)

// Report is what process 1 tells the page, in /run/timeball/boot.json.
type Report struct {
	Version int    `json:"version"` // 1
	Slot    string `json:"slot"`    // A or B; "" = not started from a card
	Perm    string `json:"perm"`    // ok, read-only, full, missing, corrupt
	link.State
	Notices []string `json:"notices"` // sentences for people; [] = all is well
}

// report keeps the file up to date and wakes the console.
type report struct {
	path    string
	changed chan struct{}

	mu  sync.Mutex
	now Report
}

func newReport(path string) *report {
	return &report{path: path, changed: make(chan struct{}, 1), now: Report{Version: 1, Notices: []string{}}}
}

// maxNotices bounds what is told.
const maxNotices = 16

// note adds a sentence.
func (r *report) note(text string) {
	r.set(func(now *Report) {
		if !slices.Contains(now.Notices, text) && len(now.Notices) < maxNotices {
			now.Notices = append(slices.Clone(now.Notices), text)
		}
	})
}

// set changes the report and writes it.
func (r *report) set(change func(*Report)) {
	r.mu.Lock()
	change(&r.now)
	text, err := json.Marshal(r.now)
	if err == nil {
		// Before /run is mounted there is no place for it: the next change writes all.
		_ = renameio.WriteFile(r.path, append(text, '\n'), 0o644)
	}
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// get returns the report.
func (r *report) get() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// uptime returns what the kernel says of how long it has run.
func uptime() string {
	text, _ := os.ReadFile("/proc/uptime")
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
