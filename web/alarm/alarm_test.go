package alarm

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"timeball/web/api"
	"timeball/web/words"
)

const start = 1_795_269_600

// unit is a unit that is watched.
type unit struct {
	alarms *Alarms
	at     time.Duration
	in     Input
	said   []string // "+name" and "-name"
}

// newUnit returns a unit that has been well for a while.
func newUnit() *unit {
	u := &unit{alarms: New()}
	u.in.Status = &api.Status{
		Mode: "locked", Leap: "none", Stratum: 1, BoundSeconds: new(2e-6), LimitSeconds: new(1e-3), SatellitesUsed: new(14),
		FrequencyRatio: new(-7e-6), TemperatureCelsius: new(47.0), Undervoltage: new(false), Throttled: new(false),
		ServedUnixNanoseconds: new(int64(0)), LeapSeconds: &api.LeapSeconds{ListExpiresUnixSeconds: start + 200*86400, Listed: "none"},
	}
	u.in.FreeShare = new(0.5)
	u.wait(120)
	return u
}

// wait lets seconds pass.
func (u *unit) wait(seconds int) {
	for range seconds {
		u.at += time.Second
		if u.in.Status.ServedUnixNanoseconds != nil {
			u.in.Status.ServedUnixNanoseconds = new((start + int64(u.at/time.Second)) * 1e9)
		}
		for _, c := range u.alarms.Take(u.at, u.in) {
			sign := "+"
			if c.Ended {
				sign = "-"
			}
			u.said = append(u.said, sign+c.Event.Name)
		}
	}
}

// one returns the newest event.
func (u *unit) one(t *testing.T) api.Event {
	t.Helper()
	list := u.alarms.Events(words.In(words.English)).Events
	if len(list) == 0 {
		t.Fatal("nothing happened")
	}
	return list[0]
}

