package stability

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"timeball/pps/clock"
)

// feed adds the phases at one second; NaN is a missed sample.
func feed(a *Accumulator, x []float64) *Accumulator {
	for _, v := range x {
		if math.IsNaN(v) {
			a.Miss()
		} else {
			a.Add(clock.Seconds(v))
		}
	}
	return a
}

func (p Point) reference() reference {
	return reference{float64(p.ADEV), float64(p.MDEV), float64(p.TDEV), p.Terms, p.ModifiedTerms}
}

// check compares all points with the definitions, within a share.
func check(t *testing.T, a *Accumulator, share float64, runs ...[]float64) {
	t.Helper()
	for j, p := range a.Points() {
		m := 1 << j
		want := reckon(float64(a.tau0), m, max(1, m/maxPerTau), runs...)
		if got := p.reference(); float64(p.Tau) != float64(a.tau0)*float64(m) || !agree(got, want, share) {
			t.Errorf("tau %v s: %+v, want %+v", p.Tau, got, want)
		}
	}
}

func noise(n int, seed uint64, sigma float64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 0))
	x := make([]float64, n)
	for i := range x {
		x[i] = sigma * rng.NormFloat64()
	}
	return x
}

// random returns white FM with a little white PM, like a pulse against a crystal.
func random(n int, seed uint64) []float64 {
	x, w := integrated(noise(n, seed, 1e-9)), noise(n, seed+1, 1e-8)
	for i := range x {
		x[i] += w[i]
	}
	return x
}

func TestOctavesMatchTheHandbook(t *testing.T) {
	const scale = 0x1p-7 // no clock is wrong by seconds a second; a power of two keeps all digits
	x := testSet(scale)
	a := feed(New(1), x)
	check(t, a, 1e-9, x)
	points := a.Points()
	if len(points) != 9 { // 2m < 1001
		t.Fatalf("%d points, want 9", len(points))
	}
	first := points[0].reference() // NIST SP 1065, table 31
	first.adev, first.mdev, first.tdev = first.adev/scale, first.mdev/scale, first.tdev/scale
	if want := (reference{2.922319e-01, 2.922319e-01, 1.687202e-01, 999, 999}); !agree(first, want, 5e-7) {
		t.Errorf("tau 1 s: %+v, want %+v", first, want)
	}
	if p := points[8]; p.Terms != 1001-512 || p.ModifiedTerms != 1001-768+1 {
		t.Errorf("%d and %d terms at 256 s, want 489 and 234", p.Terms, p.ModifiedTerms)
	}
}

func TestStridesMatchTheDefinition(t *testing.T) {
	x := random(20_000, 3)
	a := feed(New(1), x)
	if n := len(a.Points()); n != 14 { // to 8192 s
		t.Errorf("%d points, want 14", n)
	}
	check(t, a, 1e-6, x)
}

func TestStrideLosesLittle(t *testing.T) {
	x := random(20_000, 4)
	p := feed(New(1), x).Points()[11]
	full := reckon(1, 2048, 1, x)
	limit := 0.25 / math.Sqrt(2*p.Freedom) // a quarter of the standard error that the length of the record allows
	if got := p.reference(); math.Abs(got.adev/full.adev-1) > limit || math.Abs(got.mdev/full.mdev-1) > 0.001 {
		t.Errorf("every 8th window %+v, all %+v", got, full)
	}
}

func TestIntervalScalesFrequency(t *testing.T) {
	x := random(3000, 5)
	check(t, feed(New(0.25), x), 1e-6, x)
}

// TestSlopes compares pure noises with what theory expects of them: the variance of white noise after the filter that
// the definition is, summed in closed form. The limit is four standard errors by our own degrees of freedom, which are
// lower limits.
func TestSlopes(t *testing.T) {
	const n, sigma = 1 << 18, 1e-8
	white := noise(n, 6, sigma)
	tests := []struct {
		name     string
		x        []float64
		avar     func(m float64) float64 // over sigma^2, at one second
		modified func(m float64) float64 // MVAR/AVAR
		from     int                     // least octave for which modified holds
	}{
		{"white PM", white, func(m float64) float64 { return 3 / m / m }, func(m float64) float64 { return 1 / m }, 0},
		{"white FM", integrated(white), func(m float64) float64 { return 1 / m }, func(m float64) float64 { return (1 + 1/m/m) / 2 }, 0},
		{"random walk FM", integrated(integrated(white)), func(m float64) float64 { return (2*m + 1/m) / 6 }, func(float64) float64 { return 33. / 40 }, 4},
	}
	for _, tt := range tests {
		for j, p := range feed(New(1), tt.x).Points() {
			m := float64(int(1) << j)
			adev := sigma * math.Sqrt(tt.avar(m))
			mdev := adev * math.Sqrt(tt.modified(m))
			if p.Freedom > 10 && math.Abs(float64(p.ADEV)/adev-1) > 4/math.Sqrt(2*p.Freedom) {
				t.Errorf("%s, tau %v s: ADEV %v, want %v", tt.name, p.Tau, p.ADEV, adev)
			}
			if j >= tt.from && p.ModifiedFreedom > 10 && math.Abs(float64(p.MDEV)/mdev-1) > 4/math.Sqrt(2*p.ModifiedFreedom) {
				t.Errorf("%s, tau %v s: MDEV %v, want %v", tt.name, p.Tau, p.MDEV, mdev)
			}
		}
	}
}

