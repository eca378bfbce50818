// Package appliance joins a board, the Engine, the NTP server and the page into a running unit: it owns the goroutines,
// starts and ends them, and carries what one part publishes to the others.
//
//	Board.Run -> Engine (one goroutine) -> atomic Snapshot and Reference -> server, web
//
// Nothing a receiver, a client or a browser sends ends the unit, nor does a recording or a state that can't be written:
// only a part that cannot work does (an address in use, a clock that may not be read), with an error that names it.
package appliance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"timeball/board/store"
	"timeball/cmd/internal/witness"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server"
	"timeball/server/ntp"
	"timeball/server/publish"
	"timeball/server/shared"
	"timeball/web"
	"timeball/web/api"
)

// Board is what a unit runs on.
type Board interface {
	// Name says what it is, for people.
	Name() string
	// Clock returns the clock that is steered. Only New and then the goroutine of Run use it.
	Clock() discipline.Clock
	// Served returns the clock that is served. Anyone may read it.
	Served() server.Clock
	// Run gives take every event, all from one goroutine, until ctx is done or no more can come. An error ends the unit.
	Run(ctx context.Context, take func(timing.Event)) error
}

// Simulated is a Board that knows the true error of its clock.
type Simulated interface {
	// TrueError returns the served clock minus truth.
	TrueError() clock.Seconds
}

// Config is a unit's configuration.
type Config struct {
	Engine  timing.Config
	Publish publish.Config
	Server  server.Config
	Web     web.Config
	NTP     bool      // serve NTP
	HTTP    bool      // serve the page
	HTTPS   string    // host:port of the page over TLS; "" = none
	Record  io.Writer // gets a recording; nil: none is made
	State   store.Dir // "" = nothing is kept over a restart
	// LeapSeconds is a file with a list of leap seconds; "": that of the state directory, if it is there.
	LeapSeconds string
	Witness     witness.Config
	RTC         witness.RTC // nil: none
	Monitor     bool        // the RTC is not set
	Version     string
	// Do carries out what is not the unit's own: all that outlives it. nil: nothing.
	Do  func(context.Context, api.Command) (api.Result, error)
	Log *slog.Logger
	// Notices returns what is wrong with the machine around the unit, in sentences; nil: nobody knows.
	Notices func() []string

	// What a unit that is several processes has instead of its own; all nil: it is one.
	Shared     *shared.Writer    // gets the Reference, for the process that answers NTP
	References server.References // are served; nil: those of this unit's Engine
	Sockets    []server.Socket   // NTP is served on; nil: those of Server are opened
	Listener   net.Listener      // of the page; nil: Web.Address is opened, and HTTPS
	Secure     net.Listener      // of the page over TLS
	Answering  Answering         // who answers NTP where this process does not; nil: nobody
	Started    time.Time         // of the unit; zero: now
	// Restarts returns how often each process of the unit was started anew; nil: it is one.
	Restarts func() map[string]uint64
}

// Unit is an appliance. Its methods but Run may be called from any goroutine.
type Unit struct {
	cfg     Config
	board   Board
	remote  *Remote // the board, where another process keeps the clock; nil: this one does
	started time.Time
	server  *server.Server // nil: none
	web     *web.Server    // nil: none
	page    net.Listener
	secure  net.Listener // nil: none

	published atomic.Pointer[published]
	unread    atomic.Pointer[[]byte]        // a Frame that came later
	reference atomic.Pointer[ntp.Reference] // that of published, for the server
	locked    chan struct{}                 // closed at the first lock
	flooding  sync.Mutex                    // held while a flood is simulated
	witnesses witnesses
	testimony chan timing.Event // of witnesses, for the Engine
	// dial opens a socket to a witness in a test; nil: package net does.
	dial func(context.Context, netip.AddrPort) (net.Conn, error)

	// Only New and then the goroutine of Board.Run use these.
	engine    *timing.Engine
	recorder  *timing.Recorder // nil: none, or ended
	flushed   clock.Mono
	system    string // of the satellites last used, "" until some were
	wasLocked bool
}

// published is what one Snapshot became, so that who reads both reads one instant.
type published struct {
	snapshot  *timing.Snapshot
	reference *ntp.Reference
	pulses    reach
	labels    reach
}

