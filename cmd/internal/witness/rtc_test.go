package witness

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// fakeRTC is a board and its RTC. The bubble's time is truth, which the unit's clock shows while it is settled.
type fakeRTC struct {
	mu      sync.Mutex
	booted  time.Time
	ahead   time.Duration // of the RTC at booted
	drift   float64
	setAt   time.Duration // of the second, by which setting it is off
	delay   time.Duration // of a reading
	settled bool
	lost    error
	sets    int
}

func (f *fakeRTC) now() (clock.Reading, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	up := clock.Mono(time.Since(f.booted)) + 5e9
	r := clock.Reading{Mono: up, Boot: clock.Boot(up), Real: clock.Real(1e18)}
	if f.settled {
		r.Real, r.Era = clock.Real(time.Now().UnixNano()), 1
	}
	return r, true
}

func (f *fakeRTC) Read() (int64, error) {
	time.Sleep(f.delay)
	f.mu.Lock()
	defer f.mu.Unlock()
	off := f.ahead + time.Duration(f.drift*float64(time.Since(f.booted)))
	return time.Now().Add(off).Unix(), f.lost
}

func (f *fakeRTC) Set(unix int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sets++
	f.lost = nil
	f.booted, f.ahead = time.Now(), time.Until(time.Unix(unix, 0).Add(f.setAt))
	return nil
}

// settle says whether the unit knows the time.
func (f *fakeRTC) settle(settled bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settled = settled
}

func (f *fakeRTC) isSettled() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.settled
}

// off returns by how many seconds a reading is wrong.
func (f *fakeRTC) off(r Reading) float64 {
	now, _ := f.now()
	truth := time.Now().UnixNano() - int64(now.Mono-r.At)
	return float64(int64(r.UTC)-truth) * 1e-9
}

func TestChangeOfTheRTCIsTimed(t *testing.T) {
	for _, delay := range []time.Duration{0, time.Millisecond, 8 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			f := &fakeRTC{booted: time.Now(), ahead: 12345 * time.Microsecond, delay: delay}
			for i := range 20 {
				time.Sleep(time.Duration(i) * 77 * time.Millisecond)
				began := time.Now()
				c, err := awaitChange(t.Context(), f, f.now)
				if err != nil {
					t.Fatal(err)
				}
				r, err := Record{}.reading(c)
				off := f.off(r) - 12345e-6
				_, half := c.at()
				if took := time.Since(began); err != nil || took > 1100*time.Millisecond || math.Abs(off) > float64(half)+1e-6 || half > 7e-3 || r.Distance != rtcUnknown {
					t.Errorf("after %v: off by %v within %v, %+v, %v", took, off, half, r, err)
				}
			}
		})
	}
}

func TestRTCThatTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeRTC{booted: time.Now(), drift: -1}
		if _, err := awaitChange(t.Context(), f, f.now); !errors.Is(err, errStands) {
			t.Errorf("it stands: %v", err)
		}
		f = &fakeRTC{booted: time.Now(), delay: 30 * time.Millisecond}
		if _, err := awaitChange(t.Context(), f, f.now); !errors.Is(err, errHeldUp) {
			t.Errorf("held up: %v", err)
		}
		f = &fakeRTC{booted: time.Now(), lost: errors.New("lost")}
		if _, err := awaitChange(t.Context(), f, f.now); !errors.Is(err, f.lost) {
			t.Errorf("lost: %v", err)
		}
		f = &fakeRTC{booted: time.Now(), ahead: -100 * 365 * 24 * time.Hour}
		if _, err := awaitChange(t.Context(), f, f.now); err == nil {
			t.Error("a date before 1970 is believed")
		}
		f = &fakeRTC{booted: time.Now()}
		asleep := func() (clock.Reading, bool) {
			now, ok := f.now()
			now.Boot += clock.Boot(now.Mono) * 10 // it sleeps most of the time
			return now, ok
		}
		if _, err := awaitChange(t.Context(), f, asleep); !errors.Is(err, errSlept) {
			t.Errorf("asleep: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := awaitChange(ctx, f, f.now); !errors.Is(err, context.Canceled) {
			t.Errorf("ended: %v", err)
		}
	})
}

// What is said of an RTC after a time without power is true, and good to 0.3 s for three quarters of an hour.
func TestRecordIsTrueAfterAPowerCut(t *testing.T) {
	for _, drift := range []float64{-95e-6, 0, 20e-6, 95e-6} {
		for _, outage := range []time.Duration{time.Second, 10 * time.Minute, 45 * time.Minute, 24 * time.Hour, 30 * 24 * time.Hour} {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeRTC{booted: time.Now(), ahead: -321 * time.Millisecond, drift: drift, settled: true}
				var kept Record
				k := Keeper{RTC: f, Now: f.now, Settled: f.isSettled, Save: func(r Record) error { kept = r; return nil }, Say: func(string, error) {}}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { defer close(done); k.Run(ctx, func(Report, bool) {}) }()
				time.Sleep(2 * time.Hour)
				cancel()
				<-done
				time.Sleep(outage)
				f.settle(false)
				c, err := awaitChange(t.Context(), f, f.now)
				if err != nil {
					t.Fatal(err)
				}
				r, err := kept.reading(c)
				off := math.Abs(f.off(r))
				if err != nil || off > float64(r.Distance) || outage < 40*time.Minute && r.Distance > 0.3 || r.Distance > rtcUnknown {
					t.Errorf("drift %v, %v later: off by %v s, at most %v, %v", drift, outage, off, r.Distance, err)
				}
				if drift >= 0 && f.sets != 0 {
					t.Errorf("an RTC that is off by 0.3 s is set")
				}
			})
		}
	}
}

