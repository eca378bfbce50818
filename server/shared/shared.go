// Package shared is a page of memory in which one process publishes what the time is made of and others read it: the
// Reference that answers are made from, the last one that was served, the Era of the served clock and, on a simulated
// board, the course of that clock. Times and units are those of server/ntp and pps/clock.
//
// Every record is kept twice, with a sequence number and a checksum. The writer fills the copy that nobody reads and then
// moves the sequence; a reader that finds the sequence moved under it reads again. So a read is never torn and never waits
// for the writer: one that dies, whatever it was doing, leaves the last record whole, and a Reference then ends by its own
// expiry. Every word is read and written as one (sync/atomic).
//
// What is read is checked before it is believed: a layout of another version, a wrong checksum or a value that can't be is
// as if nothing had been published, and a Reference that was not published makes answers say "unsynchronised".
package shared

import (
	"sync/atomic"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/server/ntp"
)

// Size is the length of the page in bytes.
const Size = 4096

// layout is the first word: a mark, and the version of what follows. It changes with every field of a record.
const layout = 0x5442_616c_6c00_0003

// Where things are, in words of 64 bits. A record takes twice its words, its checksums, and the sequence.
const (
	layoutAt    = 0
	tickedAt    = 1
	referenceAt = 8
	servedAt    = 64
	eraAt       = 96
	courseAt    = 112
)

// Served is what was known of the clock when its Reference was synchronised last: what a writer that starts anew may
// believe of a clock that nobody has touched since.
type Served struct {
	At       clock.Reading
	Bound    clock.Seconds // of |clock - UTC| at At
	Steering clock.Ratio   // that the clock was told last
	Slew     clock.Ratio   // the part of it that removes an offset
	Growth   clock.Ratio   // of Bound after At
}

// Era is the present Era of the served clock.
type Era struct {
	Era  clock.Era
	From clock.Mono // CLOCK_MONOTONIC from which on a stamp is certain to be of it
}

// Course is how a simulated clock runs from an instant of truth on.
type Course struct {
	Start timescale.UTC // truth at its begin
	Mono  int64         // CLOCK_MONOTONIC at Start, whole nanoseconds
	Rest  float64       // and the rest, 0..1 ns
	Ahead int64         // CLOCK_REALTIME - CLOCK_MONOTONIC
	Slept int64         // CLOCK_BOOTTIME - CLOCK_MONOTONIC
	Era   clock.Era
	Began timescale.UTC // truth when the Era began
	Rate  float64       // fractional frequency of oscillator and steering together
	Steer float64       // of the steering alone
}

// Page is the memory. One Writer and any number of Readers use it.
type Page struct{ words []uint64 }

func (p *Page) reference() latch { return latch{p.words[referenceAt:], referenceWords} }
func (p *Page) served() latch    { return latch{p.words[servedAt:], servedWords} }
func (p *Page) era() latch       { return latch{p.words[eraAt:], eraWords} }
func (p *Page) course() latch    { return latch{p.words[courseAt:], courseWords} }

// Writer publishes into a Page. One goroutine of one process uses it.
type Writer struct{ page *Page }

// NewWriter returns the writer of p. Where another has been before its records stay until they are replaced.
func NewWriter(p *Page) *Writer {
	atomic.StoreUint64(&p.words[layoutAt], layout)
	return &Writer{p}
}

// Reference publishes r.
func (w *Writer) Reference(r *ntp.Reference) { w.page.reference().write(encodeReference(r)) }

// Served publishes s.
func (w *Writer) Served(s Served) { w.page.served().write(encodeServed(&s)) }

// Era publishes e.
func (w *Writer) Era(e Era) { w.page.era().write(encodeEra(&e)) }

// Course publishes c.
func (w *Writer) Course(c Course) { w.page.course().write(encodeCourse(&c)) }

// Tick says that the writer was at work at an instant.
func (w *Writer) Tick(at clock.Mono) { atomic.StoreUint64(&w.page.words[tickedAt], uint64(at)) }

// Reader reads a Page. Any number of goroutines may use it.
type Reader struct {
	page      *Page
	reference cell[ntp.Reference]
	served    cell[Served]
	era       cell[Era]
	course    cell[Course]
}

// NewReader returns a reader of p.
func NewReader(p *Page) *Reader {
	return &Reader{
		page:      p,
		reference: cell[ntp.Reference]{latch: p.reference(), decode: decodeReference},
		served:    cell[Served]{latch: p.served(), decode: decodeServed},
		era:       cell[Era]{latch: p.era(), decode: decodeEra},
		course:    cell[Course]{latch: p.course(), decode: decodeCourse},
	}
}

// known says that the page is laid out as this program has it.
func (r *Reader) known() bool { return atomic.LoadUint64(&r.page.words[layoutAt]) == layout }

// Load returns the newest Reference, nil when there is none. What it points to does not change.
func (r *Reader) Load() *ntp.Reference { return load(r, &r.reference) }

// Served returns the newest Served, nil when there is none.
func (r *Reader) Served() *Served { return load(r, &r.served) }

// Era returns the newest Era, nil when there is none.
func (r *Reader) Era() *Era { return load(r, &r.era) }

// Course returns the newest Course, nil when there is none.
func (r *Reader) Course() *Course { return load(r, &r.course) }

// Ticked returns when the writer was at work last, 0 when it never was.
func (r *Reader) Ticked() clock.Mono { return clock.Mono(atomic.LoadUint64(&r.page.words[tickedAt])) }

func load[T any](r *Reader, c *cell[T]) *T {
	if !r.known() {
		return nil
	}
	return c.load()
}
