package verdict

import (
	"strings"
	"testing"

	"timeball/web/api"
)

func TestWitness(t *testing.T) {
	for _, tt := range []struct {
		witness api.Witness
		want    string
	}{
		{api.Witness{State: "waiting"}, "has not answered yet"},
		{
			api.Witness{State: "agrees", OffsetSeconds: new(-1.24e-3), DistanceSeconds: new(20.1e-3), Stratum: new(2), AskedSeconds: new(725.0)},
			"agrees, −1.24 ms ± 21 ms, stratum 2, asked 12 min ago",
		},
		{api.Witness{State: "disagrees", OffsetSeconds: new(3600.0), DistanceSeconds: new(0.0)}, "disagrees, +3 600 s ± 0 ns"},
		{api.Witness{State: "silent", Text: "no answer within 5s", AskedSeconds: new(3.0)}, "no usable answer: no answer within 5s, asked 3 s ago"},
		{api.Witness{State: "<new>"}, "<new>"},
	} {
		if got := strings.ReplaceAll(Witness(tt.witness), "\u00a0", " "); got != tt.want {
			t.Errorf("Witness(%+v) = %q, want %q", tt.witness, got, tt.want)
		}
	}
}
