package appliance

import (
	"context"
	"fmt"
	"math"
	"net"
	"sync"
	"time"

	"timeball/board/sim"
	"timeball/web/api"
)

// Faulty is a Board that can be made to fail, because it is simulated.
type Faulty interface {
	// Faults returns what can happen to it and what does.
	Faults() []api.FaultState
	// Fault begins or ends one. It returns when that has happened.
	Fault(ctx context.Context, f api.Fault) error
}

// offered are the faults of a simulated board that a person may start, in the order they are shown. Those that are over at
// once can't be ended.
var offered = []struct {
	name string
	once bool
}{
	{sim.FaultOpen, false},
	{sim.FaultJamming, false},
	{sim.FaultDrag, false},
	{sim.FaultLabel, false},
	{sim.FaultFalseLeap, false},
	{sim.FaultHeat, false},
	{faultFlood, true},
	{sim.FaultPulse, false},
	{sim.FaultMessages, false},
	{sim.FaultForeignStep, true},
	{sim.FaultMoved, false},
	{sim.FaultFlat, false},
}

// The bounds of what may be asked for.
const (
	longestFault  = 24 * time.Hour
	largestFault  = time.Hour
	faultPatience = 2 * time.Second // until the world takes it: it is asked many times a second
)

// ongoing is a fault that was begun by hand.
type ongoing struct {
	since, until time.Time // until zero: for ever
}

// manual is what was begun by hand on a board.
type manual struct {
	asked chan func(*sim.World)
	mu    sync.Mutex
	on    map[string]ongoing
}

// Faults implements Faulty.
func (b *SimBoard) Faults() []api.FaultState {
	b.manual.mu.Lock()
	defer b.manual.mu.Unlock()
	kinds := map[string]sim.FaultKind{}
	for _, k := range sim.FaultKinds() {
		kinds[k.Name] = k
	}
	var all []api.FaultState
	now := time.Now()
	for _, o := range offered {
		k, ok := kinds[o.name]
		if !ok {
			continue
		}
		state := api.FaultState{Name: k.Name, Text: k.Text, BySeconds: k.By.Seconds(), Once: o.once}
		if on, ok := b.manual.on[o.name]; ok && (on.until.IsZero() || now.Before(on.until)) {
			state.SinceSeconds = some(now.Sub(on.since).Seconds())
			if !on.until.IsZero() {
				state.RemainingSeconds = some(on.until.Sub(now).Seconds())
			}
		}
		all = append(all, state)
	}
	return all
}

// Fault implements Faulty: the world changes in the goroutine that owns it.
func (b *SimBoard) Fault(ctx context.Context, f api.Fault) error {
	wanted, err := checkFault(f)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, faultPatience)
	defer cancel()
	done := make(chan struct{})
	change := func(w *sim.World) {
		defer close(done)
		w.End(wanted.Name)
		if !f.End {
			w.Begin(wanted)
		}
		b.manual.note(wanted, f.End)
	}
	select {
	case b.manual.asked <- change:
	case <-ctx.Done():
		return fmt.Errorf("fault %s: the simulated world stands still", f.Name)
	}
	<-done
	return nil
}

// note remembers what is on.
func (m *manual) note(f sim.Fault, end bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.on, f.Name)
	if end || momentary(f.Name) {
		return
	}
	now := time.Now()
	on := ongoing{since: now}
	if f.For > 0 {
		on.until = now.Add(f.For)
	}
	m.on[f.Name] = on
}

func momentary(name string) bool {
	for _, o := range offered {
		if o.name == name {
			return o.once
		}
	}
	return false
}

