package appliance

import (
	"bytes"
	"context"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"timeball/board/sim"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/histogram"
	"timeball/pps/timing"
	"timeball/server"
	"timeball/web/api"
)

// rushed is a simulated board that runs as fast as it can: it publishes thousands of times a second.
type rushed struct {
	world *sim.World
	begin timescale.UTC
	now   atomic.Int64 // truth
	end   timescale.UTC
}

func newRushed(t *testing.T, d time.Duration) *rushed {
	t.Helper()
	m, err := sim.ModelNamed("pi-load")
	if err != nil {
		t.Fatal(err)
	}
	const begin = timescale.UTC(1_780_000_000_000_000_000)
	r := &rushed{begin: begin, end: begin + timescale.UTC(d), world: sim.New(sim.Config{
		Model: m, Seed: 1, Start: begin, E0: 200 * time.Millisecond, RTC: true, Sensors: true, FixAfter: 2 * time.Second,
		// Lock and holdover take turns.
		Faults: []sim.Fault{{Name: sim.FaultAntenna, At: 100 * time.Second, For: 10 * time.Second}, {Name: sim.FaultPulse, At: 200 * time.Second, For: 30 * time.Second}},
	})}
	r.now.Store(int64(begin))
	return r
}

func (r *rushed) Name() string            { return "rushed" }
func (r *rushed) Clock() discipline.Clock { return r.world.Clock() }
func (r *rushed) Served() server.Clock    { return r }
func (r *rushed) Now() clock.Reading      { return r.world.Clock().ReadAt(timescale.UTC(r.now.Load())) }

func (r *rushed) FromKernel(stamp clock.Real, _ clock.Reading) (clock.Real, bool) { return stamp, true }

func (r *rushed) Run(ctx context.Context, take func(timing.Event)) error {
	for at := r.begin; at < r.end && ctx.Err() == nil; at += timescale.UTC(50 * time.Millisecond) {
		r.now.Store(int64(at))
		r.world.Run(at, take)
	}
	return nil
}

// consistent returns what in s cannot be true of one instant.
func consistent(s api.Status) string {
	served := s.Stratum == 1
	near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-12+1e-9*math.Abs(b) }
	switch {
	case served != (s.Leap == "none"), served != (s.RefID != nil), served != (s.RootDispersionSeconds != nil), served != (s.ServedUnixNanoseconds != nil):
		return "served in one figure and not in another"
	case served && s.Mode != "locked" && s.Mode != "holdover":
		return "served in this mode"
	case served && s.BoundSeconds == nil:
		return "served without a bound"
	case served && *s.RootDispersionSeconds < *s.BoundSeconds:
		return "root dispersion below the bound"
	case s.BoundSeconds != nil && !near(*s.BoundSeconds, *s.BoundPulseSeconds+*s.BoundCaptureSeconds+*s.BoundReferenceSeconds):
		return "the parts of the bound do not add up"
	case s.BoundSeconds != nil && !near(*s.BoundSeconds, counted(s)):
		return "the causes of the bound do not add up"
	case (s.BoundSeconds == nil) != (s.BoundParts == nil):
		return "causes without a bound, or a bound without causes"
	case s.BoundSeconds != nil && (*s.BoundSeconds < *s.PrecisionSeconds || *s.PrecisionSeconds < 0 || s.FrequencyRatio == nil):
		return "precision beyond the bound, or no frequency"
	case s.PulsesRefused > 1<<40 || s.ModeSeconds < 0:
		return "a counter went below zero"
	}
	return ""
}

// counted returns the sum of what is counted of a bound.
func counted(s api.Status) (sum float64) {
	for _, p := range s.BoundParts {
		if (p.State == api.PartCounted) != (p.Seconds != nil) {
			return math.NaN()
		}
		if p.Seconds != nil {
			sum += *p.Seconds
		}
	}
	return sum
}

