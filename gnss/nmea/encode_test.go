package nmea

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"timeball/gnss"
	"timeball/gnss/scan"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

var (
	noon   = Stamp{UTC: 1781265672 * timescale.Second, Decimals: 2} // 2026-06-12 12:01:12
	berlin = Place{Latitude: 52.5, Longitude: 13.25, Altitude: 34.5}
)

func TestAppendWritesSentences(t *testing.T) {
	leap := Stamp{UTC: utc("2017-01-01T00:00:00.0"), Leap60: true}
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"RMC", AppendRMC(nil, RMC{"GN", noon, berlin, true, 'A', 'V'}), "$GNRMC,120112.00,A,5230.00000,N,01315.00000,E,,,120626,,,A,V*38\r\n"},
		{"an old RMC", AppendRMC(nil, RMC{Talker: "GP", Stamp: noon, Place: berlin, Valid: true}), "$GPRMC,120112.00,A,5230.00000,N,01315.00000,E,,,120626,,*31\r\n"},
		{"RMC before the first fix", AppendRMC(nil, RMC{"GN", Stamp{Unknown: true}, Place{Unknown: true}, false, 'N', 'V'}), "$GNRMC,,V,,,,,,,,,,N,V*37\r\n"},
		{"RMC in a leap second", AppendRMC(nil, RMC{Talker: "GP", Stamp: leap, Place: Place{Unknown: true}, Valid: true}), "$GPRMC,235960,A,,,,,,,311216,,*2B\r\n"},
		{"ZDA", AppendZDA(nil, ZDA{"GN", noon}), "$GNZDA,120112.00,12,06,2026,00,00*7A\r\n"},
		{"ZDA without time", AppendZDA(nil, ZDA{"GN", Stamp{Unknown: true}}), "$GNZDA,,,,,00,00*56\r\n"},
		{"GGA", AppendGGA(nil, GGA{"GN", noon, berlin, 1, 9, 0.8}), "$GNGGA,120112.00,5230.00000,N,01315.00000,E,1,09,0.80,34.5,M,0.0,M,,*42\r\n"},
		{"GSA", AppendGSA(nil, GSA{"GN", 3, []int{3, 16, 195}, 1, 0.6, 0.8, 1}), "$GNGSA,A,3,03,16,195,,,,,,,,,,1.00,0.60,0.80,1*37\r\n"},
		{
			"GSV", AppendGSV(nil, GSV{"GP", []View{{1, 8, 250, 0}, {2, 6, 226, 31}, {3, 36, 306, 42}, {4, 5, 320, 0}, {195, 15, 6, 26}}, '1'}),
			"$GPGSV,2,1,05,01,08,250,,02,06,226,31,03,36,306,42,04,05,320,,1*69\r\n$GPGSV,2,2,05,195,15,006,26,1*6A\r\n",
		},
		{"GSV of nothing", AppendGSV(nil, GSV{Talker: "GA"}), "$GAGSV,1,1,00*68\r\n"},
		{"TXT", AppendTXT(nil, "GN", "ANT*OK\n"), "$GNTXT,01,01,02,ANT.OK.*0C\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if string(tt.got) != tt.want {
				t.Errorf("got  %q\nwant %q", tt.got, tt.want)
			}
		})
	}
}

// report scans and decodes what was encoded and returns everything in one report.
func report(t *rapid.T, b []byte) (all gnss.Report) {
	s, d := scan.New(), NewDecoder()
	s.Write(0, 0, b, func(p scan.Packet) {
		r, err := d.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		if r.Mark != nil {
			all.Mark = r.Mark
		}
		if r.Fix != nil {
			all.Fix = r.Fix
		}
		if r.Sky != nil {
			all.Sky = r.Sky
		}
	})
	if n := s.Counts(); n.Skipped != 0 {
		t.Fatalf("%d bytes of %q are no packet", n.Skipped, b)
	}
	return all
}

func TestDecodeIsTheInverseOfAppend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := timescale.UTC(rapid.Int64Range(315532800*timescale.Second, 3471292799*timescale.Second).Draw(t, "utc")) // 1980 to 2079
		at -= at % 1000
		stamp := Stamp{UTC: at, Decimals: rapid.IntRange(6, 9).Draw(t, "decimals")}
		place := Place{
			Latitude:  rapid.Float64Range(-90, 90).Draw(t, "latitude"),
			Longitude: rapid.Float64Range(-180, 180).Draw(t, "longitude"),
			Altitude:  float64(rapid.IntRange(-5000, 90000).Draw(t, "altitude")) / 10,
		}
		valid := rapid.Bool().Draw(t, "valid")

		b := AppendRMC(nil, RMC{"GN", stamp, place, valid, 'A', 'V'})
		rmc := report(t, b)
		want := gnss.TimeMark{UTC: at, Message: "GNRMC", Valid: valid}
		if *rmc.Mark != want {
			t.Fatalf("%q is %+v, want %+v", b, *rmc.Mark, want)
		}
		b = AppendZDA(b, ZDA{"GN", stamp})
		want.Message, want.Century = "GNZDA", true
		if zda := report(t, b); *zda.Mark != want {
			t.Fatalf("%q is %+v, want %+v", b, *zda.Mark, want)
		}
		b = AppendGGA(nil, GGA{"GN", stamp, place, 1, 9, 0.8})
		near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-7 })
		fix := &gnss.Fix{
			Message: "GNGGA", Valid: true, SatellitesUsed: 9, HDOP: 0.8,
			HasPosition: true, Latitude: place.Latitude, Longitude: place.Longitude, Altitude: place.Altitude,
		}
		if diff := cmp.Diff(fix, report(t, b).Fix, near); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", b, diff)
		}
	})
}

