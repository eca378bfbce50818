package appliance

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server/leap"
	"timeball/server/ntp"
)

// nextAnswer returns the answer that a client who asks now gets from a listener with each policy: what the server's loop
// makes of the Reference and a reading of the clock.
func nextAnswer(t *testing.T, u *Unit) (all [leap.Policies]ntp.Packet) {
	t.Helper()
	ask, refusal := ntp.Parse(append([]byte{4<<3 | ntp.ModeClient}, make([]byte, ntp.HeaderLen-1)...))
	if refusal != ntp.Answered {
		t.Fatal(refusal)
	}
	ref := u.reference.Load()
	now := u.board.Served().Now()
	for p := range all {
		serving := ntp.Serve(ref, leap.Policy(p), now, 1)
		all[p], _ = ntp.Decode(ask.Append(nil, &serving, now.Real, 0))
	}
	return all
}

// synchronised checks that the next answer of every listener is, or is not, synchronised, and that one that is keeps its
// promise.
func synchronised(t *testing.T, u *Unit, want bool, when string) {
	t.Helper()
	truth := time.Now().UnixNano()
	for p, a := range nextAnswer(t, u) {
		if got := a.Leap != ntp.LeapUnsynchronised; got != want {
			t.Errorf("%s: %v: synchronised %v, want %v (%s)", when, leap.Policy(p), got, want, u.Status().Reason)
		}
		if a.Leap == ntp.LeapUnsynchronised {
			if a.Stratum != 0 || a.ReferenceID != [4]byte{} {
				t.Errorf("%s: %v: LI 3 with stratum %d, reference ID %x", when, leap.Policy(p), a.Stratum, a.ReferenceID)
			}
			continue
		}
		off := int64(a.Transmit.Real(u.board.Served().Now().Real)) - truth
		if distance := int64(1e9 * (a.RootDelay.Seconds()/2 + a.RootDispersion.Seconds())); off > distance || off < -distance {
			t.Errorf("%s: %v: off by %d ns and promises %d", when, leap.Policy(p), off, distance)
		}
	}
}

// stalling is a Board whose events reach the Engine until it is told to stall.
type stalling struct {
	Board
	mu      sync.Mutex
	stalled bool
}

func (s *stalling) Run(ctx context.Context, take func(timing.Event)) error {
	return s.Board.Run(ctx, func(e timing.Event) {
		s.mu.Lock()
		stalled := s.stalled
		s.mu.Unlock()
		if !stalled {
			take(e)
		}
	})
}

func (s *stalling) stall(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stalled = on
}

