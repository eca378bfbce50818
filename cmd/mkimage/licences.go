package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// license collects the terms under which everything on the card may be used.
func (b *build) license() error {
	var text bytes.Buffer
	fmt.Fprintf(&text, "The licences of all that is on a Timeball card, version %s.\n\n", b.version)
	source, err := os.ReadFile(filepath.Join(b.kernel.Dir, "_build", "upstream-url.txt"))
	if err != nil {
		return fmt.Errorf("where the kernel's source is: %w", err)
	}
	kernel := fmt.Sprintf("The Linux kernel (vmlinuz, *.dtb, overlays), GPL-2.0. It was built from\n%s\nwith the configuration and the patches in _build of\nhttps://%s, version %s.",
		strings.TrimSpace(string(source)), b.kernel.Path, b.kernel.Version)
	firmware := fmt.Sprintf("The firmware of Broadcom's chips (bootcode.bin, start*.elf, fixup*.dat), from\nhttps://%s, version %s.", b.firmware.Path, b.firmware.Version)
	type part struct{ title, dir string }
	parts := []part{{"Timeball", "."}, {kernel, b.kernel.Dir}, {firmware, b.firmware.Dir}}
	for _, m := range b.modules {
		parts = append(parts, part{m.Path + " " + m.Version, m.Dir})
	}
	root, err := b.tool(nil, "go", "env", "GOROOT")
	if err != nil {
		return err
	}
	parts = append(parts, part{"Go's standard library " + b.goVersion(), strings.TrimSpace(string(root))})
	for _, p := range parts {
		if err := appendLicence(&text, p.title, p.dir); err != nil {
			return err
		}
	}
	b.licences = text.Bytes()
	return nil
}

// appendLicence appends the texts in dir below a title.
func appendLicence(text *bytes.Buffer, title, dir string) error {
	files, err := licenceFiles(dir)
	if err != nil {
		return err
	}
	rule := strings.Repeat("=", 78)
	fmt.Fprintf(text, "%s\n%s\n%s\n\n", rule, title, rule)
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		text.Write(bytes.TrimRight(content, "\n"))
		text.WriteString("\n\n")
	}
	return nil
}
