package daemon

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"timeball/cmd/internal/appliance"
	"timeball/cmd/internal/config"
	"timeball/cmd/internal/roles"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/server/shared"
	"timeball/web/api"
	"timeball/web/auth"
)

// keeping is what a clock kept last, as it came: only the next one reads it.
type keeping struct {
	mu   sync.Mutex
	data []byte
}

func (k *keeping) set(data []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.data = append([]byte(nil), data...)
}

func (k *keeping) get() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.data
}

// How often things cross between the processes.
const (
	framesEvery  = time.Second            // and at the next look when what people look at first has changed
	looksEvery   = 250 * time.Millisecond // as often as the Engine ticks
	trafficEvery = time.Second
	keepsEvery   = 10 * time.Second
)

// role is this process as one of the unit's.
type role struct {
	program
	*roles.Child
	options options
	config  config.Config
	told    told
	log     *slog.Logger
	page    *shared.Page
}

// runRole runs this process as what it was started as, until ctx is done.
func (p program) runRole(ctx context.Context) error {
	child, err := roles.Begin()
	if err != nil {
		return err
	}
	r := &role{program: p, Child: child}
	if err := r.begin(); err != nil {
		return fmt.Errorf("%s: %w", child.Name, err)
	}
	run, ok := map[string]func(context.Context) error{roleClock: r.runClock, roleNTP: r.runNTP, roleWeb: r.runWeb}[child.Name]
	if !ok {
		return fmt.Errorf("no process of a unit is called %q", child.Name)
	}
	if err := run(ctx); err != nil {
		return fmt.Errorf("%s: %w", child.Name, err)
	}
	return nil
}

// begin takes in what the process was told.
func (r *role) begin() (err error) {
	if err := r.Told(&r.told); err != nil {
		return err
	}
	if r.options, err = parse(r.told.Arguments, r.stdout); err != nil {
		return err
	}
	r.config = r.told.Config
	r.options.board = r.config.Board.Kind
	r.log = r.logger(r.config).With("role", r.Name)
	memory, err := r.File(pageFile)
	if err != nil {
		return err
	}
	if r.Name == roleClock {
		r.page, err = shared.MapWriter(memory)
	} else {
		r.page, err = shared.MapReader(memory)
	}
	return err
}

// runClock keeps the clock.
func (r *role) runClock(ctx context.Context) error {
	u := unitConfig(r.options, r.config, r.build, r.log)
	u.NTP, u.HTTP, u.Started = false, false, r.started()
	u.Answering = appliance.NewAnswers(r.told.Sockets)
	if err := r.addRecord(&u); err != nil {
		return err
	}
	before := shared.NewReader(r.page)
	u.Shared = shared.NewWriter(r.page)
	if r.told.Kept != nil {
		if err := u.Again(r.told.Kept); err != nil {
			r.log.Warn("what was kept over the restart is not used", "error", err)
		}
	}
	if s := before.Served(); s != nil {
		u.Engine.Kept = &discipline.Kept{At: s.At, Bound: s.Bound, Steering: s.Steering, Slew: s.Slew, Growth: s.Growth}
	}
	board, err := r.keptBoard(&u, before)
	if err != nil {
		return err
	}
	unit, err := appliance.New(u, board)
	if err != nil {
		return err
	}
	toNTP, err := r.Conn(roleNTP)
	if err != nil {
		return err
	}
	toWeb, err := r.Conn(roleWeb)
	if err != nil {
		return err
	}
	parts := newParts(ctx)
	parts.run("link", func(ctx context.Context) error {
		return r.Link.Serve(ctx, commands(unit, func() { r.sendFrame(unit, toWeb) }))
	})
	parts.every(looksEvery, r.sendFrames(unit, toNTP, toWeb))
	parts.every(roles.BeatEvery, func() {
		if at := before.Ticked(); appliance.Ago(at) < roles.BeatEvery+2*looksEvery { // an Engine that stands still is not alive
			r.beat()
		}
	})
	parts.every(keepsEvery, func() {
		if kept, ok := unit.Keep(); ok {
			r.tell("keep", json.RawMessage(kept))
		}
	})
	return parts.wait(unit.Run)
}

