package words

import (
	"strconv"
	"strings"
)

// Choose returns the language to speak: the one asked for by name (in the query, then in the cookie), else the one an
// Accept-Language header (RFC 9110, 12.5.4) weighs most.
func Choose(query, cookie, accept string) Lang {
	for _, name := range []string{query, cookie} {
		if lang, ok := named(name); ok {
			return lang
		}
	}
	best, weight := English, 0.0
	for part := range strings.SplitSeq(accept[:min(len(accept), 512)], ",") {
		tag, parameter, _ := strings.Cut(strings.TrimSpace(part), ";")
		lang, ok := named(tag)
		if w := quality(parameter); ok && w > weight {
			best, weight = lang, w
		}
	}
	return best
}

// named returns the language of a tag; all Chinese is read here in simplified characters.
func named(tag string) (Lang, bool) {
	primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
	switch Lang(primary) {
	case English:
		return English, true
	case Chinese:
		return Chinese, true
	}
	return "", false
}

// quality reads "q=0.8"; without it the weight is 1.
func quality(parameter string) float64 {
	text, ok := strings.CutPrefix(strings.ReplaceAll(parameter, " ", ""), "q=")
	if !ok {
		return 1
	}
	q, err := strconv.ParseFloat(text, 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}
