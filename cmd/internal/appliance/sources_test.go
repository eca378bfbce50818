package appliance

import (
	"testing"
	"testing/synctest"
	"time"

	"timeball/gnss"
	"timeball/pps/clock"
	"timeball/server/control"
	"timeball/server/ntp"
)

func TestReachIsOfTheLastEightWholeSeconds(t *testing.T) {
	const s = clock.Mono(1_000_000_000)
	var r reach
	count := uint64(0)
	for k := range clock.Mono(20) { // one each second, noted 4 times
		count++
		for quarter := range clock.Mono(4) {
			r.note(100*s+k*s+quarter*s/4, count)
		}
	}
	if r.bits != 0xff {
		t.Errorf("reach %03o after 20 s, want 377", r.bits)
	}
	r.note(123*s, count) // the last came in second 119, and none since
	if r.bits != 0xf8 {
		t.Errorf("reach %03o after three silent seconds, want 370", r.bits)
	}
	if r.heard != 119*s {
		t.Errorf("heard at %d, want %d", r.heard, 119*s)
	}
	r.note(500*s, count)
	if r.bits != 0 {
		t.Errorf("reach %03o after a long silence, want 0", r.bits)
	}
}

func TestConstellationIsWhatIsUsed(t *testing.T) {
	sky := func(systems ...string) *gnss.Satellites {
		var s gnss.Satellites
		for _, name := range systems {
			s.Seen = append(s.Seen, gnss.Satellite{System: name, Used: true})
		}
		s.Seen = append(s.Seen, gnss.Satellite{System: "Galileo"}) // seen and not used
		return &s
	}
	for _, tt := range []struct {
		sky  *gnss.Satellites
		want string
	}{
		{nil, ""},
		{sky(), ""},
		{sky("GPS", "GPS", "SBAS"), "GPS"},
		{sky("BeiDou"), "BDS"},
		{sky("GPS", "BeiDou"), "GNSS"},
		{sky("QZSS"), "GNSS"},
	} {
		if got := constellation(tt.sky); got != tt.want {
			t.Errorf("constellation %q, want %q", got, tt.want)
		}
	}
}

// What ntpq shows of a unit: nothing followed before the lock, then pulse and labels, and no pulse when it is gone.
func TestDescribeFollowsTheUnit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, r := newHardware(t)
		u := newUnit(t, quiet(), h)
		s := u.describe()
		if s.System.Stratum != 16 || s.System.Leap != ntp.LeapUnsynchronised || s.System.Peer != 0 || s.System.ReferenceID != "INIT" ||
			s.Sources[0].Selection != control.Rejected || s.Sources[1].Selection != control.Rejected {
			t.Errorf("before: %+v", s)
		}
		stop := start(t, u)
		waitLock(t, u, learning)
		time.Sleep(10 * time.Second)
		synctest.Wait() // or the Engine publishes between what is compared
		s = u.describe()
		if s.System.Stratum != 1 || s.System.Leap != ntp.LeapNone || s.System.Peer != 1 || s.System.ReferenceID != "PPS" ||
			s.System.TAIOffset == 0 || s.System.RootDispersion <= 0 {
			t.Errorf("locked: %+v", s.System)
		}
		if p := s.Sources[0]; p.Selection != control.Pulse || p.Reach != 0xff || p.Heard == 0 || p.Offset != -u.Snapshot().Estimate.Offset {
			t.Errorf("pulse %+v", p)
		}
		if l := s.Sources[1]; l.Selection != control.Followed || l.Reach != 0xff || l.Heard == 0 {
			t.Errorf("labels %+v", l)
		}
		r.plug(nil, errNoLine)
		time.Sleep(20 * time.Second)
		if s = u.describe(); s.System.Stratum != 1 || s.System.Peer != 0 || s.System.ReferenceID != "GNSS" || s.Sources[0].Reach != 0 || s.Sources[0].Selection != control.Rejected {
			t.Errorf("without a pulse: %+v", s)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