// addRecord has the unit's events recorded by the first of these processes: what another one takes is no continuation.
func (r *role) addRecord(u *appliance.Config) error {
	if r.told.Record == "" {
		return nil
	}
	if r.told.Restarts[roleClock] > 0 {
		r.log.Warn("the recording has ended with the process that made it", "file", r.told.Record)
		return nil
	}
	f, err := r.File(recordFile)
	u.Record = f
	return err
}

// keptBoard returns the board whose clock this process keeps, which may have run before.
func (r *role) keptBoard(u *appliance.Config, before *shared.Reader) (appliance.Board, error) {
	if r.options.board == "sim" {
		world, err := simulatedWorld(r.options, r.config, u, r.world)
		if err != nil {
			return nil, err
		}
		board := appliance.NewSharedSimBoard(world, r.told.Origin, u.Shared, before.Course())
		board.Monitor = r.config.Clock.Monitor
		return board, nil
	}
	h := r.hardware(r.host(), r.config, u)
	if r.config.Clock.RealTime {
		h.Hurry = r.hurry
	}
	era := shared.Era{}
	if e := before.Era(); e != nil {
		era = *e
	}
	h.Era, h.Stepped = era.Era, func(e clock.Era, from clock.Mono) { u.Shared.Era(shared.Era{Era: e, From: from}) }
	u.Shared.Era(era)
	return h, nil
}

// hurry keeps the calling thread, which steers the clock, from waiting.
func (r *role) hurry() {
	if err := errors.Join(roles.LockMemory(), roles.RealTimeThread()); err != nil {
		r.log.Warn("the clock may be steered late on a busy machine", "error", err)
	}
}

// sendFrames returns what is called every looksEvery and sends those who show the clock a snapshot when it is time. A snapshot
// takes the three processes a millisecond.
func (r *role) sendFrames(unit *appliance.Unit, to ...*roles.Conn) func() {
	var sent time.Time
	var last appliance.Headline
	return func() {
		// A second is over when its pulse is there, and a little less than framesEvery after the last snapshot is time as well.
		if now := unit.Headline(); now != last || time.Since(sent) > framesEvery-looksEvery/2 {
			sent, last = time.Now(), now
			r.sendFrame(unit, to...)
		}
	}
}

// sendFrame sends a snapshot of the clock to who shows it.
func (r *role) sendFrame(unit *appliance.Unit, to ...*roles.Conn) {
	frame, err := unit.Frame()
	if err != nil {
		r.log.Error("snapshot", "error", err)
		return
	}
	for _, c := range to {
		if err := c.Send(frame); err != nil && !errors.Is(err, roles.ErrFull) { // who does not read is started anew by others
			r.log.Warn("snapshot not sent", "error", err)
		}
	}
}

// commands carries out what the page has asked for and is the clock's to do, and has what came of it shown.
func commands(unit *appliance.Unit, show func()) roles.Handler {
	return func(ctx context.Context, what string, data json.RawMessage) (any, error) {
		var c api.Command
		if what != "command" {
			return nil, fmt.Errorf("%.40q is nothing that the clock is asked", what)
		}
		if err := json.Unmarshal(data, &c); err != nil {
			return nil, err
		}
		defer show()
		return unit.Do(ctx, c)
	}
}

