package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"timeball/board"
	"timeball/cmd/internal/appliance"
	"timeball/cmd/internal/config"
	"timeball/cmd/internal/roles"
	"timeball/cmd/internal/settings"
	"timeball/pps/clock"
	"timeball/pps/sysclock"
	"timeball/server"
	"timeball/server/ntp"
	"timeball/server/shared"
	"timeball/web/api"
	"timeball/web/auth"
)

// The processes of a unit.
const (
	roleClock = "clock" // keeps the clock: Engine, capture, serial line, sensors, RTC, state
	roleNTP   = "ntp"   // answers NTP
	roleWeb   = "web"   // serves the page
)

// The users of the two that face the network, from the range that Debian keeps for itself (its policy, 9.2.2). They own
// nothing but their directory of the state.
const (
	userNTP = 60123
	userWeb = 60080
)

// What crosses between the processes, besides the page of memory: sockets by what is sent over them.
const (
	pageFile     = "page"    // the shared page
	frameSocket  = "frames"  // snapshots of the clock, from clock
	trafficFile  = "traffic" // who has asked, from ntp to web
	listenerFile = "http"    // and secureFile: where the page is served
	secureFile   = "https"
	recordFile   = "record"
)

// told is what a process is told when it is started.
type told struct {
	Arguments []string // of the command line
	Config    config.Config
	Origin    appliance.Origin // of the simulated world
	Started   clock.Mono       // of the unit, in this machine's CLOCK_MONOTONIC
	Sockets   []server.Socket  // their descriptors are files "ntp 0", ...
	Kept      []byte           // by the clock before this one, for the clock
	Code      string           // to claim the unit with, for web
	Pair      []byte           // the operator's certificate, PEM, for web
	Key       []byte
	Record    string // the file of the recording, "" = none
	Restarts  map[string]uint64
}

// apart is a unit of several processes, seen from the one that keeps them running. The page of memory outlives the unit, as
// the clock does: one that starts anew with another configuration goes on with both.
type apart struct {
	program
	options  options
	log      *slog.Logger
	entry    *entry // of which only the code and its file are used
	settings *settings.Keeper
	told     told
	dog      roles.Watchdog  // nil: none
	context  context.Context // of the whole run
	page     *os.File
	read     *shared.Reader
	served   atomic.Pointer[server.Clock]
	kept     keeping
	runs     int

	// Of the unit that runs.
	config     config.Config
	files      []*os.File
	sockets    []server.Socket
	listener   *net.TCPListener
	secure     *net.TCPListener // nil: none
	record     *os.File         // gets the recording; nil: none is made
	supervisor *roles.Supervisor
	pages      chan pageTold // what the page has told of itself
}

func newApart(p program, args []string, o options) *apart {
	a := &apart{program: p, options: o, log: p.logger(config.Default())}
	a.told = told{Arguments: args, Started: appliance.Uptime(), Code: auth.NewCode()}
	a.entry = &entry{log: a.log, code: a.told.Code, file: o.claim}
	return a
}

// run runs the unit as three processes until ctx is done, and anew when its configuration has changed.
func (a *apart) run(ctx context.Context, keeper *settings.Keeper) error {
	a.settings, a.context = keeper, ctx
	a.entry.forget() // what is in it is of an earlier start
	if a.options.board != "sim" && !a.host().Attachable() {
		return errNothing
	}
	a.openWatchdog()
	if a.dog != nil {
		defer func() {
			if err := a.dog.Close(); err != nil { // a machine that is told to stop is not reset
				a.log.Warn("watchdog", "error", err)
			}
		}()
	}
	if !a.within {
		a.bound()
	}
	return again(ctx, keeper, a.log, func(int) (bool, error) { return a.once(ctx) })
}

