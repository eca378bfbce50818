package appliance

import (
	"context"
	"time"

	"timeball/board"
	"timeball/pps/discipline"
	"timeball/server/ntp"
)

// Indicator is a light on the board.
type Indicator interface{ Show(board.Signal) error }

// Lit is a Board that may have a light.
type Lit interface {
	// Light returns it; nil: none.
	Light() Indicator
}

// Powered is a Board that may know whether its supply suffices.
type Powered interface{ Power() board.Power }

// lookEvery is how often the light is made to say what is true.
const lookEvery = time.Second / 2

// shine returns the part that lets the board's light show how the unit is, and, when the unit ends, that nothing is served.
func (u *Unit) shine(light Indicator) func(context.Context) error {
	return func(ctx context.Context) error {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		var shown board.Signal
		for first := true; ; first = false {
			if s := u.signal(); first || s != shown {
				shown = s
				u.show(light, s)
			}
			select {
			case <-ctx.Done():
				u.show(light, board.Unserved)
				return nil
			case <-tick.C:
			}
		}
	}
}

func (u *Unit) show(light Indicator, s board.Signal) {
	if err := light.Show(s); err != nil {
		u.cfg.Log.Warn("the light does not show how the unit is", "signal", s, "error", err)
	}
}

// signal returns what is true now: what clients are told counts before what the loop thinks of itself.
func (u *Unit) signal() board.Signal {
	p := u.published.Load()
	served := p.reference.Check(u.board.Served().Now()) == ntp.Certain
	switch mode := p.snapshot.Estimate.Mode; {
	case served && mode == discipline.Locked:
		return board.Good
	case served:
		return board.Coasting
	case mode == discipline.FreeRunning || mode == discipline.Acquiring:
		return board.Searching
	}
	return board.Unserved
}
