package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"timeball/board/sim"
	"timeball/cmd/internal/direct"
	"timeball/gnss/integrity"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
)

// The sample: one seed of every trial that is not too long. A figure that is known not to be reached is run all the same, and
// what it came to is logged.
func TestFaultsAreSurvived(t *testing.T) {
	for _, c := range trials() {
		if c.soakOnly || testing.Short() && !c.short {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const seed = 2
			got, err := c.run(seed)
			if err != nil {
				t.Fatal(err)
			}
			wrong := c.failures(got)
			t.Logf("%s seed %d: good share %.4f, error at most %.2f of the root distance, moved by %.3g us, alarm after %d s, refused %v",
				c.number, seed, got.goodShare(), got.Ratio, got.Moved*1e6, got.Alarm, got.Refused)
			if c.known != "" && len(wrong) == 0 {
				t.Logf("reached, but known not to be (%s)", c.known)
			}
			for _, w := range wrong {
				if c.known != "" {
					t.Logf("known: %s (%s)", w, c.known)
					continue
				}
				t.Errorf("seed %d: %s", seed, w)
			}
		})
	}
}

func TestTrialsAreNamedOnceAndKnownOnesExist(t *testing.T) {
	names := map[string]bool{}
	for _, c := range trials() {
		if names[c.name] || c.wanted == "" || c.after <= 0 {
			t.Errorf("%q: named twice, without a figure or without end", c.name)
		}
		names[c.name] = true
		for _, f := range c.faults {
			if err := sim.CheckFault(f.Name); err != nil {
				t.Error(err)
			}
		}
	}
	for _, k := range sim.FaultKinds() {
		names["drawn/"+k.Name] = true
	}
	for name, why := range known {
		if !names[name] || why == "" {
			t.Errorf("%q is known for %q, but is no trial", name, why)
		}
	}
}

