package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// module is a Go module as `go mod download -json` tells of it.
type module struct {
	Path, Version, Dir, Sum, Error string
}

// The modules of image/modules.
const (
	kernelModule   = "github.com/gokrazy/kernel.rpi"
	firmwareModule = "github.com/gokrazy/firmware"
)

// pins is the directory with the go.mod that says which kernel and firmware are taken.
const pins = "image/modules"

// download has the go command download modules, all of dir's go.mod where none is named, and verify them by its go.sum.
func (b *build) download(dir string, names ...string) (map[string]module, error) {
	out, err := b.tool(nil, "go", append([]string{"-C", dir, "mod", "download", "-json"}, names...)...)
	if err != nil {
		return nil, err
	}
	found := map[string]module{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var m module
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, fmt.Errorf("go mod download: %w", err)
		}
		if m.Error != "" {
			return nil, fmt.Errorf("%s: %s", m.Path, m.Error)
		}
		found[m.Path] = m
	}
}

// fetch gets kernel and firmware.
func (b *build) fetch() error {
	found, err := b.download(pins)
	if err != nil {
		return err
	}
	if b.kernel, err = pinned(found, kernelModule); err != nil {
		return err
	}
	b.firmware, err = pinned(found, firmwareModule)
	return err
}

func pinned(found map[string]module, path string) (module, error) {
	m, ok := found[path]
	if !ok {
		return m, fmt.Errorf("%s/go.mod does not name %s", pins, path)
	}
	return m, nil
}

// program is one of ours in the root file system.
type program struct {
	path   string // in the root
	source string // its package
	binary string // where it was built
	info   *debug.BuildInfo
}

// ours are the programs on the card.
var ours = []program{
	{path: "init", source: "./cmd/init"},
	{path: "bin/timeballd", source: "./cmd/timeballd"},
	{path: "bin/timeball", source: "./cmd/timeball"},
}

// compile builds the programs for the boards and notes what they are made of.
func (b *build) compile() error {
	flags := fmt.Sprintf("-s -w -X main.version=%s -X main.commitUnix=%d", b.version, b.date.Unix())
	env := []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64", "GOARM64=v8.0", "GOFLAGS="}
	for _, p := range ours {
		p.binary = filepath.Join(b.work, filepath.Base(p.path))
		if _, err := b.tool(env, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", p.binary, p.source); err != nil {
			return err
		}
		var err error
		if p.info, err = buildinfo.ReadFile(p.binary); err != nil {
			return fmt.Errorf("%s: %w", p.source, err)
		}
		b.programs = append(b.programs, p)
	}
	return b.locate()
}

// locate finds the source of every module in the programs: their licences are there.
func (b *build) locate() error {
	wanted := map[string]string{}
	for _, p := range b.programs {
		for _, dep := range p.info.Deps {
			wanted[dep.Path] = dep.Version
		}
	}
	var names []string
	for path, version := range wanted {
		names = append(names, path+"@"+version)
	}
	found, err := b.download(".", names...)
	if err != nil {
		return err
	}
	for _, m := range found {
		b.modules = append(b.modules, m)
	}
	slices.SortFunc(b.modules, func(x, y module) int { return strings.Compare(x.Path, y.Path) })
	return nil
}

// goVersion returns the release of Go that built the programs.
func (b *build) goVersion() string { return strings.TrimPrefix(b.programs[0].info.GoVersion, "go") }

// licenceFiles returns the files of a module that say under which terms it may be used.
func licenceFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		for _, begin := range []string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS"} {
			if strings.HasPrefix(name, begin) && !e.IsDir() {
				found = append(found, filepath.Join(dir, e.Name()))
				break
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no licence", dir)
	}
	return found, nil
}
