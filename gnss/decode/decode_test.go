package decode

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"timeball/gnss"
	"timeball/gnss/casic"
	"timeball/gnss/nmea"
	"timeball/gnss/scan"
	"timeball/gnss/timescale"
	"timeball/gnss/ubx"
)

// noon is 2026-11-21 12:00:00 UTC.
const noon timescale.UTC = 1795262400 * timescale.Second

// mixed is one second of a line on which all protocols are spoken, with a correction and foreign bytes between them.
func mixed() []byte {
	b := nmea.AppendRMC(nil, nmea.RMC{Talker: "GN", Stamp: nmea.Stamp{UTC: noon}, Valid: true, Mode: 'A'})
	b = append(b, 0xD3, 0, 2, 0x3E, 0xD0, 0x47, 0x47, 0xFC) // no RTCM3: its checksum is wrong
	b = ubx.Append(b, &ubx.NavPVT{
		Year: 2026, Month: 11, Day: 21, Hour: 12, Valid: 7, FixType: 3, Flags: ubx.FixOK, Nano: -300, TAcc: 20, Lat: 1,
	})
	b = append(b, 0x10, 0x45, 0x10, 0x03, 0xA0, 0xA1) // TSIP and SkyTraq
	b = casic.Append(b, &casic.NavTIMEUTC{Year: 2026, Month: 11, Day: 21, Hour: 12, Valid: 7, DateValid: 3})
	return ubx.Append(b, &ubx.TimTP{Flags: ubx.TPBaseUTC | ubx.TPUTC})
}

func TestDecodeTakesAnyMixture(t *testing.T) {
	d := New()
	got := map[string]bool{}
	s := scan.New()
	emit := func(p scan.Packet) {
		r, err := d.Decode(p)
		if err != nil {
			t.Error(err)
		}
		if r.Mark != nil && r.Mark.Valid {
			if second, ok := r.Mark.Second(); !ok || second != noon {
				t.Errorf("%s names %v", r.Mark.Message, r.Mark.UTC)
			}
			got[r.Mark.Message] = true
		}
		if r.Pulse != nil {
			got[r.Pulse.Message] = true
		}
	}
	s.Write(0, 0, mixed(), emit)
	s.Flush(emit)
	for _, m := range []string{"GNRMC", "NAV-PVT", "NAV-TIMEUTC", "TIM-TP"} {
		if !got[m] {
			t.Errorf("no %s in %v", m, got)
		}
	}
	if r, err := d.Decode(scan.Packet{Protocol: scan.RTCM3, Data: []byte{0xD3, 0, 0, 0x47, 0xEA, 0x4B}}); r != (gnss.Report{}) || err != nil {
		t.Errorf("RTCM3: %+v, %v, want nothing", r, err)
	}
}

func TestRefusedTellsItsProtocol(t *testing.T) {
	for protocol, p := range map[string]scan.Packet{
		"nmea":  {Protocol: scan.NMEA, Data: nmea.AppendSentence(nil, "GNRMC,990000.00,A,,,,,,,211126,,,A")},
		"ubx":   {Protocol: scan.UBX, Data: ubx.Append(nil, &ubx.TimTP{TowMS: 1e9})},
		"casic": {Protocol: scan.CASIC, Data: casic.Append(nil, &casic.TimTP{TOW: 1e9})},
	} {
		_, err := New().Decode(p)
		var r *gnss.Refused
		if !errors.As(err, &r) || r.Protocol != protocol || r.Reason != gnss.ReasonTime {
			t.Errorf("%s: %v", protocol, err)
		}
	}
}

func TestReceiverIsWhatToldMost(t *testing.T) {
	d := New()
	for _, tt := range []struct {
		p    scan.Packet
		want string
	}{
		{scan.Packet{Protocol: scan.NMEA, Data: nmea.AppendSentence(nil, "GNGGA,")}, ""},
		{scan.Packet{Protocol: scan.UBX, Data: ubx.Append(nil, &ubx.NavPVT{})}, "u-blox"},
		{scan.Packet{Protocol: scan.NMEA, Data: nmea.AppendTXT(nil, "GN", "HW UBX-M8030 00080000")}, "u-blox UBX-M8030"},
		{scan.Packet{Protocol: scan.UBX, Data: ubx.Append(nil, &ubx.MonVER{Extensions: []string{"MOD=NEO-M8T-0"}})}, "u-blox NEO-M8T-0"},
	} {
		if _, err := d.Decode(tt.p); err != nil || d.Receiver() != tt.want {
			t.Errorf("%q, %v, want %q", d.Receiver(), err, tt.want)
		}
	}
}

func TestSetFirstYearIsForNMEA(t *testing.T) {
	d := New()
	d.SetFirstYear(2080)
	r, err := d.Decode(scan.Packet{Data: nmea.AppendRMC(nil, nmea.RMC{Talker: "GN", Stamp: nmea.Stamp{UTC: noon}, Valid: true})})
	if err != nil || r.Mark.UTC.Civil().Year != 2126 {
		t.Errorf("%v, %v, want 2126", r.Mark, err)
	}
}

// recordings returns the bytes of the recordings beside the project.
func recordings(tb testing.TB) map[string][]byte {
	tb.Helper()
	files, _ := filepath.Glob("../../../shared/corpus/*.log")
	if len(files) == 0 {
		tb.Skip("no recordings at ../shared/corpus")
	}
	all := map[string][]byte{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		for len(b) > 0 && b[0] == '#' {
			_, b, _ = bytes.Cut(b, []byte("\n"))
		}
		all[filepath.Base(name)] = b
	}
	return all
}

