package auth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const password = "correct horse battery"

// stand is a Door with a clock of its own and cheap passwords.
type stand struct {
	*Door
	now time.Duration
	dir string
}

const code = "ABCDE23456"

func open(t *testing.T, dir string, change func(*Config)) *stand {
	t.Helper()
	s := &stand{now: time.Hour, dir: dir}
	c := Config{Dir: dir, Code: code, Span: ClaimSpan, Boot: "boot", Now: func() time.Duration { return s.now }}
	if change != nil {
		change(&c)
	}
	var err error
	if s.Door, err = Open(c); err != nil {
		t.Fatal(err)
	}
	s.hasher.memory = 8
	return s
}

// again opens the same directory as a restart does.
func (s *stand) again(t *testing.T, boot string) *stand {
	t.Helper()
	return open(t, s.dir, func(c *Config) { c.Boot, c.Code = boot, ""; c.Now = func() time.Duration { return s.now } })
}

func (s *stand) claim(t *testing.T) string {
	t.Helper()
	token, err := s.Claim(t.Context(), "10.0.0.1", "abcde-23456", password)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestUnitIsClaimedOnce(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	if s.Claimable() != time.Hour || s.Claimed() || HasAdmin(s.dir) {
		t.Errorf("at first: claimable %v, claimed %v", s.Claimable(), s.Claimed())
	}
	token := s.claim(t)
	if who, ok := s.Session(token); !ok || who != (Account{Admin, RoleAdmin}) {
		t.Errorf("the first session is of %+v, %v", who, ok)
	}
	if _, err := s.Claim(t.Context(), "10.0.0.1", code, password); !errors.Is(err, ErrClosed) || s.Claimable() != 0 || !HasAdmin(s.dir) {
		t.Errorf("claimed twice: %v", err)
	}
}

func TestClaimIsClosedInTheEndAndOpenedByAStart(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	s.now += ClaimSpan
	if _, err := s.Claim(t.Context(), "10.0.0.1", code, password); !errors.Is(err, ErrClosed) {
		t.Errorf("after an hour: %v", err)
	}
	if next := open(t, s.dir, nil); next.Claimable() != ClaimSpan {
		t.Error("a start does not open it")
	}
	if open(t, s.dir, func(c *Config) { c.Code = "" }).Claimable() != 0 {
		t.Error("without a code it is open")
	}
}

func TestRemovedAccountsOpenTheClaim(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	token := s.claim(t)
	if err := os.Remove(filepath.Join(s.dir, AccountsFile)); err != nil {
		t.Fatal(err)
	}
	next := open(t, s.dir, nil)
	if _, ok := next.Session(token); ok || next.Claimable() == 0 {
		t.Error("a session of a removed account is alive, or the unit can't be claimed")
	}
}

func TestClaimCodeIsTakenAsPeopleWriteIt(t *testing.T) {
	for _, text := range []string{"ABCDE23456", "abcde-23456", " a b c d e 2 3 4 5 6 ", "a8cde23456"} {
		if got := plainCode(text); got != code {
			t.Errorf("%q is %q", text, got)
		}
	}
	seen := map[string]bool{}
	for range 100 {
		c := NewCode()
		if len(c) != 10 || plainCode(Spell(c)) != c || seen[c] {
			t.Errorf("code %q", c)
		}
		seen[c] = true
	}
}

func TestClaimRefuses(t *testing.T) {
	s := open(t, "", nil)
	for want, give := range map[error][2]string{
		ErrCode: {"ABCDE23457", password}, ErrShort: {code, "eleven char"}, ErrLong: {code, strings.Repeat("x", maxPassword+1)},
	} {
		if _, err := s.Claim(t.Context(), "10.0.0.1", give[0], give[1]); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", give, err, want)
		}
	}
	if s.Claimed() {
		t.Error("it is claimed")
	}
}

