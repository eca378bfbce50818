package timing

import (
	"errors"
	"strings"
	"testing"
	"time"

	"timeball/gnss"
	"timeball/gnss/timescale"
	"timeball/pps"
	"timeball/pps/clock"
	"timeball/pps/discipline"
)

const (
	second = 1_000_000_000
	start  = timescale.UTC(1_790_000_000 * second) // 2026-09-21
)

// fakeClock is a clock without error whose steps are kept.
type fakeClock struct {
	now    clock.Reading
	status clock.Status
	steps  []time.Duration
	fail   error
	refuse error // of SetFrequency
}

func (c *fakeClock) Read() (clock.Reading, error) { return c.now, c.fail }

func (c *fakeClock) SetFrequency(y clock.Ratio) (clock.Ratio, clock.Mono, error) {
	return 0, c.now.Mono, errors.Join(c.fail, c.refuse) // as if the crystal were perfect and the loop knew it
}

func (c *fakeClock) Step(by time.Duration) (clock.Era, error) {
	c.steps = append(c.steps, by)
	c.now.Real += clock.Real(by)
	c.now.Era++
	return c.now.Era, c.fail
}

func (c *fakeClock) SetStatus(s clock.Status) error {
	c.status = s
	return c.fail
}

// bench is an Engine with a receiver that does what the test says.
type bench struct {
	t      *testing.T
	clock  *fakeClock
	engine *Engine
	utc    timescale.UTC // what the receiver calls the present second
	seq    uint64
	full   bool // it says that it knows the leap seconds
	leap60 bool // it calls the second 23:59:60
	tai    int  // TAI - UTC that it reckons with
}

func newBench(t *testing.T, witness bool) *bench {
	t.Helper()
	c := &fakeClock{now: clock.Reading{Mono: second, Real: clock.Real(start), Boot: second}}
	e, err := New(Default(), c)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, clock: c, engine: e, utc: start}
	if witness {
		e.Take(Event{Kind: KindWitness, At: second, UTC: start, Value: 0.3, Text: "rtc"})
	}
	return b
}

// act says what happens within one second.
type act struct{ pulse, message, fix bool }

var normal = act{true, true, true}

// run lets n seconds pass.
func (b *bench) run(n int, a act) *Snapshot {
	for range n {
		if a.pulse {
			b.seq++
			at := b.clock.now.Mono
			b.engine.Take(Event{Kind: KindEdge, At: at, Edge: &pps.Edge{Source: "test", Seq: b.seq, Earliest: at, Latest: at}})
		}
		for q := range 4 {
			b.clock.now.Mono += second / 4
			b.clock.now.Real += second / 4
			b.clock.now.Boot += second / 4
			if q == 0 && a.message {
				b.message(a.fix)
			}
			b.engine.Take(Event{Kind: KindTick, At: b.clock.now.Mono})
		}
		b.utc += second
	}
	return b.engine.Snapshot()
}

func (b *bench) message(fix bool) {
	at := b.clock.now.Mono
	b.engine.Take(Event{Kind: KindReport, At: at, Report: &gnss.Report{
		Mark: &gnss.TimeMark{Arrival: at, UTC: b.utc, Message: "GNRMC", Valid: fix, FullUTC: b.full, Leap60: b.leap60, TAIOffset: b.tai},
		Fix:  &gnss.Fix{Arrival: at, Message: "GNGGA", Valid: fix, SatellitesUsed: 9},
	}})
}

func (b *bench) want(s *Snapshot, mode discipline.Mode, reason string) {
	b.t.Helper()
	if s.Estimate.Mode != mode || !strings.Contains(s.Estimate.Reason, reason) {
		b.t.Errorf("mode %v %q, want %v with %q", s.Estimate.Mode, s.Estimate.Reason, mode, reason)
	}
}

