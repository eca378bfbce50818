package appliance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"timeball/board/sim"
	"timeball/board/store"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server"
)

// lockWithin is how long a unit of this kind may take to its lock: 2 s to the fix, a second pulse, and five that agree.
const lockWithin = 20 * time.Second

func TestSimulatedUnitLocksAndTellsTheTruth(t *testing.T) {
	for _, model := range []string{"perfect", "pi-quiet", "pi-load", "pi-hwts", "tcxo", "ocxo"} {
		t.Run(model, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := newUnit(t, simConfig(t, model), newSim(t, model, 1))
				stop := start(t, u)
				if s := u.Status(); s.Mode != "free-running" || s.Stratum != 16 || s.BoundSeconds != nil || s.ServedUnixNanoseconds != nil {
					t.Errorf("at the start: %+v", s)
				}
				t.Logf("locked after %v", waitLock(t, u, lockWithin))
				for range 60 {
					time.Sleep(1037 * time.Millisecond) // at another phase each time
					honest(t, u)
				}
				s := u.Status()
				if s.Mode != "locked" || s.Leap != "none" || s.Stratum != 1 || *s.RefID != "PPS" || !s.Simulated || s.Reason != "" {
					t.Errorf("status %+v", s)
				}
				if math.Abs(*s.SimErrorSeconds) > *s.BoundSeconds || *s.BoundSeconds > *s.RootDispersionSeconds {
					t.Errorf("error %g, bound %g, root dispersion %g", *s.SimErrorSeconds, *s.BoundSeconds, *s.RootDispersionSeconds)
				}
				if s.TemperatureCelsius == nil || s.Utilisation == nil || len(s.Satellites) == 0 || len(s.HoldoverForecast) == 0 {
					t.Errorf("something is not shown: %+v", s)
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestSimulatedUnitKeepsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUnit(t, simConfig(t, "pi-quiet"), newSim(t, "pi-quiet", 10))
		stop := start(t, u)
		waitLock(t, u, lockWithin/10)
		time.Sleep(6 * time.Second)
		if s := u.Status(); s.Mode != "locked" || s.ModeSeconds < 50 || math.Abs(*s.SimErrorSeconds) > *s.BoundSeconds {
			t.Errorf("status %+v", s)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// A packet that waited is stamped with what the simulated clock showed when it came.
func TestSimulatedClockConvertsStamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := newSim(t, "pi-quiet", 1)
		u := newUnit(t, simConfig(t, "pi-quiet"), board)
		stop := start(t, u)
		served := board.Served()
		try := func(name string, want bool) {
			t.Helper()
			came, shown := clock.Real(time.Now().UnixNano()), served.Now().Real
			time.Sleep(3 * time.Millisecond)
			got, ok := served.FromKernel(came, served.Now())
			if ok != want || ok && math.Abs(float64(got.Sub(shown))) > 1e-9 {
				t.Errorf("%s: %d, %v, want %d, %v", name, got, ok, shown, want)
			}
		}
		time.Sleep(time.Second)
		try("3.5 s behind", true)
		began := time.Now()
		for served.Now().Era == 0 && time.Since(began) < lockWithin {
			time.Sleep(time.Millisecond)
		}
		if _, ok := served.FromKernel(clock.Real(time.Now().UnixNano()-int64(10*time.Millisecond)), served.Now()); ok {
			t.Error("a stamp of the last era is taken")
		}
		time.Sleep(10 * time.Millisecond)
		try("after the step", true)
		now := time.Now().UnixNano()
		for _, stamp := range []int64{now + 1000, now - 1_100_000_000} {
			if _, ok := served.FromKernel(clock.Real(stamp), served.Now()); ok {
				t.Errorf("a stamp %d ns old is taken", now-stamp)
			}
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestMonitorNeverSteers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := newSim(t, "pi-quiet", 1)
		board.Monitor = true
		u := newUnit(t, simConfig(t, "pi-quiet"), board)
		stop := start(t, u)
		time.Sleep(time.Minute)
		honest(t, u)
		now := u.board.Served().Now()
		// 3.5 s behind and 10 ppm fast, as it was made.
		if want := -3.5 + 60*10e-6; now.Era != 0 || math.Abs(float64(board.TrueError())-want) > 1e-4 {
			t.Errorf("era %d, off by %v s, want era 0 and %v", now.Era, board.TrueError(), want)
		}
		if s := u.Status(); s.Stratum != 16 || s.Reason == "" {
			t.Errorf("stratum %d, reason %q", s.Stratum, s.Reason)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// fakeBoard is a Board that does what a test says.
type fakeBoard struct {
	*machine
	run func(ctx context.Context, take func(timing.Event)) error
}

func newFake(run func(context.Context, func(timing.Event)) error) fakeBoard {
	return fakeBoard{newMachine(), run}
}

func (fakeBoard) Name() string                                             { return "fake" }
func (b fakeBoard) Clock() discipline.Clock                                { return b.machine }
func (b fakeBoard) Served() server.Clock                                   { return b }
func (b fakeBoard) Run(ctx context.Context, take func(timing.Event)) error { return b.run(ctx, take) }

func (b fakeBoard) Now() clock.Reading { now, _ := b.Read(); return now }

func (b fakeBoard) FromKernel(stamp clock.Real, _ clock.Reading) (clock.Real, bool) {
	return stamp, true
}

func TestUnitEndsWhenItsBoardFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("the bus has gone")
		cfg := quiet()
		cfg.State = store.Dir(t.TempDir())
		u := newUnit(t, cfg, newFake(func(context.Context, func(timing.Event)) error {
			time.Sleep(time.Second)
			return broken
		}))
		if err := u.Run(t.Context()); !errors.Is(err, broken) {
			t.Errorf("Run = %v, want %v", err, broken)
		}
	})
}

// A board that ends without an error has no more events: the unit goes on answering, and what it says expires by itself.
func TestUnitOutlivesItsEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := newSim(t, "perfect", 1)
		cut, ended := context.WithCancel(t.Context())
		u := newUnit(t, simConfig(t, "perfect"), cutShort{board, cut})
		stop := start(t, u)
		waitLock(t, u, lockWithin)
		ended()
		for range 10 {
			time.Sleep(time.Second)
			honest(t, u)
		}
		if s := u.Status(); s.Stratum != 16 || s.Leap != "unsynchronized" || s.Reason != "reference expired" || s.ServedUnixNanoseconds != nil {
			t.Errorf("stratum %d, leap %s, reason %q", s.Stratum, s.Leap, s.Reason)
		}
		if earliest, _, _ := u.Now(); earliest != nil {
			t.Error("an interval is given although the Engine stands still")
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// cutShort is a Board whose events end with a context of their own.
type cutShort struct {
	*SimBoard
	ctx context.Context
}

func (c cutShort) Run(_ context.Context, take func(timing.Event)) error {
	return c.SimBoard.Run(c.ctx, take)
}

func TestUnitNeedsAClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := newFake(nil)
		broken := errors.New("clock_gettime: not permitted")
		board.setBroken(broken)
		if _, err := New(quiet(), board); !errors.Is(err, broken) {
			t.Errorf("New = %v, want %v", err, broken)
		}
	})
}

func TestRecordingReplays(t *testing.T) {
	var live []string
	var record bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		cfg := simConfig(t, "pi-quiet")
		cfg.Record = &record
		var u *Unit
		u = newUnit(t, cfg, watched{Board: newSim(t, "pi-quiet", 1), after: func(e timing.Event) {
			if e.Kind == timing.KindTick {
				live = append(live, asJSON(t, u.Snapshot()))
			}
		}})
		stop := start(t, u)
		time.Sleep(2 * time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	var again []string
	if err := timing.Replay(&record, func(s *timing.Snapshot) error {
		again = append(again, asJSON(t, s))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(live) < 4*115 || !strings.Contains(live[len(live)-1], `"ever_locked":true`) {
		t.Fatalf("%d ticks, the last %s", len(live), live[len(live)-1])
	}
	if len(live) != len(again) {
		t.Fatalf("%d ticks, %d replayed", len(live), len(again))
	}
	for i := range live {
		if live[i] != again[i] {
			t.Fatalf("tick %d:\nlive     %s\nreplayed %s", i, live[i], again[i])
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fullDisk is a Writer with room for so many bytes.
type fullDisk struct{ room int }

var errFull = errors.New("no space left on device")

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.room -= len(p); d.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestFullDiskEndsTheRecordingOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := simConfig(t, "perfect")
		cfg.Record = &fullDisk{room: 20_000}
		log := logged(&cfg)
		u := newUnit(t, cfg, newSim(t, "perfect", 1))
		stop := start(t, u)
		waitLock(t, u, lockWithin)
		time.Sleep(time.Minute)
		if s := u.Status(); s.Stratum != 1 {
			t.Errorf("stratum %d, reason %q", s.Stratum, s.Reason)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if n := strings.Count(log.String(), "recording ended"); n != 1 || !strings.Contains(log.String(), errFull.Error()) {
			t.Errorf("%d log lines say that the recording has ended, want 1:\n%s", n, log)
		}
	})
}

func TestRecordingThatCannotBeginIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := quiet()
		cfg.Record = &fullDisk{}
		if _, err := New(cfg, newFake(nil)); !errors.Is(err, errFull) {
			t.Errorf("New = %v, want %v", err, errFull)
		}
	})
}

// A power cut may cost 10 s of a recording.
func TestRecordingIsWrittenAsItGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var disk buffer
		cfg := quiet()
		cfg.Record = &disk
		ticks := make(chan timing.Event)
		u := newUnit(t, cfg, newFake(func(ctx context.Context, take func(timing.Event)) error {
			for e := range ticks {
				take(e)
			}
			return nil
		}))
		stop := start(t, u)
		for at := clock.Mono(11e9); at < 60e9; at += 11e9 {
			ticks <- timing.Event{Kind: timing.KindTick, At: at}
			synctest.Wait()
			if want := fmt.Sprintf(`"at":%d`, at); !strings.Contains(disk.String(), want) {
				t.Errorf("no %s on the disk while the unit runs", want)
			}
		}
		ticks <- timing.Event{Kind: timing.KindTick, At: 56e9}
		close(ticks)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if !strings.Contains(disk.String(), `"at":56000000000`) {
			t.Error("the last tick is not on the disk when the unit has ended")
		}
	})
}

func TestUnitKeepsTheDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := simConfig(t, "perfect")
		cfg.State = store.Dir(t.TempDir())
		spoken := func(c *sim.Config) { c.Receiver = nil } // an hour of bytes takes long
		u := newUnit(t, cfg, newSim(t, "perfect", 1, spoken))
		// How old the date is that is kept, within what the clock may be wrong.
		age := func() time.Duration {
			return time.Duration(time.Now().UnixNano() - int64(Recall(cfg.State, cfg.Log).UTC)).Round(10 * time.Microsecond)
		}
		stop := start(t, u)
		time.Sleep(5 * time.Second)
		if got := Recall(cfg.State, cfg.Log).UTC; got != 0 {
			t.Errorf("%v is kept before the unit is certain", got)
		}
		waitLock(t, u, lockWithin)
		synctest.Wait()
		if got := age(); got < 0 || got > time.Second {
			t.Errorf("after the lock the date kept is %v old", got)
		}
		time.Sleep(time.Hour)
		if got := age(); got > time.Minute {
			t.Errorf("after an hour the date kept is %v old", got)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if got := age(); got != 0 {
			t.Errorf("at the end the date kept is %v old", got)
		}
	})
}

func TestStateThatCannotBeKeptIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := simConfig(t, "perfect")
		cfg.State = "/dev/null/below a file"
		log := logged(&cfg)
		u := newUnit(t, cfg, newSim(t, "perfect", 1))
		stop := start(t, u)
		waitLock(t, u, lockWithin)
		synctest.Wait()
		if err := stop(); err != nil {
			t.Error(err)
		}
		if !strings.Contains(log.String(), "state not kept") {
			t.Errorf("no word of it:\n%s", log)
		}
	})
}

func TestFloorIsTheLaterDate(t *testing.T) {
	dir := store.Dir(t.TempDir())
	cfg := quiet()
	log := logged(&cfg)
	if got := max(5, Recall(dir, cfg.Log).UTC); got != 5 || log.String() != "" {
		t.Errorf("nothing kept: %d, log %q, want 5 and no word", got, log)
	}
	const first = timing.FirstDate
	for _, tt := range []struct{ kept, build, want timescale.UTC }{{first + 3, first + 5, first + 5}, {first + 7, first + 5, first + 7}} {
		if err := dir.Save(KeptName, Kept{UTC: tt.kept}); err != nil {
			t.Fatal(err)
		}
		if got := max(tt.build, Recall(dir, cfg.Log).UTC); got != tt.want {
			t.Errorf("Floor with %d kept and build %d = %d, want %d", tt.kept, tt.build, got, tt.want)
		}
	}
	if err := dir.Save(KeptName, Kept{UTC: first - 1}); err != nil {
		t.Fatal(err)
	}
	if got := Recall(dir, cfg.Log).UTC; got != first+7 || !strings.Contains(log.String(), "some of what was kept is not used") {
		t.Errorf("a date before GPS: %d, log %q, want the copy before it and a warning", got, log)
	}
}
