package timescale

import (
	"errors"
	"fmt"
	"time"
)

// Second, Minute, Hour, Day and Week are nanoseconds of any scale. A UTC day with a leap second has the same number.
const (
	Second = 1_000_000_000
	Minute = 60 * Second
	Hour   = 60 * Minute
	Day    = 24 * Hour
	Week   = 7 * Day
)

// Civil is a date and a time of day in UTC, in the Gregorian calendar, also before it was introduced.
type Civil struct {
	Year, Month, Day     int // Month 1 to 12
	Hour, Minute, Second int // Second 60 is a leap second, at the end of a month only
	Nanosecond           int
}

// The reasons for which Civil.UTC refuses.
var (
	ErrDate = errors.New("no such date")
	ErrTime = errors.New("no such time of day")
)

// The whole years that 64 bits of nanoseconds hold.
const (
	firstYear = 1678
	lastYear  = 2261
)

// UTC returns the instant that c names. A second 60 has the number of the following second 0, and is an error (ErrTime)
// anywhere but at the end of a month. A date that does not exist or is outside of the years 1678 to 2261 is ErrDate.
func (c Civil) UTC() (UTC, error) {
	if c.Year < firstYear || c.Year > lastYear || c.Month < 1 || c.Month > 12 || c.Day < 1 || c.Day > DaysIn(c.Year, c.Month) {
		return 0, fmt.Errorf("%d-%02d-%02d: %w", c.Year, c.Month, c.Day, ErrDate)
	}
	ok := c.Second < 60 || c.Second == 60 && c.Minute == 59 && c.Hour == 23 && c.Day == DaysIn(c.Year, c.Month)
	if c.Hour < 0 || c.Hour > 23 || c.Minute < 0 || c.Minute > 59 || c.Second < 0 || !ok || c.Nanosecond < 0 || c.Nanosecond >= Second {
		return 0, fmt.Errorf("%02d:%02d:%02d.%09d: %w", c.Hour, c.Minute, c.Second, c.Nanosecond, ErrTime)
	}
	seconds := int64(c.Hour*3600 + c.Minute*60 + c.Second)
	return UTC(days(c.Year, c.Month, c.Day)*Day + seconds*Second + int64(c.Nanosecond)), nil
}

// Civil returns the date and time of day of u. It never has a second 60, which UTC cannot tell from the following 0.
func (u UTC) Civil() Civil {
	day, rest := floorDiv(int64(u), Day)
	c := date(day)
	c.Hour = int(rest / Hour)
	c.Minute = int(rest % Hour / Minute)
	c.Second = int(rest % Minute / Second)
	c.Nanosecond = int(rest % Second)
	return c
}

// String returns u as RFC 3339 in UTC with milliseconds, with nanoseconds where there is a part of a millisecond.
func (u UTC) String() string {
	c := u.Civil()
	s := fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d.", c.Year, c.Month, c.Day, c.Hour, c.Minute, c.Second)
	if c.Nanosecond%1e6 == 0 {
		return s + fmt.Sprintf("%03dZ", c.Nanosecond/1e6)
	}
	return s + fmt.Sprintf("%09dZ", c.Nanosecond)
}

// ParseDate returns the midnight that begins the day s, which is written 2026-11-21.
func ParseDate(s string) (UTC, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%q: %w", s, ErrDate)
	}
	return Civil{Year: t.Year(), Month: int(t.Month()), Day: t.Day()}.UTC()
}

// Midnight returns the beginning of u's day.
func (u UTC) Midnight() UTC {
	_, rest := floorDiv(int64(u), Day)
	return u - UTC(rest)
}

// DaysIn returns how many days the month 1 to 12 has.
func DaysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// The calendar repeats after 400 years. Years are counted from March, so that the leap day is the last of its year;
// 719468 days lie between 0000-03-01 and 1970-01-01.
const (
	daysOf400 = 146097
	epochDays = 719468
)

// days returns the days from 1970-01-01 to a date that exists.
func days(year, month, day int) int64 {
	m := month - 3
	if m < 0 {
		m += 12
		year--
	}
	era, y := floorDiv(int64(year), 400)
	return era*daysOf400 + y*365 + y/4 - y/100 + int64((153*m+2)/5+day-1) - epochDays
}

// date returns the date of a day counted from 1970-01-01.
func date(day int64) Civil {
	era, d := floorDiv(day+epochDays, daysOf400)
	y := (d - d/1460 + d/36524 - d/(daysOf400-1)) / 365
	d -= 365*y + y/4 - y/100
	m := (5*d + 2) / 153
	c := Civil{Year: int(era*400 + y), Month: int(m) + 3, Day: int(d-(153*m+2)/5) + 1}
	if c.Month > 12 {
		c.Month -= 12
		c.Year++
	}
	return c
}

// floorDiv returns the quotient rounded down, and the remainder, which is never negative.
func floorDiv(a, b int64) (int64, int64) {
	q, r := a/b, a%b
	if r < 0 {
		q, r = q-1, r+b
	}
	return q, r
}
