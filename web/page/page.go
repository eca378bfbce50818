// Package page turns a unit's status into the HTML of its page.
//
// The page is complete without scripts. It is made of parts, each an element with an id, and the same templates make the
// whole page and the single parts that a running page replaces: figures are written in one place. Each panel asks one
// question and answers it in words before it shows anything. What a unit or a receiver says is text and is escaped.
// Nothing here reads a clock, and a status that knows nothing makes a page that says so.
package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"timeball/web/api"
	"timeball/web/figure"
	"timeball/web/verdict"
)

// Site is what does not change while the unit runs.
type Site struct {
	Name   string // of the unit, as its clients know it
	Script string // URL
	Style  string // URL
	Icon   string // URL
	Build  string // changes with templates and assets: a page of another build loads itself anew
}

// Event is what a running page needs to follow the unit.
type Event struct {
	Build  string            `json:"build"`
	State  string            `json:"state"`
	Title  string            `json:"title"`
	Panels string            `json:"panels"` // ids of the panels, in order
	Parts  map[string]string `json:"parts"`  // HTML inside the element of that id
}

// Panel is one question and its answer. In Answer and Facts, **text** is bold.
type Panel struct {
	No              int
	ID              string
	Title, Question string
	Answer          string
	Facts           []Fact
	Mark            string // shape that the index shows beside it: octagon, triangle, ring or none
	Body            any
}

// Kind names the template that shows the body.
func (p Panel) Kind() string {
	switch p.Body.(type) {
	case budget:
		return "budget"
	case ruler:
		return "ruler"
	case forecast:
		return "forecast"
	case sky:
		return "sky"
	case facts:
		return "facts"
	case conditions:
		return "conditions"
	}
	return "empty"
}

// Fact is one line of figures.
type Fact struct{ Name, Value string }

//go:embed templates/*.html
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{"bold": bold, "px": px}).ParseFS(files, "templates/*.html"))

// Write writes the whole page for s.
func Write(w io.Writer, site Site, s api.Status) error {
	return templates.ExecuteTemplate(w, "page", newView(site, s))
}

// Follow returns what a running page needs for s: every part.
func Follow(site Site, s api.Status) (Event, error) {
	v := newView(site, s)
	e := Event{Build: site.Build, State: v.Verdict.State, Title: v.Title, Panels: v.PanelIDs(), Parts: map[string]string{}}
	parts := map[string]any{"verdict-part": v, "index-part": v, "foot-part": v}
	for _, p := range v.Panels {
		parts[p.ID] = p
	}
	var b bytes.Buffer
	for id, data := range parts {
		name := id
		if _, ok := data.(Panel); ok {
			name = "panel"
		}
		b.Reset()
		if err := templates.ExecuteTemplate(&b, name, data); err != nil {
			return Event{}, fmt.Errorf("page: part %s: %w", id, err)
		}
		e.Parts[id] = b.String()
	}
	return e, nil
}

// view is what the templates see.
type view struct {
	Site    Site
	Status  api.Status
	Verdict verdict.Verdict
	Title   string
	Before  string // of the verdict's text, up to the bound
	After   string
	For     string // how long the mode has lasted
	Note    string // what follows from the verdict, in one or two sentences
	Served  bool
	Marks   []mark
	Dial    dial
	Clock   clockFace
	Panels  []Panel
	Uptime  string
}

func newView(site Site, s api.Status) view {
	v := view{Site: site, Status: s, Verdict: verdict.Of(s), Served: verdict.Served(s), Uptime: figure.Span(s.UptimeSeconds)}
	v.Before = v.Verdict.Text
	if v.Verdict.Bound != "" {
		v.Before, v.After, _ = strings.Cut(v.Verdict.Text, v.Verdict.Bound)
	}
	v.Title = strings.TrimSuffix(v.Verdict.Lead, ":")
	if bound := boundWords(s); v.Served && bound != "" {
		v.Title += ", " + bound
	}
	v.Title += " · " + site.Name
	if s.ModeSeconds >= 1 {
		v.For = figure.Span(s.ModeSeconds)
	}
	v.Note = note(s)
	v.Marks = marks(s)
	v.Dial = newDial(s)
	v.Clock = newClockFace(s)
	v.Panels = panels(s)
	return v
}

// PanelIDs returns the ids of the panels, parted by spaces.
func (v view) PanelIDs() string {
	var ids []string
	for _, p := range v.Panels {
		ids = append(ids, p.ID)
	}
	return strings.Join(ids, " ")
}

// panels returns the panels a status has something to say in, numbered.
func panels(s api.Status) []Panel {
	all := []*Panel{budgetPanel(s), loopPanel(s), oscillatorPanel(s), holdoverPanel(s), skyPanel(s), conditionsPanel(s), ntpPanel(s), witnessPanel(s), simPanel(s)}
	var shown []Panel
	for _, p := range all {
		if p != nil {
			p.No = len(shown) + 1
			shown = append(shown, *p)
		}
	}
	return shown
}

// run is a piece of text in one weight.
type run struct {
	Text string
	Bold bool
}

// bold splits text at ** into runs that are plain and bold by turns.
func bold(text string) []run {
	var runs []run
	for i, piece := range strings.Split(text, "**") {
		if piece != "" {
			runs = append(runs, run{piece, i%2 == 1})
		}
	}
	return runs
}

// px writes a coordinate with a tenth of a pixel.
func px(v float64) string {
	text := strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	if text == "-0" {
		return "0"
	}
	return text
}

// Fingerprint returns the text of all templates: it changes when the page does.
func Fingerprint() string {
	var b strings.Builder
	entries, _ := files.ReadDir("templates") // embedded: it is there
	for _, entry := range entries {
		text, _ := files.ReadFile("templates/" + entry.Name())
		b.Write(text)
	}
	return b.String()
}
