package timescale

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"timeball/pps/clock"
)

// at returns the instant of a date and time.
func at(year, month, day, hour, minute, second int) UTC {
	u, err := Civil{year, month, day, hour, minute, second, 0}.UTC()
	if err != nil {
		panic(err)
	}
	return u
}

func TestTableKnowsTheOffsetUntilItExpires(t *testing.T) {
	for _, tt := range []struct {
		name  string
		at    UTC
		want  int
		known bool
	}{
		{"before 1972", at(1971, 12, 31, 23, 59, 59), 0, false},
		{"1972", at(1972, 1, 1, 0, 0, 0), 10, true},
		{"the GPS epoch", at(1980, 1, 6, 0, 0, 0), 19, true},
		{"the BeiDou epoch", at(2006, 1, 1, 0, 0, 0), 33, true},
		{"the second before the last leap second", at(2016, 12, 31, 23, 59, 59), 36, true},
		{"after the last leap second", at(2017, 1, 1, 0, 0, 0), 37, true},
		{"the last second before the expiry", at(2027, 6, 27, 23, 59, 59), 37, true},
		{"the expiry", at(2027, 6, 28, 0, 0, 0), 0, false},
		{"long after", at(2038, 1, 19, 3, 14, 8), 0, false},
	} {
		if got, known := Builtin().TAIOffset(tt.at); got != tt.want || known != tt.known {
			t.Errorf("%s: TAIOffset = %d, %v, want %d, %v", tt.name, got, known, tt.want, tt.known)
		}
	}
}

func TestTableTellsOfAMidnight(t *testing.T) {
	listed := &Table{entries: []entry{{at(1972, 1, 1, 0, 0, 0), 10}, {at(2028, 1, 1, 0, 0, 0), 9}}, expires: at(2027, 12, 28, 0, 0, 0)}
	for _, tt := range []struct {
		name  string
		table *Table
		at    UTC
		leap  clock.Leap
		known bool
	}{
		{"inserted", Builtin(), at(2017, 1, 1, 0, 0, 0), clock.LeapInsert, true},
		{"none", Builtin(), at(2016, 7, 1, 0, 0, 0), clock.LeapNone, true},
		{"no midnight", Builtin(), at(2017, 1, 1, 0, 0, 1), clock.LeapNone, true},
		{"expired", Builtin(), at(2027, 7, 1, 0, 0, 0), clock.LeapNone, false},
		{"the first entry is no leap second", Builtin(), at(1972, 1, 1, 0, 0, 0), clock.LeapNone, true},
		{"before the first", Builtin(), at(1970, 1, 1, 0, 0, 0), clock.LeapNone, false},
		{"left out, listed beyond the expiry", listed, at(2028, 1, 1, 0, 0, 0), clock.LeapDelete, true},
	} {
		if leap, known := tt.table.At(tt.at); leap != tt.leap || known != tt.known {
			t.Errorf("%s: %v, %v, want %v, %v", tt.name, leap, known, tt.leap, tt.known)
		}
	}
}

func TestTableIsWrittenAsItIsRead(t *testing.T) {
	for _, want := range []*Table{
		Builtin(),
		Builtin().Extended(0, clock.LeapNone, at(2028, 6, 28, 0, 0, 0)),
		Builtin().Extended(at(2027, 7, 1, 0, 0, 0), clock.LeapDelete, at(2028, 6, 28, 0, 0, 0)),
	} {
		got, err := ParseTable([]byte(want.List()))
		if err != nil || !slices.Equal(got.entries, want.entries) || got.updated != want.updated || got.expires != want.expires {
			t.Errorf("%v: read as %+v, want %+v", err, got, want)
		}
	}
	if leap, known := Builtin().At(at(2027, 7, 1, 0, 0, 0)); leap != clock.LeapNone || known {
		t.Error("the program's table was changed")
	}
}

