package appliance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"timeball/board/store"
	"timeball/gnss/timescale"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server/ntp"
)

// Kept is what a unit keeps over a restart.
type Kept struct {
	UTC timescale.UTC `json:"utc"` // a second that was certainly over: no date before it is believed
	// Memory is what the loop knows of the crystal; nil: nothing.
	Memory *discipline.Memory `json:"memory,omitempty"`
	// Learned is what is known of the receiver's messages; nil: nothing.
	Learned *timing.Learned `json:"learned,omitempty"`
}

// KeptName is the file in the state directory.
const KeptName = "clock.json"

// Recall returns what was kept in dir. What can't be read or can't be true is reported and taken for absent.
func Recall(dir store.Dir, log *slog.Logger) Kept {
	k, _, ignored := store.Load(dir, KeptName, (*Kept).plausible)
	if ignored != nil {
		log.Warn("some of what was kept is not used", "error", ignored)
	}
	return k
}

// plausible returns why k can't be what a unit kept, or nil.
func (k *Kept) plausible() error {
	switch {
	case k.UTC < timing.FirstDate:
		return fmt.Errorf("%v is no date a unit has kept", k.UTC)
	case k.Memory != nil && !k.Memory.Valid():
		return errors.New("no crystal has such a law")
	}
	return nil
}

// keep saves what is worth keeping at the first lock, every hour and at the end, while it is certain.
func (u *Unit) keep(ctx context.Context) error {
	hourly := time.NewTicker(time.Hour)
	defer hourly.Stop()
	for locked := u.locked; ; {
		select {
		case <-ctx.Done():
			u.save()
			return nil
		case <-locked:
			locked = nil
		case <-hourly.C:
		}
		u.save()
	}
}

func (u *Unit) save() {
	if kept, ok := u.worthKeeping(); ok {
		if err := u.cfg.State.Save(KeptName, kept); err != nil {
			u.cfg.Log.Error("state not kept", "error", err)
		}
	}
}

// worthKeeping returns what the unit knows, while that is certain.
func (u *Unit) worthKeeping() (Kept, bool) {
	now := u.board.Served().Now()
	return Kept{timescale.UTC(now.Real), u.Snapshot().Memory, u.Snapshot().Learned}, u.reference.Load().Check(now) == ntp.Certain
}
