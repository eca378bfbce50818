package alarm

import (
	"strings"
	"time"

	"timeball/web/api"
	"timeball/web/figure"
)

// The thresholds. What ends an event is easier to reach than what began it, so that no event flutters.
const (
	half, halfAgain  = 0.5, 0.4 // of the limit: holdover's bound
	fewSatellites    = 5        // four unknowns need four satellites; below five none checks the others
	enough           = 6
	hot, cooled      = 80, 75        // degrees Celsius: from 80 on a Raspberry Pi slows its processor down
	odd, oddAgain    = 100e-6, 90e-6 // of the crystal's frequency: boards have up to 50 ppm; the kernel steers 500
	littleFree       = 0.05          // of the state directory
	enoughFree       = 0.08
	refusedShare     = 0.1 // of the requests of a minute
	refusedRate      = 1   // a second
	refusedShareOver = 0.05
	expiring         = 60 * 24 * time.Hour // before the list of leap seconds expires: the IERS publishes half a year ahead
	announced        = 28 * 24 * time.Hour // before a leap second
)

// finding is what a rule makes of one second.
type finding struct {
	is       bool
	unknown  bool   // nothing can be said: the event stays as it is
	severity string // "" = the rule's
	key      string // of the text; "" = the rule's name
	with     []string
}

// rule is one thing that is watched for.
type rule struct {
	name         string
	severity     string
	after, until time.Duration // it must be so, or not be so, for this long
	find         func(v *view, active bool) finding
}

// view is what the rules look at.
type view struct {
	Input
	wasLocked, wasServed bool // ever in this run
	requests             *minute
	testing              bool
}

var unknown = finding{unknown: true}

// rules are all that is watched for, the gravest first. Conditions of the receiver have a rule each, by their names.
var rules = append([]rule{
	{"quarantine", api.SeverityAlarm, 0, 30 * time.Second, quarantine},
	{"not-serving", api.SeverityAlarm, 10 * time.Second, 30 * time.Second, notServing},
	{"clock-interference", api.SeverityAlarm, 0, time.Minute, interference},
	{"holdover-half", api.SeverityAlarm, 0, 10 * time.Second, holdoverHalf},
	{"lock-lost", api.SeverityWarning, 3 * time.Second, 30 * time.Second, lockLost},
	{"few-satellites", api.SeverityWarning, 30 * time.Second, time.Minute, satellites},
	{"frequency", api.SeverityWarning, time.Minute, time.Minute, frequency},
	{"undervoltage", api.SeverityWarning, 2 * time.Second, time.Minute, undervoltage},
	{"temperature", api.SeverityWarning, 30 * time.Second, time.Minute, temperature},
	{"throttled", api.SeverityWarning, 10 * time.Second, time.Minute, throttled},
	{"disk", api.SeverityWarning, 0, time.Minute, disk},
	{"witness-disagrees", api.SeverityWarning, 30 * time.Second, time.Minute, witnesses},
	{"table-expiring", api.SeverityWarning, 10 * time.Second, 10 * time.Second, table},
	{"leap-announced", api.SeverityNote, 10 * time.Second, 10 * time.Second, leap},
	{"refused-clients", api.SeverityNote, 0, 2 * time.Minute, refused},
	{"test", api.SeverityNote, 0, 0, func(v *view, _ bool) finding { return finding{is: v.testing} }},
}, conditionRules()...)

// conditions are the names of what speaks against the receiver; few-satellites has a rule of its own.
var conditions = []string{
	"antenna-open", "antenna-short", "jamming", "spoofing", "signal-collapse", "fix-without-satellites", "position-jump",
	"constellations-disagree", "flat-signals",
}

// Names returns the names of all events that can be active.
func Names() []string {
	var names []string
	for _, r := range rules {
		names = append(names, r.name)
	}
	return names
}

func conditionRules() []rule {
	var list []rule
	for _, name := range conditions {
		list = append(list, rule{name, api.SeverityWarning, 0, 10 * time.Second, condition(name)})
	}
	return list
}

// condition watches for one condition of the receiver, which has its own hysteresis.
func condition(name string) func(*view, bool) finding {
	severities := map[string]string{"holdover": api.SeverityAlarm, "alarm": api.SeverityWarning, "inform": api.SeverityNote}
	return func(v *view, _ bool) finding {
		for i := range v.Status.Conditions {
			if c := &v.Status.Conditions[i]; c.Name == name {
				return finding{is: true, key: "condition", severity: severities[c.Severity], with: []string{"evidence", c.Text}}
			}
		}
		return finding{}
	}
}

// reason returns why the unit is as it is, or what its mode means.
func (v *view) reason() string {
	if v.Status.Reason != "" {
		return v.Status.Reason
	}
	return modeKey + v.Status.Mode
}

func quarantine(v *view, _ bool) finding {
	return finding{is: v.Status.Mode == "quarantine", with: []string{"reason", v.reason()}}
}

// lockLost is quiet while the unit has never locked: it says itself that it is not ready.
func lockLost(v *view, _ bool) finding {
	return finding{is: v.wasLocked && v.Status.Mode != "locked", with: []string{"reason", v.reason()}}
}

func notServing(v *view, _ bool) finding {
	return finding{is: v.wasServed && v.Status.Stratum >= 16, with: []string{"reason", v.reason()}}
}

// interference is another program at the clock. The unit says so in its reason while it checks itself.
func interference(v *view, _ bool) finding {
	is := strings.HasPrefix(v.Status.Reason, "another program") || v.Status.Reason == "clock stepped by something else"
	return finding{is: is, with: []string{"reason", v.Status.Reason}}
}

