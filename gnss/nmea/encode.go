package nmea

import (
	"math"
	"strconv"

	"timeball/gnss/timescale"
)

// Stamp is the time that a sentence carries.
type Stamp struct {
	UTC      timescale.UTC // cut to the decimals, never rounded up into the next second
	Leap60   bool          // UTC counts as 0:00:00; send 23:59:60 of the day before
	Unknown  bool          // leave the fields empty, as before the first fix
	Decimals int           // of the second, 0 to 9
}

// Place is the position that a sentence carries.
type Place struct {
	Latitude, Longitude float64 // degrees, north and east positive
	Altitude            float64 // metres above mean sea level
	Unknown             bool    // leave the fields empty
}

// RMC is what AppendRMC writes. Zero bytes are fields that are left out (Mode and what follows) or empty.
type RMC struct {
	Talker    string // "GN"
	Stamp     Stamp
	Place     Place
	Valid     bool // status A or V
	Mode      byte // 'A' autonomous, 'N' none; 0 = a sentence older than NMEA 2.3
	NavStatus byte // 'V' since NMEA 4.1; 0 = left out
}

// ZDA is what AppendZDA writes.
type ZDA struct {
	Talker string
	Stamp  Stamp
}

// GGA is what AppendGGA writes.
type GGA struct {
	Talker  string
	Stamp   Stamp
	Place   Place
	Quality int // 0 none, 1 fix, 2 fix with corrections
	Used    int
	HDOP    float64
}

// GSA is what AppendGSA writes.
type GSA struct {
	Talker           string
	Dimensions       int   // 0 = no fix
	Used             []int // at most 12
	PDOP, HDOP, VDOP float64
	SystemID         int // 0 = left out
}

// GSV is a group of sentences for one constellation, all of which AppendGSV writes.
type GSV struct {
	Talker   string
	Seen     []View
	SignalID byte // hexadecimal digit; 0 = left out
}

// View is a satellite in a GSV.
type View struct {
	ID, Elevation, Azimuth int // degrees
	CN0                    int // dB-Hz, 0 = not tracked
}

// AppendRMC appends an RMC sentence with checksum and CR LF.
func AppendRMC(dst []byte, m RMC) []byte {
	at := len(dst)
	dst = start(dst, m.Talker, "RMC")
	dst = appendTime(dst, m.Stamp)
	dst = append(dst, ',', validity(m.Valid))
	dst = appendPlace(dst, m.Place)
	dst = append(dst, ",,,"...)
	if !m.Stamp.Unknown {
		c := m.Stamp.civil()
		dst = pad2(pad2(pad2(dst, c.Day), c.Month), c.Year%100)
	}
	dst = append(dst, ",,"...)
	if m.Mode != 0 {
		dst = append(dst, ',', m.Mode)
	}
	if m.NavStatus != 0 {
		dst = append(dst, ',', m.NavStatus)
	}
	return finish(dst, at)
}

// AppendZDA appends a ZDA sentence with checksum and CR LF.
func AppendZDA(dst []byte, m ZDA) []byte {
	at := len(dst)
	dst = start(dst, m.Talker, "ZDA")
	dst = appendTime(dst, m.Stamp)
	if m.Stamp.Unknown {
		return finish(append(dst, ",,,,00,00"...), at)
	}
	c := m.Stamp.civil()
	dst = pad2(append(dst, ','), c.Day)
	dst = pad2(append(dst, ','), c.Month)
	dst = pad2(pad2(append(dst, ','), c.Year/100), c.Year%100)
	return finish(append(dst, ",00,00"...), at)
}

// AppendGGA appends a GGA sentence with checksum and CR LF. The geoid is left at the ellipsoid.
func AppendGGA(dst []byte, m GGA) []byte {
	at := len(dst)
	dst = start(dst, m.Talker, "GGA")
	dst = appendTime(dst, m.Stamp)
	dst = appendPlace(dst, m.Place)
	dst = strconv.AppendInt(append(dst, ','), int64(m.Quality), 10)
	dst = pad2(append(dst, ','), m.Used)
	dst = strconv.AppendFloat(append(dst, ','), m.HDOP, 'f', 2, 64)
	dst = append(dst, ',')
	if !m.Place.Unknown {
		dst = strconv.AppendFloat(dst, m.Place.Altitude, 'f', 1, 64)
	}
	return finish(append(dst, ",M,0.0,M,,"...), at)
}

// AppendGSA appends a GSA sentence with checksum and CR LF.
func AppendGSA(dst []byte, m GSA) []byte {
	at := len(dst)
	dst = start(dst, m.Talker, "GSA")
	dst = append(dst, 'A', ',', byte('0'+max(m.Dimensions, 1)))
	for i := range 12 {
		dst = append(dst, ',')
		if i < len(m.Used) {
			dst = pad2(dst, m.Used[i])
		}
	}
	for _, dop := range [...]float64{m.PDOP, m.HDOP, m.VDOP} {
		dst = strconv.AppendFloat(append(dst, ','), dop, 'f', 2, 64)
	}
	if m.SystemID != 0 {
		dst = strconv.AppendInt(append(dst, ','), int64(m.SystemID), 16)
	}
	return finish(dst, at)
}