func TestStatusIsOfOneInstant(t *testing.T) {
	cfg := quiet()
	cfg.Engine.Loop.Bias, cfg.Engine.Loop.BiasRange = 6e-6, 4e-6
	u := newUnit(t, cfg, newRushed(t, 3000*time.Second))
	ended := make(chan error)
	go func() { ended <- u.Run(t.Context()) }()
	var readers sync.WaitGroup
	stop, seen := make(chan struct{}), [2]map[string]int{{}, {}}
	for i := range seen {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				s := u.Status()
				seen[i][s.Mode]++
				if wrong := consistent(s); wrong != "" {
					t.Errorf("%s: %s", wrong, asJSON(t, s))
					return
				}
				if earliest, latest, mode := u.Now(); earliest != nil && (*earliest >= *latest || mode != "locked" && mode != "holdover") {
					t.Errorf("from %d to %d, %s", *earliest, *latest, mode)
				}
			}
		})
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	close(stop)
	readers.Wait()
	t.Logf("statuses seen: %v", seen)
	if seen[0]["locked"]+seen[1]["locked"] == 0 {
		t.Error("no status was of a locked unit")
	}
}

// A unit that is locked to a bound that may not be served says why it serves nothing.
func TestStatusSaysWhyALockedUnitIsNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := simConfig(t, "pi-quiet")
		cfg.Publish.Limit = time.Microsecond // the capture alone may be 4 us off
		u := newUnit(t, cfg, newSim(t, "pi-quiet", 1))
		stop := start(t, u)
		waitLock(t, u, lockWithin)
		if s := u.Status(); s.Mode != "locked" || s.Stratum != 16 || !strings.Contains(s.Reason, "limit") || consistent(s) != "" {
			t.Errorf("mode %s, stratum %d, reason %q", s.Mode, s.Stratum, s.Reason)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestDroppedEventsAreAMetric(t *testing.T) {
	h := &Hardware{}
	h.dropped.Store(7)
	var b bytes.Buffer
	(&Unit{board: h}).writeMetrics(&b)
	if want := "# HELP timeball_events_dropped_total Events of the board that came too fast for the engine.\n# TYPE timeball_events_dropped_total counter\ntimeball_events_dropped_total 7\n"; b.String() != want {
		t.Errorf("got %q, want %q", &b, want)
	}
	b.Reset()
	(&Unit{board: newSim(t, "perfect", 1)}).writeMetrics(&b)
	if b.String() != "" {
		t.Errorf("a board that drops nothing says %q", &b)
	}
}

// networked is a configuration with sockets on free ports of loopback.
func networked() Config {
	cfg := quiet()
	cfg.NTP, cfg.HTTP = true, true
	cfg.Server = server.Default()
	cfg.Server.Listen = []string{"127.0.0.1:0"}
	cfg.Web.Address = "127.0.0.1:0"
	cfg.Web.Log = cfg.Log
	return cfg
}

func TestUnitNamesTheAddressThatIsInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := networked()
	cfg.Web.Address = taken.Addr().String()
	_, err = New(cfg, newSim(t, "perfect", 1))
	if err == nil || !strings.Contains(err.Error(), cfg.Web.Address) || !strings.Contains(err.Error(), "-http") {
		t.Errorf("page: %v", err)
	}

	asked, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Close()
	page := taken.Addr().String()
	taken.Close() // the page has its address now, and must give it back
	cfg = networked()
	cfg.Web.Address = page
	cfg.Server.Listen = []string{asked.LocalAddr().String()}
	_, err = New(cfg, newSim(t, "perfect", 1))
	if err == nil || !strings.Contains(err.Error(), cfg.Server.Listen[0]) || !strings.Contains(err.Error(), "-ntp") {
		t.Errorf("NTP: %v", err)
	}
	if l, err := net.Listen("tcp", page); err != nil {
		t.Errorf("the page's socket was left open: %v", err)
	} else {
		l.Close()
	}
}

