package nmea

import (
	"strings"

	"timeball/gnss"
	"timeball/gnss/timescale"
)

// proprietary decodes the makers' own sentences that tell more than the standard ones. All others are known to be no
// damage: they tell nothing.
func (d *Decoder) proprietary(address, body string) (gnss.Report, error) {
	switch address {
	case "PUBX":
		return d.pubx(d.split(body))
	case "PGTOP", "PCD":
		return d.pgtop(d.split(body))
	}
	return gnss.Report{}, nil
}

// pubx is of u-blox (receiver description of generation 8, "PUBX messages"); its number is part of the message's name.
func (d *Decoder) pubx(f []string) (gnss.Report, error) {
	if len(f) < 2 {
		return gnss.Report{}, nil // a request
	}
	switch f[0] {
	case "00":
		d.mark.Message = "PUBX00"
		return d.pubxPosition(f[1:])
	case "03":
		d.mark.Message = "PUBX03"
		return d.pubxSatellites(f[1:])
	case "04":
		d.mark.Message = "PUBX04"
		return d.pubxTime(f[1:])
	}
	return gnss.Report{}, nil
}

// pubxPosition: time, position, height above the ellipsoid, state, six fields of errors and speeds, age, three DOP,
// satellites used.
func (d *Decoder) pubxPosition(f []string) (gnss.Report, error) {
	f = pad(f, 18)
	d.sent = sent{}
	if err := d.sent.read(f, 1); err != nil {
		return gnss.Report{}, err
	}
	dimensions, valid := 0, true
	switch f[6] {
	case "G2", "D2":
		dimensions = 2
	case "G3", "D3", "RK":
		dimensions = 3
	case "TT": // time only
	default: // NF none, DR dead reckoning
		valid = false
	}
	fix := d.fix(valid)
	fix.Dimensions = dimensions
	d.solution(fix, f[16], number64(f[5]), number64(f[13]))
	d.fixes.note(kindPUBX, valid, d.sent.time)
	return gnss.Report{Fix: fix, Sky: d.epoch()}, nil
}

// pubxSatellites is a whole view: six fields for each of the satellites. Where a receiver also sends GSV they have more.
func (d *Decoder) pubxSatellites(f []string) (gnss.Report, error) {
	n, ok := decimal(f[0], 1, 3)
	if !ok || len(f) < 1+6*n || n > maxSeen {
		return gnss.Report{}, &Refused{Reason: ReasonFields}
	}
	if d.sky.heard {
		return gnss.Report{}, nil
	}
	view := &gnss.Satellites{Arrival: d.mark.Arrival, Seen: make([]gnss.Satellite, n)}
	for i := range view.Seen {
		s := f[1+6*i:]
		id, _ := decimal(s[0], 1, 4)
		azimuth, _ := decimal(s[2], 1, 3)
		elevation, _ := decimal(s[3], 1, 2)
		cn0, _ := decimal(s[4], 1, 2)
		view.Seen[i] = gnss.Satellite{
			System: byNumber(id), ID: id, Elevation: min(elevation, 90), Azimuth: azimuth % 360,
			CN0: float64(cn0), Used: s[1] == "U",
		}
	}
	return gnss.Report{Sky: view}, nil
}

// pubxTime: time, date, time of week, week, leap seconds, clock. The leap seconds end with a D where they are only what
// the firmware was built with. The week is not cut to 10 bits, so that it tells the century.
func (d *Decoder) pubxTime(f []string) (gnss.Report, error) {
	f = pad(f, 5)
	d.sent = sent{}
	if err := d.sent.read(f, -1); err != nil {
		return gnss.Report{}, err
	}
	if !d.sent.time.ok || f[1] == "" {
		return gnss.Report{}, nil
	}
	var ok bool
	if d.sent.day, d.sent.month, d.sent.year, ok = sixDigits(f[1]); !ok {
		return gnss.Report{}, &Refused{Reason: ReasonDate}
	}
	mark, err := d.stamp(d.year(d.sent.year), d.sent.month, d.sent.day)
	if err != nil {
		return gnss.Report{}, err
	}
	if week, ok := decimal(f[3], 1, 4); ok {
		mark.Century = int64((mark.UTC-gpsEpoch)/timescale.Week) == int64(week)
	}
	mark.Valid = d.fixes.vouch(d.sent.time)
	r := gnss.Report{Mark: mark, Sky: d.epoch()}
	count, assumed := strings.CutSuffix(f[4], "D")
	if leap, ok := decimal(count, 1, 2); ok && !assumed {
		mark.FullUTC = true
		r.Leap = d.count(leap)
	}
	return r, nil
}

// gpsEpoch is the beginning of week 0.
const gpsEpoch timescale.UTC = 315964800 * timescale.Second

// count returns a notice of a leap second count, GPS - UTC, when it is news.
func (d *Decoder) count(leap int) *gnss.LeapNotice {
	const taiLessGPS = 19
	if d.leap == leap {
		return nil
	}
	d.leap = leap
	return &gnss.LeapNotice{Arrival: d.mark.Arrival, TAIOffset: leap + taiLessGPS, Message: d.mark.Message}
}

// pgtop is the antenna as MediaTek's receivers see it: 1 short, 2 the built-in one, 3 an active one.
func (d *Decoder) pgtop(f []string) (gnss.Report, error) {
	if len(f) < 2 || f[0] != "11" {
		return gnss.Report{}, nil
	}
	switch f[1] {
	case "1":
		return gnss.Report{Health: d.antenna(gnss.AntennaShort)}, nil
	case "2":
		return gnss.Report{Health: d.antenna(gnss.AntennaUnknown)}, nil
	case "3":
		return gnss.Report{Health: d.antenna(gnss.AntennaOK)}, nil
	}
	return gnss.Report{}, nil
}
