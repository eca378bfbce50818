package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"timeball/gnss/casic"
	"timeball/gnss/nmea"
	"timeball/gnss/ubx"
	"timeball/web/bundle"
)

// packed returns the beginning of a support bundle.
func packed(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	w, err := bundle.NewWriter(&b, bundle.Manifest{})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Kind
	}{
		{`{"timeball":"events","version":1}` + "\n{}", Events},
		{` { "version": 1, "timeball": "events" }` + "\n", Events},
		{`{"timeball":"events","version":1,"cut`, Events},
		{`{"class":"VERSION"}`, Raw},
		{packed(t), Bundle},
		{"\x1f\x8b", Raw},
		{"$GNRMC\r\n" + `{"timeball":"events"}`, Raw},
		{"# {\"timeball\":\"events\"}\n", Raw},
		{"", Raw},
	} {
		if got := Detect([]byte(tt.in)); got != tt.want {
			t.Errorf("Detect(%q) = %d, want %d", tt.in, got, tt.want)
		}
	}
}

const stream = "# a note\r\n# $GNTXT,01,01,02,in a note*7E\n" +
	"$GPTXT,01,01,02,MOD LEA-5H-0*2E\r\n" +
	"$GNRMC,150112.000,A,1343.91325,N,10038.68322,E,0.00,241.11,120615,,,A,V*05\r\n" + // its checksum is wrong
	"$GNRMC,150112.000,A\r\n" +
	"$$GNZDA,150112.000,12,06,2026,00,00*4D\r\n" +
	"\xB5\x62\x01\x07\x00\x00\x08\x19" + "\xB5\x62\x01\x07\x00\x00\x08\x18" +
	"\xBA\xCE\x04\x00\x05\x00\x06\x01\x00\x00\x0A\x01\x05\x00"

func sentences() string {
	b := nmea.AppendSentence([]byte(stream), "GNRMC,150113.000,A,1343.91325,N,10038.68322,E,0.00,241.11,120615,,,A,V")
	b = nmea.AppendSentence(b, "GNRMC,990113.000,A,1343.91325,N,10038.68322,E,0.00,241.11,120615,,,A,V")
	b = nmea.AppendSentence(b, "GNGGA,150112.000,,,,,0,00,99.9,,M,,M,,")
	b = append(b, "\xB5\x62\x01\x07\x00\x01"...) // a cut frame that claims to reach beyond the end
	return string(nmea.AppendSentence(b, "GNGGA,150113.000,1343.91325,N,10038.68322,E,1,28,0.6,2.9,M,-31.1,M,,"))
}

func TestBytesWritesTheSummaryOfTheContract(t *testing.T) {
	s, err := Bytes(strings.NewReader(sentences()), 1795219200e9) // 2026-11-21
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"packets":{"nmea":{"GNGGA":2,"GNRMC":2,"GNZDA":1,"GPTXT":1},"ubx":{"NAV-PVT":1},"casic":{"ACK-NAK":1},"rtcm3":0},` +
		`"bad_checksums":{"nmea":1,"ubx":1,"casic":0},"refused":{"no-checksum":1,"time":1},` +
		`"first_utc_raw":"2026-06-12T15:01:12.000Z","last_utc_raw":"2015-06-12T15:01:13.000Z",` +
		`"first_utc":"2046-01-26T15:01:12.000Z","last_utc":"2035-01-26T15:01:13.000Z",` +
		`"candidates":[{"utc":"2046-01-26T15:01:12.000Z","weeks":1024},{"utc":"2183-06-13T15:01:12.000Z","weeks":8192}],` +
		`"marks":2,"fixes":2,"satellites_used_max":28,"leap":null,"leap_seconds":null,"receiver":"u-blox LEA-5H-0","conditions":[]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestBytesOfNothingKnowsNothing(t *testing.T) {
	for _, in := range []string{"", "# only a note", "# a note\n", strings.Repeat("\x00", 200_000)} {
		s, err := Bytes(strings.NewReader(in), DefaultFloor)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		const want = `{"packets":{"nmea":{},"ubx":{},"casic":{},"rtcm3":0},"bad_checksums":{"nmea":0,"ubx":0,"casic":0},"refused":{},` +
			`"first_utc_raw":null,"last_utc_raw":null,"first_utc":null,"last_utc":null,"candidates":[],` +
			`"marks":0,"fixes":0,"satellites_used_max":null,"leap":null,"leap_seconds":null,"receiver":null,"conditions":[]}`
		if string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestBytesIsTheSameHoweverTheFileIsRead(t *testing.T) {
	in := "#" + strings.Repeat("x", 200_000) + "\n" + sentences()
	want, err := Bytes(strings.NewReader(in), DefaultFloor)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Bytes(iotest.OneByteReader(strings.NewReader(in)), DefaultFloor)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-at once +byte by byte):\n%s", err, diff)
	}
}

func TestBytesReportsWhatCannotBeRead(t *testing.T) {
	broken := errors.New("broken")
	for _, in := range []string{"", "#", "# note\n", "$GN"} {
		_, err := Bytes(io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken)), DefaultFloor)
		if !errors.Is(err, broken) {
			t.Errorf("behind %q: %v, want %v", in, err, broken)
		}
	}
}

