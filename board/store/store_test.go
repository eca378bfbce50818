package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

type value struct{ A int }

func TestStoreGivesBackWhatWasSaved(t *testing.T) {
	d := Dir(filepath.Join(t.TempDir(), "made", "on demand"))
	for _, want := range []value{{1}, {2}} {
		if err := d.Save("v.json", want); err != nil {
			t.Fatal(err)
		}
		var got value
		if err := d.Load("v.json", &got); err != nil || got != want {
			t.Errorf("Load = %v, %v, want %v", got, err, want)
		}
	}
	if files, _ := os.ReadDir(string(d)); len(files) != 1 {
		t.Errorf("%d files are left, want 1", len(files))
	}
}

func TestStoreSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	d := Dir(dir)
	var v value
	if err := d.Load("absent", &v); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
	for name, content := range map[string]string{"torn": `{"A":`, "huge": string(make([]byte, maxSize+1))} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := d.Load(name, &v); err == nil {
			t.Errorf("%s file was read", name)
		}
	}
	if err := Dir(filepath.Join(dir, "torn", "below a file")).Save("x", v); err == nil {
		t.Error("saved below a file")
	}
}
