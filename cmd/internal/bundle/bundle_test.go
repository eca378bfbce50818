package bundle

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"timeball/web/bundle"
)

// unit is a unit that answers as web does; web itself has a test of the bundle it writes.
func unit(t *testing.T, secure bool) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	for path, text := range map[string]string{
		"/api/v1/status":      `{"api":1,"mode":"locked","stratum":1,"leap":"none","bound_seconds":2e-6,"version":"1.0.3","served_unix_nanoseconds":1795269600000000000}`,
		"/api/v1/events":      `{"api":1,"active":1,"events":[{"id":3,"name":"jamming","severity":"alarm","active":true,"count":2,"text":"the receiver \u001b[31mhears jamming"}]}`,
		"/metrics":            "timeball_locked 1\n",
		"/api/v1/history.csv": "unix_seconds,utc\n1,2\n",
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) })
	}
	answer := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer t0ken" {
			http.Error(w, "sign in first", http.StatusUnauthorized)
			return
		}
		b, err := bundle.NewWriter(w, bundle.Manifest{Build: "1.0.3", Unit: "tb-a"})
		if err := errors.Join(err, b.Add(bundle.Log, []byte("one\ntwo\n"))); err != nil {
			t.Error(err)
		}
		if strings.HasPrefix(r.URL.Path, "/torn/") {
			panic(http.ErrAbortHandler)
		}
		b.Close()
	}
	mux.HandleFunc("/api/v1/bundle", answer)
	mux.HandleFunc("/torn/api/v1/bundle", answer)
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = nil
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server
}

// show returns what is shown of a bundle.
func show(t *testing.T, data []byte) string {
	t.Helper()
	var out strings.Builder
	err := Show(bytes.NewReader(data), &out, func(r io.Reader) error {
		_, err := io.Copy(&out, r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestBundleOverHTTPHasWhatEverybodyMaySee(t *testing.T) {
	record := filepath.Join(t.TempDir(), "record")
	if err := os.WriteFile(record, []byte(`{"timeball":"events"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Fetch(t.Context(), &b, Options{Unit: unit(t, false).URL, Record: record}); err != nil {
		t.Fatal(err)
	}
	got := show(t, b.Bytes())
	for _, want := range []string{
		"# support bundle of 127.0.0.1, 1.0.3, at 2026-11-21 14:00:00 UTC\n", "# log.txt is not there: the bundle was made over http",
		"# status.json: locked: Time is good", "# events.json: 1, 1 of them active\n", "alarm   active   2× jamming: the receiver  [31mhears jamming\n",
		"# history-day.csv: 2 lines\n", "# events.jsonl: what the engine took; replayed below\n" + `{"timeball":"events"}` + "\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestBundleOverHTTPSIsTheUnits(t *testing.T) {
	server := unit(t, true)
	fingerprint := strings.ToUpper(hex.EncodeToString(sum(server.Certificate().Raw)))
	var b bytes.Buffer
	if err := Fetch(t.Context(), &b, Options{Unit: server.URL, Token: "t0ken", Fingerprint: fingerprint}); err != nil {
		t.Fatal(err)
	}
	if got := show(t, b.Bytes()); !strings.Contains(got, "# support bundle of tb-a, 1.0.3, at a time it did not know\n# log.txt: 2 lines\n") {
		t.Error(got)
	}
	other := strings.Repeat("00", 32)
	for name, o := range map[string]Options{
		"another certificate":    {Unit: server.URL, Token: "t0ken", Fingerprint: other},
		"a certificate unknown":  {Unit: server.URL, Token: "t0ken"},
		"no fingerprint":         {Unit: server.URL, Token: "t0ken", Fingerprint: "4F:1C"},
		"a wrong token":          {Unit: server.URL, Token: "guess", Fingerprint: fingerprint},
		"a token over http":      {Unit: unit(t, false).URL, Token: "t0ken"},
		"a bundle that is torn":  {Unit: server.URL + "/torn", Token: "t0ken", Fingerprint: fingerprint},
		"nobody there":           {Unit: "http://127.0.0.1:1"},
		"no address":             {Unit: "http://"},
		"a recording of another": {Unit: server.URL, Token: "t0ken", Fingerprint: fingerprint, Record: "x"},
	} {
		var b bytes.Buffer
		if err := Fetch(t.Context(), &b, o); err == nil || strings.Contains(err.Error(), "t0ken") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBundleOfSomethingElseIsRefused(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"hello":1}`) }))
	defer server.Close()
	if err := Fetch(t.Context(), io.Discard, Options{Unit: server.URL}); err == nil || !strings.Contains(err.Error(), "not a Timeball") {
		t.Error(err)
	}
}
