// Package auth knows who may do what: accounts, sessions and bearer tokens of one unit.
//
// A unit without an admin is claimed once, with a code that proves that one can touch it: it is on the unit's console and,
// where the unit has one, on its boot partition. The first claim or the end of a span closes that; a new start without an
// admin opens it again. There is one admin, who may do all there is, and viewers, who read. Nothing has a default password.
//
// Passwords are kept as argon2id, session and bearer tokens as SHA-256 of 256 random bits. Accounts and tokens are in
// AccountsFile of the directory: removing that file ends them all and lets the unit be claimed again. Sessions are in
// sessionsFile and live through a restart of the program, not of the machine. All spans are of CLOCK_BOOTTIME, so that a
// clock that is wrong or is stepped ends nothing and keeps nothing alive.
//
// Who fails often waits, by account and by address; what fails is an error of the list below. An accounts file that cannot
// be read lets nobody in and is no reason to be claimed again: its error says so until the file is removed.
package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"timeball/web/kept"
)

// AccountsFile is the file with accounts and tokens. Without it the unit can be claimed.
const AccountsFile = "accounts.json"

// Admin is the name of the one admin.
const Admin = "admin"

// ClaimSpan is how long a unit without an admin can be claimed after its start.
const ClaimSpan = time.Hour

// What a visitor may be told. None tells whether a name exists.
var (
	ErrWrong   = errors.New("wrong name or password")
	ErrCode    = errors.New("wrong claim code")
	ErrClosed  = errors.New("not to be claimed")
	ErrShort   = fmt.Errorf("a password has at least %d characters", MinPassword)
	ErrLong    = fmt.Errorf("a password has at most %d bytes of UTF-8", maxPassword)
	ErrName    = errors.New("a name has 1 to 32 small letters, digits, dots, hyphens and underlines, and begins with a letter")
	ErrTaken   = errors.New("this name is taken")
	ErrMany    = errors.New("there are as many as there may be")
	ErrUnknown = errors.New("there is none of this name")
	ErrBusy    = errors.New("too many sign in at once")
)

// Later is the error of an attempt that comes too soon after failures.
type Later struct{ Wait time.Duration }

// Error says how long to wait.
func (l Later) Error() string {
	return fmt.Sprintf("too many failures: again in %v", l.Wait.Round(time.Second))
}

// Role is what an account or a token may do.
type Role string

// The roles.
const (
	RoleAdmin  Role = "admin"
	RoleViewer Role = "viewer"
)

// Bounds.
const (
	maxAccounts = 32
	maxTokens   = 32
	tokenPrefix = "timeball_" // so that a token that leaks is recognised
)

// Config is what a Door begins with.
type Config struct {
	Dir  string        // of its files; "" = everything is kept in memory and ends with the program
	Code string        // to claim the unit with, from NewCode; "" = it cannot be claimed
	Span time.Duration // how long that holds from Open on
	Boot string        // names this boot of the machine; "" = sessions end with the program
	Now  func() time.Duration
	Log  *slog.Logger // nil is silent
}

// Account is one account or token, as it is shown.
type Account struct {
	Name string
	Role Role
}

// Token is one bearer token, as it is shown.
type Token struct {
	ID   string // the beginning of its hash
	Name string // what it is for
	Role Role
}

// account is one account as it is kept.
type account struct {
	Name string `json:"name"`
	Role Role   `json:"role"`
	Hash string `json:"hash"`
}

// token is one token as it is kept.
type token struct {
	Name string `json:"name"`
	Role Role   `json:"role"`
	Hash string `json:"sha256"`
}

// accounts is the file.
type accounts struct {
	Version  int       `json:"version"` // 1
	Accounts []account `json:"accounts"`
	Tokens   []token   `json:"tokens"`
}

