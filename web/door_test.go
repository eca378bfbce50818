package web

import (
	"context"
	"crypto/tls"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"timeball/web/api"
	"timeball/web/audit"
	"timeball/web/auth"
)

const (
	claimCode = "ABCDE23456"
	secret    = "correct horse battery"
)

// obedient is a unit that says what it was asked.
type obedient struct {
	fakeUnit
	asked  []api.Command
	result api.Result
	answer func(api.Command) api.Result // instead of result; nil: none
}

func (u *obedient) Do(_ context.Context, c api.Command) (api.Result, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked = append(u.asked, c)
	if u.answer != nil {
		return u.answer(c), nil
	}
	return u.result, nil
}

// visit is a browser before one unit.
type visit struct {
	t      *testing.T
	s      *Server
	unit   *obedient
	door   *auth.Door
	audit  *audit.Log
	cookie string
	now    *time.Duration
}

func newVisit(t *testing.T) *visit {
	t.Helper()
	now := time.Hour
	door, err := auth.Open(auth.Config{Code: claimCode, Span: auth.ClaimSpan, Now: func() time.Duration { return now }})
	if err != nil {
		t.Fatal(err)
	}
	log, _ := audit.Open("")
	u := &obedient{fakeUnit: fakeUnit{status: api.Status{Mode: "acquiring", Leap: "unsynchronized", Stratum: 16, Serial: new(`<i>ttyAMA0</i>`)}}}
	u.result = api.Result{State: api.OK}
	s := New(Config{Name: "tb-a", SecurePort: 8443, Door: door, Audit: log}, u)
	return &visit{t: t, s: s, unit: u, door: door, audit: log, now: &now}
}

// ask sends one request over TLS, as a browser that keeps its cookie does.
func (v *visit) ask(method, target string, values url.Values, change func(*http.Request)) *httptest.ResponseRecorder {
	v.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(values.Encode()))
	if method == "GET" {
		r = httptest.NewRequest(method, target, nil)
	}
	r.Host, r.TLS, r.RemoteAddr = "tb-a", &tls.ConnectionState{}, "10.0.0.9:1234"
	r.Header.Set("Accept", "text/html,*/*")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if v.cookie != "" {
		r.AddCookie(&http.Cookie{Name: cookieName, Value: v.cookie})
	}
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	v.s.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.Name == cookieName {
			v.cookie = c.Value
		}
	}
	return w
}

func (v *visit) get(target string) *httptest.ResponseRecorder {
	v.t.Helper()
	return v.ask("GET", target, nil, nil)
}

// post sends a form given as name, value, name, value, ...
func (v *visit) post(target string, fields ...string) *httptest.ResponseRecorder {
	v.t.Helper()
	values := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		values.Add(fields[i], fields[i+1])
	}
	return v.ask("POST", target, values, nil)
}

func (v *visit) wants(w *httptest.ResponseRecorder, code int, has ...string) {
	v.t.Helper()
	if w.Code != code {
		v.t.Errorf("%d, want %d:\n%.3000s", w.Code, code, w.Body)
	}
	for _, text := range has {
		if !strings.Contains(w.Body.String(), text) {
			v.t.Errorf("%q is not in\n%.4000s", text, w.Body)
		}
	}
}

// claimed claims the unit.
func (v *visit) claimed() *visit {
	v.t.Helper()
	v.wants(v.post("/claim", "code", "abcde-23456", "password", secret, "again", secret), http.StatusSeeOther)
	return v
}

// viewer is a second browser, of a viewer.
func (v *visit) viewer() *visit {
	v.t.Helper()
	v.wants(v.post("/account/viewers", "viewer", "eve", "password", secret+"2"), http.StatusOK, "eve is added")
	other := *v
	other.cookie = ""
	v.wants(other.post("/login", "name", "eve", "password", secret+"2"), http.StatusSeeOther)
	return &other
}

func (v *visit) recorded() (whats []string) {
	for _, e := range v.audit.Newest(100) {
		whats = append(whats, fmt.Sprint(e.What, " ", e.By, " ", e.OK))
	}
	return whats
}

