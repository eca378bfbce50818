package metrics

import (
	"math"
	"strings"
	"testing"

	"timeball/web/api"
)

func write(s api.Status) string {
	var b strings.Builder
	Write(&b, s)
	return b.String()
}

func TestWriteNamesWhatIsKnown(t *testing.T) {
	got := write(api.Status{
		Mode: "locked", Leap: "none", Stratum: 1, OffsetSeconds: new(-6e-9), BoundSeconds: new(1.868e-6), FrequencyRatio: new(-7.354e-6),
		SatellitesUsed: new(14), RequestsAnswered: 86398, RequestsRefused: 2, Version: `1"2\3{`, Board: "Raspberry Pi 4\n",
		Satellites: []api.Satellite{{}, {}},
		Conditions: []api.Condition{{Name: "jam\"ming", Severity: "holdover"}, {Name: "few-satellites", Severity: "inform"}},
		Witnesses:  []api.Witness{{Name: `a"b`, State: "disagrees", OffsetSeconds: new(1.5)}},
	})
	for _, want := range []string{
		"\n# TYPE timeball_offset_seconds gauge\ntimeball_offset_seconds -6e-09\n",
		"\ntimeball_bound_seconds 1.868e-06\n",
		"\ntimeball_frequency_ratio -7.354e-06\n",
		"\ntimeball_satellites_used 14\n",
		"\ntimeball_satellites_in_view 2\n",
		"\ntimeball_conditions{severity=\"holdover\"} 1\n",
		"\ntimeball_conditions{severity=\"alarm\"} 0\n",
		"\ntimeball_condition{condition=\"jam_ming\"} 1\n",
		"\ntimeball_mode{mode=\"locked\"} 1\n",
		"\ntimeball_mode{mode=\"holdover\"} 0\n",
		"\ntimeball_locked 1\n",
		"\n# TYPE timeball_ntp_requests_total counter\ntimeball_ntp_requests_total{result=\"answered\"} 86398\ntimeball_ntp_requests_total{result=\"refused\"} 2\n",
		"\ntimeball_witness_offset_seconds{witness=\"a_b\"} 1.5\n",
		"\ntimeball_witness_disagrees{witness=\"a_b\"} 1\n",
		"\ntimeball_info{version=\"1_2_3_\",board=\"Raspberry Pi 4_\"} 1\n",
	} {
		if !strings.Contains("\n"+got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	types := map[string]int{}
	for line := range strings.Lines(got) {
		if strings.HasPrefix(line, "# TYPE ") {
			types[line]++
		}
	}
	for line, n := range types {
		if n != 1 {
			t.Errorf("%q occurs %d times: a scraper refuses the page", line, n)
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
