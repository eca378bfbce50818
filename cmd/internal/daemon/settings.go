package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"timeball/cmd/internal/config"
	"timeball/cmd/internal/settings"
	"timeball/cmd/internal/witness"
	"timeball/pps/clock"
	"timeball/pps/sysclock"
)

// settingsName is the configuration file in the state directory, which is used where -config names none.
const settingsName = "timeball.toml"

// openSettings opens the configuration file, and undoes a change of it that was not confirmed.
// knows returns the interval that contains UTC, as far as the unit that runs knows it.
func (p program) openSettings(o options, knows func() (earliest, latest *int64)) (*settings.Keeper, error) {
	log := p.logger(config.Default())
	c := settings.Config{
		Path: o.settingsFile(), Defaults: config.Default(), Fixed: o.fixed(), Log: log,
		Check: func(text string) error {
			o := o // configured changes it
			_, err := o.configured(text)
			return err
		},
		Ask: func(ctx context.Context, server string) error { return askWitness(ctx, server, knows) },
	}
	if o.board == "sim" {
		simulated(&c.Defaults)
	}
	if o.pace != 1 || o.receiver != "" {
		c.Ask = nil // the simulated world is at another time
	}
	keeper, err := settings.Open(c)
	if err != nil && o.config == "" {
		log.Warn("the configuration in the state directory is not used, and changes are not kept", "error", err)
		c.Path = ""
		return settings.Open(c)
	}
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if _, err := os.Stat(o.config); o.config != "" && err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return keeper, nil
}

// settingsFile returns where the configuration is; "" = nowhere.
func (o options) settingsFile() string {
	if o.config != "" || (o.board == "sim" && o.state == "") {
		return o.config
	}
	dir := o.state
	if dir == "" {
		dir = config.Default().Board.State
	}
	return filepath.Join(dir, settingsName)
}

// fixed returns the keys that flags override.
func (o options) fixed() map[string]string {
	fixed := map[string]string{}
	for name, key := range map[string]string{
		"board": "board.kind", "state": "board.state", "ntp": "server.listen", "http": "web.http", "https": "web.https",
		"monitor": "clock.monitor", "log-level": "log.level",
	} {
		if o.given[name] {
			fixed[key] = "-" + name
		}
	}
	return fixed
}

// askWitness returns why a server can't be a witness: it does not answer, is not synchronised, or tells a time that a unit
// that knows its own knows to be wrong.
func askWitness(ctx context.Context, name string, knows func() (earliest, latest *int64)) error {
	const patience = 6 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m := sysclock.NewMonitor()
	s := witness.Server{Name: name, Now: func() (clock.Reading, bool) { r, err := m.Read(); return r, err == nil }}
	r, err := s.Ask(ctx)
	if err != nil {
		return err
	}
	now, err := m.Read()
	earliest, latest := knows()
	if err != nil || earliest == nil {
		return err
	}
	told, doubt := int64(r.UTC)+int64(now.Mono-r.At), int64(float64(r.Distance)*1e9)
	const slack = int64(100 * time.Millisecond) // between the two readings, on a busy machine
	if told+doubt+slack < *earliest || told-doubt-slack > *latest {
		return fmt.Errorf("its time is %.1f s from this unit's", float64(told-*earliest)*1e-9)
	}
	return nil
}