// Door is who may come in. Its methods may be called from any goroutine.
type Door struct {
	config Config
	opened time.Duration
	hasher *hasher
	broken error // of the accounts file

	mu          sync.Mutex
	accounts    accounts
	sessions    []session
	sessionsDue time.Duration // when they are written again
	byAccount   lockout
	byAddress   lockout
	known       []string // addresses that have signed in: failures of others do not lock them out
}

// Open reads what is kept in the directory. The Door can be used also when there is an error, which says what is not as it
// should be.
func Open(config Config) (*Door, error) {
	d := &Door{
		config: config, hasher: newHasher(),
		// One guess a minute for an account, whoever makes it; an address alone waits longer.
		byAccount: lockout{free: 10, first: time.Second, most: time.Minute, size: maxAccounts + 2},
		byAddress: lockout{free: 5, first: 2 * time.Second, most: 15 * time.Minute, size: 1024},
	}
	if d.config.Now == nil {
		d.config.Now = sinceBoot
	}
	if d.config.Log == nil {
		d.config.Log = slog.New(slog.DiscardHandler)
	}
	d.opened = d.config.Now()
	if config.Dir == "" {
		return d, nil
	}
	err := kept.Load(d.file(AccountsFile), &d.accounts)
	if err == nil {
		err = d.accounts.check()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.accounts = accounts{}
	case err != nil:
		d.accounts = accounts{}
		d.broken = fmt.Errorf("accounts: nobody can sign in until %s is removed: %w", d.file(AccountsFile), err)
		return d, d.broken
	}
	return d, d.recallSessions()
}

// HasAdmin reports whether a unit with this directory has been claimed: it then needs no code.
func HasAdmin(dir string) bool {
	if dir == "" {
		return false
	}
	var a accounts
	err := kept.Load(filepath.Join(dir, AccountsFile), &a)
	return !errors.Is(err, fs.ErrNotExist)
}

// NewCode returns a code to claim a unit with: 10 characters of base32 (RFC 4648), 50 random bits.
func NewCode() string {
	b := make([]byte, 10)
	rand.Read(b) // never fails
	return base32.StdEncoding.EncodeToString(b)[:10]
}

// Spell writes a code in two halves, as people read it.
func Spell(code string) string { return code[:len(code)/2] + "-" + code[len(code)/2:] }

func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(err) // every Linux that Go runs on has it
	}
	return time.Duration(t.Nano())
}

func (d *Door) file(name string) string { return filepath.Join(d.config.Dir, name) }

// check returns what cannot have been written by us.
func (a accounts) check() error {
	if a.Version != 1 || len(a.Accounts) > maxAccounts || len(a.Tokens) > maxTokens {
		return fmt.Errorf("version %d, %d accounts, %d tokens", a.Version, len(a.Accounts), len(a.Tokens))
	}
	for _, one := range a.Accounts {
		if _, err := parseHash(one.Hash); err != nil || checkName(one.Name) != nil || one.Role != RoleAdmin && one.Role != RoleViewer {
			return fmt.Errorf("account %.40q: not as it is kept here", one.Name)
		}
	}
	return nil
}

// save writes the accounts and puts them in force; when they can't be kept nothing changes.
func (d *Door) save(next accounts) error {
	next.Version = 1
	if d.config.Dir != "" {
		if err := kept.Save(d.file(AccountsFile), next); err != nil {
			return fmt.Errorf("accounts: not kept, and nothing changed: %w", err)
		}
	}
	d.accounts = next
	return nil
}

// Kept reports whether accounts live through a restart.
func (d *Door) Kept() bool { return d.config.Dir != "" }

// Broken returns why nobody can sign in, or nil.
func (d *Door) Broken() error { return d.broken }

// Claimable returns for how long the unit can be claimed yet; 0 = it can't be.
func (d *Door) Claimable() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.claimable()
}

func (d *Door) claimable() time.Duration {
	if d.config.Code == "" || d.broken != nil || len(d.accounts.Accounts) > 0 {
		return 0
	}
	return max(0, d.opened+d.config.Span-d.config.Now())
}

