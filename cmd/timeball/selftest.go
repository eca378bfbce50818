package main

import (
	"context"
	"errors"
	"flag"
	"io"

	"timeball/cmd/internal/config"
	"timeball/cmd/internal/selftest"
)

func runSelftest(ctx context.Context, f *flag.FlagSet, args []string, out io.Writer) error {
	asJSON := f.Bool("json", false, "print JSON")
	file := f.String("config", "", "configuration `file` of the unit")
	unit := f.String("unit", "http://127.0.0.1", "`address` of its page")
	server := f.String("server", "127.0.0.1:123", "`address` of its NTP server")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		f.Usage()
		return errUsage
	}
	cfg := config.Default()
	if *file != "" {
		var err error
		if cfg, err = config.Load(*file); err != nil {
			return err
		}
	}
	found := selftest.Run(ctx, selftest.Local(cfg, *unit, *server))
	write := selftest.WriteText
	if *asJSON {
		write = selftest.WriteJSON
	}
	if err := write(out, found); err != nil {
		return err
	}
	if selftest.Failed(found) {
		return errors.New("selftest: this machine can't be a time server as it is")
	}
	return nil
}
