// Package daemon is timeballd: flags and file become a configuration, the configuration becomes a unit, and the unit runs
// until it is told to stop.
package daemon

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"timeball/board"
	"timeball/board/sim"
	"timeball/board/store"
	"timeball/cmd/internal/appliance"
	"timeball/cmd/internal/config"
	"timeball/cmd/internal/logtail"
	"timeball/cmd/internal/roles"
	"timeball/cmd/internal/settings"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/web"
)

// Build is what the linker was told.
type Build struct {
	Version    string
	CommitUnix string
	// Steer returns this machine's clock; nil: whatever is configured it is looked at and never steered, as in every test.
	Steer func(monitor bool) discipline.Clock
}

// date returns the commit's second, or the beginning of GPS time where the build doesn't know it.
func (b Build) date() timescale.UTC {
	s, err := strconv.ParseInt(b.CommitUnix, 10, 64)
	if err != nil {
		return timing.FirstDate
	}
	return max(timing.FirstDate, timescale.UTC(s*int64(time.Second)))
}

// options are the flags.
type options struct {
	board, config, ntp, http, https, state, record, level, claim string
	monitor                                                      bool

	model, receiver string
	seed            uint64
	pace            int64
	given           map[string]bool

	processes int
	watchdog  string

	// What the process that serves the page is told of the unit it is part of.
	code    string        // to claim the unit with; "": a new one
	running time.Duration // since when the unit has been
}

// parse reads the flags.
func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("timeballd", flag.ContinueOnError)
	f.SetOutput(io.Discard) // what is wrong is in the error
	f.StringVar(&o.board, "board", "auto", "auto: this machine's hardware; sim: a simulated board")
	f.StringVar(&o.config, "config", "", "configuration `file`, TOML")
	f.StringVar(&o.ntp, "ntp", "", "UDP `addresses` to serve NTP on, separated by commas (sim: 127.0.0.1:11123,[::1]:11123; auto: :123)")
	f.StringVar(&o.http, "http", "", "TCP `address` of the page (sim: 127.0.0.1:8080; auto: :80)")
	f.StringVar(&o.https, "https", "", "TCP `address` of the page over TLS, where changes are made, or off (sim: 127.0.0.1:8443; auto: :443)")
	f.StringVar(&o.state, "state", "", "`directory` for what is kept over a restart (sim: none; auto: /var/lib/timeball)")
	f.StringVar(&o.record, "record", "", "`file` that gets every event the engine takes, for timeball replay")
	f.StringVar(&o.claim, "claim-file", "", "`file` that gets the claim code while the unit has no admin, within an hour of the boot")
	f.StringVar(&o.level, "log-level", "info", "debug, info, warn or error")
	f.BoolVar(&o.monitor, "monitor", false, "measure, and never steer the clock")
	f.IntVar(&o.processes, "processes", 0, "1: all in one; 3: clock, NTP and page each with its own rights (sim: 1; auto: 3)")
	f.StringVar(&o.watchdog, "watchdog", "", "`device` that resets this machine when the unit hangs (with 3 processes)")
	f.StringVar(&o.model, "model", "pi-quiet", "sim: "+strings.Join(sim.ModelNames(), ", "))
	f.StringVar(&o.receiver, "receiver", "", "sim: `file` of raw bytes that a real receiver sent, to be its receiver")
	f.Uint64Var(&o.seed, "seed", 1, "sim: of all that is random")
	f.Int64Var(&o.pace, "pace", 1, "sim: seconds of the simulated world per second; any but 1 serves no NTP")
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(stdout, "timeballd disciplines a clock from a GNSS receiver and serves it. Flags override the configuration file.")
		f.SetOutput(stdout)
		f.PrintDefaults()
		return o, err
	} else if err != nil {
		return o, fmt.Errorf("%w (-h lists the flags)", err)
	}
	o.given = map[string]bool{}
	f.Visit(func(f *flag.Flag) { o.given[f.Name] = true })
	return o, o.check(f.Args())
}

