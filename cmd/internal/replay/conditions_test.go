package replay

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"timeball/gnss/nmea"
	"timeball/gnss/timescale"
	"timeball/gnss/ubx"
)

// hear returns the seconds of a receiver; change makes it say something odd in the second half.
func hear(seconds int, change func(b []byte, second int, fix *nmea.GGA, views *nmea.GSV) []byte) []byte {
	var b []byte
	for s := range seconds {
		stamp := nmea.Stamp{UTC: 1_790_000_000*timescale.Second + timescale.UTC(s)*timescale.Second}
		gga := nmea.GGA{Talker: "GN", Stamp: stamp, Quality: 1, Used: 9, HDOP: 0.8, Place: nmea.Place{Latitude: 51.4779, Longitude: -0.0015}}
		gsv := nmea.GSV{Talker: "GP", SignalID: '1'}
		for i := range 9 {
			gsv.Seen = append(gsv.Seen, nmea.View{ID: i + 1, Elevation: 10 + 8*i, Azimuth: 40 * i, CN0: 34 + 2*i})
		}
		if s >= seconds/2 {
			b = change(b, s, &gga, &gsv)
		}
		b = nmea.AppendRMC(b, nmea.RMC{Talker: "GN", Stamp: stamp, Place: gga.Place, Valid: true, Mode: 'A'})
		b = nmea.AppendGSV(nmea.AppendGGA(b, gga), gsv)
	}
	return b
}

func TestConditionsOfARecording(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(b []byte, second int, fix *nmea.GGA, views *nmea.GSV) []byte
		want   []string
	}{
		{"nothing", func(b []byte, _ int, _ *nmea.GGA, _ *nmea.GSV) []byte { return b }, []string{}},
		{"TXT", func(b []byte, _ int, _ *nmea.GGA, _ *nmea.GSV) []byte {
			return nmea.AppendTXT(b, "GN", "ANTSTATUS=OPEN")
		}, []string{"antenna-open"}},
		{"CASIC's TXT", func(b []byte, _ int, _ *nmea.GGA, _ *nmea.GSV) []byte {
			return nmea.AppendTXT(b, "GP", "ANTENNA SHORT")
		}, []string{"antenna-short"}},
		{"MON-RF", func(b []byte, _ int, _ *nmea.GGA, _ *nmea.GSV) []byte {
			return ubx.Append(b, &ubx.MonRF{Blocks: []ubx.RFBlock{{Flags: 1}, {Flags: 3, AntStatus: 4}}})
		}, []string{"antenna-open", "jamming"}},
		{"SEC-SIG", func(b []byte, _ int, _ *nmea.GGA, _ *nmea.GSV) []byte {
			return ubx.Append(b, &ubx.SecSIG{Version: 1, Jam: 2, Spoof: 3})
		}, []string{"jamming", "spoofing"}},
		{"signals gone", func(b []byte, _ int, _ *nmea.GGA, views *nmea.GSV) []byte {
			for i := range views.Seen {
				views.Seen[i].CN0 -= 20
			}
			return b
		}, []string{"signal-collapse"}},
		{"flat signals", func(b []byte, _ int, _ *nmea.GGA, views *nmea.GSV) []byte {
			for i := range views.Seen {
				views.Seen[i].CN0 = 44
			}
			return b
		}, []string{"flat-signals"}},
		{"no satellites", func(b []byte, _ int, fix *nmea.GGA, _ *nmea.GSV) []byte { fix.Used = 0; return b }, []string{"fix-without-satellites", "few-satellites"}},
		{"moved", func(b []byte, _ int, fix *nmea.GGA, _ *nmea.GSV) []byte { fix.Place.Latitude += 0.009; return b }, []string{"position-jump"}},
		{"times", func(b []byte, s int, _ *nmea.GGA, _ *nmea.GSV) []byte {
			tow := uint32(137618 + s) // of 1,790,000,000 s in week 2437
			ms := 1000 * tow
			b = ubx.Append(b, &ubx.NavSTATUS{ITOW: ms, GPSFix: 3, Flags: ubx.FixOK})
			b = ubx.Append(b, &ubx.NavTIMEGPS{ITOW: ms, Week: 2437, LeapS: 18, Valid: 7, TAcc: 20})
			bds := ubx.NavTIMEBDS{}
			bds.ITOW, bds.TOW, bds.FTOW, bds.Week, bds.LeapS, bds.Valid, bds.TAcc = ms, tow-14, 13700, 1081, 4, 7, 20
			return ubx.Append(b, &bds)
		}, []string{"constellations-disagree"}},
	} {
		s, err := Bytes(bytes.NewReader(hear(200, tt.change)), DefaultFloor)
		if diff := cmp.Diff(tt.want, s.Conditions); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
}
