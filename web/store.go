package web

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	"timeball/web/api"
	"timeball/web/history"
)

// Store keeps this package's files over a restart, each whole or not at all. For one name there is one writer at a time.
type Store interface {
	// Save puts data in the place of what name has.
	Save(name string, data []byte) error
	// Load returns what was saved; errors.Is finds fs.ErrNotExist where nothing was. A file of more than limit bytes is an error.
	Load(name string, limit int) ([]byte, error)
}

const (
	historyFile = "history"
	saveEvery   = time.Hour // what a power cut may cost
)

// past is the history and what keeps it.
type past struct {
	store Store // nil: nothing is kept

	mu      sync.Mutex
	history *history.History
}

func newPast(store Store) *past { return &past{store: store, history: history.New()} }

// recall takes what was kept, before the first add.
func (p *past) recall() error {
	if p.store == nil {
		return nil
	}
	data, err := p.store.Load(historyFile, history.MaxFileBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.history.Restore(bytes.NewReader(data))
}

func (p *past) add(at time.Duration, wall int64, status *api.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.history.Add(at, wall, status)
}

func (p *past) query(q history.Query) api.History {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.history.Query(q)
}

// save keeps what there is. It is packed while nobody adds, and written while they do.
func (p *past) save(last bool) error {
	if p.store == nil {
		return nil
	}
	var b bytes.Buffer
	p.mu.Lock()
	if last {
		p.history.Close()
	}
	err := p.history.Encode(&b)
	p.mu.Unlock()
	if err != nil {
		return err
	}
	return p.store.Save(historyFile, b.Bytes())
}

// keep saves every hour until ctx ends; done takes what became of it.
func (p *past) keep(ctx context.Context, done func(error)) {
	hourly := time.NewTicker(saveEvery)
	defer hourly.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hourly.C:
		}
		done(p.save(false))
	}
}
