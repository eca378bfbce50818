// Package timeball holds no code: its test reads the source of all packages and holds the rules of who may import whom,
// which packages only compute, and what go.mod may pin.
//
// The map has one entry for each domain; a rule broken on purpose is in the table of every test, so that a checker that
// sees nothing fails as well.
package timeball_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "timeball"

// mayImport says for every domain, or for a package that differs from its domain, what of this module it may import. A
// name stands for the package and all below it; "=" before it for the package alone.
var mayImport = map[string][]string{
	"gnss":           {"gnss", "=pps/clock"},
	"pps":            {"pps", "gnss"},
	"server":         {"server", "=pps/clock", "=gnss/timescale"},
	"server/publish": {"server", "=pps/clock", "=gnss/timescale", "=pps/discipline"},
	"web":            {"web"},
	"board":          {"board"},
	"board/sim":      {"board", "gnss", "pps"},
	"image":          {"image"},
	"cmd":            {"cmd", "gnss", "pps", "server", "web", "board", "image"},
}

// pure are the packages that only compute: no clock, no input or output, no goroutine, no log. Those that do not exist
// yet are held to it from their first line.
var pure = []string{
	"gnss", "gnss/timescale", "gnss/scan", "gnss/wire", "gnss/banner", "gnss/nmea", "gnss/ubx", "gnss/casic", "gnss/decode",
	"gnss/receiver", "gnss/integrity",
	"pps", "pps/clock", "pps/pairing", "pps/discipline", "pps/oscillator", "pps/stability", "pps/histogram", "pps/timing",
	"server/ntp", "server/publish", "server/access", "server/clientlog", "server/control", "server/leap", "server/select",
	"web/api", "web/words", "web/figure", "web/history", "web/alarm",
	"board/sim",
	"image/mounts", "image/requests", "image/floor", "image/screen",
	"cmd/internal/direct",
}

// impureStd are the packages of the standard library that a pure package may not import, with all below them.
var impureStd = []string{"os", "net", "syscall", "unsafe", "log", "C"}

// pureStd are exceptions: values that happen to live below an impure package.
var pureStd = []string{"net/netip"}

// reservedTo says which packages may import a module from outside, where not all may.
var reservedTo = map[string][]string{
	"github.com/tarm/serial": {"gnss/port"},
	// host.Init looks for registers and maps the wrong ones on a Pi 5; only packages below it may be used.
	"periph.io/x/host/v3":              {},
	"periph.io/x/host/v3/bcm283x":      {},
	"github.com/adrianmo/go-nmea":      {"gnss/nmea"},
	"github.com/warthog618/go-gpiosim": {},
}

// pureModules are modules from outside that a pure package may import.
var pureModules = map[string][]string{"gnss/nmea": {"github.com/adrianmo/go-nmea"}}

// clockCalls are the functions of package time that read a clock or wait for one.
var clockCalls = []string{"Now", "Since", "Until", "Sleep", "After", "Tick", "NewTimer", "NewTicker", "AfterFunc"}

func TestArchitecture(t *testing.T) {
	var files int
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipped(name) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		files++
		for _, v := range violations(name, src) {
			t.Error(v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Errorf("only %d files read: not the root of the module", files)
	}
}

// skipped reports whether a directory is none of the module's packages, as the go command sees it, or is made by a build.
func skipped(dir string) bool {
	base := path.Base(dir)
	return dir != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") ||
		slices.Contains([]string{"testdata", "node_modules", "dist", "bin"}, base))
}

// violations returns what is wrong in one file, as "path: what".
func violations(name string, src []byte) []string {
	file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	pkg := path.Dir(name)
	if pkg == "." {
		if strings.HasSuffix(name, "_test.go") {
			return nil
		}
		return []string{name + ": code in the root of the module"}
	}
	domain, _, _ := strings.Cut(pkg, "/")
	if mayImport[domain] == nil {
		return []string{name + ": top-level directory " + domain + " is none of the map"}
	}
	var found []string
	test := strings.HasSuffix(name, "_test.go")
	for _, imported := range imports(file) {
		if why := forbidden(pkg, imported, test); why != "" {
			found = append(found, fmt.Sprintf("%s: imports %s: %s", name, imported, why))
		}
	}
	if slices.Contains(pure, pkg) && !test {
		for _, why := range impurities(file) {
			found = append(found, fmt.Sprintf("%s: %s: %s only computes", name, why, pkg))
		}
	}
	for _, call := range clockSetters(file) {
		if !slices.Contains(mayTouchTheClock[pkg], call) {
			found = append(found, fmt.Sprintf("%s: %s: only the loop and, before it, process 1 touch the clock", name, call))
		}
	}
	return found
}

