package sim

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"timeball/gnss/timescale"
	"timeball/pps"
	"timeball/pps/clock"
	"timeball/pps/timing"
)

// Config says which world is made.
type Config struct {
	Model Model
	Seed  uint64
	Start timescale.UTC // truth at the beginning
	// Leap is a leap second of the truth before the midnight LeapAt; LeapAt 0: the next one of the program's table.
	Leap   clock.Leap
	LeapAt timescale.UTC
	E0     time.Duration // CLOCK_REALTIME minus truth at Start
	Y0     clock.Ratio   // fractional frequency of the oscillator at Start
	// Ran is how the kernel clock ran before Start, where it has been running: it and the oscillator go on so, whatever E0 and
	// Y0 are. nil: the machine starts.
	Ran *Course

	Nature   Nature         // nil: generated from Model, Seed and Y0
	Latency  *clock.Seconds // hidden lateness of every edge; nil: drawn between the model's limits
	FixAfter time.Duration  // from Start until the receiver has a fix and pulses come
	Receiver Receiver       // nil: marks and fixes are delivered decoded, not as bytes
	HostBaud int            // at which the board listens to a Device; 0: at the Device's own rate at Start
	Sensors  bool           // temperature and utilisation are delivered
	RTC      bool           // the board has a battery-backed clock that was right to 0.2 s
	Servers  []Server       // that are asked for the time
	Faults   []Fault
}

// World is truth, an oscillator, a receiver and a kernel clock, moved through virtual time by its owner.
type World struct {
	cfg     Config
	clock   *Clock
	nature  Nature
	latency clock.Seconds
	truth   truth
	errors  *rand.Rand // of what the models leave open

	second   Second
	elapsed  int64         // whole seconds that have begun
	agenda   []appointment // what comes first is last: it is taken off there, and what is soon goes in there
	lineFree timescale.UTC // when the receiver will have sent what it has to say
	edges    uint64
	ended    bool
	device   *Device // the receiver, where it is one
	hostBaud int
	polling  bool // there is an appointment to read from device
	read     []Byte

	ailed     bool          // there has been trouble with the receiver
	unplugged bool          // the receiver
	pluggedAt timescale.UTC // when it was unplugged or plugged in last
	gluing    bool          // the end of this line is lost

	chances   []*rand.Rand // of the faults, by kind
	asleep    bool         // the machine is suspended
	sleptAt   clock.Mono
	wakesOff  time.Duration  // by how much CLOCK_REALTIME will be off then
	heldUntil timescale.UTC  // the process stands still
	held      []timing.Event // meanwhile
}

// appointment is something that will happen at a known instant of truth. What it needs to know is in it, so that the
// agenda needs no closures: a world is measured by how many seconds of it pass in one.
type appointment struct {
	at timescale.UTC
	do func(w *World, a appointment, take func(timing.Event))

	utc    timescale.UTC // that the receiver speaks of
	fix    bool          // that it has
	moment *Moment       // all that it knows
	bytes  []byte        // that it has sent
	baud   int
	edge   *pps.Edge
	by     time.Duration
	late   float64 // s, of a pulse
	phase  float64 // of the counter that stamps it
}

const (
	second     = timescale.UTC(time.Second)
	tickPeriod = second / 4
	// From the edge to the event's arrival in the Engine: interrupt, wake-up and a channel.
	deliveryDelay = 30 * timescale.UTC(time.Microsecond)
)

