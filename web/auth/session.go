package auth

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"time"

	"timeball/web/kept"
)

const (
	sessionsFile = "sessions.json"

	idleSpan     = time.Hour      // a session ends after so long without a request
	wholeSpan    = 12 * time.Hour // and after so long in any case
	maxSessions  = 64             // the one that has been used least recently ends for a new one
	maxOfAccount = 16
	sessionsKept = 5 * time.Minute // what a restart may take off the idle span
)

// session is one session as it is kept.
type session struct {
	Hash    string        `json:"sha256"`
	Account string        `json:"account"`
	Began   time.Duration `json:"began_nanoseconds"` // since boot
	Used    time.Duration `json:"used_nanoseconds"`  // since boot
}

// keptSessions is the file.
type keptSessions struct {
	Boot     string    `json:"boot"`
	Sessions []session `json:"sessions"`
}

// recallSessions takes the sessions of this boot. Those of another one have ended: nobody knows how long ago.
func (d *Door) recallSessions() error {
	var k keptSessions
	if err := kept.Load(d.file(sessionsFile), &k); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("sessions: all have to sign in again: %w", err)
	}
	if k.Boot == "" || k.Boot != d.config.Boot || len(k.Sessions) > maxSessions {
		return nil
	}
	d.sessions = slices.DeleteFunc(k.Sessions, func(s session) bool { return d.find(s.Account) == nil || s.Used > d.opened || s.Began > s.Used })
	return nil
}

// keepSessions writes the sessions; that they can't be kept costs a sign-in after a restart and is logged.
func (d *Door) keepSessions() {
	if d.config.Dir == "" || d.config.Boot == "" {
		return
	}
	d.sessionsDue = d.config.Now() + sessionsKept
	if err := kept.Save(d.file(sessionsFile), keptSessions{d.config.Boot, d.sessions}); err != nil {
		d.config.Log.Warn("sessions not kept", "error", err)
	}
}

// begin makes a session and returns its token.
func (d *Door) begin(name string) string {
	secret, now := newSecret(), d.config.Now()
	d.sessions = slices.DeleteFunc(d.sessions, func(s session) bool { return s.over(now) })
	of := func(s session) bool { return s.Account == name }
	for countOf(d.sessions, of) >= maxOfAccount {
		d.dropOldest(of)
	}
	for len(d.sessions) >= maxSessions {
		d.dropOldest(func(session) bool { return true })
	}
	d.sessions = append(d.sessions, session{digest(secret), name, now, now})
	d.keepSessions()
	return secret
}

func countOf(all []session, of func(session) bool) (n int) {
	for _, s := range all {
		if of(s) {
			n++
		}
	}
	return n
}

// dropOldest ends the session of those that has been used least recently.
func (d *Door) dropOldest(of func(session) bool) {
	oldest := -1
	for i, s := range d.sessions {
		if of(s) && (oldest < 0 || s.Used < d.sessions[oldest].Used) {
			oldest = i
		}
	}
	if oldest >= 0 {
		d.sessions = slices.Delete(d.sessions, oldest, oldest+1)
	}
}

func (s session) over(now time.Duration) bool {
	return now-s.Used > idleSpan || now-s.Began > wholeSpan
}

// Session returns whose session it is that secret is the token of, and keeps it from being idle.
func (d *Door) Session(secret string) (Account, bool) {
	hash := digest(secret)
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.config.Now()
	for i, s := range d.sessions {
		if subtle.ConstantTimeCompare([]byte(s.Hash), []byte(hash)) != 1 || s.over(now) {
			continue
		}
		one := d.find(s.Account)
		if one == nil {
			return Account{}, false
		}
		d.sessions[i].Used = now
		if now > d.sessionsDue {
			d.keepSessions()
		}
		return Account{one.Name, one.Role}, true
	}
	return Account{}, false
}

// SignOut ends the session that secret is the token of.
func (d *Door) SignOut(secret string) {
	hash := digest(secret)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.end(func(s session) bool { return s.Hash == hash })
}

// endOthers ends the sessions of an account but that of secret.
func (d *Door) endOthers(name, secret string) {
	hash := digest(secret)
	d.end(func(s session) bool { return s.Account == name && s.Hash != hash })
}

// end ends some sessions.
func (d *Door) end(which func(session) bool) {
	before := len(d.sessions)
	d.sessions = slices.DeleteFunc(d.sessions, which)
	if len(d.sessions) != before {
		d.keepSessions()
	}
}

// network returns what of an address one person may have: the address, of IPv6 the network of 64 bits.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}
