package page

import (
	"flag"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"timeball/web/api"
	"timeball/web/words"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var site = Site{Name: "tb-a", Scripts: []string{"/s.js"}, Style: "/s.css", Icon: "/i.svg", Build: "b1"}

func lockedStatus() api.Status {
	s := api.Status{
		API: 1, Mode: "locked", Leap: "none", Stratum: 1, RefID: new("PPS"), OffsetSeconds: new(-6e-9), PrecisionSeconds: new(104e-9),
		BiasSeconds: new(5.18e-6), BiasSigmaSeconds: new(0.27e-6), BoundSeconds: new(1.868e-6), RootDispersionSeconds: new(15.2588e-6),
		FrequencyRatio: new(-7.354e-6), FrequencySigmaRatio: new(2.1e-9), TemperatureCelsius: new(47.3), Utilisation: new(0.12),
		SatellitesUsed: new(3), Receiver: new("u-blox <b>ZED-F9T</b>"), UptimeSeconds: 273600, ModeSeconds: 273600, Version: "0.1.0",
		Board: "Raspberry Pi 4", BoundParts: partsOf(0.452e-6), BoundPulseSeconds: new(0.452e-6), BoundCaptureSeconds: new(1.08e-6), BoundReferenceSeconds: new(0.336e-6),
		PulsesAccepted: 86398, PulsesRefused: 2, RequestsAnswered: 1284711, ServedUnixNanoseconds: new(int64(1795269694_500000000)),
		LeapSeconds:      &api.LeapSeconds{ListExpiresUnixSeconds: 1814140800, Listed: "none", Text: "<i>none</i>"},
		TAIOffsetSeconds: new(37), Serial: new("UBX at 115200 baud"), Addresses: []string{"10.4.0.11"},
		Satellites: []api.Satellite{
			{System: "GPS", ID: 5, ElevationDegrees: new(71), AzimuthDegrees: new(15), CN0DBHz: new(47.0), Used: true},
			{System: "BeiDou", ID: 21, ElevationDegrees: new(12), AzimuthDegrees: new(260), CN0DBHz: new(31.5)},
			{System: "Sputnik", ID: 1},
		},
	}
	for _, p := range [][2]float64{{60, 2.0e-6}, {600, 2.4e-6}, {3600, 9.2e-6}, {86400, 850e-6}} {
		s.HoldoverForecast = append(s.HoldoverForecast, api.ForecastPoint{AfterSeconds: p[0], BoundSeconds: p[1]})
	}
	s.Listeners = []api.Listener{
		{Address: "0.0.0.0:123", LeapPolicy: "announce", Leap: "none"},
		{Address: "10.8.0.1:123", LeapPolicy: "suppress", Leap: "none"},
		{Address: "10.9.0.1:123", LeapPolicy: "smear", Leap: "none", SmearSeconds: new(-0.25)},
		{Address: "<b>", LeapPolicy: "<i>new</i>", Leap: "<b>odd</b>"},
	}
	s.OscillatorLaw = &api.OscillatorLaw{
		CentreCelsius: 48, Coefficients: []float64{-7.0e-6, 1.5e-7, -1e-9}, Covariance: []float64{1e-18, 1e-19, 0, 4e-20, 0, 1e-22}, AgeingRatioPerDay: 8e-10, AgeingSigmaRatioPerDay: 3e-10,
	}
	for i := range 8 {
		h := 16 * math.Exp2(float64(i))
		s.HoldoverRehearsed = append(s.HoldoverRehearsed, api.RehearsedPoint{AfterSeconds: h, MedianSeconds: 2e-10 * h, P95Seconds: 5e-10 * h, Rehearsals: 300 - i})
	}
	return s
}

// partsOf is a budget of a capture of 1.08 us and a reference of 336 ns, with a part that this page does not know.
func partsOf(pulse float64) []api.BoundPart {
	counted := func(name string, seconds float64, sigma *float64) api.BoundPart {
		return api.BoundPart{Name: name, State: api.PartCounted, Seconds: &seconds, SigmaSeconds: sigma}
	}
	return []api.BoundPart{
		{Name: "satellites", State: api.PartReference},
		{Name: "receiver", State: api.PartReference, SigmaSeconds: new(31e-9)},
		{Name: "sawtooth", State: api.PartRemoved, SigmaSeconds: new(3e-9)},
		{Name: "cable", State: api.PartReference},
		counted("reference", 0.336e-6, nil),
		counted("capture", 1.08e-6, new(0.27e-6)), counted("jitter", 0.02e-6, new(80e-9)), counted("loop", 0.2e-6, new(50e-9)),
		counted("offset", 6e-9, nil), counted("oscillator", pulse-0.227e-6, new(pulse/4)), counted("<b>new</b>", 1e-9, nil),
	}
}

func statuses() map[string]api.Status {
	locked := lockedStatus()
	locked.Conditions = []api.Condition{}
	locked.Witnesses = []api.Witness{
		{Name: "ntp.example.org", State: "agrees", OffsetSeconds: new(-1.2e-3), DistanceSeconds: new(20e-3), Stratum: new(2), AskedSeconds: new(725.0)},
		{Name: "<b>rtc</b>", State: "disagrees", OffsetSeconds: new(3600.0), DistanceSeconds: new(0.1), AskedSeconds: new(30.0)},
		{Name: "192.0.2.1", State: "silent", Text: "no answer within 5s", AskedSeconds: new(3.0)},
	}
	locked.EdgeJitter, locked.MessageLatency = spreadOf()
	holdover := lockedStatus()
	holdover.EdgeJitter, holdover.MessageLatency = spreadOf()
	holdover.Mode, holdover.ModeSeconds, holdover.BoundSeconds, holdover.BoundPulseSeconds = "holdover", 2820, new(47.2e-6), new(45.784e-6)
	holdover.BoundParts = partsOf(45.784e-6)
	holdover.Reason, holdover.Satellites, holdover.SatellitesUsed = "the antenna has been gone since 14:02 UTC", nil, new(0)
	holdover.Conditions = []api.Condition{
		{Name: "antenna-open", Severity: "holdover", SinceSeconds: 2820, Text: "the receiver finds no antenna: it draws no current"},
		{Name: "jamming", Severity: "alarm", SinceSeconds: 61, Text: "the receiver hears <b>jamming</b>"},
		{Name: "few-satellites", Severity: "inform", SinceSeconds: 3, Text: "4 satellites in use: none is left to check the others"},
	}
	holdover.Simulated, holdover.SimErrorSeconds = true, new(8.2e-6)
	acquiring := api.Status{Mode: "acquiring", Leap: "unsynchronized", Stratum: 16, ModeSeconds: 40, SatellitesUsed: new(6)}
	nobound := lockedStatus()
	nobound.OscillatorLaw, nobound.HoldoverRehearsed = nil, nil
	nobound.BoundSeconds = nil
	nobound.Conditions = []api.Condition{{Name: "flat-signals", Severity: "alarm", SinceSeconds: 86400, Text: "all are equally strong"}}
	quarantine := lockedStatus()
	quarantine.Mode, quarantine.Leap, quarantine.Stratum, quarantine.Reason = "quarantine", "unsynchronized", 16, "both neighbours say it is 14.2 µs off"
	return map[string]api.Status{"locked": locked, "holdover": holdover, "acquiring": acquiring, "nobound": nobound, "quarantine": quarantine, "zero": {}}
}

// spreadOf is an hour of edges with a tail of late ones, and two kinds of messages of which one comes close to the pulse.
func spreadOf() (*api.Histogram, []api.MessageLatency) {
	edges := &api.Histogram{
		WindowSeconds: 3590, LeastSeconds: -400e-9, BinSeconds: 100e-9, Counts: []uint64{2, 40, 300, 900, 1100, 700, 300, 120, 60, 40, 21, 0, 9, 4, 2},
		Above: 1, MedianSeconds: new(12e-9), P99Seconds: new(560e-9),
	}
	edges.Counts = append(edges.Counts, make([]uint64, 60)...)
	edges.Counts = append(edges.Counts, 1)
	return edges, []api.MessageLatency{
		{Message: "<b>RMC</b>", Latency: api.Histogram{WindowSeconds: 600, LeastSeconds: 0.06, BinSeconds: 0.01, Counts: []uint64{20, 400, 170, 10}, MedianSeconds: new(0.0865)}},
		{Message: "GNZDA", Latency: api.Histogram{WindowSeconds: 600, LeastSeconds: 0.31, BinSeconds: 0.01, Counts: []uint64{600}, Below: 2, MedianSeconds: new(0.315)}},
	}
}

// pastOf is an hour with a gap in it.
func pastOf() *api.History {
	h := &api.History{Span: "hour", StepSeconds: 60, Series: map[string]api.Column{}}
	for i := range 60 {
		if i < 20 || i > 24 {
			h.UnixSeconds = append(h.UnixSeconds, 1795266000+60*int64(i))
		}
	}
	for name, of := range map[string]func(float64) float64{
		"offset_seconds":          func(x float64) float64 { return 100e-9 * math.Sin(x) },
		"frequency_ratio":         func(x float64) float64 { return -7.35e-6 + 2e-8*x },
		"temperature_celsius":     func(x float64) float64 { return 47 + x/10 },
		"ntp_answered_per_second": func(x float64) float64 { return 10 * x },
	} {
		var c api.Column
		for i := range h.UnixSeconds {
			v := float32(of(float64(i)))
			c.Min, c.Median, c.Max = append(c.Min, v*0.9), append(c.Median, v), append(c.Max, v*1.2)
		}
		h.Series[name] = c
	}
	h.Series["offset_seconds"].Median[3] = float32(math.NaN())
	return h
}

// dataOf is all that a page of a status shows.
func dataOf(s api.Status, lang words.Lang) Data {
	d := Data{Status: s, Lang: lang, Span: "hour", History: pastOf()}
	d.Clients = &api.Clients{Known: 1287, Clients: []api.Client{
		{Address: "10.4.0.21", Requests: 611000, FirstSeconds: 86400, LastSeconds: 1, IntervalSeconds: new(0.9), Version: 4, Mode: 3, Interleaved: true},
		{Address: "<b>::1</b>", Requests: 1, Limited: 1, Version: 3},
	}}
	if s.Conditions != nil {
		d.Events = &api.Events{Active: 2, Unacknowledged: 1, Channels: []api.Channel{{Name: "syslog", Sent: 3}}, Events: []api.Event{
			{ID: 3, Name: "jamming", Severity: "warning", Active: true, Count: 2, Text: "<b>jamming</b>", FirstUnixSeconds: new(int64(1795269600)), Told: []string{"syslog"}},
			{ID: 2, Name: "lock-lost", Severity: "alarm", Count: 1, Text: "no pulse", FirstUnixSeconds: new(int64(1795269000)), LastUnixSeconds: new(int64(1795269060)), Acknowledged: true},
			{ID: 1, Name: "started", Severity: "note", Count: 1, Text: "Timeball 0.1.0 has started"},
		}}
	}
	if s.Simulated {
		d.Faults = &api.Faults{Faults: []api.FaultState{{Name: "antenna-open", SinceSeconds: new(47.0)}, {Name: "flood", Once: true}, {Name: "<b>new</b>", Text: "<i>"}}}
	}
	return d
}

func render(t *testing.T, s api.Status) string { return renderIn(t, s, words.English) }

func renderIn(t *testing.T, s api.Status, lang words.Lang) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, site, dataOf(s, lang)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPageIsAsReviewed(t *testing.T) {
	for name, status := range statuses() {
		t.Run(name, func(t *testing.T) {
			lang := words.English
			if name == "holdover" {
				lang = words.Chinese
			}
			got := renderIn(t, status, lang)
			file := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the page differs from %s at %q; read it and run the test with -update", file, difference(got, string(want)))
			}
		})
	}
}

