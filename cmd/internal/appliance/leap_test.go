package appliance

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"timeball/board/sim"
	"timeball/board/store"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/server"
	"timeball/server/leap"
	"timeball/server/ntp"
	"timeball/web/api"
)

// leapList writes a list without further leap seconds that expires at an instant.
func leapList(expires timescale.UTC) string {
	return timescale.Builtin().Extended(0, clock.LeapNone, expires).List()
}

// The list in the state directory is taken at the start and when it changes; one that is damaged is told of and changes
// nothing.
func TestUnitFollowsTheListOfLeapSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := simConfig(t, "perfect")
		cfg.State = store.Dir(t.TempDir())
		log := logged(&cfg)
		file := filepath.Join(string(cfg.State), LeapSecondsName)
		later := timescale.Builtin().Expires()
		write := func(text string) {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(file, time.Now(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		write(leapList(later + timescale.Day))
		u := newUnit(t, cfg, newSim(t, "perfect", 1, func(c *sim.Config) { c.Receiver = nil }))
		stop := start(t, u)
		want := func(expires timescale.UTC, said string) {
			t.Helper()
			if got := u.Snapshot().Leap.ListExpires; got != expires {
				t.Errorf("the list is good until %v, want %v", got, expires)
			}
			if !strings.Contains(log.String(), said) {
				t.Errorf("%q was not logged", said)
			}
		}
		time.Sleep(2 * time.Second)
		want(later+timescale.Day, "good until")
		write(leapList(later + 2*timescale.Day))
		time.Sleep(time.Hour)
		want(later+2*timescale.Day, "good until")
		write("#@ torn")
		time.Sleep(time.Hour)
		want(later+2*timescale.Day, "not a list of leap seconds")
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		want(later+2*timescale.Day, "")
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// A list that was configured and is not there is told of, once.
func TestConfiguredListOfLeapSecondsIsMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := simConfig(t, "perfect")
		cfg.LeapSeconds = filepath.Join(t.TempDir(), "none")
		log := logged(&cfg)
		u := newUnit(t, cfg, newSim(t, "perfect", 1, func(c *sim.Config) { c.Receiver = nil }))
		stop := start(t, u)
		time.Sleep(150 * time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if n := strings.Count(log.String(), "list of leap seconds not read"); n != 1 {
			t.Errorf("told %d times, want once", n)
		}
		if s := u.Status(); s.LeapSeconds == nil || s.LeapSeconds.ListExpiresUnixSeconds != int64(timescale.Builtin().Expires()/timescale.Second) {
			t.Errorf("status %+v", s.LeapSeconds)
		}
	})
}

// While a leap second is open the page gives that as the reason, not that a Reference has expired.
func TestOpenLeapSecondIsTheReason(t *testing.T) {
	u := newUnit(t, simConfig(t, "perfect"), newSim(t, "perfect", 1))
	s := *u.Snapshot()
	s.Estimate.HasOffset, s.Estimate.Until, s.Estimate.Reason = true, 1, "a leap second before 2027-07-01 has one witness only"
	p := published{snapshot: &s, reference: u.published.Load().reference}
	u.published.Store(&p)
	if got := u.Status().Reason; got != s.Estimate.Reason {
		t.Errorf("reason %q", got)
	}
}

// Each address says by its policy what its clients are told, six hours into a smear.
func TestStatusTellsWhatEachListenerDoes(t *testing.T) {
	now := clock.Reading{Mono: 1e15, Real: clock.Real(1483228800e9 - 6*3600e9), Boot: 1e15}
	ref := ntp.Reference{
		Synchronised: true, Stratum: 1, Anchor: now, Expiry: now.Mono + 5e9, TAIOffset: 36, Leap: clock.LeapInsert, LeapAt: 1483228800e9,
		Smear: leap.Event{Leap: clock.LeapInsert, At: 1483228800e9, Before: 36},
	}
	at := netip.MustParseAddrPort("192.0.2.1:123")
	var got, none api.Status
	describeListeners(&got, []server.Listening{{Address: at}, {Address: at, Leap: leap.Suppress}, {Address: at, Leap: leap.Smear}}, &ref, now)
	want := api.Status{Listeners: []api.Listener{
		{Address: "192.0.2.1:123", LeapPolicy: "announce", Leap: "insert"},
		{Address: "192.0.2.1:123", LeapPolicy: "suppress", Leap: "none"},
		{Address: "192.0.2.1:123", LeapPolicy: "smear", Leap: "none", SmearSeconds: new(-21600.0 / 86401)},
	}}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 2e-9)); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	describeListeners(&none, []server.Listening{{Address: at, Leap: leap.Smear}}, &ntp.Reference{}, now)
	if l := none.Listeners[0]; l.Leap != "unsynchronized" || l.SmearSeconds != nil {
		t.Errorf("of a unit that does not know the time: %+v", l)
	}
}