// TestFrequencyOffsetChangesNothing gives a clock that is 10 ppm fast for four days and otherwise noisy by a
// picosecond: the phase ends at 3.5 s, 3e12 times the noise.
func TestFrequencyOffsetChangesNothing(t *testing.T) {
	x := noise(4*86400, 7, 1e-12)
	still, fast := New(1), New(1)
	for k, v := range x {
		still.Add(clock.Seconds(v))
		fast.Add(clock.Seconds(v + 1e-5*float64(k)))
	}
	got, want := fast.Points(), still.Points()
	if len(got) != octaves || len(want) != octaves {
		t.Fatalf("%d and %d points, want %d", len(got), len(want), octaves)
	}
	if day := clock.Seconds(86400); got[octaves-1].Tau < day {
		t.Errorf("longest averaging time %v s, want a day", got[octaves-1].Tau)
	}
	// What remains is the rounding to ticks, and of means to ticks, here and there: 1 % of a picosecond, not of the phase.
	near := func(a, b, tau float64) bool { return math.Abs(a-b)*tau < 1e-14 }
	for j := range got {
		g, w, tau := got[j].reference(), want[j].reference(), float64(got[j].Tau)
		if !near(g.adev, w.adev, tau) || !near(g.mdev, w.mdev, tau) || !near(g.tdev, w.tdev, 1) {
			t.Errorf("tau %v s: %+v with an offset, %+v without", tau, g, w)
		}
	}
	if adev := float64(want[0].ADEV); math.Abs(adev/math.Sqrt(3)/1e-12-1) > 0.01 {
		t.Errorf("ADEV at 1 s %v, want sqrt(3) ps", adev)
	}
}

// TestSteepestPhaseDoesNotOverflow makes the window of MDEV as large as it can be: one averaging time up, one down.
func TestSteepestPhaseDoesNotOverflow(t *testing.T) {
	const m, slope = 1 << (octaves - 1), 0.0149
	a := New(1)
	for k := range 3 * m {
		up := min(k, 3*m/2) - max(0, k-3*m/2)
		a.Add(clock.Seconds(slope * float64(up)))
	}
	p := a.Points()[octaves-1]
	// The mean phase of the middle is above those at both sides by 3/4 slope m.
	want := 2 * 0.75 * slope / math.Sqrt2
	if p.ModifiedTerms != 1 || math.Abs(float64(p.MDEV)/want-1) > 1e-4 || a.Counts().Gaps != 0 {
		t.Errorf("%+v, %+v, want one term of %v", p, a.Counts(), want)
	}
}

