package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"timeball/gnss/timescale"
	"timeball/pps"
	"timeball/pps/clock"
	"timeball/pps/timing"
)

// Fault is something that goes wrong for a while. Faults draw from random streams of their own: outside of a fault a world
// is the same as without it.
type Fault struct {
	Name string        `json:"name"`           // of a FaultKind
	At   time.Duration `json:"at"`             // after Start
	For  time.Duration `json:"for"`            // 0 = for ever
	By   time.Duration `json:"by"`             // size, where it is a time; 0 = as the kind has it
	Size float64       `json:"size,omitempty"` // size, where it is none: a share or degrees; 0 = as the kind has it
}

// FaultKind is a way in which a world can go wrong.
type FaultKind struct {
	Name string
	Text string        // what happens, for people
	By   time.Duration // that a Fault's By of 0 stands for
	Size float64       // and a Size of 0
}

// The faults a world knows.
const (
	FaultAntenna     = "antenna"
	FaultPulse       = "pulse"
	FaultMessages    = "messages"
	FaultForeignStep = "foreign-step"
	FaultGlitch      = "glitch"
	FaultMissing     = "missing"
	FaultBurst       = "burst"
	FaultDrag        = "drag"
	FaultOffset      = "offset"
	FaultLabel       = "label"
	FaultDate        = "date"
	FaultKeptClock   = "kept-clock"
	FaultSuspend     = "suspend"
	FaultStall       = "stall"
	FaultHeat        = "heat"
	FaultLeapCount   = "leap-count"
	FaultFalseLeap   = "false-leap"
	FaultLeapEarly   = "leap-early"
	FaultNoLeap      = "no-leap"
)

const (
	rollover   = 1024 * 7 * 24 * time.Hour // of the GPS week number of ten bits
	utcStep    = 13700 * time.Nanosecond   // of GPS's UTC on 2016-01-26
	mostStray  = 500 * time.Millisecond    // from a pulse: the next one is nearer then
	leastStray = time.Microsecond
	burstRate  = 10 // Hz
)

var faultKinds = []FaultKind{
	{Name: FaultAntenna, Text: "pulses stop and the receiver says that it has no fix"},
	{Name: FaultPulse, Text: "pulses stop, messages go on"},
	{Name: FaultMessages, Text: "messages stop, pulses go on"},
	{Name: FaultForeignStep, Text: "another program steps CLOCK_REALTIME, once", By: 3 * time.Millisecond},
	{Name: FaultGlitch, Text: "stray edges beside the pulses, in a share of the seconds, 1 us to 500 ms off or as far as said", Size: 0.2},
	{Name: FaultMissing, Text: "a share of the pulses is missing", Size: 0.3},
	{Name: FaultBurst, Text: "ten pulses a second instead of one"},
	{Name: FaultDrag, Text: "the pulse is dragged off by so much every second, as by a spoofer", By: 100 * time.Nanosecond},
	{Name: FaultOffset, Text: "the pulse is off by so much, as UTC from GPS was in January 2016", By: utcStep},
	{Name: FaultLabel, Text: "messages name another second, so many whole seconds off", By: time.Second},
	{Name: FaultDate, Text: "messages carry a date that is off, by -1024 weeks if nothing else is said", By: -rollover},
	{Name: FaultKeptClock, Text: "no fix: the receiver keeps its own time, which is off, in void messages and in its pulses", By: 700 * time.Millisecond},
	{Name: FaultSuspend, Text: "the machine sleeps; CLOCK_REALTIME is off by so much more when it wakes", By: 20 * time.Millisecond},
	{Name: FaultStall, Text: "once a second nothing is delivered for so long, up to 1 s if nothing else is said"},
	{Name: FaultHeat, Text: "the air around the board is so many degrees warmer", Size: 10},
	{Name: FaultLeapCount, Text: "the receiver does not know the leap seconds yet: its labels are so many seconds ahead", By: 18 * time.Second},
	{Name: FaultFalseLeap, Text: "the receiver announces a leap second at the end of the quarter; a negative size: one left out", By: time.Second},
	{Name: FaultLeapEarly, Text: "the receiver takes the leap second to be a day earlier, or as much as said", By: 24 * time.Hour},
	{Name: FaultNoLeap, Text: "the receiver knows nothing of the leap second and does not make it"},
}

