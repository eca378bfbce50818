package integrity

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"timeball/gnss"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// bench is a receiver in good order whose test changes what it says, second by second.
type bench struct {
	t       *testing.T
	m       *Monitor
	now     clock.Mono
	fix     gnss.Fix
	sky     []gnss.Satellite
	health  *gnss.Health
	silent  bool // no views
	reports []gnss.Report
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, m: New(), now: 1e9, fix: gnss.Fix{
		Message: "GNGGA", Valid: true, Dimensions: 3, SatellitesUsed: 12, HasPosition: true, Latitude: 51.4779, Longitude: -0.0015,
	}}
	for i := range 12 {
		b.sky = append(b.sky, gnss.Satellite{System: "GPS", ID: i + 1, Elevation: 10 + 6*i, Azimuth: 30 * i, CN0: 35 + float64(i), Used: true})
	}
	return b
}

// run lets seconds pass, with the ticks of the Engine between them.
func (b *bench) run(seconds int) {
	for range seconds {
		fix := b.fix
		b.m.Report(b.now, &gnss.Report{Fix: &fix})
		if !b.silent {
			b.m.Report(b.now, &gnss.Report{Sky: &gnss.Satellites{Seen: b.sky}})
		}
		if b.health != nil {
			b.m.Report(b.now, &gnss.Report{Health: b.health})
		}
		for i := range b.reports {
			b.m.Report(b.now, &b.reports[i])
		}
		for range 4 {
			b.now += 250_000_000
			b.m.Advance(b.now)
		}
	}
}

// weaken takes dB from the first n satellites; what would be below 10 dB-Hz is lost.
func (b *bench) weaken(n int, by float64) {
	sky := append([]gnss.Satellite(nil), b.sky...)
	for i := range n {
		if sky[i].CN0 -= by; sky[i].CN0 < 10 {
			sky[i].CN0, sky[i].Used = 0, false
		}
	}
	b.sky = sky
}

// north moves the receiver.
func (b *bench) north(metres float64) { b.fix.Latitude += metres / metresPerDegree }

// raised returns the conditions as "name severity".
func (b *bench) raised() string {
	var all []string
	for _, c := range b.m.Conditions() {
		all = append(all, c.Name+" "+c.Severity.String())
	}
	return strings.Join(all, ", ")
}

func (b *bench) want(raised string) {
	b.t.Helper()
	if got := b.raised(); got != raised {
		b.t.Fatalf("at %.2f s: %q, want %q: %+v", float64(b.now)/1e9, got, raised, b.m.Conditions())
	}
}

// after runs until what is raised changes, and returns how long that took; -1 if it does not within limit seconds.
func (b *bench) after(limit int) int {
	was := b.raised()
	for s := range limit {
		if b.run(1); b.raised() != was {
			return s + 1
		}
	}
	return -1
}

func says(message string, antenna gnss.Antenna, jamming gnss.Threat, tone float64) *gnss.Health {
	return &gnss.Health{Message: message, Antenna: antenna, Jamming: jamming, Tone: tone, Gain: -1}
}

func TestGoodReceiverRaisesNothing(t *testing.T) {
	b := newBench(t)
	b.health = says("MON-RF", gnss.AntennaOK, gnss.ThreatNone, 0.1)
	rng := rand.New(rand.NewPCG(1, 1))
	sky, home := b.sky, b.fix
	for range 7200 {
		b.sky = append([]gnss.Satellite(nil), sky...)
		for i := range b.sky {
			b.sky[i].CN0 = math.Round(b.sky[i].CN0 + 1.5*rng.NormFloat64())
		}
		b.fix = home
		b.north(15 * rng.NormFloat64()) // the 95 % of the worst site as one sigma
		b.run(1)
		b.want("")
	}
}

