package timing

import (
	"strings"
	"testing"

	"timeball/gnss"
	"timeball/pps/discipline"
)

// tell gives the Engine what a receiver says beside its fix.
func (b *bench) tell(r gnss.Report) {
	b.engine.Take(Event{Kind: KindReport, At: b.clock.now.Mono, Report: &r})
}

func (b *bench) antenna(a gnss.Antenna) {
	b.tell(gnss.Report{Health: &gnss.Health{Message: "MON-HW", Antenna: a, Tone: -1, Gain: -1}})
}

// F13: holdover at the next tick, and no pulse is used until the antenna has been well for a while.
func TestEngineDoesNotUseThePulseOfAReceiverWithoutAntenna(t *testing.T) {
	b := newBench(t, true)
	b.antenna(gnss.AntennaOK)
	b.run(300, normal)
	b.engine.Changes()
	b.antenna(gnss.AntennaOpen)
	s := b.run(1, normal)
	b.want(s, discipline.Holdover, "the receiver finds no antenna")
	if len(s.Conditions) != 1 || s.Conditions[0].Name != "antenna-open" {
		t.Errorf("conditions %+v", s.Conditions)
	}
	accepted := s.Counters.Accepted
	s = b.run(60, normal)
	b.want(s, discipline.Holdover, "the receiver finds no antenna")
	if s.Counters.Accepted != accepted || s.Counters.Refused[string(discipline.Distrusted)] == 0 {
		t.Errorf("%d pulses accepted, refused %v", s.Counters.Accepted-accepted, s.Counters.Refused)
	}
	b.antenna(gnss.AntennaOK)
	b.want(b.run(29, normal), discipline.Holdover, "the receiver finds no antenna")
	b.want(b.run(60, normal), discipline.Locked, "")
	if got, want := b.told("condition"), "antenna-open (holdover): the receiver finds no antenna: it draws no current; antenna-open has ended after "; !strings.HasPrefix(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// told returns what has changed, of one kind.
func (b *bench) told(what string) string {
	var all []string
	for _, c := range b.engine.Changes() {
		if c.What == what {
			all = append(all, c.Text)
		}
	}
	return strings.Join(all, "; ")
}

func TestEngineNeverLocksWithoutAntenna(t *testing.T) {
	b := newBench(t, true)
	b.antenna(gnss.AntennaShort)
	b.tell(gnss.Report{Health: &gnss.Health{Message: "SEC-SIG", Jamming: gnss.ThreatCritical, Tone: -1, Gain: -1}})
	b.want(b.run(100, normal), discipline.FreeRunning, "")
	if s := b.engine.Snapshot(); s.Estimate.Reason == "" || len(s.Conditions) != 2 {
		t.Errorf("%q, %+v", s.Estimate.Reason, s.Conditions)
	}
	b.antenna(gnss.AntennaOK)
	b.want(b.run(100, normal), discipline.FreeRunning, "jamming")
}

func TestEngineServesWithAnAlarm(t *testing.T) {
	b := newBench(t, true)
	b.run(300, normal)
	b.tell(gnss.Report{Health: &gnss.Health{Message: "SEC-SIG", Spoofing: gnss.ThreatWarning, Tone: -1, Gain: -1}})
	s := b.run(30, normal)
	b.want(s, discipline.Locked, "")
	if len(s.Conditions) != 1 || s.Conditions[0].Name != "spoofing" {
		t.Errorf("conditions %+v", s.Conditions)
	}
	b.engine.Take(Event{Kind: KindPort, At: b.clock.now.Mono}) // another receiver may be on the line
	if s := b.run(1, normal); len(s.Conditions) != 0 {
		t.Errorf("conditions %+v after the line was opened anew", s.Conditions)
	}
}
