package replay

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// recordings returns the directory of the recordings beside the project, which are read in place.
func recordings(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above this package")
		}
		dir = filepath.Dir(dir)
	}
	corpus := filepath.Join(filepath.Dir(dir), "shared", "corpus")
	if _, err := os.Stat(corpus); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no recordings at ../shared/corpus")
	}
	return corpus
}

// facts is what another program counted in a recording.
type facts struct {
	Sentences   map[string]int `json:"sentence_types"` // damaged ones and those without checksum too
	BadChecksum int            `json:"nmea_bad_checksum"`
	NoChecksum  int            `json:"nmea_no_checksum"`
	UBX         map[string]int `json:"ubx_types"`
	RTCM3       int            `json:"rtcm3"`
	FirstRMC    string         `json:"first_rmc_raw"` // "15-02-25T07:41:50.799 VN": two digits of the year, status, mode
	LastRMC     string         `json:"last_rmc_raw"`
	FirstZDA    string         `json:"first_zda_raw"` // "2016-03-29T18:21:39.000"
	LastZDA     string         `json:"last_zda_raw"`
}

// different has what this program sees otherwise than FACTS.json, by recording, as changes to be made to the facts.
var different = map[string]struct {
	why         string
	nmea, ubx   map[string]int // added to the counts
	first, last string         // in place of the date
}{
	"nmeagps-pygpsdata-nmeabadck.log": {
		why:  "the two sentences with a wrong checksum are counted apart",
		nmea: map[string]int{"GNRMC": -2},
	},
	"ublox-8.log": {
		why:  "the sentence that was cut at the end has no checksum",
		nmea: map[string]int{"GNRMC": -1},
	},
	"sl869.log": {
		why:  "the text without checksum is counted apart",
		nmea: map[string]int{"GPTXT": -1},
	},
	"pygpsdata-MIXED2.log": {
		why:  "a DTM that is glued to a UBX message is found; 01-36 is NAV-COV in the interface description, NAV-ORB is 01-34",
		nmea: map[string]int{"GNDTM": 1},
		ubx:  map[string]int{"NAV-ORB": -1, "01-36": 1},
	},
	"motorola-t805.log": {
		why:   "go-nmea refuses its RMC, in which the mode stands in place of a direction",
		first: "2007-12-18T21:26:07.891Z",
		last:  "2007-12-18T21:26:32.000Z",
	},
	"casic-atgm332d-binary.log": {
		why:   "the facts have no dates of CASIC",
		first: "2026-06-12T15:01:17.999999987Z",
		last:  "2026-06-12T15:01:17.999999987Z",
	},
	"navisys-gr8013.log": {
		why:   "the facts have no dates of UBX",
		first: "2024-03-28T15:57:37.000097563Z",
		last:  "2024-03-28T15:58:11.000108868Z",
	},
	"pygpsdata-BADEOF1.log": {
		why:   "the facts have no dates of UBX",
		first: "2020-10-20T14:04:48.999922738Z",
		last:  "2020-10-20T14:04:48.999922738Z",
	},
	"pygpsdata-MIXED-RTCM3.log": {
		why:   "the first date is of NAV-PVT",
		first: "2022-02-08T08:41:59.000360400Z",
		last:  "2022-02-08T08:41:59.000Z",
	},
	"u-blox-m8t-time.log": {
		why:   "the facts have no dates of UBX",
		first: "2021-02-23T18:04:29.000321732Z",
		last:  "2021-02-23T18:06:59.000294030Z",
	},
	"ublox-aek-4t.log": {
		why:   "the facts have no dates of UBX",
		first: "2007-12-23T23:11:23.998999132Z",
		last:  "2007-12-23T23:11:26.999001012Z",
	},
	"ublox-f9p-rtcm.log": {
		why:   "the facts have no dates of UBX",
		first: "2022-05-24T23:40:41.000037547Z",
		last:  "2022-05-24T23:40:42.000037344Z",
	},
	"ublox-zed-f9t-ubx_nmea_l5.log": {
		why:   "the first and the last date are of NAV-PVT and NAV-TIMEGPS",
		first: "2025-07-31T19:33:33.999880784Z",
		last:  "2025-07-31T19:33:41.999881295Z",
	},
	"ublox8-uniqid-monhw.log": {
		why:   "the last date is of UBX",
		first: "2024-03-24T20:42:21.000Z",
		last:  "2024-03-24T20:42:28.000257667Z",
	},
}

