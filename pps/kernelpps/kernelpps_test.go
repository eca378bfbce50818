package kernelpps

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"timeball/pps"
	"timeball/pps/clock"
)

const (
	second = int64(time.Second)
	began  = clock.Real(1_790_000_000e9) // CLOCK_REALTIME minus CLOCK_MONOTONIC at the beginning
)

// turn is one wait: what the device says at its end, and CLOCK_MONOTONIC and the clocks' difference then.
type turn struct {
	sequence uint32
	at       int64 // of the stamp, ns of CLOCK_REALTIME since began
	mono     int64
	moved    int64 // ns by which Real - Mono differs from the beginning
}

// fake plays turns, then is gone.
type fake struct {
	turns  []turn
	gone   error
	closed bool
	now    turn
}

func (f *fake) fetch() (Stamp, error) {
	if len(f.turns) == 0 {
		return Stamp{}, errors.New("played out")
	}
	f.now, f.turns = f.turns[0], f.turns[1:]
	return Stamp{f.now.sequence, began + clock.Real(f.now.at)}, nil
}

func (f *fake) present() error { return f.gone }

func (f *fake) Close() error {
	f.closed = true
	return nil
}

func (f *fake) read() (clock.Reading, error) {
	return clock.Reading{Mono: clock.Mono(f.now.mono), Real: began + clock.Real(f.now.mono+f.now.moved)}, nil
}

// drain returns all edges of a source whose device ends by itself.
func drain(t *testing.T, f *fake) ([]pps.Edge, Counters) {
	t.Helper()
	s, err := start(f, "fake", f.read)
	if err != nil {
		t.Fatal(err)
	}
	var all []pps.Edge
	for e := range s.Edges() {
		all = append(all, e)
	}
	if err := s.Close(); err != nil || !f.closed {
		t.Errorf("Close: %v, device closed: %v", err, f.closed)
	}
	return all, s.Counters()
}

