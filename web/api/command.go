package api

import (
	"errors"
	"fmt"
	"slices"
)

// The closed list of what a unit can be asked to do. Anything else is refused with a reason.
const (
	CommandConfigRead    = "config-read"    // the configuration, its fields, and what is being tried
	CommandConfigCheck   = "config-check"   // what is wrong with Text, after Set was put into it; nothing changes
	CommandConfigApply   = "config-apply"   // try Text: it reverts by itself unless it is confirmed in time
	CommandConfigConfirm = "config-confirm" // keep what is being tried
	CommandConfigRevert  = "config-revert"  // give up what is being tried
	CommandRestart       = "restart"        // start the unit anew with the configuration it has
	CommandClaimed       = "claimed"        // the unit has its admin: the code is used up
	CommandFault         = "fault"          // simulated board only: let Fault happen
)

// Commands returns the names of all commands.
func Commands() []string {
	return []string{
		CommandConfigRead, CommandConfigCheck, CommandConfigApply, CommandConfigConfirm, CommandConfigRevert, CommandRestart, CommandClaimed, CommandFault,
	}
}

// Command is one thing a unit is asked to do. It is plain data, so that it can be carried into another process; what is
// not for the command of this Name is not looked at.
type Command struct {
	Name   string    `json:"command"`          // one of Commands
	By     string    `json:"by,omitempty"`     // the account that asks; whoever takes a command from outside fills it in
	Text   string    `json:"text,omitempty"`   // a whole configuration file
	Set    []Setting `json:"set,omitempty"`    // fields to change in Text
	Digest string    `json:"digest,omitempty"` // of the file that the change began with: another one meanwhile is a conflict
	Trial  string    `json:"trial,omitempty"`  // the trial that is confirmed or given up
	Fault  *Fault    `json:"fault,omitempty"`  // of the simulated board
}

// Setting is one field of the configuration as a person writes it.
type Setting struct {
	Key   string `json:"key"`   // section.name
	Value string `json:"value"` // of a list one item a line
}

// Fault is a fault of the simulated board.
type Fault struct {
	Name       string  `json:"name"`        // one of the simulated board's
	ForSeconds float64 `json:"for_seconds"` // 0 = until another command ends it
	BySeconds  float64 `json:"by_seconds"`  // its size, where it has one
	End        bool    `json:"end"`         // it ends now
}

// State is how far a command has come.
type State int

// The states.
const (
	Failed     State = 0
	OK         State = 1
	InProgress State = 2
)

// Result is what became of a command.
type Result struct {
	State   State          `json:"state"`            // 0 failed, 1 ok, 2 in progress
	Message string         `json:"message"`          // why it failed, or what it waits for; "" when there is nothing to say
	Config  *Configuration `json:"config,omitempty"` // what a command about the configuration answers
}

// Configuration is the unit's file and what can be changed in it.
type Configuration struct {
	Path     string    `json:"path"`     // of the file; "" = it is kept in memory only
	Text     string    `json:"text"`     // the whole file
	Digest   string    `json:"digest"`   // of Text
	Fields   []Field   `json:"fields"`   // what Text says of the few fields of the form
	Problems []Problem `json:"problems"` // what is wrong with Text; [] = nothing
	Trial    *Trial    `json:"trial"`    // null = nothing is being tried
	State    State     `json:"state"`    // of the last change: 0 failed, 1 ok, 2 in progress
	Message  string    `json:"message"`  // of the last change
}

// Field is one field of the form.
type Field struct {
	Key     string   `json:"key"`               // section.name
	Kind    string   `json:"kind"`              // text, number, flag, list or choice
	Value   string   `json:"value"`             // as it is written in the form; of a list one item a line
	Default string   `json:"default"`           // what it is without the file
	Choices []string `json:"choices,omitempty"` // of a choice
	Fixed   string   `json:"fixed,omitempty"`   // the option of the command line that overrides the file; "" = none
}

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	Key  string `json:"key"`  // "" = not of one key
	Line int    `json:"line"` // 0 = not known
	Text string `json:"text"` // in words
}

// Trial is a configuration that runs and is not confirmed yet.
type Trial struct {
	ID               string  `json:"id"`                // names the trial when it is confirmed or given up
	By               string  `json:"by"`                // the account that applied it
	RemainingSeconds float64 `json:"remaining_seconds"` // until it reverts
	Before           string  `json:"before"`            // the text it reverts to
}

// Refuse returns the result of a command that is not carried out.
func Refuse(format string, args ...any) Result {
	return Result{State: Failed, Message: fmt.Sprintf(format, args...)}
}

// Bounds of a command, so that who carries it can bound what he reads.
const (
	MaxConfig = 32 << 10 // bytes of a configuration file that is changed over the network
	maxSet    = 100
	maxWord   = 256 // bytes of a name
)

// Check returns what is wrong with the form of c: a name that is none of the list, or more than a command can hold.
func (c Command) Check() error {
	switch {
	case !slices.Contains(Commands(), c.Name):
		return fmt.Errorf("%.40q is no command of this unit", c.Name)
	case len(c.Text) > MaxConfig:
		return fmt.Errorf("a configuration has at most %d bytes", MaxConfig)
	case len(c.Set) > maxSet:
		return fmt.Errorf("more than %d fields", maxSet)
	case max(len(c.By), len(c.Digest), len(c.Trial)) > maxWord:
		return fmt.Errorf("a name of more than %d bytes", maxWord)
	case c.Name == CommandFault && (c.Fault == nil || len(c.Fault.Name) > maxWord):
		return errors.New("no fault is named")
	}
	return nil
}