func TestRulesBeginAndEnd(t *testing.T) {
	tests := []struct {
		name     string
		severity string
		begin    func(*unit, *api.Status)
		first    int // seconds within which it begins, and not a second earlier
		end      func(*unit, *api.Status)
		last     int // seconds within which it has ended, and not a second earlier
		text     string
	}{
		{
			"lock-lost", "warning", func(_ *unit, s *api.Status) { s.Mode, s.Reason = "holdover", "no pulse" }, 4,
			func(_ *unit, s *api.Status) { s.Mode = "locked" }, 31, "the pulse is not followed any more: no pulse",
		},
		{
			"holdover-half", "alarm", func(_ *unit, s *api.Status) { s.Mode, s.BoundSeconds = "holdover", new(501e-6) }, 1,
			func(_ *unit, s *api.Status) { s.Mode = "locked" }, 11, "in holdover the error may be 510\u00a0µs, more than half of the limit of 1.0\u00a0ms",
		},
		{"antenna-open", "alarm", func(_ *unit, s *api.Status) {
			s.Conditions = []api.Condition{{Name: "antenna-open", Severity: "holdover", Text: "the receiver finds no antenna: it draws no current"}}
		}, 1, func(_ *unit, s *api.Status) { s.Conditions = nil }, 11, "the receiver finds no antenna: it draws no current"},
		{"jamming", "warning", func(_ *unit, s *api.Status) {
			s.Conditions = []api.Condition{{Name: "jamming", Severity: "alarm", Text: "the receiver hears jamming"}}
		}, 1, func(_ *unit, s *api.Status) { s.Conditions = nil }, 11, "the receiver hears jamming"},
		{
			"few-satellites", "warning", func(_ *unit, s *api.Status) { s.SatellitesUsed = new(4) }, 31,
			func(_ *unit, s *api.Status) { s.SatellitesUsed = new(6) }, 61, "4\u00a0satellites in use: none is left to check the others",
		},
		{
			"clock-interference", "alarm", func(_ *unit, s *api.Status) { s.Reason = "another program moved the clock by 0.8 s" }, 1,
			func(_ *unit, s *api.Status) { s.Reason = "" }, 61, "another program moved the clock by 0.8 s",
		},
		{
			"temperature", "warning", func(_ *unit, s *api.Status) { s.TemperatureCelsius = new(80.0) }, 31,
			func(_ *unit, s *api.Status) { s.TemperatureCelsius = new(74.9) }, 61, "the processor is at 80.0\u00a0°C; it slows down from 80\u00a0°C on",
		},
		{"throttled", "warning", func(_ *unit, s *api.Status) { s.Throttled = new(true) }, 11, func(_ *unit, s *api.Status) { s.Throttled = new(false) }, 61, "slowed down"},
		{"undervoltage", "warning", func(_ *unit, s *api.Status) { s.Undervoltage = new(true) }, 3, func(_ *unit, s *api.Status) { s.Undervoltage = new(false) }, 61, "too low"},
		{
			"disk", "warning", func(u *unit, _ *api.Status) { u.in.NotKept = "no space left on device" }, 1,
			func(u *unit, _ *api.Status) { u.in.NotKept = "" }, 61, "what is worth keeping can't be written: no space left on device",
		},
		{
			"disk", "warning", func(u *unit, _ *api.Status) { u.in.FreeShare = new(0.04) }, 1,
			func(u *unit, _ *api.Status) { u.in.FreeShare = new(0.09) }, 61, "4\u00a0% of the state directory is free",
		},
		{
			"leap-announced", "note", func(_ *unit, s *api.Status) {
				s.Leap, s.LeapAtUnixSeconds = "insert", new(int64(start+86400-start%86400))
			}, 11,
			func(_ *unit, s *api.Status) { s.Leap = "none" }, 11, "a leap second comes at the end of 2026-11-21 UTC",
		},
		{"leap-announced", "note", func(_ *unit, s *api.Status) {
			s.LeapSeconds.Listed, s.LeapSeconds.ListedAtUnixSeconds = "delete", new(int64(start+10*86400-start%86400))
		}, 11, func(_ *unit, s *api.Status) { s.LeapSeconds.Listed = "none" }, 11, "a second is left out at the end of 2026-11-30 UTC"},
		{
			"table-expiring", "warning", func(_ *unit, s *api.Status) { s.LeapSeconds.ListExpiresUnixSeconds = start + 59*86400 }, 11,
			func(_ *unit, s *api.Status) { s.LeapSeconds.ListExpiresUnixSeconds = start + 99*86400 }, 11, "is good until 2027-01-19",
		},
		{
			"table-expiring", "warning", func(_ *unit, s *api.Status) { s.LeapSeconds.ListExpiresUnixSeconds = start }, 11,
			func(_ *unit, s *api.Status) { s.LeapSeconds.ListExpiresUnixSeconds = start + 99*86400 }, 11, "was good until 2026-11-21",
		},
		{"witness-disagrees", "warning", func(_ *unit, s *api.Status) {
			s.Witnesses = []api.Witness{{Name: "ntp1", State: "disagrees", OffsetSeconds: new(-1.5)}, {Name: "rtc", State: "disagrees", OffsetSeconds: new(0.5)}, {Name: "ntp2", State: "agrees"}}
		}, 31, func(_ *unit, s *api.Status) { s.Witnesses = nil }, 61, "2 witnesses disagree; ntp1 by −1.50\u00a0s"},
		{
			"frequency", "warning", func(_ *unit, s *api.Status) { s.FrequencyRatio = new(-101e-6) }, 61,
			func(_ *unit, s *api.Status) { s.FrequencyRatio = new(-89e-6) }, 61, "off by −101.000\u00a0ppm",
		},
		{
			"quarantine", "alarm", func(_ *unit, s *api.Status) { s.Mode, s.Reason = "quarantine", "witness disagrees with the message" }, 1,
			func(_ *unit, s *api.Status) { s.Mode = "locked" }, 31, "serves nothing: witness disagrees with the message",
		},
		{
			"not-serving", "alarm", func(_ *unit, s *api.Status) { s.Stratum, s.Reason = 16, "reference expired" }, 11,
			func(_ *unit, s *api.Status) { s.Stratum = 1 }, 31, "not synchronised: reference expired",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := newUnit()
			if len(u.said) > 0 {
				t.Fatalf("a unit that is well: %v", u.said)
			}
			tt.begin(u, u.in.Status)
			u.wait(tt.first - 1)
			early := slices.Contains(u.said, "+"+tt.name)
			u.wait(1)
			if early || !slices.Contains(u.said, "+"+tt.name) {
				t.Fatalf("after %d s: %v, early %v", tt.first, u.said, early)
			}
			e := u.named(t, tt.name)
			if e.Severity != tt.severity || !e.Active || e.Count != 1 || !strings.Contains(e.Text, tt.text) {
				t.Errorf("%+v, want %s with %q", e, tt.severity, tt.text)
			}
			if e.FirstUnixSeconds == nil || *e.FirstUnixSeconds != start+121 {
				t.Errorf("first %v, want when it became so", e.FirstUnixSeconds)
			}
			tt.end(u, u.in.Status)
			u.wait(tt.last - 1)
			early = slices.Contains(u.said, "-"+tt.name)
			u.wait(1)
			if early || !slices.Contains(u.said, "-"+tt.name) {
				t.Errorf("%d s after its end: %v, early %v", tt.last, u.said, early)
			}
		})
	}
}

