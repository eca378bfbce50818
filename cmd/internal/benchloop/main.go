// Command benchloop measures the loop on the models of oscillator and pulse and prints it beside what chrony 4.8 reached on
// the very same noise: steady state, cold start, holdover after a day and after two hours of lock, coverage and tightness
// of the bound.
package main

import (
	"bufio"
	_ "embed"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"timeball/board/sim"
	"timeball/cmd/internal/direct"
)

// chrony's figures, seed by seed, as measured with clknetsim on the same series.
//
//go:embed chrony.tsv
var chronyTable string

func main() {
	log.SetFlags(0)
	quick := flag.Bool("quick", false, "fewer seeds and shorter runs, 3 minutes at most")
	models := flag.String("models", "pi-load,pi-quiet,pi-hwts,tcxo,ocxo", "to run")
	only := flag.String("only", "", "one of steady, cold, hold24, hold2")
	sensors := flag.String("sensors", "both", "on, off or both")
	seeds := flag.Uint64("seeds", 0, "at most so many; 0 = as the protocol has")
	flag.Parse()
	b := bench{chrony: readChrony(chronyTable), out: bufio.NewWriter(os.Stdout), limit: *seeds}
	if *quick {
		b.limit = 2
	}
	defer b.out.Flush()
	began := time.Now()
	for _, with := range []bool{true, false} {
		if *sensors == "on" && !with || *sensors == "off" && with {
			continue
		}
		for _, name := range strings.Split(*models, ",") {
			m, err := sim.ModelNamed(name)
			if err != nil {
				log.Fatal("benchloop: ", err)
			}
			b.model(m, with, *only, *quick)
		}
	}
	fmt.Fprintf(b.out, "%.0f s of %d virtual hours, %.0f x real time on each of %d cores\n", time.Since(began).Seconds(), b.virtual/3600,
		float64(b.virtual)/time.Since(began).Seconds()/float64(runtime.NumCPU()), runtime.NumCPU())
}

type bench struct {
	chrony  map[string][3]float64
	out     *bufio.Writer
	limit   uint64
	virtual int
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

// model runs the experiments on one model.
func (b *bench) model(m sim.Model, sensors bool, only string, quick bool) {
	label := "with sensors"
	if !sensors {
		label = "without sensors"
	}
	fmt.Fprintf(b.out, "== %s, %s\n", m.Name, label)
	for _, x := range []experiment{steady, cold, hold24, hold2} {
		if only != "" && only != x.name || quick && x.name == "hold2" {
			continue
		}
		results := b.all(x, m, sensors)
		switch x.name {
		case "steady":
			b.printSteady(m, results)
		case "cold":
			b.printCold(m, results)
		default:
			b.printHold(x, m, results)
		}
		b.out.Flush()
	}
}

// all runs an experiment on its seeds, one a core.
func (b *bench) all(x experiment, m sim.Model, sensors bool) []result {
	n := x.seeds
	if b.limit > 0 {
		n = min(n, b.limit)
	}
	results := make([]result, n)
	work := make(chan int)
	var group sync.WaitGroup
	for range runtime.NumCPU() {
		group.Go(func() {
			for i := range work {
				var err error
				if results[i], err = x.run(m, uint64(i)+1, sensors, true); err != nil {
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
	return results
}

func median(v []float64) float64 { return quantile(v, 0.5) }

func quantile(v []float64, p float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	s := slices.Clone(v)
	slices.Sort(s)
	x := p * float64(len(s)-1)
	i := int(x)
	if i+1 == len(s) {
		return s[i]
	}
	return s[i] + (s[i+1]-s[i])*(x-float64(i))
}

func each(rs []result, f func(result) float64) []float64 {
	var v []float64
	for _, r := range rs {
		v = append(v, f(r))
	}
	return v
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x / float64(len(v))
	}
	return sum
}

func (b *bench) printSteady(m sim.Model, rs []result) {
	var ratios []float64
	for _, r := range rs {
		if c, ok := b.chrony[fmt.Sprintf("steady_ns %s %d", m.Name, r.seed)]; ok {
			ratios = append(ratios, r.sd*1e9/c[0])
		}
	}
	fmt.Fprintf(b.out, "steady  SD %.1f ns (%.2f of chrony)  p99 %.1f  max %.0f  bias %+.1f  raw RMS %.1f%s\n",
		mean(each(rs, func(r result) float64 { return r.sd }))*1e9, median(ratios),
		mean(each(rs, func(r result) float64 { return r.p99 }))*1e9, slices.Max(each(rs, func(r result) float64 { return r.max }))*1e9,
		mean(each(rs, func(r result) float64 { return r.bias }))*1e9, mean(each(rs, func(r result) float64 { return r.raw }))*1e9, coverage(rs))
}

func (b *bench) printCold(m sim.Model, rs []result) {
	to := each(rs, func(r result) float64 { return r.to1us })
	var chrony []float64
	for _, r := range rs {
		if c, ok := b.chrony[fmt.Sprintf("cold_s %s %d", m.Name, r.seed)]; ok {
			chrony = append(chrony, c[0])
		}
	}
	fmt.Fprintf(b.out, "cold    to 1 us median %.0f s, max %.0f s (chrony %.0f)%s\n", median(to), slices.Max(to), median(chrony), coverage(rs))
}

func (b *bench) printHold(x experiment, m sim.Model, rs []result) {
	fmt.Fprintf(b.out, "%-7s", x.name)
	for i, h := range horizons {
		errors := each(rs, func(r result) float64 { return r.after[i] * 1e6 })
		var ratios, chrony []float64
		for _, r := range rs {
			if c, ok := b.chrony[fmt.Sprintf("%s_us %s %d", x.name, m.Name, r.seed)]; ok {
				ratios = append(ratios, r.after[i]*1e6/c[i])
				chrony = append(chrony, c[i])
			}
		}
		fmt.Fprintf(b.out, " %2d h: %.3g/%.3g us (%.2f, p95 %.2f; paired %.2f)", h/3600, median(errors), quantile(errors, 0.95),
			median(errors)/median(chrony), quantile(errors, 0.95)/quantile(chrony, 0.95), median(ratios))
	}
	fmt.Fprintf(b.out, "%s\n", coverage(rs))
}

// coverage says how often the bound held, its tightness, and what was dishonest.
func coverage(rs []result) string {
	var pooled direct.Score
	worst := [direct.Buckets]float64{1, 1, 1, 1}
	for i := range rs {
		pooled.Merge(&rs[i].score)
		for j := range rs[i].score.Bucket {
			if x := &rs[i].score.Bucket[j]; x.Samples > 0 {
				worst[j] = min(worst[j], x.Coverage())
			}
		}
	}
	var s strings.Builder
	fmt.Fprintf(&s, "\n        dishonest %d of %d;", pooled.Dishonest, pooled.Synchronised)
	for i := range pooled.Bucket {
		if x := &pooled.Bucket[i]; x.Samples > 0 {
			fmt.Fprintf(&s, " %v: held %.4f (least %.3f) tight %.1f;", direct.Bucket(i), x.Coverage(), worst[i], x.Tightness())
		}
	}
	return strings.TrimSuffix(s.String(), ";")
}
