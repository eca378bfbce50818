package status

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"timeball/web"
	"timeball/web/api"
)

type unit struct{ api.Status }

func (u unit) Clients() api.Clients                                { return api.Clients{} }
func (u unit) Faults() *api.Faults                                 { return nil }
func (u unit) Do(context.Context, api.Command) (api.Result, error) { return api.Result{}, nil }

func (u unit) Now() (earliest, latest *int64, mode string) { return nil, nil, u.Mode }

// snapshot gives the embedded status as the method web.Unit asks for.
type snapshot struct{ unit }

func (s snapshot) Status() api.Status { return s.unit.Status }

func TestRunWritesVerdictAndFigures(t *testing.T) {
	u := snapshot{unit{api.Status{
		Mode: "locked", Leap: "none", Stratum: 1, RefID: new("PPS"), OffsetSeconds: new(-6e-9), PrecisionSeconds: new(104e-9), BiasSeconds: new(5.18e-6),
		BiasSigmaSeconds: new(0.27e-6), BoundSeconds: new(1.868e-6), BoundPulseSeconds: new(0.452e-6), BoundCaptureSeconds: new(1.08e-6),
		BoundReferenceSeconds: new(0.336e-6), RootDispersionSeconds: new(15.2588e-6), FrequencyRatio: new(-7.354e-6), SatellitesUsed: new(14),
		Receiver: new("ZED-F9T\x1b[2J"), ModeSeconds: 273600, UptimeSeconds: 273660, Version: "0.1.0", Board: "Raspberry Pi 4",
		PulsesAccepted: 86398, PulsesRefused: 2, RequestsAnswered: 12,
		Witnesses: []api.Witness{{Name: "a.example", State: "agrees", OffsetSeconds: new(1e-3), DistanceSeconds: new(20e-3)}},
		Conditions: []api.Condition{
			{Name: "antenna-open", Severity: "inform", SinceSeconds: 125, Text: "the receiver finds \x1b no antenna"}, {Name: "few-satellites", Severity: "inform", Text: "4"},
		},
	}}}
	server := httptest.NewServer(web.New(web.Config{}, u))
	defer server.Close()
	want := `Time is good: error at most 1.9 µs, 14 satellites, locked for 3 d 4 h.

  mode         locked for 3 d 4 h
  bound        ≤ 1.868 µs = reference 336 ns + capture 1.08 µs + pulse 452 ns
  offset       −6.0 ns, local minus reference
  precision    100 ns, 1 σ of the loop
  bias         +5.18 ± 0.27 µs, 1 σ, removed
  frequency    −7.354 ppm, positive runs fast
  temperature  –
  processor    –
  condition    antenna-open (inform) for 2 min: the receiver finds . no antenna
  condition    few-satellites (inform) for 0 s: 4
  witness      a.example: agrees, +1.00 ms ± 20 ms
  satellites   14 in use
  receiver     ZED-F9T.[2J
  pulses       86 398 used, 2 refused
  ntp          stratum 1, PPS, leap none, root dispersion 15.26 µs
  requests     12 answered, 0 refused
  unit         Timeball 0.1.0, Raspberry Pi 4, up 3 d 4 h
`
	for _, url := range []string{server.URL, server.URL + "/", strings.TrimPrefix(server.URL, "http://")} {
		var b strings.Builder
		if err := Run(t.Context(), &b, url); err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(b.String(), "\u00a0", " "); got != want {
			t.Errorf("Run(%s) wrote\n%s\nwant\n%s", url, got, want)
		}
	}
}

func TestTextSaysWhatIsNotKnown(t *testing.T) {
	got := Text(api.Status{Mode: "free-running", Stratum: 16, Reason: "no pulse comes on GPIO 4"})
	for _, want := range []string{"Not ready yet: no pulse comes on GPIO 4.\n", "no bound\n", "offset       –\n", "not synchronised, leap indicator 3\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "true error") {
		t.Errorf("a true error on a real board:\n%s", got)
	}
	if got := Text(api.Status{Simulated: true, SimErrorSeconds: new(0.21e-6)}); !strings.Contains(got, "+210\u00a0ns, simulated board") {
		t.Errorf("no true error on a simulated board:\n%s", got)
	}
}

func TestRunNamesWhatWentWrong(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	answer := func(code int, text string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(code)
			w.Write([]byte(text))
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	tests := []struct{ name, url, want string }{
		{"nobody there", "http://" + closed.Addr().String(), "no answer: dial tcp " + closed.Addr().String() + ": connect: connection refused"},
		{"another server", answer(404, "no such\tpage"), "answered 404 Not Found: no such.page"},
		{"a redirect", answer(302, ""), "answered 302 Found"},
		{"no JSON", answer(200, "<html>"), "not a Timeball"},
		{"another API", answer(200, `{"api":2}`), "version 2"},
		{"no URL", "http://a b/", "invalid character"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			err := Run(t.Context(), &b, tt.url)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.url) || b.Len() != 0 {
				t.Errorf("Run = %v, want %q and the address; wrote %q", err, tt.want, b.String())
			}
		})
	}
}
