package appliance

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"timeball/board/sim"
	"timeball/web/api"
	"timeball/web/verdict"
)

// F13, through a whole unit: the page and the API show an unplugged antenna within 2 s, in holdover, and the log says so.
func TestUnitShowsThatItsAntennaIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const failsAfter = 300 * time.Second
		board := newSim(t, "pi-quiet", 1, func(c *sim.Config) {
			c.Faults = []sim.Fault{{Name: sim.FaultOpen, At: failsAfter, For: time.Minute}}
		})
		cfg := simConfig(t, "pi-quiet")
		log := logged(&cfg)
		u := newUnit(t, cfg, board)
		stop := start(t, u)
		waitLock(t, u, lockWithin)
		well := u.Status()
		time.Sleep(failsAfter + 2*time.Second - time.Duration(well.UptimeSeconds*1e9))
		s := u.Status()
		if well.Conditions == nil || len(well.Conditions) != 0 || len(s.Conditions) != 1 || s.Mode != "holdover" {
			t.Fatalf("%+v, then %s with %+v", well.Conditions, s.Mode, s.Conditions)
		}
		want := api.Condition{Name: "antenna-open", Severity: "holdover", SinceSeconds: s.Conditions[0].SinceSeconds, Text: "the receiver finds no antenna: it draws no current"}
		if got := s.Conditions[0]; got != want || got.SinceSeconds > 2 {
			t.Errorf("%+v, want %+v", got, want)
		}
		if said := verdict.Sentence(s); !strings.Contains(said, "antenna has been gone") {
			t.Error(said)
		}
		time.Sleep(5 * time.Minute)
		if s := u.Status(); len(s.Conditions) != 0 || s.Mode != "locked" {
			t.Errorf("%s, %+v", s.Mode, s.Conditions)
		}
		for _, line := range []string{"antenna-open (holdover): the receiver finds no antenna", "antenna-open has ended after 9"} {
			if !strings.Contains(log.String(), line) {
				t.Errorf("no %q in the log:\n%s", line, log.String())
			}
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