func TestGapStartsAnew(t *testing.T) {
	x := random(9001, 8) // odd: also in the midst of a stride
	runs := [][]float64{x[:3001], x[3001:3010], x[3010:]}
	a := New(1)
	for i, run := range runs {
		if i > 0 {
			a.Gap()
		}
		stepped := make([]float64, len(run))
		for k, v := range run {
			stepped[k] = v + 0.02*float64(i) // one Gap a step, not one more for what it explains
		}
		feed(a, stepped)
	}
	check(t, a, 1e-6, runs...)
	if got, want := a.Counts(), (Counts{Samples: 9001, Gaps: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestPhaseStepIsFound(t *testing.T) {
	x := random(4000, 9)
	a := feed(New(1), x[:1500])
	for range 9 {
		a.Miss()
	}
	stepped := make([]float64, 2500)
	for k := range stepped {
		stepped[k] = x[1500+k] - 0.2
	}
	feed(a, stepped)
	check(t, a, 1e-6, x[:1500], x[1500:])
	if got, want := a.Counts(), (Counts{Samples: 4000, Missed: 9, Gaps: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestMissedSampleLeavesTermsOut(t *testing.T) {
	x := random(8000, 10)
	for k := range x {
		x[k] += 0.012 * float64(k) // fast enough to look like a step across a missed sample, were that not counted
	}
	for _, k := range []int{0, 700, 701, 3333, 3335, 7999} {
		x[k] = math.NaN()
	}
	a := feed(New(1), x)
	check(t, a, 1e-3, x) // the reference loses digits at 96 s, not we
	if got, want := a.Counts(), (Counts{Samples: 7994, Missed: 6}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	p := a.Points()[11] // 2048 s: no 6144 s without a miss
	if p.ModifiedTerms != 0 || p.MDEV != 0 || p.TDEV != 0 || p.ModifiedFreedom != 0 || p.Terms < 400 {
		t.Errorf("%+v, want ADEV alone", p)
	}
}

func TestNonsenseCountsAsMissed(t *testing.T) {
	x := random(500, 11)
	with := append([]float64(nil), x...)
	for i, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 6.1 * 86400, -1e300} {
		x[100+30*i], with[100+30*i] = math.NaN(), bad
	}
	a := New(1)
	for _, v := range with {
		a.Add(clock.Seconds(v))
	}
	check(t, a, 1e-6, x)
	if got, want := a.Counts(), (Counts{Samples: 495, Missed: 5}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestAnyInputGivesNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 0))
	a := New(1)
	for range 200_000 {
		switch x := math.Float64frombits(rng.Uint64()); rng.IntN(40) {
		case 0:
			a.Add(clock.Seconds(x))
		case 1:
			a.Miss()
		default:
			a.Add(clock.Seconds(0.02 * rng.Float64()))
		}
	}
	for _, p := range a.Points() {
		for _, v := range []float64{float64(p.ADEV), float64(p.MDEV), float64(p.TDEV)} {
			if !(v >= 0 && v < 1) {
				t.Errorf("%+v", p)
			}
		}
	}
}

func TestPointsNeedTwoAveragingTimes(t *testing.T) {
	a := New(1)
	for k, want := range []int{0, 0, 0, 1, 1, 2} {
		if got := len(a.Points()); got != want {
			t.Errorf("%d points after %d samples, want %d", got, k, want)
		}
		a.Add(0)
	}
}

// TestFreedomIsALowerLimit compares with the exact figure for Gaussian noise of the three kinds.
func TestFreedomIsALowerLimit(t *testing.T) {
	for _, m := range []int{1, 2, 4, 16, 64, 256, 1024} {
		l := newLevel(m)
		adev, mdev := make([]float64, 2*l.perTau+1), make([]float64, 3*l.perTau)
		adev[0], adev[l.perTau], adev[2*l.perTau] = 1, -2, 1
		for i := range l.perTau {
			mdev[i], mdev[i+l.perTau], mdev[i+2*l.perTau] = 1, -2, 1
		}
		for kind := range 3 {
			for _, terms := range []int{1, l.perTau, 3 * l.perTau, 100 * l.perTau} {
				limit := l.freedom(terms)
				least := min(edf(adev, terms), edf(mdev, terms))
				if limit > least || kind == 2 && limit < 0.5*least {
					t.Errorf("m %d, noise %d, %d terms: %v, exact %v", m, kind, terms, limit, least)
				}
			}
			adev, mdev = integrated(adev), integrated(mdev)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a := New(1)
	for k := range 1_000_000 {
		a.Add(clock.Seconds(1e-9 * float64(k%7)))
		if k%1000 == 0 {
			a.Miss()
		}
	}
	a.Gap()
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 200_000 {
		t.Errorf("%d bytes taken, want below 200000", got)
	}
	runtime.KeepAlive(a)
	if allocs := testing.AllocsPerRun(1000, func() { a.Add(0); a.Miss() }); allocs != 0 {
		t.Errorf("%v allocations a sample", allocs)
	}
}

func TestNewRefusesNoInterval(t *testing.T) {
	for _, tau0 := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("New(%v) did not panic", tau0)
				}
			}()
			New(clock.Seconds(tau0))
		}()
	}
}

func BenchmarkAdd(b *testing.B) {
	b.ReportAllocs()
	a, x := New(1), random(1<<16, 13)
	for i := range b.N {
		a.Add(clock.Seconds(x[i&(1<<16-1)]))
	}
}
