package nmea

import (
	"strconv"

	nmea "github.com/adrianmo/go-nmea"

	"timeball/gnss"
	"timeball/pps/clock"
)

// The most satellites of one view; a ZED-F9P showed 82.
const (
	maxSeen = 256
	maxUsed = 256
)

// sky assembles one view of all constellations from the GSV groups and GSA lists of an epoch. An epoch ends when the
// time of day in the sentences changes or, as long as there is none, when the first group comes again.
type sky struct {
	arrival clock.Mono // of the first GSV
	seen    []satellite
	used    []key
	opened  group // the first group of the view
	current group
	next    int64 // the number of the sentence that continues current; 0 = the group is complete
	broken  bool  // a sentence of a group was lost: the view is not shown
	time    tod   // of the epoch
	heard   bool  // there was a GSV at any time
}

// group names the GSV sentences that belong together.
type group struct {
	talker string
	total  int64
	first  int64 // satellite number in the first sentence
}

type satellite struct {
	key
	gnss.Satellite
}

// key identifies a satellite whichever of the usual numberings a sentence has.
type key struct {
	system string
	number int
}

// gsv adds a sentence to the view. It returns the view before if the sentence shows that it has ended.
func (s *sky) gsv(m nmea.GSV, arrival clock.Mono) (ended *gnss.Satellites, err error) {
	if m.TotalMessages < 1 || m.MessageNumber < 1 || m.MessageNumber > m.TotalMessages {
		return nil, &Refused{Reason: ReasonFields}
	}
	s.heard = true
	if s.repeated(m) {
		ended = s.close()
	}
	s.follow(m, arrival)
	for _, i := range m.Info {
		if i.SVPRNNumber <= 0 {
			continue
		}
		s.add(gnss.Satellite{
			System:    system(m.Talker, 0, bounded(i.SVPRNNumber)),
			ID:        bounded(i.SVPRNNumber),
			Elevation: int(min(max(i.Elevation, -90), 90)),
			Azimuth:   bounded(i.Azimuth) % 360,
			CN0:       float64(min(bounded(i.SNR), 99)),
		})
	}
	return ended, nil
}

// follow keeps account of the group that m belongs to.
func (s *sky) follow(m nmea.GSV, arrival clock.Mono) {
	if s.opened == (group{}) {
		s.arrival = arrival
	}
	if m.MessageNumber == 1 {
		s.broken = s.broken || s.next != 0
		s.current = group{m.Talker, m.TotalMessages, 0}
		if len(m.Info) > 0 {
			s.current.first = m.Info[0].SVPRNNumber
		}
	} else if m.MessageNumber != s.next || m.Talker != s.current.talker || m.TotalMessages != s.current.total {
		s.broken = true
	}
	if s.opened == (group{}) {
		s.opened = s.current
		s.opened.talker = m.Talker
	}
	s.next = m.MessageNumber + 1
	if m.MessageNumber == m.TotalMessages {
		s.next = 0
	}
}

// add puts a satellite into the view. One that is received on several signals is one satellite with the best C/N0.
func (s *sky) add(sat gnss.Satellite) {
	k := key{sat.System, number(sat.System, sat.ID)}
	for i := range s.seen {
		if have := &s.seen[i]; have.key == k {
			have.CN0 = max(have.CN0, sat.CN0)
			if have.Elevation == 0 && have.Azimuth == 0 {
				have.Elevation, have.Azimuth = sat.Elevation, sat.Azimuth
			}
			return
		}
	}
	if len(s.seen) < maxSeen {
		s.seen = append(s.seen, satellite{k, sat})
	}
}

// gsa adds the satellites that are used.
func (s *sky) gsa(m nmea.GSA) {
	for _, sv := range m.SV {
		id, err := strconv.Atoi(sv)
		if err != nil || id <= 0 || len(s.used) == maxUsed {
			continue
		}
		name := system(m.Talker, m.SystemID, id)
		s.used = append(s.used, key{name, number(name, id)})
	}
}

// repeated reports whether m begins the view anew while there is no time of day to tell epochs by.
func (s *sky) repeated(m nmea.GSV) bool {
	if s.time.ok || s.next != 0 || m.MessageNumber != 1 || m.Talker != s.opened.talker || m.TotalMessages != s.opened.total {
		return false
	}
	first := int64(0)
	if len(m.Info) > 0 {
		first = m.Info[0].SVPRNNumber
	}
	return first == s.opened.first
}

// close ends the view and returns it if it is complete.
func (s *sky) close() *gnss.Satellites {
	var view *gnss.Satellites
	if s.opened != (group{}) && !s.broken && s.next == 0 {
		view = &gnss.Satellites{Arrival: s.arrival, Seen: make([]gnss.Satellite, len(s.seen))}
		for i, sat := range s.seen {
			view.Seen[i] = sat.Satellite
			view.Seen[i].Used = s.isUsed(sat.key)
		}
	}
	*s = sky{seen: s.seen[:0], used: s.used[:0], time: s.time, heard: s.heard}
	return view
}

func (s *sky) isUsed(k key) bool {
	for _, u := range s.used {
		if u == k {
			return true
		}
	}
	return false
}

// The names of the systems by the system id of NMEA 4.11, table 20; 0 is not said.
var systems = [...]string{"", "GPS", "GLONASS", "Galileo", "BeiDou", "QZSS", "NavIC"}

// system returns the system a satellite belongs to, from the system id, else the talker, else the number. GPS talkers
// also list satellites of other systems under numbers of their own.
func system(talker string, id int64, number int) string {
	name := ""
	switch talker {
	case "GP":
		name = "GPS"
	case "GL":
		name = "GLONASS"
	case "GA":
		name = "Galileo"
	case "GB", "BD", "PQ":
		name = "BeiDou"
	case "GQ", "QZ":
		name = "QZSS"
	case "GI":
		name = "NavIC"
	}
	if 0 < id && id < int64(len(systems)) {
		name = systems[id]
	}
	if name == "" || name == "GPS" && number > 32 {
		return byNumber(number)
	}
	return name
}

// byNumber returns the system whose satellites usually have this number where one talker lists all.
func byNumber(n int) string {
	switch {
	case n <= 32:
		return "GPS"
	case n <= 64, 120 <= n && n <= 158:
		return "SBAS"
	case n <= 96:
		return "GLONASS"
	case 193 <= n && n <= 202:
		return "QZSS"
	case 201 <= n && n <= 263, 401 <= n && n <= 463:
		return "BeiDou"
	case 301 <= n && n <= 336:
		return "Galileo"
	}
	return ""
}

// number returns the satellite's number within its system, whichever of the usual offsets was sent: a receiver may list
// BeiDou 8 in GSV and 208 in GSA.
func number(system string, n int) int {
	var offsets []int
	switch system {
	case "GLONASS":
		offsets = []int{64}
	case "Galileo":
		offsets = []int{300, 100}
	case "BeiDou":
		offsets = []int{400, 200, 100}
	case "QZSS":
		offsets = []int{192}
	case "SBAS":
		offsets = []int{87}
	}
	for _, o := range offsets {
		if n > o {
			return n - o
		}
	}
	return n
}
