package sim

import (
	"math"
	"math/rand/v2"
	"time"

	"timeball/gnss"
	"timeball/gnss/nmea"
)

// Talker is a simulated receiver that speaks NMEA 0183 4.10 about GPS, BeiDou and Galileo.
type Talker struct {
	Baud  int           // of its line
	Delay time.Duration // from the pulse to the start of the first byte
	place nmea.Place

	antenna gnss.Antenna // as told last
	sky     []orbit
}

// greenwich is where the first time ball still drops.
var greenwich = nmea.Place{Latitude: 51.4779, Longitude: -0.0015, Altitude: 47}

// orbit is a satellite's way over the sky: a sine of elevation, a steady azimuth. Not astronomy: enough to look at.
type orbit struct {
	talker          string
	system, id      int
	phase, azimuth  float64 // at second 0, turns
	period, highest float64 // s, degrees
}

// NewTalker returns a receiver whose satellites are placed by seed.
func NewTalker(seed uint64, baud int, delay time.Duration) *Talker {
	t := &Talker{Baud: baud, Delay: delay, place: greenwich, antenna: gnss.AntennaOK}
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

// constellation is what is seen of one system: its talker and number in NMEA 4.11, table of system ids.
type constellation struct {
	talker string
	system int
	seen   []nmea.View
	used   []int // numbers of those that are used, at most 12 as a GSA has room for
}

// look returns what is seen of every system, in the order in which it is said.
func (t *Talker) look(m Moment) []constellation {
	systems := []constellation{{talker: "GP", system: 1}, {talker: "GA", system: 3}, {talker: "GB", system: 4}}
	for i := range systems {
		c := &systems[i]
		c.seen, c.used = t.view(c.talker, m)
		if !m.Fix {
			c.used = nil
		}
	}
	return systems
}

// inUse returns how many satellites are used.
func inUse(sky []constellation) (n int) {
	for _, c := range sky {
		n += len(c.used)
	}
	return n
}

// view returns what is seen of one constellation, and which of it can be used.
func (t *Talker) view(talker string, m Moment) (seen []nmea.View, used []int) {
	for _, o := range t.sky {
		if o.talker != talker {
			continue
		}
		turns := float64(m.UTC/second)/o.period + o.phase
		elevation := o.highest * math.Sin(2*math.Pi*turns)
		if elevation < 2 {
			continue
		}
		_, around := math.Modf(turns + o.azimuth)
		flicker := 2 * math.Sin(float64(m.UTC/second)/60+40*o.phase)
		cn0 := m.received(30 + 18*math.Sin(elevation*math.Pi/180) + flicker)
		seen = append(seen, nmea.View{ID: o.id, Elevation: int(elevation), Azimuth: int(360 * around), CN0: cn0})
		if elevation > mask && len(used) < 12 && !m.Alone {
			used = append(used, o.id)
		}
	}
	return seen, used
}

// placed returns where the receiver says that it is.
func (t *Talker) placed(m Moment) nmea.Place {
	if !m.Fix {
		return nmea.Place{Unknown: true}
	}
	p := t.place
	p.Latitude += m.North * northEach
	return p
}

// Burst implements Receiver.
func (t *Talker) Burst(m Moment) []byte {
	const usual = 2048 // bytes of a burst
	sky, b := t.look(m), make([]byte, 0, usual)
	for _, kind := range []string{"RMC", "GGA", "GSA", "GSV", "ZDA"} {
		b = t.append(b, kind, "GN", m, sky)
	}
	if m.Antenna != t.antenna { // u-blox receivers tell it when it changes
		t.antenna = m.Antenna
		b = nmea.AppendTXT(b, "GN", "ANTSTATUS="+antennaWord(m.Antenna))
	}
	return b
}

// append appends a sentence, or all the sentences of its kind.
func (t *Talker) append(b []byte, kind, talker string, m Moment, sky []constellation) []byte {
	stamp := nmea.Stamp{UTC: m.UTC, Leap60: m.Leap60, Decimals: 2}
	mode, quality, dimensions := byte('A'), 1, 3
	if !m.Fix {
		mode, quality, dimensions = 'N', 0, 0
	}
	switch kind {
	case "RMC":
		return nmea.AppendRMC(b, nmea.RMC{Talker: talker, Stamp: stamp, Place: t.placed(m), Valid: m.Fix, Mode: mode, NavStatus: 'V'})
	case "GGA":
		return nmea.AppendGGA(b, nmea.GGA{Talker: talker, Stamp: stamp, Place: t.placed(m), Quality: quality, Used: min(inUse(sky), 99), HDOP: 0.8})
	case "ZDA":
		return nmea.AppendZDA(b, nmea.ZDA{Talker: talker, Stamp: stamp})
	case "GSA":
		for _, c := range sky {
			b = nmea.AppendGSA(b, nmea.GSA{Talker: talker, Dimensions: dimensions, Used: c.used, PDOP: 1.4, HDOP: 0.8, VDOP: 1.1, SystemID: c.system})
		}
	case "GSV":
		for _, c := range sky {
			b = nmea.AppendGSV(b, nmea.GSV{Talker: c.talker, Seen: c.seen, SignalID: '1'})
		}
	}
	return b
}
