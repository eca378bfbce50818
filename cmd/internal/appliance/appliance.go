// Package appliance joins a board, the Engine, the NTP server and the page into a running unit: it owns the goroutines,
// starts and ends them, and carries what one part publishes to the others.
//
//	Board.Run -> Engine (one goroutine) -> atomic Snapshot and Reference -> server, web
//
// Nothing a receiver, a client or a browser sends ends the unit: only a part that cannot begin does (an address in use, a
// clock that may not be read), with an error that names it.
package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"timeball/board/store"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server"
	"timeball/server/ntp"
	"timeball/server/publish"
	"timeball/web"
)

// Board is what a unit runs on.
type Board interface {
	// Name says what it is, for people.
	Name() string
	// Clock returns the clock that is steered. Only the goroutine of Run uses it.
	Clock() discipline.Clock
	// Served returns the clock that is served. Anyone may read it.
	Served() server.Clock
	// Run gives take every event, all from one goroutine, until ctx is done or no more can come.
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
	Record  io.Writer // gets a recording; nil: none is made
	State   store.Dir // "" = nothing is kept over a restart
	Version string
	Log     *slog.Logger
}

// Unit is a running appliance.
type Unit struct {
	cfg      Config
	board    Board
	engine   *timing.Engine
	recorder *timing.Recorder
	started  time.Time

	snapshot  atomic.Pointer[timing.Snapshot]
	reference atomic.Pointer[ntp.Reference]
	server    *server.Server
	web       *web.Server
	locked    chan struct{} // closed at the first lock
	wasLocked bool
	flushed   clock.Mono
}

// New makes a unit and opens its NTP sockets; Run starts it.
func New(cfg Config, board Board) (*Unit, error) {
	u := &Unit{cfg: cfg, board: board, started: time.Now(), locked: make(chan struct{})}
	steered := board.Clock()
	if cfg.Record != nil {
		var err error
		if u.recorder, err = timing.NewRecorder(cfg.Record, cfg.Version, cfg.Engine); err != nil {
			return nil, fmt.Errorf("record: %w", err)
		}
		steered = u.recorder.Clock(steered)
	}
	var err error
	if u.engine, err = timing.New(cfg.Engine, steered); err != nil {
		return nil, err
	}
	u.publish()
	if cfg.NTP {
		u.server = server.New(cfg.Server, board.Served(), &u.reference, cfg.Log)
		if err := u.server.Listen(); err != nil {
			return nil, err
		}
	}
	if cfg.HTTP {
		u.web = web.New(cfg.Web, u)
	}
	return u, nil
}

// Server returns the NTP server, nil when the unit has none.
func (u *Unit) Server() *server.Server { return u.server }

// Locked returns a channel that is closed when the unit has locked for the first time.
func (u *Unit) Locked() <-chan struct{} { return u.locked }

// Snapshot returns the newest snapshot.
func (u *Unit) Snapshot() *timing.Snapshot { return u.snapshot.Load() }

// Run runs the unit until ctx is done or a part fails, and waits for all parts.
func (u *Unit) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts := []func(context.Context) error{func(ctx context.Context) error { return u.board.Run(ctx, u.take) }}
	if u.server != nil {
		parts = append(parts, u.server.Serve)
	}
	if u.web != nil {
		parts = append(parts, u.web.Serve)
	}
	if u.cfg.State != "" {
		parts = append(parts, u.keep)
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
	if u.recorder != nil {
		failures = append(failures, u.recorder.Flush())
	}
	return errors.Join(failures...)
}

// take gives the Engine one event and publishes what it made of it. Only the goroutine of Board.Run calls it.
func (u *Unit) take(e timing.Event) {
	if u.recorder != nil {
		u.recorder.Event(e)
	}
	before := u.engine.Snapshot()
	u.engine.Take(e)
	if u.engine.Snapshot() != before {
		u.publish()
	}
	u.logChanges()
	const flushEvery = 10 // s of a recording that a power cut may cost
	if u.recorder != nil && e.At.Sub(u.flushed) > flushEvery {
		u.flushed = e.At
		if err := u.recorder.Flush(); err != nil {
			u.cfg.Log.Error("recording ended", "error", err)
			u.recorder = nil
		}
	}
}

// publish makes the Engine's snapshot visible.
func (u *Unit) publish() {
	s := u.engine.Snapshot()
	ref := publish.Publish(&s.Estimate, u.cfg.Publish)
	u.snapshot.Store(s)
	u.reference.Store(&ref)
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

// saved is what a unit keeps over a restart.
type saved struct {
	UTC timescale.UTC `json:"utc"` // a second that was certainly over: no date before it is believed
}

const savedName = "clock.json"

// Floor returns the later of build and the date that was saved in dir. A file that can't be read is reported and taken
// for absent.
func Floor(dir store.Dir, build timescale.UTC, log *slog.Logger) timescale.UTC {
	var s saved
	if err := dir.Load(savedName, &s); err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("saved date not used", "error", err)
	}
	return max(build, s.UTC)
}

// keep saves the date every hour and at the end, while it is certain.
func (u *Unit) keep(ctx context.Context) error {
	hourly := time.NewTicker(time.Hour)
	defer hourly.Stop()
	for {
		select {
		case <-ctx.Done():
			u.save()
			return nil
		case <-hourly.C:
			u.save()
		}
	}
}

func (u *Unit) save() {
	if now := u.board.Served().Now(); u.reference.Load().Check(now) == ntp.Certain {
		if err := u.cfg.State.Save(savedName, saved{timescale.UTC(now.Real)}); err != nil {
			u.cfg.Log.Error("state not kept", "error", err)
		}
	}
}