// checkFault returns the fault of the world that is asked for, or what is wrong with it.
func checkFault(f api.Fault) (sim.Fault, error) {
	known := false
	for _, o := range offered {
		known = known || o.name == f.Name && o.name != faultFlood
	}
	seconds := func(v float64, most time.Duration) bool { return math.Abs(v) <= most.Seconds() } // no number is not
	switch {
	case !known:
		return sim.Fault{}, fmt.Errorf("fault %.40q: there is none of that name", f.Name)
	case !seconds(f.ForSeconds, longestFault) || f.ForSeconds < 0:
		return sim.Fault{}, fmt.Errorf("fault %s: it lasts from 0 (until it is ended) to %v", f.Name, longestFault)
	case !seconds(f.BySeconds, largestFault):
		return sim.Fault{}, fmt.Errorf("fault %s: its size is at most %v", f.Name, largestFault)
	}
	return sim.Fault{Name: f.Name, For: time.Duration(f.ForSeconds * 1e9), By: time.Duration(f.BySeconds * 1e9)}, nil
}

// faultFlood is a flood of requests from this machine to the unit's own server.
const faultFlood = "flood"

const (
	floodRequests = 20_000
	floodFor      = 2 * time.Second
	floodText     = "one client of this machine asks 20 000 times within 2 s"
)

// Faults implements web.Unit.
func (u *Unit) Faults() *api.Faults {
	if u.remote != nil {
		return u.remote.faults()
	}
	board, ok := u.board.(Faulty)
	if !ok {
		return nil
	}
	all := board.Faults()
	if u.answering() != nil {
		flood := api.FaultState{Name: faultFlood, Text: floodText, Once: true}
		at := min(6, len(all))
		all = append(all[:at], append([]api.FaultState{flood}, all[at:]...)...)
	}
	return &api.Faults{API: 1, Faults: all}
}

// fault carries out the command fault.
func (u *Unit) fault(ctx context.Context, f api.Fault) api.Result {
	board, ok := u.board.(Faulty)
	if !ok {
		return api.Refuse("this is no simulated board: nothing can be made to go wrong")
	}
	var err error
	if f.Name == faultFlood {
		err = u.flood(ctx)
	} else {
		err = board.Fault(ctx, f)
	}
	if err != nil {
		return api.Refuse("%v", err)
	}
	u.cfg.Log.Info("fault of the simulated board", "name", f.Name, "end", f.End, "for", f.ForSeconds, "by", f.BySeconds)
	return api.Result{State: api.OK}
}

// flood asks the unit's own server more often than it answers anyone. One at a time.
func (u *Unit) flood(ctx context.Context) error {
	addrs := u.NTP()
	if len(addrs) == 0 {
		return fmt.Errorf("flood: this unit serves no NTP")
	}
	if !u.flooding.TryLock() {
		return fmt.Errorf("flood: there is one already")
	}
	defer u.flooding.Unlock()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addrs[0]))
	if err != nil {
		return fmt.Errorf("flood: %w", err)
	}
	defer conn.Close()
	request := make([]byte, 48)
	request[0] = 0x23 // version 4, client
	const ticks = 100
	every := time.NewTicker(floodFor / ticks)
	defer every.Stop()
	for range ticks {
		for range floodRequests / ticks {
			conn.Write(request) // what the kernel does not take is a smaller flood
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Clients implements web.Unit.
func (u *Unit) Clients() api.Clients {
	answer := api.Clients{API: 1, Clients: []api.Client{}}
	from := u.answering()
	if from == nil {
		return answer
	}
	now := u.board.Served().Now().Mono
	for _, c := range from.Clients() {
		one := api.Client{
			Address: c.Prefix.String(), FirstSeconds: max(0, float64(now.Sub(c.First))), LastSeconds: max(0, float64(now.Sub(c.Last))),
			Requests: c.Requests, Limited: c.Limited, Version: int(c.Version), Mode: int(c.Mode), Interleaved: c.Interleaved,
		}
		if c.Prefix.IsSingleIP() {
			one.Address = c.Prefix.Addr().String()
		}
		if c.Interval > 0 {
			one.IntervalSeconds = some(float64(c.Interval))
		}
		answer.Clients = append(answer.Clients, one)
	}
	answer.Known = len(answer.Clients)
	if a, ok := from.(*Answers); ok {
		answer.Known = a.known()
	}
	return answer
}
