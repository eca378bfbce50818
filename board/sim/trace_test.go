package sim

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"
)

func TestTraceGivesItsRows(t *testing.T) {
	trace, err := ReadTrace(
		strings.NewReader("1.000000000000e-05\n-2.5e-6\n0\n"), strings.NewReader("1.234567e-07\n1e10\n-3e-9"),
		strings.NewReader("47.239\r\n48.700\r\n-3\r\n"), strings.NewReader(" 0.5\n1.02\n-0.01\n"),
	)
	if err != nil {
		t.Fatal(err)
	}
	want := []Second{
		{Frequency: 1e-5, PulseNoise: 1.234567e-7, Pulse: true, Temperature: 47.239, Utilisation: 0.5},
		{Frequency: -2.5e-6, Temperature: 48.7, Utilisation: 1.02},
		{PulseNoise: -3e-9, Pulse: true, Temperature: -3, Utilisation: -0.01},
	}
	if trace.Len() != len(want) {
		t.Errorf("Len = %d, want %d", trace.Len(), len(want))
	}
	for k, w := range want {
		if got, ok := trace.Second(); !ok || got != w {
			t.Errorf("row %d: %+v, %v, want %+v", k, got, ok, w)
		}
	}
	for range 2 {
		if s, ok := trace.Second(); ok || s != (Second{}) {
			t.Errorf("behind the end: %+v, %v", s, ok)
		}
	}
}

func TestTraceSaysWhatIsWrong(t *testing.T) {
	tests := []struct {
		name                  string
		freq, ref, temp, util string
		want                  string
	}{
		{"lengths", "0\n0\n", "0\n0\n", "0\n", "0\n0\n", "trace: freq has 2 lines and temp 1"},
		{"longer", "0\n", "0\n0\n", "0\n", "0\n", "trace: freq has 1 lines and ref 2"},
		{"a word", "0\n0\n", "0\nabc\n", "0\n0\n", "0\n0\n", `trace: ref: line 2: "abc" is not a number`},
		{"an empty line", "0\n\n0\n", "0\n", "0\n", "0\n", `trace: freq: line 2: "" is not a number`},
		{"two columns", "0 1\n", "0\n", "0\n", "0\n", `trace: freq: line 1: "0 1" is not a number`},
		{"ppm", "10.5\n", "0\n", "0\n", "0\n", "trace: freq: line 1: 10.5 is no fractional frequency"},
		{"NaN frequency", "nan\n", "0\n", "0\n", "0\n", "trace: freq: line 1: NaN is no fractional frequency"},
		{"a pulse of another second", "0\n", "0.7\n", "0\n", "0\n", "trace: ref: line 1: 0.7 s is neither a pulse's noise nor 1e10"},
		{"NaN noise", "0\n", "NaN\n", "0\n", "0\n", "trace: ref: line 1: NaN s is neither a pulse's noise nor 1e10"},
		{"temperature", "0\n", "0\n", "inf\n", "0\n", "trace: temp: line 1: +Inf is no temperature"},
		{"utilisation", "0\n", "0\n", "0\n", "NaN\n", "trace: util: line 1: NaN is no utilisation"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadTrace(strings.NewReader(tt.freq), strings.NewReader(tt.ref), strings.NewReader(tt.temp), strings.NewReader(tt.util))
			if !errors.Is(err, ErrTrace) || err.Error() != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
	broken := errors.New("card error")
	empty := strings.NewReader("")
	if _, err := ReadTrace(empty, empty, iotest.ErrReader(broken), empty); !errors.Is(err, broken) || !errors.Is(err, ErrTrace) {
		t.Errorf("a reader's error became %v", err)
	}
}
