package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"timeball/web/api"
	"timeball/web/audit"
	"timeball/web/figure"
	"timeball/web/form"
	"timeball/web/words"
)

// settingsRoutes are the routes on which the configuration is changed, by people and by programs.
func (s *Server) settingsRoutes() []Route {
	return []Route{
		{Method: "GET", Path: "/settings", Policy: Viewer, Handle: s.showSettings},
		{Method: "POST", Path: "/settings", Policy: Admin, Handle: s.reviewFields, Body: maxBodyFile},
		{Method: "POST", Path: "/settings/file", Policy: Admin, Handle: s.reviewFile, Body: maxBodyFile},
		{Method: "POST", Path: "/settings/apply", Policy: Admin, Handle: s.applySettings, Body: maxBodyFile},
		{Method: "POST", Path: "/settings/confirm", Policy: Admin, Handle: s.confirmSettings},
		{Method: "POST", Path: "/settings/revert", Policy: Admin, Handle: s.revertSettings},
		{Method: "POST", Path: "/settings/restart", Policy: Admin, Handle: s.restartUnit},
		{Method: "GET", Path: "/api/v1/config", Policy: Admin, Handle: s.configJSON},
		{Method: "POST", Path: "/api/v1/command", Policy: Admin, Handle: s.command, Body: maxBodyFile},
	}
}

// commandTimeout is within answerTimeout: new servers are asked before a change is taken.
const commandTimeout = 12 * time.Second

// audited are the commands that change something, which the record has.
var audited = map[string]bool{
	api.CommandConfigApply: true, api.CommandConfigConfirm: true, api.CommandConfigRevert: true, api.CommandRestart: true, api.CommandFault: true,
}

// order asks the unit for something in the name of the sender of r, and records it.
func (s *Server) order(r *http.Request, c api.Command) api.Result {
	c.By = VisitorOf(r).Name
	ctx, cancel := context.WithTimeout(r.Context(), commandTimeout)
	defer cancel()
	result, err := s.unit.Do(ctx, c)
	if err != nil {
		s.log.Error("the unit was not reached", "command", c.Name, "error", err)
		result = api.Refuse("the unit was not reached: %v", err)
	}
	if audited[c.Name] {
		text := result.Message
		if c.Fault != nil {
			text = strings.TrimSpace(c.Fault.Name + " " + text)
		}
		s.record(audit.Entry{By: c.By, From: from(r), What: c.Name, OK: result.State != api.Failed, Text: text})
	}
	if c.Name == api.CommandConfigApply && result.State == api.InProgress {
		s.tried.Store(true)
	}
	return result
}

// settings returns the page of the settings as they are, with what was typed in their place.
func (s *Server) settings(r *http.Request, typed []api.Setting, file string, wrong []api.Problem, notices ...form.Notice) form.View {
	speak := s.words(r)
	body := form.Settings{Admin: VisitorOf(r).Role == AdminRole, File: file}
	result := s.order(r, api.Command{Name: api.CommandConfigRead})
	if result.Config == nil {
		return s.view(r, "door.settings", form.Refusal{Text: speak.Say("door.failed", "reason", result.Message)}, notices...)
	}
	body.Config = *result.Config
	if t := body.Config.Trial; t != nil {
		body.Trial = &form.Trial{
			ID: t.ID, By: t.By, Remain: speak.Prose(figure.Span(t.RemainingSeconds)), Diff: form.Diff(t.Before, body.Config.Text),
		}
	} else if body.Config.State == api.Failed && body.Config.Message != "" {
		notices = append(notices, form.Notice{Level: "warn", Text: speak.Say("door.last-change", "reason", body.Config.Message)})
	}
	body.Sections = sections(speak, body.Config.Fields, typed, wrong)
	if !body.Admin { // the file may have what is for the admin alone
		body.Config.Text = ""
		if body.Trial != nil {
			body.Trial.Diff = nil
		}
	}
	return s.view(r, "door.settings", body, notices...)
}

