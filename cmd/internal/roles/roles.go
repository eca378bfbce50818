// Package roles runs one program as several processes, each with what it needs and nothing else, and keeps them running.
//
// The Supervisor executes its own program once for each Role, over a thread that has already given up what the Role is not
// to have: its capabilities, its bounding set, its right to gain any (PR_SET_NO_NEW_PRIVS), its user. A Role inherits open
// files by name and has a Link to the Supervisor, on which it says that it is alive (Beat), is told things and asks for
// things. Times are durations of this machine.
//
// A Role that ends, or says nothing for Silence, is ended for certain (SIGKILL) and started anew, after a pause that
// doubles from FirstPause up to LastPause and is short again once it has run for Settled. Restarts are counted and logged;
// nothing a Role does ends the Supervisor. When the Supervisor ends, it ends the Roles in the reverse of the order in which
// they were started; when it is killed the kernel kills them.
package roles

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// What a Supervisor does when.
const (
	BeatEvery   = 500 * time.Millisecond // how often a Role says that it is alive
	Silence     = 4 * time.Second        // of a Role that hangs
	StartWithin = 20 * time.Second       // until a Role that was started says something
	FirstPause  = 100 * time.Millisecond // before a Role is started anew
	LastPause   = 4 * time.Second
	Settled     = 30 * time.Second
	EndWithin   = 4 * time.Second // for a Role that was asked to end
)

// variable is the environment variable that says which Role a process is.
const variable = "TIMEBALL_ROLE"

// Role is a part of the program that is a process of its own.
type Role struct {
	Name       string
	Privileges Privileges
	Files      []File          // that it inherits
	Prepare    func() any      // what it is told when it is started: plain data
	Answer     Handler         // of what it tells and asks; nil: nothing is
	Failed     func(err error) // is told that it has ended by itself, or was ended; nil: nobody is
}

// File is an open file with the name by which a Role asks for it.
type File struct {
	Name string
	File *os.File
}

// boot is the first thing that a Role is told.
type boot struct {
	Files []string // names of the inherited files, from firstFile on
	Told  json.RawMessage
}

const (
	linkFile  = 3
	firstFile = 4
)

// Inherited returns the name of the Role that this process is, "" when it is none.
func Inherited() string { return os.Getenv(variable) }

// Child is this process as a Role.
type Child struct {
	Name string
	Link *Link
	told json.RawMessage
	file map[string]*os.File
}

// Begin returns this process as the Role that it was started as.
func Begin() (*Child, error) {
	c := &Child{Name: Inherited(), file: map[string]*os.File{}}
	os.Unsetenv(variable)                                                  // what this process starts is no Role
	_ = os.WriteFile("/proc/self/comm", []byte("timeball-"+c.Name), 0o644) // what ps and top show of it; no harm if they don't
	conn, err := newConn(os.NewFile(linkFile, "link"))
	if err != nil {
		return nil, fmt.Errorf("%s: no link to a supervisor: %w", variable, err)
	}
	data, err := conn.Receive()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	var b boot
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	for i, name := range b.Files {
		fd := firstFile + i
		unix.CloseOnExec(fd)
		c.file[name] = os.NewFile(uintptr(fd), name)
	}
	c.told = b.Told
	c.Link = newLink(conn)
	return c, nil
}

// Told reads what the Role was told when it was started.
func (c *Child) Told(into any) error {
	if err := json.Unmarshal(c.told, into); err != nil {
		return fmt.Errorf("%s: what it was told: %w", c.Name, err)
	}
	return nil
}

// File returns an inherited file.
func (c *Child) File(name string) (*os.File, error) {
	if f := c.file[name]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("%s: no file %q was inherited", c.Name, name)
}

// Conn returns an inherited end of a Pair.
func (c *Child) Conn(name string) (*Conn, error) {
	f, err := c.File(name)
	if err != nil {
		return nil, err
	}
	return newConn(f)
}

// Beat says that the Role is alive.
func (c *Child) Beat() error { return c.Link.Tell(beat, nil) }
