// Package receiver finds the GNSS receiver of a unit and sets it up, as a state machine: what a serial line gave and when
// goes in, what is to be done with it comes out. It tries serial ports and baud rates until what comes makes sense, asks
// the receiver who it is, and switches on the messages that name the second where none do.
//
// Instants are CLOCK_MONOTONIC, baud rates bits per second. The commands are those of u-blox' interface descriptions, of
// the CASIC protocol specification and of MediaTek's PMTK packet list; all act on the receiver's RAM only, so that it is
// as it was after its power was cut.
//
// It disturbs as little as it can. A line whose messages name the second is only asked who speaks on it. On a line that
// makes no sense, such as that of another device, nothing is ever written. A silent line is asked at each baud rate, until
// it sends back what it is sent, as a console does. A receiver that answers nothing is used as it is.
//
// Nothing here fails: what is wrong is said by Trouble, in words for people. After a line has gone silent, senseless or
// away the search begins again with what worked.
package receiver

import (
	"cmp"
	"slices"
	"strings"

	"timeball/gnss/scan"
	"timeball/pps/clock"
)

// Found is a receiver that was found: what is worth keeping over a restart, and where a search begins.
type Found struct {
	Port     string `json:"port"`
	Baud     int    `json:"baud"`
	Protocol string `json:"protocol,omitempty"` // of the messages that name the second: "nmea", "ubx", "casic"
	Identity string `json:"identity,omitempty"` // "u-blox NEO-M8T-0", "" = not told
}

// Do is what an Action asks for.
type Do uint8

// What a Finder may ask for.
const (
	Open  Do = iota // open Port at Baud and tell the result by Opened
	Write           // write Bytes to the open line
	Close           // close the open line
)

// Action is what is to be done with the serial lines, in the order given. One line is open at a time.
type Action struct {
	Do    Do
	Port  string
	Baud  int
	Bytes []byte
}

// bauds are the rates met in receivers, the likeliest first; the last two are rare.
var bauds = []int{9600, 38400, 115200, 4800, 57600, 230400, 460800, 19200, 921600}

// maxPorts is how many candidates are tried; a cycle through more would take minutes.
const maxPorts = 16

// phase is what a Finder is doing.
type phase uint8

const (
	resting   phase = iota // between two cycles through all candidates
	opening                // an Open has been asked for
	listening              // does what comes make sense?
	asking                 // does a silent line answer?
	using                  // it made sense
)

// Finder looks for a receiver and stays with it. Use New. Every method that returns Actions may be called at any time;
// at never goes back.
type Finder struct {
	first []Found // tried before all others
	only  string  // the one port that may be asked while it is silent; "" = any
	ports []string
	now   clock.Mono
	out   []Action

	phase   phase
	wake    clock.Mono // the end of resting
	plan    []try      // what is left of the cycle; the first is being tried
	heard   map[string]string
	echoing map[string]bool // ports that send back what they are sent
	line    line
	setup   setup

	worked  Found
	trouble string
}

// New returns a Finder that begins with first, in order: what the operator wants, what worked before. One may name only a
// port, or only a baud rate. The rate is tried early on all ports, as a USB receiver may come back under another name.
func New(first ...Found) *Finder {
	f := &Finder{heard: map[string]string{}, echoing: map[string]bool{}, trouble: "looking for the receiver"}
	for _, w := range first {
		if w.Port != "" || w.Baud != 0 {
			f.first = append(f.first, w)
		}
	}
	f.line.scanner = scan.New()
	return f
}

// AskOnly keeps the Finder from writing to silent lines but that of port: who has named it may have other devices at the
// others. Lines that make sense are still asked who speaks.
func (f *Finder) AskOnly(port string) { f.only = port }

// Candidates tells which ports there are, the likeliest first. More than 16 are not tried. A port that was not there
// before is tried at once where nothing better is being done.
func (f *Finder) Candidates(ports []string) {
	ports = ports[:min(len(ports), maxPorts)]
	if slices.Equal(ports, f.ports) {
		return
	}
	for port := range f.echoing {
		if !slices.Contains(ports, port) {
			delete(f.echoing, port)
		}
	}
	if slices.ContainsFunc(ports, func(p string) bool { return !slices.Contains(f.ports, p) }) {
		f.wake = 0
	}
	f.ports = slices.Clone(ports)
}

// Opened tells how opening went. rated is false for a line whose baud rate means nothing, as that of a USB receiver.
func (f *Finder) Opened(at clock.Mono, rated bool, err error) []Action {
	f.now = at
	if f.phase != opening {
		return f.act()
	}
	if err != nil {
		f.drop(err.Error())
		return f.act()
	}
	t := f.plan[0]
	f.line.open(t, rated, at)
	f.phase = listening
	if t.ask {
		f.phase = asking
		f.write(questions(anyone)...)
	}
	return f.act()
}

// Received takes bytes that came over the open line.
func (f *Finder) Received(at clock.Mono, b []byte) []Action {
	f.now = at
	if f.phase >= listening {
		f.line.take(at, b)
	}
	return f.act()
}

// Gone tells that the open line can't be read any more, and why. It is closed.
func (f *Finder) Gone(at clock.Mono, err error) []Action {
	f.now = at
	switch f.phase {
	case listening, asking:
		f.shut()
		f.drop(err.Error())
	case using:
		f.lose(err.Error())
	}
	return f.act()
}

// Refused tells that the line did not take a Write. Nothing more is written until it is opened again.
func (f *Finder) Refused(at clock.Mono) []Action {
	f.now = at
	f.line.mute = true
	return f.act()
}

// Tick lets time pass; ten times a second is often enough.
func (f *Finder) Tick(at clock.Mono) []Action {
	f.now = at
	return f.act()
}

// act does what follows from all that is known, and returns what was asked for since the last time.
func (f *Finder) act() []Action {
	switch f.phase {
	case resting:
		if f.now >= f.wake {
			f.begin()
		}
	case listening:
		f.listen()
	case asking:
		f.ask()
	case using:
		f.use()
	}
	actions := f.out
	f.out = nil
	return actions
}

// InUse says that what comes over the open line is from a receiver.
func (f *Finder) InUse() bool { return f.phase == using }

// Line says what is in use, "UBX on ttyAMA0 at 115200 baud", or "".
func (f *Finder) Line() string {
	if f.phase != using {
		return ""
	}
	protocol := strings.ToUpper(cmp.Or(f.line.timely(f.now), f.line.spoken()))
	return cmp.Or(protocol, "a receiver") + " on " + f.line.name()
}

// Trouble says what is wrong, in words for people; "" = nothing. It changes with what is known, not with every try.
func (f *Finder) Trouble() string { return f.trouble }

// Worked returns what is worth keeping: the receiver that is, or was, in use. It changes rarely.
func (f *Finder) Worked() Found { return f.worked }

// write asks for frames to be written, unless the line takes none.
func (f *Finder) write(frames ...[]byte) {
	if f.line.mute {
		return
	}
	for _, b := range frames {
		f.line.wrote(b)
		f.out = append(f.out, Action{Do: Write, Port: f.line.port, Bytes: b})
	}
}

// shut closes the open line.
func (f *Finder) shut() { f.out = append(f.out, Action{Do: Close, Port: f.line.port}) }
