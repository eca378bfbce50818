package scan

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"timeball/pps/clock"
)

// line returns a sentence with its checksum and CR LF.
func line(body string) string {
	var sum byte
	for i := range len(body) {
		sum ^= body[i]
	}
	return fmt.Sprintf("$%s*%02X\r\n", body, sum)
}

// ubx returns a UBX frame.
func ubx(class, id byte, payload []byte) []byte {
	b := []byte{0xB5, 0x62, class, id}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(payload)))
	b = append(b, payload...)
	return binary.LittleEndian.AppendUint16(b, fletcher(b[2:]))
}

// casic returns a CASIC frame.
func casic(class, id byte, payload []byte) []byte {
	b := []byte{0xBA, 0xCE}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(payload)))
	b = append(b, class, id)
	b = append(b, payload...)
	return binary.LittleEndian.AppendUint32(b, wordSum(append(b, 0, 0, 0, 0)))
}

// rtcm returns an RTCM3 frame.
func rtcm(payload []byte) []byte {
	b := append([]byte{0xD3, byte(len(payload) >> 8), byte(len(payload))}, payload...)
	c := crc24q(b)
	return append(b, byte(c>>16), byte(c>>8), byte(c))
}

// packets returns "protocol data" of each packet in b and the counts, after the end of the stream.
func packets(b []byte) ([]string, Counts) {
	s := New()
	var got []string
	emit := func(p Packet) { got = append(got, p.Protocol.String()+" "+show(p)) }
	s.Write(0, 0, b, emit)
	s.Flush(emit)
	return got, s.Counts()
}

func show(p Packet) string {
	if p.Protocol == NMEA {
		return string(p.Data)
	}
	return hex.EncodeToString(p.Data)
}

const rmc = "$GNRMC,150112.000,A,1343.91325,N,10038.68322,E,0.00,241.11,120626,,,A,V*04"

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// ack is ACK-NAK of a real ATGM332D, poll the request for NAV-PVT of a u-blox receiver (interface description).
var (
	ack  = unhex("bace 0400 0500 06010000 0a010500")
	poll = unhex("b562 0107 0000 0819")
)

