package appliance

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"

	"timeball/board/store"
	"timeball/cmd/internal/witness"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/timing"
	"timeball/server/ntp"
	"timeball/web/api"
)

// RTCName is the file in the state directory that has what is known of the RTC.
const RTCName = "rtc.json"

// The states of a witness, as they are shown.
const (
	stateWaiting     = "waiting"      // it has not answered yet
	stateAgrees      = "agrees"       // it and this unit can both be right
	stateDisagrees   = "disagrees"    // they can't
	stateNotCompared = "not compared" // this unit did not know the time
	stateKept        = "kept"         // it may show this unit's own time: it was set from here
	stateSilent      = "silent"       // no usable answer; the text says why
)

// witnessQueue is how many words of witnesses wait for the Engine, which takes them four times a second.
const witnessQueue = 16

// drifting is how fast a unit that did not know the time may have run wrong until it did.
const drifting clock.Ratio = 500e-6

// witnessed is what a witness said last.
type witnessed struct {
	report      witness.Report
	independent bool
	sure        bool          // this unit knew the time then
	bound       clock.Seconds // to this
	reading     clock.Reading // of this unit's clock then
}

// witnesses keeps what other clocks said. Their number is that of the configuration.
type witnesses struct {
	mu   sync.Mutex
	list []witnessed
}

// note takes what a witness said and returns the state it was in before.
func (w *witnesses) note(now witnessed) (before string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.list, func(o witnessed) bool { return o.report.Name == now.report.Name })
	if i < 0 {
		w.list = append(w.list, now)
		return stateWaiting
	}
	before = w.list[i].state(w.list[i].reading, w.list[i].sure, w.list[i].bound)
	w.list[i] = now
	return before
}

// all returns what each of them said last.
func (w *witnesses) all() []witnessed {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.list)
}

// askServer returns the part that asks an NTP server.
func (u *Unit) askServer(name string) func(context.Context) error {
	s := witness.Server{Name: name, Now: u.readClocks, Own: u.owns, Dial: u.dial}
	u.witnesses.note(witnessed{report: witness.Report{Name: name}})
	return func(ctx context.Context) error {
		s.Run(ctx, u.settled, func(r witness.Report) { u.heard(r, true) })
		return nil
	}
}

// keepRTC returns the part that reads the RTC and looks after it.
func (u *Unit) keepRTC() func(context.Context) error {
	k := witness.Keeper{
		RTC: u.cfg.RTC, Now: u.readClocks, Settled: u.settled, Monitor: u.cfg.Monitor,
		Say: func(what string, err error) {
			if err != nil {
				u.cfg.Log.Warn(what, "error", err)
			} else {
				u.cfg.Log.Info(what)
			}
		},
	}
	if u.cfg.State != "" {
		var ignored error
		if k.Record, _, ignored = store.Load[witness.Record](u.cfg.State, RTCName, nil); ignored != nil {
			u.cfg.Log.Warn("some of what was known of the rtc is not used", "error", ignored)
		}
		k.Save = func(r witness.Record) error { return u.cfg.State.Save(RTCName, r) }
	}
	u.witnesses.note(witnessed{report: witness.Report{Name: witness.KeeperName}})
	return func(ctx context.Context) error { k.Run(ctx, u.heard); return nil }
}

// readClocks reads the served clock; false when it can't be read.
func (u *Unit) readClocks() (clock.Reading, bool) {
	now := u.board.Served().Now()
	return now, now.Era != unreadable
}

// settled says whether the unit knows the time.
func (u *Unit) settled() bool {
	return u.reference.Load().Check(u.board.Served().Now()) == ntp.Certain
}

// owns says whether NTP is served here on an address.
func (u *Unit) owns(addr netip.AddrPort) bool {
	for _, own := range u.NTP() {
		if own.Port() == addr.Port() && (own.Addr().Unmap() == addr.Addr() || own.Addr().IsUnspecified() && ownAddress(addr.Addr())) {
			return true
		}
	}
	return false
}

// ownAddress says whether an address is one of this machine's.
func ownAddress(addr netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(all, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr() == addr.WithZone("")
	})
}

var errTooEarly = errors.New("refused: it names a date before this unit was built or last right")

