package integrity

import (
	"fmt"
	"math"

	"timeball/gnss"
	"timeball/pps/clock"
)

// place is where the antenna is, learned from the fixes.
type place struct {
	at      clock.Mono // of the last fix that was counted
	fixes   int        // that were, at most one a second
	known   bool
	lat     float64 // degrees
	lon     float64
	other   *place     // where the antenna seems to be now, while it seems to have moved
	otherAt clock.Mono // since when
}

const (
	// The GPS performance standard (SPS PS, 5th edition, table 3.8-3) promises 15 m in 95 % of fixes at the worst site;
	// among houses and at the begin of a fix it is several times that. 300 m are 1 us of light: what stays below moves
	// the pulse by less.
	farAway = 300.0 // m: raises
	home    = 150.0 // m: clears
	still   = 100.0 // m: fixes that are to become a place stay within it

	learnFixes = 60   // seconds of fixes after which the place is known
	meanOver   = 3600 // fixes that the mean then forgets with
	// A receiver that was carried elsewhere has shown so after this time. Whether its pulse may be used again the loop
	// decides by its own prediction.
	acceptAfter = 3600 // s
)

const metresPerDegree = 6_371_000 * math.Pi / 180

// from returns the distance of a place in metres; the Earth is a sphere, which is good to 0.5 %.
func (p *place) from(lat, lon float64) float64 {
	north := (lat - p.lat) * metresPerDegree
	east := math.Remainder(lon-p.lon, 360) * metresPerDegree * math.Cos(p.lat*math.Pi/180)
	return math.Hypot(north, east)
}

// learn adds a fix to the mean. One that is not near begins anew what is not known yet: receivers start with fixes that
// are kilometres off.
func (p *place) learn(at clock.Mono, lat, lon float64) {
	if p.fixes > 0 && at.Sub(p.at) < 0.9 { // several messages tell of one second
		return
	}
	p.at = at
	if p.fixes == 0 || !p.known && p.from(lat, lon) > still {
		p.fixes, p.lat, p.lon = 1, lat, lon
		return
	}
	p.fixes = min(p.fixes+1, meanOver)
	weight := 1 / float64(p.fixes)
	p.lat += weight * (lat - p.lat)
	p.lon += weight * math.Remainder(lon-p.lon, 360)
	p.known = p.known || p.fixes >= learnFixes
}

// moved judges whether a fixed antenna has moved.
func (m *Monitor) moved(at clock.Mono, f *gnss.Fix) {
	if !f.HasPosition || !(math.Abs(f.Latitude) <= 90) || !(math.Abs(f.Longitude) <= 180) {
		return
	}
	p := &m.place
	if p.known {
		switch distance := p.from(f.Latitude, f.Longitude); {
		case distance >= farAway:
			m.holds(at, positionJump, Holdover, "the receiver says that its antenna has moved by "+length(distance))
		case distance < home:
			m.see(at, positionJump, no)
		default:
			m.see(at, positionJump, undecided)
		}
	}
	if w := &m.watches[positionJump]; w.raised {
		m.elsewhere(at, f)
	} else if p.other = nil; !w.turning {
		p.learn(at, f.Latitude, f.Longitude)
	}
}

// elsewhere follows a place that is not the antenna's, and takes it for the antenna's in the end.
func (m *Monitor) elsewhere(at clock.Mono, f *gnss.Fix) {
	p := &m.place
	if p.other == nil || p.other.from(f.Latitude, f.Longitude) > still {
		p.other, p.otherAt = &place{}, at
	}
	p.other.learn(at, f.Latitude, f.Longitude)
	if p.other.known && at.Sub(p.otherAt) >= acceptAfter {
		m.place = *p.other
		m.watches[positionJump].forget()
		m.stale = true
	}
}

func length(metres float64) string {
	if metres >= 1000 {
		return fmt.Sprintf("%.1f km", metres/1000)
	}
	return fmt.Sprintf("%.0f m", metres)
}
