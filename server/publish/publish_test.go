package publish

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/server/ntp"
)

// 2026-12-31 12:00:00 UTC.
const noon = clock.Real(1798718400_000_000_000)

func estimate() discipline.Estimate {
	return discipline.Estimate{
		At:        clock.Reading{Mono: 100_000_000_000, Real: noon, Boot: 100_000_000_000, Era: 1},
		Mode:      discipline.Locked,
		HasOffset: true,
		Bound:     discipline.Bound{Pulse: 200e-9, Capture: 50e-9, Reference: 50e-9},
		Growth:    2e-9,
		LastPulse: 99_500_000_000,
		TAIOffset: 37,
	}
}

func TestPublishLocked(t *testing.T) {
	e := estimate()
	e.Leap, e.LeapAt = clock.LeapInsert, timescale.UTC(noon)+day/2
	cfg := Default()
	cfg.Kappa = 2
	want := ntp.Reference{
		Anchor:       e.At,
		Expiry:       105_000_000_000,
		Synchronised: true,
		Stratum:      1,
		ReferenceID:  [4]byte{'P', 'P', 'S', 0},
		ReferenceAt:  noon - 500_000_000,
		Bound:        2 * e.Bound.Total(),
		Growth:       4e-9,
		Precision:    -23,
		Leap:         clock.LeapInsert,
		LeapAt:       e.LeapAt,
		TAIOffset:    37,
	}
	if diff := cmp.Diff(want, Publish(&e, cfg, "")); diff != "" {
		t.Errorf("Publish (-want +got):\n%s", diff)
	}
}

func TestPublishClaimsOnlyWhatIsKnown(t *testing.T) {
	nan := clock.Seconds(math.NaN())
	tests := []struct {
		name string
		edit func(*discipline.Estimate)
		want bool
	}{
		{"locked", func(e *discipline.Estimate) {}, true},
		{"holdover", func(e *discipline.Estimate) { e.Mode = discipline.Holdover }, true},
		{"holdover, just below the limit", func(e *discipline.Estimate) {
			e.Mode, e.Bound = discipline.Holdover, discipline.Bound{Pulse: 999e-6}
		}, true},
		{"holdover past the limit", func(e *discipline.Estimate) {
			e.Mode, e.Bound = discipline.Holdover, discipline.Bound{Pulse: 600e-6, Capture: 401e-6}
		}, false},
		{"locked past the limit", func(e *discipline.Estimate) { e.Bound.Capture = 1.1e-3 }, false},
		{"free-running", func(e *discipline.Estimate) { e.Mode = discipline.FreeRunning }, false},
		{"acquiring", func(e *discipline.Estimate) { e.Mode = discipline.Acquiring }, false},
		{"quarantine", func(e *discipline.Estimate) { e.Mode = discipline.Quarantine }, false},
		{"a mode nobody knows", func(e *discipline.Estimate) { e.Mode = 77 }, false},
		{"no pulse seen", func(e *discipline.Estimate) { e.HasOffset = false }, false},
		{"bound not a number", func(e *discipline.Estimate) { e.Bound.Pulse = nan }, false},
		{"negative bound", func(e *discipline.Estimate) { e.Bound.Pulse = -1 }, false},
		{"infinite bound", func(e *discipline.Estimate) { e.Bound.Pulse = clock.Seconds(math.Inf(1)) }, false},
		{"growth not a number", func(e *discipline.Estimate) { e.Growth = clock.Ratio(nan) }, false},
		{"negative growth", func(e *discipline.Estimate) { e.Growth = -1e-9 }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := estimate()
			tt.edit(&e)
			ref := Publish(&e, Default(), "")
			if ref.Synchronised != tt.want {
				t.Errorf("synchronised %v, want %v", ref.Synchronised, tt.want)
			}
			if got := ref.Check(e.At) == ntp.Certain; got != tt.want {
				t.Errorf("served as synchronised %v, want %v", got, tt.want)
			}
			if !tt.want && (ref.Stratum != 0 || ref.ReferenceID != [4]byte{}) {
				t.Errorf("stratum %d, reference ID %q: want none", ref.Stratum, ref.ReferenceID)
			}
		})
	}
	if ref := Publish(nil, Default(), ""); ref.Synchronised {
		t.Error("synchronised without an Estimate")
	}
}

