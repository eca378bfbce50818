package appliance

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"timeball/board/sim"
	"timeball/gnss/receiver"
	"timeball/gnss/timescale"
	"timeball/pps"
	"timeball/pps/clock"
	"timeball/pps/timing"
	"timeball/server/publish"
)

// The tests in bubbles (testing/synctest) run in virtual time: what sleeps there is the bench, for exactly that long, and
// time.Now is truth.

// quiet is the configuration of a unit without sockets.
func quiet() Config {
	return Config{Engine: timing.Default(), Publish: publish.Default(), Version: "test", Log: slog.New(slog.DiscardHandler)}
}

// logged makes c's log readable.
func logged(c *Config) *buffer {
	b := &buffer{}
	c.Log = slog.New(slog.NewTextHandler(b, nil))
	return b
}

// buffer is a bytes.Buffer for many goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newUnit makes a unit that must be made.
func newUnit(t *testing.T, cfg Config, board Board) *Unit {
	t.Helper()
	u, err := New(cfg, board)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// start runs u; stop ends it and returns what Run returned.
func start(t *testing.T, u *Unit) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- u.Run(ctx) }()
	return func() error { cancel(); return <-ended }
}

// waitLock waits for the first lock and returns how long that took.
func waitLock(t *testing.T, u *Unit, atMost time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	select {
	case <-u.Locked():
	case <-time.After(atMost):
		t.Errorf("not locked after %v: %s", atMost, u.Status().Reason)
	}
	return time.Since(began)
}

// honest checks that what the unit says of UTC now, if anything, is true.
func honest(t *testing.T, u *Unit) {
	t.Helper()
	truth := time.Now().UnixNano()
	earliest, latest, mode := u.Now()
	if (earliest == nil) != (latest == nil) {
		t.Fatalf("half an interval: %v, %v", earliest, latest)
	}
	if earliest != nil && (truth < *earliest || truth > *latest) {
		t.Errorf("%s: truth is %d ns after the earliest and %d ns before the latest time", mode, truth-*earliest, *latest-truth)
	}
}

// newSim returns a simulated board like that of the daemon, with edit's changes.
func newSim(t *testing.T, model string, pace int64, edit ...func(*sim.Config)) *SimBoard {
	t.Helper()
	m, err := sim.ModelNamed(model)
	if err != nil {
		t.Fatal(err)
	}
	cfg := sim.Config{
		Model: m, Seed: 1, E0: -3500 * time.Millisecond, Y0: 1e-5, RTC: true, Sensors: true, FixAfter: 2 * time.Second,
		Receiver: sim.NewTalker(1, 38400, 120*time.Millisecond),
	}
	for _, e := range edit {
		e(&cfg)
	}
	return NewSimBoard(cfg, pace)
}

// simConfig is quiet for the board of a model.
func simConfig(t *testing.T, model string) Config {
	t.Helper()
	m, err := sim.ModelNamed(model)
	if err != nil {
		t.Fatal(err)
	}
	cfg := quiet()
	cfg.Engine.Loop.Bias, cfg.Engine.Loop.BiasRange = (m.Latency[0]+m.Latency[1])/2, (m.Latency[1]-m.Latency[0])/2
	return cfg
}

// watched is a Board whose events a test sees, before and after the Engine.
type watched struct {
	Board
	before, after func(timing.Event)
}

func (w watched) Run(ctx context.Context, take func(timing.Event)) error {
	return w.Board.Run(ctx, func(e timing.Event) {
		if w.before != nil {
			w.before(e)
		}
		take(e)
		if w.after != nil {
			w.after(e)
		}
	})
}

// machine is a machine with a perfect oscillator. Its clocks start where the bubble's do.
type machine struct {
	mu     sync.Mutex
	booted time.Time
	offset time.Duration // CLOCK_REALTIME minus truth
	slept  time.Duration // in which CLOCK_MONOTONIC stood still
	era    clock.Era
	broken error // what Read returns
}

func newMachine() *machine { return &machine{booted: time.Now()} }

func (m *machine) Read() (clock.Reading, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	up := int64(now.Sub(m.booted)) + int64(time.Minute)
	return clock.Reading{
		Mono: clock.Mono(up - int64(m.slept)), Real: clock.Real(now.UnixNano() + int64(m.offset)), Boot: clock.Boot(up), Era: m.era,
	}, m.broken
}

func (m *machine) SetFrequency(clock.Ratio) (clock.Ratio, clock.Mono, error) {
	now, err := m.Read()
	return 0, now.Mono, err
}

func (m *machine) Step(by time.Duration) (clock.Era, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offset += by
	m.era++
	return m.era, nil
}

func (m *machine) SetStatus(clock.Status) error { return nil }

// shift moves CLOCK_REALTIME as another program would.
func (m *machine) shift(by time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offset += by
}

// suspend lets d pass while the machine sleeps.
func (m *machine) suspend(d time.Duration) {
	time.Sleep(d)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slept += d
}