func difference(got, want string) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	return got[max(0, i-40):min(len(got), i+80)]
}

var inline = regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+\s*=\s*["']|javascript:|<script(?:[^>]*[^>]*)>[^<]|https?://`)

func TestPageKeepsToItsPolicy(t *testing.T) {
	for name, status := range statuses() {
		if found := inline.FindString(render(t, status)); found != "" {
			t.Errorf("%s: %q: the policy forbids script and style in the page, and it loads nothing from elsewhere", name, found)
		}
	}
}

func TestPageEscapesWhatIsSaid(t *testing.T) {
	s := lockedStatus()
	evil := `"'><script>alert(1)</script>`
	s.Receiver, s.Serial, s.RefID, s.Reason, s.Version, s.Board, s.Mode = &evil, &evil, &evil, evil, evil, evil, evil
	s.Addresses, s.Satellites[0].System = []string{evil}, evil
	s.Conditions = []api.Condition{{Name: evil, Severity: evil, Text: evil}}
	if page := render(t, s); strings.Contains(page, "<script>alert") || strings.Contains(page, `"'>`) {
		t.Errorf("markup from outside is in the page")
	}
}

func TestPageShowsNoHandWithoutABound(t *testing.T) {
	for _, name := range []string{"nobound", "quarantine", "acquiring", "zero"} {
		if page := render(t, statuses()[name]); strings.Contains(page, `class="hand"`) || strings.Contains(page, `class="arc"`) || !strings.Contains(page, ">no bound<") || strings.Contains(page, "≤") {
			t.Errorf("%s: a page without a bound shows a hand or a bound, or does not say that there is none", name)
		}
	}
	if page := render(t, lockedStatus()); !strings.Contains(page, `class="hand"`) || !strings.Contains(page, `class="arc"`) {
		t.Error("a page with a bound shows no hand")
	}
}

func TestPageSurvivesAnything(t *testing.T) {
	s := lockedStatus()
	for _, v := range []float64{math.NaN(), math.Inf(1), -1, 0, 1e300, 5e-324} {
		for _, p := range []**float64{
			&s.OffsetSeconds, &s.PrecisionSeconds, &s.BiasSeconds, &s.BiasSigmaSeconds, &s.BoundSeconds, &s.RootDispersionSeconds,
			&s.FrequencyRatio, &s.FrequencySigmaRatio, &s.TemperatureCelsius, &s.Utilisation, &s.SimErrorSeconds, &s.BoundPulseSeconds,
		} {
			*p = &v
		}
		s.ModeSeconds, s.UptimeSeconds, s.Simulated = v, v, true
		s.OscillatorLaw = &api.OscillatorLaw{CentreCelsius: 40, Coefficients: []float64{v, v, 0}, Covariance: []float64{v, 0, 0, v, 0, v}, AgeingRatioPerDay: v, AgeingSigmaRatioPerDay: v}
		s.BoundParts = []api.BoundPart{{Name: "loop", State: "counted", Seconds: &v, SigmaSeconds: &v}, {Name: "cable"}}
		s.HoldoverRehearsed = []api.RehearsedPoint{{AfterSeconds: 10, MedianSeconds: v, P95Seconds: v}, {AfterSeconds: v, MedianSeconds: 1e-9, P95Seconds: 1e-8}}
		s.HoldoverForecast = []api.ForecastPoint{{AfterSeconds: v, BoundSeconds: v}, {AfterSeconds: 2, BoundSeconds: v}, {AfterSeconds: 3, BoundSeconds: 1}}
		for _, mode := range []string{"locked", "holdover", "acquiring", "quarantine", "free-running"} {
			s.Mode = mode
			if page := render(t, s); strings.Contains(page, "NaN") || strings.Contains(page, "Inf") || strings.Contains(page, "%!") {
				t.Errorf("with %g in mode %s the page has no number where one should be", v, mode)
			}
		}
	}
}

var partID = regexp.MustCompile(`<(?:section|div|nav|header|footer) id="([a-z-]+)"`)

func TestFollowHasThePartsOfThePage(t *testing.T) {
	for name, status := range statuses() {
		for _, lang := range words.Langs {
			whole := renderIn(t, status, lang)
			event, err := Follow(site, dataOf(status, lang), Event{})
			if err != nil {
				t.Fatal(err)
			}
			if again, err := Follow(site, dataOf(status, lang), event); err != nil || !maps.Equal(again.Parts, event.Parts) {
				t.Errorf("%s: followed from itself the page is another one: %v", name, err)
			}
			other := status
			other.BoundSeconds, other.OffsetSeconds, other.PulsesAccepted, other.Satellites = new(3e-6), new(5e-9), 7, nil
			want, _ := Follow(site, dataOf(other, lang), Event{})
			if next, err := Follow(site, dataOf(other, lang), event); err != nil || !maps.Equal(next.Parts, want.Parts) {
				t.Errorf("%s: the page of another status has parts of the one before: %v", name, err)
			}
			for id, html := range event.Parts {
				if !strings.Contains(whole, `id="`+id+`"`) || !strings.Contains(whole, ">"+html+"</") {
					t.Errorf("%s: part %s is not in the page as it is", name, id)
				}
			}
			for _, m := range partID.FindAllStringSubmatch(whole, -1) {
				if _, ok := event.Parts[m[1]]; !ok && !strings.Contains(whole, `<section id="`+m[1]+`" class="panel"`) {
					t.Errorf("%s: the page has a part %s that does not follow the unit", name, m[1])
				}
			}
			if !strings.Contains(whole, `data-state="`+event.State+`"`) {
				t.Errorf("%s: state %q is not that of the page", name, event.State)
			}
		}
	}
}

// Every key that templates and code ask for by name is in the catalogue.
func TestEveryWordIsInTheCatalogue(t *testing.T) {
	asked := regexp.MustCompile(`(?:\b(?:Say|Count)\(|[{( ]t )"([a-z][a-z.0-9 -]*[a-z0-9])"`)
	files, _ := filepath.Glob("*.go")
	more, _ := filepath.Glob("templates/*.html")
	seen := 0
	for _, file := range append(files, more...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range asked.FindAllStringSubmatch(string(text), -1) {
			seen++
			if !words.Has(m[1]) {
				t.Errorf("%s asks for %q, which the catalogue does not have", file, m[1])
			}
		}
	}
	if seen < 150 {
		t.Errorf("%d words found: the test does not see how they are asked for", seen)
	}
}

var scriptWords = regexp.MustCompile(`data-words="[^"]*"`)

// A key that is put together in the code would show as it is.
func TestPageShowsNoKeys(t *testing.T) {
	key := regexp.MustCompile(`>[a-z-]+(?:\.[a-z-]+)+<|\{[a-z]+\}`)
	for name, status := range statuses() {
		for _, lang := range words.Langs {
			text := scriptWords.ReplaceAllString(strings.ReplaceAll(renderIn(t, status, lang), "ntp.example.org", ""), "")
			if found := key.FindString(text); found != "" {
				t.Errorf("%s in %s: %q is on the page", name, lang, found)
			}
		}
	}
}

// A page in Chinese has no English sentences but what it quotes.
func TestChinesePageIsChinese(t *testing.T) {
	tags := regexp.MustCompile(`(?s)<script.*?</script>|<[^>]*>`)
	english := regexp.MustCompile(`[A-Za-z]{3,} [A-Za-z]{3,} [A-Za-z]{3,}`)
	for name, status := range statuses() {
		text := tags.ReplaceAllString(renderIn(t, status, words.Chinese), "\n")
		for _, found := range english.FindAllString(text, -1) {
			if !strings.Contains("both neighbours say it is off the antenna has been gone since all are equally strong the receiver hears", found[:8]) {
				t.Errorf("%s: %q", name, found)
			}
		}
	}
}

func TestDialAngle(t *testing.T) {
	tests := []struct{ seconds, want float64 }{
		{10e-9, -135}, {100e-3, 135}, {1e-6 * math.Sqrt(1e3), 0}, {1, 135}, {0, -135}, {-1, -135}, {math.NaN(), -135},
	}
	for _, tt := range tests {
		if got := dialAngle(tt.seconds); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("dialAngle(%g) = %g, want %g", tt.seconds, got, tt.want)
		}
	}
}