// Only one of those who claim at once gets the unit.
func TestClaimIsWonByOne(t *testing.T) {
	s := open(t, "", nil)
	s.byAddress.free, s.byAccount.free = 100, 100
	var all sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range waiting {
		all.Go(func() {
			if _, err := s.Claim(context.Background(), fmt.Sprint("10.0.0.", i), code, password); err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if won != 1 {
		t.Errorf("%d have claimed it", won)
	}
}

func TestSignInTellsNothingOfNames(t *testing.T) {
	s := open(t, "", nil)
	s.claim(t)
	if _, err := s.SignIn(t.Context(), "10.0.0.1", Admin, password); err != nil {
		t.Error(err)
	}
	for _, try := range [][2]string{{Admin, "wrong password"}, {"nobody", password}, {"", ""}, {Admin, strings.Repeat("x", 1e6)}, {"#claim", password}} {
		if _, err := s.SignIn(t.Context(), "10.0.0.2", try[0], try[1]); !errors.Is(err, ErrWrong) {
			t.Errorf("%.20q: %v, want %v", try, err, ErrWrong)
		}
	}
}

func TestFailuresMakeAnAddressWaitLonger(t *testing.T) {
	s := open(t, "", nil)
	s.claim(t)
	var later Later
	try := func(address string) error {
		_, err := s.SignIn(t.Context(), address, Admin, "wrong password")
		return err
	}
	for i := range 6 {
		if err := try("10.0.0.66"); !errors.Is(err, ErrWrong) {
			t.Fatalf("failure %d: %v", i, err)
		}
	}
	if err := try("10.0.0.66"); !errors.As(err, &later) || later.Wait != 2*time.Second {
		t.Errorf("the seventh: %v, want 2 s", err)
	}
	waited := time.Duration(0)
	for range 20 {
		s.now += 15 * time.Minute
		try("10.0.0.66")
		if err := try("10.0.0.66"); errors.As(err, &later) {
			waited = later.Wait
		}
	}
	if waited != 15*time.Minute {
		t.Errorf("in the end it waits %v", waited)
	}
	if _, err := s.SignIn(t.Context(), "10.0.0.1", Admin, password); err != nil {
		t.Errorf("another address: %v", err)
	}
	s.now += forgetAfter + 16*time.Minute
	for range 3 {
		if err := try("10.0.0.66"); !errors.Is(err, ErrWrong) {
			t.Errorf("after a pause: %v", err)
		}
	}
}

// Many addresses that guess do not lock the admin out of where he usually comes from.
func TestFailuresOfOthersDoNotLockOutTheAdmin(t *testing.T) {
	s := open(t, "", nil)
	s.claim(t) // from 10.0.0.1
	var later Later
	guesses := 0
	for i := range 200 {
		s.now += time.Second
		_, err := s.SignIn(t.Context(), fmt.Sprintf("10.9.%d.1", i), Admin, "wrong password")
		if errors.Is(err, ErrWrong) {
			guesses++
		} else if !errors.As(err, &later) || later.Wait > time.Minute {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if guesses > 10+10 {
		t.Errorf("%d guesses in 200 s from 200 addresses", guesses)
	}
	if _, err := s.SignIn(t.Context(), "10.0.0.1", Admin, password); err != nil {
		t.Errorf("the admin at his place: %v", err)
	}
}

func TestNeighboursInANetworkCountAsOne(t *testing.T) {
	for a, b := range map[string]string{"2001:db8:1:2::1": "2001:db8:1:2:ffff::9", "::ffff:10.0.0.1": "10.0.0.1", "fe80::1%eth0": "fe80::1"} {
		if network(a) != network(b) {
			t.Errorf("%s is %s, %s is %s", a, network(a), b, network(b))
		}
	}
	if network("2001:db8:1:2::1") == network("2001:db8:1:3::1") || network("10.0.0.1") == network("10.0.0.2") {
		t.Error("different ones count as one")
	}
}

func TestLockoutTableIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := lockout{free: 2, first: time.Second, most: time.Minute, size: 8}
		now := time.Duration(0)
		for range 200 {
			now += time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "pause"))
			key := fmt.Sprint(rapid.IntRange(0, 30).Draw(t, "key"))
			if l.wait(now, key) == 0 {
				l.attempt(now, key)
			}
			if w := l.wait(now, key); w < 0 || w > l.most {
				t.Fatalf("%s waits %v", key, w)
			}
			if len(l.entries) > l.size {
				t.Fatalf("%d entries", len(l.entries))
			}
		}
	})
}

