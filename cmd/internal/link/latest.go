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
	changes uint64
	changed chan struct{} // closed at the next change
}

func newLatest() *latest { return &latest{changed: make(chan struct{})} }

// set sets the value.
func (l *latest) set(value bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if value != l.value {
		l.value = value
		l.changes++
		close(l.changed)
		l.changed = make(chan struct{})
	}
}

// now returns the value.
func (l *latest) now() bool { value, _, _ := l.get(); return value }

// seen returns how often the value has changed.
func (l *latest) seen() uint64 { _, changes, _ := l.get(); return changes }

func (l *latest) get() (value bool, changes uint64, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.value, l.changes, l.changed
}

// wait waits until the value is true; false when ctx was done first.
func (l *latest) wait(ctx context.Context) bool {
	for ctx.Err() == nil {
		value, _, changed := l.get()
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

// change waits until the value has changed since seen, at most for patience, and reports whether it has: also when it changed
// before, and back. It brings seen up to date.
func (l *latest) change(ctx context.Context, seen *uint64, patience time.Duration) bool {
	_, changes, changed := l.get()
	if changes == *seen {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-changed:
			changes = l.seen()
		}
	}
	before := *seen
	*seen = changes
	return changes != before
}
