package shared

import (
	"math"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"timeball/pps/clock"
	"timeball/server/leap"
	"timeball/server/ntp"
)

// The test binary is a writer that never ends when it is started with this variable: the page is its file 3.
const asWriter = "SHARED_TEST_WRITES"

func TestMain(m *testing.M) {
	if os.Getenv(asWriter) != "" {
		page, err := MapWriter(os.NewFile(3, "page"))
		if err != nil {
			os.Exit(3)
		}
		w := NewWriter(page)
		for n := int64(1); ; n++ {
			w.Reference(numbered(n))
		}
	}
	m.Run()
}

func newPage() *Page { return &Page{make([]uint64, Size/8)} }

// numbered returns a Reference whose every field follows from n, so that one made of two shows.
func numbered(n int64) *ntp.Reference {
	return &ntp.Reference{
		Anchor:       clock.Reading{Mono: clock.Mono(n), Real: clock.Real(-n), Boot: clock.Boot(2 * n), Era: clock.Era(n)},
		Expiry:       clock.Mono(n + 5e9),
		Synchronised: true, Stratum: uint8(1 + n%15), ReferenceID: [4]byte{byte(n), byte(n >> 8), 'P', 'S'}, ReferenceAt: clock.Real(3 * n),
		RootDelay: clock.Seconds(n), Bound: clock.Seconds(n) / 7, Growth: clock.Ratio(n) * 1e-9, Precision: int8(-(n % 30)),
		Leap: clock.Leap(n%3 - 1), LeapAt: 0, TAIOffset: int(n % 40),
	}
}

// zeroes returns the fields of a struct, and of those in it, that are zero.
func zeroes(v reflect.Value) (names []string) {
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Name
		if f.Kind() == reflect.Struct {
			names = append(names, zeroes(f)...)
		} else if f.IsZero() {
			names = append(names, name)
		}
	}
	return names
}

// Every field crosses: one that is added and forgotten shows here.
func TestRecordsCrossWhole(t *testing.T) {
	p := newPage()
	w, r := NewWriter(p), NewReader(p)
	if r.Load() != nil || r.Served() != nil || r.Era() != nil || r.Course() != nil || r.Ticked() != 0 {
		t.Error("a page that nobody wrote to says something")
	}
	ref := ntp.Reference{
		Anchor: clock.Reading{Mono: 1 << 60, Real: -1 << 62, Boot: 1<<60 + 7, Era: math.MaxUint32}, Expiry: 1<<60 + 5e9, Synchronised: true,
		Stratum: 15, ReferenceID: [4]byte{0xff, 'P', 0, 'S'}, ReferenceAt: -5, RootDelay: 1e-9, Bound: 3e-7, Growth: 2e-10, Precision: -23,
		Leap: clock.LeapDelete, LeapAt: 1 << 61, TAIOffset: -37,
		Until: 5, Smear: leap.Event{Leap: clock.LeapInsert, At: 6, Before: -9}, SmearOpen: true,
	}
	served := Served{At: ref.Anchor, Bound: 4e-7, Steering: -1e-5, Slew: 2e-6, Growth: 3e-6}
	era := Era{Era: 7, From: 8}
	course := Course{Start: 1, Mono: -2, Rest: 0.5, Ahead: 4, Slept: 5, Era: 6, Began: 7, Rate: -8e-6, Steer: 9e-6}
	for _, v := range []any{ref, served, era, course} {
		for _, name := range zeroes(reflect.ValueOf(v)) {
			t.Errorf("%T: this test says nothing of %s", v, name)
		}
	}
	w.Reference(&ref)
	w.Served(served)
	w.Era(era)
	w.Course(course)
	w.Tick(11)
	for _, tt := range []struct{ want, got any }{
		{&ref, r.Load()}, {&served, r.Served()}, {&era, r.Era()}, {&course, r.Course()}, {clock.Mono(11), r.Ticked()},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%T (-want +got):\n%s", tt.want, diff)
		}
	}
	if again := r.Load(); again != r.Load() {
		t.Error("a Reference that is the same is decoded again")
	}
	next := *numbered(4)
	NewWriter(p).Reference(&next) // a writer that has started anew
	if got := r.Load(); got == nil || *got != next {
		t.Errorf("after a new writer: %+v", got)
	}
	if got := r.Era(); got == nil || *got != era {
		t.Errorf("what it has not replaced: %+v", got)
	}
}