// unwell runs a locked unit in a bubble.
func unwell(t *testing.T, cfg Config, do func(t *testing.T, u *Unit, r *roof, s *stalling)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h, r := newHardware(t)
		s := &stalling{Board: h}
		u := newUnit(t, cfg, s)
		synchronised(t, u, false, "before the start")
		stop := start(t, u)
		waitLock(t, u, learning)
		time.Sleep(20*time.Second + 400*time.Millisecond)
		synchronised(t, u, true, "locked")
		do(t, u, r, s)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// A stalled Engine needs nobody to say so: the last Reference ends by itself.
func TestStalledEngineIsServedUntilItsReferenceExpires(t *testing.T) {
	cfg := quiet()
	unwell(t, cfg, func(t *testing.T, u *Unit, _ *roof, s *stalling) {
		s.stall(true)
		synctest.Wait()
		left := time.Duration(u.reference.Load().Expiry - u.board.Served().Now().Mono)
		if left <= 4*time.Second || left > cfg.Publish.Expiry {
			t.Errorf("%v to go", left)
		}
		time.Sleep(left - time.Nanosecond)
		synchronised(t, u, true, "a nanosecond before the expiry")
		time.Sleep(time.Nanosecond)
		synchronised(t, u, false, "at the expiry")
		time.Sleep(time.Minute)
		synchronised(t, u, false, "a minute later")
		s.stall(false)
		time.Sleep(time.Minute)
		if a := nextAnswer(t, u); a[0].Leap == ntp.LeapUnsynchronised {
			t.Logf("a minute after it went on: %s, %s", u.Status().Mode, u.Status().Reason)
		} else {
			synchronised(t, u, true, "a minute after it went on")
		}
	})
}

// Steps and a suspend are seen by the very next answer, before the Engine knows; then the unit comes back or says why not.
func TestMovedClocksAreNotServed(t *testing.T) {
	for _, tt := range []struct {
		name string
		move func(m *machine)
	}{
		{"a second ahead", func(m *machine) { m.shift(time.Second) }},
		{"a second back", func(m *machine) { m.shift(-time.Second) }},
		{"50 us", func(m *machine) { m.shift(50 * time.Microsecond) }},
		{"two days", func(m *machine) { m.shift(-48 * time.Hour) }},
		{"asleep for 5 ms", func(m *machine) { m.suspend(5 * time.Millisecond) }},
		{"asleep for 3 s", func(m *machine) { m.suspend(3 * time.Second) }},
		{"asleep for five minutes", func(m *machine) { m.suspend(5 * time.Minute) }},
		{"unreadable", func(m *machine) { m.setBroken(errors.New("clock_gettime: invalid argument")) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			unwell(t, quiet(), func(t *testing.T, u *Unit, r *roof, s *stalling) {
				s.stall(true) // while it sleeps, and so that the Engine does not know
				tt.move(r.machine)
				synchronised(t, u, false, "at once")
				s.stall(false)
				for range 300 {
					time.Sleep(10 * time.Millisecond)
					if a := nextAnswer(t, u); a[0].Leap != ntp.LeapUnsynchronised {
						synchronised(t, u, true, "as it says again") // that it keeps its promise
					}
				}
			})
		})
	}
}

// Holdover is served while the bound is within the limit and by no answer after that.
func TestHoldoverEndsOnItsBound(t *testing.T) {
	cfg := quiet()
	cfg.Publish.Limit = 25 * time.Microsecond
	cfg.Engine.Loop.Limit = 25e-6
	unwell(t, cfg, func(t *testing.T, u *Unit, r *roof, _ *stalling) {
		r.plug(nil, errNoLine) // no pulse; the receiver speaks on
		const wire = 1e6 / 65536
		served, lastServed := 0, 0
		for k := range 24 * 3600 {
			time.Sleep(time.Second)
			for p, a := range nextAnswer(t, u) {
				bound := 1e6 * float64(u.Snapshot().Estimate.Bound.Total()) // us
				switch {
				case a.Leap == ntp.LeapUnsynchronised && bound < 25-wire/10 && u.Snapshot().Estimate.Mode == discipline.Holdover:
					t.Fatalf("second %d: %v: LI 3 with a bound of %.1f us", k, leap.Policy(p), bound)
				case a.Leap != ntp.LeapUnsynchronised && 1e6*float64(a.RootDispersion.Seconds()) > 25+2*wire:
					t.Fatalf("second %d: %v: served with %v of root dispersion", k, leap.Policy(p), a.RootDispersion.Seconds())
				case a.Leap != ntp.LeapUnsynchronised:
					served++
					lastServed = k
				}
			}
			if k > lastServed+60 {
				break
			}
		}
		t.Logf("served for %d s without a pulse", lastServed)
		if served == 0 || lastServed < 60 || lastServed > 23*3600 {
			t.Errorf("%d answers in holdover, the last after %d s", served, lastServed)
		}
		synchronised(t, u, false, "beyond the bound")
	})
}

// Messages that name another second than the count: while they may be a slip the count is served, which is right; then the
// label is in doubt and nothing is.
func TestLabelInDoubtIsNotServed(t *testing.T) {
	unwell(t, quiet(), func(t *testing.T, u *Unit, r *roof, _ *stalling) {
		r.mislabel(time.Second)
		doubted := -1
		for k := range 400 {
			time.Sleep(100 * time.Millisecond)
			quarantined := u.Snapshot().Estimate.Mode == discipline.Quarantine
			synchronised(t, u, !quarantined, "with labels of another second")
			if quarantined && doubted < 0 {
				doubted = k
			}
		}
		if doubted < 0 || doubted > 150 { // ten messages in a row
			t.Errorf("in doubt after %d tenths of a second, want 15 s at most", doubted)
		}
		r.mislabel(0)
		time.Sleep(time.Minute)
		if m := u.Snapshot().Estimate.Mode; m != discipline.Quarantine {
			synchronised(t, u, m == discipline.Locked, "after the labels have come back")
		}
	})
}