func TestUnitIsClaimedOnItsPage(t *testing.T) {
	v := newVisit(t)
	page := v.get("/claim")
	v.wants(page, 200, `action="/claim"`, "&lt;i&gt;ttyAMA0&lt;/i&gt;", "4 of 6 steps done", "works for 1\u00a0h more")
	if strings.Contains(page.Body.String(), "<i>tty") || strings.Contains(page.Body.String(), "<script") || strings.Contains(page.Body.String(), " style=") {
		t.Error("what the unit says is not escaped, or the page has scripts or styles inside")
	}
	v.wants(v.get("/login"), 200, "no admin yet", `href="/claim"`)
	v.wants(v.post("/claim", "code", "WRONG", "password", secret, "again", secret), 403, "not the code", `value="WRONG"`)
	v.wants(v.post("/claim", "code", claimCode, "password", secret, "again", "another"), 422, "not the same", `value="`+claimCode+`"`)
	v.wants(v.post("/claim", "code", claimCode, "password", "short", "again", "short"), 422, "less than 12")
	if v.cookie != "" || v.door.Claimed() {
		t.Fatal("claimed by mistake")
	}
	w := v.post("/claim", "code", "abcde-23456", "password", secret, "again", secret)
	v.wants(w, http.StatusSeeOther)
	set := w.Header().Get("Set-Cookie")
	for _, part := range []string{cookieName + "=", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Strict"} {
		if !strings.Contains(set, part) {
			t.Errorf("cookie %q has no %q", set, part)
		}
	}
	if strings.Contains(set, "Domain") {
		t.Errorf("cookie %q is for a domain", set)
	}
	v.wants(v.get(w.Header().Get("Location")), 200, "This unit is yours")
	v.wants(v.post("/claim", "code", claimCode, "password", secret, "again", secret), 409)
	if len(v.unit.asked) != 1 || v.unit.asked[0].Name != api.CommandClaimed {
		t.Errorf("the unit was asked %+v", v.unit.asked)
	}
	if got := v.recorded(); !slices.Contains(got, "claim admin true") || !slices.Contains(got, "claim  false") {
		t.Errorf("the record has %q", got)
	}
}

func TestClaimSaysWhenItIsTooLate(t *testing.T) {
	v := newVisit(t)
	*v.now += auth.ClaimSpan
	v.wants(v.get("/claim"), 200, "start the unit anew")
	v.wants(v.post("/claim", "code", claimCode, "password", secret, "again", secret), 409, "start the unit anew")
}

func TestSignInAndOut(t *testing.T) {
	v := newVisit(t).claimed()
	v.wants(v.post("/logout"), http.StatusSeeOther)
	v.wants(v.get("/account"), 401, `action="/login"`, `name="next" value="/account"`)
	v.wants(v.post("/login", "name", "admin", "password", "wrong password", "next", "/audit"), 403, "Wrong name or password", `value="admin"`, `value="/audit"`)
	w := v.post("/login", "name", "admin", "password", secret, "next", "/audit")
	v.wants(w, http.StatusSeeOther)
	if w.Header().Get("Location") != "/audit" {
		t.Errorf("leads to %q", w.Header().Get("Location"))
	}
	v.wants(v.get("/audit"), 200, "sign in", "10.0.0.9")
	stolen := v.cookie
	v.post("/logout")
	v.cookie = stolen
	v.wants(v.get("/audit"), 401)
}

func TestSignInLeadsToPagesOfThisUnitOnly(t *testing.T) {
	for _, to := range []string{"https://evil.example/", "//evil.example", "/\\evil.example", "/logout", "javascript:alert(1)", "/account/../../x", "", "/settings#x\r\nSet-Cookie: a=b"} {
		v := newVisit(t).claimed()
		w := v.post("/login", "name", "admin", "password", secret, "next", to)
		if got := w.Header().Get("Location"); w.Code == http.StatusSeeOther && got != "/settings" {
			t.Errorf("%q leads to %q", to, got)
		}
	}
}

func TestFailuresAreSlowedDownAndSaid(t *testing.T) {
	v := newVisit(t).claimed()
	v.cookie = ""
	var w *httptest.ResponseRecorder
	for range 8 {
		w = v.post("/login", "name", "admin", "password", "wrong password")
	}
	v.wants(w, http.StatusTooManyRequests, "try again in")
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	*v.now += time.Minute
	v.wants(v.post("/login", "name", "admin", "password", secret), http.StatusSeeOther)
	for _, e := range v.audit.Newest(100) {
		if strings.Contains(fmt.Sprint(e), "wrong password") && e.OK || strings.Contains(fmt.Sprint(e), secret) {
			t.Errorf("the record has a password: %+v", e)
		}
	}
}

