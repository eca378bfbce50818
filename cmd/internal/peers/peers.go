// Package peers asks a server under test with NTP clients of other projects, for tests only.
//
// chronyd, ntpdig and ntpq run from .cache/clients, where .ci/clients unpacks them, and cannot set a clock; Go's beevik/ntp is
// linked in. Offsets are seconds, the served clock minus this machine's: positive is ahead. Where a client has not been
// unpacked the test is skipped with a message that names `make deps`; anything a client says that is not understood fails
// it.
package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/beevik/ntp"

	"timeball/pps/clock"
)

// patience is how long a client may take beyond its own timeout before it is ended.
const patience = 30 * time.Second

// Result is what a client made of a server.
type Result struct {
	// Synchronised is whether the client took the server for a source of time. The rest means nothing where it is not.
	Synchronised bool
	// Offset is the served clock minus this machine's, with the microseconds the client prints.
	Offset clock.Seconds
	// Within is by how much the client itself says that Offset may be wrong, 0 where it does not.
	Within clock.Seconds
	// Stratum is what the server said, 0 from a client that does not print it.
	Stratum int
	// Output is all the client printed.
	Output string
}

var chronydOffset = regexp.MustCompile(`System clock wrong by (-?[0-9.]+) seconds \(ignored\)`)

// Chronyd has chronyd query the server at addr once, for 4 s in the good case and for at most timeout. options are added to
// its server directive ("xleave", "version 3"), directives to its configuration.
func Chronyd(t testing.TB, addr netip.AddrPort, timeout time.Duration, options string, directives ...string) Result {
	t.Helper()
	server := fmt.Sprintf("server %v port %d iburst %s", addr.Addr(), addr.Port(), options)
	seconds := strconv.Itoa(int(timeout.Seconds()))
	args := append([]string{"-Q", "-t", seconds, "-f", os.DevNull, "-u", "root", server}, directives...)
	output, code := run(t, timeout, "chronyd", args)
	if strings.Contains(output, "Timeout reached") && code == 1 {
		return Result{Output: output}
	}
	found := chronydOffset.FindStringSubmatch(output)
	if found == nil || code != 0 {
		t.Fatalf("chronyd %q: exit code %d:\n%s", args, code, output)
	}
	offset, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatalf("chronyd %q: %v:\n%s", args, err, output)
	}
	return Result{Synchronised: true, Offset: clock.Seconds(offset), Output: output}
}

// Ntpdig has ntpsec's ntpdig query the server at addr four times and choose one answer.
func Ntpdig(t testing.TB, addr netip.AddrPort) Result {
	t.Helper()
	args := []string{"-j", "-p", "4", "-t", "5", addr.Addr().String()}
	output, code := run(t, 20*time.Second, "ntpdig", args, "NTPDIG_PORT="+strconv.Itoa(int(addr.Port())))
	if strings.Contains(output, "no eligible servers") && code == 1 {
		return Result{Output: output}
	}
	var said struct {
		Offset    float64
		Precision float64 // its word for synchronisation distance and jitter
		Stratum   int
	}
	if err := json.Unmarshal([]byte(output), &said); err != nil || code != 0 {
		t.Fatalf("ntpdig %q: exit code %d, %v:\n%s", args, code, err, output)
	}
	return Result{Synchronised: true, Offset: clock.Seconds(said.Offset), Within: clock.Seconds(said.Precision), Stratum: said.Stratum, Output: output}
}

// Ntpq has ntpsec's ntpq ask the server at addr and returns what it prints.
func Ntpq(t testing.TB, addr netip.AddrPort, args ...string) string {
	t.Helper()
	args = append(args, addr.Addr().String())
	output, code := run(t, 20*time.Second, "ntpq", args, "NTPQ_PORT="+strconv.Itoa(int(addr.Port())))
	if code != 0 {
		t.Fatalf("ntpq %q: exit code %d:\n%s", args, code, output)
	}
	return output
}

// Beevik queries the server at addr once with NTP version (3 or 4) and returns the answer as beevik/ntp reads it.
func Beevik(t testing.TB, addr netip.AddrPort, version int) *ntp.Response {
	t.Helper()
	response, err := ntp.QueryWithOptions(addr.String(), ntp.QueryOptions{Version: version, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatalf("beevik/ntp asking %v: %v", addr, err)
	}
	return response
}

// run runs a client of the cache and returns what it printed and its exit code, or skips the test.
func run(t testing.TB, timeout time.Duration, client string, args []string, env ...string) (string, int) {
	t.Helper()
	path := filepath.Join(root(t), ".cache", "clients", "bin", client)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		t.Skipf("%s is not in .cache/clients: run make deps", client)
	}
	ctx, cancel := context.WithTimeout(t.Context(), timeout+patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), env...)
	output, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) || ctx.Err() != nil {
		t.Fatalf("%s %q: %v:\n%s", client, args, err, output)
	}
	return string(output), cmd.ProcessState.ExitCode()
}

// root returns the project's folder: the nearest with a go.mod above the test's.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			t.Fatalf("no go.mod above %s", dir)
		}
	}
}
