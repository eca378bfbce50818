package web

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"timeball/web/api"
	"timeball/web/audit"
	"timeball/web/auth"
	"timeball/web/certificate"
	"timeball/web/figure"
	"timeball/web/form"
	"timeball/web/verdict"
	"timeball/web/words"
)

// cookieName begins with __Host-: browsers take it over TLS only, for this host alone and for all paths (RFC 6265bis, 4.1.3.2).
const cookieName = "__Host-timeball"

// langCookie keeps the language that was chosen.
const langCookie = "lang"

// doorRoutes are the routes on which a person becomes known or changes something.
func (s *Server) doorRoutes() []Route {
	return []Route{
		{Method: "GET", Path: "/login", Policy: Secure, Handle: s.showLogin},
		{Method: "POST", Path: "/login", Policy: Secure, Handle: s.signIn, Body: maxBodyFile},
		{Method: "GET", Path: "/claim", Policy: Secure, Handle: s.showClaim},
		{Method: "POST", Path: "/claim", Policy: Secure, Handle: s.claim},
		{Method: "POST", Path: "/logout", Policy: Viewer, Handle: s.signOut},
		{Method: "GET", Path: "/account", Policy: Viewer, Handle: s.showAccount},
		{Method: "POST", Path: "/account/password", Policy: Viewer, Handle: s.changePassword},
		{Method: "POST", Path: "/account/unit", Policy: Admin, Handle: s.nameUnit},
		{Method: "POST", Path: "/account/viewers", Policy: Admin, Handle: s.addViewer},
		{Method: "POST", Path: "/account/viewers/remove", Policy: Admin, Handle: s.removeViewer},
		{Method: "POST", Path: "/account/tokens", Policy: Admin, Handle: s.addToken},
		{Method: "POST", Path: "/account/tokens/remove", Policy: Admin, Handle: s.removeToken},
		{Method: "GET", Path: "/audit", Policy: Admin, Handle: s.showAudit},
		{Method: "GET", Path: "/api/v1/audit", Policy: Admin, Handle: s.auditJSON},
	}
}

// known finds out who sent a request over TLS: by a bearer token, else by the session of the cookie.
func (s *Server) known(_ http.ResponseWriter, r *http.Request) Visitor {
	var who auth.Account
	var ok bool
	if scheme, secret, found := strings.Cut(r.Header.Get("Authorization"), " "); found && strings.EqualFold(scheme, "Bearer") {
		who, ok = s.door.Bearer(strings.TrimSpace(secret))
	} else if cookie, err := r.Cookie(cookieName); err == nil {
		who, ok = s.door.Session(cookie.Value)
	}
	return visitor(who, ok)
}

func visitor(who auth.Account, ok bool) Visitor {
	switch {
	case !ok:
		return Visitor{}
	case who.Role == auth.RoleAdmin:
		return Visitor{who.Name, AdminRole}
	}
	return Visitor{who.Name, ViewerRole}
}

// setSession gives the browser a session; "" takes it away.
func setSession(w http.ResponseWriter, token string) {
	c := http.Cookie{Name: cookieName, Value: token, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, &c)
}

