package order

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"timeball/web/api"
	"timeball/web/certificate"
)

// unit answers commands over TLS like one that has a configuration and tries at most one change.
func unit(t *testing.T) (Options, *[]api.Command) {
	t.Helper()
	var asked []api.Command
	c := &api.Configuration{Text: "# the file\n", Digest: "d1"}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer timeball_x" || r.URL.Path != "/api/v1/command" {
			http.Error(w, "this needs an account", http.StatusUnauthorized)
			return
		}
		var q api.Command
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			t.Error(err)
		}
		asked = append(asked, q)
		result := api.Result{State: api.OK, Config: c}
		switch {
		case q.Name == api.CommandConfigApply && q.Digest == "d1":
			c.Trial, result.State = &api.Trial{ID: "t1"}, api.InProgress
		case q.Name == api.CommandConfigConfirm && c.Trial != nil && q.Trial == "t1":
			c.Trial = nil
		case q.Name != api.CommandConfigRead:
			result = api.Refuse("not \x1b[31mnow")
		}
		json.NewEncoder(w).Encode(result)
	}))
	t.Cleanup(s.Close)
	return Options{Unit: s.URL, Token: "timeball_x", Fingerprint: certificate.Fingerprint(s.TLS.Certificates[0])}, &asked
}

func TestConfigurationIsReadTriedAndKept(t *testing.T) {
	o, asked := unit(t)
	var out bytes.Buffer
	if err := Get(t.Context(), &out, o); err != nil || out.String() != "# the file\n" {
		t.Errorf("%q, %v", &out, err)
	}
	file := filepath.Join(t.TempDir(), "new.toml")
	if err := os.WriteFile(file, []byte("# new\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := End(t.Context(), &out, o, api.CommandConfigConfirm); err == nil || !strings.Contains(err.Error(), "nothing is being tried") {
		t.Errorf("confirmed nothing: %v", err)
	}
	if err := Apply(t.Context(), &out, o, file); err != nil {
		t.Error(err)
	}
	if last := (*asked)[len(*asked)-1]; last.Text != "# new\n" {
		t.Errorf("%+v", last)
	}
	if err := End(t.Context(), &out, o, api.CommandConfigConfirm); err != nil || !strings.HasSuffix(out.String(), "Kept.\n") {
		t.Errorf("%q, %v", &out, err)
	}
}

func TestOrderRefusesAndSaysWhy(t *testing.T) {
	o, asked := unit(t)
	tests := []struct {
		name, want string
		change     func(*Options)
	}{
		{"refused", "not", func(*Options) {}},
		{"http", "https address", func(o *Options) { o.Unit = strings.Replace(o.Unit, "https", "http", 1) }},
		{"no address", "https address", func(o *Options) { o.Unit = "" }},
		{"no token", "TIMEBALL_TOKEN", func(o *Options) { o.Token = "" }},
		{"a wrong token", "401", func(o *Options) { o.Token = "timeball_y" }},
		{"another certificate", "another certificate", func(o *Options) { o.Fingerprint = strings.Repeat("00:", 31) + "00" }},
		{"no certificate", "no answer", func(o *Options) { o.Fingerprint = "" }},
		{"no fingerprint", "-fingerprint", func(o *Options) { o.Fingerprint = "xyz" }},
	}
	for _, tt := range tests {
		o := o
		tt.change(&o)
		before := len(*asked)
		_, err := Do(t.Context(), o, api.Command{Name: api.CommandRestart})
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if tt.name != "refused" && len(*asked) != before {
			t.Errorf("%s: the unit was asked", tt.name)
		}
	}
}

// What answers at the address of a unit may be anything.
func TestOrderBearsWhatIsNoUnit(t *testing.T) {
	elsewhere := 0
	var s *httptest.Server
	s = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved/api/v1/command":
			http.Redirect(w, r, s.URL+"/elsewhere", http.StatusTemporaryRedirect)
		case "/elsewhere":
			elsewhere++
		case "/escape/api/v1/command":
			w.WriteHeader(http.StatusTeapot)
			_, _ = w.Write([]byte("\x1b[31mred"))
		default:
			for junk := bytes.Repeat([]byte("x"), 1<<16); r.Context().Err() == nil; {
				if _, err := w.Write(junk); err != nil {
					return
				}
			}
		}
	}))
	t.Cleanup(s.Close)
	o := Options{Token: "timeball_x", Fingerprint: certificate.Fingerprint(s.TLS.Certificates[0])}
	for path, want := range map[string]string{"/moved": "307", "/escape": "418", "/endless": "200"} {
		o.Unit = s.URL + path
		if _, err := Do(t.Context(), o, api.Command{Name: api.CommandRestart}); err == nil || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if elsewhere != 0 {
		t.Error("the token was sent where the unit is not")
	}
}
