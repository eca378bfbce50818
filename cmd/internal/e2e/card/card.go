// Package card runs card images in an emulated machine, QEMU's "virt" or "raspi3b", for tests: as a black box, whose page, NTP
// port, pulse and serial line are all there is.
//
// A harness plays the boot loader, because QEMU has none: kernel, command line and overlays are those that the loader of a
// Raspberry Pi would find on the card. A simulated receiver speaks over a serial line in real time, and the pulse is a line
// of the machine's GPIO chip, which QEMU's test protocol moves from outside. Both follow CLOCK_REALTIME of the machine the
// test runs on, which nothing here sets: it is the truth that the unit is held against, by milliseconds, for a pulse comes
// as late as the emulator is scheduled.
//
// A machine is ended by its process, with the test at the latest. Without QEMU, mtools and what builds an image a test is
// skipped with a message that names `make deps`.
package card

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
	"sync"
	"testing"
	"time"

	"timeball/image"
)

// Image returns the path of a card image: the one that IMAGE names, or one that is built, with the same content but less
// compressed.
func Image(t testing.TB) string {
	t.Helper()
	for _, tool := range []string{"qemu-system-aarch64", "fdtoverlay", "mcopy", "mkfs.vfat", "mksquashfs", "mke2fs"} {
		if _, err := lookPath(tool); err != nil {
			t.Skipf("%s is not installed: run make deps", tool)
		}
	}
	if path := os.Getenv("IMAGE"); path != "" {
		return path
	}
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// lookPath is exec.LookPath where Debian's programs for administrators are as well.
func lookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return exec.LookPath(filepath.Join("/usr/sbin", name))
	}
	return path, nil
}

// built builds an image once in the life of the test's process.
var built = sync.OnceValues(func() (string, error) {
	root, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "timeball-card-*")
	if err != nil {
		return "", err
	}
	scratch = dir
	cmd := exec.Command("go", "run", "./cmd/mkimage", "-quick", "-version", "e2e", "-commit-unix", commit, "-out", dir)
	cmd.Dir = filepath.Dir(string(bytes.TrimSpace(root)))
	if err := look(cmd.Dir); err != nil {
		return "", err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New("mkimage: " + err.Error() + ": " + string(out))
	}
	return filepath.Join(dir, "timeball-e2e.img"), nil
})

// look looks at every file that an image may be made of: the go command keeps the result of a test until what the test has
// looked at changes, and does not know what the programs look at that it starts.
func look(project string) error {
	return filepath.WalkDir(project, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != project && (name[0] == '.' || name == "testdata" || name == "node_modules" || name == "dist" || name == "bin" || name == "docs") {
			return filepath.SkipDir
		}
		_, err = os.Stat(path)
		return err
	})
}

// commit is the date of an image that is built here, 2026-01-01: the floor of its clock.
const commit = "1767225600"

// scratch is the directory of the image that was built.
var scratch string

// RemoveImage removes the image that was built.
func RemoveImage() error {
	if scratch == "" {
		return nil
	}
	return os.RemoveAll(scratch)
}

// Flash writes an image to a new card, puts files on its boot partition, and returns the card's path.
func Flash(t testing.TB, img string, files map[string]string) string {
	t.Helper()
	to := filepath.Join(tempDir(t), "card.img")
	if err := copySparse(to, img); err != nil {
		t.Fatal(err)
	}
	Put(t, to, files)
	return to
}

// tempDir is t.TempDir with a short name: a socket's path has at most 107 bytes, and QEMU's options end at a comma.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "card-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// Put puts files on a card's boot partition, as a PC would.
func Put(t testing.TB, card string, files map[string]string) {
	t.Helper()
	c := fat{t, card, offsetOf(t, card, image.Selector)}
	for name, content := range files {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		c.tool("mcopy", "-o", path, "::"+name)
	}
}

// List returns the names of what is on a card's boot partition.
func List(t testing.TB, card string) []string {
	t.Helper()
	c := fat{t, card, offsetOf(t, card, image.Selector)}
	var names []string
	for _, path := range strings.Fields(c.tool("mdir", "-b", "::")) {
		names = append(names, strings.TrimPrefix(path, "::/"))
	}
	return names
}

// FillPerm leaves no room in a card's perm.
func FillPerm(t testing.TB, card string) {
	t.Helper()
	debugfs, err := lookPath("debugfs")
	if err != nil {
		t.Skip("debugfs is not installed: run make deps")
	}
	p, dir := image.Find(image.Perm), t.TempDir()
	perm := filepath.Join(dir, "perm")
	if err := cut(perm, card, p.Start, p.Size); err != nil {
		t.Fatal(err)
	}
	run := func(command string) string {
		out, err := exec.Command(debugfs, "-w", "-R", command, perm).CombinedOutput()
		if err != nil {
			t.Fatalf("debugfs %s: %v: %s", command, err, out)
		}
		return string(out)
	}
	free := func() (blocks int) {
		_, text, _ := strings.Cut(run("stats -h"), "Free blocks:")
		if _, err := fmt.Sscan(text, &blocks); err != nil {
			t.Fatal(err)
		}
		return blocks
	}
	const spare = 64 // blocks of 1 KiB, for where the others are: less than anything the unit writes
	run("write /dev/null big")
	run(fmt.Sprintf("fallocate big 0 %d", free()-spare))
	if left := free(); left > spare {
		t.Fatalf("perm has room for %d blocks, want at most %d", left, spare)
	}
	f, err := os.OpenFile(card, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	part, err := os.Open(perm)
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	if _, err := io.Copy(io.NewOffsetWriter(f, p.Start), part); err != nil {
		t.Fatal(err)
	}
}

// cut copies a part of a file into one of its own.
func cut(to, from string, start, size int64) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.NewSectionReader(in, start, size))
	return errors.Join(err, out.Close())
}

// copySparse copies a file and leaves out what is zero.
func copySparse(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	buf, zeros := make([]byte, image.MiB), make([]byte, image.MiB)
	for at := int64(0); ; at += image.MiB {
		n, err := in.ReadAt(buf, at)
		if n > 0 && !bytes.Equal(buf[:n], zeros[:n]) {
			if _, err := out.WriteAt(buf[:n], at); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return out.Truncate(info.Size())
		}
		if err != nil {
			return err
		}
	}
}

// console keeps what a machine prints.
type console struct {
	mu   sync.Mutex
	text bytes.Buffer
}

const maxConsole = 1 << 20 // of a machine that prints without end

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.text.Len() < maxConsole {
		c.text.Write(p)
	}
	return len(p), nil
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// pollEvery is how often a unit is asked. An emulated one has its hands full with ten questions a second.
const pollEvery = time.Second

// Eventually waits until what is true, or fails after patience with what it says instead.
func Eventually(t testing.TB, patience time.Duration, what string, is func() (ok bool, instead string)) {
	t.Helper()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		ok, instead := is()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s; %s", patience, what, instead)
		}
	}
}
