package appliance

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"timeball/board/sim"
	"timeball/board/store"
	"timeball/cmd/internal/witness"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server"
	"timeball/server/ntp"
	"timeball/web/api"
)

// serverAhead returns a dialler behind which an NTP server of stratum 2 answers whose clock is ahead of truth.
func serverAhead(ahead time.Duration) func(context.Context, netip.AddrPort) (net.Conn, error) {
	return func(context.Context, netip.AddrPort) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			request := make([]byte, 100)
			if _, err := theirs.Read(request); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
			now := uint64(ntp.TimestampAt(clock.Real(time.Now().Add(ahead).UnixNano())))
			a := make([]byte, 48)
			a[0], a[1] = 4<<3|4, 2
			binary.BigEndian.PutUint32(a[8:], 1<<16/50) // root dispersion, 20 ms
			binary.BigEndian.PutUint64(a[16:], now-10<<32)
			copy(a[24:32], request[40:48])
			binary.BigEndian.PutUint64(a[32:], now)
			binary.BigEndian.PutUint64(a[40:], now)
			time.Sleep(10 * time.Millisecond)
			theirs.Write(a)
		}()
		return ours, nil
	}
}

// alone is a board without an RTC whose receiver speaks NMEA: it does not say whether it knows the leap seconds.
func alone(t *testing.T) *SimBoard {
	return newSim(t, "pi-quiet", 1, func(c *sim.Config) { c.RTC = false })
}

func witnessed1(t *testing.T, u *Unit) api.Witness {
	t.Helper()
	all := u.Status().Witnesses
	if len(all) != 1 {
		t.Fatalf("%d witnesses are shown, want 1: %+v", len(all), all)
	}
	return all[0]
}

func TestWitnessSparesTheWaitForTheAlmanac(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUnit(t, simConfig(t, "pi-quiet"), alone(t))
		stop := start(t, u)
		time.Sleep(10 * time.Minute)
		if s := u.Status(); s.Stratum != 16 || s.Witnesses != nil || !strings.Contains(s.Reason, "leap seconds") {
			t.Errorf("without a witness: stratum %d, %q, %+v", s.Stratum, s.Reason, s.Witnesses)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		cfg := simConfig(t, "pi-quiet")
		cfg.Witness.Servers = []string{"192.0.2.1"}
		var recording bytes.Buffer
		cfg.Record = &recording
		u := newUnit(t, cfg, alone(t))
		u.dial = serverAhead(0)
		stop := start(t, u)
		waitLock(t, u, lockWithin)
		honest(t, u)
		time.Sleep(20 * time.Minute)
		w := witnessed1(t, u)
		if w.Name != "192.0.2.1" || w.State != stateAgrees || math.Abs(*w.OffsetSeconds) > 1e-3 || *w.DistanceSeconds < 0.029 || *w.DistanceSeconds > 0.031 ||
			*w.Stratum != 2 || *w.AskedSeconds > 1100 || w.Text != "" {
			t.Errorf("shown: %+v, offset %v, distance %v", w, *w.OffsetSeconds, *w.DistanceSeconds)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		// What witnesses say is recorded: a replay serves as soon.
		var last *timing.Snapshot
		if err := timing.Replay(&recording, func(s *timing.Snapshot) error { last = s; return nil }); err != nil {
			t.Fatal(err)
		}
		if len(last.Witnesses) != 1 || last.Witnesses[0].Name != "192.0.2.1" || last.Estimate.Mode != discipline.Locked {
			t.Errorf("replayed: %s, witnesses %+v", last.Estimate.Mode, last.Witnesses)
		}
	})
}

