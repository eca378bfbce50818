package direct

import (
	"math"
	"testing"
	"time"

	"timeball/board/sim"
)

// With hardware stamps the sawtooth of the receiver's clock is most of the pulse's noise (20 ns beside 10): a receiver that
// tells it makes the clock better than one that does not.
func TestReceiverThatTellsItsSawtoothIsWorthMore(t *testing.T) {
	spread := func(kind sim.Kind, binary bool) float64 {
		cfg := unit(t, "pi-hwts", 3, 3*hour)
		cfg.World.Receiver = sim.NewDevice(sim.DeviceConfig{Kind: kind, Seed: 3, Baud: 115200, Binary: binary, Delay: 80 * time.Millisecond})
		sum, squares, n := 0.0, 0.0, 0.0
		mustRun(t, cfg, func(x Sample) bool {
			if x.Second > hour {
				e := float64(x.Error)
				sum, squares, n = sum+e, squares+e*e, n+1
			}
			return true
		})
		return math.Sqrt(squares/n - sum/n*sum/n)
	}
	told, untold := spread(sim.KindUBX8, true), spread(sim.KindUBX8, false)
	t.Logf("spread %.3g ns told, %.3g ns untold", told*1e9, untold*1e9)
	if told > 0.9*untold {
		t.Errorf("spread %v of a unit that is told, %v of one that is not", told, untold)
	}
}
