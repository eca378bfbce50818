package settings

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"timeball/cmd/internal/config"
	"timeball/web/api"
	"timeball/web/words"
)

const (
	first  = "[server]\nlimit = \"1ms\" # as ever\n"
	second = "[server]\nlimit = \"2ms\" # as ever\n"
)

func check(text string) error {
	_, err := config.Parse("timeball.toml", []byte(text))
	return err
}

func open(t *testing.T, path string, change func(*Config)) *Keeper {
	t.Helper()
	c := Config{Path: path, Check: check, Defaults: config.Default(), Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&c)
	}
	k, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// file is a configuration file with the first text.
func file(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "timeball.toml")
	if err := os.WriteFile(path, []byte(first), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func on(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func do(t *testing.T, k *Keeper, c api.Command) api.Result {
	t.Helper()
	r, err := k.Do(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// apply begins to try a text and returns the trial.
func apply(t *testing.T, k *Keeper, text string) string {
	t.Helper()
	r := do(t, k, api.Command{Name: api.CommandConfigApply, By: "admin", Text: text, Digest: digest(k.Text())})
	if r.State != api.InProgress || r.Config == nil || r.Config.Trial == nil {
		t.Fatalf("apply: %d %s", r.State, r.Message)
	}
	select {
	case <-k.Changes():
	default:
		t.Fatal("nobody is told to start anew")
	}
	return r.Config.Trial.ID
}

func TestAChangeIsKeptWhenItIsConfirmed(t *testing.T) {
	path := file(t)
	k := open(t, path, nil)
	id := apply(t, k, second)
	if on(t, path) != second || on(t, path+BeforeSuffix) != first || k.Text() != second {
		t.Error("the files are not as they should be while it is tried")
	}
	if r := do(t, k, api.Command{Name: api.CommandConfigConfirm, Trial: id}); r.State != api.Failed {
		t.Error("confirmed before the unit runs with it")
	}
	k.Started()
	if r := do(t, k, api.Command{Name: api.CommandConfigConfirm, Trial: "another"}); r.State != api.Failed || !strings.Contains(r.Message, "admin") {
		t.Errorf("another one's trial was confirmed: %s", r.Message)
	}
	r := do(t, k, api.Command{Name: api.CommandConfigRead})
	if r.Config.State != api.InProgress || r.Config.Trial.Before != first || r.Config.Trial.By != "admin" {
		t.Errorf("%+v", r.Config)
	}
	if r := do(t, k, api.Command{Name: api.CommandConfigConfirm, Trial: id}); r.State != api.OK {
		t.Errorf("confirm: %s", r.Message)
	}
	if _, err := os.Stat(path + BeforeSuffix); err == nil || on(t, path) != second {
		t.Error("the file of before is still there, or the file is not the new one")
	}
	if open(t, path, nil).Text() != second {
		t.Error("a start undoes what was confirmed")
	}
}

func TestAChangeIsUndoneWhenNobodyConfirmsIt(t *testing.T) {
	path := file(t)
	synctest.Test(t, func(t *testing.T) {
		k := open(t, path, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); k.Run(ctx) }()
		id := apply(t, k, second)
		time.Sleep(5 * time.Second)
		k.Started()
		began := time.Now()
		select {
		case <-k.Changes():
		case <-time.After(2 * Patience):
			t.Fatal("not undone")
		}
		if after := time.Since(began); after < Patience || after > Patience+2*time.Second {
			t.Errorf("undone after %v", after)
		}
		if k.Text() != first || on(t, path) != first {
			t.Error("the file of before is not back")
		}
		if r := do(t, k, api.Command{Name: api.CommandConfigConfirm, Trial: id}); r.State != api.Failed || !strings.Contains(r.Message, "not confirmed within 60 s") {
			t.Errorf("confirmed too late: %+v", r)
		}
		k.Started()
		if r := do(t, k, api.Command{Name: api.CommandConfigRead}); r.Config.State != api.Failed || r.Config.Trial != nil {
			t.Errorf("%+v", r.Config)
		}
		cancel()
		<-ended
	})
}

func TestAChangeIsUndoneWhenTheUnitDoesNotRun(t *testing.T) {
	path := file(t)
	k := open(t, path, nil)
	apply(t, k, second)
	if !k.Failed(errors.New("address in use")) || k.Text() != first || on(t, path) != first {
		t.Error("the file of before is not back")
	}
	if k.Failed(errors.New("address in use")) {
		t.Error("it returns again and again")
	}
	k.Started()
	if r := do(t, k, api.Command{Name: api.CommandConfigRead}); r.Config.State != api.Failed || !strings.Contains(r.Config.Message, "address in use") {
		t.Errorf("%+v", r.Config)
	}
}

// Where a program or the power ends a trial, in whatever step, the next start has the file of before.
func TestAStartUndoesWhatWasNotConfirmed(t *testing.T) {
	path := file(t)
	k := open(t, path, nil)
	apply(t, k, second)
	k.Started()
	for step, content := range map[string]string{"while it was tried": second, "before it was written": first, "when half of it was written": second[:10]} {
		if err := errors.Join(os.WriteFile(path, []byte(content), 0o644), os.WriteFile(path+BeforeSuffix, []byte(first), 0o644)); err != nil {
			t.Fatal(err)
		}
		again := open(t, path, nil)
		if again.Text() != first || on(t, path) != first {
			t.Errorf("%s: the file of before is not back", step)
		}
		if r := do(t, again, api.Command{Name: api.CommandConfigRead}); r.Config.State != api.Failed || !strings.Contains(r.Config.Message, "program ended") {
			t.Errorf("%s: %+v", step, r.Config)
		}
		if _, err := os.Stat(path + BeforeSuffix); err == nil {
			t.Errorf("%s: the file of before is still there", step)
		}
	}
}

func TestRevertUndoesAtOnce(t *testing.T) {
	k := open(t, "", nil)
	id := apply(t, k, second)
	k.Started()
	if r := do(t, k, api.Command{Name: api.CommandConfigRevert, Trial: "another", By: "eve"}); r.State != api.Failed {
		t.Error("another trial was undone")
	}
	if r := do(t, k, api.Command{Name: api.CommandConfigRevert, Trial: id, By: "admin"}); r.State != api.OK || k.Text() != "" {
		t.Errorf("%+v, %q", r, k.Text())
	}
	<-k.Changes()
}

func TestApplyRefuses(t *testing.T) {
	path := file(t)
	k := open(t, path, nil)
	d := digest(first)
	tests := []struct {
		name, text, digest, want string
	}{
		{"no TOML", "[server", d, "expected"},
		{"an unknown key", "[server]\nlimt = \"2ms\"\n", d, "did you mean server.limit"},
		{"a value", "[server]\nlimit = \"2 hours\"\n", d, "invalid duration"},
		{"a file that has changed", second, digest("other"), "changed since"},
		{"the same", first, d, "already"},
	}
	for _, tt := range tests {
		r := do(t, k, api.Command{Name: api.CommandConfigApply, Text: tt.text, Digest: tt.digest})
		if r.State != api.Failed || !strings.Contains(r.Message, tt.want) {
			t.Errorf("%s: %d %q, want %q", tt.name, r.State, r.Message, tt.want)
		}
	}
	apply(t, k, second)
	if r := do(t, k, api.Command{Name: api.CommandConfigApply, Text: first + "#\n", Digest: digest(second)}); r.State != api.Failed || !strings.Contains(r.Message, "another change") {
		t.Errorf("two at once: %+v", r)
	}
	if r := do(t, k, api.Command{Name: api.CommandRestart}); r.State != api.Failed {
		t.Error("restarted during a trial")
	}
	if on(t, path) != second {
		t.Error("the file is another one")
	}
}

func TestApplyAsksNewWitnessesFirst(t *testing.T) {
	var asked []string
	k := open(t, file(t), func(c *Config) {
		c.Ask = func(_ context.Context, server string) error {
			asked = append(asked, server)
			if server == "good.example" {
				return nil
			}
			return errors.New("no answer within 5s")
		}
	})
	with := func(servers string) api.Result {
		return do(t, k, api.Command{Name: api.CommandConfigApply, Text: first + "[witness]\nservers = " + servers + "\n", Digest: digest(k.Text())})
	}
	if r := with(`["bad.example"]`); r.State != api.Failed || !strings.Contains(r.Message, "bad.example: no answer") || k.Text() != first {
		t.Errorf("%+v", r)
	}
	if r := with(`["good.example"]`); r.State != api.InProgress {
		t.Errorf("%+v", r)
	}
	k.Started()
	do(t, k, api.Command{Name: api.CommandConfigConfirm, Trial: k.trial.id})
	asked = nil
	with(`["good.example"] # again`)
	if len(asked) > 0 {
		t.Errorf("asked again: %v", asked)
	}
}

func TestWhatCannotBeWrittenChangesNothing(t *testing.T) {
	if os.Getuid() == 0 {
		// root writes everywhere but below a file
		path := filepath.Join(file(t), "below")
		if _, err := Open(Config{Path: path, Check: check, Log: slog.New(slog.DiscardHandler)}); err == nil {
			t.Error("a file below a file was opened")
		}
	}
	path := file(t)
	k := open(t, path, nil)
	k.config.Path = filepath.Join(path, "below")
	r := do(t, k, api.Command{Name: api.CommandConfigApply, Text: second, Digest: digest(first)})
	if r.State != api.Failed || !strings.Contains(r.Message, "not written") || k.Text() != first || on(t, path) != first {
		t.Errorf("%+v", r)
	}
	select {
	case <-k.Changes():
		t.Error("the unit starts anew")
	default:
	}
}

func TestOnlyTheListIsDone(t *testing.T) {
	k := open(t, "", nil)
	for _, name := range []string{"", api.CommandFault, "exec"} {
		if r := do(t, k, api.Command{Name: name}); r.State != api.Failed || r.Message == "" {
			t.Errorf("%q: %+v", name, r)
		}
	}
	if r := do(t, k, api.Command{Name: api.CommandRestart}); r.State != api.InProgress {
		t.Errorf("restart: %+v", r)
	}
	<-k.Changes()
}

// Whatever happens in whatever order, a trial ends in time, and only a confirmation of the right one keeps it.
func TestTrialEndsWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m trial
		now := time.Duration(0)
		confirmed := false
		for range 100 {
			now += time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "pause"))
			was := m
			switch rapid.SampledFrom([]string{"begin", "started", "undo", "confirm", "confirm wrong", "tick", "tick", "tick"}).Draw(t, "event") {
			case "begin":
				if m.begin("id", "admin", now) {
					confirmed = false
				}
			case "started":
				m.started(now)
			case "undo":
				m.undo("because", now)
			case "confirm":
				confirmed = m.confirm("id") == nil || confirmed
			case "confirm wrong":
				if m.confirm("other") == nil {
					t.Fatal("the wrong one was confirmed")
				}
			case "tick":
				m.tick(now)
				if r := m.remaining(now); (m.phase == trying && r <= 0) || r > Patience {
					t.Fatalf("%+v: %v remain", m, r)
				}
				if m.phase == starting && now-m.since >= startPatience {
					t.Fatal("it starts for ever")
				}
			}
			if was.phase == trying && m.phase == settled && !confirmed {
				t.Fatal("kept without a confirmation")
			}
		}
	})
}