// conditionsOf has what speaks against the receivers, and why that is so. Nothing speaks against the others, indoor and
// cold starts among them.
var conditionsOf = map[string]struct {
	why   string
	names []string
}{
	"gp-320fw-2019-03-28.log":          {simulator, []string{"flat-signals"}},
	"gp-320fw-2019-04-06-overflow.log": {simulator, []string{"flat-signals"}},
}

const simulator = "a GPS simulator made the signals: the satellites that are used have one C/N0 from 17 to 78 degrees of elevation"

func TestRecordingsAreCountedAsTheFactsSay(t *testing.T) {
	dir := recordings(t)
	b, err := os.ReadFile(filepath.Join(dir, "FACTS.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]facts
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(files) < 35 || len(files) != len(all) {
		t.Fatalf("%d recordings, %d facts, %v", len(files), len(all), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			got, err := Bytes(f, DefaultFloor)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, name, all[name], got)
		})
	}
}

func compare(t *testing.T, name string, want facts, got Summary) {
	other := different[name]
	if diff := cmp.Diff(sum(want.Sentences, other.nmea), got.Packets.NMEA); diff != "" {
		t.Errorf("NMEA (-facts +got):\n%s", diff)
	}
	if diff := cmp.Diff(sum(want.UBX, other.ubx), got.Packets.UBX); diff != "" {
		t.Errorf("UBX (-facts +got):\n%s", diff)
	}
	if got.Packets.RTCM3 != want.RTCM3 {
		t.Errorf("%d RTCM3 packets, want %d", got.Packets.RTCM3, want.RTCM3)
	}
	if want := (BadChecksums{NMEA: want.BadChecksum}); got.BadChecksums != want {
		t.Errorf("bad checksums %+v, want %+v", got.BadChecksums, want)
	}
	if got.Refused["no-checksum"] != want.NoChecksum {
		t.Errorf("%d without checksum, want %d", got.Refused["no-checksum"], want.NoChecksum)
	}
	for reason, n := range got.Refused {
		if reason != "no-checksum" {
			t.Errorf("%d refused for %q", n, reason)
		}
	}
	if diff := cmp.Diff(conditionsOf[name].names, got.Conditions, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	first, last := other.first, other.last
	if first == "" {
		first, last = earlier(want.FirstRMC, want.FirstZDA, -1), earlier(want.LastRMC, want.LastZDA, 1)
	}
	if got := said(got.FirstUTCRaw); got != first {
		t.Errorf("first date %s, want %s", got, first)
	}
	if got := said(got.LastUTCRaw); got != last {
		t.Errorf("last date %s, want %s", got, last)
	}
}

// earlier returns the earlier (-1) or later (1) of the dates of RMC and ZDA; sentences of a recording are in order.
func earlier(rmc, zda string, sign int) string {
	if rmc != "" {
		rmc, _, _ = strings.Cut("20"+rmc, " ")
	}
	switch {
	case rmc == "" && zda == "":
		return "not said"
	case rmc == "" || zda != "" && strings.Compare(zda, rmc) == sign:
		return zda + "Z"
	}
	return rmc + "Z"
}

// sum returns a + b without what is then 0.
func sum(a, b map[string]int) map[string]int {
	s := map[string]int{}
	maps.Copy(s, a)
	for k, n := range b {
		s[k] += n
		if s[k] == 0 {
			delete(s, k)
		}
	}
	return s
}

func TestCASICRecordingIsNamed(t *testing.T) {
	f, err := os.Open(filepath.Join(recordings(t), "casic-atgm332d-binary.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := Bytes(f, DefaultFloor)
	want := map[string]int{"ACK-NAK": 1, "NAV-PV": 1, "NAV-TIMEUTC": 1, "NAV-GPSINFO": 1, "NAV-BDSINFO": 1, "NAV-GLNINFO": 1}
	if diff := cmp.Diff(want, got.Packets.CASIC); diff != "" || err != nil {
		t.Errorf("%v, CASIC (-want +got):\n%s", err, diff)
	}
}

// gpsd moves these dates of 2015 by a rollover on its own guess; here it takes a floor, and the raw date stays.
func TestRecordingIsRepairedAgainstAFloor(t *testing.T) {
	f, err := os.Open(filepath.Join(recordings(t), "neo-m8n.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := Bytes(f, 1795219200e9) // 2026-11-21
	if err != nil || said(got.FirstUTCRaw) != "2015-03-18T17:19:26.000Z" || said(got.FirstUTC) != "2034-11-01T17:19:26.000Z" {
		t.Errorf("first date %s, sent as %s, %v", said(got.FirstUTC), said(got.FirstUTCRaw), err)
	}
}
