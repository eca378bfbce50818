// Package store keeps small files over a restart, whole or not at all.
//
// A value has two copies, and saving writes the older one: beside it, made durable, put in its place, with the directory
// made durable behind it. A power cut leaves the old value or the new one, and a copy that the card has spoilt later leaves
// the other. Each copy says which format it has, when it was written in the order of saving, and its SHA-256.
//
// A copy that is torn, of another format, or that its owner finds implausible is ignored, and Load says so. What can't be
// written is an error that names the file; the caller goes on without it.
package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Dir is a directory of state files. For one name there must be one writer at a time.
type Dir string

const (
	maxSize = 1 << 20 // bytes of a state file; anything larger was not written by us
	format  = 1       // of a copy
	copies  = 2
)

// header is the first line of a copy; the value as JSON follows.
type header struct {
	Format int    `json:"timeball_state"`
	Number uint64 `json:"number"` // of the saving; the copy with the larger one is newer
	SHA256 string `json:"sha256"` // of the number in decimal, a line feed and the value
}

// Save writes v as JSON under name.
func (d Dir) Save(name string, v any) error { return d.save(files{}, name, v) }

func (d Dir) save(disk disk, name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("state %s: %w", name, err)
	}
	if len(data) > maxSize/2 {
		return fmt.Errorf("state %s: %d bytes are more than a state file may have", name, len(data))
	}
	if err := disk.mkdir(string(d)); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	slot, number := d.oldest(disk, name)
	head, err := json.Marshal(header{format, number, sum(number, data)})
	if err != nil {
		return fmt.Errorf("state %s: %w", name, err)
	}
	return d.replace(disk, d.file(name, slot), bytes.Join([][]byte{head, data}, []byte("\n")))
}

// replace puts data in the place of what file has.
func (d Dir) replace(disk disk, file string, data []byte) error {
	fresh := file + ".new"
	if err := disk.write(fresh, data); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := disk.rename(fresh, file); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := disk.sync(string(d)); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}

// Load reads what was saved under name: the newest copy that is whole and that plausible, which may be nil, finds nothing
// wrong with. found is false where there is none. ignored tells, for the log, why a copy was passed over.
func Load[T any](d Dir, name string, plausible func(*T) error) (v T, found bool, ignored error) {
	return load(files{}, d, name, plausible)
}

func load[T any](disk disk, d Dir, name string, plausible func(*T) error) (v T, found bool, ignored error) {
	whole, ignored := d.read(disk, name)
	for _, c := range whole {
		var is T
		err := json.Unmarshal(c.data, &is)
		if err == nil && plausible != nil {
			err = plausible(&is)
		}
		if err == nil {
			return is, true, ignored
		}
		ignored = errors.Join(ignored, fmt.Errorf("state: %s: %w", c.file, err))
	}
	return v, false, ignored
}

// saved is a copy that is whole.
type saved struct {
	file   string
	slot   int
	number uint64
	data   []byte
}

// read returns the whole copies of name, the newest first, and what is wrong with the others.
func (d Dir) read(disk disk, name string) (found []saved, ignored error) {
	for slot := range copies {
		c, err := readCopy(disk, d.file(name, slot))
		c.slot = slot
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			ignored = errors.Join(ignored, fmt.Errorf("state: %s: %w", c.file, err))
		case len(found) > 0 && c.number > found[0].number:
			found = []saved{c, found[0]}
		default:
			found = append(found, c)
		}
	}
	return found, ignored
}

var errTorn = errors.New("not whole")

func readCopy(disk disk, file string) (saved, error) {
	c := saved{file: file}
	data, err := disk.read(file)
	if err != nil {
		return c, err
	}
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	var h header
	switch err := json.Unmarshal(first, &h); {
	case err != nil:
		return c, errTorn
	case h.Format != format:
		return c, fmt.Errorf("format %d is not %d", h.Format, format)
	case h.SHA256 != sum(h.Number, rest):
		return c, errTorn
	}
	c.number, c.data = h.Number, rest
	return c, nil
}

// oldest returns where the next copy of name goes and its number.
func (d Dir) oldest(disk disk, name string) (slot int, number uint64) {
	switch found, _ := d.read(disk, name); len(found) {
	case 0:
		return 0, 1
	default:
		return (found[0].slot + 1) % copies, found[0].number + 1
	}
}

// file returns the path of a copy: clock.json has clock.0.json and clock.1.json.
func (d Dir) file(name string, slot int) string {
	ext := path.Ext(name)
	return path.Join(string(d), fmt.Sprintf("%s.%d%s", strings.TrimSuffix(name, ext), slot, ext))
}

func sum(number uint64, data []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d\n", number)
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}
