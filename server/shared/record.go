package shared

import (
	"encoding/binary"
	"math"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/server/leap"
	"timeball/server/ntp"
)

// The lengths of the records, in words.
const (
	referenceWords = 21
	servedWords    = 8
	eraWords       = 2
	courseWords    = 9
	maxWords       = referenceWords
)

// maxExpiry is for how many nanoseconds a Reference may claim to be good: twice what can be configured.
const maxExpiry = 120_000_000_000

func encodeReference(r *ntp.Reference) []uint64 {
	return []uint64{
		uint64(r.Anchor.Mono), uint64(r.Anchor.Real), uint64(r.Anchor.Boot), uint64(r.Anchor.Era),
		uint64(r.Expiry), flag(r.Synchronised), uint64(r.Stratum), uint64(binary.BigEndian.Uint32(r.ReferenceID[:])),
		uint64(r.ReferenceAt), float(r.RootDelay), float(r.Bound), float(r.Growth),
		uint64(r.Precision), uint64(r.Leap), uint64(r.LeapAt), uint64(r.TAIOffset),
		uint64(r.Until), uint64(r.Smear.Leap), uint64(r.Smear.At), uint64(r.Smear.Before), flag(r.SmearOpen),
	}
}

// decodeReference is false for what no publisher can have meant.
func decodeReference(w []uint64) (r ntp.Reference, ok bool) {
	r = ntp.Reference{
		Anchor:      clock.Reading{Mono: clock.Mono(w[0]), Real: clock.Real(w[1]), Boot: clock.Boot(w[2]), Era: clock.Era(w[3])},
		Expiry:      clock.Mono(w[4]),
		Stratum:     uint8(w[6]),
		ReferenceAt: clock.Real(w[8]),
		RootDelay:   clock.Seconds(math.Float64frombits(w[9])),
		Bound:       clock.Seconds(math.Float64frombits(w[10])),
		Growth:      clock.Ratio(math.Float64frombits(w[11])),
		Precision:   int8(w[12]),
		Leap:        clock.Leap(w[13]),
		LeapAt:      timescale.UTC(w[14]),
		TAIOffset:   int(int64(w[15])),
		Until:       clock.Mono(w[16]),
		Smear:       leap.Event{Leap: clock.Leap(w[17]), At: timescale.UTC(w[18]), Before: int(int64(w[19]))},
		SmearOpen:   w[20] == 1,
	}
	binary.BigEndian.PutUint32(r.ReferenceID[:], uint32(w[7]))
	r.Synchronised = w[5] == 1
	fits := w[3] <= math.MaxUint32 && w[5] <= 1 && w[6] <= 15 && w[7] <= math.MaxUint32 &&
		int64(w[12]) == int64(r.Precision) && w[20] <= 1 && isLeap(w[13]) && isLeap(w[17])
	claims := r.Expiry > r.Anchor.Mono && r.Expiry-r.Anchor.Mono <= maxExpiry && r.Stratum >= 1 &&
		sane(r.RootDelay) && sane(r.Bound) && sane(r.Growth) && r.Anchor.Mono >= 0
	return r, fits && (claims || !r.Synchronised)
}

func encodeServed(s *Served) []uint64 {
	return []uint64{
		uint64(s.At.Mono), uint64(s.At.Real), uint64(s.At.Boot), uint64(s.At.Era), float(s.Bound), float(s.Steering), float(s.Slew),
		float(s.Growth),
	}
}

func decodeServed(w []uint64) (s Served, ok bool) {
	s = Served{
		At:       clock.Reading{Mono: clock.Mono(w[0]), Real: clock.Real(w[1]), Boot: clock.Boot(w[2]), Era: clock.Era(w[3])},
		Bound:    clock.Seconds(math.Float64frombits(w[4])),
		Steering: clock.Ratio(math.Float64frombits(w[5])),
		Slew:     clock.Ratio(math.Float64frombits(w[6])),
		Growth:   clock.Ratio(math.Float64frombits(w[7])),
	}
	return s, w[3] <= math.MaxUint32 && sane(s.Bound) && math.Abs(float64(s.Steering)) <= 1e-3 && math.Abs(float64(s.Slew)) <= 1e-3 && s.Growth >= 0 && s.Growth < 1
}

func encodeEra(e *Era) []uint64 { return []uint64{uint64(e.Era), uint64(e.From)} }

func decodeEra(w []uint64) (e Era, ok bool) {
	return Era{Era: clock.Era(w[0]), From: clock.Mono(w[1])}, w[0] <= math.MaxUint32
}

func encodeCourse(c *Course) []uint64 {
	return []uint64{
		uint64(c.Start), uint64(c.Mono), float(c.Rest), uint64(c.Ahead), uint64(c.Slept), uint64(c.Era), uint64(c.Began),
		float(c.Rate), float(c.Steer),
	}
}

func decodeCourse(w []uint64) (c Course, ok bool) {
	c = Course{
		Start: timescale.UTC(w[0]), Mono: int64(w[1]), Rest: math.Float64frombits(w[2]), Ahead: int64(w[3]), Slept: int64(w[4]),
		Era: clock.Era(w[5]), Began: timescale.UTC(w[6]), Rate: math.Float64frombits(w[7]), Steer: math.Float64frombits(w[8]),
	}
	return c, w[5] <= math.MaxUint32 && c.Rest >= 0 && c.Rest <= 1 && math.Abs(c.Rate) <= 0.1 && math.Abs(c.Steer) <= 0.1
}

// isLeap reports whether a word is a leap second.
func isLeap(w uint64) bool {
	return int64(w) >= int64(clock.LeapDelete) && int64(w) <= int64(clock.LeapInsert)
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func float[F ~float64](f F) uint64 { return math.Float64bits(float64(f)) }

// sane reports whether f is a number from 0 on.
func sane[F ~float64](f F) bool { return f >= 0 && !math.IsInf(float64(f), 1) }
