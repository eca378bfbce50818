package appliance

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"timeball/board"
	"timeball/cmd/internal/witness"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server"
	"timeball/server/clientlog"
	"timeball/server/ntp"
	"timeball/web/api"
)

// What crosses between the processes of a unit is plain data: these are its forms. Both ends are the same program, so they
// need no version.

// frame is all that is shown of the clock, of one instant.
type frame struct {
	Sent      clock.Mono // of this machine, not of a simulated one
	Snapshot  *timing.Snapshot
	Reference *ntp.Reference
	Pulses    sentReach
	Labels    sentReach
	Witnesses []sentWitness `json:",omitempty"`
	Board     string
	Power     *board.Power `json:",omitempty"`
	Dropped   *uint64      `json:",omitempty"`
	Notices   []string     `json:",omitempty"`
	Faults    *api.Faults  `json:",omitempty"`
}

// sentReach is a reach.
type sentReach struct {
	Second clock.Mono
	Count  uint64
	Now    bool
	Bits   uint8
	Heard  clock.Mono
}

func (r *reach) sent() sentReach { return sentReach{r.second, r.count, r.now, r.bits, r.heard} }

func (r sentReach) reach() reach { return reach{r.Second, r.Count, r.Now, r.Bits, r.Heard} }

// sentWitness is a witnessed.
type sentWitness struct {
	Name        string
	Asked       clock.Mono
	Heard       *witness.Reading `json:",omitempty"`
	Error       string           `json:",omitempty"`
	Independent bool
	Sure        bool
	Bound       clock.Seconds
	Reading     clock.Reading
}

func (w *witnessed) sent() sentWitness {
	s := sentWitness{w.report.Name, w.report.Asked, w.report.Reading, "", w.independent, w.sure, w.bound, w.reading}
	if w.report.Error != nil {
		s.Error = w.report.Error.Error()
	}
	return s
}

func (s *sentWitness) witnessed() witnessed {
	w := witnessed{
		report:      witness.Report{Name: s.Name, Asked: s.Asked, Reading: s.Heard},
		independent: s.Independent, sure: s.Sure, bound: s.Bound, reading: s.Reading,
	}
	if s.Error != "" {
		w.report.Error = errors.New(s.Error)
	}
	return w
}

// Frame returns what Receive of another process takes.
func (u *Unit) Frame() ([]byte, error) {
	p := u.published.Load()
	f := frame{
		Sent: machineMono(), Reference: p.reference, Pulses: p.pulses.sent(), Labels: p.labels.sent(), Board: u.board.Name(), Faults: u.Faults(),
	}
	shown := *p.snapshot
	shown.Memory, shown.Learned = nil, nil // nobody is shown these
	f.Snapshot = &shown
	for _, w := range u.witnesses.all() {
		f.Witnesses = append(f.Witnesses, w.sent())
	}
	if powered, ok := u.board.(Powered); ok {
		power := powered.Power()
		f.Power = &power
	}
	if late, ok := u.board.(interface{ Dropped() uint64 }); ok {
		f.Dropped = some(late.Dropped())
	}
	if u.cfg.Notices != nil {
		f.Notices = u.cfg.Notices()
	}
	data, err := json.Marshal(f)
	if err != nil { // a number that is none
		f.Snapshot = &timing.Snapshot{Estimate: shown.Estimate, Counters: shown.Counters}
		return json.Marshal(f)
	}
	return data, nil
}

// Headline is what of a Frame people look at first.
type Headline struct {
	Mode         discipline.Mode
	Synchronised bool
	Era          clock.Era
	Leap         clock.Leap
	Pulses       uint64 // that the loop has taken
}

// Headline returns that of the Frame which Frame would return.
func (u *Unit) Headline() Headline {
	p := u.published.Load()
	e := &p.snapshot.Estimate
	return Headline{e.Mode, p.reference.Synchronised, e.At.Era, p.reference.Leap, p.snapshot.Counters.Accepted}
}

// ReceiveLater takes a Frame as Receive does, which it is given when somebody asks for what is in it: only ntpq does.
func (u *Unit) ReceiveLater(data []byte) error {
	data = slices.Clone(data) // the next one comes into the same memory
	u.unread.Store(&data)
	return nil
}

// catchUp receives what ReceiveLater took last.
func (u *Unit) catchUp() {
	if data := u.unread.Swap(nil); data != nil {
		if err := u.Receive(*data); err != nil {
			u.cfg.Log.Warn("not understood", "error", err)
		}
	}
}

// Receive takes a Frame of the process that keeps the clock.
func (u *Unit) Receive(data []byte) error {
	var f frame
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("snapshot of the clock: %w", err)
	}
	if f.Snapshot == nil || f.Reference == nil {
		return errors.New("snapshot of the clock: there is none in it")
	}
	var all []witnessed
	for _, w := range f.Witnesses {
		all = append(all, w.witnessed())
	}
	u.witnesses.replace(all)
	u.remote.told.Store(&f)
	u.published.Store(&published{snapshot: f.Snapshot, reference: f.Reference, pulses: f.Pulses.reach(), labels: f.Labels.reach()})
	return nil
}

// replace takes what all witnesses said.
func (w *witnesses) replace(all []witnessed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = all
}

// traffic is what the process that answers NTP tells of it.
type traffic struct {
	Sent    clock.Mono // of this machine
	Stats   server.Stats
	Known   int                // clients that are remembered
	Clients []clientlog.Client `json:",omitempty"`
}

// maxClients is how many clients are told of, the last seen first: a frame has room for no more.
const maxClients = 256

// Traffic returns what Hear of another process takes.
func (u *Unit) Traffic() ([]byte, error) {
	clients := u.server.Clients()
	return json.Marshal(traffic{machineMono(), u.server.Stats(), len(clients), clients[:min(len(clients), maxClients)]})
}

// Keep returns what is worth keeping over a restart, as Recall returns it; false while nothing is certain.
func (u *Unit) Keep() ([]byte, bool) {
	kept, ok := u.worthKeeping()
	if !ok {
		return nil, false
	}
	data, err := json.Marshal(kept)
	return data, err == nil
}

// Again gives the configuration of a unit that starts anew what one before it kept last.
func (c *Config) Again(kept []byte) error {
	var k Kept
	if err := json.Unmarshal(kept, &k); err != nil {
		return err
	}
	if err := k.plausible(); err != nil {
		return err
	}
	if k.UTC > c.Engine.Saved {
		c.Engine.Floor, c.Engine.Saved = max(c.Engine.Floor, k.UTC), k.UTC
		c.Engine.Memory, c.Engine.Learned = k.Memory, k.Learned
	}
	return nil
}

// since returns how long ago an instant of this machine was.
func since(sent clock.Mono) time.Duration { return time.Duration(machineMono() - sent) }
