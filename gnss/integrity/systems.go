package integrity

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"timeball/gnss"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// systems is the time of one solution as each system has it.
type systems struct {
	begun clock.Mono // when the first of them was told
	times [4]systemTime
}

// systemTime is the time of one system; the zero value was not told.
type systemTime struct {
	utc      timescale.UTC
	accuracy clock.Seconds // one standard deviation
}

// systemMessages end in these letters (UBX NAV-TIMEGPS, CASIC TIM2-TIMEBDS): the time of one solution in one system.
var systemMessages = [...]systemMessage{{"TIMEGPS", "GPS"}, {"TIMEBDS", "BeiDou"}, {"TIMEGAL", "Galileo"}, {"TIMEGLO", "GLONASS"}}

type systemMessage struct{ suffix, name string }

const (
	// GPS time is kept within 1 us of UTC (IS-GPS-200, 3.3.4), the others within less; in January 2016 it was 13.7 us.
	disagree = 1e-6 // s, beyond four sigma of what the receiver says
	agree    = disagree / 2
	// oneSolution is how far apart the messages of one solution arrive.
	oneSolution = 0.5 // s
)

// mark takes the time of a system. With the first one of a new solution the one before is judged.
func (m *Monitor) mark(at clock.Mono, mark *gnss.TimeMark) {
	i := slices.IndexFunc(systemMessages[:], func(s systemMessage) bool { return strings.HasSuffix(mark.Message, s.suffix) })
	if i < 0 || !mark.Valid {
		return
	}
	s := &m.systems
	if at.Sub(s.begun) > oneSolution {
		m.compare(s.begun)
		*s = systems{begun: at}
	}
	s.times[i] = systemTime{mark.UTC, mark.Accuracy}
}

// compare judges the two systems of a solution that differ most.
func (m *Monitor) compare(at clock.Mono) {
	first, second, off, doubt := m.systems.worst()
	switch {
	case first < 0:
	case off >= disagree+doubt:
		m.holds(at, constellationsDisagree, Alarm, fmt.Sprintf("the times of %s and %s differ by %s", systemMessages[second].name, systemMessages[first].name, span(off)))
	case off <= agree+doubt:
		m.see(at, constellationsDisagree, no)
	default:
		m.see(at, constellationsDisagree, undecided)
	}
}

// worst returns the two systems that differ most beyond what the receiver says of their errors, by how many seconds, and
// those errors, four sigma; -1 where there are no two.
func (s *systems) worst() (first, second int, off, doubt float64) {
	first = -1
	for i, a := range s.times {
		for j, b := range s.times[:i] {
			if a.utc == 0 || b.utc == 0 {
				continue
			}
			d := math.Abs(float64(a.utc-b.utc)) * 1e-9
			sigma := math.Hypot(float64(a.accuracy), float64(b.accuracy))
			if first < 0 || d-4*sigma > off-doubt {
				first, second, off, doubt = i, j, d, 4*sigma
			}
		}
	}
	return first, second, off, doubt
}

func span(seconds float64) string {
	if seconds >= 0.1 {
		return fmt.Sprintf("%.3g s", seconds)
	}
	return fmt.Sprintf("%.3g us", seconds*1e6)
}