func TestScanFinds(t *testing.T) {
	tests := []struct {
		name string
		in   string
		want []string
		bad  Counts // Good and Skipped are not compared
	}{
		{"a sentence", rmc + "\r\n", []string{"nmea " + rmc}, Counts{}},
		{"a sentence without line end", rmc, []string{"nmea " + rmc}, Counts{}},
		{"two glued sentences", rmc + rmc, []string{"nmea " + rmc, "nmea " + rmc}, Counts{}},
		{"a sentence glued to the start of one", "$GNGGA,1501" + rmc + "\r\n", []string{"nmea " + rmc}, Counts{}},
		{"trailing junk", rmc + "junk\r\n" + rmc, []string{"nmea " + rmc, "nmea " + rmc}, Counts{}},
		{"$$", "$" + rmc + "\r\n", []string{"nmea " + rmc}, Counts{}},
		{
			"a lower-case checksum", "$GNRMC,103607.00,A,5327.03942,N,10214.42462,W,0.046,,060321,,,A,V*0e\r\n",
			[]string{"nmea $GNRMC,103607.00,A,5327.03942,N,10214.42462,W,0.046,,060321,,,A,V*0e"},
			Counts{},
		},
		{"the shortest text", "$GNTXT*51\r\n", []string{"nmea $GNTXT*51"}, Counts{}},
		{"a star inside of a text", line("GNTXT,a*12b"), []string{"nmea $GNTXT,a*12b" + "*57"}, Counts{}},
		{
			"an encapsulated sentence", "!AIVDM,1,1,,A,14eG;o@034o8sd<L9i:a;WF>062D,0*7D\r\n",
			[]string{"nmea !AIVDM,1,1,,A,14eG;o@034o8sd<L9i:a;WF>062D,0*7D"},
			Counts{},
		},
		{"no sentence with a wrong checksum", "$GNRMC,1*00\r\n", nil, Counts{Bad: [4]int{1}}},
		{"no sentence without checksum", "$GNRMC,150112.000,A\r\n", nil, Counts{NoChecksum: 1}},
		{"no sentence in a cut checksum", "$GNRMC,150112.000,A*0\r\n", nil, Counts{NoChecksum: 1}},
		{"a sentence behind a cut one", "$GNRMC,150112.000,A\r\n" + rmc, []string{"nmea " + rmc}, Counts{NoChecksum: 1}},
		{"nothing in shell text", "# Price: $5, $ 7 and $home\r\n", nil, Counts{NoChecksum: 1}},
		{"UBX", string(poll), []string{"ubx b56201070000" + "0819"}, Counts{}},
		{"UBX behind a first byte", "\xB5" + string(poll), []string{"ubx b562010700000819"}, Counts{}},
		{"no UBX with a wrong checksum", "\xB5\x62\x01\x07\x00\x00\x08\x18", nil, Counts{Bad: [4]int{0, 1}}},
		{"CASIC", string(ack), []string{"casic " + hex.EncodeToString(ack)}, Counts{}},
		{
			"CASIC of odd length", string(casic(1, 2, []byte{1, 2, 3, 4, 5})),
			[]string{"casic bace0500010201020304050b020406"},
			Counts{},
		},
		{
			"what follows a CASIC header that claims 164 bytes and has 10",
			"\xBA\xCE\xA4\x00\x01\x20\xA1\x09\xA1\x00" + string(ack) + rmc + "\r\n",
			[]string{"casic " + hex.EncodeToString(ack), "nmea " + rmc},
			Counts{},
		},
		{
			"what is inside of a frame that was cut by the next",
			string(ubx(1, 7, make([]byte, 92))[:40]) + string(poll) + strings.Repeat(rmc+"\r\n", 2),
			[]string{"ubx b562010700000819", "nmea " + rmc, "nmea " + rmc},
			Counts{Bad: [4]int{0, 1}},
		},
		{"RTCM3", string(rtcm([]byte{0x3E, 0xD0})), []string{"rtcm3 d300023ed0" + hex.EncodeToString(rtcm([]byte{0x3E, 0xD0})[5:])}, Counts{}},
		{
			"UBX of the largest length", string(ubx(1, 2, make([]byte, 65535))),
			[]string{"ubx " + hex.EncodeToString(ubx(1, 2, make([]byte, 65535)))},
			Counts{},
		},
		{
			"CASIC of the largest length", string(casic(1, 2, make([]byte, 65535))),
			[]string{"casic " + hex.EncodeToString(casic(1, 2, make([]byte, 65535)))},
			Counts{},
		},
		{
			"one sentence quoted in a long UBX message", string(ubx(4, 4, []byte(rmc+strings.Repeat(" ", 300)))),
			[]string{"ubx " + hex.EncodeToString(ubx(4, 4, []byte(rmc+strings.Repeat(" ", 300))))},
			Counts{},
		},
		{
			"two long frames that quote one sentence each",
			string(ubx(4, 4, []byte(rmc+strings.Repeat(" ", 300)))) + string(ubx(4, 4, []byte(strings.Repeat(" ", 400)+rmc))),
			[]string{
				"ubx " + hex.EncodeToString(ubx(4, 4, []byte(rmc+strings.Repeat(" ", 300)))),
				"ubx " + hex.EncodeToString(ubx(4, 4, []byte(strings.Repeat(" ", 400)+rmc))),
			},
			Counts{},
		},
		{"no RTCM3 with a reserved bit", string(rtcm(make([]byte, 1024))), nil, Counts{}},
		{"no sentence without address", "$*00\r\n", nil, Counts{}},
		{
			"the start of a line that never ends", "$GP" + strings.Repeat("x", maxFrame) + "\r\n" + rmc,
			[]string{"nmea " + rmc},
			Counts{Overlong: 1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, counts := packets([]byte(tt.in))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("packets (-want +got):\n%s", diff)
			}
			counts.Good, counts.Skipped = tt.bad.Good, 0
			if counts != tt.bad {
				t.Errorf("counts = %+v, want %+v", counts, tt.bad)
			}
		})
	}
}

