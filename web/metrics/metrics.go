// Package metrics writes a unit's status in the text format of Prometheus.
//
// Every name carries its unit: seconds, ratio, celsius. A value that is not known is absent, never 0; a state is one
// series for each of its values, 1 for the one that holds. What cannot be written as a number is left out, and nothing
// here fails.
package metrics

import (
	"io"
	"math"
	"strings"

	prom "github.com/VictoriaMetrics/metrics"

	"timeball/web/api"
)

// ContentType is the media type of what Write writes.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

var (
	modes = []string{"free-running", "acquiring", "locked", "holdover", "quarantine"}
	leaps = []string{"none", "insert", "delete", "unsynchronized"}

	severities = []string{"inform", "alarm", "holdover"}
)

func init() { prom.ExposeMetadata(true) }

// Write writes all that is known in s.
func Write(w io.Writer, s api.Status) {
	set := prom.NewSet()
	gauges(set, s)
	states(set, s)
	conditions(set, s)
	counters(set, s)
	set.WritePrometheus(w)
}

func gauges(set *prom.Set, s api.Status) {
	for name, v := range map[string]*float64{
		"timeball_offset_seconds":          s.OffsetSeconds,
		"timeball_precision_seconds":       s.PrecisionSeconds,
		"timeball_bias_seconds":            s.BiasSeconds,
		"timeball_bias_sigma_seconds":      s.BiasSigmaSeconds,
		"timeball_bound_seconds":           s.BoundSeconds,
		"timeball_bound_pulse_seconds":     s.BoundPulseSeconds,
		"timeball_bound_capture_seconds":   s.BoundCaptureSeconds,
		"timeball_bound_reference_seconds": s.BoundReferenceSeconds,
		"timeball_root_dispersion_seconds": s.RootDispersionSeconds,
		"timeball_frequency_ratio":         s.FrequencyRatio,
		"timeball_frequency_sigma_ratio":   s.FrequencySigmaRatio,
		"timeball_temperature_celsius":     s.TemperatureCelsius,
		"timeball_utilisation_ratio":       s.Utilisation,
		"timeball_satellites_used":         number(s.SatellitesUsed),
		"timeball_tai_offset_seconds":      number(s.TAIOffsetSeconds),
		"timeball_sim_error_seconds":       s.SimErrorSeconds,
		"timeball_stratum":                 number(&s.Stratum),
		"timeball_uptime_seconds":          &s.UptimeSeconds,
		"timeball_mode_seconds":            &s.ModeSeconds,
	} {
		gauge(set, name, v)
	}
	if s.LeapSeconds != nil {
		gauge(set, "timeball_leap_list_expires_timestamp_seconds", new(float64(s.LeapSeconds.ListExpiresUnixSeconds)))
	}
	for _, w := range s.Witnesses {
		gauge(set, `timeball_witness_offset_seconds{witness="`+label(w.Name)+`"}`, w.OffsetSeconds)
		gauge(set, `timeball_witness_distance_seconds{witness="`+label(w.Name)+`"}`, w.DistanceSeconds)
		gauge(set, `timeball_witness_disagrees{witness="`+label(w.Name)+`"}`, truth(w.State == "disagrees"))
	}
	if s.Satellites != nil {
		gauge(set, "timeball_satellites_in_view", new(float64(len(s.Satellites))))
	}
}

// conditions are what speaks against the receiver: how much of each severity, and 1 for each by name.
func conditions(set *prom.Set, s api.Status) {
	if s.Conditions == nil {
		return
	}
	n := map[string]int{}
	for _, c := range s.Conditions {
		n[c.Severity]++
		gauge(set, `timeball_condition{condition="`+label(c.Name)+`"}`, new(1.0))
	}
	for _, severity := range severities {
		gauge(set, `timeball_conditions{severity="`+severity+`"}`, new(float64(n[severity])))
	}
}

func states(set *prom.Set, s api.Status) {
	for _, mode := range modes {
		gauge(set, `timeball_mode{mode="`+mode+`"}`, truth(s.Mode == mode))
	}
	for _, leap := range leaps {
		gauge(set, `timeball_leap{leap="`+leap+`"}`, truth(s.Leap == leap))
	}
	gauge(set, "timeball_locked", truth(s.Mode == "locked"))
	gauge(set, "timeball_simulated", truth(s.Simulated))
	gauge(set, `timeball_info{version="`+label(s.Version)+`",board="`+label(s.Board)+`"}`, new(1.0))
}

func counters(set *prom.Set, s api.Status) {
	for name, n := range map[string]uint64{
		`timeball_ntp_requests_total{result="answered"}`: s.RequestsAnswered,
		`timeball_ntp_requests_total{result="refused"}`:  s.RequestsRefused,
		`timeball_pulses_total{result="accepted"}`:       s.PulsesAccepted,
		`timeball_pulses_total{result="refused"}`:        s.PulsesRefused,
	} {
		set.NewCounter(name).Set(n)
	}
}

func gauge(set *prom.Set, name string, v *float64) {
	if v == nil || math.IsNaN(*v) || math.IsInf(*v, 0) {
		return
	}
	set.NewGauge(name, nil).Set(*v)
}

func number(n *int) *float64 {
	if n == nil {
		return nil
	}
	return new(float64(*n))
}

func truth(is bool) *float64 {
	if is {
		return new(1.0)
	}
	return new(0.0)
}

// label makes text safe between the quotes of a label. The library refuses quotes and backslashes inside of them, escaped
// or not, so they are replaced.
func label(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == '"' || r == '\\' || r == '{' || r == '}' {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(text, "_"))
}