// New makes a world. It begins at cfg.Start with the clock off by cfg.E0. A fault that CheckFault refuses is a panic.
func New(cfg Config) *World {
	w := &World{cfg: cfg, nature: cfg.Nature, clock: newClock(cfg.Start, cfg.E0), errors: rand.New(rand.NewPCG(cfg.Seed, 100))}
	if cfg.Ran != nil {
		w.clock, w.cfg.Y0 = continueClock(cfg.Start, cfg.Ran), clock.Ratio(cfg.Ran.Rate-cfg.Ran.Steer)
		cfg = w.cfg
	}
	w.truth = truthOf(&cfg)
	w.clock.truth = w.truth
	if w.nature == nil {
		w.nature = Generate(cfg.Model, cfg.Seed, cfg.Y0)
	}
	limits := cfg.Model.Latency
	w.latency = limits[0] + clock.Seconds(w.errors.Float64())*(limits[1]-limits[0]) + clock.Seconds(2*w.errors.Float64()-1)*cfg.Model.Reference
	if cfg.Latency != nil {
		w.latency = *cfg.Latency
	}
	rtcError := time.Duration((w.errors.Float64()*2 - 1) * 0.2e9)
	if cfg.RTC {
		w.at(appointment{at: cfg.Start, do: (*World).readRTC, by: rtcError})
	}
	for _, s := range cfg.Servers {
		w.at(appointment{at: cfg.Start + firstAnswer, do: s.ask})
	}
	w.cfg.Faults = slices.Clone(cfg.Faults)
	for i, f := range w.cfg.Faults {
		f = complete(f)
		w.cfg.Faults[i] = f
		at := cfg.Start + timescale.UTC(f.At)
		switch f.Name {
		case FaultForeignStep:
			w.at(appointment{at: at, do: (*World).foreignStep, by: f.By})
		case FaultSuspend:
			w.at(appointment{at: at, do: (*World).sleep, by: f.By})
			w.expectWaking(f)
		}
	}
	w.at(appointment{at: cfg.Start - cfg.Start%second, do: (*World).beginSecond})
	w.attach(cfg.Receiver, cfg.HostBaud)
	return w
}

// Clock returns the simulated kernel's clock.
func (w *World) Clock() *Clock { return w.clock }

// Latency returns how late edges are stamped on average: drawn once, and seen by no one on the board.
func (w *World) Latency() clock.Seconds { return w.latency }

// Now returns truth: UTC, as if there were no leap second after the start. Off knows of it.
func (w *World) Now() timescale.UTC { return w.clock.now }

// Next returns the instant of the next thing that happens; when Nature has ended, one that never comes.
func (w *World) Next() timescale.UTC {
	if w.ended || len(w.agenda) == 0 {
		return math.MaxInt64
	}
	return w.agenda[len(w.agenda)-1].at
}

// Run lets everything happen that is due before to, and leaves the world at to. It returns false when Nature has ended.
func (w *World) Run(to timescale.UTC, take func(timing.Event)) bool {
	deliver := func(e timing.Event) { w.deliver(e, take) }
	for w.Next() < to {
		last := len(w.agenda) - 1
		next := w.agenda[last]
		w.agenda[last] = appointment{} // or what it points to stays
		w.agenda = w.agenda[:last]
		w.clock.advance(next.at)
		next.do(w, next, deliver)
	}
	w.clock.advance(to)
	return !w.ended
}

// Begin makes f happen to the world from now on. A fault that CheckFault refuses is a panic.
func (w *World) Begin(f Fault) {
	f.At = time.Duration(w.clock.now - w.cfg.Start)
	f = complete(f)
	w.cfg.Faults = append(w.cfg.Faults, f)
	switch f.Name {
	case FaultForeignStep:
		w.foreignStep(appointment{by: f.By}, nil)
	case FaultSuspend:
		w.sleep(appointment{by: f.By}, nil)
		w.expectWaking(f)
	}
}

// End ends every fault of that name.
func (w *World) End(name string) {
	if name == FaultSuspend {
		w.wake(appointment{}, nil)
	}
	w.cfg.Faults = slices.DeleteFunc(w.cfg.Faults, func(f Fault) bool { return f.Name == name })
}

// at puts an appointment into the agenda; those of the same instant that are in it come before.
func (w *World) at(a appointment) {
	i := len(w.agenda)
	for i > 0 && w.agenda[i-1].at <= a.at {
		i--
	}
	w.agenda = slices.Insert(w.agenda, i, a)
}

func (w *World) mono() clock.Mono { return w.clock.ReadAt(w.clock.now).Mono }

