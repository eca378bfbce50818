package appliance

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"timeball/board"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server"
	"timeball/server/clientlog"
	"timeball/server/ntp"
	"timeball/server/shared"
	"timeball/web/api"
)

// Answering is who answers NTP requests: the server of this process, or Answers of another one's.
type Answering interface {
	Stats() server.Stats
	Listening() []server.Listening
	Clients() []clientlog.Client
}

// answering returns who answers NTP requests, nil when nobody does.
func (u *Unit) answering() Answering {
	if u.server != nil {
		return u.server
	}
	return u.cfg.Answering
}

// Remote is a Board whose clock another process keeps: this one is told of it (Receive), and reads the clock itself.
type Remote struct {
	served server.Clock
	told   atomic.Pointer[frame]
}

// NewRemote returns the board of a unit whose clock is kept elsewhere and can be read by served.
func NewRemote(served server.Clock) *Remote { return &Remote{served: served} }

// Name implements Board.
func (r *Remote) Name() string {
	if f := r.told.Load(); f != nil {
		return f.Board
	}
	return ""
}

// Clock implements Board: nobody steers it from here.
func (r *Remote) Clock() discipline.Clock { return nil }

// Served implements Board.
func (r *Remote) Served() server.Clock { return r.served }

// Run implements Board: its events are another process's.
func (r *Remote) Run(ctx context.Context, _ func(timing.Event)) error {
	<-ctx.Done()
	return nil
}

// Power implements Powered.
func (r *Remote) Power() board.Power {
	if f := r.told.Load(); f != nil && f.Power != nil {
		return *f.Power
	}
	return board.Power{}
}

// notices returns what is wrong with the machine around the unit.
func (r *Remote) notices() []string {
	if f := r.told.Load(); f != nil {
		return f.Notices
	}
	return nil
}

// faults returns what can be made to go wrong there, nil on a real board.
func (r *Remote) faults() *api.Faults {
	if f := r.told.Load(); f != nil {
		return f.Faults
	}
	return nil
}

// Dropped returns how many events were lost because the Engine was late.
func (r *Remote) Dropped() uint64 {
	if f := r.told.Load(); f != nil && f.Dropped != nil {
		return *f.Dropped
	}
	return 0
}

// RemoteSim is a Remote whose clock is simulated.
type RemoteSim struct {
	*Remote
	clock *SharedSimClock
}

// NewRemoteSim is NewRemote of a simulated clock.
func NewRemoteSim(served *SharedSimClock) RemoteSim { return RemoteSim{NewRemote(served), served} }

// TrueError implements Simulated.
func (r RemoteSim) TrueError() clock.Seconds { return r.clock.Error() }

// NewShown returns a unit that keeps no clock: it serves NTP or the page, by its configuration, from what Receive takes. The
// board is a Remote or a RemoteSim.
func NewShown(cfg Config, on Board) (*Unit, error) {
	u := blankUnit(cfg, on)
	switch on := on.(type) {
	case *Remote:
		u.remote = on
	case RemoteSim:
		u.remote = on.Remote
	default:
		return nil, fmt.Errorf("%T is no board of another process", on)
	}
	u.cfg.Notices = u.remote.notices
	unknown := &timing.Snapshot{}
	unknown.Estimate.Reason = "the process that keeps the clock has not said anything yet"
	u.published.Store(&published{snapshot: unknown, reference: &ntp.Reference{}})
	return u, u.listen()
}

// silent is how long a process may say nothing until that is said on the page: three snapshots of the clock.
const silent = 3 * time.Second

// remark says on a page of another process what that no longer tells.
func (u *Unit) remark(status *api.Status) {
	if u.remote == nil {
		return
	}
	told := u.remote.told.Load()
	if told != nil && since(told.Sent) > silent {
		u.forget(status)
		status.Reason = fmt.Sprintf("the process that keeps the clock has been silent for %.0f s and is being started anew", since(told.Sent).Seconds())
	}
	if a, ok := u.cfg.Answering.(*Answers); ok && status.Reason == "" && a.silence() > silent {
		status.Reason = fmt.Sprintf("the process that answers NTP has been silent for %.0f s and is being started anew", a.silence().Seconds())
	}
}

// forget takes from a status what nobody knows while the clock's keeper is gone: nobody steers the clock then. What is served
// meanwhile is decided by the Reference alone.
func (u *Unit) forget(status *api.Status) {
	if status.Leap == "unsynchronized" {
		status.Mode = discipline.FreeRunning.String()
	}
	status.OffsetSeconds, status.PrecisionSeconds, status.TemperatureCelsius, status.Utilisation = nil, nil, nil, nil
	if status.Mode == discipline.FreeRunning.String() {
		status.BoundSeconds, status.BoundPulseSeconds, status.BoundCaptureSeconds, status.BoundReferenceSeconds = nil, nil, nil, nil
		status.BoundParts, status.HoldoverForecast = nil, nil
	}
}

// Answers is what another process tells of the NTP requests it answers.
type Answers struct {
	at    []server.Listening
	began clock.Mono
	told  atomic.Pointer[traffic]
}

// NewAnswers returns Answers on open sockets, of which nothing is told yet.
func NewAnswers(sockets []server.Socket) *Answers {
	return &Answers{at: server.ListeningOf(sockets), began: machineMono()}
}

// Hear takes Traffic of the process that answers.
func (a *Answers) Hear(data []byte) error {
	var t traffic
	if err := json.Unmarshal(data, &t); err != nil {
		return fmt.Errorf("traffic: %w", err)
	}
	a.told.Store(&t)
	return nil
}

// silence returns for how long nothing was told.
func (a *Answers) silence() time.Duration {
	if t := a.told.Load(); t != nil {
		return since(t.Sent)
	}
	return since(a.began)
}

// Stats implements Answering.
func (a *Answers) Stats() server.Stats {
	if t := a.told.Load(); t != nil {
		return t.Stats
	}
	return server.Stats{}
}

// known returns how many clients are remembered there, of which the last seen are told of.
func (a *Answers) known() int {
	if t := a.told.Load(); t != nil {
		return t.Known
	}
	return 0
}

// Listening implements Answering.
func (a *Answers) Listening() []server.Listening { return a.at }

// Clients implements Answering.
func (a *Answers) Clients() []clientlog.Client {
	if t := a.told.Load(); t != nil {
		return t.Clients
	}
	return nil
}

// machineMono returns CLOCK_MONOTONIC of this machine, which all its processes share; also on a simulated board.
func machineMono() clock.Mono {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0 // the clock exists on every Linux
	}
	return clock.Mono(ts.Nano())
}

// NewMachineClock returns this machine's clock as a process serves it that does not steer it: read and quick are those of
// Hardware, and page has the Era.
func NewMachineClock(page *shared.Reader, read func() (clock.Reading, error), quick func() (clock.Real, clock.Mono)) server.Clock {
	h := &Hardware{Reader: read, Quick: quick, Eras: func() (clock.Era, clock.Mono) {
		if e := page.Era(); e != nil {
			return e.Era, e.From
		}
		return unreadable, 0
	}}
	return h.Served()
}

// Ago returns how long ago an instant of this machine's CLOCK_MONOTONIC was.
func Ago(at clock.Mono) time.Duration { return since(at) }

// Uptime returns this machine's CLOCK_MONOTONIC now.
func Uptime() clock.Mono { return machineMono() }