func (u *unit) named(t *testing.T, name string) api.Event {
	t.Helper()
	for _, e := range u.alarms.Events(words.In(words.English)).Events {
		if e.Name == name {
			return e
		}
	}
	t.Fatalf("no event %s", name)
	return api.Event{}
}

func TestRulesHaveHysteresis(t *testing.T) {
	for name, values := range map[string]func(s *api.Status, bad bool){
		"few-satellites": func(s *api.Status, bad bool) { s.SatellitesUsed = new(pick(bad, 4, 5)) },
		"temperature":    func(s *api.Status, bad bool) { s.TemperatureCelsius = new(pick(bad, 81.0, 76)) },
		"frequency":      func(s *api.Status, bad bool) { s.FrequencyRatio = new(pick(bad, 101e-6, 95e-6)) },
		"holdover-half":  func(s *api.Status, bad bool) { s.Mode, s.BoundSeconds = "holdover", new(pick(bad, 510e-6, 410e-6)) },
	} {
		u := newUnit()
		values(u.in.Status, true)
		u.wait(70)
		for range 3 {
			values(u.in.Status, false)
			u.wait(300)
			values(u.in.Status, true)
			u.wait(300)
		}
		var n int
		for _, said := range u.said {
			if strings.HasSuffix(said, name) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s flutters: %v", name, u.said)
		}
	}
}

func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

func TestUnitThatHasNeverLockedIsNoAlarm(t *testing.T) {
	u := &unit{alarms: New(), in: Input{Status: &api.Status{Mode: "free-running", Stratum: 16, Leap: "unsynchronized", SatellitesUsed: new(0)}}}
	u.wait(3600)
	if len(u.said) > 0 {
		t.Errorf("%v", u.said)
	}
}

func TestWhatIsNotKnownChangesNothing(t *testing.T) {
	u := newUnit()
	u.in.Status.TemperatureCelsius = new(90.0)
	u.wait(40)
	u.in.Status.TemperatureCelsius, u.in.Status.FrequencyRatio, u.in.Status.Undervoltage, u.in.FreeShare = nil, nil, nil, nil
	u.wait(1000)
	if e := u.named(t, "temperature"); !e.Active {
		t.Error("an alarm ended although nobody knows the temperature")
	}
}

func TestRefusedClientsAreCountedByTheMinute(t *testing.T) {
	u := newUnit()
	ask := func(seconds int, answered, refused uint64) {
		for range seconds {
			u.in.Status.RequestsAnswered += answered
			u.in.Status.RequestsRefused += refused
			u.wait(1)
		}
	}
	ask(300, 100, 5)
	if len(u.said) > 0 {
		t.Errorf("5 %% refused: %v", u.said)
	}
	ask(130, 100, 40)
	e := u.named(t, "refused-clients")
	if e.Text != "29\u00a0% of 140 requests a second were refused" || e.Severity != "note" {
		t.Errorf("%+v", e)
	}
	ask(300, 100, 0)
	if e := u.named(t, "refused-clients"); e.Active {
		t.Error("it has not ended")
	}
}

func TestEventThatComesAgainIsCounted(t *testing.T) {
	u := newUnit()
	for range 3 {
		u.in.Status.Mode = "holdover"
		u.wait(10)
		u.in.Status.Mode = "locked"
		u.wait(600)
	}
	e := u.one(t)
	if e.Name != "lock-lost" || e.Count != 3 || *e.FirstUnixSeconds != start+121 || *e.LastUnixSeconds <= *e.FirstUnixSeconds || e.Active {
		t.Errorf("%+v", e)
	}
	u.wait(4000)
	u.in.Status.Mode = "holdover"
	u.wait(10)
	if again := u.one(t); again.ID == e.ID || again.Count != 1 {
		t.Errorf("an hour later: %+v", again)
	}
}