// mayTouchTheClock says which package may use which of the kernel's ways to set or steer its clock.
var mayTouchTheClock = map[string][]string{
	"pps/sysclock": {"ClockAdjtime"}, "cmd/internal/boot": {"ClockSettime"},
	"cmd/internal/e2e/precision/guest": {"ClockSettime"}, // process 1 of an emulated machine
}

// clockSetters returns which of them a file uses, by the names they have in x/sys and in syscall.
func clockSetters(file *ast.File) []string {
	ways := []string{
		"ClockSettime", "ClockAdjtime", "Adjtimex", "Settimeofday", "SYS_CLOCK_SETTIME", "SYS_CLOCK_ADJTIME", "SYS_ADJTIMEX", "SYS_SETTIMEOFDAY",
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		if x, ok := n.(*ast.SelectorExpr); ok && slices.Contains(ways, x.Sel.Name) {
			found = append(found, x.Sel.Name)
		}
		return true
	})
	return found
}

// imports returns the import paths of a file.
func imports(file *ast.File) []string {
	var paths []string
	for _, spec := range file.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// forbidden says why pkg may not import imported, or "". Tests may use any module and be impure, but the direction
// between domains holds for them too.
func forbidden(pkg, imported string, test bool) string {
	computes := slices.Contains(pure, pkg) && !test
	if imported == module || below(imported, module) {
		return forbiddenWithin(pkg, strings.TrimPrefix(strings.TrimPrefix(imported, module), "/"), computes)
	}
	if owners, ok := reservedTo[imported]; ok && !slices.Contains(owners, pkg) {
		if len(owners) == 0 {
			return "nobody may"
		}
		return "only " + strings.Join(owners, ", ") + " may"
	}
	if !computes {
		return ""
	}
	if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") {
		if slices.Contains(pureModules[pkg], imported) {
			return ""
		}
		return "a pure package uses no module from outside"
	}
	for _, std := range impureStd {
		if (imported == std || below(imported, std)) && !slices.Contains(pureStd, imported) {
			return "a pure package has no " + std
		}
	}
	return ""
}

// forbiddenWithin is forbidden for an import of this module.
func forbiddenWithin(pkg, imported string, computes bool) string {
	domain, _, _ := strings.Cut(pkg, "/")
	allowed, ok := mayImport[pkg]
	if !ok {
		allowed = mayImport[domain]
	}
	permitted := slices.ContainsFunc(allowed, func(a string) bool {
		exact := strings.TrimPrefix(a, "=")
		return imported == exact || (exact == a && below(imported, a))
	})
	if !permitted {
		return pkg + " may import " + strings.Join(allowed, ", ")
	}
	if computes && !slices.Contains(pure, imported) {
		return "a pure package imports only pure ones"
	}
	return ""
}

// below reports whether p is a path below dir.
func below(p, dir string) bool { return strings.HasPrefix(p, dir+"/") }

// impurities returns the clocks a file reads and the goroutines it starts.
func impurities(file *ast.File) []string {
	var found []string
	clock := ""
	for _, spec := range file.Imports {
		if spec.Path.Value != `"time"` {
			continue
		}
		clock = "time"
		if spec.Name != nil {
			clock = spec.Name.Name
		}
		if clock == "." {
			found = append(found, "imports time without its name")
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = append(found, "starts a goroutine")
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if ok && x.Name == clock && slices.Contains(clockCalls, n.Sel.Name) {
				found = append(found, "uses time."+n.Sel.Name)
			}
		}
		return true
	})
	return found
}

