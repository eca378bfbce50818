package direct

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"timeball/board/sim"
	"timeball/gnss/receiver"
	"timeball/pps/discipline"
	"timeball/pps/timing"
)

// serialLine is the serial line of a unit that finds its receiver itself: what comes over it goes to the Finder, and to the
// Engine while it is in use, as on hardware.
type serialLine struct {
	world  *sim.World
	finder *receiver.Finder
	open   bool
	said   timing.Event
}

const port = "/dev/ttyAMA0"

func (l *serialLine) take(e *timing.Engine, ev timing.Event) {
	switch ev.Kind {
	case timing.KindBytes:
		if !l.open {
			return
		}
		l.do(l.finder.Received(ev.At, ev.Bytes), ev)
		if l.finder.InUse() {
			l.tell(e, ev)
			e.Take(ev)
		}
		return
	case timing.KindTick:
		l.do(l.finder.Tick(ev.At), ev)
		l.tell(e, ev)
	}
	e.Take(ev)
}

// tell tells the Engine what is known of the line when that has changed.
func (l *serialLine) tell(e *timing.Engine, ev timing.Event) {
	now := timing.Event{Kind: timing.KindPort, Text: l.finder.Trouble(), Where: l.finder.Line()}
	if now.Text != l.said.Text || now.Where != l.said.Where {
		l.said = now
		now.At = ev.At
		e.Take(now)
	}
}

func (l *serialLine) do(actions []receiver.Action, ev timing.Event) {
	for len(actions) > 0 {
		a := actions[0]
		actions = actions[1:]
		switch a.Do {
		case receiver.Open:
			l.world.Listen(a.Baud)
			l.open = true
			actions = append(actions, l.finder.Opened(ev.At, true, nil)...)
		case receiver.Write:
			l.world.Send(a.Bytes)
		case receiver.Close:
			l.open = false
		}
	}
}

// A unit that knows nothing of its receiver finds it, switches on what it needs, and locks. Then someone changes the
// receiver's rate, and later its power fails: the pulses go on, the second is counted, and the unit finds the receiver
// again. Nothing it says lasts beyond the power.
func TestUnitFindsItsReceiverAndLocks(t *testing.T) {
	const changed, failed, end = 900, 1200, 1500 // s
	names := map[sim.Kind]string{
		sim.KindUBX6: "u-blox generation 6", sim.KindUBX7: "u-blox generation 7", sim.KindUBX8: "u-blox NEO-M8T-0",
		sim.KindUBX9: "u-blox ZED-F9T", sim.KindUBX10: "u-blox generation 10", sim.KindCASIC1: "CASIC", sim.KindCASIC2: "CASIC",
	}
	for _, kind := range sim.Kinds() {
		for i, baud := range []int{4800, 9600, 38400, 115200, 460800} {
			if testing.Short() && i != int(kind)%5 {
				continue
			}
			t.Run(fmt.Sprintf("%v %d", kind, baud), func(t *testing.T) {
				t.Parallel()
				d := sim.NewDevice(sim.DeviceConfig{Kind: kind, Seed: 1, Baud: baud, Binary: i%2 == 1, Delay: 70 * time.Millisecond})
				cfg := unit(t, "pi-quiet", 1, end)
				cfg.World.Receiver, cfg.World.HostBaud = d, 19200 // of a console that was there before
				l := &serialLine{finder: receiver.New()}
				l.finder.Candidates([]string{port})
				cfg.Attach, cfg.Take = func(w *sim.World) { l.world = w }, l.take
				locked, lost, event := 0, 0, 0
				back := map[int]int{} // seconds after the event
				mustRun(t, cfg, func(x Sample) bool {
					est := &x.Snapshot.Estimate
					switch {
					case x.Dishonest():
						t.Fatalf("second %d: error %v, root distance %v", x.Second, x.ServedError, x.RootDistance)
					case x.Second == changed && event == 0:
						event = changed
						d.SetBaud(l.world.Now(), 57600)
					case x.Second == failed && event == changed:
						event = failed
						d.PowerCycle(l.world.Now())
					}
					if locked == 0 && est.Mode == discipline.Locked {
						locked = x.Second
					}
					if locked > 0 && est.Mode != discipline.Locked {
						lost++
					}
					if event > 0 && back[event] == 0 && strings.HasSuffix(x.Snapshot.Line, fmt.Sprintf(" at %d baud", d.Baud())) {
						back[event] = x.Second - event
					}
					if x.Second == end-1 {
						if s := x.Snapshot; !strings.HasPrefix(s.Receiver, names[kind]) || s.Line == "" || s.Serial != "" {
							t.Errorf("receiver %q, line %q, %q", s.Receiver, s.Line, s.Serial)
						}
					}
					return true
				})
				// 60 s are for the worst case of a search, 20 s for the lock behind it.
				if locked == 0 || locked > 80 || lost > 0 || back[changed] == 0 || back[changed] > 80 || back[failed] == 0 || back[failed] > 80 {
					t.Errorf("locked in second %d, not locked %d samples afterwards, the line was back after %v s", locked, lost, back)
				}
				if d.Saves() > 0 {
					t.Errorf("%d commands to save", d.Saves())
				}
				t.Logf("locked in second %d, line back after %v s", locked, back)
			})
		}
	}
}