func TestEngineLocksWithAWitness(t *testing.T) {
	b := newBench(t, true)
	s := b.run(20, normal)
	b.want(s, discipline.Locked, "")
	if !b.clock.status.Synchronised || b.clock.status.TAIOffset != 37 || b.clock.status.MaxError != s.Estimate.Bound.Total() {
		t.Errorf("the kernel was told %+v", b.clock.status)
	}
	if len(b.clock.steps) != 0 {
		t.Errorf("a clock that was right was stepped by %v", b.clock.steps)
	}
}

// Without a witness the receiver's leap second count may be that of its flash until the almanac has been received.
func TestEngineWaitsForTheLeapSecondCount(t *testing.T) {
	b := newBench(t, false)
	b.want(b.run(62, normal), discipline.Acquiring, "12 min of tracking to go")
	b.want(b.run(11*60, normal), discipline.Acquiring, "1 min of tracking to go")
	b.want(b.run(70, normal), discipline.Locked, "")
}

func TestEngineTakesACorrectedSecondBeforeItHasServed(t *testing.T) {
	b := newBench(t, false)
	b.utc += 2 * second // a stale leap second count
	b.run(300, normal)
	b.utc -= 2 * second // the almanac is in
	b.run(900, normal)
	b.want(b.engine.Snapshot(), discipline.Locked, "")
	if off := int64(b.clock.now.Real) - int64(b.utc); off != 0 {
		t.Errorf("the clock is %d ns off", off)
	}
}

// After the first lock a receiver that names another second is not followed: the unit stops serving and says why.
func TestEngineQuarantinesAJumpingLabel(t *testing.T) {
	b := newBench(t, true)
	b.run(30, normal)
	b.utc += second
	s := b.run(9, normal)
	b.want(s, discipline.Locked, "") // nine messages are an episode
	s = b.run(2, normal)
	b.want(s, discipline.Quarantine, "another second")
	if b.clock.status.Synchronised {
		t.Error("the kernel still believes to be synchronised")
	}
	b.utc -= second
	s = b.run(10, normal)
	b.want(s, discipline.Locked, "")
	if len(b.clock.steps) != 0 {
		t.Errorf("stepped by %v", b.clock.steps)
	}
}

func TestEngineDoesNotUsePulsesWithoutAFix(t *testing.T) {
	b := newBench(t, true)
	b.run(30, normal)
	s := b.run(4, act{pulse: true, message: true})
	b.want(s, discipline.Holdover, "no fix")
	if s.Counters.Refused["pulse while the receiver has no fix"] == 0 {
		t.Errorf("refused: %v", s.Counters.Refused)
	}
	b.want(b.run(8, normal), discipline.Locked, "")
}

func TestEngineCountsOnWhenMessagesStop(t *testing.T) {
	b := newBench(t, true)
	b.run(30, normal)
	b.want(b.run(600, act{pulse: true}), discipline.Locked, "messages have stopped")
	b.want(b.run(5, normal), discipline.Locked, "")
}

func TestEngineSaysWhatIsMissing(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   act
		want string
	}{
		{"nothing", act{}, "neither messages nor pulses"},
		{"pulses only", act{pulse: true}, "no message says which second"},
		{"no fix", act{pulse: true, message: true}, "no fix yet"},
		{"no pulse", act{message: true, fix: true}, "no pulse comes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, true)
			b.want(b.run(5, tt.do), discipline.FreeRunning, tt.want)
		})
	}
	b := newBench(t, true)
	b.engine.Take(Event{Kind: KindPort, Text: "open /dev/serial0: no such file or directory"})
	b.want(b.run(1, act{}), discipline.FreeRunning, "/dev/serial0")
	b.engine.Take(Event{Kind: KindCapture, Text: "gpiochip0 line 18: busy"})
	b.want(b.run(1, act{}), discipline.FreeRunning, "line 18: busy")
}

