package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"timeball/web/api"
	"timeball/web/bundle"
	"timeball/web/verdict"
)

// Show writes what is in a bundle, a line each that begins with "#", and gives replay the recording if there is one; what that
// writes is then the same as of the recording alone.
func Show(r io.Reader, w io.Writer, replay func(io.Reader) error) error {
	s := shower{w: w}
	_, err := bundle.Read(r, func(m bundle.Manifest, name string, content io.Reader) error {
		s.manifest(m)
		if name == bundle.Recording {
			s.line("%s: what the engine took; replayed below", name)
			return replay(content)
		}
		text, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		s.file(name, text)
		return nil
	})
	return err
}

type shower struct {
	w    io.Writer
	told bool
}

func (s *shower) line(format string, args ...any) {
	fmt.Fprintln(s.w, "# "+Printable(fmt.Sprintf(format, args...)))
}

func (s *shower) manifest(m bundle.Manifest) {
	if s.told {
		return
	}
	s.told = true
	at := "at a time it did not know"
	if m.Unix != nil {
		at = "at " + utc(*m.Unix)
	}
	s.line("support bundle of %s, %s, %s", m.Unit, m.Build, at)
	for _, name := range slices.Sorted(maps.Keys(m.Absent)) {
		s.line("%s is not there: %s", name, m.Absent[name])
	}
}

func utc(unix int64) string { return time.Unix(unix, 0).UTC().Format("2006-01-02 15:04:05 UTC") }

// file tells of one file what is worth a line.
func (s *shower) file(name string, text []byte) {
	switch name {
	case bundle.Status:
		var status api.Status
		if err := json.Unmarshal(text, &status); err != nil {
			s.line("%s: %v", name, err)
			return
		}
		s.line("%s: %s: %s", name, status.Mode, verdict.Sentence(status))
	case bundle.Events:
		s.events(name, text)
	default:
		s.line("%s: %d lines", name, bytes.Count(text, []byte("\n")))
	}
}

func (s *shower) events(name string, text []byte) {
	var list api.Events
	if err := json.Unmarshal(text, &list); err != nil {
		s.line("%s: %v", name, err)
		return
	}
	s.line("%s: %d, %d of them active", name, len(list.Events), list.Active)
	for _, e := range list.Events {
		state, first := "ended", "unknown"
		if e.Active {
			state = "active"
		}
		if e.FirstUnixSeconds != nil {
			first = utc(*e.FirstUnixSeconds)
		}
		s.line("  %-23s %-7s %-6s %3d× %s: %s", first, e.Severity, state, e.Count, e.Name, e.Text)
	}
}

// Printable replaces what could move a terminal's cursor.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) && r != '\u00a0' {
			return ' '
		}
		return r
	}, strings.TrimSpace(text))
}