func TestForecastNeverPromisesLess(t *testing.T) {
	s := lockedStatus()
	forecastAt := func(s api.Status, after float64) (float64, bool) { return maker{s: s}.forecastAt(after) }
	if got, ok := forecastAt(s, 1800); !ok || got != 9.2e-6 {
		t.Errorf("forecast after half an hour = %g, %v, want that of the next point, 9.2e-6", got, ok)
	}
	if got, ok := forecastAt(s, 90000); ok {
		t.Errorf("forecast beyond its end = %g, want none", got)
	}
	s.BoundSeconds = new(5e-6)
	if got, _ := forecastAt(s, 60); got != 5e-6 {
		t.Errorf("forecast = %g, want no less than the bound of now", got)
	}
	s.BoundSeconds = nil
	if _, ok := forecastAt(s, 60); ok {
		t.Error("a forecast without a bound is offered")
	}
}

func TestNiceAxisHoldsTheGreatest(t *testing.T) {
	tests := []struct {
		greatest, top float64
		last          string
	}{
		{1.868e-6, 2e-6, "2 µs"}, {47.2e-6, 50e-6, "50 µs"}, {999e-9, 1e-6, "1 µs"}, {0, 1e-9, "1 ns"}, {6.1e-3, 8e-3, "8 ms"},
	}
	for _, tt := range tests {
		top, ticks := niceAxis(tt.greatest)
		last := strings.ReplaceAll(ticks[len(ticks)-1].Text, "\u00a0", " ")
		if math.Abs(top/tt.top-1) > 1e-9 || last != tt.last {
			t.Errorf("niceAxis(%g) ends at %g %q, want %g %q", tt.greatest, top, last, tt.top, tt.last)
		}
	}
}