const annotated = `# A file with comments.
[server]   # NTP
listen = [":123"]             # all
access = [
  "10.0.0.0/8 noquery", # ours
  # nobody else
]
limit = "1ms"
[web]
http = ":80"
"hosts" = []
[pps]
line = '''18'''
`

func TestPutChangesOneValueAndLeavesTheRest(t *testing.T) {
	tests := []struct{ key, literal, old, new string }{
		{"server.listen", `["127.0.0.1:123"]`, `listen = [":123"]             # all`, `listen = ["127.0.0.1:123"]             # all`},
		{"server.limit", `"2ms"`, `limit = "1ms"`, `limit = "2ms"`},
		{"server.access", `[]`, "access = [\n  \"10.0.0.0/8 noquery\", # ours\n  # nobody else\n]", "access = []"},
		{"server.refid", `"GPS"`, "[server]   # NTP\n", "[server]   # NTP\nrefid = \"GPS\"\n"},
		{"gnss.device", `"/dev/ttyS0"`, "line = '''18'''\n", "line = '''18'''\n\n[gnss]\ndevice = \"/dev/ttyS0\"\n"},
		{"server.limit", "", "limit = \"1ms\"\n", ""},
		{"pps.line", `"4"`, `'''18'''`, `"4"`},
		{"gnss.baud", "", "", ""},
	}
	for _, tt := range tests {
		got, err := put(annotated, tt.key, tt.literal)
		if want := strings.Replace(annotated, tt.old, tt.new, 1); err != nil || got != want {
			t.Errorf("%s = %s: %v\n%s", tt.key, tt.literal, err, cmp.Diff(want, got))
		}
	}
}