// A form that comes after the session has ended is kept through the sign-in, but for passwords.
func TestWhatWasTypedLivesThroughAnEndedSession(t *testing.T) {
	v := newVisit(t).claimed()
	*v.now += 13 * time.Hour
	w := v.post("/account/viewers", "viewer", `e"v<e`, "password", secret+"3")
	v.wants(w, 401, `name="keep.viewer" value="e&#34;v&lt;e"`, "is kept")
	if strings.Contains(w.Body.String(), secret) {
		t.Error("a password is shown")
	}
	w = v.post("/login", "name", "admin", "password", "wrong password", "next", "/account/viewers", "keep.viewer", "eve")
	v.wants(w, 403, `name="keep.viewer" value="eve"`, `value="/account/viewers"`)
	w = v.post("/login", "name", "admin", "password", secret, "next", "/account/viewers", "keep.viewer", "eve")
	v.wants(w, 200, `action="/account/viewers"`, `name="viewer" value="eve"`, "has not been sent")
	w = v.post("/login", "name", "admin", "password", secret, "next", "/login", "keep.viewer", "eve")
	v.wants(w, http.StatusSeeOther)
}

func TestViewersReadOnly(t *testing.T) {
	admin := newVisit(t).claimed()
	v := admin.viewer()
	w := v.get("/account")
	v.wants(w, 200, "Signed in as eve")
	if strings.Contains(w.Body.String(), "/account/tokens") {
		t.Error("a viewer sees what he may not use")
	}
	for _, r := range v.s.table {
		if r.Policy != Admin {
			continue
		}
		v.wants(v.ask(r.Method, r.Path, url.Values{}, nil), 403, "Only the admin")
	}
	v.wants(v.post("/account/password", "old", secret+"2", "password", secret+"4", "again", secret+"4"), http.StatusSeeOther)
	v.wants(v.post("/account/password", "old", secret, "password", secret+"5", "again", secret+"5"), 403, "present password")
	v.wants(admin.post("/account/viewers/remove", "name", "eve"), 200, "eve is removed")
	v.wants(v.get("/account"), 401)
	admin.wants(admin.post("/account/viewers/remove", "name", "eve"), 409, "none of this name")
}

func TestTokensOpenTheAPI(t *testing.T) {
	v := newVisit(t).claimed()
	v.wants(v.post("/account/tokens", "token", "x y", "role", "admin"), 422, "cannot be a name", `value="x y"`)
	w := v.post("/account/tokens", "token", "backup", "role", "admin")
	v.wants(w, 200, "shown this once")
	token := regexp.MustCompile(`<code>(timeball_[\w-]+)</code>`).FindStringSubmatch(w.Body.String())
	if token == nil {
		t.Fatal("no token is shown")
	}
	if strings.Contains(v.get("/account").Body.String(), token[1]) {
		t.Error("the token is shown twice")
	}
	program := *v
	program.cookie = ""
	with := func(secret string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+secret)
			r.Header.Del("Accept")
			r.Header.Del("Sec-Fetch-Site")
		}
	}
	v.wants(program.ask("GET", "/api/v1/audit", nil, with(token[1])), 200, `"what":"token-add"`)
	w = program.ask("GET", "/api/v1/audit", nil, with(token[1]+"x"))
	v.wants(w, 401)
	if !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer") {
		t.Error("no WWW-Authenticate")
	}
	plain := with(token[1])
	v.wants(program.ask("GET", "/api/v1/audit", nil, func(r *http.Request) { plain(r); r.TLS = nil }), 403, "https://tb-a:8443/api/v1/audit")
	id := regexp.MustCompile(`name="id" value="(\w+)"`).FindStringSubmatch(v.get("/account").Body.String())
	v.wants(v.post("/account/tokens/remove", "id", id[1]), 200)
	v.wants(program.ask("GET", "/api/v1/audit", nil, with(token[1])), 401)
}