// mark returns the sentences of one second of a receiver with two constellations.
func mark(dst []byte, at timescale.UTC) []byte {
	s := Stamp{UTC: at, Decimals: 2}
	seen := []View{{1, 8, 250, 0}, {2, 6, 226, 31}, {3, 36, 306, 42}, {4, 5, 320, 0}, {5, 15, 6, 26}, {6, 8, 50, 33}, {7, 18, 50, 33}, {8, 8, 50, 33}}
	dst = AppendRMC(dst, RMC{"GN", s, berlin, true, 'A', 'V'})
	dst = AppendZDA(dst, ZDA{"GN", s})
	dst = AppendGGA(dst, GGA{"GN", s, berlin, 1, 9, 0.8})
	dst = AppendGSA(dst, GSA{"GN", 3, []int{2, 3, 5, 6, 7, 8}, 1, 0.6, 0.8, 1})
	dst = AppendGSV(dst, GSV{"GP", seen, '1'})
	return AppendGSV(dst, GSV{"GB", seen, '1'})
}

func TestSecondOfSentencesIsReported(t *testing.T) {
	b := mark(mark(nil, noon.UTC), noon.UTC+timescale.Second)
	var marks, fixes, skies int
	s, d := scan.New(), NewDecoder()
	s.Write(0, 0, b, func(p scan.Packet) {
		r, err := d.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		if r.Mark != nil && r.Mark.Valid {
			marks++
		}
		if r.Fix != nil && r.Fix.Valid {
			fixes++
		}
		if r.Sky != nil && len(r.Sky.Seen) == 16 && r.Sky.Seen[1].Used {
			skies++
		}
	})
	if marks != 4 || fixes != 4 || skies != 1 {
		t.Errorf("%d marks, %d fixes, %d views, want 4, 4, 1", marks, fixes, skies)
	}
}

func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		"GNTXT", "GNTXT,", "GNTXT,,", "GNALC", goodRMC, goodZDA, goodGGA, // the first four panic in go-nmea
		"GPRMC,212607.891,V,,,,,,,181207,0,N", "GNGNS,074150.799,,,,,NNNN,00,,,0.0,,0000", "GPGSA,A,1,,,,,,,,,,,,,,,,2.9",
		"GPGSV,3,3,12,28,24,038,42,31,37,008,44,32,40,099,31,195,15,146,26,0", "GPGSV,7,7,25,04,08,012", "GPTXT,TELIT SW Version",
	} {
		f.Add(body)
	}
	for _, body := range recorded() {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		d := NewDecoder()
		for range 2 {
			r, err := d.Decode(packet(body))
			if err != nil && (r != gnss.Report{} || reason(err) == "" || reason(err) == ReasonPanic) {
				t.Fatalf("%+v with %v", r, err)
			}
			check(t, r)
		}
		whole := append(AppendSentence(nil, body), "$GNTXT*51"...)
		scan.New().Write(0, 0, whole, func(p scan.Packet) {
			if r, err := d.Decode(p); reason(err) != ReasonChecksum {
				check(t, r)
			} else {
				t.Fatalf("%q was framed and is refused: %v", p.Data, err)
			}
		})
	})
}

// recorded returns the bodies of one sentence of each type from the recordings beside the project, if they are there.
func recorded() (bodies []string) {
	files, _ := filepath.Glob("../../../shared/corpus/*.log")
	types := map[string]bool{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		scan.New().Write(0, 0, b, func(p scan.Packet) {
			address, _, _ := strings.Cut(string(p.Data), ",")
			if p.Protocol == scan.NMEA && !types[address] {
				types[address] = true
				bodies = append(bodies, string(p.Data[1:len(p.Data)-3]))
			}
		})
	}
	return bodies
}

// check fails when a report has what cannot be.
func check(t *testing.T, r gnss.Report) {
	if m := r.Mark; m != nil && (m.UTC.Civil().Year < 1678 || m.Message == "") {
		t.Fatalf("mark %+v", m)
	}
	if f := r.Fix; f != nil {
		for _, v := range []float64{f.Latitude, f.Longitude / 2, f.HDOP / 1e12, f.Altitude / 1e12} {
			if !(math.Abs(v) <= 90) {
				t.Fatalf("fix %+v", f)
			}
		}
	}
	if r.Text != nil && strings.ContainsFunc(r.Text.Text, func(c rune) bool { return c < ' ' || c > '~' }) {
		t.Fatalf("text %q", r.Text.Text)
	}
	if r.Sky != nil && len(r.Sky.Seen) > maxSeen {
		t.Fatalf("%d satellites", len(r.Sky.Seen))
	}
}

// One second of nine sentences, scanned and decoded.
func BenchmarkDecodeSecond(b *testing.B) {
	var seconds [60][]byte
	for i := range seconds {
		seconds[i] = mark(nil, noon.UTC+timescale.UTC(i)*timescale.Second)
	}
	if n := bytes.Count(seconds[0], []byte("$")); n != 8 {
		b.Fatalf("%d sentences", n)
	}
	s, d := scan.New(), NewDecoder()
	b.SetBytes(int64(len(seconds[0])))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		s.Write(clock.Mono(i), 1e-4, seconds[i%60], func(p scan.Packet) {
			if _, err := d.Decode(p); err != nil {
				b.Fatal(err)
			}
		})
		i++
	}
}

func BenchmarkAppendSecond(b *testing.B) {
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = mark(buf[:0], noon.UTC)
	}
	b.SetBytes(int64(len(buf)))
}
