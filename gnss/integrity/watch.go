package integrity

import "timeball/pps/clock"

// answer is what one report says of a condition.
type answer uint8

const (
	undecided answer = iota // between the limit that raises and the one that clears
	yes
	no
)

// limits say how long a condition must be seen until it is raised, and not be seen until it is cleared.
type limits struct {
	raise, clear clock.Seconds
	stays        bool // silence does not clear it
}

const (
	// Receivers put out bad pulses for up to 20 s around a loss: what stops the use of the pulse ends half a minute after
	// its cause.
	settled = 30 // s
	// farthest is how far apart two reports may be to count as one after the other: some receivers list their satellites
	// every 5 s or 10 s only.
	farthest = 12 // s
	// silence is after how long a condition that nobody confirms is dropped, unless it stays.
	silence = 60 // s
)

// limitsOf has the times of each condition. What a receiver says of its hardware it has filtered itself, and it is to be
// shown within 2 s (F13): it is raised at once. What is drawn from its figures waits for a second and third value and is
// there within 10 s (F12).
var limitsOf = [kinds]limits{
	antennaOpen:            {raise: 0, clear: settled, stays: true},
	antennaShort:           {raise: 0, clear: settled, stays: true},
	jamming:                {raise: 0, clear: settled, stays: true},
	spoofing:               {raise: 0, clear: settled, stays: true},
	signalCollapse:         {raise: 0.5, clear: settled, stays: true}, // two views: one may have been cut
	fixWithoutSatellites:   {raise: 2.5, clear: settled, stays: true}, // longer than the messages of one loss take to agree
	positionJump:           {raise: 1.5, clear: settled, stays: true}, // three fixes
	constellationsDisagree: {raise: 2.5, clear: settled},
	flatSignals:            {raise: 5, clear: 60}, // C/N0 flickers by 1 dB to 2 dB from one second to the next
	fewSatellites:          {raise: 30, clear: 30},
}

// watch is one condition with its hysteresis.
type watch struct {
	limits limits

	raised   bool
	since    clock.Mono // when it was first seen
	severity Severity
	text     string

	turning bool       // the last answer contradicts raised
	from    clock.Mono // since when all did
	last    clock.Mono // of the last answer
	graded  clock.Mono // when the severity was last said to be this or more
}

// see takes an answer, and returns whether raised has changed.
func (w *watch) see(at clock.Mono, is answer) bool {
	contrary := is == yes && !w.raised || is == no && w.raised
	if contrary && (!w.turning || at.Sub(w.last) > farthest) {
		w.from = at
	}
	w.turning, w.last = contrary, at
	return w.turn(at)
}

// turn changes raised when it has been contradicted for long enough.
func (w *watch) turn(at clock.Mono) bool {
	wait := w.limits.raise
	if w.raised {
		wait = w.limits.clear
	}
	if !w.turning || at.Sub(w.from) < wait {
		return false
	}
	w.raised, w.turning = !w.raised, false
	if w.raised {
		w.since, w.severity, w.text = w.from, Inform, ""
	}
	return true
}

// grade takes the severity and the words of a condition that holds. It becomes worse at once, and better when it has been
// for a while. It returns whether anything has changed.
func (w *watch) grade(at clock.Mono, severity Severity, text string) bool {
	was := *w
	switch {
	case severity >= w.severity:
		w.severity, w.graded = severity, at
	case at.Sub(w.graded) >= settled:
		w.severity = severity
	}
	w.text = text
	return was.severity != w.severity || was.text != text
}

// advance drops what nobody confirms any more, and returns whether it did.
func (w *watch) advance(at clock.Mono) bool {
	if w.limits.stays || !w.raised || at.Sub(w.last) <= silence {
		return false
	}
	w.forget()
	return true
}

// forget lowers a condition at once.
func (w *watch) forget() { w.raised, w.turning = false, false }