// F13: shown within 2 s.
func TestAntennaIsToldAtOnceAndForgottenSlowly(t *testing.T) {
	for state, name := range map[gnss.Antenna]string{gnss.AntennaOpen: "antenna-open", gnss.AntennaShort: "antenna-short"} {
		b := newBench(t)
		b.health = says("MON-HW", gnss.AntennaOK, gnss.ThreatUnknown, -1)
		b.run(100)
		b.health.Antenna = state
		begun := b.now
		if s := b.after(10); s != 1 {
			t.Errorf("%v: raised after %d s", state, s)
		}
		b.want(name + " holdover")
		if c := b.m.Conditions()[0]; c.Since != begun || c.Text == "" {
			t.Errorf("%+v, want since %v", c, begun)
		}
		b.health.Antenna = gnss.AntennaOK
		if s := b.after(100); s != 30 { // receivers send bad pulses for up to 20 s around a loss
			t.Errorf("%v: cleared after %d s", state, s)
		}
	}
}

// u-blox receivers tell their antenna once, in a TXT; MON-HW without a supervisor circuit knows nothing.
func TestAntennaToldOnceStands(t *testing.T) {
	b := newBench(t)
	b.health = says("MON-HW", gnss.AntennaUnknown, gnss.ThreatNone, 0)
	tell := func(a gnss.Antenna) { b.m.Report(b.now, &gnss.Report{Health: says("GNTXT", a, 0, -1)}) }
	tell(gnss.AntennaOK)
	b.run(5)
	tell(gnss.AntennaOpen)
	b.run(500)
	b.want("antenna-open holdover")
	tell(gnss.AntennaOK)
	b.run(settled)
	b.want("")
	tell(gnss.AntennaShort)
	b.run(2)
	b.m.Reopened()
	b.run(2)
	b.want("")
}

// A u-blox receiver that speaks NMEA tells its antenna at its start and when it changes.
func TestFirstWordOfTheAntennaAfterGoodFixesIsAChange(t *testing.T) {
	b := newBench(t)
	b.run(100)
	b.m.Report(b.now, &gnss.Report{Health: says("GNTXT", gnss.AntennaOpen, 0, -1)})
	b.want("antenna-open holdover")
}

func TestAntennaBehindSplitterIsAnAlarm(t *testing.T) {
	b := newBench(t)
	b.health = says("MON-HW", gnss.AntennaOpen, gnss.ThreatUnknown, -1)
	b.fix.Valid, b.fix.SatellitesUsed = false, 0
	b.run(40)
	b.want("antenna-open holdover") // nobody knows yet whether there is one
	b.fix.Valid, b.fix.SatellitesUsed = true, 12
	b.run(60)
	b.want("antenna-open alarm")

	b = newBench(t) // put in while the unit runs
	b.health = says("MON-HW", gnss.AntennaOK, gnss.ThreatUnknown, -1)
	b.run(1000)
	b.health.Antenna = gnss.AntennaOpen
	b.fix.SatellitesUsed = 3
	b.run(20)
	b.fix.SatellitesUsed = 12
	b.run(provenAfter)
	b.want("antenna-open holdover") // it has been milder for a moment only
	b.run(settled)
	b.want("antenna-open alarm")
}

