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
	"sync"
	"time"

	"timeball/board"
	"timeball/cmd/internal/appliance"
	"timeball/cmd/internal/config"
	"timeball/cmd/internal/roles"
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

// apart is a unit of several processes, seen from the one that keeps them running.
type apart struct {
	program
	options options
	config  config.Config
	log     *slog.Logger
	told    told
	entry   *entry          // of which only the file with the claim code is used
	context context.Context // of the whole run
	once    sync.Once

	page       *os.File
	read       *shared.Reader
	served     server.Clock
	sockets    []server.Socket
	listener   *net.TCPListener
	secure     *net.TCPListener // nil: none
	record     *os.File         // gets the recording; nil: none is made
	supervisor *roles.Supervisor
	kept       keeping
}

// runApart runs the unit as three processes until ctx is done.
func (p program) runApart(ctx context.Context, args []string, o options, cfg config.Config) error {
	a := &apart{program: p, options: o, config: cfg, log: p.logger(cfg)}
	a.told = told{Arguments: args, Config: cfg, Started: appliance.Uptime(), Code: auth.NewCode()}
	a.entry = &entry{log: a.log, code: a.told.Code, file: o.claim}
	a.entry.forget() // what is in it is of an earlier start
	a.context = ctx
	if err := a.open(); err != nil {
		return err
	}
	rolesOf, err := a.roles()
	if err != nil {
		return err
	}
	a.supervisor = roles.New(a.log, p.stdout, p.stderr, rolesOf...)
	a.announce()
	watched, stop := context.WithCancel(ctx)
	health := a.health()
	ended := make(chan struct{}, 2)
	go func() { health.Run(watched); ended <- struct{}{} }()
	go func() { a.tellLock(watched); ended <- struct{}{} }()
	a.supervisor.Run(ctx)
	stop()
	<-ended
	<-ended
	fmt.Fprintln(p.stdout, "Stopped.")
	return nil
}

// open opens what takes privileges, and what all processes share.
func (a *apart) open() (err error) {
	if a.options.board == "sim" {
		if a.told.Origin, err = a.origin(); err != nil {
			return err
		}
	} else if !a.host().Attachable() {
		return errNothing
	}
	if a.options.record != "" {
		if a.record, err = os.Create(a.options.record); err != nil {
			return fmt.Errorf("-record: %w", err)
		}
		if a.told.Record, err = filepath.Abs(a.options.record); err != nil {
			return fmt.Errorf("-record: %w", err)
		}
	}
	if a.sockets, err = server.Open(a.config.Server.Listening, 0, a.log); err != nil {
		return fmt.Errorf("%w (-ntp gives other addresses)", err)
	}
	if a.listener, err = listenTCP(a.config.Web.HTTP); err != nil {
		return fmt.Errorf("page: %w (-http gives another address)", err)
	}
	if a.config.Web.HTTPS != "off" {
		if a.secure, err = listenTCP(a.config.Web.HTTPS); err != nil {
			return fmt.Errorf("page: %w (-https gives another address)", err)
		}
	}
	if a.config.Web.Certificate != "" { // only root may read it
		if a.told.Pair, err = os.ReadFile(a.config.Web.Certificate); err == nil {
			a.told.Key, err = os.ReadFile(a.config.Web.Key)
		}
		if err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
	}
	return a.share()
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
	if a.page, err = shared.Create(); err != nil {
		return fmt.Errorf("shared page: %w", err)
	}
	page, err := shared.MapReader(a.page)
	if err != nil {
		return err
	}
	a.read = shared.NewReader(page)
	a.served, err = sharedClock(a.options.board, a.read, a.told.Origin), nil
	return err
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
	toNTP, fromClock, err := roles.Pair(frameSocket)
	if err != nil {
		return nil, err
	}
	toWeb, forWeb, err := roles.Pair(frameSocket)
	if err != nil {
		return nil, err
	}
	traffic, forTraffic, err := roles.Pair(trafficFile)
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
	for i, s := range a.sockets {
		server.Files = append(server.Files, roles.File{Name: socketFile(i), File: os.NewFile(uintptr(s.FD), socketFile(i))})
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
	}
	if err := a.directories(page.Privileges); err != nil {
		a.log.Warn("nothing of the page is kept over a restart", "error", err)
	}
	return []roles.Role{keeper, server, page}, nil
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
		if served := a.read.Served(); served != nil && a.read.Load().Check(a.served.Now()) == ntp.Certain {
			fmt.Fprintf(a.stdout, "Locked after %.0f s: error at most %.1f µs.\n", time.Since(began).Seconds(), float64(served.Bound)*1e6)
			return
		}
	}
}

// health returns what looks at the unit from outside.
func (a *apart) health() *roles.Health {
	asked := a.sockets[0]
	h := &roles.Health{
		Log: a.log,
		Ticked: func() (time.Duration, bool) {
			at := a.read.Ticked()
			return appliance.Ago(at), at != 0
		},
		Synchronised: func() bool { return a.read.Load().CheckFor(asked.Leap, a.served.Now()) == ntp.Certain },
		Ask:          func(ctx context.Context) (bool, error) { return roles.AskNTP(ctx, roles.Loopback(asked.Address)) },
		Unanswered:   func(why string) { a.supervisor.Kill(roleNTP, why) },
	}
	if a.options.watchdog == "" {
		return h
	}
	dog, err := board.OpenWatchdog(a.options.watchdog, watchdogTimeout)
	if err != nil {
		a.log.Warn("a unit that hangs is not reset", "error", err)
		return h
	}
	a.log.Info("watchdog", "device", a.options.watchdog, "timeout", dog.Timeout)
	h.Watchdog = dog
	return h
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
			a.once.Do(func() { a.welcome(&p) })
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
		a.entry.invite(a.stdout, left, p.URL)
		a.entry.write(a.context, left, p.URL, p.Fingerprint)
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
	return api.Refuse("this unit does not do %s", c.Name), nil
}
