package nmea

import (
	"math"
	"strings"

	nmea "github.com/adrianmo/go-nmea"

	"timeball/gnss"
	"timeball/gnss/timescale"
)

// fixes remembers what the last sentence of each kind said about the fix. ZDA has no status of its own: a receiver with
// a kept clock sends it from the first second on.
type fixes struct {
	said       [kinds]status
	dimensions int     // of the GSA of this epoch, the largest: constellations that are not used say 1, no fix
	hdop       float64 // of the last GSA
	complete   bool    // an epoch has begun since the last GSA
	alone      int     // GSA since a sentence that has a status of its own
}

type kind uint8

const (
	kindRMC kind = iota
	kindGGA
	kindGNS
	kindPUBX
	kinds
)

// status is what one kind of sentence said about a time of day.
type status struct {
	fix  bool
	time tod
}

func (f *fixes) note(k kind, fix bool, t tod) {
	f.said[k] = status{fix, t}
	f.alone = 0
}

// gsa notes the dimensions that a GSA says.
func (f *fixes) gsa(m nmea.GSA) {
	if f.complete {
		f.dimensions, f.complete = 0, false
	}
	if m.FixType == nmea.Fix2D || m.FixType == nmea.Fix3D {
		f.dimensions = max(f.dimensions, int(m.FixType[0]-'0'))
	}
	f.hdop = m.HDOP
	f.alone = min(f.alone+1, lonely)
}

// lonely is after how many GSA without any RMC, GGA or GNS the GSA count as fixes of their own; an epoch has up to 10.
const lonely = 20

// staleAfter is how far the time of ZDA may be from that of the sentence that vouches for it. Receivers send the two
// of one second, or of neighbouring ones.
const staleAfter = 2 * timescale.Second

// vouch reports whether all kinds of sentences that were heard for the time t report a fix, and one at least does.
func (f *fixes) vouch(t tod) bool {
	if f.alone == lonely {
		return f.dimensions > 0
	}
	vouched := false
	for _, s := range f.said {
		if !s.time.ok || !s.time.near(t) {
			continue
		}
		if !s.fix {
			return false
		}
		vouched = true
	}
	return vouched
}

// near reports whether t and u are at most staleAfter apart, also across midnight.
func (t tod) near(u tod) bool {
	d := t.ns() - u.ns()
	if d < 0 {
		d = -d
	}
	return min(d, timescale.Day-d) <= staleAfter
}

// rmc: status A alone is no fix where the mode says that the position is estimated, entered by hand or simulated, or
// the navigation status says that it is unsafe. Before NMEA 2.3 there was no mode, and some leave out the direction of
// the variation and send the mode in its place.
func (d *Decoder) rmc(f []string) (gnss.Report, error) {
	f = pad(f, 13)
	mode := f[11]
	if mode == "" && oneOf(f[10], "ADFNPRMS") {
		mode = f[10]
	}
	d.sent = sent{}
	if f[8] != "" {
		var ok bool
		if d.sent.day, d.sent.month, d.sent.year, ok = sixDigits(f[8]); !ok {
			return gnss.Report{}, &Refused{Reason: ReasonDate}
		}
		d.sent.dated = true
	}
	if err := d.sent.read(f, 2); err != nil {
		return gnss.Report{}, err
	}
	valid := f[1] == nmea.ValidRMC && !strings.ContainsAny(mode, "NEMS") && f[12] != nmea.NavStatusUnsafe
	r := gnss.Report{Fix: d.fix(valid)}
	if d.sent.time.ok && d.sent.dated {
		mark, err := d.stamp(d.year(d.sent.year), d.sent.month, d.sent.day)
		if err != nil {
			return gnss.Report{}, err
		}
		mark.Valid = valid
		r.Mark = mark
	}
	d.fixes.note(kindRMC, valid && r.Mark != nil, d.sent.time)
	r.Sky = d.epoch()
	return r, nil
}