// New makes a unit and opens its sockets, so that an address in use is found here; Run starts it and closes them.
func New(cfg Config, board Board) (*Unit, error) {
	u := blankUnit(cfg, board)
	steered := board.Clock()
	var err error
	if cfg.Record != nil {
		if u.recorder, err = timing.NewRecorder(cfg.Record, cfg.Version, cfg.Engine); err != nil {
			return nil, fmt.Errorf("record: %w", err)
		}
		steered = u.recorder.Clock(steered)
	}
	if u.engine, err = timing.New(cfg.Engine, steered); err != nil {
		return nil, err
	}
	u.publish()
	if err := u.listen(); err != nil {
		return nil, err
	}
	return u, nil
}

func blankUnit(cfg Config, board Board) *Unit {
	u := &Unit{cfg: cfg, board: board, started: cfg.Started, locked: make(chan struct{}), testimony: make(chan timing.Event, witnessQueue)}
	if u.started.IsZero() {
		u.started = time.Now()
	}
	if cfg.References == nil {
		u.cfg.References = &u.reference
	}
	return u
}

// listen opens the sockets, or none.
func (u *Unit) listen() (err error) {
	if u.cfg.HTTP {
		if err := u.listenPage(); err != nil {
			return err
		}
		u.web = web.New(u.cfg.Web, u, u.writeMetrics)
	}
	if !u.cfg.NTP {
		return nil
	}
	u.server = server.New(u.cfg.Server, u.board.Served(), u.cfg.References, u.cfg.Log)
	u.server.Describe(u.describe)
	if u.cfg.Sockets != nil {
		return u.server.Take(u.cfg.Sockets)
	}
	if err := u.server.Listen(); err != nil {
		u.closePage()
		return fmt.Errorf("%w (-ntp gives other addresses)", err)
	}
	return nil
}

// listenPage opens the sockets of the page.
func (u *Unit) listenPage() (err error) {
	if u.cfg.Listener != nil {
		u.page, u.secure = u.cfg.Listener, u.cfg.Secure
		u.cfg.Web.SecurePort = portOf(u.secure)
		return nil
	}
	if u.page, err = net.Listen("tcp", u.cfg.Web.Address); err != nil {
		return fmt.Errorf("page: %w (-http gives another address)", err)
	}
	if u.cfg.HTTPS == "" {
		return nil
	}
	if u.secure, err = net.Listen("tcp", u.cfg.HTTPS); err != nil {
		u.page.Close()
		return fmt.Errorf("page: %w (-https gives another address)", err)
	}
	u.cfg.Web.SecurePort = portOf(u.secure)
	return nil
}

// portOf returns the TCP port of l, 0 of none.
func portOf(l net.Listener) int {
	if l == nil {
		return 0
	}
	return l.Addr().(*net.TCPAddr).Port
}

func (u *Unit) closePage() {
	for _, l := range []net.Listener{u.page, u.secure} {
		if l != nil {
			l.Close()
		}
	}
}

// NTP returns the addresses NTP is served on.
func (u *Unit) NTP() (addrs []netip.AddrPort) {
	if a := u.answering(); a != nil {
		for _, l := range a.Listening() {
			addrs = append(addrs, l.Address)
		}
	}
	return addrs
}

// Page returns the URL of the page, "" when there is none.
func (u *Unit) Page() string { return URL("http", u.page, u.cfg.Web.Name) }

// SecurePage returns the URL of the page over TLS, "" when there is none.
func (u *Unit) SecurePage() string { return URL("https", u.secure, u.cfg.Web.Name) }

// URL returns where l is reached, on a machine of a name, by http or https; "" of nil.
func URL(scheme string, l net.Listener, name string) string {
	if l == nil {
		return ""
	}
	addr := l.Addr().(*net.TCPAddr).AddrPort()
	ip := addr.Addr().Unmap()
	host := ip.String()
	if ip.IsUnspecified() {
		host = cmp.Or(name, "localhost")
	}
	host = net.JoinHostPort(host, strconv.Itoa(int(addr.Port())))
	usual := map[string]string{"http": ":80", "https": ":443"}[scheme] // need not be said
	return scheme + "://" + strings.TrimSuffix(host, usual) + "/"
}

// Locked returns a channel that is closed when the unit has locked for the first time.
func (u *Unit) Locked() <-chan struct{} { return u.locked }

