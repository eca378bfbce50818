package web

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"timeball/web/api"
	"timeball/web/form"
)

const present = "[server]\nlimit = \"1ms\" # <as ever>\n"

// configured is a unit with a configuration of two fields, as package settings answers.
func configured(v *visit) *api.Configuration {
	c := &api.Configuration{Path: "/perm/timeball/timeball.toml", Text: present, Digest: "d1", State: api.OK, Problems: []api.Problem{}, Fields: []api.Field{
		{Key: "server.limit", Kind: "text", Value: "1ms", Default: "1ms"},
		{Key: "server.listen", Kind: "list", Value: ":123\n:1123", Default: ":123"},
		{Key: "pps.edge", Kind: "choice", Value: "rising", Choices: []string{"rising", "falling"}},
		{Key: "web.http", Kind: "text", Value: ":80", Fixed: "-http"},
	}}
	v.unit.answer = func(asked api.Command) api.Result {
		now := *c
		switch asked.Name {
		case api.CommandConfigCheck:
			now.Text = asked.Text
			for _, s := range asked.Set {
				if s.Key == "server.limit" {
					now.Text = strings.Replace(now.Text, "1ms", s.Value, 1)
				}
			}
			if strings.Contains(now.Text, "wrong") {
				now.Problems = []api.Problem{{Key: "server.limit", Line: 2, Text: `server.limit: "<wrong>"`}, {Text: "and more"}}
				return api.Result{State: api.Failed, Message: now.Problems[0].Text, Config: &now}
			}
		case api.CommandConfigApply:
			if c.State == api.InProgress {
				return api.Refuse("another change is being tried: keep it or undo it first")
			}
			if asked.Digest != c.Digest {
				return api.Refuse("the file has changed since")
			}
			c.Trial = &api.Trial{ID: "t1", By: asked.By, RemainingSeconds: 60, Before: c.Text}
			c.Text, c.State, c.Message = asked.Text, api.InProgress, "it waits"
			return api.Result{State: api.InProgress, Config: c}
		case api.CommandConfigConfirm, api.CommandConfigRevert:
			if c.Trial == nil || asked.Trial != c.Trial.ID {
				return api.Refuse("nothing is being tried")
			}
			c.Trial, c.State, c.Message = nil, api.OK, ""
			return api.Result{State: api.OK}
		}
		return api.Result{State: api.OK, Config: &now}
	}
	return c
}

func TestSettingsAreShownReviewedTriedAndKept(t *testing.T) {
	v := newVisit(t).claimed()
	c := configured(v)
	v.wants(v.get("/settings"), 200, `name="set.server.limit" value="1ms"`, ">\n:123\n:1123</textarea>", "&lt;as ever&gt;", `<option value="rising" selected>`, "Given as -http")
	w := v.post("/settings", "digest", "d1", "set.server.limit", "2ms")
	v.wants(w, 200, `<tr class="old">`, `<tr class="new">`, "limit = &#34;2ms&#34;", `action="/settings/apply"`, `name="digest" value="d1"`)
	if strings.Contains(w.Body.String(), "has changed since") || c.Trial != nil {
		t.Error("a conflict where there is none, or it is applied already")
	}
	w = v.post("/settings/apply", "digest", "d1", "text", strings.Replace(present, "1ms", "2ms", 1))
	v.wants(w, http.StatusSeeOther)
	v.wants(v.get(w.Header().Get("Location")), 200, "is being tried", "undone in 1\u00a0min", `name="trial" value="t1"`)
	v.wants(v.post("/settings/confirm", "trial", "another"), 409, "nothing is being tried")
	v.wants(v.post("/settings/confirm", "trial", "t1"), http.StatusSeeOther)
	if c.Trial != nil {
		t.Error("not confirmed")
	}
	want := []string{"config-confirm admin true", "config-confirm admin false", "config-apply admin true"}
	if got := v.recorded()[:3]; !slices.Equal(got, want) {
		t.Errorf("the record has %q, want %q", got, want)
	}
}

