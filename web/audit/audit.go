// Package audit keeps the record of who did what to a unit: a line of JSON for each deed, on disk before it is answered.
//
// A line has the UTC second where the unit knew it and always the seconds since the program began, so that lines can be
// put in order also when the clock was wrong. The file is bounded: when it has maxFile bytes it becomes the file before,
// and that one goes. What anyone may cause without an account (failed sign-ins) is counted beyond a rate instead of being
// written, so that nobody fills the card. A line that a power cut has torn is passed over. When a line can't be written,
// Write says so, once it is in memory: the caller logs it and goes on.
package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"timeball/web/kept"
)

// The files.
const (
	FileName = "audit.jsonl"
	before   = "audit.1.jsonl"
)

const (
	maxFile  = 256 << 10 // bytes
	maxShown = 500       // lines in memory
	maxText  = 500       // bytes of one text

	// Lines that need no account.
	burst  = 30
	refill = time.Minute
)

// Entry is one deed.
type Entry struct {
	UnixSeconds   *int64  `json:"utc_unix_seconds"` // null = the unit did not know the time
	UptimeSeconds float64 `json:"uptime_seconds"`
	By            string  `json:"by"`             // account or token; "" = nobody is signed in, or the unit itself
	From          string  `json:"from,omitempty"` // address
	What          string  `json:"what"`           // sign-in, config-apply, ...: stable
	OK            bool    `json:"ok"`
	Text          string  `json:"text,omitempty"`
	Uncounted     int     `json:"not_written_before,omitempty"` // lines that were left out before this one

	// Anyones is set where no account was needed to cause this: such lines are bounded in rate.
	Anyones bool `json:"-"`
}

// Log is the record. Its methods may be called from any goroutine.
type Log struct {
	dir   string // "" = in memory only
	began time.Time

	mu      sync.Mutex
	last    []Entry // the newest at the end
	size    int64
	file    *os.File // nil: none, or none that can be written
	tokens  int
	filled  time.Time
	dropped int
}

// Open opens the record in dir; "" keeps none. The Log can be used also when there is an error.
func Open(dir string) (*Log, error) {
	now := time.Now()
	l := &Log{dir: dir, began: now, tokens: burst, filled: now}
	if dir == "" {
		return l, nil
	}
	var found error
	for _, name := range []string{before, FileName} {
		if err := l.recall(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			found = errors.Join(found, err)
		}
	}
	return l, errors.Join(found, l.open())
}

// recall reads the lines of a file into memory.
func (l *Log) recall(path string) error {
	data, err := kept.Read(path)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(data) {
		var e Entry
		if json.Unmarshal(line, &e) == nil && e.What != "" {
			l.remember(e)
		}
	}
	return nil
}

func (l *Log) remember(e Entry) {
	l.last = append(l.last, e)
	if len(l.last) > 2*maxShown {
		l.last = append([]Entry(nil), l.last[len(l.last)-maxShown:]...)
	}
}

// open opens the file for what follows, on a line of its own.
func (l *Log) open() error {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(l.dir, FileName), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	l.file, l.size = f, info.Size()
	end := make([]byte, 1)
	if l.size > 0 {
		if _, err := f.ReadAt(end, l.size-1); err != nil || end[0] != '\n' {
			l.size++
			_, err = f.Write([]byte{'\n'})
			return err
		}
		return nil
	}
	return kept.Sync(l.dir)
}

// Write adds an entry and makes it durable. utc is the second of the unit's clock, nil while it is not known.
func (l *Log) Write(utc *int64, e Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Anyones && !l.take() {
		l.dropped++
		return nil
	}
	e.UnixSeconds, e.UptimeSeconds = utc, time.Since(l.began).Seconds()
	e.Uncounted, l.dropped = l.dropped, 0
	e.By, e.From, e.What, e.Text = cut(e.By), cut(e.From), cut(e.What), cut(e.Text)
	l.remember(e)
	if l.dir == "" {
		return nil
	}
	line, err := json.Marshal(e)
	if err == nil {
		err = l.append(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("audit: %s of %q: %w", e.What, e.By, err)
	}
	return nil
}

func cut(text string) string {
	if len(text) > maxText {
		return text[:maxText]
	}
	return text
}

// take reports whether another line of anyone may be written.
func (l *Log) take() bool {
	if more := int(time.Since(l.filled) / refill); more > 0 {
		l.tokens = min(burst, l.tokens+more)
		l.filled = l.filled.Add(time.Duration(more) * refill)
	}
	if l.tokens == 0 {
		return false
	}
	l.tokens--
	return true
}

func (l *Log) append(line []byte) error {
	if l.file == nil {
		if err := l.open(); err != nil { // it may be there now
			return err
		}
	}
	if l.size+int64(len(line)) > maxFile {
		if err := l.turn(); err != nil {
			return err
		}
	}
	n, err := l.file.Write(line)
	l.size += int64(n)
	return errors.Join(err, l.file.Sync())
}

// turn makes the file the file before and begins a new one.
func (l *Log) turn() error {
	l.file.Close()
	l.file = nil
	if err := os.Rename(filepath.Join(l.dir, FileName), filepath.Join(l.dir, before)); err != nil {
		return err
	}
	return l.open()
}

// Newest returns up to n entries, the newest first.
func (l *Log) Newest(n int) []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	var newest []Entry
	for i := len(l.last) - 1; i >= 0 && len(newest) < min(n, maxShown); i-- {
		newest = append(newest, l.last[i])
	}
	return newest
}

// Close closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
