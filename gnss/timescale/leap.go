package timescale

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"timeball/pps/clock"
)

// The reasons for which a conversion or a list is refused.
var (
	ErrUnknown  = errors.New("leap second count is not known") // before 1972, or the table has expired
	ErrNoSecond = errors.New("no such second")                 // it was left out of UTC
	ErrList     = errors.New("not a list of leap seconds")
)

// Table says how many seconds TAI is ahead of UTC, until it expires. It is immutable.
type Table struct {
	entries []entry
	updated UTC
	expires UTC
}

// entry is valid from a midnight until the next entry.
type entry struct {
	from   UTC
	offset int // TAI - UTC in seconds
}

// builtin is the list of the IERS as of Bulletin C 72 (6 July 2026: no leap second at the end of December 2026), which
// expires on 28 June 2027.
var builtin = func() *Table {
	t := &Table{
		updated: UTC(days(2026, 7, 6)) * Day,
		expires: UTC(days(2027, 6, 28)) * Day,
	}
	for i, m := range []struct{ year, month int }{
		{1972, 1},
		{1972, 7},
		{1973, 1},
		{1974, 1},
		{1975, 1},
		{1976, 1},
		{1977, 1},
		{1978, 1},
		{1979, 1},
		{1980, 1},
		{1981, 7},
		{1982, 7},
		{1983, 7},
		{1985, 7},
		{1988, 1},
		{1990, 1},
		{1991, 1},
		{1992, 7},
		{1993, 7},
		{1994, 7},
		{1996, 1},
		{1997, 7},
		{1999, 1},
		{2006, 1},
		{2009, 1},
		{2012, 7},
		{2015, 7},
		{2017, 1},
	} {
		t.entries = append(t.entries, entry{UTC(days(m.year, m.month, 1)) * Day, 10 + i})
	}
	return t
}()

// Builtin returns the table that is part of the program.
func Builtin() *Table { return builtin }

// Expires returns the instant from which on the table says nothing.
func (t *Table) Expires() UTC { return t.expires }

// Updated returns when the list was last changed by its publisher.
func (t *Table) Updated() UTC { return t.updated }

// TAIOffset returns TAI - UTC in seconds at u, and whether it is known: from 1972 until the table expires.
func (t *Table) TAIOffset(u UTC) (offset int, known bool) {
	if u < t.entries[0].from || u >= t.expires {
		return 0, false
	}
	return t.entries[t.index(u)].offset, true
}

// index returns the entry that is valid at u, which is not before the first.
func (t *Table) index(u UTC) int {
	i := len(t.entries) - 1
	for i > 0 && t.entries[i].from > u {
		i--
	}
	return i
}

// Next returns the first leap second after u and the midnight that it comes before. It is LeapNone when the table has
// none, which says that there is none only until Expires.
func (t *Table) Next(u UTC) (clock.Leap, UTC) {
	if _, known := t.TAIOffset(u); !known {
		return clock.LeapNone, 0
	}
	i := t.index(u) + 1
	if i == len(t.entries) {
		return clock.LeapNone, 0
	}
	if t.entries[i].offset > t.entries[i-1].offset {
		return clock.LeapInsert, t.entries[i].from
	}
	return clock.LeapDelete, t.entries[i].from
}

// At returns the leap second right before a midnight, and whether that is known: where the table lists one, or is valid
// beyond the midnight.
func (t *Table) At(midnight UTC) (leap clock.Leap, known bool) {
	i := t.index(midnight)
	if i > 0 && t.entries[i].from == midnight {
		return clock.Leap(t.entries[i].offset - t.entries[i-1].offset), true
	}
	return clock.LeapNone, midnight >= t.entries[0].from && midnight < t.expires
}

// TAI returns u as TAI. It is an error outside of what the table knows (ErrUnknown) and for a second that was left out
// (ErrNoSecond). An inserted second cannot be asked for: its number is that of the second behind it.
func (t *Table) TAI(u UTC) (TAI, error) {
	offset, known := t.TAIOffset(u)
	if !known {
		return 0, fmt.Errorf("TAI of %v: %w", u, ErrUnknown)
	}
	if leap, at := t.Next(u); leap == clock.LeapDelete && u >= at-Second {
		return 0, fmt.Errorf("TAI of %v: %w", u, ErrNoSecond)
	}
	return TAI(u) + TAI(offset)*Second, nil
}

