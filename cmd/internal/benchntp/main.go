// Command benchntp compares what an NTP answer costs timeballd and Debian's chronyd (make bench-ntp).
//
// It makes network namespaces joined by veth pairs, one for each server, which share one core, and one for a generator of
// requests on another core, and removes all of it at the end. The servers take turns. Answers are counted where they leave,
// by the interface; CPU time is what the scheduler gave to the server's threads, in nanoseconds. Figures are the median of
// the rounds, a ratio is the median of the rounds' ratios. At the end chronyd as a client compares the served clocks,
// and a unit watches how late its own loop is: alone, beside a core that is never idle, and under a flood that a process of
// its own answers on the same core.
// chronyd runs with -x and without the capability to set a clock, timeballd on its simulated board: this machine's clock is
// not touched. It needs root.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// load is what a server is asked.
type load struct {
	name string
	kind string // of the generator: flood, interleaved, paced
	rate int    // requests a second, for paced
	// least is the smallest ratio that is good enough: of answers per CPU second, timeballd to chronyd.
	least float64
}

var loads = []load{
	{"overload, basic", "flood", 0, 1.2},
	{"overload, interleaved", "interleaved", 0, 1.0},
	{"1000/s", "paced", 1000, 1.0},
	{"10000/s", "paced", 10_000, 1.0},
}

// figures are what one server did under one load.
type figures struct {
	answers     float64 // a second
	cost        float64 // CPU nanoseconds an answer
	interleaved float64 // share of answers, as the generator saw it
}

func main() {
	parts := map[string]func(arguments []string) error{
		"generate": generate,
		"watch":    func(of []string) error { return watch(of[0]) },
		"answer":   func([]string) error { return answerNTP() },
		"spin":     func([]string) error { return spin() },
	}
	if len(os.Args) > 1 && parts[os.Args[1]] != nil {
		if err := parts[os.Args[1]](os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "benchntp:", err)
			os.Exit(1)
		}
		return
	}
	daemon := flag.String("daemon", "bin/timeballd", "`path` of timeballd")
	chronyd := flag.String("chronyd", ".cache/clients/bin/chronyd", "`path` of chronyd, as make deps unpacks it")
	rounds := flag.Int("rounds", 9, "of each load, the servers taking turns; 0: compare the clocks only")
	span := flag.Duration("span", time.Second, "of each measurement")
	flag.Parse()
	runtime.LockOSThread() // what this thread starts ends with it: see in
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	err := run(ctx, *daemon, *chronyd, *rounds, *span)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchntp:", err)
		os.Exit(1)
	}
}

// run measures all and prints the table.
func run(ctx context.Context, daemon, chronyd string, rounds int, span time.Duration) error {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root")
	}
	dir, err := os.MkdirTemp("", "benchntp")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	servers, err := contenders(dir, daemon, chronyd)
	if err != nil {
		return err
	}
	net, err := newNetwork(len(servers) + 1) // one for a unit that watches itself
	if err != nil {
		return err
	}
	defer net.remove()
	for _, s := range servers {
		if err := s.start(ctx, net); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		defer s.stop()
	}
	if rounds > 0 {
		results, err := measure(ctx, net, servers, rounds, span)
		if err != nil {
			return err
		}
		print(servers, results)
	}
	theirs, err := filepath.Abs(chronyd)
	if err != nil {
		return err
	}
	if err := compareExactness(ctx, net, servers[:2], theirs, dir, exactFor); err != nil {
		return err
	}
	for _, s := range servers {
		s.stop() // they have the same core
	}
	return compareLoop(ctx, net, len(servers), loopRounds, loopFor)
}

const (
	exactFor   = 20 * time.Second // how long clients compare the servers' clocks
	loopFor    = 10 * time.Second // how long a unit watches itself, each time
	loopRounds = 5
)

