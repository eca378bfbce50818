package auth

import "time"

// lockout makes who has failed often wait, longer each time. Its table is bounded: the one who has failed least recently is
// forgotten for a new one.
type lockout struct {
	free        int           // failures that cost nothing
	first, most time.Duration // waits: the first, doubled each time, and the longest
	size        int           // of the table
	entries     map[string]failures
}

type failures struct {
	count int
	until time.Duration // since boot: no attempt before
	last  time.Duration
}

// forgetAfter is how long without an attempt it takes to begin anew.
const forgetAfter = 2 * time.Hour

// wait returns how long key has to wait before an attempt.
func (l *lockout) wait(now time.Duration, key string) time.Duration {
	return max(0, l.entries[key].until-now)
}

// attempt counts an attempt as failed, before it is known: those that come at once are then many as well. succeed takes it
// back.
func (l *lockout) attempt(now time.Duration, key string) {
	f, ok := l.entries[key]
	if ok && now-f.last > forgetAfter {
		f = failures{}
	}
	if !ok {
		l.makeRoom()
	}
	f.count++
	f.last = now
	if over := f.count - l.free; over > 0 {
		f.until = now + min(l.most, l.first<<min(over-1, 30))
	}
	l.entries[key] = f
}

// succeed forgets the failures of key.
func (l *lockout) succeed(key string) { delete(l.entries, key) }

func (l *lockout) makeRoom() {
	if l.entries == nil {
		l.entries = map[string]failures{}
	}
	if len(l.entries) < l.size {
		return
	}
	var oldest string
	least := time.Duration(1<<63 - 1)
	for key, f := range l.entries {
		if f.last < least {
			oldest, least = key, f.last
		}
	}
	delete(l.entries, oldest)
}
