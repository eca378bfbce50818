package peers

import (
	"context"
	"log/slog"
	"math"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/beevik/ntp"
	"golang.org/x/sys/unix"

	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/server"
	"timeball/server/control"
	packet "timeball/server/ntp"
	"timeball/server/publish"
)

// tolerance of an offset measured over loopback with clients that share a busy machine with the server. On an idle one all
// three are within 50 us.
const tolerance clock.Seconds = 1e-3

// hostClock serves this machine's clocks, Real ahead by shift. It only reads them.
type hostClock struct{ shift clock.Real }

func (h hostClock) Now() (now clock.Reading) {
	narrowest := int64(math.MaxInt64)
	for range 8 { // a reading that was preempted is wide; 10 us is usual where a system call is slow
		before := gettime(unix.CLOCK_MONOTONIC)
		real, boot := gettime(unix.CLOCK_REALTIME), gettime(unix.CLOCK_BOOTTIME)
		width := gettime(unix.CLOCK_MONOTONIC) - before
		if width < narrowest {
			narrowest = width
			now = clock.Reading{Mono: clock.Mono(before + width/2), Real: clock.Real(real) + h.shift, Boot: clock.Boot(boot)}
		}
		if width < 10_000 {
			break
		}
	}
	return now
}

func (h hostClock) FromKernel(stamp clock.Real, _ clock.Reading) (clock.Real, bool) {
	return stamp + h.shift, true
}

func gettime(id int32) int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(id, &ts); err != nil {
		panic(err)
	}
	return ts.Nano()
}

// unit is a running server.
type unit struct {
	clock hostClock
	ref   atomic.Pointer[packet.Reference]
	addrs []netip.AddrPort // IPv4, IPv6
	state atomic.Pointer[control.State]
	*server.Server
}

// serve runs a server on loopback whose clock is ahead of the machine's by shift, locked with a bound of 300 ns and good
// for a minute.
func serve(t *testing.T, shift time.Duration) *unit {
	t.Helper()
	u := &unit{clock: hostClock{shift: clock.Real(shift)}}
	now := u.clock.Now()
	estimate := discipline.Estimate{
		At: now, Mode: discipline.Locked, HasOffset: true, Bound: discipline.Bound{Pulse: 200e-9, Reference: 100e-9},
		Growth: 1e-9, LastPulse: now.Mono - 500_000_000,
	}
	claim := publish.Default()
	claim.Expiry = time.Minute
	ref := publish.Publish(&estimate, claim, "")
	u.ref.Store(&ref)

	cfg := server.Default()
	cfg.Listen = []string{"127.0.0.1:0", "[::1]:0"}
	s := server.New(cfg, u.clock, &u.ref, slog.New(slog.DiscardHandler))
	u.Server = s
	u.state.Store(&control.State{
		System: control.System{Stratum: 1, ReferenceID: "PPS", Precision: -23, TAIOffset: 37, Peer: 1, Version: "test"},
		Sources: []control.Source{
			{ID: 1, Name: "PPS(0)", Address: "127.127.22.0", ReferenceID: "PPS", Selection: control.Pulse, Reach: 0xff, Offset: 1.5e-6},
			{ID: 2, Name: "GNSS(0)", Address: "127.127.20.0", ReferenceID: "GPS", Selection: control.Followed, Reach: 0x7f},
		},
	})
	s.Describe(u.state.Load)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	u.addrs = s.Addrs()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return u
}

// distrust replaces the Reference by what edit makes of it.
func (u *unit) distrust(edit func(*packet.Reference)) {
	ref := *u.ref.Load()
	edit(&ref)
	u.ref.Store(&ref)
}

var shifts = []struct {
	name  string
	shift time.Duration
}{
	{"the machine's own time", 0},
	{"half a second ahead", 500 * time.Millisecond},
}

// check compares a client's offset with the true one.
func check(t *testing.T, r Result, shift time.Duration) {
	t.Helper()
	t.Logf("offset %+.6f s, true %+.6f s", r.Offset, shift.Seconds())
	if !r.Synchronised || math.Abs(float64(r.Offset)-shift.Seconds()) > float64(tolerance) {
		t.Errorf("synchronised %v, offset %v, want %v +- %v:\n%s", r.Synchronised, r.Offset, shift.Seconds(), tolerance, r.Output)
	}
}

func TestChronydTakesTheTime(t *testing.T) {
	for i, tt := range shifts { // one over IPv4, one over IPv6
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u := serve(t, tt.shift)
			check(t, Chronyd(t, u.addrs[i%2], 12*time.Second, ""), tt.shift)
		})
	}
}

func TestChronydTakesVersion3(t *testing.T) {
	t.Parallel()
	check(t, Chronyd(t, serve(t, 0).addrs[0], 12*time.Second, "version 3"), 0)
}