// The kernel sets the RTC every 11 minutes, some drivers to the wrong half of a second.
func TestRecordIsTrueOfAnRTCThatTheKernelSets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeRTC{booted: time.Now(), ahead: 4 * time.Second, drift: 60e-6, settled: true}
		var kept Record
		for i := range 40 {
			time.Sleep(11 * time.Minute)
			f.Set(time.Now().Unix())
			f.ahead = 700 * time.Millisecond
			if i%2 == 0 {
				continue
			}
			time.Sleep(3 * time.Minute)
			c, err := awaitChange(t.Context(), f, f.now)
			if err != nil {
				t.Fatal(err)
			}
			kept = kept.measured(c)
		}
		time.Sleep(20 * time.Minute)
		c, err := awaitChange(t.Context(), f, f.now)
		if err != nil {
			t.Fatal(err)
		}
		r, err := kept.reading(c)
		if off := math.Abs(f.off(r)); err != nil || off > float64(r.Distance) || r.Distance > 0.3 {
			t.Errorf("off by %v s, at most %v, %v", off, r.Distance, err)
		}
	})
}

func TestRecordOfAnRTCThatWasSetMeanwhileIsInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeRTC{booted: time.Now(), settled: true}
		c, err := awaitChange(t.Context(), f, f.now)
		if err != nil {
			t.Fatal(err)
		}
		kept := Record{}.measured(c)
		f.ahead = -time.Hour
		if c, err = awaitChange(t.Context(), f, f.now); err != nil {
			t.Fatal(err)
		}
		if r, err := kept.reading(c); !errors.Is(err, errBackwards) {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestKeeperSetsAnRTCThatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name    string
		rtc     *fakeRTC
		monitor bool
		most    int     // sets in three days
		within  float64 // s, at the end
	}{
		{"an hour ahead", &fakeRTC{ahead: time.Hour}, false, 1, 0.05},
		{"years behind", &fakeRTC{ahead: -6 * 365 * 24 * time.Hour}, false, 1, 0.05},
		{"it has lost its time", &fakeRTC{lost: errors.New("lost")}, false, 1, 0.05},
		{"it drifts and is set a second late", &fakeRTC{drift: 40e-6, setAt: -700 * time.Millisecond}, false, 4, 4.5},
		{"monitor", &fakeRTC{ahead: time.Hour}, true, 0, 3601},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := tt.rtc
				f.booted = time.Now()
				var keeping sync.Mutex // of what Keeper tells
				var kept Record
				said := 0
				k := Keeper{
					RTC: f, Now: f.now, Settled: f.isSettled, Monitor: tt.monitor,
					Save: func(r Record) error { keeping.Lock(); defer keeping.Unlock(); kept = r; return nil }, Say: func(string, error) { said++ },
				}
				ctx, cancel := context.WithCancel(t.Context())
				var words []bool
				done := make(chan struct{})
				go func() {
					defer close(done)
					k.Run(ctx, func(_ Report, independent bool) { words = append(words, independent) })
				}()
				time.Sleep(5 * time.Minute)
				f.mu.Lock()
				if f.sets != 0 {
					t.Error("it was set before the unit knew the time")
				}
				f.mu.Unlock()
				f.settle(true)
				time.Sleep(2 * time.Minute)
				keeping.Lock()
				if !tt.monitor && kept.Spread > 0.02 {
					t.Errorf("measured after it was set: %+v", kept)
				}
				keeping.Unlock()
				time.Sleep(72 * time.Hour)
				f.settle(false)
				time.Sleep(time.Hour)
				cancel()
				<-done
				if want := min(tt.most, 1); f.sets < want || f.sets > tt.most || said != f.sets {
					t.Errorf("set %d times, said %d times, want %d to %d", f.sets, said, want, tt.most)
				}
				second, err := f.Read()
				if off := float64(second) + 0.5 - float64(time.Now().UnixNano())*1e-9; err != nil || math.Abs(off) > tt.within+0.5 {
					t.Errorf("it is off by %v s: %v", off, err)
				}
				if kept.UTC == 0 || timescale.UTC(time.Now().UnixNano())-kept.UTC > 2*timescale.Hour {
					t.Errorf("kept %+v", kept)
				}
				// Once the unit has known the time, what the RTC says is no one else's word.
				if !words[0] || words[len(words)-1] {
					t.Errorf("independent at first %v, at last %v", words[0], words[len(words)-1])
				}
			})
		})
	}
}