// Claimed reports whether the unit has an admin, or what may have been one.
func (d *Door) Claimed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.accounts.Accounts) > 0 || d.broken != nil
}

// Claim makes the admin, if code is the unit's, and returns his first session.
func (d *Door) Claim(ctx context.Context, address, code, password string) (string, error) {
	if d.Claimable() == 0 {
		return "", ErrClosed
	}
	if err := checkPassword(password); err != nil { // before the code: a mistake here is no failure
		return "", err
	}
	if err := d.attempt(address, claimKey); err != nil {
		return "", err
	}
	if subtle.ConstantTimeCompare([]byte(plainCode(code)), []byte(d.config.Code)) != 1 {
		return "", ErrCode
	}
	hash, err := d.hasher.hash(ctx, password)
	if err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.claimable() == 0 { // another was quicker
		return "", ErrClosed
	}
	if err := d.save(accounts{Accounts: []account{{Admin, RoleAdmin, hash}}, Tokens: d.accounts.Tokens}); err != nil {
		return "", err
	}
	d.succeed(address, claimKey)
	return d.begin(Admin), nil
}

// claimKey is no account's name.
const claimKey = "#claim"

// plainCode takes a code as people write it: with hyphens and spaces, in small letters, and 0 or 1 for what looks like it.
func plainCode(text string) string {
	return strings.NewReplacer("-", "", " ", "", "0", "O", "1", "I", "8", "B").Replace(strings.ToUpper(strings.TrimSpace(text)))
}

// SignIn begins a session of an account and returns its token.
func (d *Door) SignIn(ctx context.Context, address, name, password string) (string, error) {
	if err := d.prove(ctx, address, name, password); err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.find(name) == nil {
		return "", ErrWrong
	}
	return d.begin(name), nil
}

// prove returns nil when password is that of the account, and counts it when it is not.
func (d *Door) prove(ctx context.Context, address, name, password string) error {
	d.mu.Lock()
	one := d.find(name)
	d.mu.Unlock()
	hash, key := absent, "#unknown" // all names that there are not share one place in the table
	if one != nil {
		hash, key = one.Hash, name
	}
	if err := d.attempt(address, key); err != nil {
		return err
	}
	if len(password) > maxPassword {
		return ErrWrong
	}
	same, err := d.hasher.verify(ctx, hash, password) // of a name that is not, for the same time
	if err != nil {
		return err
	}
	if !same || one == nil {
		return ErrWrong
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.succeed(address, key)
	return nil
}

// absent is a hash that no password has.
var absent = fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=1$%s$%s", hashMemory, hashPasses,
	base64.RawStdEncoding.EncodeToString(make([]byte, saltBytes)), base64.RawStdEncoding.EncodeToString(make([]byte, hashBytes)))

// attempt counts an attempt at key from an address, or returns how long it has to wait.
func (d *Door) attempt(address, key string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, place := d.config.Now(), network(address)
	wait := d.byAddress.wait(now, place)
	if !slices.Contains(d.known, place) {
		wait = max(wait, d.byAccount.wait(now, key))
	}
	if wait > 0 {
		return Later{wait}
	}
	d.byAddress.attempt(now, place)
	d.byAccount.attempt(now, key)
	return nil
}

const maxKnown = 16

// succeed takes back the attempt.
func (d *Door) succeed(address, key string) {
	place := network(address)
	d.byAddress.succeed(place)
	d.byAccount.succeed(key)
	d.known = append(slices.DeleteFunc(d.known, func(a string) bool { return a == place }), place)
	if len(d.known) > maxKnown {
		d.known = d.known[1:]
	}
}

// find returns the account of a name, or nil.
func (d *Door) find(name string) *account {
	i := slices.IndexFunc(d.accounts.Accounts, func(a account) bool { return a.Name == name })
	if i < 0 {
		return nil
	}
	return &d.accounts.Accounts[i]
}

