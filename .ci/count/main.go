// Command count reads the output of `go test -json`, prints what failed and what was skipped, and ends with a line that
// counts. With CI set, a skip is a failure unless it says that the recordings are not there.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
}

// tally is what the tests came to.
type tally struct {
	passed, failed, skipped int
	forbidden               int // skips that CI does not allow
	strict                  bool
	output                  map[string][]string
}

// absent is in the message of a skip for want of the receiver recordings, which lie beside the project.
const absent = "../shared"

func main() {
	t := tally{strict: os.Getenv("CI") != "", output: map[string][]string{}}
	t.read(os.Stdin, os.Stdout)
	fmt.Printf("%d passed, %d failed, %d skipped\n", t.passed, t.failed+t.forbidden, t.skipped)
	if t.failed+t.forbidden > 0 || t.passed == 0 {
		os.Exit(1)
	}
}

func (t *tally) read(in io.Reader, out io.Writer) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(out, lines.Text())
			continue
		}
		t.take(e, out)
	}
}

func (t *tally) take(e event, out io.Writer) {
	name := e.Package + " " + e.Test
	said := func() string { return strings.Join(t.output[name], "") }
	switch e.Action {
	case "output", "build-output":
		t.output[name] = append(t.output[name], e.Output)
		return
	case "pass":
		if e.Test != "" {
			t.passed++
		}
	case "fail", "build-fail":
		t.failed++
		fmt.Fprintf(out, "FAILED %s\n%s", name, said())
	case "skip":
		if e.Test == "" {
			break // no test files
		}
		t.skipped++
		fmt.Fprintf(out, "skipped %s\n%s", name, said())
		if t.strict && !strings.Contains(said(), absent) {
			t.forbidden++
		}
	default:
		return
	}
	delete(t.output, name)
}
