package card

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"timeball/image"
)

// Loader is the boot loader of a Raspberry Pi as far as the documentation of autoboot.txt and config.txt says what it does:
// it chooses the boot partition, reads there what is meant for its board, and hands over kernel, device tree and command
// line. Like that one it knows nothing of the card but what is on it.
type Loader struct {
	Board   []string // the filters that its board passes: "pi3", "pi4", ...; none: a board that is none of them
	Tree    string   // the file with its device tree, "" = it has its own
	Tryboot bool     // the flag that a restart may carry
}

// Loaded is what is handed over.
type Loaded struct {
	Partition   int
	Kernel      string // paths of files of this machine
	Tree        string
	Overlays    []string // without parameters
	CommandLine string
}

// Load reads the card in the file img. Files are put into dir.
func (l Loader) Load(t testing.TB, img, dir string) Loaded {
	t.Helper()
	c := fat{t, img, offsetOf(t, img, image.Selector)}
	partition, err := strconv.Atoi(l.value(c.text("autoboot.txt"), "boot_partition"))
	if err != nil {
		t.Fatalf("autoboot.txt: boot_partition: %v", err)
	}
	c.offset = offsetOf(t, img, partition)
	config := c.text("config.txt")
	loaded := Loaded{Partition: partition, CommandLine: strings.TrimSpace(c.text("cmdline.txt"))}
	loaded.Kernel = c.copy(l.value(config, "kernel"), dir)
	if l.Tree != "" {
		loaded.Tree = c.copy(l.Tree, dir)
	}
	for _, overlay := range l.values(config, "dtoverlay") {
		// Those with parameters are written for the loader itself, and tools for device trees do not take them.
		if !strings.Contains(overlay, ",") {
			loaded.Overlays = append(loaded.Overlays, c.copy("overlays/"+overlay+".dtbo", dir))
		}
	}
	return loaded
}

// value returns the last value of a key that the loader's filters let through.
func (l Loader) value(config, key string) string {
	all := l.values(config, key)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

// values returns all values of a key that the loader's filters let through.
func (l Loader) values(config, key string) (values []string) {
	passes := true
	for line := range strings.Lines(config) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			passes = l.passes(strings.Trim(line, "[]"))
			continue
		}
		if value, ok := strings.CutPrefix(line, key+"="); ok && passes {
			values = append(values, value)
		}
	}
	return values
}

func (l Loader) passes(filter string) bool {
	switch filter {
	case "all":
		return true
	case "tryboot":
		return l.Tryboot
	}
	for _, board := range l.Board {
		if board == filter {
			return true
		}
	}
	return false
}

// offsetOf returns where a primary partition of the card begins, from the card's own table.
func offsetOf(t testing.TB, img string, partition int) int64 {
	t.Helper()
	f, err := os.Open(img)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var record [512]byte
	if _, err := f.ReadAt(record[:], 0); err != nil {
		t.Fatal(err)
	}
	if partition < 1 || partition > 4 || record[510] != 0x55 || record[511] != 0xaa {
		t.Fatalf("%s: no partition %d that a boot loader could read", img, partition)
	}
	return int64(binary.LittleEndian.Uint32(record[446+16*(partition-1)+8:])) * 512
}

// fat is a FAT file system on a card.
type fat struct {
	t      testing.TB
	img    string
	offset int64
}

// tool runs one of mtools on it.
func (f fat) tool(name string, args ...string) string {
	f.t.Helper()
	cmd := exec.Command(name, append([]string{"-i", f.img + "@@" + strconv.FormatInt(f.offset, 10)}, args...)...)
	cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.t.Fatalf("%s: %v: %s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out)
}

func (f fat) text(name string) string { return f.tool("mtype", "::"+name) }

// copy copies a file into dir and returns its path.
func (f fat) copy(name, dir string) string {
	to := filepath.Join(dir, filepath.Base(name))
	f.tool("mcopy", "-n", "-o", "::"+name, to)
	return to
}
