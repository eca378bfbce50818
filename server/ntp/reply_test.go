package ntp

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// 2026-11-21 12:00:00 UTC is 1795262400; in NTP seconds 4004251200 = 0xeeac0640.
const noon = 1795262400 * second

var anchor = clock.Reading{Mono: 5_000_000_000, Real: noon, Boot: 5_000_000_000, Era: 2}

func reference() Reference {
	return Reference{
		Anchor:       anchor,
		Expiry:       anchor.Mono + 5_000_000_000,
		Synchronised: true,
		Stratum:      1,
		ReferenceID:  [4]byte{'P', 'P', 'S'},
		ReferenceAt:  noon - second,
		Bound:        300e-9,
		Growth:       1e-9,
		Precision:    -23,
	}
}

// later is the reading d nanoseconds after the anchor on an undisturbed machine.
func later(d int64) clock.Reading {
	return clock.Reading{Mono: anchor.Mono + clock.Mono(d), Real: anchor.Real + clock.Real(d), Boot: anchor.Boot + clock.Boot(d), Era: anchor.Era}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// request is a client's packet of the given first byte with poll 6 and transmit time 0123456789abcdef.
func request(t testing.TB, first string) []byte {
	return unhex(t, first+"00 06 ec"+strings.Repeat("00", 36)+"0123456789abcdef")
}

func TestReplyVectors(t *testing.T) {
	plain := reference()
	leap := reference()
	leap.Leap, leap.LeapAt = clock.LeapInsert, timescale.UTC(noon+12*3600*second)
	never := reference()
	never.ReferenceAt = 0
	delayed := reference()
	delayed.Stratum, delayed.ReferenceID, delayed.RootDelay = 2, [4]byte{127, 0, 0, 1}, 1.5e-5
	tests := []struct {
		name    string
		request string // first byte
		ref     *Reference
		want    string
	}{
		{
			"version 4, locked", "23", &plain,
			"24 01 06 e9 00000000 00000001 50505300 eeac063f 00000000 0123456789abcdef eeac0640 40000001 eeac0640 80000000",
		},
		{
			"version 3 is echoed", "1b", &plain,
			"1c 01 06 e9 00000000 00000001 50505300 eeac063f 00000000 0123456789abcdef eeac0640 40000001 eeac0640 80000000",
		},
		{
			"version 1 is echoed", "0b", &plain,
			"0c 01 06 e9 00000000 00000001 50505300 eeac063f 00000000 0123456789abcdef eeac0640 40000001 eeac0640 80000000",
		},
		{
			"a client that is not synchronised itself", "e3", &plain,
			"24 01 06 e9 00000000 00000001 50505300 eeac063f 00000000 0123456789abcdef eeac0640 40000001 eeac0640 80000000",
		},
		{
			"leap second tonight", "23", &leap,
			"64 01 06 e9 00000000 00000001 50505300 eeac063f 00000000 0123456789abcdef eeac0640 40000001 eeac0640 80000000",
		},
		{
			"nobody knows when the clock was last set", "23", &never,
			"24 01 06 e9 00000000 00000001 50505300 00000000 00000000 0123456789abcdef eeac0640 40000001 eeac0640 80000000",
		},
		{
			"root delay rounds up", "23", &delayed,
			"24 02 06 e9 00000001 00000001 7f000001 eeac063f 00000000 0123456789abcdef eeac0640 40000001 eeac0640 80000000",
		},
		{
			"nothing published", "23", nil,
			"e4 00 06 ec 00000000 00100000 00000000 00000000 00000000 0123456789abcdef eeac0640 40000001 eeac0640 80000000",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, refusal := Reply(nil, request(t, tt.request), tt.ref, later(500_000_000), noon+second/4)
			if refusal != Answered {
				t.Fatalf("refused: %v", refusal)
			}
			if want := unhex(t, tt.want); !bytes.Equal(got, want) {
				t.Errorf("got  %x\nwant %x", got, want)
			}
		})
	}
}

