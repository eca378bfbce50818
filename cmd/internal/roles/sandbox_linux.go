package roles

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/landlock-lsm/go-landlock/landlock"
)

// Confine takes from this process every file but those below write, which it may change, and those at or below read, which
// it may read (Landlock). Files that are open already stay so. A path that is not there is left out. A kernel without
// Landlock confines nothing, and that is no error: Confined says what holds.
func Confine(write, read []string) error {
	var rules []landlock.Rule
	for _, dir := range write {
		rules = append(rules, landlock.RWDirs(dir).IgnoreIfMissing())
	}
	for _, path := range read {
		info, err := os.Stat(path)
		switch {
		case err != nil:
		case info.IsDir():
			rules = append(rules, landlock.RODirs(path))
		default:
			rules = append(rules, landlock.ROFiles(path))
		}
	}
	if err := landlock.V5.BestEffort().RestrictPaths(rules...); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	return nil
}

// Confined reports whether this process may not read what nobody may who was confined: the root of the file system.
func Confined() bool {
	_, err := os.ReadDir("/")
	return err != nil
}

// Resolving returns what has to be read to look up names and to check certificates. Where resolv.conf is a link it is the
// directory that counts: the file is replaced whenever the network changes.
func Resolving() []string {
	resolver := "/etc/resolv.conf"
	if target, err := filepath.EvalSymlinks(resolver); err == nil && filepath.Dir(target) != "/etc" {
		resolver = filepath.Dir(target)
	}
	return []string{resolver, "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl/certs", "/usr/share/ca-certificates"}
}
