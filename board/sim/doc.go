// Package sim is a board made of mathematics: an oscillator in the weather, a GNSS receiver, its pulse with all its
// noise, and a kernel clock with the semantics of adjtimex(2).
//
// Truth is a timescale.UTC that only the world's owner moves, so that a week passes in seconds and a seed gives the same
// week every time. Offsets are local minus truth; frequencies are fractional, positive runs fast. The true error of the
// clock, the capture latency and the noise are known here and shown to nobody on the board.
//
// The receiver is a Talker, which speaks NMEA, a Recording, or a Device: one of nine kinds behind a UART, which speaks
// NMEA, UBX or CASIC at a baud rate and obeys commands until its power goes. It says what such receivers say; how well they
// receive is not simulated.
//
// The models are assumptions of the right order, not measurements of a certain unit.
package sim
