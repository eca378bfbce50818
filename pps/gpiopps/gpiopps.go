// Package gpiopps captures the pulse as a line event of the kernel's GPIO character device, second version of its
// interface (Linux 5.10 and later; Documentation/userspace-api/gpio/chardev.rst).
//
// The kernel stamps CLOCK_MONOTONIC in nanoseconds in the hard interrupt. The stamp is late by the interrupt's latency,
// which nothing here can see: Earliest and Latest of an Edge are both the stamp, and board.Latency is what it has to be
// corrected by. The kernel numbers the events of a line, so that a lost one shows as a gap in Edge.Seq.
//
// A line that is absent, in use or not permitted is an error of Open that says so. After that nothing fails: an event that
// cannot be true is refused and counted, an edge nobody takes in time is dropped and counted, and a receiver without
// pulse is silence. A Source owns one goroutine, of go-gpiocdev, which Close ends.
package gpiopps

import (
	"io"
	"sync/atomic"

	"github.com/warthog618/go-gpiocdev"

	"timeball/pps"
	"timeball/pps/clock"
)

// SourceName is the Source of every Edge from here.
const SourceName = "gpio"

// buffered is how many edges wait for the engine: at one a second a stall of that many seconds, at the 10 Hz of a
// receiver gone mad a second and a half.
const buffered = 16

// Counters is what a Source has seen since it was opened.
type Counters struct {
	Edges   uint64 `json:"edges"`   // handed over
	Lost    uint64 `json:"lost"`    // numbered by the kernel and never delivered
	Dropped uint64 `json:"dropped"` // delivered, but the engine had not taken earlier ones
	Refused uint64 `json:"refused"` // a number or a time that does not follow the one before
}

// Source is a line whose edges arrive on a channel.
type Source struct {
	line  io.Closer
	name  string
	edges chan pps.Edge

	// Only the goroutine that delivers events uses these.
	seq   uint64
	stamp clock.Mono

	delivered, lost, dropped, refused atomic.Uint64
}

// Open requests the line of c, which must be valid.
func Open(c Config) (*Source, error) { return open(c, chips, request) }

// Edges returns the channel of edges. It is closed by Close.
func (s *Source) Edges() <-chan pps.Edge { return s.edges }

// Name says which line it is, as "gpiochip0 line 18 rising".
func (s *Source) Name() string { return s.name }

// Counters returns the counters; any goroutine may ask.
func (s *Source) Counters() Counters {
	return Counters{s.delivered.Load(), s.lost.Load(), s.dropped.Load(), s.refused.Load()}
}

// Close releases the line and closes the channel of edges.
func (s *Source) Close() error {
	err := s.line.Close() // waits for the goroutine that delivers
	close(s.edges)
	return err
}

// event takes one event of the kernel and never blocks.
func (s *Source) event(e gpiocdev.LineEvent) {
	edge, ok := s.edge(e.LineSeqno, clock.Mono(e.Timestamp))
	if !ok {
		s.refused.Add(1)
		return
	}
	select {
	case s.edges <- edge:
		s.delivered.Add(1)
	default:
		s.dropped.Add(1)
	}
}

// edge extends the kernel's 32-bit number, which starts at 1, and counts the gap before it.
func (s *Source) edge(number uint32, stamp clock.Mono) (pps.Edge, bool) {
	ahead := number - uint32(s.seq)
	if ahead == 0 || ahead > 1<<31 || stamp <= s.stamp {
		return pps.Edge{}, false
	}
	s.seq += uint64(ahead)
	s.stamp = stamp
	s.lost.Add(uint64(ahead) - 1)
	return pps.Edge{Source: SourceName, Seq: s.seq, Earliest: stamp, Latest: stamp}, true
}
