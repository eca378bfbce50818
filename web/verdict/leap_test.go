package verdict

import (
	"testing"

	"timeball/web/api"
)

func TestLeapSecondsInWords(t *testing.T) {
	const (
		y2027   = int64(1798761600) // 2027-01-01
		expires = int64(1814140800) // 2027-06-28
	)
	plain := api.LeapSeconds{ListExpiresUnixSeconds: expires, Listed: "none"}
	listed, announced, today := plain, plain, plain
	listed.ListedAtUnixSeconds = new(y2027)
	announced.AnnouncedAtUnixSeconds, announced.Announced = new(y2027), new("insert")
	today.Text = "a leap second before 2027-01-01"
	for _, tt := range []struct {
		l    *api.LeapSeconds
		at   int64
		want string
	}{
		{nil, y2027, ""},
		{&plain, y2027, "none listed until 2027-06-28"},
		{&plain, expires, "the list ended on 2027-06-28"},
		{&listed, y2027 - 86400, "one listed before 2027-01-01, no other until 2027-06-28"},
		{&announced, y2027 - 86400, "none listed until 2027-06-28; the receiver announces one before 2027-01-01"},
		{&today, y2027 - 3600, "a leap second before 2027-01-01; none listed until 2027-06-28"},
	} {
		if got := LeapSeconds(api.Status{LeapSeconds: tt.l, ServedUnixNanoseconds: new(tt.at * 1e9)}); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
