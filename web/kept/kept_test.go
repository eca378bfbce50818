package kept

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestSavedIsReadAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on demand")
	path := filepath.Join(dir, "v.json")
	for _, want := range []int{1, 2} {
		if err := Save(path, want); err != nil {
			t.Fatal(err)
		}
		var got int
		if err := Load(path, &got); err != nil || got != want {
			t.Errorf("Load = %d, %v, want %d", got, err, want)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files are left, want 1", len(files))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	dir := t.TempDir()
	var v int
	if err := Load(filepath.Join(dir, "absent"), &v); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	for name, content := range map[string]string{"torn": "{", "long": string(make([]byte, MaxSize+1))} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if Load(path, &v) == nil {
			t.Errorf("a %s file was read", name)
		}
	}
	if Save(filepath.Join(dir, "torn", "below a file"), v) == nil {
		t.Error("saved below a file")
	}
}