func TestReplyDoubtsReference(t *testing.T) {
	tests := []struct {
		name  string
		ref   func(*Reference)
		now   func(*clock.Reading)
		doubt Doubt
	}{
		{"undisturbed", nil, nil, Certain},
		{"not synchronised", func(r *Reference) { r.Synchronised = false }, nil, Unsynchronised},
		{"the instant it expires", nil, func(n *clock.Reading) { *n = later(5_000_000_000) }, Expired},
		{"the nanosecond before", nil, func(n *clock.Reading) { *n = later(4_999_999_999) }, Certain},
		{"read before the anchor", nil, func(n *clock.Reading) { *n = later(-1_000_000) }, Certain},
		{"foreign step of 100 us ahead", nil, func(n *clock.Reading) { n.Real += 100_000 }, Stepped},
		{"foreign step of 100 us back", nil, func(n *clock.Reading) { n.Real -= 100_000 }, Stepped},
		{"foreign step beyond 64 bits", nil, func(n *clock.Reading) { n.Real = math.MinInt64 + 1000 }, Stepped},
		{"clocks read 5 us apart", nil, func(n *clock.Reading) { n.Real += 5_000; n.Boot -= 5_000 }, Certain},
		{"our own step", nil, func(n *clock.Reading) { n.Era++ }, EraChanged},
		{"suspend of 10 ms", nil, func(n *clock.Reading) { n.Boot += 10_000_000 }, Suspended},
		{"stratum 0", func(r *Reference) { r.Stratum = 0 }, nil, BadStratum},
		{"stratum 16", func(r *Reference) { r.Stratum = 16 }, nil, BadStratum},
		{"bound of 16 s", func(r *Reference) { r.Bound = 16 }, nil, TooUncertain},
		{"bound not a number", func(r *Reference) { r.Bound = clock.Seconds(math.NaN()) }, nil, TooUncertain},
		{"negative bound", func(r *Reference) { r.Bound = -1e-9 }, nil, TooUncertain},
		{"negative growth", func(r *Reference) { r.Growth = -1e-9 }, nil, TooUncertain},
		{"growth past 16 s", func(r *Reference) { r.Growth = 16 }, func(n *clock.Reading) { *n = later(1_000_000_000) }, TooUncertain},
		{"root delay of 32 s", func(r *Reference) { r.RootDelay = 32 }, nil, TooUncertain},
		{"root delay not a number", func(r *Reference) { r.RootDelay = clock.Seconds(math.NaN()) }, nil, TooUncertain},
		{"clock read in minutes", func(r *Reference) { r.Precision = 127 }, nil, TooUncertain},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ref, now := reference(), later(1000)
			if tt.ref != nil {
				tt.ref(&ref)
			}
			if tt.now != nil {
				tt.now(&now)
			}
			if got := ref.Check(now); got != tt.doubt {
				t.Errorf("Check = %v, want %v", got, tt.doubt)
			}
			checkAnswer(t, &ref, now, tt.doubt == Certain)
		})
	}
}

