package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func write(t *testing.T, l *Log, e Entry) {
	t.Helper()
	if err := l.Write(new(int64(1795269694)), e); err != nil {
		t.Fatal(err)
	}
}

func whats(entries []Entry) (text string) {
	for _, e := range entries {
		text += e.What + " "
	}
	return text
}

func TestEntriesAreOnDiskAndReadAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "web")
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	write(t, l, Entry{By: "admin", From: "10.0.0.1", What: "sign-in", OK: true})
	if err := l.Write(nil, Entry{What: "step", Text: "by 3.5 s"}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, FileName)) // without Close: it is there at once
	if err != nil || strings.Count(string(text), "\n") != 2 || !strings.Contains(string(text), `"utc_unix_seconds":null`) {
		t.Errorf("%v\n%s", err, text)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := whats(again.Newest(10)); got != "step sign-in " {
		t.Errorf("read again: %s", got)
	}
	if got := again.Newest(10)[1]; *got.UnixSeconds != 1795269694 || got.By != "admin" || !got.OK {
		t.Errorf("%+v", got)
	}
}

func TestATornLineIsPassedOver(t *testing.T) {
	dir := t.TempDir()
	content := `{"what":"a"}` + "\n" + `{"what":"b","te`
	if err := os.WriteFile(filepath.Join(dir, FileName), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	write(t, l, Entry{What: "c"})
	again, err := Open(dir)
	if err != nil || whats(again.Newest(10)) != "c a " {
		t.Errorf("%s, %v", whats(again.Newest(10)), err)
	}
}

func TestFilesAreBounded(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 950 {
		write(t, l, Entry{What: fmt.Sprint(i), Text: strings.Repeat("x", 10*maxText)})
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Errorf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Size() > maxFile {
			t.Errorf("%s: %d bytes, %v", f.Name(), info.Size(), err)
		}
	}
	if got := l.Newest(10000); len(got) != maxShown || got[0].What != "949" {
		t.Errorf("%d entries, the newest %s", len(got), got[0].What)
	}
}

func TestWhatAnyoneCausesIsBoundedInRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := Open("")
		for range 100 {
			write(t, l, Entry{What: "failed", Anyones: true})
		}
		if n := len(l.Newest(1000)); n != burst {
			t.Errorf("%d lines of 100, want %d", n, burst)
		}
		write(t, l, Entry{What: "of the admin"})
		if e := l.Newest(1)[0]; e.What != "of the admin" || e.Uncounted != 100-burst {
			t.Errorf("%+v", e)
		}
		time.Sleep(3*refill + time.Second)
		for range 100 {
			write(t, l, Entry{What: "failed", Anyones: true})
		}
		if n := len(l.Newest(1000)); n != burst+1+3 {
			t.Errorf("%d lines three minutes later, want 3 more", n)
		}
	})
}

func TestWhatCannotBeWrittenIsInMemory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Open(filepath.Join(file, "below"))
	if err == nil {
		t.Error("a directory below a file was opened")
	}
	if err := l.Write(nil, Entry{What: "sign-in"}); err == nil || len(l.Newest(1)) != 1 {
		t.Errorf("%v, %d in memory", err, len(l.Newest(1)))
	}
}
