// Package discipline steers the local clock from labelled pulses and coasts on what it learned of the oscillator when
// there are none.
//
// Offsets are seconds, local minus reference: a positive offset means that the local clock is ahead. Frequencies are
// fractional (1e-6 is 1 ppm), positive when the local oscillator runs fast. Nothing here reads a clock or starts a
// goroutine; time arrives with each measurement.
//
// Free-running, locked and holdover are the modes of ITU-T G.810; acquiring and quarantine are ours.
//
// A measurement that cannot be true is refused, counted and reported with its reason; it never moves the clock. If the
// clock refuses an adjustment that error is returned and the loop keeps its last estimate.
package discipline