// The judges see what they are there for.
func TestTallySeesWhatIsWrong(t *testing.T) {
	hears := func(condition string) func(*direct.Sample) {
		return func(s *direct.Sample) { s.Snapshot.Conditions = []integrity.Condition{{Name: condition}} }
	}
	sample := func(change func(*direct.Sample)) direct.Sample {
		s := direct.Sample{Synchronised: true, RootDistance: 20e-6, ServedError: 1e-6, Error: 1e-6, Bound: 2e-6, Snapshot: &timing.Snapshot{}}
		s.Snapshot.Estimate.Mode = discipline.Locked
		s.Snapshot.Estimate.EverLocked = true
		change(&s)
		return s
	}
	for _, tt := range []struct {
		name   string
		trial  trial
		change func(*direct.Sample)
		want   string
	}{
		{"well", trial{share: 1, judge: noStep}, func(*direct.Sample) {}, ""},
		{"dishonest", trial{}, func(s *direct.Sample) { s.ServedError = -21e-6 }, "dishonest"},
		{"nobody claims it", trial{unclaimed: "slow"}, func(s *direct.Sample) { s.ServedError = -21e-6 }, ""},
		{"off by one", trial{unclaimed: "x"}, func(s *direct.Sample) { s.ServedError = -0.99 }, "a second or more off"},
		{"wrong year", trial{unclaimed: "x"}, func(s *direct.Sample) { s.ServedError = 1024 * 7 * 86400 }, "wrong year"},
		{"silent", trial{share: 0.999}, func(s *direct.Sample) { s.Synchronised = false }, "synchronised and honest for 0.5000"},
		{"before the fix", trial{fix: 100}, func(*direct.Sample) {}, "before the fix"},
		{"stepped", trial{judge: noStep}, func(s *direct.Sample) { s.Snapshot.Estimate.At.Era = 1 }, "stepped 1 times"},
		{"no holdover", trial{judge: holdoverWithin(3)}, func(*direct.Sample) {}, "holdover after -1 s"},
		{"holdover", trial{judge: holdoverWithin(3)}, func(s *direct.Sample) { s.Snapshot.Estimate.Mode = discipline.Holdover }, ""},
		{"no alarm", trial{judge: alarmWithin(3)}, func(*direct.Sample) {}, "alarm after -1 s"},
		{"alarm", trial{judge: alarmWithin(3)}, func(s *direct.Sample) { s.Snapshot.Estimate.Reason = "odd" }, ""},
		{"dragged", trial{judge: alarmBefore(10e-6)}, func(s *direct.Sample) { s.Error = 11e-6; s.Snapshot.Estimate.Reason = "odd" }, "dragged off by 11 us"},
		{"alarmed in time", trial{judge: alarmBefore(10e-6)}, func(s *direct.Sample) { s.Snapshot.Estimate.Reason = "odd" }, ""},
		{"demoted early", trial{judge: servedFor(hour)}, func(s *direct.Sample) { s.Synchronised = false }, "synchronised for 0.00 h"},
		{"moved", trial{judge: movedBy(1e-6)}, func(s *direct.Sample) { s.Error = -3e-6 }, "moved the clock by 3 us"},
		{"not counted", trial{judge: counted}, func(*direct.Sample) {}, "nothing was counted"},
		{"counted", trial{judge: counted}, func(s *direct.Sample) { s.Snapshot.Counters.Refused = map[string]uint64{"odd": 3} }, ""},
		{"not back", trial{judge: backWithin(60)}, func(s *direct.Sample) { s.Synchronised = false }, "synchronised for good after -1 s"},
		{"never shown", trial{judge: shown("jamming", 1)}, func(*direct.Sample) {}, "jamming is never shown"},
		{"shown late", trial{judge: shown("jamming", 0)}, hears("jamming"), "jamming is shown after 1 s"},
		{"shown", trial{judge: shown("jamming", 1)}, hears("jamming"), ""},
		{"shown for nothing", trial{judge: nothingShown}, hears("jamming"), "shown of a good receiver"},
		{"nothing shown", trial{judge: nothingShown}, func(*direct.Sample) {}, ""},
		{"not locked again", trial{judge: lockedAgain(0, 9)}, func(s *direct.Sample) { s.Snapshot.Estimate.Mode = discipline.Holdover }, "locked again after -1 s"},
		{"bound", trial{judge: movedLittleOrBound}, func(s *direct.Sample) { s.Error = 3e-6 }, "bound held 0.5000"},
		{"wide bound", trial{judge: movedLittleOrBound}, func(s *direct.Sample) { s.Error, s.Bound = 3e-6, 4e-6 }, ""},
	} {
		tally := &tally{FirstDishonest: -1, Alarm: -1, Holdover: -1, Silent: -1, Back: -1}
		before, well, ill := sample(func(*direct.Sample) {}), sample(func(*direct.Sample) {}), sample(tt.change)
		tally.add(&before, -1, 0, 0)
		tally.add(&well, 0, 0, 0)
		tally.add(&ill, 1, 0, tt.trial.fix)
		got := strings.Join(tt.trial.failures(tally), "; ")
		if got != tt.want && (tt.want == "" || !strings.Contains(got, tt.want)) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// An unchanged world is the same with and without a twin, and a machine that sleeps is asked nothing.
func TestSleepingMachineIsNotJudged(t *testing.T) {
	c := trial{model: "perfect", warm: 60, after: 60, faults: on(sim.FaultSuspend, 30*time.Second, time.Nanosecond, 0)}
	for since, want := range map[int]bool{-1: false, 0: true, 29: true, 30: false} {
		if c.asleep(since) != want {
			t.Errorf("second %d: asleep %v", since, !want)
		}
	}
	c = trial{model: "pi-quiet", warm: 60, after: 60, twin: true}
	got, err := c.run(1)
	if err != nil || got.Moved > 1e-12 { // a float32 of microseconds
		t.Errorf("nothing happened, and the clock was moved by %v: %v", clock.Seconds(got.Moved), err)
	}
}

func TestSoakResumesAndTellsWhatWasRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "progress.jsonl")
	begin := func(last uint64) *soak {
		s := &soak{hours: 0.1, build: "b1", until: time.Now().Add(time.Hour), first: 1, last: last, matching: regexp.MustCompile(`^drawn/(none|pulse)$`)}
		if err := s.resume(file); err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := begin(1)
	if err := s.run(nil); err != nil {
		t.Fatal(err)
	}
	if len(s.results) != 2 || s.restored != 0 {
		t.Fatalf("%d results, %d restored", len(s.results), s.restored)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// The second line was cut by a power failure: it is run again, and the first is not.
	first, _, _ := bytes.Cut(data, []byte("\n"))
	if err := os.WriteFile(file, data[:len(first)+40], 0o644); err != nil {
		t.Fatal(err)
	}
	again := begin(1)
	if again.restored != 1 {
		t.Fatalf("%d restored, want 1", again.restored)
	}
	if err := again.run(nil); err != nil {
		t.Fatal(err)
	}
	for key, want := range s.results {
		if got := again.results[key]; asJSON(t, got) != asJSON(t, want) {
			t.Errorf("run again, %s came to something else", key)
		}
	}
	var report bytes.Buffer
	late := begin(3)
	late.until = time.Now()
	if err := late.run(nil); err != nil {
		t.Fatal(err)
	}
	ok := late.report(&report)
	if want := "of them before;"; !ok || late.restored != 2 || !strings.Contains(report.String(), want) || !strings.Contains(report.String(), "asked for were not run") {
		t.Errorf("restored %d, ok %v:\n%s", late.restored, ok, &report)
	}
	other := begin(1)
	other.build = "b2"
	if err := other.resume(file); err != nil || other.restored != 0 {
		t.Errorf("another build resumes %d results: %v", other.restored, err)
	}
}

// Every seed has its drawn faults, two of five have the table, and a seed alone has all.
func TestSoakHasJobsForEverySeed(t *testing.T) {
	kinds, table := len(sim.FaultKinds())+1, len(trials())
	for _, tt := range []struct {
		first, last uint64
		want        int
	}{{1, 50, 50*kinds + 20*table}, {7, 7, kinds + table}} {
		s := &soak{hours: 24, first: tt.first, last: tt.last, matching: regexp.MustCompile(".")}
		if got := len(s.jobs()); got != tt.want {
			t.Errorf("seeds %d to %d: %d jobs, want %d", tt.first, tt.last, got, tt.want)
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSoakFailsOnPanicAndOnWhatIsNotKnown(t *testing.T) {
	j := job{trial: trial{name: "x", model: "perfect", after: 2, judge: func(*tally) error { panic("odd") }}, seed: 7}
	if o := j.run("b"); !strings.Contains(o.Panic, "odd") || o.Seed != 7 {
		t.Errorf("%+v", o)
	}
	for _, tt := range []struct {
		outcome
		want bool
	}{
		{outcome{}, true},
		{outcome{Wrong: []string{"late"}}, false},
		{outcome{Wrong: []string{"late"}, Known: "not built"}, true},
		{outcome{Panic: "odd", Known: "not built"}, false},
	} {
		s := &soak{hours: 1, first: 7, last: 7, matching: regexp.MustCompile(`^drawn/none$`), results: map[string]outcome{}}
		o := tt.outcome
		o.Trial, o.Seed, o.Hours = "drawn/none", 7, 1
		s.results[o.key()] = o
		var report bytes.Buffer
		if got := s.report(&report); got != tt.want {
			t.Errorf("%+v: %v\n%s", tt.outcome, got, &report)
		}
		if len(o.Wrong) > 0 && !strings.Contains(report.String(), "-only '^drawn/none$' -seed 7 -hours 1") {
			t.Errorf("nothing says how to run it again:\n%s", &report)
		}
	}
}

func TestDrawnFaultsAreTheSameForASeed(t *testing.T) {
	for _, k := range sim.FaultKinds() {
		differ := false
		for seed := range uint64(20) {
			a, b := drawn(k.Name, seed, 24), drawn(k.Name, seed, 24)
			if !reflect.DeepEqual(a.faults, b.faults) || a.model != b.model {
				t.Errorf("%s seed %d: %+v, %+v", k.Name, seed, a.faults, b.faults)
			}
			f := a.faults[0]
			if f.At < 0 || f.At+f.For > 24*time.Hour || f.For < time.Second {
				t.Errorf("%s seed %d: %+v", k.Name, seed, f)
			}
			differ = differ || !reflect.DeepEqual(a.faults, drawn(k.Name, 99, 24).faults)
		}
		if !differ {
			t.Errorf("%s: all seeds alike", k.Name)
		}
	}
}

// What is kept is made once for all who need it, is another for another seed, and makes a unit that starts wiser: it
// serves longer in holdover than one that knows nothing of its crystal.
func TestUnitsAreRestartedWithWhatIsKept(t *testing.T) {
	one, err := memoryOf("pi-quiet", 1)
	if err != nil {
		t.Fatal(err)
	}
	again, err := memoryOf("pi-quiet", 1)
	other, failed := memoryOf("pi-quiet", 2)
	if err != nil || failed != nil || one != again || reflect.DeepEqual(one, other) {
		t.Errorf("%p, %p, %v, %v; like another seed's: %v", one, again, err, failed, reflect.DeepEqual(one, other))
	}
	served := func(kept bool) int {
		c := trial{model: "pi-load", warm: drawnWarm, kept: kept, after: 2 * hour, faults: on(sim.FaultAntenna, forEver, 0, 0)}
		got, err := c.run(1)
		if err != nil || got.Dishonest > 0 {
			t.Fatalf("%+v, %v", got, err)
		}
		return got.Served
	}
	with, without := served(true), served(false)
	t.Logf("holdover is served for %d s with what was kept and for %d s without", with, without)
	if with <= without {
		t.Error("what was kept is of no use")
	}
}