func TestArchitectureSeesViolations(t *testing.T) {
	tests := []struct {
		name string
		path string
		body string // after the package clause
		want string // part of the one violation; "" = none
	}{
		{"gnss uses the clock's types", "gnss/gnss.go", `import _ "timeball/pps/clock"`, ""},
		{"gnss imports pps", "gnss/gnss.go", `import _ "timeball/pps"`, "gnss may import gnss, =pps/clock"},
		{"gnss imports below pps/clock", "gnss/gnss.go", `import _ "timeball/pps/clock/x"`, "gnss may import"},
		{"pps imports gnss", "pps/gpiopps/a.go", `import _ "timeball/gnss"`, ""},
		{"pps imports server", "pps/gpiopps/a.go", `import _ "timeball/server"`, "pps/gpiopps may import pps, gnss"},
		{"pps imports board", "pps/gpiopps/a.go", `import _ "timeball/board"`, "may import"},
		{"server imports discipline", "server/server.go", `import _ "timeball/pps/discipline"`, "server may import"},
		{"publish imports discipline", "server/publish/a.go", `import _ "timeball/pps/discipline"`, ""},
		{"publish imports the engine", "server/publish/a.go", `import _ "timeball/pps/timing"`, "server/publish may import"},
		{"web imports a domain", "web/page.go", `import _ "timeball/pps/clock"`, "web may import web"},
		{"board imports pps", "board/board.go", `import _ "timeball/pps"`, "board may import board"},
		{"sim imports pps", "board/sim/a.go", `import _ "timeball/pps/discipline"`, ""},
		{"sim imports server", "board/sim/a.go", `import _ "timeball/server/ntp"`, "board/sim may import"},
		{"cmd joins", "cmd/timeballd/main.go", `import _ "timeball/server"`, ""},
		{"somebody imports cmd", "pps/gpiopps/a.go", `import _ "timeball/cmd/internal/config"`, "may import"},
		{"direction holds for tests", "web/page_test.go", `import _ "timeball/server"`, "web may import web"},
		{"a name that only begins alike", "gnss/a.go", `import _ "timeball/gnssx"`, "gnss may import"},

		{"unknown directory", "util/a.go", ``, "top-level directory util"},
		{"code in the root", "main.go", ``, "root of the module"},

		{"pure imports os", "pps/timing/a.go", `import _ "os"`, "has no os"},
		{"pure imports below os", "pps/timing/a.go", `import _ "os/exec"`, "has no os"},
		{"pure imports net", "server/ntp/a.go", `import _ "net"`, "has no net"},
		{"pure imports addresses", "server/ntp/a.go", `import _ "net/netip"`, ""},
		{"pure imports syscall", "pps/a.go", `import _ "syscall"`, "has no syscall"},
		{"pure imports unsafe", "gnss/scan/a.go", `import _ "unsafe"`, "has no unsafe"},
		{"pure imports log", "gnss/nmea/a.go", `import _ "log"`, "has no log"},
		{"pure imports slog", "web/api/a.go", `import _ "log/slog"`, "has no log"},
		{"pure is linked with C", "pps/a.go", `import "C"`, "has no C"},
		{"pure imports x/sys", "pps/clock/a.go", `import _ "golang.org/x/sys/unix"`, "no module from outside"},
		{"pure imports impure", "pps/timing/a.go", `import _ "timeball/pps/sysclock"`, "only pure ones"},
		{"pure imports pure", "pps/timing/a.go", `import _ "timeball/pps/discipline"`, ""},
		{"pure direct imports impure", "cmd/internal/direct/a.go", `import _ "timeball/server"`, "only pure ones"},
		{"pure imports standard library", "pps/timing/a.go", `import _ "encoding/json"`, ""},
		{"impure may do all that", "server/a.go", `import _ "os"; import _ "net"; import _ "golang.org/x/sys/unix"`, ""},
		{"a pure package's test may too", "pps/timing/a_test.go", `import _ "os"; import _ "pgregory.net/rapid"`, ""},

		{"nmea uses go-nmea", "gnss/nmea/a.go", `import _ "github.com/adrianmo/go-nmea"`, ""},
		{"another uses go-nmea", "gnss/scan/a.go", `import _ "github.com/adrianmo/go-nmea"`, "only gnss/nmea may"},
		{"port uses the serial line", "gnss/port/a.go", `import _ "github.com/tarm/serial"`, ""},
		{"another uses the serial line", "cmd/timeballd/a.go", `import _ "github.com/tarm/serial"`, "only gnss/port may"},
		{"host.Init", "board/a.go", `import _ "periph.io/x/host/v3"`, "nobody may"},
		{"periph's names", "pps/gpiopps/a.go", `import _ "periph.io/x/host/v3/rpi"`, ""},

		{"pure reads the clock", "pps/timing/a.go", `import "time"; var _ = time.Now()`, "uses time.Now"},
		{"pure keeps the clock", "pps/timing/a.go", `import "time"; var now = time.Now`, "uses time.Now"},
		{"pure reads a renamed clock", "pps/timing/a.go", `import t "time"; var _ = t.Since`, "uses time.Since"},
		{"pure hides the clock", "pps/timing/a.go", `import . "time"; var _ = Now`, "without its name"},
		{"pure sleeps", "gnss/receiver/a.go", `import "time"; func f() { time.Sleep(1) }`, "uses time.Sleep"},
		{"pure waits", "server/publish/a.go", `import "time"; var _ = time.NewTicker`, "uses time.NewTicker"},
		{"pure has durations", "pps/timing/a.go", `import "time"; var _ = time.Second`, ""},
		{"pure starts a goroutine", "board/sim/a.go", `func f() { go f() }`, "starts a goroutine"},
		{"impure starts one", "server/a.go", `import "time"; func f() { go f(); time.Sleep(1) }`, ""},
		{"the loop steers", "pps/sysclock/a.go", `import "golang.org/x/sys/unix"; var _ = unix.ClockAdjtime`, ""},
		{"process 1 sets", "cmd/internal/boot/a.go", `import "golang.org/x/sys/unix"; var _ = unix.ClockSettime`, ""},
		{"process 1 steers", "cmd/internal/boot/a.go", `import "golang.org/x/sys/unix"; var _ = unix.ClockAdjtime`, "touch the clock"},
		{"another sets", "server/a.go", `import "syscall"; var _ = syscall.Settimeofday`, "touch the clock"},
		{"a test sets", "server/a_test.go", `import "golang.org/x/sys/unix"; var _ = unix.SYS_CLOCK_SETTIME`, "touch the clock"},
		{"a test waits", "pps/timing/a_test.go", `import "time"; func f() { go f(); time.Sleep(1) }`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := violations(tt.path, []byte("package x; "+tt.body))
			switch {
			case tt.want == "" && len(got) > 0:
				t.Errorf("reported %q, want nothing", got)
			case tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want)):
				t.Errorf("reported %q, want one with %q", got, tt.want)
			}
		})
	}
}