func TestBudgetNamesItsGreatestCause(t *testing.T) {
	tests := []struct {
		reference, capture, loop float64
		want                     string
	}{
		{1, 1, 98, "; nearly all of it is the loop"},
		{20, 60, 20, "; more than half is the edge capture"},
		{30, 30, 40, "; no single cause makes half of it"},
		{30, 30, 41, ""},
		{30, -30, 100, ""},
		{math.NaN(), 50, 50, ""}, // these do not add up to the bound
	}
	for _, tt := range tests {
		s := api.Status{BoundSeconds: new(100.0)}
		for name, v := range map[string]float64{"reference": tt.reference, "capture": tt.capture, "loop": tt.loop} {
			s.BoundParts = append(s.BoundParts, api.BoundPart{Name: name, State: api.PartCounted, Seconds: &v})
		}
		m := maker{s: s}
		if got := m.leading(m.boundParts()); got != tt.want {
			t.Errorf("leading(%v) = %q, want %q", tt, got, tt.want)
		}
	}
}

// The bars of the parts follow one another without a gap and end where the bound does; what is not counted apart has none.
func TestBudgetFallsFromTheSkyToTheBound(t *testing.T) {
	m := maker{s: lockedStatus()}
	b := m.newBudget(1.868e-6, m.boundParts())
	end := 0.0
	for i, r := range b.Rows {
		if r.Within != (i < 4) || r.Within && r.Bar != (bar{}) || r.Within && r.Share != "" {
			t.Errorf("row %d %s: %+v", i, r.Name, r)
		}
		if !r.Within && math.Abs(r.Bar.X-end) > 1e-9 {
			t.Errorf("%s begins at %v, the part before it ends at %v", r.Name, r.Bar.X, end)
		}
		end += r.Bar.Width
	}
	if want := 1000 * 1.868 / 2; math.Abs(end-want) > 1e-9 || len(b.Rows) != 11 || len(b.Bars) != 7 {
		t.Errorf("%d rows and %d bars end at %v, want 11, 7 and %v", len(b.Rows), len(b.Bars), end, want)
	}
}

