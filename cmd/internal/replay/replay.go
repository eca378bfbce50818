// Package replay reads what was recorded of a receiver and says what is in it.
//
// Raw bytes are framed and decoded as on a board, and summed up: packets by type, what was refused and why, the first
// and the last date, as sent and as repaired against a floor, and what speaks against the receiver. Lines at the top that begin with '#' are notes and are
// left out. What cannot be read is an error; what cannot be understood is counted.
package replay

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"timeball/gnss"
	"timeball/gnss/casic"
	"timeball/gnss/decode"
	"timeball/gnss/scan"
	"timeball/gnss/timescale"
	"timeball/gnss/ubx"
	"timeball/web/bundle"
)

// Kind is what a file holds.
type Kind uint8

// The kinds of files.
const (
	Raw    Kind = iota // bytes of a receiver
	Events             // events of the Engine, one JSON object a line
	Bundle             // a support bundle of a unit
)

// Detect tells the kind of a file from its beginning, of which a line or 512 bytes are enough.
func Detect(b []byte) Kind {
	if bundle.Is(b) {
		return Bundle
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	var first struct {
		Timeball string `json:"timeball"`
	}
	if json.Unmarshal(line, &first) == nil && first.Timeball == "events" || bytes.HasPrefix(line, []byte(`{"timeball":"events"`)) {
		return Events
	}
	return Raw
}

// Summary is what raw bytes hold. What is not known is nil.
type Summary struct {
	Packets           Packets        `json:"packets"`       // with a right checksum, understood or not
	BadChecksums      BadChecksums   `json:"bad_checksums"` // frames with a wrong one
	Refused           map[string]int `json:"refused"`       // packets by reason; no-checksum are lines without one
	FirstUTCRaw       *string        `json:"first_utc_raw"` // of any message with date and time, void ones too, as sent
	LastUTCRaw        *string        `json:"last_utc_raw"`
	FirstUTC          *string        `json:"first_utc"` // the second that is meant, after the repair of week rollovers
	LastUTC           *string        `json:"last_utc"`
	Candidates        []Candidate    `json:"candidates"` // what the first date can mean, the nearest to the floor first
	Marks             int            `json:"marks"`      // messages with date and time
	Fixes             int            `json:"fixes"`      // messages that report a usable fix
	SatellitesUsedMax *int           `json:"satellites_used_max"`
	Leap              *string        `json:"leap"`         // none, insert or delete, as last announced
	LeapSeconds       *int           `json:"leap_seconds"` // GPS - UTC, as last told
	Receiver          *string        `json:"receiver"`
	Conditions        []string       `json:"conditions"` // names of what spoke against the receiver at any time
}

// Candidate is a date and how many weeks of rollovers it takes to come to it from what was sent.
type Candidate struct {
	UTC   string `json:"utc"`
	Weeks int    `json:"weeks"`
}

// Packets counts packets by type. UBX and CASIC types without a name are "class-id" in hexadecimal.
type Packets struct {
	NMEA  map[string]int `json:"nmea"`
	UBX   map[string]int `json:"ubx"`
	CASIC map[string]int `json:"casic"`
	RTCM3 int            `json:"rtcm3"`
}

// BadChecksums counts frames with a wrong checksum.
type BadChecksums struct {
	NMEA  int `json:"nmea"`
	UBX   int `json:"ubx"`
	CASIC int `json:"casic"`
}

// DefaultFloor is the beginning of GPS time: no date is repaired.
const DefaultFloor timescale.UTC = 315964800 * timescale.Second

// Bytes reads r to its end and sums up what it holds. Dates before the floor are repaired.
func Bytes(r io.Reader, floor timescale.UTC) (Summary, error) {
	s := newSums(floor)
	in := bufio.NewReaderSize(r, 1<<16)
	if err := skipNotes(in); err != nil && err != io.EOF {
		return Summary{}, fmt.Errorf("replay: %w", err)
	}
	buf := make([]byte, 1<<16)
	for {
		n, err := in.Read(buf)
		s.scanner.Write(0, 0, buf[:n], s.packet)
		if err == io.EOF {
			return s.end(), nil
		}
		if err != nil {
			return Summary{}, fmt.Errorf("replay: %w", err)
		}
	}
}

// skipNotes reads the lines at the top that begin with '#'.
func skipNotes(in *bufio.Reader) error {
	for {
		b, err := in.Peek(1)
		if err != nil || b[0] != '#' {
			return err
		}
		for {
			_, err := in.ReadSlice('\n')
			if err == nil {
				break
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return err
			}
		}
	}
}

// sums is a Summary in the making.
type sums struct {
	Summary
	scanner     *scan.Scanner
	decoder     *decode.Decoder
	window      timescale.Window
	first, last *timescale.UTC // as sent
	conditions  conditions
}

func newSums(floor timescale.UTC) *sums {
	return &sums{
		Summary: Summary{
			Packets:    Packets{NMEA: map[string]int{}, UBX: map[string]int{}, CASIC: map[string]int{}},
			Refused:    map[string]int{},
			Candidates: []Candidate{},
		},
		scanner: scan.New(),
		decoder: decode.New(),
		window:  timescale.Window{Floor: floor},

		conditions: newConditions(),
	}
}

func (s *sums) packet(p scan.Packet) {
	switch p.Protocol {
	case scan.NMEA:
		count(s.Packets.NMEA, sentenceType(p.Data))
	case scan.UBX:
		count(s.Packets.UBX, ubx.FrameID(p.Data).String())
	case scan.CASIC:
		count(s.Packets.CASIC, casic.FrameID(p.Data).String())
	case scan.RTCM3:
		s.Packets.RTCM3++
	}
	r, err := s.decoder.Decode(p)
	var refused *gnss.Refused
	if errors.As(err, &refused) {
		s.Refused[refused.Reason]++
	}
	s.report(r)
}

// sentenceType returns the address of an NMEA sentence, talker and type: "GNRMC".
func sentenceType(b []byte) string {
	if i := bytes.IndexAny(b, ",*"); i > 0 {
		b = b[:i]
	}
	return string(b[1:])
}

// report adds what a packet told.
func (s *sums) report(r gnss.Report) {
	s.conditions.report(&r)
	if r.Mark != nil {
		s.Marks++
		at := r.Mark.UTC
		if s.first == nil {
			s.first = &at
		}
		s.last = &at
	}
	if r.Fix != nil && r.Fix.Valid {
		s.Fixes++
		s.used(r.Fix.SatellitesUsed)
	}
	if r.Sky != nil {
		n := 0
		for _, sat := range r.Sky.Seen {
			if sat.Used {
				n++
			}
		}
		s.used(n)
	}
	if r.Leap != nil {
		s.leap(*r.Leap)
	}
}

// gpsBehind is TAI less GPS time in seconds.
const gpsBehind = 19

// leap notes what was told of leap seconds. That none is announced is known only from a message that could.
func (s *sums) leap(n gnss.LeapNotice) {
	if n.Announces {
		leap := n.Leap.String()
		s.Leap = &leap
	}
	if n.TAIOffset != 0 {
		offset := n.TAIOffset - gpsBehind
		s.LeapSeconds = &offset
	}
}

// used notes how many satellites a fix or a view used; -1 is not said.
func (s *sums) used(n int) {
	if n >= 0 && (s.SatellitesUsedMax == nil || n > *s.SatellitesUsedMax) {
		s.SatellitesUsedMax = &n
	}
}

// end searches what is left in the scanner and completes the summary.
func (s *sums) end() Summary {
	s.scanner.Flush(s.packet)
	n := s.scanner.Counts()
	s.BadChecksums = BadChecksums{NMEA: n.Bad[scan.NMEA], UBX: n.Bad[scan.UBX], CASIC: n.Bad[scan.CASIC]}
	if n.NoChecksum > 0 {
		s.Refused["no-checksum"] = n.NoChecksum
	}
	s.FirstUTCRaw, s.FirstUTC = s.dates(s.first)
	s.LastUTCRaw, s.LastUTC = s.dates(s.last)
	s.Summary.Candidates = s.candidates(s.first)
	s.Summary.Conditions = s.conditions.names()
	if who := s.decoder.Receiver(); who != "" {
		s.Receiver = &who
	}
	return s.Summary
}

// dates returns a date as sent, and the second that is meant by it as repaired.
func (s *sums) dates(at *timescale.UTC) (raw, repaired *string) {
	if at == nil {
		return nil, nil
	}
	a, b := at.String(), s.window.Candidates(meant(*at))[0].UTC.String()
	return &a, &b
}

// meant returns the second that a time belongs to, or the time itself where it lies between two.
func meant(at timescale.UTC) timescale.UTC {
	if second, ok := (gnss.TimeMark{UTC: at}).Second(); ok {
		return second
	}
	return at
}

// candidates returns what a date can mean.
func (s *sums) candidates(at *timescale.UTC) []Candidate {
	list := []Candidate{}
	if at == nil {
		return list
	}
	for _, c := range s.window.Candidates(meant(*at)) {
		list = append(list, Candidate{c.UTC.String(), c.Weeks})
	}
	return list
}

// maxTypes bounds the types that are told apart; what comes behind is counted as "other". A receiver sends some 20.
const maxTypes = 1000

func count(types map[string]int, name string) {
	if _, known := types[name]; !known && len(types) >= maxTypes {
		name = "other"
	}
	types[name]++
}
