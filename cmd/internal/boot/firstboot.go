package boot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"

	"timeball/board/store"
	"timeball/cmd/internal/config"
	"timeball/image/mounts"
	"timeball/image/netconf"
	"timeball/image/requests"
)

// Files in perm, below the state directory.
const (
	stateDir = mounts.Perm + "/timeball"
	doneName = "boot-requests.json" // requests that were done and whose files are still there
	keptName = "clock.json"         // appliance.KeptName
	accounts = "web/accounts.json"  // auth.AccountsFile: without it the unit can be claimed
)

// maxDropped is the largest file taken from the boot partition, in bytes.
const maxDropped = 64 << 10

// dropped is a file of the boot partition, and where it lies.
type dropped struct {
	requests.File
	device, path string // path below the mount
}

// look returns what lies in a mounted boot partition.
func (b *boot) look(device string) []dropped {
	var found []dropped
	for _, name := range []string{requests.Config, requests.Network, requests.ResetAdmin, requests.FactoryReset} {
		for _, path := range []string{name, name + requests.Suffix} {
			file := b.path(mounts.Boot, path)
			info, err := os.Stat(file)
			if err != nil || !info.Mode().IsRegular() {
				continue
			}
			f := requests.File{Name: name, Stamp: fmt.Sprintf("%s %s %d %d", device, path, info.ModTime().Unix(), info.Size())}
			if name == requests.Config || name == requests.Network {
				f.Content, f.Err = readSettings(file, name)
			}
			found = append(found, dropped{f, device, path})
		}
	}
	return found
}

// readSettings reads a file of settings and says what is wrong with it.
func readSettings(path, name string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxDropped+1))
	if err != nil {
		return nil, err
	}
	return content, checkSettings(name, content)
}

// checkSettings is what timeball config check does.
func checkSettings(name string, content []byte) error {
	var err error
	if name == requests.Config {
		_, err = config.Parse(name, content)
	} else {
		_, err = netconf.Parse(name, content)
	}
	return err
}

// kept returns what perm has of settings and requests.
func (b *boot) kept() requests.Kept {
	var k requests.Kept
	read := func(name string) []byte {
		content, err := os.ReadFile(b.path(stateDir, name))
		if err != nil {
			return nil
		}
		return append([]byte{}, content...)
	}
	k.Config, k.Network = read(requests.Config), read(requests.Network)
	var ignored error
	if k.Done, _, ignored = store.Load[[]string](b.state(), doneName, nil); ignored != nil {
		b.log.Warn("which requests have been done is not known", "error", ignored)
	}
	return k
}

func (b *boot) state() store.Dir { return store.Dir(b.path(stateDir)) }

// firstBoot does what the files found ask for and removes requests that have been done. What people should know is noted.
func (b *boot) firstBoot(found []dropped, perm permState) {
	var files []requests.File
	for _, f := range found {
		files = append(files, f.File)
	}
	kept := b.kept()
	for _, step := range requests.Decide(files, kept) {
		b.log.Info("the boot partition asks", "file", step.File.Name, "do", step.Do.String())
		if err := b.do(step, perm); err != nil {
			b.log.Error("not done", "file", step.File.Name, "error", err)
			b.note("%s on the boot partition could not be followed: %v", step.File.Name, err)
			continue
		}
	}
	b.forget(found, kept.Done)
}

// do does one step.
func (b *boot) do(step requests.Step, perm permState) error {
	name := step.File.Name
	switch step.Do {
	case requests.Empty:
		return b.empty(perm)
	case requests.ForgetAdmin:
		if err := os.Remove(b.path(stateDir, accounts)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	case requests.TakeConfig, requests.TakeNetwork:
		return b.take(name, step.File.Content)
	case requests.RefuseConfig:
		b.note("%s on the boot partition is not used, the default is: %v", name, step.File.Err)
	case requests.RefuseNetwork:
		b.note("%s on the boot partition is not used, DHCP is: %v", name, step.File.Err)
	case requests.PassConfig, requests.PassNetwork:
		b.note("%s on the boot partition is not used: the unit has had its own since its first start. The file factory-reset there lets it be taken.", name)
	}
	return nil
}

// take puts settings into perm, whole or not at all.
func (b *boot) take(name string, content []byte) error {
	if err := os.MkdirAll(b.path(stateDir), 0o755); err != nil {
		return err
	}
	if err := renameio.WriteFile(b.path(stateDir, name), content, 0o644); err != nil {
		return err
	}
	dir, err := os.Open(b.path(stateDir))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// empty makes perm as it was delivered.
func (b *boot) empty(perm permState) error {
	if perm == permCorrupt || b.faulty(b.permDevice) {
		return b.renewPerm()
	}
	entries, err := os.ReadDir(b.path(mounts.Perm))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == "lost+found" {
			continue
		}
		err = errors.Join(err, os.RemoveAll(b.path(mounts.Perm, e.Name())))
	}
	return err
}

// forget removes the files of requests, and remembers those that cannot be removed, so that they are not done at every
// start.
func (b *boot) forget(found []dropped, done []string) {
	var still []string
	for _, f := range found {
		if f.Name != requests.ResetAdmin && f.Name != requests.FactoryReset {
			continue
		}
		if err := b.remove(f); err != nil {
			b.log.Warn("request not removed", "file", f.path, "error", err)
			if b.perm == permOK {
				b.note("%s on the boot partition has been followed and could not be removed. It is not followed again.", f.path)
			} else {
				b.note("%s on the boot partition has been followed and can be neither removed nor remembered: remove it.", f.path)
			}
			still = append(still, f.Stamp)
		}
	}
	if slices.Equal(still, done) {
		return
	}
	if err := b.state().Save(doneName, still); err != nil {
		b.log.Error("which requests have been done is not kept", "error", err)
	}
}

// remove removes a file from its boot partition, which is writable meanwhile.
func (b *boot) remove(f dropped) error {
	m := mounts.BootFrom(f.device)
	if b.bootDevice != f.device {
		if b.bootDevice != "" {
			if err := b.k.Unmount(mounts.Boot); err != nil {
				return err
			}
		}
		if err := b.k.Mount(m); err != nil {
			return errors.Join(err, b.mountBoot())
		}
		defer func() {
			_ = b.k.Unmount(mounts.Boot)
			_ = b.mountBoot()
		}()
	}
	writable := m
	writable.Flags &^= mounts.ReadOnly
	if err := b.k.Remount(writable); err != nil {
		return err
	}
	err := os.Remove(filepath.Join(b.path(mounts.Boot), f.path))
	return errors.Join(err, b.k.Remount(m)) // which writes what is left to write
}
