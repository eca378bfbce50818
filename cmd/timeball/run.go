package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"timeball/board/sim"
	"timeball/cmd/internal/bundle"
	"timeball/cmd/internal/config"
	"timeball/cmd/internal/order"
	"timeball/cmd/internal/replay"
	"timeball/cmd/internal/sources"
	"timeball/cmd/internal/status"
	"timeball/cmd/internal/trial"
	"timeball/gnss/timescale"
	"timeball/pps/timing"
	"timeball/web/api"
)

func runStatus(ctx context.Context, f *flag.FlagSet, args []string, out io.Writer) error {
	unit := f.String("unit", "http://127.0.0.1:8080", "`address` of the unit's page")
	if err := f.Parse(args); err != nil {
		return err
	}
	return status.Run(ctx, out, *unit)
}

func runSources(ctx context.Context, f *flag.FlagSet, args []string, out io.Writer) error {
	server := f.String("server", "", "`address` of the unit's NTP server (default: port 123 or 11123 of this machine)")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *server != "" {
		return sources.Run(ctx, out, time.Now(), *server)
	}
	return sources.Run(ctx, out, time.Now(), sources.Usual...)
}

func runConfig(ctx context.Context, f *flag.FlagSet, args []string, out io.Writer) error {
	if len(args) == 0 {
		f.Usage()
		return errUsage
	}
	if args[0] == "check" {
		path, err := one(f, args[1:])
		if err != nil {
			return err
		}
		if config.Check(path, out) != nil {
			return fmt.Errorf("%s is not valid", path)
		}
		return nil
	}
	o := orders(f)
	if args[0] == "apply" {
		path, err := one(f, args[1:])
		if err != nil {
			return err
		}
		return order.Apply(ctx, out, *o, path)
	}
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	switch {
	case f.NArg() > 0:
	case args[0] == "get":
		return order.Get(ctx, out, *o)
	case args[0] == "confirm":
		return order.End(ctx, out, *o, api.CommandConfigConfirm)
	case args[0] == "revert":
		return order.End(ctx, out, *o, api.CommandConfigRevert)
	}
	f.Usage()
	return errUsage
}

// orders adds the flags that say which unit is asked for something, and by whom.
func orders(f *flag.FlagSet) *order.Options {
	var o order.Options
	f.StringVar(&o.Unit, "unit", "https://127.0.0.1:8443", "https `address` of the unit")
	f.StringVar(&o.Token, "token", os.Getenv("TIMEBALL_TOKEN"), "`token` of the admin, made on the account's page (default: TIMEBALL_TOKEN)")
	f.StringVar(&o.Fingerprint, "fingerprint", os.Getenv("TIMEBALL_FINGERPRINT"), "`SHA-256` of the unit's certificate as its console shows it, for one that signed itself (default: TIMEBALL_FINGERPRINT)")
	return &o
}

// runRestart lets a unit start anew.
func runRestart(ctx context.Context, f *flag.FlagSet, args []string, out io.Writer) error {
	o := orders(f)
	if err := f.Parse(args); err != nil {
		return err
	}
	if _, err := order.Do(ctx, *o, api.Command{Name: api.CommandRestart}); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "The unit starts anew.")
	return err
}

