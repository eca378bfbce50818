package ubx

import (
	"encoding/hex"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	return scan.Packet{Protocol: scan.UBX, Arrival: 10, End: 20, Data: frame}
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

func mark(message string, utc timescale.UTC, accuracy float64) *gnss.TimeMark {
	return &gnss.TimeMark{
		Arrival: 10, End: 20, UTC: utc, Message: message, Valid: true, FullUTC: true, Century: true,
		Accuracy: clock.Seconds(accuracy),
	}
}

func reckoning(tai int, m *gnss.TimeMark) *gnss.TimeMark {
	m.TAIOffset = tai
	return m
}

func TestLeapSecondsThatAreReckonedWith(t *testing.T) {
	sunday := at(2026, 11, 22, 0, 0, 0, 0)
	for _, tt := range []struct {
		utc    timescale.UTC
		itow   uint32
		leap60 bool
		want   int
	}{
		{sunday, 18_000, false, 37},
		{sunday - 10*timescale.Second, 8_000, false, 37}, // the week has begun for GPS only
		{sunday - 18*timescale.Second, 0, false, 37},
		{sunday - 20*timescale.Second, 604_798_000, false, 37},
		{sunday + 321, 18_000, false, 37},
		{sunday - 1e6, 18_000, false, 37},
		{sunday, 0, false, 19},
		{sunday, 17_000, true, 0},
		{sunday, 18_500, false, 0},
		{sunday, 17_990, false, 0},
		{sunday, 61_000, false, 0},
		{sunday, 604_799_000, false, 0},
	} {
		if got := reckoned(tt.utc, tt.itow, tt.leap60); got != tt.want {
			t.Errorf("%v, time of week %d ms, second 60 %v: %d, want %d", tt.utc, tt.itow, tt.leap60, got, tt.want)
		}
	}
}

var near = cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-4 }) // gpsd prints 0.1 mm

var nearSeconds = cmp.Comparer(func(a, b clock.Seconds) bool { return math.Abs(float64(a-b)) < 1e-15 })

func health(h gnss.Health) gnss.Report {
	h.Arrival = 10
	return gnss.Report{Health: &h}
}

