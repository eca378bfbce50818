package direct

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"timeball/board/sim"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server/publish"
)

const start = timescale.UTC(1_790_000_000) * second // 2026-09-21, far from any leap second

const hour = 3600

// unit returns the Config of a simulated unit as timeballd declares it.
func unit(t testing.TB, model string, seed uint64, seconds int, faults ...sim.Fault) Config {
	t.Helper()
	m, err := sim.ModelNamed(model)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		World: sim.Config{
			Model: m, Seed: seed, Start: start, E0: 50 * time.Millisecond, Y0: 1e-5, Sensors: true, RTC: true, Faults: faults,
		},
		Engine: timing.Default(), Publish: publish.Default(), Seconds: seconds,
	}
	cfg.Engine.Loop.Bias = (m.Latency[0] + m.Latency[1]) / 2
	cfg.Engine.Loop.BiasRange = (m.Latency[1] - m.Latency[0]) / 2
	return cfg
}

// mustRun runs cfg and fails the test, naming the seed, where that is not possible.
func mustRun(t testing.TB, cfg Config, visit func(Sample) bool) {
	t.Helper()
	if err := Run(cfg, visit); err != nil {
		t.Fatalf("%s seed %d: %v", cfg.World.Model.Name, cfg.World.Seed, err)
	}
}

// The yardstick: the bound holds 99.9 % of locked and 99 % of holdover samples, pooled, and no seed is below 95 %; no
// answer claims more than it keeps.
func TestUnitIsHonestLockedAndInHoldover(t *testing.T) {
	lock, hold, seeds := 6*hour, 2*hour, uint64(6)
	if testing.Short() { // as with the race detector: that it runs, not how well
		lock, hold, seeds = hour, hour/4, 1
	}
	for _, model := range []string{"pi-quiet", "pi-load", "pi-hwts", "tcxo", "ocxo"} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			var pooled Score
			for seed := range seeds {
				cfg := unit(t, model, seed+1, lock+hold, sim.Fault{Name: sim.FaultAntenna, At: time.Duration(lock) * time.Second})
				cfg.Engine.Loop.Limit, cfg.Publish.Limit = 1, time.Second // or holdover ends before it can be judged
				var s Score
				mustRun(t, cfg, func(x Sample) bool { s.Add(x); return true })
				for b := range s.Bucket {
					if got := &s.Bucket[b]; got.Samples > 0 && got.Coverage() < 0.95 {
						t.Errorf("seed %d, %v: bound held %.4f of samples, want 0.95", seed+1, Bucket(b), got.Coverage())
					}
				}
				pooled.Merge(&s)
			}
			judge(t, &pooled)
		})
	}
}

func judge(t *testing.T, pooled *Score) {
	t.Helper()
	if pooled.Dishonest > 0 {
		t.Errorf("%d of %d synchronised answers were dishonest", pooled.Dishonest, pooled.Synchronised)
	}
	for b, want := range [Buckets]float64{Locked: 0.999, HoldoverTo1h: 0.99, HoldoverTo4h: 0.99} {
		got := &pooled.Bucket[b]
		if want == 0 || testing.Short() && Bucket(b) == HoldoverTo4h {
			continue
		}
		if got.Samples == 0 {
			t.Errorf("%v: no samples", Bucket(b))
			continue
		}
		t.Logf("%v: %d samples, bound held %.5f, tightness %.1f", Bucket(b), got.Samples, got.Coverage(), got.Tightness())
		if got.Coverage() < want {
			t.Errorf("%v: bound held %.5f of samples, want %.3f", Bucket(b), got.Coverage(), want)
		}
	}
}

// trace is what a run looks like from outside, for comparing two of them.
func trace(t *testing.T, cfg Config) []byte {
	var b bytes.Buffer
	mustRun(t, cfg, func(x Sample) bool {
		line, err := json.Marshal(x.Snapshot.Estimate)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%d %x %x %x %v %s\n", x.Second, float64(x.Error), float64(x.Bound), float64(x.RootDistance), x.Synchronised, line)
		return true
	})
	return b.Bytes()
}