// check returns what is wrong with the flags that have no place in the file. rest is what followed them.
func (o options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q: flags only are taken", rest[0])
	case o.board != "auto" && o.board != "sim":
		return fmt.Errorf("-board %q: auto or sim", o.board)
	case o.pace < 1 || o.pace > 1000:
		return fmt.Errorf("-pace %d: 1 to 1000", o.pace)
	case o.processes != 0 && o.processes != 1 && o.processes != 3:
		return fmt.Errorf("-processes %d: 1 or 3", o.processes)
	}
	return nil
}

// configuration reads the file and lets the flags that were given win over it.
func (o *options) configuration() (config.Config, error) {
	if o.config == "" {
		return o.configured("")
	}
	text, err := os.ReadFile(o.config)
	if err != nil {
		return config.Config{}, fmt.Errorf("config: %w", err)
	}
	return o.configured(string(text))
}

// configured is configuration of a file already read.
func (o *options) configured(text string) (config.Config, error) {
	c, err := config.Parse(cmp.Or(o.config, settingsName), []byte(text))
	if err != nil {
		return c, err
	}
	if o.config != "" && !o.given["board"] {
		o.board = c.Board.Kind
	}
	c.Board.Kind = o.board
	if o.board == "sim" {
		simulated(&c)
	} else if err := o.needsSim(); err != nil {
		return c, err
	}
	if err := o.override(&c); err != nil {
		return c, err
	}
	return c, c.Validate()
}

// needsSim returns an error when a flag was given that means nothing on hardware.
func (o options) needsSim() error {
	for _, name := range []string{"model", "seed", "pace", "receiver"} {
		if o.given[name] {
			return fmt.Errorf("-%s: only with -board sim", name)
		}
	}
	return nil
}

// simulated gives c the addresses a simulated unit has where nothing was configured: any user may open them and only this
// machine reaches them.
func simulated(c *config.Config) {
	d := config.Default()
	if slices.Equal(c.Server.Listen, d.Server.Listen) {
		c.Server.Listen = []string{"127.0.0.1:11123", "[::1]:11123"}
	}
	if c.Web.HTTP == d.Web.HTTP {
		c.Web.HTTP = "127.0.0.1:8080"
	}
	if c.Web.HTTPS == d.Web.HTTPS {
		c.Web.HTTPS = "127.0.0.1:8443"
	}
}

// override puts the flags that were given into c.
func (o options) override(c *config.Config) error {
	if o.given["ntp"] {
		c.Server.Listen = strings.Split(o.ntp, ",")
		for i, address := range c.Server.Listen {
			c.Server.Listen[i] = resolved(address)
		}
	}
	if o.given["http"] {
		c.Web.HTTP = resolved(o.http)
	}
	if o.given["https"] {
		c.Web.HTTPS = resolved(o.https)
	}
	if o.given["log-level"] {
		c.Log.Level = o.level
	}
	if o.given["monitor"] {
		c.Clock.Monitor = o.monitor
	}
	if o.given["state"] {
		var err error
		if c.Board.State, err = filepath.Abs(o.state); err != nil {
			return fmt.Errorf("-state: %w", err)
		}
	}
	return nil
}

// resolved replaces the one name that is the same everywhere by the address it has everywhere.
func resolved(address string) string {
	if port, ok := strings.CutPrefix(address, "localhost:"); ok {
		return "127.0.0.1:" + port
	}
	return address
}

// logKept is how much of the log a support bundle has, in bytes.
const logKept = 128 << 10

// program is one run of timeballd.
type program struct {
	build          Build
	stdout, stderr io.Writer
	tail           *logtail.Tail     // the newest lines of the log
	host           func() board.Info // finds out what this machine is
	world          func(*sim.Config) // changes the simulated world in a test; nil: nobody does
	apart          bool              // it may be several processes: each executes this program, and knows nothing of the two above
	within         bool              // this process is a test as well, which keeps its rights
}

// gcPercent has each process of a unit begin to collect at 2 MB of heap instead of 4: none has much more that it uses, and
// there are four of them in the memory of a small board.
const gcPercent = 50

// Run is timeballd. It returns nil when ctx is done.
func Run(ctx context.Context, args []string, build Build, stdout, stderr io.Writer) error {
	if _, given := os.LookupEnv("GOGC"); !given {
		debug.SetGCPercent(gcPercent)
	}
	p := program{build: build, stdout: stdout, stderr: stderr, host: board.Host, apart: true}
	return p.run(ctx, args)
}

