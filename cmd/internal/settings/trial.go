package settings

import (
	"fmt"
	"time"
)

// The spans of a trial.
const (
	// Patience is how long a change is tried before it is undone.
	Patience = 60 * time.Second
	// startPatience is how long a unit may take to start with it.
	startPatience = 30 * time.Second
)

// phase is how far a change has come.
type phase int

const (
	settled   phase = iota // nothing is being tried
	starting               // the unit starts with it
	trying                 // the unit runs with it
	returning              // the unit starts without it
)

// trial is one change on its way. It reads no clock: now is any time that only goes on.
type trial struct {
	phase phase
	id    string
	by    string
	since time.Duration // when the phase began

	failed  bool   // the last change
	message string // of the last change
}

// begin tries a change; false: another one is on its way.
func (t *trial) begin(id, by string, now time.Duration) bool {
	if t.phase != settled {
		return false
	}
	*t = trial{phase: starting, id: id, by: by, since: now, message: "the unit starts with the change"}
	return true
}

// started notes that the unit runs.
func (t *trial) started(now time.Duration) {
	switch t.phase {
	case starting:
		t.phase, t.since, t.message = trying, now, "the change waits to be confirmed"
	case returning:
		t.phase = settled
	}
}

// undo begins the return to what was before; false: there is nothing to return from.
func (t *trial) undo(why string, now time.Duration) bool {
	if t.phase != starting && t.phase != trying {
		return false
	}
	t.phase, t.since, t.failed, t.message = returning, now, true, why
	return true
}

// confirm keeps the change; an error says why it can't be.
func (t *trial) confirm(id string) error {
	switch {
	case t.phase == settled || t.phase == returning:
		return fmt.Errorf("nothing is being tried: %s", orNothing(t.message))
	case t.id != id:
		return fmt.Errorf("another change is being tried, of %s", t.by)
	case t.phase == starting:
		return fmt.Errorf("the unit has not started with the change yet")
	}
	t.phase, t.failed, t.message = settled, false, ""
	return nil
}

func orNothing(message string) string {
	if message == "" {
		return "no change is on its way"
	}
	return message
}

// tick looks at the time; true: the change has just been undone.
func (t *trial) tick(now time.Duration) bool {
	switch {
	case t.phase == trying && now-t.since >= Patience:
		return t.undo(fmt.Sprintf("undone: not confirmed within %.0f s", Patience.Seconds()), now)
	case t.phase == starting && now-t.since >= startPatience:
		return t.undo(fmt.Sprintf("undone: the unit did not start within %.0f s", startPatience.Seconds()), now)
	}
	return false
}

// remaining returns for how long it may be confirmed.
func (t *trial) remaining(now time.Duration) time.Duration {
	switch t.phase {
	case starting:
		return Patience
	case trying:
		return max(0, Patience-(now-t.since))
	}
	return 0
}