// A flipped bit in a length must not hold back the labels of the next minute.
func TestScanDoesNotWaitForALieAboutLength(t *testing.T) {
	for _, header := range []string{"\xB5\x62\x01\x07\xFF\xFF", "\xBA\xCE\xFF\xFF\x01\x20", "\xD3\x03\xFF"} {
		s := New()
		got := 0
		emit := func(Packet) { got++ }
		s.Write(0, 0, []byte(header), emit)
		s.Write(0, 0, []byte(rmc+"\r\n"+rmc+"\r\n"), emit)
		if want := (Counts{Good: [4]int{2}, Abandoned: 1, Skipped: len(header)}); got != 2 || s.Counts() != want {
			t.Errorf("after %x: %d packets, counts %+v, want 2, %+v", header, got, s.Counts(), want)
		}
	}
}

// What is no frame must not hold back the packet behind it, however long the line is silent then.
func TestScanDoesNotWaitForWhatIsNoFrame(t *testing.T) {
	long := "\xB5\x62\x01\x07\xFF\xFF"
	for _, tt := range []struct {
		name, in string
		want     int
	}{
		{"text with a control character", "$GP\x01" + string(poll), 1},
		{"text without address", "$,GP" + string(poll), 1},
		{"half a sync", "\xB5\x01" + string(poll), 1},
		{"a long frame within a long frame", long + long + rmc + rmc, 2},
		{"a damaged line within a long frame", long + "$GNRMC,1*00\r\n" + rmc + rmc, 2},
	} {
		s := New()
		got := 0
		s.Write(0, 0, []byte(tt.in), func(Packet) { got++ })
		if got != tt.want {
			t.Errorf("behind %s: %d packets, want %d", tt.name, got, tt.want)
		}
	}
}

func TestScanDatesEachPacketByItsOwnFirstByte(t *testing.T) {
	const ms = clock.Mono(1e6)
	s := New()
	var got []clock.Mono
	emit := func(p Packet) { got = append(got, p.Arrival, p.End) }
	n := clock.Mono(len(poll))
	s.Write(1000*ms, 1e-3, poll, emit)                                // a read of its own
	s.Write(2000*ms, 1e-3, append(bytes.Clone(poll), poll...), emit)  // glued
	s.Write(3000*ms, 1e-3, poll[:3], emit)                            // split
	s.Write(3500*ms, 1e-3, append(bytes.Clone(poll[3:]), '\n'), emit) // behind the rest of it
	s.Write(4000*ms, 0, append([]byte("xx"), poll...), emit)          // no byte time
	want := []clock.Mono{
		1000 * ms, (1000 + n - 1) * ms,
		2000 * ms, (2000 + n - 1) * ms, (2000 + n) * ms, (2000 + 2*n - 1) * ms,
		3000 * ms, (3500 + n - 4) * ms,
		4000 * ms, 4000 * ms,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("arrivals and ends (-want +got):\n%s", diff)
	}
	if got, want := Began(1000*ms, 8, 1e-3), 993*ms; got != want {
		t.Errorf("Began = %v, want %v", got, want)
	}
}

func TestScanDatesThousandsOfReads(t *testing.T) {
	s := New()
	frame := ubx(1, 2, make([]byte, 5000))
	var got Packet
	for i := range frame {
		s.Write(clock.Mono(i*1000), 1e-6, frame[i:i+1], func(p Packet) { got = p })
	}
	s.Write(7e9, 0, poll, func(p Packet) { got = p })
	if got.Arrival != 7e9 || len(s.arrived.reads) > maxReads {
		t.Errorf("arrival = %v, want 7e9; %d reads kept, want at most %d", got.Arrival, len(s.arrived.reads), maxReads)
	}
	var first, last clock.Mono
	for i := range frame {
		s.Write(clock.Mono(i*1000), 1e-6, frame[i:i+1], func(p Packet) { first, last = p.Arrival, p.End })
	}
	if want := clock.Mono(len(frame)-1) * 1000; first != 0 || last != want {
		t.Errorf("arrival = %v, end = %v, want 0, %v", first, last, want)
	}
}