// bound keeps of this process's rights what it needs, and says what it needs and has not.
func (a *apart) bound() {
	own, given := supervisorCapabilities(a.told.Config.Server.ReceiveBuffer, largestBuffer(), a.options.record != ""), clockPrivileges(a.options.board).Capabilities
	missing, err := roles.Bound(own, given)
	switch {
	case err != nil:
		a.log.Warn("the process that supervises has more rights than it needs", "error", err)
	case missing&given != 0:
		a.log.Warn("the clock may not be kept as it should: rights are missing", "capabilities", missing&given)
	}
	if missing&own != 0 && os.Geteuid() == 0 { // another user has none, and needs none where it opens what is open to all
		a.log.Warn("rights are missing: ports below 1024, users of the processes", "capabilities", missing&own)
	}
}

// supervisorCapabilities are what the process that supervises uses. It is root, who owns the files of the unit, and of the
// power over those of others it has only reading. A buffer that is larger than everybody may have takes more, and so does a
// recording, which may lie in anybody's directory.
func supervisorCapabilities(buffer, largest int, records bool) roles.Capabilities {
	own := roles.Capabilities(roles.ForSupervising)
	if buffer > largest {
		own |= roles.NetAdmin
	}
	if records {
		own |= roles.DACOverride
	}
	return own
}

// largestBuffer returns what any socket may have, in bytes; 0 when the kernel does not say.
func largestBuffer() int {
	text, _ := os.ReadFile("/proc/sys/net/core/rmem_max")
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}

// once runs the unit with the configuration as it is, until ctx ends (ended) or it has to start anew.
func (a *apart) once(ctx context.Context) (ended bool, err error) {
	defer a.close()
	if a.config, err = a.options.configured(a.settings.Text()); err != nil {
		return true, err
	}
	a.log, a.told.Config = a.logger(a.config), a.config
	if err := a.open(); err != nil {
		return true, err
	}
	all, err := a.roles()
	if err != nil {
		return true, err
	}
	a.supervisor, a.pages = roles.New(a.log, a.stdout, a.stderr, all...), make(chan pageTold, 1)
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	anew, health := false, a.health()
	watched := background(running, health.Run)
	told := background(running, a.tellLock)
	followed := background(running, func(ctx context.Context) { anew = a.follow(ctx); cancel() })
	a.supervisor.Run(running)
	followed()
	told()
	watched()
	if a.dog != nil {
		_ = a.dog.Feed() // a unit that starts anew is none that hangs
	}
	if anew && ctx.Err() == nil {
		fmt.Fprintln(a.stdout, "Starting anew.")
		return false, nil
	}
	fmt.Fprintln(a.stdout, "Stopped.")
	return true, nil
}

// comesUp is how long the processes may take until each has said something. It is longer than one of them may take to be
// started anew.
const comesUp = 2 * roles.StartWithin

// follow says when the unit runs, to people and to the settings, and returns true when it has to start anew; false when ctx is done.
func (a *apart) follow(ctx context.Context) bool {
	looks := time.NewTicker(100 * time.Millisecond) // until the unit is up
	defer looks.Stop()
	late := time.After(comesUp)
	var pages chan pageTold // nil until the unit is up
	for up := false; ; {
		select {
		case <-ctx.Done():
			return false
		case <-a.settings.Changes():
			return true
		case <-late:
			if !up && a.settings.Failed(errors.New("not all of its processes come up")) {
				return true
			}
		case p := <-pages:
			a.welcome(&p)
			pages = nil
		case <-looks.C:
			if !up && a.supervisor.Alive() {
				up, pages = true, a.pages
				looks.Stop()
				a.settings.Started()
				a.announce()
			}
		}
	}
}

