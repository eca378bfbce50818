package nmea

import (
	"strings"

	nmea "github.com/adrianmo/go-nmea"

	"timeball/gnss/timescale"
)

// normalise takes what decides about time from the text itself into d.sent, and makes the rest acceptable to go-nmea
// v1.10.0, which refuses a sentence for any field it does not expect. Fields that are not used are emptied.
func (d *Decoder) normalise(s *nmea.BaseSentence) error {
	d.sent = sent{}
	switch s.Type {
	case nmea.TypeRMC:
		return d.normaliseRMC(s)
	case nmea.TypeZDA:
		return d.normaliseZDA(s)
	case nmea.TypeGGA:
		return d.normaliseGGA(s)
	case nmea.TypeGNS:
		return d.normaliseGNS(s)
	case nmea.TypeGSA:
		normaliseGSA(s)
	case nmea.TypeGSV:
		return normaliseGSV(s)
	}
	return nil
}

// normaliseRMC: before NMEA 2.3 there was no mode, and some leave out the direction of the variation and send the mode
// in its place.
func (d *Decoder) normaliseRMC(s *nmea.BaseSentence) error {
	pad(s, 13)
	f := s.Fields
	if oneOf(f[10], "ADFNPRMS") && f[11] == "" {
		f[11] = f[10]
	}
	if !oneOf(f[1], "AV") {
		f[1] = nmea.InvalidRMC
	}
	if !oneOf(f[12], "SCUV") {
		f[12] = ""
	}
	if f[8] != "" {
		var ok bool
		if d.sent.day, d.sent.month, d.sent.year, ok = sixDigits(f[8]); !ok {
			return &Refused{Reason: ReasonDate}
		}
		d.sent.dated = true
	}
	clear(f[6:11])
	return d.sent.read(f, 2)
}

// normaliseZDA: the time zone is not used, and some do not send it.
func (d *Decoder) normaliseZDA(s *nmea.BaseSentence) error {
	pad(s, 6)
	f := s.Fields
	if f[1] != "" && f[2] != "" && f[3] != "" {
		var ok [3]bool
		d.sent.day, ok[0] = decimal(f[1], 1, 2)
		d.sent.month, ok[1] = decimal(f[2], 1, 2)
		d.sent.year, ok[2] = decimal(f[3], 4, 4)
		if ok != [3]bool{true, true, true} {
			return &Refused{Reason: ReasonDate}
		}
		d.sent.dated = true
	}
	clear(f[1:])
	return d.sent.read(f, -1)
}

// normaliseGGA: quality 6 is estimated, 7 entered by hand and 8 simulated, none of them a fix; 9 is sent by some for a
// fix with corrections.
func (d *Decoder) normaliseGGA(s *nmea.BaseSentence) error {
	pad(s, 14)
	f := s.Fields
	switch {
	case f[5] == "9":
		f[5] = nmea.DGPS
	case !oneOf(f[5], "12345"):
		f[5] = nmea.Invalid
	}
	numbers(f[6:9])
	clear(f[9:])
	return d.sent.read(f, 1)
}

func (d *Decoder) normaliseGNS(s *nmea.BaseSentence) error {
	pad(s, 13)
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
	return d.sent.read(f, 1)
}

// normaliseGSA: the system id came with NMEA 4.1; some have something else in its place.
func normaliseGSA(s *nmea.BaseSentence) {
	pad(s, 18)
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
}

// read takes the time from the first field and checks the four fields of the position at the given index, if any. The
// time is then hidden from go-nmea, which rounds it.
func (s *sent) read(f []string, position int) error {
	var ok bool
	if s.time, ok = parseTOD(f[0]); !ok {
		return &Refused{Reason: ReasonTime}
	}
	clear(f[:1])
	if position < 0 {
		return nil
	}
	p := f[position : position+4]
	if p[0] == "" && p[2] == "" {
		clear(p)
		return nil
	}
	s.placed = angle(p[0], 90) && oneOf(p[1], "NS") && angle(p[2], 180) && oneOf(p[3], "EW")
	if !s.placed {
		return &Refused{Reason: ReasonPosition}
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

// angle reports whether s is degrees and minutes, ddmm.m, of at most the given degrees.
func angle(s string, degrees int) bool {
	whole, fraction, _ := strings.Cut(s, ".")
	if len(whole) < 3 || len(whole) > 5 || len(fraction) > 12 || !digits(whole) || !digits(fraction) {
		return false
	}
	v := 0
	for i := range len(whole) {
		v = v*10 + int(whole[i]-'0')
	}
	if v%100 > 59 {
		return false
	}
	return v < degrees*100 || v == degrees*100 && strings.Trim(fraction, "0") == ""
}

// pad adds empty fields up to n.
func pad(s *nmea.BaseSentence, n int) {
	for len(s.Fields) < n {
		s.Fields = append(s.Fields, "")
	}
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