func TestTableTellsTheNextLeapSecond(t *testing.T) {
	deleted := &Table{entries: []entry{{at(1972, 1, 1, 0, 0, 0), 10}, {at(2028, 1, 1, 0, 0, 0), 9}}, expires: at(2029, 1, 1, 0, 0, 0)}
	for _, tt := range []struct {
		name  string
		table *Table
		after UTC
		leap  clock.Leap
		at    UTC
	}{
		{"in 2016", Builtin(), at(2016, 12, 31, 23, 59, 59), clock.LeapInsert, at(2017, 1, 1, 0, 0, 0)},
		{"behind it", Builtin(), at(2017, 1, 1, 0, 0, 0), clock.LeapNone, 0},
		{"expired", Builtin(), at(2027, 7, 1, 0, 0, 0), clock.LeapNone, 0},
		{"a deleted one", deleted, at(2027, 6, 1, 0, 0, 0), clock.LeapDelete, at(2028, 1, 1, 0, 0, 0)},
	} {
		if leap, from := tt.table.Next(tt.after); leap != tt.leap || from != tt.at {
			t.Errorf("%s: Next = %v, %v, want %v, %v", tt.name, leap, from, tt.leap, tt.at)
		}
	}
}

func TestTableConvertsAcrossLeapSeconds(t *testing.T) {
	newYear := at(2017, 1, 1, 0, 0, 0)
	for _, tt := range []struct {
		name   string
		tai    TAI
		want   UTC
		leap60 bool
	}{
		{"before", TAI(newYear) + 36*Second - 1, newYear - 1, false},
		{"its beginning", TAI(newYear) + 36*Second, newYear, true},
		{"its end", TAI(newYear) + 37*Second - 1, newYear + Second - 1, true},
		{"behind", TAI(newYear) + 37*Second, newYear, false},
	} {
		if got, leap60, err := Builtin().UTC(tt.tai); got != tt.want || leap60 != tt.leap60 || err != nil {
			t.Errorf("%s: UTC = %v, %v, %v, want %v, %v", tt.name, got, leap60, err, tt.want, tt.leap60)
		}
	}
	for _, a := range []TAI{0, TAI(at(2027, 6, 28, 0, 0, 0)) + 37*Second} {
		if got, _, err := Builtin().UTC(a); !errors.Is(err, ErrUnknown) {
			t.Errorf("UTC(%d) = %v, %v, want ErrUnknown", a, got, err)
		}
	}
	if got, err := Builtin().TAI(at(2027, 6, 28, 0, 0, 0)); !errors.Is(err, ErrUnknown) {
		t.Errorf("TAI of the expiry = %v, %v, want ErrUnknown", got, err)
	}
}

func TestTableLeavesOutADeletedSecond(t *testing.T) {
	midnight := at(2028, 1, 1, 0, 0, 0)
	table := &Table{entries: []entry{{at(1972, 1, 1, 0, 0, 0), 10}, {midnight, 9}}, expires: at(2029, 1, 1, 0, 0, 0)}
	if got, err := table.TAI(midnight - 1); !errors.Is(err, ErrNoSecond) {
		t.Errorf("TAI of 23:59:59.9 = %v, %v, want ErrNoSecond", got, err)
	}
	last, err := table.TAI(midnight - Second - 1)
	if err != nil {
		t.Fatal(err)
	}
	if got, leap60, err := table.UTC(last + 1); got != midnight || leap60 || err != nil {
		t.Errorf("the nanosecond behind 23:59:58.9 is %v, %v, %v, want %v", got, leap60, err, midnight)
	}
}

func TestTableConvertsThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := UTC(rapid.Int64Range(int64(at(1972, 1, 1, 0, 0, 0)), int64(Builtin().Expires())-1).Draw(t, "utc"))
		a, err := Builtin().TAI(u)
		if err != nil {
			t.Fatal(err)
		}
		if got, leap60, err := Builtin().UTC(a); got != u || leap60 || err != nil {
			t.Fatalf("UTC of TAI of %v = %v, %v, %v", u, got, leap60, err)
		}
	})
}

