// Package bundle is a support bundle: what a unit tells of itself, in one archive that can be sent to somebody and replayed.
//
// It is a tar archive under gzip. The first file is the manifest, which says what the others are and what is not there and
// why; its name tells a bundle from anything else. What is secret is taken out by Redact before. A file that turns out
// shorter or longer than was announced, or an archive that is torn, is an error; nothing is unpacked to a disk.
package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// ManifestName is the first file of every bundle.
const ManifestName = "timeball-bundle.json"

// The names of files.
const (
	Status    = "status.json"    // api.Status
	Events    = "events.json"    // api.Events
	Config    = "config.toml"    // as it runs, without what is secret
	Log       = "log.txt"        // the newest lines
	Recording = "events.jsonl"   // what -record wrote, from its beginning
	History   = "history-%s.csv" // of each span
	Metrics   = "metrics.txt"
)

// Manifest says what a bundle is.
type Manifest struct {
	Timeball string            `json:"timeball"` // "bundle"
	Version  int               `json:"version"`  // 1
	Build    string            `json:"build"`    // of the unit
	Unit     string            `json:"unit"`     // its host name
	Unix     *int64            `json:"made_unix_seconds"`
	Absent   map[string]string `json:"absent"` // files that could be here, and why they are not
}

const (
	kind    = "bundle"
	version = 1

	// MaxFile is the longest file, in bytes: a recording of some days.
	MaxFile = 256 << 20
)

// Writer writes a bundle.
type Writer struct {
	gzip *gzip.Writer
	tar  *tar.Writer
	at   time.Time
}

// NewWriter begins a bundle with its manifest.
func NewWriter(w io.Writer, m Manifest) (*Writer, error) {
	m.Timeball, m.Version = kind, version
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	b := &Writer{gzip: gzip.NewWriter(w)}
	if m.Unix != nil {
		b.at = time.Unix(*m.Unix, 0)
	}
	b.tar = tar.NewWriter(b.gzip)
	return b, b.Add(ManifestName, append(text, '\n'))
}

// Add adds a file.
func (b *Writer) Add(name string, content []byte) error {
	return b.AddFrom(name, int64(len(content)), bytes.NewReader(content))
}

// AddFrom adds a file of so many bytes.
func (b *Writer) AddFrom(name string, size int64, from io.Reader) error {
	if err := b.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size, ModTime: b.at, Format: tar.FormatUSTAR}); err != nil {
		return fmt.Errorf("bundle: %s: %w", name, err)
	}
	if _, err := io.CopyN(b.tar, from, size); err != nil {
		return fmt.Errorf("bundle: %s: %w", name, err)
	}
	return nil
}

// Close ends the bundle.
func (b *Writer) Close() error { return errors.Join(b.tar.Close(), b.gzip.Close()) }

// Is reports whether head, the first 512 bytes or more of a file, begins a bundle.
func Is(head []byte) bool {
	z, err := gzip.NewReader(bytes.NewReader(head))
	if err != nil {
		return false
	}
	name := make([]byte, len(ManifestName))
	n, _ := io.ReadFull(z, name)
	return string(name[:n]) == ManifestName
}

// Read reads a bundle and shows visit each file behind the manifest; what visit leaves of a file is passed over.
func Read(r io.Reader, visit func(m Manifest, name string, content io.Reader) error) (Manifest, error) {
	var m Manifest
	z, err := gzip.NewReader(r)
	if err != nil {
		return m, fmt.Errorf("bundle: %w", err)
	}
	for in, first := tar.NewReader(z), true; ; first = false {
		head, err := in.Next()
		if err == io.EOF && !first {
			_, err = io.Copy(io.Discard, z) // the checksum is at the end
			return m, err
		}
		if err != nil {
			return m, fmt.Errorf("bundle: %w", err)
		}
		if head.Size > MaxFile {
			return m, fmt.Errorf("bundle: %.100q: %d bytes are more than a bundle holds", head.Name, head.Size)
		}
		if first {
			if m, err = readManifest(head.Name, in); err != nil {
				return m, fmt.Errorf("bundle: %w", err)
			}
			continue
		}
		if err := visit(m, head.Name, in); err != nil {
			return m, fmt.Errorf("bundle: %.100q: %w", head.Name, err)
		}
	}
}

func readManifest(name string, in io.Reader) (m Manifest, err error) {
	if name != ManifestName {
		return m, fmt.Errorf("begins with %.100q, want %s", name, ManifestName)
	}
	if err := json.NewDecoder(in).Decode(&m); err != nil {
		return m, fmt.Errorf("manifest: %w", err)
	}
	if m.Timeball != kind || m.Version != version {
		return m, fmt.Errorf("a %.20q of version %d: a %q of version %d is read", m.Timeball, m.Version, kind, version)
	}
	return m, nil
}
