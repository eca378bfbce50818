package daemon

import (
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	beevik "github.com/beevik/ntp"

	"timeball/board/sim"
	"timeball/cmd/internal/peers"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/server/leap"
)

// leapSecond is one around which a unit runs in real time, with a listener for each policy.
type leapSecond struct {
	name, midnight string
	leap           clock.Leap
	listed         bool // in a file that the unit is given
}

// Clients of other projects ask a unit before, during and after a leap second. The announcing listener tells how far the
// simulated world is from this machine, the others are seen against it.
func TestClientsAroundALeapSecond(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		return // as short as it can be it takes 50 s; package direct has the same in virtual time
	}
	var units sync.WaitGroup // at the same time: they wait most of it
	for _, tt := range []leapSecond{
		{"2015", "2015-07-01", clock.LeapInsert, false},
		{"2016", "2017-01-01", clock.LeapInsert, false},
		{"deleted", "2027-07-01", clock.LeapDelete, true},
	} {
		units.Go(func() { tt.run(t) })
	}
	units.Wait()
}

func (tt *leapSecond) run(t *testing.T) {
	const before = 40 * time.Second // for the lock and for clients that take 5 s to ask
	at, err := timescale.ParseDate(tt.midnight)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Unix(0, int64(at)).Add(-before).UTC().Format(time.RFC3339)
	text := "[server]\nlisten = [\"127.0.0.1:0\", \"127.0.0.1:0 suppress\", \"127.0.0.1:0 smear\"]\n" +
		"[sim]\nreceiver = \"ubx-8\"\nstart = " + strconv.Quote(start) + "\n"
	p := program{}
	if tt.listed {
		list := filepath.Join(t.TempDir(), "leap-seconds.list")
		if err := os.WriteFile(list, []byte(timescale.Builtin().Extended(at, tt.leap, at+182*timescale.Day).List()), 0o644); err != nil {
			t.Fatal(err)
		}
		text += "[gnss]\nleap_seconds_file = " + strconv.Quote(list) + "\n"
		p.world = func(w *sim.Config) { w.Leap, w.LeapAt = tt.leap, at }
	}
	r := run(t, p, "-board", "sim", "-model", "perfect", "-config", write(t, "leap.toml", text), "-http", "127.0.0.1:0", "-https", "127.0.0.1:0")
	r.waitLock(t)
	event := leap.Event{Leap: tt.leap, At: at}
	c := &leapClients{r: r, name: tt.name, event: event}
	c.compare(t, "before") // which sets the measure of what is true
	c.watch(t)
	c.compare(t, "after")
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// leapClients ask a unit and know what is true.
type leapClients struct {
	r     *running
	name  string
	event leap.Event // on a time scale that is UTC until the leap second

	ahead time.Duration // this time scale minus this machine's clock
}

// want returns what a listener is to show at an instant of this machine, less that instant.
func (c *leapClients) want(p leap.Policy, at time.Time) time.Duration {
	passed := timescale.TAI(at.Add(c.ahead).UnixNano())
	return time.Duration(int64(c.event.Shown(p, passed)) - at.UnixNano())
}

// compare has chronyd and ntpdig ask all listeners at the same time.
func (c *leapClients) compare(t *testing.T, when string) {
	t.Helper()
	var asked sync.WaitGroup
	results := [2][leap.Policies]peers.Result{}
	var times [2][leap.Policies]time.Time
	for p, addr := range c.r.ntp {
		asked.Go(func() { results[0][p] = peers.Chronyd(t, addr, 12*time.Second, ""); times[0][p] = time.Now() })
		asked.Go(func() { results[1][p] = peers.Ntpdig(t, addr); times[1][p] = time.Now() })
	}
	asked.Wait()
	if c.ahead == 0 {
		c.ahead = results[0][leap.Announce].Offset.Duration()
	}
	for k, client := range []string{"chronyd", "ntpdig"} {
		for p := range leap.Policies {
			a := results[k][p]
			if !a.Synchronised {
				t.Errorf("%s, %s, %s, %v: not taken:\n%s", c.name, when, client, leap.Policy(p), a.Output)
				continue
			}
			// A smear moves by 60 us in the 5 s in which a client asks.
			off := a.Offset.Duration() - c.want(leap.Policy(p), times[k][p])
			t.Logf("%s, %s: %s sees %v at %+v, %v from what is wanted", c.name, when, client, leap.Policy(p), a.Offset.Duration(), off)
			if math.Abs(off.Seconds()) > tolerance+float64(a.Within) { // a busy machine answers ntpdig late
				t.Errorf("%s, %s, %s, %v: %v from what is wanted", c.name, when, client, leap.Policy(p), off)
			}
		}
	}
}

// watch asks all listeners again and again from 4 s before the leap second to 4 s after it.
func (c *leapClients) watch(t *testing.T) {
	t.Helper()
	passed := func() timescale.UTC { return timescale.UTC(time.Now().Add(c.ahead).UnixNano()) }
	end := c.event.At + timescale.UTC(c.event.Leap)*timescale.Second // of the leap second, as the seconds pass
	if left := time.Duration(end - passed()); left < 5*time.Second || left > time.Minute {
		t.Fatalf("%v until the leap second", left)
	} else {
		<-time.After(left - 4*time.Second)
	}
	var synchronised [leap.Policies][]time.Duration // answers, less the end of the leap second
	for tick := time.NewTicker(25 * time.Millisecond); passed() < end+4*timescale.Second; <-tick.C {
		for p, addr := range c.r.ntp {
			from := time.Now()
			a, err := beevik.QueryWithOptions(addr.String(), beevik.QueryOptions{Timeout: time.Second})
			if err != nil || time.Since(from) > 10*time.Millisecond {
				continue // late on a busy machine: which side of the second it was asked on is not clear
			}
			c.judge(t, leap.Policy(p), addr, a, from)
			if a.Leap != beevik.LeapNotInSync {
				synchronised[p] = append(synchronised[p], time.Duration(timescale.UTC(from.Add(c.ahead).UnixNano())-end))
			}
		}
	}
	for p, all := range synchronised {
		silent := slices.ContainsFunc(all, func(d time.Duration) bool { return d > -900*time.Millisecond && d < 900*time.Millisecond })
		if len(all) < 20 || silent != (leap.Policy(p) == leap.Smear) {
			t.Errorf("%s, %v: %d synchronised answers, some of them within 0.9 s of the leap second: %v", c.name, leap.Policy(p), len(all), silent)
		}
	}
}

// judge checks one answer.
func (c *leapClients) judge(t *testing.T, p leap.Policy, addr netip.AddrPort, a *beevik.Response, at time.Time) {
	t.Helper()
	passed := timescale.UTC(at.Add(c.ahead).UnixNano())
	indicator := beevik.LeapNoWarning
	if p == leap.Announce && passed < c.event.At {
		indicator = map[clock.Leap]beevik.LeapIndicator{clock.LeapInsert: beevik.LeapAddSecond, clock.LeapDelete: beevik.LeapDelSecond}[c.event.Leap]
	}
	if a.Leap == beevik.LeapNotInSync {
		if p == leap.Smear {
			t.Errorf("%s, %v after the midnight: the smear of %v says LI 3", c.name, time.Duration(passed-c.event.At), addr)
		}
		return
	}
	off := a.ClockOffset - c.want(p, at)
	if math.Abs(off.Seconds()) > 5*tolerance || a.Leap != indicator {
		t.Errorf("%s, %v after the midnight: %v shows %v instead of %v, LI %d instead of %d", c.name, time.Duration(passed-c.event.At), p, a.ClockOffset, c.want(p, at), a.Leap, indicator)
	}
}
