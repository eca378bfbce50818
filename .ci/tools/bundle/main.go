// Command bundle makes the page's assets from their sources with esbuild: web/ui/main.js with what it imports, and the style
// sheet, both small, into web/assets. `make web` runs it after it has fetched the packages.
//
// usage: bundle UI MODULES ASSETS
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: bundle UI MODULES ASSETS")
		os.Exit(2)
	}
	if err := bundle(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

// bundle writes the built files and says what they were built from: a test compares that with the sources.
func bundle(ui, modules, assets string) error {
	modules, err := filepath.Abs(modules) // esbuild takes no other
	if err != nil {
		return err
	}
	sum, err := digest(ui)
	if err != nil {
		return err
	}
	for _, f := range []struct{ source, name string }{{"main.js", "page.js"}, {"page.css", "page.css"}} {
		built := api.Build(api.BuildOptions{
			EntryPoints: []string{filepath.Join(ui, f.source)}, Outfile: filepath.Join(assets, f.name), Bundle: true, Write: true,
			MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true, Target: api.ES2022, Format: api.FormatIIFE,
			NodePaths: []string{modules}, Charset: api.CharsetUTF8, LegalComments: api.LegalCommentsInline, AllowOverwrite: true,
			Banner: map[string]string{
				"js":  "/* Built by `make web` from web/ui " + sum + "; with preact, @preact/signals (MIT) and htm (Apache-2.0). */",
				"css": "/* Built by `make web` from web/ui " + sum + ". */",
			},
		})
		for _, e := range built.Errors {
			return fmt.Errorf("%s: %s", f.source, e.Text)
		}
	}
	return nil
}

// digest returns the first bytes of the SHA-256 of all files in a folder, in the order of their names.
func digest(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name() < entries[j].Name() })
	h := sha256.New()
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n", e.Name(), len(text))
		h.Write(text)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), nil
}
