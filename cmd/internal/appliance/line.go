package appliance

import (
	"bytes"
	"context"
	"time"

	"timeball/gnss/receiver"
	"timeball/gnss/scan"
	"timeball/pps/clock"
	"timeball/pps/timing"
)

// Port is an open serial line.
type Port interface {
	// Read waits for bytes, at most a moment, and returns when they were read. Nothing and no error is silence.
	Read(p []byte) (n int, returned clock.Mono, err error)
	Write(p []byte) (int, error)
	// Baud returns the line's rate, 0 where it says nothing about the time of a byte.
	Baud() int
	Close() error
}

const (
	turnTime   = 100 * time.Millisecond // between two looks while no line is open
	lookAround = 1                      // s between two looks at which lines there are
)

// lineReader reads the line of a receiver, which a receiver.Finder finds.
type lineReader struct {
	h      *Hardware
	to     sender
	finder *receiver.Finder
	port   Port // nil: none is open
	buffer []byte
	looked clock.Mono // when the lines there are were looked for; 0 = never
	said   timing.Event
	worked chan<- receiver.Found
	kept   receiver.Found
	keptAt clock.Mono // 0 = not since the start
}

// readPort finds the receiver and reads what it sends.
func (h *Hardware) readPort(ctx context.Context, to sender) {
	worked := make(chan receiver.Found, 1)
	kept := make(chan struct{})
	go func() { defer close(kept); h.keepLine(worked) }()
	r := &lineReader{
		h: h, to: to, finder: receiver.New(h.Wanted, h.Worked), buffer: make([]byte, 4096), worked: worked, kept: h.Worked,
	}
	if h.Wanted.Port != "" {
		r.finder.AskOnly(h.Wanted.Port)
	}
	for ctx.Err() == nil && r.turn(ctx) {
	}
	if r.port != nil {
		r.port.Close()
	}
	if w := r.finder.Worked(); w != r.kept && w.Port != "" {
		worked <- w
	}
	close(worked)
	<-kept
}

// keepLine keeps what worked. It has a goroutine of its own: a card takes its time, and bytes are dated by their reading.
func (h *Hardware) keepLine(worked <-chan receiver.Found) {
	for w := range worked {
		if h.KeepLine != nil {
			h.KeepLine(w)
		}
	}
}

// turn reads once, or waits a moment while no line is open; false when ctx is done.
func (r *lineReader) turn(ctx context.Context) bool {
	if r.port == nil {
		r.look()
		r.do(r.finder.Tick(r.h.mono()))
		r.tell()
		return r.port != nil || pause(ctx, turnTime)
	}
	n, returned, err := r.port.Read(r.buffer)
	baud := r.port.Baud()
	if n > 0 {
		r.do(r.finder.Received(returned, r.buffer[:n]))
		r.forward(returned, r.buffer[:n], baud)
	}
	if err != nil && r.port != nil {
		r.port.Close() // whatever it says, the line is opened anew
		r.port = nil
		r.do(r.finder.Gone(r.h.mono(), err))
	}
	r.do(r.finder.Tick(r.h.mono()))
	r.tell()
	return true
}

// look tells the Finder which lines there are.
func (r *lineReader) look() {
	if now := r.h.mono(); r.looked == 0 || now.Sub(r.looked) >= lookAround {
		r.looked = now
		r.finder.Candidates(r.h.Ports())
	}
}

// do does what the Finder asks for.
func (r *lineReader) do(actions []receiver.Action) {
	for len(actions) > 0 {
		a := actions[0]
		actions = append(actions[1:], r.obey(a)...)
	}
}

// obey does one thing and returns what the Finder asks for then.
func (r *lineReader) obey(a receiver.Action) []receiver.Action {
	switch a.Do {
	case receiver.Open:
		port, err := r.h.OpenPort(a.Port, a.Baud)
		if err != nil {
			return r.finder.Opened(r.h.mono(), false, err)
		}
		r.port = port
		return r.finder.Opened(r.h.mono(), port.Baud() != 0, nil)
	case receiver.Write:
		if r.port == nil {
			return nil
		}
		if _, err := r.port.Write(a.Bytes); err != nil {
			return r.finder.Refused(r.h.mono())
		}
	case receiver.Close:
		if r.port != nil {
			r.port.Close()
			r.port = nil
		}
	}
	return nil
}

// forward gives the Engine what a receiver has sent, with the instant of its first byte.
func (r *lineReader) forward(returned clock.Mono, b []byte, baud int) {
	if !r.finder.InUse() {
		return
	}
	r.tell() // first that there is a line
	var byteTime clock.Seconds
	if baud > 0 {
		byteTime = 10 / clock.Seconds(baud) // start bit, eight bits, stop bit
	}
	first := scan.Began(returned, len(b), byteTime)
	r.to.send(timing.Event{Kind: timing.KindBytes, At: first, Bytes: bytes.Clone(b), Baud: baud})
}

// tell says what is known of the line when that has changed, and has what works kept.
func (r *lineReader) tell() {
	now := timing.Event{Kind: timing.KindPort, Text: r.finder.Trouble(), Where: r.finder.Line()}
	if now.Text != r.said.Text || now.Where != r.said.Where {
		r.said = now
		now.At = r.h.mono()
		r.to.state(now)
	}
	r.keep(r.h.mono())
}

// keepEvery spares the card where a line comes and goes; the last state is kept at the end in any case.
const keepEvery = 600 // s

// keep has what worked kept.
func (r *lineReader) keep(now clock.Mono) {
	w := r.finder.Worked()
	if w != r.kept && w.Port != "" && (r.keptAt == 0 || now.Sub(r.keptAt) >= keepEvery) {
		select {
		case r.worked <- w:
			r.kept, r.keptAt = w, now
		default: // the last one is still being kept
		}
	}
}
