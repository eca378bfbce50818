package bundle

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func whole(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, Manifest{Build: "1.0.3", Unit: "tb-a", Unix: new(int64(1_795_269_600)), Absent: map[string]string{Log: "why"}})
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(w.Add(Status, []byte(`{"api":1}`)), w.AddFrom(Recording, 6, strings.NewReader("{}\n{}\n{}\n")), w.Close())
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readAll returns what a bundle holds.
func readAll(data []byte) (Manifest, map[string]string, error) {
	files := map[string]string{}
	m, err := Read(bytes.NewReader(data), func(_ Manifest, name string, content io.Reader) error {
		text, err := io.ReadAll(content)
		files[name] = string(text)
		return err
	})
	return m, files, err
}

func TestBundleIsReadAsItWasWritten(t *testing.T) {
	data := whole(t)
	m, files, err := readAll(data)
	want := Manifest{"bundle", 1, "1.0.3", "tb-a", new(int64(1_795_269_600)), map[string]string{Log: "why"}}
	if diff := cmp.Diff(want, m); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if diff := cmp.Diff(map[string]string{Status: `{"api":1}`, Recording: "{}\n{}\n"}, files); diff != "" {
		t.Error(diff)
	}
	if !Is(data) || !Is(data[:min(len(data), 512)]) {
		t.Error("a bundle is not known as one")
	}
}

func TestBundleRefusesWhatIsTorn(t *testing.T) {
	data := whole(t)
	for n := range data {
		if _, _, err := readAll(data[:n]); err == nil {
			t.Fatalf("a bundle cut at %d of %d was taken", n, len(data))
		}
	}
	var other bytes.Buffer
	z := gzip.NewWriter(&other)
	z.Write([]byte("$GPRMC,..."))
	z.Close()
	for _, data := range [][]byte{nil, other.Bytes(), []byte("$GPRMC"), {0x1f, 0x8b}} {
		if Is(data) {
			t.Errorf("%q is taken for a bundle", data)
		}
		if _, _, err := readAll(data); err == nil {
			t.Errorf("%q was read", data)
		}
	}
	w, err := NewWriter(io.Discard, Manifest{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.AddFrom(Recording, 10, strings.NewReader("short")); err == nil {
		t.Error("a file shorter than announced was taken")
	}
}

func TestRedactTakesOutWhatIsSecret(t *testing.T) {
	got, err := Redact(`
[alarm]
webhook = "https://hooks.example.org/T0/B0/hunter2"
syslog = "udp://192.0.2.9:514"
[web]
key_file = "/perm/site.key"
api_key = "hunter2"
Password = """hun
ter2"""
token = ""
proxy = "http://me:hunter2@10.0.0.1:3128/x"
[auth]
keys = ["hunter2", "hunter2"]
[[neighbour]]
name = "tb-b"
psk = "hunter2"
[server]
listen = [":123"]
`)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(got, "hunter") || strings.Contains(got, "ter2") {
		t.Errorf("a secret is there:\n%s", got)
	}
	for _, want := range []string{`syslog = "udp://192.0.2.9:514"`, `key_file = "/perm/site.key"`, `name = "tb-b"`, `token = ""`, `listen = [":123"]`, `proxy = "http://...@10.0.0.1:3128/x"`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if _, err := Redact("[alarm\nwebhook = hunter2"); err == nil {
		t.Error("what can't be read was shown")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(whole(f))
	f.Fuzz(func(_ *testing.T, data []byte) {
		Is(data)
		readAll(data)
	})
}