func TestRunIsTheSameForASeed(t *testing.T) {
	a, b := trace(t, unit(t, "pi-load", 3, 900)), trace(t, unit(t, "pi-load", 3, 900))
	if !bytes.Equal(a, b) {
		t.Error("two runs of one seed differ")
	}
	if c := trace(t, unit(t, "pi-load", 4, 900)); bytes.Equal(a, c) {
		t.Error("two seeds made the same run")
	}
}

// A recording gives the same Estimates, byte by byte, also where the clock was stepped, the antenna failed and another
// program moved the clock.
func TestRecordingReplaysTheSameEstimates(t *testing.T) {
	cfg := unit(t, "pi-quiet", 5, 400,
		sim.Fault{Name: sim.FaultAntenna, At: 100 * time.Second, For: 60 * time.Second},
		sim.Fault{Name: sim.FaultForeignStep, At: 250 * time.Second, By: 3 * time.Millisecond})
	cfg.World.Receiver = sim.NewTalker(5, 38400, 120*time.Millisecond)
	var recording bytes.Buffer
	rec, err := timing.NewRecorder(&recording, "test", cfg.Engine)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Clock = rec.Clock
	var want []string
	cfg.Take = func(e *timing.Engine, ev timing.Event) {
		rec.Event(ev)
		e.Take(ev)
		if ev.Kind == timing.KindTick {
			want = append(want, line(t, e.Snapshot()))
		}
	}
	mustRun(t, cfg, func(Sample) bool { return true })
	if err := rec.Flush(); err != nil {
		t.Fatal(err)
	}
	got := estimates(t, recording.String())
	if len(want) < 4*cfg.Seconds-4 || !slices.Equal(got, want) {
		t.Errorf("replay gives %d estimates, the run gave %d, or they differ", len(got), len(want))
	}
	// A power cut leaves part of a line: what is whole is replayed.
	cut := estimates(t, recording.String()[:recording.Len()/2])
	if len(cut) == 0 || !slices.Equal(cut, want[:len(cut)]) {
		t.Errorf("the first half of the recording gives %d other estimates", len(cut))
	}
}