// The curve of the law is drawn over the dots, within two of its sigmas; without a law the panel says that there is none yet.
func TestOscillatorShowsTheLearnedLaw(t *testing.T) {
	s := lockedStatus()
	d := dataOf(s, words.English)
	m := maker{words.In(words.English), d, s}
	ppm, sigma, ok := m.lawAt(50)
	if want := -7.0 + 2*0.15 - 4*0.001; !ok || math.Abs(ppm-want) > 1e-9 || math.Abs(sigma-1e6*math.Sqrt(1e-18+4e-19+4*4e-20+16*1e-22)) > 1e-9 {
		t.Errorf("at 50 degrees %v ± %v, %v; want %v", ppm, sigma, ok, want)
	}
	c := m.lawChart().(chart)
	if len(c.Lines) != 1 || len(c.Areas) != 1 || !strings.Contains(c.Caption, "learned law") || c.Labels[0].Text != "law" {
		t.Errorf("lines %v, areas %v, %q, %v", c.Lines, c.Areas, c.Caption, c.Labels)
	}
	m.s.OscillatorLaw = nil
	c = m.lawChart().(chart)
	if len(c.Lines)+len(c.Areas) != 0 || !strings.Contains(c.Caption, "No law is learned yet") || m.lawFacts()[0].Value != "not learned yet" {
		t.Errorf("without a law: lines %v, %q, %v", c.Lines, c.Caption, m.lawFacts())
	}
}

