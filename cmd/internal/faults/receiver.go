package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"timeball/board/sim"
)

// receivers are what the faults of receivers are tried with: bare NMEA and the binary protocols.
var receivers = []string{"nmea", "ubx-8", "ubx-10", "casic-1"}

// receiverTrials are the faults of the receiver, of its antenna and of its line.
func receiverTrials() (all []trial) {
	for _, r := range receivers {
		if r == "nmea" || r == "ubx-8" {
			all = append(all, lineTrials(r)...)
		}
		all = append(all, lieTrials(r)...)
		all = append(all, antennaTrials(r)...)
	}
	return append(all, trial{
		name: "jamming-creeps", number: "F13", model: "pi-quiet", warm: hour, after: 630, twin: true, device: "ubx-10", short: true,
		faults: []sim.Fault{
			{Name: sim.FaultDrag, For: 28 * time.Second, By: 50 * time.Nanosecond},
			{Name: sim.FaultJamming, At: 28 * time.Second, By: time.Nanosecond},
		},
		// Seeds 1 to 30 come to at most 6.4 us; where the pulses are not taken back, to 19 us.
		wanted: "holdover 2 s after the jammer is heard; 28 s of dragged pulses are taken back: moves at most 8 us in 10 min",
		judge:  both(shown("jamming", 30), both(holdoverWithin(30), movedBy(8e-6))),
	})
}

// lineTrials garble what the receiver says. The unit serves on: seconds are counted by the pulse.
func lineTrials(receiver string) (all []trial) {
	add := func(name string, f []sim.Fault, judge func(*tally) error) {
		sample := receiver == "nmea" && f[0].Size != 1e-5 && f[0].Size != 1e-4 || receiver == "ubx-8" && (f[0].Size == 1e-3 || f[0].Name == sim.FaultUnplugged)
		all = append(all, trial{
			name: name + "/" + receiver, number: "F11", model: "pi-quiet", warm: 300, after: 600, faults: f, device: receiver, share: 0.999,
			wanted: "99.9 % synchronised, dishonest 0, no step, nothing said against the receiver", judge: both(both(noStep, nothingShown), judge), soakOnly: !sample,
		})
	}
	const length = 400 * time.Second
	for _, rate := range []float64{1e-5, 1e-4, 1e-3, 1e-2} {
		add(fmt.Sprintf("garbled-%.0e", rate), on(sim.FaultGarbled, length, 0, rate), anything)
	}
	add("cut", on(sim.FaultCut, length, 0, 0), anything)
	add("glued", on(sim.FaultGlued, length, 0, 0), anything)
	add("baud", on(sim.FaultBaud, length, 0, 0), anything)
	add("unplugged", on(sim.FaultUnplugged, length, 0, 0), holdoverWithin(3))
	return all
}

// lieTrials make the receiver say what is not so.
func lieTrials(receiver string) (all []trial) {
	const length = 200 * time.Second
	for _, c := range []struct {
		fault, condition string
		judge            func(*tally) error
	}{
		{sim.FaultNoSatellites, "fix-without-satellites", holdoverWithin(10)},
		{sim.FaultMoved, "position-jump", holdoverWithin(10)},
		{sim.FaultFlat, "flat-signals", noStep},
	} {
		all = append(all, trial{
			name: c.fault + "/" + receiver, number: "F12", model: "pi-quiet", warm: 300, after: 400, faults: on(c.fault, length, 0, 0), device: receiver, share: 0.999,
			wanted: "shown, and where the pulse may be wrong in holdover, within 10 s; dishonest 0", judge: both(shown(c.condition, 10), c.judge),
			short: receiver == "ubx-10", soakOnly: receiver != "ubx-10" && receiver != "nmea",
		})
	}
	return all
}

