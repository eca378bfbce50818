package history

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"timeball/web/api"
)

const start = 1_795_269_600 // a multiple of 300

// locked is a status of a locked unit at a second of the served clock.
func locked(second int64, offset float64) *api.Status {
	return &api.Status{Mode: "locked", OffsetSeconds: &offset, ServedUnixNanoseconds: new(second * 1e9)}
}

// feed adds seconds of a locked unit whose offset in nanoseconds is the second's number.
func feed(h *History, from, to int64) {
	for s := from; s < to; s++ {
		h.Add(time.Duration(s)*time.Second, 0, locked(start+s, float64(s)*1e-9))
	}
}

func column(t *testing.T, h *History, q Query) (seconds []int64, c api.Column) {
	t.Helper()
	if len(q.Series) == 0 {
		q.Series = []string{"offset_seconds"}
	}
	if err := q.Check(); err != nil {
		t.Fatal(err)
	}
	a := h.Query(q)
	return a.UnixSeconds, a.Series[q.Series[0]]
}

func TestHistoryKeepsSecondsAndSummaries(t *testing.T) {
	h := New()
	feed(h, 0, 630)
	at, c := column(t, h, Query{})
	if len(at) != 630 || at[0] != start || at[629] != start+629 || c.Median[7] != 7e-9 || c.Min != nil || c.Max != nil {
		t.Errorf("hour: %d seconds from %d, %v", len(at), at[0], c.Median[7])
	}
	at, c = column(t, h, Query{Span: "day"})
	if len(at) != 62 || at[1] != start+10 || c.Min[1] != 10e-9 || c.Median[1] != 15e-9 || c.Max[1] != 19e-9 {
		t.Errorf("day: %d buckets, the second at %d: %v %v %v", len(at), at[1], c.Min[1], c.Median[1], c.Max[1])
	}
	at, c = column(t, h, Query{Span: "month"})
	if !slices.Equal(at, []int64{start, start + 300}) || c.Min[1] != 300e-9 || c.Median[1] != 450e-9 || c.Max[1] != 599e-9 {
		t.Errorf("month: %v, %v", at, c)
	}
}

func TestHistoryForgetsWhatIsOlder(t *testing.T) {
	h := New()
	feed(h, 0, 3700)
	if at, c := column(t, h, Query{}); len(at) != 3600 || at[0] != start+100 || c.Median[0] != 100e-9 {
		t.Errorf("hour: %d seconds, the first at +%d with %v", len(at), at[0]-start, c.Median[0])
	}
	// A gap of two days takes no room, but what is before it is no longer within the day.
	feed(h, 200_000, 200_020)
	if at, _ := column(t, h, Query{}); len(at) != 20 {
		t.Errorf("hour: %d seconds behind a gap of two days, want 20", len(at))
	}
	if at, _ := column(t, h, Query{Span: "day"}); len(at) != 1 {
		t.Errorf("day: %d buckets, want 1", len(at))
	}
}

func TestHistoryHasGapsWhereNothingWasKnown(t *testing.T) {
	h := New()
	feed(h, 0, 10)
	for s := int64(10); s < 40; s++ { // no offset is known, the unit still knows the time
		h.Add(time.Duration(s)*time.Second, 0, &api.Status{Mode: "acquiring", ServedUnixNanoseconds: new((start + s) * 1e9)})
	}
	feed(h, 60, 81) // and 20 s were not seen at all
	at, c := column(t, h, Query{Span: "day"})
	if want := []int64{start, start + 10, start + 20, start + 30, start + 60, start + 70}; !slices.Equal(at, want) {
		t.Fatalf("buckets at %v, want %v", at, want)
	}
	for i, known := range []bool{true, false, false, false, true, true} {
		if got := c.Median[i] == c.Median[i] && c.Min[i] == c.Min[i] && c.Max[i] == c.Max[i]; got != known {
			t.Errorf("bucket %d known = %v, want %v", i, got, known)
		}
	}
	text, err := json.Marshal(c)
	if err != nil || !strings.Contains(string(text), `"median":[5e-09,null,null,null,`) {
		t.Errorf("%s, %v", text, err)
	}
	_, modes := column(t, h, Query{Span: "day", Series: []string{"mode"}})
	if modes.Max[1] != 2 || Modes[2] != "acquiring" {
		t.Errorf("mode %v, want 2 for acquiring", modes.Max[1])
	}
}

