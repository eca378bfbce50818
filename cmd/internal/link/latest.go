package link

import (
	"context"
	"sync"
	"time"
)

// latest is whether there is a carrier, for somebody who waits for that to change.
type latest struct {
	mu      sync.Mutex
	value   bool
	changed chan struct{} // closed at the next change
}

func newLatest() *latest { return &latest{changed: make(chan struct{})} }

// set sets the value.
func (l *latest) set(value bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if value != l.value {
		l.value = value
		close(l.changed)
		l.changed = make(chan struct{})
	}
}

// now returns the value.
func (l *latest) now() bool { value, _ := l.get(); return value }

func (l *latest) get() (bool, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.value, l.changed
}

// wait waits until the value is true; false when ctx was done first.
func (l *latest) wait(ctx context.Context) bool {
	for ctx.Err() == nil {
		value, changed := l.get()
		if value {
			return true
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
	return false
}

// change waits for a change, at most for patience, and reports whether there was one.
func (l *latest) change(ctx context.Context, patience time.Duration) bool {
	_, changed := l.get()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
		return true
	case <-timer.C:
	}
	return false
}