func TestScanNeverEndsAPacketBeforeItBegan(t *testing.T) {
	s := New()
	var got Packet
	s.Write(2000, 0, poll[:3], nil)
	s.Write(1000, 0, poll[3:], func(p Packet) { got = p })
	if got.Arrival != 2000 || got.End != 2000 {
		t.Errorf("arrival = %d, end = %d, want 2000, 2000", got.Arrival, got.End)
	}
}

// A packet inside of a long frame that was given up is dated by its own read, within the few that were thinned out.
func TestScanDatesWhatWaitedLong(t *testing.T) {
	s := New()
	stream := append([]byte("\xB5\x62\x01\x07\xFF\xFF"), make([]byte, 3000)...)
	at := clock.Mono(len(stream)) * 1000
	stream = append(append(stream, poll...), make([]byte, 3000)...)
	for i := range stream {
		s.Write(clock.Mono(i*1000), 0, stream[i:i+1], nil)
	}
	var got Packet
	s.Flush(func(p Packet) { got = p })
	if got.Arrival > at || got.Arrival < at-16000 {
		t.Errorf("arrival = %d, want %d or up to 16 reads before", got.Arrival, at)
	}
}

// piece draws what a receiver may send, whole, damaged or none of it.
func piece(t *rapid.T) []byte {
	payload := func(n int) []byte {
		return rapid.SliceOfN(rapid.SampledFrom([]byte("\x00\xB5\x62\xBA\xCE\xD3\x01$!*5A,\r\n\xFF")), 0, n).Draw(t, "payload")
	}
	var b []byte
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0:
		b = []byte(line("GPRMC," + string(payload(40))))
	case 1:
		b = ubx(1, 2, payload(40))
	case 2:
		b = casic(1, 2, payload(40))
	case 3:
		b = rtcm(payload(40))
	case 4:
		b = payload(40)
	case 5:
		b = ubx(1, 2, append(make([]byte, 300), payload(600)...))
	case 6:
		b = []byte{0xB5, 0x62, 1, 2, byte(rapid.IntRange(0, 255).Draw(t, "low")), byte(rapid.IntRange(0, 3).Draw(t, "high"))}
	}
	if len(b) > 0 && rapid.IntRange(0, 3).Draw(t, "damage") == 0 {
		b = b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")]
	}
	return b
}

func TestScanFindsTheSamePacketsHoweverReadsCutThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		for range rapid.IntRange(0, 12).Draw(t, "pieces") {
			stream = append(stream, piece(t)...)
		}
		want, wantCounts := packets(stream)
		s := New()
		var got []string
		emit := func(p Packet) { got = append(got, p.Protocol.String()+" "+show(p)) }
		for rest := stream; len(rest) > 0; {
			n := rapid.IntRange(1, min(len(rest), 100)).Draw(t, "read")
			s.Write(0, 0, rest[:n], emit)
			rest = rest[n:]
		}
		s.Flush(emit)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("of %x (-whole +cut):\n%s", stream, diff)
		}
		if s.Counts() != wantCounts {
			t.Fatalf("counts = %+v, want %+v", s.Counts(), wantCounts)
		}
	})
}

// A packet that was sent whole and undamaged is lost only with a damaged neighbour.
func TestScanLosesNothingBesidesTheDamaged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := 0
		var stream []byte
		for range rapid.IntRange(1, 8).Draw(t, "pieces") {
			if rapid.Bool().Draw(t, "good") {
				stream = append(stream, rmc+"\r\n"...)
				want++
				continue
			}
			stream = append(stream, piece(t)...)
			stream = append(stream, "\r\n"...)
		}
		got, _ := packets(stream)
		n := 0
		for _, p := range got {
			if p == "nmea "+rmc || strings.Contains(p, hex.EncodeToString([]byte(rmc))) {
				n++
			}
		}
		if n < want {
			t.Fatalf("%d of %d sentences found in %q", n, want, stream)
		}
	})
}