// Nothing is served beyond the instant from which on the second is in doubt, whether or not a new Estimate comes.
func TestPublishEndsWhereTheSecondIsInDoubt(t *testing.T) {
	for _, tt := range []struct{ until, served clock.Mono }{
		{0, 5_000_000_000},
		{6_000_000_000, 0}, // it has been
		{100_000_000_000, 0},
		{102_000_000_000, 2_000_000_000},
		{200_000_000_000, 5_000_000_000},
	} {
		e := estimate()
		e.Until = tt.until
		ref := Publish(&e, Default(), "")
		if !ref.Synchronised || ref.Expiry != e.At.Mono+5_000_000_000 { // a smear may go on
			t.Errorf("until %d: synchronised %v until %d", tt.until, ref.Synchronised, ref.Expiry)
		}
		for _, after := range []clock.Mono{0, tt.served - 1, tt.served, 4_999_999_999} {
			now := e.At
			now.Mono, now.Real, now.Boot = now.Mono+after, now.Real+clock.Real(after), now.Boot+clock.Boot(after)
			if got := ref.Check(now) == ntp.Certain; got != (after >= 0 && after < tt.served) && after >= 0 {
				t.Errorf("until %d: served %d ns later: %v", tt.until, after, got)
			}
		}
	}
}

func TestPublishAnnouncesLeapOnItsDayOnly(t *testing.T) {
	const midnight = timescale.UTC(noon) + day/2
	tests := []struct {
		name   string
		leap   clock.Leap
		leapAt timescale.UTC
		at     timescale.UTC
		want   clock.Leap
		wantAt timescale.UTC
	}{
		{"the nanosecond before its day", clock.LeapInsert, midnight, midnight - day - 1, clock.LeapNone, 0},
		{"the first of its day", clock.LeapInsert, midnight, midnight - day, clock.LeapInsert, midnight},
		{"deletion", clock.LeapDelete, midnight, midnight - day/3, clock.LeapDelete, midnight},
		{"half a second after it", clock.LeapInsert, midnight, midnight + second/2, clock.LeapInsert, midnight},
		{"a second after it", clock.LeapInsert, midnight, midnight + second, clock.LeapNone, 0},
		{"no midnight given: the end of this day", clock.LeapInsert, 0, midnight - 1, clock.LeapInsert, midnight},
		{"a midnight without a leap", clock.LeapNone, midnight, midnight - day/2, clock.LeapNone, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := estimate()
			e.At.Real, e.Leap, e.LeapAt = clock.Real(tt.at), tt.leap, tt.leapAt
			ref := Publish(&e, Default(), "")
			if ref.Leap != tt.want || ref.LeapAt != tt.wantAt {
				t.Errorf("%v at %d, want %v at %d", ref.Leap, ref.LeapAt, tt.want, tt.wantAt)
			}
		})
	}
}

