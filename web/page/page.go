// Package page turns what a unit says of itself into the HTML of its page.
//
// The page is complete without scripts. It is made of parts, each an element with an id, and the same templates make the
// whole page and the single parts that a running page replaces: figures are written in one place. Each panel asks one
// question and answers it in words before it shows anything; behind every plot is a table with its figures. All words come
// from web/words, in the language asked for. What a unit or a receiver says is text and is escaped. Nothing here reads a
// clock, and a status that knows nothing makes a page that says so.
package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"reflect"
	"strings"
	"sync"

	"timeball/web/api"
	"timeball/web/words"
)

// Site is what does not change while the unit runs.
type Site struct {
	Name    string // of the unit, as people call it
	Zone    string // whose local time is shown, "" = that of whoever looks
	Scripts []string
	Style   string // URL
	Icon    string // URL
	Build   string // changes with templates and assets: a page of another build loads itself anew
}

// Link is a way to another page.
type Link struct{ Key, URL string } // Key is of web/words

// Data is what one page shows. A nil pointer is a figure that is not there (yet); the panel says so.
type Data struct {
	Status  api.Status
	Lang    words.Lang
	Span    string       // of the history: hour, day or month
	History *api.History // of that span
	Clients *api.Clients
	Faults  *api.Faults // of a simulated board
	Events  *api.Events
	Secure  string // URL of the page where changes are made; "" = here
	Links   []Link // of the head line, after the languages
}

// Event is what a running page needs to follow the unit.
type Event struct {
	Build string            `json:"build"`
	State string            `json:"state"`
	Title string            `json:"title"`
	Parts map[string]string `json:"parts"` // HTML inside the element of that id

	blocks map[string]Block // what the parts were made from
}

// Panel is one question and its answer. In Answer, **text** is bold.
type Panel struct {
	No              int
	ID              string
	Title, Question string
	Answer          string
	Gauge           *gauge
	Facts           []Fact
	Mark            string // shape that the index shows beside it: octagon, triangle, ring or none
	MarkWords       string // what the shape says
	Blocks          []Block
}

// Fact is one line of figures.
type Fact struct{ Name, Value string }

// Block is a piece of a panel's body: a part of its own, so that only what changes is sent.
type Block struct {
	ID   string
	Half bool // beside another one where there is room
	Body any
}

// Kind names the template that shows the body.
func (b Block) Kind() string {
	switch b.Body.(type) {
	case budget:
		return "budget"
	case ruler:
		return "ruler"
	case chart:
		return "chart"
	case sky:
		return "sky"
	case table:
		return "sheet"
	case faults:
		return "faults"
	case eventList:
		return "events"
	case channels:
		return "channels"
	}
	return "empty"
}

// empty says what will be where nothing is yet, and when.
type empty struct{ Title, Text string }

//go:embed templates/*.html
var files embed.FS

// templates are the same files in each language, made when the first page of it is asked for: of the processes of a unit
// only one has a page.
var templates = func() map[words.Lang]func() *template.Template {
	all := map[words.Lang]func() *template.Template{}
	for _, lang := range words.Langs {
		all[lang] = sync.OnceValue(func() *template.Template {
			w := words.In(lang)
			functions := template.FuncMap{"bold": bold, "px": px, "t": w.Say, "level": levelName, "thinned": thinned, "wide": wide}
			return template.Must(template.New("").Funcs(functions).ParseFS(files, "templates/*.html"))
		})
	}
	return all
}()

// Write writes the whole page.
func Write(w io.Writer, site Site, d Data) error {
	v := newView(site, d)
	return templates[v.Lang]().ExecuteTemplate(w, "page", v)
}

// Follow returns what a running page needs: every part. What is as in before, a page of the same look, is not made anew:
// most plots and tables are the same for many seconds.
func Follow(site Site, d Data, before Event) (Event, error) {
	v := newView(site, d)
	e := Event{Build: site.Build, State: v.Verdict.State, Title: v.Title, Parts: map[string]string{}, blocks: map[string]Block{}}
	var b bytes.Buffer
	part := func(id, name string, data any) error {
		b.Reset()
		if err := templates[v.Lang]().ExecuteTemplate(&b, name, data); err != nil {
			return fmt.Errorf("page: part %s: %w", id, err)
		}
		e.Parts[id] = b.String()
		return nil
	}
	for _, name := range []string{"verdict-part", "alarms-part", "index-part", "foot-part"} {
		if err := part(name, name, v); err != nil {
			return Event{}, err
		}
	}
	for _, p := range v.Panels {
		if err := part(p.ID+"-head", "head", p); err != nil {
			return Event{}, err
		}
		for _, block := range p.Blocks {
			e.blocks[block.ID] = block
			if html, ok := before.Parts[block.ID]; ok && reflect.DeepEqual(before.blocks[block.ID], block) {
				e.Parts[block.ID] = html
				continue
			}
			if err := part(block.ID, "block", block); err != nil {
				return Event{}, err
			}
		}
	}
	return e, nil
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
