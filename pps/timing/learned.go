package timing

import (
	"timeball/pps/clock"
)

// Learned is what is known of one receiver's line and worth keeping over a restart: a witness to which pulse its messages
// mean. It is plain data.
type Learned struct {
	Receiver string                   `json:"receiver"` // as it named itself
	Baud     int                      `json:"baud"`     // of the line, on which the delays depend
	Delays   map[string]clock.Seconds `json:"delays"`   // from the pulse, by message type
}

// recall tells the pairing the delays of this receiver, once it has named itself and as long as nothing is counted.
func (e *Engine) recall() {
	known := e.cfg.Learned
	if e.recalls || known == nil || known.Receiver == "" || known.Baud != e.baud || known.Receiver != e.decoder.Receiver() {
		return
	}
	e.recalls = true
	for message, delay := range known.Delays {
		e.pairing.Recall(message, delay)
	}
}

// learn takes down the delays of a receiver that has named itself, from a count that is served.
func (e *Engine) learn() {
	const every = 60 // s
	if !e.served || e.now.Mono.Sub(e.learnedAt) < every || e.pairing.Doubt() {
		return
	}
	e.learnedAt = e.now.Mono
	name := e.decoder.Receiver()
	if name == "" {
		return
	}
	if delays := e.pairing.Delays(); len(delays) > 0 {
		e.learned = &Learned{Receiver: name, Baud: e.baud, Delays: delays}
	}
}
