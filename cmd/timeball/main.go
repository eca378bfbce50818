// Command timeball is the operator's tool: it asks units, checks configurations, and replays what was recorded.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
)

// command is one of the tool's verbs.
type command struct {
	name, use, what string
	run             func(ctx context.Context, f *flag.FlagSet, args []string, out io.Writer) error
}

var commands = []command{
	{"status", "status [-unit URL]", "what a unit says of its time", runStatus},
	{"sources", "sources [-server ADDR]", "where a unit has its time from, in ntpq's columns", runSources},
	{"config", "config check|get|apply|confirm|revert [FILE]", "check a configuration file; read, try and keep a unit's", runConfig},
	{"restart", "restart [-unit URL]", "let a unit start anew", runRestart},
	{"replay", "replay [-json] [-floor DATE] FILE", "what is in a receiver's raw bytes, or what the engine made of recorded events", runReplay},
	{"bundle", "bundle [-unit URL] [-o FILE]", "get a support bundle of a unit, for somebody else to look at", runBundle},
	{"selftest", "selftest [-json] [-config FILE] [-unit URL] [-server ADDR]", "what this machine has for a time server, and what is in the way", runSelftest},
	{"sim", "sim -model NAME -seed N -seconds N -out FILE", "run a simulated unit in virtual time", runSim},
}

// errUsage is reported by what has been printed already.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "timeball:", err)
		os.Exit(1)
	}
}

// dispatch runs the verb that args begin with.
func dispatch(ctx context.Context, args []string, out, errout io.Writer) error {
	if len(args) > 0 {
		for _, c := range commands {
			if c.name != args[0] {
				continue
			}
			f := flag.NewFlagSet(c.name, flag.ContinueOnError)
			f.SetOutput(errout)
			f.Usage = func() {
				fmt.Fprintf(errout, "usage: timeball %s\n", c.use)
				f.PrintDefaults()
			}
			err := c.run(ctx, f, args[1:], out)
			if errors.Is(err, flag.ErrHelp) {
				return nil
			}
			return err
		}
		if !strings.HasPrefix(args[0], "-") {
			fmt.Fprintf(errout, "timeball: no command %q\n", args[0])
		}
	}
	fmt.Fprintln(errout, "usage: timeball COMMAND; timeball COMMAND -h tells more")
	for _, c := range commands {
		fmt.Fprintf(errout, "  %-46s %s\n", c.use, c.what)
	}
	return errUsage
}

// one parses flags and returns the one argument that must follow them.
func one(f *flag.FlagSet, args []string) (string, error) {
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return "", err
		}
		return "", errUsage
	}
	if f.NArg() != 1 {
		f.Usage()
		return "", errUsage
	}
	return f.Arg(0), nil
}