// checkAnswer asks once and compares what the packet says of synchronisation, field by field.
func checkAnswer(t *testing.T, ref *Reference, now clock.Reading, synchronised bool) {
	t.Helper()
	raw, _ := Reply(nil, request(t, "23"), ref, now, now.Real-100)
	got, ok := Decode(raw)
	if !ok {
		t.Fatal("no answer")
	}
	want := Packet{
		Leap: LeapUnsynchronised, Version: 4, Mode: ModeServer, Poll: 6, Precision: ref.Precision,
		RootDispersion: 16 << 16, Origin: 0x0123456789abcdef,
		Receive: TimestampAt(now.Real-100) | 1, Transmit: TimestampAt(now.Real) &^ 1,
	}
	if synchronised {
		want.Leap, want.Stratum, want.ReferenceID = LeapNone, ref.Stratum, ref.ReferenceID
		want.RootDispersion, want.Reference = 1, TimestampAt(ref.ReferenceAt)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestReplyNeverSendsBeforeItReceived(t *testing.T) {
	ref, now := reference(), later(1000)
	ref.ReferenceAt = now.Real + second
	raw, _ := Reply(nil, request(t, "23"), &ref, now, now.Real+100)
	got, _ := Decode(raw)
	if got.Receive >= got.Transmit || got.Transmit-got.Receive > 1 || got.Reference > got.Transmit {
		t.Errorf("reference %x, receive %x, transmit %x: want them in order and as one", got.Reference, got.Receive, got.Transmit)
	}
}

func TestReplyLeapIndicatorAroundMidnight(t *testing.T) {
	const midnight = noon + 12*3600*second
	tests := []struct {
		name string
		leap clock.Leap
		real clock.Real
		want uint8
	}{
		{"insertion, 23:59:58.9", clock.LeapInsert, midnight - 1_000_000_001, LeapInsert},
		{"insertion, 23:59:59", clock.LeapInsert, midnight - second, LeapUnsynchronised},
		{"insertion, 00:00:00.9", clock.LeapInsert, midnight + 999_999_999, LeapUnsynchronised},
		{"insertion, 00:00:01", clock.LeapInsert, midnight + second, LeapNone},
		{"deletion, 23:59:57.9", clock.LeapDelete, midnight - 2_000_000_001, LeapDelete},
		{"deletion, 23:59:58", clock.LeapDelete, midnight - 2*second, LeapUnsynchronised},
		{"deletion, 00:00:01", clock.LeapDelete, midnight + second, LeapNone},
		{"no leap, 23:59:59", clock.LeapNone, midnight - second, LeapNone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ref, now := reference(), later(0)
			now.Real = tt.real
			ref.Anchor, ref.Leap, ref.LeapAt = now, tt.leap, timescale.UTC(midnight)
			raw, _ := Reply(nil, request(t, "23"), &ref, now, now.Real)
			if got, _ := Decode(raw); got.Leap != tt.want {
				t.Errorf("leap indicator %d, want %d", got.Leap, tt.want)
			}
		})
	}
}

func TestReplyRefuses(t *testing.T) {
	field := func(kind, length string, pad int) string { return kind + length + strings.Repeat("00", pad) }
	tests := []struct {
		name    string
		first   string
		trailer string
		want    Refusal
	}{
		{"version 0", "03", "", BadVersion},
		{"version 5", "2b", "", BadVersion},
		{"version 7", "3b", "", BadVersion},
		{"version 1 without a mode (RFC 1059)", "08", "", NotClient},
		{"symmetric active", "21", "", NotClient},
		{"symmetric passive", "22", "", NotClient},
		{"an answer, so that two servers never talk to each other", "24", "", NotClient},
		{"broadcast", "25", "", NotClient},
		{"control", "26", "", NotClient},
		{"private", "27", "", NotClient},
		{"one unknown field of 28 (RFC 7822, 7.5.1)", "23", field("f323", "001c", 24), Answered},
		{"a field of 16, then one of 28", "23", field("0104", "0010", 12) + field("0204", "001c", 24), Answered},
		{"a last field of 16 is too short", "23", field("0104", "0010", 12), BadTrailer},
		{"a field longer than the packet", "23", field("0104", "0020", 24), BadTrailer},
		{"a field of 12 is too short", "23", field("0104", "000c", 8) + field("0204", "001c", 24), BadTrailer},
		{"a field of zero length does not loop", "23", field("0104", "0000", 24), BadTrailer},
		{"a field length that is no multiple of 4", "23", field("0104", "001d", 28), BadTrailer},
		{"two such lengths that add up to one", "23", field("0104", "001e", 26) + field("0104", "001e", 26), BadTrailer},
		{"a trailer that is no multiple of 4", "23", field("0104", "001c", 25), BadTrailer},
		{"8 bytes left after a field", "23", field("0104", "001c", 24) + "0000000000000000", BadTrailer},
		{"MD5 or AES-CMAC", "23", "00000001" + strings.Repeat("5a", 16), UnknownKey},
		{"SHA1", "23", "00000001" + strings.Repeat("5a", 20), UnknownKey},
		{"crypto-NAK", "23", "00000000", UnknownKey},
		{"a field, then a MAC", "23", field("0104", "0010", 12) + "00000001" + strings.Repeat("5a", 16), UnknownKey},
		{"version 3 with the DES authenticator of RFC 1305", "1b", "00000001" + strings.Repeat("5a", 8), UnknownKey},
		{"version 4 has no such authenticator", "23", "00000001" + strings.Repeat("5a", 8), BadTrailer},
		{"version 3 has no extension fields", "1b", field("0104", "001c", 24), BadTrailer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ref, prefix := reference(), []byte{1, 2, 3}
			ask := append(request(t, tt.first), unhex(t, tt.trailer)...)
			got, refusal := Reply(prefix, ask, &ref, later(0), noon)
			if refusal != tt.want {
				t.Errorf("refusal %q, want %q", refusal, tt.want)
			}
			if refusal != Answered && !bytes.Equal(got, prefix) {
				t.Errorf("refused but wrote %x", got)
			}
		})
	}
	for n := range HeaderLen {
		if _, refusal := Reply(nil, request(t, "23")[:n], nil, later(0), noon); refusal != TooShort {
			t.Errorf("%d bytes: %v, want %v", n, refusal, TooShort)
		}
	}
}

