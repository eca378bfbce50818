package direct

import (
	"fmt"
	"maps"
	"math"
	"testing"
	"time"

	"timeball/board/sim"
	"timeball/gnss/casic"
	"timeball/gnss/nmea"
	"timeball/gnss/ubx"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
)

// result is what became of a unit with a receiver.
type result struct {
	locked    int           // second
	dishonest int           // answers
	sigma     clock.Seconds // of the error about its mean, once settled
	last      *timing.Snapshot
}

// try runs cfg; the error is judged from the second settled on.
func try(t testing.TB, cfg Config, settled int) result {
	r := result{locked: -1}
	var n, sum, squares float64
	mustRun(t, cfg, func(x Sample) bool {
		if x.Dishonest() {
			r.dishonest++
		}
		if r.locked < 0 && x.Snapshot.Estimate.Mode == discipline.Locked {
			r.locked = x.Second
		}
		if x.Second >= settled {
			n, sum, squares = n+1, sum+float64(x.Error), squares+float64(x.Error)*float64(x.Error)
		}
		r.last = x.Snapshot
		return true
	})
	r.sigma = clock.Seconds(math.Sqrt(squares/n - sum/n*sum/n))
	return r
}

// A unit that hears one binary protocol alone, of any generation, does as well as with NMEA: it locks as soon, holds the
// clock as well and knows fix and sky. And, which NMEA doesn't tell, it knows the leap seconds without a witness.
func TestUnitRunsOnEveryProtocolAlone(t *testing.T) {
	length := 2 * hour
	if testing.Short() {
		length = hour / 2
	}
	device := func(kind sim.Kind, binary bool) *sim.Device {
		return sim.NewDevice(sim.DeviceConfig{Kind: kind, Seed: 1, Baud: 38400, Binary: binary, Delay: 120 * time.Millisecond})
	}
	run := func(r sim.Receiver, rtc bool) result {
		cfg := unit(t, "pi-quiet", 1, length)
		cfg.World.Receiver, cfg.World.RTC = r, rtc
		return try(t, cfg, length/2)
	}
	usual := run(sim.NewTalker(1, 38400, 120*time.Millisecond), true)
	for _, kind := range sim.Kinds() {
		for _, rtc := range []bool{true, false} {
			if (kind == sim.KindNMEA || kind == sim.KindMTK) && !rtc { // they say nothing of the leap seconds
				continue
			}
			t.Run(fmt.Sprintf("%v rtc=%v", kind, rtc), func(t *testing.T) {
				t.Parallel()
				r := run(device(kind, true), rtc)
				if r.locked < 0 || r.locked > usual.locked+2 || r.dishonest > 0 {
					t.Errorf("locked in second %d, with NMEA %d; %d dishonest answers; %q", r.locked, usual.locked, r.dishonest, r.last.Estimate.Reason)
				}
				if r.sigma > 1.05*usual.sigma {
					t.Errorf("sigma %v, with NMEA %v", r.sigma, usual.sigma)
				}
				if got, want := r.last.Counters.Refused, usual.last.Counters.Refused; !maps.Equal(got, want) {
					t.Errorf("refused %v, with NMEA %v", got, want)
				}
				judgeView(t, r.last)
				t.Logf("locked in second %d, sigma %.1f ns; with NMEA %d, %.1f ns", r.locked, 1e9*r.sigma, usual.locked, 1e9*usual.sigma)
			})
		}
	}
}

// judgeView checks what the page shows of a receiver.
func judgeView(t *testing.T, s *timing.Snapshot) {
	t.Helper()
	if f := s.Fix; f == nil || !f.Valid || !f.HasPosition || f.SatellitesUsed < 4 || math.Abs(f.Latitude-51.4779) > 1e-4 {
		t.Errorf("fix %+v", f)
	}
	if s.Sky == nil || len(s.Sky.Seen) < 6 {
		t.Fatalf("sky %+v", s.Sky)
	}
	used := 0
	for _, sat := range s.Sky.Seen {
		if sat.Used {
			used++
		}
	}
	if f := s.Fix; f != nil && used != f.SatellitesUsed {
		t.Errorf("%d satellites of the sky are used, the fix says %d", used, f.SatellitesUsed)
	}
	if len(s.Conditions) > 0 {
		t.Errorf("conditions %+v", s.Conditions)
	}
	if s.Estimate.TAIOffset != 37 {
		t.Errorf("TAI - UTC = %d", s.Estimate.TAIOffset)
	}
}

