// Package timing is the Engine: events in, an immutable Snapshot out.
//
//	serial bytes -> scan -> decode -> TimeMark +
//	pps.Edge ----------------------------------+-> pairing -> Measurement -> discipline -> Clock
//
// The Engine opens nothing, starts nothing and does not know what time it is: every event carries the CLOCK_MONOTONIC of
// its arrival, and one goroutine gives it events in that order. What it cannot use is counted with its reason and never
// moves the clock. Whatever it was given it can be given again: equal events and equal answers of the Clock give equal
// Snapshots, bit by bit on one architecture.
package timing
