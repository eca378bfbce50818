package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"timeball/image"
)

// commit is the date of a build that is long ago, so that any other date is seen.
var commit = time.Date(2019, 4, 6, 23, 59, 42, 0, time.UTC)

func newBuild(t *testing.T, tools ...string) *build {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: run make deps", tool)
		}
	}
	return &build{version: "test", date: commit, work: t.TempDir()}
}

func contents(t *testing.T, path string, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// same fails where two file systems differ, and says from where on.
func same(t *testing.T, what string, a, b []byte) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%s: %d and %d bytes", what, len(a), len(b))
	}
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("%s: differ from byte %d on", what, i)
		}
	}
}

func TestFATIsTheSameAnyTime(t *testing.T) {
	var made [2][]byte
	for i := range made {
		b := newBuild(t, "mkfs.vfat", "mcopy", "mdir")
		v := volume{image.Find(image.BootA), map[string][]byte{
			"config.txt": []byte("arm_64bit=1\n"), "overlays/b.dtbo": []byte("b"), "overlays/a.dtbo": bytes.Repeat([]byte("a"), 5000),
		}}
		path, err := b.format(v)
		made[i] = contents(t, path, err)
		out, err := b.tool(nil, "mdir", "-s", "-i", path)
		if err != nil {
			t.Fatal(err)
		}
		// Every file and directory has the commit's date.
		if list := string(out); strings.Count(list, "2019-04-06  23:59") < 4 || strings.Contains(list, fmt.Sprint(time.Now().Year())) {
			t.Errorf("dates are not the commit's:\n%s", list)
		}
	}
	same(t, "FAT", made[0], made[1])
}

func TestPermIsTheSameAnyTime(t *testing.T) {
	var made [2][]byte
	for i := range made {
		b := newBuild(t, "mke2fs", "dumpe2fs")
		path, err := b.perm()
		made[i] = contents(t, path, err)
		out, err := b.tool(nil, "dumpe2fs", "-h", path)
		if err != nil {
			t.Fatal(err)
		}
		if list := string(out); !strings.Contains(list, "Filesystem created:       Sat Apr  6 23:59:42 2019") || strings.Contains(list, fmt.Sprint(time.Now().Year())) {
			t.Errorf("dates are not the commit's:\n%s", list)
		}
	}
	same(t, "ext4", made[0], made[1])
}

func TestRootIsTheSameAnyTime(t *testing.T) {
	var made [2][]byte
	for i := range made {
		b := newBuild(t, "mksquashfs", "unsquashfs")
		file := filepath.Join(b.work, "program")
		if err := os.WriteFile(file, []byte("#!"), 0o700); err != nil {
			t.Fatal(err)
		}
		b.programs = []program{{path: "init", binary: file}, {path: "bin/timeballd", binary: file}}
		path, err := b.root(file)
		made[i] = contents(t, path, err)
		out, err := b.tool(nil, "unsquashfs", "-lln", path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			if !strings.Contains(line, " 0/0 ") || !strings.Contains(line, " 2019-04-06 23:59 ") {
				t.Errorf("not root's, or not of the commit's date: %s", line)
			}
		}
		if !strings.Contains(string(out), "-rwxr-xr-x 0/0") {
			t.Errorf("nothing can be executed:\n%s", out)
		}
	}
	same(t, "squashfs", made[0], made[1])
}

func TestPlaceRefusesWhatHasNoRoom(t *testing.T) {
	dir := t.TempDir()
	card, err := os.Create(filepath.Join(dir, "card"))
	if err != nil {
		t.Fatal(err)
	}
	defer card.Close()
	part := filepath.Join(dir, "part")
	for _, tt := range []struct {
		size int
		ok   bool
	}{{100_000, true}, {100_001, false}} {
		if err := os.WriteFile(part, bytes.Repeat([]byte{7}, tt.size), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := place(card, 512, part, 100_000); (err == nil) != tt.ok {
			t.Errorf("%d bytes: %v", tt.size, err)
		}
	}
	got := contents(t, card.Name(), nil)
	if want := append(make([]byte, 512), bytes.Repeat([]byte{7}, 100_000)...); !bytes.Equal(got, want) {
		t.Errorf("%d bytes were placed, want 100000 from byte 512 on", len(got))
	}
}

func TestCommandLineNamesTheSlotsRoot(t *testing.T) {
	v := volume{files: map[string][]byte{}}
	if err := v.take("cmdline.txt", "cmdline.txt"); err != nil {
		t.Fatal(err)
	}
	for slot, want := range map[image.Slot]string{image.A: "root=PARTUUID=54424c31-05 ", image.B: "root=PARTUUID=54424c31-06 "} {
		if got := string(commandLine(v.files["cmdline.txt"], slot)); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 1 {
			t.Errorf("slot %v: %q, want it to begin with %q", slot, got, want)
		}
	}
}

func TestEveryLicenceIsAskedFor(t *testing.T) {
	dir := t.TempDir()
	if _, err := licenceFiles(dir); err == nil {
		t.Error("a module without a licence is taken")
	}
	if err := os.WriteFile(filepath.Join(dir, "LICENSE.txt"), []byte("do what you like\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := appendLicence(&text, "a module v1", dir); err != nil || !strings.HasSuffix(text.String(), "\n\ndo what you like\n\n") {
		t.Errorf("%v: %q", err, text.String())
	}
}
