// Package logtail keeps the newest lines of a log in memory, so that a support bundle has them and a full disk can't lose them.
//
// The memory is bounded; the oldest lines go.
package logtail

import (
	"bytes"
	"sync"
)

// Tail is an io.Writer that keeps what was written last. It may be used from any goroutine.
type Tail struct {
	mu   sync.Mutex
	most int
	b    []byte
}

// New returns a Tail of at most so many bytes.
func New(most int) *Tail { return &Tail{most: most} }

// Write keeps p.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.b)+len(p) > 2*t.most {
		t.b = append(t.b[:0], t.b[max(0, len(t.b)-t.most):]...)
	}
	t.b = append(t.b, p[max(0, len(p)-t.most):]...)
	return len(p), nil
}

// Bytes returns a copy of the newest lines, whole ones.
func (t *Tail) Bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.b) <= t.most {
		return bytes.Clone(t.b)
	}
	newest := t.b[len(t.b)-t.most:]
	if i := bytes.IndexByte(newest, '\n'); i >= 0 {
		newest = newest[i+1:]
	}
	return bytes.Clone(newest)
}