func init() { faultKinds = slices.Concat(faultKinds, troubleKinds, wireKinds) }

// FaultKinds returns all kinds of faults.
func FaultKinds() []FaultKind { return slices.Clone(faultKinds) }

// CheckFault returns an error when there is no fault of that name.
func CheckFault(name string) error {
	if kindOf(name) >= 0 {
		return nil
	}
	var names []string
	for _, k := range faultKinds {
		names = append(names, k.Name)
	}
	return fmt.Errorf("no fault %q: known are %v", name, names)
}

func kindOf(name string) int {
	return slices.IndexFunc(faultKinds, func(k FaultKind) bool { return k.Name == name })
}

// complete returns f with its sizes.
func complete(f Fault) Fault {
	if err := CheckFault(f.Name); err != nil {
		panic("sim: " + err.Error())
	}
	kind := faultKinds[kindOf(f.Name)]
	if f.By == 0 {
		f.By = kind.By
	}
	if f.Size == 0 {
		f.Size = kind.Size
	}
	return f
}

// fault returns the fault of that name that is on, nil when there is none.
func (w *World) fault(name string) *Fault {
	since := time.Duration(w.clock.now - w.cfg.Start)
	for i := range w.cfg.Faults {
		if f := &w.cfg.Faults[i]; f.Name == name && since >= f.At && (f.For == 0 || since < f.At+f.For) {
			return f
		}
	}
	return nil
}

// failing says whether the fault of that name is on.
func (w *World) failing(name string) bool { return w.fault(name) != nil }

// Failing is failing for who runs the world: what a board tells without an event.
func (w *World) Failing(name string) bool { return w.failing(name) }

// by returns the size of the fault of that name, 0 while it is not on.
func (w *World) by(name string) time.Duration {
	if f := w.fault(name); f != nil {
		return f.By
	}
	return 0
}

// chance returns the random stream of a kind of fault.
func (w *World) chance(name string) *rand.Rand {
	if w.chances == nil {
		w.chances = make([]*rand.Rand, len(faultKinds))
	}
	k := kindOf(name)
	if w.chances[k] == nil {
		w.chances[k] = rand.New(rand.NewPCG(w.cfg.Seed, 1000+uint64(k)))
	}
	return w.chances[k]
}

// happens draws whether a fault that concerns a share of the seconds concerns this one.
func (w *World) happens(name string) bool {
	f := w.fault(name)
	return f != nil && w.chance(name).Float64() < f.Size
}

// displaced returns how far the pulse of the second that begins is off by fault.
func (w *World) displaced() time.Duration {
	d := w.by(FaultOffset) + w.drifted()
	if f := w.fault(FaultDrag); f != nil {
		seconds := (time.Duration(w.clock.now-w.cfg.Start) - f.At) / time.Second
		d += f.By * seconds
	}
	return d
}

// strays makes the appointments of the edges of this second that are no pulses.
func (w *World) strays(now timescale.UTC) {
	if w.happens(FaultGlitch) {
		off, rng := w.by(FaultGlitch), w.chance(FaultGlitch)
		if off == 0 {
			off = time.Duration(float64(leastStray) * math.Pow(float64(mostStray/leastStray), rng.Float64()))
			if rng.Float64() < 0.5 {
				off = -off
			}
		}
		if off < 0 { // it comes before the next pulse
			off += time.Second
		}
		w.at(appointment{at: now + timescale.UTC(off), do: (*World).stray})
	}
	if w.failing(FaultBurst) {
		for i := 1; i < burstRate; i++ {
			w.at(appointment{at: now + timescale.UTC(i)*second/burstRate, do: (*World).stray})
		}
	}
}

// stray captures an edge that is no pulse. It is as late as pulses are, without their noise.
func (w *World) stray(appointment, func(timing.Event)) { w.capture(float64(w.latency), 0.5) }

// capture captures an edge that is stamped late by so many seconds; phase is that of the counter.
func (w *World) capture(late, phase float64) {
	stamp := w.mono().Add(clock.Seconds(w.quantised(late, phase)))
	w.at(appointment{
		at: w.clock.now + timescale.UTC(max(0, late)*1e9) + deliveryDelay, do: (*World).deliverEdge,
		edge: &pps.Edge{Source: "sim", Earliest: stamp, Latest: stamp},
	})
}