func TestAcknowledgeHoldsUntilItComesAgainOrBecomesWorse(t *testing.T) {
	u := newUnit()
	u.in.Status.Conditions = []api.Condition{{Name: "jamming", Severity: "alarm", Text: "the receiver hears jamming"}}
	u.wait(5)
	e := u.one(t)
	if err := u.alarms.Acknowledge(e.ID, "ops"); err != nil {
		t.Fatal(err)
	}
	if err := u.alarms.Acknowledge(e.ID, "ops"); err == nil {
		t.Error("acknowledged twice")
	}
	if err := u.alarms.Acknowledge(999, "ops"); err == nil {
		t.Error("an event that is none was acknowledged")
	}
	if e := u.one(t); !e.Acknowledged || e.AcknowledgedBy != "ops" || *e.AcknowledgedUnixSeconds != start+125 {
		t.Errorf("%+v", e)
	}
	if list := u.alarms.Events(words.In(words.English)); list.Active != 1 || list.Unacknowledged != 0 {
		t.Errorf("%d active, %d unacknowledged", list.Active, list.Unacknowledged)
	}
	u.in.Status.Conditions[0].Severity = "holdover"
	u.wait(1)
	if e := u.one(t); e.Acknowledged || e.Severity != "alarm" {
		t.Errorf("worse now: %+v", e)
	}
}

func TestListIsBounded(t *testing.T) {
	u := newUnit()
	u.in.Status.TemperatureCelsius = new(90.0)
	u.wait(40)
	for i := range 3 * MaxEvents {
		u.alarms.Note(fmt.Sprint("note", i), "version", "1")
	}
	list := u.alarms.Events(words.In(words.English))
	if len(list.Events) != MaxEvents || list.Dropped != 2*MaxEvents+1 || list.Events[0].Name != "temperature" {
		t.Errorf("%d events, %d dropped, the first %s: what is active stays", len(list.Events), list.Dropped, list.Events[0].Name)
	}
	u.alarms.Note("long", "version", strings.Repeat("é", 10000))
	if e := u.alarms.events[len(u.alarms.events)-1]; len(e.With[1]) > 2*maxText {
		t.Errorf("%d bytes are kept of a value", len(e.With[1]))
	}
}

func TestTimesAreThoseOfTheServedClock(t *testing.T) {
	u := newUnit()
	u.alarms, u.at = New(), 0
	u.in.Status.ServedUnixNanoseconds, u.in.Status.Undervoltage = nil, new(true)
	u.wait(10)
	if e := u.one(t); e.FirstUnixSeconds != nil || e.LastUnixSeconds != nil {
		t.Errorf("%v although nobody knows the time", *e.FirstUnixSeconds)
	}
	u.in.Status.ServedUnixNanoseconds = new(int64(1))
	u.wait(1)
	if e := u.one(t); e.FirstUnixSeconds == nil || *e.FirstUnixSeconds != start+1 {
		t.Errorf("first %v, want +1 once the time is known", e.FirstUnixSeconds)
	}
	u.at += time.Hour // the served clock goes back by an hour: what was dated stays
	u.in.Status.ServedUnixNanoseconds = new((start + int64(u.at/time.Second) - 3600) * 1e9)
	u.alarms.Take(u.at, u.in)
	if e := u.one(t); *e.FirstUnixSeconds != start+1 {
		t.Errorf("first %v after a step, want +1", *e.FirstUnixSeconds-start)
	}
}

