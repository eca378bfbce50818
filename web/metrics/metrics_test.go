package metrics

import (
	"math"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"timeball/web/alarm"
	"timeball/web/api"
)

func write(s api.Status) string {
	var b strings.Builder
	state := alarm.State{Active: map[string]string{"jamming": "alarm"}, Began: map[string]uint64{"jamming": 2, "started": 1}}
	Write(&b, s, Events(state, []api.Channel{{Name: "syslog", Target: "udp://x", Sent: 3}, {Name: "prometheus", Target: "/metrics"}})...)
	return b.String()
}

func TestWriteNamesWhatIsKnown(t *testing.T) {
	got := write(api.Status{
		Mode: "locked", Leap: "none", Stratum: 1, OffsetSeconds: new(-6e-9), BoundSeconds: new(1.868e-6), FrequencyRatio: new(-7.354e-6),
		SatellitesUsed: new(14), RequestsAnswered: 86398, RequestsRefused: 2, Version: `1"2\3{`, Board: "Raspberry Pi 4\n",
		Listeners:  []api.Listener{{Address: "[::]:123", LeapPolicy: "smear", SmearSeconds: new(-0.25)}},
		EdgeJitter: &api.Histogram{MedianSeconds: new(1e-8), Count: 3600, SumSeconds: -2e-6},
		MessageLatency: []api.MessageLatency{
			{Message: "RMC", Latency: api.Histogram{MedianSeconds: new(0.085), P99Seconds: new(0.095), Count: 600, SumSeconds: 51}},
			{Message: "ZDA", Latency: api.Histogram{MedianSeconds: new(0.3), Count: 6, SumSeconds: 1.8}},
		},
		BoundParts:        []api.BoundPart{{Name: "cable"}, {Name: "capture", Seconds: new(1e-6)}, {Name: "loop", Seconds: new(2e-7)}},
		HoldoverRehearsed: []api.RehearsedPoint{{AfterSeconds: 64, MedianSeconds: 1e-9, P95Seconds: 3e-9}},
		Satellites:        []api.Satellite{{}, {}},
		Conditions:        []api.Condition{{Name: "jam\"ming", Severity: "holdover"}, {Name: "few-satellites", Severity: "inform"}},
		Witnesses:         []api.Witness{{Name: `a"b`, State: "disagrees", OffsetSeconds: new(1.5)}},
	})
	for _, want := range []string{
		"\n# TYPE timeball_offset_seconds gauge\ntimeball_offset_seconds -6e-09\n",
		"\ntimeball_bound_seconds 1.868e-06\n",
		"\n# TYPE timeball_bound_part_seconds gauge\ntimeball_bound_part_seconds{part=\"capture\"} 1e-06\ntimeball_bound_part_seconds{part=\"loop\"} 2e-07\n",
		"\ntimeball_listener_info{listener=\"[::]:123\",policy=\"smear\"} 1\n", "\ntimeball_listener_smear_seconds{listener=\"[::]:123\"} -0.25\n",
		"\n# TYPE timeball_edge_jitter_seconds summary\ntimeball_edge_jitter_seconds{quantile=\"0.5\"} 1e-08\ntimeball_edge_jitter_seconds_sum -2e-06\ntimeball_edge_jitter_seconds_count 3600\n",
		"\ntimeball_message_latency_seconds{message=\"RMC\",quantile=\"0.99\"} 0.095\ntimeball_message_latency_seconds_sum{message=\"RMC\"} 51\ntimeball_message_latency_seconds_count{message=\"RMC\"} 600\n",
		"\ntimeball_message_latency_seconds_count{message=\"ZDA\"} 6\n",
		"\ntimeball_holdover_rehearsed_seconds{after_seconds=\"64\",share=\"0.95\"} 3e-09\n",
		"\ntimeball_frequency_ratio -7.354e-06\n",
		"\ntimeball_satellites_used 14\n",
		"\ntimeball_satellites_in_view 2\n",
		"\ntimeball_conditions{severity=\"holdover\"} 1\n",
		"\ntimeball_conditions{severity=\"alarm\"} 0\n",
		"\ntimeball_condition{condition=\"jam\\\"ming\"} 1\n",
		"\ntimeball_mode{mode=\"locked\"} 1\n",
		"\ntimeball_mode{mode=\"holdover\"} 0\n",
		"\ntimeball_locked 1\n",
		"\n# TYPE timeball_ntp_requests_total counter\ntimeball_ntp_requests_total{result=\"answered\"} 86398\ntimeball_ntp_requests_total{result=\"refused\"} 2\n",
		"\ntimeball_witness_offset_seconds{witness=\"a\\\"b\"} 1.5\n",
		"\ntimeball_witness_disagrees{witness=\"a\\\"b\"} 1\n",
		"\ntimeball_alarm{alarm=\"jamming\"} 1\n",
		"\ntimeball_alarm{alarm=\"lock-lost\"} 0\n",
		"\ntimeball_alarms{severity=\"alarm\"} 1\n",
		"\ntimeball_events_total{event=\"jamming\"} 2\n",
		"\ntimeball_notifications_total{channel=\"syslog\",result=\"sent\"} 3\n",
		"\ntimeball_info{version=\"1\\\"2\\\\3{\",board=\"Raspberry Pi 4\\n\"} 1\n",
	} {
		if !strings.Contains("\n"+got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestWriteLeavesOutWhatIsUnknown(t *testing.T) {
	got := write(api.Status{OffsetSeconds: new(math.NaN()), BoundSeconds: new(math.Inf(1))})
	for _, name := range []string{"offset", "bound", "precision", "frequency", "satellites", "temperature", "sim_error", "tai_offset"} {
		if strings.Contains(got, "timeball_"+name) {
			t.Errorf("timeball_%s is written although it is not known:\n%s", name, got)
		}
	}
}

// everything is a status of which all is known.
func everything() api.Status {
	return api.Status{
		Mode: "locked", Leap: "none", Stratum: 1, OffsetSeconds: new(1e-9), PrecisionSeconds: new(1e-9), BiasSeconds: new(1e-9),
		BiasSigmaSeconds: new(1e-9), BoundSeconds: new(1e-9), BoundPulseSeconds: new(1e-9), BoundCaptureSeconds: new(1e-9),
		BoundReferenceSeconds: new(1e-9), LimitSeconds: new(1e-3), RootDispersionSeconds: new(1e-9), FrequencyRatio: new(1e-9),
		FrequencySigmaRatio: new(1e-9), TemperatureCelsius: new(40.0), Utilisation: new(0.1), Undervoltage: new(false), Throttled: new(true),
		SatellitesUsed: new(3), TAIOffsetSeconds: new(37), SimErrorSeconds: new(1e-9), Satellites: []api.Satellite{{}},
		LeapSeconds: &api.LeapSeconds{}, Version: "1.0", Board: "b", Conditions: []api.Condition{{Name: "jamming", Severity: "alarm"}},
		Witnesses:      []api.Witness{{Name: "n", State: "agrees", OffsetSeconds: new(1.0), DistanceSeconds: new(1.0)}},
		EdgeJitter:     &api.Histogram{MedianSeconds: new(1e-8), P99Seconds: new(1e-6), Count: 3600, SumSeconds: 1e-3},
		MessageLatency: []api.MessageLatency{{Message: "RMC", Latency: api.Histogram{MedianSeconds: new(0.085), P99Seconds: new(0.1), Count: 600, SumSeconds: 51}}},
		Listeners:      []api.Listener{{Address: "0.0.0.0:123", LeapPolicy: "smear", SmearSeconds: new(0.1)}},
		BoundParts:     []api.BoundPart{{Name: "loop", Seconds: new(1e-9)}}, HoldoverRehearsed: []api.RehearsedPoint{{AfterSeconds: 16, MedianSeconds: 1e-9, P95Seconds: 2e-9}},
	}
}

func TestWriteFollowsTheConventions(t *testing.T) {
	text := write(everything())
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range families {
		if f.GetHelp() == "" || !strings.HasSuffix(f.GetHelp(), ".") {
			t.Errorf("%s: help %q is no sentence", name, f.GetHelp())
		}
		if counts := f.GetType() == dto.MetricType_COUNTER; counts != strings.HasSuffix(name, "_total") {
			t.Errorf("%s is a %v", name, f.GetType())
		}
		if !strings.HasPrefix(name, "timeball_") {
			t.Errorf("%s is not named after the program", name)
		}
	}
	if len(families) < 35 {
		t.Errorf("%d families, want all", len(families))
	}
	if got, err := parser.TextToMetricFamilies(strings.NewReader(write(api.Status{Version: "\"\\\n\xff"}))); err != nil || got["timeball_info"].Metric[0].Label[0].GetValue() != "\"\\\n\ufffd" {
		t.Errorf("odd text in a label: %v, %v", got["timeball_info"], err)
	}
}

// kept is every name there has been: who collects them relies on it.
var kept = strings.Fields(`timeball_offset_seconds timeball_precision_seconds timeball_bias_seconds timeball_bias_sigma_seconds
	timeball_bound_seconds timeball_bound_pulse_seconds timeball_bound_capture_seconds timeball_bound_reference_seconds
	timeball_root_dispersion_seconds timeball_frequency_ratio timeball_frequency_sigma_ratio timeball_temperature_celsius
	timeball_utilisation_ratio timeball_satellites_used timeball_tai_offset_seconds timeball_sim_error_seconds timeball_stratum
	timeball_uptime_seconds timeball_mode_seconds timeball_leap_list_expires_timestamp_seconds timeball_witness_offset_seconds
	timeball_witness_distance_seconds timeball_witness_disagrees timeball_satellites_in_view timeball_condition timeball_conditions
	timeball_mode timeball_leap timeball_locked timeball_simulated timeball_info timeball_ntp_requests_total timeball_pulses_total`)

func TestWriteKeepsItsNames(t *testing.T) {
	text := write(everything())
	for _, name := range kept {
		if !strings.Contains(text, "# TYPE "+name+" ") {
			t.Errorf("%s is no longer written", name)
		}
	}
}
