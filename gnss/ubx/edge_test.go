package ubx

import (
	"testing"

	"timeball/gnss"
)

// What mutations of the decoder survived is here: the edges of numbers and of what is remembered.

func TestNumberedHasItsEdges(t *testing.T) {
	for _, tt := range []struct {
		n      int
		system string
		id     int
	}{
		{0, "", 0},
		{1, "GPS", 1},
		{32, "GPS", 32},
		{33, "BeiDou", 6},
		{64, "BeiDou", 37},
		{65, "GLONASS", 1},
		{96, "GLONASS", 32},
		{97, "", 97},
		{119, "", 119},
		{120, "SBAS", 120},
		{158, "SBAS", 158},
		{159, "BeiDou", 1},
		{163, "BeiDou", 5},
		{164, "", 164},
		{192, "", 192},
		{193, "QZSS", 1},
		{202, "QZSS", 10},
		{203, "", 203},
		{210, "", 210},
		{211, "Galileo", 1},
		{246, "Galileo", 36},
		{247, "", 247},
		{254, "", 254},
		{255, "GLONASS", 255},
	} {
		if system, id := numbered(tt.n); system != tt.system || id != tt.id {
			t.Errorf("numbered(%d) = %q, %d, want %q, %d", tt.n, system, id, tt.system, tt.id)
		}
	}
}

func TestDirectionIsSetOnlyIfKnown(t *testing.T) {
	for _, tt := range []struct {
		elevation int8
		azimuth   int16
		want      gnss.Satellite
	}{
		{90, 0, gnss.Satellite{Elevation: 90}},
		{-90, 359, gnss.Satellite{Elevation: -90, Azimuth: 359}},
		{10, 360, gnss.Satellite{Elevation: 10}},
		{-91, 100, gnss.Satellite{}},
		{91, 100, gnss.Satellite{}},
		{10, 361, gnss.Satellite{}},
		{10, -1, gnss.Satellite{}},
	} {
		var got gnss.Satellite
		if direct(&got, tt.elevation, tt.azimuth); got != tt.want {
			t.Errorf("direct(%d, %d) = %+v, want %+v", tt.elevation, tt.azimuth, got, tt.want)
		}
	}
}

func TestUsableHasDimensions(t *testing.T) {
	for fix, want := range []struct {
		ok         bool
		dimensions int
	}{{}, {}, {true, 2}, {true, 3}, {true, 3}, {true, 0}, {}} {
		ok, dimensions := usable(uint8(fix), FixOK)
		if ok != want.ok || dimensions != want.dimensions {
			t.Errorf("fix type %d: %v, %d, want %v", fix, ok, dimensions, want)
		}
		if ok, dimensions := usable(uint8(fix), 0); ok || dimensions != 0 {
			t.Errorf("fix type %d beyond the limits: %v, %d", fix, ok, dimensions)
		}
	}
	for n, want := range []gnss.Threat{0, 1, 2, 3, 0} {
		if got := threat(uint8(n)); got != want {
			t.Errorf("threat(%d) = %v, want %v", n, got, want)
		}
	}
}

func TestPlaceIsOfTheSameFix(t *testing.T) {
	status := func(itow uint32, fix uint8) []byte {
		return Append(nil, &NavSTATUS{ITOW: itow, GPSFix: fix, Flags: FixOK})
	}
	place := func(lat, lon int32) []byte { return Append(nil, &NavPOSLLH{ITOW: 1000, Lat: lat, Lon: lon}) }
	sat := func(used int) []byte {
		m := NavSAT{Sats: make([]Sat, 4)}
		for i := range used {
			m.Sats[i].Flags = SatUsed
		}
		return Append(nil, &m)
	}
	tests := []struct {
		name   string
		frames [][]byte
		placed bool
		used   int
	}{
		{"of the same time", [][]byte{place(1, 1), status(1000, 3)}, true, -1},
		{"on the equator", [][]byte{place(0, 1), status(1000, 3)}, true, -1},
		{"on the meridian", [][]byte{place(1, 0), status(1000, 3)}, true, -1},
		{"of another time", [][]byte{place(1, 1), status(2000, 3)}, false, -1},
		{"without a fix", [][]byte{place(1, 1), status(1000, 0)}, false, -1},
		{"reckoned", [][]byte{place(1, 1), status(1000, 1)}, true, -1},
		{"that is none", [][]byte{place(0, 0), status(1000, 3)}, false, -1},
		{"behind a view", [][]byte{sat(3), status(1000, 3)}, false, 3},
		{"behind two views", [][]byte{sat(3), sat(2), status(1000, 3)}, false, 2},
	}
	for _, tt := range tests {
		r, err := decode(tt.frames...)
		if err != nil || r.Fix == nil || r.Fix.HasPosition != tt.placed || r.Fix.SatellitesUsed != tt.used {
			t.Errorf("%s: %+v, %v, want placed %v, used %d", tt.name, r.Fix, err, tt.placed, tt.used)
		}
	}
	if r, err := decode(pvt(nil), status(1000, 3)); r.Fix != nil || err != nil {
		t.Errorf("beside NAV-PVT: %+v, %v, want no fix", r.Fix, err)
	}
	if r, err := decode(pvt(func(m *NavPVT) { m.FixType, m.Flags = 0, 0 })); err != nil || r.Fix.HasPosition {
		t.Errorf("a place without a fix: %+v, %v", r.Fix, err)
	}
}