// chronyd in interleaved mode, and with its own extension field.
func TestChronydTakesInterleavedAnswers(t *testing.T) {
	for i, options := range []string{"xleave maxsamples 4", "xleave maxsamples 4 extfield F323", "extfield F323"} {
		t.Run(options, func(t *testing.T) {
			t.Parallel()
			u := serve(t, 0)
			check(t, Chronyd(t, u.addrs[i%2], 12*time.Second, options), 0)
			// The first two answers of its burst of four are basic.
			if s := u.Stats(); strings.Contains(options, "xleave") != (s.Interleaved >= 2) || s.RefusedTotal() != 0 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

func TestNtpqShowsTheSources(t *testing.T) {
	t.Parallel()
	u := serve(t, 0)
	for _, addr := range u.addrs {
		for _, tt := range []struct {
			args []string
			want []string
		}{
			{[]string{"-n", "-p"}, []string{"\noPPS(0)          .PPS.            0 l    -    1  377   0.0000   0.0015", "\n*GNSS(0)         .GPS.            0 l    -    1  177 "}},
			{[]string{"-c", "rv"}, []string{"leap_none, sync_pps", "stratum=1", "precision=-23", "refid=PPS", "tai=37"}},
			{[]string{"-c", "as"}, []string{"9700   yes   yes  none  pps.peer", "9600   yes   yes  none  sys.peer"}},
		} {
			out := Ntpq(t, addr, tt.args...)
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("ntpq %q does not say %q:\n%s", tt.args, want, out)
				}
			}
		}
	}
}

// ntpq of ntpsec fails on a leap indicator that it does not know, whatever else there is to show.
func TestNtpqShowsEveryLeapIndicator(t *testing.T) {
	t.Parallel()
	u := serve(t, 0)
	for leap, want := range map[uint8][]string{
		packet.LeapNone: {"leap_none", "leap=00"}, packet.LeapInsert: {"leap_add_sec", "leap=01"},
		packet.LeapDelete: {"leap_del_sec", "leap=10"}, packet.LeapUnsynchronised: {"leap_alarm", "leap=11"},
	} {
		s := *u.state.Load()
		s.System.Leap = leap
		u.state.Store(&s)
		out := Ntpq(t, u.addrs[0], "-c", "rv")
		for _, want := range want {
			if !strings.Contains(out, want) {
				t.Errorf("leap %d: ntpq does not say %q:\n%s", leap, want, out)
			}
		}
	}
}

func TestNtpdigTakesTheTime(t *testing.T) {
	for i, tt := range shifts {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u := serve(t, tt.shift)
			r := Ntpdig(t, u.addrs[i%2])
			check(t, r, tt.shift)
			if r.Stratum != 1 {
				t.Errorf("stratum %d, want 1", r.Stratum)
			}
		})
	}
}

func TestBeevikTakesTheTime(t *testing.T) {
	for _, version := range []int{3, 4} {
		u := serve(t, 0)
		for _, addr := range u.addrs {
			r := Beevik(t, addr, version)
			if err := r.Validate(); err != nil {
				t.Errorf("version %d: %v", version, err)
			}
			check(t, Result{Synchronised: true, Offset: clock.Seconds(r.ClockOffset.Seconds())}, 0)
			// 300 ns of bound, 119 ns of precision and 60 ns of growth round up to 2^-16 s, 15258.8 ns.
			if r.Stratum != 1 || r.Leap != ntp.LeapNoWarning || r.ReferenceString() != ".PPS." || r.RootDelay != 0 ||
				r.RootDispersion < 15258 || r.RootDispersion > 15259 || r.Version != version {
				t.Errorf("version %d: stratum %d, leap %d, reference %s, delay %v, dispersion %v, version %d", version, r.Stratum,
					r.Leap, r.ReferenceString(), r.RootDelay, r.RootDispersion, r.Version)
			}
			if r.RTT <= 0 || r.RTT > 100*time.Millisecond {
				t.Errorf("version %d: round trip %v", version, r.RTT)
			}
		}
	}
}

func TestClientsRefuseAClockInDoubt(t *testing.T) {
	doubts := []struct {
		name string
		edit func(*packet.Reference)
		slow bool // ask chronyd as well, which only gives up at its timeout
	}{
		{"expired", func(r *packet.Reference) { r.Expiry = r.Anchor.Mono }, true},
		{"stepped by 100 us", func(r *packet.Reference) { r.Anchor.Real -= 100_000 }, true},
		{"suspended", func(r *packet.Reference) { r.Anchor.Boot -= 1_000_000_000 }, false},
		{"not synchronised", func(r *packet.Reference) { r.Synchronised = false }, false},
	}
	for _, tt := range doubts {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u := serve(t, 0)
			if err := Beevik(t, u.addrs[0], 4).Validate(); err != nil {
				t.Fatalf("before: %v", err)
			}
			u.distrust(tt.edit)
			r := Beevik(t, u.addrs[0], 4)
			if r.Leap != ntp.LeapNotInSync || r.Stratum != 0 || r.ReferenceID != 0 || r.Validate() == nil {
				t.Errorf("leap %d, stratum %d, reference ID %08x, valid: %v", r.Leap, r.Stratum, r.ReferenceID, r.Validate())
			}
			if r := Ntpdig(t, u.addrs[1]); r.Synchronised {
				t.Errorf("ntpdig took it:\n%s", r.Output)
			}
			if !tt.slow {
				return
			}
			// In the good case chronyd has its four answers after 4 s.
			if r := Chronyd(t, u.addrs[0], 6*time.Second, ""); r.Synchronised {
				t.Errorf("chronyd took it:\n%s", r.Output)
			}
		})
	}
}
