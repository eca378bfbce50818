package appliance

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"timeball/pps"
	"timeball/pps/clock"
	"timeball/pps/timing"
)

// learning is how long a unit without a witness waits for the leap seconds: 13 min of tracking, and the lock.
const learning = 14 * time.Minute

func TestHardwareLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, r := newHardware(t)
		r.machine.shift(-3500 * time.Millisecond) // booted without a network
		u := newUnit(t, quiet(), h)
		stop := start(t, u)
		took := waitLock(t, u, learning)
		t.Logf("locked after %v", took)
		if took < 13*time.Minute {
			t.Errorf("locked after %v: nobody can have known the leap seconds", took)
		}
		time.Sleep(time.Minute)
		honest(t, u)
		s := u.Status()
		if s.Mode != "locked" || s.Stratum != 1 || s.Board != "bench" || s.Simulated || s.SimErrorSeconds != nil {
			t.Errorf("status %+v", s)
		}
		if now := h.Served().Now(); now.Era != 1 {
			t.Errorf("era %d after the step at the start, want 1", now.Era)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if h.Dropped() != 0 {
			t.Errorf("%d events dropped", h.Dropped())
		}
	})
}

func TestHardwareWaitsForItsParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, r := newHardware(t)
		r.plug(errAbsent, errNoLine)
		cfg := quiet()
		log := logged(&cfg)
		u := newUnit(t, cfg, h)
		stop := start(t, u)
		time.Sleep(time.Minute - time.Second)
		if s := u.Status(); s.Mode != "free-running" || !strings.Contains(s.Reason, errAbsent.Error()) || !strings.Contains(s.Reason, errNoLine.Error()) ||
			s.Serial == nil || *s.Serial != errAbsent.Error() {
			t.Errorf("both absent: reason %q, serial %v", s.Reason, s.Serial)
		}
		if want := 2 * int(time.Minute/retryAfter); r.tries() != want {
			t.Errorf("opened %d times in a minute, want %d", r.tries(), want)
		}
		if n := strings.Count(log.String(), "changed"); n != 2 {
			t.Errorf("%d changes are logged, want one for each part:\n%s", n, log)
		}
		r.plug(nil, errNoLine)
		time.Sleep(retryAfter + 2*time.Second)
		if s := u.Status(); s.Reason != errNoLine.Error() || s.Serial == nil || *s.Serial != wellLine || s.SatellitesUsed == nil {
			t.Errorf("line there: reason %q, serial %v", s.Reason, s.Serial)
		}
		r.plug(nil, nil)
		waitLock(t, u, learning)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestHardwareComesBackAfterUnplugging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, r := newHardware(t)
		u := newUnit(t, quiet(), h)
		stop := start(t, u)
		waitLock(t, u, learning)

		r.plug(errAbsent, nil) // the line alone: the pulse still counts the seconds
		time.Sleep(time.Minute)
		honest(t, u)
		if s := u.Status(); s.Mode != "locked" || s.Serial == nil || *s.Serial != errAbsent.Error() || !strings.Contains(s.Reason, "messages have stopped") {
			t.Errorf("line unplugged: mode %s, reason %q, serial %v", s.Mode, s.Reason, s.Serial)
		}
		r.plug(nil, errNoLine) // the pulse alone
		time.Sleep(time.Minute)
		honest(t, u)
		if s := u.Status(); s.Mode != "holdover" || s.Serial == nil || *s.Serial != wellLine {
			t.Errorf("capture ended: mode %s, reason %q, serial %v", s.Mode, s.Reason, s.Serial)
		}
		r.plug(nil, nil)
		time.Sleep(retryAfter + 10*time.Second)
		honest(t, u)
		if s := u.Status(); s.Mode != "locked" || s.Reason != "" || s.Stratum != 1 {
			t.Errorf("all back: mode %s, reason %q, stratum %d", s.Mode, s.Reason, s.Stratum)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// A capture may end and be there again at once: it is opened anew, and the log says so.
func TestHardwareReopensACaptureThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, r := newHardware(t)
		cfg := quiet()
		log := logged(&cfg)
		u := newUnit(t, cfg, h)
		stop := start(t, u)
		time.Sleep(10 * time.Second)
		r.plug(nil, errNoLine)
		r.plug(nil, nil)
		time.Sleep(time.Second)
		if s := u.Status(); !strings.Contains(log.String(), errCaptureEnded.Error()) {
			t.Errorf("reason %q, log:\n%s", s.Reason, log)
		}
		before := u.Status().PulsesRefused + u.Status().PulsesAccepted
		time.Sleep(retryAfter + 5*time.Second)
		if after := u.Status().PulsesRefused + u.Status().PulsesAccepted; after < before+5 {
			t.Errorf("%d pulses before, %d after the capture came back", before, after)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// moody is a sensor that works now and then.
type moody struct {
	mu    sync.Mutex
	value float64
	err   error
}

func (m *moody) Read() (float64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.value, m.err
}

func (m *moody) set(value float64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.value, m.err = value, err
}

func TestHardwareGoesOnWithoutSensors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := newHardware(t)
		heat, load := &moody{err: errors.New("thermal zone cpu-thermal: I/O error")}, &moody{}
		var counted atomic.Bool
		h.Thermometer = heat
		h.Utilisation = func() (float64, bool, error) { v, err := load.Read(); return v, counted.Load(), err }
		u := newUnit(t, quiet(), h)
		stop := start(t, u)
		time.Sleep(5 * time.Second)
		if s := u.Status(); s.TemperatureCelsius != nil || s.Utilisation != nil || s.SatellitesUsed == nil {
			t.Errorf("without sensors: %v degrees, utilisation %v, %v satellites", s.TemperatureCelsius, s.Utilisation, s.SatellitesUsed)
		}
		heat.set(47.5, nil)
		load.set(0.25, errors.New("utilisation: I/O error"))
		counted.Store(true)
		time.Sleep(2 * time.Second)
		if s := u.Status(); s.TemperatureCelsius == nil || *s.TemperatureCelsius != 47.5 || s.Utilisation != nil {
			t.Errorf("with a thermometer: %v degrees, utilisation %v", s.TemperatureCelsius, s.Utilisation)
		}
		load.set(0.25, nil)
		time.Sleep(2 * time.Second)
		if s := u.Status(); s.Utilisation == nil || *s.Utilisation != 0.25 {
			t.Errorf("with both: utilisation %v", s.Utilisation)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// wellLine is what is said of the bench's line while it is well.
const wellLine = "NMEA on serial0 at 115200 baud"

// chatter is a Port that has a sentence every millisecond until it is unplugged.
type chatter struct {
	machine *machine
	gone    chan struct{}
	reads   *atomic.Int64
}

func (c chatter) Read(p []byte) (int, clock.Mono, error) {
	time.Sleep(time.Millisecond)
	now, _ := c.machine.Read()
	select {
	case <-c.gone:
		return 0, now.Mono, errGone
	default:
		c.reads.Add(1)
		return copy(p, sentence), now.Mono, nil
	}
}

const sentence = "$GPZDA,120000.00,01,06,2026,,*64\r\n"

func (chatter) Write(p []byte) (int, error) { return len(p), nil }
func (chatter) Baud() int                   { return 0 }
func (chatter) Close() error                { return nil }

func TestHardwareCountsWhatALateEngineLoses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		gone := make(chan struct{})
		var reads atomic.Int64
		h := &Hardware{
			Ports: onePort,
			OpenPort: func(string, int) (Port, error) {
				if reads.Load() > 0 {
					return nil, errAbsent
				}
				return chatter{m, gone, &reads}, nil
			},
			OpenEdges: func() (EdgeSource, error) { return nil, errNoLine }, Steered: m, Reader: m.Read,
		}
		awake, taken, states := make(chan struct{}), 0, []string{}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- h.Run(ctx, func(e timing.Event) {
				<-awake
				switch e.Kind {
				case timing.KindBytes:
					taken++
				case timing.KindPort:
					states = append(states, e.Text)
				}
			})
		}()
		time.Sleep(3 * time.Second)
		close(gone) // while the queue is full
		time.Sleep(3 * time.Second)
		sent := int(reads.Load()) - 1 // the first is not from a receiver yet
		if h.Dropped() < uint64(sent-queueLength-4) || h.Dropped() == 0 {
			t.Errorf("%d of %d events dropped with room for %d", h.Dropped(), sent, queueLength)
		}
		close(awake)
		time.Sleep(time.Second)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if taken+int(h.Dropped()) != sent {
			t.Errorf("%d taken and %d dropped of %d", taken, h.Dropped(), sent)
		}
		// A state that is lost would be shown wrongly from then on.
		if !slices.Contains(states, errAbsent.Error()) {
			t.Errorf("states of the line %q, want %q among them", states, errAbsent)
		}
	})
}

func TestHardwareShutsDownWithEverythingBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		gone := make(chan struct{})
		var reads atomic.Int64
		close(gone)
		silent := make(chan pps.Edge)
		h := &Hardware{
			Ports:     onePort,
			OpenPort:  func(string, int) (Port, error) { return chatter{m, gone, &reads}, nil },
			OpenEdges: func() (EdgeSource, error) { return silentEdges{silent}, nil }, Steered: m, Reader: m.Read,
		}
		late := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		to := sender{ctx, make(chan timing.Event), &h.dropped} // a queue that nobody takes from
		var parts sync.WaitGroup
		for _, part := range []func(context.Context, sender){h.readPort, h.readEdges, h.readSensors} {
			parts.Go(func() { part(ctx, to) })
		}
		ended := make(chan error, 1)
		go func() { ended <- h.Run(ctx, func(timing.Event) { <-late }) }()
		time.Sleep(time.Minute)
		cancel()
		parts.Wait() // a state that waits for room does not keep a part
		close(late)
		began := time.Now()
		if err := <-ended; err != nil || time.Since(began) > 100*time.Millisecond {
			t.Errorf("Run = %v, %v after the Engine had let go", err, time.Since(began))
		}
	})
}

type silentEdges struct{ edges chan pps.Edge }