func TestSatelliteTimes(t *testing.T) {
	tai := func(u UTC) TAI {
		a, err := Builtin().TAI(u)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if got := GPSWeek(0, 0).TAI(); got != tai(at(1980, 1, 6, 0, 0, 0)) {
		t.Errorf("GPS epoch = %d", got)
	}
	if got := BDTWeek(0, 0).TAI(); got != tai(at(2006, 1, 1, 0, 0, 0)) {
		t.Errorf("BeiDou epoch = %d", got)
	}
	// The rollovers of GPS came at these midnights of GPS time, 13 and 18 s before those of UTC.
	if got := GPSWeek(1024, 0).TAI(); got != tai(at(1999, 8, 21, 23, 59, 47)) {
		t.Errorf("week 1024 = %d", got)
	}
	if got := GPSWeek(2048, 0).TAI(); got != tai(at(2019, 4, 6, 23, 59, 42)) {
		t.Errorf("week 2048 = %d", got)
	}
	// A PUBX,04 sentence of this second says 119282 s of UTC into GPS week 2146, and 18 leap seconds.
	week, inWeek := tai(at(2021, 2, 22, 9, 8, 2)).GPS().Week()
	if week != 2146 || inWeek != (119282+18)*Second {
		t.Errorf("GPS week %d, %d ns", week, inWeek)
	}
	if week, inWeek := GPS(-1).Week(); week != -1 || inWeek != Week-1 {
		t.Errorf("the nanosecond before the GPS epoch is week %d, %d ns", week, inWeek)
	}
	bdt := tai(at(2026, 6, 12, 15, 1, 12)).BDT()
	if week, _ := bdt.Week(); week != 1066 || bdt.TAI() != tai(at(2026, 6, 12, 15, 1, 12)) {
		t.Errorf("BeiDou week %d", week)
	}
}

func TestRepairIsTheFirstDateAfterTheFloor(t *testing.T) {
	floor := Window{at(2026, 11, 21, 0, 0, 0)}
	for _, tt := range []struct {
		name     string
		window   Window
		raw      UTC
		rollover int
		want     Candidate
	}{
		{"after the floor", floor, at(2026, 11, 21, 0, 0, 0), Rollover10, Candidate{at(2026, 11, 21, 0, 0, 0), 0}},
		{"one rollover", floor, at(2015, 3, 18, 17, 19, 26), Rollover10, Candidate{at(2034, 11, 1, 17, 19, 26), 1024}},
		{"the day before the floor", floor, at(2026, 11, 20, 23, 59, 59), Rollover10, Candidate{at(2046, 7, 6, 23, 59, 59), 1024}},
		{"two rollovers", floor, at(2000, 1, 1, 0, 0, 0), Rollover10, Candidate{at(2039, 4, 2, 0, 0, 0), 2048}},
		{"the GPS epoch", floor, at(1980, 1, 6, 0, 0, 5), Rollover10, Candidate{at(2038, 11, 21, 0, 0, 5), 3072}},
		{"13 bits", floor, at(1980, 1, 6, 0, 0, 5), Rollover13, Candidate{at(2137, 1, 6, 0, 0, 5), 8192}},
		{"no room", Window{at(2261, 12, 31, 0, 0, 0)}, at(2261, 1, 1, 0, 0, 0), Rollover10, Candidate{at(2261, 1, 1, 0, 0, 0), 0}},
		{"the oldest date", Window{at(2261, 1, 1, 0, 0, 0)}, at(1678, 1, 1, 0, 0, 0), 0, Candidate{at(1678, 1, 1, 0, 0, 0), 0}},
	} {
		if got := tt.window.Repair(tt.raw, tt.rollover); got != tt.want {
			t.Errorf("%s: Repair = %v + %d weeks, want %v + %d weeks", tt.name, got.UTC, got.Weeks, tt.want.UTC, tt.want.Weeks)
		}
	}
	if got := floor.Candidates(at(1980, 1, 6, 0, 0, 5)); len(got) != 2 || got[0].Weeks != 3072 || got[1].Weeks != 8192 {
		t.Errorf("Candidates = %+v", got)
	}
	if got := floor.Candidates(at(2027, 1, 1, 0, 0, 0)); len(got) != 1 || got[0].Weeks != 0 {
		t.Errorf("Candidates = %+v", got)
	}
}

// published is a list of two leap seconds, its hash made with another program (printf %s ... | sha1sum).
const published = `# a comment
#$	3960835200
#@	3991593600
#
2272060800      10      # 1 Jan 1972

2287785600	11
3692217600      12      # 1 Jan 2017
#h	HASH
`

const publishedHash = "2ed800e4 df31fb36 29166f53 47a2c59 b6849f65"

// hash returns the words that a list should have behind "#h".
func hash(list string) string {
	var numbers string
	for line := range strings.Lines(list) {
		line = strings.TrimPrefix(strings.TrimPrefix(line, "#$"), "#@")
		line, _, _ = strings.Cut(line, "#")
		numbers += strings.Join(strings.Fields(line), "")
	}
	sum := sha1.Sum([]byte(numbers))
	var words []string
	for w := range slices.Chunk(sum[:], 4) {
		words = append(words, strings.TrimLeft(fmt.Sprintf("%x", w), "0"))
	}
	return strings.Join(words, " ")
}

func TestParseTable(t *testing.T) {
	good := strings.Replace(published, "HASH", publishedHash, 1)
	table, err := ParseTable([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if got, known := table.TAIOffset(at(2017, 1, 1, 0, 0, 0)); got != 12 || !known {
		t.Errorf("TAIOffset = %d, %v, want 12", got, known)
	}
	if table.Expires() != at(2026, 6, 28, 0, 0, 0) || table.Updated() != at(2025, 7, 7, 0, 0, 0) {
		t.Errorf("expires %v, updated %v", table.Expires(), table.Updated())
	}
	for _, tt := range []struct {
		name, from, to string
		hashed         bool // the hash is right for what was changed
	}{
		{"a changed offset", "10  ", "11  ", false},
		{"a changed expiry", "3991593600", "3991593601", false},
		{"a changed update", "3960835200", "3960835201", false},
		{"a changed hash", publishedHash[:4], "0000", false},
		{"no hash", "#h", "# ", false},
		{"no expiry", "#@\t3991593600", "#", true},
		{"no update", "#$\t3960835200", "#", true},
		{"a list that goes back", "2287785600", "2240524800", true},
		{"a step of two", "2287785600	11", "2287785600	12", true},
		{"a leap second within a month", "2287785600", "2287872000", true},
		{"a leap second in a day", "2287785600", "2287785601", true},
		{"a line that is no entry", "2287785600	11", "2287785600", true},
		{"a third number", "2287785600	11", "2287785600	11 12", true},
		{"words", "2287785600", "twelve", true},
		{"an expiry before the last entry", "3991593600", "3692217600", true},
	} {
		changed := strings.Replace(good, tt.from, tt.to, 1)
		if tt.hashed {
			changed = strings.Replace(changed, publishedHash, hash(changed), 1)
		}
		if _, err := ParseTable([]byte(changed)); changed == good || !errors.Is(err, ErrList) {
			t.Errorf("%s: %v, want ErrList", tt.name, err)
		}
	}
	if hash(good) != publishedHash {
		t.Errorf("hash = %s, want %s", hash(good), publishedHash)
	}
	for _, s := range []string{"", "#h", strings.Replace(good, "#\n", strings.Repeat("#\n", maxList), 1), strings.Repeat("x", 1<<17)} {
		if _, err := ParseTable([]byte(s)); !errors.Is(err, ErrList) {
			t.Errorf("ParseTable of %d bytes: %v, want ErrList", len(s), err)
		}
	}
}

// The list of Debian's tzdata says the same as the table that is built in, as long as it is valid.
func TestBuiltinAgreesWithTheListOfThisSystem(t *testing.T) {
	b, err := os.ReadFile("/usr/share/zoneinfo/leap-seconds.list")
	if err != nil {
		t.Skip("this system has no list of leap seconds")
	}
	table, err := ParseTable(b)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range table.entries {
		if i < len(builtin.entries) && e != builtin.entries[i] {
			t.Errorf("entry %d = %+v, built in %+v", i, e, builtin.entries[i])
		}
	}
	if len(table.entries) < len(builtin.entries) {
		t.Errorf("%d entries, built in %d", len(table.entries), len(builtin.entries))
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add([]byte(strings.Replace(published, "HASH", publishedHash, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if table, err := ParseTable(b); err == nil {
			table.TAIOffset(table.Expires() - 1)
			table.Next(0)
		}
	})
}