func runReplay(_ context.Context, f *flag.FlagSet, args []string, out io.Writer) error {
	asJSON := f.Bool("json", false, "print JSON")
	floor := f.String("floor", "1980-01-06", "earliest `date` that can be true, for the repair of week rollovers")
	path, err := one(f, args)
	if err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewReaderSize(file, 1<<16)
	head, err := in.Peek(in.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch replay.Detect(head) {
	case replay.Events:
		return replayEvents(in, out)
	case replay.Bundle:
		return bundle.Show(in, out, func(in io.Reader) error { return replayEvents(in, out) })
	}
	date, err := timescale.ParseDate(*floor)
	if err != nil {
		return fmt.Errorf("-floor: %w", err)
	}
	summary, err := replay.Bytes(in, date)
	if err != nil {
		return err
	}
	if !*asJSON {
		return summary.WriteText(out)
	}
	return json.NewEncoder(out).Encode(summary)
}

// replayEvents prints the Estimate after every recorded tick, a line of JSON each.
func replayEvents(in io.Reader, out io.Writer) error {
	w := bufio.NewWriter(out)
	lines := json.NewEncoder(w)
	err := timing.Replay(in, func(s *timing.Snapshot) error { return lines.Encode(&s.Estimate) })
	return errors.Join(err, w.Flush())
}

// runSim runs the real Engine on a model or a trace and writes the clock's true error, bound, mode and stratum.
func runSim(_ context.Context, f *flag.FlagSet, args []string, out io.Writer) error {
	var c trial.Config
	f.StringVar(&c.Model, "model", "pi-quiet", strings.Join(sim.ModelNames(), ", "))
	f.Uint64Var(&c.Seed, "seed", 1, "of all that is random")
	f.IntVar(&c.Seconds, "seconds", 86400, "to simulate; a trace has its own length")
	f.StringVar(&c.Trace, "trace", "", "`directory` of the columns freq, ref, temp and util to run on")
	f.StringVar(&c.Write, "write-trace", "", "`directory` for the columns of the model's world")
	f.IntVar(&c.Lock, "lock", 0, "`seconds` until the antenna fails; 0 = never")
	f.Float64Var(&c.E0, "e0", 1e-3, "`seconds` by which the clock is ahead at the beginning")
	f.Float64Var(&c.Y0, "y0", 1e-5, "fractional frequency of the oscillator at the beginning")
	sensors := f.String("sensors", "on", "on or off: whether temperature and utilisation are known")
	f.StringVar(&c.State, "state", "", "`directory` for what is kept over a restart")
	latency := f.String("edge-latency", "", "declared latency of the edges and its half range, `BIAS,RANGE` in seconds")
	fault := f.String("fault", "", "`name` of a fault; -list names them")
	at := f.Float64("fault-at", 0, "`seconds` until the fault")
	last := f.Float64("fault-for", 0, "`seconds` that it lasts; 0 = for ever")
	by := f.Float64("fault-by", 0, "its size in `seconds`, where it has one")
	list := f.Bool("list", false, "list models and faults")
	f.StringVar(&c.Out, "out", "", "`FILE` for the true error; FILE.bound gets bound, mode and stratum")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *list {
		fmt.Fprintf(out, "models: %s\nfaults:\n", strings.Join(sim.ModelNames(), " "))
		for _, k := range sim.FaultKinds() {
			fmt.Fprintf(out, "  %-14s %s\n", k.Name, k.Text)
		}
		return nil
	}
	if f.NArg() > 0 || c.Out == "" || c.Seconds < 1 || *sensors != "on" && *sensors != "off" {
		f.Usage()
		return errUsage
	}
	c.Sensors = *sensors == "on"
	if *latency != "" {
		c.EdgeLatency = new([2]float64)
		if _, err := fmt.Sscanf(*latency, "%g,%g", &c.EdgeLatency[0], &c.EdgeLatency[1]); err != nil {
			return fmt.Errorf("-edge-latency %q: BIAS,RANGE in seconds: %w", *latency, err)
		}
	}
	if *fault != "" {
		if err := sim.CheckFault(*fault); err != nil {
			return fmt.Errorf("-fault: %w", err)
		}
		c.Faults = []sim.Fault{{Name: *fault, At: seconds(*at), For: seconds(*last), By: seconds(*by)}}
	}
	return trial.Run(c, out)
}

func seconds(s float64) time.Duration { return time.Duration(s * 1e9) }

// runBundle writes a support bundle into a new file, which is whole or not there.
func runBundle(ctx context.Context, f *flag.FlagSet, args []string, out io.Writer) error {
	var o bundle.Options
	f.StringVar(&o.Unit, "unit", "http://127.0.0.1:8080", "`address` of the unit's page; with https and a token the bundle has configuration and log as well")
	f.StringVar(&o.Token, "token", os.Getenv("TIMEBALL_TOKEN"), "`token` of the admin, made on the account's page (default: TIMEBALL_TOKEN)")
	f.StringVar(&o.Fingerprint, "fingerprint", os.Getenv("TIMEBALL_FINGERPRINT"), "`SHA-256` of the unit's certificate as its console shows it, for one that signed itself (default: TIMEBALL_FINGERPRINT)")
	f.StringVar(&o.Record, "record", "", "`file` of this machine that timeballd -record wrote, to be added")
	name := f.String("o", "timeball-bundle.tar.gz", "`FILE` for the bundle")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		f.Usage()
		return errUsage
	}
	file, err := os.OpenFile(*name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(bundle.Fetch(ctx, file, o), file.Close()); err != nil {
		return errors.Join(err, os.Remove(*name))
	}
	info, err := os.Stat(*name)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d bytes; timeball replay %s shows what is in it\n", *name, info.Size(), *name)
	return nil
}
