package sim

import (
	"slices"
	"testing"
	"time"

	"timeball/gnss"
	"timeball/gnss/decode"
	"timeball/gnss/scan"
	"timeball/pps/timing"
)

// told is what one second of a receiver said.
type told struct {
	valid    bool
	used     int
	strength float64 // of the strongest satellite
	spread   float64 // from the weakest to the strongest that is used
	north    float64 // degrees
	antenna  gnss.Antenna
	jamming  gnss.Threat
}

// hear runs a receiver with a fault from second 10 on and returns what it says, second by second.
func hear(t *testing.T, receiver Receiver, f Fault) []told {
	t.Helper()
	f.At = 10 * time.Second
	w := New(Config{Model: named(t, "perfect"), Seed: 3, Start: start, Latency: &zero, Receiver: receiver, Faults: []Fault{f}})
	all := make([]told, 60)
	d, s := decode.New(), scan.New()
	take := func(at int, r gnss.Report) {
		now := &all[at]
		if r.Fix != nil {
			now.valid, now.used = r.Fix.Valid, max(now.used, r.Fix.SatellitesUsed)
			if r.Fix.HasPosition {
				now.north = r.Fix.Latitude
			}
		}
		if r.Health != nil {
			now.antenna, now.jamming = max(now.antenna, r.Health.Antenna), max(now.jamming, r.Health.Jamming)
		}
		if r.Sky != nil {
			weakest := 99.0
			for _, sat := range r.Sky.Seen {
				now.strength = max(now.strength, sat.CN0)
				if sat.CN0 > 0 {
					weakest = min(weakest, sat.CN0)
				}
			}
			now.spread = now.strength - weakest
		}
	}
	for _, h := range listen(w, 60*time.Second) {
		at := int((h.truth - start) / second)
		switch h.Kind {
		case timing.KindReport:
			take(at, *h.Report)
		case timing.KindBytes:
			s.Write(h.At, 0, h.Bytes, func(p scan.Packet) {
				if r, err := d.Decode(p); err == nil {
					take(at, r)
				}
			})
		}
	}
	return all
}

func TestReceiversTellTheirTrouble(t *testing.T) {
	for _, receiver := range []string{"decoded", "nmea", "ubx-8", "ubx-10", "casic-1", "casic-2"} {
		voice := func() Receiver {
			switch receiver {
			case "decoded":
				return nil
			case "nmea":
				return NewTalker(3, 38400, 120*time.Millisecond)
			}
			kind, err := KindNamed(receiver)
			if err != nil {
				t.Fatal(err)
			}
			return NewDevice(DeviceConfig{Kind: kind, Seed: 3, Baud: 115200, Binary: true, Delay: 120 * time.Millisecond})
		}
		bytes := receiver != "decoded"
		check := func(f Fault, second int, what string, holds func(told) bool) {
			t.Helper()
			all := hear(t, voice(), f)
			if holds(all[9]) || !holds(all[second]) {
				t.Errorf("%s, %s: %s: before %+v, at %d s %+v", receiver, f.Name, what, all[9], second, all[second])
			}
		}
		check(Fault{Name: FaultOpen}, 10, "open", func(s told) bool { return s.antenna == gnss.AntennaOpen && s.valid })
		check(Fault{Name: FaultShort}, 10, "short", func(s told) bool { return s.antenna == gnss.AntennaShort && s.valid })
		check(Fault{Name: FaultOpen}, 31, "lost", func(s told) bool { return !s.valid })
		check(Fault{Name: FaultNoSatellites}, 40, "alone", func(s told) bool { return s.valid && s.used == 0 })
		check(Fault{Name: FaultMoved}, 12, "moved", func(s told) bool { return s.valid && s.north > greenwich.Latitude+0.0089 })
		if slices.Contains([]string{"decoded", "ubx-8", "ubx-10", "casic-2"}, receiver) {
			check(Fault{Name: FaultJamming}, 12, "jammed", func(s told) bool { return s.jamming == gnss.ThreatWarning && s.valid })
			check(Fault{Name: FaultJamming}, 32, "lost", func(s told) bool { return s.jamming == gnss.ThreatCritical && !s.valid })
		}
		if bytes {
			check(Fault{Name: FaultJamming}, 12, "weak", func(s told) bool { return s.strength > 0 && s.strength < 35 })
			check(Fault{Name: FaultFlat}, 12, "flat", func(s told) bool { return s.strength > 0 && s.spread < 0.5 })
		}
	}
}

// The pulse of a receiver that has lost its satellites drifts off for 20 s, and then there is none.
func TestPulseDriftsUntilTheLossIsNoticed(t *testing.T) {
	for _, name := range []string{FaultOpen, FaultShort, FaultJamming} {
		_, all := troubled(t, Fault{Name: name})
		s := stamps(all)
		last := s[len(s)-11] // ten come after the fault
		if len(s) != 40 || last < 29+18e-7 || last > 29+2e-6 {
			t.Errorf("%s: %d pulses, the last of the fault at %.9f s", name, len(s), last)
		}
	}
	_, all := troubled(t, Fault{Name: FaultMoved})
	if s := stamps(all); s[15] < 15+2.9e-6 || s[15] > 15+3.1e-6 {
		t.Errorf("moved: a pulse at %.9f s", s[15])
	}
}
