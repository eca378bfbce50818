package main

import (
	"fmt"
	"maps"
	"math"
	"time"

	"timeball/board/sim"
	"timeball/cmd/internal/direct"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server/publish"
)

const (
	start = timescale.UTC(1_790_000_000) * 1e9 // 2026-09-21, far from any leap second
	built = start - 90*86400*1e9               // the date before which no label is believed
	hour  = 3600                               // s
)

// trial is one unit and what happens to it.
type trial struct {
	name    string // stable: it stands in the files of progress
	number  string // of FAULTS.md, "" = none
	model   string
	warm    int         // seconds of good pulses before the fault; 0 = the fault is there from the start
	kept    bool        // the unit begins with what one kept after two hours of lock, see memoryOf
	after   int         // seconds from the fault on
	faults  []sim.Fault // their times count from the fault on
	fix     int         // seconds until the receiver has a fix, cold starts only
	noRTC   bool
	servers []sim.Server  // other clocks that are asked
	bytes   bool          // the receiver speaks NMEA, where reports would do
	device  string        // the receiver speaks this: nmea, or a sim.Kind in its binary protocol; "" = as bytes says
	delay   time.Duration // of what the receiver says of a second, from its pulse; 0 = 120 ms
	quarter               // whose end it runs over
	twin    bool          // the same unit is also run without the fault, to see how far that moves the clock

	wanted    string             // the figure, in words
	share     float64            // least share of answers that are synchronised and honest, from the fault on
	judge     func(*tally) error // of the figure; nil = what is judged of every trial
	unclaimed string             // why answers may be dishonest: nobody claims to detect this
	known     string             // why the figure is not reached: counted apart, not a failure
	short     bool               // runs in the short tests too
	soakOnly  bool               // too long for a test, or much the same as another one
}

// config returns what is run for a seed.
func (c *trial) config(seed uint64, faults bool) (direct.Config, error) {
	m, err := sim.ModelNamed(c.model)
	if err != nil {
		return direct.Config{}, err
	}
	cfg := direct.Config{
		World: sim.Config{
			Model: m, Seed: seed, Start: start, E0: 50 * time.Millisecond, Y0: 1e-5, Sensors: true, RTC: !c.noRTC, Servers: c.servers,
			FixAfter: time.Duration(c.fix) * time.Second,
		},
		Engine: timing.Default(), Publish: publish.Default(), Seconds: c.warm + c.after,
	}
	if c.kept {
		if cfg.Engine.Memory, err = memoryOf(c.model, seed); err != nil {
			return direct.Config{}, err
		}
	}
	if cfg.World.Receiver, err = c.receiver(seed); err != nil {
		return direct.Config{}, err
	}
	cfg.Engine.Floor = built
	// As the daemon declares it: the edge's lateness is within the model's limits.
	cfg.Engine.Loop.Bias = (m.Latency[0] + m.Latency[1]) / 2
	cfg.Engine.Loop.BiasRange = (m.Latency[1] - m.Latency[0]) / 2
	for _, f := range c.faults {
		if faults {
			f.At += time.Duration(c.warm) * time.Second
			cfg.World.Faults = append(cfg.World.Faults, f)
		}
	}
	return cfg, c.prepare(&cfg, c.warm)
}

// tally is what a trial came to, from the fault on where nothing else is said. Times are seconds after the fault began,
// -1 = never; lengths are seconds.
type tally struct {
	Samples      int `json:"samples"`
	Synchronised int `json:"synchronised"`
	Good         int `json:"good"` // synchronised and honest

	Dishonest      int     `json:"dishonest"` // of the whole trial
	FirstDishonest int     `json:"first_dishonest"`
	OffByOne       int     `json:"off_by_one"`  // answers a second or more off, of the whole trial
	WrongYears     int     `json:"wrong_years"` // half a year or more off
	FalseLeaps     int     `json:"false_leaps"` // answers that announce a leap second that is not
	BeforeFix      int     `json:"before_fix"`  // synchronised answers before the receiver had a fix
	Steps          int     `json:"steps"`       // of the clock, since the first lock
	Ratio          float64 `json:"ratio"`       // greatest |error| / root distance of a synchronised answer
	Held           [2]int  `json:"held"`        // samples whose bound held the error, locked and in holdover
	Of             [2]int  `json:"of"`

	Alarm    int     `json:"alarm"`    // no longer locked, or a reason is given
	Holdover int     `json:"holdover"` // holdover began
	Silent   int     `json:"silent"`   // first answer that is not synchronised
	Back     int     `json:"back"`     // synchronised for good, after having been silent
	Served   int     `json:"served"`   // seconds until it was silent; all, if it never was
	Moved    float64 `json:"moved"`    // greatest distance from the unit without the fault, or from 0 without one
	AtAlarm  float64 `json:"at_alarm"` // that distance when the alarm came, or at the end
	Worst    float64 `json:"worst"`    // greatest |error|

	Refused  map[string]uint64 `json:"refused"`         // by reason
	Shown    map[string]int    `json:"shown,omitempty"` // when a condition of the receiver was first shown, by name
	Relocked int               `json:"relocked"`        // when the last lock began; -1 = the unit was never out of lock, or is
	out      bool              // of lock, since the fault
	before   map[string]uint64
	locked   bool
	era      clock.Era
}

