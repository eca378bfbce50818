package appliance

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"timeball/board/sim"
	"timeball/server/ntp"
	"timeball/server/shared"
	"timeball/web/api"
)

// newShared returns a writer and a reader of one page.
func newShared(t *testing.T) (*shared.Writer, *shared.Reader) {
	t.Helper()
	f, err := shared.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := shared.MapWriter(f)
	if err != nil {
		t.Fatal(err)
	}
	r, err := shared.MapReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return shared.NewWriter(w), shared.NewReader(r)
}

// A unit whose page is another process says what one in a single process says.
func TestShownUnitSaysWhatItIsTold(t *testing.T) {
	t.Parallel()
	writer, reader := newShared(t)
	origin := NewOrigin()
	m, err := sim.ModelNamed("pi-quiet")
	if err != nil {
		t.Fatal(err)
	}
	cfg := simConfig(t, "pi-quiet")
	cfg.Shared, cfg.Started = writer, time.Now().Add(-time.Hour)
	keeper := newUnit(t, cfg, NewSharedSimBoard(sim.Config{
		Model: m, Seed: 1, E0: -3500 * time.Millisecond, Y0: 1e-5, RTC: true, Sensors: true, FixAfter: time.Second,
		Receiver: sim.NewTalker(1, 38400, 120*time.Millisecond),
	}, origin, writer, nil))
	clock := NewSharedSimClock(reader, origin)
	shown, err := NewShown(Config{Version: "test", Started: cfg.Started, References: reader}, NewRemoteSim(clock))
	if err != nil {
		t.Fatal(err)
	}
	if s := shown.Status(); s.Mode != "free-running" || s.Stratum != 16 || !strings.Contains(s.Reason, "has not said anything yet") {
		t.Errorf("before anything was told: %+v", s)
	}
	stop := start(t, keeper)
	waitLock(t, keeper, lockWithin)
	deadline := time.Now().Add(10 * time.Second)
	for differ := "-"; differ != "" || len(shown.Status().MessageLatency) == 0; {
		frame, err := keeper.Frame()
		if err != nil {
			t.Fatal(err)
		}
		if err := shown.Receive(frame); err != nil {
			t.Fatal(err)
		}
		differ = cmp.Diff(keeper.Status(), shown.Status(), cmpopts.EquateApprox(0, 1e-3), cmpopts.EquateEmpty(),
			cmpopts.IgnoreFields(api.Status{}, "ServedUnixNanoseconds", "SimErrorSeconds"))
		if len(frame) > 64<<10 {
			t.Errorf("a frame has %d bytes", len(frame))
		}
		if time.Now().After(deadline) { // the Engine may publish between the two, and has counted no message yet
			t.Fatalf("-kept +shown:\n%s", differ)
		}
	}
	s := shown.Status()
	if len(s.MessageLatency[0].Latency.Counts) == 0 {
		t.Errorf("message latency %+v, want that of the receiver's messages", s.MessageLatency)
	}
	if s.Mode != "locked" || s.Stratum != 1 || s.SimErrorSeconds == nil || *s.SimErrorSeconds > *s.BoundSeconds || -*s.SimErrorSeconds > *s.BoundSeconds {
		t.Errorf("shown: %+v", s)
	}
	if ref := reader.Load(); ref.Check(clock.Now()) != ntp.Certain {
		t.Errorf("the page's reference: %v", ref.Check(clock.Now()))
	}
	served := reader.Served()
	if served == nil || served.Bound <= 0 || served.At.Mono == 0 {
		t.Errorf("served %+v", served)
	}
	if kept, ok := keeper.Keep(); !ok || cfg.Again(kept) != nil || cfg.Engine.Saved == 0 {
		t.Errorf("kept %s", kept)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// What has not been told for long is not shown as if it were true, and the page says why.
func TestShownUnitSaysThatItIsToldNothing(t *testing.T) {
	_, reader := newShared(t)
	shown, err := NewShown(Config{Answering: NewAnswers(nil)}, NewRemote(NewSharedSimClock(reader, NewOrigin())))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "{", "null", "{}", `{"Snapshot":{}}`, `{"Snapshot":3}`} {
		if shown.Receive([]byte(bad)) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	keeper := newUnit(t, simConfig(t, "perfect"), newSim(t, "perfect", 1))
	frame, err := keeper.Frame()
	if err != nil {
		t.Fatal(err)
	}
	if err := shown.Receive(frame); err != nil {
		t.Fatal(err)
	}
	if s := shown.Status(); strings.Contains(s.Reason, "silent") {
		t.Errorf("just told: %q", s.Reason)
	}
	shown.remote.told.Load().Sent -= 7_400_000_000
	s := shown.Status()
	if want := "the process that keeps the clock has been silent for 7 s and is being started anew"; s.Reason != want || s.Mode != "free-running" || s.BoundSeconds != nil {
		t.Errorf("%s: %q, want %q", s.Mode, s.Reason, want)
	}
	if _, err := NewShown(Config{}, newSim(t, "perfect", 1)); err == nil {
		t.Error("a board of this process was taken for another's")
	}
}
