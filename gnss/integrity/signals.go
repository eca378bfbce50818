package integrity

import (
	"fmt"
	"math"
	"slices"

	"timeball/gnss"
	"timeball/pps/clock"
)

// signals is how strong the satellites usually are.
type signals struct {
	levels map[key]level
	now    map[key]float64 // of the view that is judged
	order  []key           // its satellites
	fall   float64         // dB by which it is below the usual levels, the median

	// listed has a bit for each system of which the view has a satellite, received or not; every bit where it has none at
	// all. Some receivers list one system a second, and of a damaged line a whole system may be lost.
	listed uint32

	drops, means, strengths []float64 // made anew for each view
}

// key is a satellite whichever numbering it has: its number within the system, and above it which system that is.
type key uint32

// system returns the bit of the key's system.
func (k key) system() uint32 { return 1 << (k >> 16) }

// numberings are what is usually added to a satellite's number within its system (NMEA 0183 4.11, table of satellite ids,
// and the makers' own), the most first.
var numberings = []struct {
	system  string
	offsets []int
}{
	{"GPS", nil},
	{"BeiDou", []int{400, 200, 100}},
	{"Galileo", []int{300, 100}},
	{"GLONASS", []int{64}},
	{"QZSS", []int{192}},
	{"SBAS", []int{87}},
	{"NavIC", nil},
}

// keyOf returns the same key for one satellite in NMEA and in a binary protocol: a receiver may speak both.
func keyOf(system string, id int) key {
	const most = 1<<16 - 1
	for i, n := range numberings {
		if n.system != system {
			continue
		}
		for _, o := range n.offsets {
			if id > o {
				id -= o
				break
			}
		}
		return key(i+1)<<16 | key(min(max(id, 0), most))
	}
	return key(min(max(id, 0), most))
}

// level is the mean of one satellite's C/N0.
type level struct {
	mean        float64 // dB-Hz
	first, last clock.Mono
}

const (
	maxSignals  = 256 // satellites with a level; more than any receiver tracks
	levelOver   = 60  // s that a level's mean reaches back: satellites rise and set in hours
	levelAfter  = 30  // s until it is believed
	strong      = 25  // dB-Hz; weaker ones are lost without anyone's doing
	fewestFalls = 4   // satellites whose levels are believed

	// What takes 8 dB from three of four satellites within two views is at the antenna or is a jammer: a satellite that
	// sets, a tree or a person takes it from some.
	collapse, recovered = 8.0, 6.0 // dB
	mostFall, restFall  = 0.75, 0.5
	relearnAfter        = 900 // s; what has lasted this long with a good fix is how the place is now

	// Over 30 degrees of elevation antenna and path make 5 dB to 10 dB of difference (the recorded receivers: 2.7 dB
	// standard deviation at the least); the recorded simulator says the same figure for all satellites.
	flatSpread                = 30       // degrees
	flatOfFew, flatOfMany     = 0.5, 1.0 // dB, standard deviation of four and five, and of six satellites and more
	notFlat                   = 2.0      // dB
	flatFewest, flatManyCount = 4, 6
)

// sky takes a view of the satellites.
func (m *Monitor) sky(at clock.Mono, s *gnss.Satellites) {
	m.fixes.view(at, m.signals.read(s))
	m.collapsed(at)
	m.flat(at, s)
}

// read takes down the levels of a view and returns how many satellites it receives.
func (s *signals) read(view *gnss.Satellites) int {
	clear(s.now)
	s.order, s.listed = s.order[:0], 0
	for _, sat := range view.Seen {
		k := keyOf(sat.System, sat.ID)
		s.listed |= k.system()
		cn0, known := s.now[k]
		if sat.CN0 <= 0 || !known && len(s.order) == maxSignals {
			continue
		}
		s.now[k] = max(cn0, sat.CN0)
		if !known {
			s.order = append(s.order, k)
		}
	}
	if len(view.Seen) == 0 {
		s.listed = math.MaxUint32
	}
	return len(s.order)
}

// collapsed judges whether all satellites have become weaker at once.
func (m *Monitor) collapsed(at clock.Mono) {
	s := &m.signals
	fallen, rest, all := s.compare()
	known := len(s.drops)
	switch {
	case all < fewestFalls || s.back():
		m.see(at, signalCollapse, no)
	case known < fewestFalls || s.listed == math.MaxUint32 && !m.fixes.deaf(at): // nothing is listed, not for long
		m.see(at, signalCollapse, undecided)
	case float64(fallen) >= mostFall*float64(known):
		m.holds(at, signalCollapse, Holdover, fmt.Sprintf("%d of %d satellites have become %.0f dB weaker at once", fallen, known, s.fall))
	case float64(rest) < restFall*float64(known):
		m.see(at, signalCollapse, no)
	default:
		m.see(at, signalCollapse, undecided)
	}
	w, heard := &m.watches[signalCollapse], &m.watches[jamming]
	if !w.raised && !w.turning && (!heard.raised || at.Sub(heard.since) >= relearnAfter) {
		s.learn(at)
	}
}