// The values were checked against gpsd's decoding of the same recordings.
func TestDecodeRecorded(t *testing.T) {
	tests := []struct {
		name   string
		frames []string
		want   gnss.Report
	}{
		{"NAV-PVT of generation 8", []string{pvtFrame}, gnss.Report{
			Mark: reckoning(37, mark("NAV-PVT", at(2024, 3, 28, 15, 57, 37, 97563), 1032e-9)),
			Fix: &gnss.Fix{
				Arrival: 10, Message: "NAV-PVT", Valid: true, Dimensions: 3, SatellitesUsed: 10, HasPosition: true,
				Latitude: 46.4045956, Longitude: -117.0207302, Altitude: 265.694,
			},
		}},
		{"NAV-PVT that is rounded up", []string{pvtF9TFrame}, gnss.Report{
			Mark: reckoning(37, mark("NAV-PVT", at(2025, 7, 31, 19, 33, 34, -119216), 21e-9)),
			Fix: &gnss.Fix{
				Arrival: 10, Message: "NAV-PVT", Valid: true, Dimensions: 3, SatellitesUsed: 23, HasPosition: true,
				Latitude: 44.0688540, Longitude: -121.3141350, Altitude: 1139.862,
			},
		}},
		{"NAV-TIMEUTC of a timing receiver", []string{statusFrame, timeutc8Frame}, gnss.Report{
			Mark: reckoning(37, mark("NAV-TIMEUTC", at(2021, 2, 23, 18, 4, 29, 321732), 1031e-9)),
		}},
		{"NAV-TIMEUTC a millisecond before its second", []string{sol4Frame, timeutc4Frame}, gnss.Report{
			Mark: reckoning(33, mark("NAV-TIMEUTC", at(2007, 12, 23, 23, 11, 24, -1000869), 6e-9)),
		}},
		{"NAV-SOL before the leap seconds are known", []string{sol4Frame}, gnss.Report{
			Fix: &gnss.Fix{
				Arrival: 10, Message: "NAV-SOL", Valid: true, Dimensions: 3, SatellitesUsed: 7, HasPosition: true,
				Latitude: 20.629282025, Longitude: -87.068075525, Altitude: 61.9117,
			},
		}},
		{"NAV-SOL with leap seconds", []string{timegps4Frame, sol4Frame}, gnss.Report{
			Mark: mark("NAV-SOL", at(2007, 12, 23, 23, 11, 23, 998999132), 0),
			Fix: &gnss.Fix{
				Arrival: 10, Message: "NAV-SOL", Valid: true, Dimensions: 3, SatellitesUsed: 7, HasPosition: true,
				Latitude: 20.629282025, Longitude: -87.068075525, Altitude: 61.9117,
			},
		}},
		{"NAV-TIMEGPS", []string{sol4Frame, timegps4Frame}, gnss.Report{
			Mark: mark("NAV-TIMEGPS", at(2007, 12, 23, 23, 11, 23, 998999132), 6e-9),
			Leap: &gnss.LeapNotice{Arrival: 10, TAIOffset: 33, Message: "NAV-TIMEGPS", Source: "GPS"},
		}},
		{"NAV-TIMEGPS again", []string{sol4Frame, timegps4Frame, timegps4Frame}, gnss.Report{
			Mark: mark("NAV-TIMEGPS", at(2007, 12, 23, 23, 11, 23, 998999132), 6e-9),
		}},
		{"NAV-TIMEBDS", []string{pvtMixedFrame, timebdsFrame}, gnss.Report{
			Mark: mark("NAV-TIMEBDS", at(2021, 2, 22, 9, 8, 7, 332986), 3406e-9),
			Leap: &gnss.LeapNotice{Arrival: 10, TAIOffset: 37, Message: "NAV-TIMEBDS", Source: "BeiDou"},
		}},
		{"NAV-TIMEGAL", []string{pvtMixedFrame, timegalFrame}, gnss.Report{
			Mark: mark("NAV-TIMEGAL", at(2021, 2, 22, 9, 8, 7, 332986), 3406e-9),
			Leap: &gnss.LeapNotice{Arrival: 10, TAIOffset: 37, Message: "NAV-TIMEGAL", Source: "Galileo"},
		}},
		{"NAV-TIMELS before the almanac", []string{timels0Frame}, gnss.Report{
			Leap: &gnss.LeapNotice{Arrival: 10, TAIOffset: 37, Message: "NAV-TIMELS", Source: "GLONASS"},
		}},
		{"NAV-TIMELS", []string{timelsFrame}, gnss.Report{
			Leap: &gnss.LeapNotice{Arrival: 10, TAIOffset: 37, Message: "NAV-TIMELS", Announces: true},
		}},
		{"TIM-TP names the pulse behind 18:04:29", []string{tp8Frame}, gnss.Report{Pulse: &gnss.PulseTime{
			Arrival: 10, Message: "TIM-TP", UTC: at(2021, 2, 23, 18, 4, 30, 0), Valid: true, Base: "UTC",
			Quantisation: -4331e-12, HasQuantisation: true,
		}}},
		{"TIM-TP of generation 4", []string{tp4Frame}, gnss.Report{Pulse: &gnss.PulseTime{
			Arrival: 10, Message: "TIM-TP", UTC: at(2007, 12, 23, 23, 11, 25, 0), Valid: true, Base: "UTC",
			Quantisation: 21478e-12, HasQuantisation: true,
		}}},
		{"NAV-STATUS with the place before it", []string{posllhFrame, statusFrame}, gnss.Report{
			Fix: &gnss.Fix{
				Arrival: 10, Message: "NAV-STATUS", Valid: true, SatellitesUsed: -1, HasPosition: true,
				Latitude: 44.7654405, Longitude: -68.8066651, Altitude: 43.156,
			},
			Health: &gnss.Health{Arrival: 10, Message: "NAV-STATUS", Spoofing: gnss.ThreatNone, Tone: -1, Gain: -1},
		}},
		{"MON-HW", []string{monhwFrame}, health(gnss.Health{
			Message: "MON-HW", Antenna: gnss.AntennaOK, Tone: 17. / 255, Gain: 2340. / 8191,
		})},
		{"MON-RF", []string{monrfFrame}, health(gnss.Health{
			Message: "MON-RF", Antenna: gnss.AntennaOK, Tone: 27. / 255, Gain: 4914. / 8191,
		})},
		{"NAV-CLOCK", []string{clockFrame}, gnss.Report{Clock: &gnss.ReceiverClock{
			Arrival: 10, Message: "NAV-CLOCK", Bias: -97554e-9, Drift: -332e-9, Accuracy: 22e-9,
		}}},
		{"TIM-SVIN", []string{svinFrame}, gnss.Report{Survey: &gnss.Survey{Arrival: 10, Message: "TIM-SVIN"}}},
		{"INF-NOTICE", []string{antFrame}, gnss.Report{Text: &gnss.Text{Arrival: 10, Text: "LIC 85E7-6E21-710B-0272-42DC"}}},
		{"ACK-ACK", []string{ackFrame}, gnss.Report{Ack: &gnss.Ack{Arrival: 10, Class: 6, ID: 0, Accepted: true}}},
		{"ACK-NAK", []string{nakFrame}, gnss.Report{Ack: &gnss.Ack{Arrival: 10, Class: 6, ID: 1}}},
		{"MON-VER", []string{monverFrame}, gnss.Report{Text: &gnss.Text{
			Arrival: 10, Text: "ROM CORE 3.01 (107888), FWVER=SPG 3.01, PROTVER=18.00, GPS;GLO;GAL;BDS, SBAS;IMES;QZSS",
		}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var frames [][]byte
			for _, f := range tt.frames {
				frames = append(frames, unhex(f))
			}
			got, err := decode(frames...)
			if diff := cmp.Diff(tt.want, got, near, nearSeconds); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// Both views are of one receiver at one time: what both list is the same, and NAV-SAT alone counts once it is there.
func TestViewsAgree(t *testing.T) {
	old, err := decode(unhex(svinfoFrame))
	if err != nil || old.Sky == nil {
		t.Fatal(old, err)
	}
	now, err := decode(unhex(satFrame))
	if err != nil || now.Sky == nil {
		t.Fatal(now, err)
	}
	type key struct {
		system string
		id     int
	}
	seen := map[key]gnss.Satellite{}
	used := 0
	for _, s := range now.Sky.Seen {
		seen[key{s.System, s.ID}] = s
		if s.Used {
			used++
		}
	}
	same := 0
	for _, s := range old.Sky.Seen {
		if have, ok := seen[key{s.System, s.ID}]; ok {
			same++
			if diff := cmp.Diff(have, s); diff != "" && s.System != "SBAS" {
				t.Errorf("(-SAT +SVINFO):\n%s", diff)
			}
		}
	}
	if len(now.Sky.Seen) != 12 || used != 6 || same != 12 {
		t.Errorf("%d seen, %d used, %d the same; %+v\n%+v", len(now.Sky.Seen), used, same, now.Sky.Seen, old.Sky.Seen)
	}
	if r, err := decode(unhex(satFrame), unhex(svinfoFrame)); r.Sky != nil || err != nil {
		t.Errorf("NAV-SVINFO behind NAV-SAT: %+v, %v, want nothing", r.Sky, err)
	}
}

// pvt is a good NAV-PVT.
func pvt(change func(*NavPVT)) []byte {
	m := NavPVT{
		ITOW: 1000, Year: 2026, Month: 11, Day: 21, Hour: 12, Sec: 18, Valid: PVTDate | PVTTime | PVTResolved,
		TAcc: 20, FixType: 3, Flags: FixOK, NumSV: 9, Lat: 515000000, Lon: -1000000, HMSL: 47000,
	}
	if change != nil {
		change(&m)
	}
	return Append(nil, &m)
}

func timeUTC(change func(*NavTIMEUTC)) []byte {
	m := NavTIMEUTC{ITOW: 1000, TAcc: 20, Year: 2026, Month: 11, Day: 21, Hour: 12, Sec: 18, Valid: UTCTOW | UTCWeek | UTCKnown}
	if change != nil {
		change(&m)
	}
	return Append(nil, &m)
}

func TestMarksAreVouchedFor(t *testing.T) {
	utc := at(2026, 11, 21, 12, 0, 18, 0)
	noFix := pvt(func(m *NavPVT) { m.FixType, m.Flags = 0, 0 })
	tests := []struct {
		name               string
		frames             [][]byte
		utc                timescale.UTC
		valid, full, leap6 bool
	}{
		{"with a fix", [][]byte{pvt(nil)}, utc, true, true, false},
		{"of 84 bytes, generation 7", [][]byte{cut(pvt(nil), 84)}, utc, true, true, false},
		{"of 96 bytes, later firmware", [][]byte{cut(pvt(nil), 96)}, utc, true, true, false},
		{"of a kept clock", [][]byte{noFix}, utc, false, true, false},
		{"of dead reckoning", [][]byte{pvt(func(m *NavPVT) { m.FixType = 1 })}, utc, false, true, false},
		{"of a fix beyond the limits", [][]byte{pvt(func(m *NavPVT) { m.Flags = 0 })}, utc, false, true, false},
		{"of time only", [][]byte{pvt(func(m *NavPVT) { m.FixType = 5 })}, utc, true, true, false},
		{"without a valid date", [][]byte{pvt(func(m *NavPVT) { m.Valid &^= PVTDate })}, utc, false, false, false},
		{"without a valid time", [][]byte{pvt(func(m *NavPVT) { m.Valid &^= PVTTime })}, utc, false, false, false},
		{"with seconds unresolved", [][]byte{pvt(func(m *NavPVT) { m.Valid &^= PVTResolved })}, utc, true, false, false},
		{"rounded up", [][]byte{pvt(func(m *NavPVT) { m.Nano = -300 })}, utc - 300, true, true, false},
		{"rounded up at midnight", [][]byte{pvt(func(m *NavPVT) { m.Hour, m.Sec, m.Nano = 0, 0, -300 })}, at(2026, 11, 20, 23, 59, 59, 999999700), true, true, false},
		{
			"in a leap second",
			[][]byte{pvt(func(m *NavPVT) { m.Year, m.Month, m.Day, m.Hour, m.Min, m.Sec = 2016, 12, 31, 23, 59, 60 })},
			at(2017, 1, 1, 0, 0, 0, 0),
			true, true, true,
		},
		{"TIMEUTC alone", [][]byte{timeUTC(nil)}, utc, true, true, false},
		{"TIMEUTC alone of a kept clock", [][]byte{timeUTC(func(m *NavTIMEUTC) { m.TAcc = 2_000_000 })}, utc, false, true, false},
		{"TIMEUTC beside a fix", [][]byte{pvt(nil), timeUTC(nil)}, utc, true, true, false},
		{"TIMEUTC beside no fix", [][]byte{noFix, timeUTC(nil)}, utc, false, true, false},
		{"TIMEUTC long behind a fix", [][]byte{pvt(nil), timeUTC(func(m *NavTIMEUTC) { m.ITOW = 4000 })}, utc, false, true, false},
		{
			"TIMEUTC across the end of a week",
			[][]byte{pvt(func(m *NavPVT) { m.ITOW = week - 1000 }), timeUTC(func(m *NavTIMEUTC) { m.ITOW = 0 })},
			utc, true, true, false,
		},
		{"TIMEUTC without leap seconds", [][]byte{pvt(nil), timeUTC(func(m *NavTIMEUTC) { m.Valid &^= UTCKnown })}, utc, true, false, false},
		{"TIMEUTC without a week", [][]byte{pvt(nil), timeUTC(func(m *NavTIMEUTC) { m.Valid &^= UTCWeek })}, utc, false, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := decode(tt.frames...)
			if err != nil || r.Mark == nil {
				t.Fatal(r.Mark, err)
			}
			m := r.Mark
			if m.UTC != tt.utc || m.Valid != tt.valid || m.FullUTC != tt.full || m.Leap60 != tt.leap6 {
				t.Errorf("mark %v, valid %v, full %v, leap %v, want %v, %v, %v, %v",
					m.UTC, m.Valid, m.FullUTC, m.Leap60, tt.utc, tt.valid, tt.full, tt.leap6)
			}
		})
	}
}

// cut returns the frame with a payload of n bytes.
func cut(frame []byte, n int) []byte {
	b := append([]byte{}, frame[:len(frame)-2]...)
	for len(b) < header+n {
		b = append(b, 0xEE)
	}
	return finish(b[:header+n], 0)
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct {
		name  string
		frame []byte
		want  string
	}{
		{"NAV-PVT of 83 bytes", cut(pvt(nil), 83), gnss.ReasonFields},
		{"31 February", pvt(func(m *NavPVT) { m.Month, m.Day = 2, 31 }), gnss.ReasonDate},
		{"month 0", pvt(func(m *NavPVT) { m.Month = 0 }), gnss.ReasonDate},
		{"year 0", pvt(func(m *NavPVT) { m.Year = 0 }), gnss.ReasonDate},
		{"hour 24", pvt(func(m *NavPVT) { m.Hour = 24 }), gnss.ReasonTime},
		{"second 60 at noon", pvt(func(m *NavPVT) { m.Sec = 60 }), gnss.ReasonTime},
		{"more than a second of nanoseconds", pvt(func(m *NavPVT) { m.Nano = 1_000_000_001 }), gnss.ReasonTime},
		{"a time beyond the week", pvt(func(m *NavPVT) { m.ITOW = week }), gnss.ReasonTime},
		{"latitude 91", pvt(func(m *NavPVT) { m.Lat = 910000000 }), gnss.ReasonPosition},
		{"longitude 181", pvt(func(m *NavPVT) { m.Lon = 1810000000 }), gnss.ReasonPosition},
		{"fix type 6", pvt(func(m *NavPVT) { m.FixType = 6 }), gnss.ReasonFields},
		{"TIMEUTC of hour 25", timeUTC(func(m *NavTIMEUTC) { m.Hour = 25 }), gnss.ReasonTime},
		{"TIMEUTC beyond the week", timeUTC(func(m *NavTIMEUTC) { m.ITOW = week }), gnss.ReasonTime},
		{"a short TIMEUTC", cut(timeUTC(nil), 19), gnss.ReasonFields},
		{"SOL of a negative week", Append(nil, &NavSOL{Week: -1, Flags: WeekSet}), gnss.ReasonTime},
		{"SOL with a long fraction", Append(nil, &NavSOL{FTOW: 2_000_000}), gnss.ReasonTime},
		{"SOL with fix type 9", Append(nil, &NavSOL{GPSFix: 9}), gnss.ReasonFields},
		{"STATUS with fix type 9", Append(nil, &NavSTATUS{GPSFix: 9}), gnss.ReasonFields},
		{"TIMEGPS beyond the week", Append(nil, &NavTIMEGPS{ITOW: week}), gnss.ReasonTime},
		{"TIMEBDS beyond the week", Append(nil, &NavTIMEBDS{systemTime{TOW: 604800}}), gnss.ReasonTime},
		{"TIMELS with a change of 2", Append(nil, &NavTIMELS{LsChange: 2, Valid: LSEvent}), gnss.ReasonFields},
		{"TIM-TP beyond the week", Append(nil, &TimTP{TowMS: week}), gnss.ReasonTime},
		{"POSLLH of latitude 100", Append(nil, &NavPOSLLH{Lat: 1000000000}), gnss.ReasonPosition},
		{"a NAV-SAT that claims more", cut(Append(nil, &NavSAT{Sats: make([]Sat, 3)}), 8+12*2), gnss.ReasonFields},
		{"a MON-RF that claims more", cut(Append(nil, &MonRF{Blocks: make([]RFBlock, 2)}), 4+24), gnss.ReasonFields},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if r, err := decode(tt.frame); reason(err) != tt.want || r != (gnss.Report{}) {
				t.Errorf("%+v, %v, want refused for %q", r, err, tt.want)
			}
		})
	}
	if _, err := NewDecoder().Decode(scan.Packet{Protocol: scan.NMEA, Data: pvt(nil)}); reason(err) != gnss.ReasonProtocol {
		t.Errorf("a sentence: %v", err)
	}
	if _, err := NewDecoder().Decode(packet(pvt(nil)[:50])); reason(err) != gnss.ReasonProtocol {
		t.Errorf("half a frame: %v", err)
	}
}

func TestDecodeIsSilentAbout(t *testing.T) {
	for name, frame := range map[string][]byte{
		"a request":                    AppendPoll(nil, IDNavPVT),
		"an unknown type":              finish([]byte{0xB5, 0x62, 0x0A, 0x07, 0, 0, 1, 2, 3}, 0),
		"TIMEGPS without leap seconds": Append(nil, &NavTIMEGPS{Week: 2000, LeapS: 16, Valid: TimeTOW | TimeWeek}),
		"MON-HW3":                      Append(nil, &MonHW3{HwVersion: "00190000", Pins: make([]uint16, 3)}),
		"TIMEUTC of nothing":           Append(nil, &NavTIMEUTC{}),
	} {
		if r, err := decode(frame); r != (gnss.Report{}) || err != nil {
			t.Errorf("%s: %+v, %v, want nothing", name, r, err)
		}
	}
}

// ls is a NAV-TIMELS on Thursday 29 December 2016, 12:00 UTC, with an event at the end of Saturday.
func ls(change func(*NavTIMELS)) []byte {
	m := NavTIMELS{
		ITOW: (4*86400 + 12*3600 + 17) * 1000, SrcOfCurrLs: 2, CurrLs: 17, SrcOfLsChange: 2, LsChange: 1,
		TimeToLsEvent: 2*86400 + 12*3600, DateOfLsGpsWn: 1929, DateOfLsGpsDn: 7, Valid: LSCurrent | LSEvent,
	}
	if change != nil {
		change(&m)
	}
	return Append(nil, &m)
}

func TestLeapNotices(t *testing.T) {
	midnight := at(2017, 1, 1, 0, 0, 0, 0)
	notice := func(leap clock.Leap, midnight timescale.UTC, tai int, source string) gnss.LeapNotice {
		return gnss.LeapNotice{
			Arrival: 10, Leap: leap, At: midnight, TAIOffset: tai, Message: "NAV-TIMELS", Source: source, Announces: true,
		}
	}
	tests := []struct {
		name string
		in   []byte
		want gnss.LeapNotice
	}{
		{"insertion", ls(nil), notice(clock.LeapInsert, midnight, 36, "GPS")},
		{"deletion", ls(func(m *NavTIMELS) { m.LsChange = -1 }), notice(clock.LeapDelete, midnight, 36, "GPS")},
		{"by BeiDou, whose Saturday is 6", ls(func(m *NavTIMELS) { m.DateOfLsGpsDn, m.SrcOfCurrLs = 6, 4 }), notice(clock.LeapInsert, midnight, 36, "BeiDou")},
		{"on a day that the time until then denies", ls(func(m *NavTIMELS) { m.DateOfLsGpsDn = 3 }), notice(clock.LeapInsert, 0, 36, "GPS")},
		{"that has been", ls(func(m *NavTIMELS) { m.TimeToLsEvent = -5 }), notice(clock.LeapNone, 0, 36, "GPS")},
		{"none", ls(func(m *NavTIMELS) { m.LsChange = 0 }), notice(clock.LeapNone, 0, 36, "GPS")},
		{"of a count that the firmware assumes", ls(func(m *NavTIMELS) { m.SrcOfCurrLs = 0 }), notice(clock.LeapInsert, midnight, 0, "firmware")},
		{"of a count from an unknown source", ls(func(m *NavTIMELS) { m.SrcOfCurrLs = 255 }), notice(clock.LeapInsert, midnight, 36, "")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := decode(tt.in)
			if err != nil || r.Leap == nil {
				t.Fatal(r, err)
			}
			if diff := cmp.Diff(tt.want, *r.Leap); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// NAV-TIMEGPS has no room for an announcement: it must not take back the one that was made.
func TestCountKeepsTheAnnouncement(t *testing.T) {
	gps := Append(nil, &NavTIMEGPS{Week: 1929, LeapS: 18, Valid: TimeTOW | TimeWeek | TimeLeap})
	r, err := decode(ls(nil), gps)
	if err != nil || r.Leap == nil || r.Leap.Leap != clock.LeapInsert || r.Leap.TAIOffset != 37 || r.Leap.Announces {
		t.Errorf("%+v, %v, want the insertion with a new count", r.Leap, err)
	}
}

func TestPulseTime(t *testing.T) {
	utc := at(2026, 11, 21, 12, 0, 19, 0)
	tow := func(u timescale.UTC, epoch timescale.UTC) (uint16, uint32) {
		return uint16((u - epoch) / timescale.Week), uint32((u - epoch) % timescale.Week / 1e6)
	}
	tp := func(u, epoch timescale.UTC, flags, ref uint8) []byte {
		m := TimTP{QErr: -5000, Flags: flags, RefInfo: ref}
		m.Week, m.TowMS = tow(u, epoch)
		return Append(nil, &m)
	}
	leap := Append(nil, &NavTIMELS{SrcOfCurrLs: 2, CurrLs: 18, Valid: LSCurrent})
	noFix := pvt(func(m *NavPVT) { m.FixType = 0 })
	tests := []struct {
		name   string
		frames [][]byte
		utc    timescale.UTC
		valid  bool
		base   string
		quant  bool
	}{
		{"in UTC", [][]byte{tp(utc, gpsEpoch, TPBaseUTC|TPUTC, 0)}, utc, true, "UTC", true},
		{"in UTC without leap seconds", [][]byte{tp(utc, gpsEpoch, TPBaseUTC, 0)}, utc, false, "UTC", true},
		{"in UTC without a fix", [][]byte{noFix, tp(utc, gpsEpoch, TPBaseUTC|TPUTC, 0)}, utc, false, "UTC", true},
		{"without its quantisation", [][]byte{tp(utc, gpsEpoch, TPBaseUTC|TPUTC|TPQErrInvalid, 0)}, utc, true, "UTC", false},
		{"in GPS time", [][]byte{leap, tp(utc+18*timescale.Second, gpsEpoch, 0, 0)}, utc, true, "GPS", true},
		{"in BeiDou time", [][]byte{leap, tp(utc+4*timescale.Second, bdsEpoch, 0, 2)}, utc, true, "BeiDou", true},
		{"in Galileo time", [][]byte{leap, tp(utc+18*timescale.Second, galEpoch, 0, 3)}, utc, true, "Galileo", true},
		{"in GLONASS time", [][]byte{leap, tp(utc, gpsEpoch, 0, 1)}, 0, false, "GLONASS", true},
		{"in GPS time before the leap seconds are known", [][]byte{tp(utc, gpsEpoch, 0, 0)}, 0, false, "GPS", true},
		{"in the time of nothing", [][]byte{leap, tp(utc, gpsEpoch, 0, 15)}, 0, false, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := decode(tt.frames...)
			want := gnss.PulseTime{Arrival: 10, Message: "TIM-TP", UTC: tt.utc, Valid: tt.valid, Base: tt.base, HasQuantisation: tt.quant}
			if tt.quant {
				want.Quantisation = -5e-9
			}
			if err != nil || r.Pulse == nil {
				t.Fatal(r, err)
			}
			if diff := cmp.Diff(want, *r.Pulse, nearSeconds); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want gnss.Report
	}{
		{"MON-HW of 68 bytes with a short", cut68(MonHW{AStatus: 3, Flags: 3 << 2, JamInd: 255}), health(gnss.Health{
			Message: "MON-HW", Antenna: gnss.AntennaShort, Jamming: gnss.ThreatCritical, Tone: 1,
		})},
		{"MON-HW with an open antenna", Append(nil, &MonHW{AStatus: 4, Flags: 2 << 2, AgcCnt: 8191}), health(gnss.Health{
			Message: "MON-HW", Antenna: gnss.AntennaOpen, Jamming: gnss.ThreatWarning, Gain: 1,
		})},
		{"MON-RF: the worst of two", Append(nil, &MonRF{Blocks: []RFBlock{{AntStatus: 2, Flags: 1}, {AntStatus: 4, Flags: 2, JamInd: 51}}}), health(gnss.Health{
			Message: "MON-RF", Antenna: gnss.AntennaOpen, Jamming: gnss.ThreatWarning, Tone: 0.2,
		})},
		{"SEC-SIG 1", Append(nil, &SecSIG{Version: 1, Jam: 2, Spoof: 3}), health(gnss.Health{
			Message: "SEC-SIG", Jamming: gnss.ThreatWarning, Spoofing: gnss.ThreatCritical, Tone: -1, Gain: -1,
		})},
		{"SEC-SIG 2", Append(nil, &SecSIG{Version: 2, Jam: 3, Spoof: 2}), health(gnss.Health{
			Message: "SEC-SIG", Jamming: gnss.ThreatCritical, Spoofing: gnss.ThreatWarning, Tone: -1, Gain: -1,
		})},
		{"SEC-SIG 2 with detection off", finish([]byte{0xB5, 0x62, 0x27, 0x09, 0, 0, 2, 3<<1 | 3<<4, 0, 0}, 0), health(gnss.Health{
			Message: "SEC-SIG", Tone: -1, Gain: -1,
		})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode(tt.in)
			if diff := cmp.Diff(tt.want, got, near); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
	r, err := decode(finish(append([]byte{0xB5, 0x62, 4, 2, 0, 0}, "ANTSTATUS=OPEN"...), 0))
	if err != nil || r.Health == nil || r.Health.Antenna != gnss.AntennaOpen || r.Text == nil || r.Text.Text != "ANTSTATUS=OPEN" {
		t.Errorf("INF-NOTICE of an open antenna: %+v, %v", r, err)
	}
}

// cut68 is a MON-HW with the 25 pins of generation 6.
func cut68(m MonHW) []byte {
	f := Append(nil, &m)
	b := append([]byte{}, f[:header+28]...)
	b = append(b, make([]byte, 8)...)
	b = append(b, f[header+28:len(f)-2]...)
	return finish(b, 0)
}

func TestSurvey(t *testing.T) {
	old := Append(nil, &TimSVIN{Dur: 60, MeanX: 100, MeanY: -200, MeanZ: 300, MeanV: 9_000_000, Obs: 61, Active: 1})
	now := Append(nil, &NavSVIN{Dur: 60, MeanX: 100, MeanY: -200, MeanZ: 300, MeanXHP: -99, MeanAcc: 30000, Obs: 61, Valid: 1})
	want := gnss.Survey{
		Arrival: 10, Message: "TIM-SVIN", Active: true, Duration: 60, Observations: 61, Accuracy: 3,
		Place: gnss.ECEF{X: 1, Y: -2, Z: 3},
	}
	r, err := decode(old)
	if diff := cmp.Diff(&want, r.Survey, near); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	want.Message, want.Active, want.Valid, want.Place.X = "NAV-SVIN", false, true, 0.9901
	r, err = decode(now)
	if diff := cmp.Diff(&want, r.Survey, near); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestReceiver(t *testing.T) {
	for _, tt := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{"any message", pvt(nil), "u-blox"},
		{"a generation", unhex(monverFrame), "u-blox generation 8, SPG 3.01"},
		{"a module", Append(nil, &MonVER{"EXT CORE 1.00", "00190000", []string{"FWVER=TIM 2.20", "MOD=ZED-F9T"}}), "u-blox ZED-F9T"},
		{"an unknown chip", Append(nil, &MonVER{SwVersion: "1.00", HwVersion: "DEADBEEF"}), "u-blox"},
	} {
		d := NewDecoder()
		if _, err := d.Decode(packet(tt.frame)); err != nil || d.Receiver() != tt.want || d.Identity().String() != tt.want {
			t.Errorf("%s: %q, %v, want %q", tt.name, d.Receiver(), err, tt.want)
		}
	}
}

// The corners of geodetic: the poles, the equator, and what is no place.
func TestGeodetic(t *testing.T) {
	const b = semiMajor * (1 - flattening)
	for _, tt := range []struct{ x, y, z, lat, lon, height float64 }{
		{semiMajor, 0, 0, 0, 0, 0},
		{0, semiMajor + 100, 0, 0, 90, 100},
		{0, 0, b + 50, 90, 0, 50},
		{0, 0, -b, -90, 0, 0},
		{305449.31, -5963890.99, 2233051.73, 20.629282025, -87.068075525, 61.9117}, // by gpsd
	} {
		lat, lon, height, ok := geodetic(tt.x, tt.y, tt.z)
		if !ok || math.Abs(lat-tt.lat) > 1e-8 || math.Abs(lon-tt.lon) > 1e-8 || math.Abs(height-tt.height) > 1e-3 {
			t.Errorf("geodetic(%v, %v, %v) = %v, %v, %v, %v, want %v, %v, %v", tt.x, tt.y, tt.z, lat, lon, height, ok, tt.lat, tt.lon, tt.height)
		}
	}
	for _, v := range []float64{0, 1e6, 1e9, math.NaN(), math.Inf(1)} {
		if _, _, _, ok := geodetic(v, 0, 0); ok {
			t.Errorf("a place %v m from the middle of the Earth", v)
		}
	}
}