// F12 and F13: what is wrong with antenna, signals and place is shown in time, in whichever protocol the receiver says it.
// Those that have no word for jamming let it be seen by the signals, a view of the sky later.
func TestUnitSeesTroubleInEveryProtocol(t *testing.T) {
	const at = 300 // s
	for _, kind := range sim.Kinds() {
		for _, c := range []struct {
			fault, condition string
			within           int
		}{
			{sim.FaultOpen, "antenna-open", 2},
			{sim.FaultShort, "antenna-short", 2},
			{sim.FaultJamming, "jamming", 2},
			{sim.FaultNoSatellites, "fix-without-satellites", 10},
			{sim.FaultMoved, "position-jump", 10},
			{sim.FaultFlat, "flat-signals", 10},
		} {
			switch kind {
			case sim.KindNMEA, sim.KindMTK:
				if c.within == 2 { // these say nothing of their antenna
					continue
				}
			case sim.KindCASIC1:
				if c.fault == sim.FaultJamming {
					c.condition, c.within = "signal-collapse", 4
				}
			}
			t.Run(kind.String()+" "+c.fault, func(t *testing.T) {
				t.Parallel()
				cfg := unit(t, "pi-quiet", 1, at+c.within+2, sim.Fault{Name: c.fault, At: at * time.Second})
				cfg.World.Receiver = sim.NewDevice(sim.DeviceConfig{Kind: kind, Seed: 1, Baud: 38400, Binary: true, Delay: 120 * time.Millisecond})
				shown := -1
				mustRun(t, cfg, func(x Sample) bool {
					if x.Dishonest() {
						t.Errorf("second %d: dishonest", x.Second)
					}
					for _, s := range x.Snapshot.Conditions {
						if x.Second < at {
							t.Fatalf("second %d: %s: %s", x.Second, s.Name, s.Text)
						}
						if s.Name == c.condition && shown < 0 {
							shown = x.Second - at
						}
					}
					return true
				})
				if shown < 0 || shown > c.within {
					t.Errorf("%s is shown after %d s, want %d", c.condition, shown, c.within)
				}
			})
		}
	}
}

// A receiver that someone has told to solve five times a second names each second once and times between seconds as
// well; the unit is none the worse for it.
func TestUnitRunsOnAReceiverThatSolvesOften(t *testing.T) {
	for kind, command := range map[sim.Kind][]byte{
		sim.KindUBX6:   ubx.Append(nil, &ubx.CfgRATE{MeasRate: 200, NavRate: 1}),
		sim.KindUBX8:   ubx.Append(nil, &ubx.CfgRATE{MeasRate: 200, NavRate: 1}),
		sim.KindCASIC1: casic.Append(nil, &casic.CfgRATE{Interval: 200}),
		sim.KindCASIC2: nmea.AppendPCASInterval(nil, 200),
	} {
		for _, binary := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v binary=%v", kind, binary), func(t *testing.T) {
				t.Parallel()
				cfg := unit(t, "pi-quiet", 1, hour/2)
				cfg.World.Receiver = sim.NewDevice(sim.DeviceConfig{Kind: kind, Seed: 1, Baud: 460800, Binary: binary, Delay: 50 * time.Millisecond})
				cfg.Attach = func(w *sim.World) { w.Send(command) }
				r := try(t, cfg, hour/4)
				if r.locked < 0 || r.locked > 12 || r.dishonest > 0 || r.last.Counters.Marks < 4*hour/2 {
					t.Errorf("locked in second %d, %d dishonest answers, %d marks, %q", r.locked, r.dishonest, r.last.Counters.Marks, r.last.Estimate.Reason)
				}
				if r.last.Estimate.Mode != discipline.Locked || r.sigma > 70e-9 { // 56 ns, as at one solution a second
					t.Errorf("%v at the end, sigma %v", r.last.Estimate.Mode, r.sigma)
				}
			})
		}
	}
}
