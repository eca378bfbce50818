package direct

import (
	"fmt"
	"testing"
	"time"

	"timeball/board/sim"
	"timeball/gnss/nmea"
	"timeball/pps/timing"
)

// sayer is a receiver that speaks NMEA in an order, at a rate and with a delay of its own.
type sayer struct {
	baud  int
	delay time.Duration
	order string // R: RMC, Z: ZDA, G: GGA, t: 50 bytes of text
}

func (s sayer) Line() (int, time.Duration) { return s.baud, s.delay }

func (s sayer) Burst(m sim.Moment) (b []byte) {
	stamp := nmea.Stamp{UTC: m.UTC, Leap60: m.Leap60, Decimals: 2}
	place := nmea.Place{Latitude: 51.4779, Longitude: -0.0015, Altitude: 47}
	for _, c := range s.order {
		switch c {
		case 'R':
			b = nmea.AppendRMC(b, nmea.RMC{Talker: "GN", Stamp: stamp, Place: place, Valid: m.Fix, Mode: 'A', NavStatus: 'V'})
		case 'Z':
			b = nmea.AppendZDA(b, nmea.ZDA{Talker: "GN", Stamp: stamp})
		case 'G':
			b = nmea.AppendGGA(b, nmea.GGA{Talker: "GN", Stamp: stamp, Place: place, Quality: 1, Used: 9, HDOP: 0.9})
		case 't':
			b = append(b, "$GPXXX,a sentence that no one needs to know of*3A\r\n"...)
		}
	}
	return b
}

// length returns how long the line is busy with a second.
func (s sayer) length() time.Duration {
	return time.Duration(len(s.Burst(sim.Ordinary(start, true)))) * 10 * time.Second / time.Duration(s.baud)
}

// F4: labels that come 0 to 0.9 s after their pulse alone, and to 1.4 s with a witness, at 4800 to 115200 baud, through
// bytes and the Engine: no second is off by one, and what the rules do not forbid is labelled. The last message of a long
// burst comes up to 2 s after its pulse.
func TestNoSecondIsOffByOne(t *testing.T) {
	step := 45 * time.Millisecond
	if testing.Short() {
		step = 310 * time.Millisecond
	}
	for _, baud := range []int{4800, 9600, 19200, 38400, 115200} {
		for _, order := range []string{"RG", "RGttZ", "GttttZ", "GtttttttZ"} {
			t.Run(fmt.Sprintf("%d baud, %s", baud, order), func(t *testing.T) {
				t.Parallel()
				for _, witness := range []bool{false, true} {
					for delay := time.Duration(0); delay <= 1400*time.Millisecond && (witness || delay <= 900*time.Millisecond); delay += step {
						s := sayer{baud, delay, order}
						if s.length() >= time.Second {
							continue // nobody sends more than the line takes
						}
						labels(t, s, witness)
					}
				}
			})
		}
	}
}

func labels(t *testing.T, s sayer, witness bool) {
	cfg := unit(t, "perfect", 1, 45)
	cfg.World.Receiver, cfg.World.RTC, cfg.World.Sensors = s, witness, false
	cfg.World.E0 = 40 * time.Millisecond
	var last *timing.Snapshot
	mustRun(t, cfg, func(x Sample) bool {
		last = x.Snapshot
		if max(x.Error, -x.Error) > 0.5 || x.Synchronised && !witness {
			t.Errorf("%v witness %v, second %d: %.3f s off, synchronised %v, %q", s.delay, witness, x.Second, float64(x.Error), x.Synchronised, last.Estimate.Reason)
			return false
		}
		return true
	})
	const edge, burst = 110 * time.Millisecond, 790 * time.Millisecond
	possible := witness && s.delay+s.length() < 2*time.Second || s.delay > edge && s.delay < 890*time.Millisecond && s.length() < burst
	if possible && last.Counters.Labelled < 20 {
		t.Errorf("%v witness %v: not labelled, %q, %v", s.delay, witness, last.Estimate.Reason, last.Counters.Refused)
	}
}