// open opens what takes privileges, and what all processes share.
func (a *apart) open() (err error) {
	if a.read == nil {
		if err := a.share(); err != nil {
			return err
		}
	}
	a.runs++
	if a.record, err = a.options.recording(a.runs); err != nil {
		return err
	}
	if a.record != nil {
		a.files = append(a.files, a.record)
		if a.told.Record, err = filepath.Abs(a.record.Name()); err != nil {
			return fmt.Errorf("-record: %w", err)
		}
	}
	if a.sockets, err = server.Open(a.config.Server.Listening, 0, a.log); err != nil {
		return fmt.Errorf("%w (-ntp gives other addresses)", err)
	}
	for i, s := range a.sockets { // closing the file closes the socket
		a.files = append(a.files, os.NewFile(uintptr(s.FD), socketFile(i)))
	}
	if a.listener, err = listenTCP(a.config.Web.HTTP); err != nil {
		return fmt.Errorf("page: %w (-http gives another address)", err)
	}
	if a.config.Web.HTTPS != "off" {
		if a.secure, err = listenTCP(a.config.Web.HTTPS); err != nil {
			return fmt.Errorf("page: %w (-https gives another address)", err)
		}
	}
	a.told.Pair, a.told.Key = nil, nil
	if a.config.Web.Certificate != "" { // only root may read it
		if a.told.Pair, err = os.ReadFile(a.config.Web.Certificate); err == nil {
			a.told.Key, err = os.ReadFile(a.config.Web.Key)
		}
		if err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
	}
	return nil
}

// close closes what open and roles have opened for one unit.
func (a *apart) close() {
	for _, f := range a.files {
		f.Close()
	}
	for _, l := range []*net.TCPListener{a.listener, a.secure} {
		if l != nil {
			l.Close()
		}
	}
	a.files, a.sockets, a.listener, a.secure, a.record = nil, nil, nil, nil, nil
}

