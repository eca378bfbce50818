package timing

import (
	"fmt"
	"testing"

	"timeball/gnss"
	"timeball/pps"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/histogram"
)

// jumpy lets n seconds pass in which the edges are stamped as late as off says, the message half a second after the pulse.
func (b *bench) jumpy(n int, off func(i int) clock.Mono) *Snapshot {
	for i := range n {
		b.seq++
		at := b.clock.now.Mono + off(i)
		b.engine.Take(Event{Kind: KindEdge, At: at, Edge: &pps.Edge{Source: "test", Seq: b.seq, Earliest: at, Latest: at}})
		b.pass(second / 2)
		b.message(true)
		b.pass(second / 2)
		b.engine.Take(Event{Kind: KindTick, At: b.clock.now.Mono})
		b.utc += second
	}
	return b.engine.Snapshot()
}

func onTime(int) clock.Mono { return 0 }

// beyond returns how many values lie at or above v.
func beyond(c *histogram.Counts, v clock.Seconds) (n uint32) {
	for i, in := range c.Bins {
		if c.Least+c.Width*clock.Seconds(i) >= v-c.Width/2 {
			n += in
		}
	}
	return n + c.Above
}

func TestJitterCountsEveryLabelledEdgeWhileLocked(t *testing.T) {
	b := newBench(t, true)
	s := b.jumpy(100, onTime)
	if s.Jitter == nil {
		t.Fatal("no jitter after 100 s")
	}
	before := s.Jitter.Count()
	s = b.jumpy(100, func(i int) clock.Mono {
		switch i {
		case 20, 40, 60: // the filter takes these for late edges: they are refused and still shown
			return 7_500
		case 80:
			return 90_000
		}
		return 0
	})
	c := s.Jitter
	if got := c.Count() - before; got != 100 {
		t.Errorf("%d edges counted of 100", got)
	}
	if late := beyond(c, 7.3e-6); late != 4 || c.Above != 1 || c.Below != 0 {
		t.Errorf("%d edges from 7.3 us on, %d above all, %d below, want 4, 1, 0: %+v", late, c.Above, c.Below, c)
	}
	if median, ok := c.Quantile(0.5); !ok || median < -1e-7 || median > 1e-7 {
		t.Errorf("median %v, %v, want 0", median, ok)
	}
}

// While acquiring the prediction is what is wrong.
func TestJitterIsCountedOnlyWhileLocked(t *testing.T) {
	b := newBench(t, true)
	locked := uint64(0)
	for range 60 {
		if b.engine.loop.Mode() == discipline.Locked {
			locked++
		}
		b.jumpy(1, onTime)
	}
	if c := b.engine.jitter.At(b.clock.now.Mono); locked == 60 || c == nil || c.Count() != locked {
		t.Errorf("counted %+v of 60 edges, want the %d that came while locked", c, locked)
	}
}

func TestLagsAreOfTheMessagesThatNameASecond(t *testing.T) {
	b := newBench(t, true)
	s := b.jumpy(30, onTime)
	if len(s.Lags) != 1 || s.Lags[0].Message != "GNRMC" {
		t.Fatalf("lags of %+v, want of GNRMC alone", s.Lags)
	}
	c := s.Lags[0].Counts
	if median, ok := c.Quantile(0.5); !ok || median < 0.5-0.01 || median > 0.5+0.01 {
		t.Errorf("median %v, %v, want 0.5 s", median, ok)
	}
	if c.Count() < 20 || c.Count() > 30 {
		t.Errorf("%d messages counted of 30", c.Count())
	}
}

func TestLagsOfManyKindsOfMessagesAreBounded(t *testing.T) {
	b := newBench(t, true)
	b.jumpy(5, onTime)
	say := func(kinds, from int) {
		at := b.clock.now.Mono
		for i := range kinds {
			b.engine.Take(Event{Kind: KindReport, At: at, Report: &gnss.Report{Mark: &gnss.TimeMark{Arrival: at, UTC: b.utc, Message: fmt.Sprint("X", from+i), Valid: true}}})
		}
	}
	say(10, 0)
	s := b.jumpy(20, onTime)
	if len(s.Lags) != maxLags {
		t.Errorf("%d kinds, want %d", len(s.Lags), maxLags)
	}
	s = b.jumpy(700, onTime)
	if len(s.Lags) != 1 {
		t.Errorf("%d kinds 700 s after the others fell silent, want 1", len(s.Lags))
	}
	say(1, 99)
	if s = b.jumpy(20, onTime); len(s.Lags) != 2 || s.Lags[1].Message != "X99" {
		t.Errorf("lags %+v, want those of a new kind in the place of the silent ones", s.Lags)
	}
}

func TestSpreadIsSharedForTenSeconds(t *testing.T) {
	b := newBench(t, true)
	var before *histogram.Counts
	changed := 0
	for range 120 {
		if s := b.jumpy(1, onTime); s.Jitter != before {
			changed, before = changed+1, s.Jitter
		}
	}
	if changed < 9 || changed > 12 {
		t.Errorf("taken anew %d times in 120 s, want every 10 s", changed)
	}
}
