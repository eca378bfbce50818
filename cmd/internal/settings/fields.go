package settings

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"timeball/cmd/internal/config"
	"timeball/web/api"
)

// The kinds of fields.
const (
	kindText   = "text"
	kindNumber = "number"
	kindList   = "list"
	kindChoice = "choice"
)

// form is the few fields that matter. Everything else is in the file.
var form = []api.Field{
	{Key: "gnss.device", Kind: kindText},
	{Key: "gnss.baud", Kind: kindChoice, Choices: []string{"0", "4800", "9600", "19200", "38400", "57600", "115200", "230400", "460800", "921600"}},
	{Key: "pps.line", Kind: kindText},
	{Key: "pps.chip", Kind: kindText},
	{Key: "pps.edge", Kind: kindChoice, Choices: []string{"rising", "falling"}},
	{Key: "pps.latency_seconds", Kind: kindNumber},
	{Key: "pps.latency_range_seconds", Kind: kindNumber},
	{Key: "witness.servers", Kind: kindList},
	{Key: "server.listen", Kind: kindList},
	{Key: "server.access", Kind: kindList},
	{Key: "server.limit", Kind: kindText},
	{Key: "web.http", Kind: kindText},
	{Key: "web.https", Kind: kindText},
	{Key: "web.hosts", Kind: kindList},
	{Key: "alarm.syslog", Kind: kindText},
	{Key: "alarm.webhook", Kind: kindText},
	{Key: "alarm.language", Kind: kindChoice, Choices: []string{"en", "zh"}},
}

// fields returns the form with what a file says. A file that is no TOML has the defaults.
func fields(text string, defaults config.Config, fixed map[string]string) []api.Field {
	var file map[string]any
	if _, err := toml.Decode(text, &file); err != nil {
		file = nil
	}
	usual := decoded(defaults)
	var all []api.Field
	for _, f := range form {
		f.Fixed = fixed[f.Key]
		f.Default, _ = shown(usual, f.Key)
		var given bool
		if f.Value, given = shown(file, f.Key); !given {
			f.Value = f.Default
		}
		all = append(all, f)
	}
	return all
}

// decoded returns a configuration as the parser sees a file.
func decoded(c config.Config) map[string]any {
	text, err := toml.Marshal(c)
	if err != nil {
		panic(err) // a configuration can be written
	}
	var m map[string]any
	if _, err := toml.Decode(string(text), &m); err != nil {
		panic(err)
	}
	return m
}

// shown returns the value of a key as it stands in the form.
func shown(file map[string]any, key string) (text string, given bool) {
	section, name, _ := strings.Cut(key, ".")
	in, _ := file[section].(map[string]any)
	switch v := in[name].(type) {
	case nil:
		return "", false
	case string:
		return v, true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	case []any:
		var lines []string
		for _, item := range v {
			lines = append(lines, fmt.Sprint(item))
		}
		return strings.Join(lines, "\n"), true
	default:
		return fmt.Sprint(v), true
	}
}

// number is what a field of that kind may hold: TOML's decimal numbers.
var number = regexp.MustCompile(`^[+-]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// literal returns what was typed into a field as TOML, "" to take the key out.
func literal(f api.Field, typed string) (string, error) {
	typed = strings.ReplaceAll(typed, "\r\n", "\n")
	switch plain := strings.TrimSpace(typed); f.Kind {
	case kindList:
		var items []string
		for line := range strings.SplitSeq(typed, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				items = append(items, quoted(line))
			}
		}
		return "[" + strings.Join(items, ", ") + "]", nil
	case kindNumber:
		if plain == "" {
			return "", nil
		}
		if !number.MatchString(plain) {
			return "", fmt.Errorf("%s: %q is no number", f.Key, plain)
		}
		return plain, nil
	case kindChoice:
		if _, err := strconv.Atoi(plain); err == nil {
			return plain, nil
		}
		return quoted(plain), nil
	default:
		return quoted(plain), nil
	}
}

// changed puts what was typed into a file. What can't be is a problem, and the rest is put in.
func changed(text string, set []api.Setting, defaults config.Config, fixed map[string]string) (string, []api.Problem) {
	var problems []api.Problem
	for _, f := range fields(text, defaults, fixed) {
		for _, s := range set {
			if s.Key != f.Key || same(f, s.Value) {
				continue
			}
			if f.Fixed != "" {
				problems = append(problems, api.Problem{Key: f.Key, Text: fmt.Sprintf("%s: %s is given where the program is started", f.Key, f.Fixed)})
				continue
			}
			value, err := literal(f, s.Value)
			if err == nil {
				var next string
				if next, err = put(text, f.Key, value); err == nil {
					text = next
				}
			}
			if err != nil {
				problems = append(problems, api.Problem{Key: f.Key, Text: err.Error()})
			}
		}
	}
	return text, problems
}

// same reports whether a field has not been changed.
func same(f api.Field, typed string) bool {
	return strings.TrimSpace(strings.ReplaceAll(typed, "\r\n", "\n")) == strings.TrimSpace(f.Value)
}

// problemPlace finds line and key in an error of the configuration.
var problemPlace = regexp.MustCompile(`^config: (?:\S+:(\d+): |\S+\.toml: )?(?:unknown key )?([a-z]+\.[a-z_]+)?`)

// keyAt returns the key on a line of a file, "" where there is none.
func keyAt(text string, line int) string {
	_, places := outline(text)
	for _, p := range places {
		if 1+strings.Count(text[:p.begin], "\n") == line {
			return p.key
		}
	}
	return ""
}

// problems parts what is wrong with a file.
func problems(text string, err error) []api.Problem {
	all := []api.Problem{}
	if err == nil {
		return all
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		p := api.Problem{Text: strings.TrimPrefix(line, "config: ")}
		if m := problemPlace.FindStringSubmatch(line); m != nil {
			p.Line, _ = strconv.Atoi(m[1])
			if p.Key = m[2]; p.Key == "" && p.Line > 0 {
				p.Key = keyAt(text, p.Line)
			}
		}
		all = append(all, p)
	}
	return all
}
