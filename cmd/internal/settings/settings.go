// Package settings changes a unit's configuration while it runs: checked, tried, and kept only when it is confirmed.
//
// A change is a whole file. It is checked as timeball config check does, and servers that are new in it have to answer with
// a time that can be true; then it is written, and the unit starts anew with it. From when it runs there are 60 s to confirm
// it: otherwise, or when the unit does not start or ends, the file of before is put back and the unit starts with that. The
// file of before lies beside the file until then (BeforeSuffix), so that a power cut or a crash in between undoes the change
// at the next start.
//
// The Keeper owns the file and knows no unit: who runs one follows Changes and says Started or Failed. It is one process's
// or several's: a command and its result are plain data. Where there is no file the text lives in memory.
package settings

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"timeball/cmd/internal/config"
	"timeball/web/api"
	"timeball/web/kept"
)

// BeforeSuffix is what the name of the file of before ends with while a change is being tried.
const BeforeSuffix = ".before"

// Config is what a Keeper begins with.
type Config struct {
	Path string // of the file, which need not be there; "" = none, the text lives in memory
	// Check returns what is wrong with a file, line by line, in the form of package config.
	Check func(text string) error
	// Defaults are what the unit does without a file.
	Defaults config.Config
	// Fixed are the keys that options override, with the option.
	Fixed map[string]string
	// Ask returns why a server that is to be a witness can't be one; nil: none is asked.
	Ask func(ctx context.Context, server string) error
	Log *slog.Logger
}

// Keeper keeps the configuration. Its methods may be called from any goroutine.
type Keeper struct {
	config  Config
	began   time.Time
	changes chan struct{}

	applying sync.Mutex // one change at a time is checked and begun

	mu     sync.Mutex
	text   string // in force
	before string // what a trial returns to
	trial  trial
}

// Open reads the file, and undoes a change that was not confirmed when the program ended.
func Open(c Config) (*Keeper, error) {
	k := &Keeper{config: c, began: time.Now(), changes: make(chan struct{}, 1)}
	if c.Path == "" {
		return k, nil
	}
	before, err := read(c.Path + BeforeSuffix)
	switch {
	case err == nil:
		if err := k.putBack(before); err != nil {
			return nil, fmt.Errorf("a change that was not confirmed can't be undone: %w", err)
		}
		k.trial.failed, k.trial.message = true, "undone: the program ended before it was confirmed"
		c.Log.Warn("configuration undone", "file", c.Path, "why", k.trial.message)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if k.text, err = read(c.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return k, nil
}

func read(path string) (string, error) {
	data, err := kept.Read(path)
	return string(data), err
}

// putBack puts the file of before in the place of the file, and forgets it.
func (k *Keeper) putBack(before string) error {
	if k.config.Path == "" {
		return nil
	}
	return errors.Join(kept.Write(k.config.Path, []byte(before), 0o644), k.forgetBefore())
}

func (k *Keeper) forgetBefore() error {
	if k.config.Path == "" {
		return nil
	}
	if err := os.Remove(k.config.Path + BeforeSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return kept.Sync(filepath.Dir(k.config.Path))
}

// Text returns the configuration that is in force.
func (k *Keeper) Text() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text
}

// Changes gets a value when the unit has to start anew with Text.
func (k *Keeper) Changes() <-chan struct{} { return k.changes }

func (k *Keeper) changed() {
	select {
	case k.changes <- struct{}{}:
	default: // it has to already
	}
}

func (k *Keeper) now() time.Duration { return time.Since(k.began) }

// Started says that the unit runs with Text.
func (k *Keeper) Started() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.trial.started(k.now())
}

// Failed says that the unit does not run with Text. It is true when Text is now that of before: start anew with it.
func (k *Keeper) Failed(err error) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.undo("undone: the unit does not run with it: " + err.Error())
}

// undo returns to what was before; false: nothing is being tried.
func (k *Keeper) undo(why string) bool {
	if !k.trial.undo(why, k.now()) {
		return false
	}
	k.restore()
	return true
}

// restore makes what was before the text in force. That it can't be written leaves the file of before where it is: the
// next start puts it back.
func (k *Keeper) restore() {
	k.text = k.before
	if err := k.putBack(k.before); err != nil {
		k.config.Log.Error("configuration of before not put back yet", "error", err)
	}
	k.config.Log.Warn("configuration undone", "why", k.trial.message)
}

// Run undoes in time what is not confirmed, until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		k.mu.Lock()
		if k.trial.tick(k.now()) {
			k.restore()
			k.changed()
		}
		k.mu.Unlock()
	}
}

// Do carries out the commands that are about the configuration, and CommandRestart.
func (k *Keeper) Do(ctx context.Context, c api.Command) (api.Result, error) {
	switch c.Name {
	case api.CommandConfigRead:
		return k.result(k.state()), nil
	case api.CommandConfigCheck:
		return k.check(c), nil
	case api.CommandConfigApply:
		return k.apply(ctx, c), nil
	case api.CommandConfigConfirm:
		return k.confirm(c), nil
	case api.CommandConfigRevert:
		return k.revert(c), nil
	case api.CommandRestart:
		return k.restart(), nil
	}
	return api.Refuse("the configuration does not do %s", c.Name), nil
}

// state returns how the last change stands.
func (k *Keeper) state() (api.State, string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.trial.phase != settled:
		return api.InProgress, k.trial.message
	case k.trial.failed:
		return api.Failed, k.trial.message
	}
	return api.OK, k.trial.message
}

