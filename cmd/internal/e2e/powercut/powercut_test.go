package powercut

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"timeball/board/store"
	"timeball/cmd/internal/e2e/machine"
)

const (
	diskBytes = 16 << 20
	fsBytes   = diskBytes - 1<<20 // the last sector is outside of the file system
)

func TestStateSurvivesAPowerCutAtAnyWrite(t *testing.T) {
	machine.Require(t)
	cuts := 25
	if machine.Long() {
		cuts = 200
	}
	image := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(image, make([]byte, diskBytes), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "mkfs.ext4", "-q", "-F", image, fmt.Sprint(fsBytes/1024)+"k")
	before, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	all := record(t, image)
	const seed = 1
	random := rand.New(rand.NewPCG(seed, 2))
	at := map[int]bool{} // requests behind which the power fails
	for len(at) < cuts {
		at[random.IntN(len(all))] = true
	}
	d := &disk{sure: before}
	looked, saved := 0, 0
	for i, e := range all {
		d.take(e)
		if at[i] {
			sure, found := look(t, i, d.cut(random))
			looked++
			saved = max(saved, sure)
			if found > Values {
				t.Errorf("request %d: value %d was never saved", i, found)
			}
		}
	}
	t.Logf("%d requests, %d power cuts, values up to %d sure (seed %d)", len(all), looked, saved, seed)
	if saved < Values/2 {
		t.Errorf("at most %d of %d values were sure at a power cut", saved, Values)
	}
}

// record lets the guest save on image and returns what it did to it.
func record(t *testing.T, image string) []entry {
	t.Helper()
	log := image + ".log"
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var console bytes.Buffer
	m := machine.Virtual{
		Kernel: machine.Kernel(t), Patience: 2 * time.Minute, Date: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		Initrd: machine.Initrd(t, []string{"/dev", "/perm"}, machine.File{Path: "/init", From: machine.Build(t, "./cmd/internal/e2e/powercut/guest", "")}),
		Options: []string{
			"-blockdev", "driver=file,node-name=disk,filename=" + image,
			"-blockdev", "driver=file,node-name=log,filename=" + log,
			"-blockdev", "driver=blklogwrites,node-name=logged,file=disk,log=log",
			"-device", "virtio-blk-device,drive=logged,write-cache=on",
		},
	}
	if _, err := m.Run(t, &console); err != nil || !strings.Contains(console.String(), "guest: saved all") {
		t.Fatalf("%v\n%s", err, console.String())
	}
	f, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := readLog(f)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// look returns the value that was sure and the one that is found on a disk.
func look(t *testing.T, request int, disk []byte) (sure, found int) {
	t.Helper()
	sure = int(binary.LittleEndian.Uint64(disk[len(disk)-Sector:]))
	dir := t.TempDir()
	image := filepath.Join(dir, "image")
	if err := os.WriteFile(image, disk[:fsBytes], 0o600); err != nil {
		t.Fatal(err)
	}
	repair(t, request, image)
	for slot := range 2 {
		name := fmt.Sprintf("clock.%d.json", slot)
		run(t, "debugfs", "-R", "dump /timeball/"+name+" "+filepath.Join(dir, name), image)
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Size() == 0 {
			os.Remove(filepath.Join(dir, name)) // debugfs makes it, also where there is none
		}
	}
	v, ok, ignored := store.Load[Value](store.Dir(dir), Name, nil)
	switch {
	case ignored != nil:
		t.Errorf("behind request %d: %v", request, ignored)
	case v.N < sure || ok != (v.N > 0):
		t.Errorf("behind request %d: value %d is found (%v), %d was sure", request, v.N, ok, sure)
	}
	return sure, v.N
}

// repair replays the journal and checks the file system. e2fsck ends with 1 when it has mended something, which here can
// only be what a journal leaves to a check: a mount would do without.
func repair(t *testing.T, request int, image string) {
	t.Helper()
	out, err := exec.Command(tool(t, "e2fsck"), "-f", "-y", image).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() > 1) {
		t.Fatalf("behind request %d: e2fsck: %v\n%s", request, err, out)
	}
}

// tool finds one of e2fsprogs, which are where not everyone's PATH leads.
func tool(t *testing.T, name string) string {
	t.Helper()
	for _, path := range []string{name, "/sbin/" + name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Skipf("%s is not here: `make deps` fetches it on Debian", name)
	return ""
}

func run(t *testing.T, program string, args ...string) {
	t.Helper()
	if out, err := exec.Command(tool(t, program), args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}
