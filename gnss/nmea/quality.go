package nmea

import (
	"math"
	"strconv"

	"timeball/gnss"
)

// number64 reads a decimal number; what is none, such as "nan" or "---", is 0.
func number64(s string) float64 {
	f := [1]string{s}
	numbers(f[:])
	v, err := strconv.ParseFloat(f[0], 64)
	if err != nil {
		return 0
	}
	return v
}

// quality returns what GST, GBS and GRS have in common, after reading the time.
func (d *Decoder) quality(f []string) (*gnss.Quality, error) {
	d.sent = sent{}
	if err := d.sent.read(f, -1); err != nil {
		return nil, err
	}
	return &gnss.Quality{Arrival: d.mark.Arrival, Message: d.mark.Message}, nil
}

// gst: time, RMS of the residuals, ellipse of the error (major, minor, direction), errors of latitude, longitude, height.
func (d *Decoder) gst(f []string) (gnss.Report, error) {
	f = pad(f, 8)
	q, err := d.quality(f)
	if err != nil || empty(f[1:8]) {
		return gnss.Report{}, err
	}
	q.Residual = number64(f[1])
	q.Latitude, q.Longitude, q.Altitude = number64(f[5]), number64(f[6]), number64(f[7])
	return gnss.Report{Quality: q}, nil
}

// gbs: time, errors of latitude, longitude, height, the satellite that is most likely wrong, its probability, its bias
// and the deviation of that; since NMEA 4.1 system and signal.
func (d *Decoder) gbs(f []string) (gnss.Report, error) {
	f = pad(f, 10)
	q, err := d.quality(f)
	if err != nil || empty(f[1:8]) {
		return gnss.Report{}, err
	}
	q.Latitude, q.Longitude, q.Altitude = number64(f[1]), number64(f[2]), number64(f[3])
	if id, ok := decimal(f[4], 1, 4); ok && id > 0 {
		q.Suspect.ID, q.Suspect.System = id, system(d.mark.Message[:2], systemID(f[8]), id)
		q.SuspectBias = number64(f[6])
	}
	return gnss.Report{Quality: q}, nil
}

// systemID reads the system id of NMEA 4.1; 0 is not said.
func systemID(s string) int64 {
	if !oneOf(s, "123456") {
		return 0
	}
	return int64(s[0] - '0')
}

// grs: time, mode, the residuals of up to 12 satellites of one system.
func (d *Decoder) grs(f []string) (gnss.Report, error) {
	f = pad(f, 14)
	q, err := d.quality(f)
	if err != nil || empty(f[2:14]) {
		return gnss.Report{}, err
	}
	sum, n := 0.0, 0
	for _, r := range f[2:14] {
		if r != "" {
			v := number64(r)
			sum += v * v
			n++
		}
	}
	q.Residual = math.Sqrt(sum / float64(n))
	return gnss.Report{Quality: q}, nil
}

// empty reports whether all fields are, as they are before the first fix.
func empty(f []string) bool {
	for _, s := range f {
		if s != "" {
			return false
		}
	}
	return true
}
