// Package witness asks other clocks what time it is: NTP servers that the operator names, and the board's RTC.
//
// A witness only helps to tell which second, which date and which leap second count are right. It never steers the clock,
// and no unit needs one: a server that can't be found, does not answer or answers nonsense is said so and asked again.
//
// What a clock showed is tied to CLOCK_MONOTONIC and to nothing else, so that it stays true however wrong the unit's own
// CLOCK_REALTIME is and however often it is stepped. Times are nanoseconds, distances seconds.
package witness

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// Config is the section [witness].
type Config struct {
	// Servers are NTP servers: a name or an address, with a port if it is not 123.
	Servers []string `toml:"servers"`
}

// maxServers is how many are enough: with four, one may be wrong and one unreachable.
const maxServers = 4

// Validate returns what is wrong with c, naming the key.
func (c Config) Validate() error {
	var found []error
	if len(c.Servers) > maxServers {
		found = append(found, fmt.Errorf("config: witness.servers: %d servers: at most %d", len(c.Servers), maxServers))
	}
	for i, s := range c.Servers {
		host, port := split(s)
		n, err := strconv.ParseUint(port, 10, 16)
		switch {
		case !isHost(host):
			found = append(found, fmt.Errorf("config: witness.servers: %q: neither a host name nor an IP address", s))
		case err != nil || n == 0:
			found = append(found, fmt.Errorf("config: witness.servers: %q: port out of range", s))
		case slices.Contains(c.Servers[:i], s):
			found = append(found, fmt.Errorf("config: witness.servers: %q: given twice", s))
		}
	}
	return errors.Join(found...)
}

// split parts a server into host and port; 123 is the port of NTP.
func split(server string) (host, port string) {
	if host, port, err := net.SplitHostPort(server); err == nil {
		return host, port
	}
	return strings.TrimSuffix(strings.TrimPrefix(server, "["), "]"), "123"
}

// isHost reports whether s is an IP address, or letters, digits, dots and hyphens as host names have them.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	odd := func(r rune) bool {
		return r != '-' && r != '.' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	return s != "" && len(s) <= 253 && !strings.ContainsFunc(s, odd) && !strings.Contains(s, "..") && s[0] != '-' && s[0] != '.'
}

// Reading is what another clock showed.
type Reading struct {
	At       clock.Mono    // when
	UTC      timescale.UTC // what
	Distance clock.Seconds // by how much it may be wrong, by its own account and the way to it
	Stratum  int           // of an NTP server; 0 = none
	Leap     clock.Leap    // that an NTP server announces
}

// Report is what became of one question.
type Report struct {
	Name    string
	Asked   clock.Mono
	Reading *Reading // nil: none
	Error   error    // why; nil: there is a Reading
}

// clockReader reads the unit's clocks. It is false when they can't be read.
type clockReader = func() (clock.Reading, bool)

var (
	errUnreadable = errors.New("this unit's own clock can't be read")
	errSlept      = errors.New("the machine slept meanwhile")
)

// slept reports whether the machine was suspended between two readings: CLOCK_BOOTTIME goes on then.
func slept(before, after clock.Reading) bool {
	const apart = 10_000_000 // ns between the readings of the two clocks, with the process held up between them
	return (int64(after.Boot)-int64(after.Mono))-(int64(before.Boot)-int64(before.Mono)) > apart
}
