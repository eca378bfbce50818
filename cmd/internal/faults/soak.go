package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"timeball/board/sim"
)

// soak is many trials of many seeds.
type soak struct {
	hours       float64 // of the units whose fault is drawn
	build       string
	first, last uint64 // seeds
	matching    *regexp.Regexp
	until       time.Time // no run is begun afterwards

	mu       sync.Mutex
	progress *os.File
	results  map[string]outcome // by key
	restored int
	failed   error // to write progress
}

// outcome is a line of the file of progress.
type outcome struct {
	Trial   string   `json:"trial"`
	Seed    uint64   `json:"seed"`
	Hours   float64  `json:"hours"` // that units of drawn faults were run for; 0 for those of the table
	Build   string   `json:"build"`
	Virtual int      `json:"virtual_seconds"`
	Tally   *tally   `json:"tally,omitempty"`
	Wrong   []string `json:"wrong,omitempty"`
	Panic   string   `json:"panic,omitempty"`
	Known   string   `json:"known,omitempty"`
	Fault   string   `json:"fault,omitempty"`
}

func (o *outcome) key() string { return fmt.Sprintf("%s %d %g", o.Trial, o.Seed, o.Hours) }

// job is one run to be made.
type job struct {
	trial
	seed  uint64
	hours float64
}

// drawnWarm is how long units of drawn faults are warm. They were restarted, and locked within seconds; by now they have
// also tracked for the 13 minutes after which the leap seconds are known.
const drawnWarm = 900 // s

// drawn returns the trial of a kind of fault whose particulars come from the seed; kind "" is a unit that nothing happens
// to. Every seed meets another oscillator.
func drawn(kind string, seed uint64, hours float64) trial {
	which := fnv.New64a()
	which.Write([]byte(kind))
	rng := rand.New(rand.NewPCG(seed, which.Sum64()))
	models := []string{"pi-quiet", "pi-load", "tcxo", "pi-hwts", "ocxo"}
	after := int(hours * hour)
	t := trial{name: "drawn/" + kind, model: models[seed%uint64(len(models))], warm: drawnWarm, kept: true, after: after, wanted: "dishonest 0", bytes: seed%10 == 0}
	if kind == "" {
		t.name, t.share = "drawn/none", 0.999
		return t
	}
	between := func(least, most float64) float64 { return least * math.Pow(most/least, rng.Float64()) } // each octave alike
	span := float64(after)
	f := sim.Fault{
		Name: kind,
		At:   time.Duration(rng.Float64() * span / 2 * 1e9).Truncate(time.Second),
		For:  time.Duration(between(1, span/2) * 1e9).Truncate(time.Second),
	}
	sign := time.Duration(1 - 2*rng.IntN(2))
	hard := t.model == "ocxo" || t.model == "pi-hwts"
	switch kind {
	case sim.FaultForeignStep:
		f.By = sign * time.Duration(between(20e3, 10e9)) // what is less is within what a pulse may be off
	case sim.FaultGlitch:
		f.Size = rng.Float64()
	case sim.FaultMissing:
		f.Size = rng.Float64()
	case sim.FaultDrag:
		least := 100.0
		if hard {
			least = 10
		}
		f.By = sign * time.Duration(between(least, 10e3))
		f.For = min(f.For, time.Hour)
	case sim.FaultOffset:
		f.By = sign * time.Duration(between(100, 1e9))
	case sim.FaultLabel:
		f.By = sign * time.Duration(1+rng.IntN(20)) * time.Second
	case sim.FaultKeptClock:
		f.By = sign * time.Duration(between(1e3, 10e9))
	case sim.FaultSuspend:
		f.For = max(f.For, time.Second)
		f.By = sign * time.Duration(between(1e3, 1e9))
	case sim.FaultHeat:
		f.Size = float64(sign) * between(1, 15)
	}
	drawReceiver(&t, &f, rng, between)
	drawSecond(&t, &f, rng)
	t.faults = []sim.Fault{f}
	t.known = known[t.name]
	return t
}