func TestRecordsHaveRoom(t *testing.T) {
	ends := [][2]int{{referenceAt, referenceWords}, {servedAt, servedWords}, {eraAt, eraWords}, {courseAt, courseWords}, {Size / 8, 0}}
	for i, from := range ends[:len(ends)-1] {
		if end := from[0] + 1 + 2*(from[1]+1); end > ends[i+1][0] {
			t.Errorf("record %d ends at word %d, the next begins at %d", i, end, ends[i+1][0])
		}
	}
	if n := len(encodeReference(&ntp.Reference{})); n != referenceWords {
		t.Errorf("%d words", n)
	}
}

// A writer that dies between any two words leaves what it had written before.
func TestWriterMayDieAnywhere(t *testing.T) {
	for _, before := range []int64{1, 2} { // in either copy
		for died := range referenceWords + 1 {
			p := newPage()
			w := NewWriter(p)
			for n := range before {
				w.Reference(numbered(n + 1))
			}
			to := p.reference().copyAt(p.words[referenceAt] + 1)
			record := append(encodeReference(numbered(99)), 1234567)
			copy(to[:died], record)
			if got := NewReader(p).Load(); got == nil || *got != *numbered(before) {
				t.Errorf("dead after %d words: %+v", died, got)
			}
			NewWriter(p).Reference(numbered(100))
			if got := NewReader(p).Load(); got == nil || *got != *numbered(100) {
				t.Errorf("the next writer, after %d words: %+v", died, got)
			}
		}
	}
}

func TestReadsAreNeverTorn(t *testing.T) {
	p := newPage()
	w := NewWriter(p)
	w.Reference(numbered(1))
	r := NewReader(p)
	var done atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for !done.Load() {
				got := r.Load()
				if got == nil || *got != *numbered(int64(got.Anchor.Mono)) {
					t.Errorf("torn: %+v", got)
					return
				}
			}
		})
	}
	for n := int64(2); n < 200_000; n++ {
		w.Reference(numbered(n))
	}
	done.Store(true)
	readers.Wait()
	if got := r.Load(); *got != *numbered(199_999) {
		t.Errorf("the last one read is %+v", got)
	}
}