func (s silentEdges) Edges() <-chan pps.Edge { return s.edges }
func (silentEdges) Close() error             { return nil }

// After a stall the ticks come with the time of now and the pulses with that of then: what waits is no silence.
func TestHardwareTakesWhatWaitsBeforeATick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := newHardware(t)
		var stall atomic.Bool
		cfg := quiet()
		log := logged(&cfg)
		u := newUnit(t, cfg, watched{Board: h, before: func(e timing.Event) {
			if e.Kind == timing.KindBytes && stall.CompareAndSwap(true, false) {
				time.Sleep(4 * time.Second)
			}
		}})
		stop := start(t, u)
		waitLock(t, u, learning)
		for range 20 { // select would choose the tick first half of the times
			time.Sleep(7 * time.Second)
			stall.Store(true)
		}
		time.Sleep(10 * time.Second)
		honest(t, u)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if left := strings.Count(log.String(), "locked -> "); left != 0 {
			t.Errorf("left the lock %d times:\n%s", left, log)
		}
	})
}

func TestForeignStepIsNeverServed(t *testing.T) {
	for _, by := range []time.Duration{time.Second, -time.Second, 37 * time.Hour, 300 * time.Microsecond, -300 * time.Microsecond} {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, r := newHardware(t)
				u := newUnit(t, quiet(), h)
				stop := start(t, u)
				waitLock(t, u, learning)
				time.Sleep(10*time.Second + 400*time.Millisecond)
				r.machine.shift(by)
				// At once, before the Engine has seen it.
				if s := u.Status(); s.Stratum != 16 || s.Leap != "unsynchronized" || s.Reason != "clock stepped by something else" {
					t.Errorf("stratum %d, reason %q", s.Stratum, s.Reason)
				}
				for range 600 {
					honest(t, u)
					time.Sleep(101 * time.Millisecond)
				}
				t.Logf("a minute later: %s, %q", u.Status().Mode, u.Status().Reason)
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestHardwareClockRefusesStampsItCannotPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		h := &Hardware{Steered: m, Reader: m.Read}
		served := h.Served()
		try := func(name string, age time.Duration, want bool) {
			t.Helper()
			now := served.Now()
			stamp := now.Real - clock.Real(age)
			if got, ok := served.FromKernel(stamp, now); ok != want || got != stamp {
				t.Errorf("%s: %v old: %d, %v, want %d, %v", name, age, got, ok, stamp, want)
			}
		}
		try("no step yet", time.Millisecond, true)
		try("in the future", -time.Millisecond, false)
		try("too old", time.Second, false)
		step := func(by time.Duration) {
			t.Helper()
			if _, err := h.Clock().Step(by); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Microsecond) // how well a quick reading is trusted
		}
		step(-300 * time.Millisecond)
		try("just after a step back", 0, false)
		time.Sleep(100 * time.Millisecond)
		try("of either era", time.Millisecond, false)
		time.Sleep(300 * time.Millisecond)
		try("as old as what came before the step back", 150*time.Millisecond, false)
		try("newer than all that came before", time.Millisecond, true)
		step(-time.Hour)
		time.Sleep(time.Second)
		try("older than a step of an hour back", 10*time.Millisecond, false)
		time.Sleep(10 * time.Millisecond)
		try("a second after a step of an hour back", 10*time.Millisecond, true)
		for range 4 { // a clock that is put forward each second is to be asked meanwhile
			step(time.Millisecond)
			time.Sleep(time.Second)
			try("between two steps forward", time.Millisecond, true)
			step(time.Millisecond)
			try("just after a step forward", time.Microsecond, true)
			try("before a step forward", time.Millisecond+3*time.Microsecond, false)
		}
	})
}

