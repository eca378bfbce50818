package appliance

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"timeball/pps"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server"
)

// Port is an open serial line.
type Port interface {
	// Read waits for bytes, at most a moment, and returns when they were read. Nothing and no error is silence.
	Read(p []byte) (n int, returned clock.Mono, err error)
	Close() error
}

// EdgeSource is an open capture of the pulse.
type EdgeSource interface {
	Edges() <-chan pps.Edge
	Close() error
}

// Thermometer reads the SoC's temperature in degrees Celsius.
type Thermometer interface{ Read() (float64, error) }

// Hardware is a machine with a receiver. A part that can't be opened is tried again every few seconds; the others go on.
type Hardware struct {
	BoardName   string
	Baud        int
	OpenPort    func() (Port, error)
	OpenEdges   func() (EdgeSource, error)
	Thermometer Thermometer                   // nil: none
	Utilisation func() (float64, bool, error) // nil: none
	Steered     discipline.Clock              // used by the goroutine of Run only
	Reader      func() (clock.Reading, error) // of the same clock, for its own use; Era is ignored
	eras        atomic.Uint32
	reading     sync.Mutex // of Reader
	last        clock.Reading
	dropped     atomic.Uint64
}

// queueLength is the events that may wait while the Engine is late: at 4 Hz ticks, an edge and a hundred reads a second,
// several seconds' worth.
const queueLength = 1024

const retryAfter = 3 * time.Second // for a part that could not be opened

// Name implements Board.
func (h *Hardware) Name() string { return h.BoardName }

// Clock implements Board.
func (h *Hardware) Clock() discipline.Clock { return eraClock{h.Steered, h} }

// Served implements Board.
func (h *Hardware) Served() server.Clock { return (*hardwareClock)(h) }

// Dropped returns how many events were lost because the Engine was late.
func (h *Hardware) Dropped() uint64 { return h.dropped.Load() }

// eraClock makes the Era of the steered clock known to the readers of the served one.
type eraClock struct {
	discipline.Clock
	h *Hardware
}

func (c eraClock) Step(by time.Duration) (clock.Era, error) {
	era, err := c.Clock.Step(by)
	if err == nil {
		c.h.eras.Store(uint32(era))
	}
	return era, err
}

// hardwareClock serves the machine's own clock.
type hardwareClock Hardware

// Now implements server.Clock. When the clock can't be read its last reading is given, which the Reference soon outlives.
func (c *hardwareClock) Now() clock.Reading {
	c.reading.Lock()
	defer c.reading.Unlock()
	if now, err := c.Reader(); err == nil {
		now.Era = clock.Era(c.eras.Load())
		c.last = now
	}
	return c.last
}

// FromKernel implements server.Clock: the kernel stamps packets with the very clock that is served. A stamp from before a
// step is far from now.
func (c *hardwareClock) FromKernel(stamp clock.Real) (clock.Real, bool) {
	age := c.Now().Real.Sub(stamp)
	return stamp, age >= 0 && age < 1
}

// Run implements Board.
func (h *Hardware) Run(ctx context.Context, take func(timing.Event)) error {
	events := make(chan timing.Event, queueLength)
	send := func(e timing.Event) {
		select {
		case events <- e:
		default:
			h.dropped.Add(1)
		}
	}
	var parts sync.WaitGroup
	for _, part := range []func(context.Context, func(timing.Event)){h.readPort, h.readEdges, h.readSensors} {
		parts.Go(func() { part(ctx, send) })
	}
	defer parts.Wait()
	ticks := time.NewTicker(time.Second / 4)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-events:
			take(e)
		case <-ticks.C:
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

// readPort reads the serial line, and opens it again when it is gone.
func (h *Hardware) readPort(ctx context.Context, send func(timing.Event)) {
	said := ""
	say := func(text string) {
		if text != said {
			said = text
			send(timing.Event{Kind: timing.KindPort, At: h.mono(), Text: text})
		}
	}
	for {
		p, err := h.OpenPort()
		if err == nil {
			say("")
			err = h.readOpen(ctx, p, send)
			err = errors.Join(err, p.Close())
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

// readOpen reads until the line is gone or ctx is done.
func (h *Hardware) readOpen(ctx context.Context, p Port, send func(timing.Event)) error {
	buffer := make([]byte, 4096)
	byteTime := 10 / clock.Seconds(h.Baud) // start bit, eight bits, stop bit
	for ctx.Err() == nil {
		n, returned, err := p.Read(buffer)
		if n > 0 {
			first := returned.Add(-byteTime * clock.Seconds(n-1))
			send(timing.Event{Kind: timing.KindBytes, At: first, Bytes: append([]byte(nil), buffer[:n]...), Baud: h.Baud})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readEdges captures the pulse, and opens the capture again when it ends.
func (h *Hardware) readEdges(ctx context.Context, send func(timing.Event)) {
	said := ""
	for {
		source, err := h.OpenEdges()
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != said {
			said = text
			send(timing.Event{Kind: timing.KindCapture, At: h.mono(), Text: text})
		}
		if err == nil {
			h.forwardEdges(ctx, source, send)
		}
		if !pause(ctx, retryAfter) {
			return
		}
	}
}

func (h *Hardware) forwardEdges(ctx context.Context, source EdgeSource, send func(timing.Event)) {
	defer source.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case e, open := <-source.Edges():
			if !open {
				return
			}
			send(timing.Event{Kind: timing.KindEdge, At: h.mono(), Edge: &e})
		}
	}
}

// readSensors reads temperature and utilisation once a second.
func (h *Hardware) readSensors(ctx context.Context, send func(timing.Event)) {
	for pause(ctx, time.Second) {
		if h.Thermometer != nil {
			if t, err := h.Thermometer.Read(); err == nil {
				send(timing.Event{Kind: timing.KindTemperature, At: h.mono(), Value: t})
			}
		}
		if h.Utilisation != nil {
			if u, ok, err := h.Utilisation(); err == nil && ok {
				send(timing.Event{Kind: timing.KindUtilisation, At: h.mono(), Value: u})
			}
		}
	}
}