// runNTP answers NTP.
func (r *role) runNTP(ctx context.Context) error {
	page := shared.NewReader(r.page)
	u := appliance.Config{
		Server: r.config.Server.Listening, NTP: true, Version: r.build.Version, Log: r.log, Started: r.started(),
		References: page, Sockets: r.told.Sockets,
	}
	for i := range u.Sockets {
		f, err := r.File(socketFile(i))
		if err != nil {
			return err
		}
		u.Sockets[i].FD = int(f.Fd())
	}
	unit, err := appliance.NewShown(u, r.shownBoard(page))
	if err != nil {
		return err
	}
	toWeb, err := r.Conn(trafficFile)
	if err != nil {
		return err
	}
	if err := roles.Confine(nil, nil); err != nil {
		return err
	}
	parts := newParts(ctx)
	r.show(parts, unit.ReceiveLater, unasked)
	parts.every(trafficEvery, func() {
		if traffic, err := unit.Traffic(); err == nil {
			_ = toWeb.Send(traffic) // the next one says the same and more
		}
	})
	return parts.wait(unit.Run)
}

// shownBoard returns the board whose clock another process keeps.
func (r *role) shownBoard(page *shared.Reader) appliance.Board {
	served := sharedClock(r.options.board, page, r.told.Origin)
	if simulated, ok := served.(*appliance.SharedSimClock); ok {
		return appliance.NewRemoteSim(simulated)
	}
	return appliance.NewRemote(served)
}

// show gives take the snapshots that come, and says that this process is alive.
func (r *role) show(parts *parts, take func([]byte) error, told roles.Handler) {
	parts.run("link", func(ctx context.Context) error { return r.Link.Serve(ctx, told) })
	parts.run("snapshots", func(ctx context.Context) error { return r.receive(ctx, frameSocket, take) })
	parts.every(roles.BeatEvery, r.beat)
}

// receive gives take what comes over a socket until ctx is done.
func (r *role) receive(ctx context.Context, socket string, take func([]byte) error) error {
	conn, err := r.Conn(socket)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	for {
		frame, err := conn.Receive()
		if err != nil {
			return err
		}
		if err := take(frame); err != nil {
			r.log.Warn("not understood", "socket", socket, "error", err)
		}
	}
}

// unasked answers what is asked of a process that only shows.
func unasked(_ context.Context, what string, _ json.RawMessage) (any, error) {
	return nil, fmt.Errorf("%.40q is nothing that can be asked here", what)
}

// runWeb serves the page.
func (r *role) runWeb(ctx context.Context) error {
	page := shared.NewReader(r.page)
	answers := appliance.NewAnswers(r.told.Sockets)
	u := appliance.Config{
		Publish: r.config.Server.Claims, HTTP: true, Version: r.build.Version, Log: r.log, Started: r.started(), References: page,
		Answering: answers, Web: webConfig(r.options, r.config, r.log),
	}
	var restarts atomic.Pointer[map[string]uint64]
	restarts.Store(&r.told.Restarts)
	u.Restarts = func() map[string]uint64 { return *restarts.Load() }
	var err error
	if u.Listener, err = r.listener(listenerFile); err != nil {
		return err
	}
	o := r.options
	o.code, o.running = r.told.Code, appliance.Ago(r.told.Started)
	o.running = auth.ClaimSpan - o.claimSpan(o.running, sinceBoot())
	o.claim = ""
	entry := r.openEntry(o, r.config, nil) // the file with the code is for who may write it
	defer entry.close()
	u.Web.Door, u.Web.Audit, u.Web.Recording, u.Web.LogTail = entry.door, entry.audit, r.told.Record, r.newestLog
	u.Do = func(ctx context.Context, c api.Command) (api.Result, error) { return r.ask(ctx, entry, c) }
	if err := r.certify(&u); err != nil {
		return err
	}
	unit, err := appliance.NewShown(u, r.shownBoard(page))
	if err != nil {
		return err
	}
	var own []string
	if dir := webDir(r.options, r.config); dir != "" {
		own = append(own, dir)
	}
	if err := roles.Confine(own, append(roles.Resolving(), r.told.Record)); err != nil {
		return err
	}
	if at := unit.SecurePage(); at != "" {
		r.tell("page", pageTold{URL: at, Fingerprint: unit.Fingerprint(), Claimable: entry.door.Claimable()})
	}
	parts := newParts(ctx)
	r.show(parts, unit.Receive, func(ctx context.Context, what string, data json.RawMessage) (any, error) {
		var now map[string]uint64
		if what != "restarts" || json.Unmarshal(data, &now) != nil {
			return unasked(ctx, what, data)
		}
		restarts.Store(&now)
		return nil, nil
	})
	parts.run("traffic", func(ctx context.Context) error { return r.receive(ctx, trafficFile, answers.Hear) })
	return parts.wait(unit.Run)
}