// What rehearsals erred is a band under the forecast, from where that begins; lengths between two are on their line.
func TestForecastShowsWhatRehearsalsErred(t *testing.T) {
	s := lockedStatus()
	m := maker{words.In(words.English), Data{Status: s}, s}
	points := m.forecastPoints()
	band := m.rehearsedPoints(points)
	if len(band) != 7 || band[0].AfterSeconds != 60 || math.Abs(band[0].MedianSeconds/12e-9-1) > 1e-9 || band[1].AfterSeconds != 64 {
		t.Errorf("%d points, from %+v to %+v", len(band), band[0], band[1])
	}
	c := m.forecastChart(points, s.LimitSeconds)
	if len(c.Areas) != 1 || len(c.Table.Rows) != 12 || !strings.Contains(c.Caption, "300 rehearsals") || c.Y[len(c.Y)-1].Text != "10\u00a0ns" {
		t.Errorf("%d areas, %d rows, %q, %v", len(c.Areas), len(c.Table.Rows), c.Caption, c.Y)
	}
	m.s.HoldoverRehearsed = nil
	c = m.forecastChart(points, s.LimitSeconds)
	if len(c.Areas) != 0 || !strings.Contains(c.Caption, "rehearsed yet") || m.rehearsedFacts()[0].Value != "too few yet" {
		t.Errorf("without rehearsals: %v, %q, %v", c.Areas, c.Caption, m.rehearsedFacts())
	}
}