// zda is only as good as the fix that other sentences report. The time zone is not used, and some do not send it.
func (d *Decoder) zda(f []string) (gnss.Report, error) {
	f = pad(f, 4)
	d.sent = sent{}
	if f[1] != "" && f[2] != "" && f[3] != "" {
		var ok [3]bool
		d.sent.day, ok[0] = decimal(f[1], 1, 2)
		d.sent.month, ok[1] = decimal(f[2], 1, 2)
		d.sent.year, ok[2] = decimal(f[3], 4, 4)
		if ok != [3]bool{true, true, true} {
			return gnss.Report{}, &Refused{Reason: ReasonDate}
		}
		d.sent.dated = true
	}
	if err := d.sent.read(f, -1); err != nil || !d.sent.time.ok || !d.sent.dated {
		return gnss.Report{}, err
	}
	mark, err := d.stamp(d.sent.year, d.sent.month, d.sent.day)
	if err != nil {
		return gnss.Report{}, err
	}
	mark.Century, mark.Valid = true, d.fixes.vouch(d.sent.time)
	if mark.Valid {
		d.fullYear = d.sent.year
	}
	return gnss.Report{Mark: mark, Sky: d.epoch()}, nil
}

// gga: quality 6 is estimated, 7 entered by hand and 8 simulated, none of them a fix; 9 is sent by some for a fix with
// corrections.
func (d *Decoder) gga(f []string) (gnss.Report, error) {
	f = pad(f, 9)
	d.sent = sent{}
	if err := d.sent.read(f, 1); err != nil {
		return gnss.Report{}, err
	}
	valid := oneOf(f[5], "123459")
	fix := d.fix(valid)
	d.solution(fix, f[6], number64(f[8]), number64(f[7]))
	d.fixes.note(kindGGA, valid, d.sent.time)
	return gnss.Report{Fix: fix, Sky: d.epoch()}, nil
}

// gns has a fix when any constellation has one that is measured.
func (d *Decoder) gns(m nmea.GNS) (gnss.Report, error) {
	valid := strings.ContainsAny(m.Fields[5], "ADPRF") && m.NavStatus != nmea.NavStatusUnsafe
	f := d.fix(valid)
	d.solution(f, m.Fields[6], m.Altitude, m.HDOP)
	d.fixes.note(kindGNS, valid, d.sent.time)
	return gnss.Report{Fix: f, Sky: d.epoch()}, nil
}

// gsa tells the dimensions of the next fix. It is a fix of its own only from a receiver that sends nothing better.
func (d *Decoder) gsa(m nmea.GSA) (gnss.Report, error) {
	d.sky.gsa(m)
	d.fixes.gsa(m)
	if d.fixes.alone < lonely || d.fixes.dimensions == 0 {
		return gnss.Report{}, nil
	}
	return gnss.Report{Fix: d.fix(true)}, nil
}

// epoch returns the view of the sky that has ended if the sentence belongs to another time than those before.
func (d *Decoder) epoch() *gnss.Satellites {
	t := d.sent.time
	if !t.ok || t == d.sky.time {
		return nil
	}
	d.sky.time = t
	d.fixes.complete = true
	return d.sky.close()
}

// fix returns what GGA, GNS, RMC and PUBX have in common.
func (d *Decoder) fix(valid bool) *gnss.Fix {
	f := &gnss.Fix{Arrival: d.mark.Arrival, Message: d.mark.Message, Valid: valid, SatellitesUsed: -1}
	if valid {
		f.Dimensions, f.HDOP = d.fixes.dimensions, d.fixes.hdop
	}
	if d.sent.placed {
		f.HasPosition, f.Latitude, f.Longitude = true, d.sent.latitude, d.sent.longitude
	}
	return f
}

// solution adds what GGA, GNS and PUBX have besides.
func (d *Decoder) solution(f *gnss.Fix, used string, altitude, hdop float64) {
	if n, ok := decimal(used, 1, 4); ok {
		f.SatellitesUsed = n
	}
	if f.HasPosition {
		f.Altitude = altitude
	}
	if hdop > 0 {
		f.HDOP = hdop
	}
}

// bounded keeps a number within reason.
func bounded(n int64) int { return int(min(max(n, 0), math.MaxInt16)) }

// year returns the year that two digits mean: the nearest to the year ZDA said, otherwise one of 100 from d.first on.
func (d *Decoder) year(yy int) int {
	first := d.first
	if d.fullYear != 0 {
		first = d.fullYear - 50
	}
	y := first - first%100 + yy
	if y < first {
		y += 100
	}
	return y
}
