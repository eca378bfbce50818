package appliance

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"timeball/board"
	"timeball/gnss/receiver"
	"timeball/pps"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server"
)

// EdgeSource is an open capture of the pulse.
type EdgeSource interface {
	// Edges returns the channel of edges. It is closed when no more can come.
	Edges() <-chan pps.Edge
	Close() error
}

// Thermometer reads the SoC's temperature in degrees Celsius.
type Thermometer interface{ Read() (float64, error) }

// Hardware is a machine with a receiver at one of its serial lines. A part that can't be opened is tried again every few
// seconds; the others go on.
type Hardware struct {
	BoardName string

	Ports    func() []string // serial lines that a receiver may be at, the likeliest first
	OpenPort func(path string, baud int) (Port, error)
	Wanted   receiver.Found       // what is configured of the line, tried first
	Worked   receiver.Found       // what worked before the restart, tried next
	KeepLine func(receiver.Found) // keeps what works now for the next start; nil: it is not kept

	OpenEdges func() (EdgeSource, error)
	Pulse     string // where the pulse is expected, "GPIO 18"; "" = not said

	Thermometer Thermometer                     // nil: none
	Indicator   Indicator                       // nil: none
	Supply      func() board.Power              // nil: not told
	Utilisation func() (float64, bool, error)   // nil: none
	Steered     discipline.Clock                // used by New and the goroutine of Run only
	Reader      func() (clock.Reading, error)   // of the same clock, for its own use; Era is ignored
	Quick       func() (clock.Real, clock.Mono) // of the same clock, cheap and without the third one; nil: none

	// Era is that of the clock when this process began to steer it, and Stepped is told of each later one, and of the
	// CLOCK_MONOTONIC from which on a stamp is certain to be of it; nil: nobody is.
	Era     clock.Era
	Stepped func(clock.Era, clock.Mono)
	// Hurry makes the thread of the goroutine of Run, which steers the clock, one that is not kept waiting; nil: it is as any.
	Hurry func()
	// Eras tells both of a clock that another process steers; nil: this one does.
	Eras func() (clock.Era, clock.Mono)

	era     atomic.Uint32 // of Steered, from Era on
	eraFrom atomic.Int64  // CLOCK_MONOTONIC from which on a stamp is certain to be of it
	dropped atomic.Uint64
	reading sync.Mutex // of Reader
	last    clock.Reading
	whole   atomic.Pointer[clock.Reading] // the last of Reader, for Quick; nil: none, or it could not be read
}

// queueLength is the events that may wait while the Engine is late: at 4 Hz ticks, an edge and a hundred reads a second,
// several seconds' worth.
const queueLength = 1024

const retryAfter = 3 * time.Second // for a part that could not be opened or is gone

const maxStampAge = time.Second // of a packet that still waits to be read

// Light implements Lit.
func (h *Hardware) Light() Indicator { return h.Indicator }

// Power implements Powered.
func (h *Hardware) Power() board.Power {
	if h.Supply == nil {
		return board.Power{}
	}
	return h.Supply()
}

// Name implements Board.
func (h *Hardware) Name() string { return h.BoardName }

// Clock implements Board.
func (h *Hardware) Clock() discipline.Clock {
	h.era.Store(uint32(h.Era))
	return eraClock{h.Steered, h}
}

// Served implements Board.
func (h *Hardware) Served() server.Clock { return (*hardwareClock)(h) }

// Dropped returns how many events were lost because the Engine was late.
func (h *Hardware) Dropped() uint64 { return h.dropped.Load() }

// eraClock makes the Era of the steered clock known to the readers of the served one.
type eraClock struct {
	discipline.Clock
	h *Hardware
}

// Read implements discipline.Clock.
func (c eraClock) Read() (clock.Reading, error) {
	now, err := c.Clock.Read()
	now.Era += c.h.Era
	return now, err
}

// Step implements discipline.Clock. A stamp shows CLOCK_REALTIME only: for as long as the clock was put back it shows again
// what it showed before, and what waits then may be of either Era.
func (c eraClock) Step(by time.Duration) (clock.Era, error) {
	era, err := c.Clock.Step(by)
	era += c.h.Era
	if err == nil {
		from := c.h.mono() + maxQuickError + clock.Mono(min(max(0, -by), maxStampAge))
		c.h.eraFrom.Store(int64(from))
		c.h.era.Store(uint32(era))
		if c.h.Stepped != nil {
			c.h.Stepped(era, from)
		}
	}
	return era, err
}

// eras returns the present Era and from when on a stamp is certain to be of it.
func (h *Hardware) eras() (clock.Era, clock.Mono) {
	if h.Eras != nil {
		return h.Eras()
	}
	return clock.Era(h.era.Load()), clock.Mono(h.eraFrom.Load())
}

// present returns the present Era.
func (c *hardwareClock) present() clock.Era {
	era, _ := (*Hardware)(c).eras()
	return era
}

// hardwareClock serves the machine's own clock.
type hardwareClock Hardware

// unreadable is the Era of a reading that could not be made: no Reference is of it, so nothing is served on it.
const unreadable clock.Era = math.MaxUint32

const (
	// wholeEvery is how long a whole reading, with CLOCK_BOOTTIME, serves for quick ones: a tick of the Engine.
	wholeEvery = 250 * time.Millisecond
	// maxQuickError is by how many nanoseconds Real - Mono of a quick reading may differ from that of the whole one. The
	// vDSO takes 25 to 100 ns for each clock; more is a step, a suspend or a preemption, and is looked at as a whole.
	maxQuickError = 1000
)