func (p program) run(ctx context.Context, args []string) error {
	if roles.Inherited() != "" {
		return p.runRole(ctx)
	}
	p.tail = logtail.New(logKept)
	p.stderr = io.MultiWriter(p.stderr, p.tail)
	o, err := parse(args, p.stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	several := newApart(p, args, o)
	unit := new(atomic.Pointer[appliance.Unit])
	keeper, err := p.openSettings(o, func() (earliest, latest *int64) {
		if u := unit.Load(); u != nil {
			earliest, latest, _ = u.Now()
			return earliest, latest
		}
		return several.Now()
	})
	if err != nil {
		return err
	}
	cfg, err := o.configured(keeper.Text())
	if err != nil {
		return err
	}
	defer background(ctx, keeper.Run)()
	if p.apart && (o.processes == 3 || o.processes == 0 && o.board == "auto") {
		several.options, several.told.Config = o, cfg
		return several.run(ctx, keeper)
	}
	entry := p.openEntry(o, cfg, keeper)
	entry.unit = unit
	defer entry.close()
	return again(ctx, keeper, entry.log, func(began int) (bool, error) { return p.runOnce(ctx, o, entry, began) })
}

// again runs the unit until it ends, and anew when its configuration has changed; with a change that it does not run with,
// with what was before.
func again(ctx context.Context, keeper *settings.Keeper, log *slog.Logger, once func(began int) (ended bool, err error)) error {
	for began := 1; ; began++ {
		ended, err := once(began)
		switch {
		case ctx.Err() != nil || err == nil && ended:
			return err
		case err != nil && !keeper.Failed(err):
			return err
		case err != nil:
			log.Error("the unit does not run with the change", "error", err)
		}
	}
}

// runOnce runs the unit with the configuration as it is, until ctx or the unit ends (ended) or it has to start anew.
func (p program) runOnce(ctx context.Context, o options, entry *entry, began int) (ended bool, err error) {
	cfg, err := o.configured(entry.settings.Text())
	if err != nil {
		return true, err
	}
	record, err := o.recording(began)
	if err != nil {
		return true, err
	}
	if record != nil {
		defer record.Close()
	}
	unit, err := p.newUnit(o, cfg, record, entry)
	if err != nil {
		return true, err
	}
	return p.serve(ctx, unit, entry)
}

// recording opens the file for what the Engine takes; nil: none is asked for. A unit that starts anew begins another one.
func (o options) recording(began int) (*os.File, error) {
	if o.record == "" {
		return nil, nil
	}
	name := o.record
	if began > 1 {
		name += fmt.Sprintf(".%d", began)
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("-record: %w", err)
	}
	return f, nil
}

// background runs f until the returned function is called, which waits for it.
func background(ctx context.Context, f func(context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); f(ctx) }()
	return func() { cancel(); <-ended }
}

// newUnit makes the unit, which records to record unless that is nil.
func (p program) newUnit(o options, cfg config.Config, record *os.File, entry *entry) (*appliance.Unit, error) {
	u := unitConfig(o, cfg, p.build, p.logger(cfg))
	u.Web.LogTail = p.tail.Bytes
	u.Web.Door, u.Web.Audit, u.Do = entry.door, entry.audit, entry.do
	if err := p.secure(o, cfg, &u); err != nil {
		return nil, err
	}
	if record != nil {
		u.Record = record
	}
	board, err := p.newBoard(o, cfg, &u)
	if err != nil {
		return nil, err
	}
	return appliance.New(u, board)
}

func (p program) logger(cfg config.Config) *slog.Logger {
	return slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: cfg.Log.Slog()}))
}

