// Command mkimage writes the SD-card image: kernel and firmware from pinned modules, the programs built from this source, a
// read-only root in both slots and an empty partition for what is kept.
//
// It runs in the root of the project and needs mkfs.vfat, mtools, mksquashfs, mke2fs and zstd (`make image` installs
// them). Every date in the image is that of the commit, so that one source gives one image with the same tools. Nothing is
// left of a run that fails.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// build is one run.
type build struct {
	version string
	date    time.Time // of the commit
	out     string
	work    string // a directory that is removed
	quick   bool   // little compression, and the image alone

	kernel, firmware module
	programs         []program
	modules          []module // that the programs are built from
	licences         []byte
}

func main() {
	b := build{}
	var commit string
	flag.StringVar(&b.version, "version", "unreleased", "what the image is called")
	flag.StringVar(&commit, "commit-unix", "0", "the commit's `second`, which becomes every date in the image")
	flag.StringVar(&b.out, "out", "dist", "`directory` to write to")
	flag.BoolVar(&b.quick, "quick", false, "for tests: compress little and write the image alone")
	flag.Parse()
	// Where Debian keeps the programs that make file systems, which are not only root's.
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	if err := b.run(commit); err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(1)
	}
}

func (b *build) run(commit string) error {
	seconds, err := strconv.ParseInt(commit, 10, 64)
	if err != nil {
		return fmt.Errorf("-commit-unix: %w", err)
	}
	b.date = time.Unix(seconds, 0).UTC()
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	if b.work, err = os.MkdirTemp(b.out, ".mkimage-*"); err != nil {
		return err
	}
	defer os.RemoveAll(b.work)
	for _, step := range []func() error{b.fetch, b.compile, b.license, b.assemble, b.publish} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// image returns the path of the image while it is made.
func (b *build) image() string { return filepath.Join(b.work, "card.img") }

// name returns the path of a result with that ending.
func (b *build) name(ending string) string {
	return filepath.Join(b.out, "timeball-"+b.version+ending)
}
