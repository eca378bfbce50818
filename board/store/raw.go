package store

import (
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// Raw is a directory of files that bring a checksum of their own and are no loss worth a second copy.
type Raw string

// Save puts data in the place of what name has; a power cut leaves the old or the new.
func (r Raw) Save(name string, data []byte) error {
	d := Dir(r)
	if err := (files{}).mkdir(string(d)); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return d.replace(files{}, path.Join(string(d), name), data)
}

// Load returns what was saved under name, of at most limit bytes. errors.Is finds fs.ErrNotExist where nothing was.
func (r Raw) Load(name string, limit int) ([]byte, error) {
	data, err := readFile(path.Join(string(r), name), limit)
	if err != nil {
		return nil, fmt.Errorf("state: %s: %w", name, err)
	}
	return data, nil
}

// Free returns which share of the file system is free for us.
func (r Raw) Free() (share float64, ok bool) {
	var s unix.Statfs_t
	if unix.Statfs(string(r), &s) != nil || s.Blocks == 0 {
		return 0, false
	}
	return float64(s.Bavail) / float64(s.Blocks), true
}