func TestStampsBecomeEdges(t *testing.T) {
	edge := func(seq uint64, at int64) pps.Edge {
		return pps.Edge{Source: "pps", Seq: seq, Earliest: clock.Mono(at), Latest: clock.Mono(at)}
	}
	const s = second
	tests := []struct {
		name  string
		turns []turn
		want  []pps.Edge
		count Counters
	}{
		{
			"one a second, on CLOCK_MONOTONIC",
			[]turn{{7, 0, 1 * s, 0}, {8, 2 * s, 2*s + 50, 0}, {9, 3*s + 1, 3*s + 70, 0}},
			[]pps.Edge{edge(8, 2*s), edge(9, 3*s+1)},
			Counters{Edges: 2},
		},
		{
			"what was before it was opened is no edge, nor is a wait without a pulse",
			[]turn{{7, 0, 1 * s, 0}, {7, 0, 2 * s, 0}, {7, 0, 3 * s, 0}},
			nil,
			Counters{},
		},
		{
			"the first pulse ever",
			[]turn{{0, -int64(began), 1 * s, 0}, {1, 2 * s, 2*s + 50, 0}},
			[]pps.Edge{edge(1, 2*s)},
			Counters{Edges: 1},
		},
		{
			"a gap is lost edges",
			[]turn{{7, 0, 1 * s, 0}, {10, 4 * s, 4*s + 50, 0}},
			[]pps.Edge{edge(10, 4*s)},
			Counters{Edges: 1, Lost: 2},
		},
		{
			"the number wraps at 32 bits",
			[]turn{{1<<32 - 1, 0, 1 * s, 0}, {0, 2 * s, 2*s + 50, 0}},
			[]pps.Edge{edge(1<<32, 2*s)},
			Counters{Edges: 1},
		},
		{
			"the clock was stepped in the wait: refused, and the next one is of the new clock",
			[]turn{{7, 0, 1 * s, 0}, {8, 2 * s, 2*s + 50, 3 * s}, {9, 6*s + 9, 3*s + 50, 3 * s}},
			[]pps.Edge{edge(9, 3*s+9)},
			Counters{Edges: 1, Refused: 1},
		},
		{
			"a step back, after the stamp",
			[]turn{{7, 0, 1 * s, 0}, {8, 2 * s, 2*s + 50, -s / 2}, {9, 5 * s / 2, 3*s + 50, -s / 2}},
			[]pps.Edge{edge(9, 3*s)},
			Counters{Edges: 1, Refused: 1},
		},
		{
			"a step back by less than the reading is behind the stamp",
			[]turn{{7, 0, 1 * s, 0}, {8, 2 * s, 2*s + 100_000, -10_000}},
			nil,
			Counters{Refused: 1},
		},
		{
			"a stamp that was there before, with another number",
			[]turn{{7, 0, 1 * s, 0}, {8, 2 * s, 2 * s, 0}, {9, 2 * s, 3 * s, 0}},
			[]pps.Edge{edge(8, 2*s)},
			Counters{Edges: 1, Refused: 1},
		},
		{
			"a leap second is a step here",
			[]turn{{7, 0, 1 * s, 0}, {8, 2 * s, 2*s + 50, -s}, {9, 2*s + 9, 3*s + 50, -s}},
			[]pps.Edge{edge(9, 3*s+9)},
			Counters{Edges: 1, Refused: 1},
		},
		{
			"readings differ by a microsecond without a step",
			[]turn{{7, 0, 1 * s, 0}, {8, 2 * s, 2*s + 50, 900}},
			[]pps.Edge{edge(8, 2*s-900)},
			Counters{Edges: 1},
		},
		{
			"a stamp of the future is refused",
			[]turn{{7, 0, 1 * s, 0}, {8, 4 * s, 2 * s, 0}},
			nil,
			Counters{Refused: 1},
		},
		{
			"a stamp from before the wait is refused",
			[]turn{{7, 0, 1 * s, 0}, {7, 0, 2 * s, 0}, {8, s / 2, 3 * s, 0}},
			nil,
			Counters{Refused: 1},
		},
		{
			"a number that goes back is refused",
			[]turn{{7, 0, 1 * s, 0}, {5, 2 * s, 2*s + 50, 0}},
			nil,
			Counters{Refused: 1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, count := drain(t, &fake{turns: tt.turns})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("edges (-want +got):\n%s", diff)
			}
			if count != tt.count {
				t.Errorf("counters %+v, want %+v", count, tt.count)
			}
		})
	}
}

func TestGoneDeviceEndsTheEdges(t *testing.T) {
	played := &fake{gone: errors.New("unplugged")}
	for n := range int64(1000) {
		played.turns = append(played.turns, turn{uint32(n), n * second, n*second + 50, 0})
	}
	if got, _ := drain(t, played); len(got) != 0 || len(played.turns) != 999 {
		t.Errorf("edges %v of a device that is gone; asked again %d times", got, 999-len(played.turns))
	}
}

func TestEdgesNobodyTakesAreDroppedAndCounted(t *testing.T) {
	f := &fake{}
	for n := range int64(buffered + 4) {
		f.turns = append(f.turns, turn{uint32(n), n * second, n*second + 50, 0})
	}
	s, err := start(f, "fake", f.read)
	if err != nil {
		t.Fatal(err)
	}
	<-s.ended
	if got := s.Counters(); got != (Counters{Edges: buffered, Dropped: 3}) {
		t.Errorf("counters %+v, want %d edges and 3 dropped", got, buffered)
	}
}

func TestCloseEndsTheGoroutine(t *testing.T) {
	f := &fake{turns: make([]turn, 1<<20)}
	s, err := start(f, "fake", f.read)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, open := <-s.Edges(); open || !f.closed {
		t.Errorf("edges open: %v, device closed: %v", open, f.closed)
	}
}

func TestClockThatCannotBeReadIsAnError(t *testing.T) {
	broken := errors.New("no clock")
	if _, err := start(&fake{}, "fake", func() (clock.Reading, error) { return clock.Reading{}, broken }); !errors.Is(err, broken) {
		t.Errorf("start: %v, want %v", err, broken)
	}
}
