// Package trial is `timeball sim`: the real Engine in virtual time on a model or on a given trace, with the clock's true
// error, its bound, mode and stratum written down once a second.
//
// Errors and bounds are seconds, local minus truth. The receiver has a fix and labels wherever there is a pulse, and the
// edges' latency is declared as known but for 10 ns (1 ns where hardware stamps them), unless EdgeLatency says otherwise.
// A holdover goes on to the end, so that it can be judged for days; stratum 16 says from where on a unit would not serve.
package trial

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"timeball/board/sim"
	"timeball/board/store"
	"timeball/cmd/internal/appliance"
	"timeball/cmd/internal/direct"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server/publish"
)

// Config is what the command line says.
type Config struct {
	Model   string
	Seed    uint64
	Seconds int
	Trace   string // directory of the columns; "" = Model, Seed and Y0
	Write   string // directory for the columns of the model's world; "" = none
	Lock    int    // seconds with pulses; 0 = all
	E0      float64
	Y0      float64
	Sensors bool
	State   string // directory; "" = nothing is kept
	Faults  []sim.Fault
	// EdgeLatency is the declared latency and its half range in seconds; nil: 0 +- 10 ns, or 1 ns.
	EdgeLatency *[2]float64
	Out         string
}

const (
	start = timescale.UTC(1_790_000_000) * timescale.Second // 2026-09-21, far from any leap second

	declaredRange         = clock.Seconds(10e-9)
	declaredHardwareRange = clock.Seconds(1e-9)
	coastTo               = clock.Seconds(1) // the loop's greatest
	noPulse               = 1e10             // in the column ref: no pulse and no fix
)

var columns = [...]string{"freq", "ref", "temp", "util"}

// Run runs the trial and writes a closing line to w.
func Run(c Config, w io.Writer) error {
	model, err := sim.ModelNamed(c.Model)
	if err != nil {
		return err
	}
	none := clock.Seconds(0)
	cfg := direct.Config{
		World: sim.Config{
			Model: model, Seed: c.Seed, Start: start, E0: time.Duration(c.E0 * 1e9), Y0: clock.Ratio(c.Y0), Latency: &none,
			Sensors: c.Sensors, Faults: c.Faults, RTC: true,
		},
		// A fault may be one of the receiver's messages: then it has to speak.
		Engine: timing.Default(), Publish: publish.Default(), Seconds: c.Seconds, Labelled: len(c.Faults) == 0,
	}
	c.declare(&cfg.Engine.Loop, model)
	cfg.Engine.Loop.Limit = coastTo // where serving ends, the stratum says; how the clock goes on is what a trial is for
	if c.Lock > 0 {
		cfg.World.Faults = append(cfg.World.Faults, sim.Fault{Name: sim.FaultAntenna, At: time.Duration(c.Lock) * time.Second})
	}
	if c.Trace != "" {
		trace, err := readTrace(c.Trace)
		if err != nil {
			return err
		}
		cfg.World.Nature, cfg.Seconds = trace, trace.Len()
	}
	if c.State != "" {
		kept, _, ignored := store.Load[appliance.Kept](store.Dir(c.State), appliance.KeptName, nil)
		if ignored != nil {
			return ignored
		}
		cfg.Engine.Memory = kept.Memory
	}
	if c.Write != "" {
		if err := writeTrace(c, model); err != nil {
			return err
		}
	}
	return c.run(cfg, w)
}

// declare says what the unit is told of its capture. A trace's truth is the pulse's own.
func (c Config) declare(l *discipline.Config, m sim.Model) {
	l.Reference, l.BiasRange = 0, declaredRange
	if m.Latency[1] == 0 {
		l.BiasRange = declaredHardwareRange
	}
	if c.EdgeLatency != nil {
		l.Bias, l.BiasRange = clock.Seconds(c.EdgeLatency[0]), clock.Seconds(c.EdgeLatency[1])
	}
}

// run runs and writes.
func (c Config) run(cfg direct.Config, w io.Writer) (err error) {
	errorsTo, err := create(c.Out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, errorsTo.close()) }()
	boundsTo, err := create(c.Out + ".bound")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, boundsTo.close()) }()
	var last *timing.Snapshot
	dishonest, good, lines := 0, 0, 0
	cfg.Begin = func(_ int, e clock.Seconds, s *timing.Snapshot) {
		est := &s.Estimate
		stratum := 16
		if publish.Publish(est, cfg.Publish, "").Synchronised {
			stratum = 1
		}
		fmt.Fprintf(errorsTo, "%.12e\n", float64(e))
		bound := "-" // none
		if est.HasOffset {
			bound = fmt.Sprintf("%.12e", float64(est.Bound.Total()))
		}
		fmt.Fprintf(boundsTo, "%s %v %d\n", bound, est.Mode, stratum)
		last = s
		lines++
	}
	err = direct.Run(cfg, func(s direct.Sample) bool {
		if s.Synchronised {
			good++
		}
		if s.Dishonest() {
			dishonest++
		}
		return true
	})
	if err != nil {
		return err
	}
	if c.State != "" && last != nil && last.Memory != nil {
		end := start + timescale.UTC(lines)*timescale.Second
		if err := store.Dir(c.State).Save(appliance.KeptName, appliance.Kept{UTC: end, Memory: last.Memory}); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "%d s, %d of %d answers synchronised, %d of them dishonest\n", lines, good, 2*lines, dishonest)
	return nil
}

// file is a buffered file that remembers its first error.
type file struct {
	*bufio.Writer
	f *os.File
}

func create(path string) (*file, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &file{bufio.NewWriter(f), f}, nil
}

func (f *file) close() error { return errors.Join(f.Flush(), f.f.Close()) }

func readTrace(dir string) (*sim.Trace, error) {
	var files [len(columns)]io.Reader
	for i, name := range columns {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		files[i] = bufio.NewReader(f)
	}
	trace, err := sim.ReadTrace(files[0], files[1], files[2], files[3])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return trace, nil
}

// writeTrace writes the columns of the model's world.
func writeTrace(c Config, m sim.Model) (err error) {
	if err := os.MkdirAll(c.Write, 0o755); err != nil {
		return err
	}
	var files [len(columns)]*file
	for i, name := range columns {
		if files[i], err = create(filepath.Join(c.Write, name)); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, files[i].close()) }()
	}
	nature := sim.Generate(m, c.Seed, clock.Ratio(c.Y0))
	for k := range c.Seconds {
		s, _ := nature.Second()
		ref := float64(s.PulseNoise)
		if c.Lock > 0 && k >= c.Lock {
			ref = noPulse
		}
		fmt.Fprintf(files[0], "%.12e\n", float64(s.Frequency))
		fmt.Fprintf(files[1], "%.6e\n", ref)
		fmt.Fprintf(files[2], "%.3f\n", s.Temperature)
		fmt.Fprintf(files[3], "%.3f\n", s.Utilisation)
	}
	return nil
}