func TestUnitAnswersWhereItSays(t *testing.T) {
	cfg := networked()
	cfg.Server.Listen = append(cfg.Server.Listen, "127.0.0.1:0 smear")
	u := newUnit(t, cfg, newSim(t, "perfect", 1))
	stop := start(t, u)
	answer, err := http.Get(u.Page() + "api/v1/now")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(body), `"earliest_unix_nanoseconds":null`) {
		t.Errorf("%s: %s, %v", u.Page(), body, err)
	}
	if addrs := u.NTP(); len(addrs) != 2 || addrs[0].Port() == 0 {
		t.Errorf("NTP on %v", addrs)
	}
	if s := u.Status(); len(s.Addresses) != 1 || s.Addresses[0] != "127.0.0.1" || len(s.Listeners) != 2 || s.Listeners[1].LeapPolicy != "smear" {
		t.Errorf("addresses %v, listeners %+v", s.Addresses, s.Listeners)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(u.Page()); err == nil {
		t.Error("the page is still served")
	}
}

func TestPageHasAnAddressPeopleCanOpen(t *testing.T) {
	for _, tt := range []struct{ listen, name, want string }{
		{"127.0.0.1:8080", "tower", "http://127.0.0.1:8080/"},
		{"[::1]:8080", "tower", "http://[::1]:8080/"},
		{"0.0.0.0:8080", "tower", "http://tower:8080/"},
		{"[::]:80", "tower", "http://tower/"},
		{"[::]:80", "", "http://localhost/"},
		{"127.0.0.1:80", "", "http://127.0.0.1/"},
		{"[::1]:80", "", "http://[::1]/"},
	} {
		addr, err := net.ResolveTCPAddr("tcp", tt.listen)
		if err != nil {
			t.Fatal(err)
		}
		u := &Unit{page: listening{addr: addr}}
		u.cfg.Web.Name = tt.name
		if got := u.Page(); got != tt.want {
			t.Errorf("Page on %s of %q = %s, want %s", tt.listen, tt.name, got, tt.want)
		}
	}
	if got := (&Unit{}).Page(); got != "" {
		t.Errorf("Page without a page = %q", got)
	}
}

// listening is a Listener that has an address.
type listening struct {
	net.Listener
	addr net.Addr
}

func (l listening) Addr() net.Addr { return l.addr }

// A socket that fails ends the unit, with an error that names it.
func TestUnitEndsWhenASocketFails(t *testing.T) {
	u := newUnit(t, networked(), newSim(t, "perfect", 1))
	u.page.Close()
	err := u.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), u.page.Addr().String()) {
		t.Errorf("Run = %v, want an error of %v", err, u.page.Addr())
	}
}

func TestStatusTellsHowEdgesAndMessagesSpread(t *testing.T) {
	counts := histogram.Counts{Over: 60, Least: -1e-7, Width: 1e-7, Bins: []uint32{10, 30}, Above: 60, Ever: 500, Sum: 2e-3}
	var got api.Status
	describeSpread(&got, &timing.Snapshot{Jitter: &counts, Lags: []timing.Lag{{Message: "GNRMC", Counts: histogram.Counts{Width: 0.01, Bins: []uint32{4}}}}})
	want := api.Status{
		EdgeJitter: &api.Histogram{WindowSeconds: 60, LeastSeconds: -1e-7, BinSeconds: 1e-7, Counts: []uint64{10, 30}, Above: 60, Count: 500, SumSeconds: 2e-3},
		MessageLatency: []api.MessageLatency{{Message: "GNRMC", Latency: api.Histogram{
			BinSeconds: 0.01, Counts: []uint64{4}, MedianSeconds: new(0.005), P99Seconds: new(0.0099),
		}}},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	var none api.Status
	describeSpread(&none, &timing.Snapshot{})
	if none.EdgeJitter != nil || none.MessageLatency != nil {
		t.Errorf("of nothing: %+v, %+v, want null", none.EdgeJitter, none.MessageLatency)
	}
}