// sections puts the fields under their titles, with their words, what was typed and what is wrong with it.
func sections(speak words.Words, fields []api.Field, typed []api.Setting, wrong []api.Problem) []form.Section {
	var all []form.Section
	for _, f := range fields {
		section, _, _ := strings.Cut(f.Key, ".")
		if title := speak.Say("set." + section); len(all) == 0 || all[len(all)-1].Title != title {
			all = append(all, form.Section{Title: title})
		}
		shown := form.Field{Field: f, Label: speak.Say("set." + f.Key), Hint: speak.Say("set." + f.Key + ".hint")}
		for _, t := range typed {
			if t.Key == f.Key {
				shown.Value = t.Value
			}
		}
		for _, p := range wrong {
			if p.Key == f.Key {
				shown.Problem = p.Text
			}
		}
		shown.Rows = min(10, max(2, strings.Count(shown.Value, "\n")+2))
		last := &all[len(all)-1]
		last.Fields = append(last.Fields, shown)
	}
	return all
}

func (s *Server) showSettings(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, s.settings(r, nil, "", nil, s.done(r)...))
}

// posted returns the fields of a form of settings.
func posted(values url.Values) []api.Setting {
	var all []api.Setting
	for name := range values {
		if key, ok := strings.CutPrefix(name, "set."); ok {
			all = append(all, api.Setting{Key: key, Value: values.Get(name)})
		}
	}
	return all
}

// reviewFields shows what the fields would change in the file. What can't be is said beside its field.
func (s *Server) reviewFields(w http.ResponseWriter, r *http.Request) {
	if !s.parsed(w, r) {
		return
	}
	now := s.order(r, api.Command{Name: api.CommandConfigRead})
	typed := posted(r.PostForm)
	c := api.Command{Name: api.CommandConfigCheck, Set: typed}
	if now.Config != nil {
		c.Text = now.Config.Text
	}
	checked := s.order(r, c)
	if now.Config == nil || checked.Config == nil {
		s.show(w, r, http.StatusConflict, s.settings(r, typed, "", nil, s.failure(r, checked)))
		return
	}
	if len(checked.Config.Problems) > 0 {
		notices := []form.Notice{{Level: "stop", Text: s.words(r).Say("door.review-wrong")}}
		for _, p := range checked.Config.Problems {
			if !hasField(now.Config.Fields, p.Key) {
				notices = append(notices, form.Notice{Level: "stop", Text: p.Text})
			}
		}
		s.show(w, r, http.StatusUnprocessableEntity, s.settings(r, typed, "", checked.Config.Problems, notices...))
		return
	}
	s.review(w, r, *now.Config, checked.Config.Text, nil, r.PostForm.Get("digest"))
}

func hasField(fields []api.Field, key string) bool {
	for _, f := range fields {
		if f.Key == key {
			return true
		}
	}
	return false
}

// failure says why the unit did not do something.
func (s *Server) failure(r *http.Request, result api.Result) form.Notice {
	return form.Notice{Level: "stop", Text: s.words(r).Say("door.failed", "reason", result.Message)}
}

// review shows a change before it is applied. began is the digest of the file that the change began with.
func (s *Server) review(w http.ResponseWriter, r *http.Request, now api.Configuration, text string, wrong []api.Problem, began string) {
	body := s.newReview(r, now, text, wrong, began)
	code := http.StatusOK
	if len(wrong) > 0 {
		code = http.StatusUnprocessableEntity
	}
	s.show(w, r, code, s.view(r, "door.review-title", body))
}

// waits says that a change is on its way, so that no other one can be applied.
func waits(now api.Configuration) bool { return now.Trial != nil || now.State == api.InProgress }

// newReview compares a change with the file. While another one is being tried it keeps the digest that it began with: when
// that is undone the change can be applied as it is.
func (s *Server) newReview(r *http.Request, now api.Configuration, text string, wrong []api.Problem, began string) form.Review {
	body := form.Review{Diff: form.Diff(now.Text, text), Problems: wrong, Text: text, Digest: now.Digest, Conflict: began != "" && began != now.Digest}
	body.Same = len(body.Diff) == 0
	if !waits(now) {
		return body
	}
	body.Conflict, body.Digest = false, cmp.Or(began, now.Digest)
	speak := s.words(r)
	body.Wait = speak.Say("door.wait-starts")
	if t := now.Trial; t != nil {
		body.Wait = speak.Say("door.wait", "name", t.By, "span", speak.Prose(figure.Span(max(1, t.RemainingSeconds))))
	}
	return body
}