// serve runs the unit, and says in plain lines where it is, when it has locked and that it has ended. When it has to start
// anew it is not ended.
func (p program) serve(ctx context.Context, unit *appliance.Unit, entry *entry) (ended bool, err error) {
	began := time.Now()
	fmt.Fprintf(p.stdout, "Timeball has started. NTP: %s. Page: %s\n", list(unit.NTP()), unit.Page())
	if page := unit.SecurePage(); page != "" {
		fmt.Fprintf(p.stdout, "Changes are made on %s, certificate SHA-256 %s\n", page, unit.Fingerprint())
		entry.announce(ctx, p.stdout, page, unit.Fingerprint())
	}
	entry.unit.Store(unit)
	entry.settings.Started()
	running, cancel := context.WithCancel(ctx)
	locked, anew := unit.Locked(), false
	told := background(running, func(ctx context.Context) {
		for {
			select {
			case <-ctx.Done():
				return
			case <-entry.settings.Changes():
				anew = true
				cancel()
				return
			case <-locked:
				locked = nil
				bound := unit.Snapshot().Estimate.Bound.Total()
				fmt.Fprintf(p.stdout, "Locked after %.0f s: error at most %.1f µs.\n", time.Since(began).Seconds(), float64(bound)*1e6)
			}
		}
	})
	err = unit.Run(running)
	cancel()
	told()
	switch {
	case err != nil:
	case anew && ctx.Err() == nil:
		fmt.Fprintln(p.stdout, "Starting anew.")
		return false, nil
	default:
		fmt.Fprintln(p.stdout, "Stopped.")
	}
	return true, err
}

// list writes addresses for people.
func list(addrs []netip.AddrPort) string {
	if len(addrs) == 0 {
		return "not served"
	}
	var texts []string
	for _, a := range addrs {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, ", ")
}

// unitConfig turns the file's sections into what the packages take.
func unitConfig(o options, cfg config.Config, build Build, log *slog.Logger) appliance.Config {
	u := appliance.Config{
		Engine: timing.Default(), Publish: cfg.Server.Claims, Server: cfg.Server.Listening,
		NTP: o.pace == 1, HTTP: true, Version: build.Version, Log: log, Witness: cfg.Witness, Monitor: cfg.Clock.Monitor,
	}
	u.LeapSeconds = cfg.GNSS.LeapSeconds
	u.Engine.Loop.Limit = clock.Seconds(cfg.Server.Limit.Seconds())
	u.Engine.Floor, u.Engine.AcceptRollover = build.date(), cfg.GNSS.AcceptRollover
	if keeps(o, cfg) {
		u.State = store.Dir(cfg.Board.State)
		kept := appliance.Recall(u.State, log)
		u.Engine.Floor, u.Engine.Saved, u.Engine.Memory = max(u.Engine.Floor, kept.UTC), kept.UTC, kept.Memory
		u.Engine.Learned = kept.Learned
		if err := writable(cfg.Board.State); err != nil {
			log.Warn("nothing is kept over a restart", "error", err)
		}
	}
	u.Web = webConfig(o, cfg, log)
	return u
}

// webConfig is what the page is told.
func webConfig(o options, cfg config.Config, log *slog.Logger) web.Config {
	host, err := os.Hostname()
	if err != nil {
		log.Warn("host name unknown", "error", err)
	}
	w := web.Config{Address: cfg.Web.HTTP, Name: host, Names: cfg.Web.Hosts, Hostname: hostname, Log: log}
	if host != "" {
		w.Names = append([]string{host + ".local"}, cfg.Web.Hosts...) // as multicast DNS has it
	}
	w.Alarm, w.Recording, w.Configuration = cfg.Alarm, o.record, cfg.Text()
	if dir := webDir(o, cfg); dir != "" {
		w.Store = store.Raw(dir)
	}
	return w
}

// keeps reports whether anything is kept over a restart: a simulated unit keeps only what it is told to.
func keeps(o options, cfg config.Config) bool {
	return o.board != "sim" || o.given["state"] || cfg.Board.State != config.Default().Board.State
}

// writable makes dir and tries to write into it, so that a state that can't be kept is known at the start and not after
// the power cut.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".try-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// newBoard opens or simulates the board and tells the Engine about its capture.
func (p program) newBoard(o options, cfg config.Config, u *appliance.Config) (appliance.Board, error) {
	if o.board == "sim" {
		return newSimulation(o, cfg, u, p.world)
	}
	info := p.host()
	if !info.Attachable() {
		return nil, errNothing
	}
	return p.hardware(info, cfg, u), nil
}