// UTC returns a as UTC. leap60 says that a is within an inserted second; the number is then that of the second behind.
func (t *Table) UTC(a TAI) (u UTC, leap60 bool, err error) {
	i := len(t.entries) - 1
	for i > 0 && TAI(t.entries[i].from)+TAI(t.entries[i].offset)*Second > a {
		i--
	}
	u = UTC(a - TAI(t.entries[i].offset)*Second)
	if u < t.entries[0].from || u >= t.expires {
		return 0, false, fmt.Errorf("UTC of TAI %d: %w", int64(a), ErrUnknown)
	}
	return u, i+1 < len(t.entries) && u >= t.entries[i+1].from, nil
}

// maxList is the longest list that is read; the one of 2026 has 5 kB.
const maxList = 1 << 20

// ntpEpoch is 1900-01-01 in seconds since 1970-01-01.
const ntpEpoch = -2208988800

// ParseTable reads leap-seconds.list as the IERS and the NIST publish it. Lines "#$" and "#@" have the time of the last
// update and of the expiry, "#h" the SHA-1 of these and of the numbers of the list; times are seconds since 1900. A list
// without expiry or with a wrong hash is refused with ErrList.
func ParseTable(b []byte) (*Table, error) {
	if len(b) > maxList {
		return nil, fmt.Errorf("%w: %d bytes", ErrList, len(b))
	}
	var p list
	lines := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; lines.Scan(); n++ {
		if err := p.line(lines.Text()); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrList, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	}
	if err := p.complete(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	}
	return &p.table, nil
}

// list is what has been read of a list.
type list struct {
	table           Table
	updated, expiry string // the numbers as written, for the hash
	numbers         strings.Builder
	hash            []string
}

func (p *list) line(s string) (err error) {
	fields := strings.Fields(s)
	switch {
	case strings.HasPrefix(s, "#$"):
		p.updated = strings.TrimSpace(s[2:])
		p.table.updated, err = ntpSeconds(p.updated)
	case strings.HasPrefix(s, "#@"):
		p.expiry = strings.TrimSpace(s[2:])
		p.table.expires, err = ntpSeconds(p.expiry)
	case strings.HasPrefix(s, "#h"):
		p.hash = strings.Fields(s[2:])
	case len(fields) == 0 || fields[0][0] == '#':
	case len(fields) < 2 || len(fields) > 2 && fields[2][0] != '#':
		return fmt.Errorf("%q", s)
	default:
		p.numbers.WriteString(fields[0] + fields[1])
		return p.entry(fields[0], fields[1])
	}
	return err
}

// entry adds a line of the list. Leap seconds come at the end of a month, one at a time.
func (p *list) entry(seconds, offset string) error {
	from, err := ntpSeconds(seconds)
	if err != nil {
		return err
	}
	e := entry{from: from}
	if e.offset, err = strconv.Atoi(offset); err != nil {
		return err
	}
	if c := from.Civil(); from != from.Midnight() || c.Day != 1 {
		return fmt.Errorf("%v is no midnight that begins a month", from)
	}
	if n := len(p.table.entries); n > 0 {
		last := p.table.entries[n-1]
		if step := e.offset - last.offset; from <= last.from || step != 1 && step != -1 {
			return fmt.Errorf("%d s from %v on cannot follow %d s from %v on", e.offset, from, last.offset, last.from)
		}
	}
	p.table.entries = append(p.table.entries, e)
	return nil
}

func (p *list) complete() error {
	n := len(p.table.entries)
	if n == 0 || p.expiry == "" || p.updated == "" {
		return fmt.Errorf("%d entries, updated %q, expires %q", n, p.updated, p.expiry)
	}
	if last := p.table.entries[n-1].from; p.table.expires <= last {
		return fmt.Errorf("expires %v, before its last entry %v", p.table.expires, last)
	}
	sum := sha1.Sum([]byte(p.updated + p.expiry + p.numbers.String()))
	if len(p.hash) != len(sum)/4 {
		return fmt.Errorf("hash of %d words", len(p.hash))
	}
	for i, word := range p.hash { // words are written without leading zeros
		want := binary.BigEndian.Uint32(sum[4*i:])
		if got, err := strconv.ParseUint(word, 16, 32); err != nil || uint32(got) != want {
			return fmt.Errorf("hash word %d is %s, computed %08x", i+1, word, want)
		}
	}
	return nil
}

// ntpSeconds reads seconds since 1900.
func ntpSeconds(s string) (UTC, error) {
	v, err := strconv.ParseUint(s, 10, 33) // until 2172
	if err != nil {
		return 0, err
	}
	return UTC(int64(v)+ntpEpoch) * Second, nil
}
