package publish

import (
	"fmt"
	"regexp"
	"time"
)

// Capital letters and digits are what the names of RFC 5905, figure 12 are made of.
var refID = regexp.MustCompile(`^[A-Z0-9]{1,4}$`)

// The reference IDs that say what is true at each instant.
const (
	Auto   = "auto"   // PPS while a pulse leads, else System
	System = "system" // the satellites in use: GPS, BDS, GAL, GLO, or GNSS for several
)

// Config says what the unit may claim. Its keys live in the section [server] of the configuration file.
type Config struct {
	// Limit is the largest bound that is served as synchronised; beyond it holdover ends.
	Limit time.Duration `toml:"limit"`
	// Kappa widens bound and growth on their way to the root dispersion; 1 leaves them as they are.
	Kappa float64 `toml:"kappa"`
	// ReferenceID names the reference to clients: Auto, System, or 1 to 4 capital letters or digits, as in RFC 5905, figure
	// 12.
	ReferenceID string `toml:"refid"`
	// Expiry is how long an Estimate is believed without a new one.
	Expiry time.Duration `toml:"expiry"`
}

// Default returns the configuration of a unit nobody configured.
func Default() Config {
	return Config{
		Limit:       time.Millisecond,
		Kappa:       1,
		ReferenceID: Auto,
		Expiry:      5 * time.Second, // 20 missed ticks of the engine's 4 Hz: stalled, not late
	}
}

// Validate returns what is wrong with c, naming the key.
func (c Config) Validate() error {
	switch {
	case c.Limit < time.Microsecond || c.Limit > time.Second:
		return fmt.Errorf("config: server.limit: %v: must be from 1us to 1s", c.Limit)
	case !(c.Kappa >= 1 && c.Kappa <= 100):
		return fmt.Errorf("config: server.kappa: %v: must be from 1 to 100", c.Kappa)
	case c.ReferenceID != Auto && c.ReferenceID != System && !refID.MatchString(c.ReferenceID):
		return fmt.Errorf("config: server.refid: %q: neither \"auto\" nor \"system\" nor 1 to 4 capital letters or digits", c.ReferenceID)
	case c.Expiry < time.Second || c.Expiry > time.Minute:
		return fmt.Errorf("config: server.expiry: %v: must be from 1s to 1m", c.Expiry)
	}
	return nil
}
