package direct

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"timeball/board/sim"
	"timeball/pps/discipline"
	"timeball/pps/timing"
)

// A unit that knows nothing of its receiver finds it, switches on what it needs, and locks. Then someone changes the
// receiver's rate, and later its power fails: the pulses go on, the second is counted, and the unit finds the receiver
// again. Nothing it says lasts beyond the power.
func TestUnitFindsItsReceiverAndLocks(t *testing.T) {
	const changed, failed, end = 900, 1200, 1500 // s
	names := map[sim.Kind]string{
		sim.KindUBX6: "u-blox generation 6", sim.KindUBX7: "u-blox generation 7", sim.KindUBX8: "u-blox NEO-M8T-0",
		sim.KindUBX9: "u-blox ZED-F9T", sim.KindUBX10: "u-blox generation 10", sim.KindCASIC1: "CASIC", sim.KindCASIC2: "CASIC", sim.KindMTK: "MediaTek",
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
				var world *sim.World
				var line *sim.Line
				cfg.Attach = func(w *sim.World) { world, line = w, sim.NewLine(w) }
				cfg.Take = func(e *timing.Engine, ev timing.Event) { line.Take(ev, e.Take) }
				locked, lost, event := 0, 0, 0
				back := map[int]int{} // seconds after the event
				mustRun(t, cfg, func(x Sample) bool {
					est := &x.Snapshot.Estimate
					switch {
					case x.Dishonest():
						t.Fatalf("second %d: error %v, root distance %v", x.Second, x.ServedError, x.RootDistance)
					case x.Second == changed && event == 0:
						event = changed
						d.SetBaud(world.Now(), 57600)
					case x.Second == failed && event == changed:
						event = failed
						d.PowerCycle(world.Now())
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
