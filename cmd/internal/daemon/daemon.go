// Package daemon is timeballd: flags and file become a configuration, the configuration becomes a unit, and the unit runs
// until it is told to stop.
package daemon

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"timeball/board/sim"
	"timeball/board/store"
	"timeball/cmd/internal/appliance"
	"timeball/cmd/internal/config"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/timing"
	"timeball/web"
)

// Build is what the linker was told.
type Build struct {
	Version    string
	CommitUnix string
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
	board, config, ntp, http, state, record, level string
	monitor                                        bool

	model, receiver string
	seed            uint64
	pace            int64
	given           map[string]bool
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("timeballd", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.board, "board", "auto", "auto: this machine's hardware; sim: a simulated board")
	f.StringVar(&o.config, "config", "", "configuration `file`, TOML")
	f.StringVar(&o.ntp, "ntp", "", "UDP `addresses` to serve NTP on, separated by commas (sim: 127.0.0.1:11123,[::1]:11123; auto: :123)")
	f.StringVar(&o.http, "http", "", "TCP `address` of the page (sim: 127.0.0.1:8080; auto: :80)")
	f.StringVar(&o.state, "state", "", "`directory` for what is kept over a restart (sim: none; auto: /var/lib/timeball)")
	f.StringVar(&o.record, "record", "", "`file` that gets every event the engine takes, for timeball replay")
	f.StringVar(&o.level, "log-level", "info", "debug, info, warn or error")
	f.BoolVar(&o.monitor, "monitor", false, "measure, and never steer the clock")
	f.StringVar(&o.model, "model", "pi-quiet", "sim: "+strings.Join(sim.ModelNames(), ", "))
	f.StringVar(&o.receiver, "receiver", "", "sim: `file` of raw bytes that a real receiver sent, to be its receiver")
	f.Uint64Var(&o.seed, "seed", 1, "sim: of all that is random")
	f.Int64Var(&o.pace, "pace", 1, "sim: seconds of the simulated world per second; any but 1 serves no NTP")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.given = map[string]bool{}
	f.Visit(func(f *flag.Flag) { o.given[f.Name] = true })
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("%q: flags only are taken", f.Arg(0))
	case o.board != "auto" && o.board != "sim":
		return o, fmt.Errorf("-board %q: auto or sim", o.board)
	case o.pace < 1 || o.pace > 1000:
		return o, fmt.Errorf("-pace %d: 1 to 1000", o.pace)
	}
	return o, nil
}

// override lets the flags that were given win over the file.
func (o options) override(c *config.Config) {
	simulated := o.board == "sim"
	set := func(name string, to *string, value, forSim string) {
		switch {
		case o.given[name]:
			*to = value
		case simulated && o.config == "":
			*to = forSim
		}
	}
	ntp := strings.Join(c.Server.Listen, ",")
	set("ntp", &ntp, o.ntp, "127.0.0.1:11123,[::1]:11123")
	c.Server.Listen = strings.Split(ntp, ",")
	set("http", &c.Web.HTTP, o.http, "127.0.0.1:8080")
	set("log-level", &c.Log.Level, o.level, "info")
	set("state", &c.Board.State, o.state, c.Board.State)
	if o.given["board"] || c.Board.Kind == "" {
		c.Board.Kind = o.board
	}
	c.Clock.Monitor = c.Clock.Monitor || o.monitor
}

// Run is timeballd.
func Run(ctx context.Context, args []string, build Build, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	cfg := config.Default()
	if o.config != "" {
		if cfg, err = config.Load(o.config); err != nil {
			return err
		}
	}
	if !o.given["board"] && o.config != "" {
		o.board = cfg.Board.Kind
	}
	o.override(&cfg)
	if err := cfg.Validate(); err != nil {
		return err
	}
	return serve(ctx, o, cfg, build, stdout, stderr)
}