func line(t *testing.T, s *timing.Snapshot) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func estimates(t *testing.T, recording string) []string {
	t.Helper()
	var lines []string
	err := timing.Replay(strings.NewReader(recording), func(s *timing.Snapshot) error {
		lines = append(lines, line(t, s))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// F10: nothing is served as good before the receiver has a fix and pulses agree.
func TestNothingIsServedBeforeTheFix(t *testing.T) {
	cfg := unit(t, "pi-quiet", 2, 120)
	cfg.World.FixAfter = 60 * time.Second
	cfg.World.Receiver = sim.NewTalker(2, 9600, 300*time.Millisecond)
	locked := 0
	mustRun(t, cfg, func(x Sample) bool {
		if x.Synchronised && x.Second < 60 {
			t.Fatalf("second %d: served as good before the fix at 60 s", x.Second)
		}
		if x.Synchronised && locked == 0 {
			locked = x.Second
		}
		return true
	})
	if locked == 0 || locked > 75 { // three messages, two pulses, five more accepted, and their margin
		t.Errorf("served as good from second %d, want within 15 s of the fix", locked)
	}
}

// F1: the pulse stops, messages go on: holdover within 3 s, and never the quality of a message as stratum 1.
func TestPulseStopsAndHoldoverBegins(t *testing.T) {
	const at = 1800
	cfg := unit(t, "pi-quiet", 1, at+600, sim.Fault{Name: sim.FaultPulse, At: at * time.Second})
	noticed := 0
	mustRun(t, cfg, func(x Sample) bool {
		if x.Dishonest() {
			t.Fatalf("second %d: dishonest", x.Second)
		}
		if x.Second > at && noticed == 0 && x.Snapshot.Estimate.Mode == discipline.Holdover {
			noticed = x.Second - at
		}
		return true
	})
	if noticed == 0 || noticed > 3 {
		t.Errorf("holdover after %d s, want at most 3", noticed)
	}
}

// F2: messages stop, pulses go on: seconds are counted for a day.
func TestMessagesStopAndSecondsAreCounted(t *testing.T) {
	day := 24 * hour
	if testing.Short() {
		day = hour
	}
	cfg := unit(t, "pi-quiet", 1, 600+day, sim.Fault{Name: sim.FaultMessages, At: 600 * time.Second})
	synchronised := 0
	mustRun(t, cfg, func(x Sample) bool {
		if x.Dishonest() || x.Second > 600 && max(x.Error, -x.Error) > 1e-3 {
			t.Fatalf("second %d: error %v, root distance %v", x.Second, x.Error, x.RootDistance)
		}
		if x.Second > 600 && x.Synchronised {
			synchronised++
		}
		if x.Second == 700 && x.Snapshot.Estimate.Reason == "" {
			t.Fatal("nothing is said of the silent receiver")
		}
		return true
	})
	if share := float64(synchronised) / float64(2*day); share < 0.99 {
		t.Errorf("served as good for %.4f of the time, want 0.99", share)
	}
}

// F3: all is lost. The bound grows with the error until it reaches the limit; then the unit says so.
func TestHoldoverEndsOnTheBound(t *testing.T) {
	const lock = 2 * hour
	cfg := unit(t, "pi-load", 1, lock+24*hour, sim.Fault{Name: sim.FaultAntenna, At: lock * time.Second})
	var last Sample
	ended := 0
	mustRun(t, cfg, func(x Sample) bool {
		if x.Dishonest() {
			t.Fatalf("second %d: error %v, root distance %v", x.Second, x.ServedError, x.RootDistance)
		}
		if x.Second > lock && last.Synchronised && !x.Synchronised {
			ended = x.Second - lock
			if last.RootDistance < 0.9e-3 || last.RootDistance > 1.1e-3 {
				t.Errorf("holdover ended at a root distance of %v, want the limit of 1 ms", last.RootDistance)
			}
		}
		last = x
		return true
	})
	if ended == 0 || last.Synchronised {
		t.Errorf("holdover never ended: last root distance %v", last.RootDistance)
	}
}

// F17: another program steps the clock. The very next answer says so, and the unit comes back by itself.
func TestForeignStepSilencesTheUnitUntilItHasChecked(t *testing.T) {
	for _, by := range []time.Duration{50 * time.Microsecond, -3 * time.Millisecond, 318 * time.Millisecond, -2 * time.Second} {
		t.Run(by.String(), func(t *testing.T) {
			const at = 900
			cfg := unit(t, "pi-quiet", 1, at+120, sim.Fault{Name: sim.FaultForeignStep, At: at*time.Second + 333*time.Millisecond, By: by})
			cfg.World.Receiver = sim.NewTalker(1, 38400, 120*time.Millisecond)
			silent, back := false, 0
			mustRun(t, cfg, func(x Sample) bool {
				switch {
				case x.Dishonest():
					t.Fatalf("second %d: error %v, root distance %v", x.Second, x.ServedError, x.RootDistance)
				case x.Second > at && !x.Synchronised:
					silent = true
				case x.Second > at && silent && back == 0:
					back = x.Second - at
				}
				return true
			})
			if !silent || back == 0 || back > 30 {
				t.Errorf("silent %v, back after %d s, want silence and then a return within 30 s", silent, back)
			}
		})
	}
}

// After the first lock only an explicit change of state steps the clock: a receiver that is wrong by whole seconds, or
// that drags its pulse, never does.
func TestClockIsNotSteppedInHoldoverAndReturn(t *testing.T) {
	cfg := unit(t, "pi-load", 7, 3*hour, sim.Fault{Name: sim.FaultAntenna, At: hour * time.Second, For: 40 * time.Minute})
	era := clock.Era(0)
	before := clock.Seconds(0)
	mustRun(t, cfg, func(x Sample) bool {
		est := &x.Snapshot.Estimate
		if est.EverLocked && era == 0 {
			era = est.At.Era
		}
		if est.EverLocked && est.At.Era != era {
			t.Fatalf("second %d: stepped after the first lock", x.Second)
		}
		if x.Second > 60 && max(x.Error-before, before-x.Error) > 500e-6 { // the kernel's limit
			t.Fatalf("second %d: clock moved from %v to %v within a second", x.Second, before, x.Error)
		}
		before = x.Error
		return true
	})
}

// A pulse that was away for so long that the clock is milliseconds off is followed again at once, and the clock is right as
// soon as a slew of 100 ppm can make it so. The limit is that of somebody who would rather have a bad clock than none.
func TestPulseIsFollowedAfterALongHoldover(t *testing.T) {
	const lost, slew = 2 * hour, 100e-6
	for _, model := range []string{"pi-quiet", "pi-load", "pi-hwts", "tcxo", "ocxo"} {
		for _, sensors := range []bool{true, false} {
			for _, away := range []int{2 * hour, 12 * hour} {
				t.Run(fmt.Sprintf("%s/sensors %v/%d h", model, sensors, away/hour), func(t *testing.T) {
					t.Parallel()
					if testing.Short() && away > 2*hour {
						t.Skip("-short")
					}
					cfg := unit(t, model, 3, lost+away+900, sim.Fault{Name: sim.FaultAntenna, At: lost * time.Second, For: time.Duration(away) * time.Second})
					cfg.World.Sensors, cfg.Engine.Loop.Limit = sensors, 1
					off, locked, noise := clock.Seconds(0), 0, [2]clock.Seconds{}
					mustRun(t, cfg, func(x Sample) bool {
						est := &x.Snapshot.Estimate
						switch {
						case x.Second < lost:
							noise[0] = est.Pulse.Core
						case x.Second < lost+away:
							off = x.Error
						case est.Mode == discipline.Locked:
							locked, noise[1] = x.Second-lost-away, est.Pulse.Core
						}
						if x.Dishonest() {
							t.Errorf("second %d: %+v", x.Second, x)
						}
						return locked == 0
					})
					within := 60 + math.Abs(float64(off))/slew
					t.Logf("%.0f us off, locked after %d s; noise %v, then %v", 1e6*float64(off), locked, noise[0], noise[1])
					if ratio := noise[1] / noise[0]; ratio < 0.5 || ratio > 2 {
						t.Errorf("the pulse's noise was %v and is %v", noise[0], noise[1])
					}
					if locked == 0 || float64(locked) > within {
						t.Errorf("%.0f us off, locked after %d s, want at most %.0f s", 1e6*float64(off), locked, within)
					}
				})
			}
		}
	}
}

func BenchmarkMarksAndEdges(b *testing.B) { benchmark(b, false) }

func BenchmarkBytes(b *testing.B) { benchmark(b, true) }

// benchmark reports how much faster than real time a unit runs, one look a second included.
func benchmark(b *testing.B, asBytes bool) {
	cfg := unit(b, "pi-quiet", 1, b.N)
	if asBytes {
		cfg.World.Receiver = sim.NewTalker(1, 38400, 120*time.Millisecond)
	}
	b.ReportAllocs()
	b.ResetTimer()
	mustRun(b, cfg, func(Sample) bool { return true })
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "x-real-time")
}

// F7 and its like: the pulse moves and stays away. The unit coasts on its own prediction while that is good; when it has
// to follow the pulse its bound keeps containing both.
func TestMovedPulseIsNeverServedAsIfNothingHadHappened(t *testing.T) {
	for _, by := range []time.Duration{13700 * time.Nanosecond, -13700 * time.Nanosecond, 100 * time.Microsecond, 3 * time.Millisecond} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			const at = 6 * hour
			cfg := unit(t, "pi-load", 1, at+3*hour, sim.Fault{Name: sim.FaultOffset, At: at * time.Second, By: by})
			dishonest, told := 0, 0
			mustRun(t, cfg, func(x Sample) bool {
				if x.Dishonest() {
					if dishonest == 0 {
						t.Logf("second %d: %v, error %v, root distance %v", x.Second, x.Snapshot.Estimate.Mode, x.ServedError, x.RootDistance)
					}
					dishonest++
				}
				if x.Second > at && told == 0 && x.Snapshot.Estimate.Reason != "" {
					told = x.Second - at
				}
				return true
			})
			if dishonest > 0 || told == 0 || told > 30 {
				t.Errorf("%d dishonest answers; told after %d s", dishonest, told)
			}
		})
	}
}