// jobs returns what is to be run, seed by seed: whenever the time is over, all kinds have been run for as many seeds. The
// table is run for some of them.
func (s *soak) jobs() (all []job) {
	for seed := s.first; seed <= s.last; seed++ {
		if (seed-s.first)%5 < 2 { // two of five: much of the table hardly depends on the seed, and 50 seeds fit into half an hour
			for _, t := range trials() {
				all = append(all, job{t, seed, 0})
			}
		}
		all = append(all, job{drawn("", seed, s.hours), seed, s.hours})
		for _, k := range sim.FaultKinds() {
			all = append(all, job{drawn(k.Name, seed, s.hours), seed, s.hours})
		}
	}
	return slices.DeleteFunc(all, func(j job) bool { return !s.matching.MatchString(j.name) })
}

// resume reads what is done from a file, and adds to it from now on.
func (s *soak) resume(name string) error {
	old, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.results = map[string]outcome{}
	for line := range strings.Lines(string(old)) {
		var o outcome
		// A line that was cut by the end of the program is run again.
		if json.Unmarshal([]byte(line), &o) == nil && o.Build == s.build && s.build != "" {
			s.results[o.key()] = o
		}
	}
	s.restored = len(s.results)
	s.progress, err = os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err == nil && len(old) > 0 && old[len(old)-1] != '\n' {
		_, err = s.progress.WriteString("\n")
	}
	return err
}

// run makes the runs that are not done, one on each core, until the time is over or stop tells.
func (s *soak) run(stop <-chan os.Signal) error {
	if s.results == nil {
		s.results = map[string]outcome{}
	}
	work := make(chan job)
	var group sync.WaitGroup
	for range runtime.NumCPU() {
		group.Go(func() {
			for j := range work {
				s.done(j.run(s.build))
			}
		})
	}
	began := time.Now()
	timeout := time.After(time.Until(s.until))
	progress := time.NewTicker(time.Minute)
	defer progress.Stop()
feeding:
	for _, j := range s.jobs() {
		o := outcome{Trial: j.name, Seed: j.seed, Hours: j.hours}
		s.mu.Lock()
		_, done := s.results[o.key()]
		s.mu.Unlock()
		for !done {
			select {
			case work <- j:
				done = true
			case <-progress.C:
				fmt.Fprintf(os.Stderr, "%v: seed %d, %s\n", time.Since(began).Round(time.Second), j.seed, j.name)
			case <-timeout:
				break feeding
			case <-stop:
				break feeding
			}
		}
	}
	close(work)
	group.Wait()
	if s.progress != nil {
		s.failed = errors.Join(s.failed, s.progress.Close())
	}
	return s.failed
}

// run runs one unit. A panic is an outcome.
func (j *job) run(build string) (o outcome) {
	o = outcome{Trial: j.name, Seed: j.seed, Hours: j.hours, Build: build, Virtual: j.warm + j.after, Known: j.known}
	if len(j.faults) > 0 {
		f := j.faults[0]
		o.Fault = fmt.Sprintf("%s: %s at %v for %v by %v size %.3g", j.model, f.Name, f.At, f.For, f.By, f.Size)
	}
	defer func() {
		if p := recover(); p != nil {
			o.Panic = fmt.Sprintf("%v\n%s", p, debug.Stack())
		}
	}()
	t, err := j.trial.run(j.seed)
	if err != nil {
		o.Wrong = []string{err.Error()}
		return o
	}
	o.Tally, o.Wrong = t, j.failures(t)
	return o
}

func (s *soak) done(o outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results[o.key()] = o
	if s.progress == nil {
		return
	}
	line, err := json.Marshal(o)
	if err == nil {
		_, err = s.progress.Write(append(line, '\n'))
	}
	if err != nil && s.failed == nil {
		s.failed = err
	}
}

func (s *soak) list(w io.Writer) {
	for _, j := range s.jobs() {
		if j.seed == s.first {
			fmt.Fprintf(w, "%-28s %-4s %-9s %s\n", j.name, j.number, j.model, j.wanted)
		}
	}
}

// row sums up what the seeds of a trial came to.
type row struct {
	job
	seeds, wrong, panics                  int
	dishonest, offByOne, years, beforeFix int
	leastShare, ratio, moved              float64
	slowest, neverAlarmed                 int
	held, of                              [2]int
}

