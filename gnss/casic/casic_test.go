package casic

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"timeball/gnss"
	"timeball/gnss/scan"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func packet(frame []byte) scan.Packet {
	return scan.Packet{Protocol: scan.CASIC, Arrival: 10, End: 20, Data: frame}
}

// decode gives the frames to a new decoder and returns what the last one told.
func decode(frames ...[]byte) (r gnss.Report, err error) {
	d := NewDecoder()
	for _, f := range frames {
		r, err = d.Decode(packet(f))
	}
	return r, err
}

func reason(err error) string {
	var r *gnss.Refused
	if errors.As(err, &r) {
		return r.Reason
	}
	return ""
}

// at returns an instant of a civil time.
func at(year, month, day, hour, minute, second, nano int) timescale.UTC {
	u, err := timescale.Civil{Year: year, Month: month, Day: day, Hour: hour, Minute: minute, Second: second}.UTC()
	if err != nil {
		panic(err)
	}
	return u + timescale.UTC(nano)
}

var near = cmp.Options{
	cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-4 }),
	cmp.Comparer(func(a, b clock.Seconds) bool { return math.Abs(float64(a-b)) < 1e-13 }),
}

// The values agree with the sentences that the same receiver sent six seconds before.
func TestDecodeRecorded(t *testing.T) {
	tests := []struct {
		name  string
		frame string
		want  gnss.Report
	}{
		{"ACK-NAK of CFG-MSG", nakFrame, gnss.Report{Ack: &gnss.Ack{Arrival: 10, Class: 6, ID: 1}}},
		{"NAV-PV", pvFrame, gnss.Report{Fix: &gnss.Fix{
			Arrival: 10, Message: "NAV-PV", Valid: true, Dimensions: 3, SatellitesUsed: 28, HasPosition: true,
			Latitude: 13.7318878, Longitude: 100.64472, Altitude: 2.8766,
		}}},
		{"NAV-TIMEUTC a little before its second", timeutcFrame, gnss.Report{Mark: &gnss.TimeMark{
			Arrival: 10, End: 20, UTC: at(2026, 6, 12, 15, 1, 18, -13), Message: "NAV-TIMEUTC", Valid: true, FullUTC: true, Century: true,
		}}},
		{"NAV-GPSINFO alone", gpsinfoFrame, gnss.Report{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode(unhex(tt.frame))
			if diff := cmp.Diff(tt.want, got, near); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestViewIsOfAllSystems(t *testing.T) {
	next := Append(nil, &NavINFO{Of: IDNavGPSINFO, RunTime: 1})
	r, err := decode(unhex(gpsinfoFrame), unhex(bdsinfoFrame), unhex(glninfoFrame), next)
	if err != nil || r.Sky == nil {
		t.Fatal(r, err)
	}
	seen, used := map[string]int{}, map[string]int{}
	for _, s := range r.Sky.Seen {
		seen[s.System]++
		if s.Used {
			used[s.System]++
		}
	}
	// NAV-PV of the same time says 8 GPS, one of them QZSS, 15 BeiDou and 5 GLONASS.
	if diff := cmp.Diff(map[string]int{"GPS": 12, "QZSS": 1, "BeiDou": 15, "GLONASS": 6}, seen); diff != "" {
		t.Errorf("seen (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"GPS": 7, "QZSS": 1, "BeiDou": 15, "GLONASS": 5}, used); diff != "" {
		t.Errorf("used (-want +got):\n%s", diff)
	}
	want := gnss.Satellite{System: "GPS", ID: 16, Elevation: 73, Azimuth: 223, CN0: 46, Used: true}
	if !slices.Contains(r.Sky.Seen, want) {
		t.Errorf("%+v, want %+v among them", r.Sky.Seen, want)
	}
}

func timeUTC(change func(*NavTIMEUTC)) []byte {
	m := NavTIMEUTC{Year: 2026, Month: 11, Day: 21, Hour: 12, Sec: 18, Valid: TimeTOW | TimeWeek | TimeLeap, DateValid: 3}
	if change != nil {
		change(&m)
	}
	return Append(nil, &m)
}

func time2(change func(*Nav2TIMEUTC)) []byte {
	m := Nav2TIMEUTC{
		TAcc: 20, Year: 2026, Month: 11, Day: 21, Hour: 12, Sec: 18,
		Flags: TimeTOW | TimeWeek | TimeLeap | TimeSure, LeapSec: 18,
	}
	if change != nil {
		change(&m)
	}
	return Append(nil, &m)
}

func TestMarksAreVouchedFor(t *testing.T) {
	utc := at(2026, 11, 21, 12, 0, 18, 0)
	fix := Append(nil, &NavPV{PosValid: Fix3D, Lat: 50, Lon: 10})
	noFix := Append(nil, &NavPV{PosValid: 3, Lat: 50, Lon: 10})
	tests := []struct {
		name        string
		frames      [][]byte
		utc         timescale.UTC
		valid, full bool
	}{
		{"alone", [][]byte{timeUTC(nil)}, utc, true, true},
		{"with a fix", [][]byte{fix, timeUTC(nil)}, utc, true, true},
		{"with a place that is kept", [][]byte{noFix, timeUTC(nil)}, utc, false, true},
		{"of a date from outside", [][]byte{timeUTC(func(m *NavTIMEUTC) { m.DateValid = 1 })}, utc, false, false},
		{"of no date", [][]byte{timeUTC(func(m *NavTIMEUTC) { m.DateValid = 0 })}, utc, false, false},
		{"without a week", [][]byte{timeUTC(func(m *NavTIMEUTC) { m.Valid &^= TimeWeek })}, utc, false, false},
		{"without leap seconds", [][]byte{timeUTC(func(m *NavTIMEUTC) { m.Valid &^= TimeLeap })}, utc, true, false},
		{"with milliseconds", [][]byte{timeUTC(func(m *NavTIMEUTC) { m.Ms, m.MsErr = 200, 0.25 })}, utc + 200_250_000, true, true},
		{"second generation", [][]byte{time2(nil)}, utc, true, true},
		{"second generation, not sure", [][]byte{time2(func(m *Nav2TIMEUTC) { m.Flags &^= TimeSure })}, utc, false, false},
		{"second generation, without leap seconds", [][]byte{time2(func(m *Nav2TIMEUTC) { m.Flags &^= TimeLeap })}, utc, true, false},
		{
			"second generation, with parts",
			[][]byte{time2(func(m *Nav2TIMEUTC) { m.Cs, m.SubCs, m.SubMs = 20, -5, 1<<29 })},
			utc + 195_500_000, true, true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := decode(tt.frames...)
			if err != nil || r.Mark == nil {
				t.Fatal(r, err)
			}
			if m := r.Mark; m.UTC != tt.utc || m.Valid != tt.valid || m.FullUTC != tt.full || m.Leap60 {
				t.Errorf("mark %v, valid %v, full %v, want %v, %v, %v", m.UTC, m.Valid, m.FullUTC, tt.utc, tt.valid, tt.full)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	nan := math.NaN()
	short := finish(unhex(timeutcFrame)[:header+20], 0)
	tests := []struct {
		name  string
		frame []byte
		want  string
	}{
		{"a short NAV-TIMEUTC", short, gnss.ReasonFields},
		{"31 February", timeUTC(func(m *NavTIMEUTC) { m.Month, m.Day = 2, 31 }), gnss.ReasonDate},
		{"hour 24", timeUTC(func(m *NavTIMEUTC) { m.Hour = 24 }), gnss.ReasonTime},
		{"millisecond 1000", timeUTC(func(m *NavTIMEUTC) { m.Ms = 1000 }), gnss.ReasonTime},
		{"an error that is no number", timeUTC(func(m *NavTIMEUTC) { m.MsErr = float32(nan) }), gnss.ReasonTime},
		{"month 13", time2(func(m *Nav2TIMEUTC) { m.Month = 13 }), gnss.ReasonDate},
		{"centisecond 100", time2(func(m *Nav2TIMEUTC) { m.Cs = 100 }), gnss.ReasonTime},
		{"a latitude that is no number", Append(nil, &NavPV{PosValid: Fix3D, Lat: nan}), gnss.ReasonPosition},
		{"latitude 91", Append(nil, &Nav2PVH{Solution: Solution{FixFlags: Fix3D}, Lat: 91}), gnss.ReasonPosition},
		{"a pulse beyond the week", Append(nil, &TimTP{TOW: 604800}), gnss.ReasonTime},
		{"a pulse that is no number", Append(nil, &TimTP{TOW: nan}), gnss.ReasonTime},
		{"a quantisation of a millisecond", Append(nil, &TimTP{QErr: 1e-3}), gnss.ReasonFields},
		{"TPX beyond the week", Append(nil, &Tim2TPX{TOW: 604800_000}), gnss.ReasonTime},
		{"TPX of system 9", Append(nil, &Tim2TPX{TimeSrc: 9}), gnss.ReasonFields},
		{"TIME beyond the week", Append(nil, &Tim2TIME{Of: IDTim2TIMEGPS, TOW: 604800_000}), gnss.ReasonTime},
		{"a leap of 3 s", Append(nil, &MsgUTC{Of: IDMsgGPSUTC, DtLS: 15, DtLSF: 18, Valid: 3, DN: 7}), gnss.ReasonFields},
		{"a leap on day 0 of GPS", Append(nil, &MsgUTC{Of: IDMsgGPSUTC, DtLS: 17, DtLSF: 18, Valid: 3}), gnss.ReasonFields},
		{"level 4", Append(nil, &MonSEC{JamLevel: 4}), gnss.ReasonFields},
		{"a survey at no place", Append(nil, &Tim2TIMEPOS{X: nan}), gnss.ReasonPosition},
		{"a view that claims more", finish(Append(nil, &NavINFO{Of: IDNavBDSINFO, Sats: make([]Sat, 2)})[:header+8+12], 0), gnss.ReasonFields},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if r, err := decode(tt.frame); reason(err) != tt.want || r != (gnss.Report{}) {
				t.Errorf("%+v, %v, want refused for %q", r, err, tt.want)
			}
		})
	}
	if _, err := NewDecoder().Decode(scan.Packet{Protocol: scan.UBX, Data: timeUTC(nil)}); reason(err) != gnss.ReasonProtocol {
		t.Errorf("UBX: %v", err)
	}
	if err := Unmarshal(timeUTC(nil), &NavPV{}); reason(err) != gnss.ReasonProtocol {
		t.Errorf("another type: %v", err)
	}
	if err := Unmarshal(short, &NavTIMEUTC{}); reason(err) != gnss.ReasonFields {
		t.Errorf("a short one: %v", err)
	}
}

func TestDecodeIsSilentAbout(t *testing.T) {
	for name, frame := range map[string][]byte{
		"a request":              AppendPoll(nil, IDMonVER),
		"an unknown type":        finish([]byte{0xBA, 0xCE, 0, 0, 9, 9, 1, 2, 3, 4}, 0),
		"a time of nothing":      Append(nil, &NavTIMEUTC{}),
		"UTC that has expired":   Append(nil, &MsgUTC{Of: IDMsgGPSUTC, DtLS: 18, DtLSF: 18, Valid: 2}),
		"LS that is not normal":  Append(nil, &Tim2LS{RaimType: 3, DtLS: 18, DtLSF: 19}),
		"TIME without its leaps": Append(nil, &Tim2TIME{Of: IDTim2TIMEGPS, Flags: TimeTOW | TimeWeek}),
	} {
		if r, err := decode(frame); r != (gnss.Report{}) || err != nil {
			t.Errorf("%s: %+v, %v, want nothing", name, r, err)
		}
	}
}

// gpsTOW returns week and time of week of an instant of GPS time that has the number of u.
func gpsTOW(u timescale.UTC) (week uint16, seconds float64) {
	return uint16((u - gpsEpoch) / timescale.Week), float64((u-gpsEpoch)%timescale.Week) / timescale.Second
}

// Whether the time of week of TIM-TP has leap seconds in it is told by the last mark.
func TestPulseFollowsTheLastMark(t *testing.T) {
	const s = timescale.Second
	utc := at(2026, 11, 21, 12, 0, 19, 0)
	tp := func(u timescale.UTC, ref, valid uint8) []byte {
		m := TimTP{QErr: 3e-9, RefTime: ref, UTCValid: valid}
		m.Week, m.TOW = gpsTOW(u)
		return Append(nil, &m)
	}
	mark := timeUTC(nil) // names 12:00:18
	clk := Append(nil, &NavCLOCK{Systems: [3]SystemClock{{Leaps: 18, Valid: 7}}})
	noFix := Append(nil, &NavPV{})
	msg := Append(nil, &MsgUTC{Of: IDMsgGPSUTC, DtLS: 18, DtLSF: 18, Valid: 3})
	bds := Append(nil, &TimTP{QErr: 3e-9, RefTime: 0x11, UTCValid: 3, Week: uint16((utc - systems[1].epoch) / timescale.Week), TOW: 561623})
	tests := []struct {
		name   string
		frames [][]byte
		utc    timescale.UTC
		valid  bool
		base   string
	}{
		{"in UTC", [][]byte{mark, tp(utc, 0, 3)}, utc, true, "UTC"},
		{"in UTC with the leap seconds of GPS", [][]byte{clk, mark, tp(utc+18*s, 0, 3)}, utc, true, "UTC"},
		{"in GPS time", [][]byte{clk, mark, tp(utc+18*s, 0x10, 3)}, utc, true, "GPS"},
		{"in GPS time, whose leap seconds it sends itself", [][]byte{msg, mark, tp(utc+18*s, 0x10, 3)}, utc, true, "GPS"},
		{"in BeiDou time", [][]byte{clk, mark, bds}, utc, true, "BeiDou"},
		{"in GPS time before the leap seconds are known", [][]byte{mark, tp(utc+18*s, 0x10, 3)}, 0, false, "GPS"},
		{"in GLONASS time", [][]byte{clk, mark, tp(utc, 0x12, 3)}, 0, false, "GLONASS"},
		{"behind no mark", [][]byte{clk, tp(utc, 0, 3)}, 0, false, "UTC"},
		{"of UTC that has expired", [][]byte{mark, tp(utc, 0, 2)}, utc, false, "UTC"},
		{"without a fix", [][]byte{mark, noFix, tp(utc, 0, 3)}, utc, false, "UTC"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := decode(tt.frames...)
			want := &gnss.PulseTime{
				Arrival: 10, Message: "TIM-TP", UTC: tt.utc, Valid: tt.valid, Base: tt.base, Quantisation: 3e-9, HasQuantisation: true,
			}
			if diff := cmp.Diff(want, r.Pulse, near); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestPulseOfTheSecondGeneration(t *testing.T) {
	utc := at(2026, 11, 21, 12, 0, 18, 0)
	const all = TimeTOW | TimeWeek | TimeLeap | TimeSure | TPXPulse
	tpx := func(u timescale.UTC, source, base, flags uint8, leap int8) []byte {
		e := systems[source].epoch
		return Append(nil, &Tim2TPX{
			Week: uint16((u - e) / timescale.Week), TOW: uint32((u - e) % timescale.Week / 1e6),
			TimeSrc: source, Base: base, Flags: flags, LeapSec: leap, QuanErr: -50,
		})
	}
	for _, tt := range []struct {
		name  string
		frame []byte
		utc   timescale.UTC
		valid bool
		base  string
	}{
		{"of GPS", tpx(utc+18*timescale.Second, 0, 1, all, 18), utc, true, "UTC"},
		{"of BeiDou", tpx(utc+4*timescale.Second, 1, 0, all, 4), utc, true, "BeiDou"},
		{"of Galileo", tpx(utc+18*timescale.Second, 3, 0, all, 18), utc, true, "Galileo"},
		{"that is not valid", tpx(utc+18*timescale.Second, 0, 1, all&^TPXPulse, 18), utc, false, "UTC"},
		{"without leap seconds", tpx(utc+18*timescale.Second, 0, 1, all&^TimeLeap, 18), 0, false, "UTC"},
		{"of GLONASS", Append(nil, &Tim2TPX{TimeSrc: 2, Flags: all, QuanErr: -50}), 0, false, "GLONASS"},
	} {
		r, err := decode(tt.frame)
		want := &gnss.PulseTime{
			Arrival: 10, Message: "TIM2-TPX", UTC: tt.utc, Valid: tt.valid, Past: true, Base: tt.base, Quantisation: -5e-9, HasQuantisation: true,
		}
		if diff := cmp.Diff(want, r.Pulse, near); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
}

func TestLeapNotices(t *testing.T) {
	midnight := at(2017, 1, 1, 0, 0, 0, 0)
	notice := func(message, source string, leap clock.Leap, midnight timescale.UTC, tai int, announces bool) *gnss.LeapNotice {
		return &gnss.LeapNotice{Arrival: 10, Leap: leap, At: midnight, TAIOffset: tai, Message: message, Source: source, Announces: announces}
	}
	before := timeUTC(func(m *NavTIMEUTC) { m.Year, m.Month, m.Day = 2016, 12, 29 })
	after := timeUTC(func(m *NavTIMEUTC) { m.Year, m.Month, m.Day = 2017, 1, 2 })
	gps := func(week uint8) []byte {
		return Append(nil, &MsgUTC{Of: IDMsgGPSUTC, DtLS: 17, DtLSF: 18, WnLSF: week, DN: 7, Valid: 3})
	}
	const wn, bdsWn = 1929 % 256, 573 % 256
	tests := []struct {
		name   string
		frames [][]byte
		want   *gnss.LeapNotice
	}{
		{"by GPS", [][]byte{before, gps(wn)}, notice("MSG-GPSUTC", "GPS", clock.LeapInsert, midnight, 36, true)},
		{"by GPS, which has been", [][]byte{after, gps(wn)}, notice("MSG-GPSUTC", "GPS", clock.LeapNone, 0, 37, true)},
		{"by GPS before the date is known", [][]byte{gps(wn)}, notice("MSG-GPSUTC", "GPS", clock.LeapNone, 0, 36, false)},
		{
			"by BeiDou, whose Saturday is 6",
			[][]byte{before, Append(nil, &MsgUTC{Of: IDMsgBDSUTC, DtLS: 3, DtLSF: 4, WnLSF: bdsWn, DN: 6, Valid: 3})},
			notice("MSG-BDSUTC", "BeiDou", clock.LeapInsert, midnight, 36, true),
		},
		{
			"deleted, by a checked satellite of Galileo",
			[][]byte{before, Append(nil, &Tim2LS{GNSSID: 3, RaimType: 2, DtLS: 17, DtLSF: 16, WnLSF: (1929 - 1024) % 256, DN: 7})},
			notice("TIM2-LS", "Galileo", clock.LeapDelete, midnight, 36, true),
		},
		{"none", [][]byte{Append(nil, &Tim2LS{RaimType: 2, DtLS: 18, DtLSF: 18})}, notice("TIM2-LS", "GPS", clock.LeapNone, 0, 37, true)},
		{
			"by the time of GPS",
			[][]byte{Append(nil, &Tim2TIME{Of: IDTim2TIMEGPS, LS: 17, LSF: 18, Flags: TimeLeap, LSFlag: 2, DtLSF: 1000, LSYear: 2016<<1 | 1})},
			notice("TIM2-TIMEGPS", "GPS", clock.LeapInsert, midnight, 36, true),
		},
		{
			"by the time of BeiDou, in June",
			[][]byte{Append(nil, &Tim2TIME{Of: IDTim2TIMEBDS, LS: 2, LSF: 3, Flags: TimeLeap, LSFlag: 2, DtLSF: 1000, LSYear: 2015 << 1})},
			notice("TIM2-TIMEBDS", "BeiDou", clock.LeapInsert, at(2015, 7, 1, 0, 0, 0, 0), 35, true),
		},
		{
			"by the time of Galileo, not normal",
			[][]byte{Append(nil, &Tim2TIME{Of: IDTim2TIMEGAL, LS: 17, LSF: 18, Flags: TimeLeap, LSFlag: 3, DtLSF: 1000, LSYear: 2016<<1 | 1})},
			notice("TIM2-TIMEGAL", "Galileo", clock.LeapNone, 0, 36, false),
		},
		{"the count of NAV2-TIMEUTC", [][]byte{time2(nil)}, notice("NAV2-TIMEUTC", "", clock.LeapNone, 0, 37, false)},
		{"the count of NAV2-TIMEUTC again", [][]byte{time2(nil), time2(nil)}, nil},
		{
			"the count of NAV-CLOCK by BeiDou",
			[][]byte{Append(nil, &NavCLOCK{Systems: [3]SystemClock{{Leaps: 18, Valid: 3}, {Leaps: 4, Valid: 7}}})},
			notice("NAV-CLOCK", "BeiDou", clock.LeapNone, 0, 37, false),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := decode(tt.frames...)
			if diff := cmp.Diff(tt.want, r.Leap); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestStateReports(t *testing.T) {
	health := func(message string, a gnss.Antenna, jam, spoof gnss.Threat) gnss.Report {
		return gnss.Report{Health: &gnss.Health{Arrival: 10, Message: message, Antenna: a, Jamming: jam, Spoofing: spoof, Tone: -1, Gain: -1}}
	}
	fix := func(message string, dimensions, used int, valid bool) gnss.Report {
		return gnss.Report{Fix: &gnss.Fix{Arrival: 10, Message: message, Valid: valid, Dimensions: dimensions, SatellitesUsed: used}}
	}
	sol := func(flags uint8) Solution { return Solution{FixFlags: flags, NumFix: 9} }
	view := &gnss.Satellites{Arrival: 10, Seen: []gnss.Satellite{
		{System: "GPS", ID: 5, Elevation: 45, Azimuth: 0, CN0: 44, Used: true}, {System: "NavIC", ID: 2}, {ID: 9},
	}}
	tests := []struct {
		name string
		in   Message
		want gnss.Report
	}{
		{"an open antenna", &MonHW{AntStatus: 4}, health("MON-HW", gnss.AntennaOpen, 0, 0)},
		{"a short", &MonHW{AntStatus: 3}, health("MON-HW", gnss.AntennaShort, 0, 0)},
		{"a good antenna", &MonHW{AntStatus: 2}, health("MON-HW", gnss.AntennaOK, 0, 0)},
		{"an unknown antenna", &MonHW{AntStatus: 0}, health("MON-HW", gnss.AntennaUnknown, 0, 0)},
		{"jamming and spoofing", &MonSEC{1, 3, 1, 2}, health("MON-SEC", 0, gnss.ThreatWarning, gnss.ThreatCritical)},
		{"none of them", &MonSEC{1, 0, 1, 0}, health("MON-SEC", 0, gnss.ThreatNone, gnss.ThreatNone)},
		{"detection off", &MonSEC{0, 3, 0, 3}, health("MON-SEC", 0, 0, 0)},
		{"NAV-SOL", &NavSOL{PosValid: Fix2D, NumSV: 4}, fix("NAV-SOL", 2, 4, true)},
		{"NAV-SOL of a quick place", &NavSOL{PosValid: FixQuick, NumSV: 4}, fix("NAV-SOL", 0, 4, false)},
		{"NAV2-SOL", &Nav2SOL{Solution: sol(Fix3D)}, fix("NAV2-SOL", 3, 9, true)},
		{"NAV2-SOL of a fixed place", &Nav2SOL{Solution: sol(15)}, fix("NAV2-SOL", 0, 9, true)},
		{"NAV2-PVH", &Nav2PVH{Solution: sol(8), Lat: -50, Lon: 10, Height: 100, SepGeoid: 40}, gnss.Report{Fix: &gnss.Fix{
			Arrival: 10, Message: "NAV2-PVH", Valid: true, Dimensions: 3, SatellitesUsed: 9,
			HasPosition: true, Latitude: -50, Longitude: 10, Altitude: 60,
		}}},
		{"NAV2-SAT with two signals of one", &Nav2SAT{Sats: []Sat2{
			{SVID: 5, CNO: 40, Elev: 45, Azim: 360}, {GNSSID: 6, SVID: 2, Elev: 91}, {SVID: 5, CNO: 44, Flags: 1}, {GNSSID: 7, SVID: 9},
		}}, gnss.Report{Sky: view}},
		{"MON-VER", &MonVER{"SW=URANUS6,V6.3.2.0", "AT632,0000"}, gnss.Report{Text: &gnss.Text{Arrival: 10, Text: "SW=URANUS6,V6.3.2.0 AT632,0000"}}},
		{"a survey", &Tim2TIMEPOS{X: 1, Y: 2, Z: 3, SurTimer: 60, SurPAcc: 1.5, FixFlag: 7}, gnss.Report{Survey: &gnss.Survey{
			Arrival: 10, Message: "TIM2-TIMEPOS", Active: true, Duration: 60, Accuracy: 1.5, Place: gnss.ECEF{X: 1, Y: 2, Z: 3},
		}}},
		{"a fixed place", &Tim2TIMEPOS{FixFlag: 15, SurPAcc: float32(math.NaN())}, gnss.Report{Survey: &gnss.Survey{
			Arrival: 10, Message: "TIM2-TIMEPOS", Valid: true,
		}}},
		{"ACK-ACK", &Acknowledgement{true, IDCfgTP}, gnss.Report{Ack: &gnss.Ack{Arrival: 10, Class: 6, ID: 3, Accepted: true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode(Append(nil, tt.in))
			if diff := cmp.Diff(tt.want, got, near); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestReceiver(t *testing.T) {
	d := NewDecoder()
	for _, tt := range []struct {
		frame []byte
		want  string
	}{
		{timeUTC(nil), "CASIC"},
		{Append(nil, &MonVER{"SW=URANUS5", "AT6558D,0000000000000"}), "CASIC AT6558D"},
	} {
		if _, err := d.Decode(packet(tt.frame)); err != nil || d.Receiver() != tt.want || d.Identity().String() != tt.want {
			t.Errorf("%q, %v, want %q", d.Receiver(), err, tt.want)
		}
	}
}

// messages has one empty message of every type with its length by the specifications, without repeated parts.
func messages() map[Message]int {
	return map[Message]int{
		&NavPV{}: 80, &NavSOL{}: 72, &NavTIMEUTC{}: 24, &NavCLOCK{}: 64, &NavINFO{Of: IDNavGPSINFO}: 8, &TimTP{}: 24,
		&MsgUTC{Of: IDMsgGPSUTC}: 20, &MonVER{}: 64, &MonHW{}: 56, &Acknowledgement{}: 4, &Nav2SOL{}: 72, &Nav2PVH{}: 88, &Nav2SAT{}: 12,
		&Nav2TIMEUTC{}: 20, &Tim2TPX{}: 24, &Tim2TIME{Of: IDTim2TIMEGPS}: 36, &Tim2TIMEPOS{}: 64, &Tim2LS{}: 16, &MonSEC{}: 4,
		&CfgMSG{}: 4, &CfgPRT{}: 8, &CfgRATE{}: 4, &CfgTP{}: 16, &CfgTMODE{}: 40, &CfgTMODE2{}: 28,
	}
}

func TestMessagesHaveTheirLength(t *testing.T) {
	for m, want := range messages() {
		if got := len(Append(nil, m)) - overhead; got != want {
			t.Errorf("%v: payload of %d bytes, want %d", m.ID(), got, want)
		}
	}
}

// Every message that is written is framed by scan and read back as it was.
func TestMessagesReadBack(t *testing.T) {
	for empty := range messages() {
		t.Run(empty.ID().String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want := reflect.New(reflect.TypeOf(empty).Elem())
				want.Elem().Set(reflect.ValueOf(empty).Elem())
				fill(t, want.Elem())
				frame := Append(nil, want.Interface().(Message))
				var framed []byte
				scan.New().Write(0, 0, frame, func(p scan.Packet) { framed = bytes.Clone(p.Data) })
				if !bytes.Equal(framed, frame) {
					t.Fatalf("%x is framed as %x", frame, framed)
				}
				got := reflect.New(want.Elem().Type())
				got.Elem().Set(reflect.ValueOf(empty).Elem())
				if err := Unmarshal(framed, got.Interface().(Message)); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want.Interface(), got.Interface()); diff != "" {
					t.Fatalf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// fill sets every field of v to something but those that say which message it is.
func fill(t *rapid.T, v reflect.Value) {
	for i := range v.NumField() {
		if f := v.Field(i); v.Type().Field(i).Name != "Of" || v.Type() == reflect.TypeFor[CfgMSG]() {
			set(t, f)
		}
	}
}

func set(t *rapid.T, f reflect.Value) {
	switch f.Kind() {
	case reflect.Struct:
		fill(t, f)
	case reflect.Slice:
		f.Set(reflect.MakeSlice(f.Type(), rapid.IntRange(1, 3).Draw(t, "items"), 3))
		fallthrough
	case reflect.Array:
		for j := range f.Len() {
			set(t, f.Index(j))
		}
	case reflect.String:
		f.SetString(rapid.StringMatching("[A-Z]{0,32}").Draw(t, "text"))
	case reflect.Float32, reflect.Float64:
		f.SetFloat(float64(rapid.Float32().Draw(t, "float")))
	case reflect.Bool: // which of two messages it is
	default:
		if f.CanInt() {
			f.SetInt(rapid.Int64Range(-1<<(f.Type().Bits()-1), 1<<(f.Type().Bits()-1)-1).Draw(t, "int"))
		} else {
			f.SetUint(rapid.Uint64Range(0, 1<<f.Type().Bits()-1).Draw(t, "uint"))
		}
	}
}

func TestCommandsAreAsDescribed(t *testing.T) {
	for _, tt := range []struct {
		name string
		got  []byte
		want string // made by hand from the specification
	}{
		{"poll MON-VER", AppendPoll(nil, IDMonVER), "bace00000a04" + "00000a04"},
		{"NAV-TIMEUTC once a solution", Append(nil, &CfgMSG{IDNavTIMEUTC, 1}), "bace04000601" + "01100100" + "05100701"},
		{"115200", Append(nil, &CfgPRT{CurrentPort, 0x33, UART8N1, 115200}), "bace08000600" + "ff33c008" + "00c20100" + "07f6c708"},
	} {
		if got := hex.EncodeToString(tt.got); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if got := ID(0x0A07).String(); got != "0a-07" {
		t.Error(got)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{nakFrame, pvFrame, timeutcFrame, gpsinfoFrame, bdsinfoFrame, glninfoFrame} {
		frame := unhex(s)
		f.Add(uint16(FrameID(frame)), frame[header:len(frame)-4])
	}
	for m := range messages() {
		frame := Append(nil, m)
		f.Add(uint16(m.ID()), frame[header:len(frame)-4])
	}
	d := NewDecoder()
	f.Fuzz(func(t *testing.T, id uint16, payload []byte) {
		payload = payload[:min(len(payload), 2048)/4*4]
		frame := finish(append([]byte{0xBA, 0xCE, 0, 0, uint8(id >> 8), uint8(id)}, payload...), 0)
		for range 2 {
			r, err := d.Decode(packet(frame))
			if err != nil && (r != gnss.Report{} || reason(err) == "") {
				t.Fatalf("%+v with %v", r, err)
			}
			check(t, r)
		}
		for m := range messages() {
			if m.ID() == ID(id) && Unmarshal(frame, m) == nil {
				Append(nil, m)
			}
		}
	})
}

// check fails when a report has what cannot be.
func check(t *testing.T, r gnss.Report) {
	if m := r.Mark; m != nil && (m.UTC.Civil().Year < 1678 || m.Message == "" || !(m.Accuracy >= 0)) {
		t.Fatalf("mark %+v", m)
	}
	if f := r.Fix; f != nil && !(math.Abs(f.Latitude) <= 90 && math.Abs(f.Longitude) <= 180 && math.Abs(f.Altitude) <= 1e6) {
		t.Fatalf("fix %+v", f)
	}
	if r.Sky != nil && len(r.Sky.Seen) > maxSeen {
		t.Fatalf("%d satellites", len(r.Sky.Seen))
	}
	if p := r.Pulse; p != nil && (p.Valid && p.UTC == 0 || !(math.Abs(float64(p.Quantisation)) < 1)) {
		t.Fatalf("pulse %+v", p)
	}
	if s := r.Survey; s != nil && !(s.Accuracy >= 0 && math.Abs(s.Place.X) <= 1e8) {
		t.Fatalf("survey %+v", s)
	}
}

// A second of messages of the first generation, scanned and decoded.
func BenchmarkDecodeSecond(b *testing.B) {
	var second []byte
	for _, s := range []string{pvFrame, timeutcFrame, gpsinfoFrame, bdsinfoFrame, glninfoFrame} {
		second = append(second, unhex(s)...)
	}
	s, d := scan.New(), NewDecoder()
	b.SetBytes(int64(len(second)))
	b.ReportAllocs()
	for b.Loop() {
		d.sky = sky{} // the recording has one second
		s.Write(0, 1e-4, second, func(p scan.Packet) {
			if _, err := d.Decode(p); err != nil {
				b.Fatal(err)
			}
		})
	}
}
