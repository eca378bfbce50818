// Package publish turns an Estimate of the clock into the Reference the NTP server answers from.
//
// Bounds are seconds, growths fractional frequencies. It decides three things: whether the unit may call itself
// synchronised (locked, or in holdover with a bound within the limit), how long that may be believed without news, and by
// which factor the bound is widened on its way to the root dispersion of RFC 5905, 11.1. Rounding to the wire's 2^-16 s
// is upwards and done by server/ntp.
//
// An Estimate that makes no sense is published as "not synchronised"; it is never repaired.
package publish

import (
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/server/leap"
	"timeball/server/ntp"
)

const (
	// One reading of the clock takes 50 to 100 ns through the vDSO of a supported board: 2^-23 s is 119 ns. It is added to
	// the dispersion and so also covers the rounding of timestamps.
	precision = -23

	second = timescale.UTC(1_000_000_000)
	day    = 86400 * second // as POSIX counts, also when it holds a leap second
)

// Publish returns the Reference for e, which may be nil: nothing is known yet then. cfg must be valid. system names the
// satellites that are used, "" = not known.
func Publish(e *discipline.Estimate, cfg Config, system string) ntp.Reference {
	if e == nil {
		return ntp.Reference{Precision: precision}
	}
	ref := ntp.Reference{
		Anchor:    e.At,
		Expiry:    e.At.Mono + clock.Mono(cfg.Expiry),
		Precision: precision,
		TAIOffset: e.TAIOffset,
	}
	ref.Until = e.Until
	ref.Leap, ref.LeapAt = announcement(e)
	ref.Smear, ref.SmearOpen = leap.Event{Leap: e.LeapDay.Leap, At: e.LeapDay.At, Before: e.LeapDay.Before}, e.LeapDay.Open
	bound := e.Bound.Total()
	synchronised := e.HasOffset && (e.Mode == discipline.Locked || e.Mode == discipline.Holdover) &&
		bound >= 0 && bound <= clock.Seconds(cfg.Limit.Seconds()) && e.Growth >= 0
	if !synchronised {
		return ref
	}
	ref.Synchronised = true
	ref.Stratum = 1
	copy(ref.ReferenceID[:], cfg.name(e.Mode, system))
	ref.ReferenceAt = e.At.RealAt(e.LastPulse)
	ref.Bound = clock.Seconds(cfg.Kappa) * bound
	ref.Growth = clock.Ratio(cfg.Kappa) * e.Growth
	return ref
}

// name returns the reference ID: what is true, where none is configured.
func (c Config) name(mode discipline.Mode, system string) string {
	switch {
	case c.ReferenceID != Auto && c.ReferenceID != System:
		return c.ReferenceID
	case c.ReferenceID == Auto && mode == discipline.Locked:
		return "PPS"
	case system == "":
		return "GNSS"
	}
	return system
}

// announcement returns the leap second clients are told of, and its midnight: on its UTC day only, and until a second
// after it, when the last doubt about the second is gone. RFC 5905 would allow the whole month; a day is what clients need
// and leaves a wrong announcement least time to spread.
func announcement(e *discipline.Estimate) (clock.Leap, timescale.UTC) {
	now, at := timescale.UTC(e.At.Real), e.LeapAt
	if e.Leap == clock.LeapNone {
		return clock.LeapNone, 0
	}
	if at == 0 { // Leap alone means the end of this day
		at = now - now%day + day
	}
	if now < at-day || now >= at+second {
		return clock.LeapNone, 0
	}
	return e.Leap, at
}