func TestWitnessIsShownAsItIs(t *testing.T) {
	for _, tt := range []struct {
		name  string
		dial  func(context.Context, netip.AddrPort) (net.Conn, error)
		state string
		text  string
	}{
		{"a liar by an hour", serverAhead(time.Hour), stateDisagrees, ""},
		{"a liar by half a second", serverAhead(500 * time.Millisecond), stateDisagrees, ""},
		{"a liar by 10 s", serverAhead(-10 * time.Second), stateDisagrees, ""},
		{"from before the build", serverAhead(-30 * 365 * 24 * time.Hour), stateSilent, "before this unit was built"},
		{"silent", func(context.Context, netip.AddrPort) (net.Conn, error) { ours, _ := net.Pipe(); return ours, nil }, stateSilent, "no answer"},
		{"no way", func(context.Context, netip.AddrPort) (net.Conn, error) { return nil, os.ErrPermission }, stateSilent, "not asked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := simConfig(t, "pi-quiet")
				cfg.Witness.Servers = []string{"192.0.2.1"}
				cfg.Engine.Floor = timescale.UTC(time.Now().Add(-24 * time.Hour).UnixNano())
				u := newUnit(t, cfg, alone(t))
				u.dial = tt.dial
				log := logged(&u.cfg)
				stop := start(t, u)
				for range 60 {
					time.Sleep(time.Minute)
					honest(t, u)
				}
				if w := witnessed1(t, u); w.State != tt.state || !strings.Contains(w.Text, tt.text) {
					t.Errorf("shown: %+v, want %s %q", w, tt.state, tt.text)
				}
				if s := u.Status(); s.Stratum != 1 {
					t.Errorf("an hour later it is not served: %s", s.Reason)
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
				silent := strings.Count(log.String(), "witness is silent")
				if said := strings.Count(log.String(), "witness"); silent > 1 || (silent == 1) != (tt.state == stateSilent) || said < 1 || said > 4 {
					t.Errorf("the log says\n%s", log)
				}
			})
		})
	}
}

// boxRTC is an RTC off by ahead of the bubble's time.
type boxRTC struct{ ahead time.Duration }

func (b boxRTC) Read() (int64, error) { return time.Now().Add(b.ahead).Unix(), nil }
func (b boxRTC) Set(int64) error      { return os.ErrPermission }

func TestRTCIsAWitnessAfterARestart(t *testing.T) {
	dir := store.Dir(t.TempDir())
	rtc := boxRTC{-1300 * time.Millisecond}
	synctest.Test(t, func(t *testing.T) {
		cfg := simConfig(t, "pi-quiet")
		cfg.State, cfg.RTC = dir, rtc
		u := newUnit(t, cfg, alone(t))
		stop := start(t, u)
		time.Sleep(time.Minute)
		if w := witnessed1(t, u); w.Name != "rtc" || w.State != stateNotCompared || *w.DistanceSeconds != 12*3600 {
			t.Errorf("an RTC that nobody knows: %+v", w)
		}
		waitLock(t, u, 15*time.Minute)
		time.Sleep(20 * time.Minute)
		if w := witnessed1(t, u); w.State != stateKept || math.Abs(*w.OffsetSeconds-1.3) > 0.01 {
			t.Errorf("after the lock: %+v, offset %v", w, *w.OffsetSeconds)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	kept, found, ignored := store.Load[witness.Record](dir, RTCName, nil)
	if !found || ignored != nil || math.Abs(float64(kept.Error)+1.3) > 0.01 {
		t.Errorf("kept %+v, %v", kept, ignored)
	}
	for _, damage := range []bool{false, true} {
		t.Run(fmt.Sprint("damaged ", damage), func(t *testing.T) {
			if damage {
				for _, name := range []string{"rtc.0.json", "rtc.1.json"} {
					if err := os.WriteFile(filepath.Join(string(dir), name), []byte("{"), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			synctest.Test(t, func(t *testing.T) {
				// The bubble begins anew: so that the date goes on, time passes.
				time.Sleep(40 * time.Minute)
				cfg := simConfig(t, "pi-quiet")
				cfg.State, cfg.RTC = dir, rtc
				u := newUnit(t, cfg, alone(t))
				stop := start(t, u)
				time.Sleep(time.Minute)
				if got := u.Status().Stratum == 1; got == damage {
					t.Errorf("served within a minute: %v: %s", got, u.Status().Reason)
				}
				honest(t, u)
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestUnitIsNoWitnessOfItself(t *testing.T) {
	cfg := quiet()
	cfg.NTP = true
	cfg.Server = server.Default()
	cfg.Server.Listen = []string{"127.0.0.1:0"}
	u := newUnit(t, cfg, newSim(t, "pi-quiet", 1))
	ended, end := context.WithCancel(t.Context())
	end()
	defer u.server.Serve(ended) // closes what is open
	own := u.NTP()[0]
	if !u.owns(own) || u.owns(netip.AddrPortFrom(own.Addr(), own.Port()+1)) || u.owns(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), own.Port())) {
		t.Errorf("owns %v: %v", own, u.owns(own))
	}
	if !ownAddress(netip.MustParseAddr("127.0.0.1")) || ownAddress(netip.MustParseAddr("192.0.2.1")) {
		t.Error("127.0.0.1 is this machine's, 192.0.2.1 is not")
	}
}
