// Package words is the one catalogue of what a unit says to people, in English and in Simplified Chinese.
//
// A text has a key and is written in both languages side by side; {name} in it is filled in by whoever says it. What the
// computing packages say in English (a reason, a condition's evidence) is known by its wording and said again by Heard.
// Figures in sentences take Chinese units by Prose; figures in tables and on axes keep ns, µs, ms and s. A key that the
// catalogue does not have is said as it is, which the tests do not let pass; a sentence it does not know stays English.
package words

import (
	"strconv"
	"strings"
	"sync"
)

// Lang is a language of the catalogue.
type Lang string

// The languages. The first is spoken where nothing else is asked for.
const (
	English Lang = "en"
	Chinese Lang = "zh"
)

// Langs are all languages, in the order a switch shows them.
var Langs = []Lang{English, Chinese}

// Name returns what speakers of a language call it.
func (l Lang) Name() string {
	if l == Chinese {
		return "中文"
	}
	return "English"
}

// Tag returns the language as HTML and HTTP name it (BCP 47).
func (l Lang) Tag() string {
	if l == Chinese {
		return "zh-Hans"
	}
	return "en"
}

// Words says things in one language. The zero Words speaks English.
type Words struct{ lang Lang }

// In returns the words of a language; of English when there is no such language.
func In(lang Lang) Words {
	if lang == Chinese {
		return Words{Chinese}
	}
	return Words{English}
}

// Lang returns the language.
func (w Words) Lang() Lang {
	if w.lang == "" {
		return English
	}
	return w.lang
}

// entry is one text in both languages.
type entry struct{ en, zh string }

func (e entry) in(lang Lang) string {
	if lang == Chinese {
		return e.zh
	}
	return e.en
}

// section is a part of the catalogue by key; keys begin with the section's name.
type section map[string]entry

// catalogue holds every text. Keys are unique over all sections.
var catalogue = sync.OnceValue(func() section {
	all := section{}
	for _, s := range sections {
		for key, e := range s {
			all[key] = e
		}
	}
	return all
})

// Has reports whether the catalogue has a key.
func Has(key string) bool {
	_, ok := catalogue()[key]
	return ok
}

// Say returns the text of a key, with each {name} replaced by the value that follows the name in with.
func (w Words) Say(key string, with ...string) string {
	e, ok := catalogue()[key]
	if !ok {
		return key
	}
	return fill(e.in(w.Lang()), with)
}

// Count is Say with a number; the text of key+".one" is said of one where the catalogue has it.
func (w Words) Count(key string, n int, with ...string) string {
	if n == 1 && Has(key+".one") {
		key += ".one"
	}
	return w.Say(key, append([]string{"n", strconv.Itoa(n)}, with...)...)
}

// fill replaces each {name}; values are not looked at again, so that what a receiver says cannot name another.
func fill(text string, with []string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			b.WriteString("{" + rest)
			return b.String()
		}
		b.WriteString(value(name, with))
		text = after
	}
}

func value(name string, with []string) string {
	for i := 0; i+1 < len(with); i += 2 {
		if with[i] == name {
			return with[i+1]
		}
	}
	return "{" + name + "}"
}

// chineseUnits are what units are called in a Chinese sentence.
var chineseUnits = map[string]string{
	"ns": "纳秒", "µs": "微秒", "us": "微秒", "ms": "毫秒", "s": "秒", "min": "分钟", "h": "小时", "d": "天", "km": "千米", "m": "米",
}

// Prose returns a figure ("1.9 µs", "3 d 4 h") as a sentence has it: with Chinese units in Chinese.
func (w Words) Prose(figure string) string {
	if w.Lang() != Chinese {
		return figure
	}
	pieces := strings.Split(figure, "\u00a0")
	for i, piece := range pieces {
		if unit, ok := chineseUnits[piece]; ok && i > 0 {
			pieces[i] = unit
		}
	}
	return strings.Join(pieces, "\u00a0")
}

// List joins what is not empty as a sentence does, with commas.
func (w Words) List(parts ...string) string { return w.join("list.comma", parts) }

// Clauses joins what is not empty with semicolons.
func (w Words) Clauses(parts ...string) string { return w.join("list.semicolon", parts) }

func (w Words) join(by string, parts []string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, w.Say(by))
}

// Stop ends a sentence that has no mark at its end yet.
func (w Words) Stop(text string) string {
	if text == "" || strings.HasSuffix(text, "?") || strings.HasSuffix(text, "？") || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "。") {
		return text
	}
	return text + w.Say("list.stop")
}
