package bundle

import (
	"bytes"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// hidden stands for what is secret.
const hidden = "(not shown)"

// secret are keys whose values are nobody else's business; a file that holds one is named, not shown.
var secret = regexp.MustCompile(`(?i)webhook|password|passphrase|secret|token|psk|community|(^|_)keys?$`)

// Redact returns a configuration without what is secret. What can't be read is an error: it might hold anything.
func Redact(text string) (string, error) {
	var all map[string]any
	if _, err := toml.Decode(text, &all); err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	redact(all)
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(all); err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	return b.String(), nil
}

func redact(table map[string]any) {
	for key, v := range table {
		if secret.MatchString(key) && !empty(v) {
			table[key] = hidden
			continue
		}
		table[key] = redacted(v)
	}
}

// empty reports whether a value says that there is nothing, which is worth knowing.
func empty(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	}
	return false
}

func redacted(v any) any {
	switch v := v.(type) {
	case map[string]any:
		redact(v)
	case []map[string]any:
		for _, t := range v {
			redact(t)
		}
	case []any:
		for i := range v {
			v[i] = redacted(v[i])
		}
	case string:
		return withoutUser(v)
	}
	return v
}

// withoutUser hides the name and password in an address of the web.
func withoutUser(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		return hidden
	}
	if u.User != nil {
		u.User = url.User("...")
	}
	return u.String()
}
