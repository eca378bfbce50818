package casic

import (
	"math"

	"timeball/gnss"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// system is a satellite system and its time.
type system struct {
	name  string
	epoch timescale.UTC // of its weeks, as UTC, which counts no leap seconds
	tai   int           // TAI - its time, seconds; 0 = it has no weeks
}

// systems are in the order of the second generation; the first has the first three.
var systems = [...]system{
	{"GPS", gpsEpoch, 19},
	{"BeiDou", 1136073600 * timescale.Second, 33},
	{"GLONASS", 0, 0},
	{"Galileo", gpsEpoch + 1024*timescale.Week, 19},
	{"NavIC", 0, 0},
}

const gpsEpoch timescale.UTC = 315964800 * timescale.Second

// newMark returns a mark of this packet and remembers it if it is valid.
func (d *Decoder) newMark(utc timescale.UTC, second uint8, valid, full bool) *gnss.TimeMark {
	valid = valid && (!d.said || d.fixed)
	if valid {
		d.last, d.lastAt = utc, d.arrival
	}
	return &gnss.TimeMark{
		Arrival: d.arrival, End: d.end, UTC: utc, Message: d.id.String(), Century: true,
		Leap60: second == 60, Valid: valid, FullUTC: full,
	}
}

// navTIMEUTC: a date that was given from outside, or is of no satellite, is none that the receiver vouches for.
func (d *Decoder) navTIMEUTC() (gnss.Report, error) {
	var m NavTIMEUTC
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	known := m.Valid&TimeTOW != 0 && m.Valid&TimeWeek != 0 && m.DateValid >= 2
	at, err := timescale.Civil{
		Year: int(m.Year), Month: int(m.Month), Day: int(m.Day), Hour: int(m.Hour), Minute: int(m.Min), Second: int(m.Sec),
	}.UTC()
	reason := ""
	if err != nil {
		reason = gnss.ReasonOf(err)
	} else if m.Ms > 999 || !(math.Abs(float64(m.MsErr)) <= 1000) {
		reason = gnss.ReasonTime
	}
	if reason != "" {
		if known {
			return d.refused(reason)
		}
		return gnss.Report{}, nil
	}
	at += timescale.UTC(m.Ms)*1e6 + timescale.UTC(math.Round(float64(m.MsErr)*1e6))
	return gnss.Report{Mark: d.newMark(at, m.Sec, known, known && m.Valid&TimeLeap != 0)}, nil
}

func (d *Decoder) nav2TIMEUTC() (gnss.Report, error) {
	var m Nav2TIMEUTC
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	const all = TimeTOW | TimeWeek | TimeSure
	known := m.Flags&all == all
	at, err := timescale.Civil{
		Year: int(m.Year), Month: int(m.Month), Day: int(m.Day), Hour: int(m.Hour), Minute: int(m.Min), Second: int(m.Sec),
	}.UTC()
	reason := ""
	if err != nil {
		reason = gnss.ReasonOf(err)
	} else if m.Cs > 99 {
		reason = gnss.ReasonTime
	}
	if reason != "" {
		if known {
			return d.refused(reason)
		}
		return gnss.Report{}, nil
	}
	at += timescale.UTC(m.Cs)*1e7 + timescale.UTC(m.SubCs)*1e6 + parts(m.SubMs)
	r := gnss.Report{Mark: d.newMark(at, m.Sec, known, known && m.Flags&TimeLeap != 0)}
	if m.TAcc > 0 && m.TAcc < 1e9 {
		r.Mark.Accuracy = clock.Seconds(m.TAcc) * 1e-9
	}
	if m.Flags&TimeLeap != 0 {
		r.Leap = d.count(int(m.LeapSec), "")
	}
	return r, nil
}

// parts returns nanoseconds of a number in 2^-30 ms.
func parts(n int32) timescale.UTC { return timescale.UTC(int64(n) * 1e6 >> 30) }

func seconds(n int) timescale.UTC { return timescale.UTC(n) * timescale.Second }

// count learns the leap second count, GPS - UTC, and returns a notice when it is news.
func (d *Decoder) count(offset int, source string) *gnss.LeapNotice {
	d.offset, d.counted = offset, true
	if d.leap.TAIOffset == offset+systems[0].tai {
		return nil
	}
	d.leap.TAIOffset = offset + systems[0].tai
	n := d.leap
	n.Arrival, n.Message, n.Source, n.Announces = d.arrival, d.id.String(), source, false
	return &n
}

// navCLOCK has the leap seconds of every system that is received.
func (d *Decoder) navCLOCK() (gnss.Report, error) {
	var m NavCLOCK
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	const all = TimeTOW | TimeWeek | TimeLeap
	for i, s := range m.Systems {
		if of := systems[i]; of.tai != 0 && s.Valid&all == all {
			return gnss.Report{Leap: d.count(int(s.Leaps)+of.tai-systems[0].tai, of.name)}, nil
		}
	}
	return gnss.Report{}, nil
}

// timTP names the pulse that follows. Its specification leaves open whether its time of week has the leap seconds of the
// system in it where the base is UTC: the time that follows the last mark by a second is meant, and if there is none the
// pulse has no name.
func (d *Decoder) timTP() (gnss.Report, error) {
	var m TimTP
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	if !(m.TOW >= 0 && m.TOW < 604800) {
		return d.refused(gnss.ReasonTime)
	}
	if !(math.Abs(float64(m.QErr)) < 1e-3) {
		return d.refused(gnss.ReasonFields)
	}
	p := &gnss.PulseTime{Arrival: d.arrival, Message: d.id.String(), Quantisation: clock.Seconds(m.QErr), HasQuantisation: true}
	source := int(m.RefTime & 15)
	if m.RefTime>>4 == 0 {
		p.Base = "UTC"
	} else if source < len(systems) {
		p.Base = systems[source].name
	}
	if source >= len(systems) || systems[source].tai == 0 {
		return gnss.Report{Pulse: p}, nil
	}
	s := systems[source]
	at := s.epoch + timescale.UTC(m.Week)*timescale.Week + timescale.UTC(math.Round(m.TOW*1e9))
	ahead := seconds(d.offset + systems[0].tai - s.tai)
	switch {
	case d.follows(at):
		p.UTC = at
	case d.counted && d.follows(at-ahead):
		p.UTC = at - ahead
	}
	p.Valid = p.UTC != 0 && m.UTCValid == 3 && (!d.said || d.fixed)
	return gnss.Report{Pulse: p}, nil
}

// follows reports whether a pulse at utc is one of the two after the last valid mark.
func (d *Decoder) follows(utc timescale.UTC) bool {
	after := utc - d.last
	return d.last != 0 && d.arrival.Sub(d.lastAt) < 3 && -timescale.Second/2 < after && after < 5*timescale.Second/2
}

// tim2TPX names the pulse before it.
func (d *Decoder) tim2TPX() (gnss.Report, error) {
	var m Tim2TPX
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	if m.TOW >= 604800_000 {
		return d.refused(gnss.ReasonTime)
	}
	p := &gnss.PulseTime{
		Arrival: d.arrival, Message: d.id.String(), Past: true,
		Quantisation: clock.Seconds(m.QuanErr) * 1e-10, HasQuantisation: true,
	}
	if int(m.TimeSrc) >= len(systems) {
		return d.refused(gnss.ReasonFields)
	}
	s := systems[m.TimeSrc]
	p.Base = s.name
	if m.Base == 1 {
		p.Base = "UTC"
	}
	const all = TimeTOW | TimeWeek | TimeLeap
	if s.tai != 0 && m.Flags&all == all {
		at := s.epoch + timescale.UTC(m.Week)*timescale.Week + timescale.UTC(m.TOW)*1e6 + parts(m.SubMs)
		p.UTC = at - seconds(int(m.LeapSec))
		p.Valid = m.Flags&TimeSure != 0 && m.Flags&TPXPulse != 0
	}
	return gnss.Report{Pulse: p}, nil
}

// tim2TIME is the time of one system with its leap seconds.
func (d *Decoder) tim2TIME() (gnss.Report, error) {
	m := Tim2TIME{Of: d.id}
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	if m.TOW >= 604800_000 {
		return d.refused(gnss.ReasonTime)
	}
	if m.Flags&TimeLeap == 0 {
		return gnss.Report{}, nil
	}
	s := systems[m.Of-IDTim2TIMEGPS]
	n := d.notice(s.name, int(m.LS)+s.tai, int(m.LSF)-int(m.LS))
	if n.Leap != clock.LeapNone && m.LSFlag == 2 && m.DtLSF > 0 {
		n.At = m.event()
	} else {
		n.Leap = clock.LeapNone
	}
	n.Announces = m.LSFlag == 1 || m.LSFlag == 2
	r := gnss.Report{Leap: d.learn(n)}
	const all = TimeTOW | TimeWeek
	if m.Flags&all == all {
		at := s.epoch + timescale.UTC(m.Week)*timescale.Week + timescale.UTC(m.TOW)*1e6 + parts(m.SubMs)
		r.Mark = d.newMark(at-seconds(int(m.LS)), 0, m.Flags&TimeSure != 0, true)
	}
	return r, nil
}

// event returns the midnight behind the last day of June or December that LSYear names.
func (m *Tim2TIME) event() timescale.UTC {
	c := timescale.Civil{Year: int(m.LSYear >> 1), Month: 7, Day: 1}
	if m.LSYear&1 != 0 {
		c = timescale.Civil{Year: int(m.LSYear>>1) + 1, Month: 1, Day: 1}
	}
	at, err := c.UTC()
	if err != nil {
		return 0
	}
	return at
}

// notice returns a notice of this packet. A change of anything but one second is none.
func (d *Decoder) notice(source string, tai, change int) gnss.LeapNotice {
	n := gnss.LeapNotice{Arrival: d.arrival, Message: d.id.String(), Source: source, TAIOffset: tai}
	if change == 1 || change == -1 {
		n.Leap = clock.Leap(change)
	}
	return n
}

// learn remembers a notice.
func (d *Decoder) learn(n gnss.LeapNotice) *gnss.LeapNotice {
	d.offset, d.counted, d.leap = n.TAIOffset-systems[0].tai, true, n
	return &n
}

// msgUTC is what one system sends of leap seconds.
func (d *Decoder) msgUTC() (gnss.Report, error) {
	m := MsgUTC{Of: d.id}
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	if m.Valid != 3 {
		return gnss.Report{}, nil
	}
	s := systems[0]
	if d.id == IDMsgBDSUTC {
		s = systems[1]
	}
	return d.broadcast(s, m.DtLS, m.DtLSF, m.WnLSF, m.DN)
}

// tim2LS is the same, checked by the receiver.
func (d *Decoder) tim2LS() (gnss.Report, error) {
	var m Tim2LS
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	if m.RaimType != 2 || int(m.GNSSID) >= len(systems) || systems[m.GNSSID].tai == 0 {
		return gnss.Report{}, nil
	}
	return d.broadcast(systems[m.GNSSID], m.DtLS, m.DtLSF, m.WnLSF, m.DN)
}

// broadcast makes a notice of the leap seconds before and after an event at the end of a day of a week, of which eight
// bits are told: the week nearest to the last mark is meant. BeiDou counts the days of a week from 0.
func (d *Decoder) broadcast(s system, before, after int8, week, day uint8) (gnss.Report, error) {
	if s.name == "BeiDou" {
		day++
	}
	change := int(after) - int(before)
	if change < -1 || change > 1 || change != 0 && (day < 1 || day > 7) {
		return d.refused(gnss.ReasonFields)
	}
	n := d.notice(s.name, int(before)+s.tai, change)
	if change != 0 && d.last == 0 { // which of the events every 256 weeks?
		return gnss.Report{Leap: d.count(int(before)+s.tai-systems[0].tai, s.name)}, nil
	}
	n.Announces = true
	if change != 0 {
		now := int((d.last - s.epoch) / timescale.Week)
		at := s.epoch + timescale.UTC(now+int(int8(week-uint8(now))))*timescale.Week + timescale.UTC(day)*timescale.Day
		n.At = at
		if at <= d.last { // it has been: the count is the one after it
			n = d.notice(s.name, int(after)+s.tai, 0)
			n.Announces = true
		}
	}
	return gnss.Report{Leap: d.learn(n)}, nil
}
