package gnss

import (
	"encoding/json"
	"testing"

	"timeball/gnss/timescale"
)

func TestSecondIsTheOneThatIsMeant(t *testing.T) {
	const s = timescale.Second
	for _, tt := range []struct {
		name    string
		utc     timescale.UTC
		want    timescale.UTC
		between bool
	}{
		{"on it", 10 * s, 10 * s, false},
		{"300 ns before it", 10*s - 300, 10 * s, false},
		{"a millisecond before it, as generation 4 sends", 10*s - 1_001_893, 10 * s, false},
		{"a millisecond behind it", 10*s + 1e6, 10 * s, false},
		{"as far as it may be rounded up", 10*s - 5e6, 10 * s, false},
		{"farther", 10*s - 5e6 - 1, 9 * s, true},
		{"at .990, as some receivers solve", 10*s + 99e7, 10 * s, true},
		{"at .2, five times a second", 10*s + 2e8, 10 * s, true},
		{"before 1970", -300, 0, false},
		{"between two before 1970", -s / 2, -s, true},
	} {
		got, ok := TimeMark{UTC: tt.utc}.Second()
		if got != tt.want || ok == tt.between {
			t.Errorf("%s: %d, %v, want %d, %v", tt.name, got, ok, tt.want, !tt.between)
		}
	}
}

func TestHealthIsReadBack(t *testing.T) {
	for a := AntennaUnknown; a <= AntennaShort; a++ {
		for th := ThreatUnknown; th <= ThreatCritical; th++ {
			want := Health{Antenna: a, Jamming: th, Spoofing: ThreatCritical - th}
			b, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			var got Health
			if err := json.Unmarshal(b, &got); err != nil || got != want {
				t.Errorf("%s is %+v, %v", b, got, err)
			}
		}
	}
	const want = `{"arrival":0,"message":"","antenna":"open","jamming":"warning","spoofing":"none","tone":0,"gain":0}`
	if b, err := json.Marshal(Health{Antenna: AntennaOpen, Jamming: ThreatWarning, Spoofing: ThreatNone}); string(b) != want {
		t.Errorf("%s, %v, want %s", b, err, want)
	}
	var h Health
	if err := json.Unmarshal([]byte(`{"antenna":"loose","jamming":"?"}`), &h); err != nil || h.Antenna != AntennaUnknown || h.Jamming != ThreatUnknown {
		t.Errorf("%+v, %v, want unknown", h, err)
	}
	if got := Antenna(99).String() + Threat(99).String(); got != "unknownunknown" {
		t.Errorf("beyond the names: %q", got)
	}
}

func TestReasonOf(t *testing.T) {
	for want, c := range map[string]timescale.Civil{
		ReasonTime: {Year: 2026, Month: 1, Day: 1, Hour: 24}, ReasonDate: {Year: 2026, Month: 13, Day: 1},
	} {
		if _, err := c.UTC(); ReasonOf(err) != want {
			t.Errorf("ReasonOf(%v) = %q, want %q", err, ReasonOf(err), want)
		}
	}
	r := &Refused{"ubx", ReasonTime, "NAV-PVT", "hour 24"}
	if r.Error() != "ubx: time: NAV-PVT: hour 24" {
		t.Error(r)
	}
}