// Quick readings stand on whole ones: after a step, a suspend or a preemption between its two clocks, and 4 times a second,
// the whole clock is read.
func TestHardwareClockReadsQuickly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		whole, late := 0, clock.Mono(0)
		h := &Hardware{Steered: m}
		h.Reader = func() (clock.Reading, error) { whole++; return m.Read() }
		h.Quick = func() (clock.Real, clock.Mono) { now, _ := m.Read(); return now.Real, now.Mono + late }
		served := h.Served()
		check := func(name string, wholes int) {
			t.Helper()
			want, _ := m.Read()
			want.Era = clock.Era(h.era.Load())
			if got := served.Now(); got != want {
				t.Errorf("%s: %+v, want %+v", name, got, want)
			}
			if whole != wholes {
				t.Errorf("%s: %d whole readings, want %d", name, whole, wholes)
			}
		}
		check("first", 1)
		check("second", 1)
		time.Sleep(wholeEvery)
		check("a tick later", 1)
		time.Sleep(1 * time.Nanosecond)
		check("more", 2)
		m.shift(-300 * time.Microsecond)
		check("stepped by another", 3)
		late = maxQuickError + 1
		check("preempted", 4)
		late = 0
		check("not any more", 4)
		m.setBroken(errors.New("clock_gettime: I/O error"))
		time.Sleep(wholeEvery + 1)
		if got := served.Now(); got.Era != unreadable {
			t.Errorf("broken: %+v", got)
		}
		m.setBroken(nil)
		check("works again", 6)
	})
}

func TestHardwareClockThatCannotBeReadIsNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, r := newHardware(t)
		u := newUnit(t, quiet(), h)
		stop := start(t, u)
		waitLock(t, u, learning)
		r.machine.setBroken(errors.New("clock_gettime: I/O error"))
		if s := u.Status(); s.Stratum != 16 {
			t.Errorf("a clock that can't be read is served: stratum %d, reason %q", s.Stratum, s.Reason)
		}
		time.Sleep(time.Minute)
		honest(t, u)
		r.machine.setBroken(nil)
		time.Sleep(20 * time.Second)
		honest(t, u)
		if s := u.Status(); s.Stratum != 1 {
			t.Errorf("back: stratum %d, mode %s, reason %q", s.Stratum, s.Mode, s.Reason)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// A port without a rate (USB) dates its bytes by the read, one with a rate by their time on the line.
func TestHardwareDatesBytes(t *testing.T) {
	for _, tt := range []struct {
		baud int
		want clock.Mono // before the read returned
	}{{0, 0}, {9600, 69_791_667}} {
		synctest.Test(t, func(t *testing.T) {
			m := newMachine()
			o := &once{m: m, baud: tt.baud}
			h := &Hardware{Ports: onePort, OpenPort: func(string, int) (Port, error) { return o, nil }, Steered: m, Reader: m.Read}
			events := make(chan timing.Event, 100)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			h.readPort(ctx, sender{ctx, events, &h.dropped})
			close(events)
			var e timing.Event
			for e = range events {
				if e.Kind == timing.KindBytes {
					break
				}
			}
			if o.read-e.At != tt.want || e.Baud != tt.baud || string(e.Bytes) != sentence+sentence {
				t.Errorf("%d baud: %d ns before the read returned, %+v, want %d", tt.baud, o.read-e.At, e, tt.want)
			}
		})
	}
}

// once is a Port that has two sentences and is gone.
type once struct {
	m    *machine
	baud int
	read clock.Mono // when they were read
}

func (o *once) Read(p []byte) (int, clock.Mono, error) {
	now, _ := o.m.Read()
	if o.read != 0 {
		return 0, now.Mono, errGone
	}
	o.read = now.Mono
	return copy(p, sentence+sentence), now.Mono, nil
}

func (o *once) Write(p []byte) (int, error) { return len(p), nil }
func (o *once) Baud() int                   { return o.baud }
func (o *once) Close() error                { return nil }
