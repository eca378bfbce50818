package ubx

import (
	"math"

	"timeball/gnss"
)

// navSTATUS is the fix of a receiver that sends no NavPVT, with the place that NavPOSLLH told for the same time.
func (d *Decoder) navSTATUS() (gnss.Report, error) {
	var m NavSTATUS
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	if m.ITOW >= week {
		return d.refused(gnss.ReasonTime)
	}
	if m.GPSFix > 5 {
		return d.refused(gnss.ReasonFields)
	}
	ok, dimensions := usable(m.GPSFix, m.Flags)
	d.note(m.ITOW, ok)
	var r gnss.Report
	if !d.hasPVT {
		r.Fix = d.newFix(ok, dimensions, d.used)
		if d.placed && d.place.ITOW == m.ITOW && m.GPSFix != 0 {
			r.Fix.HasPosition, r.Fix.Altitude = true, float64(d.place.HMSL)*1e-3
			r.Fix.Latitude, r.Fix.Longitude, _ = degrees(d.place.Lat, d.place.Lon)
		}
	}
	if spoofing := threat(m.Flags2 >> 3 & 3); spoofing != gnss.ThreatUnknown {
		r.Health = d.health()
		r.Health.Spoofing = spoofing
	}
	return r, nil
}

// navPOSLLH is kept for the NavSTATUS of the same time.
func (d *Decoder) navPOSLLH() error {
	d.placed = false
	if err := d.read(&d.place); err != nil {
		return err
	}
	if _, _, ok := degrees(d.place.Lat, d.place.Lon); !ok {
		return d.refuse(gnss.ReasonPosition)
	}
	d.placed = d.place.Lat != 0 || d.place.Lon != 0
	return nil
}

// The ellipsoid WGS 84.
const (
	semiMajor    = 6378137.0
	flattening   = 1 / 298.257223563
	eccentricity = flattening * (2 - flattening) // squared
)

// geodetic returns latitude and longitude in degrees and the height in metres above the ellipsoid of a place near the
// surface, after Bowring (1976), which is good to a millimetre there. It is false for what is no place of a receiver.
func geodetic(x, y, z float64) (lat, lon, height float64, ok bool) {
	p := math.Hypot(x, y)
	if r := math.Hypot(p, z); !(r > 6e6 && r < 7e6) {
		return 0, 0, 0, false
	}
	const semiMinor = semiMajor * (1 - flattening)
	sin, cos := math.Sincos(math.Atan2(z*semiMajor, p*semiMinor))
	phi := math.Atan2(z+eccentricity/(1-eccentricity)*semiMinor*sin*sin*sin, p-eccentricity*semiMajor*cos*cos*cos)
	sin, cos = math.Sincos(phi)
	curvature := semiMajor / math.Sqrt(1-eccentricity*sin*sin)
	height = p*cos + z*sin - semiMajor*semiMajor/curvature
	return phi * 180 / math.Pi, math.Atan2(y, x) * 180 / math.Pi, height, true
}

// satSystems are the names of Sat.GNSSID.
var satSystems = []string{"GPS", "SBAS", "Galileo", "BeiDou", "", "QZSS", "GLONASS", "NavIC"}

func (d *Decoder) navSAT() (gnss.Report, error) {
	m := &d.sat
	if err := d.read(m); err != nil {
		return gnss.Report{}, err
	}
	d.hasSAT = true
	sky := &gnss.Satellites{Arrival: d.arrival, Seen: make([]gnss.Satellite, len(m.Sats))}
	d.used = 0
	for i, s := range m.Sats {
		sat := &sky.Seen[i]
		if int(s.GNSSID) < len(satSystems) {
			sat.System = satSystems[s.GNSSID]
		}
		sat.ID, sat.CN0, sat.Used = int(s.SVID), float64(s.CNO), s.Flags&SatUsed != 0
		direct(sat, s.Elev, s.Azim)
		if sat.Used {
			d.used++
		}
	}
	return gnss.Report{Sky: sky}, nil
}

// direct sets where a satellite is, if that is known.
func direct(sat *gnss.Satellite, elevation int8, azimuth int16) {
	if -90 <= elevation && elevation <= 90 && 0 <= azimuth && azimuth <= 360 {
		sat.Elevation, sat.Azimuth = int(elevation), int(azimuth)%360
	}
}

// navSVINFO is the view of a receiver that sends no NavSAT.
func (d *Decoder) navSVINFO() (gnss.Report, error) {
	var m NavSVINFO
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	if d.hasSAT {
		return gnss.Report{}, nil
	}
	sky := &gnss.Satellites{Arrival: d.arrival, Seen: make([]gnss.Satellite, len(m.Channels))}
	d.used = 0
	for i, s := range m.Channels {
		sat := &sky.Seen[i]
		sat.System, sat.ID = numbered(int(s.SVID))
		sat.CN0, sat.Used = float64(s.CNO), s.Flags&1 != 0
		direct(sat, s.Elev, s.Azim)
		if sat.Used {
			d.used++
		}
	}
	return gnss.Report{Sky: sky}, nil
}

// numbered returns the system and the number within it of a satellite in NavSVINFO, where one row of numbers is for all
// (receiver description of generation 8, "satellite numbering", "single svid").
func numbered(n int) (system string, id int) {
	switch {
	case 1 <= n && n <= 32:
		return "GPS", n
	case 33 <= n && n <= 64:
		return "BeiDou", n - 27
	case 65 <= n && n <= 96:
		return "GLONASS", n - 64
	case 120 <= n && n <= 158:
		return "SBAS", n
	case 159 <= n && n <= 163:
		return "BeiDou", n - 158
	case 193 <= n && n <= 202:
		return "QZSS", n - 192
	case 211 <= n && n <= 246:
		return "Galileo", n - 210
	case n == 255:
		return "GLONASS", n
	}
	return "", n
}