// newestLog returns the newest lines of the log, which the supervisor has.
func (r *role) newestLog() (lines []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := r.Link.Ask(ctx, "log", nil, &lines); err != nil {
		return []byte("not to be had: " + err.Error() + "\n")
	}
	return lines
}

// pageTold is what the process of the page tells of it.
type pageTold struct {
	URL         string
	Fingerprint string
	Claimable   time.Duration
}

// certify gives the page over TLS its socket and its certificate.
func (r *role) certify(u *appliance.Config) (err error) {
	if r.config.Web.HTTPS == "off" {
		return nil
	}
	if u.Secure, err = r.listener(secureFile); err != nil {
		return err
	}
	if r.told.Pair == nil {
		return r.secure(r.options, r.config, u)
	}
	pair, err := tls.X509KeyPair(r.told.Pair, r.told.Key)
	if err != nil {
		return fmt.Errorf("certificate: %s: %w", r.config.Web.Certificate, err)
	}
	u.Web.Certificate = &pair
	return nil
}

// commandWithin is how long a command may take: servers that are new in a configuration are asked.
const commandWithin = 14 * time.Second

// ask carries out a command that is the page's own, and has all others carried out.
func (r *role) ask(ctx context.Context, entry *entry, c api.Command) (result api.Result, err error) {
	if c.Name == api.CommandClaimed && !entry.door.Claimed() {
		return api.Refuse("the unit has no admin"), nil
	}
	// A command may end this very process: the browser gets its answer all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commandWithin)
	defer cancel()
	err = r.Link.Ask(ctx, "command", c, &result)
	return result, err
}

// listener returns an inherited TCP socket.
func (r *role) listener(name string) (net.Listener, error) {
	f, err := r.File(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return net.FileListener(f)
}

// started returns when the unit was started, as an instant of this process.
func (r *role) started() time.Time { return time.Now().Add(-appliance.Ago(r.told.Started)) }

func (r *role) beat() {
	if err := r.Beat(); err != nil && !errors.Is(err, roles.ErrFull) {
		r.log.Error("the supervisor is gone", "error", err)
	}
}

func (r *role) tell(what string, data any) {
	if err := r.Link.Tell(what, data); err != nil {
		r.log.Warn("not told", "what", what, "error", err)
	}
}

// parts are the goroutines beside a unit that is run. They go on until it has ended: what it still has to ask while it ends
// is answered.
type parts struct {
	unit, beside context.Context
	end, cancel  context.CancelFunc // of the two
	running      sync.WaitGroup
	mu           sync.Mutex
	failed       error // of the first that ended by itself
}

func newParts(ctx context.Context) *parts {
	p := &parts{}
	p.unit, p.end = context.WithCancel(ctx)
	p.beside, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return p
}

// run runs part until it ends, which ends the unit.
func (p *parts) run(name string, part func(context.Context) error) {
	p.running.Go(func() {
		err := part(p.beside)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.beside.Err() == nil {
			p.failed = fmt.Errorf("%s: %w", name, err)
		}
		p.end()
	})
}

// every does something again and again.
func (p *parts) every(pause time.Duration, do func()) {
	p.running.Go(func() {
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			do()
			select {
			case <-p.beside.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// wait runs the unit and waits for all parts.
func (p *parts) wait(unit func(context.Context) error) error {
	err := unit(p.unit)
	p.mu.Lock()
	err = errors.Join(err, p.failed)
	p.mu.Unlock()
	p.cancel()
	p.running.Wait()
	p.end()
	return err
}