func listenTCP(address string) (*net.TCPListener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

// origin returns what ties the simulated world to this machine.
func (a *apart) origin() (appliance.Origin, error) {
	if a.options.pace != 1 || a.options.receiver != "" {
		return appliance.Origin{}, errors.New("-processes 3: only at -pace 1 and without -receiver")
	}
	o := appliance.NewOrigin()
	start, err := a.config.Sim.Began()
	if err == nil && start != 0 {
		o.Truth = start
	}
	return o, err
}

// share makes the page of memory, and the clock that is read by it.
func (a *apart) share() (err error) {
	if a.options.board == "sim" {
		if a.told.Origin, err = a.origin(); err != nil {
			return err
		}
	}
	if a.page, err = shared.Create(); err != nil {
		return fmt.Errorf("shared page: %w", err)
	}
	page, err := shared.MapReader(a.page)
	if err != nil {
		return err
	}
	a.read = shared.NewReader(page)
	served := sharedClock(a.options.board, a.read, a.told.Origin)
	a.served.Store(&served)
	return nil
}

// Now returns the interval that contains UTC, as far as that is certain: what new witnesses are held against.
func (a *apart) Now() (earliest, latest *int64) {
	served := a.served.Load()
	if served == nil {
		return nil, nil
	}
	ref, now := a.read.Load(), (*served).Now()
	if ref.Check(now) != ntp.Certain {
		return nil, nil
	}
	half := int64(float64(ref.DispersionAfter(now.Mono.Sub(ref.Anchor.Mono)))*1e9) + 1
	from, to := int64(now.Real)-half, int64(now.Real)+half
	return &from, &to
}

// sharedClock returns the served clock as all processes but clock read it.
func sharedClock(kind string, page *shared.Reader, o appliance.Origin) server.Clock {
	if kind == "sim" {
		return appliance.NewSharedSimClock(page, o)
	}
	return appliance.NewMachineClock(page, sysclock.NewMonitor().Read, sysclock.Quick())
}

// roles returns the processes, with what each of them may and has.
func (a *apart) roles() ([]roles.Role, error) {
	only, err := shared.ReadOnly(a.page)
	if err != nil {
		return nil, fmt.Errorf("shared page: %w", err)
	}
	a.files = append(a.files, only)
	toNTP, fromClock, err := a.pair(frameSocket)
	if err != nil {
		return nil, err
	}
	toWeb, forWeb, err := a.pair(frameSocket)
	if err != nil {
		return nil, err
	}
	traffic, forTraffic, err := a.pair(trafficFile)
	if err != nil {
		return nil, err
	}
	keeper := roles.Role{
		Name: roleClock, Privileges: clockPrivileges(a.options.board),
		Files: []roles.File{{Name: pageFile, File: a.page}, {Name: roleNTP, File: toNTP}, {Name: roleWeb, File: toWeb}},
		Prepare: func() any {
			t := a.told
			t.Sockets, t.Kept, t.Restarts = a.sockets, a.kept.get(), a.supervisor.Restarts()
			return t
		},
		Answer: a.fromClock,
	}
	if a.record != nil {
		keeper.Files = append(keeper.Files, roles.File{Name: recordFile, File: a.record})
	}
	server := roles.Role{
		Name: roleNTP, Privileges: roles.Privileges{UID: userNTP},
		Files:   []roles.File{{Name: pageFile, File: only}, {Name: frameSocket, File: fromClock}, {Name: trafficFile, File: traffic}},
		Prepare: func() any { t := a.told; t.Sockets = a.sockets; return t },
	}
	tell := func(error) { _ = a.supervisor.Tell(roleWeb, "restarts", a.supervisor.Restarts()) } // itself is told when it begins
	keeper.Failed, server.Failed = tell, tell
	for _, f := range a.files {
		if strings.HasPrefix(f.Name(), roleNTP+" ") {
			server.Files = append(server.Files, roles.File{Name: f.Name(), File: f})
		}
	}
	page := roles.Role{
		Name: roleWeb, Privileges: roles.Privileges{UID: userWeb},
		Files:   []roles.File{{Name: pageFile, File: only}, {Name: frameSocket, File: forWeb}, {Name: trafficFile, File: forTraffic}},
		Prepare: func() any { t := a.told; t.Sockets, t.Restarts = a.sockets, a.supervisor.Restarts(); return t },
		Answer:  a.fromWeb,
	}
	for name, l := range map[string]*net.TCPListener{listenerFile: a.listener, secureFile: a.secure} {
		if l == nil {
			continue
		}
		f, err := l.File()
		if err != nil {
			return nil, err
		}
		page.Files = append(page.Files, roles.File{Name: name, File: f})
		a.files = append(a.files, f)
	}
	if err := a.directories(page.Privileges); err != nil {
		a.log.Warn("nothing of the page is kept over a restart", "error", err)
	}
	return []roles.Role{keeper, server, page}, nil
}

// pair returns two connected sockets.
func (a *apart) pair(name string) (one, other *os.File, err error) {
	one, other, err = roles.Pair(name)
	if err == nil {
		a.files = append(a.files, one, other)
	}
	return one, other, err
}

func socketFile(i int) string { return roleNTP + " " + strconv.Itoa(i) }

// clockPrivileges are those of the process that keeps the clock. It stays root, who owns the devices, and of all that root
// may has only the clock and real-time threads. On a simulated board it may touch neither.
func clockPrivileges(kind string) roles.Privileges {
	if kind == "sim" {
		return roles.Privileges{}
	}
	return roles.Privileges{Capabilities: roles.SysTime | roles.SysNice | roles.IPCLock}
}

// directories makes those of the state: the unit's, which anyone may look into, and that of the page.
func (a *apart) directories(page roles.Privileges) error {
	dir := webDir(a.options, a.config)
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	return page.Give(dir)
}

// announce says where the unit is.
func (a *apart) announce() {
	fmt.Fprintf(a.stdout, "Timeball has started. NTP: %s. Page: %s\n", list(addressesOf(a.sockets)), appliance.URL("http", a.listener, a.hostName()))
}

func (a *apart) hostName() string {
	name, _ := os.Hostname() // "" is no name to be asked by
	return name
}

// addressesOf returns the addresses of sockets, each once.
func addressesOf(sockets []server.Socket) (addrs []netip.AddrPort) {
	for i, s := range sockets {
		if i == 0 || s.Address != sockets[i-1].Address {
			addrs = append(addrs, s.Address)
		}
	}
	return addrs
}

// tellLock says when the unit serves for the first time.
func (a *apart) tellLock(ctx context.Context) {
	began := time.Now()
	looks := time.NewTicker(100 * time.Millisecond)
	defer looks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-looks.C:
		}
		if served := a.read.Served(); served != nil && a.read.Load().Check((*a.served.Load()).Now()) == ntp.Certain {
			fmt.Fprintf(a.stdout, "Locked after %.0f s: error at most %.1f µs.\n", time.Since(began).Seconds(), float64(served.Bound)*1e6)
			return
		}
	}
}