// contenders returns the servers that are compared.
func contenders(dir, daemon, chronyd string) ([]*server, error) {
	ours, err := filepath.Abs(daemon)
	if err != nil {
		return nil, err
	}
	theirs, err := filepath.Abs(chronyd)
	if err != nil {
		return nil, err
	}
	files := map[string]string{
		"free.toml":    "[server]\nlisten = [\"0.0.0.0:123\", \"[::]:123\"]\nrate_limit = \"off\"\n",
		"shipped.toml": "[server]\nlisten = [\"0.0.0.0:123\", \"[::]:123\"]\n",
		"chrony.conf": "local stratum 1\nallow all\ncmdport 0\nbindcmdaddress /\npidfile " + filepath.Join(dir, "chronyd.pid") +
			"\ndriftfile " + filepath.Join(dir, "drift") + "\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	unit := func(file string) []string {
		return []string{ours, "-board", "sim", "-model", "perfect", "-processes", "3", "-config", filepath.Join(dir, file)}
	}
	return []*server{
		{number: 0, name: timeballd, command: unit("free.toml")},
		{number: 1, name: "chronyd", command: []string{theirs, "-n", "-x", "-u", "root", "-f", filepath.Join(dir, "chrony.conf")}},
		{number: 2, name: "timeballd, shipped limit", command: unit("shipped.toml"), only: loads[0].name},
	}, nil
}

const timeballd = "timeballd"

// table is what was measured, by load and server, in the order of the rounds.
type table map[string]map[string][]figures

func (t table) add(load, server string, f figures) {
	if t[load] == nil {
		t[load] = map[string][]figures{}
	}
	t[load][server] = append(t[load][server], f)
}

// measure puts the servers under each load in turn, for a short time each: what else the machine does is then the same for
// both of a round.
func measure(ctx context.Context, net *network, servers []*server, rounds int, span time.Duration) (table, error) {
	results := table{}
	for _, s := range servers {
		if err := s.measureRest(ctx, 2*span); err != nil {
			return nil, err
		}
	}
	for _, l := range loads {
		for range rounds {
			for _, s := range servers {
				if s.only != "" && s.only != l.name {
					continue
				}
				f, err := s.under(ctx, net, l, span)
				if err != nil {
					return nil, fmt.Errorf("%s: %s: %w", s.name, l.name, err)
				}
				results.add(l.name, s.name, f)
				if l.kind == "paced" { // the daemon also simulates a receiver and an oscillator
					f.cost -= 1e9 * s.rest / f.answers
					results.add(l.name+atRest, s.name, f)
				}
			}
		}
	}
	return results, nil
}

const atRest = ", above its cost at rest"

// print writes the table: the medians, and the median ratio of answers per CPU second.
func print(servers []*server, results table) {
	fmt.Printf("%-34s %-25s %10s %14s %12s %7s\n", "load", "server", "answers/s", "CPU ns/answer", "interleaved", "ratio")
	var names []string
	for _, l := range loads {
		names = append(names, l.name)
		if l.kind == "paced" {
			names = append(names, l.name+atRest)
		}
	}
	for _, name := range names {
		for _, s := range servers {
			if len(results[name][s.name]) == 0 {
				continue
			}
			f, ratio := median(results[name][s.name]), ""
			if s.name == timeballd {
				ratio = verdict(name, medianRatio(results[name]["chronyd"], results[name][timeballd]))
			}
			fmt.Printf("%-34s %-25s %10.0f %14.0f %11.1f%% %7s\n", name, s.name, f.answers, f.cost, 100*f.interleaved, ratio)
		}
	}
	for _, s := range servers {
		peaks, together := s.residentMiB()
		fmt.Printf("%-25s at rest %.2f %% of a core, resident memory %.1f MiB together, peaks of its processes %.1f\n",
			s.name, 100*s.rest, together, peaks)
	}
}

// medianRatio returns the median over the rounds of their costs' ratio.
func medianRatio(theirs, ours []figures) float64 {
	var ratios []float64
	for i := range min(len(theirs), len(ours)) {
		ratios = append(ratios, theirs[i].cost/ours[i].cost)
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// verdict writes a ratio, and whether it is what is wanted.
func verdict(name string, ratio float64) string {
	text := fmt.Sprintf("%.2f", ratio)
	for _, l := range loads {
		if strings.HasPrefix(name, l.name) && ratio < l.least {
			return text + " below " + fmt.Sprint(l.least)
		}
	}
	return text
}

// median returns the figures of the median cost.
func median(all []figures) figures {
	if len(all) == 0 {
		return figures{}
	}
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b figures) int {
		if a.cost < b.cost {
			return -1
		}
		return 1
	})
	return sorted[len(sorted)/2]
}