func TestLeapShowsWhatEachListenerTells(t *testing.T) {
	for tells, l := range map[string]api.Listener{
		"UTC, no leap second": {Leap: "none"}, "UTC, one is inserted today": {Leap: "insert"}, "not synchronised (LI\u00a03)": {Leap: "unsynchronized"},
		"smears: UTC −250 ms": {Leap: "none", SmearSeconds: new(-0.25)}, "sideways": {Leap: "sideways"},
	} {
		m := maker{Words: words.In(words.English), s: api.Status{Listeners: []api.Listener{l}}}
		got := m.leapListeners().(table).Rows[0].Cells[2].Text
		if got = strings.ReplaceAll(got, "−250\u00a0ms", "−250 ms"); got != tells {
			t.Errorf("%+v tells %q, want %q", l, got, tells)
		}
	}
	if none, ok := (maker{Words: words.In(words.English)}).leapListeners().(empty); !ok || none.Text == "" {
		t.Errorf("without a listener the panel shows %+v", none)
	}
}

// Whatever the width, of the labels that the style leaves on an axis no two touch, and the first and the last are there.
func TestAxisLabelsKeepApart(t *testing.T) {
	axes := map[string][]tick{}
	for name, texts := range map[string][]string{
		"clock": {"15:04:05", "15:04:15", "15:04:25", "15:04:35", "15:04:45", "15:04:55", "now"}, "decades": {"0.1", "1", "10", "100\u00a0%"},
		"spans": {"1 min", "10 min", "1 h", "6 h", "1 d"}, "Chinese": {"1 分钟", "10 分钟", "1 小时", "6 小时", "1 天"}, "one": {"0"}, "two": {"0", "1 s"},
		"signed": {"−400", "−200", "0", "+200", "+400 ns"},
	} {
		var c chart
		for i, text := range texts {
			c.xTick(100*float64(i)/float64(max(1, len(texts)-1)), text)
		}
		axes[name] = c.X
	}
	hidden := func(class string, width float64) bool {
		switch class {
		case "":
			return false
		case "t0":
			return true
		}
		below, _ := strconv.ParseFloat(class[1:], 64)
		return width < below
	}
	fewest := 100
	for name, ticks := range axes {
		for width := 76.0; width < 900; width++ {
			var shown []tick
			for _, tick := range thinned(ticks) {
				if !hidden(tick.Class, width) {
					shown = append(shown, tick)
				}
			}
			for i := range shown[1:] {
				if near(shown[i], shown[i+1], width) && len(shown) > 2 {
					t.Errorf("%s at %v px: %q and %q touch", name, width, shown[i].Text, shown[i+1].Text)
				}
			}
			if shown[0].Text != ticks[0].Text || shown[len(shown)-1].Text != ticks[len(ticks)-1].Text {
				t.Errorf("%s at %v px: %v", name, width, shown)
			}
			if name == "spans" && width == 330 {
				fewest = min(fewest, len(shown))
			}
		}
	}
	if fewest != 5 {
		t.Errorf("%d of five labels on a plot that has room for all", fewest)
	}
}

// A fault that this receiver cannot show does not promise anything.
func TestLeapFaultPromisesWhatTheReceiverCanTell(t *testing.T) {
	list := &api.Faults{Faults: []api.FaultState{{Name: "false-leap"}}}
	for _, tt := range []struct {
		of     *api.LeapSeconds
		within string
	}{{nil, "–"}, {&api.LeapSeconds{}, "–"}, {&api.LeapSeconds{ReceiverTAIOffsetSeconds: new(37)}, "20\u00a0s"}, {&api.LeapSeconds{Announced: new("insert")}, "20\u00a0s"}} {
		m := maker{Words: words.In(words.English), s: api.Status{LeapSeconds: tt.of}}
		if got := m.faultsList(list).Rows[0]; got.Within != tt.within || strings.Contains(got.See, "no word for it") != (tt.within == "–") || !strings.Contains(got.Title, "end of the quarter") {
			t.Errorf("%+v: %+v, want within %s", tt.of, got, tt.within)
		}
	}
}
