package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"timeball/image"
)

// volume is a FAT file system to be made.
type volume struct {
	partition image.Partition
	files     map[string][]byte // by path
}

// selector returns the partition that the boot loader reads first and that people see.
func (b *build) selector() (volume, error) {
	v := volume{image.Find(image.Selector), map[string][]byte{"licences.txt": b.licences}}
	for name, source := range map[string]string{"autoboot.txt": "autoboot.txt", "config.txt": "selector.txt"} {
		if err := v.take(name, source); err != nil {
			return v, err
		}
	}
	for _, name := range []string{"README.txt", "timeball.toml.example", "network.toml.example"} {
		if err := v.take(name, name); err != nil {
			return v, err
		}
		v.files[name] = bytes.ReplaceAll(v.files[name], []byte("\n"), []byte("\r\n")) // for every editor there is
	}
	// The ROM of a Pi 3 looks for it on the first partition only.
	return v, v.copy(b.firmware.Dir, "bootcode.bin")
}

// slot returns the boot partition of a slot.
func (b *build) slot(s image.Slot) (volume, error) {
	v := volume{image.Find(s.Boot()), map[string][]byte{}}
	if err := v.take("config.txt", "config.txt"); err != nil {
		return v, err
	}
	if err := v.take("cmdline.txt", "cmdline.txt"); err != nil {
		return v, err
	}
	v.files["cmdline.txt"] = commandLine(v.files["cmdline.txt"], s)
	kernel, err := b.compressed(filepath.Join(b.kernel.Dir, "vmlinuz"))
	if err != nil {
		return v, err
	}
	v.files["vmlinuz"] = kernel
	// The whole of the firmware is only for cameras and debugging.
	if err := v.copy(b.firmware.Dir, "start.elf", "start4.elf", "fixup.dat", "fixup4.dat"); err != nil {
		return v, err
	}
	return v, v.copyAll(b.kernel.Dir, "bcm27*.dtb", "overlays/*.dtb*")
}

// commandLine fills in the slot's root.
func commandLine(template []byte, s image.Slot) []byte {
	return bytes.ReplaceAll(template, []byte("$root"), []byte(image.PARTUUID(s.Root())))
}

// compressed returns a kernel as all the boot loaders take it, a third of its size.
func (b *build) compressed(path string) ([]byte, error) {
	kernel, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer kernel.Close()
	var out bytes.Buffer
	err = b.pack(&out, kernel)
	return out.Bytes(), err
}

// pack compresses with gzip.
func (b *build) pack(to io.Writer, from io.Reader) error {
	level := gzip.BestCompression
	if b.quick {
		level = gzip.BestSpeed
	}
	z, err := gzip.NewWriterLevel(to, level)
	if err != nil {
		return err
	}
	if _, err := io.Copy(z, from); err != nil {
		return err
	}
	return z.Close()
}

// take takes a file of the source.
func (v volume) take(name, source string) error {
	content, err := fs.ReadFile(image.Boot(), source)
	v.files[name] = content
	return err
}

// copy takes files of a directory.
func (v volume) copy(dir string, names ...string) error {
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		v.files[name] = content
	}
	return nil
}

// copyAll takes the files of a directory that match; each pattern has to match some.
func (v volume) copyAll(dir string, patterns ...string) error {
	for _, pattern := range patterns {
		names, err := fs.Glob(os.DirFS(dir), pattern)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			return fmt.Errorf("%s: no %s", dir, pattern)
		}
		if err := v.copy(dir, names...); err != nil {
			return err
		}
	}
	return nil
}

// format makes the file system and returns the path of the file it is in. Files are written in the order of their names,
// so that it comes out the same every time.
func (b *build) format(v volume) (string, error) {
	label := v.partition.Label
	img, stage := filepath.Join(b.work, label+".fat"), filepath.Join(b.work, label)
	env := []string{fmt.Sprintf("SOURCE_DATE_EPOCH=%d", b.date.Unix())}
	id := fmt.Sprintf("%08x", image.Signature+uint32(v.partition.Number))
	kib := fmt.Sprint(v.partition.Size / 1024)
	if _, err := b.tool(env, "mkfs.vfat", "--invariant", "-C", "-F", "32", "-s", "1", "-i", id, "-n", label, img, kib); err != nil {
		return "", err
	}
	byDir := map[string][]string{}
	for name, content := range v.files {
		if err := b.put(filepath.Join(stage, name), content, 0o644); err != nil {
			return "", err
		}
		dir := path.Dir(name)
		byDir[dir] = append(byDir[dir], filepath.Join(stage, name))
	}
	for _, dir := range sortedKeys(byDir) {
		if dir != "." {
			if _, err := b.tool(env, "mmd", "-i", img, "::"+dir); err != nil {
				return "", err
			}
		}
		slices.Sort(byDir[dir])
		args := append([]string{"-m", "-i", img}, byDir[dir]...)
		if _, err := b.tool(env, "mcopy", append(args, "::"+strings.TrimPrefix(dir+"/", "./"))...); err != nil {
			return "", err
		}
	}
	return img, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