// Accounts returns all accounts, the admin first.
func (d *Door) Accounts() []Account {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Account
	for _, a := range d.accounts.Accounts {
		all = append(all, Account{a.Name, a.Role})
	}
	return all
}

var names = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,31}$`)

func checkName(name string) error {
	if !names.MatchString(name) {
		return ErrName
	}
	return nil
}

// AddViewer makes an account that reads.
func (d *Door) AddViewer(ctx context.Context, name, password string) error {
	if err := cmp.Or(checkName(name), checkPassword(password)); err != nil {
		return err
	}
	hash, err := d.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.find(name) != nil:
		return ErrTaken
	case len(d.accounts.Accounts) >= maxAccounts:
		return ErrMany
	}
	next := d.accounts
	next.Accounts = append(slices.Clone(next.Accounts), account{name, RoleViewer, hash})
	return d.save(next)
}

// RemoveViewer ends an account that reads, and its sessions.
func (d *Door) RemoveViewer(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a := d.find(name); a == nil || a.Role != RoleViewer {
		return ErrUnknown
	}
	next := d.accounts
	next.Accounts = slices.DeleteFunc(slices.Clone(next.Accounts), func(a account) bool { return a.Name == name })
	if err := d.save(next); err != nil {
		return err
	}
	d.end(func(s session) bool { return s.Account == name })
	return nil
}

// ChangePassword gives an account another password, if old is its own, and ends its other sessions. session stays.
func (d *Door) ChangePassword(ctx context.Context, address, name, old, password, session string) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	if err := d.prove(ctx, address, name, old); err != nil {
		return err
	}
	hash, err := d.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	next := d.accounts
	next.Accounts = slices.Clone(next.Accounts)
	i := slices.IndexFunc(next.Accounts, func(a account) bool { return a.Name == name })
	if i < 0 {
		return ErrUnknown
	}
	next.Accounts[i].Hash = hash
	if err := d.save(next); err != nil {
		return err
	}
	d.endOthers(name, session)
	return nil
}

// Tokens returns all bearer tokens.
func (d *Door) Tokens() []Token {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Token
	for _, t := range d.accounts.Tokens {
		all = append(all, Token{t.id(), t.Name, t.Role})
	}
	return all
}

func (t token) id() string { return t.Hash[:min(8, len(t.Hash))] }

// AddToken makes a bearer token and returns it: it can't be shown again.
func (d *Door) AddToken(name string, role Role) (string, error) {
	if err := checkName(name); err != nil || role != RoleAdmin && role != RoleViewer {
		return "", ErrName
	}
	secret := tokenPrefix + newSecret()
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case slices.ContainsFunc(d.accounts.Tokens, func(t token) bool { return t.Name == name }):
		return "", ErrTaken
	case len(d.accounts.Tokens) >= maxTokens:
		return "", ErrMany
	}
	next := d.accounts
	next.Tokens = append(slices.Clone(next.Tokens), token{name, role, digest(secret)})
	return secret, d.save(next)
}

// RemoveToken ends a bearer token.
func (d *Door) RemoveToken(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := d.accounts
	next.Tokens = slices.DeleteFunc(slices.Clone(next.Tokens), func(t token) bool { return t.id() == id })
	if len(next.Tokens) == len(d.accounts.Tokens) {
		return ErrUnknown
	}
	return d.save(next)
}

// Bearer returns whose token secret is. 256 random bits are not guessed: failures need no lockout.
func (d *Door) Bearer(secret string) (Account, bool) {
	hash := digest(secret)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.accounts.Tokens {
		if subtle.ConstantTimeCompare([]byte(t.Hash), []byte(hash)) == 1 {
			return Account{"token " + t.Name, t.Role}, true
		}
	}
	return Account{}, false
}

// newSecret returns 256 random bits as text.
func newSecret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
