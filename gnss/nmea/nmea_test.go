package nmea

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	gonmea "github.com/adrianmo/go-nmea"
	"github.com/google/go-cmp/cmp"

	"timeball/gnss"
	"timeball/gnss/scan"
	"timeball/gnss/timescale"
)

// packet returns the packet of the sentence that has the given body.
func packet(body string) scan.Packet {
	return scan.Packet{Protocol: scan.NMEA, Arrival: 10, End: 20, Data: AppendSentence(nil, body)}
}

// decode gives the bodies to a new decoder and returns what the last one told.
func decode(bodies ...string) (r gnss.Report, err error) {
	d := NewDecoder()
	for _, b := range bodies {
		r, err = d.Decode(packet(b))
	}
	return r, err
}

func reason(err error) string {
	var r *Refused
	if errors.As(err, &r) {
		return r.Reason
	}
	return fmt.Sprint(err)
}

const (
	goodGSA = "GNGSA,A,3,03,16,26,27,28,31,32,195,,,,,1.0,0.6,0.8,1"
	goodRMC = "GNRMC,150112.000,A,1343.91325,N,10038.68322,E,0.00,241.11,120626,,,A,V"
	goodZDA = "GNZDA,150112.000,12,06,2026,00,00"
	goodGGA = "GNGGA,150112.000,1343.91325,N,10038.68322,E,1,28,0.6,2.9,M,-31.1,M,,"
)

func utc(s string) timescale.UTC {
	var c timescale.Civil
	var ns string
	if n, _ := fmt.Sscanf(s, "%d-%d-%dT%d:%d:%d.%s", &c.Year, &c.Month, &c.Day, &c.Hour, &c.Minute, &c.Second, &ns); n == 7 {
		fmt.Sscan((ns + "000000000")[:9], &c.Nanosecond)
	}
	at, err := c.UTC()
	if err != nil {
		panic(err)
	}
	return at
}

