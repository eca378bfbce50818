package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// tool runs a program and returns what it printed. Dates that it makes itself are those of the commit.
func (b *build) tool(env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C", "MTOOLS_SKIP_CHECK=1")
	cmd.Env = append(cmd.Env, env...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, fmt.Errorf("%s is not installed: run make deps", name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s%s", name, strings.Join(args, " "), err, last(out.Bytes()), last(complaint.Bytes()))
	}
	return out.Bytes(), nil
}

// last returns the end of what a program printed.
func last(b []byte) []byte { return b[max(0, len(b)-1000):] }

// put writes a file of a staged tree, with the commit's date.
func (b *build) put(path string, content []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		return err
	}
	return os.Chtimes(path, b.date, b.date)
}

// copyFile is put with the content of another file.
func (b *build) copyFile(to, from string, mode fs.FileMode) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return b.put(to, content, mode)
}

// place copies a file into the image from byte at on. Zeros stay holes.
func place(image *os.File, at int64, path string, room int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	const block = 1 << 16
	buf, zeros, length := make([]byte, block), make([]byte, block), int64(0)
	for {
		n, err := io.ReadFull(f, buf)
		if length += int64(n); length > room {
			return fmt.Errorf("%s has no room in %d bytes", filepath.Base(path), room)
		}
		if n > 0 && !bytes.Equal(buf[:n], zeros[:n]) {
			if _, err := image.WriteAt(buf[:n], at+length-int64(n)); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
