package precision

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"timeball/cmd/internal/e2e/machine"
)

// report is what a run came to.
type report struct {
	samples []Sample
	answers []Answer
	turns   []Turn
	told    []Told
	log     []string
	ended   string
	late    int64
	sent    int64
	console []string // what was no report
}

// play runs a Scenario on the card's kernel and returns what the guest reported.
func play(t *testing.T, s Scenario, config string, patience time.Duration) report {
	t.Helper()
	machine.Require(t)
	return playOn(t, machine.Virtual{Kernel: machine.Kernel(t), Patience: patience}, s, config)
}

// playOn is play on another machine, which has more files.
func playOn(t *testing.T, m machine.Virtual, s Scenario, config string, more ...machine.File) report {
	t.Helper()
	scenario, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	files := append(more,
		machine.File{Path: "/init", From: machine.Build(t, "./cmd/internal/e2e/precision/guest", "")},
		machine.File{Path: "/timeballd", From: machine.Build(t, "./cmd/timeballd", "-X main.version=e2e")},
		machine.File{Path: ScenarioFile, Content: scenario},
		machine.File{Path: ConfigFile, Content: []byte(config)})
	m.Initrd, m.Date = machine.Initrd(t, []string{"/dev", "/proc", "/sys", "/tmp", "/var"}, files...), time.Unix(0, int64(s.Start))
	in, out := io.Pipe()
	read := make(chan report)
	go func() { read <- readReport(in, func(r report) { r.progress(t, s.For) }) }()
	began := time.Now()
	used, runErr := m.Run(t, out)
	out.Close()
	r := <-read
	t.Logf("%v of the guest's time in %.0f s, %.0f s of a processor", s.For, time.Since(began).Seconds(), used.Seconds())
	if runErr != nil || r.ended != "as planned" {
		keep(t, r)
		t.Fatalf("the guest ended %q: %v\n%s\n%s", r.ended, runErr, strings.Join(r.console, "\n"), strings.Join(r.log, "\n"))
	}
	keep(t, r)
	return r
}

// progressEvery is how much of the guest's time there is between two looks at a long run.
const progressEvery = 10 * time.Minute

// progress logs how the clock was of late, at each progressEvery and where a run ended before its time.
func (r report) progress(t *testing.T, end time.Duration) {
	if len(r.samples) == 0 {
		return
	}
	last := r.samples[len(r.samples)-1]
	at := time.Duration(last.At * 1e9)
	since := r.of(at-progressEvery+time.Second, at+time.Second)
	e := since.errors()
	bounded, outside := since.bounded()
	t.Logf("%v of %v: %s, %d samples since %v, error %.0f ns on average, standard deviation %.0f ns, at most %.0f ns, now %d ns; "+
		"bound %.0f ns, without truth in %d of %d", at.Round(time.Second), end, last.Mode, len(since.samples),
		max(0, at-progressEvery).Round(time.Second), e.mean*1e9, e.sd*1e9, e.greatest*1e9, last.Error, last.Bound*1e9, outside, bounded)
}

// readReport reads the guest's console to its end; progress is told of it each progressEvery, and of what was reached when the
// guest did not come to its end.
func readReport(in io.Reader, progress func(report)) (r report) {
	next := progressEvery.Seconds()
	defer func() {
		if r.ended != "as planned" {
			progress(r)
		}
	}()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text := bytes.TrimSpace(lines.Bytes())
		var l Line
		if len(text) == 0 || text[0] != '{' || json.Unmarshal(text, &l) != nil {
			r.console = append(r.console, string(text))
			continue
		}
		switch {
		case l.Sample != nil:
			if r.samples = append(r.samples, *l.Sample); l.Sample.At >= next {
				next += progressEvery.Seconds()
				progress(r)
			}
		case l.Answer != nil:
			r.answers = append(r.answers, *l.Answer)
		case l.Turn != nil:
			r.turns = append(r.turns, *l.Turn)
		case l.Told != nil:
			r.told = append(r.told, *l.Told)
		case l.Log != "":
			r.log = append(r.log, l.Log)
		case l.Ended != "":
			r.ended = l.Ended
		default:
			r.late, r.sent = r.late+l.Late, r.sent+l.Sent
		}
	}
	return r
}

// keep writes a report to the file that KEEP names, for whoever wants to draw it.
func keep(t *testing.T, r report) {
	path := os.Getenv("KEEP")
	if path == "" {
		return
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for _, s := range r.samples {
		_ = e.Encode(Line{Sample: &s})
	}
	for _, a := range r.answers {
		_ = e.Encode(Line{Answer: &a})
	}
	for _, l := range r.log {
		_ = e.Encode(Line{Log: l})
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Error(err)
	}
}
