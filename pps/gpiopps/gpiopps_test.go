package gpiopps

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/warthog618/go-gpiocdev"

	"timeball/pps"
	"timeball/pps/clock"
)

// fakeLine delivers the events a test wants.
type fakeLine struct {
	chip   string
	offset int
	edge   gpiocdev.LineEdge
	handle func(gpiocdev.LineEvent)
	closed bool
}

func (f *fakeLine) request(chip string, offset int, edge gpiocdev.LineEdge, handle func(gpiocdev.LineEvent)) (io.Closer, error) {
	f.chip, f.offset, f.edge, f.handle = chip, offset, edge, handle
	return f, nil
}

func (f *fakeLine) Close() error {
	f.closed = true
	return nil
}

func (f *fakeLine) event(number uint32, at time.Duration) {
	f.handle(gpiocdev.LineEvent{LineSeqno: number, Timestamp: at, Type: gpiocdev.LineEventRisingEdge})
}

var piChips = []chip{{name: "gpiochip0", label: "pinctrl-bcm2711"}, {name: "gpiochip1", label: "raspberrypi-exp-gpio"}}

func openFake(t *testing.T, c Config) (*Source, *fakeLine) {
	t.Helper()
	f := new(fakeLine)
	s, err := open(c, func() []chip { return piChips }, f.request)
	if err != nil {
		t.Fatal(err)
	}
	return s, f
}

// drain closes the source and returns the edges it had.
func drain(t *testing.T, s *Source) []pps.Edge {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var all []pps.Edge
	for e := range s.Edges() {
		all = append(all, e)
	}
	return all
}

func TestOpenRequestsTheLine(t *testing.T) {
	s, f := openFake(t, Config{Chip: "pinctrl-bcm2711", Line: "P1_7", Edge: "falling"})
	if f.chip != "gpiochip0" || f.offset != 4 || f.edge != gpiocdev.LineEdgeFalling {
		t.Errorf("requested %s line %d edge %v, want gpiochip0 line 4 falling", f.chip, f.offset, f.edge)
	}
	if want := "gpiochip0 line 4 falling"; s.Name() != want {
		t.Errorf("Name() = %q, want %q", s.Name(), want)
	}
	if drain(t, s); !f.closed {
		t.Error("Close left the line requested")
	}
}

func TestEventsBecomeEdges(t *testing.T) {
	edge := func(seq uint64, at clock.Mono) pps.Edge {
		return pps.Edge{Source: "gpio", Seq: seq, Earliest: at, Latest: at}
	}
	type event struct {
		number uint32
		at     time.Duration
	}
	tests := []struct {
		name   string
		seq    uint64 // before the first event
		events []event
		want   []pps.Edge
		count  Counters
	}{
		{
			"one a second", 0,
			[]event{{1, 1e9}, {2, 2e9}},
			[]pps.Edge{edge(1, 1e9), edge(2, 2e9)},
			Counters{Edges: 2},
		},
		{
			"a gap is lost edges", 0,
			[]event{{1, 1e9}, {4, 4e9}},
			[]pps.Edge{edge(1, 1e9), edge(4, 4e9)},
			Counters{Edges: 2, Lost: 2},
		},
		{
			"the number wraps at 32 bits", 1<<32 - 2,
			[]event{{1<<32 - 1, 1e9}, {0, 2e9}, {2, 4e9}},
			[]pps.Edge{edge(1<<32-1, 1e9), edge(1<<32, 2e9), edge(1<<32+2, 4e9)},
			Counters{Edges: 3, Lost: 1},
		},
		{
			"a repeated number is refused", 0,
			[]event{{1, 1e9}, {1, 2e9}, {2, 3e9}},
			[]pps.Edge{edge(1, 1e9), edge(2, 3e9)},
			Counters{Edges: 2, Refused: 1},
		},
		{
			"a number that goes back is refused", 0,
			[]event{{5, 1e9}, {4, 2e9}},
			[]pps.Edge{edge(5, 1e9)},
			Counters{Edges: 1, Lost: 4, Refused: 1},
		},
		{
			"a time that goes back is refused and its number lost", 0,
			[]event{{1, 1e9}, {2, 1e9}, {3, 3e9}},
			[]pps.Edge{edge(1, 1e9), edge(3, 3e9)},
			Counters{Edges: 2, Lost: 1, Refused: 1},
		},
		{
			"no time is refused", 0,
			[]event{{1, 0}},
			nil,
			Counters{Refused: 1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, f := openFake(t, Default())
			s.seq = tt.seq
			for _, e := range tt.events {
				f.event(e.number, e.at)
			}
			if diff := cmp.Diff(tt.want, drain(t, s)); diff != "" {
				t.Errorf("edges (-want +got):\n%s", diff)
			}
			if got := s.Counters(); got != tt.count {
				t.Errorf("counters %+v, want %+v", got, tt.count)
			}
		})
	}
}