func TestDecodeMarks(t *testing.T) {
	mark := func(message, at string, valid bool) *gnss.TimeMark {
		return &gnss.TimeMark{Arrival: 10, End: 20, UTC: utc(at), Message: message, Valid: valid}
	}
	full := func(m *gnss.TimeMark) *gnss.TimeMark { m.Century = true; return m }
	leap := func(m *gnss.TimeMark) *gnss.TimeMark { m.Leap60 = true; return m }
	tests := []struct {
		name   string
		bodies []string
		want   *gnss.TimeMark
	}{
		{"RMC with navigation status", []string{goodRMC}, mark("GNRMC", "2026-06-12T15:01:12", true)},
		{"RMC of a BeiDou talker", []string{"BD" + goodRMC[2:]}, mark("BDRMC", "2026-06-12T15:01:12", true)},
		{"RMC with status V", []string{"GPRMC,212406.000,V,,,,,,,280316,,,N"}, mark("GPRMC", "2016-03-28T21:24:06", false)},
		{"RMC without mode", []string{"GPRMC,220952.00,A,4742.21,N,01200.75,E,0.0,0.0,181223,0.0,E"}, mark("GPRMC", "2023-12-18T22:09:52", true)},
		{
			"RMC with the mode in place of the direction, valid",
			[]string{"GPRMC,212630.000,A,4839.9411,N,00214.9065,E,0.00,,181207,0,A"},
			mark("GPRMC", "2007-12-18T21:26:30", true),
		},
		{
			"RMC with the mode in place of the direction, void",
			[]string{"GPRMC,212607.891,V,,,,,,,181207,0,N"},
			mark("GPRMC", "2007-12-18T21:26:07.891", false),
		},
		{"RMC of ten fields", []string{"GPRMC,220952.00,A,4742.21,N,01200.75,E,0.0,0.0,181223"}, mark("GPRMC", "2023-12-18T22:09:52", true)},
		{"RMC estimated", []string{strings.Replace(goodRMC, ",A,V", ",E,V", 1)}, mark("GNRMC", "2026-06-12T15:01:12", false)},
		{"RMC simulated", []string{strings.Replace(goodRMC, ",A,V", ",S,V", 1)}, mark("GNRMC", "2026-06-12T15:01:12", false)},
		{"RMC with mode N", []string{strings.Replace(goodRMC, ",A,V", ",N,V", 1)}, mark("GNRMC", "2026-06-12T15:01:12", false)},
		{"RMC unsafe", []string{strings.Replace(goodRMC, ",A,V", ",A,U", 1)}, mark("GNRMC", "2026-06-12T15:01:12", false)},
		{"RMC differential", []string{strings.Replace(goodRMC, ",A,V", ",D,V", 1)}, mark("GNRMC", "2026-06-12T15:01:12", true)},
		{"RMC with another status", []string{strings.Replace(goodRMC, ",A,1343", ",X,1343", 1)}, mark("GNRMC", "2026-06-12T15:01:12", false)},
		{"RMC with a damaged speed", []string{strings.Replace(goodRMC, ",0.00,", ",XXXXX,", 1)}, mark("GNRMC", "2026-06-12T15:01:12", true)},
		{"RMC without time", []string{"GNRMC,,V,,,,,,,120626,,,N,V"}, nil},
		{"RMC without date", []string{"GNRMC,150112.00,V,,,,,,,,,,N,V"}, nil},
		{
			"a part of a second that go-nmea rounds up",
			[]string{strings.Replace(goodRMC, "150112.000", "235959.9996", 1)},
			mark("GNRMC", "2026-06-12T23:59:59.9996", true),
		},
		{
			"more digits than nanoseconds",
			[]string{strings.Replace(goodRMC, "150112.000", "150112.1234567899", 1)},
			mark("GNRMC", "2026-06-12T15:01:12.123456789", true),
		},
		{"second 60", []string{"GNRMC,235960.00,A,1343.91325,N,10038.68322,E,,,311216,,,A"}, leap(mark("GNRMC", "2017-01-01T00:00:00", true))},
		{"year 80", []string{strings.Replace(goodRMC, "120626", "120680", 1)}, mark("GNRMC", "1980-06-12T15:01:12", true)},
		{"year 79", []string{strings.Replace(goodRMC, "120626", "120679", 1)}, mark("GNRMC", "2079-06-12T15:01:12", true)},
		{"year 00", []string{strings.Replace(goodRMC, "120626", "120600", 1)}, mark("GNRMC", "2000-06-12T15:01:12", true)},
		{"ZDA alone", []string{goodZDA}, full(mark("GNZDA", "2026-06-12T15:01:12", false))},
		{"ZDA behind an RMC with a fix", []string{goodRMC, goodZDA}, full(mark("GNZDA", "2026-06-12T15:01:12", true))},
		{"ZDA behind a GGA with a fix", []string{goodGGA, goodZDA}, full(mark("GNZDA", "2026-06-12T15:01:12", true))},
		{"ZDA a second behind an RMC", []string{goodRMC, strings.Replace(goodZDA, "12.0", "13.0", 1)}, full(mark("GNZDA", "2026-06-12T15:01:13", true))},
		{"ZDA long behind an RMC", []string{goodRMC, strings.Replace(goodZDA, "12.0", "15.0", 1)}, full(mark("GNZDA", "2026-06-12T15:01:15", false))},
		{
			"ZDA across midnight",
			[]string{strings.Replace(goodRMC, "150112", "235959", 1), "GNZDA,000000.00,13,06,2026,00,00"},
			full(mark("GNZDA", "2026-06-13T00:00:00", true)),
		},
		{
			"ZDA of a kept clock",
			[]string{"GPRMC,212406.000,V,,,,,,,280316,,,N", "GPZDA,212406.000,28,03,2016,00,00"},
			full(mark("GPZDA", "2016-03-28T21:24:06", false)),
		},
		{
			"ZDA after the fix was lost",
			[]string{goodRMC, strings.Replace(goodRMC, ",A,1343", ",V,1343", 1), goodZDA},
			full(mark("GNZDA", "2026-06-12T15:01:12", false)),
		},
		{
			"ZDA while RMC is void and GGA is not",
			[]string{goodGGA, strings.Replace(goodRMC, ",A,1343", ",V,1343", 1), goodZDA},
			full(mark("GNZDA", "2026-06-12T15:01:12", false)),
		},
		{"ZDA of a receiver that sends only GSA besides", append(slices.Repeat([]string{goodGSA}, 30), goodZDA), full(mark("GNZDA", "2026-06-12T15:01:12", true))},
		{"RMC with mode N in place of the direction", []string{"GPRMC,212630.000,A,4839.9411,N,00214.9065,E,0.00,,181207,0,N"}, mark("GPRMC", "2007-12-18T21:26:30", false)},
		{"ZDA without zone", []string{goodRMC, "GPZDA,150112.00,12,06,2026"}, full(mark("GPZDA", "2026-06-12T15:01:12", true))},
		{"ZDA with nothing but a zone", []string{"GNZDA,,,,,00,00"}, nil},
		{"ZDA without a day", []string{"GNZDA,150112.000,,06,2026,00,00"}, nil},
		{"ZDA without a month", []string{"GNZDA,150112.000,12,,2026,00,00"}, nil},
		{"ZDA without a year", []string{"GNZDA,150112.000,12,06,,00,00"}, nil},
		{"ZDA with short numbers", []string{goodRMC, "GNZDA,150112.000,12,6,2026"}, full(mark("GNZDA", "2026-06-12T15:01:12", true))},
		{
			"RMC in the century of ZDA",
			[]string{strings.ReplaceAll(goodGGA, "1501", "1501"), strings.Replace(goodZDA, "2026", "2126", 1), goodRMC},
			mark("GNRMC", "2126-06-12T15:01:12", true),
		},
		{
			"RMC not in the century of a ZDA that is not valid",
			[]string{strings.Replace(goodZDA, "2026", "2126", 1), goodRMC},
			mark("GNRMC", "2026-06-12T15:01:12", true),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode(tt.bodies...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Mark); diff != "" {
				t.Errorf("mark (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	in := func(from, to string) string { return strings.Replace(goodRMC, from, to, 1) }
	tests := []struct {
		name, body, want string
	}{
		{"hour 99", in("150112", "990112"), ReasonTime},
		{"hour 24", in("150112", "240000"), ReasonTime},
		{"minute 60", in("150112", "156012"), ReasonTime},
		{"second 61", in("150112", "150161"), ReasonTime},
		{"second 60 at noon", in("150112", "115960"), ReasonTime},
		{"a sign in the time", in("150112", "-10112"), ReasonTime},
		{"a letter in the fraction", in("150112.000", "150112.0x"), ReasonTime},
		{"a short time", in("150112.000", "1501"), ReasonTime},
		{"31 February", in("120626", "310226"), ReasonDate},
		{"00/00/00", in("120626", "000000"), ReasonDate},
		{"year -1", in("120626", "1206-1"), ReasonDate},
		{"a short date", in("120626", "12066"), ReasonDate},
		{"a date of eight digits", in("120626", "12062026"), ReasonDate},
		{"a latitude that is no number", in("1343.91325", "NaN"), ReasonPosition},
		{"latitude 91", in("1343.91325", "9100.0"), ReasonPosition},
		{"60 minutes", in("1343.91325", "1360.0"), ReasonPosition},
		{"an infinite longitude", in("10038.68322", "Inf"), ReasonPosition},
		{"longitude 180 and a bit", in("10038.68322", "18000.00001"), ReasonPosition},
		{"no hemisphere", in(",N,", ",,"), ReasonPosition},
		{"ZDA of 31 June", "GNZDA,150112.000,31,06,2026,00,00", ReasonDate},
		{"ZDA with a day of three digits", "GNZDA,150112.000,012,06,2026,00,00", ReasonDate},
		{"ZDA with a year of five digits", "GNZDA,150112.000,12,06,02026,00,00", ReasonDate},
		{"ZDA of year -1", "GNZDA,150112.000,12,06,-001,00,00", ReasonDate},
		{"ZDA with a year of two digits", "GNZDA,150112.000,12,06,26,00,00", ReasonDate},
		{"ZDA of hour 25", "GNZDA,250112.000,12,06,2026,00,00", ReasonTime},
		{"GGA of hour 25", strings.Replace(goodGGA, "150112", "250112", 1), ReasonTime},
		{"GNS of minute 61", "GNGNS,156102.00,5327.03976,N,00214.41006,W,AANN,04,4.39,23.0,48.5,,,V", ReasonTime},
		{"GGA of second 61", strings.Replace(goodGGA, "150112", "150161", 1), ReasonTime},
		{"a slash in the time", in("150112", "15011/"), ReasonTime},
		{"GSV without numbers", "GPGSV,3,1", ReasonFields},
		{"GSV 4 of 3", "GPGSV,3,4,12,01,02,003,40", ReasonFields},
		{"TXT, shortest", "GNTXT", ReasonFields},
		{"TXT with an empty field", "GNTXT,", ReasonFields},
		{"TXT with two empty fields", "GNTXT,,", ReasonFields},
		{"TXT without text", "GNTXT,01,01,02,", ReasonFields},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode(tt.body)
			if reason(err) != tt.want || got != (gnss.Report{}) {
				t.Errorf("Decode(%q) = %+v, %v, want refused for %q", tt.body, got, err, tt.want)
			}
		})
	}
}

func TestDecodeRefusesWhatIsNoSentence(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   scan.Packet
		want string
	}{
		{"UBX", scan.Packet{Protocol: scan.UBX, Data: []byte{0xB5, 0x62}}, ReasonProtocol},
		{"nothing", scan.Packet{}, ReasonProtocol},
		{"no checksum", scan.Packet{Data: []byte("$GNTXT")}, ReasonChecksum},
		{"a wrong checksum", scan.Packet{Data: []byte("$GNTXT*50")}, ReasonChecksum},
		{"letters for a checksum", scan.Packet{Data: []byte("$\xFF*zz")}, ReasonChecksum},
		{"a checksum alone", scan.Packet{Data: []byte("*00")}, ReasonChecksum},
	} {
		if _, err := NewDecoder().Decode(tt.in); reason(err) != tt.want {
			t.Errorf("%s: %v, want refused for %q", tt.name, err, tt.want)
		}
	}
}

func TestDecodeSurvivesItsParser(t *testing.T) {
	d := NewDecoder()
	d.parser.CustomParsers = map[string]gonmea.ParserFunc{
		"GSA": func(gonmea.BaseSentence) (gonmea.Sentence, error) { panic("a hole in go-nmea") },
	}
	if _, err := d.Decode(packet(goodGSA)); reason(err) != ReasonPanic {
		t.Errorf("Decode: %v, want refused for %q", err, ReasonPanic)
	}
	if r, err := d.Decode(packet(goodZDA)); err != nil || r.Mark == nil {
		t.Errorf("Decode after it: %+v, %v, want a mark", r, err)
	}
}

func TestDecodeKeepsSilentAboutOtherSentences(t *testing.T) {
	for _, body := range []string{
		"GNALC", "PSTI,030", "PUBX,00", "PZDA", "P", "",
		"PGSV,1", "PQGSV,1,1,01,03,60,045,42", "CCGPQ,GGA", "GNVTG,,T,,M,0.00,N,0.00,K,A", "GNRMCX,1",
		"*0GSA,000", // a '*' where go-nmea expects the talker: found by FuzzDecode
	} {
		if got, err := decode(body); err != nil || got != (gnss.Report{}) {
			t.Errorf("Decode(%q) = %+v, %v, want nothing", body, got, err)
		}
	}
}

func TestDecodeAcceptsLowerCaseChecksums(t *testing.T) {
	p := scan.Packet{Data: []byte("$GNRMC,103607.00,A,5327.03942,N,10214.42462,W,0.046,,060321,,,A,V*0e")}
	if got, err := NewDecoder().Decode(p); err != nil || got.Mark == nil {
		t.Errorf("Decode = %+v, %v, want a mark", got, err)
	}
}

func TestDecodeFixes(t *testing.T) {
	fix := func(message string, f gnss.Fix) *gnss.Fix {
		f.Arrival, f.Message = 10, message
		return &f
	}
	const lat, lon = 13 + 43.91325/60, 100 + 38.68322/60
	gsa, later := goodGSA, strings.Replace(goodGGA, "150112", "150113", 1)
	tests := []struct {
		name   string
		bodies []string
		want   *gnss.Fix
	}{
		{"RMC", []string{goodRMC}, fix("GNRMC", gnss.Fix{Valid: true, SatellitesUsed: -1, HasPosition: true, Latitude: lat, Longitude: lon})},
		{
			"RMC void with a position",
			[]string{"GPRMC,102137.000,V,3340.8472,S,15117.3205,W,0.0,0.0,251112,0.0,W"},
			fix("GPRMC", gnss.Fix{SatellitesUsed: -1, HasPosition: true, Latitude: -33 - 40.8472/60, Longitude: -151 - 17.3205/60}),
		},
		{"GGA behind GSA", []string{gsa, goodGGA}, fix("GNGGA", gnss.Fix{
			Valid: true, Dimensions: 3, SatellitesUsed: 28,
			HasPosition: true, Latitude: lat, Longitude: lon, Altitude: 2.9, HDOP: 0.6,
		})},
		{
			"GGA behind a GSA of an unused constellation",
			[]string{gsa, "GNGSA,A,1,,,,,,,,,,,,,,,,3", goodGGA},
			fix("GNGGA", gnss.Fix{
				Valid: true, Dimensions: 3, SatellitesUsed: 28,
				HasPosition: true, Latitude: lat, Longitude: lon, Altitude: 2.9, HDOP: 0.6,
			}),
		},
		{"GGA without a fix", []string{gsa, "GNGGA,074150.799,,,,,0,00,,,M,0.0,M,,0000"}, fix("GNGGA", gnss.Fix{})},
		{
			"GGA estimated",
			[]string{strings.Replace(goodGGA, "E,1,28", "E,6,28", 1)},
			fix("GNGGA", gnss.Fix{SatellitesUsed: 28, HasPosition: true, Latitude: lat, Longitude: lon, Altitude: 2.9, HDOP: 0.6}),
		},
		{
			"GGA by hand",
			[]string{strings.Replace(goodGGA, "E,1,28", "E,7,28", 1)},
			fix("GNGGA", gnss.Fix{SatellitesUsed: 28, HasPosition: true, Latitude: lat, Longitude: lon, Altitude: 2.9, HDOP: 0.6}),
		},
		{
			"GGA simulated",
			[]string{strings.Replace(goodGGA, "E,1,28", "E,8,28", 1)},
			fix("GNGGA", gnss.Fix{SatellitesUsed: 28, HasPosition: true, Latitude: lat, Longitude: lon, Altitude: 2.9, HDOP: 0.6}),
		},
		{
			"GGA with an altitude that is no number",
			[]string{strings.Replace(goodGGA, ",2.9,", ",NaN,", 1)},
			fix("GNGGA", gnss.Fix{Valid: true, SatellitesUsed: 28, HasPosition: true, Latitude: lat, Longitude: lon, HDOP: 0.6}),
		},
		{"GGA of eight fields", []string{"GPGGA,1501,1343.91325,N,10038.68322,E,1,05"}, nil},
		{
			"GNS",
			[]string{"GNGNS,150112.00,1343.91325,N,10038.68322,E,NANN,04,4.39,23.0,48.5,,,V"},
			fix("GNGNS", gnss.Fix{Valid: true, SatellitesUsed: 4, HasPosition: true, Latitude: lat, Longitude: lon, Altitude: 23, HDOP: 4.39}),
		},
		{"GNS without a fix", []string{"GNGNS,074150.799,,,,,NNNN,00,,,0.0,,0000"}, fix("GNGNS", gnss.Fix{})},
		{
			"GGA of the epoch in which the fix became flat",
			[]string{goodGSA, goodGGA, strings.Replace(goodGSA, "A,3", "A,2", 1), later},
			fix("GNGGA", gnss.Fix{Valid: true, Dimensions: 2, SatellitesUsed: 28, HasPosition: true, Latitude: lat, Longitude: lon, Altitude: 2.9, HDOP: 0.6}),
		},
		{
			"GGA of quality 9",
			[]string{strings.Replace(goodGGA, "E,1,28", "E,9,28", 1)},
			fix("GNGGA", gnss.Fix{Valid: true, SatellitesUsed: 28, HasPosition: true, Latitude: lat, Longitude: lon, Altitude: 2.9, HDOP: 0.6}),
		},
		{
			"GGA that does not say how many are used",
			[]string{strings.Replace(goodGGA, "E,1,28", "E,1,", 1)},
			fix("GNGGA", gnss.Fix{Valid: true, SatellitesUsed: -1, HasPosition: true, Latitude: lat, Longitude: lon, Altitude: 2.9, HDOP: 0.6}),
		},
		{"GGA with an altitude and no position", []string{"GNGGA,150112.000,,,,,0,00,99.9,17.0,M,,M,,"}, fix("GNGGA", gnss.Fix{HDOP: 99.9})},
		{
			"GNS unsafe",
			[]string{"GNGNS,150112.00,1343.91325,N,10038.68322,E,NANN,04,4.39,23.0,48.5,,,U"},
			fix("GNGNS", gnss.Fix{SatellitesUsed: 4, HasPosition: true, Latitude: lat, Longitude: lon, Altitude: 23, HDOP: 4.39}),
		},
		{"GSA of a receiver that also sends RMC", slices.Concat(slices.Repeat([]string{gsa}, 15), []string{goodRMC}, slices.Repeat([]string{gsa}, 15)), nil},
		{"GSA beside others", []string{goodRMC, gsa}, nil},
		{
			"GSA and nothing else for long", strings.Split(strings.Repeat(gsa+"|", 29)+gsa, "|"),
			fix("GNGSA", gnss.Fix{Valid: true, Dimensions: 3, SatellitesUsed: -1, HDOP: 0.6}),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode(tt.bodies...)
			if err != nil && tt.want != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Fix, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })); diff != "" {
				t.Errorf("fix (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeTellsTheReceiver(t *testing.T) {
	tests := []struct {
		name   string
		bodies []string
		want   string
	}{
		{"nothing", []string{goodRMC}, ""},
		{"u-blox 5", []string{"GPTXT,01,01,02,u-blox ag - www.u-blox.com", "GPTXT,01,01,02,HW  UBX-G50xx  00040005 ", "GPTXT,01,01,02,MOD LEA-5H-0"}, "u-blox LEA-5H-0"},
		{"u-blox 8", []string{"GNTXT,01,01,02,u-blox AG - www.u-blox.com", "GNTXT,01,01,02,HW UBX-M8030 00080000", "GNTXT,01,01,02,ROM CORE 3.01 (107888)"}, "u-blox UBX-M8030"},
		{"u-blox by PUBX", []string{"PUBX,00"}, "u-blox"},
		{"ATGM332D", []string{"GPTXT,01,01,02,MA=CASIC", "GPTXT,01,01,02,IC=ATGB03+ATGR201", "GPTXT,01,01,02,SW=URANUS2,V2.2.1.0"}, "CASIC ATGB03+ATGR201"},
		{"SkyTraq", []string{"PSTI,030,1"}, "SkyTraq"},
		{"Quectel", []string{"PQGSV,1,1,01,03,60,045,42"}, "Quectel"},
		{"LC79D", []string{"PGLOR,1,FIX,1.0,1.0"}, "Broadcom"},
		{"MediaTek", []string{"PMTK010,001"}, "MediaTek"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := NewDecoder()
			for _, b := range tt.bodies {
				if _, err := d.Decode(packet(b)); err != nil {
					t.Fatal(err)
				}
			}
			if got := d.Receiver(); got != tt.want {
				t.Errorf("Receiver() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDecodeCleansText(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{"GPTXT,01,01,02,ANTSTATUS=OK", "ANTSTATUS=OK"},
		{"GPTXT,01,01,02,a, b ,c", "a, b ,c"},
		{"GPTXT,TELIT SW Version: SL869 v3.1.2.1 -STD -N96", "TELIT SW Version: SL869 v3.1.2.1 -STD -N96"},
		{"GPTXT,01,01,02,<b>\x1b[31m\xffd\x7f", "<b>.[31m.d."},
		{"GPTXT,01,01,02," + strings.Repeat("x", 500), strings.Repeat("x", 200)},
	} {
		got, err := decode(tt.body)
		if err != nil || got.Text == nil || *got.Text != (gnss.Text{Arrival: 10, Text: tt.want}) {
			t.Errorf("Decode(%q) = %+v, %v, want %q", tt.body, got.Text, err, tt.want)
		}
	}
}
