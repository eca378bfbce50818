package timing

import (
	"cmp"
	"fmt"
	"slices"

	"timeball/pps/clock"
	"timeball/pps/pairing"
)

// Witness is another clock that the unit was told of, and what it says of the seconds that the unit counts. It never
// steers: it tells seconds, dates and leap seconds apart.
type Witness struct {
	Name        string        `json:"name"`
	At          clock.Mono    `json:"at"`          // when it was read
	Offset      clock.Seconds `json:"offset"`      // the unit's count less the witness; 0 while the verdict is "unheard"
	Uncertainty clock.Seconds `json:"uncertainty"` // of the reading when it was made; 0.5 s or more, and it tells dates only
	Verdict     string        `json:"verdict"`     // "agrees", "disagrees", or "unheard" while no seconds are counted
}

// savedTime is the witness that the unit's own memory is: the time was later than this, and is believed not to be much later.
const (
	savedTime      = "saved time"
	savedTimeRange = 12 * 3600 // s
)

// witness takes a reading of another clock.
func (e *Engine) witness(ev Event) {
	if !e.possible(ev.UTC) {
		e.refuse("witness with an impossible date")
		return
	}
	if e.leaping(ev.At) {
		e.refuse("witness around a leap second")
		return
	}
	uncertainty := clock.Seconds(ev.Value)
	if !e.leapWitness(ev) && e.leaptLately(ev.UTC) {
		uncertainty++ // a clock that runs by itself has not made it
	}
	e.pairing.Witness(pairing.Witness{
		Name: cmp.Or(ev.Text, "witness"), At: ev.At, UTC: e.leaps.count(ev.UTC, false), Uncertainty: uncertainty, Drift: witnessRate,
	})
}

// testimonies returns what the witnesses say, made anew only when that has changed, and tells of new verdicts.
func (e *Engine) testimonies() []Witness {
	if n := e.pairing.Hearings(); n == e.hearings {
		return e.witnesses
	} else {
		e.hearings = n
	}
	before := e.witnesses
	e.witnesses = nil
	for _, t := range e.pairing.Testimonies() {
		w := Witness{Name: t.Name, At: t.At, Offset: t.Offset, Uncertainty: t.Uncertainty, Verdict: t.Verdict.String()}
		e.witnesses = append(e.witnesses, w)
		i := slices.IndexFunc(before, func(b Witness) bool { return b.Name == w.Name })
		if t.Verdict != pairing.Unheard && (i < 0 || before[i].Verdict != w.Verdict) {
			e.say("witness", fmt.Sprintf("%s %s, offset %.3f s, good to %.3f s", w.Name, w.Verdict, float64(w.Offset), float64(w.Uncertainty)))
		}
	}
	return e.witnesses
}
