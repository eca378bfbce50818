// Package metrics writes a unit's status in the text format of Prometheus.
//
// Every name carries its unit: seconds, ratio, celsius; what only grows ends in _total; each has a line of help. A value
// that is not known is absent, never 0; a state is one series for each of its values, 1 for the one that holds. What cannot
// be written as a number is left out, and nothing here fails.
package metrics

import (
	"io"
	"maps"
	"slices"
	"strconv"

	"timeball/web/alarm"
	"timeball/web/api"
)

var (
	modes = []string{"free-running", "acquiring", "locked", "holdover", "quarantine"}
	leaps = []string{"none", "insert", "delete", "unsynchronized"}

	severities = []string{"inform", "alarm", "holdover"}
)

// Write writes all that is known in s, and more.
func Write(w io.Writer, s api.Status, more ...Family) error {
	var b []byte
	for _, families := range [][]Family{loop(s), unit(s), sky(s), leap(s), service(s), more} {
		for _, f := range families {
			b = f.text(b)
		}
	}
	_, err := w.Write(b)
	return err
}

// gauge is a family of at most one sample.
func gauge(name, help string, v *float64) Family {
	f := Family{Name: name, Kind: "gauge", Help: help}
	if v != nil {
		f.Samples = []Sample{{Value: *v}}
	}
	return f
}

// state is a family with a sample for each value, 1 for the one that holds.
func state(name, help, label string, all []string, is string) Family {
	f := Family{Name: name, Kind: "gauge", Help: help}
	for _, v := range all {
		f.Samples = append(f.Samples, Sample{Labels: []string{label, v}, Value: one(v == is)})
	}
	return f
}

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func number(n *int) *float64 {
	if n == nil {
		return nil
	}
	return new(float64(*n))
}

func truth(is *bool) *float64 {
	if is == nil {
		return nil
	}
	return new(one(*is))
}

func loop(s api.Status) []Family {
	return []Family{
		state("timeball_mode", "What the loop does: 1 for the mode it is in.", "mode", modes, s.Mode),
		gauge("timeball_mode_seconds", "Time since the mode last changed.", &s.ModeSeconds),
		gauge("timeball_locked", "1 while the clock follows the pulse.", new(one(s.Mode == "locked"))),
		gauge("timeball_offset_seconds", "Clock minus reference; positive is fast.", s.OffsetSeconds),
		gauge("timeball_precision_seconds", "One sigma of the loop.", s.PrecisionSeconds),
		gauge("timeball_bias_seconds", "Latency of the edge capture that was taken off.", s.BiasSeconds),
		gauge("timeball_bias_sigma_seconds", "One sigma of what is not known of the bias.", s.BiasSigmaSeconds),
		gauge("timeball_bound_seconds", "The error of the clock is at most this.", s.BoundSeconds),
		gauge("timeball_bound_pulse_seconds", "Part of the bound: the loop.", s.BoundPulseSeconds),
		gauge("timeball_bound_capture_seconds", "Part of the bound: the edge capture.", s.BoundCaptureSeconds),
		gauge("timeball_bound_reference_seconds", "Part of the bound: receiver, cable and UTC.", s.BoundReferenceSeconds),
		parts(s.BoundParts),
		jitter(s.EdgeJitter),
		gauge("timeball_limit_seconds", "Above this bound nothing is served.", s.LimitSeconds),
		gauge("timeball_frequency_ratio", "Fractional frequency of the oscillator; positive runs fast.", s.FrequencyRatio),
		gauge("timeball_frequency_sigma_ratio", "One sigma of the frequency.", s.FrequencySigmaRatio),
		{Name: "timeball_pulses_total", Kind: "counter", Help: "Pulses by what became of them.", Samples: []Sample{
			{Labels: []string{"result", "accepted"}, Value: float64(s.PulsesAccepted)}, {Labels: []string{"result", "refused"}, Value: float64(s.PulsesRefused)},
		}},
		{Name: "timeball_clock_steps_total", Kind: "counter", Help: "Steps of the served clock.", Samples: []Sample{{Value: float64(s.ClockSteps)}}},
		rehearsed(s.HoldoverRehearsed),
		gauge("timeball_sim_error_seconds", "True error of the clock of a simulated board.", s.SimErrorSeconds),
	}
}

