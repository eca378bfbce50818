package appliance

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"timeball/board/store"
	"timeball/gnss/timescale"
	"timeball/server/ntp"
)

// saved is what a unit keeps over a restart.
type saved struct {
	UTC timescale.UTC `json:"utc"` // a second that was certainly over: no date before it is believed
}

const savedName = "clock.json"

// Floor returns the later of build and the date that was saved in dir. A file that can't be read is reported and taken
// for absent.
func Floor(dir store.Dir, build timescale.UTC, log *slog.Logger) timescale.UTC {
	var s saved
	if err := dir.Load(savedName, &s); err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("saved date not used", "error", err)
	}
	return max(build, s.UTC)
}

// keep saves the date at the first lock, every hour and at the end, while it is certain.
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
	if now := u.board.Served().Now(); u.reference.Load().Check(now) == ntp.Certain {
		if err := u.cfg.State.Save(savedName, saved{timescale.UTC(now.Real)}); err != nil {
			u.cfg.Log.Error("state not kept", "error", err)
		}
	}
}