func TestWrongSettingsAreSaidAndNothingIsLost(t *testing.T) {
	v := newVisit(t).claimed()
	configured(v)
	w := v.post("/settings", "digest", "d1", "set.server.limit", `<wrong>`, "set.server.listen", "[::1]:5\r\n:9", "set.pps.edge", "falling")
	v.wants(w, 422, `value="&lt;wrong&gt;" `, "aria-invalid", "server.limit: &#34;&lt;wrong&gt;&#34;", "and more", "[::1]:5", `<option value="falling" selected>`)
	w = v.post("/settings/file", "digest", "d1", "text", "limit = wrong </textarea><script>\n")
	v.wants(w, 422, "cannot be applied", "Line 2:", "wrong &lt;/textarea&gt;&lt;script&gt;")
	if strings.Contains(w.Body.String(), `action="/settings/apply"`) {
		t.Error("what is wrong can be applied")
	}
	v.wants(v.post("/settings/file", "digest", "d1", "text", strings.ReplaceAll(present, "\n", "\r\n")), 200, "says already")
}

// The file changes in another tab: the older one is told and keeps what it has.
func TestTwoTabs(t *testing.T) {
	v := newVisit(t).claimed()
	c := configured(v)
	c.Digest = "d2"
	v.wants(v.post("/settings", "digest", "d1", "set.server.limit", "3ms"), 200, "has changed since you began", "3ms", `name="digest" value="d2"`)
	v.wants(v.post("/settings/apply", "digest", "d1", "text", "# of the older tab\n"), 409, "has changed since", "# of the older tab")
}

// A change that is sent while another one is being tried is not lost: the page says whose, for how long, and has it ready to be
// sent again. When that trial has been undone the file is as it was, and it is taken.
func TestChangeWaitsForTheTrialOfAnother(t *testing.T) {
	v := newVisit(t).claimed()
	c := configured(v)
	mine := "[server]\nlimit = \"7ms\"\n"
	c.Trial, c.Text, c.Digest, c.State = &api.Trial{ID: "t9", By: "<eve>", RemainingSeconds: 41, Before: present}, "# eve's\n", "d2", api.InProgress
	w := v.post("/settings/apply", "digest", "d1", "text", mine)
	v.wants(w, 409, "a change of &lt;eve&gt; is being tried", "for 41\u00a0s more", `action="/settings/apply"`, `name="digest" value="d1"`, "limit = &#34;7ms&#34;")
	if strings.Contains(w.Body.String(), "has changed since") {
		t.Error("a conflict is told where there is only a trial")
	}
	v.wants(v.post("/settings/apply", "digest", "d1", "text", mine), 409, "is being tried")
	v.wants(v.post("/settings", "digest", "d2", "set.server.limit", "3ms"), 200, "Nothing is applied yet")
	c.Trial = nil
	v.wants(v.post("/settings/apply", "digest", "d1", "text", mine), 409, "starts anew with another change")
	c.Text, c.Digest, c.State = present, "d1", api.Failed
	v.wants(v.post("/settings/apply", "digest", "d1", "text", mine), http.StatusSeeOther)
	if c.Text != mine {
		t.Errorf("%q is being tried", c.Text)
	}
}

func TestViewersSeeFieldsOnly(t *testing.T) {
	admin := newVisit(t).claimed()
	configured(admin)
	v := admin.viewer()
	w := v.get("/settings")
	v.wants(w, 200, `value="1ms"`, "<fieldset disabled>")
	for _, secret := range []string{"as ever", "<button class=\"btn main\">", "/settings/file"} {
		if strings.Contains(w.Body.String(), secret) {
			t.Errorf("a viewer sees %s", secret)
		}
	}
}

func TestSettingsSayWhenTheUnitHasNone(t *testing.T) {
	v := newVisit(t).claimed()
	v.unit.result = api.Refuse("this unit does not do config-read")
	v.wants(v.get("/settings"), 200, "does not do config-read")
	v.wants(v.post("/settings", "set.server.limit", "2ms"), 409)
	v.wants(v.post("/settings/file", "text", "x"), 409)
}

