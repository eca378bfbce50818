package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

const (
	maxUnknown = 10  // keys reported: each costs another decoding of the file
	maxDepth   = 8   // tables around a key whose line is looked for
	maxKey     = 100 // letters of a key that something else may have been meant by
)

// unknownKeys reports every key of the file that is no key of Config in its exact spelling; the parser itself would take
// another case. Keys below an unknown section are not reported again.
func unknownKeys(name, data string, meta toml.MetaData) error {
	known := keysOf(reflect.TypeFor[Config](), "")
	var found []error
	var section string
	for _, key := range meta.Keys() {
		full := key.String()
		if slices.Contains(known, full) || (section != "" && strings.HasPrefix(full, section+".")) {
			continue
		}
		section = full
		if len(found) == maxUnknown {
			found = append(found, fmt.Errorf("config: %s: and more unknown keys", name))
			break
		}
		place := name
		if line := lineOf(data, key); line > 0 {
			place += ":" + strconv.Itoa(line)
		}
		text := fmt.Sprintf("config: %s: unknown key %s", place, full)
		if near := nearest(full, known); near != "" {
			text += ", did you mean " + near + "?"
		}
		found = append(found, errors.New(text))
	}
	return errors.Join(found...)
}

// keysOf returns the dotted names of all tables and keys of t.
func keysOf(t reflect.Type, prefix string) []string {
	var keys []string
	for f := range t.Fields() {
		tag := f.Tag.Get("toml")
		if f.Anonymous && tag == "" { // its keys are the table's
			keys = append(keys, keysOf(f.Type, prefix)...)
			continue
		}
		keys = append(keys, prefix+tag)
		if f.Type.Kind() == reflect.Struct {
			keys = append(keys, keysOf(f.Type, prefix+tag+".")...)
		}
	}
	return keys
}

// stop is a value that refuses to be decoded, so that the parser says where its key is.
type stop struct{}

var errStop = errors.New("stopped at the key looked for")

func (*stop) UnmarshalTOML(any) error { return errStop }

// lineOf returns the line of key; 0 when it cannot be told (a name with a comma). The parser knows it and tells it only
// in errors: the file is decoded again into a type that has this one key and refuses its value.
func lineOf(data string, key toml.Key) int {
	if len(key) > maxDepth {
		return 0
	}
	t := reflect.TypeFor[stop]()
	for _, part := range slices.Backward(key) {
		t = reflect.StructOf([]reflect.StructField{{
			Name: "Key",
			Type: t,
			Tag:  reflect.StructTag("toml:" + strconv.Quote(part)),
		}})
	}
	_, err := toml.Decode(data, reflect.New(t).Interface())
	var at toml.ParseError
	if !errors.As(err, &at) || at.Message != errStop.Error() { // it does not unwrap to errStop
		return 0
	}
	return at.Position.Line
}

// nearest returns the known key that was probably meant: of few changes, or the same name in another section.
func nearest(key string, known []string) string {
	if len(key) > maxKey {
		return ""
	}
	best, least := "", 1+len(key)/3
	for _, k := range known {
		if d := distance(strings.ToLower(key), k); d < least || (d == least && best == "") {
			best, least = k, d
		}
	}
	if best != "" {
		return best
	}
	name := key[strings.LastIndexByte(key, '.')+1:]
	for _, k := range known {
		if strings.HasSuffix(k, "."+name) {
			return k
		}
	}
	return ""
}

// distance is the number of letters to insert, delete or replace to make b of a (Levenshtein, 1966).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
