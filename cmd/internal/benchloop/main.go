// Command benchloop measures the loop on the models of oscillator and pulse and prints it beside what chrony 4.8 reached on
// the very same noise: steady state, cold start, holdover after a day, two hours and five days of lock, after a restart with
// what was remembered, with and without sensors, on oscillators that are not as the loop takes them to be; coverage and
// tightness of the bound; speed. What was asked and is not reached is listed at the end.
package main

import (
	"bufio"
	_ "embed"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"timeball/board/sim"
)

// chrony's figures, seed by seed, as measured with clknetsim on the same series.
//
//go:embed chrony.tsv
var chronyTable string

func main() {
	log.SetFlags(0)
	quick := flag.Bool("quick", false, "two seeds and what is shorter than five days, 3 minutes at most")
	models := flag.String("models", "pi-load,pi-quiet,pi-hwts,tcxo,ocxo,mismatch,mismatch-quiet,mismatch-stuck", "to run")
	only := flag.String("only", "", "some of steady,cold,hold24,hold2,restored,5 days")
	sensors := flag.String("sensors", "both", "on, off or both")
	seeds := flag.Uint64("seeds", 0, "at most so many; 0 = as the protocol has")
	flag.Parse()
	b := newBench(*seeds, *only)
	if *quick {
		b.limit, b.quick = 2, true
	}
	defer b.out.Flush()
	began := time.Now()
	b.speeds()
	for _, with := range []bool{true, false} {
		if *sensors == "on" && !with || *sensors == "off" && with {
			continue
		}
		for _, name := range strings.Split(*models, ",") {
			m, err := sim.ModelNamed(name)
			if err != nil {
				log.Fatal("benchloop: ", err)
			}
			b.model(m, with)
		}
	}
	b.end(time.Since(began))
}

type bench struct {
	chrony  map[string][3]float64
	out     *bufio.Writer
	limit   uint64 // of seeds, 0 = none
	quick   bool
	only    string
	done    map[string][]result
	virtual int    // seconds run
	heading string // of what is being printed
	asked   int
	missed  []string
}

func newBench(limit uint64, only string) *bench {
	return &bench{chrony: readChrony(chronyTable), out: bufio.NewWriter(os.Stdout), limit: limit, only: only, done: map[string][]result{}}
}

// readChrony returns the columns a, b, c by "experiment model seed".
func readChrony(table string) map[string][3]float64 {
	rows := map[string][3]float64{}
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 5 || f[0] == "#" || f[0] == "experiment" {
			continue
		}
		var v [3]float64
		for i, s := range f[3:min(len(f), 6)] {
			v[i], _ = strconv.ParseFloat(s, 64)
		}
		rows[strings.Join(f[:3], " ")] = v
	}
	return rows
}

// wanted says whether an experiment is to be run. The restored unit and the one after five days are what they are with
// sensors; without them chrony is compared.
func (b *bench) wanted(x experiment, sensors bool) bool {
	switch {
	case b.only != "":
		return strings.Contains(","+b.only+",", ","+x.name+",")
	case b.quick:
		return x.name != fiveDays.name && (sensors || x.name != hold2.name)
	}
	return true
}

// mismatchOf names the model whose oscillator is as the loop takes it to be.
var mismatchOf = map[string]string{"mismatch": "pi-load", "mismatch-quiet": "pi-quiet", "mismatch-stuck": "pi-load"}

// model runs the experiments on one model.
func (b *bench) model(m sim.Model, sensors bool) {
	of, mismatched := mismatchOf[m.Name]
	if mismatched && !sensors {
		return
	}
	b.heading = m.Name + ", with sensors"
	if !sensors {
		b.heading = m.Name + ", without sensors"
	}
	fmt.Fprintln(b.out, "==", b.heading)
	b.steadyAndCold(m, sensors, of)
	for _, x := range []experiment{hold24, hold2} {
		if b.wanted(x, sensors) && (x.name == hold24.name || !mismatched) {
			b.printHold(x, m, sensors, b.all(x, m, sensors))
			b.out.Flush()
		}
	}
	if sensors && !mismatched {
		b.restarts(m)
	}
}

func (b *bench) steadyAndCold(m sim.Model, sensors bool, of string) {
	if b.wanted(steady, sensors) {
		rs := b.all(steady, m, sensors)
		b.printSteady(m, sensors, rs)
		if matching, err := sim.ModelNamed(of); err == nil {
			b.printMismatch(m, of, rs, b.all(steady, matching, sensors))
		}
		b.out.Flush()
	}
	if b.wanted(cold, sensors) {
		b.printCold(m, b.all(cold, m, sensors))
		b.out.Flush()
	}
}

// restarts compares holdovers through the same hours: after a restart with what was remembered and after a day of lock, after
// five days of lock and after one.
func (b *bench) restarts(m sim.Model) {
	if b.wanted(restored, true) {
		b.printPaired(restored, "after a day", b.all(restored, m, true), b.all(hold24, m, true), restoredMost)
	}
	if b.wanted(fiveDays, true) {
		b.printPaired(fiveDays, "after one", b.all(fiveDays, m, true), b.all(lastDay, m, true), fiveDaysMost)
	}
	b.out.Flush()
}

// all runs an experiment on its seeds, one a core, unless that has been done.
func (b *bench) all(x experiment, m sim.Model, sensors bool) []result {
	key := fmt.Sprint(x.name, m.Name, sensors)
	if rs, ok := b.done[key]; ok {
		return rs
	}
	var before []result // whose memories are restored
	n := x.seeds
	if b.limit > 0 {
		n = min(n, b.limit)
	}
	if x.name == restored.name {
		before = b.all(hold24, m, sensors)
	}
	results := make([]result, n)
	work := make(chan int)
	var group sync.WaitGroup
	for range runtime.NumCPU() {
		group.Go(func() {
			for i := range work {
				h := how{sensors: sensors, scored: true}
				if before != nil {
					h.memory = before[i].memory
				}
				var err error
				if results[i], err = x.run(m, uint64(i)+1, h); err != nil {
					log.Fatalf("benchloop: %s %s seed %d: %v", x.name, m.Name, i+1, err)
				}
			}
		})
	}
	for i := range results {
		work <- i
	}
	close(work)
	group.Wait()
	b.virtual += int(n) * x.seconds
	b.done[key] = results
	return results
}

// end prints what was asked and is not reached, and how long it took.
func (b *bench) end(took time.Duration) {
	fmt.Fprintf(b.out, "== reached: %d of %d figures\n", b.asked-len(b.missed), b.asked)
	for _, m := range b.missed {
		fmt.Fprintln(b.out, "missed", m)
	}
	fmt.Fprintf(b.out, "%.0f s of %d virtual hours, %.0f x real time on each of %d cores\n", took.Seconds(), b.virtual/3600,
		float64(b.virtual)/took.Seconds()/float64(runtime.NumCPU()), runtime.NumCPU())
}
