package timescale

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCivilIsTheInstantItNames(t *testing.T) {
	tests := []struct {
		name string
		in   Civil
		want UTC
		err  error
	}{
		{"the epoch", Civil{Year: 1970, Month: 1, Day: 1}, 0, nil},
		{"a nanosecond before the epoch", Civil{1969, 12, 31, 23, 59, 59, 999999999}, -1, nil},
		{"a part of a second", Civil{2015, 2, 25, 7, 41, 59, 799000000}, 1424850119_799000000, nil},
		{"the leap second of 2016", Civil{2016, 12, 31, 23, 59, 60, 0}, 1483228800 * Second, nil},
		{"the middle of the leap second", Civil{2016, 12, 31, 23, 59, 60, 5e8}, 1483228800*Second + 5e8, nil},
		{"29 February 2000", Civil{Year: 2000, Month: 2, Day: 29}, 951782400 * Second, nil},
		{"29 February 2024", Civil{Year: 2024, Month: 2, Day: 29}, 1709164800 * Second, nil},
		{"29 February 2100", Civil{Year: 2100, Month: 2, Day: 29}, 0, ErrDate},
		{"31 February", Civil{Year: 2026, Month: 2, Day: 31}, 0, ErrDate},
		{"month 0", Civil{Year: 2026, Day: 1}, 0, ErrDate},
		{"month 13", Civil{Year: 2026, Month: 13, Day: 1}, 0, ErrDate},
		{"day 0", Civil{Year: 2026, Month: 1}, 0, ErrDate},
		{"a year too early", Civil{Year: 1677, Month: 12, Day: 31}, 0, ErrDate},
		{"a year too late", Civil{Year: 2262, Month: 1, Day: 1}, 0, ErrDate},
		{"hour 24", Civil{2026, 1, 1, 24, 0, 0, 0}, 0, ErrTime},
		{"hour 99", Civil{2026, 1, 1, 99, 0, 0, 0}, 0, ErrTime},
		{"minute 60", Civil{2026, 1, 1, 0, 60, 0, 0}, 0, ErrTime},
		{"second 61", Civil{2026, 12, 31, 23, 59, 61, 0}, 0, ErrTime},
		{"second 60 at noon", Civil{2026, 12, 31, 11, 59, 60, 0}, 0, ErrTime},
		{"second 60 within a month", Civil{2026, 12, 30, 23, 59, 60, 0}, 0, ErrTime},
		{"a second before 0", Civil{2026, 1, 1, 0, 0, -1, 0}, 0, ErrTime},
		{"a whole second of nanoseconds", Civil{2026, 1, 1, 0, 0, 0, 1e9}, 0, ErrTime},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.in.UTC()
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("UTC() = %d, %v, want %d, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestCivilAgreesWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(-9200000000*Second, 9200000000*Second).Draw(t, "ns")
		c := UTC(n).Civil()
		want := time.Unix(0, n).UTC()
		got := time.Date(c.Year, time.Month(c.Month), c.Day, c.Hour, c.Minute, c.Second, c.Nanosecond, time.UTC)
		if !got.Equal(want) || c.Month > 12 || c.Second > 59 {
			t.Fatalf("Civil of %d = %+v, want %v", n, c, want)
		}
		if back, err := c.UTC(); err != nil || back != UTC(n) {
			t.Fatalf("UTC of %+v = %d, %v, want %d", c, back, err, n)
		}
	})
}

func TestUTCIsWrittenInMilliseconds(t *testing.T) {
	for _, tt := range []struct {
		in   UTC
		want string
	}{
		{0, "1970-01-01T00:00:00.000Z"},
		{1424850119_799000000, "2015-02-25T07:41:59.799Z"},
		{1424850119_799600000, "2015-02-25T07:41:59.799600000Z"},
	} {
		if got := tt.in.String(); got != tt.want {
			t.Errorf("String() = %q, want %q", got, tt.want)
		}
	}
}

func TestParseDateRefuses(t *testing.T) {
	if got, err := ParseDate("2026-11-21"); err != nil || got.String() != "2026-11-21T00:00:00.000Z" {
		t.Errorf("ParseDate = %v, %v", got, err)
	}
	for _, s := range []string{"", "2026", "2026-11-2", "2026-11-31", "2026-11-21Z", "26-11-2100", "-026-11-21", "2026-+1-21"} {
		if got, err := ParseDate(s); err == nil {
			t.Errorf("ParseDate(%q) = %v, want an error", s, got)
		}
	}
}