func TestCommandsComeAsJSON(t *testing.T) {
	v := newVisit(t).claimed()
	configured(v)
	send := func(body string) *httptest.ResponseRecorder {
		return v.ask("POST", "/api/v1/command", nil, func(r *http.Request) {
			*r = *r.WithContext(r.Context())
			r.Body = http.NoBody
			fresh := httptest.NewRequest("POST", "/api/v1/command", strings.NewReader(body))
			r.Body, r.ContentLength = fresh.Body, fresh.ContentLength
			r.Header.Set("Content-Type", "application/json")
		})
	}
	v.wants(send(`{"command":"config-read"}`), 200, `"state":1`, `"digest":"d1"`)
	v.wants(send(`{"command":"reboot"}`), 200, `"state":0`, "no command of this unit")
	v.wants(send(`{"command":"restart","by":"somebody else"}`), 200, `"state":1`)
	if last := v.unit.asked[len(v.unit.asked)-1]; last.By != "admin" {
		t.Errorf("done in the name of %q", last.By)
	}
	v.wants(send(`{"command":"restart","rm":"-rf"}`), 400, `"state":0`)
	v.wants(send(`not JSON`), 400, `"state":0`)
	v.wants(send(`{"command":"config-check","text":"`+strings.Repeat("x", maxBodyFile)+`"}`), 413)
	v.wants(v.get("/api/v1/config"), 200, `"path":"/perm/timeball/timeball.toml"`)
}

func TestUndoneChangesAreInTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisit(t).claimed()
		c := configured(v)
		v.wants(v.post("/settings/apply", "digest", "d1", "text", "# new\n"), http.StatusSeeOther)
		v.s.watchTrial(t.Context())
		c.Trial, c.State, c.Message = nil, api.Failed, "undone: not confirmed within 60 s"
		v.s.watchTrial(t.Context())
		v.s.watchTrial(t.Context())
		if got := v.recorded(); got[0] != "config-reverted  true" || slices.Contains(got[1:], got[0]) {
			t.Errorf("%q", got)
		}
		v.wants(v.get("/settings"), 200, "The last change was not kept: undone: not confirmed within 60 s")
	})
}

func TestNewSourcesAndStepsAreInTheRecord(t *testing.T) {
	v := newVisit(t)
	for _, s := range []api.Status{
		{ClockSteps: 3}, {Receiver: new("u-blox"), ClockSteps: 3}, {Receiver: new("u-blox"), RefID: new("PPS"), ClockSteps: 4}, {ClockSteps: 4}, {Receiver: new("CASIC"), ClockSteps: 4},
	} {
		v.s.watchSources(&s)
	}
	var got []string
	for _, e := range v.audit.Newest(10) {
		got = append(got, e.What+" "+e.Text)
	}
	slices.Reverse(got)
	want := []string{"source receiver u-blox", "source reference PPS", "step 4 since the start", "source receiver u-blox -> CASIC"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDiffShowsWhatChangedAndSomeAround(t *testing.T) {
	old := "a\nb\nc\nd\ne\nf\ng\nh\n"
	write := func(lines []form.Line) (text string) {
		for _, l := range lines {
			text += l.Sign + l.Text + "\n"
		}
		return text
	}
	for _, tt := range []struct{ new, want string }{
		{old, ""},
		{"a\nb\nc\nd\ne\nF\ng\nh\n", "…\n c\n d\n e\n−f\n+F\n g\n h\n"},
		{"a\nb\nc\nd\ne\nf\ng\nh\ni\n", "…\n f\n g\n h\n+i\n"},
		{"", "−a\n−b\n−c\n−d\n−e\n−f\n−g\n−h\n"},
		{"b\nc\nd\ne\nf\ng\nh\n", "−a\n b\n c\n d\n…\n"},
	} {
		if got := write(form.Diff(old, tt.new)); got != tt.want {
			t.Errorf("%q:\n%swant\n%s", tt.new, got, tt.want)
		}
	}
	long := strings.Repeat("x\ny\n", 5000)
	if got := form.Diff(long, strings.Repeat("y\nz\n", 5000)); len(got) == 0 {
		t.Error("long files have no difference")
	}
}