func TestDoorRefusesWhatOtherSitesSend(t *testing.T) {
	v := newVisit(t).claimed()
	values := url.Values{"viewer": {"eve"}, "password": {secret}}
	for name, change := range map[string]func(*http.Request){
		"a page of another site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"another origin":         func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") },
		"another port":           func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://tb-a:9443") },
		"the http page":          func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
	} {
		if w := v.ask("POST", "/account/viewers", values, change); w.Code != 403 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if w := v.ask("POST", "/account/viewers", values, func(r *http.Request) { r.Host = "evil.example" }); w.Code != 421 {
		t.Errorf("another name: %d", w.Code)
	}
	if len(v.door.Accounts()) != 1 {
		t.Error("a viewer was added")
	}
}

func TestHostileFormsGetClearWords(t *testing.T) {
	v := newVisit(t).claimed()
	raw := func(body, kind string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/account/viewers", strings.NewReader(body))
		r.Host, r.TLS = "tb-a", &tls.ConnectionState{}
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Accept", "text/html")
		r.AddCookie(&http.Cookie{Name: cookieName, Value: v.cookie})
		w := httptest.NewRecorder()
		v.s.ServeHTTP(w, r)
		return w
	}
	const encoded = "application/x-www-form-urlencoded"
	v.wants(raw("viewer=%zz", encoded), 400, "could not be read")
	v.wants(raw(strings.Repeat("x", maxBody+1), encoded), 413)
	v.wants(raw(`{"viewer":"eve"}`, "application/json"), 422)
	v.wants(raw("", "multipart/form-data; boundary=x"), 422)
	v.wants(raw("viewer=%00%ff&password="+url.QueryEscape(secret), encoded), 422, "cannot be a name")
	v.wants(v.get("/account?done=<script>"), 200)
	v.wants(v.get("/account?lang=klingon&lang=<script>"), 200)
	v.wants(v.ask("GET", "/account", nil, func(r *http.Request) { r.Header.Set("Accept-Language", strings.Repeat("zh;q=9,", 500)) }), 200)
	v.wants(v.ask("GET", "/account", nil, func(r *http.Request) {
		r.Header.Set("Cookie", cookieName+"=\x01;"+cookieName+"="+strings.Repeat("x", 5000))
	}), 401)
	v.wants(v.ask("GET", "/account", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer") }), 200)
}

func TestDoorSpeaksChinese(t *testing.T) {
	v := newVisit(t)
	w := v.get("/claim?lang=zh")
	v.wants(w, 200, `lang="zh-Hans"`, "认领本机", "认领码")
	if !strings.Contains(w.Header().Get("Set-Cookie"), "lang=zh") {
		t.Error("the language is not kept")
	}
	if left := regexp.MustCompile(`door\.[\w-]+`).FindString(html.UnescapeString(strings.ReplaceAll(w.Body.String(), `class="door"`, ""))); left != "" {
		t.Errorf("a key is shown: %s", left)
	}
}

// The record is read by the admin alone, and tells the time of the unit's clock only where it knows it.
func TestRecordHasTheUnitsTime(t *testing.T) {
	v := newVisit(t).claimed()
	v.wants(v.get("/audit"), 200, "after a start")
	v.unit.mu.Lock()
	v.unit.status.ServedUnixNanoseconds = new(int64(1795269694000000001))
	v.unit.mu.Unlock()
	v.post("/logout")
	v.post("/login", "name", "admin", "password", secret)
	v.wants(v.get("/audit"), 200, "2026-11-21")
}

// Many who sign in at once take turns and are answered.
func TestManySignInAtOnce(t *testing.T) {
	v := newVisit(t).claimed()
	var all sync.WaitGroup
	codes := make(chan int, 30)
	for i := range 30 {
		all.Go(func() {
			r := httptest.NewRequest("POST", "/login", strings.NewReader("name=admin&password=wrong+password"))
			r.Host, r.TLS, r.RemoteAddr = "tb-a", &tls.ConnectionState{}, fmt.Sprintf("10.1.%d.1:1", i)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			v.s.ServeHTTP(w, r)
			codes <- w.Code
		})
	}
	all.Wait()
	close(codes)
	for code := range codes {
		if !slices.Contains([]int{403, 429, 503}, code) {
			t.Errorf("answered %d", code)
		}
	}
}