func TestBytesBoundsTypes(t *testing.T) {
	var b []byte
	for i := range maxTypes + 50 {
		b = nmea.AppendSentence(b, fmt.Sprintf("X%d,1", i))
	}
	s, err := Bytes(strings.NewReader(string(b)), DefaultFloor)
	if err != nil || len(s.Packets.NMEA) != maxTypes+1 || s.Packets.NMEA["other"] != 50 {
		t.Errorf("%d types, %d others, %v", len(s.Packets.NMEA), s.Packets.NMEA["other"], err)
	}
}

func TestWriteTextIsForPeople(t *testing.T) {
	s, err := Bytes(strings.NewReader(sentences()), 1795219200e9)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	if err := s.WriteText(&got); err != nil {
		t.Fatal(err)
	}
	const want = `receiver         u-blox LEA-5H-0
first UTC        2046-01-26T15:01:12.000Z, sent as 2026-06-12T15:01:12.000Z
or               2183-06-13T15:01:12.000Z, 8192 weeks after what was sent
last UTC         2035-01-26T15:01:13.000Z, sent as 2015-06-12T15:01:13.000Z
time marks       2
fixes            2, satellites used at most: 28
leap second      not said
NMEA             GNGGA 2, GNRMC 2, GNZDA 1, GPTXT 1
UBX              NAV-PVT 1
CASIC            ACK-NAK 1
RTCM3            0
bad checksums    NMEA 1, UBX 1, CASIC 0
refused          no-checksum 1, time 1
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", &got, want)
	}
}

// binary is a second of UBX a little before its second, with a leap second to come.
func binary() string {
	b := ubx.Append(nil, &ubx.NavPVT{
		ITOW: 1000, Year: 2016, Month: 12, Day: 31, Hour: 12, Sec: 1, Nano: -300, Valid: 7, FixType: 3, Flags: ubx.FixOK, NumSV: 9, Lat: 1,
	})
	b = ubx.Append(b, &ubx.NavTIMELS{
		ITOW: (6*86400 + 12*3600 + 18) * 1000, SrcOfCurrLs: 2, CurrLs: 17, SrcOfLsChange: 2, LsChange: 1,
		TimeToLsEvent: 12*3600 - 1, DateOfLsGpsWn: 1929, DateOfLsGpsDn: 7, Valid: 3,
	})
	b = ubx.Append(b, &ubx.TimTP{TowMS: 1e9})
	return string(casic.Append(b, &casic.Acknowledgement{}))
}

func TestBytesTakesAllProtocols(t *testing.T) {
	s, err := Bytes(strings.NewReader(binary()), DefaultFloor)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"packets":{"nmea":{},"ubx":{"NAV-PVT":1,"NAV-TIMELS":1,"TIM-TP":1},"casic":{"ACK-NAK":1},"rtcm3":0},` +
		`"bad_checksums":{"nmea":0,"ubx":0,"casic":0},"refused":{"time":1},` +
		`"first_utc_raw":"2016-12-31T12:00:00.999999700Z","last_utc_raw":"2016-12-31T12:00:00.999999700Z",` +
		`"first_utc":"2016-12-31T12:00:01.000Z","last_utc":"2016-12-31T12:00:01.000Z",` +
		`"candidates":[{"utc":"2016-12-31T12:00:01.000Z","weeks":0}],` +
		`"marks":1,"fixes":1,"satellites_used_max":9,"leap":"insert","leap_seconds":17,"receiver":"u-blox","conditions":[]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var text strings.Builder
	if err := s.WriteText(&text); err != nil || !strings.Contains(text.String(), "GPS - UTC        17 s\n") {
		t.Errorf("%v, got\n%s", err, &text)
	}
}