func TestJammingByDegree(t *testing.T) {
	for _, tt := range []struct {
		name   string
		health *gnss.Health
		weaker float64
		want   string
	}{
		{"none", says("MON-RF", 0, gnss.ThreatNone, 0.3), 0, ""},
		{"detection off", says("MON-RF", 0, gnss.ThreatUnknown, 0.3), 0, ""},
		{"warning", says("MON-RF", 0, gnss.ThreatWarning, 0.3), 0, "jamming alarm"},
		{"warning, signals down", says("MON-RF", 0, gnss.ThreatWarning, 0.3), 7, "jamming holdover"},
		{"critical", says("SEC-SIG", 0, gnss.ThreatCritical, -1), 0, "jamming holdover"},
		{"loud tone", says("MON-HW", 0, gnss.ThreatUnknown, 0.9), 0, "jamming alarm"},
		{"tone", says("MON-HW", 0, gnss.ThreatUnknown, 0.7), 0, ""},
	} {
		b := newBench(t)
		b.health = says("MON-RF", 0, gnss.ThreatNone, 0.1)
		b.run(200)
		b.health = tt.health
		b.weaken(12, tt.weaker)
		b.run(2)
		if got := b.raised(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// MON-RF may know nothing while SEC-SIG warns, and one may be late.
func TestWorstOfSeveralMessagesCounts(t *testing.T) {
	b := newBench(t)
	b.health = says("MON-RF", 0, gnss.ThreatNone, 0.1)
	b.reports = []gnss.Report{{Health: says("SEC-SIG", 0, gnss.ThreatWarning, -1)}}
	b.run(5)
	b.want("jamming alarm")
	b.reports = nil // said no more: what MON-RF says counts
	if s := b.after(100); s < settled || s > settled+voiceLifetime+2 {
		t.Errorf("cleared after %d s", s)
	}
}

// What is at the limit makes the severity neither come nor go each second.
func TestSeverityFallsSlowly(t *testing.T) {
	b := newBench(t)
	b.health = says("SEC-SIG", 0, gnss.ThreatCritical, -1)
	b.run(5)
	for i := range 40 {
		b.health = says("SEC-SIG", 0, gnss.ThreatWarning+gnss.Threat(i%2), -1)
		b.run(1)
		b.want("jamming holdover")
	}
	b.health = says("SEC-SIG", 0, gnss.ThreatWarning, -1)
	if s := b.after(100); s < settled || s > settled+2 {
		t.Errorf("milder after %d s", s)
	}
	b.want("jamming alarm")
}

func TestSpoofingByDegree(t *testing.T) {
	b := newBench(t)
	b.health = &gnss.Health{Message: "SEC-SIG", Spoofing: gnss.ThreatWarning, Tone: -1, Gain: -1}
	b.run(1)
	b.want("spoofing alarm")
	b.health.Spoofing = gnss.ThreatCritical
	b.run(1)
	b.want("spoofing holdover")
	b.health.Spoofing = gnss.ThreatNone
	if s := b.after(100); s < settled || s > settled+2 {
		t.Errorf("cleared after %d s", s)
	}
}

func TestCollapseIsOfAllSatellitesAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name string
		n    int // satellites that become weaker, from below; negative: from above
		by   float64
		want string
	}{
		{"all, 20 dB", 12, 20, "signal-collapse holdover"},
		{"all lost", 12, 60, "signal-collapse holdover"},
		{"eight of twelve", 8, 20, ""}, // as many are left as a fix needs
		{"nine of twelve", 9, 20, "signal-collapse holdover"},
		{"a wall", 6, 30, ""},
		{"a hand over it", -6, 30, ""},
		{"rain and leaves", 12, 5, ""},
	} {
		b := newBench(t)
		if tt.n < 0 {
			slices.Reverse(b.sky)
			tt.n = -tt.n
		}
		b.run(120)
		b.weaken(tt.n, tt.by)
		b.run(3)
		if got := b.raised(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestCollapseEnds(t *testing.T) {
	b := newBench(t)
	good := b.sky
	b.run(120)
	b.weaken(12, 15)
	if s := b.after(10); s != 2 {
		t.Errorf("raised after %d s", s)
	}
	b.run(100)
	b.want("signal-collapse holdover")
	b.sky = good
	if s := b.after(100); s < settled || s > settled+2 {
		t.Errorf("cleared after %d s", s)
	}
	// Hours later other satellites are in the sky.
	b.weaken(12, 60)
	b.fix.Valid, b.fix.SatellitesUsed = false, 0
	b.run(3 * 3600)
	b.want("signal-collapse holdover")
	b.sky = append([]gnss.Satellite(nil), good...)
	for i := range b.sky {
		b.sky[i].ID += 12
	}
	b.fix.Valid, b.fix.SatellitesUsed = true, 12
	if s := b.after(100); s < settled || s > settled+2 {
		t.Errorf("cleared after %d s", s)
	}
	// Snow on the antenna stays, and the fix is good.
	b.run(200)
	b.weaken(12, 12)
	b.run(relearnAfter - 10)
	b.want("signal-collapse holdover")
	b.run(20)
	b.want("")
	b.run(300)
	b.want("")
}

// Some receivers list one system a second, and some of them have no satellite in view.
func TestSystemsListedInTurnAreNoCollapse(t *testing.T) {
	b := newBench(t)
	systems := []string{"GPS", "BeiDou", "Galileo", "GLONASS", "QZSS"}
	lists := map[string][]gnss.Satellite{}
	for i, s := range systems[:4] {
		for j := range 5 {
			lists[s] = append(lists[s], gnss.Satellite{System: s, ID: j + 1, Elevation: 15 * j, Azimuth: 1 + i, CN0: 35 + float64(2*j), Used: true})
		}
	}
	turn := func(seconds int) {
		for i := range seconds {
			b.sky = lists[systems[i%5]]
			b.run(1)
		}
	}
	turn(300)
	b.want("")
	systems = []string{"GPS", "QZSS", "SBAS", "NavIC", ""} // of the last four nothing is in view
	turn(300)
	b.want("")
	systems = []string{"GPS", "BeiDou", "Galileo", "GLONASS", "QZSS"}
	turn(100)
	for _, s := range systems {
		for i := range lists[s] {
			lists[s][i].CN0 -= 15
		}
	}
	turn(5)
	b.want("signal-collapse holdover")
}

// Satellites set one after the other, and the weather takes hours.
func TestSlowFallIsNoCollapse(t *testing.T) {
	b := newBench(t)
	b.run(60)
	for range 600 {
		b.weaken(12, 0.02)
		b.run(1)
		b.want("")
	}
}

func TestFlatSignals(t *testing.T) {
	flat := func(n, used int, spread float64) []gnss.Satellite {
		var sky []gnss.Satellite
		for i := range n {
			sky = append(sky, gnss.Satellite{
				System: "GPS", ID: i + 1, Elevation: 20 + 40*i/max(1, n-1), Azimuth: 1 + i, CN0: 40 + spread*float64(i%2), Used: i < used,
			})
		}
		return sky
	}
	for _, tt := range []struct {
		name string
		sky  []gnss.Satellite
		want string
	}{
		{"as from a simulator", flat(8, 8, 0), "flat-signals alarm"},
		{"with a flicker", flat(8, 8, 1.9), "flat-signals alarm"},
		{"four", flat(4, 0, 0), "flat-signals alarm"},
		{"four with a flicker", flat(4, 0, 1.9), ""},
		{"three", flat(3, 3, 0), ""},
		{"real ones", newBench(t).sky, ""},
		{"some elevations not said", func() []gnss.Satellite {
			sky := flat(8, 8, 0)
			for i := range 5 {
				sky[i].Elevation, sky[i].Azimuth = 0, 0
			}
			return sky
		}(), ""},
		{"elevations not said", func() []gnss.Satellite {
			sky := flat(8, 8, 0)
			for i := range sky {
				sky[i].Elevation, sky[i].Azimuth = 0, 0
			}
			return sky
		}(), ""},
	} {
		b := newBench(t)
		b.sky = tt.sky
		b.run(10) // F12
		if got := b.raised(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		b.sky = newBench(t).sky
		b.run(62)
		b.want("")
	}
	b := newBench(t)
	b.sky = flat(8, 8, 0)
	b.run(10)
	b.silent = true // no view confirms it
	b.run(silence + 1)
	b.want("")
}

func TestFixNeedsSatellites(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*bench)
		want   string
	}{
		{"none in use", func(b *bench) { b.fix.SatellitesUsed = 0 }, "fix-without-satellites holdover, few-satellites inform"},
		{"none received", func(b *bench) { b.sky = nil }, "fix-without-satellites holdover, signal-collapse holdover"},
		{"none listed for a moment", func(b *bench) {
			sky := b.sky
			b.sky = nil
			b.run(4)
			b.sky = sky
		}, ""},
		{"one says A, the other none", func(b *bench) {
			b.fix.Valid, b.fix.SatellitesUsed = false, 0
			b.reports = []gnss.Report{{Fix: &gnss.Fix{Message: "GNRMC", Valid: true, SatellitesUsed: -1}}}
		}, "fix-without-satellites holdover"},
		{"fix lost", func(b *bench) { b.fix.Valid, b.fix.SatellitesUsed = false, 0 }, ""},
		{"number not said", func(b *bench) { b.fix.SatellitesUsed = -1 }, ""},
		{"a timing receiver with one", func(b *bench) {
			b.fix.SatellitesUsed = 1
			b.reports = []gnss.Report{{Survey: &gnss.Survey{Valid: true}}}
		}, ""},
	} {
		b := newBench(t)
		b.run(100)
		tt.change(b)
		b.run(10) // F12
		got := strings.Replace(b.raised(), "signal-collapse holdover, fix-without-satellites holdover", "fix-without-satellites holdover, signal-collapse holdover", 1)
		if tt.name == "none in use" || tt.name == "a timing receiver with one" {
			b.run(25)
			got = b.raised()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	b := newBench(t) // a receiver that never says how many it uses
	b.fix.SatellitesUsed = -1
	b.run(10)
	sky := b.sky
	b.sky = nil
	b.run(10)
	b.want("fix-without-satellites holdover")
	b.sky = sky
	if s := b.after(100); s < settled || s > settled+2 {
		t.Errorf("cleared after %d s", s)
	}
}

// F12: 1 km within 10 s.
func TestPositionJump(t *testing.T) {
	for _, tt := range []struct {
		metres float64
		want   string
	}{{1000, "position-jump holdover"}, {310, "position-jump holdover"}, {250, ""}, {4e6, "position-jump holdover"}} {
		b := newBench(t)
		b.run(120)
		b.north(tt.metres)
		b.run(3)
		if got := b.raised(); got != tt.want {
			t.Errorf("%v m: %q, want %q", tt.metres, got, tt.want)
		}
	}
	b := newBench(t)
	b.run(120)
	home := b.fix
	b.north(1000)
	b.run(100)
	if got := b.m.Conditions()[0].Text; !strings.Contains(got, "1.0 km") {
		t.Error(got)
	}
	b.fix = home
	if s := b.after(100); s < settled || s > settled+2 {
		t.Errorf("cleared after %d s", s)
	}
	b.north(5000) // carried elsewhere
	b.run(3)
	b.want("position-jump holdover")
	b.run(acceptAfter - 10)
	b.want("position-jump holdover")
	b.run(20)
	b.want("")
	b.north(1000)
	b.run(3)
	b.want("position-jump holdover")
}

// At a cold start the first fixes are kilometres off and come nearer; in a car none is the antenna's place.
func TestPlaceIsLearnedFromFixesThatStay(t *testing.T) {
	b := newBench(t)
	b.north(5000)
	b.run(20)
	b.north(-5000)
	b.run(50)
	b.north(80)
	b.run(50)
	b.want("")
	car := newBench(t)
	for range 600 {
		car.north(14) // 50 km/h
		car.run(1)
		car.want("")
	}
	// A spoofer that drags the place slowly is told when it is far.
	b.run(3600)
	for range 3600 {
		b.north(1)
		b.run(1)
	}
	b.want("position-jump holdover")
	date := newBench(t) // across the date line
	date.fix.Longitude = 179.9999
	date.run(100)
	date.fix.Longitude = -179.9999
	date.run(100)
	date.want("")
}

// systemsSay are the times of one solution.
func systemsSay(gps, bds, gal clock.Seconds, sigma clock.Seconds) []gnss.Report {
	var all []gnss.Report
	for i, off := range []clock.Seconds{gps, bds, gal} {
		all = append(all, gnss.Report{Mark: &gnss.TimeMark{
			Message: []string{"NAV-TIMEGPS", "NAV-TIMEBDS", "NAV-TIMEGAL"}[i], Valid: true, Accuracy: sigma,
			UTC: 1_790_000_000*timescale.Second + timescale.UTC(off*1e9),
		}})
	}
	return all
}

func TestConstellationsDisagree(t *testing.T) {
	for _, tt := range []struct {
		name    string
		reports []gnss.Report
		want    string
	}{
		{"alike", systemsSay(0, 40e-9, -30e-9, 20e-9), ""},
		{"BeiDou of 13.7 us", systemsSay(0, 13.7e-6, 0, 20e-9), "the times of GPS and BeiDou differ by 13.7 us"},
		{"Galileo a second off", systemsSay(0, 0, 1, 20e-9), "the times of GPS and Galileo differ by 1 s"},
		{"GPS off", systemsSay(-2e-6, 0, 0, 20e-9), "the times of GPS and BeiDou differ by 2 us"},
		{"nobody knows better", systemsSay(0, 13.7e-6, 0, 10e-6), ""},
		{"alone", systemsSay(0, 1, 1, 0)[:1], ""},
		{"not valid", func() []gnss.Report {
			r := systemsSay(0, 1, 0, 0)
			r[1].Mark.Valid = false
			return r
		}(), ""},
	} {
		b := newBench(t)
		b.reports = systemsSay(0, 0, 0, 20e-9)
		b.run(10)
		b.reports = tt.reports
		b.run(6)
		got := ""
		for _, c := range b.m.Conditions() {
			got += c.Text
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		b.reports = systemsSay(0, 0, 0, 20e-9)
		b.run(settled + 2)
		b.want("")
	}
}

func TestFewSatellites(t *testing.T) {
	b := newBench(t)
	b.fix.SatellitesUsed = 4
	b.run(29)
	b.want("")
	b.run(3)
	b.want("few-satellites inform")
	b.fix.SatellitesUsed = 5
	b.run(100)
	b.want("few-satellites inform")
	b.fix.SatellitesUsed = 6
	b.run(32)
	b.want("")
	// A GPGGA with its own satellites between GNGGA with all.
	b.reports = []gnss.Report{{Fix: &gnss.Fix{Valid: true, SatellitesUsed: 1}}}
	b.run(100)
	b.want("")
}

func TestConditionsAreListedWorstFirstAndNotChanged(t *testing.T) {
	b := newBench(t)
	b.fix.SatellitesUsed = 4
	b.run(40)
	before := b.m.Conditions()
	copied := append([]Condition(nil), before...)
	b.health = says("MON-RF", gnss.AntennaShort, gnss.ThreatWarning, 0)
	b.run(1)
	b.want("antenna-short holdover, jamming alarm, few-satellites inform")
	if diff := cmp.Diff(copied, before); diff != "" {
		t.Error(diff)
	}
	out, err := json.Marshal(b.m.Conditions()[0])
	if err != nil || !strings.HasPrefix(string(out), `{"name":"antenna-short","since":41000000000,"severity":"holdover","text":"`) {
		t.Errorf("%s, %v", out, err)
	}
	var back Condition
	if err := json.Unmarshal(out, &back); err != nil || back != b.m.Conditions()[0] {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestNamesAreStable(t *testing.T) {
	want := []string{
		"antenna-open", "antenna-short", "jamming", "spoofing", "signal-collapse", "fix-without-satellites", "position-jump",
		"constellations-disagree", "flat-signals", "few-satellites",
	}
	if diff := cmp.Diff(want, Names()); diff != "" {
		t.Error(diff)
	}
}

// One receiver may list a satellite in NMEA and in a binary protocol.
func TestNumberingsMeanTheSameSatellite(t *testing.T) {
	for _, tt := range []struct {
		system   string
		one, two int
		same     bool
	}{
		{"Galileo", 301, 1, true},
		{"BeiDou", 419, 19, true},
		{"BeiDou", 219, 119, true},
		{"GLONASS", 65, 1, true},
		{"QZSS", 193, 1, true},
		{"SBAS", 120, 33, true},
		{"GPS", 7, 7, true},
		{"GPS", 7, 8, false},
		{"Galileo", 302, 1, false},
		{"Sputnik", 1, 2, false},
	} {
		if got := keyOf(tt.system, tt.one) == keyOf(tt.system, tt.two); got != tt.same {
			t.Errorf("%s %d and %d are the same: %v", tt.system, tt.one, tt.two, got)
		}
	}
	if keyOf("GPS", 1) == keyOf("Galileo", 1) || keyOf("", 1) == keyOf("GPS", 1) {
		t.Error("satellites of two systems are one")
	}
}

// FuzzMonitor gives any reports in any order: nothing panics, and what is kept stays bounded.
func FuzzMonitor(f *testing.F) {
	f.Add(uint64(1), 200)
	f.Fuzz(func(t *testing.T, seed uint64, n int) {
		m, rng, at := New(), rand.New(rand.NewPCG(seed, 2)), clock.Mono(0)
		for range min(max(n, 0), 2000) {
			at += clock.Mono(rng.Int64N(4e9)) - 1e9
			r := anything(rng)
			m.Report(at, &r)
			m.Advance(at)
			if rng.IntN(50) == 0 {
				m.Reopened()
			}
			for _, c := range m.Conditions() {
				if c.Name == "" || c.Text == "" {
					t.Fatalf("%+v", c)
				}
			}
			if v := &m.health; len(m.signals.levels) > maxSignals || len(v.antenna) > maxVoices || len(v.jamming) > maxVoices || len(v.spoofing) > maxVoices {
				t.Fatalf("%d levels, %d, %d, %d voices", len(m.signals.levels), len(v.antenna), len(v.jamming), len(v.spoofing))
			}
		}
	})
}

func anything(rng *rand.Rand) (r gnss.Report) {
	odd := func(span float64) float64 {
		switch rng.IntN(20) {
		case 0:
			return math.NaN()
		case 1:
			return math.Inf(1 - 2*rng.IntN(2))
		}
		return span * (rng.Float64() - 0.5)
	}
	switch rng.IntN(5) {
	case 0:
		r.Fix = &gnss.Fix{Valid: rng.IntN(3) > 0, SatellitesUsed: rng.IntN(12) - 1, HasPosition: rng.IntN(3) > 0, Latitude: odd(180), Longitude: odd(360)}
	case 1:
		r.Sky = &gnss.Satellites{}
		for range rng.IntN(600) {
			r.Sky.Seen = append(r.Sky.Seen, gnss.Satellite{
				System: []string{"", "GPS", "BeiDou", "SBAS"}[rng.IntN(4)], ID: rng.IntN(1000), Elevation: rng.IntN(181) - 90, Azimuth: rng.IntN(360), CN0: odd(100), Used: rng.IntN(2) == 0,
			})
		}
	case 2:
		r.Health = &gnss.Health{
			Message: fmt.Sprint(rng.IntN(10)), Antenna: gnss.Antenna(rng.IntN(6)), Jamming: gnss.Threat(rng.IntN(6)), Spoofing: gnss.Threat(rng.IntN(6)), Tone: odd(3), Gain: odd(3),
		}
	case 3:
		r.Mark = &gnss.TimeMark{
			Message: []string{"NAV-TIMEGPS", "TIM2-TIMEBDS", "NAV-TIMEGAL", "NAV-TIMEGLO", "GNRMC"}[rng.IntN(5)], Valid: rng.IntN(3) > 0,
			UTC: timescale.UTC(rng.Int64()), Accuracy: clock.Seconds(odd(1)),
		}
	case 4:
		r.Survey = &gnss.Survey{Valid: rng.IntN(2) == 0}
	}
	return r
}

// A second of a unit that is fed decoded reports.
func BenchmarkSecondOfReports(b *testing.B) {
	m, at := New(), clock.Mono(1e9)
	r := gnss.Report{
		Mark: &gnss.TimeMark{Message: "GNRMC", Valid: true},
		Fix:  &gnss.Fix{Message: "GNGGA", Valid: true, SatellitesUsed: 12, HasPosition: true, Latitude: 51.4779},
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Report(at, &r)
		for range 4 {
			at += 250_000_000
			m.Advance(at)
		}
	}
}

// A second of a receiver that lists 40 satellites and its health.
func BenchmarkSecondOfEverything(b *testing.B) {
	m, at := New(), clock.Mono(1e9)
	sky := &gnss.Satellites{}
	for i := range 40 {
		sky.Seen = append(sky.Seen, gnss.Satellite{System: []string{"GPS", "BeiDou"}[i%2], ID: i + 1, Elevation: 2 * i, Azimuth: 9 * i, CN0: 30 + float64(i%12), Used: true})
	}
	r := gnss.Report{
		Fix: &gnss.Fix{Valid: true, SatellitesUsed: 12, HasPosition: true, Latitude: 51.4779}, Sky: sky,
		Health: &gnss.Health{Message: "MON-RF", Antenna: gnss.AntennaOK, Jamming: gnss.ThreatNone, Spoofing: gnss.ThreatNone},
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Report(at, &r)
		for range 4 {
			at += 250_000_000
			m.Advance(at)
		}
	}
}