func TestPasswordsAreComputedOneAtATime(t *testing.T) {
	h := newHasher()
	begun, leave := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	for range waiting {
		all.Go(func() { h.compute(context.Background(), func() { begun <- struct{}{}; <-leave }) })
	}
	<-begun // the first computes; the others come to wait
	for len(h.queue) < waiting {
		time.Sleep(time.Millisecond) // they tell of themselves in nothing but this
	}
	if err := h.compute(t.Context(), func() { t.Error("computed beyond the queue") }); !errors.Is(err, ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	select {
	case <-begun:
		t.Error("two compute at once")
	default:
	}
	go func() {
		for range waiting - 1 {
			leave <- struct{}{}
			<-begun
		}
		leave <- struct{}{}
	}()
	all.Wait()
}

func TestSessionsEnd(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	alive := func(token string) bool { _, ok := s.Session(token); return ok }
	idle := s.claim(t)
	s.now += idleSpan
	if !alive(idle) {
		t.Error("ended after an hour that was not over")
	}
	s.now += idleSpan + time.Second
	if alive(idle) {
		t.Error("alive after an idle hour")
	}
	busy, err := s.SignIn(t.Context(), "10.0.0.1", Admin, password)
	if err != nil {
		t.Fatal(err)
	}
	began := s.now
	for s.now-began < 2*wholeSpan && alive(busy) {
		s.now += idleSpan / 2
	}
	if lived := s.now - began; lived != wholeSpan+idleSpan/2 {
		t.Errorf("a session in use lived for %v", lived)
	}
	out, err := s.SignIn(t.Context(), "10.0.0.1", Admin, password)
	if err != nil {
		t.Fatal(err)
	}
	s.SignOut(out)
	if alive(out) || alive("") || alive(digest(out)) {
		t.Error("alive after signing out")
	}
}

func TestSessionsLiveThroughARestartOfTheProgramOnly(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	token := s.claim(t)
	s.now += time.Minute
	if who, ok := s.again(t, "boot").Session(token); !ok || who.Name != Admin {
		t.Error("ended by a restart of the program")
	}
	if _, ok := s.again(t, "another boot").Session(token); ok {
		t.Error("alive after a restart of the machine")
	}
	text, err := os.ReadFile(filepath.Join(s.dir, sessionsFile))
	if err != nil || strings.Contains(string(text), token) {
		t.Errorf("the file has the token itself: %v", err)
	}
	s.now += idleSpan + time.Second
	if _, ok := s.again(t, "boot").Session(token); ok {
		t.Error("a restart has made an idle session young")
	}
}

func TestSessionsAreBounded(t *testing.T) {
	s := open(t, "", nil)
	first := s.claim(t)
	for range 2 * maxOfAccount {
		s.now += time.Second
		if _, ok := s.Session(first); !ok {
			t.Fatal("the session in use has ended")
		}
		s.now += time.Second
		if _, err := s.SignIn(t.Context(), "10.0.0.1", Admin, password); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.sessions) != maxOfAccount {
		t.Errorf("%d sessions of one account", len(s.sessions))
	}
}

func TestViewersComeAndGo(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	s.claim(t)
	for name, want := range map[string]error{"": ErrName, "Eve": ErrName, "eve bob": ErrName, "#claim": ErrName, Admin: ErrTaken, strings.Repeat("x", 33): ErrName} {
		if err := s.AddViewer(t.Context(), name, password); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", name, err, want)
		}
	}
	if err := s.AddViewer(t.Context(), "eve", "short"); !errors.Is(err, ErrShort) {
		t.Error(err)
	}
	if err := s.AddViewer(t.Context(), "eve", password); err != nil {
		t.Fatal(err)
	}
	token, err := s.SignIn(t.Context(), "10.0.0.1", "eve", password)
	if err != nil {
		t.Fatal(err)
	}
	if who, ok := s.again(t, "boot").Session(token); !ok || who != (Account{"eve", RoleViewer}) {
		t.Errorf("after a restart: %+v, %v", who, ok)
	}
	if err := s.RemoveViewer(Admin); !errors.Is(err, ErrUnknown) {
		t.Errorf("the admin was removed: %v", err)
	}
	if err := s.RemoveViewer("eve"); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Session(token); ok {
		t.Error("a removed viewer's session is alive")
	}
	if got := s.again(t, "boot").Accounts(); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestANewPasswordEndsOtherSessions(t *testing.T) {
	s := open(t, "", nil)
	here := s.claim(t)
	there, err := s.SignIn(t.Context(), "10.0.0.9", Admin, password)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ChangePassword(t.Context(), "10.0.0.1", Admin, "not the old one", password+"2", here); !errors.Is(err, ErrWrong) {
		t.Error(err)
	}
	if err := s.ChangePassword(t.Context(), "10.0.0.1", Admin, password, password+"2", here); err != nil {
		t.Fatal(err)
	}
	_, stays := s.Session(here)
	_, ends := s.Session(there)
	if !stays || ends {
		t.Errorf("this session %v, another %v", stays, ends)
	}
	if _, err := s.SignIn(t.Context(), "10.0.0.1", Admin, password); !errors.Is(err, ErrWrong) {
		t.Errorf("the old password: %v", err)
	}
}

func TestTokensAreShownOnceAndRevoked(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	s.claim(t)
	secret, err := s.AddToken("backup", RoleViewer)
	if err != nil || !strings.HasPrefix(secret, tokenPrefix) || len(secret) < 43 {
		t.Fatalf("%q, %v", secret, err)
	}
	if _, err := s.AddToken("backup", RoleAdmin); !errors.Is(err, ErrTaken) {
		t.Error(err)
	}
	for _, role := range []Role{"", "operator", "Admin"} {
		if _, err := s.AddToken("other", role); !errors.Is(err, ErrName) {
			t.Errorf("role %q: %v", role, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(s.dir, AccountsFile))
	if err != nil || strings.Contains(string(text), secret) || strings.Contains(string(text), password) {
		t.Errorf("the file has the secret itself: %v", err)
	}
	next := s.again(t, "boot")
	if who, ok := next.Bearer(secret); !ok || who != (Account{"token backup", RoleViewer}) {
		t.Errorf("%+v, %v", who, ok)
	}
	if _, ok := next.Bearer(""); ok {
		t.Error("an empty token is taken")
	}
	if err := next.RemoveToken("00000000"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if err := next.RemoveToken(next.Tokens()[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, ok := next.Bearer(secret); ok {
		t.Error("a revoked token is taken")
	}
	for i := range maxTokens {
		if _, err := s.AddToken(fmt.Sprint("t", i), RoleAdmin); (err == nil) != (i < maxTokens-1) {
			t.Errorf("token %d: %v", i, err)
		}
	}
}

func TestWhatCannotBeKeptDoesNotHappen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	s := open(t, filepath.Join(t.TempDir(), "web"), nil)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.config.Dir = filepath.Join(file, "below")
	if _, err := s.Claim(t.Context(), "10.0.0.1", code, password); err == nil || s.Claimed() || s.Claimable() == 0 {
		t.Errorf("claimed without being kept: %v", err)
	}
}

func TestAnUnreadableFileLetsNobodyIn(t *testing.T) {
	for name, content := range map[string]string{
		"torn": `{"version":1,"acc`, "empty": "", "another version": `{"version":2}`,
		"an expensive password": `{"version":1,"accounts":[{"name":"admin","role":"admin","hash":"$argon2id$v=19$m=4000000,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}`,
		"a role":                `{"version":1,"accounts":[{"name":"admin","role":"root","hash":"` + absent + `"}]}`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, AccountsFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := Open(Config{Dir: dir, Code: code, Span: ClaimSpan})
		if err == nil || d.Claimable() != 0 || !d.Claimed() || d.Broken() == nil || !strings.Contains(err.Error(), AccountsFile) || !HasAdmin(dir) {
			t.Errorf("%s: %v, claimable %v", name, err, d.Claimable())
		}
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add(absent)
	f.Add("$argon2id$v=19$m=8,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := parseHash(text); err == nil && (k.memory > 64<<10 || k.passes > 16 || len(k.key) != hashBytes) {
			t.Errorf("%q is taken: %+v", text, k)
		}
	})
}
