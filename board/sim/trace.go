package sim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"timeball/pps/clock"
)

// Trace is the Nature that columns of numbers describe, one row a second. It ends where they end.
type Trace struct {
	seconds []Second
	next    int
}

const (
	noPulse           = 1e10 // in the column of pulse noise: no pulse and no fix in this second
	maxTraceFrequency = 0.01 // anything larger is not a fractional frequency but one in ppm or ppb
	maxNoise          = 0.5  // s; nor does a pulse come nearer to another second
)

// ErrTrace is the error of columns that describe no world.
var ErrTrace = errors.New("trace")

// ReadTrace reads the columns of a trace, one number a line: fractional frequency, pulse noise in seconds (1e10 = neither
// pulse nor fix), temperature in degrees Celsius, utilisation 0..1.
func ReadTrace(freq, ref, temp, util io.Reader) (*Trace, error) {
	var columns [4][]float64
	for i, r := range []io.Reader{freq, ref, temp, util} {
		var err error
		if columns[i], err = readColumn(r); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrTrace, columnNames[i], err)
		}
	}
	return NewTrace(columns[0], columns[1], columns[2], columns[3])
}

var columnNames = [...]string{"freq", "ref", "temp", "util"}

func readColumn(r io.Reader) ([]float64, error) {
	var column []float64
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		v, err := strconv.ParseFloat(strings.TrimSpace(lines.Text()), 64)
		if err != nil {
			return nil, fmt.Errorf("line %d: %.40q is not a number", len(column)+1, lines.Text())
		}
		column = append(column, v)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", len(column)+1, err)
	}
	return column, nil
}

// NewTrace makes a Trace of columns of equal length, in the units of ReadTrace.
func NewTrace(freq, ref, temp, util []float64) (*Trace, error) {
	for i, column := range [][]float64{ref, temp, util} {
		if len(column) != len(freq) {
			return nil, fmt.Errorf("%w: freq has %d lines and %s %d", ErrTrace, len(freq), columnNames[i+1], len(column))
		}
	}
	t := &Trace{seconds: make([]Second, len(freq))}
	for k := range freq {
		var wrong string
		switch {
		case !(math.Abs(freq[k]) <= maxTraceFrequency):
			wrong = fmt.Sprintf("freq: line %d: %v is no fractional frequency", k+1, freq[k])
		case ref[k] != noPulse && !(math.Abs(ref[k]) <= maxNoise):
			wrong = fmt.Sprintf("ref: line %d: %v s is neither a pulse's noise nor 1e10", k+1, ref[k])
		case math.IsNaN(temp[k]) || math.IsInf(temp[k], 0):
			wrong = fmt.Sprintf("temp: line %d: %v is no temperature", k+1, temp[k])
		case math.IsNaN(util[k]) || math.IsInf(util[k], 0):
			wrong = fmt.Sprintf("util: line %d: %v is no utilisation", k+1, util[k])
		}
		if wrong != "" {
			return nil, fmt.Errorf("%w: %s", ErrTrace, wrong)
		}
		t.seconds[k] = Second{Frequency: clock.Ratio(freq[k]), Temperature: temp[k], Utilisation: util[k]}
		if ref[k] != noPulse {
			t.seconds[k].Pulse, t.seconds[k].PulseNoise = true, clock.Seconds(ref[k])
		}
	}
	return t, nil
}

// Len returns how many seconds the trace has.
func (t *Trace) Len() int { return len(t.seconds) }

// Second implements Nature.
func (t *Trace) Second() (Second, bool) {
	if t.next == len(t.seconds) {
		return Second{}, false
	}
	t.next++
	return t.seconds[t.next-1], true
}
