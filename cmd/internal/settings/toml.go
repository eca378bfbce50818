package settings

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"
)

// place is where one key of a file has its value.
type place struct {
	key        string // with its section
	line       int    // where the line begins
	begin, end int    // of the value
	lineEnd    int    // where the next line begins
}

// header is where a section begins.
type header struct {
	name string
	next int // where the next line begins
}

// outline finds sections and keys of a file that is valid TOML. It knows what this program writes and what people usually
// do; what it misses, the check after a change finds.
func outline(text string) (headers []header, places []place) {
	section := ""
	for at := 0; at < len(text); {
		line := at
		at = skip(text, at, " \t\r\n")
		switch {
		case at >= len(text):
			return headers, places
		case text[at] == '#':
			at = lineAfter(text, at)
		case text[at] == '[':
			end := lineAfter(text, at)
			name, _, _ := strings.Cut(text[at:end], "]")
			section = bare(strings.Trim(name, "["))
			headers = append(headers, header{section, end})
			at = end
		default:
			equals := strings.IndexByte(text[at:], '=')
			if equals < 0 {
				return headers, places
			}
			key := bare(text[at : at+equals])
			if section != "" {
				key = section + "." + key
			}
			line = max(line, strings.LastIndexByte(text[:at], '\n')+1)
			begin := skip(text, at+equals+1, " \t")
			end := valueEnd(text, begin)
			at = lineAfter(text, end)
			places = append(places, place{key, line, begin, end, at})
		}
	}
	return headers, places
}

// bare writes a dotted key without the spaces and quotes that it need not have.
func bare(key string) string {
	parts := strings.Split(key, ".")
	for i, part := range parts {
		part = strings.TrimSpace(part)
		if n := len(part); n >= 2 && (part[0] == '"' || part[0] == '\'') && part[n-1] == part[0] {
			part = part[1 : n-1]
		}
		parts[i] = part
	}
	return strings.Join(parts, ".")
}

func skip(text string, at int, set string) int {
	for at < len(text) && strings.IndexByte(set, text[at]) >= 0 {
		at++
	}
	return at
}

// lineAfter returns where the line after at begins.
func lineAfter(text string, at int) int {
	if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(text)
}

// valueEnd returns where a value ends.
func valueEnd(text string, at int) int {
	depth := 0
	for at < len(text) {
		switch c := text[at]; {
		case c == '"' || c == '\'':
			at = stringEnd(text, at)
			if depth == 0 {
				return at
			}
			continue
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			if depth--; depth <= 0 {
				return at + 1
			}
		case c == '#':
			if depth == 0 {
				return trimEnd(text, at)
			}
			at = lineAfter(text, at)
			continue
		case c == '\n' && depth == 0:
			return trimEnd(text, at)
		}
		at++
	}
	return trimEnd(text, at)
}

func trimEnd(text string, at int) int {
	return len(strings.TrimRight(text[:min(at, len(text))], " \t\r"))
}

// stringEnd returns where a string ends that begins at at.
func stringEnd(text string, at int) int {
	quote := text[at : at+1]
	if strings.HasPrefix(text[at:], strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	for i := at + len(quote); i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote[0] == '"':
			i++
		case strings.HasPrefix(text[i:], quote):
			for len(quote) == 3 && i+3 < len(text) && text[i+3] == quote[0] { // up to two quotes may stand before the end
				i++
			}
			return i + len(quote)
		}
	}
	return len(text)
}

var errByHand = errors.New("this file is written in a way that the form can't change: change the file itself")

// put gives a key another value in a file, as TOML, and leaves all else as it is, comments included; "" takes the key out.
func put(text, key, literal string) (string, error) {
	section, name, ok := strings.Cut(key, ".")
	if !ok {
		return "", fmt.Errorf("%q: not a key of a section", key)
	}
	headers, places := outline(text)
	changed, found := text, false
	for _, p := range places {
		if p.key != key {
			continue
		}
		found = true
		if literal == "" {
			changed = text[:p.line] + text[p.lineEnd:]
		} else {
			changed = text[:p.begin] + literal + text[p.end:]
		}
	}
	if !found && literal != "" {
		changed = insert(text, headers, section, name+" = "+literal+"\n")
	}
	if err := onlyChanged(text, changed, section, name, literal); err != nil {
		return "", err
	}
	return changed, nil
}

// insert adds a line to a section, which is made where there is none.
func insert(text string, headers []header, section, line string) string {
	for _, h := range headers {
		if h.name == section {
			before := text[:h.next]
			if !strings.HasSuffix(before, "\n") {
				before += "\n"
			}
			return before + line + text[h.next:]
		}
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	if text != "" {
		text += "\n"
	}
	return text + "[" + section + "]\n" + line
}

// onlyChanged checks that nothing but one key has another value.
func onlyChanged(before, after, section, name, literal string) error {
	var old, now, one map[string]any
	if _, err := toml.Decode(before, &old); err != nil {
		return err
	}
	if _, err := toml.Decode(after, &now); err != nil {
		return errByHand
	}
	if old == nil {
		old = map[string]any{}
	}
	in, ok := old[section].(map[string]any)
	if !ok {
		in = map[string]any{}
	}
	delete(in, name)
	if literal != "" {
		if _, err := toml.Decode("value = "+literal, &one); err != nil {
			return err
		}
		in[name] = one["value"]
	}
	if old[section] = in; len(in) == 0 && now[section] == nil {
		delete(old, section)
	}
	if !reflect.DeepEqual(old, now) {
		return errByHand
	}
	return nil
}

// quoted writes a text as TOML has it.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, "\\u%04X", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
