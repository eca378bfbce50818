package daemon

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"timeball/web/api"
)

// admin is the admin's browser before a running daemon.
type admin struct {
	*http.Client
	page string
}

// claim claims the unit with the code that it has printed.
func (r *running) claim(t *testing.T, claimFile string) admin {
	t.Helper()
	where := regexp.MustCompile(`^Changes are made on (https://\S+/), certificate SHA-256 [0-9A-F:]{95}$`).FindStringSubmatch(r.line(t))
	code := regexp.MustCompile(`^Claim this unit within 60 min on https://\S+/claim, code ([A-Z2-7]{5}-[A-Z2-7]{5})$`).FindStringSubmatch(r.line(t))
	if where == nil || code == nil {
		t.Fatalf("where %q, code %q", where, code)
	}
	text, err := os.ReadFile(claimFile)
	if err != nil || !strings.Contains(string(text), "Claim code: "+code[1]+"\n") || !strings.Contains(string(text), where[1]+"claim\n") {
		t.Errorf("claim file: %v\n%s", err, text)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	// The certificate is the unit's own: what it is is tested in web/certificate.
	a := admin{&http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}, where[1]}
	t.Cleanup(a.CloseIdleConnections)
	const password = "correct horse battery"
	answer, err := a.PostForm(a.page+"claim", url.Values{"code": {code[1]}, "password": {password}, "again": {password}})
	if err != nil || answer.StatusCode != http.StatusOK || answer.Request.URL.Path != "/account" {
		t.Fatalf("claim: %v, %v", answer, err)
	}
	answer.Body.Close()
	return a
}

// do sends a command and returns its result; while the unit starts anew it is sent again.
func (a admin) do(t *testing.T, c api.Command) (result api.Result) {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		answer, err := a.Post(a.page+"api/v1/command", "application/json", bytes.NewReader(text))
		if err != nil {
			continue
		}
		err = json.NewDecoder(answer.Body).Decode(&result)
		answer.Body.Close()
		if err == nil && answer.StatusCode == http.StatusOK {
			return result
		}
		t.Logf("%s: %s, %v", c.Name, answer.Status, err)
	}
	t.Fatalf("%s was not answered", c.Name)
	return result
}

// settled waits until nothing is being tried any more, and returns the configuration.
func (a admin) settled(t *testing.T) *api.Configuration {
	t.Helper()
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		if r := a.do(t, api.Command{Name: api.CommandConfigRead}); r.Config.State != api.InProgress {
			return r.Config
		}
	}
	t.Fatal("it is being tried for ever")
	return nil
}

// The whole way: claimed, changed, kept; then a change that the unit can't run with, which is undone by itself.
func TestDaemonTriesSettings(t *testing.T) {
	t.Run("one process", func(t *testing.T) { triesSettings(t, program{}, "-pace", "50") })
	t.Run("three", func(t *testing.T) {
		triesSettings(t, program{apart: true, within: true}, "-processes", "3", "-ntp", "127.0.0.1:0")
	})
}

func triesSettings(t *testing.T, p program, args ...string) {
	t.Parallel()
	dir := t.TempDir()
	open(t, dir)
	claimFile := filepath.Join(dir, "claim.txt")
	// The ports are chosen once, so that the browser finds the unit again.
	r := run(t, p, append(args, "-board", "sim", "-state", dir, "-http", unused(t), "-https", unused(t), "-claim-file", claimFile)...)
	a := r.claim(t, claimFile)
	if _, err := os.Stat(claimFile); err == nil {
		t.Error("the claim file is still there")
	}
	read := a.do(t, api.Command{Name: api.CommandConfigRead}).Config
	if read.Path != filepath.Join(dir, settingsName) || fieldOf(read, "web.https").Fixed != "-https" {
		t.Errorf("%+v", read)
	}
	const wanted = "[server]\nlimit = \"2ms\"\n"
	tried := a.do(t, api.Command{Name: api.CommandConfigApply, Text: wanted, Digest: read.Digest})
	if tried.State != api.InProgress {
		t.Fatalf("apply: %+v", tried)
	}
	r.again(t)
	if r := a.do(t, api.Command{Name: api.CommandConfigConfirm, Trial: tried.Config.Trial.ID}); r.State != api.OK {
		t.Errorf("confirm: %+v", r)
	}
	if s := r.status(t); s.LimitSeconds == nil || *s.LimitSeconds != 2e-3 {
		t.Errorf("limit %v, want 2 ms", s.LimitSeconds)
	}
	now := a.settled(t)
	broken := wanted + "[web]\ncertificate_file = \"/nowhere.pem\"\nkey_file = \"/nowhere.key\"\n"
	if r := a.do(t, api.Command{Name: api.CommandConfigApply, Text: broken, Digest: now.Digest}); r.State != api.InProgress {
		t.Fatalf("apply: %+v", r)
	}
	r.again(t)
	if now := a.settled(t); now.State != api.Failed || !strings.Contains(now.Message, "/nowhere.pem") || now.Text != wanted {
		t.Errorf("after a change that can't run: %+v", now)
	}
	if r := a.do(t, api.Command{Name: api.CommandFault, Fault: &api.Fault{Name: "jamming", ForSeconds: 60}}); r.State != api.OK {
		t.Errorf("fault: %+v", r)
	}
	record := a.record(t, "config-reverted") // within a second
	for _, what := range []string{"claim", "config-apply", "config-confirm"} {
		if !strings.Contains(record, `"what":"`+what+`"`) {
			t.Errorf("the record has no %s:\n%s", what, record)
		}
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// record waits until the record has what was done, and returns it.
func (a admin) record(t *testing.T, what string) (text string) {
	t.Helper()
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		answer, err := a.Get(a.page + "api/v1/audit")
		if err != nil {
			continue
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if text = string(body); err == nil && strings.Contains(text, `"what":"`+what+`"`) {
			return text
		}
	}
	t.Fatalf("the record has no %s:\n%s", what, text)
	return ""
}

// again waits until the unit has started once more.
func (r *running) again(t *testing.T) {
	t.Helper()
	for line := r.line(t); !strings.HasPrefix(line, "Timeball has started."); line = r.line(t) {
	}
}

func fieldOf(c *api.Configuration, key string) api.Field {
	for _, f := range c.Fields {
		if f.Key == key {
			return f
		}
	}
	return api.Field{}
}

// unused returns an address of loopback that nobody has just now.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
