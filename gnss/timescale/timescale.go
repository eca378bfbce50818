// Package timescale has the time scales a receiver or a listener may speak (UTC, TAI, GPS time, BDT), the conversions
// between them, the repair of week rollovers and the table of leap seconds with its expiry.
//
// All scales are integer nanoseconds of their own type. What cannot be converted for want of a leap second count is an
// error, never a guess.
package timescale

// UTC is nanoseconds since 1970-01-01 00:00:00 UTC without leap seconds, as POSIX counts: 23:59:60 has the number of the
// following 00:00:00.
type UTC int64

// TAI is nanoseconds since 1970-01-01 00:00:00 TAI; TAI - UTC is 37 s in 2026.
type TAI int64