func TestHistoryCountsRatesWithoutGaps(t *testing.T) {
	h := New()
	for _, s := range []struct {
		at       time.Duration
		answered uint64
	}{{0, 100}, {time.Second, 150}, {3 * time.Second, 250}, {10 * time.Second, 1000}, {11 * time.Second, 3}, {12 * time.Second, 5}} {
		st := locked(start+int64(s.at/time.Second), 0)
		st.RequestsAnswered = s.answered
		h.Add(s.at, 0, st)
	}
	_, c := column(t, h, Query{Series: []string{"ntp_answered_per_second"}})
	want := api.Numbers{nothing, 50, 50, nothing, nothing, 2}
	if diff := cmp.Diff(want, c.Median, equalNaN); diff != "" {
		t.Error(diff)
	}
}

var equalNaN = cmp.Comparer(func(a, b float32) bool { return a == b || a != a && b != b })

func TestHistoryMergesBucketsOnRequest(t *testing.T) {
	h := New()
	feed(h, 0, 600)
	at, c := column(t, h, Query{Points: 360})
	if len(at) != 60 || at[1] != start+10 || c.Min[1] != 10e-9 || c.Median[1] != 15e-9 || c.Max[1] != 19e-9 {
		t.Errorf("%d buckets, the second at %v: %v %v %v", len(at), at[1], c.Min[1], c.Median[1], c.Max[1])
	}
	feed(h, 600, 601)
	if later, _ := column(t, h, Query{Points: 360}); !slices.Equal(later[:60], at) {
		t.Error("the buckets are others a second later")
	}
	if a := h.Query(Query{Span: "month", Points: 1}); a.StepSeconds != month || len(a.UnixSeconds) != 1 {
		t.Errorf("one point: %d s, %d buckets", a.StepSeconds, len(a.UnixSeconds))
	}
}

// undated is a status of a unit that does not know the time.
var undated = &api.Status{Mode: "acquiring", TemperatureCelsius: new(40.0)}

func TestHistoryMovesToItsPlaceWhenTheTimeIsKnown(t *testing.T) {
	const wall = 100 // 1970
	h := New()
	for s := range int64(20) {
		h.Add(time.Duration(s)*time.Second, wall+s, undated)
	}
	if a := h.Query(Query{}); a.Dated {
		t.Error("dated although nobody knows the time")
	}
	feed(h, 20, 30)
	at, c := column(t, h, Query{Series: []string{"temperature_celsius"}})
	if len(at) != 30 || at[0] != start || at[29] != start+29 || c.Median[19] != 40 || c.Median[20] == 40 {
		t.Errorf("%d seconds from %d, want 30 from %d", len(at), at[0], start)
	}
	if a := h.Query(Query{}); !a.Dated {
		t.Error("not dated although the unit knows the time")
	}
}

func TestHistoryOfARestartIsBehindThatOfBefore(t *testing.T) {
	h := again(t, 3500)
	for s := range int64(400) { // six minutes at 1970
		h.Add(time.Duration(s)*time.Second, s, undated)
	}
	at, _ := column(t, h, Query{Span: "day"})
	if !slices.IsSorted(at) || at[len(at)-1] < start+3500 {
		t.Errorf("provisional buckets end at %d, before what was kept", at[len(at)-1])
	}
	h.Add(400*time.Second, 400, locked(start+3600+400, 0))
	at, _ = column(t, h, Query{})
	if !slices.IsSorted(at) || at[len(at)-1] != start+4000 || at[len(at)-401] != start+3600 || at[len(at)-402] != start+3499 {
		t.Errorf("the run is not 400 s from +3600 on: %v", at[max(0, len(at)-402)]-start)
	}
}

// again returns a history that kept so many seconds of the run before.
func again(t *testing.T, seconds int64) *History {
	t.Helper()
	h := New()
	feed(h, 0, seconds)
	h.Close()
	var b bytes.Buffer
	if err := h.Encode(&b); err != nil {
		t.Fatal(err)
	}
	next := New()
	if err := next.Restore(&b); err != nil {
		t.Fatal(err)
	}
	return next
}

func TestHistoryDropsWhatClaimsTheFuture(t *testing.T) {
	h := again(t, 3500)
	h.Add(0, 0, locked(start+100, 0))
	if at, _ := column(t, h, Query{}); len(at) != 101 || at[100] != start+100 {
		t.Errorf("%d seconds, the last at +%d", len(at), at[len(at)-1]-start)
	}
	if at, _ := column(t, h, Query{Span: "day"}); at[len(at)-1] > start+100 {
		t.Errorf("a bucket of the future is kept: +%d", at[len(at)-1]-start)
	}
}