// Snapshot returns the newest snapshot.
func (u *Unit) Snapshot() *timing.Snapshot { return u.published.Load().snapshot }

// Run runs the unit until ctx is done or a part fails, and waits for all parts. It is called once.
func (u *Unit) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts := []func(context.Context) error{func(ctx context.Context) error { return u.board.Run(ctx, u.take) }}
	if u.server != nil {
		parts = append(parts, u.server.Serve)
	}
	if u.web != nil {
		parts = append(parts, func(ctx context.Context) error { return u.web.ServeListeners(ctx, u.page, u.secure) }, u.web.Watch)
	}
	if u.cfg.State != "" {
		parts = append(parts, u.keep)
	}
	for _, name := range u.cfg.Witness.Servers {
		parts = append(parts, u.askServer(name))
	}
	if path, _ := u.leapSecondsFile(); path != "" {
		parts = append(parts, u.followLeapSeconds)
	}
	if u.cfg.RTC != nil {
		parts = append(parts, u.keepRTC())
	}
	if lit, ok := u.board.(Lit); ok && lit.Light() != nil {
		parts = append(parts, u.shine(lit.Light()))
	}
	ended := make(chan error)
	for _, part := range parts {
		go func() { ended <- part(ctx) }()
	}
	var failures []error
	for range parts {
		if err := <-ended; err != nil {
			failures = append(failures, err)
			cancel()
		}
	}
	u.flush()
	return errors.Join(failures...)
}

// take takes an event of the board. Only the goroutine of Board.Run calls it.
func (u *Unit) take(e timing.Event) {
	switch e.Kind {
	case timing.KindTick:
		if u.cfg.Shared != nil {
			u.cfg.Shared.Tick(machineMono())
		}
		u.takeTestimony()
	case timing.KindWitness:
		u.boardWitness(e)
	}
	u.feed(e)
}

// feed gives the Engine one event and publishes what it made of it.
func (u *Unit) feed(e timing.Event) {
	if u.recorder != nil {
		u.recorder.Event(e)
	}
	u.engine.Take(e)
	if u.engine.Snapshot() != u.Snapshot() {
		u.publish()
	}
	u.logChanges()
	const flushEvery = 10 // s of a recording that a power cut may cost
	if e.At.Sub(u.flushed) > flushEvery {
		u.flushed = e.At
		u.flush()
	}
}

// publish makes the Engine's snapshot visible.
func (u *Unit) publish() {
	s := u.engine.Snapshot()
	u.system = cmp.Or(constellation(s.Sky), u.system)
	ref := publish.Publish(&s.Estimate, u.cfg.Publish, u.system)
	next := &published{snapshot: s, reference: &ref}
	if last := u.published.Load(); last != nil {
		next.pulses, next.labels = last.pulses, last.labels
	}
	next.pulses.note(s.Estimate.At.Mono, s.Counters.Accepted)
	next.labels.note(s.Estimate.At.Mono, s.Counters.Marks)
	u.published.Store(next)
	u.reference.Store(&ref)
	if u.cfg.Shared != nil {
		u.cfg.Shared.Reference(&ref)
		if ref.Synchronised {
			u.cfg.Shared.Served(shared.Served{
				At: s.Estimate.At, Bound: s.Estimate.Bound.Total(), Steering: s.Estimate.Steering, Slew: s.Estimate.Steering + s.Estimate.Frequency,
				Growth: s.Estimate.Growth,
			})
		}
	}
	if !u.wasLocked && s.Estimate.Mode == discipline.Locked {
		u.wasLocked = true
		close(u.locked)
	}
}

func (u *Unit) logChanges() {
	for _, c := range u.engine.Changes() {
		est := &u.engine.Snapshot().Estimate
		u.cfg.Log.Info(c.What+" changed", "to", c.Text, "offset", est.Offset.Duration(), "y", float64(est.Frequency), "era", c.At.Era)
	}
}

// flush writes out what is recorded. An error ends the recording, not the unit.
func (u *Unit) flush() {
	if u.recorder == nil {
		return
	}
	if err := u.recorder.Flush(); err != nil {
		u.cfg.Log.Error("recording ended", "error", err)
		u.recorder = nil
	}
}