func TestEngineSaysWhereAPulseIsMissing(t *testing.T) {
	b := newBench(t, true)
	b.engine.Take(Event{Kind: KindCapture, Where: "GPIO 18"})
	b.engine.Take(Event{Kind: KindPort, Text: "nothing arrives on ttyAMA0"})
	b.want(b.run(1, act{}), discipline.FreeRunning, "nothing arrives on ttyAMA0; no pulse on GPIO 18")
	b.engine.Take(Event{Kind: KindPort, Where: "NMEA on ttyAMA0 at 9600 baud"})
	b.want(b.run(1, act{}), discipline.FreeRunning, "NMEA on ttyAMA0 at 9600 baud, but nothing about a fix; no pulse on GPIO 18")
	s := b.run(3, act{message: true, fix: true})
	b.want(s, discipline.FreeRunning, "NMEA on ttyAMA0 at 9600 baud with a fix, but no pulse on GPIO 18")
	if s.Line != "NMEA on ttyAMA0 at 9600 baud" || s.Serial != "" {
		t.Errorf("line %q, serial %q", s.Line, s.Serial)
	}
	b.engine.Take(Event{Kind: KindPort, Text: "the receiver on ttyAMA0 has gone silent or changed its baud rate"})
	b.want(b.run(3, act{pulse: true}), discipline.FreeRunning, "gone silent")
}

// What was begun on a line goes on when only its description changes, and never over a line opened anew.
func TestEngineKeepsHalfASentenceOfTheSameLine(t *testing.T) {
	const half, rest = "$GPRMC,123519,A,4807.038,N,011", "31.000,E,022.4,084.4,230394,003.1,W*6A\r\n"
	const nmea, ubx = "NMEA on ttyAMA0", "UBX on ttyAMA0"
	for _, tt := range []struct {
		name  string
		ports []Event
		marks uint64
	}{
		{"another protocol", []Event{{Kind: KindPort, Where: ubx}}, 1},
		{"gone and back", []Event{{Kind: KindPort, Text: "gone"}, {Kind: KindPort, Where: nmea}}, 0},
		{"a line nothing is known of", []Event{{Kind: KindPort}}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, false)
			b.engine.Take(Event{Kind: KindPort, Where: nmea})
			b.engine.Take(Event{Kind: KindBytes, At: second, Bytes: []byte(half)})
			for _, e := range tt.ports {
				b.engine.Take(e)
			}
			b.engine.Take(Event{Kind: KindBytes, At: second, Bytes: []byte(rest)})
			if s := b.run(1, act{}); s.Counters.Marks != tt.marks {
				t.Errorf("%d marks, want %d", s.Counters.Marks, tt.marks)
			}
		})
	}
}

func TestEngineRefusesDatesBeforeTheFloor(t *testing.T) {
	b := newBench(t, false)
	b.engine.cfg.Floor = start
	b.utc -= 1024 * 7 * 86400 * second // a week rollover ago
	s := b.run(900, normal)
	b.want(s, discipline.FreeRunning, "")
	if s.Counters.Refused["date before "+start.String()] != 900 {
		t.Errorf("refused: %v", s.Counters.Refused)
	}
}

func TestEngineReportsAClockThatDoesNotObey(t *testing.T) {
	b := newBench(t, true)
	b.run(30, normal)
	b.clock.fail = errors.New("operation not permitted")
	b.run(1, normal)
	b.clock.fail = nil
	before := b.engine.Snapshot().Counters.ClockErrors
	if before == 0 {
		t.Error("no error was counted")
	}
	said := false
	for _, c := range b.engine.Changes() {
		said = said || c.What == "clock" && strings.Contains(c.Text, "not permitted")
	}
	if !said {
		t.Error("no change of state tells of it")
	}
	b.want(b.run(1, normal), discipline.Locked, "")
}

// A clock that may be read and not be steered, as without the capability, is reported until it is steered again.
func TestEngineKeepsSayingThatItMayNotSteer(t *testing.T) {
	b := newBench(t, true)
	b.run(30, normal)
	b.clock.refuse = errors.New("needs CAP_SYS_TIME")
	b.want(b.run(3, normal), discipline.Locked, "CAP_SYS_TIME")
	said := len(b.engine.Changes())
	b.run(5, normal)
	if n := len(b.engine.Changes()); n != 0 {
		t.Errorf("told %d times more, %d before", n, said)
	}
	b.clock.refuse = nil
	if s := b.run(2, normal); s.Estimate.Reason != "" {
		t.Errorf("still said: %q", s.Estimate.Reason)
	}
}

