package machine

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TreeWith returns the file of the machine's device tree with a node more at its root, as dtc reads it. "GPIO" in it stands
// for the GPIO chip.
func TreeWith(t testing.TB, node string) string {
	t.Helper()
	dir := t.TempDir()
	own := filepath.Join(dir, "own.dtb")
	must(t, exec.Command(program, "-M", board+",dumpdtb="+own, "-cpu", "cortex-a53", "-m", "512", "-display", "none", "-nic", "none"))
	source := string(must(t, exec.Command("dtc", "-q", "-I", "dtb", "-O", "dts", own)))
	chip := regexp.MustCompile(`(?s)pl061@9030000 \{.*?phandle = <(0x[0-9a-f]+)>`).FindStringSubmatch(source)
	if chip == nil {
		t.Fatal("the machine has no GPIO chip")
	}
	end := strings.LastIndex(source, "};")
	with, tree := filepath.Join(dir, "with.dts"), filepath.Join(dir, "with.dtb")
	if err := os.WriteFile(with, []byte(source[:end]+strings.ReplaceAll(node, "GPIO", chip[1])+source[end:]), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, exec.Command("dtc", "-q", "-I", "dts", "-O", "dtb", "-o", tree, with))
	return tree
}

// must runs a program and returns what it wrote.
func must(t testing.TB, cmd *exec.Cmd) []byte {
	t.Helper()
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v (of Debian's packages qemu-system-arm and device-tree-compiler)\n%s", cmd.Args, err, complaints.String())
	}
	return out
}