func TestPutSaysWhereItCannot(t *testing.T) {
	for name, text := range map[string]string{
		"a key in quotes":       "[web]\n\"http\" = \":80\"\n",
		"an inline table":       "web = {http = \":80\"}\n",
		"dotted keys":           "web.hosts = []\n",
		"a section in quotes":   "[\"web\"]\nhttp = \":80\"\n",
		"an array of tables":    "[[web]]\nhttp = \":80\"\n",
		"a text with a section": "[log]\nlevel = \"\"\"\n[web]\nhttp = 1\n\"\"\"\n",
	} {
		got, err := put(text, "web.http", `":8080"`)
		if err != nil {
			if !errors.Is(err, errByHand) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var file struct{ Web struct{ HTTP string } }
		if _, err := toml.Decode(got, &file); err != nil || file.Web.HTTP != ":8080" {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
}

// Every value that can be typed comes back as it was typed.
func TestFieldsGiveBackWhatWasTyped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(form).Draw(t, "field")
		typed := strings.TrimSpace(rapid.String().Draw(t, "typed"))
		if f.Kind == kindNumber || f.Kind == kindChoice {
			return
		}
		if f.Kind == kindList {
			typed = strings.Join(rapid.SliceOf(rapid.StringMatching(`[ -~é]{0,20}`)).Draw(t, "items"), "\n")
			typed = regexp.MustCompile(`(?m)^ +| +$`).ReplaceAllString(typed, "")
			typed = strings.Trim(regexp.MustCompile(`\n+`).ReplaceAllString(typed, "\n"), "\n")
		}
		typed = strings.ReplaceAll(typed, "\r\n", "\n")
		if !strings.Contains(typed, "\uFFFD") && strings.ToValidUTF8(typed, "") != typed {
			return
		}
		text, wrong := changed(annotated, []api.Setting{{Key: f.Key, Value: typed}}, config.Default(), nil)
		if len(wrong) > 0 {
			t.Fatalf("%q: %v", typed, wrong)
		}
		for _, got := range fields(text, config.Default(), nil) {
			if got.Key == f.Key && strings.TrimSpace(got.Value) != typed {
				t.Fatalf("%s: %q came back as %q\n%s", f.Key, typed, got.Value, text)
			}
		}
	})
}

