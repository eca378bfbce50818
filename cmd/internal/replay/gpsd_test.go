package replay

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"timeball/gnss"
	"timeball/gnss/decode"
	"timeball/gnss/scan"
	"timeball/gnss/timescale"
)

// opinion is what a program makes of a recording: the times for which it has a fix, and the rest of the sky and of UTC.
type opinion struct {
	Fixed []string // times with a fix, as gpsd writes them: to the millisecond
	Used  int      // satellites at most
	Leap  []int    // GPS - UTC
}

// gpsd reads what gpsd 3.27.5 made of a recording, and takes back the weeks that it added. Times a little before a second
// are those of the solution, and name it.
func gpsd(t *testing.T, file string, weeks int) opinion {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var o opinion
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		var m struct {
			Class       string
			Mode        int
			Time        string
			LeapSeconds int
			USat        int `json:"uSat"`
		}
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue // sentences are repeated between the reports
		}
		if m.Class == "TPV" && m.Mode >= 2 && m.Time != "" {
			at, err := time.Parse(time.RFC3339, m.Time)
			if err != nil {
				t.Fatal(err)
			}
			utc := timescale.UTC(at.UnixNano()) - timescale.UTC(weeks)*timescale.Week
			o.Fixed = append(o.Fixed, meant(utc).String())
		}
		if m.LeapSeconds != 0 {
			o.Leap = append(o.Leap, m.LeapSeconds)
		}
		o.Used = max(o.Used, m.USat)
	}
	return o.sorted()
}

// ours decodes the same recording.
func ours(t *testing.T, file string) opinion {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var o opinion
	d := decode.New()
	emit := func(p scan.Packet) {
		r, err := d.Decode(p)
		if err != nil {
			t.Errorf("%v", err)
		}
		if r.Mark != nil && r.Mark.Valid {
			o.Fixed = append(o.Fixed, meant(r.Mark.UTC).String())
		}
		if r.Leap != nil && r.Leap.TAIOffset != 0 {
			o.Leap = append(o.Leap, r.Leap.TAIOffset-gpsBehind)
		}
		o.Used = max(o.Used, used(r))
	}
	s := scan.New()
	s.Write(0, 0, b, emit)
	s.Flush(emit)
	return o.sorted()
}

func used(r gnss.Report) int {
	n := 0
	if r.Fix != nil && r.Fix.Valid {
		n = r.Fix.SatellitesUsed
	}
	if r.Sky != nil {
		m := 0
		for _, s := range r.Sky.Seen {
			if s.Used {
				m++
			}
		}
		n = max(n, m)
	}
	return n
}

func (o opinion) sorted() opinion {
	slices.Sort(o.Fixed)
	slices.Sort(o.Leap)
	o.Fixed, o.Leap = slices.Compact(o.Fixed), slices.Compact(o.Leap)
	return o
}

// otherwise has where this program sees a recording in another way than gpsd, and why.
var otherwise = map[string]struct {
	why     string
	only    []string // times with a fix for this program alone
	missing []string // for gpsd alone
	used    int      // satellites, 0 = the same
	weeks   int      // that gpsd added to dates
	foreign bool     // a protocol that is not decoded here
}{
	"beidou-bd.log": {
		why:  "gpsd says the first fix only with the second: it learns which sentence ends a cycle",
		only: []string{"2015-02-25T07:41:55.799Z"},
	},
	"gp-320fw-2019-03-28.log": {
		why:  "gpsd leaves out a second while it learns which sentence ends a cycle",
		only: []string{"2019-03-28T16:45:19.990Z"},
	},
	"gp-320fw-2019-04-06-overflow.log": {
		why:  "gpsd leaves out a second while it learns which sentence ends a cycle",
		only: []string{"2019-04-06T23:57:26.020Z"},
	},
	"motorola-t805.log": {
		why:  "gpsd says the first fix only with the second",
		only: []string{"2007-12-18T21:26:14.879Z"},
	},
	"neo-m8n.log": {
		why:   "gpsd takes 2015 for a date before its own leap second table and adds a rollover; it leaves out the last second",
		weeks: 1024,
		only:  []string{"2015-03-18T17:19:48.000Z"},
	},
	"tcp-test.log": {
		why:  "gpsd says nothing of the ZDA two seconds behind the RMC",
		only: []string{"2007-12-23T19:32:23.000Z"},
	},
	"u-blox-m8t-time.log": {
		why:  "gpsd leaves out the first second, which ends the set-up of the receiver",
		only: []string{"2021-02-23T18:04:29.000Z"},
	},
	"ublox-aek-4t.log": {
		why:     "before gpsd has heard of 14 leap seconds it takes 18 and is 4 s behind",
		only:    []string{"2007-12-23T23:11:24.000Z"},
		missing: []string{"2007-12-23T23:11:20.000Z"},
	},
	"ublox-f9p-rtcm.log": {
		why:  "gpsd leaves out the first second, and counts the signals of NAV-SIG, two of each satellite; NAV-PVT says 30",
		only: []string{"2022-05-24T23:40:41.000Z"},
		used: 30,
	},
	"ublox-lea-5h.log": {
		why:     "the recording jumps from 8:37:36 to 8:55:15, where there is no RMC: gpsd takes the date from before",
		only:    []string{"2010-08-21T08:37:36.000Z"},
		missing: []string{"2010-08-21T08:55:15.000Z"},
	},
	"ublox-zed-f9p-nmea.log": {
		why:  "gpsd counts signals; the GSA list 20 satellites",
		used: 20,
	},
	"ublox-zed-f9t-ubx_nmea_l5.log": {
		why:  "gpsd leaves out the first second, and counts the signals of NAV-SIG; NAV-PVT says 23",
		only: []string{"2025-07-31T19:33:34.000Z"},
		used: 23,
	},
	"oncore-binary-pos-hold.log": {why: "Oncore binary", foreign: true},
	"skytraq-bin.log":            {why: "SkyTraq binary", foreign: true},
	"trimble-smtx.log":           {why: "TSIP", foreign: true},
}

func TestRecordingsAreDecodedAsByGPSD(t *testing.T) {
	dir := recordings(t)
	checks, err := filepath.Glob(filepath.Join(dir, "*.chk"))
	if err != nil || len(checks) < 26 {
		t.Fatalf("%d files of gpsd, %v", len(checks), err)
	}
	for _, check := range checks {
		file := strings.TrimSuffix(check, ".chk")
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			other := otherwise[name]
			want, got := gpsd(t, check, other.weeks), ours(t, file)
			if other.foreign {
				want = opinion{}
			}
			want.Fixed = append(slices.DeleteFunc(want.Fixed, func(s string) bool { return slices.Contains(other.missing, s) }), other.only...)
			if other.used != 0 {
				want.Used = other.used
			}
			if diff := cmp.Diff(want.sorted(), got); diff != "" {
				t.Errorf("(-gpsd +got):\n%s", diff)
			}
		})
	}
}
