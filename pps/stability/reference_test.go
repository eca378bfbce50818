package stability

import (
	"math"
	"testing"
)

// reference holds deviations computed from a whole record by the definitions, for any averaging time.
type reference struct {
	adev, mdev, tdev     float64
	terms, modifiedTerms int
}

// reckon follows IEEE 1139 and SP 1065 literally: every second difference of phases a stride apart, every window of 3 m
// samples that starts at a multiple of the stride. NaN is a missed sample; runs have nothing in common but the averages.
func reckon(tau0 float64, m, stride int, runs ...[]float64) reference {
	var r reference
	var squares, modifiedSquares float64
	tau := tau0 * float64(m)
	for _, x := range runs {
		for i := stride - 1; i+2*m < len(x); i += stride {
			if d := x[i+2*m] - 2*x[i+m] + x[i]; !math.IsNaN(d) {
				squares += d * d
				r.terms++
			}
		}
		for i := 0; i+3*m <= len(x); i += stride {
			if d := mean(x[i+2*m:i+3*m]) - 2*mean(x[i+m:i+2*m]) + mean(x[i:i+m]); !math.IsNaN(d) {
				modifiedSquares += d * d
				r.modifiedTerms++
			}
		}
	}
	r.adev = math.Sqrt(squares/2/float64(r.terms)) / tau
	if r.modifiedTerms > 0 {
		r.mdev = math.Sqrt(modifiedSquares/2/float64(r.modifiedTerms)) / tau
	}
	r.tdev = tau * r.mdev / math.Sqrt(3)
	return r
}

func mean(x []float64) float64 {
	var sum float64
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// testSet returns the phases of the 1000 frequencies of NIST SP 1065, 12.4, times scale, at one second.
func testSet(scale float64) []float64 {
	x := make([]float64, 1, 1001)
	for n := uint64(1234567890); len(x) <= 1000; n = n * 16807 % 2147483647 {
		x = append(x, x[len(x)-1]+scale*float64(n)/2147483647)
	}
	return x
}

func TestReferenceMatchesTheHandbook(t *testing.T) {
	x := testSet(1)
	tests := []struct { // NIST SP 1065, table 31
		m    int
		want reference
	}{
		{1, reference{2.922319e-01, 2.922319e-01, 1.687202e-01, 999, 999}},
		{10, reference{9.159953e-02, 6.172376e-02, 3.563623e-01, 981, 972}},
		{100, reference{3.241343e-02, 2.170921e-02, 1.253382e+00, 801, 702}},
	}
	for _, tt := range tests {
		got := reckon(1, tt.m, 1, x)
		if !agree(got, tt.want, 5e-7) { // seven digits are printed
			t.Errorf("m = %d: %+v, want %+v", tt.m, got, tt.want)
		}
	}
}

// agree reports whether two results are the same within a share of them.
func agree(a, b reference, share float64) bool {
	near := func(a, b float64) bool { return math.Abs(a-b) <= share*math.Abs(b) }
	return a.terms == b.terms && a.modifiedTerms == b.modifiedTerms &&
		near(a.adev, b.adev) && near(a.mdev, b.mdev) && near(a.tdev, b.tdev)
}

// edf returns the equivalent degrees of freedom of n terms of Gaussian noise, 2 E^2/Var of their mean square, where a
// term is white noise filtered by h: the covariances of all pairs of terms, by definition.
func edf(h []float64, n int) float64 {
	covariance := func(lag int) (sum float64) {
		for i := lag; i < len(h); i++ {
			sum += h[i] * h[i-lag]
		}
		return sum
	}
	variance := covariance(0)
	pairs := float64(n)
	for lag := 1; lag < min(n, len(h)); lag++ {
		c := covariance(lag) / variance
		pairs += 2 * float64(n-lag) * c * c
	}
	return float64(n) * float64(n) / pairs
}

// integrated returns the running sum of h, the filter for noise whose difference is white.
func integrated(h []float64) []float64 {
	out := make([]float64, len(h))
	var sum float64
	for i, v := range h {
		sum += v
		out[i] = sum
	}
	return out
}
