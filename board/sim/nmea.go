package sim

import (
	"math"
	"math/rand/v2"
	"time"

	"timeball/gnss/nmea"
	"timeball/gnss/timescale"
)

// Talker is a simulated receiver that speaks NMEA 0183 4.10 about GPS, BeiDou and Galileo.
type Talker struct {
	Baud  int           // of its line
	Delay time.Duration // from the pulse to the start of the first byte
	place nmea.Place
	sky   []orbit
}

// orbit is a satellite's way over the sky: a sine of elevation, a steady azimuth. Not astronomy: enough to look at.
type orbit struct {
	talker          string
	system, id      int
	phase, azimuth  float64 // at second 0, turns
	period, highest float64 // s, degrees
}

// NewTalker returns a receiver whose satellites are placed by seed.
func NewTalker(seed uint64, baud int, delay time.Duration) *Talker {
	t := &Talker{Baud: baud, Delay: delay, place: nmea.Place{Latitude: 51.4779, Longitude: -0.0015, Altitude: 47}} // Greenwich's time ball
	rng := rand.New(rand.NewPCG(seed, 101))
	for _, s := range []struct {
		talker               string
		system, first, count int
	}{{"GP", 1, 1, 22}, {"GB", 4, 19, 18}, {"GA", 3, 2, 14}} { // NMEA 4.11, table of system ids
		for i := range s.count {
			t.sky = append(t.sky, orbit{
				talker: s.talker, system: s.system, id: s.first + i,
				phase: rng.Float64(), azimuth: rng.Float64(), period: 11.97 * 3600, highest: 25 + 60*rng.Float64(),
			})
		}
	}
	return t
}

// Line implements Receiver.
func (t *Talker) Line() (int, time.Duration) { return t.Baud, t.Delay }

const mask = 8 // degrees of elevation below which a satellite is seen but not used

// view returns what is seen of one constellation at utc, and which of it is used.
func (t *Talker) view(talker string, utc timescale.UTC) (seen []nmea.View, used []int) {
	for _, o := range t.sky {
		if o.talker != talker {
			continue
		}
		turns := float64(utc/second)/o.period + o.phase
		elevation := o.highest * math.Sin(2*math.Pi*turns)
		if elevation < 2 {
			continue
		}
		_, around := math.Modf(turns + o.azimuth)
		flicker := 2 * math.Sin(float64(utc/second)/60+40*o.phase)
		seen = append(seen, nmea.View{
			ID: o.id, Elevation: int(elevation), Azimuth: int(360 * around), CN0: int(30 + 18*math.Sin(elevation*math.Pi/180) + flicker),
		})
		if elevation > mask && len(used) < 12 {
			used = append(used, o.id)
		}
	}
	return seen, used
}

// Burst implements Receiver.
func (t *Talker) Burst(m Moment) []byte {
	utc, fix := m.UTC, m.Fix
	stamp := nmea.Stamp{UTC: utc, Leap60: m.Leap60, Decimals: 2}
	mode, nav, quality, dimensions, place := byte('A'), byte('V'), 1, 3, t.place
	if !fix {
		mode, quality, dimensions, place = 'N', 0, 0, nmea.Place{Unknown: true}
	}
	const usual = 2048 // bytes of a burst
	b := nmea.AppendRMC(make([]byte, 0, usual), nmea.RMC{Talker: "GN", Stamp: stamp, Place: place, Valid: fix, Mode: mode, NavStatus: nav})
	views, users := make([]byte, 0, usual), make([]byte, 0, usual/4)
	total := 0
	for _, c := range []struct {
		talker string
		system int
	}{{"GP", 1}, {"GA", 3}, {"GB", 4}} {
		seen, used := t.view(c.talker, utc)
		if !fix {
			used = nil
		}
		total += len(used)
		users = nmea.AppendGSA(users, nmea.GSA{Talker: "GN", Dimensions: dimensions, Used: used, PDOP: 1.4, HDOP: 0.8, VDOP: 1.1, SystemID: c.system})
		views = nmea.AppendGSV(views, nmea.GSV{Talker: c.talker, Seen: seen, SignalID: '1'})
	}
	b = nmea.AppendGGA(b, nmea.GGA{Talker: "GN", Stamp: stamp, Place: place, Quality: quality, Used: min(total, 99), HDOP: 0.8})
	b = append(append(b, users...), views...)
	return nmea.AppendZDA(b, nmea.ZDA{Talker: "GN", Stamp: stamp})
}
