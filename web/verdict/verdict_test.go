package verdict

import (
	"math"
	"strings"
	"testing"

	"timeball/web/api"
	"timeball/web/words"
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
			"Time is good, but narrow: 4 satellites, error at most 1.9 µs; is the sky view blocked?",
		},
		{
			"one satellite", locked(func(s *api.Status) { s.SatellitesUsed = new(1) }), Locked,
			"Time is good, but narrow: 1 satellite, error at most 1.9 µs; is the sky view blocked?",
		},
		{"leap second, hour known", locked(func(s *api.Status) {
			s.Leap, s.LeapAtUnixSeconds, s.ServedUnixNanoseconds = "insert", new(int64(1798761600)), new(int64(1798728480)*1e9)
		}), Locked, "Time is good: error at most 1.9 µs, 14 satellites, locked for 3 d 4 h; a leap second comes in 9 h 12 min, at 2026-12-31 23:59:60 UTC."},
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

func TestChineseSentence(t *testing.T) {
	base := api.Status{Mode: "locked", Leap: "none", Stratum: 1, ModeSeconds: 3*86400 + 4*3600, BoundSeconds: new(1.868e-6), SatellitesUsed: new(14)}
	change := func(f func(*api.Status)) api.Status {
		s := base
		f(&s)
		return s
	}
	for _, tt := range []struct {
		status api.Status
		want   string
	}{
		{base, "时间可信：误差不超过 1.9 微秒，14 颗卫星，已锁定 3 天 4 小时。"},
		{change(func(s *api.Status) {
			s.Mode, s.BoundSeconds, s.Reason = "holdover", new(47.2e-6), "the receiver finds no antenna: it draws no current"
			s.Conditions = []api.Condition{{Name: "antenna-open", Severity: "holdover", SinceSeconds: 47 * 60}}
		}), "时间仍可信：误差不超过 48 微秒并在增大；天线已断开 47 分钟。"},
		{change(func(s *api.Status) {
			s.Mode, s.Stratum, s.Reason = "quarantine", 16, "the receiver names another second than this unit has counted"
		}), "请勿使用本机：接收机给出的秒与本机所计的秒不同，本机已停止授时。"},
		{change(func(s *api.Status) { s.SatellitesUsed = new(4) }), "时间可信，但余量小：4 颗卫星，误差不超过 1.9 微秒；天线是否被遮挡？"},
		{
			change(func(s *api.Status) {
				s.Leap, s.LeapAtUnixSeconds, s.ServedUnixNanoseconds = "insert", new(int64(1798761600)), new(int64(1798728480)*1e9)
			}),
			"时间可信：误差不超过 1.9 微秒，14 颗卫星，已锁定 3 天 4 小时；9 小时 12 分钟后闰秒，协调世界时 2026-12-31 23:59:60。",
		},
		{api.Status{Mode: "acquiring", Stratum: 16, ModeSeconds: 40, SatellitesUsed: new(6)}, "尚未就绪：使用 6 颗卫星；时钟对准秒脉冲已 40 秒。"},
		{api.Status{Mode: "free-running", Stratum: 16, Reason: "no pulse on GPIO4"}, "尚未就绪：GPIO4 上没有秒脉冲。"},
		{
			change(func(s *api.Status) {
				s.Mode, s.Stratum, s.Reason = "free-running", 16, "another program moved the clock by 0.8 s"
			}), "尚未就绪：另一程序将时钟移动了 0.8 秒。",
		},
	} {
		v := In(words.In(words.Chinese), tt.status)
		if got := strings.ReplaceAll(v.String(), "\u00a0", " "); got != tt.want {
			t.Errorf("sentence\n got %q\nwant %q", got, tt.want)
		}
		if v.State == Locked && !strings.Contains(v.Text, v.Bound) {
			t.Errorf("bound %q is not in %q", v.Bound, v.Text)
		}
	}
}
