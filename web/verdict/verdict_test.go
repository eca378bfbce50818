package verdict

import (
	"math"
	"strings"
	"testing"

	"timeball/web/api"
)

func TestSentence(t *testing.T) {
	locked := func(change func(*api.Status)) api.Status {
		s := api.Status{Mode: "locked", Leap: "none", Stratum: 1, ModeSeconds: 3*86400 + 4*3600, BoundSeconds: new(1.868e-6), SatellitesUsed: new(14)}
		if change != nil {
			change(&s)
		}
		return s
	}
	holdover := func(change func(*api.Status)) api.Status {
		return locked(func(s *api.Status) {
			s.Mode, s.ModeSeconds, s.BoundSeconds = "holdover", 47*60, new(47.2e-6)
			if change != nil {
				change(s)
			}
		})
	}
	silent := func(s *api.Status) { s.Stratum, s.Leap = 16, "unsynchronized" }
	tests := []struct {
		name        string
		status      api.Status
		state, want string
	}{
		{"locked", locked(nil), Locked, "Time is good: error at most 1.9 µs, 14 satellites, locked for 3 d 4 h."},
		{
			"locked with an unknown sky", locked(func(s *api.Status) { s.SatellitesUsed = nil }), Locked,
			"Time is good: error at most 1.9 µs, locked for 3 d 4 h.",
		},
		{
			"just locked", locked(func(s *api.Status) { s.ModeSeconds = 0.2 }), Locked,
			"Time is good: error at most 1.9 µs, 14 satellites.",
		},
		{
			"locked, something odd", locked(func(s *api.Status) { s.Reason = "the receiver hears jamming." }), Locked,
			"Time is good: error at most 1.9 µs, 14 satellites; the receiver hears jamming.",
		},
		{
			"locked, an alarm", locked(func(s *api.Status) {
				s.Conditions = []api.Condition{{Severity: "inform", Text: "no"}, {Severity: "alarm", Text: "signs of forged signals"}}
			}), Locked,
			"Time is good, with an alarm: error at most 1.9 µs, 14 satellites, locked for 3 d 4 h; signs of forged signals.",
		},
		{
			"locked, a note", locked(func(s *api.Status) { s.Conditions = []api.Condition{{Severity: "inform", Text: "4 satellites"}} }), Locked,
			"Time is good: error at most 1.9 µs, 14 satellites, locked for 3 d 4 h.",
		},
		{
			"few satellites", locked(func(s *api.Status) { s.SatellitesUsed = new(4) }), Locked,
			"Time is good, but narrow: 4 satellites, error at most 1.9 µs, locked for 3 d 4 h; is the sky view blocked?",
		},
		{
			"one satellite", locked(func(s *api.Status) { s.SatellitesUsed = new(1) }), Locked,
			"Time is good, but narrow: 1 satellite, error at most 1.9 µs, locked for 3 d 4 h; is the sky view blocked?",
		},
		{"leap second, hour known", locked(func(s *api.Status) {
			s.Leap, s.LeapAtUnixSeconds, s.ServedUnixNanoseconds = "insert", new(int64(1798761600)), new(int64(1798728480)*1e9)
		}), Locked, "Time is good: error at most 1.9 µs, 14 satellites, locked for 3 d 4 h; a leap second comes in 9 h 12 min."},
		{
			"leap second deleted", locked(func(s *api.Status) { s.Leap = "delete" }), Locked,
			"Time is good: error at most 1.9 µs, 14 satellites, locked for 3 d 4 h; a second is left out at the end of this UTC day.",
		},
		{
			"locked without a bound", locked(func(s *api.Status) { s.BoundSeconds = nil }), Unsynchronised,
			"No time: there is no bound on its error.",
		},
		{
			"locked with an infinite bound", locked(func(s *api.Status) { s.BoundSeconds = new(math.Inf(1)) }), Unsynchronised,
			"No time: there is no bound on its error.",
		},
		{
			"locked, not served", locked(silent), Unsynchronised,
			"No time: this unit tells its clients that it is not synchronised, locked for 3 d 4 h.",
		},
		{
			"holdover", holdover(func(s *api.Status) { s.Reason = "the antenna has been gone since 14:02 UTC" }), Holdover,
			"Time is still good: error at most 48 µs and growing; the antenna has been gone since 14:02 UTC, in holdover for 47 min.",
		},
		{
			"holdover without a reason", holdover(nil), Holdover,
			"Time is still good: error at most 48 µs and growing; no pulse is used, in holdover for 47 min.",
		},
		{
			"holdover at its end", holdover(func(s *api.Status) { silent(s); s.Reason = "the limit of 1 ms is reached" }), Unsynchronised,
			"No time: the limit of 1 ms is reached, in holdover for 47 min.",
		},
		{
			"acquiring",
			api.Status{Mode: "acquiring", Stratum: 16, ModeSeconds: 40, SatellitesUsed: new(6)},
			Acquiring,
			"Not ready yet: 6 satellites in use; the clock has been settling on the pulse for 40 s.",
		},
		{
			"acquiring while the old bound still holds", locked(func(s *api.Status) { s.Mode = "acquiring" }), Acquiring,
			"Time is still good: error at most 1.9 µs; the clock has been settling on the pulse for 3 d 4 h.",
		},
		{
			"free-running",
			api.Status{Mode: "free-running", Stratum: 16},
			Unsynchronised,
			"Not ready yet: this unit has no pulse that it can give a time.",
		},
		{
			"free-running with a reason",
			api.Status{Mode: "free-running", Stratum: 16, Reason: "no pulse comes on GPIO 4 or 18; check the wire"},
			Unsynchronised,
			"Not ready yet: no pulse comes on GPIO 4 or 18; check the wire.",
		},
		{"quarantine", locked(func(s *api.Status) {
			silent(s)
			s.Mode, s.Reason = "quarantine", "both neighbours say it is 14.2 µs off"
		}), Quarantine, "Do not use this unit: both neighbours say it is 14.2 µs off, so it has stopped serving."},
		{"nothing known", api.Status{}, Unsynchronised, "Not ready yet: this unit has no pulse that it can give a time."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := Of(tt.status)
			if got := strings.ReplaceAll(v.String(), "\u00a0", " "); got != tt.want {
				t.Errorf("sentence\n got %q\nwant %q", got, tt.want)
			}
			if v.State != tt.state {
				t.Errorf("state %q, want %q", v.State, tt.state)
			}
			if v.Bound != "" && !strings.Contains(v.Text, v.Bound) {
				t.Errorf("bound %q is not in %q", v.Bound, v.Text)
			}
		})
	}
}