// The yardstick: root distance as decoded from the packet is never below kappa times the bound, and the synchronised
// answers end with the expiry.
func TestRootDistanceCoversBoundUntilExpiry(t *testing.T) {
	ask := make([]byte, ntp.HeaderLen)
	ask[0] = 0x23
	rapid.Check(t, func(t *rapid.T) {
		e := estimate()
		e.Bound = discipline.Bound{
			Pulse:     clock.Seconds(rapid.Float64Range(0, 400e-6).Draw(t, "pulse")),
			Capture:   clock.Seconds(rapid.Float64Range(0, 300e-6).Draw(t, "capture")),
			Reference: clock.Seconds(rapid.Float64Range(0, 300e-6).Draw(t, "reference")),
		}
		e.Growth = clock.Ratio(rapid.Float64Range(0, 500e-6).Draw(t, "growth"))
		cfg := Default()
		cfg.Kappa = rapid.Float64Range(1, 10).Draw(t, "kappa")
		ref := Publish(&e, cfg, "")

		after := rapid.Int64Range(0, 6_000_000_000).Draw(t, "after")
		now := e.At
		now.Mono, now.Real, now.Boot = now.Mono+clock.Mono(after), now.Real+clock.Real(after), now.Boot+clock.Boot(after)
		raw, _ := ntp.Reply(nil, ask, &ref, now, now.Real)
		p, _ := ntp.Decode(raw)
		if got, want := p.Leap != ntp.LeapUnsynchronised, after < int64(cfg.Expiry); got != want {
			t.Fatalf("synchronised %v after %d ns, want %v", got, after, want)
		}
		distance := p.RootDelay.Seconds()/2 + p.RootDispersion.Seconds()
		bound := clock.Seconds(cfg.Kappa) * (e.Bound.Total() + clock.Seconds(e.Growth)*clock.Seconds(after)*1e-9)
		if p.Leap != ntp.LeapUnsynchronised && distance < bound {
			t.Fatalf("root distance %v, bound %v", distance, bound)
		}
	})
}

func TestConfigValidate(t *testing.T) {
	tests := []struct {
		name string
		edit func(*Config)
		want string
	}{
		{"default", func(c *Config) {}, ""},
		{"GNSS", func(c *Config) { c.ReferenceID = "GNSS" }, ""},
		{"no limit", func(c *Config) { c.Limit = 0 }, "config: server.limit: 0s: must be from 1us to 1s"},
		{"limit of a minute", func(c *Config) { c.Limit = time.Minute }, "config: server.limit: 1m0s: must be from 1us to 1s"},
		{"kappa narrows", func(c *Config) { c.Kappa = 0.5 }, "config: server.kappa: 0.5: must be from 1 to 100"},
		{"kappa not a number", func(c *Config) { c.Kappa = math.NaN() }, "config: server.kappa: NaN: must be from 1 to 100"},
		{"no refid", func(c *Config) { c.ReferenceID = "" }, `config: server.refid: "": neither "auto" nor "system" nor 1 to 4 capital letters or digits`},
		{"long refid", func(c *Config) { c.ReferenceID = "GALIL" }, `config: server.refid: "GALIL": neither "auto" nor "system" nor 1 to 4 capital letters or digits`},
		{"no expiry", func(c *Config) { c.Expiry = 0 }, "config: server.expiry: 0s: must be from 1s to 1m"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, got := Default(), ""
			tt.edit(&c)
			if err := c.Validate(); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("Validate: %q, want %q", got, tt.want)
			}
		})
	}
}

// The pulse is named while it leads, the satellites when it does not, and what is configured always.
func TestPublishNamesTheReference(t *testing.T) {
	for _, tt := range []struct {
		refid, system string
		mode          discipline.Mode
		want          string
	}{
		{Auto, "BDS", discipline.Locked, "PPS"},
		{Auto, "BDS", discipline.Holdover, "BDS"},
		{Auto, "", discipline.Holdover, "GNSS"},
		{System, "GPS", discipline.Locked, "GPS"},
		{System, "", discipline.Locked, "GNSS"},
		{"XYZ", "GPS", discipline.Locked, "XYZ"},
		{"XYZ", "GPS", discipline.Holdover, "XYZ"},
	} {
		e, cfg := estimate(), Default()
		e.Mode, cfg.ReferenceID = tt.mode, tt.refid
		if err := cfg.Validate(); err != nil {
			t.Error(err)
		}
		ref := Publish(&e, cfg, tt.system)
		if got := strings.TrimRight(string(ref.ReferenceID[:]), "\x00"); got != tt.want {
			t.Errorf("%q, %q, %v: %q, want %q", tt.refid, tt.system, tt.mode, got, tt.want)
		}
	}
}
