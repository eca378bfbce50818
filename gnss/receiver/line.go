package receiver

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"timeball/gnss"
	"timeball/gnss/casic"
	"timeball/gnss/decode"
	"timeball/gnss/nmea"
	"timeball/gnss/scan"
	"timeball/gnss/ubx"
	"timeball/pps/clock"
)

// line is what is known of the line that is open, since it was opened.
type line struct {
	try
	rated   bool // its baud rate means something
	mute    bool // it takes no writing
	opened  clock.Mono
	scanner *scan.Scanner
	decoder *decode.Decoder

	bytes int
	stray int                          // of them after the last packet
	first clock.Mono                   // when the first of them came
	good  map[scan.Protocol]int        // packets with a right checksum that are no answers
	last  clock.Mono                   // when the last of them came
	timed map[scan.Protocol]clock.Mono // when the last came that name the second

	written [8][]byte // frames that may come back
	writes  int
	echoes  int
	who     who
	acks    []gnss.Ack // not yet looked at
}

// open begins anew with a line that was opened for t.
func (l *line) open(t try, rated bool, at clock.Mono) {
	l.scanner.Flush(func(scan.Packet) {})
	*l = line{
		try: t, rated: rated, opened: at, scanner: l.scanner, decoder: decode.New(),
		good: map[scan.Protocol]int{}, timed: map[scan.Protocol]clock.Mono{},
	}
}

// take takes what has come.
func (l *line) take(at clock.Mono, b []byte) {
	if len(b) == 0 {
		return
	}
	if l.bytes == 0 {
		l.first = at
	}
	l.bytes += len(b)
	l.stray += len(b)
	l.scanner.Write(at, 0, b, l.packet)
}

// packet takes one packet.
func (l *line) packet(p scan.Packet) {
	if l.echo(p.Data) {
		l.echoes++
		return
	}
	l.last, l.stray = p.End, 0
	report, err := l.decoder.Decode(p)
	if err == nil && report.Ack != nil {
		l.who.refused(p, *report.Ack)
		l.acks = append(l.acks[max(0, len(l.acks)-maxAcks):], *report.Ack)
		return
	}
	if l.who.learn(p, report) {
		return
	}
	l.good[p.Protocol]++
	if report.Mark != nil || namesSecond(p) {
		l.timed[p.Protocol] = p.End
	}
}

// maxAcks is how many answers wait to be looked at; one is asked for at a time.
const maxAcks = 8

// wrote notes a frame that may come back.
func (l *line) wrote(b []byte) {
	l.written[l.writes%len(l.written)] = b
	l.writes++
}

// echo reports whether data is what was written.
func (l *line) echo(data []byte) bool {
	for _, w := range l.written {
		if w != nil && bytes.Equal(bytes.TrimRight(w, "\r\n"), data) {
			return true
		}
	}
	return false
}

// packets returns how many packets have come.
func (l *line) packets() (n int) {
	for _, k := range l.good {
		n += k
	}
	return n
}

// age returns how long the line has been open.
func (l *line) age(now clock.Mono) clock.Seconds { return now.Sub(l.opened) }

// told returns how long n bytes take, 0 where the baud rate means nothing.
func (l *line) told(n int) clock.Seconds {
	if !l.rated || l.baud == 0 {
		return 0
	}
	return 10 * clock.Seconds(n) / clock.Seconds(l.baud) // start bit, eight bits, stop bit
}

// timely returns the protocol of the messages that name the second, "" where none come; of several a binary one.
func (l *line) timely(now clock.Mono) string {
	for _, p := range preferred {
		if at, ok := l.timed[p]; ok && now.Sub(at) < timelyAfter {
			return p.String()
		}
	}
	return ""
}

// spoken returns the protocol of what comes, "" where only answers have come.
func (l *line) spoken() string {
	for _, p := range preferred {
		if l.good[p] > 0 {
			return p.String()
		}
	}
	return ""
}

// preferred are the protocols, those first that tell more.
var preferred = []scan.Protocol{scan.UBX, scan.CASIC, scan.NMEA, scan.RTCM3}

// name says what the line is, "ttyAMA0 at 9600 baud".
func (l *line) name() string {
	if !l.rated {
		return path.Base(l.port)
	}
	return fmt.Sprintf("%s at %d baud", path.Base(l.port), l.baud)
}

