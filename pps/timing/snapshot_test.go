package timing

import (
	"encoding/json"
	"slices"
	"testing"

	"timeball/pps/clock"
	"timeball/pps/discipline"
)

func marshalled(t *testing.T, s *Snapshot) string {
	t.Helper()
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Snapshots share what has not changed; what changes later must not show in those that were published before.
func TestSnapshotStaysAsItWasPublished(t *testing.T) {
	b := newBench(t, true)
	var published []*Snapshot
	var then []string
	for _, a := range []act{normal, {true, true, false}, normal, {false, true, true}, normal} {
		for range 15 {
			b.engine.Take(Event{Kind: "no such kind"}) // one more is refused
			s := b.run(1, a)
			published, then = append(published, s), append(then, marshalled(t, s))
		}
	}
	for i, s := range published {
		if got := marshalled(t, s); got != then[i] {
			t.Fatalf("snapshot %d was\n%s\nand is now\n%s", i, then[i], got)
		}
		if got := s.Counters.Refused["unknown event"]; got != uint64(i+1) {
			t.Fatalf("snapshot %d counts %d unknown events, want %d", i, got, i+1)
		}
	}
}

// The forecast is no older than a second, or ten while locked: then it changes with what is learned over minutes.
func TestForecastIsFresh(t *testing.T) {
	b := newBench(t, true)
	var made clock.Mono
	var before []Forecast
	oldest := map[discipline.Mode]clock.Seconds{}
	for k := range 80 {
		a := normal
		a.pulse = k < 40 || k >= 60
		s := b.run(1, a)
		if s.Estimate.HasOffset && len(s.Forecast) != len(horizons) || !s.Estimate.HasOffset && s.Forecast != nil {
			t.Fatalf("second %d, has offset %v: forecast %v", k, s.Estimate.HasOffset, s.Forecast)
		}
		if !slices.Equal(s.Forecast, before) {
			made, before = s.Estimate.At.Mono, s.Forecast
		}
		if s.Estimate.HasOffset {
			oldest[s.Estimate.Mode] = max(oldest[s.Estimate.Mode], s.Estimate.At.Mono.Sub(made))
		}
	}
	want := map[discipline.Mode]clock.Seconds{discipline.Acquiring: 1, discipline.Locked: 10, discipline.Holdover: 1}
	for mode, most := range want {
		if age, seen := oldest[mode]; !seen || age > most {
			t.Errorf("%v: forecasts were up to %v s old (seen %v), want %v", mode, age, seen, most)
		}
	}
}

// Ticks come four times a second for years, and in simulations 200,000 times a second: one makes its Snapshot and no more.
func TestTickAllocatesItsSnapshotOnly(t *testing.T) {
	b := newBench(t, true)
	b.run(60, normal)
	at := b.clock.now.Mono
	b.engine.Take(Event{Kind: KindTick, At: at})
	if n := testing.AllocsPerRun(100, func() { b.engine.Take(Event{Kind: KindTick, At: at}) }); n > 1 {
		t.Errorf("%v allocations for a tick, want 1", n)
	}
}