// parts are those of the bound that are counted.
func parts(all []api.BoundPart) Family {
	f := Family{Name: "timeball_bound_part_seconds", Kind: "gauge", Help: "Causes of the bound, which is their sum."}
	for _, p := range all {
		if p.Seconds != nil {
			f.Samples = append(f.Samples, Sample{Labels: []string{"part", p.Name}, Value: *p.Seconds})
		}
	}
	return f
}

// summary appends a histogram's quantiles of late, and the count and sum of all its values, as Prometheus has them.
func summary(f *Family, h *api.Histogram, labels ...string) {
	for _, of := range []struct {
		share string
		value *float64
	}{{"0.5", h.MedianSeconds}, {"0.99", h.P99Seconds}} {
		if of.value != nil {
			f.Samples = append(f.Samples, Sample{Labels: append(slices.Clone(labels), "quantile", of.share), Value: *of.value})
		}
	}
	f.Samples = append(f.Samples, Sample{Labels: labels, Value: h.SumSeconds, Of: "_sum"}, Sample{Labels: labels, Value: float64(h.Count), Of: "_count"})
}

func jitter(h *api.Histogram) Family {
	f := Family{Name: "timeball_edge_jitter_seconds", Kind: "summary", Help: "Edges minus the loop's predictions while locked; quantiles of the last hour, positive is late."}
	if h != nil {
		summary(&f, h)
	}
	return f
}

func latency(all []api.MessageLatency) Family {
	f := Family{Name: "timeball_message_latency_seconds", Kind: "summary", Help: "From a pulse to the first byte of the message that names it, by type of message; quantiles of the last ten minutes."}
	for i := range all {
		summary(&f, &all[i].Latency, "message", all[i].Message)
	}
	return f
}

func rehearsed(all []api.RehearsedPoint) Family {
	f := Family{Name: "timeball_holdover_rehearsed_seconds", Kind: "gauge", Help: "What rehearsed holdovers erred, by their length and the share that erred no more."}
	for _, p := range all {
		after := strconv.FormatFloat(p.AfterSeconds, 'f', -1, 64)
		f.Samples = append(f.Samples, Sample{Labels: []string{"after_seconds", after, "share", "0.5"}, Value: p.MedianSeconds}, Sample{Labels: []string{"after_seconds", after, "share", "0.95"}, Value: p.P95Seconds})
	}
	return f
}

func unit(s api.Status) []Family {
	return []Family{
		{Name: "timeball_info", Kind: "gauge", Help: "1, with what the unit is.", Samples: []Sample{{Labels: []string{"version", s.Version, "board", s.Board}, Value: 1}}},
		gauge("timeball_simulated", "1 if the board is simulated.", new(one(s.Simulated))),
		gauge("timeball_uptime_seconds", "Time since the unit was started.", &s.UptimeSeconds),
		gauge("timeball_temperature_celsius", "Temperature of the processor.", s.TemperatureCelsius),
		gauge("timeball_utilisation_ratio", "Share of the processor that is in use.", s.Utilisation),
		gauge("timeball_undervoltage", "1 while the supply is too low.", truth(s.Undervoltage)),
		gauge("timeball_throttled", "1 while the processor is slowed down.", truth(s.Throttled)),
	}
}

func sky(s api.Status) []Family {
	f := []Family{latency(s.MessageLatency), gauge("timeball_satellites_used", "Satellites in the receiver's solution.", number(s.SatellitesUsed))}
	if s.Satellites != nil {
		f = append(f, gauge("timeball_satellites_in_view", "Satellites the receiver tells of.", new(float64(len(s.Satellites)))))
	}
	if s.Conditions == nil {
		return f
	}
	n := map[string]int{}
	now := Family{Name: "timeball_condition", Kind: "gauge", Help: "1 for each thing that speaks against the receiver."}
	for _, c := range s.Conditions {
		n[c.Severity]++
		now.Samples = append(now.Samples, Sample{Labels: []string{"condition", c.Name}, Value: 1})
	}
	sum := Family{Name: "timeball_conditions", Kind: "gauge", Help: "How many things speak against the receiver, by severity."}
	for _, severity := range severities {
		sum.Samples = append(sum.Samples, Sample{Labels: []string{"severity", severity}, Value: float64(n[severity])})
	}
	return append(f, now, sum)
}

