package machine

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// File is a file of an initial file system. It is a program when From is given, and otherwise has Content.
type File struct {
	Path    string // absolute
	From    string // a file of this machine
	Content []byte
}

// Initrd writes an initial file system with these files and empty directories, in the order given, and returns its path.
func Initrd(t testing.TB, dirs []string, files ...File) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "initrd")
	var b bytes.Buffer
	a := archive{w: &b}
	for _, d := range dirs {
		a.add(d, 0o040755, nil)
	}
	for _, f := range files {
		content, mode := f.Content, uint32(0o100644)
		if f.From != "" {
			var err error
			if content, err = os.ReadFile(f.From); err != nil {
				t.Fatal(err)
			}
			mode = 0o100755
		}
		a.add(f.Path, mode, content)
	}
	a.add("/TRAILER!!!", 0, nil)
	if err := os.WriteFile(to, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// archive is a cpio archive of the "newc" kind (Documentation/driver-api/early-userspace/buffer-format.rst).
type archive struct {
	w     io.Writer
	inode int
	size  int
}

func (a *archive) add(path string, mode uint32, content []byte) {
	a.inode++
	name := path[1:] + "\x00"
	a.write(fmt.Appendf(nil, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		a.inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0))
	a.write([]byte(name))
	a.pad()
	a.write(content)
	a.pad()
}

func (a *archive) write(b []byte) {
	_, _ = a.w.Write(b) // a buffer
	a.size += len(b)
}

// pad fills up to a multiple of four bytes.
func (a *archive) pad() {
	if n := a.size % 4; n != 0 {
		a.write(make([]byte, 4-n))
	}
}
