// Package form makes the pages on which a person changes something: claim, sign in, account, settings, audit.
//
// They are complete without scripts, speak the languages of web/words and look like the page of the unit. Whatever a person,
// a file or a unit says is text and is escaped; what was typed is shown again when it is refused, but for passwords. Nothing
// here decides who may do what.
package form

import (
	"embed"
	"html/template"
	"io"
	"sync"

	"timeball/web/api"
	"timeball/web/auth"
	"timeball/web/words"
)

// Site is what does not change while the unit runs.
type Site struct {
	Name        string   // of the unit
	Styles      []string // URLs
	Icon        string   // URL
	Fingerprint string   // of the certificate
}

// Link is one entry of the menu.
type Link struct {
	URL, Key string
	Current  bool
}

// Lang is one language of the switch.
type Lang struct {
	URL, Name, Tag string
	Current        bool
}

// Notice is what became of what was asked, or what is wrong.
type Notice struct {
	Level string // stop, warn, busy or go
	Text  string
}

// View is one page.
type View struct {
	Site    Site
	Words   words.Words
	Title   string // key
	State   string // of the verdict
	Lead    string // of the verdict: "Time is good:"
	Verdict string // the rest of it
	Who     string // the account; "" = nobody is signed in
	Menu    []Link
	Langs   []Lang
	Notices []Notice
	// Body is a Login, Resume, Claim, Account, Settings, Review, Audit or Refusal.
	Body any
}

// Say returns a text of the catalogue.
func (v View) Say(key string, with ...string) string { return v.Words.Say(key, with...) }

// Tag returns the language as HTML names it.
func (v View) Tag() string { return v.Words.Lang().Tag() }

// Kind names the template of the body.
func (v View) Kind() string {
	switch v.Body.(type) {
	case Login:
		return "login"
	case Resume:
		return "resume"
	case Claim:
		return "claim"
	case Account:
		return "account"
	case Settings:
		return "settings"
	case Review:
		return "review"
	case Audit:
		return "audit"
	}
	return "refusal"
}

// Hidden is a value of a form that is kept while something else is asked.
type Hidden struct{ Name, Value string }

// Login asks who somebody is.
type Login struct {
	Next      string   // where to go then
	Name      string   // as it was typed
	Keep      []Hidden // what was sent when the session had ended
	Unclaimed bool     // there is nobody who could sign in
}

// Resume offers to send again what was sent when a session had ended.
type Resume struct {
	Next string
	Keep []Hidden
}

// Claim asks for the code.
type Claim struct {
	Open    string // for how long it is yet; "" = it is not
	Claimed bool
	Code    string // as it was typed
	Kept    bool   // accounts live through a restart
	Unit    Unit   // as it was typed
	Steps   []Step
	Done    int // of the steps
}

// Unit is what the page calls the unit, and the local time that it shows.
type Unit struct {
	Name, Zone string   // Zone "" = that of whoever looks
	Zones      []string // to choose from
}

// Step is one thing that a unit finds by itself.
type Step struct {
	Name, What string
	State      string // done, run or wait
}

// Account is one's own account and, for the admin, all others.
type Account struct {
	Admin    bool
	Role     string // words
	Kept     bool
	Accounts []auth.Account
	Tokens   []auth.Token
	Secret   string // of a new token, shown once
	Unit     Unit
	Viewer   string // the name as it was typed
	Token    string // the name as it was typed
}

// Settings is the form of the few fields that matter, and the file.
type Settings struct {
	Config   api.Configuration
	Sections []Section
	Admin    bool
	File     string // the file as it was typed; "" = as it is
	Trial    *Trial // while it runs others may be written, and wait
}

// Section is the fields of one section of the file.
type Section struct {
	Title  string
	Fields []Field
}

// Field is one field with its words.
type Field struct {
	api.Field
	Label, Hint string
	Problem     string
	Rows        int // of a list
}

// Trial is a configuration that runs until it is confirmed.
type Trial struct {
	ID, By string
	Remain string
	Diff   []Line
}

// Review shows a change before it is applied.
type Review struct {
	Diff     []Line
	Problems []api.Problem
	Text     string // the new file
	Digest   string // of the file that the change began with
	Same     bool
	Conflict bool   // the file has changed since
	Wait     string // what has to end before it can be applied; "" = nothing
}

// Audit is the record, the newest first.
type Audit struct {
	Rows []Row
	Kept bool
}

// Row is one line of the record.
type Row struct{ When, Who, From, What, Text, Level string }

// Refusal says why something was not done.
type Refusal struct {
	Text      string
	URL, Link string
}

//go:embed templates/*.html
var files embed.FS

// templates are made when the first form is asked for.
var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").ParseFS(files, "templates/*.html"))
})

// Write writes the page.
func Write(w io.Writer, v View) error { return templates().ExecuteTemplate(w, "form", v) }