func TestHistoryGoesOnWithinABucket(t *testing.T) {
	h := again(t, 450)
	feed(h, 500, 601)
	at, c := column(t, h, Query{Span: "month"})
	if !slices.Equal(at, []int64{start, start + 300}) || c.Min[1] != 300e-9 || c.Max[1] != 599e-9 {
		t.Errorf("%v: %v to %v, want the last one of both runs", at, c.Min, c.Max)
	}
}

func TestHistoryStepsOverALeapSecond(t *testing.T) {
	h := New()
	feed(h, 0, 100)
	for s := int64(100); s < 200; s++ { // the served clock repeats a second
		h.Add(time.Duration(s)*time.Second, 0, locked(start+s-1, 0))
	}
	if at, _ := column(t, h, Query{}); len(at) != 199 || !slices.IsSorted(at) || at[198] != start+198 {
		t.Errorf("%d seconds to +%d", len(at), at[len(at)-1]-start)
	}
}

func TestHistoryFollowsAPacedWorld(t *testing.T) {
	h := New()
	for s := range int64(100) {
		h.Add(time.Duration(s)*time.Second, 0, locked(start+10*s, 0))
	}
	if at, _ := column(t, h, Query{}); len(at) != 100 || at[0] != start || at[99] != start+990 {
		t.Errorf("%d seconds from +%d to +%d", len(at), at[0]-start, at[len(at)-1]-start)
	}
}

func TestHistoryGoesBackWithTheClock(t *testing.T) {
	h := New()
	feed(h, 1000, 1100)
	h.Add(1100*time.Second, 0, locked(start+100, 0))
	if at, _ := column(t, h, Query{}); len(at) != 101 || at[0] != start || at[100] != start+100 {
		t.Errorf("%d seconds from +%d to +%d", len(at), at[0]-start, at[len(at)-1]-start)
	}
}