func TestWeeksAndTimesOfWeek(t *testing.T) {
	const all = TimeTOW | TimeWeek | TimeLeap
	gps := func(m NavTIMEGPS) []byte { return Append(nil, &m) }
	bds := func(m systemTime) []byte { return Append(nil, &NavTIMEBDS{m}) }
	leap := gps(NavTIMEGPS{LeapS: 18, Valid: TimeLeap})
	sol := func(m NavSOL) []byte { m.GPSFix, m.Flags = 3, m.Flags|FixOK; return Append(nil, &m) }
	tests := []struct {
		name   string
		frames [][]byte
		mark   bool
		reason string
	}{
		{"TIMEGPS", [][]byte{gps(NavTIMEGPS{LeapS: 18, Valid: all})}, true, ""},
		{"TIMEGPS without a week", [][]byte{gps(NavTIMEGPS{Week: -1, LeapS: 18, Valid: all &^ TimeWeek})}, false, ""},
		{"TIMEGPS without a time of week", [][]byte{gps(NavTIMEGPS{LeapS: 18, Valid: all &^ TimeTOW})}, false, ""},
		{"TIMEGPS of a negative week", [][]byte{gps(NavTIMEGPS{Week: -1, Valid: all})}, false, gnss.ReasonTime},
		{"TIMEGPS with a long fraction", [][]byte{gps(NavTIMEGPS{FTOW: -1_000_001, Valid: all})}, false, gnss.ReasonTime},
		{"TIMEGPS with the longest fraction", [][]byte{gps(NavTIMEGPS{FTOW: 1_000_000, Valid: all})}, true, ""},
		{"TIMEBDS", [][]byte{bds(systemTime{Valid: all})}, true, ""},
		{"TIMEBDS without a week", [][]byte{bds(systemTime{Valid: all &^ TimeWeek})}, false, ""},
		{"TIMEBDS without a time of week", [][]byte{bds(systemTime{Valid: all &^ TimeTOW})}, false, ""},
		{"TIMEBDS with a long fraction", [][]byte{bds(systemTime{FTOW: -1_000_000_001, Valid: all})}, false, gnss.ReasonTime},
		{"SOL", [][]byte{leap, sol(NavSOL{Flags: WeekSet | TOWSet})}, true, ""},
		{"SOL without a week", [][]byte{leap, sol(NavSOL{Week: -1, Flags: TOWSet})}, false, ""},
		{"SOL without a time of week", [][]byte{leap, sol(NavSOL{Flags: WeekSet})}, false, ""},
		{"SOL beyond the week", [][]byte{leap, sol(NavSOL{ITOW: week, Flags: WeekSet | TOWSet})}, false, gnss.ReasonTime},
		{"STATUS beyond the week", [][]byte{Append(nil, &NavSTATUS{ITOW: week})}, false, gnss.ReasonTime},
		{"STATUS with fix type 6", [][]byte{Append(nil, &NavSTATUS{GPSFix: 6})}, false, gnss.ReasonFields},
		{"TIMELS beyond the week", [][]byte{ls(func(m *NavTIMELS) { m.ITOW = week })}, false, gnss.ReasonTime},
		{"TIM-TP of system 5, which is none", [][]byte{leap, Append(nil, &TimTP{RefInfo: 5})}, false, ""},
	}
	for _, tt := range tests {
		r, err := decode(tt.frames...)
		if (r.Mark != nil) != tt.mark || reason(err) != tt.reason {
			t.Errorf("%s: %+v, %v, want a mark %v, refused for %q", tt.name, r.Mark, err, tt.mark, tt.reason)
		}
	}
}

func TestVouchingEndsAfterTwoSeconds(t *testing.T) {
	for itow, want := range map[uint32]bool{3000: true, 3001: false, week - 1000: true, week - 1001: false} {
		r, err := decode(pvt(nil), timeUTC(func(m *NavTIMEUTC) { m.ITOW = itow })) // pvt is at 1000
		if err != nil || r.Mark.Valid != want {
			t.Errorf("at %d: %+v, %v, want %v", itow, r.Mark, err, want)
		}
	}
	r, err := decode(timeUTC(func(m *NavTIMEUTC) { m.Year, m.Month, m.Day, m.Hour, m.Min, m.Sec = 2016, 12, 31, 23, 59, 60 }))
	if err != nil || !r.Mark.Leap60 {
		t.Errorf("NAV-TIMEUTC in a leap second: %+v, %v", r.Mark, err)
	}
}