func TestFullBufferDropsAndCounts(t *testing.T) {
	s, f := openFake(t, Default())
	for n := range uint32(buffered + 3) {
		f.event(n+1, time.Duration(n+1)*time.Second)
	}
	if got := s.Counters(); got != (Counters{Edges: buffered, Dropped: 3}) {
		t.Errorf("counters %+v, want %d edges and 3 dropped", got, buffered)
	}
	<-s.Edges()
	f.event(buffered+4, time.Hour)
	all := drain(t, s)
	if last := all[len(all)-1]; last.Seq != buffered+4 {
		t.Errorf("the edge after the dropped ones has number %d, want the gap to show: %d", last.Seq, buffered+4)
	}
}

func TestChoose(t *testing.T) {
	pi5 := []chip{{name: "gpiochip10", label: "gpio-brcmstb@107d508500"}, {name: "gpiochip0", label: "pinctrl-rp1"}}
	virt := []chip{{name: "gpiochip0", label: "9030000.pl061"}}
	locked := []chip{{name: "gpiochip0", err: syscall.EACCES}}
	tests := []struct {
		name, want string
		chips      []chip
		got, err   string
	}{
		{"auto finds the header", Auto, pi5, "gpiochip0", ""},
		{"auto on another board", Auto, virt, "gpiochip0", ""},
		{"device", "gpiochip10", pi5, "gpiochip10", ""},
		{"path", "/dev/gpiochip10", pi5, "gpiochip10", ""},
		{"label", "pinctrl-rp1", pi5, "gpiochip0", ""},
		{"absent", "gpiochip7", virt, "", `gpio chip "gpiochip7": file does not exist; there is gpiochip0 (9030000.pl061)`},
		{"none at all", Auto, nil, "", `gpio chip "auto": there is no /dev/gpiochip*: file does not exist`},
		{"not permitted", Auto, locked, "", "gpio chip gpiochip0: permission denied (needs root or the group that owns /dev/gpiochip0)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := choose(tt.want, tt.chips)
			if got != tt.got || errorText(err) != tt.err {
				t.Errorf("choose(%q) = %q, %v, want %q, %q", tt.want, got, err, tt.got, tt.err)
			}
		})
	}
}

func TestLineErrorsSayWhatIsInTheWay(t *testing.T) {
	tests := []struct {
		name     string
		consumer string
		err      error
		want     string
	}{
		{"busy", "pps@12.-1", syscall.EBUSY, `gpio line 18 of gpiochip0: device or resource busy: in use by "pps@12.-1"; it may be taken from the kernel with [pps] source = "kernel"`},
		{"busy with something else", "led0", syscall.EBUSY, `device or resource busy: in use by "led0"`},
		{"busy, nobody named", "", syscall.EBUSY, "gpio line 18 of gpiochip0: device or resource busy"},
		{"beyond the chip", "", gpiocdev.ErrInvalidOffset, "gpio line 18 of gpiochip0: invalid offset: the chip has lines 0 to 7"},
		{"old kernel", "", syscall.EINVAL, "Linux 5.10"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := lineError("gpiochip0", 18, 8, tt.consumer, tt.err)
			if !errors.Is(err, tt.err) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func TestOpenReturnsRequestErrors(t *testing.T) {
	busy := func(string, int, gpiocdev.LineEdge, func(gpiocdev.LineEvent)) (io.Closer, error) {
		return nil, syscall.EBUSY
	}
	if _, err := open(Default(), func() []chip { return piChips }, busy); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("open: %v, want EBUSY", err)
	}
	if _, err := open(Default(), func() []chip { return nil }, busy); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open without chips: %v, want ErrNotExist", err)
	}
}

// errorText returns the text of err, "" for none.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
