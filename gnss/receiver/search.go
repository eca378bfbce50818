package receiver

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// try is one port at one baud rate.
type try struct {
	port string
	baud int
	ask  bool // the port has been silent: ask
}

// How long a line is given, in seconds beside the time that its bytes take.
const (
	restTime    = 3    // between two cycles
	silenceTime = 2.2  // receivers speak once a second
	senseTime   = 1.15 // after the first byte: a whole second of theirs, in which a packet must come
	secondTime  = 3.2  // after the first packet, for a second one
	answerTime  = 0.6  // for a receiver to answer
)

const (
	longMessage = 700  // bytes that may be left of the message during which the line was opened
	muchGarbage = 4096 // bytes in which a packet must be
	longAnswer  = 400  // bytes of a MON-VER and of what was asked
	sensible    = 2    // packets with a right checksum: garbage has none in hours
)

// begin begins a cycle through all ports.
func (f *Finder) begin() {
	clear(f.heard)
	f.plan = f.tries()
	if len(f.plan) == 0 {
		f.trouble = "this machine has no serial line for a receiver"
		f.rest()
		return
	}
	f.next()
}

func (f *Finder) rest() { f.phase, f.wake = resting, f.now.Add(restTime) }

// tries returns the plan of a cycle: what worked, then all ports at all rates, at those that worked first.
func (f *Finder) tries() (plan []try) {
	first := f.first
	if f.worked.Port != "" {
		first = append([]Found{f.worked}, first...)
	}
	ports, rates := []string{}, []int{}
	for _, w := range first {
		if !f.present(w.Port) {
			continue
		}
		if w.Baud != 0 {
			plan = append(plan, try{port: w.Port, baud: w.Baud})
		}
		ports = append(ports, w.Port)
	}
	for _, w := range first {
		if w.Baud != 0 {
			rates = append(rates, w.Baud)
		}
	}
	rates = append(rates, bauds...)
	for _, p := range append(ports, f.ports...) {
		for _, b := range rates {
			if t := (try{port: p, baud: b}); !slices.Contains(plan, t) {
				plan = append(plan, t)
			}
		}
	}
	return plan
}

// present reports whether a port is among the candidates.
func (f *Finder) present(port string) bool { return slices.Contains(f.ports, port) }

// next opens the line for the next try; after the last one the cycle is over.
func (f *Finder) next() {
	if len(f.plan) == 0 {
		f.trouble = f.summary()
		f.rest()
		return
	}
	t := f.plan[0]
	f.phase = opening
	f.out = append(f.out, Action{Do: Open, Port: t.port, Baud: t.baud})
}

// drop gives up the port of the present try for this cycle, and says what was heard on it.
func (f *Finder) drop(heard string) {
	port := f.plan[0].port
	f.heard[port] = heard
	f.plan = slices.DeleteFunc(f.plan, func(t try) bool { return t.port == port })
	f.next()
}

// pass ends the present try and goes on with the next.
func (f *Finder) pass(heard string) {
	f.shut()
	f.heard[f.line.port] = heard
	f.plan = f.plan[1:]
	f.next()
}

// listen judges what comes at the present baud rate.
func (f *Finder) listen() {
	l := &f.line
	switch n := l.packets(); {
	case n >= sensible:
		f.accept()
	case n > 0:
		if f.now.Sub(l.last) > secondTime {
			f.senseless()
		}
	case l.bytes == 0:
		if l.age(f.now) > silenceTime {
			f.silent()
		}
	case l.bytes > muchGarbage, f.now.Sub(l.first) > senseTime+l.told(longMessage):
		f.senseless()
	}
}

// senseless goes on with another baud rate, where that means something.
func (f *Finder) senseless() {
	if !f.line.rated {
		f.shut()
		f.drop(f.line.nonsense())
		return
	}
	f.pass(f.line.nonsense())
}

// nonsense says what is heard on a line when every rate has been tried.
func (l *line) nonsense() string {
	rates := " at any baud rate"
	if !l.rated {
		rates = ""
	}
	return "bytes arrive on " + path.Base(l.port) + ", but make no sense" + rates
}

// silent goes on with another port: a line without bytes has none at any rate. At the end of the cycle it is asked.
func (f *Finder) silent() {
	f.shut()
	t := f.line.try
	if !f.echoing[t.port] && (f.only == "" || f.only == t.port) {
		f.planQuestions(t)
	}
	f.heard[t.port] = "nothing arrives on " + path.Base(t.port)
	f.plan = slices.DeleteFunc(f.plan, func(p try) bool { return p.port == t.port && !p.ask })
	f.next()
}

// planQuestions appends tries that ask at every rate there would have been.
func (f *Finder) planQuestions(t try) {
	for _, p := range f.tries() {
		if p.port == t.port {
			p.ask = true
			f.plan = append(f.plan, p)
			if !f.line.rated {
				return
			}
		}
	}
}

// ask waits for an answer.
func (f *Finder) ask() {
	l := &f.line
	switch {
	case l.who.known(), l.who.pubx, l.packets() >= sensible:
		f.accept()
	case l.echoes > 0:
		f.echoing[l.port] = true
		f.shut()
		f.drop(fmt.Sprintf("what is sent to %s comes back: a console, or a wire from its output to its input", path.Base(l.port)))
	case l.age(f.now) > answerTime+l.told(longAnswer) && f.now.Sub(l.last) > answerTime:
		heard := f.heard[l.port]
		if l.bytes > 0 {
			heard = l.nonsense()
		}
		f.pass(heard)
	}
}

// accept stays with the line. Who the receiver is will be asked in any case: the caller has not seen an answer so far.
func (f *Finder) accept() {
	f.line.who = who{}
	f.phase, f.plan = using, nil
	f.setup = setup{began: f.now}
	f.trouble = ""
}

// lose begins the search again, with what worked first.
func (f *Finder) lose(why string) {
	f.shut()
	f.trouble = why
	f.begin()
}

// shown is how many ports are named before the rest is counted.
const shown = 4

// summary says what was heard in the cycle that is over.
func (f *Finder) summary() string {
	var said []string
	for _, t := range f.order() {
		if h := f.heard[t]; h != "" {
			said = append(said, h)
		}
	}
	if more := len(said) - shown; more > 0 {
		said = append(said[:shown], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(said, "; ")
}

// order returns the ports as they are tried, each once.
func (f *Finder) order() (ports []string) {
	for _, t := range f.tries() {
		if !slices.Contains(ports, t.port) {
			ports = append(ports, t.port)
		}
	}
	return ports
}