// from returns the address a request came from.
func from(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// record writes what somebody did, with the time of the unit's clock while it is known. That it could not be written ends
// nothing: the log says so.
func (s *Server) record(e audit.Entry) {
	var utc *int64
	if served := s.unit.Status().ServedUnixNanoseconds; served != nil {
		utc = new(*served / int64(time.Second))
	}
	if err := s.audit.Write(utc, e); err != nil {
		s.log.Error("record not written", "error", err)
	}
}

// did records what the sender of r did, and err if it did not come to pass.
func (s *Server) did(r *http.Request, what, text string, err error) {
	e := audit.Entry{By: VisitorOf(r).Name, From: from(r), What: what, OK: err == nil, Text: text}
	if err != nil {
		e.Text = strings.TrimPrefix(text+": "+err.Error(), ": ")
	}
	s.record(e)
}

// words returns the language that the sender of r reads.
func (s *Server) words(r *http.Request) words.Words {
	cookie := ""
	if c, err := r.Cookie(langCookie); err == nil {
		cookie = c.Value
	}
	return words.In(words.Choose(r.URL.Query().Get("lang"), cookie, r.Header.Get("Accept-Language")))
}

// menu is where the pages with forms lead, for a visitor.
func menu(v Visitor, path string) []form.Link {
	all := []form.Link{{URL: "/", Key: "door.page"}}
	add := func(url, key string) {
		all = append(all, form.Link{URL: url, Key: key, Current: path == url})
	}
	if v.Role == Nobody {
		add("/login", "door.sign-in")
		return all
	}
	add("/settings", "door.settings")
	add("/account", "door.account")
	if v.Role == AdminRole {
		add("/audit", "door.audit")
	}
	return all
}

// view returns a page for the sender of r.
func (s *Server) view(r *http.Request, title string, body any, notices ...form.Notice) form.View {
	speak, status := s.words(r), s.snapshot()
	says := verdict.In(speak, status)
	v := form.View{
		Site:  form.Site{Name: cmp.Or(s.identity().Name, "timeball"), Styles: []string{s.assets.site.Style, s.assets.form}, Icon: s.assets.site.Icon},
		Words: speak, Title: title, State: says.State, Lead: says.Lead, Verdict: says.Text,
		Who: VisitorOf(r).Name, Menu: menu(VisitorOf(r), r.URL.Path), Notices: notices, Body: body,
	}
	if s.config.Certificate != nil {
		v.Site.Fingerprint = certificate.Fingerprint(*s.config.Certificate)
	}
	here := r.URL.Path
	if r.Method == http.MethodPost { // what was posted can't be asked for again
		here = "/" + strings.SplitN(here, "/", 3)[1]
	}
	for _, lang := range words.Langs {
		v.Langs = append(v.Langs, form.Lang{URL: here + "?lang=" + string(lang), Name: lang.Name(), Tag: lang.Tag(), Current: lang == speak.Lang()})
	}
	return v
}

// show answers with a page.
func (s *Server) show(w http.ResponseWriter, r *http.Request, code int, v form.View) {
	var b bytes.Buffer
	if err := form.Write(&b, v); err != nil {
		s.fail(w, v.Title, err)
		return
	}
	if lang := r.URL.Query().Get("lang"); r.TLS != nil && lang == string(v.Words.Lang()) {
		http.SetCookie(w, &http.Cookie{Name: langCookie, Value: lang, Path: "/", MaxAge: 365 * 86400, SameSite: http.SameSiteLaxMode})
	}
	if code == http.StatusOK {
		write(w, r, "text/html; charset=utf-8", b.Bytes(), nil)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	w.Write(b.Bytes())
}

// wantsPage reports whether a person reads the answer.
func wantsPage(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// turnAway answers who may not do what was asked: a person gets a page, a program a line.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, code int, key, address string) {
	w.Header().Set("Connection", "close") // what was sent with it is not read
	if !wantsPage(r) {
		http.Error(w, strings.TrimSpace(s.words(r).Say(key, "address", address)), code)
		return
	}
	speak := s.words(r)
	s.show(w, r, code, s.view(r, "door.refused", form.Refusal{Text: speak.Say(key, "address", address), URL: address, Link: address}))
}

// ways are the pages a sign-in may lead back to: none of another site, and nothing that does something by itself.
var ways = []string{"/", "/account", "/settings", "/audit"}

// next returns where a sign-in leads, "" when that is no page of this unit.
func next(path string) string {
	path, query, _ := strings.Cut(path, "?")
	if !slices.Contains(ways, path) {
		return ""
	}
	if q, err := url.ParseQuery(query); err == nil && q.Get("span") != "" {
		return path + "?" + url.Values{"span": {q.Get("span")}}.Encode()
	}
	return path
}

// posts returns the path of a form that may be sent again after a sign-in, "" when it is none.
func (s *Server) posts(path string) string {
	for _, r := range s.table {
		if r.Method == http.MethodPost && r.Path == path && r.Policy != Secure {
			return path
		}
	}
	return ""
}

// keepable returns the fields of a form that may be shown again: no passwords.
func keepable(values url.Values) []form.Hidden {
	const most = 64
	var kept []form.Hidden
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name == "password" || name == "again" || name == "old" {
			continue
		}
		for _, value := range values[name] {
			if len(kept) < most {
				kept = append(kept, form.Hidden{Name: name, Value: value})
			}
		}
	}
	return kept
}

// askWho answers who is not signed in and has to be. What he sent is kept in the form.
func (s *Server) askWho(w http.ResponseWriter, r *http.Request) {
	if !wantsPage(r) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="timeball"`)
		refuse(w, "this needs an account: sign in, or send a token", http.StatusUnauthorized)
		return
	}
	login := form.Login{Next: next(r.URL.RequestURI()), Unclaimed: !s.door.Claimed()}
	notice := form.Notice{Level: "busy", Text: s.words(r).Say("door.must")}
	if r.Method == http.MethodPost {
		if err := r.ParseForm(); err == nil {
			login.Next = r.URL.Path
			for _, h := range keepable(r.PostForm) {
				login.Keep = append(login.Keep, form.Hidden{Name: "keep." + h.Name, Value: h.Value})
			}
			notice.Text = s.words(r).Say("door.ended")
		}
	}
	s.show(w, r, http.StatusUnauthorized, s.view(r, "door.login", login, notice))
}

func (s *Server) showLogin(w http.ResponseWriter, r *http.Request) {
	var notices []form.Notice
	if s.door.Broken() != nil {
		notices = append(notices, form.Notice{Level: "stop", Text: s.words(r).Say("door.broken")})
	}
	s.show(w, r, http.StatusOK, s.view(r, "door.login", form.Login{Next: next(r.URL.Query().Get("next")), Unclaimed: !s.door.Claimed()}, notices...))
}

// parsed reads the form of r, or answers that it can't be read.
func (s *Server) parsed(w http.ResponseWriter, r *http.Request) bool {
	if err := r.ParseForm(); err != nil {
		s.turnAway(w, r, http.StatusBadRequest, "door.bad-form", "")
		return false
	}
	return true
}

func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	if !s.parsed(w, r) {
		return
	}
	name := r.PostForm.Get("name")
	token, err := s.door.SignIn(r.Context(), from(r), name, r.PostForm.Get("password"))
	s.record(audit.Entry{By: named(err, name), From: from(r), What: "sign-in", OK: err == nil, Text: text(err), Anyones: err != nil})
	if err != nil {
		login := form.Login{Next: r.PostForm.Get("next"), Name: name, Unclaimed: !s.door.Claimed()}
		for _, h := range keepable(r.PostForm) {
			if strings.HasPrefix(h.Name, "keep.") {
				login.Keep = append(login.Keep, h)
			}
		}
		if errors.As(err, new(auth.Later)) {
			w.Header().Set("Retry-After", "60")
		}
		s.show(w, r, codeOf(err), s.view(r, "door.login", login, s.notice(r, err)))
		return
	}
	setSession(w, token)
	r = withVisitor(r, visitor(s.door.Session(token)))
	if path := s.posts(r.PostForm.Get("next")); path != "" {
		s.offerAgain(w, r, path)
		return
	}
	http.Redirect(w, r, cmp.Or(next(r.PostForm.Get("next")), "/settings"), http.StatusSeeOther)
}

// named returns whom the record names: of a failure the name may be a password typed into the wrong field.
func named(err error, name string) string {
	if err != nil {
		return ""
	}
	return name
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// offerAgain shows the form that was sent when a session had ended; a person sends it, not the browser.
func (s *Server) offerAgain(w http.ResponseWriter, r *http.Request, path string) {
	again := form.Resume{Next: path}
	for _, h := range keepable(r.PostForm) {
		if name, ok := strings.CutPrefix(h.Name, "keep."); ok {
			again.Keep = append(again.Keep, form.Hidden{Name: name, Value: h.Value})
		}
	}
	s.show(w, r, http.StatusOK, s.view(r, "door.login", again))
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(cookieName); err == nil {
		s.door.SignOut(cookie.Value)
	}
	s.did(r, "sign-out", "", nil)
	setSession(w, "")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// codeOf returns the status for what the door said.
func codeOf(err error) int {
	switch {
	case errors.As(err, new(auth.Later)):
		return http.StatusTooManyRequests
	case errors.Is(err, auth.ErrBusy):
		return http.StatusServiceUnavailable
	case errors.Is(err, auth.ErrWrong), errors.Is(err, auth.ErrCode):
		return http.StatusForbidden
	case errors.Is(err, auth.ErrTaken), errors.Is(err, auth.ErrClosed), errors.Is(err, auth.ErrUnknown), errors.Is(err, auth.ErrMany):
		return http.StatusConflict
	case errors.Is(err, auth.ErrShort), errors.Is(err, auth.ErrLong), errors.Is(err, auth.ErrName), errors.Is(err, errDiffer), errors.Is(err, errNaming):
		return http.StatusUnprocessableEntity
	}
	return http.StatusInternalServerError
}

var errDiffer = errors.New("the two passwords are not the same")

// notice says what the door said.
func (s *Server) notice(r *http.Request, err error) form.Notice {
	speak := s.words(r)
	var later auth.Later
	if errors.As(err, &later) {
		span := figure.Span(max(1, float64(later.Wait+time.Second-1)/1e9))
		return form.Notice{Level: "warn", Text: speak.Say("door.later", "span", speak.Prose(span))}
	}
	for is, key := range map[error]string{
		auth.ErrWrong: "door.wrong", auth.ErrCode: "door.wrong-code", auth.ErrShort: "door.short", auth.ErrLong: "door.long", auth.ErrName: "door.bad-name",
		auth.ErrTaken: "door.taken", auth.ErrMany: "door.many", auth.ErrUnknown: "door.unknown", auth.ErrBusy: "door.busy", auth.ErrClosed: "door.claim-over", errDiffer: "door.differ", errNaming: "door.unit-wrong",
	} {
		if errors.Is(err, is) {
			return form.Notice{Level: "stop", Text: speak.Say(key)}
		}
	}
	s.log.Error("account not changed", "error", err)
	return form.Notice{Level: "stop", Text: speak.Say("door.failed", "reason", err.Error())}
}

func (s *Server) showClaim(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, s.view(r, "door.claim", s.claimBody(r, "")))
}

func (s *Server) claimBody(r *http.Request, code string) form.Claim {
	speak := s.words(r)
	body := form.Claim{Claimed: s.door.Claimed(), Code: code, Kept: s.door.Kept(), Unit: s.unitForm(r), Steps: steps(speak, s.snapshot())}
	if open := s.door.Claimable(); open > 0 {
		body.Open = speak.Prose(figure.Span(max(60, open.Round(time.Minute).Seconds())))
	}
	for _, step := range body.Steps {
		if step.State == "done" {
			body.Done++
		}
	}
	return body
}

func (s *Server) claim(w http.ResponseWriter, r *http.Request) {
	if !s.parsed(w, r) {
		return
	}
	code, password := r.PostForm.Get("code"), r.PostForm.Get("password")
	var token string
	err := errDiffer
	is, names := identityIn(r), r.PostForm.Has("unit")
	switch {
	case names && !is.valid():
		err = errNaming
	case password == r.PostForm.Get("again"):
		token, err = s.door.Claim(r.Context(), from(r), code, password)
	}
	s.record(audit.Entry{By: named(err, auth.Admin), From: from(r), What: "claim", OK: err == nil, Text: text(err), Anyones: err != nil})
	if err != nil {
		if len(code) > 64 {
			code = ""
		}
		s.show(w, r, codeOf(err), s.view(r, "door.claim", s.claimBody(r, code), s.notice(r, err)))
		return
	}
	if _, err := s.unit.Do(r.Context(), api.Command{Name: api.CommandClaimed, By: auth.Admin}); err != nil {
		s.log.Warn("the claim file may still be there", "error", err) // its code opens nothing any more
	}
	if names {
		err := s.naming.set(s.config.Store, is)
		s.record(audit.Entry{By: auth.Admin, From: from(r), What: "unit-name", OK: err == nil, Text: strings.TrimPrefix(text(err)+" ", " ") + is.Name})
	}
	setSession(w, token)
	http.Redirect(w, r, "/account?done=claimed", http.StatusSeeOther)
}

// steps is what a unit finds by itself, as far as it has come.
func steps(speak words.Words, status api.Status) []form.Step {
	value := func(p *string) string {
		if p == nil {
			return ""
		}
		return speak.Heard(*p)
	}
	satellites, pulses, served := "", "", ""
	if n := status.SatellitesUsed; n != nil && *n > 0 {
		satellites = speak.Count("verdict.satellites-use", *n)
	}
	if status.PulsesAccepted > 0 {
		pulses = speak.Say("door.pulses", "n", fmt.Sprint(status.PulsesAccepted))
	}
	clock := ""
	if status.Mode == verdict.Locked || status.Mode == verdict.Holdover {
		clock = speak.Say("verdict." + status.Mode)
	}
	if verdict.Served(status) {
		served = fmt.Sprintf("NTP, stratum %d", status.Stratum)
	}
	all := []form.Step{
		{Name: speak.Say("door.step-line"), What: value(status.Serial)},
		{Name: speak.Say("door.step-who"), What: value(status.Receiver)},
		{Name: speak.Say("door.step-sky"), What: satellites},
		{Name: speak.Say("door.step-pulse"), What: pulses},
		{Name: speak.Say("door.step-second"), What: clock},
		{Name: speak.Say("door.step-serve"), What: served},
	}
	last := -1
	for i := range all {
		if all[i].What != "" {
			last = i
		}
	}
	for i := range all {
		switch {
		case all[i].What != "":
			all[i].State = "done"
		case i < last: // what comes after it is there, so this is too, though the unit can't name it
			all[i].State, all[i].What = "done", figure.Unknown
		case i == last+1:
			all[i].State, all[i].What = "run", speak.Heard(status.Reason)
		default:
			all[i].State, all[i].What = "wait", speak.Say("door.waits")
		}
	}
	return all
}

// account returns the page of accounts with what was typed.
func (s *Server) account(r *http.Request, change func(*form.Account), notices ...form.Notice) form.View {
	who := VisitorOf(r)
	body := form.Account{Admin: who.Role == AdminRole, Kept: s.door.Kept(), Role: s.words(r).Say("door.role-viewer")}
	if body.Admin {
		body.Unit = s.unitForm(r)
		body.Role, body.Accounts, body.Tokens = s.words(r).Say("door.role-admin"), s.door.Accounts(), s.door.Tokens()
	}
	if change != nil {
		change(&body)
	}
	return s.view(r, "door.account", body, notices...)
}

// dones are the keys of what may be said after a redirect.
var dones = map[string]string{
	"claimed": "door.claimed", "password": "door.changed", "confirmed": "door.confirmed", "reverted": "door.reverted", "applied": "door.applied", "restarting": "door.restarting",
}

// done says what was done before a redirect.
func (s *Server) done(r *http.Request) []form.Notice {
	if key, ok := dones[r.URL.Query().Get("done")]; ok {
		return []form.Notice{{Level: "go", Text: s.words(r).Say(key)}}
	}
	return nil
}

func (s *Server) showAccount(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, s.account(r, nil, s.done(r)...))
}

func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) {
	if !s.parsed(w, r) {
		return
	}
	session := ""
	if cookie, err := r.Cookie(cookieName); err == nil {
		session = cookie.Value
	}
	err := errDiffer
	if password := r.PostForm.Get("password"); password == r.PostForm.Get("again") {
		err = s.door.ChangePassword(r.Context(), from(r), VisitorOf(r).Name, r.PostForm.Get("old"), password, session)
	}
	s.did(r, "password", "", err)
	if err != nil {
		n := s.notice(r, err)
		if errors.Is(err, auth.ErrWrong) {
			n.Text = s.words(r).Say("door.wrong-old")
		}
		s.show(w, r, codeOf(err), s.account(r, nil, n))
		return
	}
	http.Redirect(w, r, "/account?done=password", http.StatusSeeOther)
}

func (s *Server) addViewer(w http.ResponseWriter, r *http.Request) {
	if !s.parsed(w, r) {
		return
	}
	name := r.PostForm.Get("viewer")
	err := s.door.AddViewer(r.Context(), name, r.PostForm.Get("password"))
	s.did(r, "viewer-add", name, err)
	s.answerAccount(w, r, err, "door.added", name, func(a *form.Account) { a.Viewer = name })
}

func (s *Server) removeViewer(w http.ResponseWriter, r *http.Request) {
	if !s.parsed(w, r) {
		return
	}
	name := r.PostForm.Get("name")
	err := s.door.RemoveViewer(name)
	s.did(r, "viewer-remove", name, err)
	s.answerAccount(w, r, err, "door.removed", name, nil)
}

func (s *Server) addToken(w http.ResponseWriter, r *http.Request) {
	if !s.parsed(w, r) {
		return
	}
	name, role := r.PostForm.Get("token"), auth.Role(r.PostForm.Get("role"))
	secret, err := s.door.AddToken(name, role)
	s.did(r, "token-add", name+" "+string(role), err)
	s.answerAccount(w, r, err, "door.added", name, func(a *form.Account) {
		if a.Token = name; err == nil {
			a.Secret, a.Token = secret, ""
		}
	})
}

func (s *Server) removeToken(w http.ResponseWriter, r *http.Request) {
	if !s.parsed(w, r) {
		return
	}
	id := r.PostForm.Get("id")
	err := s.door.RemoveToken(id)
	s.did(r, "token-remove", id, err)
	s.answerAccount(w, r, err, "door.removed", id, nil)
}

// answerAccount shows the accounts after a change, or why there was none.
func (s *Server) answerAccount(w http.ResponseWriter, r *http.Request, err error, done, name string, typed func(*form.Account)) {
	if err != nil {
		s.show(w, r, codeOf(err), s.account(r, typed, s.notice(r, err)))
		return
	}
	s.show(w, r, http.StatusOK, s.account(r, func(a *form.Account) {
		if typed != nil {
			typed(a)
			a.Viewer = ""
		}
	}, form.Notice{Level: "go", Text: s.words(r).Say(done, "name", name)}))
}

func (s *Server) showAudit(w http.ResponseWriter, r *http.Request) {
	const shown = 200
	speak := s.words(r)
	body := form.Audit{Kept: s.door.Kept()}
	for _, e := range s.audit.Newest(shown) {
		row := form.Row{Who: e.By, From: e.From, What: e.What, Text: e.Text}
		if key := "audit." + e.What; words.Has(key) {
			row.What = speak.Say(key)
		}
		if e.UnixSeconds != nil {
			row.When = time.Unix(*e.UnixSeconds, 0).UTC().Format("2006-01-02 15:04:05")
		} else {
			row.When = speak.Say("door.after-start", "span", speak.Prose(figure.Span(e.UptimeSeconds)))
		}
		if e.By == "" && e.From == "" {
			row.Who = speak.Say("door.unit")
		}
		if !e.OK {
			row.Level = "bad"
		}
		if e.Uncounted > 0 {
			row.Text = strings.TrimSpace(row.Text + " " + speak.Say("door.uncounted", "n", fmt.Sprint(e.Uncounted)))
		}
		body.Rows = append(body.Rows, row)
	}
	s.show(w, r, http.StatusOK, s.view(r, "door.audit", body))
}

func (s *Server) auditJSON(w http.ResponseWriter, r *http.Request) {
	all := s.audit.Newest(500)
	if all == nil {
		all = []audit.Entry{}
	}
	s.json(w, r, all)
}
