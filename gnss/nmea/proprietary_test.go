package nmea

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"timeball/gnss"
)

// PUBX and what follows are from pygpsdata-MIXED2.log unless they are damaged on purpose.
const (
	pubx00 = "PUBX,00,090802.00,5327.03976,N,00214.41006,W,71.532,G3,49,31,0.267,0.00,-0.120,,4.39,2.76,2.33,4,0,0"
	pubx03 = "PUBX,03,16,14,U,087,50,24,000,15,-,,,26,016,20,-,313,24,13,000,23,-,315,24,19,000,24,U,247,25,36,064,30,-,,,17,000," +
		"68,-,144,38,,000,69,U,272,84,23,000,70,-,318,23,,000,77,-,039,02,,000,78,-,047,53,23,000,79,U,201,67,36,064,80,-,216,11,,000," +
		"85,-,301,04,,000,86,-,346,15,,000,87,-,047,04,,000"
	pubx04 = "PUBX,04,090802.00,220221,119282.00,2146,18,667369,-71.282,16"
)

func TestDecodeProprietary(t *testing.T) {
	const lat, lon = 53 + 27.03976/60, -2 - 14.41006/60
	mark := func(valid, full, century bool) *gnss.TimeMark {
		return &gnss.TimeMark{
			Arrival: 10, End: 20, UTC: utc("2021-02-22T09:08:02"), Message: "PUBX04", Valid: valid, FullUTC: full, Century: century,
		}
	}
	leap := &gnss.LeapNotice{Arrival: 10, TAIOffset: 37, Message: "PUBX04"}
	health := func(a gnss.Antenna) gnss.Report {
		return gnss.Report{Health: &gnss.Health{Arrival: 10, Message: "PGTOP", Antenna: a, Tone: -1, Gain: -1}}
	}
	fix := func(f gnss.Fix) gnss.Report {
		f.Arrival, f.Message, f.SatellitesUsed = 10, "PUBX00", 4
		f.HDOP, f.HasPosition, f.Latitude, f.Longitude, f.Altitude = 4.39, true, lat, lon, 71.532
		return gnss.Report{Fix: &f}
	}
	state := func(s string) string { return strings.Replace(pubx00, "G3", s, 1) }
	tests := []struct {
		name   string
		bodies []string
		want   gnss.Report
	}{
		{"PUBX,00", []string{pubx00}, fix(gnss.Fix{Valid: true, Dimensions: 3})},
		{"PUBX,00 flat", []string{state("D2")}, fix(gnss.Fix{Valid: true, Dimensions: 2})},
		{"PUBX,00 of time only", []string{state("TT")}, fix(gnss.Fix{Valid: true})},
		{"PUBX,00 without a fix", []string{state("NF")}, fix(gnss.Fix{})},
		{"PUBX,00 reckoned", []string{state("DR")}, fix(gnss.Fix{})},
		{"PUBX,04 behind a fix", []string{pubx00, pubx04}, gnss.Report{Mark: mark(true, true, true), Leap: leap}},
		{"PUBX,04 again", []string{pubx00, pubx04, pubx04}, gnss.Report{Mark: mark(true, true, true)}},
		{"PUBX,04 behind no fix", []string{state("NF"), pubx04}, gnss.Report{Mark: mark(false, true, true), Leap: leap}},
		{"PUBX,04 with leap seconds of the firmware", []string{pubx00, strings.Replace(pubx04, ",18,", ",16D,", 1)}, gnss.Report{Mark: mark(true, false, true)}},
		{"PUBX,04 of another week", []string{pubx00, strings.Replace(pubx04, "2146", "1122", 1)}, gnss.Report{Mark: mark(true, true, false), Leap: leap}},
		{"PUBX,04 before the date", []string{"PUBX,04,090802.00,,119282.00,2146,18D,667369,-71.282,16"}, gnss.Report{}},
		{"a request", []string{"PUBX,00"}, gnss.Report{}},
		{"PUBX,05", []string{"PUBX,05,1"}, gnss.Report{}},
		{"PGTOP of a short", []string{"PGTOP,11,1"}, health(gnss.AntennaShort)},
		{"PGTOP of the built-in antenna", []string{"PGTOP,11,2"}, health(gnss.AntennaUnknown)},
		{"PGTOP of an active antenna", []string{"PGTOP,11,3"}, health(gnss.AntennaOK)},
		{"PGTOP of something else", []string{"PGTOP,12,3"}, gnss.Report{}},
		{"PGTOP of a new state", []string{"PGTOP,11,9"}, gnss.Report{}},
		{"TXT of an open antenna", []string{"GPTXT,01,01,01,ANTENNA OPEN"}, gnss.Report{
			Text:   &gnss.Text{Arrival: 10, Text: "ANTENNA OPEN"},
			Health: &gnss.Health{Arrival: 10, Message: "GPTXT", Antenna: gnss.AntennaOpen, Tone: -1, Gain: -1},
		}},
		{"GST", []string{"GNGST,090802.00,29,116,32,160,44,20,31"}, gnss.Report{Quality: &gnss.Quality{
			Arrival: 10, Message: "GNGST", Residual: 29, Latitude: 44, Longitude: 20, Altitude: 31,
		}}},
		{"GST before the first fix", []string{"GPGST,212406.000,,,,,,,"}, gnss.Report{}},
		{"GBS", []string{"GNGBS,103607.00,15.1,24.2,31.0,,,,,,"}, gnss.Report{Quality: &gnss.Quality{
			Arrival: 10, Message: "GNGBS", Latitude: 15.1, Longitude: 24.2, Altitude: 31,
		}}},
		{"GBS with a satellite that is wrong", []string{"GNGBS,235458.00,1.4,1.3,3.1,03,,-21.4,3.8,1,0"}, gnss.Report{Quality: &gnss.Quality{
			Arrival: 10, Message: "GNGBS", Latitude: 1.4, Longitude: 1.3, Altitude: 3.1,
			Suspect: gnss.Satellite{System: "GPS", ID: 3}, SuspectBias: -21.4,
		}}},
		{"GBS with a wrong satellite of a system", []string{"GNGBS,235458.00,1.4,1.3,3.1,08,,-21.4,3.8,4,1"}, gnss.Report{Quality: &gnss.Quality{
			Arrival: 10, Message: "GNGBS", Latitude: 1.4, Longitude: 1.3, Altitude: 3.1,
			Suspect: gnss.Satellite{System: "BeiDou", ID: 8}, SuspectBias: -21.4,
		}}},
		{"GBS with satellite 0", []string{"GNGBS,235458.00,1.4,1.3,3.1,00,,-21.4,3.8"}, gnss.Report{Quality: &gnss.Quality{
			Arrival: 10, Message: "GNGBS", Latitude: 1.4, Longitude: 1.3, Altitude: 3.1,
		}}},
		{"GBS of nothing", []string{"GNGBS,090802.00,,,,,,,,,"}, gnss.Report{}},
		{"GRS", []string{"GNGRS,090802.00,1,3,-4,,,,,,,,,,,1,1"}, gnss.Report{Quality: &gnss.Quality{
			Arrival: 10, Message: "GNGRS", Residual: 3.5355339059327378,
		}}},
		{"GRS of nothing", []string{"GNGRS,090802.00,1,,,,,,,,,,,,,3,7"}, gnss.Report{}},
		{"sentences of others", []string{"PSTI,030,1", "PGLOR,1,FIX", "PMTK001,314,3", "PCAS03,1", "PSRF151,1", "PERDCRW,1"}, gnss.Report{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode(tt.bodies...)
			near := cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })
			if diff := cmp.Diff(tt.want, got, near); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestDecodeRefusesProprietary(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{strings.Replace(pubx04, "220221", "310221", 1), ReasonDate},
		{strings.Replace(pubx04, "220221", "22x221", 1), ReasonDate},
		{strings.Replace(pubx04, "090802", "250802", 1), ReasonTime},
		{strings.Replace(pubx00, "090802", "096802", 1), ReasonTime},
		{strings.Replace(pubx00, "5327", "9327", 1), ReasonPosition},
		{strings.Replace(pubx03, "03,16", "03,17", 1), ReasonFields},
		{strings.Replace(pubx03, "03,16", "03,xx", 1), ReasonFields},
		{"GNGST,250802.00,29,116,32,160,44,20,31", ReasonTime},
		{"GNGBS,09080,1,2,3", ReasonTime},
		{"GNGRS,-90802.00,1,3,-4", ReasonTime},
	} {
		if r, err := decode(tt.body); reason(err) != tt.want || r != (gnss.Report{}) {
			t.Errorf("Decode(%q) = %+v, %v, want refused for %q", tt.body, r, err, tt.want)
		}
	}
}

func TestPUBXSatellitesAreAView(t *testing.T) {
	r, err := decode(pubx03)
	if err != nil || r.Sky == nil || len(r.Sky.Seen) != 16 {
		t.Fatal(r, err)
	}
	used := 0
	for _, s := range r.Sky.Seen {
		if s.Used {
			used++
		}
	}
	want := []gnss.Satellite{
		{System: "GPS", ID: 14, Elevation: 50, Azimuth: 87, CN0: 24, Used: true}, {System: "GPS", ID: 15, CN0: 26},
	}
	if diff := cmp.Diff(want, r.Sky.Seen[:2]); diff != "" || used != 4 || r.Sky.Seen[15].System != "GLONASS" {
		t.Errorf("%d used, %+v (-want +got):\n%s", used, r.Sky.Seen[15], diff)
	}
	if r, err := decode("GPGSV,1,1,01,03,36,306,42", pubx03); r.Sky != nil || err != nil {
		t.Errorf("beside GSV: %+v, %v, want nothing", r.Sky, err)
	}
}

func TestCommands(t *testing.T) {
	for _, tt := range []struct {
		got  []byte
		want string // the first five as they are in use with AT6558
	}{
		{AppendPCASBaud(nil, 115200), "$PCAS01,5*19"},
		{AppendPCASInterval(nil, 500), "$PCAS02,500*1A"},
		{AppendPCASRates(nil, Rates{}), "$PCAS03,0,0,0,0,0,0,0,0,0,0,,,0,0*02"},
		{AppendPCASSystems(nil, PCASGPS|PCASBeiDou|PCASGLONASS), "$PCAS04,7*1E"},
		{AppendPCASQuery(nil, PCASFirmware), "$PCAS06,0*1B"},
		{AppendPCASRates(nil, Rates{GGA: 1, GSA: 1, GSV: 1, RMC: 1, ZDA: 1, ANT: 1}), "$PCAS03,1,0,1,1,1,0,1,1,0,0,,,0,0*02"},
		{AppendPUBXRate(nil, "ZDA", 1), "$PUBX,40,ZDA,0,1,0,1,0,0*44"},
		{AppendPUBXPort(nil, 3, 115200), "$PUBX,41,1,0003,0003,115200,0*1C"},
		{AppendPUBXPoll(nil, 4), "$PUBX,04*37"},
	} {
		if string(tt.got) != tt.want+"\r\n" {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
	if got := AppendPCASBaud(nil, 230400); got != nil {
		t.Errorf("a baud rate that is not there: %q", got)
	}
}

// A sentence with very many fields is read without keeping them all.
func TestDecodeBoundsFields(t *testing.T) {
	d := NewDecoder()
	if _, err := d.Decode(packet("GPTXT,01,01,02," + strings.Repeat("x,", 10_000))); err != nil || len(d.fields) > maxFields {
		t.Errorf("%v, %d fields", err, len(d.fields))
	}
}