func FuzzScan(f *testing.F) {
	f.Add([]byte(rmc+"\r\n"), uint8(3))
	f.Add(append(bytes.Clone(poll), ack...), uint8(1))
	f.Add(append(rtcm([]byte("abc")), "$$GNTXT*51\xB5\x62\x01\x02\xFF\xFF"...), uint8(7))
	files, _ := filepath.Glob("../../../shared/corpus/*.log") // recordings beside the project, if they are there
	for i, name := range files {
		if b, err := os.ReadFile(name); err == nil {
			f.Add(b[:min(len(b), 1500)], uint8(7*i))
			f.Add(b[max(len(b)-700, 0):], uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint8) {
		whole, _ := packets(b)
		s := New()
		var got []string
		total := 0
		emit := func(p Packet) {
			got = append(got, p.Protocol.String()+" "+show(p))
			total += len(p.Data)
		}
		for rest := b; len(rest) > 0; {
			n := min(len(rest), int(cut)+1)
			s.Write(0, 0, rest[:n], emit)
			rest = rest[n:]
		}
		s.Flush(emit)
		if total > len(b) {
			t.Fatalf("%d bytes in packets of %d bytes", total, len(b))
		}
		if diff := cmp.Diff(whole, got); diff != "" {
			t.Fatalf("(-whole +cut):\n%s", diff)
		}
	})
}

func TestScanDoesNotAllocate(t *testing.T) {
	s := New()
	b := append(append([]byte(rmc+"\r\n"), poll...), ubx(1, 0x35, make([]byte, 800))...)
	n := 0
	emit := func(Packet) { n++ }
	if got := testing.AllocsPerRun(100, func() { s.Write(0, 1e-4, b, emit) }); got != 0 || n == 0 {
		t.Errorf("%v allocations, %d packets", got, n)
	}
}

// A receiver that claims long frames all the time gets its good packets through, and long ones when it has stopped.
func TestScanIsNotDrownedByClaims(t *testing.T) {
	claims := strings.Repeat("\xB5\x62\x01\x02\xFF\xFF", 20_000)
	long := ubx(1, 2, make([]byte, 5000))
	got, _ := packets([]byte(claims + rmc + strings.Repeat("\n", 1<<17) + string(long)))
	if want := []string{"nmea " + rmc, "ubx " + hex.EncodeToString(long)}; !cmp.Equal(want, got) {
		t.Errorf("%d packets, want 2", len(got))
	}
	s := New()
	s.Write(0, 0, []byte(claims+rmc), func(Packet) {})
	if s.debt < maxDebt/2 || s.debt > maxDebt+maxFrame {
		t.Errorf("debt = %d, want it at its limit %d", s.debt, maxDebt)
	}
}

func BenchmarkScan(b *testing.B) {
	mixed := []byte(strings.Repeat(rmc+"\r\n", 50))
	for _, bm := range []struct {
		name string
		data []byte
	}{
		{"nmea", mixed},
		{"ubx", bytes.Repeat(ubx(1, 7, bytes.Repeat([]byte("timeball"), 11)), 50)},
		{"ubx-long", bytes.Repeat(ubx(1, 0x35, bytes.Repeat([]byte("\x01\x22\xB5\x80"), 250)), 50)},
		{"casic", bytes.Repeat(casic(1, 3, bytes.Repeat([]byte("timeball"), 10)), 50)},
		{"rtcm3", bytes.Repeat(rtcm(bytes.Repeat([]byte("timeball"), 20)), 50)},
		{"claims", bytes.Repeat([]byte("\xB5\x62\x01\x02\xFF\xFF"), 50_000)},
		{"noise", bytes.Repeat([]byte("\x00\x80noise\xFF"), 500)},
	} {
		b.Run(bm.name, func(b *testing.B) {
			s := New()
			b.SetBytes(int64(len(bm.data)))
			b.ReportAllocs()
			for b.Loop() {
				s.Write(0, 1e-4, bm.data, func(Packet) {})
			}
		})
	}
}
