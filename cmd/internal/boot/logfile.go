package boot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// logFile keeps the last of what is written to it in two files in RAM: the newer under its name, the older with ".1". A
// flood costs time and no memory.
type logFile struct {
	mu   sync.Mutex
	path string
	size int64 // of one file at most
	f    *os.File
	has  int64
}

// Write writes whole to one of the files.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil || l.has+int64(len(p)) > l.size {
		if err := l.turn(); err != nil {
			return 0, err
		}
	}
	n, err := l.f.Write(p)
	l.has += int64(n)
	return n, err
}

// turn begins a new file.
func (l *logFile) turn() error {
	if l.f != nil {
		l.f.Close()
		l.f = nil
		if err := os.Rename(l.path, l.path+".1"); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	l.f, l.has = f, 0
	return nil
}

// slow hands lines to a device that may be slow or stuck, such as a serial console: at most perSecond of them, and none that
// would have to wait. What is left out is counted and told.
type slow struct {
	to        io.Writer
	perSecond int

	lines chan []byte
	mu    sync.Mutex
	since time.Time
	sent  int
	lost  int
}

// newSlow returns one that has started; it ends with the process.
func newSlow(to io.Writer, perSecond int) *slow {
	s := &slow{to: to, perSecond: perSecond, lines: make(chan []byte, 64)}
	go func() {
		for line := range s.lines {
			_, _ = s.to.Write(line)
		}
	}()
	return s
}

// Write never waits and never fails.
func (s *slow) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.since) >= time.Second {
		s.since, s.sent = now, 0
	}
	if s.sent >= s.perSecond {
		s.lost++
		return len(p), nil
	}
	line := bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))
	if s.lost > 0 {
		line = append(fmt.Appendf(nil, "... %d more, left out here\r\n", s.lost), line...)
	}
	select {
	case s.lines <- line:
		s.sent++
		s.lost = 0
	default:
		s.lost++
	}
	return len(p), nil
}

// both writes to all of them; one that fails keeps nothing from the others.
type both []io.Writer

func (b both) Write(p []byte) (int, error) {
	var failed error
	for _, w := range b {
		_, err := w.Write(p)
		failed = errors.Join(failed, err)
	}
	return len(p), failed
}