// compare returns how many of the satellites whose levels are believed and whose system is listed have fallen by collapse,
// and by recovered, and of how many the levels are believed, listed or not.
func (s *signals) compare() (fallen, rest, all int) {
	s.drops, s.means, s.fall = s.drops[:0], s.means[:0], 0
	for k, l := range s.levels {
		if l.last.Sub(l.first) < levelAfter || l.mean < strong {
			continue
		}
		if all++; s.listed&k.system() == 0 {
			continue
		}
		drop := l.mean - s.now[k]
		s.drops, s.means = append(s.drops, drop), append(s.means, l.mean)
		if drop >= collapse {
			fallen++
		}
		if drop >= recovered {
			rest++
		}
	}
	slices.Sort(s.drops)
	if n := len(s.drops); n > 0 {
		s.fall = s.drops[n/2]
	}
	return fallen, rest, all
}

// back says that as many satellites are as strong as a fix needs, whichever they are: after hours others are in the sky.
func (s *signals) back() bool {
	s.strengths = s.strengths[:0]
	for _, cn0 := range s.now {
		s.strengths = append(s.strengths, cn0)
	}
	if len(s.strengths) < fewestFalls || len(s.means) < fewestFalls {
		return false
	}
	slices.Sort(s.strengths)
	slices.Sort(s.means)
	now, usual := s.strengths[len(s.strengths)-fewestFalls], s.means[len(s.means)-fewestFalls]
	return now > usual-recovered
}

// learn adds a view to the levels.
func (s *signals) learn(at clock.Mono) {
	for _, k := range s.order {
		cn0 := s.now[k]
		l, known := s.levels[k]
		switch {
		case known:
			weight := min(1, at.Sub(l.last)/levelOver)
			l.mean += float64(weight) * (cn0 - l.mean)
		case len(s.levels) < maxSignals:
			l = level{mean: cn0, first: at}
		default:
			continue
		}
		l.last = at
		s.levels[k] = l
	}
	for k, l := range s.levels {
		if at.Sub(l.last) > levelOver {
			delete(s.levels, k)
		}
	}
}

// relearn takes signals that have been weak for long, and are enough for a fix, for the usual ones.
func (m *Monitor) relearn(at clock.Mono) {
	w := &m.watches[signalCollapse]
	if w.raised && m.fixes.lasting(at, w.since) >= relearnAfter {
		clear(m.signals.levels)
		w.forget()
		m.stale = true
	}
}

// flat judges whether the satellites are as equally strong as only a simulator makes them.
func (m *Monitor) flat(at clock.Mono, s *gnss.Satellites) {
	n, spread, mean, deviation := evenness(s)
	if n < flatFewest || spread < flatSpread {
		return
	}
	limit := flatOfFew
	if n >= flatManyCount {
		limit = flatOfMany
	}
	switch {
	case deviation <= limit:
		m.holds(at, flatSignals, Alarm, fmt.Sprintf(
			"%d satellites over %d degrees of elevation are equally strong, %.0f dB-Hz to %.1f dB, as from a simulator", n, spread, mean, deviation))
	case deviation >= notFlat:
		m.see(at, flatSignals, no)
	default:
		m.see(at, flatSignals, undecided)
	}
}

// evenness returns of the satellites that are used, or where none is said to be that are received, how many there are,
// over how many degrees of elevation, and the mean and the standard deviation of their C/N0.
func evenness(s *gnss.Satellites) (n, spread int, mean, deviation float64) {
	used := slices.ContainsFunc(s.Seen, func(sat gnss.Satellite) bool { return sat.Used })
	lowest, highest, sum, squares := 90, -90, 0.0, 0.0
	for _, sat := range s.Seen {
		nowhere := sat.Elevation == 0 && sat.Azimuth == 0 // not said
		if sat.CN0 <= 0 || used && !sat.Used || nowhere {
			continue
		}
		n++
		lowest, highest = min(lowest, sat.Elevation), max(highest, sat.Elevation)
		sum, squares = sum+sat.CN0, squares+sat.CN0*sat.CN0
	}
	if n == 0 {
		return 0, 0, 0, 0
	}
	mean = sum / float64(n)
	return n, highest - lowest, mean, math.Sqrt(max(0, squares/float64(n)-mean*mean))
}
