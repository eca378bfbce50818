// Package leap says what a listener shows of UTC around a leap second: by announcing it, by keeping silent, or by smearing
// it over a day.
//
// Instants are nanoseconds of TAI, which knows no leap second, and what is shown counts as POSIX does: every day has 86400
// seconds. An Event is one leap second that two witnesses have agreed on; without one every policy shows UTC. Nothing here
// rounds by more than a nanosecond.
//
//	announce  UTC; the leap indicator is set on the last UTC day; around the second nobody knows what another shows
//	suppress  UTC; the leap indicator is never set; around the second as above
//	smear     from noon to noon of the days around it the shown clock runs slower, or faster, by one second in that time:
//	          shown - UTC = -t/86401 until the second, 1 s - t/86401 after it, t the SI seconds since noon, for an inserted
//	          one; t/86399 and t/86399 - 1 s for a deleted one
package leap

import (
	"fmt"
	"math/bits"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// Policy is what a listener does about leap seconds.
type Policy uint8

// The policies.
const (
	Announce Policy = iota
	Suppress
	Smear
	Policies = iota
)

var names = [...]string{"announce", "suppress", "smear"}

// String returns the policy as it is configured.
func (p Policy) String() string {
	if int(p) < len(names) {
		return names[p]
	}
	return "unknown policy"
}

// Parse reads a policy.
func Parse(text string) (Policy, error) {
	for i, name := range names {
		if text == name {
			return Policy(i), nil
		}
	}
	return 0, fmt.Errorf("%q: none of announce, suppress, smear", text)
}

// Event is one leap second.
type Event struct {
	Leap   clock.Leap    // LeapNone: there is none
	At     timescale.UTC // the midnight after it, as POSIX counts
	Before int           // TAI - UTC until then, in seconds
}

const (
	second  = int64(1_000_000_000) // ns
	half    = 43200 * second       // from noon to midnight, as POSIX counts
	leadIn  = second               // the second that POSIX shows twice, or the one before that is missing
	leadOut = second               // after midnight, until all clocks can be expected to agree again
)

// midnight returns the TAI of the midnight after the leap second.
func (e Event) midnight() int64 { return int64(e.At) + int64(e.Before+int(e.Leap))*second }

// UTC returns what Linux counts at the TAI instant tai: an inserted second is shown as the last one again.
func (e Event) UTC(tai timescale.TAI) timescale.UTC {
	before := int64(tai) - int64(e.Before)*second
	switch {
	case e.Leap == clock.LeapNone:
		return timescale.UTC(before)
	case int64(tai) >= e.midnight():
		return timescale.UTC(before - int64(e.Leap)*second)
	case e.Leap == clock.LeapInsert && before >= int64(e.At):
		return timescale.UTC(before - second) // 23:59:60 is shown as 23:59:59
	}
	return timescale.UTC(before)
}

// span returns where the smear begins and ends in TAI: noon and noon. It is 86401 or 86399 SI seconds long.
func (e Event) span() (from, until int64) {
	until = e.midnight() + half
	return until - 2*half - int64(e.Leap)*second, until
}

// Smeared returns what a smearing listener shows at tai: UTC but for the day around the leap second, in which it runs at a
// constant rate from noon to noon.
func (e Event) Smeared(tai timescale.TAI) timescale.UTC {
	from, until := e.span()
	if e.Leap == clock.LeapNone || int64(tai) <= from || int64(tai) >= until {
		return e.UTC(tai)
	}
	// 86400 s are shown in the length of the span: shown = t - leap t/length, and t below 2^47 ns times 1e9 needs 128 bits.
	t := uint64(int64(tai) - from)
	high, low := bits.Mul64(t, uint64(second))
	slewed, rest := bits.Div64(high, low, uint64(until-from))
	if rest >= uint64(until-from)/2 { // to the nearest nanosecond
		slewed++
	}
	return timescale.UTC(int64(e.At) - half + int64(t) - int64(e.Leap)*int64(slewed))
}

// Shown returns what a listener with policy p shows at tai.
func (e Event) Shown(p Policy, tai timescale.TAI) timescale.UTC {
	if p == Smear {
		return e.Smeared(tai)
	}
	return e.UTC(tai)
}

// Indicator is what an answer says of the leap second.
type Indicator uint8

// The indicators; they have the values of RFC 5905, 7.3.
const (
	None    Indicator = iota
	Insert            // the last minute of the day has 61 seconds
	Delete            // the last minute of the day has 59 seconds
	Unknown           // nobody can tell which second another clock shows: not synchronised
)

// Indicator returns what a listener with policy p says at tai. RFC 5905 would allow to announce for a month; on the last
// UTC day is what clients need and leaves a wrong announcement least time to spread.
func (e Event) Indicator(p Policy, tai timescale.TAI) Indicator {
	left := e.midnight() - int64(tai) // in SI seconds
	ambiguous := leadIn
	if e.Leap == clock.LeapInsert {
		ambiguous += second // 23:59:59 and 23:59:60
	}
	switch {
	case e.Leap == clock.LeapNone || p == Smear:
		return None
	case left <= ambiguous && left > -leadOut:
		return Unknown
	case p == Suppress || left <= 0 || left > 2*half+int64(e.Leap)*second:
		return None
	case e.Leap == clock.LeapDelete:
		return Delete
	}
	return Insert
}