func TestFieldsTakeNumbersAndSayWhatIsNone(t *testing.T) {
	text, wrong := changed("", []api.Setting{
		{Key: "pps.latency_seconds", Value: "11.7e-6"},
		{Key: "pps.latency_range_seconds", Value: "x\ny = 1"},
		{Key: "gnss.baud", Value: "9600"},
		{Key: "server.limit", Value: "1ms"},
		{Key: "board.kind", Value: "sim"},
		{Key: "web.http", Value: ":81"},
	}, config.Default(), map[string]string{"web.http": "-http"})
	if want := "[pps]\nlatency_seconds = 11.7e-6\n"; !strings.Contains(text, want) || !strings.Contains(text, "baud = 9600") || strings.Contains(text, "limit") || strings.Contains(text, "sim") {
		t.Errorf("%s", text)
	}
	if len(wrong) != 2 || wrong[0].Key != "pps.latency_range_seconds" || wrong[1].Key != "web.http" || !strings.Contains(wrong[1].Text, "-http") {
		t.Errorf("%+v", wrong)
	}
	text, wrong = changed(text, []api.Setting{{Key: "pps.latency_seconds", Value: " "}}, config.Default(), nil)
	if strings.Contains(text, "latency") || len(wrong) > 0 {
		t.Errorf("%s %v", text, wrong)
	}
}