// stretch is where a packet lies in a stream, in which a byte is read each nanosecond.
type stretch struct{ from, to int }

// packets returns the packets of a stream by place, and decodes them.
func packets(tb testing.TB, b []byte) map[stretch]string {
	tb.Helper()
	found := map[stretch]string{}
	s, d := scan.New(), New()
	emit := func(p scan.Packet) {
		found[stretch{int(p.Arrival), int(p.Arrival) + len(p.Data)}] = string(p.Data)
		if _, err := d.Decode(p); err != nil {
			var r *gnss.Refused
			if !errors.As(err, &r) || r.Reason == gnss.ReasonPanic || r.Reason == gnss.ReasonProtocol {
				tb.Errorf("%v", err)
			}
		}
	}
	s.Write(0, 1e-9, b, emit)
	s.Flush(emit)
	return found
}

// Bits are flipped as on a bad line (F11): nothing panics, and of the packets that were not hit at most one more is lost
// than were hit.
func TestBitErrorsLoseOnlyWhatTheyHit(t *testing.T) {
	for name, clean := range recordings(t) {
		before := packets(t, clean)
		for _, rate := range []float64{1e-5, 1e-4, 1e-3, 1e-2} {
			for seed := range uint64(5) {
				t.Run(fmt.Sprintf("%s/%g/%d", name, rate, seed), func(t *testing.T) {
					dirty, hit := flip(clean, rate, seed)
					after := packets(t, dirty)
					damaged, lost := 0, 0
					for at, data := range before {
						switch {
						case hits(hit, at):
							damaged++
						case after[at] != data:
							lost++
						}
					}
					if lost > damaged+1 {
						t.Errorf("%d of %d packets damaged, %d others lost", damaged, len(before), lost)
					}
				})
			}
		}
	}
}

// flip returns b with a part of its bits flipped, and how many were up to each byte.
func flip(b []byte, rate float64, seed uint64) (dirty []byte, upTo []int) {
	r := rand.New(rand.NewPCG(seed, 11))
	dirty, upTo = bytes.Clone(b), make([]int, len(b)+1)
	for i := range dirty {
		upTo[i+1] = upTo[i]
		for bit := range 8 {
			if r.Float64() < rate {
				dirty[i] ^= 1 << bit
				upTo[i+1]++
			}
		}
	}
	return dirty, upTo
}

func hits(upTo []int, at stretch) bool { return upTo[at.to] > upTo[at.from] }

// FuzzDecode gives any bytes to scan and to the decoder behind it.
func FuzzDecode(f *testing.F) {
	f.Add(mixed())
	files, _ := filepath.Glob("../../../shared/corpus/*.log")
	for _, name := range files {
		if b, err := os.ReadFile(name); err == nil {
			f.Add(b[:min(len(b), 2000)])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { packets(t, b) })
}

// What matters for time in NMEA: RMC, ZDA, GGA and TXT, scanned and decoded.
func BenchmarkNMEA(b *testing.B) {
	var seconds []byte
	for i := range 60 {
		s := nmea.Stamp{UTC: noon + timescale.UTC(i)*timescale.Second, Decimals: 2}
		place := nmea.Place{Latitude: 51.4779, Longitude: -0.0015, Altitude: 47}
		seconds = nmea.AppendRMC(seconds, nmea.RMC{Talker: "GN", Stamp: s, Place: place, Valid: true, Mode: 'A', NavStatus: 'V'})
		seconds = nmea.AppendZDA(seconds, nmea.ZDA{Talker: "GN", Stamp: s})
		seconds = nmea.AppendGGA(seconds, nmea.GGA{Talker: "GN", Stamp: s, Place: place, Quality: 1, Used: 9, HDOP: 0.8})
		seconds = nmea.AppendTXT(seconds, "GN", "ANTSTATUS=OK")
	}
	benchmark(b, seconds)
}

// What a timing receiver of u-blox sends in a second.
func BenchmarkUBX(b *testing.B) {
	var seconds []byte
	sats := make([]ubx.Sat, 32)
	for i := range uint32(60) {
		seconds = ubx.Append(seconds, &ubx.NavPVT{
			ITOW: 1000 * i, Year: 2026, Month: 11, Day: 21, Hour: 12, Sec: uint8(i), Valid: 7, FixType: 3, Flags: 1, Lat: 1,
		})
		seconds = ubx.Append(seconds, &ubx.NavSAT{ITOW: 1000 * i, Sats: sats})
		seconds = ubx.Append(seconds, &ubx.NavTIMEUTC{ITOW: 1000 * i, Year: 2026, Month: 11, Day: 21, Hour: 12, Sec: uint8(i), Valid: 7})
		seconds = ubx.Append(seconds, &ubx.TimTP{TowMS: 1000 * i, Flags: 3})
		seconds = ubx.Append(seconds, &ubx.MonRF{Blocks: make([]ubx.RFBlock, 2)})
	}
	benchmark(b, seconds)
}

func benchmark(b *testing.B, data []byte) {
	s, d := scan.New(), New()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s.Write(0, 1e-4, data, func(p scan.Packet) {
			if _, err := d.Decode(p); err != nil {
				b.Fatal(err)
			}
		})
	}
}
