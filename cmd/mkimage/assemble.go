package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"timeball/image"
)

// assemble makes the file systems and puts them where they belong.
func (b *build) assemble() (err error) {
	card, err := os.Create(b.image())
	if err != nil {
		return err
	}
	defer func() {
		if closed := card.Close(); err == nil {
			err = closed
		}
	}()
	if err := card.Truncate(image.Size); err != nil {
		return err
	}
	for _, t := range image.Tables() {
		if _, err := card.WriteAt(t.Record[:], t.At); err != nil {
			return err
		}
	}
	parts, err := b.fileSystems()
	if err != nil {
		return err
	}
	for number, path := range parts {
		p := image.Find(number)
		if err := place(card, p.Start, path, p.Size); err != nil {
			return err
		}
	}
	return nil
}

// fileSystems makes them all and returns the files they are in by the partitions' numbers. Both slots have the same system.
func (b *build) fileSystems() (map[int]string, error) {
	parts := map[int]string{}
	for number, make := range map[int]func() (volume, error){
		image.Selector: b.selector,
		image.BootA:    func() (volume, error) { return b.slot(image.A) },
		image.BootB:    func() (volume, error) { return b.slot(image.B) },
	} {
		v, err := make()
		if err != nil {
			return nil, err
		}
		if parts[number], err = b.format(v); err != nil {
			return nil, err
		}
	}
	perm, err := b.perm()
	if err != nil {
		return nil, err
	}
	root, err := b.root(perm)
	parts[image.Perm], parts[image.RootA], parts[image.RootB] = perm, root, root
	return parts, err
}

// points are the directories of the root where something is mounted.
var points = []string{"boot", "dev", "perm", "proc", "run", "sys", "tmp"}

// links are the symbolic links of the root: what a start learns is in /run.
var links = map[string]string{"etc/resolv.conf": "../run/resolv.conf"}

// root makes the root file system, with a copy of the empty perm. gzip is the compression this kernel can read.
func (b *build) root(perm string) (string, error) {
	stage, img := filepath.Join(b.work, "root"), filepath.Join(b.work, "root.squashfs")
	if err := b.stageRoot(stage); err != nil {
		return "", err
	}
	spare, err := b.compressed(perm)
	if err != nil {
		return "", err
	}
	if err := b.put(filepath.Join(stage, image.EmptyPerm), spare, 0o644); err != nil {
		return "", err
	}
	date := fmt.Sprint(b.date.Unix())
	_, err = b.tool(nil, "mksquashfs", stage, img, "-comp", "gzip", "-all-root", "-no-xattrs", "-mkfs-time", date, "-all-time", date, "-no-progress", "-quiet")
	return img, err
}

func (b *build) stageRoot(stage string) error {
	for _, p := range b.programs {
		if err := b.copyFile(filepath.Join(stage, p.path), p.binary, 0o755); err != nil {
			return err
		}
	}
	for _, dir := range points {
		if err := os.Mkdir(filepath.Join(stage, dir), 0o755); err != nil {
			return err
		}
	}
	err := fs.WalkDir(image.Root(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(image.Root(), name)
		if err != nil {
			return err
		}
		return b.put(filepath.Join(stage, name), content, 0o644)
	})
	if err != nil {
		return err
	}
	for name, to := range links {
		if err := os.Symlink(to, filepath.Join(stage, name)); err != nil {
			return err
		}
	}
	marker := fmt.Sprintf("version=%s\nbuild_unix=%d\n", b.version, b.date.Unix())
	return b.put(filepath.Join(stage, image.Marker), []byte(marker), 0o644)
}

// perm makes the empty file system of what is kept.
func (b *build) perm() (string, error) {
	p, img := image.Find(image.Perm), filepath.Join(b.work, "perm.ext4")
	if err := os.WriteFile(img, nil, 0o644); err != nil {
		return "", err
	}
	if err := os.Truncate(img, p.Size); err != nil {
		return "", err
	}
	const id = "54424c31-7065-726d-8000-000000000007"
	options := strings.Join([]string{"hash_seed=" + id, "lazy_itable_init=1", "lazy_journal_init=1", "root_owner=0:0"}, ",")
	_, err := b.tool([]string{fmt.Sprintf("E2FSPROGS_FAKE_TIME=%d", b.date.Unix())},
		"mke2fs", "-q", "-t", "ext4", "-L", p.Label, "-U", id, "-E", options, "-m", "0", img)
	return img, err
}
