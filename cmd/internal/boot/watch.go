package boot

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"timeball/image/mounts"
)

// watchPerm looks once a minute whether perm has become unwritable, full or faulty, until ctx is done. It is told; the unit
// runs on, and the next start finds perm as it is then.
func (b *boot) watchPerm(ctx context.Context) {
	if b.perm != permOK {
		return
	}
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		state := b.lookAtPerm()
		if state == b.perm {
			continue
		}
		was := b.perm
		b.perm = state
		b.log.Warn("perm", "was", was, "is", state)
		b.report.set(func(r *Report) {
			r.Perm = string(state)
			r.Notices = slices.DeleteFunc(slices.Clone(r.Notices), func(text string) bool { return text == turned(was) })
			if state != permOK {
				r.Notices = append(r.Notices, turned(state))
			}
		})
	}
}

// scarce is the room that perm must have, in bytes: several times what the unit writes in an hour.
const scarce = 1 << 20

// lookAtPerm returns how perm is now.
func (b *boot) lookAtPerm() permState {
	var s unix.Statfs_t
	if err := unix.Statfs(b.path(mounts.Perm), &s); err != nil {
		return permCorrupt
	}
	switch {
	case b.faulty(b.permDevice):
		return permCorrupt
	case s.Flags&unix.ST_RDONLY != 0:
		return permReadOnly
	case s.Bavail*uint64(s.Bsize) < scarce:
		return permFull
	}
	return permOK
}

// turned returns what people are told of a perm that was well when the unit started.
func turned(state permState) string {
	switch state {
	case permReadOnly:
		return "The card can no longer be written: what changes from now on is lost at the next start. Replace the card."
	case permFull:
		return "The card's partition for settings is nearly full: what changes from now on may be lost at the next start."
	case permCorrupt:
		return "The card's partition for settings has reported damage: replace the card soon."
	}
	return ""
}
