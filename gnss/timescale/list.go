package timescale

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"timeball/pps/clock"
)

// Extended returns a table that knows what t knows and one leap second more, none where leap is LeapNone, and expires
// later: what a list of the future may look like. at is a midnight after t's last entry.
func (t *Table) Extended(at UTC, leap clock.Leap, expires UTC) *Table {
	longer := *t
	longer.expires = expires
	if leap != clock.LeapNone {
		last := t.entries[len(t.entries)-1]
		longer.entries = append(slices.Clone(t.entries), entry{at, last.offset + int(leap)})
	}
	return &longer
}

// List writes t as ParseTable reads it.
func (t *Table) List() string {
	seconds := func(u UTC) string { return fmt.Sprint(int64(u/Second) - ntpEpoch) }
	var lines, numbers strings.Builder
	for _, e := range t.entries {
		fmt.Fprintf(&lines, "%s\t%d\t# %.10s\n", seconds(e.from), e.offset, e.from)
		fmt.Fprintf(&numbers, "%s%d", seconds(e.from), e.offset)
	}
	sum := sha1.Sum([]byte(seconds(t.updated) + seconds(t.expires) + numbers.String()))
	hash := "#h"
	for i := range len(sum) / 4 {
		hash += fmt.Sprintf(" %x", binary.BigEndian.Uint32(sum[4*i:]))
	}
	return fmt.Sprintf("#$\t%s\n#@\t%s\n%s%s\n", seconds(t.updated), seconds(t.expires), lines.String(), hash)
}