func holdoverHalf(v *view, active bool) finding {
	s := v.Status
	if s.Mode != "holdover" {
		return finding{}
	}
	if s.BoundSeconds == nil || s.LimitSeconds == nil {
		return unknown
	}
	return finding{
		is:   *s.BoundSeconds > *s.LimitSeconds*level(active, half, halfAgain),
		with: []string{"bound", figure.Bound(*s.BoundSeconds, 2), "limit", figure.Duration(*s.LimitSeconds, 2)},
	}
}

// level returns the threshold of what is not yet, or of what is already.
func level(active bool, begins, goesOn float64) float64 {
	if active {
		return goesOn
	}
	return begins
}

func satellites(v *view, active bool) finding {
	n := v.Status.SatellitesUsed
	if n == nil || !v.wasLocked {
		return finding{unknown: n == nil && v.wasLocked}
	}
	return finding{is: float64(*n) < level(active, fewSatellites, enough), with: []string{"n", figure.Count(uint64(max(0, *n)))}}
}

func frequency(v *view, active bool) finding {
	y := v.Status.FrequencyRatio
	if y == nil {
		return unknown
	}
	return finding{is: max(*y, -*y) > level(active, odd, oddAgain), with: []string{"y", figure.Frequency(*y)}}
}

func undervoltage(v *view, _ bool) finding { return flag(v.Status.Undervoltage) }
func throttled(v *view, _ bool) finding    { return flag(v.Status.Throttled) }

func flag(is *bool) finding {
	if is == nil {
		return unknown
	}
	return finding{is: *is}
}

func temperature(v *view, active bool) finding {
	t := v.Status.TemperatureCelsius
	if t == nil {
		return unknown
	}
	return finding{is: *t >= level(active, hot, cooled), with: []string{"t", figure.Celsius(*t)}}
}

func disk(v *view, active bool) finding {
	switch {
	case v.NotKept != "":
		return finding{is: true, with: []string{"error", v.NotKept}}
	case v.FreeShare == nil:
		return finding{}
	}
	return finding{is: *v.FreeShare < level(active, littleFree, enoughFree), key: "disk-full", with: []string{"free", figure.Percent(*v.FreeShare)}}
}

// witnesses names the one that is farthest off.
func witnesses(v *view, _ bool) finding {
	var f finding
	worst, n := -1.0, 0
	for i := range v.Status.Witnesses {
		w := &v.Status.Witnesses[i]
		if w.State != "disagrees" || w.OffsetSeconds == nil {
			continue
		}
		n++
		if off := max(*w.OffsetSeconds, -*w.OffsetSeconds); off > worst {
			worst = off
			f = finding{is: true, with: []string{"name", w.Name, "offset", figure.Offset(*w.OffsetSeconds)}}
		}
	}
	if n > 1 {
		f.key, f.with = "witnesses-disagree", append(f.with, "n", figure.Count(uint64(n)))
	}
	return f
}

// table looks at the list of leap seconds.
func table(v *view, _ bool) finding {
	if v.Status.LeapSeconds == nil || v.Status.ServedUnixNanoseconds == nil {
		return unknown
	}
	now, expires := *v.Status.ServedUnixNanoseconds/1e9, v.Status.LeapSeconds.ListExpiresUnixSeconds
	f := finding{is: expires-now < int64(expiring/time.Second), with: []string{"date", day(expires)}}
	if expires <= now {
		f.key = "table-expired"
	}
	return f
}

// leap looks for a leap second within four weeks, by what is announced to clients, then by the list.
func leap(v *view, _ bool) finding {
	s := v.Status
	if s.ServedUnixNanoseconds == nil {
		return unknown
	}
	now := *s.ServedUnixNanoseconds / 1e9
	switch {
	case (s.Leap == "insert" || s.Leap == "delete") && s.LeapAtUnixSeconds != nil:
		return leapAt(s.Leap, *s.LeapAtUnixSeconds, now)
	case s.LeapSeconds != nil && s.LeapSeconds.ListedAtUnixSeconds != nil && s.LeapSeconds.Listed != "none":
		return leapAt(s.LeapSeconds.Listed, *s.LeapSeconds.ListedAtUnixSeconds, now)
	}
	return finding{}
}

func leapAt(kind string, at, now int64) finding {
	is := at > now && at-now < int64(announced/time.Second)
	return finding{is: is, key: "leap-" + kind, with: []string{"date", day(at - 1)}} // the day before the midnight
}

func day(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.DateOnly) }

func refused(v *view, active bool) finding {
	m := v.requests
	if !m.known {
		return unknown
	}
	return finding{
		is:   m.refused >= refusedRate && m.share >= level(active, refusedShare, refusedShareOver),
		with: []string{"share", figure.Percent(m.share), "rate", figure.Count(uint64(m.rate + 0.5))},
	}
}

// minute is what clients asked in the last whole minute.
type minute struct {
	known         bool
	rate, refused float64 // requests a second
	share         float64 // of them refused

	began            time.Duration
	answered, turned uint64 // the counters then
	counting         bool
}

func (m *minute) take(at time.Duration, s *api.Status) {
	answered, turned := s.RequestsAnswered, s.RequestsRefused
	switch past := at - m.began; {
	case !m.counting || answered < m.answered || turned < m.turned:
		m.counting, m.known = true, false
	case past < time.Minute:
		return
	default:
		m.known = true
		a, r := float64(answered-m.answered), float64(turned-m.turned)
		m.rate, m.refused, m.share = (a+r)/past.Seconds(), r/past.Seconds(), 0
		if a+r > 0 {
			m.share = r / (a + r)
		}
	}
	m.began, m.answered, m.turned = at, answered, turned
}
