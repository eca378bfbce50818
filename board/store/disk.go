package store

import (
	"fmt"
	"io"
	"os"
)

// disk is what saving needs of a file system.
type disk interface {
	mkdir(dir string) error
	write(file string, data []byte) error // a new file, durable when it returns; its name is not yet
	rename(from, to string) error
	sync(dir string) error // makes the names in it durable
	read(file string) ([]byte, error)
}

// files are those of the operating system.
type files struct{}

func (files) mkdir(dir string) error { return os.MkdirAll(dir, 0o755) }

func (files) write(file string, data []byte) (err error) {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

func (files) rename(from, to string) error { return os.Rename(from, to) }

func (files) sync(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func (files) read(file string) ([]byte, error) { return readFile(file, maxSize) }

// readFile reads a file of at most limit bytes.
func readFile(file string, limit int) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(data) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return data, err
}
