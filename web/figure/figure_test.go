package figure

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

// plain makes no-break spaces visible in the tables: they are written as "_".
func plain(s string) string { return strings.ReplaceAll(s, "\u00a0", "_") }

func TestBoundIsRoundedUp(t *testing.T) {
	tests := []struct {
		name   string
		bound  float64
		digits int
		want   string
	}{
		{"two digits", 1.868e-6, 2, "1.9_µs"},
		{"already two digits", 1.9e-6, 2, "1.9_µs"},
		{"a little over two digits", 1.9000001e-6, 2, "2.0_µs"},
		{"tens", 47.2e-6, 2, "48_µs"},
		{"hundreds", 132e-9, 2, "140_ns"},
		{"carries into the next unit", 999.5e-9, 2, "1.0_µs"},
		{"exact bound", 1.8681e-6, 4, "1.869_µs"},
		{"below a nanosecond", 0.41e-9, 2, "0.41_ns"},
		{"milliseconds", 1e-3, 2, "1.0_ms"},
		{"seconds", 1234, 2, "1_300_s"},
		{"zero", 0, 2, "0_ns"},
		{"negative is none", -1e-9, 2, ""},
		{"infinite is none", math.Inf(1), 2, ""},
		{"not a number is none", math.NaN(), 2, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := plain(Bound(tt.bound, tt.digits)); got != tt.want {
				t.Errorf("Bound(%g, %d) = %q, want %q", tt.bound, tt.digits, got, tt.want)
			}
		})
	}
}

func TestDurationIsRoundedToNearest(t *testing.T) {
	tests := []struct {
		seconds float64
		digits  int
		want    string
	}{
		{104e-9, 3, "104_ns"},
		{104e-9, 2, "100_ns"},
		{15.26e-6, 4, "15.26_µs"},
		{9.96e-7, 2, "1.0_µs"},
		{0, 2, "0_ns"},
		{-2e-9, 2, "−2.0_ns"},
		{math.NaN(), 2, "–"},
	}
	for _, tt := range tests {
		if got := plain(Duration(tt.seconds, tt.digits)); got != tt.want {
			t.Errorf("Duration(%g, %d) = %q, want %q", tt.seconds, tt.digits, got, tt.want)
		}
	}
}

func TestOffsetHasASign(t *testing.T) {
	tests := []struct {
		seconds float64
		want    string
	}{
		{6e-9, "+6.0_ns"},
		{-221e-9, "−221_ns"},
		{1.8681e-6, "+1.87_µs"},
		{-0.318, "−318_ms"},
		{0.01e-9, "0.0_ns"},
		{-0.01e-9, "0.0_ns"},
		{0, "0_ns"},
		{math.Inf(-1), "–"},
	}
	for _, tt := range tests {
		if got := plain(Offset(tt.seconds)); got != tt.want {
			t.Errorf("Offset(%g) = %q, want %q", tt.seconds, got, tt.want)
		}
	}
}

func TestPlusMinusKeepsThePlaceOfSigma(t *testing.T) {
	tests := []struct {
		seconds, sigma float64
		want           string
	}{
		{5.1834e-6, 0.2701e-6, "+5.18_±_0.27_µs"},
		{0, 10e-9, "0_±_10_ns"},
		{-5.18e-6, 10e-9, "−5.180_±_0.010_µs"},
		{3e-9, 0, "+3_±_0_ns"},
		{1e-6, -1, "–"},
		{math.NaN(), 1e-9, "–"},
	}
	for _, tt := range tests {
		if got := plain(PlusMinus(tt.seconds, tt.sigma)); got != tt.want {
			t.Errorf("PlusMinus(%g, %g) = %q, want %q", tt.seconds, tt.sigma, got, tt.want)
		}
	}
}

func TestFrequencyIsInPPM(t *testing.T) {
	tests := []struct {
		ratio, sigma float64
		want         string
	}{
		{-7.354e-6, 0, "−7.354_ppm"},
		{2.5e-6, 0.0021e-6, "+2.5000_±_0.0021_ppm"},
		{1e-12, 0, "0.000_ppm"},
		{math.NaN(), 1e-9, "–"},
	}
	for _, tt := range tests {
		if got := plain(FrequencySigma(tt.ratio, tt.sigma)); got != tt.want {
			t.Errorf("FrequencySigma(%g, %g) = %q, want %q", tt.ratio, tt.sigma, got, tt.want)
		}
	}
}

func TestSpanHasTwoUnitsAtMost(t *testing.T) {
	tests := []struct {
		seconds float64
		want    string
	}{
		{0, "0_s"},
		{59.9, "59_s"},
		{60, "1_min"},
		{47*60 + 12, "47_min"},
		{8*3600 + 46*60 + 59, "8_h_46_min"},
		{3600, "1_h"},
		{3*86400 + 4*3600 + 1800, "3_d_4_h"},
		{1500 * 86400, "1_500_d"},
		{-1, "–"},
		{math.NaN(), "–"},
	}
	for _, tt := range tests {
		if got := plain(Span(tt.seconds)); got != tt.want {
			t.Errorf("Span(%g) = %q, want %q", tt.seconds, got, tt.want)
		}
	}
}

func TestCountPartsThousands(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 86398: "86_398", 1234567: "1_234_567"} {
		if got := plain(Count(n)); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestSmallFigures(t *testing.T) {
	tests := []struct{ got, want string }{
		{Celsius(47.31), "47.3_°C"},
		{Celsius(-3.04), "−3.0_°C"},
		{Celsius(math.NaN()), "–"},
		{Percent(0.341), "34_%"},
		{Microsecond.Format(1.08e-6, 3), "1.080"},
		{Nanosecond.Format(-1234e-9, 0), "−1_234"},
		{UnitFor(0.5e-9, 3).Name, "ns"},
		{UnitFor(999.96e-9, 3).Name, "µs"},
	}
	for _, tt := range tests {
		if got := plain(tt.got); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func FuzzBoundIsNeverBelow(f *testing.F) {
	f.Add(1.868e-6)
	f.Add(9.99e-10)
	f.Fuzz(func(t *testing.T, v float64) {
		text := Bound(v, 2)
		if text == "" || v > 1e15 || v < 1e-15 {
			return
		}
		if got := parse(t, text); got < v*(1-1e-12) {
			t.Errorf("Bound(%g) = %q is below it", v, text)
		}
	})
}

func parse(t *testing.T, text string) float64 {
	t.Helper()
	at := strings.LastIndex(text, space)
	v, err := strconv.ParseFloat(strings.ReplaceAll(text[:at], space, ""), 64)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []Unit{Nanosecond, Microsecond, Millisecond, Second} {
		if u.Name == text[at+len(space):] {
			return v * u.Seconds
		}
	}
	t.Fatalf("no unit in %q", text)
	return 0
}
