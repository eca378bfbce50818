package history

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// A file is gzip, whose checksum covers all of it, of a line of JSON and, for each span, the times of its buckets as
// varints, each less the one before, and the values of each series, the first bytes of all before the second ones, which
// packs to a third less.

type fileHeader struct {
	Timeball string   `json:"timeball"` // "history"
	Version  int      `json:"version"`
	Series   []string `json:"series"`
	Buckets  []int    `json:"buckets"` // of each span
}

const (
	fileName    = "history"
	fileVersion = 1

	// MaxFileBytes is more than Encode ever writes: values that do not pack at all.
	MaxFileBytes = MemoryBytes + 1<<16

	maxSeries = 100        // of a file: later builds may keep more
	latest    = 4102444800 // 2100-01-01: no second of a file is later
)

// Encode writes all that is kept. Buckets that are being filled are no part of it before Close.
func (h *History) Encode(w io.Writer) error {
	head := fileHeader{Timeball: fileName, Version: fileVersion, Series: Series()}
	for _, r := range h.rings {
		head.Buckets = append(head.Buckets, r.n)
	}
	line, err := json.Marshal(head)
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := z.Write(append(line, '\n')); err != nil {
		return err
	}
	for _, r := range h.rings {
		if err := r.encode(z); err != nil {
			return err
		}
	}
	return z.Close()
}

func (r *ring) encode(w io.Writer) error {
	var b []byte
	var last int64
	for i := range r.n {
		at := r.at[r.index(i)]
		b = binary.AppendVarint(b, at-last)
		last = at
	}
	for column := range r.each * width {
		for shift := 0; shift < 32; shift += 8 {
			for i := range r.n {
				b = append(b, byte(math.Float32bits(r.bucket(i)[column])>>shift))
			}
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		b = b[:0]
	}
	return nil
}

// Restore takes what Encode wrote. It is called before the first Add.
func (h *History) Restore(from io.Reader) error {
	z, err := gzip.NewReader(from)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	all, err := io.ReadAll(io.LimitReader(z, int64(maxSeries*MaxFileBytes/width)))
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	in := bufio.NewReader(bytes.NewReader(all))
	line, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("history: header: %w", err)
	}
	var head fileHeader
	if err := json.Unmarshal(line, &head); err != nil {
		return fmt.Errorf("history: header: %w", err)
	}
	if err := head.check(); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	next := New()
	for i, r := range next.rings {
		if err := r.decode(in, head.Series, head.Buckets[i]); err != nil {
			return fmt.Errorf("history: %s: %w", spans[i].name, err)
		}
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return errors.New("history: more than the header says")
	}
	*h = *next
	return nil
}

func (f fileHeader) check() error {
	switch {
	case f.Timeball != fileName || f.Version != fileVersion:
		return fmt.Errorf("a file %.20q of version %d: %q of version %d is read", f.Timeball, f.Version, fileName, fileVersion)
	case len(f.Series) > maxSeries:
		return fmt.Errorf("%d series", len(f.Series))
	case len(f.Buckets) != len(spans):
		return fmt.Errorf("%d spans, %d are kept", len(f.Buckets), len(spans))
	}
	for i, n := range f.Buckets {
		if n < 0 || int64(n) > spans[i].last/spans[i].step {
			return fmt.Errorf("%d buckets of %s", n, spans[i].name)
		}
	}
	return nil
}

// decode reads n buckets of the named series; those that are no longer kept are passed over.
func (r *ring) decode(in *bufio.Reader, names []string, n int) error {
	var last int64
	for i := range n {
		by, err := binary.ReadVarint(in)
		if err != nil {
			return fmt.Errorf("bucket %d of %d: %w", i, n, err)
		}
		at := last + by
		if at <= last && i > 0 || at < 0 || at > latest || at%r.step != 0 {
			return fmt.Errorf("bucket %d begins at %d behind one at %d", i, at, last)
		}
		last = at
		b := r.push(at)
		for k := range b {
			b[k] = nothing
		}
	}
	r.run = 0
	planes := make([]byte, 4*n)
	for _, name := range names {
		i := slices.Index(Series(), name)
		for k := range r.each {
			if _, err := io.ReadFull(in, planes); err != nil {
				return fmt.Errorf("%.40s: %w", name, err)
			}
			if i >= 0 {
				r.fill(r.each*i+k, planes)
			}
		}
	}
	return nil
}

// fill puts the bytes of a column back together.
func (r *ring) fill(column int, planes []byte) {
	for i := range r.n {
		bits := uint32(planes[i]) | uint32(planes[r.n+i])<<8 | uint32(planes[2*r.n+i])<<16 | uint32(planes[3*r.n+i])<<24
		r.bucket(i)[column] = finite(math.Float32frombits(bits))
	}
}
