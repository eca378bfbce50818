package nmea

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"timeball/gnss"
)

// views gives the bodies, one a line, to a decoder and returns the views that it reported.
func views(t *testing.T, lines string) (got []*gnss.Satellites) {
	t.Helper()
	d := NewDecoder()
	for body := range strings.Lines(lines) {
		p := packet(strings.TrimSuffix(body, "\n"))
		p.Arrival = 100
		r, err := d.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		if r.Sky != nil {
			got = append(got, r.Sky)
		}
	}
	return got
}

// second is an RMC that ends the epoch before.
func second(n int) string { return fmt.Sprintf("GNRMC,1501%02d.000,V,,,,,,,120626,,,N,V\n", n) }

func TestSkyIsOneView(t *testing.T) {
	view := func(seen ...gnss.Satellite) *gnss.Satellites {
		if seen == nil {
			seen = []gnss.Satellite{}
		}
		return &gnss.Satellites{Arrival: 100, Seen: seen}
	}
	gps := gnss.Satellite{System: "GPS", ID: 3, Elevation: 36, Azimuth: 306, CN0: 42}
	used := func(s gnss.Satellite) gnss.Satellite { s.Used = true; return s }
	tests := []struct {
		name, lines string
		want        []*gnss.Satellites
	}{
		{"of all constellations", second(1) +
			"GNGSA,A,3,03,,,,,,,,,,,,1.0,0.6,0.8,1\n" +
			"GPGSV,1,1,01,03,36,306,42,1\nGLGSV,1,1,01,74,15,230,21,1\nGAGSV,1,1,01,02,28,167,40,7\n" +
			"GBGSV,1,1,01,08,30,145,,1\nGQGSV,1,1,01,02,05,042,29,1\n" + second(2), []*gnss.Satellites{view(
			used(gps),
			gnss.Satellite{System: "GLONASS", ID: 74, Elevation: 15, Azimuth: 230, CN0: 21},
			gnss.Satellite{System: "Galileo", ID: 2, Elevation: 28, Azimuth: 167, CN0: 40},
			gnss.Satellite{System: "BeiDou", ID: 8, Elevation: 30, Azimuth: 145},
			gnss.Satellite{System: "QZSS", ID: 2, Elevation: 5, Azimuth: 42, CN0: 29},
		)}},
		{
			"with the best of two signals", second(1) + "GPGSV,1,1,01,03,36,306,32,1\nGPGSV,1,1,01,03,36,306,42,6\n" + second(2),
			[]*gnss.Satellites{view(gps)},
		},
		{
			"with a hexadecimal signal id", second(1) + "GBGSV,1,1,01,08,30,145,34,B\n" + second(2),
			[]*gnss.Satellites{view(gnss.Satellite{System: "BeiDou", ID: 8, Elevation: 30, Azimuth: 145, CN0: 34})},
		},
		{
			"used by another number", second(1) + "GNGSA,A,3,208,,,,,,,,,,,,1.0,0.6,0.8,4\nBDGSV,1,1,01,08,30,145,34,1\n" + second(2),
			[]*gnss.Satellites{view(gnss.Satellite{System: "BeiDou", ID: 8, Elevation: 30, Azimuth: 145, CN0: 34, Used: true})},
		},
		{
			"used by a GN talker without system id", second(1) + "GNGSA,A,3,74,,,,,,,,,,,,1.0,0.6,0.8\nGLGSV,1,1,01,74,15,230,21\n" + second(2),
			[]*gnss.Satellites{view(gnss.Satellite{System: "GLONASS", ID: 74, Elevation: 15, Azimuth: 230, CN0: 21, Used: true})},
		},
		{
			"with an off-spec system id", second(1) + "GPGSA,A,3,03,,,,,,,,,,,,1.0,0.6,0.8,2.9\nGPGSV,1,1,01,03,36,306,42\n" + second(2),
			[]*gnss.Satellites{view(used(gps))},
		},
		{"QZSS and SBAS among GPS", second(1) + "GPGSV,1,1,02,195,15,146,26,33,08,096,\n" + second(2), []*gnss.Satellites{view(
			gnss.Satellite{System: "QZSS", ID: 195, Elevation: 15, Azimuth: 146, CN0: 26},
			gnss.Satellite{System: "SBAS", ID: 33, Elevation: 8, Azimuth: 96},
		)}},
		{
			"without the last C/N0", second(1) + "GPGSV,1,1,01,03,36,306\n" + second(2),
			[]*gnss.Satellites{view(gnss.Satellite{System: "GPS", ID: 3, Elevation: 36, Azimuth: 306})},
		},
		{
			"with empty places", second(1) + "QZGSV,1,1,01,193,34,332,,,,,,,,,,,,,\n" + second(2),
			[]*gnss.Satellites{view(gnss.Satellite{System: "QZSS", ID: 193, Elevation: 34, Azimuth: 332})},
		},
		{"of nothing", second(1) + "GPGSV,1,1,00\n" + second(2), []*gnss.Satellites{view()}},
		{
			"with what is no number", second(1) + "GPGSV,1,1,01,03,--,306,nan\n" + second(2),
			[]*gnss.Satellites{view(gnss.Satellite{System: "GPS", ID: 3, Azimuth: 306})},
		},
		{"with parts of degrees", second(1) + "GPGSV,1,1,01,03,36.5,306.9,42.4\n" + second(2), []*gnss.Satellites{view(gps)}},
		{"not when the last of a group was lost before another group", second(1) + "GPGSV,2,1,05,03,36,306,42\nGLGSV,1,1,00\n" + second(2), nil},
		{"not with a sentence lost", second(1) + "GPGSV,2,1,08,03,36,306,42,04,05,320,,05,05,320,,06,05,320,\n" + second(2), nil},
		{"not with the first sentence lost", second(1) + "GPGSV,2,2,05,03,36,306,42\n" + second(2), nil},
		{"not with the middle lost", second(1) + "GPGSV,3,1,09,03,36,306,42\nGPGSV,3,3,09,04,36,306,42\n" + second(2), nil},
		{
			"again after a lost one", second(1) + "GPGSV,2,2,05,03,36,306,42\n" + second(2) + "GPGSV,1,1,01,03,36,306,42\n" + second(3),
			[]*gnss.Satellites{view(gps)},
		},
		{
			"once, when RMC and GGA tell the same time", second(1) + "GPGSV,1,1,01,03,36,306,42\nGNGGA,150101.000,,,,,0,00,,,M,,M,,\n" + second(2) + second(3),
			[]*gnss.Satellites{view(gps)},
		},
		{"before there is any time", "GPGSV,1,1,01,03,36,306,42\nGLGSV,1,1,00\nGPGSV,1,1,01,03,36,306,42\n", []*gnss.Satellites{view(gps)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, views(t, tt.lines)); diff != "" {
				t.Errorf("views (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSkyIsBounded(t *testing.T) {
	d := NewDecoder()
	for i := range 100_000 {
		body := fmt.Sprintf("G%cGSV,1,1,01,%d,36,306,42", 'A'+i%26, 1+i%30000)
		if i%2 == 0 {
			body = fmt.Sprintf("GNGSA,A,3,%d,,,,,,,,,,,,1.0,0.6,0.8", 1+i%30000)
		}
		if _, err := d.Decode(packet(body)); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.sky.seen) > maxSeen || len(d.sky.used) > maxUsed {
		t.Errorf("%d seen, %d used are kept", len(d.sky.seen), len(d.sky.used))
	}
}
