package control

import (
	"fmt"
	"strconv"
	"strings"

	"timeball/pps/clock"
	"timeball/server/ntp"
)

// State is what can be read.
type State struct {
	System  System
	Sources []Source
}

// System is the server.
type System struct {
	Leap           uint8 // of RFC 5905, 7.3
	Stratum        uint8 // 16: not synchronised
	Precision      int8  // log2 seconds
	RootDelay      clock.Seconds
	RootDispersion clock.Seconds
	ReferenceID    string
	Reference      ntp.Timestamp // when the clock was last corrected, 0 = unknown
	Clock          ntp.Timestamp // now
	Offset         clock.Seconds // the reference minus the served clock, as NTP has it
	Jitter         clock.Seconds
	Frequency      clock.Ratio // that the clock is steered by
	TAIOffset      int         // s, 0 = unknown
	Peer           uint16      // the ID of the source that is followed, 0 = none
	Version        string
}

// The selections of RFC 9327, 3.2 that a unit has for its sources.
const (
	Rejected  = 0
	Candidate = 4 // agrees with what is followed
	Followed  = 6 // numbers the seconds
	Pulse     = 7 // marks the seconds, and is followed
)

// Source is where the time comes from.
type Source struct {
	ID          uint16 // from 1
	Name        string // as "PPS(0)"
	Address     string // as ntpd gives its reference clocks one, "127.127.22.0"
	ReferenceID string
	Selection   uint8
	Reach       uint8         // of the last eight seconds, the newest in the last bit
	Heard       ntp.Timestamp // 0 = never
	Offset      clock.Seconds // as in System
	Jitter      clock.Seconds
}

// variable is a name and its value.
type variable struct{ name, value string }

// poll is the interval of a source, log2 seconds: a pulse and a message come every second.
const poll = 0

// status is the status word of the system, RFC 9327, 3.1: leap indicator, source, no events.
func (s *System) status() uint16 {
	const atomicClock = 1 // or a pulse
	source := uint16(0)
	if s.Stratum != 16 {
		source = atomicClock
	}
	return uint16(s.Leap)<<14 | source<<8
}

// status is the status word of a source, RFC 9327, 3.2: configured, heard lately, its selection.
func (o *Source) status() uint16 {
	const configured, reachable = 1 << 15, 1 << 12
	word := uint16(configured) | uint16(o.Selection&7)<<8
	if o.Reach != 0 {
		word |= reachable
	}
	return word
}

// variables returns what ntpq -c rv shows.
func (s *System) variables() []variable {
	return []variable{
		{"version", quoted("timeball " + s.Version)},
		{"processor", quoted("")},
		{"system", quoted("Linux")},
		{"leap", strconv.Itoa(int(s.Leap & 3))},
		{"stratum", strconv.Itoa(int(s.Stratum))},
		{"precision", strconv.Itoa(int(s.Precision))},
		{"rootdelay", milli(s.RootDelay)},
		{"rootdisp", milli(s.RootDispersion)},
		{"refid", s.ReferenceID},
		{"reftime", stamp(s.Reference)},
		{"peer", strconv.Itoa(int(s.Peer))},
		{"tc", strconv.Itoa(poll)},
		{"mintc", strconv.Itoa(poll)},
		{"offset", milli(s.Offset)},
		{"frequency", strconv.FormatFloat(float64(s.Frequency)*1e6, 'f', 6, 64)}, // ppm
		{"sys_jitter", milli(s.Jitter)},
		{"clk_jitter", milli(s.Jitter)},
		{"clock", stamp(s.Clock)},
		{"tai", strconv.Itoa(s.TAIOffset)},
	}
}

// variables returns what ntpq -p and ntpq -c "rv ID" show.
func (o *Source) variables() []variable {
	return []variable{
		{"srcadr", o.Address},
		{"srcport", "123"},
		{"srchost", quoted(o.Name)},
		{"dstadr", "127.0.0.1"},
		{"dstport", "123"},
		{"leap", "0"},
		{"hmode", "3"},
		{"pmode", "4"},
		{"stratum", "0"},
		{"hpoll", strconv.Itoa(poll)},
		{"ppoll", strconv.Itoa(poll)},
		{"refid", o.ReferenceID},
		{"rec", stamp(o.Heard)},
		{"reach", fmt.Sprintf("0x%x", o.Reach)},
		{"unreach", "0"},
		{"flash", "0x0"},
		{"delay", milli(0)},
		{"offset", milli(o.Offset)},
		{"jitter", milli(o.Jitter)},
	}
}

// milli writes seconds as milliseconds with nanoseconds.
func milli(s clock.Seconds) string { return strconv.FormatFloat(float64(s)*1e3, 'f', 6, 64) }

// stamp writes a timestamp as ntpd does.
func stamp(t ntp.Timestamp) string { return fmt.Sprintf("0x%08x.%08x", uint32(t>>32), uint32(t)) }

// quoted writes a text without what would end it.
func quoted(text string) string {
	return `"` + strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == ',' {
			return '_'
		}
		return r
	}, text) + `"`
}