func (m *machine) setBroken(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}

var (
	errAbsent = errors.New("open /dev/serial0: no such file or directory")
	errNoLine = errors.New("open gpiochip0: no such file or directory")
	errGone   = errors.New("read /dev/serial0: serial line is gone")
)

const rate = 115200 // baud

// roof is a GNSS receiver at the pins of a machine, with fix, sky and pulse from its first second.
type roof struct {
	machine *machine
	talker  *sim.Talker

	mu      sync.Mutex
	port    *memoryPort   // open, nil: not
	capture *memoryEdges  // open, nil: not
	absent  error         // what OpenPort returns
	cut     error         // what OpenEdges returns
	labels  time.Duration // by how much the messages name another second
	opened  int           // times either was opened
	edges   uint64
}

// newHardware returns a machine with a receiver, which speaks while the test runs.
func newHardware(t *testing.T) (*Hardware, *roof) {
	r := &roof{machine: newMachine(), talker: sim.NewTalker(1, rate, 120*time.Millisecond)}
	h := &Hardware{
		BoardName: "bench", Ports: onePort, Wanted: receiver.Found{Baud: rate}, OpenPort: r.openPort, OpenEdges: r.openEdges, Pulse: "GPIO 18",
		Steered: r.machine, Reader: r.machine.Read,
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); r.run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return h, r
}

// run sends each second's pulse and burst.
func (r *roof) run(ctx context.Context) {
	for {
		now := time.Now()
		second := now.Truncate(time.Second).Add(time.Second)
		const interrupt = 30 * time.Microsecond
		if !pause(ctx, second.Sub(now)+interrupt) {
			return
		}
		r.pulse()
		baud, delay := r.talker.Line()
		r.mu.Lock()
		burst := r.talker.Burst(sim.Ordinary(timescale.UTC(second.Add(r.labels).UnixNano()), true))
		r.mu.Unlock()
		if !pause(ctx, delay+time.Duration(len(burst))*10*time.Second/time.Duration(baud)) {
			return
		}
		r.mu.Lock()
		if r.port != nil {
			r.port.bytes <- burst
		}
		r.mu.Unlock()
	}
}

// pulse captures the pulse of the second that has just begun.
func (r *roof) pulse() {
	now, _ := r.machine.Read()
	into := clock.Mono(time.Now().UnixNano() % int64(time.Second))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.edges++
	if r.capture != nil {
		r.capture.edges <- pps.Edge{Source: "bench", Seq: r.edges, Earliest: now.Mono - into, Latest: now.Mono - into}
	}
}

// mislabel makes the messages name another second from now on, by so much later.
func (r *roof) mislabel(by time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.labels = by
}

// onePort lists the one line of the bench.
func onePort() []string { return []string{"/dev/serial0"} }

func (r *roof) openPort(string, int) (Port, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened++
	if r.absent != nil {
		return nil, r.absent
	}
	r.port = &memoryPort{r: r, bytes: make(chan []byte, 100), gone: make(chan struct{})}
	return r.port, nil
}

func (r *roof) openEdges() (EdgeSource, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened++
	if r.cut != nil {
		return nil, r.cut
	}
	r.capture = &memoryEdges{r, make(chan pps.Edge, 100)}
	return r.capture, nil
}

// tries returns how often line and capture were opened, in vain or not.
func (r *roof) tries() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened
}

// plug makes the line and the capture there from now on, or not: what is open ends.
func (r *roof) plug(absent, cut error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.absent, r.cut = absent, cut
	if absent != nil && r.port != nil {
		close(r.port.gone)
		r.port = nil
	}
	if cut != nil && r.capture != nil {
		close(r.capture.edges)
		r.capture = nil
	}
}

// memoryPort is a serial line in memory.
type memoryPort struct {
	r     *roof
	bytes chan []byte
	gone  chan struct{}
}

func (p *memoryPort) Read(b []byte) (n int, returned clock.Mono, err error) {
	silence := time.NewTimer(100 * time.Millisecond)
	defer silence.Stop()
	select {
	case sent := <-p.bytes:
		n = copy(b, sent)
	case <-p.gone:
		err = errGone
	case <-silence.C:
	}
	now, _ := p.r.machine.Read()
	return n, now.Mono, err
}

func (p *memoryPort) Write(b []byte) (int, error) { return len(b), nil }

func (p *memoryPort) Baud() int { return rate }

func (p *memoryPort) Close() error {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	if p.r.port == p {
		p.r.port = nil
	}
	return nil
}

// memoryEdges is a capture in memory.
type memoryEdges struct {
	r     *roof
	edges chan pps.Edge
}

func (c *memoryEdges) Edges() <-chan pps.Edge { return c.edges }

func (c *memoryEdges) Close() error {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	if c.r.capture == c {
		c.r.capture = nil
	}
	return nil
}
