package oscillator

import (
	"math"
	"math/rand/v2"
	"testing"

	"timeball/pps/clock"
)

const second = clock.Mono(1e9)

// near fails the test where got is not within tolerance of want, or is not a number.
func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: %.6g, want %.6g +- %.3g", what, got, want, tolerance)
	}
}

// Statistical limits are so many standard deviations of the figure: less than one failure in 100,000 seeds.
const sigmas = 4.5

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// A step of the reading reaches 1 - exp(-t/lag) of its height in each term, whatever the time between readings.
func TestSensorsLagByTheirTimeConstants(t *testing.T) {
	for _, every := range []clock.Mono{second / 4, second, 30 * second} {
		var s Sensors
		s.Temperature(0, 40)
		s.Utilisation(0, 0.1)
		for at := every; at <= 1200*second; at += every {
			if !s.Temperature(at, 50) || !s.Utilisation(at, 0.9) {
				t.Fatal("refused")
			}
			got, x := s.Terms(), float64(at)*1e-9
			reached := func(lag float64) float64 { return 1 - math.Exp(-x/lag) }
			middleT, middleU := 10*reached(180), 0.1+0.8*reached(180)
			want := Vector{
				10 * reached(60), middleT, 10 * reached(600),
				0.1 + 0.8*reached(15), middleU, 0.1 + 0.8*reached(600),
				middleT * middleT, middleT * middleU, middleU * middleU,
			}
			for i := range want {
				near(t, "term", got[i], want[i], 1e-9)
			}
			if t.Failed() {
				t.Fatalf("every %v s, after %v s: %v, want %v", every/second, x, got, want)
			}
		}
	}
}

func TestSensorsStartSettled(t *testing.T) {
	var s Sensors
	if got := s.Terms(); got != (Vector{}) {
		t.Errorf("before any reading: %v", got)
	}
	s.Temperature(5*second, 61)
	s.Utilisation(5*second, 0.5)
	if got, want := s.Terms(), (Vector{3: 0.5, 4: 0.5, 5: 0.5, 8: 0.25}); got != want {
		t.Errorf("after the first reading: %v, want %v", got, want)
	}
}

func TestSensorsRefuseWhatCannotBe(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, first := range []bool{true, false} {
		var s Sensors
		if !first {
			s.Temperature(0, 40)
			s.Utilisation(0, 0.3)
		}
		before := s
		for _, v := range []float64{nan, inf, -inf, -40.1, 125.1, -273, 1e300} {
			if s.Temperature(second, v) {
				t.Errorf("%v degrees taken", v)
			}
		}
		for _, v := range []float64{nan, inf, -inf, -0.001, 1.001, 50} {
			if s.Utilisation(second, v) {
				t.Errorf("a utilisation of %v taken", v)
			}
		}
		if s != before {
			t.Error("what was refused has left something behind")
		}
		for _, v := range []float64{-40, 125} {
			if !s.Temperature(second, v) {
				t.Errorf("%v degrees refused", v)
			}
		}
		for _, v := range []float64{0, 1} {
			if !s.Utilisation(second, v) {
				t.Errorf("a utilisation of %v refused", v)
			}
		}
	}
}

// A sensor that is not there, or always says the same, leaves its terms where they are; the other one works on.
func TestAbsentOrStuckSensorsLeaveTheirTerms(t *testing.T) {
	rng := random(1)
	var absentT, absentU, stuckT Sensors
	stuckT.Temperature(0, 47)
	for at := second; at < 3000*second; at += second {
		absentT.Utilisation(at, rng.Float64())
		absentU.Temperature(at, 40+10*rng.Float64())
		stuckT.Temperature(at, 47)
		stuckT.Utilisation(at, rng.Float64())
		for name, v := range map[string]Vector{"absent": absentT.Terms(), "stuck": stuckT.Terms()} {
			if v[0] != 0 || v[1] != 0 || v[2] != 0 || v[6] != 0 || v[7] != 0 {
				t.Fatalf("temperature %s: %v", name, v)
			}
		}
		if v := absentU.Terms(); v[3] != 0 || v[4] != 0 || v[5] != 0 || v[7] != 0 || v[8] != 0 {
			t.Fatalf("utilisation absent: %v", v)
		}
	}
	if v := stuckT.noise(); v[0] != 0 || v[1] != 0 || v[2] != 0 || v[6] != 0 {
		t.Errorf("a stuck sensor is said to have noise: %v", v)
	}
	if v := absentT.Terms(); v[3] == 0 || v[4] == 0 {
		t.Error("the sensor that is there says nothing")
	}
}

// After a long silence the lags begin anew; after a short one they go on, and time that runs backwards changes nothing.
func TestSensorsAfterAGap(t *testing.T) {
	var s Sensors
	s.Temperature(0, 40)
	s.Temperature(601*second, 50)
	if got := s.Terms()[2]; got != 10 {
		t.Errorf("after a long gap: %v, want the lags settled at 10", got)
	}
	s.Temperature(601*second+599*second, 40)
	near(t, "after a short gap", s.Terms()[2], 10*math.Exp(-599.0/600), 1e-9)
	before := s.Terms()
	s.Temperature(1000*second, 90)
	s.Temperature(1000*second, 91)
	if got := s.Terms(); got != before {
		t.Errorf("time ran backwards: %v, want %v", got, before)
	}
}

// The noise of a term is the variance that white noise of the readings gives to it. It is learned as an exponential mean
// over 1/0.003 differences, of which neighbours share a reading: its own sigma is sqrt(3 * 0.003 / 2) of it.
func TestSensorNoiseIsThatOfWhiteReadings(t *testing.T) {
	const sigma, every, n = 0.4, 2.0, 200_000
	rng := random(2)
	var s Sensors
	var sum, square Vector
	noise, looks := Vector{}, 0
	for k := range n {
		at := clock.Mono(k) * every * second
		s.Temperature(at, 47+sigma*rng.NormFloat64())
		s.Utilisation(at, max(0, min(1, 0.5+0.05*rng.NormFloat64())))
		if k > 10_000 {
			v, w := s.Terms(), s.noise()
			for i := range v {
				sum[i] += v[i]
				square[i] += v[i] * v[i]
				noise[i] += w[i]
			}
			looks++
		}
	}
	m := float64(looks)
	for i := range 6 {
		variance := square[i]/m - sum[i]/m*sum[i]/m
		lag := append(temperatureLags[:], loadLags[:]...)[i]
		independent := m * every / lag
		// A low pass of lag L with readings every T passes the share T/(2 L) of their variance, and tanh of it for long T.
		near(t, "variance of a term by its noise", variance/(noise[i]/m), 1, sigmas*math.Sqrt(2/independent)+sigmas*math.Sqrt(3*learnNoise/2/(m*learnNoise))+0.01)
	}
	var one Sensors
	for k := range 5000 {
		one.Temperature(clock.Mono(k)*second, 47+sigma*rng.NormFloat64())
	}
	near(t, "one estimate", one.noiseT, sigma*sigma, sigmas*math.Sqrt(3*learnNoise/2)*sigma*sigma)
}

// The air's slow changes are no noise of the sensor.
func TestSensorNoiseDoesNotCountWhatChangesSlowly(t *testing.T) {
	rng := random(3)
	const sigma = 0.1
	var s Sensors
	for k := range 20_000 {
		s.Temperature(clock.Mono(k)*second, 47+8*math.Sin(2*math.Pi*float64(k)/3600)+sigma*rng.NormFloat64())
	}
	near(t, "noise", s.noiseT, sigma*sigma, sigmas*math.Sqrt(3*learnNoise/2)*sigma*sigma+1e-4)
}
