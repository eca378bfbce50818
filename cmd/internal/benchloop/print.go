package main

import (
	"fmt"
	"math"
	"slices"

	"timeball/board/sim"
	"timeball/cmd/internal/direct"
)

func median(v []float64) float64 { return quantile(v, 0.5) }

func quantile(v []float64, p float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	s := slices.Clone(v)
	slices.Sort(s)
	x := p * float64(len(s)-1)
	i := int(x)
	if i+1 == len(s) {
		return s[i]
	}
	return s[i] + (s[i+1]-s[i])*(x-float64(i))
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x / float64(len(v))
	}
	return sum
}

func each(rs []result, f func(result) float64) []float64 {
	var v []float64
	for _, r := range rs {
		v = append(v, f(r))
	}
	return v
}

// ratios returns a over b, one by one, as far as both go.
func ratios(a, b []float64) []float64 {
	var v []float64
	for i := range min(len(a), len(b)) {
		v = append(v, a[i]/b[i])
	}
	return v
}

// figure prints a number to three digits, without an exponent where it is large.
func figure(v float64) string {
	if v >= 999.5 && v < 1e7 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// spread prints the median and the 95th percentile.
func spread(v []float64) string { return figure(median(v)) + "/" + figure(quantile(v, 0.95)) }

// bySeed prints numbers, a seed each.
func (b *bench) bySeed(what string, v []float64) {
	if len(v) == 0 {
		return
	}
	fmt.Fprintf(b.out, "         %s, by seed:", what)
	for _, x := range v {
		fmt.Fprintf(b.out, " %.3g", x)
	}
	fmt.Fprintln(b.out)
}

// chronys returns a column of chrony's figures on the same series, nothing where chrony was not measured.
func (b *bench) chronys(experiment, model string, rs []result, column int) []float64 {
	var v []float64
	for _, r := range rs {
		if c, ok := b.chrony[fmt.Sprintf("%s %s %d", experiment, model, r.seed)]; ok {
			v = append(v, c[column])
		}
	}
	return v
}

func (b *bench) printSteady(m sim.Model, sensors bool, rs []result) {
	sds := each(rs, func(r result) float64 { return r.sd * 1e9 })
	sd, p99 := mean(sds), mean(each(rs, func(r result) float64 { return r.p99 * 1e9 }))
	bias := mean(each(rs, func(r result) float64 { return r.bias * 1e9 }))
	fmt.Fprintf(b.out, "steady   SD %.4g ns  p99 %.4g  max %.4g  bias %+.2g  raw RMS %.4g\n", sd, p99,
		slices.Max(each(rs, func(r result) float64 { return r.max * 1e9 })), bias, mean(each(rs, func(r result) float64 { return r.raw * 1e9 })))
	if chrony := b.chronys("steady_ns", m.Name, rs, 0); len(chrony) > 0 {
		r := ratios(sds, chrony)
		fmt.Fprintf(b.out, "         of chrony's SD %.3g, of the limit's %.3g\n", median(r), sd/targets[m.Name].limit)
		b.bySeed("of chrony's SD", r)
	}
	if a, ok := targets[m.Name]; ok {
		b.askSteady(a, sensors, sd, p99, bias)
	}
	b.printBound(steady, rs)
}

// printMismatch compares the steady state with that on the model whose oscillator is as the loop takes it to be.
func (b *bench) printMismatch(m sim.Model, of string, rs, matching []result) {
	sd := func(r result) float64 { return r.sd }
	r := ratios(each(rs, sd), each(matching, sd))
	fmt.Fprintf(b.out, "         of the SD on %s %.3g\n", of, median(r))
	b.bySeed("of the SD on "+of, r)
	b.ask("steady: SD over that on "+of, mean(each(rs, sd))/mean(each(matching, sd)), mismatchMost)
}

func (b *bench) printCold(m sim.Model, rs []result) {
	to := each(rs, func(r result) float64 { return r.to1us })
	fmt.Fprintf(b.out, "cold     to 1 us median %.3g s, max %.3g s", median(to), slices.Max(to))
	if chrony := b.chronys("cold_s", m.Name, rs, 0); len(chrony) > 0 {
		fmt.Fprintf(b.out, " (chrony %.3g, %.3g)\n", median(chrony), slices.Max(chrony))
		b.bySeed("of chrony's time", ratios(to, chrony))
	} else {
		fmt.Fprintln(b.out)
	}
	if a, ok := targets[m.Name]; ok {
		b.ask("cold: median to 1 us, s", median(to), a.cold[0])
		b.ask("cold: worst to 1 us, s", slices.Max(to), a.cold[1])
	}
	b.printBound(cold, rs)
}

// column returns the errors at a horizon, in us.
func column(rs []result, i int) []float64 {
	return each(rs, func(r result) float64 { return r.after[i] * 1e6 })
}

// printHold prints a holdover: median and 95th percentile of |error|, and chrony's beside it.
func (b *bench) printHold(x experiment, m sim.Model, sensors bool, rs []result) {
	for i, h := range horizons {
		errors, chrony := column(rs, i), b.chronys(x.name+"_us", m.Name, rs, i)
		fmt.Fprintf(b.out, "%-8s %2d h: %s us", x.name, h/3600, spread(errors))
		if len(chrony) == 0 {
			fmt.Fprintln(b.out)
			continue
		}
		paired := ratios(errors, chrony)
		of, of95 := median(errors)/median(chrony), quantile(errors, 0.95)/quantile(chrony, 0.95)
		fmt.Fprintf(b.out, "; of chrony's median %.3g, of its p95 %.3g, paired %.3g\n", of, of95, median(paired))
		b.bySeed("of chrony's", paired)
		b.askHold(x, m, sensors, i, of, of95, median(paired))
	}
	b.printBound(x, rs)
}

func (b *bench) askHold(x experiment, m sim.Model, sensors bool, i int, of, of95, paired float64) {
	a, ok := targets[m.Name]
	what := fmt.Sprintf("%s: at %d h of chrony's ", x.name, horizons[i]/3600)
	switch {
	case !ok:
	case x.name == hold2.name:
		b.ask(what+"median", of, shortLock)
	case sensors:
		b.ask(what+"on the same trace, median", paired, 1/a.parts[i])
	default:
		b.ask(what+"median", of, blindMedian)
		b.ask(what+"p95", of95, blindP95)
	}
}

// printPaired compares a holdover with another one through the same hours.
func (b *bench) printPaired(x experiment, of string, rs, other []result, most float64) {
	for i, h := range horizons {
		errors, others := column(rs, i), column(other, i)
		others = others[:min(len(others), len(errors))]
		r := ratios(errors, others)
		fmt.Fprintf(b.out, "%-8s %2d h: %s us; %s %s us; median over median %.3g, paired %.3g\n", x.name, h/3600,
			spread(errors), of, spread(others), median(errors)/median(others), median(r))
		b.bySeed("of that", r)
		b.ask(fmt.Sprintf("%s: median at %d h over that of %s", x.name, h/3600, of), median(errors)/median(others), most)
	}
	b.printBound(x, rs)
}

// pool adds up what became of the bound, and its coverage in the worst run.
func pool(rs []result) (pooled direct.Score, worst [direct.Buckets]float64) {
	worst = [direct.Buckets]float64{1, 1, 1, 1}
	for i := range rs {
		pooled.Merge(&rs[i].score)
		for j := range rs[i].score.Bucket {
			if s := &rs[i].score.Bucket[j]; s.Samples > 0 {
				worst[j] = min(worst[j], s.Coverage())
			}
		}
	}
	return pooled, worst
}

// printBound says how often the bound held, its tightness, and what was dishonest.
func (b *bench) printBound(x experiment, rs []result) {
	pooled, worst := pool(rs)
	fmt.Fprintf(b.out, "         dishonest %d of %d\n", pooled.Dishonest, pooled.Synchronised)
	for i := range pooled.Bucket {
		if s := &pooled.Bucket[i]; s.Samples > 0 {
			fmt.Fprintf(b.out, "         %v: bound held %.5f, in the worst seed %.4f; tightness %.2f, of the pulse part %.2f; within 1 ms %.4f\n",
				direct.Bucket(i), s.Coverage(), worst[i], s.Tightness(), s.PulseTightness(), s.Serving())
		}
	}
	b.askBound(x, &pooled, &worst)
}
