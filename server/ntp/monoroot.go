package ntp

import (
	"encoding/binary"
	"math"

	"timeball/pps/clock"
)

// The experimental extension field of chrony since 4.2 (extfield F323 of chrony.conf): root delay and dispersion in units
// of 2^-28 s, 3.7 ns, and the receive time on a clock that is never stepped, so that a client can tell a step of the
// server from its own error. A client asks by sending the field with nothing but its magic number.
const (
	monoRootType  = 0xf323
	monoRootMagic = 0xf5bedd9a
	monoRootLen   = 28 // bytes: the field's head 4, magic 4, delay 4, dispersion 4, receive time 8, epoch 4
)

// isMonoRoot reports whether field, well-formed, is that of chrony.
func isMonoRoot(field []byte) bool {
	return len(field) == monoRootLen && binary.BigEndian.Uint16(field) == monoRootType &&
		binary.BigEndian.Uint32(field[4:]) == monoRootMagic
}

// appendMonoRoot appends the field. mono is the receive time on CLOCK_MONOTONIC, whose zero says nothing, and 0 when there
// is none; epoch tells one such clock from that of the next start.
func appendMonoRoot(dst []byte, delay, dispersion clock.Seconds, mono Timestamp, epoch uint32) []byte {
	dst = binary.BigEndian.AppendUint16(dst, monoRootType)
	dst = binary.BigEndian.AppendUint16(dst, monoRootLen)
	dst = binary.BigEndian.AppendUint32(dst, monoRootMagic)
	dst = binary.BigEndian.AppendUint32(dst, fineUp(delay))
	dst = binary.BigEndian.AppendUint32(dst, fineUp(dispersion))
	dst = binary.BigEndian.AppendUint64(dst, uint64(mono))
	return binary.BigEndian.AppendUint32(dst, epoch)
}

// fineUp returns s rounded up to the next 2^-28 s. What does not fit, and NaN, is the largest; negative ones are 0.
func fineUp(s clock.Seconds) uint32 {
	units := math.Ceil(float64(s) * (1 << 28)) // exact: a power of two
	switch {
	case units <= 0:
		return 0
	case units < math.MaxUint32:
		return uint32(units)
	}
	return math.MaxUint32
}
