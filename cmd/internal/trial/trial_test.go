package trial

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func run(t *testing.T, c Config) (errors, bounds []string) {
	t.Helper()
	c.Out = filepath.Join(t.TempDir(), "out")
	if err := Run(c, io.Discard); err != nil {
		t.Fatal(err)
	}
	for i, path := range []string{c.Out, c.Out + ".bound"} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
		if i == 0 {
			errors = lines
		} else {
			bounds = lines
		}
	}
	return errors, bounds
}

// A trace that was written gives the same run as the model it was written from, to the digits it was written with.
func TestTraceGivesTheRunOfItsModel(t *testing.T) {
	dir := t.TempDir()
	c := Config{Model: "pi-load", Seed: 3, Seconds: 1200, Lock: 900, E0: 1e-3, Y0: 1e-5, Sensors: true, Write: dir}
	fromModel, bounds := run(t, c)
	if len(fromModel) != c.Seconds || len(bounds) != c.Seconds {
		t.Fatalf("%d errors and %d bounds of %d s", len(fromModel), len(bounds), c.Seconds)
	}
	if fromModel[0] != "1.000000000000e-03" {
		t.Errorf("first line %q, want the value of -e0", fromModel[0])
	}
	if got := bounds[c.Lock-1]; !strings.HasSuffix(got, " locked 1") {
		t.Errorf("before the antenna failed: %q", got)
	}
	if got := bounds[c.Seconds-1]; !strings.HasSuffix(got, " holdover 1") {
		t.Errorf("after the antenna failed: %q", got)
	}
	fromTrace, _ := run(t, Config{Model: "pi-load", Trace: dir, E0: 1e-3, Sensors: true})
	if len(fromTrace) != c.Seconds {
		t.Fatalf("%d s of the trace", len(fromTrace))
	}
	for k := range fromTrace {
		a, _ := strconv.ParseFloat(fromModel[k], 64)
		b, _ := strconv.ParseFloat(fromTrace[k], 64)
		most := 50e-9 // the columns have 7 digits of noise, utilisation 3
		if k > c.Lock {
			most = 1e-6 // and in holdover what they leave out adds up
		}
		if d := a - b; d > most || d < -most {
			t.Fatalf("second %d: %v from the model, %v from the trace", k, a, b)
		}
	}
}

func TestTrialKeepsWhatItLearned(t *testing.T) {
	c := Config{Model: "pi-quiet", Seed: 1, Seconds: 1800, E0: 1e-3, Y0: 1e-5, Sensors: true, State: t.TempDir()}
	run(t, c)
	if _, err := os.Stat(filepath.Join(c.State, "clock.0.json")); err != nil {
		t.Fatal(err)
	}
	// Begun at the remembered frequency the clock drifts by less than 1 us in the first second, not by 10.
	errors, _ := run(t, c)
	a, _ := strconv.ParseFloat(errors[0], 64)
	b, _ := strconv.ParseFloat(errors[1], 64)
	if d := b - a; d > 1e-6 || d < -1e-6 {
		t.Errorf("drifted by %v in the first second", d)
	}
}

func TestTrialSaysWhatIsWrong(t *testing.T) {
	for name, c := range map[string]Config{
		"model":   {Model: "sundial", Seconds: 1},
		"trace":   {Model: "pi-quiet", Trace: "absent"},
		"no file": {Model: "pi-quiet", Seconds: 1, Out: "/dev/null/below"},
	} {
		if err := Run(c, io.Discard); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A trial once coasted to the unit's limit of 1 ms only, from where the clock ran away: a day of holdover could not be judged.
func TestHoldoverGoesOnBeyondTheLimit(t *testing.T) {
	c := Config{Model: "pi-load", Seed: 1, Seconds: 5 * 3600, Lock: 900, E0: 1e-3, Y0: 1e-5, Sensors: true}
	_, bounds := run(t, c)
	refused := 0
	for k, line := range bounds[c.Lock+10:] {
		f := strings.Fields(line)
		bound, err := strconv.ParseFloat(f[0], 64)
		if err != nil || f[1] != "holdover" {
			t.Fatalf("second %d of a holdover: %q", k+10, line)
		}
		if got, want := f[2], map[bool]string{true: "1", false: "16"}[bound <= 1e-3]; got != want {
			t.Fatalf("second %d of a holdover: %q, want stratum %s", k+10, line, want)
		}
		if f[2] == "16" {
			refused++
		}
	}
	if refused == 0 {
		t.Error("the bound has not reached the limit")
	}
}
