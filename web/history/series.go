package history

import (
	"slices"
	"time"

	"timeball/web/api"
)

// figure is one figure of a status, or how it has changed since the status before.
type figure struct {
	name string
	of   func(now, before *sample) *float64
}

// series are what is kept, in the order in which it is shown.
var series = [...]figure{
	{"offset_seconds", status(func(s *api.Status) *float64 { return s.OffsetSeconds })},
	{"precision_seconds", status(func(s *api.Status) *float64 { return s.PrecisionSeconds })},
	{"bound_seconds", status(func(s *api.Status) *float64 { return s.BoundSeconds })},
	{"root_dispersion_seconds", status(func(s *api.Status) *float64 { return s.RootDispersionSeconds })},
	{"frequency_ratio", status(func(s *api.Status) *float64 { return s.FrequencyRatio })},
	{"temperature_celsius", status(func(s *api.Status) *float64 { return s.TemperatureCelsius })},
	{"utilisation", status(func(s *api.Status) *float64 { return s.Utilisation })},
	{"satellites_used", status(satellites)},
	{"cn0_median_dbhz", status(medianCN0)},
	{"pulses_refused_per_second", rate(func(s *api.Status) uint64 { return s.PulsesRefused })},
	{"ntp_answered_per_second", rate(func(s *api.Status) uint64 { return s.RequestsAnswered })},
	{"ntp_refused_per_second", rate(func(s *api.Status) uint64 { return s.RequestsRefused })},
	{"mode", status(mode)},
	{"sim_error_seconds", status(func(s *api.Status) *float64 { return s.SimErrorSeconds })},
}

const width = len(series)

// Modes are the values of the series "mode": the index in this list, so that the greatest of a bucket is the worst.
var Modes = []string{"locked", "holdover", "acquiring", "free-running", "quarantine"}

// Series returns the names of all series.
func Series() []string {
	names := make([]string, width)
	for i := range series {
		names[i] = series[i].name
	}
	return names
}

// sample is one status and when it was taken.
type sample struct {
	at     time.Duration // of a clock that is never stepped
	status *api.Status
}

func status(of func(*api.Status) *float64) func(now, before *sample) *float64 {
	return func(now, _ *sample) *float64 { return of(now.status) }
}

// rate is how fast a counter grows; unknown after a gap or a restart of what counts.
func rate(of func(*api.Status) uint64) func(now, before *sample) *float64 {
	return func(now, before *sample) *float64 {
		if before.status == nil || now.at-before.at > maxGap || now.at <= before.at {
			return nil
		}
		n, m := of(now.status), of(before.status)
		if n < m {
			return nil
		}
		return new(float64(n-m) / (now.at - before.at).Seconds())
	}
}

func satellites(s *api.Status) *float64 {
	if s.SatellitesUsed == nil {
		return nil
	}
	return new(float64(*s.SatellitesUsed))
}

// medianCN0 is the median of what is tracked.
func medianCN0(s *api.Status) *float64 {
	var tracked []float64
	for _, seen := range s.Satellites {
		if seen.CN0DBHz != nil {
			tracked = append(tracked, *seen.CN0DBHz)
		}
	}
	if len(tracked) == 0 {
		return nil
	}
	slices.Sort(tracked)
	return new(tracked[len(tracked)/2])
}

func mode(s *api.Status) *float64 {
	i := slices.Index(Modes, s.Mode)
	if i < 0 {
		return nil
	}
	return new(float64(i))
}