func TestDispersionAfterGrows(t *testing.T) {
	ref := Reference{Bound: 1e-6, Growth: 15e-6, Precision: -20}
	const reading = 1.0 / (1 << 20)
	tests := []struct {
		name  string
		after clock.Seconds
		want  clock.Seconds
	}{
		{"at the anchor", 0, 1e-6 + reading},
		{"after an hour at 15 ppm", 3600, 54.001e-3 + reading},
		{"before the anchor", -1, 1e-6 + reading},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ref.DispersionAfter(tt.after); math.Abs(float64(got-tt.want)) > 1e-15 {
				t.Errorf("DispersionAfter(%v) = %v, want %v", tt.after, got, tt.want)
			}
		})
	}
}

func TestEveryReasonHasAName(t *testing.T) {
	if len(refusalNames) != Refusals {
		t.Errorf("%d names for %d refusals", len(refusalNames), Refusals)
	}
	if len(doubtNames) != int(SmearUnknown)+1 {
		t.Errorf("%d names for %d doubts", len(doubtNames), SmearUnknown+1)
	}
	if got := Refusal(200).String() + ", " + Doubt(200).String(); got != "unknown refusal, unknown doubt" {
		t.Errorf("out of range: %q", got)
	}
}

func FuzzReply(f *testing.F) {
	f.Add(request(f, "23"), int64(0), int64(0))
	f.Add(append(request(f, "23"), unhex(f, "f323001c"+strings.Repeat("00", 24))...), int64(1e9), int64(-5))
	f.Add(append(request(f, "1b"), unhex(f, "00000001"+strings.Repeat("5a", 16))...), int64(6e9), int64(1<<62))
	f.Fuzz(func(t *testing.T, ask []byte, after, real int64) {
		ref, now := reference(), later(after)
		now.Real += clock.Real(real)
		got, refusal := Reply(nil, ask, &ref, now, now.Real)
		if len(got) > len(ask) {
			t.Fatalf("answer of %d bytes to a request of %d", len(got), len(ask))
		}
		if (refusal == Answered) != (len(got) == HeaderLen || len(got) == MaxAnswer) {
			t.Fatalf("%v with %d bytes", refusal, len(got))
		}
		if refusal != Answered {
			return
		}
		q, _ := Decode(ask)
		p, _ := Decode(got)
		if p.Mode != ModeServer || p.Version != q.Version || p.Poll != q.Poll || p.Origin != q.Transmit {
			t.Fatalf("answer %+v to %+v", p, q)
		}
		if (p.Leap == LeapUnsynchronised) != (p.Stratum == 0) || (p.Stratum == 0) != (p.ReferenceID == [4]byte{}) {
			t.Fatalf("half synchronised: %+v", p)
		}
	})
}

func FuzzPacket(f *testing.F) {
	f.Add(request(f, "23"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := Decode(b)
		if ok != (len(b) >= HeaderLen) {
			t.Fatalf("Decode of %d bytes: %v", len(b), ok)
		}
		if !ok {
			return
		}
		if got := p.Append(nil); !bytes.Equal(got, b[:HeaderLen]) {
			t.Fatalf("decoded and encoded again: %x, want %x", got, b[:HeaderLen])
		}
		Trailer(b[HeaderLen:], p.Version)
	})
}

func BenchmarkReply(b *testing.B) {
	ref, now, ask := reference(), later(1000), request(b, "23")
	dst := make([]byte, 0, HeaderLen)
	b.ReportAllocs()
	for b.Loop() {
		if _, refusal := Reply(dst, ask, &ref, now, noon); refusal != Answered {
			b.Fatal(refusal)
		}
	}
}

func TestReplyDoesNotAllocate(t *testing.T) {
	ref, now, ask := reference(), later(1000), request(t, "23")
	dst := make([]byte, 0, HeaderLen)
	if n := testing.AllocsPerRun(100, func() { Reply(dst, ask, &ref, now, noon) }); n != 0 {
		t.Errorf("%v allocations per answer, want 0", n)
	}
}
