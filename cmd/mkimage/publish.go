package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// publish gives the image and what belongs to it their names.
func (b *build) publish() error {
	if b.quick {
		return os.Rename(b.image(), b.name(".img"))
	}
	packed := b.image() + ".zst"
	// The second slot repeats the first 64 MiB later: a window of 2^27 bytes, which every zstd reads, holds both.
	if _, err := b.tool(nil, "zstd", "-q", "-T0", "-12", "--long=27", b.image(), "-o", packed); err != nil {
		return err
	}
	bill, err := b.bill()
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.name(".sbom.json"), bill, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(b.name(".licences.txt"), b.licences, 0o644); err != nil {
		return err
	}
	var sums string
	for _, f := range []struct{ from, ending string }{{b.image(), ".img"}, {packed, ".img.zst"}} {
		sum, err := digest(f.from)
		if err != nil {
			return err
		}
		sums += fmt.Sprintf("%x  %s\n", sum, filepath.Base(b.name(f.ending)))
		if err := os.Rename(f.from, b.name(f.ending)); err != nil {
			return err
		}
	}
	return os.WriteFile(b.name(".sha256"), []byte(sums), 0o644)
}

// digest returns the SHA-256 of a file.
func digest(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}
