// Package config reads the one configuration file, TOML 1.0.
//
// Every key is optional; a value has its unit in its name or, as a duration, in its text. What a section may say is defined, with its default and
// its check, in the package the section configures; sections of packages that have no such type yet are defined here.
//
// The file is taken strictly: a key that is not known, in its exact spelling, is an error that names file, line and key;
// a value that cannot be meant is an error that names key and value. All of them are reported at once, one a line. A
// configuration is a value: nothing here opens a device, and runtime state never gets in.
package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/BurntSushi/toml"

	"timeball/cmd/internal/witness"
	"timeball/pps/gpiopps"
	"timeball/server"
	"timeball/server/publish"
	"timeball/web/notify"
)

// Config is the whole file.
type Config struct {
	Board   Board          `toml:"board"`
	GNSS    GNSS           `toml:"gnss"`
	PPS     PPS            `toml:"pps"`
	Clock   Clock          `toml:"clock"`
	Witness witness.Config `toml:"witness"`
	Server  Server         `toml:"server"`
	Web     Web            `toml:"web"`
	Alarm   notify.Config  `toml:"alarm"`
	Log     Log            `toml:"log"`
	Sim     Sim            `toml:"sim"`
}

// maxSize is the largest file read, in bytes: twenty times the annotated example.
const maxSize = 64 << 10

// Default returns what an empty file means.
func Default() Config {
	return Config{
		Board:  Board{Kind: "auto", State: "/var/lib/timeball"},
		GNSS:   GNSS{Device: "auto"},
		PPS:    PPS{Source: "gpio", Device: "/dev/pps0", Config: gpiopps.Default()},
		Clock:  Clock{RealTime: true},
		Server: Server{Listening: server.Default(), Claims: publish.Default()},
		Web:    Web{HTTP: ":80", HTTPS: ":443"},
		Alarm:  notify.Default(),
		Log:    Log{Level: "info"},
		Sim:    Sim{Receiver: "nmea"},
	}
}

// Load reads, completes and checks the file at path.
func Load(path string) (Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	return Parse(path, data)
}

// Parse is Load of a file already read; name stands for it in errors.
func Parse(name string, data []byte) (Config, error) {
	if len(data) > maxSize {
		return Config{}, fmt.Errorf("config: %s: more than %d bytes", name, maxSize)
	}
	c := Default()
	meta, err := toml.Decode(string(data), &c)
	if err != nil {
		return Config{}, fmt.Errorf("config: %s", place(name, err))
	}
	if err := errors.Join(unknownKeys(name, string(data), meta), c.Validate()); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Validate returns all that is wrong with the values of c, whether they came from a file or from flags.
func (c Config) Validate() error {
	return errors.Join(c.Board.Validate(), c.GNSS.Validate(), c.PPS.Validate(), c.Witness.Validate(), c.Server.Validate(), c.Web.Validate(), c.Alarm.Validate(),
		c.Log.Validate(), c.Sim.Validate())
}

// Text returns c as a file that means the same.
func (c Config) Text() string {
	text, err := toml.Marshal(c)
	if err != nil {
		panic(err) // every key was read from a file of this kind
	}
	return string(text)
}

// Check reads the file at path and writes to w that it is well or, a line each, what is wrong; it returns the same error
// as Load.
func Check(path string, w io.Writer) error {
	_, err := Load(path)
	if err != nil {
		fmt.Fprintln(w, err)
		return err
	}
	fmt.Fprintf(w, "%s: well\n", path)
	return nil
}

// typeError is how the parser reports a value of another type than its key has.
var typeError = regexp.MustCompile(`^toml: line (\d+) \(last key "([^"]*)"\): (.*)$`)

// place puts an error of the parser in the form of all others: file, line, key and what was seen.
func place(name string, err error) string {
	if syntax := (toml.ParseError{}); errors.As(err, &syntax) {
		return fmt.Sprintf("%s:%d: %s", name, syntax.Position.Line, syntax.Message)
	}
	if m := typeError.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Sprintf("%s:%s: %s: %s", name, m[1], m[2], m[3])
	}
	return fmt.Sprintf("%s: %v", name, err)
}
