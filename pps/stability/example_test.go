package stability_test

import (
	"fmt"

	"timeball/pps/clock"
	"timeball/pps/stability"
)

// A clock that gains 1 us in every other second.
func ExampleAccumulator() {
	a := stability.New(1)
	var x clock.Seconds
	for k := range 1000 {
		a.Add(x)
		x += 1e-6 * clock.Seconds(k%2)
	}
	for _, p := range a.Points()[:2] {
		fmt.Printf("%v s: ADEV %.3f ppm, MDEV %.3f ppm, TDEV %.3f us, %d terms\n", p.Tau, 1e6*p.ADEV, 1e6*p.MDEV, 1e6*p.TDEV, p.Terms)
	}
	// Output:
	// 1 s: ADEV 0.707 ppm, MDEV 0.707 ppm, TDEV 0.408 us, 998 terms
	// 2 s: ADEV 0.000 ppm, MDEV 0.000 ppm, TDEV 0.000 us, 996 terms
}