func leap(s api.Status) []Family {
	f := []Family{
		state("timeball_leap", "Leap indicator that clients are sent: 1 for the one that holds.", "leap", leaps, s.Leap),
		gauge("timeball_tai_offset_seconds", "TAI minus UTC.", number(s.TAIOffsetSeconds)),
	}
	policy := Family{Name: "timeball_listener_info", Kind: "gauge", Help: "1, with what an address that is answered at does about leap seconds."}
	smear := Family{Name: "timeball_listener_smear_seconds", Kind: "gauge", Help: "By how much an address that smears shows more than UTC now."}
	for _, l := range s.Listeners {
		policy.Samples = append(policy.Samples, Sample{Labels: []string{"listener", l.Address, "policy", l.LeapPolicy}, Value: 1})
		if l.SmearSeconds != nil {
			smear.Samples = append(smear.Samples, Sample{Labels: []string{"listener", l.Address}, Value: *l.SmearSeconds})
		}
	}
	f = append(f, policy, smear)
	if s.LeapSeconds != nil {
		expires := float64(s.LeapSeconds.ListExpiresUnixSeconds)
		f = append(f, gauge("timeball_leap_list_expires_timestamp_seconds", "From this Unix time on the list of leap seconds tells nothing.", &expires))
	}
	return f
}

func service(s api.Status) []Family {
	offset := Family{Name: "timeball_witness_offset_seconds", Kind: "gauge", Help: "Clock minus that of a witness, at its last answer."}
	distance := Family{Name: "timeball_witness_distance_seconds", Kind: "gauge", Help: "By how much a witness may be wrong."}
	disagrees := Family{Name: "timeball_witness_disagrees", Kind: "gauge", Help: "1 while a witness contradicts this unit."}
	for _, w := range s.Witnesses {
		label := []string{"witness", w.Name}
		if w.OffsetSeconds != nil {
			offset.Samples = append(offset.Samples, Sample{Labels: label, Value: *w.OffsetSeconds})
		}
		if w.DistanceSeconds != nil {
			distance.Samples = append(distance.Samples, Sample{Labels: label, Value: *w.DistanceSeconds})
		}
		disagrees.Samples = append(disagrees.Samples, Sample{Labels: label, Value: one(w.State == "disagrees")})
	}
	return []Family{
		gauge("timeball_stratum", "Stratum that clients are sent; 16 is unsynchronised.", number(&s.Stratum)),
		gauge("timeball_root_dispersion_seconds", "Root dispersion that clients are sent.", s.RootDispersionSeconds),
		{Name: "timeball_ntp_requests_total", Kind: "counter", Help: "NTP requests by what became of them.", Samples: []Sample{
			{Labels: []string{"result", "answered"}, Value: float64(s.RequestsAnswered)}, {Labels: []string{"result", "refused"}, Value: float64(s.RequestsRefused)},
		}},
		offset, distance, disagrees,
	}
}

// Events returns what is known of events and of who is told of them.
func Events(s alarm.State, channels []api.Channel) []Family {
	active := Family{Name: "timeball_alarm", Kind: "gauge", Help: "1 while an event is active, by its name."}
	for _, name := range alarm.Names() {
		_, is := s.Active[name]
		active.Samples = append(active.Samples, Sample{Labels: []string{"alarm", name}, Value: one(is)})
	}
	bySeverity := map[string]int{}
	for _, severity := range s.Active {
		bySeverity[severity]++
	}
	sum := Family{Name: "timeball_alarms", Kind: "gauge", Help: "How many events are active, by severity."}
	for _, severity := range []string{api.SeverityAlarm, api.SeverityWarning, api.SeverityNote} {
		sum.Samples = append(sum.Samples, Sample{Labels: []string{"severity", severity}, Value: float64(bySeverity[severity])})
	}
	began := Family{Name: "timeball_events_total", Kind: "counter", Help: "How often an event began."}
	for _, name := range slices.Sorted(maps.Keys(s.Began)) {
		began.Samples = append(began.Samples, Sample{Labels: []string{"event", name}, Value: float64(s.Began[name])})
	}
	told := Family{Name: "timeball_notifications_total", Kind: "counter", Help: "Messages about events by what became of them; failed ones are tried again."}
	for _, c := range channels {
		if c.Target == "/metrics" { // it is fetched
			continue
		}
		for _, r := range []struct {
			result string
			n      uint64
		}{{"sent", c.Sent}, {"failed", c.Failed}, {"dropped", c.Dropped}} {
			told.Samples = append(told.Samples, Sample{Labels: []string{"channel", c.Name, "result", r.result}, Value: float64(r.n)})
		}
	}
	return []Family{active, sum, began, told}
}