// unreleased are the modules without a released version that fits: only these may be pinned by commit.
var unreleased = []string{
	"github.com/tarm/serial",
	"github.com/secure-io/siv-go",
	"github.com/insomniacslk/dhcp",
	"github.com/mdlayher/arp",
	"github.com/landlock-lsm/go-landlock",
	"github.com/gokrazy/kernel.rpi",
	"github.com/gokrazy/firmware",
	"github.com/gokrazy/gokrazy",
	"github.com/gokrazy/updater",
	"github.com/gokrazy/rpi-eeprom",
}

// toolModules belong in .ci/tools, where they cannot raise a version that the firmware is built with.
var toolModules = []string{"honnef.co/go/tools", "mvdan.cc/gofumpt", "golang.org/x/perf"}

func TestPins(t *testing.T) {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range pinViolations(string(text)) {
		t.Error("go.mod: " + v)
	}
}

var (
	requirement   = regexp.MustCompile(`^(\S+\.\S+/\S+) (\S+)( // indirect)?$`)
	release       = regexp.MustCompile(`^v\d+\.\d+\.\d+(\+incompatible)?$`)
	pseudoVersion = regexp.MustCompile(`^v\d+\.\d+\.\d+-(\S+\.)?\d{14}-[0-9a-f]{12}$`)
)

// pinViolations returns what go.mod may not say.
func pinViolations(text string) []string {
	var found []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		for _, directive := range []string{"replace", "exclude", "tool"} {
			if line == directive || strings.HasPrefix(line, directive+" ") {
				found = append(found, directive+": what is built is what the pinned modules are")
			}
		}
		m := requirement.FindStringSubmatch(strings.TrimPrefix(line, "require "))
		if m == nil {
			continue
		}
		name, version, indirect := m[1], m[2], m[3] != ""
		switch {
		case slices.Contains(toolModules, name):
			found = append(found, name+": a tool, belongs in .ci/tools")
		case release.MatchString(version):
		case pseudoVersion.MatchString(version) && (indirect || slices.Contains(unreleased, name)):
		default:
			found = append(found, name+" "+version+": not a released version")
		}
	}
	return found
}

func TestPinsSeesViolations(t *testing.T) {
	tests := []struct {
		line, want string
	}{
		{"require golang.org/x/sys v0.49.0", ""},
		{"\tgithub.com/tarm/serial v0.0.0-20180830185346-98f6abe2eb07", ""},
		{"\tperiph.io/x/d2xx v0.1.1 // indirect", ""},
		{"\texample.org/x v0.0.0-20180830185346-98f6abe2eb07 // indirect", ""},
		{"\texample.org/x v0.0.0-20180830185346-98f6abe2eb07", "not a released version"},
		{"\texample.org/x latest", "not a released version"},
		{"\texample.org/x v1.0.0-rc.1", "not a released version"},
		{"replace golang.org/x/sys => ../sys", "replace"},
		{"exclude (", "exclude"},
		{"tool honnef.co/go/tools/cmd/staticcheck", "tool"},
		{"\thonnef.co/go/tools v0.8.2 // indirect", "belongs in .ci/tools"},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			got := pinViolations("module timeball\n\ngo 1.26.0\n\n" + tt.line + "\n)\n")
			if (tt.want == "" && len(got) > 0) || (tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want))) {
				t.Errorf("reported %q, want %q", got, tt.want)
			}
		})
	}
}