func TestEventsAreSaidInChinese(t *testing.T) {
	u := newUnit()
	u.in.Status.Mode, u.in.Status.Reason, u.in.Status.BoundSeconds = "holdover", "no pulse", new(700e-6)
	u.wait(10)
	var got []string
	for _, e := range u.alarms.Events(words.In(words.Chinese)).Events {
		got = append(got, e.Text)
	}
	want := []string{"已不再跟随秒脉冲：没有秒脉冲", "守时误差上限 700\u00a0微秒，已超过限度 1.0\u00a0毫秒的一半"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryTextIsInTheCatalogue(t *testing.T) {
	for _, r := range rules {
		if slices.Contains(conditions, r.name) || r.name == "leap-announced" {
			continue
		}
		if !words.Has(textKey + r.name) {
			t.Errorf("%s has no text", r.name)
		}
	}
	for _, k := range []string{"condition", "disk-full", "leap-insert", "leap-delete", "table-expired", "witnesses-disagree", "started"} {
		if !words.Has(textKey + k) {
			t.Errorf("%s has no text", k)
		}
	}
	for _, mode := range []string{"locked", "holdover", "acquiring", "free-running", "quarantine"} {
		if !words.Has(modeKey + mode) {
			t.Errorf("mode %s has no text", mode)
		}
	}
}

func TestTestLastsLongEnoughForACollector(t *testing.T) {
	u := newUnit()
	u.alarms.Test()
	u.wait(119)
	if s := u.alarms.State(); s.Active["test"] != "note" || s.Began["test"] != 1 {
		t.Errorf("%v", s)
	}
	u.wait(2)
	if s := u.alarms.State(); s.Active["test"] != "" {
		t.Error("a test is still active after two minutes")
	}
}

func TestEventsAreGivenBackAsEnded(t *testing.T) {
	u := newUnit()
	u.in.Status.Mode = "holdover"
	u.wait(10)
	u.alarms.Told(1, "syslog")
	u.alarms.Acknowledge(1, "ops")
	var b bytes.Buffer
	if err := u.alarms.Encode(&b); err != nil {
		t.Fatal(err)
	}
	whole := slices.Clone(b.Bytes())
	next := New()
	if err := next.Restore(&b); err != nil {
		t.Fatal(err)
	}
	want, got := u.one(t), next.Events(words.In(words.English)).Events[0]
	want.Active = false
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	u.alarms, u.at = next, 10*time.Minute
	u.wait(10) // it has never locked in this run
	u.in.Status.Mode = "locked"
	u.wait(40)
	u.in.Status.Mode = "holdover"
	u.wait(10)
	if e := u.one(t); e.ID != 1 || e.Count != 2 || e.Acknowledged {
		t.Errorf("after a restart: %+v", e)
	}
	for n := range whole {
		flipped := slices.Clone(whole)
		flipped[max(n, 10)] ^= 0x20
		for _, bad := range [][]byte{whole[:n], flipped} {
			a := New()
			if a.Restore(bytes.NewReader(bad)) != nil {
				continue
			}
			got.Active = false // padding within the compressed data means nothing
			if diff := cmp.Diff([]api.Event{got}, a.Events(words.In(words.English)).Events); diff != "" {
				t.Fatalf("a file damaged at byte %d of %d was taken: %s", n, len(whole), diff)
			}
		}
	}
}

// Whatever a unit says, the list stays in its bounds, and what began ends before it begins again.
func TestChangesAlternate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := New()
		active := map[string]bool{}
		var at time.Duration
		for range rapid.IntRange(1, 100).Draw(t, "seconds") {
			at += time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "after"))
			s := &api.Status{
				Mode:    rapid.SampledFrom([]string{"locked", "holdover", "quarantine", "free-running"}).Draw(t, "mode"),
				Stratum: rapid.IntRange(0, 17).Draw(t, "stratum"), Reason: rapid.SampledFrom([]string{"", "another program", "x"}).Draw(t, "reason"),
			}
			if rapid.Bool().Draw(t, "knows") {
				s.TemperatureCelsius, s.BoundSeconds, s.LimitSeconds = new(rapid.Float64Range(0, 100).Draw(t, "t")), new(rapid.Float64().Draw(t, "bound")), new(1e-3)
				s.ServedUnixNanoseconds = new(rapid.Int64().Draw(t, "served"))
			}
			for _, c := range a.Take(at, Input{Status: s}) {
				if active[c.Event.Name] == !c.Ended {
					t.Fatalf("%s ended %v twice", c.Event.Name, c.Ended)
				}
				active[c.Event.Name] = !c.Ended
			}
			if len(a.events) > MaxEvents {
				t.Fatal("too many")
			}
		}
	})
}

func FuzzRestore(f *testing.F) {
	u := newUnit()
	u.in.Status.Mode = "holdover"
	u.wait(10)
	var b bytes.Buffer
	if err := u.alarms.Encode(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(_ *testing.T, data []byte) {
		a := New()
		if a.Restore(bytes.NewReader(data)) == nil {
			a.Note("started", "version", "1")
			a.Events(words.In(words.Chinese))
		}
	})
}

func BenchmarkTake(b *testing.B) {
	b.ReportAllocs()
	u := newUnit()
	for range b.N {
		u.at += time.Second
		u.alarms.Take(u.at, u.in)
	}
}
