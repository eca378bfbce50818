// Package kept writes the small files of the web part, whole or not at all, and reads them again.
//
// A file is written beside the old one, made durable, put in its place, and the directory made durable behind it: a power
// cut leaves the old or the new one. Nothing is written outside the file's own directory. What can't be read or written is
// an error that names the file; a file longer than anything written here is not read.
package kept

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// MaxSize is the longest file that is read, in bytes.
const MaxSize = 1 << 20

// Write puts data into the file at path, which gets the permissions perm; its directory is made if there is none.
func Write(path string, data []byte, perm os.FileMode) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// Without its own directory the library would try the system's for temporary files first.
	if err := renameio.WriteFile(path, data, perm, renameio.WithTempDir(dir), renameio.IgnoreUmask()); err != nil {
		return err
	}
	return Sync(dir)
}

// Sync makes a directory's entries durable.
func Sync(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// Read returns the file at path. errors.Is finds fs.ErrNotExist where there is none.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxSize {
		return nil, fmt.Errorf("%s: more than %d bytes", path, MaxSize)
	}
	return data, nil
}

// Save writes v as JSON that only the owner of the process can read.
func Save(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return err
	}
	return Write(path, append(data, '\n'), 0o600)
}

// Load reads what Save has written into v.
func Load(path string, v any) error {
	data, err := Read(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
