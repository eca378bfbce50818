package nmea

import (
	"strings"

	nmea "github.com/adrianmo/go-nmea"

	"timeball/gnss/timescale"
)

// normalise takes the time from the text itself into d.sent, and makes the rest acceptable to go-nmea v1.10.0, which
// refuses a sentence for any field it does not expect. Fields that are not used are emptied.
func (d *Decoder) normalise(s *nmea.BaseSentence) error {
	d.sent = sent{}
	switch s.Type {
	case nmea.TypeGNS:
		return d.normaliseGNS(s)
	case nmea.TypeGSA:
		normaliseGSA(s)
	case nmea.TypeGSV:
		return normaliseGSV(s)
	}
	return nil
}

func (d *Decoder) normaliseGNS(s *nmea.BaseSentence) error {
	s.Fields = pad(s.Fields, 13)
	f := s.Fields
	f[5] = strings.Map(func(r rune) rune {
		if strings.ContainsRune("NADPRFEMS", r) {
			return r
		}
		return 'N'
	}, f[5])
	if !oneOf(f[12], "SCUV") {
		f[12] = ""
	}
	numbers(f[6:9])
	clear(f[9:12])
	err := d.sent.read(f, 1)
	clear(f[:5]) // what has been read is hidden from go-nmea, which rounds it
	return err
}

// normaliseGSA: the system id came with NMEA 4.1; some have something else in its place.
func normaliseGSA(s *nmea.BaseSentence) {
	s.Fields = pad(s.Fields, 18)
	f := s.Fields
	clear(f[:1])
	if !oneOf(f[1], "123") {
		f[1] = nmea.FixNone
	}
	numbers(f[14:17])
	if !oneOf(f[17], "123456") {
		f[17] = ""
	}
}

// normaliseGSV: NMEA 4.1 adds a hexadecimal signal id behind the satellites of four fields each; some leave out the
// last C/N0 where it is empty.
func normaliseGSV(s *nmea.BaseSentence) error {
	if len(s.Fields) < 3 {
		return &Refused{Reason: ReasonFields}
	}
	if len(s.Fields)%4 == 0 {
		s.Fields = s.Fields[:len(s.Fields)-1]
	}
	for len(s.Fields)%4 != 3 {
		s.Fields = append(s.Fields, "")
	}
	numbers(s.Fields)
	for i, f := range s.Fields {
		s.Fields[i], _, _ = strings.Cut(f, ".")
	}
	return nil
}

// sent is what a sentence says about time and place, read from its text.
type sent struct {
	time             tod
	day, month, year int // year as sent, of two digits in RMC
	dated            bool
	placed           bool // there is a position, and it can be one
	latitude         float64
	longitude        float64
}

// read takes the time from the first field and the position from the four fields at the given index, if any.
func (s *sent) read(f []string, position int) error {
	var ok bool
	if s.time, ok = parseTOD(f[0]); !ok {
		return &Refused{Reason: ReasonTime}
	}
	if position < 0 {
		return nil
	}
	p := f[position : position+4]
	if p[0] == "" && p[2] == "" {
		return nil
	}
	var lat, lon bool
	s.latitude, lat = angle(p[0], 90)
	s.longitude, lon = angle(p[2], 180)
	s.placed = lat && oneOf(p[1], "NS") && lon && oneOf(p[3], "EW")
	if !s.placed {
		return &Refused{Reason: ReasonPosition}
	}
	if p[1] == "S" {
		s.latitude = -s.latitude
	}
	if p[3] == "W" {
		s.longitude = -s.longitude
	}
	return nil
}

// tod is a time of day as it was sent.
type tod struct {
	hour, minute, second, nanosecond int
	ok                               bool // false: the field was empty
}

func (t tod) ns() int64 {
	return int64(t.hour*3600+t.minute*60+t.second)*timescale.Second + int64(t.nanosecond)
}

// parseTOD reads hhmmss with any fraction, exactly: digits beyond the nanosecond are dropped. Whether there is a second
// 60 is left for the date to judge.
func parseTOD(s string) (t tod, ok bool) {
	if s == "" {
		return tod{}, true
	}
	whole, fraction, _ := strings.Cut(s, ".")
	t.hour, t.minute, t.second, ok = sixDigits(whole)
	if !ok || t.hour > 23 || t.minute > 59 || t.second > 60 || !digits(fraction) {
		return tod{}, false
	}
	scale := int(1e8)
	for i := range len(fraction) {
		t.nanosecond += int(fraction[i]-'0') * scale
		scale /= 10
	}
	t.ok = true
	return t, true
}

// sixDigits reads three numbers of two digits each.
func sixDigits(s string) (a, b, c int, ok bool) {
	if len(s) != 6 || !digits(s) {
		return 0, 0, 0, false
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	return two(0), two(2), two(4), true
}

// decimal reads a number of least to most digits, at most 4.
func decimal(s string, least, most int) (v int, ok bool) {
	if len(s) < least || len(s) > most || !digits(s) {
		return 0, false
	}
	for i := range len(s) {
		v = v*10 + int(s[i]-'0')
	}
	return v, true
}

// angle reads degrees and minutes, ddmm.m, of at most the given degrees.
func angle(s string, degrees int) (value float64, ok bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	if len(whole) < 3 || len(whole) > 5 || len(fraction) > 12 || !digits(whole) || !digits(fraction) {
		return 0, false
	}
	v := 0
	for i := range len(whole) {
		v = v*10 + int(whole[i]-'0')
	}
	part, scale := 0, 1
	for i := range len(fraction) {
		part = part*10 + int(fraction[i]-'0')
		scale *= 10
	}
	if v%100 > 59 || v > degrees*100 || v == degrees*100 && part != 0 {
		return 0, false
	}
	return float64(v/100) + (float64(v%100)+float64(part)/float64(scale))/60, true
}

// pad adds empty fields up to n.
func pad(f []string, n int) []string {
	for len(f) < n {
		f = append(f, "")
	}
	return f
}

// numbers empties those of the fields that are not decimal numbers, such as "nan" or "---".
func numbers(fields []string) {
	for i, f := range fields {
		f = strings.TrimPrefix(f, "-")
		whole, fraction, _ := strings.Cut(f, ".")
		if !digits(whole) || !digits(fraction) || len(whole)+len(fraction) == 0 || len(f) > 12 {
			fields[i] = ""
		}
	}
}

func oneOf(s, letters string) bool { return len(s) == 1 && strings.Contains(letters, s) }

// digits reports whether s has digits only.
func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