// health returns what looks at the unit from outside.
func (a *apart) health() *roles.Health {
	asked := a.sockets[0]
	h := &roles.Health{
		Log: a.log, Watchdog: a.dog,
		Ticked: func() (time.Duration, bool) {
			at := a.read.Ticked()
			return appliance.Ago(at), at != 0
		},
		Synchronised: func() bool { return a.read.Load().CheckFor(asked.Leap, (*a.served.Load()).Now()) == ntp.Certain },
		Ask:          func(ctx context.Context) (bool, error) { return roles.AskNTP(ctx, roles.Loopback(asked.Address)) },
		Unanswered:   func(why string) { a.supervisor.Kill(roleNTP, why) },
	}
	return h
}

// openWatchdog opens the device that resets this machine when the unit hangs.
func (a *apart) openWatchdog() {
	if a.options.watchdog == "" {
		return
	}
	dog, err := board.OpenWatchdog(a.options.watchdog, watchdogTimeout)
	if err != nil {
		a.log.Warn("a unit that hangs is not reset", "error", err)
		return
	}
	a.log.Info("watchdog", "device", a.options.watchdog, "timeout", dog.Timeout)
	a.dog = dog
}

// watchdogTimeout is the longest that a Raspberry Pi's has: a role that hangs is found and started anew in less.
const watchdogTimeout = 15 * time.Second

// fromClock takes what the process that keeps the clock tells.
func (a *apart) fromClock(_ context.Context, what string, data json.RawMessage) (any, error) {
	if what != "keep" {
		return nil, fmt.Errorf("%.40q is nothing that the clock may ask", what)
	}
	a.kept.set(data)
	return nil, nil
}

// fromWeb does what the page asks for, of the closed list of commands; nothing else.
func (a *apart) fromWeb(ctx context.Context, what string, data json.RawMessage) (any, error) {
	if what == "log" {
		return a.newestLog(), nil
	}
	var c api.Command
	if what == "page" {
		var p pageTold
		err := json.Unmarshal(data, &p)
		if err == nil {
			select {
			case a.pages <- p:
			default: // it has started anew and tells the same
			}
		}
		return nil, err
	}
	if what != "command" {
		return nil, fmt.Errorf("%.40q is nothing that the page may ask", what)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, err
	}
	if err := c.Check(); err != nil {
		return api.Refuse("%v", err), nil
	}
	return a.do(ctx, c)
}

// newestLog returns as much of the log as crosses at once, in whole lines.
func (a *apart) newestLog() []byte {
	const most = roles.MaxFrame / 3 * 2 // it crosses in base 64
	all := a.tail.Bytes()
	if len(all) <= most {
		return all
	}
	all = all[len(all)-most:]
	return all[bytes.IndexByte(all, '\n')+1:]
}

// welcome says where changes are made, and how the unit is claimed.
func (a *apart) welcome(p *pageTold) {
	fmt.Fprintf(a.stdout, "Changes are made on %.200s, certificate SHA-256 %.100s\n", p.URL, p.Fingerprint)
	if left := min(p.Claimable, auth.ClaimSpan); left > 0 {
		a.entry.once.Do(func() {
			a.entry.write(a.context, left, p.URL, p.Fingerprint)
			a.entry.invite(a.stdout, left, p.URL)
		})
	}
}

// do carries out a command, or has it carried out.
func (a *apart) do(ctx context.Context, c api.Command) (api.Result, error) {
	switch c.Name {
	case api.CommandFault:
		var r api.Result
		err := a.supervisor.Ask(ctx, roleClock, "command", c, &r)
		return r, err
	case api.CommandClaimed:
		a.entry.forget()
		return api.Result{State: api.OK}, nil
	}
	return a.settings.Do(ctx, c)
}