func TestEngineForgetsADeadSensor(t *testing.T) {
	b := newBench(t, true)
	b.engine.Take(Event{Kind: KindTemperature, At: b.clock.now.Mono, Value: 47})
	if s := b.run(20, normal); s.Temperature == nil || *s.Temperature != 47 {
		t.Errorf("temperature %v, want 47", s.Temperature)
	}
	b.engine.Take(Event{Kind: KindTemperature, At: b.clock.now.Mono, Value: 900})
	if s := b.run(15, normal); s.Temperature != nil || s.Counters.Refused["temperature out of range"] != 1 {
		t.Errorf("temperature %v, refused %v", s.Temperature, s.Counters.Refused)
	}
}

func TestEngineStepsOnceAndSaysSo(t *testing.T) {
	b := newBench(t, true)
	b.clock.now.Real += 5 * second / 2
	b.run(30, normal)
	if len(b.clock.steps) != 1 || b.clock.steps[0] != -2500*time.Millisecond {
		t.Fatalf("steps %v, want one of -2.5 s", b.clock.steps)
	}
	said := 0
	for _, c := range b.engine.Changes() {
		if c.What == "clock" && strings.Contains(c.Text, "stepped by -2.5s") {
			said++
		}
	}
	if said != 1 {
		t.Errorf("the step was told %d times", said)
	}
}

func TestEngineBoundsItsCounters(t *testing.T) {
	b := newBench(t, true)
	for i := range 3 * maxReasons {
		b.engine.refuse(strings.Repeat("x", i))
	}
	b.engine.Take(Event{Kind: "nonsense"})
	if n := len(b.engine.counters.Refused); n > maxReasons+1 {
		t.Errorf("%d reasons are kept", n)
	}
}

// Whatever is in a recording, the Engine neither panics nor believes it forever.
func FuzzReplay(f *testing.F) {
	var w strings.Builder
	c := &fakeClock{now: clock.Reading{Mono: second, Real: clock.Real(start), Boot: second}}
	rec, err := NewRecorder(&w, "fuzz", Default())
	if err != nil {
		f.Fatal(err)
	}
	e, err := New(Default(), rec.Clock(c))
	if err != nil {
		f.Fatal(err)
	}
	for _, ev := range []Event{
		{Kind: KindEdge, At: second, Edge: &pps.Edge{Seq: 1, Earliest: second, Latest: second}},
		{Kind: KindBytes, At: second, Bytes: []byte("$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A\r\n"), Baud: 9600},
		{Kind: KindWitness, At: second, UTC: start, Value: 0.2, Text: "ntp", Leap: clock.LeapInsert},
		{Kind: KindLeapSeconds, At: second, Bytes: []byte("#@ 1\n")},
		{Kind: KindReport, At: second, Report: &gnss.Report{
			Mark:  &gnss.TimeMark{Arrival: second, UTC: start, Message: "NAV-PVT", Valid: true, TAIOffset: 37},
			Leap:  &gnss.LeapNotice{Arrival: second, Leap: clock.LeapDelete, At: start.Midnight() + timescale.Day, Announces: true},
			Pulse: &gnss.PulseTime{Arrival: second, Message: "TIM-TP", UTC: start + second, Valid: true, HasQuantisation: true},
		}},
		{Kind: KindTick, At: second},
	} {
		rec.Event(ev)
		e.Take(ev)
	}
	if err := rec.Flush(); err != nil {
		f.Fatal(err)
	}
	f.Add(w.String())
	f.Add(w.String()[:w.Len()-20])
	f.Fuzz(func(t *testing.T, recording string) {
		// An error is an answer too.
		_ = Replay(strings.NewReader(recording), func(*Snapshot) error { return nil })
	})
}