// heard takes what a witness said: the page gets it, and the Engine while it is nobody else's word.
func (u *Unit) heard(r witness.Report, independent bool) {
	if r.Reading != nil && r.Reading.UTC+timescale.UTC(r.Reading.Distance.Duration()) < u.cfg.Engine.Floor {
		r.Reading, r.Error = nil, errTooEarly
	}
	u.noteWitness(r, independent)
	if r.Reading == nil || !independent {
		return
	}
	select {
	case u.testimony <- timing.Event{
		Kind: timing.KindWitness, At: r.Reading.At, Text: r.Name, UTC: r.Reading.UTC, Value: float64(r.Reading.Distance), Leap: r.Reading.Leap,
	}:
	default: // the Engine stands still; the witness will be asked again
	}
}

// noteWitness keeps what a witness said for the page, beside what this unit's clock shows. That it has fallen silent, or is
// back, is logged here; whether it agrees, by the Engine.
func (u *Unit) noteWitness(r witness.Report, independent bool) {
	p, now := u.published.Load(), u.board.Served().Now()
	w := witnessed{report: r, independent: independent, reading: now, sure: p.reference.Check(now) == ntp.Certain}
	w.bound = p.snapshot.Estimate.Bound.Total() + grown(&p.snapshot.Estimate, now)
	before := u.witnesses.note(w)
	switch after := w.state(now, w.sure, w.bound); {
	case after == stateSilent && before != stateSilent:
		u.cfg.Log.Warn("witness is silent", "name", r.Name, "error", r.Error)
	case before == stateSilent && after != stateSilent:
		u.cfg.Log.Info("witness is back", "name", r.Name)
	}
}

// takeTestimony gives the Engine what witnesses have said since the last tick. Only the goroutine of Board.Run calls it.
func (u *Unit) takeTestimony() {
	for range len(u.testimony) {
		u.feed(<-u.testimony)
	}
}

// offset returns the unit's clock minus the witness's, at the witness's reading.
func (w *witnessed) offset(now clock.Reading) clock.Seconds {
	r := w.report.Reading
	return clock.Seconds(int64(now.Real)-int64(now.Mono)-(int64(r.UTC)-int64(r.At))) * 1e-9
}

// state compares what was said with this unit's clock, which is sure to be right to bound, or is not. A unit that was not
// sure then and is now is compared with what it knows now: Real - Mono is the same, but for what it drifted meanwhile.
func (w *witnessed) state(now clock.Reading, sure bool, bound clock.Seconds) string {
	switch r := w.report.Reading; {
	case w.report.Error != nil:
		return stateSilent
	case r == nil:
		return stateWaiting
	case !w.independent:
		return stateKept
	case !sure:
		return stateNotCompared
	default:
		most := r.Distance + max(bound, w.bound)
		if !w.sure {
			most = r.Distance + bound + clock.Seconds(drifting)*max(0, now.Mono.Sub(r.At))
		}
		if off := w.offset(now); off > most || off < -most {
			return stateDisagrees
		}
		return stateAgrees
	}
}

// describeWitnesses fills in what other clocks say.
func describeWitnesses(status *api.Status, all []witnessed, p *published, now clock.Reading) {
	sure := p.reference.Check(now) == ntp.Certain
	bound := p.snapshot.Estimate.Bound.Total() + grown(&p.snapshot.Estimate, now)
	for _, w := range all {
		shown := api.Witness{Name: w.report.Name, State: w.state(now, sure, bound)}
		if w.report.Error != nil {
			shown.Text = w.report.Error.Error()
		}
		if w.report.Asked != 0 {
			shown.AskedSeconds = some(max(0, float64(now.Mono.Sub(w.report.Asked))))
		}
		if r := w.report.Reading; r != nil {
			shown.OffsetSeconds, shown.DistanceSeconds = some(float64(w.offset(now))), some(float64(r.Distance))
			if r.Stratum > 0 {
				shown.Stratum = some(r.Stratum)
			}
		}
		status.Witnesses = append(status.Witnesses, shown)
	}
}

// boardWitness notes what a board's own witness said, as the simulated board's RTC; the Engine gets it anyway.
func (u *Unit) boardWitness(e timing.Event) {
	r := witness.Reading{At: e.At, UTC: e.UTC, Distance: clock.Seconds(e.Value)}
	u.noteWitness(witness.Report{Name: e.Text, Asked: e.At, Reading: &r}, true)
}