// A process that writes without a pause is killed, again and again.
func TestKilledWriterLeavesAWholeReference(t *testing.T) {
	f, err := Create()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page, err := MapReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(page)
	for round := range 8 {
		before := atomic.LoadUint64(&page.words[referenceAt])
		cmd := exec.Command(os.Args[0])
		cmd.Env, cmd.ExtraFiles = append(os.Environ(), asWriter+"=1"), []*os.File{f}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); atomic.LoadUint64(&page.words[referenceAt]) < before+1000; {
			if got := r.Load(); got != nil && *got != *numbered(int64(got.Anchor.Mono)) {
				t.Fatalf("round %d: torn: %+v", round, got)
			}
			if time.Now().After(end) {
				t.Fatal("the writer does not write")
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		got := NewReader(page).Load()
		if got == nil || *got != *numbered(int64(got.Anchor.Mono)) {
			t.Errorf("round %d: left %+v", round, got)
		}
	}
}

func TestReaderRefusesWhatCannotBe(t *testing.T) {
	good := *numbered(5)
	nan, inf := math.NaN(), math.Inf(1)
	for name, spoil := range map[string]func(*ntp.Reference){
		"bound that is no number": func(r *ntp.Reference) { r.Bound = clock.Seconds(nan) },
		"negative bound":          func(r *ntp.Reference) { r.Bound = -1 },
		"endless bound":           func(r *ntp.Reference) { r.Bound = clock.Seconds(inf) },
		"negative growth":         func(r *ntp.Reference) { r.Growth = -1e-9 },
		"negative delay":          func(r *ntp.Reference) { r.RootDelay = -1 },
		"good for ever":           func(r *ntp.Reference) { r.Expiry = math.MaxInt64 },
		"over before it began":    func(r *ntp.Reference) { r.Expiry = r.Anchor.Mono },
		"stratum 0":               func(r *ntp.Reference) { r.Stratum = 0 },
		"stratum 16":              func(r *ntp.Reference) { r.Stratum = 16 },
		"leap of two seconds":     func(r *ntp.Reference) { r.Leap = 2 },
		"smear of two seconds":    func(r *ntp.Reference) { r.Smear.Leap = -2 },
	} {
		p := newPage()
		w := NewWriter(p)
		bad := good
		spoil(&bad)
		w.Reference(&bad)
		if got := NewReader(p).Load(); got != nil {
			t.Errorf("%s: taken as %+v", name, got)
		}
		w.Reference(&good)
		if got := NewReader(p).Load(); got == nil {
			t.Errorf("%s: and what follows is not taken", name)
		}
	}
	p := newPage()
	w := NewWriter(p)
	w.Reference(&ntp.Reference{Precision: -23})
	if got := NewReader(p).Load(); got == nil || got.Synchronised {
		t.Errorf("a Reference that claims nothing is read as %+v", got)
	}
	w.Served(Served{Bound: clock.Seconds(nan)})
	w.Course(Course{Rate: nan})
	w.Era(Era{})
	p.words[eraAt+1+eraWords+1] = math.MaxUint64
	if r := NewReader(p); r.Served() != nil || r.Course() != nil || r.Era() != nil {
		t.Errorf("read %+v, %+v, %+v", r.Served(), r.Course(), r.Era())
	}
	w.Reference(&good)
	p.words[layoutAt]++
	if got := NewReader(p).Load(); got != nil {
		t.Errorf("of another layout: %+v", got)
	}
}

// Whatever is in the page, nothing panics and nothing synchronised is read that would be served for ever.
func FuzzPage(f *testing.F) {
	f.Add(uint16(referenceAt+3), uint64(1), uint16(0), uint64(0))
	f.Fuzz(func(t *testing.T, at uint16, word uint64, again uint16, more uint64) {
		p := newPage()
		w := NewWriter(p)
		w.Reference(numbered(1))
		w.Served(Served{})
		w.Course(Course{})
		p.words[int(at)%len(p.words)] = word
		p.words[int(again)%len(p.words)] ^= more
		r := NewReader(p)
		if got := r.Load(); got != nil && got.Synchronised && got.Expiry-got.Anchor.Mono > maxExpiry {
			t.Errorf("read %+v", got)
		}
		r.Served()
		r.Era()
		r.Course()
		r.Ticked()
	})
}

func TestMemoryIsReadOnlyForReaders(t *testing.T) {
	f, err := Create()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	only, err := ReadOnly(f)
	if err != nil {
		t.Fatal(err)
	}
	defer only.Close()
	if _, err := MapWriter(only); err == nil {
		t.Error("who may read it maps it for writing")
	}
	if info, _ := f.Stat(); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	for _, size := range []int64{0, 2 * Size} {
		if f.Truncate(size) == nil {
			t.Errorf("its size was changed to %d", size)
		}
	}
	writing, err := MapWriter(f)
	if err != nil {
		t.Fatal(err)
	}
	reading, err := MapReader(only)
	if err != nil {
		t.Fatal(err)
	}
	NewWriter(writing).Reference(numbered(9))
	if got := NewReader(reading).Load(); got == nil || *got != *numbered(9) {
		t.Errorf("read %+v", got)
	}
	short, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer short.Close()
	if _, err := MapReader(short); err == nil {
		t.Error("a file without a page in it was mapped: " + strconv.Itoa(Size))
	}
}

func BenchmarkLoad(b *testing.B) {
	p := newPage()
	NewWriter(p).Reference(numbered(1))
	r := NewReader(p)
	b.ReportAllocs()
	for b.Loop() {
		r.Load()
	}
}