// namesSecond reports whether packets of this type name a second, even where this one could not yet.
func namesSecond(p scan.Packet) bool {
	switch p.Protocol {
	case scan.NMEA:
		address, _, _ := strings.Cut(string(p.Data[1:min(len(p.Data), 9)]), ",")
		return len(address) == 5 && (address[2:] == "RMC" || address[2:] == "ZDA")
	case scan.UBX:
		switch ubx.FrameID(p.Data) {
		case ubx.IDNavPVT, ubx.IDNavTIMEUTC, ubx.IDNavSOL:
			return true
		}
	case scan.CASIC:
		switch casic.FrameID(p.Data) {
		case casic.IDNavTIMEUTC, casic.IDNav2TIMEUTC:
			return true
		}
	}
	return false
}

// who is what tells the generation of a receiver.
type who struct {
	ubx   *ubx.MonVER
	casic *casic.MonVER
	first bool // it has refused MON-VER, as CASIC's first generation does
	pcas  bool // it has answered PCAS06
	mtk   bool // it has answered PMTK605
	pubx  bool // it has sent PUBX, which alone does not tell the generation: UBX may be switched off
}

// known reports whether the receiver has said who it is.
func (w *who) known() bool { return w.ubx != nil || w.casic != nil || w.first || w.pcas || w.mtk }

// refused learns from a refusal (ACK-NAK of MON-VER, recorded of an ATGM332D).
func (w *who) refused(p scan.Packet, a gnss.Ack) {
	of := casic.ID(a.Class)<<8 | casic.ID(a.ID)
	w.first = w.first || p.Protocol == scan.CASIC && !a.Accepted && of == casic.IDMonVER
}

// learn takes the packets that tell, and reports whether p is one.
func (w *who) learn(p scan.Packet, r gnss.Report) bool {
	switch {
	case p.Protocol == scan.UBX && ubx.FrameID(p.Data) == ubx.IDMonVER:
		if m := new(ubx.MonVER); ubx.Unmarshal(p.Data, m) == nil {
			w.ubx = m
		}
		return true
	case p.Protocol == scan.CASIC && casic.FrameID(p.Data) == casic.IDMonVER:
		if m := new(casic.MonVER); casic.Unmarshal(p.Data, m) == nil {
			w.casic = m
		}
		return true
	case p.Protocol == scan.NMEA && bytes.HasPrefix(p.Data, []byte("$PMTK705,")):
		w.mtk = true
		return true
	case p.Protocol == scan.NMEA && bytes.HasPrefix(p.Data, []byte("$PUBX,")):
		w.pubx = true
	case p.Protocol == scan.NMEA && r.Text != nil:
		w.pcas = w.pcas || ofPCAS(r.Text.Text)
		return ofPCAS(r.Text.Text)
	}
	return false
}

// ofPCAS reports whether a line of text is an answer to PCAS06; the same lines come at the start.
func ofPCAS(line string) bool {
	return strings.HasPrefix(line, "SW=") || strings.HasPrefix(line, "HW=") || strings.HasPrefix(line, "IC=")
}

// anyone is asked where it is not known what the receiver speaks.
var anyone = []scan.Protocol{scan.UBX, scan.CASIC, scan.NMEA}

// questions returns requests for the version: MON-VER of UBX and of CASIC, PCAS06, PMTK605 of MediaTek, and PUBX,00, which
// a u-blox receiver answers that sends no UBX.
func questions(to []scan.Protocol) (frames [][]byte) {
	for _, p := range to {
		switch p {
		case scan.UBX:
			frames = append(frames, ubx.AppendPoll(nil, ubx.IDMonVER))
		case scan.CASIC:
			frames = append(frames, casic.AppendPoll(nil, casic.IDMonVER))
		case scan.NMEA:
			frames = append(frames, nmea.AppendPCASQuery(nil, nmea.PCASFirmware), nmea.AppendPCASQuery(nil, nmea.PCASHardware),
				nmea.AppendSentence(nil, "PMTK605"), nmea.AppendPUBXPoll(nil, 0))
		}
	}
	return frames
}
