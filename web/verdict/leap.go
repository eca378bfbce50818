package verdict

import (
	"time"

	"timeball/web/api"
)

// LeapSeconds says in words what list and receiver say of leap seconds, "" where nothing is known.
func LeapSeconds(s api.Status) string {
	l := s.LeapSeconds
	if l == nil {
		return ""
	}
	day := func(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.DateOnly) }
	words := "none listed"
	if l.ListedAtUnixSeconds != nil {
		words = "one listed before " + day(*l.ListedAtUnixSeconds) + ", no other"
	}
	if s.ServedUnixNanoseconds != nil && *s.ServedUnixNanoseconds/1e9 >= l.ListExpiresUnixSeconds {
		words = "the list ended on " + day(l.ListExpiresUnixSeconds)
	} else {
		words += " until " + day(l.ListExpiresUnixSeconds)
	}
	switch {
	case l.Text != "":
		return l.Text + "; " + words
	case l.AnnouncedAtUnixSeconds != nil:
		return words + "; the receiver announces one before " + day(*l.AnnouncedAtUnixSeconds)
	}
	return words
}