// reviewFile shows what a whole file would change.
func (s *Server) reviewFile(w http.ResponseWriter, r *http.Request) {
	if !s.parsed(w, r) {
		return
	}
	text := strings.ReplaceAll(r.PostForm.Get("text"), "\r\n", "\n")
	now := s.order(r, api.Command{Name: api.CommandConfigRead})
	checked := s.order(r, api.Command{Name: api.CommandConfigCheck, Text: text})
	if now.Config == nil || checked.Config == nil {
		s.show(w, r, http.StatusConflict, s.settings(r, nil, text, nil, s.failure(r, checked)))
		return
	}
	s.review(w, r, *now.Config, text, checked.Config.Problems, r.PostForm.Get("digest"))
}

func (s *Server) applySettings(w http.ResponseWriter, r *http.Request) {
	if !s.parsed(w, r) {
		return
	}
	text := strings.ReplaceAll(r.PostForm.Get("text"), "\r\n", "\n")
	result := s.order(r, api.Command{Name: api.CommandConfigApply, Text: text, Digest: r.PostForm.Get("digest")})
	if result.State == api.Failed {
		if now := s.order(r, api.Command{Name: api.CommandConfigRead}); now.Config != nil && waits(*now.Config) {
			s.show(w, r, http.StatusConflict, s.view(r, "door.review-title", s.newReview(r, *now.Config, text, nil, r.PostForm.Get("digest"))))
			return
		}
		s.show(w, r, http.StatusConflict, s.settings(r, nil, text, nil, s.failure(r, result)))
		return
	}
	http.Redirect(w, r, "/settings?done=applied", http.StatusSeeOther)
}

// endTrial keeps or undoes what is being tried.
func (s *Server) endTrial(w http.ResponseWriter, r *http.Request, command, done string) {
	if !s.parsed(w, r) {
		return
	}
	result := s.order(r, api.Command{Name: command, Trial: r.PostForm.Get("trial")})
	if result.State == api.Failed {
		s.show(w, r, http.StatusConflict, s.settings(r, nil, "", nil, s.failure(r, result)))
		return
	}
	s.tried.Store(false) // its end is in the record
	http.Redirect(w, r, "/settings?done="+done, http.StatusSeeOther)
}

func (s *Server) confirmSettings(w http.ResponseWriter, r *http.Request) {
	s.endTrial(w, r, api.CommandConfigConfirm, "confirmed")
}

func (s *Server) revertSettings(w http.ResponseWriter, r *http.Request) {
	s.endTrial(w, r, api.CommandConfigRevert, "reverted")
}

func (s *Server) restartUnit(w http.ResponseWriter, r *http.Request) {
	result := s.order(r, api.Command{Name: api.CommandRestart})
	if result.State == api.Failed {
		s.show(w, r, http.StatusConflict, s.settings(r, nil, "", nil, s.failure(r, result)))
		return
	}
	http.Redirect(w, r, "/settings?done=restarting", http.StatusSeeOther)
}

func (s *Server) configJSON(w http.ResponseWriter, r *http.Request) {
	result := s.order(r, api.Command{Name: api.CommandConfigRead})
	if result.Config == nil {
		s.json(w, r, result)
		return
	}
	s.json(w, r, result.Config)
}

// command takes one command as JSON. What it refuses is a result as well, so that a program reads one form.
func (s *Server) command(w http.ResponseWriter, r *http.Request) {
	var c api.Command
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		if tooLong := new(http.MaxBytesError); errors.As(err, &tooLong) {
			refuse(w, "a command of this length is not read", http.StatusRequestEntityTooLarge)
			return
		}
		w.Header().Set("Content-Type", jsonType)
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).Encode(api.Refuse("not a command: %v", err))
		return
	}
	if err := c.Check(); err != nil {
		s.json(w, r, api.Refuse("%v", err))
		return
	}
	s.json(w, r, s.order(r, c))
}

// watchTrial records that a change was undone without anybody's doing: it looks while one may be on its way.
func (s *Server) watchTrial(ctx context.Context) {
	if !s.tried.Load() {
		return
	}
	result, err := s.unit.Do(ctx, api.Command{Name: api.CommandConfigRead})
	switch {
	case err != nil:
		return // it is looked at again
	case result.Config != nil && (result.Config.Trial != nil || result.Config.State == api.InProgress):
		return
	}
	if s.tried.CompareAndSwap(true, false) && result.Config != nil && result.Config.State == api.Failed && result.Config.Message != "" {
		s.record(audit.Entry{What: "config-reverted", OK: true, Text: result.Config.Message})
	}
}
