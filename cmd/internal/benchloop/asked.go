package main

import (
	"fmt"
	"math"

	"timeball/cmd/internal/direct"
)

// asked is what the loop is to reach on a model. Lengths are ns, times s.
type asked struct {
	sd, p99, bias float64    // steady, with sensors
	sdBlind       float64    // without
	cold          [2]float64 // to 1 us: median, worst
	parts         [3]float64 // after a day of lock, with sensors: at least so many times less than chrony
	limit         float64    // SD of the optimal filter that knows every parameter and the temperature
}

var targets = map[string]asked{
	"pi-load":  {105, 285, 10, 130, [2]float64{8, 40}, [3]float64{5, 10, 20}, 40},
	"pi-quiet": {52, 140, 5, 56, [2]float64{5, 10}, [3]float64{5, 10, 20}, 26},
	"pi-hwts":  {7.8, 21, 2, 9.3, [2]float64{5, 8}, [3]float64{5, 10, 20}, 4.4},
	"tcxo":     {40, 106, 5, 47, [2]float64{5, 10}, [3]float64{5, 10, 20}, 16},
	"ocxo":     {1.7, 5, 1, 2.2, [2]float64{5, 8}, [3]float64{2.5, 2.5, 2.5}, 0.81},
}

// What is asked on every model.
const (
	blindMedian, blindP95 = 1.1, 1.25 // of chrony's, holdover without sensors
	shortLock             = 1.1       // of chrony's median, after two hours of lock with nothing remembered
	restoredMost          = 1.5       // of the median after a day of lock
	fiveDaysMost          = 1.05      // of the same holdover after one day: no worse, with the margin that is judged with
	mismatchMost          = 1.5       // of the SD on the matching model
	tightest              = 4.0       // median bound over the 95th percentile of the error
	worstSeed             = 0.95      // held in any one run
	serving               = 0.999     // of the locked time, without a fault
)

// held is the share of samples in which the bound is to hold.
var held = [direct.Buckets]float64{direct.Locked: 0.999, direct.HoldoverTo1h: 0.99, direct.HoldoverTo4h: 0.99, direct.HoldoverTo24h: 0.99}

// ask notes whether a figure is at most what was asked.
func (b *bench) ask(what string, got, most float64) {
	b.asked++
	if !(got <= most) {
		b.missed = append(b.missed, fmt.Sprintf("%s: %s %s, asked at most %s", b.heading, what, figure(got), figure(most)))
	}
}

// askLeast notes whether a figure is at least what was asked.
func (b *bench) askLeast(what string, got, least float64) {
	b.asked++
	if !(got >= least) {
		b.missed = append(b.missed, fmt.Sprintf("%s: %s %.5g, asked at least %.5g", b.heading, what, got, least))
	}
}

// askBound notes whether the bound held, is tight, and no answer was dishonest.
func (b *bench) askBound(x experiment, pooled *direct.Score, worst *[direct.Buckets]float64) {
	b.ask(x.name+": dishonest answers", float64(pooled.Dishonest), 0)
	for i := range pooled.Bucket {
		s := &pooled.Bucket[i]
		if direct.Bucket(i) == direct.Locked {
			b.askLeast(x.name+": locked: share served", s.Serving(), serving)
		}
		if s.Samples == 0 || direct.Bucket(i) == direct.Locked && x.lock > 0 { // steady and cold judge the lock
			continue
		}
		what := fmt.Sprintf("%s: %v: ", x.name, direct.Bucket(i))
		b.askLeast(what+"bound held", s.Coverage(), held[i])
		b.askLeast(what+"bound held in the worst seed", worst[i], worstSeed)
		b.ask(what+"tightness", s.Tightness(), tightest)
	}
}

// askSteady notes whether the steady state is as asked.
func (b *bench) askSteady(a asked, sensors bool, sd, p99, bias float64) {
	if !sensors {
		b.ask("steady: SD, ns", sd, a.sdBlind)
		return
	}
	b.ask("steady: SD, ns", sd, a.sd)
	b.ask("steady: p99, ns", p99, a.p99)
	b.ask("steady: bias, ns", math.Abs(bias), a.bias)
}