// AppendGSV appends the GSV sentences of a constellation with checksums and CR LF, one also where nothing is seen.
func AppendGSV(dst []byte, m GSV) []byte {
	total := max((len(m.Seen)+3)/4, 1)
	for i := range total {
		at := len(dst)
		dst = start(dst, m.Talker, "GSV")
		dst = strconv.AppendInt(dst, int64(total), 10)
		dst = strconv.AppendInt(append(dst, ','), int64(i+1), 10)
		dst = pad2(append(dst, ','), len(m.Seen))
		for _, v := range m.Seen[4*i : min(4*i+4, len(m.Seen))] {
			dst = pad2(append(dst, ','), v.ID)
			dst = pad2(append(dst, ','), v.Elevation)
			dst = pad3(append(dst, ','), v.Azimuth)
			dst = append(dst, ',')
			if v.CN0 > 0 {
				dst = pad2(dst, v.CN0)
			}
		}
		if m.SignalID != 0 {
			dst = append(dst, ',', m.SignalID)
		}
		dst = finish(dst, at)
	}
	return dst
}

// AppendTXT appends a TXT sentence with checksum and CR LF, of severity 02 (notice). The text may not have '*', '$' or
// '!', nor control characters: they are replaced by '.'.
func AppendTXT(dst []byte, talker, text string) []byte {
	at := len(dst)
	dst = append(start(dst, talker, "TXT"), "01,01,02,"...)
	for i := range len(text) {
		c := text[i]
		if c < ' ' || c > '~' || c == '*' || c == '$' || c == '!' {
			c = '.'
		}
		dst = append(dst, c)
	}
	return finish(dst, at)
}

// AppendSentence appends '$', body, the checksum and CR LF, whatever the body says: faults are made with it.
func AppendSentence(dst []byte, body string) []byte {
	at := len(dst)
	return finish(append(append(dst, '$'), body...), at)
}

func start(dst []byte, talker, kind string) []byte {
	dst = append(dst, '$')
	dst = append(dst, talker...)
	dst = append(dst, kind...)
	return append(dst, ',')
}

// finish adds the checksum of the sentence that begins at dst[at].
func finish(dst []byte, at int) []byte {
	var sum byte
	for _, c := range dst[at+1:] {
		sum ^= c
	}
	const hex = "0123456789ABCDEF"
	return append(dst, '*', hex[sum>>4], hex[sum&15], '\r', '\n')
}

func (s Stamp) civil() timescale.Civil {
	if !s.Leap60 {
		return s.UTC.Civil()
	}
	c := (s.UTC - timescale.Second).Civil()
	c.Second++
	return c
}

func appendTime(dst []byte, s Stamp) []byte {
	if s.Unknown {
		return dst
	}
	c := s.civil()
	dst = pad2(pad2(pad2(dst, c.Hour), c.Minute), c.Second)
	if s.Decimals <= 0 {
		return dst
	}
	dst = append(dst, '.')
	rest, scale := c.Nanosecond, int(1e8)
	for range min(s.Decimals, 9) {
		dst = append(dst, byte('0'+rest/scale%10))
		scale /= 10
	}
	return dst
}

// appendPlace appends latitude and longitude with a comma before each field.
func appendPlace(dst []byte, p Place) []byte {
	if p.Unknown {
		return append(dst, ",,,,"...)
	}
	dst = appendAngle(append(dst, ','), p.Latitude, 2)
	dst = append(dst, ',', hemisphere(p.Latitude, 'N', 'S'))
	dst = appendAngle(append(dst, ','), p.Longitude, 3)
	return append(dst, ',', hemisphere(p.Longitude, 'E', 'W'))
}

// appendAngle appends degrees of the given width and minutes with five decimals, 2 cm.
func appendAngle(dst []byte, degrees float64, width int) []byte {
	const unit = 60 * 100_000 // in one degree
	v := int64(math.Round(math.Abs(degrees) * unit))
	whole, rest := int(v/unit), int(v%unit)
	if width == 3 {
		dst = pad3(dst, whole)
	} else {
		dst = pad2(dst, whole)
	}
	dst = pad2(dst, rest/100_000)
	dst = append(dst, '.')
	rest %= 100_000
	return pad2(pad3(dst, rest/100), rest%100)
}

func hemisphere(v float64, positive, negative byte) byte {
	if v < 0 {
		return negative
	}
	return positive
}

func validity(valid bool) byte {
	if valid {
		return 'A'
	}
	return 'V'
}

// pad2 appends v, which is not negative, with at least two digits.
func pad2(dst []byte, v int) []byte {
	if v < 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, int64(v), 10)
}

// pad3 appends v, which is not negative, with at least three digits.
func pad3(dst []byte, v int) []byte {
	if v < 100 {
		dst = append(dst, '0')
	}
	return pad2(dst, v)
}
