package metrics

import (
	"math"
	"strconv"
	"strings"
)

// ContentType is the media type of what Write writes.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Family is all samples of one name.
type Family struct {
	Name, Kind, Help string // Kind is gauge, counter or summary
	Samples          []Sample
}

// Sample is one value, with labels as name, value, name, value.
type Sample struct {
	Labels []string
	Value  float64
	Of     string // after the family's name: "_sum" or "_count" of a summary
}

var (
	helpEscape  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// text appends a family in the text format (version 0.0.4); one without a sample is not written.
func (f Family) text(b []byte) []byte {
	n := len(b)
	b = append(b, "# HELP "+f.Name+" "+helpEscape.Replace(f.Help)+"\n# TYPE "+f.Name+" "+f.Kind+"\n"...)
	head := len(b)
	for _, s := range f.Samples {
		if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
			continue
		}
		b = append(b, f.Name+s.Of...)
		for i := 0; i+1 < len(s.Labels); i += 2 {
			b = append(b, "{,"[min(i, 1)])
			b = append(b, s.Labels[i]+`="`+labelEscape.Replace(strings.ToValidUTF8(s.Labels[i+1], "\ufffd"))+`"`...)
		}
		if len(s.Labels) > 0 {
			b = append(b, '}')
		}
		b = append(b, ' ')
		b = strconv.AppendFloat(b, s.Value, 'g', -1, 64)
		b = append(b, '\n')
	}
	if len(b) == head {
		return b[:n]
	}
	return b
}
