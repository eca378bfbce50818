package image

import (
	"encoding/binary"
	"io/fs"
	"slices"
	"strings"
	"testing"
)

// found is a partition as a reader of the tables sees it, in sectors.
type found struct {
	kind        byte
	start, size int64
}

// read follows the tables from the first sector on, as Linux does: four primary partitions, then the chain of logical ones.
func read(t *testing.T) map[int]found {
	t.Helper()
	records := map[int64][sector]byte{}
	for _, table := range Tables() {
		records[table.At/sector] = table.Record
	}
	entry := func(at int64, i int) found {
		r, ok := records[at]
		if !ok || r[510] != 0x55 || r[511] != 0xaa {
			t.Fatalf("no table in sector %d", at)
		}
		e := r[tableAt+i*entrySize:]
		return found{e[4], int64(binary.LittleEndian.Uint32(e[8:])), int64(binary.LittleEndian.Uint32(e[12:]))}
	}
	parts := map[int]found{}
	for i := range 4 {
		parts[i+1] = entry(0, i)
	}
	base := parts[Extended].start
	for at, n := base, 5; ; n++ {
		p, next := entry(at, 0), entry(at, 1)
		p.start += at
		parts[n] = p
		if next.size == 0 {
			return parts
		}
		at = base + next.start
	}
}

func TestTablesSayWhereThePartitionsAre(t *testing.T) {
	got := read(t)
	if len(got) != len(Partitions()) {
		t.Errorf("%d partitions, want %d", len(got), len(Partitions()))
	}
	for _, p := range Partitions() {
		if want := (found{p.Type, p.Start / sector, p.Size / sector}); got[p.Number] != want {
			t.Errorf("partition %d: %+v, want %+v", p.Number, got[p.Number], want)
		}
	}
}

func TestPartitionsDoNotOverlap(t *testing.T) {
	extended, end := Find(Extended), MiB
	for _, p := range Partitions() {
		if p.Number == Extended {
			end = p.Start
			continue
		}
		first := end
		if p.Number > Extended {
			first += MiB // its table
		}
		if p.Start < first || p.Start%MiB != 0 || p.Start+p.Size > Size {
			t.Errorf("partition %d from %d on, want at least %d and an end by %d", p.Number, p.Start, first, Size)
		}
		if end = p.Start + p.Size; p.Number > Extended && end > extended.Start+extended.Size {
			t.Errorf("partition %d ends at %d, the extended one at %d", p.Number, end, extended.Start+extended.Size)
		}
	}
	// A FAT32 with fewer clusters is read as FAT16 (Microsoft's specification of 2000, "FAT Type Determination").
	const clusters = 65525
	for _, n := range []int{Selector, BootA, BootB} {
		if room := Find(n).Size - 2*MiB; room/sector < clusters {
			t.Errorf("partition %d has room for %d clusters of a sector, FAT32 needs %d", n, room/sector, clusters)
		}
	}
}

func text(t *testing.T, name string) string {
	t.Helper()
	b, err := fs.ReadFile(Boot(), name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAutobootNamesTheSlots(t *testing.T) {
	got := text(t, "autoboot.txt")
	want := "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n"
	if got != want || A.Boot() != 2 || B.Boot() != 3 {
		t.Errorf("autoboot.txt is %q, slots %d and %d, want %q", got, A.Boot(), B.Boot(), want)
	}
	if len(got) > 512 { // the boot loader reads no more
		t.Errorf("autoboot.txt has %d bytes", len(got))
	}
}

// sections returns the lines of a config.txt by the filter they stand under.
func sections(config string) map[string][]string {
	filter, lines := "all", map[string][]string{}
	for line := range strings.Lines(config) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			filter = strings.Trim(line, "[]")
		default:
			lines[filter] = append(lines[filter], line)
		}
	}
	return lines
}

func TestConfigGivesEveryBoardItsReceiver(t *testing.T) {
	got := sections(text(t, "config.txt"))
	for board, want := range map[string]string{
		"pi3": "dtoverlay=disable-bt", "pi02": "dtoverlay=disable-bt", "pi4": "dtoverlay=disable-bt", "pi5": "dtparam=uart0=on",
	} {
		if !slices.Contains(got[board], want) {
			t.Errorf("[%s] is %q, without %s", board, got[board], want)
		}
	}
	for _, want := range []string{"arm_64bit=1", "kernel=vmlinuz"} {
		if !slices.Contains(got["all"], want) {
			t.Errorf("[all] is %q, without %s", got["all"], want)
		}
	}
}

func TestCommandLineHasNoConsoleOnTheReceiversLine(t *testing.T) {
	for _, word := range strings.Fields(text(t, "cmdline.txt")) {
		if strings.HasPrefix(word, "console=") && word != "console=tty1" {
			t.Errorf("%s", word)
		}
	}
}
