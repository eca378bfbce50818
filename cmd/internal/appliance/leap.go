package appliance

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/timing"
	"timeball/server"
	"timeball/server/ntp"
	"timeball/web/api"
)

// LeapSecondsName is the file in the state directory that is read where no other is configured.
const LeapSecondsName = "leap-seconds.list"

const (
	leapSecondsEvery = time.Hour // a new list is there months before it matters
	maxLeapSeconds   = 1 << 20   // bytes of a list; that of 2026 has 5 kB
)

// leapSecondsFile returns the list to follow, "" when there is none to look for; named says that it has to be there.
func (u *Unit) leapSecondsFile() (path string, named bool) {
	switch {
	case u.cfg.LeapSeconds != "":
		return u.cfg.LeapSeconds, true
	case u.cfg.State != "":
		return filepath.Join(string(u.cfg.State), LeapSecondsName), false
	}
	return "", false
}

// followLeapSeconds gives the Engine the list of leap seconds, now and whenever it has changed.
func (u *Unit) followLeapSeconds(ctx context.Context) error {
	hourly := time.NewTicker(leapSecondsEvery)
	defer hourly.Stop()
	var read time.Time // modification time of what was read last
	said := ""
	for {
		text := ""
		if err := u.readLeapSeconds(ctx, &read); err != nil {
			text = err.Error()
		}
		if text != said && text != "" {
			u.cfg.Log.Warn("list of leap seconds not read", "error", text)
		}
		said = text
		select {
		case <-ctx.Done():
			return nil
		case <-hourly.C:
		}
	}
}

// readLeapSeconds gives the Engine the list if it was changed since read.
func (u *Unit) readLeapSeconds(ctx context.Context, read *time.Time) error {
	path, named := u.leapSecondsFile()
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return nil
	}
	if err != nil || info.ModTime().Equal(*read) {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	list, err := io.ReadAll(io.LimitReader(f, maxLeapSeconds))
	if err != nil {
		return err
	}
	*read = info.ModTime()
	select {
	case u.testimony <- timing.Event{Kind: timing.KindLeapSeconds, At: u.board.Served().Now().Mono, Bytes: list}:
	case <-ctx.Done():
	}
	return nil
}

// indicators are the leap indicators of RFC 5905, 7.3, as they are called in a Status.
var indicators = [...]string{"none", "insert", "delete", "unsynchronized"}

// describeListeners fills in what each address that is answered at tells its clients at now.
func describeListeners(status *api.Status, all []server.Listening, ref *ntp.Reference, now clock.Reading) {
	for _, l := range all {
		told := ref.Told(l.Leap, now)
		one := api.Listener{Address: l.Address.String(), LeapPolicy: l.Leap.String(), Leap: indicators[told.Leap&3]}
		if told.Smeared {
			one.SmearSeconds = some(float64(told.Ahead))
		}
		status.Listeners = append(status.Listeners, one)
	}
}

// describeLeap fills in who says what of leap seconds.
func describeLeap(status *api.Status, l timing.LeapSeconds) {
	status.LeapSeconds = &api.LeapSeconds{
		ListExpiresUnixSeconds: int64(l.ListExpires / timescale.Second), ListUpdatedUnixSeconds: int64(l.ListUpdated / timescale.Second),
		Listed: l.Listed.String(), AnnouncedBy: l.AnnouncedBy, Text: l.Text,
	}
	if l.Listed != clock.LeapNone {
		status.LeapSeconds.ListedAtUnixSeconds = some(int64(l.ListedAt / timescale.Second))
	}
	if l.Announced != clock.LeapNone {
		status.LeapSeconds.Announced = some(l.Announced.String())
		status.LeapSeconds.AnnouncedAtUnixSeconds = some(int64(l.AnnouncedAt / timescale.Second))
	}
	if l.ReceiverTAIOffset != 0 {
		status.LeapSeconds.ReceiverTAIOffsetSeconds = &l.ReceiverTAIOffset
	}
}