func TestHistoryIsGivenBackAsItWas(t *testing.T) {
	h := New()
	feed(h, 0, 5000)
	h.Close()
	var b bytes.Buffer
	if err := h.Encode(&b); err != nil {
		t.Fatal(err)
	}
	next := New()
	if err := next.Restore(bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	for _, span := range Spans() {
		want, got := h.Query(Query{Span: span}), next.Query(Query{Span: span})
		got.Dated = want.Dated
		if diff := cmp.Diff(want, got, equalNaN); diff != "" {
			t.Error(span, diff)
		}
	}
}

func TestRestoreRefusesWhatIsTornOrImplausible(t *testing.T) {
	h := New()
	feed(h, 0, 700)
	var b bytes.Buffer
	if err := h.Encode(&b); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	try := func(data []byte) (*History, error) {
		h := New()
		return h, h.Restore(bytes.NewReader(data))
	}
	for n := 0; n < len(whole); n += 97 {
		if _, err := try(whole[:n]); err == nil {
			t.Errorf("a file cut at %d of %d was taken", n, len(whole))
		}
		flipped := slices.Clone(whole)
		flipped[max(n, 10)] ^= 0x10 // bytes 3 to 9 are gzip's own notes
		if h, err := try(flipped); err == nil {
			t.Errorf("a file with a wrong byte at %d was taken", n)
		} else if h.rings[0].n != 0 {
			t.Errorf("half of a file with a wrong byte at %d was taken", n)
		}
	}
	for name, change := range map[string]func(*History){
		"a second twice":        func(h *History) { h.rings[0].at[5] = h.rings[0].at[4] },
		"a second of 1969":      func(h *History) { h.rings[0].at[0] = -5 },
		"a second of 2200":      func(h *History) { h.rings[0].at[699] = 7258118400 },
		"between two ten times": func(h *History) { h.rings[1].at[3]++ },
	} {
		h := New()
		feed(h, 0, 700)
		change(h)
		var b bytes.Buffer
		if err := h.Encode(&b); err != nil {
			t.Fatal(err)
		}
		if _, err := try(b.Bytes()); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestHistoryHasTheMemoryItSays(t *testing.T) {
	h := New()
	var got int
	for _, r := range h.rings {
		got += len(r.at)*int(unsafe.Sizeof(r.at[0])) + len(r.values)*4
		for _, s := range r.samples {
			got += 4 * len(s)
		}
	}
	if got != MemoryBytes || got > 4<<20 {
		t.Errorf("%d bytes, MemoryBytes is %d and 4 MB the limit", got, MemoryBytes)
	}
	feed(h, 0, 5000)
	s := locked(start, 0)
	n := int64(5000)
	if allocs := testing.AllocsPerRun(1000, func() {
		*s.ServedUnixNanoseconds = (start + n) * 1e9
		h.Add(time.Duration(n)*time.Second, 0, s)
		n++
	}); allocs > 8 {
		t.Errorf("%v allocations a second", allocs)
	}
}

func TestQuerySaysWhatIsWrong(t *testing.T) {
	for _, q := range []Query{{Span: "week"}, {Series: []string{"offset"}}, {Series: make([]string, 1000)}, {Points: -1}} {
		if q.Check() == nil {
			t.Errorf("%.100v is taken", q)
		}
	}
}

// However the clock jumps and samples come, the buckets ascend, stay within their number, and answers are whole.
func TestHistoryKeepsItsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := New()
		var at time.Duration
		for range rapid.IntRange(1, 200).Draw(t, "samples") {
			at += time.Duration(rapid.Int64Range(0, int64(10*time.Minute)).Draw(t, "after"))
			s := &api.Status{Mode: rapid.SampledFrom(append(Modes, "?")).Draw(t, "mode"), OffsetSeconds: new(rapid.Float64().Draw(t, "offset"))}
			if rapid.Bool().Draw(t, "knows") {
				s.ServedUnixNanoseconds = new(rapid.Int64Range(0, 2e18).Draw(t, "served"))
			}
			h.Add(at, rapid.Int64Range(0, 4e9).Draw(t, "wall"), s)
		}
		for _, span := range Spans() {
			a := h.Query(Query{Span: span, Points: rapid.IntRange(0, 10000).Draw(t, "points")})
			if !slices.IsSorted(a.UnixSeconds) || len(slices.Compact(slices.Clone(a.UnixSeconds))) != len(a.UnixSeconds) {
				t.Fatalf("%s does not ascend: %v", span, a.UnixSeconds)
			}
			for name, c := range a.Series {
				if len(c.Median) != len(a.UnixSeconds) || c.Min != nil && (len(c.Min) != len(c.Max) || len(c.Min) != len(c.Median)) {
					t.Fatalf("%s: %s has %d values for %d buckets", span, name, len(c.Median), len(a.UnixSeconds))
				}
			}
			if _, err := json.Marshal(a); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzRestore(f *testing.F) {
	h := New()
	feed(h, 0, 30)
	var b bytes.Buffer
	if err := h.Encode(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		h := New()
		if h.Restore(bytes.NewReader(data)) == nil {
			h.Add(0, 0, undated)
			h.Query(Query{Span: "day"})
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	b.ReportAllocs()
	h := New()
	s := locked(start, 1e-9)
	for i := range b.N {
		*s.ServedUnixNanoseconds = (start + int64(i)) * 1e9
		h.Add(time.Duration(i)*time.Second, 0, s)
	}
}

// Every figure that is noisy on a board is noise here, so that it packs as badly.
func BenchmarkEncodeMonth(b *testing.B) {
	h := New()
	s := locked(start, 1e-9)
	r := rand.New(rand.NewPCG(1, 1))
	noise := func(mean, sigma float64) *float64 { return new(mean + sigma*r.NormFloat64()) }
	for i := range int64(31 * 86400) {
		*s.ServedUnixNanoseconds = (start + i) * 1e9
		s.OffsetSeconds, s.PrecisionSeconds, s.BoundSeconds, s.RootDispersionSeconds = noise(0, 90e-9), noise(60e-9, 5e-9), noise(1.8e-6, 1e-8), new(15.26e-6)
		s.FrequencyRatio, s.TemperatureCelsius, s.Utilisation = noise(7e-6, 1e-9), new(math.Round(*noise(45, 1)*10)/10), noise(0.2, 0.1)
		s.SatellitesUsed, s.RequestsAnswered = new(14), s.RequestsAnswered+uint64(100+10*r.NormFloat64())
		h.Add(time.Duration(i)*time.Second, 0, s)
	}
	b.ResetTimer()
	b.ReportMetric(float64(MemoryBytes), "memory-B")
	for range b.N {
		var out bytes.Buffer
		if err := h.Encode(&out); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(out.Len()), "file-B")
	}
}
