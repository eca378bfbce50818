// Package kernelpps takes the pulse from a /dev/ppsN of the kernel, as pps-gpio, pps-ldisc and network cards make one: for
// machines whose kernel has them and whose pulse is at something else than a free GPIO line.
//
// The interface is include/uapi/linux/pps.h, Linux's form of the PPS API of RFC 2783. The kernel stamps CLOCK_REALTIME in
// nanoseconds in the interrupt and numbers asserts and clears. An Edge is on CLOCK_MONOTONIC: the two clocks are read after
// every wait, and a stamp is refused and counted when their difference has changed since the wait before it, which is a step
// of CLOCK_REALTIME, a leap second or a suspend: nobody can tell then on which side of it the stamp is. What the stamp is
// late by is not seen here.
//
// A device that is absent, not permitted or cannot see the wanted edge is an error of Open that says so. A device that goes
// ends the channel of edges. A stamp that cannot be true is refused and counted, an edge nobody takes in time is dropped and
// counted, one between two waits is counted as lost, and a receiver without pulse is silence. A Source owns one goroutine,
// which Close ends within Wait.
package kernelpps

import (
	"sync/atomic"
	"time"

	"timeball/pps"
	"timeball/pps/clock"
)

// SourceName is the Source of every Edge from here.
const SourceName = "pps"

// Wait is how long the kernel is asked to wait for a pulse at a time: so long may Close take.
const Wait = 500 * time.Millisecond

// buffered is how many edges wait for the engine: at one a second a stall of that many seconds.
const buffered = 16

const (
	// maxMoved is by how many nanoseconds Real - Mono may differ between two readings without a step: each is read to 1 us.
	maxMoved = 2000
	// maxEarly is by how many nanoseconds a stamp may be before the reading that is made before its wait, or behind the one
	// after it: of each the difference of the clocks is known to 1 us.
	maxEarly = 2000
)

// Counters is what a Source has seen since it was opened.
type Counters struct {
	Edges   uint64 `json:"edges"`   // handed over
	Lost    uint64 `json:"lost"`    // numbered by the kernel and not seen
	Dropped uint64 `json:"dropped"` // seen, but the engine had not taken earlier ones
	Refused uint64 `json:"refused"` // a number or a time that cannot be, or a clock that was stepped
}

// Stamp is an event as the kernel tells it.
type Stamp struct {
	Sequence uint32     // counts the events of this edge; 0 = none yet
	At       clock.Real // of the last one
}

// device is an open /dev/ppsN.
type device interface {
	// fetch waits for an event of either edge, at most Wait, and returns the last one of the wanted edge. Nothing new is no
	// error.
	fetch() (Stamp, error)
	// present returns an error when the device is gone.
	present() error
	Close() error
}

// Source is a device whose edges arrive on a channel.
type Source struct {
	device device
	read   func() (clock.Reading, error)
	name   string
	edges  chan pps.Edge
	stop   chan struct{}
	ended  chan struct{}

	// Only the goroutine that waits uses these.
	seq    uint64
	begun  bool // there was a stamp to count from
	last   clock.Real
	before clock.Reading // after the wait before

	delivered, lost, dropped, refused atomic.Uint64
}

// Edges returns the channel of edges. It is closed by Close, and when the device is gone.
func (s *Source) Edges() <-chan pps.Edge { return s.edges }

// Name says which device it is, as "/dev/pps0 assert".
func (s *Source) Name() string { return s.name }

// Counters returns the counters; any goroutine may ask.
func (s *Source) Counters() Counters {
	return Counters{s.delivered.Load(), s.lost.Load(), s.dropped.Load(), s.refused.Load()}
}

// Close ends the goroutine, which closes the channel of edges, and closes the device.
func (s *Source) Close() error {
	close(s.stop)
	<-s.ended
	return s.device.Close()
}

// start begins with what the device says now, which is an event of the past.
func start(d device, name string, read func() (clock.Reading, error)) (*Source, error) {
	s := &Source{
		device: d, read: read, name: name,
		edges: make(chan pps.Edge, buffered), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	var err error
	if s.before, err = read(); err != nil {
		return nil, err
	}
	go s.run()
	return s, nil
}

// run waits for pulses until it is told to stop or the device is gone.
func (s *Source) run() {
	defer close(s.ended)
	defer close(s.edges)
	for {
		stamp, err := s.device.fetch()
		if err != nil || s.device.present() != nil {
			return
		}
		now, err := s.read()
		if err != nil {
			return
		}
		s.take(stamp, now)
		s.before = now
		select {
		case <-s.stop:
			return
		default:
		}
	}
}

// take takes what the device said when the clocks showed now.
func (s *Source) take(stamp Stamp, now clock.Reading) {
	ahead := stamp.Sequence - uint32(s.seq)
	if !s.begun { // whatever has been before Open is nobody's
		s.seq, s.last, s.begun = uint64(stamp.Sequence), stamp.At, true
		return
	}
	if ahead == 0 {
		return
	}
	if !s.plausible(ahead, stamp.At, now) {
		s.refused.Add(1)
		s.seq, s.last = s.seq+uint64(ahead), stamp.At
		return
	}
	s.seq, s.last = s.seq+uint64(ahead), stamp.At
	s.lost.Add(uint64(ahead) - 1)
	at := now.MonoAt(stamp.At)
	select {
	case s.edges <- pps.Edge{Source: SourceName, Seq: s.seq, Earliest: at, Latest: at}:
		s.delivered.Add(1)
	default:
		s.dropped.Add(1)
	}
}

// plausible reports whether a stamp is of between the last two readings, and of the clock that both have read.
func (s *Source) plausible(ahead uint32, at clock.Real, now clock.Reading) bool {
	moved := int64(now.Real-s.before.Real) - int64(now.Mono-s.before.Mono)
	return ahead < 1<<31 && moved <= maxMoved && moved >= -maxMoved && at > s.last &&
		at >= s.before.Real-maxEarly && at <= now.Real+maxEarly
}