// sleep suspends the machine. What it sees of the world from here on is lost.
func (w *World) sleep(a appointment, _ func(timing.Event)) {
	if !w.asleep {
		w.asleep, w.sleptAt, w.wakesOff = true, w.mono(), a.by
	}
}

// expectWaking makes the appointment of the end of a suspend.
func (w *World) expectWaking(f Fault) {
	if f.For > 0 {
		w.at(appointment{at: w.cfg.Start + timescale.UTC(f.At+f.For), do: (*World).wake})
	}
}

// wake wakes the machine: CLOCK_MONOTONIC goes on where it was, CLOCK_BOOTTIME has gone on, and the kernel has added the
// time that it thinks has passed to CLOCK_REALTIME.
func (w *World) wake(appointment, func(timing.Event)) {
	if w.asleep {
		w.asleep = false
		w.clock.wake(w.sleptAt, w.wakesOff)
	}
}

// stall makes the process stand still for a part of this second.
func (w *World) stall(now timescale.UTC) {
	f := w.fault(FaultStall)
	if f == nil {
		return
	}
	begin, length := now, f.By
	if length == 0 {
		rng := w.chance(FaultStall)
		length = time.Duration(1 + rng.Int64N(int64(time.Second)-1))
		begin += timescale.UTC(rng.Int64N(int64(time.Second)))
	}
	w.at(appointment{at: begin, do: (*World).hold, by: length})
}

// hold begins a stall.
func (w *World) hold(a appointment, _ func(timing.Event)) {
	until := w.clock.now + timescale.UTC(a.by)
	if until <= w.heldUntil {
		return
	}
	w.heldUntil = until
	w.at(appointment{at: until, do: (*World).release})
}

// release ends a stall: what has come meanwhile is taken at once, ticks only one.
func (w *World) release(_ appointment, take func(timing.Event)) {
	if w.clock.now < w.heldUntil { // another stall has begun
		return
	}
	held := w.held
	w.held = nil
	now := w.mono()
	for _, e := range held {
		e.At = now
		if r := e.Report; r != nil {
			mark, fix := *r.Mark, *r.Fix
			mark.Arrival, mark.End, fix.Arrival = now, now, now
			report := *r
			report.Mark, report.Fix = &mark, &fix
			e.Report = &report
		}
		if e.Baud > 0 {
			e.At = now.Add(clock.Seconds(1-len(e.Bytes)) * 10 / clock.Seconds(e.Baud))
		}
		take(e)
	}
}

// deliver gives an event to the process, unless that stands still or the machine sleeps.
func (w *World) deliver(e timing.Event, take func(timing.Event)) {
	if w.unplugged && (e.Kind == timing.KindBytes || e.Kind == timing.KindReport) {
		return
	}
	if e.Kind == timing.KindBytes {
		if e.Bytes = w.damaged(e); len(e.Bytes) == 0 {
			return
		}
	}
	switch {
	case w.asleep:
	case w.clock.now < w.heldUntil:
		w.keep(e)
	default:
		take(e)
	}
}

// keep holds an event back. The kernel keeps bytes for one read, and a ticker one tick.
func (w *World) keep(e timing.Event) {
	i := slices.IndexFunc(w.held, func(h timing.Event) bool { return h.Kind == e.Kind })
	switch {
	case i >= 0 && e.Kind == timing.KindTick:
	case i >= 0 && e.Kind == timing.KindBytes:
		w.held[i].Bytes = slices.Concat(w.held[i].Bytes, e.Bytes)
	default:
		w.held = append(w.held, e)
	}
}

// heated is a Nature whose weather can be changed.
type heated interface{ heat(degrees float64) }

// warm makes the air as warm as the fault has it. What frequencies were recorded does not change.
func (w *World) warm() {
	n, ok := w.nature.(heated)
	if !ok {
		return
	}
	degrees := 0.0
	if f := w.fault(FaultHeat); f != nil {
		degrees = f.Size
	}
	n.heat(degrees)
}