// beginSecond draws the second that begins and makes its appointments.
func (w *World) beginSecond(appointment, func(timing.Event)) {
	w.warm()
	var ok bool
	if w.second, ok = w.nature.Second(); !ok {
		w.ended = true
		return
	}
	w.elapsed++
	now := w.cfg.Start - w.cfg.Start%second + timescale.UTC(w.elapsed-1)*second
	w.clock.setOscillator(w.second.Frequency)
	w.at(appointment{at: now + second, do: (*World).beginSecond})
	for t := now + second - tickPeriod/2; t > now; t -= tickPeriod { // the last first: the agenda is filled from its far end
		if t >= w.cfg.Start {
			w.at(appointment{at: t, do: (*World).tick})
		}
	}
	if now < w.cfg.Start { // the world began within this second
		return
	}
	w.receive(now)
	if w.cfg.Sensors {
		w.at(appointment{at: now + second/16, do: (*World).readSensors})
	}
}

func (w *World) tick(_ appointment, take func(timing.Event)) {
	take(timing.Event{Kind: timing.KindTick, At: w.mono()})
}

func (w *World) foreignStep(a appointment, _ func(timing.Event)) { w.clock.foreignStep(a.by) }

// receive does what the receiver does in the second that begins now: pulse and messages.
func (w *World) receive(now timescale.UTC) {
	well := w.second.Pulse && now-w.cfg.Start >= timescale.UTC(w.cfg.FixAfter)
	phase := 0.5
	if well && w.cfg.Model.Resolution != 0 { // the counter is not synchronous with the pulse
		phase = w.errors.Float64()
	}
	kept := w.fault(FaultKeptClock)
	on, settled := w.powered()
	fix := well && kept == nil && !w.failing(FaultAntenna) && settled && !w.lost()
	said, off := now, w.displaced()
	if kept != nil {
		whole := kept.By.Truncate(time.Second)
		if whole > kept.By {
			whole -= time.Second
		}
		said, off = now+timescale.UTC(whole), off+kept.By-whole
	}
	missing := w.happens(FaultMissing)
	if on && (fix || kept != nil) && !missing && !w.failing(FaultPulse) && (w.device == nil || w.device.Pulses()) {
		w.pulse(now, off, phase)
	}
	w.strays(now)
	if on && !w.failing(FaultMessages) {
		late := timescale.UTC(0)
		if kept != nil {
			late = timescale.UTC(off)
		}
		said += timescale.UTC(w.by(FaultLabel) + w.by(FaultDate))
		w.speak(now+late, said, fix)
	}
	w.stall(now)
}

// pulse captures the pulse of the second that begins now, which is off by so much.
func (w *World) pulse(now timescale.UTC, off time.Duration, phase float64) {
	late := float64(w.second.PulseNoise + w.latency)
	if off > 0 {
		w.at(appointment{at: now + timescale.UTC(off), do: (*World).latePulse, late: late, phase: phase})
		return
	}
	// An early one is captured before its time: the clock's own rate over the little that it is early does not count.
	w.capture(late+off.Seconds(), phase)
}

func (w *World) latePulse(a appointment, _ func(timing.Event)) { w.capture(a.late, a.phase) }

func (w *World) deliverEdge(a appointment, take func(timing.Event)) {
	w.edges++
	a.edge.Seq = w.edges
	take(timing.Event{Kind: timing.KindEdge, At: w.mono(), Edge: a.edge})
}

// quantised rounds a delay to the counter's grid, whose phase is drawn anew for each pulse.
func (w *World) quantised(late, phase float64) float64 {
	step := float64(w.cfg.Model.Resolution)
	if step == 0 {
		return late
	}
	return (math.Floor(late/step+phase) - phase + 0.5) * step
}

func (w *World) readSensors(_ appointment, take func(timing.Event)) {
	at := w.mono()
	take(timing.Event{Kind: timing.KindTemperature, At: at, Value: w.second.Temperature})
	busy := w.second.Utilisation
	if f := w.fault(FaultUndervoltage); f != nil {
		busy *= f.Size
	}
	take(timing.Event{Kind: timing.KindUtilisation, At: at, Value: max(0, min(1, busy))})
}

func (w *World) readRTC(a appointment, take func(timing.Event)) {
	take(timing.Event{
		Kind: timing.KindWitness, At: w.mono(), Text: "rtc",
		UTC: w.clock.now + timescale.UTC(a.by), Value: 0.3, // the uncertainty asked of an RTC that may name a second
	})
}
