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

	"timeball/cmd/internal/config"
	"timeball/cmd/internal/replay"
	"timeball/cmd/internal/status"
	"timeball/gnss/timescale"
	"timeball/pps/timing"
)

func runStatus(ctx context.Context, f *flag.FlagSet, args []string, out io.Writer) error {
	unit := f.String("unit", "http://127.0.0.1:8080", "`address` of the unit's page")
	if err := f.Parse(args); err != nil {
		return err
	}
	return status.Run(ctx, out, *unit)
}

func runConfig(_ context.Context, f *flag.FlagSet, args []string, out io.Writer) error {
	if len(args) == 0 || args[0] != "check" {
		f.Usage()
		return errUsage
	}
	path, err := one(f, args[1:])
	if err != nil {
		return err
	}
	if config.Check(path, out) != nil {
		return fmt.Errorf("%s is not valid", path)
	}
	return nil
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
	if replay.Detect(head) == replay.Events {
		return replayEvents(in, out)
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