func TestProblemsNameTheirPlace(t *testing.T) {
	const text = "[server]\nlimt = 1\nrefid = \"toolong\"\n[pps]\nlatency_seconds = 1.0\n"
	got := problems(text, check(text))
	for i := range got {
		got[i].Text = ""
	}
	want := []api.Problem{{Key: "server.limt", Line: 2}, {Key: "pps.latency_seconds"}, {Key: "pps.latency_seconds"}, {Key: "server.refid"}}
	if !cmp.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	const odd = "[server]\n\nlimit = \"2 hours\" # why not\n"
	if got := problems(odd, check(odd)); len(got) != 1 || got[0].Key != "server.limit" || got[0].Line != 3 {
		t.Errorf("a value of another form: %+v", got)
	}
}

func TestFormIsOfKnownKeysWithWords(t *testing.T) {
	for _, f := range fields("", config.Default(), nil) {
		section, _, _ := strings.Cut(f.Key, ".")
		for _, key := range []string{"set." + section, "set." + f.Key, "set." + f.Key + ".hint"} {
			if !words.Has(key) {
				t.Errorf("%s has no words", key)
			}
		}
		typed := map[string]string{kindText: "/dev/x", kindNumber: "1e-9", kindList: "a", kindChoice: ""}[f.Kind]
		if f.Kind == kindChoice {
			typed = f.Choices[len(f.Choices)-1]
		}
		text, wrong := changed("", []api.Setting{{Key: f.Key, Value: typed}}, config.Default(), nil)
		if len(wrong) > 0 {
			t.Errorf("%s: %v", f.Key, wrong)
		}
		if err := check(text); err != nil && strings.Contains(err.Error(), "unknown key") {
			t.Errorf("%s: %v", f.Key, err)
		}
		if f.Kind != kindNumber && f.Kind != kindList && f.Default == "" && !strings.HasPrefix(f.Key, "alarm.") {
			t.Errorf("%s has no default", f.Key)
		}
	}
}

func FuzzPut(f *testing.F) {
	f.Add(annotated, "web.http", `":8080"`)
	f.Add("web.http = \"\"\"\"\"\"\"\"\n", "web.http", "")
	f.Fuzz(func(t *testing.T, text, key, literal string) {
		got, err := put(text, key, literal)
		if err != nil {
			return
		}
		var file map[string]any
		if _, err := toml.Decode(got, &file); err != nil {
			t.Errorf("put(%q, %q, %q) is no TOML: %v", text, key, literal, err)
		}
	})
}

func ExampleKeeper() {
	k, err := Open(Config{Check: check, Defaults: config.Default(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	read, _ := k.Do(context.Background(), api.Command{Name: api.CommandConfigRead})
	tried, _ := k.Do(context.Background(), api.Command{Name: api.CommandConfigApply, Text: second, Digest: read.Config.Digest})
	<-k.Changes() // start the unit anew with k.Text()
	k.Started()
	kept, _ := k.Do(context.Background(), api.Command{Name: api.CommandConfigConfirm, Trial: tried.Config.Trial.ID})
	fmt.Println(tried.State, kept.State, k.Text() == second)
	// Output: 2 1 true
}
