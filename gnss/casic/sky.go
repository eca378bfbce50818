package casic

import "timeball/gnss"

// sky assembles the view of all systems, each of which has a message of its own with the same time since start.
type sky struct {
	begun   bool
	runTime uint32
	view    gnss.Satellites
}

// maxSeen bounds a view: three systems with at most 255 satellites each are sent.
const maxSeen = 3 * 255

// navINFO adds one system to the view, and returns the view before where the time has moved on.
func (d *Decoder) navINFO() (gnss.Report, error) {
	m := NavINFO{Of: d.id}
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	var r gnss.Report
	if d.sky.begun && d.sky.runTime != m.RunTime {
		view := d.sky.view
		r.Sky, d.sky = &view, sky{}
	}
	if !d.sky.begun {
		d.sky = sky{begun: true, runTime: m.RunTime, view: gnss.Satellites{Arrival: d.arrival, Seen: []gnss.Satellite{}}}
	}
	for _, s := range m.Sats {
		sat := gnss.Satellite{System: systems[d.id-IDNavGPSINFO].name, ID: int(s.SVID), CN0: float64(s.CNO), Used: s.Flags&1 != 0}
		if sat.System == "GPS" && sat.ID >= 193 {
			sat.System = "QZSS"
		}
		direct(&sat, s.Elev, s.Azim)
		if len(d.sky.view.Seen) < maxSeen {
			d.sky.view.Seen = append(d.sky.view.Seen, sat)
		}
	}
	return r, nil
}

// direct sets where a satellite is, if that is known.
func direct(sat *gnss.Satellite, elevation int8, azimuth int16) {
	if -90 <= elevation && elevation <= 90 && 0 <= azimuth && azimuth <= 360 {
		sat.Elevation, sat.Azimuth = int(elevation), int(azimuth)%360
	}
}

// named are the systems of Sat2.GNSSID.
var named = [...]string{"GPS", "BeiDou", "GLONASS", "Galileo", "QZSS", "SBAS", "NavIC"}

// nav2SAT is one view of all systems. A satellite may be listed once for each of its signals.
func (d *Decoder) nav2SAT() (gnss.Report, error) {
	var m Nav2SAT
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	view := &gnss.Satellites{Arrival: d.arrival, Seen: make([]gnss.Satellite, 0, len(m.Sats))}
	for _, s := range m.Sats {
		sat := gnss.Satellite{ID: int(s.SVID), CN0: float64(s.CNO), Used: s.Flags&1 != 0}
		if int(s.GNSSID) < len(named) {
			sat.System = named[s.GNSSID]
		}
		direct(&sat, s.Elev, s.Azim)
		add(view, sat)
	}
	return gnss.Report{Sky: view}, nil
}

// add puts a satellite into the view, or its better signal to the one that is there.
func add(view *gnss.Satellites, sat gnss.Satellite) {
	for i := range view.Seen {
		if have := &view.Seen[i]; have.System == sat.System && have.ID == sat.ID {
			have.CN0, have.Used = max(have.CN0, sat.CN0), have.Used || sat.Used
			return
		}
	}
	view.Seen = append(view.Seen, sat)
}