// result returns the configuration as it is, with how the last change stands. Reading itself succeeds always.
func (k *Keeper) result(state api.State, message string) api.Result {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.describe(k.text)
	c.State, c.Message = state, message
	if k.trial.phase == starting || k.trial.phase == trying {
		c.Trial = &api.Trial{ID: k.trial.id, By: k.trial.by, RemainingSeconds: k.trial.remaining(k.now()).Seconds(), Before: k.before}
	}
	if len(k.text) > api.MaxConfig {
		return api.Refuse("%s has more than %d bytes: it is changed where it is", k.config.Path, api.MaxConfig)
	}
	return api.Result{State: api.OK, Config: c}
}

// describe returns a file with its fields and what is wrong with it.
func (k *Keeper) describe(text string) *api.Configuration {
	return &api.Configuration{
		Path: k.config.Path, Text: text, Digest: digest(text),
		Fields: fields(text, k.config.Defaults, k.config.Fixed), Problems: problems(text, k.config.Check(text)),
	}
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// check puts the fields into the text and says what is wrong then.
func (k *Keeper) check(c api.Command) api.Result {
	text, wrong := changed(c.Text, c.Set, k.config.Defaults, k.config.Fixed)
	described := k.describe(text)
	described.Problems = append(wrong, described.Problems...)
	if len(described.Problems) > 0 {
		return api.Result{State: api.Failed, Message: described.Problems[0].Text, Config: described}
	}
	return api.Result{State: api.OK, Config: described}
}

// apply begins to try a file.
func (k *Keeper) apply(ctx context.Context, c api.Command) api.Result {
	k.applying.Lock()
	defer k.applying.Unlock()
	if checked := k.check(c); checked.State == api.Failed {
		return checked
	} else {
		c.Text = checked.Config.Text
	}
	now := k.Text()
	switch state, _ := k.state(); {
	case state == api.InProgress:
		return api.Refuse("another change is being tried: keep it or undo it first")
	case c.Digest != digest(now):
		return api.Refuse("the file has changed since: look at the difference anew")
	case c.Text == now:
		return api.Refuse("this is what the file says already")
	}
	if err := k.askNew(ctx, now, c.Text); err != nil {
		return api.Refuse("%v", err)
	}
	return k.begin(c, now)
}

// askNew asks the servers that a file has and the one before had not, all at once.
func (k *Keeper) askNew(ctx context.Context, before, text string) error {
	if k.config.Ask == nil {
		return nil
	}
	known := servers(before)
	var mu sync.Mutex
	var found []error
	var asking sync.WaitGroup
	for _, s := range servers(text) {
		if slices.Contains(known, s) {
			continue
		}
		asking.Go(func() {
			if err := k.config.Ask(ctx, s); err != nil {
				mu.Lock()
				defer mu.Unlock()
				found = append(found, fmt.Errorf("witness.servers: %s: %w", s, err))
			}
		})
	}
	asking.Wait()
	return errors.Join(found...)
}

func servers(text string) []string {
	c, err := config.Parse("configuration", []byte(text))
	if err != nil {
		return nil
	}
	return c.Witness.Servers
}

// begin writes the file and lets the unit start with it.
func (k *Keeper) begin(c api.Command, before string) api.Result {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.trial.begin(rand.Text()[:12], c.By, k.now()) {
		return api.Refuse("another change is being tried: keep it or undo it first")
	}
	if err := k.write(before, c.Text); err != nil {
		k.trial = trial{failed: true, message: err.Error()}
		return api.Refuse("%v", err)
	}
	k.before, k.text = before, c.Text
	k.changed()
	described := k.describe(c.Text)
	described.State, described.Message = api.InProgress, k.trial.message
	described.Trial = &api.Trial{ID: k.trial.id, By: c.By, RemainingSeconds: Patience.Seconds(), Before: before}
	return api.Result{State: api.InProgress, Message: k.trial.message, Config: described}
}

// write keeps the file of before and writes the new one; when that fails nothing has changed.
func (k *Keeper) write(before, text string) error {
	if k.config.Path == "" {
		return nil
	}
	if err := kept.Write(k.config.Path+BeforeSuffix, []byte(before), 0o644); err != nil {
		return fmt.Errorf("not written: %w", err)
	}
	if err := kept.Write(k.config.Path, []byte(text), 0o644); err != nil {
		return errors.Join(fmt.Errorf("not written: %w", err), k.forgetBefore())
	}
	return nil
}

// confirm keeps what is being tried.
func (k *Keeper) confirm(c api.Command) api.Result {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := k.trial
	if err := next.confirm(c.Trial); err != nil {
		return api.Refuse("%v", err)
	}
	if err := k.forgetBefore(); err != nil {
		return api.Refuse("not kept: %v", err)
	}
	k.trial = next
	return api.Result{State: api.OK}
}

// revert gives up what is being tried.
func (k *Keeper) revert(c api.Command) api.Result {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.trial.id != c.Trial || !k.undo("undone by "+c.By) {
		return api.Refuse("this is not being tried: %s", orNothing(k.trial.message))
	}
	k.changed()
	return api.Result{State: api.OK, Message: k.trial.message}
}

// restart lets the unit start anew with what it has.
func (k *Keeper) restart() api.Result {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.trial.phase != settled {
		return api.Refuse("a change is being tried: keep it or undo it first")
	}
	k.changed()
	return api.Result{State: api.InProgress, Message: "the unit starts anew"}
}
