package witness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"timeball/pps/clock"
)

func TestPacing(t *testing.T) {
	unsent, rate, silent := fmt.Errorf("%w: x", ErrNotSent), ErrRate, errNoAnswer
	type step struct {
		err     error
		settled bool
		want    time.Duration
	}
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"until the unit has its second, ever more rarely", []step{{nil, false, 16e9}, {nil, false, 32e9}, {silent, false, 64e9}, {nil, false, 128e9}}},
		{"once it has", []step{{silent, false, 16e9}, {nil, true, 1024e9}, {silent, true, 1024e9}, {unsent, true, 1024e9}}},
		{"when it has lost it", []step{{nil, true, 1024e9}, {nil, false, 16e9}, {nil, false, 32e9}}},
		{"while there is no way", []step{{unsent, false, 16e9}, {unsent, false, 32e9}, {unsent, false, 64e9}, {unsent, false, 64e9}}},
		{"asked for less", []step{{rate, false, 1024e9}, {nil, false, 1024e9}, {rate, false, 2048e9}, {nil, true, 2048e9}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p pacing
			for i, s := range tt.steps {
				if got := p.next(s.err, s.settled); got != s.want {
					t.Errorf("step %d: %v, want %v", i, got, s.want)
				}
			}
		})
	}
	var p pacing
	for range 100 {
		if got := p.next(silent, false); got < 15*time.Second || got > usualInterval {
			t.Fatalf("interval %v", got)
		}
	}
	for range 100 {
		if got := p.next(rate, false); got > mostInterval {
			t.Fatalf("interval %v", got)
		}
	}
}

// A server is asked at the start, soon again while the unit knows no second, and not in step with others.
func TestRunKeepsItsManners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		const lost = time.Hour + 100*time.Second // for a minute
		mono := func() (clock.Reading, bool) {
			up := time.Since(began)
			return clock.Reading{Mono: clock.Mono(up), Boot: clock.Boot(up)}, true
		}
		ctx, cancel := context.WithCancel(t.Context())
		var at []time.Duration
		lookups := 0
		s := Server{
			Name: "a.example", Now: mono,
			Lookup: func(context.Context, string) ([]netip.Addr, error) {
				if lookups++; lookups == 2 {
					return nil, errors.New("the resolver is silent")
				}
				return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
			},
			Dial: func(context.Context, netip.AddrPort) (net.Conn, error) {
				at = append(at, time.Since(began))
				ours, theirs := net.Pipe()
				go func() {
					defer theirs.Close()
					request := make([]byte, 100)
					if n, err := theirs.Read(request); err == nil {
						theirs.Write(good(request[:n], 0))
					}
				}()
				return ours, nil
			},
		}
		var reports []Report
		done := make(chan struct{})
		go func() {
			defer close(done)
			settled := func() bool {
				up := time.Since(began)
				return up > 5*time.Minute && (up < lost || up > lost+time.Minute)
			}
			s.Run(ctx, settled, func(r Report) { reports = append(reports, r) })
		}()
		time.Sleep(2 * time.Hour)
		cancel()
		<-done
		var gaps []time.Duration
		for i := range at[1:] {
			gaps = append(gaps, at[i+1]-at[i])
		}
		slices.Sort(gaps)
		if gaps[0] < 15*time.Second || at[0] != 0 || len(at) < 11 || len(at) > 15 {
			t.Errorf("asked %d times, at %v", len(at), at)
		}
		if i := slices.IndexFunc(at, func(up time.Duration) bool { return up >= lost }); at[i] > lost+firstInterval {
			t.Errorf("asked %v after the second was lost", at[i]-lost)
		}
		if len(reports) != len(at)+1 || !errors.Is(reports[1].Error, ErrNotSent) || reports[0].Reading == nil || reports[0].Name != s.Name {
			t.Errorf("%d reports: %+v", len(reports), reports)
		}
		if last := gaps[len(gaps)-1]; last == usualInterval || last > usualInterval*17/16 {
			t.Errorf("the usual interval is %v: in step with everybody", last)
		}
	})
}
