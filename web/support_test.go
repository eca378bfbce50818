package web

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"timeball/web/bundle"
)

func TestBundleHasAllButWhatIsSecret(t *testing.T) {
	record := filepath.Join(t.TempDir(), "record")
	if err := os.WriteFile(record, []byte("{\"timeball\":\"events\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	u := &fakeUnit{status: fullStatus()}
	s := New(Config{
		Name: "tb-a", Configuration: "[alarm]\nwebhook = \"https://hunter2/\"\nlanguage = \"zh\"\n", LogTail: func() []byte { return []byte("a line\n") }, Recording: record,
	}, u)
	status := u.Status()
	s.past.add(0, 0, &status)
	s.happened.look(time.Second, &status)
	s.identify = func(http.ResponseWriter, *http.Request) Visitor { return Visitor{"ops", AdminRole} }
	w := ask(s, "GET", "/api/v1/bundle", func(r *http.Request) { r.TLS = &tls.ConnectionState{} })
	files := map[string]string{}
	m, err := bundle.Read(w.Body, func(_ bundle.Manifest, name string, content io.Reader) error {
		text, err := io.ReadAll(content)
		files[name] = string(text)
		return err
	})
	if err != nil || m.Unit != "tb-a" || len(m.Absent) != 0 {
		t.Fatalf("%+v, %v", m, err)
	}
	for name, want := range map[string]string{
		"status.json": `"api":1`, "events.json": `"undervoltage"`, "history-hour.csv": "unix_seconds,utc,offset_seconds", "history-month.csv": "offset_seconds_max",
		"config.toml": `language = "zh"`, "log.txt": "a line\n", "events.jsonl": `{"timeball":"events"}`, "metrics.txt": "# HELP timeball_",
	} {
		if name == "events.json" {
			want = `"channels"`
		}
		if !strings.Contains(files[name], want) {
			t.Errorf("%s: no %q in %.300s", name, want, files[name])
		}
	}
	for name, text := range files {
		if strings.Contains(text, "hunter2") {
			t.Errorf("%s has a secret", name)
		}
	}
	if deeds := s.audit.Newest(1); len(deeds) != 1 || deeds[0].What != "bundle" {
		t.Errorf("recorded: %+v", deeds)
	}
}

func TestBundleSaysWhatItLacks(t *testing.T) {
	s, _ := newServer()
	s.config.Configuration = "[alarm\nhunter2"
	s.config.Recording = "/nonexistent/record"
	var b bytes.Buffer
	w := httptest.NewRecorder()
	if err := s.writeBundle(w); err != nil {
		t.Fatal(err)
	}
	b.Write(w.Body.Bytes())
	m, err := bundle.Read(&b, func(bundle.Manifest, string, io.Reader) error { return nil })
	if err != nil || m.Absent[bundle.Config] == "" || strings.Contains(m.Absent[bundle.Config], "hunter2") || m.Absent[bundle.Log] == "" || !strings.Contains(m.Absent[bundle.Recording], "no such file") {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestOneBundleAtATime(t *testing.T) {
	s, _ := newServer()
	s.bundling.Lock()
	s.identify = func(http.ResponseWriter, *http.Request) Visitor { return Visitor{"ops", AdminRole} }
	if w := ask(s, "GET", "/api/v1/bundle", func(r *http.Request) { r.TLS = &tls.ConnectionState{} }); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d", w.Code)
	}
}
