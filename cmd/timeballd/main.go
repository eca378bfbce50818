// Command timeballd is the time server: it disciplines a clock from a GNSS receiver and serves it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"timeball/cmd/internal/daemon"
)

// Set by the build: what this is, and the second it was committed at, before which no date is believed.
var version, commitUnix = "unreleased", "0"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	build := daemon.Build{Version: version, CommitUnix: commitUnix, Steer: daemon.Steer}
	if err := daemon.Run(ctx, os.Args[1:], build, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "timeballd:", err)
		os.Exit(1)
	}
}