// antennaTrials take the satellites away. NMEA has no word for jamming: it is seen by the signals, a view later.
func antennaTrials(receiver string) (all []trial) {
	for _, fault := range []string{sim.FaultOpen, sim.FaultShort, sim.FaultJamming} {
		condition, within := fault, 2
		if fault == sim.FaultJamming && (receiver == "nmea" || receiver == "casic-1") {
			condition, within = "signal-collapse", 4
		}
		all = append(all, trial{
			name: fault + "/" + receiver, number: "F13", model: "pi-quiet", warm: 300, after: 60, twin: true, faults: on(fault, forEver, 0, 0), device: receiver, share: 0.999,
			wanted: fmt.Sprintf("shown, and in holdover, within %d s; dishonest 0; moves at most %.2g us", within, gate("pi-quiet")*1e6),
			judge:  both(shown(condition, within), both(holdoverWithin(within), movedBy(gate("pi-quiet")))),
			short:  receiver == "ubx-10", soakOnly: receiver == "ubx-8" || fault == sim.FaultShort && receiver != "casic-1",
		})
		if receiver != "ubx-8" {
			continue
		}
		all = append(all, trial{
			name: fault + "-and-back/" + receiver, number: "F13", model: "pi-quiet", warm: 300, after: 600, faults: on(fault, 300*time.Second, 0, 0), device: receiver, share: 0.999,
			wanted: "99.9 % synchronised, dishonest 0, locked again within 120 s", judge: both(noStep, lockedAgain(300, 420)),
		})
	}
	return all
}

// drawReceiver draws the particulars of a fault of the receiver or of its line. Where the line matters the unit is run on
// bytes, for a shorter time: that takes ten times as long as on reports.
func drawReceiver(t *trial, f *sim.Fault, rng *rand.Rand, between func(least, most float64) float64) {
	switch f.Name {
	case sim.FaultJamming, sim.FaultOpen, sim.FaultShort, sim.FaultNoSatellites:
		f.By = time.Duration(between(1, 1000))
	case sim.FaultMoved:
		f.Size, f.By = between(400, 1e6), time.Duration(between(10, 1e6))
	case sim.FaultGarbled:
		f.Size = between(1e-5, 1e-2)
	case sim.FaultCut, sim.FaultGlued:
		f.Size = rng.Float64()
	case sim.FaultBaud, sim.FaultFlat:
	default:
		return
	}
	if !slices.Contains([]string{sim.FaultGarbled, sim.FaultCut, sim.FaultGlued, sim.FaultBaud, sim.FaultFlat}, f.Name) {
		return
	}
	t.device = receivers[rng.IntN(len(receivers))]
	t.warm, t.after = min(t.warm, 1800), min(t.after, hour)
	span := time.Duration(t.after) * time.Second
	f.At = (f.At % (span / 2)).Truncate(time.Second)
	f.For = max(time.Second, min(f.For, span/2))
}

func anything(*tally) error { return nil }

// shown wants a condition of the receiver to be shown in time.
func shown(condition string, within int) func(*tally) error {
	return func(t *tally) error {
		at, ok := t.Shown[condition]
		if !ok {
			return fmt.Errorf("%s is never shown, but %v", condition, t.Shown)
		}
		if at > within {
			return fmt.Errorf("%s is shown after %d s, want %d", condition, at, within)
		}
		return nil
	}
}

// nothingShown wants that a damaged line is not taken for a fault of the receiver.
func nothingShown(t *tally) error {
	if len(t.Shown) > 0 {
		return fmt.Errorf("shown of a good receiver: %v", t.Shown)
	}
	return nil
}

// lockedAgain wants the last lock to begin between two seconds after the fault.
func lockedAgain(from, to int) func(*tally) error {
	return func(t *tally) error {
		if t.Relocked < from || t.Relocked > to {
			return fmt.Errorf("locked again after %d s, want %d to %d", t.Relocked, from, to)
		}
		return nil
	}
}

// receiver returns the receiver of a trial that speaks, nil where it is decoded.
func (c *trial) receiver(seed uint64) (sim.Receiver, error) {
	const baud = 38400
	delay := cmp.Or(c.delay, 120*time.Millisecond)
	switch {
	case c.device == "" && !c.bytes:
		return nil, nil
	case c.device == "" || c.device == "nmea":
		return sim.NewTalker(seed, baud, delay), nil
	}
	kind, err := sim.KindNamed(c.device)
	if err != nil {
		return nil, err
	}
	return sim.NewDevice(sim.DeviceConfig{Kind: kind, Seed: seed, Baud: baud, Binary: true, Delay: delay}), nil
}