// Now implements server.Clock. A quick reading is taken when it agrees with a recent whole one. When the clock can't be
// read its last reading is given, as of an Era that is nobody's.
func (c *hardwareClock) Now() clock.Reading {
	whole := c.whole.Load()
	if c.Quick == nil || whole == nil {
		return c.readWhole()
	}
	real, mono := c.Quick()
	moved := int64(real-whole.Real) - int64(mono-whole.Mono)
	if mono-whole.Mono > clock.Mono(wholeEvery) || moved > maxQuickError || moved < -maxQuickError {
		return c.readWhole()
	}
	return clock.Reading{Mono: mono, Real: real, Boot: whole.Boot + clock.Boot(mono-whole.Mono), Era: c.present()}
}

// readWhole reads all three clocks.
func (c *hardwareClock) readWhole() clock.Reading {
	c.reading.Lock()
	defer c.reading.Unlock()
	now, err := c.Reader()
	if err != nil {
		c.whole.Store(nil)
		c.last.Era = unreadable
		return c.last
	}
	now.Era = c.present()
	c.last = now
	if c.Quick != nil {
		c.whole.Store(&now)
	}
	return now
}

// FromKernel implements server.Clock: the kernel stamps packets with the very clock that is served. What came before the
// present Era, or may have, is not placed.
func (c *hardwareClock) FromKernel(stamp clock.Real, now clock.Reading) (clock.Real, bool) {
	age := now.Real - stamp
	era, from := (*Hardware)(c).eras()
	return stamp, age >= 0 && age < clock.Real(maxStampAge) && (era == 0 || now.Mono-clock.Mono(age) >= from)
}

// sender puts events into the queue of one run.
type sender struct {
	ctx     context.Context
	events  chan<- timing.Event
	dropped *atomic.Uint64
}

// send queues an event, or counts it where there is no room: the Engine is late, and a source never waits for it.
func (s sender) send(e timing.Event) {
	select {
	case s.events <- e:
	default:
		s.dropped.Add(1)
	}
}

// state tells how a part is. It waits for room: a lost state would be shown wrongly until the next one.
func (s sender) state(e timing.Event) {
	select {
	case s.events <- e:
	case <-s.ctx.Done():
	}
}

// Run implements Board.
func (h *Hardware) Run(ctx context.Context, take func(timing.Event)) error {
	events := make(chan timing.Event, queueLength)
	to := sender{ctx, events, &h.dropped}
	var parts sync.WaitGroup
	for _, part := range []func(context.Context, sender){h.readPort, h.readEdges, h.readSensors} {
		parts.Go(func() { part(ctx, to) })
	}
	defer parts.Wait()
	if h.Hurry != nil {
		h.Hurry()
	}
	ticks := time.NewTicker(time.Second / 4)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-events:
			take(e)
		case <-ticks.C:
			// What came before a tick is taken before it: after a stall the pulses that wait are no silence.
			for range len(events) {
				take(<-events)
			}
			take(timing.Event{Kind: timing.KindTick, At: h.mono()})
		}
	}
}

func (h *Hardware) mono() clock.Mono { return h.Served().Now().Mono }

// pause waits before something is tried again; false when ctx is done.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// readEdges captures the pulse, and opens the capture again when it ends.
func (h *Hardware) readEdges(ctx context.Context, to sender) {
	said, silent := "", true
	say := func(text string) {
		if text != said || silent {
			said, silent = text, false
			to.state(timing.Event{Kind: timing.KindCapture, At: h.mono(), Text: text, Where: h.Pulse})
		}
	}
	for {
		source, err := h.OpenEdges()
		if err == nil {
			say("")
			err = h.forwardEdges(ctx, source, to)
			source.Close()
		}
		if ctx.Err() != nil {
			return
		}
		say(err.Error())
		if !pause(ctx, retryAfter) {
			return
		}
	}
}

var errCaptureEnded = errors.New("the capture of the pulse has ended")

// forwardEdges sends edges until the capture ends or ctx is done.
func (h *Hardware) forwardEdges(ctx context.Context, source EdgeSource, to sender) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, open := <-source.Edges():
			if !open {
				return errCaptureEnded
			}
			to.send(timing.Event{Kind: timing.KindEdge, At: h.mono(), Edge: &e})
		}
	}
}

// readsPerSecond are the readings of the temperature that make one event: a Raspberry Pi's sensor has steps of half a
// degree and noise of a third, of which the mean of ten leaves a tenth.
const readsPerSecond = 10

// readSensors reads temperature and utilisation, and tells both once a second.
func (h *Hardware) readSensors(ctx context.Context, to sender) {
	var sum float64
	var reads, good int
	for pause(ctx, time.Second/readsPerSecond) {
		if h.Thermometer != nil {
			if t, err := h.Thermometer.Read(); err == nil {
				sum, good = sum+t, good+1
			}
		}
		if reads++; reads < readsPerSecond {
			continue
		}
		if good > 0 {
			to.send(timing.Event{Kind: timing.KindTemperature, At: h.mono(), Value: sum / float64(good)})
		}
		sum, reads, good = 0, 0, 0
		if h.Utilisation != nil {
			if u, ok, err := h.Utilisation(); err == nil && ok {
				to.send(timing.Event{Kind: timing.KindUtilisation, At: h.mono(), Value: u})
			}
		}
	}
}