func (r *row) add(o *outcome) {
	r.seeds++
	if len(o.Wrong) > 0 {
		r.wrong++
	}
	if o.Panic != "" {
		r.panics++
	}
	t := o.Tally
	if t == nil {
		return
	}
	r.dishonest, r.offByOne, r.years, r.beforeFix = r.dishonest+t.Dishonest, r.offByOne+t.OffByOne, r.years+t.WrongYears, r.beforeFix+t.BeforeFix
	r.leastShare, r.ratio, r.moved = min(r.leastShare, t.goodShare()), max(r.ratio, t.Ratio), max(r.moved, t.Moved)
	if t.Alarm < 0 {
		r.neverAlarmed++
	}
	r.slowest = max(r.slowest, t.Alarm)
	for i := range t.Of {
		r.held[i], r.of[i] = r.held[i]+t.Held[i], r.of[i]+t.Of[i]
	}
}

// report prints what was run and returns false when something is wrong that is not known to be.
func (s *soak) report(w io.Writer) bool {
	order, rows := []string{}, map[string]*row{}
	var faulty []outcome
	virtual, missing := 0, 0
	for _, j := range s.jobs() {
		o := outcome{Trial: j.name, Seed: j.seed, Hours: j.hours}
		o, ok := s.results[o.key()]
		if !ok {
			missing++
			continue
		}
		r := rows[j.name]
		if r == nil {
			r = &row{job: j, leastShare: 1}
			rows[j.name], order = r, append(order, j.name)
		}
		r.add(&o)
		virtual += o.Virtual
		if len(o.Wrong) > 0 || o.Panic != "" {
			faulty = append(faulty, o)
		}
	}
	s.table(w, order, rows)
	bad, known := 0, 0
	for _, o := range faulty {
		label := "FAIL "
		if o.Known != "" && o.Panic == "" {
			label = "known"
			known++
		} else {
			bad++
		}
		fmt.Fprintf(w, "%s %s seed %d: %s\n", label, o.Trial, o.Seed, strings.Join(o.Wrong, "; "))
		if o.Panic != "" {
			fmt.Fprintf(w, "      panic: %s\n", o.Panic)
		}
		if o.Fault != "" {
			fmt.Fprintf(w, "      %s\n", o.Fault)
		}
		if o.Known != "" {
			fmt.Fprintf(w, "      known: %s\n", o.Known)
		}
		fmt.Fprintf(w, "      again: go run ./cmd/internal/faults -only '^%s$' -seed %d%s\n", regexp.QuoteMeta(o.Trial), o.Seed, hoursFlag(o.Hours))
	}
	total := 0
	for _, r := range rows {
		total += r.seeds
	}
	fmt.Fprintf(w, "%d units run, %d of them before; %.0f simulated hours; %d asked for were not run\n", total, s.restored, float64(virtual)/hour, missing)
	fmt.Fprintf(w, "%d failed, %d missed a figure that is known not to be reached\n", bad, known)
	return bad == 0
}

func hoursFlag(hours float64) string {
	if hours == 0 {
		return ""
	}
	return fmt.Sprintf(" -hours %g", hours)
}

func (s *soak) table(w io.Writer, order []string, rows map[string]*row) {
	buffered := bufio.NewWriter(w)
	defer buffered.Flush()
	out := tabwriter.NewWriter(buffered, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "trial\tfault\tseeds\tmissed\tdishonest\toff by 1 s\tyears\tbefore fix\tgood share\terror/distance\tmoved us\talarm s\tnone\theld locked\tholdover\twanted")
	for _, name := range order {
		r := rows[name]
		fmt.Fprintf(out, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%.4f\t%.2f\t%.3g\t%d\t%d\t%s\t%s\t%s\n", name, r.number, r.seeds, r.wrong+r.panics, r.dishonest, r.offByOne, r.years,
			r.beforeFix, r.leastShare, r.ratio, r.moved*1e6, r.slowest, r.neverAlarmed, share(r.held[0], r.of[0]), share(r.held[1], r.of[1]), r.wanted)
	}
	out.Flush()
}

func share(part, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.4f", float64(part)/float64(of))
}
