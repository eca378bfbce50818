package main

import (
	"fmt"
	"log"
	"syscall"
	"time"

	"timeball/board/sim"
	"timeball/cmd/internal/direct"
	"timeball/gnss/timescale"
)

// What is asked: so many times real time on one core.
const (
	speedMarks = 50_000
	speedBytes = 5_000
)

// used returns the processor time that this program has used, which other programs do not lengthen as they do the hours.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal("benchloop: ", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// speeds measures how much faster than real time a unit runs, simulated world, publishing and two answers a second included.
func (b *bench) speeds() {
	b.heading = "speed"
	marks := speed(200_000, nil)
	bytes := speed(20_000, sim.NewTalker(1, 38400, 120*time.Millisecond))
	fmt.Fprintf(b.out, "== speed on pi-quiet, times real time on one core: %.0f with marks and edges, %.0f with bytes\n", marks, bytes)
	b.askLeast("with marks and edges", marks, speedMarks)
	b.askLeast("with bytes", bytes, speedBytes)
	b.out.Flush()
}

// speed runs a unit for so many virtual seconds and returns how many pass in one of the processor's.
func speed(seconds int, r sim.Receiver) float64 {
	m, err := sim.ModelNamed("pi-quiet")
	if err != nil {
		log.Fatal("benchloop: ", err)
	}
	x := experiment{seconds: seconds, e0: time.Millisecond, y0: 1e-5}
	cfg := x.config(m, 1, how{sensors: true})
	cfg.Labelled, cfg.World.Receiver, cfg.World.RTC = false, r, true
	began := used()
	if err := direct.Run(cfg, func(direct.Sample) bool { return true }); err != nil {
		log.Fatal("benchloop: ", err)
	}
	return float64(timescale.UTC(seconds)*timescale.Second) / float64(used()-began)
}
