// Package store keeps small files over a restart, whole or not at all.
//
// A value is written beside the old one, made durable, and put in its place, with the directory made durable behind it: a
// power cut leaves the old value or the new one. What can't be read or written is an error that names the file; the
// caller goes on without it.
package store

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

const maxSize = 1 << 20 // bytes of a state file; anything larger was not written by us

// Dir is a directory of state files.
type Dir string

// Save writes v as JSON under name.
func (d Dir) Save(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("state %s: %w", name, err)
	}
	if err := os.MkdirAll(string(d), 0o755); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := renameio.WriteFile(filepath.Join(string(d), name), data, 0o644); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return d.sync()
}

// sync makes the directory's entries durable.
func (d Dir) sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("state: sync %s: %w", d, err)
	}
	return nil
}

// Load reads what was saved under name into v. errors.Is finds fs.ErrNotExist where nothing was.
func (d Dir) Load(name string, v any) error {
	path := filepath.Join(string(d), name)
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if info.Size() > maxSize {
		return fmt.Errorf("state: %s: %d bytes are more than a state file has", path, info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("state: %s: %w", path, err)
	}
	return nil
}
