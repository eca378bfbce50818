package ubx

import (
	"math"

	"timeball/gnss"
	"timeball/pps/clock"
)

// health is a report in which nothing is known.
func (d *Decoder) health() *gnss.Health {
	return &gnss.Health{Arrival: d.arrival, Message: d.id.String(), Tone: -1, Gain: -1}
}

// antenna returns the state that MonHW and MonRF give a number.
func antenna(n uint8) gnss.Antenna {
	switch n {
	case 2:
		return gnss.AntennaOK
	case 3:
		return gnss.AntennaShort
	case 4:
		return gnss.AntennaOpen
	}
	return gnss.AntennaUnknown
}

// threat returns the degree that 0 to 3 mean for jamming and for spoofing.
func threat(n uint8) gnss.Threat {
	if n > 3 {
		return gnss.ThreatUnknown
	}
	return gnss.Threat(n)
}

// gain returns an AGC count as a part of the greatest.
func gain(count uint16) float64 { return min(float64(count)/8191, 1) }

func (d *Decoder) monHW() (gnss.Report, error) {
	var m MonHW
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	h := d.health()
	h.Antenna, h.Jamming = antenna(m.AStatus), threat(m.Flags>>2&3)
	h.Tone, h.Gain = float64(m.JamInd)/255, gain(m.AgcCnt)
	return gnss.Report{Health: h}, nil
}

// monRF: of several inputs the worst counts. Short is worse than open, and either worse than not known.
func (d *Decoder) monRF() (gnss.Report, error) {
	var m MonRF
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	if len(m.Blocks) == 0 {
		return gnss.Report{}, nil
	}
	h := d.health()
	h.Gain = gain(m.Blocks[0].AgcCnt)
	for _, b := range m.Blocks {
		h.Antenna = max(h.Antenna, antenna(b.AntStatus))
		h.Jamming = max(h.Jamming, threat(b.Flags&3))
		h.Tone = max(h.Tone, float64(b.JamInd)/255)
	}
	return gnss.Report{Health: h}, nil
}

func (d *Decoder) secSIG() (gnss.Report, error) {
	var m SecSIG
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	h := d.health()
	h.Jamming, h.Spoofing = threat(m.Jam), threat(m.Spoof)
	return gnss.Report{Health: h}, nil
}

func (d *Decoder) timSVIN() (gnss.Report, error) {
	var m TimSVIN
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	return gnss.Report{Survey: &gnss.Survey{
		Arrival: d.arrival, Message: d.id.String(), Active: m.Active != 0, Valid: m.Valid != 0,
		Duration: clock.Seconds(m.Dur), Observations: count(m.Obs), Accuracy: math.Sqrt(float64(m.MeanV)) * 1e-3,
		Place: gnss.ECEF{X: float64(m.MeanX) * 1e-2, Y: float64(m.MeanY) * 1e-2, Z: float64(m.MeanZ) * 1e-2},
	}}, nil
}

func (d *Decoder) navSVIN() (gnss.Report, error) {
	var m NavSVIN
	if err := d.read(&m); err != nil {
		return gnss.Report{}, err
	}
	fine := func(cm int32, tenths int8) float64 { return float64(cm)*1e-2 + float64(tenths)*1e-4 }
	return gnss.Report{Survey: &gnss.Survey{
		Arrival: d.arrival, Message: d.id.String(), Active: m.Active != 0, Valid: m.Valid != 0,
		Duration: clock.Seconds(m.Dur), Observations: count(m.Obs), Accuracy: float64(m.MeanAcc) * 1e-4,
		Place: gnss.ECEF{X: fine(m.MeanX, m.MeanXHP), Y: fine(m.MeanY, m.MeanYHP), Z: fine(m.MeanZ, m.MeanZHP)},
	}}, nil
}

// count keeps a number within what 32 bits hold.
func count(n uint32) int { return int(min(n, math.MaxInt32)) }