// serve makes the unit and runs it.
func serve(ctx context.Context, o options, cfg config.Config, build Build, stdout, stderr io.Writer) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Log.Level)); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	u, err := unitConfig(o, cfg, build, log)
	if err != nil {
		return err
	}
	if o.record != "" {
		f, err := os.Create(o.record)
		if err != nil {
			return fmt.Errorf("-record: %w", err)
		}
		defer f.Close()
		u.Record = f
	}
	board, err := newBoard(o, cfg, &u, log)
	if err != nil {
		return err
	}
	unit, err := appliance.New(u, board)
	if err != nil {
		return err
	}
	announced := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	defer func() { cancel(); <-announced }()
	go func() {
		defer close(announced)
		announce(ctx, stdout, unit, cfg)
	}()
	return unit.Run(ctx)
}

// unitConfig turns the file's sections into what the packages take.
func unitConfig(o options, cfg config.Config, build Build, log *slog.Logger) (appliance.Config, error) {
	u := appliance.Config{
		Engine: timing.Default(), Publish: cfg.Server.Claims, Server: cfg.Server.Listening,
		NTP: o.board != "sim" || o.pace == 1, HTTP: true, Version: build.Version, Log: log,
	}
	u.Engine.Loop.Limit = clock.Seconds(cfg.Server.Limit.Seconds())
	u.Engine.Floor = build.date()
	if o.board == "auto" || o.given["state"] {
		u.State = store.Dir(cfg.Board.State)
		u.Engine.Floor = appliance.Floor(u.State, u.Engine.Floor, log)
	}
	host, err := os.Hostname()
	if err != nil {
		log.Warn("host name unknown", "error", err)
	}
	u.Web = web.Config{Address: cfg.Web.HTTP, Name: host, Names: cfg.Web.Hosts, Log: log}
	return u, nil
}

// newBoard opens or simulates the board and tells the Engine about its capture.
func newBoard(o options, cfg config.Config, u *appliance.Config, log *slog.Logger) (appliance.Board, error) {
	if o.board == "auto" {
		return newHardware(cfg, u, log)
	}
	model, err := sim.ModelNamed(o.model)
	if err != nil {
		return nil, fmt.Errorf("-model: %w", err)
	}
	world := sim.Config{
		Model: model, Seed: o.seed, Sensors: true, RTC: true, FixAfter: 2 * time.Second,
		E0: -3500 * time.Millisecond, Y0: 1e-5, // a board that has booted without a network
		Receiver: sim.NewTalker(o.seed, 38400, 120*time.Millisecond),
	}
	if model.Name == "perfect" {
		world.E0, world.Y0 = 0, 0
	}
	if o.receiver != "" {
		data, err := os.ReadFile(o.receiver)
		if err != nil {
			return nil, fmt.Errorf("-receiver: %w", err)
		}
		recording, err := sim.NewRecording(data, 9600, 150*time.Millisecond)
		if err != nil {
			return nil, fmt.Errorf("-receiver %s: %w", o.receiver, err)
		}
		world.Receiver, world.Start = recording, recording.First()
		u.Engine.Floor = timing.FirstDate
	}
	u.Engine.Loop.Bias = (model.Latency[0] + model.Latency[1]) / 2
	u.Engine.Loop.BiasRange = (model.Latency[1] - model.Latency[0]) / 2
	return appliance.NewSimBoard(world, o.pace), nil
}

// announce says in plain lines where the unit is and when it has locked.
func announce(ctx context.Context, w io.Writer, unit *appliance.Unit, cfg config.Config) {
	began := time.Now()
	var where []string
	if s := unit.Server(); s != nil {
		for _, a := range s.Addrs() {
			where = append(where, a.String())
		}
	}
	if len(where) == 0 {
		where = append(where, "not served")
	}
	fmt.Fprintf(w, "Timeball has started. NTP: %s. Page: http://%s/\n", strings.Join(where, ", "), cfg.Web.HTTP)
	select {
	case <-ctx.Done():
		return
	case <-unit.Locked():
	}
	est := unit.Snapshot().Estimate
	fmt.Fprintf(w, "Locked after %.0f s: error at most %.1f µs.\n", time.Since(began).Seconds(), float64(est.Bound.Total())*1e6)
	<-ctx.Done()
	fmt.Fprintln(w, "Stopped.")
}
