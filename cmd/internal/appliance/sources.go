package appliance

import (
	"cmp"

	"timeball/gnss"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/server/control"
	"timeball/server/ntp"
)

// reach remembers in which of the last eight whole seconds something came, the newest in the last bit, as RFC 5905, 13 has
// it for servers.
type reach struct {
	second clock.Mono // that is not over, in seconds
	count  uint64
	now    bool // something has come in it
	bits   uint8
	heard  clock.Mono // when something last came; 0 = never
}

// note takes in how much had come at an instant.
func (r *reach) note(at clock.Mono, count uint64) {
	for range min(8, at/1e9-r.second) {
		r.bits <<= 1
		if r.now {
			r.bits |= 1
		}
		r.now = false
	}
	r.second = at / 1e9
	if count != r.count {
		r.count, r.now, r.heard = count, true, at
	}
}

// stamp returns when something last came as NTP has it.
func (r *reach) stamp(now clock.Reading) ntp.Timestamp {
	if r.heard == 0 {
		return 0
	}
	return ntp.TimestampAt(now.RealAt(r.heard))
}

// describe returns what ntpq is shown.
func (u *Unit) describe() *control.State {
	u.catchUp()
	p, now := u.published.Load(), u.board.Served().Now()
	s := &control.State{System: system(p, now)}
	s.System.Version = u.cfg.Version
	est := &p.snapshot.Estimate
	following := s.System.Stratum != 16 && est.Mode == discipline.Locked
	pulse := control.Source{ID: 1, Name: "PPS(0)", Address: "127.127.22.0", ReferenceID: "PPS", Reach: p.pulses.bits, Heard: p.pulses.stamp(now)}
	labels := control.Source{
		ID: 2, Name: "GNSS(0)", Address: "127.127.20.0", ReferenceID: cmp.Or(constellation(p.snapshot.Sky), "GNSS"), Reach: p.labels.bits, Heard: p.labels.stamp(now),
	}
	if est.HasOffset {
		pulse.Offset, pulse.Jitter = -est.Offset, est.Precision
	}
	if following && pulse.Reach != 0 {
		pulse.Selection, s.System.Peer = control.Pulse, pulse.ID
	}
	if following && labels.Reach != 0 {
		labels.Selection = control.Followed
	}
	s.Sources = []control.Source{pulse, labels}
	return s
}

// system returns the server's part of what ntpq is shown.
func system(p *published, now clock.Reading) control.System {
	ref, est := p.reference, &p.snapshot.Estimate
	s := control.System{Leap: ntp.LeapUnsynchronised, Stratum: 16, Precision: ref.Precision, ReferenceID: "INIT", Clock: ntp.TimestampAt(now.Real)}
	if est.HasOffset {
		s.Offset, s.Jitter = -est.Offset, est.Precision
	}
	s.Frequency, s.TAIOffset = est.Steering, est.TAIOffset
	if ref.Check(now) != ntp.Certain {
		s.RootDispersion = ntp.MaxDispersion
		return s
	}
	served := ref.Header(now)
	s.Leap, s.Stratum, s.Reference = served.Leap, served.Stratum, served.Reference
	s.RootDelay, s.RootDispersion = served.RootDelay.Seconds(), served.RootDispersion.Seconds()
	s.ReferenceID = name(served.ReferenceID)
	return s
}

// name returns a reference ID of stratum 1 as text.
func name(id [4]byte) string {
	n := 0
	for n < len(id) && id[n] != 0 {
		n++
	}
	return string(id[:n])
}

// constellation names the satellite system in use, GNSS where there are several, "" where none is known.
func constellation(sky *gnss.Satellites) string {
	names := map[string]string{"GPS": "GPS", "BeiDou": "BDS", "Galileo": "GAL", "GLONASS": "GLO"}
	found := ""
	if sky == nil {
		return ""
	}
	for _, s := range sky.Seen {
		if !s.Used || s.System == "SBAS" || s.System == found {
			continue
		}
		if found != "" {
			return "GNSS"
		}
		found = s.System
	}
	if id, ok := names[found]; ok || found == "" {
		return id
	}
	return "GNSS"
}
