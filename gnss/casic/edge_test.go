package casic

import (
	"math"
	"testing"

	"timeball/gnss"
	"timeball/gnss/timescale"
)

// What mutations of the decoder survived is here: the edges of numbers.

// The epochs of the systems by their interface documents.
func TestEpochs(t *testing.T) {
	for i, want := range map[int]timescale.UTC{0: at(1980, 1, 6, 0, 0, 0, 0), 1: at(2006, 1, 1, 0, 0, 0, 0), 3: at(1999, 8, 22, 0, 0, 0, 0)} {
		if systems[i].epoch != want {
			t.Errorf("%s begins %v, want %v", systems[i].name, systems[i].epoch, want)
		}
	}
}

func TestPlacesHaveEdges(t *testing.T) {
	for _, tt := range []struct {
		lat, lon float64
		height   float32
		valid    uint8
		placed   bool
		reason   string
	}{
		{90, 180, 0, Fix3D, true, ""},
		{-90, -180, 0, Fix2D, true, ""},
		{0, 1, 0, Fix3D, true, ""},
		{1, 0, 0, Fix3D, true, ""},
		{0, 0, 0, Fix3D, false, ""},
		{1, 1, 0, 1, true, ""}, // given from outside: a place and no fix
		{1, 1, 0, 0, false, ""},
		{90.5, 0, 0, Fix3D, false, gnss.ReasonPosition},
		{0, 180.5, 0, Fix3D, false, gnss.ReasonPosition},
		{1, 1, 2e6, Fix3D, false, gnss.ReasonPosition},
		{90.5, 0, 0, 1, false, ""},
		{0, 180.5, 0, 1, false, ""},
	} {
		r, err := decode(Append(nil, &NavPV{PosValid: tt.valid, Lat: tt.lat, Lon: tt.lon, Height: tt.height}))
		if reason(err) != tt.reason || err == nil && r.Fix.HasPosition != tt.placed {
			t.Errorf("%+v: %+v, %v", tt, r.Fix, err)
		}
	}
}

func TestTimesHaveEdges(t *testing.T) {
	end := func(m *NavTIMEUTC) { m.Year, m.Month, m.Day, m.Hour, m.Min, m.Sec = 2016, 12, 31, 23, 59, 60 }
	if r, err := decode(timeUTC(end)); err != nil || !r.Mark.Leap60 || r.Mark.UTC != at(2017, 1, 1, 0, 0, 0, 0) {
		t.Errorf("a leap second: %+v, %v", r.Mark, err)
	}
	if r, err := decode(timeUTC(func(m *NavTIMEUTC) { m.DateValid = 2 })); err != nil || !r.Mark.Valid {
		t.Errorf("a date of one satellite: %+v, %v", r.Mark, err)
	}
	if r, err := decode(time2(func(m *Nav2TIMEUTC) { m.Flags &^= TimeLeap })); err != nil || r.Leap != nil {
		t.Errorf("a count that is not valid: %+v, %v", r.Leap, err)
	}
	m := Tim2TIME{Of: IDTim2TIMEGAL, Week: 1, TOW: 1000, SubMs: 1 << 29, LS: 18, LSF: 18, Flags: 15, LSFlag: 1}
	want := at(1999, 8, 29, 0, 0, 1, 500_000) - seconds(18)
	if r, err := decode(Append(nil, &m)); err != nil || r.Mark.UTC != want || !r.Mark.Valid || !r.Leap.Announces {
		t.Errorf("TIM2-TIMEGAL: %+v, %v, want %v", r.Mark, err, want)
	}
	for _, id := range []uint8{2, 4, 5} { // GLONASS and NavIC have no weeks here, and 5 is no system
		if r, err := decode(Append(nil, &Tim2LS{GNSSID: id, RaimType: 2, DtLS: 18, DtLSF: 18})); r != (gnss.Report{}) || err != nil {
			t.Errorf("TIM2-LS of system %d: %+v, %v, want nothing", id, r, err)
		}
	}
	if r, err := decode(Append(nil, &TimTP{RefTime: 0x15})); err != nil || r.Pulse.Base != "" {
		t.Errorf("a pulse of system 5: %+v, %v", r.Pulse, err)
	}
	if r, err := decode(Append(nil, &Tim2TIMEPOS{FixFlag: 15, SurTimer: 9, SurPAcc: -1})); err != nil || r.Survey.Active || r.Survey.Accuracy != 0 {
		t.Errorf("a survey that has ended: %+v, %v", r.Survey, err)
	}
}

// A mark that is old, or of a pulse that is far, names no pulse.
func TestPulseFollowsWithinLimits(t *testing.T) {
	d := NewDecoder()
	if _, err := d.Decode(packet(timeUTC(nil))); err != nil {
		t.Fatal(err)
	}
	last := at(2026, 11, 21, 12, 0, 18, 0)
	const ms = timescale.Second / 1000
	for after, want := range map[timescale.UTC]bool{-500 * ms: false, -499 * ms: true, 2499 * ms: true, 2500 * ms: false} {
		if got := d.follows(last + after); got != want {
			t.Errorf("%d ns behind the mark: %v, want %v", after, got, want)
		}
	}
	d.arrival += 3e9
	if d.follows(last) {
		t.Error("a mark of 3 s ago is followed")
	}
}

func TestSatellitesOfOneNumberAreOfTwoSystems(t *testing.T) {
	r, err := decode(Append(nil, &Nav2SAT{Sats: []Sat2{{GNSSID: 0, SVID: 5}, {GNSSID: 3, SVID: 5}, {GNSSID: 3, SVID: 6}}}))
	if err != nil || len(r.Sky.Seen) != 3 {
		t.Errorf("%+v, %v, want 3 satellites", r.Sky, err)
	}
}

func TestAccuracyIsANumber(t *testing.T) {
	for tAcc, want := range map[float32]bool{20: true, 0: false, -1: false, 2e9: false, float32(math.NaN()): false, float32(math.Inf(1)): false} {
		r, err := decode(time2(func(m *Nav2TIMEUTC) { m.TAcc = tAcc }))
		if err != nil || (r.Mark.Accuracy != 0) != want {
			t.Errorf("accuracy %v ns is %v, %v, want it known: %v", tAcc, r.Mark.Accuracy, err, want)
		}
	}
}
