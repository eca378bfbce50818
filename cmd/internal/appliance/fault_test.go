package appliance

import (
	"context"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"timeball/web/api"
)

func TestFaultIsCheckedBeforeItHappens(t *testing.T) {
	for _, tt := range []struct {
		fault api.Fault
		ok    bool
	}{
		{api.Fault{Name: "antenna-open"}, true},
		{api.Fault{Name: "label", BySeconds: -2, ForSeconds: 60}, true},
		{api.Fault{Name: "suspend"}, false}, // not offered: it would hold the page's clock up
		{api.Fault{Name: "flood"}, false},
		{api.Fault{Name: ""}, false},
		{api.Fault{Name: "drag", BySeconds: math.NaN()}, false},
		{api.Fault{Name: "drag", BySeconds: math.Inf(1)}, false},
		{api.Fault{Name: "drag", BySeconds: 1e300}, false},
		{api.Fault{Name: "drag", ForSeconds: -1}, false},
		{api.Fault{Name: "drag", ForSeconds: 90000}, false},
	} {
		if _, err := checkFault(tt.fault); (err == nil) != tt.ok {
			t.Errorf("%+v: error %v, want ok = %v", tt.fault, err, tt.ok)
		}
	}
}

func TestFaultOfAWorldThatStandsStillIsAnError(t *testing.T) {
	board := newSim(t, "pi-quiet", 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := board.Fault(ctx, api.Fault{Name: "pulse"}); err == nil {
		t.Error("a fault of a world nobody runs has happened")
	}
}

// What the page starts on a running board shows within the seconds that FAULTS wants, and ends when it is told to.
func TestUnitBeginsAndEndsAFaultThatIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUnit(t, simConfig(t, "pi-quiet"), newSim(t, "pi-quiet", 1))
		stop := start(t, u)
		waitLock(t, u, lockWithin)
		time.Sleep(5 * time.Minute)
		do := func(f api.Fault) api.Result {
			t.Helper()
			result, err := u.Do(t.Context(), api.Command{Name: api.CommandFault, Fault: &f})
			if err != nil {
				t.Fatal(err)
			}
			return result
		}
		on := func() (names []string) {
			for _, f := range u.Faults().Faults {
				if f.SinceSeconds != nil {
					names = append(names, f.Name)
				}
			}
			return names
		}
		if r := do(api.Fault{Name: "antenna-open"}); r.State != api.OK {
			t.Fatalf("%+v", r)
		}
		time.Sleep(3 * time.Second)
		if s := u.Status(); s.Mode != "holdover" || !slices.Equal(on(), []string{"antenna-open"}) {
			t.Errorf("3 s after the antenna is unplugged: %s with %v on", s.Mode, on())
		}
		do(api.Fault{Name: "antenna-open", End: true})
		do(api.Fault{Name: "heat", ForSeconds: 30})
		if !slices.Equal(on(), []string{"heat"}) {
			t.Errorf("%v on, want heat", on())
		}
		time.Sleep(2 * time.Minute)
		if s := u.Status(); s.Mode != "locked" || len(on()) != 0 {
			t.Errorf("2 min after the antenna is back: %s with %v on", s.Mode, on())
		}
		if r := do(api.Fault{Name: "foreign-step"}); r.State != api.OK || len(on()) != 0 {
			t.Errorf("%+v with %v on: a step is over at once", r, on())
		}
		time.Sleep(time.Second)
		if s := u.Status(); s.Leap != "unsynchronized" {
			t.Errorf("after a foreign step: %s, leap %s", s.Mode, s.Leap)
		}
		for _, f := range []api.Fault{{Name: "nothing"}, {Name: "flood"}} { // no NTP is served in this bubble
			if r := do(f); r.State != api.Failed || r.Message == "" {
				t.Errorf("%+v: %+v", f, r)
			}
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