// run runs the trial for a seed.
func (c *trial) run(seed uint64) (*tally, error) {
	cfg, err := c.config(seed, true)
	if err != nil {
		return nil, err
	}
	var twin []float32
	if c.twin {
		plain, err := c.config(seed, false)
		if err != nil {
			return nil, err
		}
		if err := direct.Run(plain, func(s direct.Sample) bool {
			if s.Second >= c.warm {
				twin = append(twin, float32(s.Error))
			}
			return true
		}); err != nil {
			return nil, err
		}
	}
	t := &tally{FirstDishonest: -1, Alarm: -1, Holdover: -1, Silent: -1, Back: -1, Relocked: -1}
	err = direct.Run(cfg, func(s direct.Sample) bool {
		if c.asleep(s.Second - c.warm) {
			t.Samples++ // nobody answers; what the twin did meanwhile stays aligned
			return true
		}
		alone := 0.0
		if i := t.Samples; c.twin && s.Second >= c.warm && i < len(twin) {
			alone = float64(twin[i])
		}
		t.add(&s, s.Second-c.warm, alone, c.fix)
		if c.misled(&s, s.Second-c.warm) {
			t.FalseLeaps++
		}
		return true
	})
	if t.Silent < 0 {
		t.Served = c.after
	}
	return t, err
}

// asleep says whether the machine sleeps: there is no one who could answer then.
func (c *trial) asleep(since int) bool {
	for _, f := range c.faults {
		at := time.Duration(since) * time.Second
		if f.Name == sim.FaultSuspend && at >= f.At && (f.For == 0 || at < f.At+f.For) {
			return true
		}
	}
	return false
}

// add takes a sample, since seconds after the fault began. alone is the error of the unit without the fault.
func (t *tally) add(s *direct.Sample, since int, alone float64, fix int) {
	served := math.Abs(float64(s.ServedError))
	if s.Synchronised {
		t.Ratio = max(t.Ratio, served/float64(s.RootDistance))
		if served > 0.5 {
			t.OffByOne++
		}
		if served > 182*86400 {
			t.WrongYears++
		}
		if fix > 0 && since < fix {
			t.BeforeFix++
		}
	}
	if s.Dishonest() {
		if t.Dishonest++; t.Dishonest == 1 {
			t.FirstDishonest = since
		}
	}
	est := &s.Snapshot.Estimate
	if est.EverLocked {
		if t.locked && est.At.Era != t.era {
			t.Steps++
		}
		t.locked, t.era = true, est.At.Era
	}
	if since < 0 {
		t.before = s.Snapshot.Counters.Refused
		return
	}
	t.Samples++
	t.count(s, since)
	moved := math.Abs(float64(s.Error) - alone)
	t.Moved, t.Worst = max(t.Moved, moved), max(t.Worst, math.Abs(float64(s.Error)))
	if t.Alarm < 0 {
		t.AtAlarm = moved
		if est.Mode != discipline.Locked || est.Reason != "" {
			t.Alarm = since
		}
	}
	t.Refused = maps.Clone(s.Snapshot.Counters.Refused)
	for reason, n := range t.before {
		if t.Refused[reason] -= n; t.Refused[reason] == 0 {
			delete(t.Refused, reason)
		}
	}
}

// count counts an answer since the fault.
func (t *tally) count(s *direct.Sample, since int) {
	switch {
	case s.Synchronised:
		t.Synchronised++
		if !s.Dishonest() {
			t.Good++
		}
		if t.Silent >= 0 && t.Back < 0 {
			t.Back = since
		}
	case t.Silent < 0:
		t.Silent, t.Served = since, since
	default:
		t.Back = -1
	}
	for _, c := range s.Snapshot.Conditions {
		if _, known := t.Shown[c.Name]; !known {
			if t.Shown == nil {
				t.Shown = map[string]int{}
			}
			t.Shown[c.Name] = since
		}
	}
	switch locked := s.Snapshot.Estimate.Mode == discipline.Locked; {
	case !locked:
		t.out, t.Relocked = true, -1
	case t.out:
		t.out, t.Relocked = false, since
	}
	bucket := -1
	switch s.Snapshot.Estimate.Mode {
	case discipline.Locked:
		bucket = 0
	case discipline.Holdover:
		bucket = 1
		if t.Holdover < 0 {
			t.Holdover = since
		}
	}
	if bucket >= 0 {
		t.Of[bucket]++
		if math.Abs(float64(s.Error)) <= float64(s.Bound) {
			t.Held[bucket]++
		}
	}
}

// goodShare returns the share of answers that were synchronised and honest.
func (t *tally) goodShare() float64 { return float64(t.Good) / float64(t.Samples) }

// failures returns what is wrong with what a trial came to.
func (c *trial) failures(t *tally) (wrong []string) {
	fail := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if t.Dishonest > 0 && c.unclaimed == "" {
		fail("%d dishonest answers, first after %d s, error up to %.2f x root distance", t.Dishonest, t.FirstDishonest, t.Ratio)
	}
	if t.OffByOne > 0 {
		fail("%d answers a second or more off", t.OffByOne)
	}
	if t.WrongYears > 0 {
		fail("%d answers of a wrong year", t.WrongYears)
	}
	if t.FalseLeaps > 0 {
		fail("%d answers announce a leap second that is not", t.FalseLeaps)
	}
	if t.BeforeFix > 0 {
		fail("%d synchronised answers before the fix", t.BeforeFix)
	}
	if got := t.goodShare(); got < c.share {
		fail("synchronised and honest for %.4f of the answers, want %.4f", got, c.share)
	}
	if c.judge != nil {
		if err := c.judge(t); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	return wrong
}
