// Package requests decides what the files on the boot partition ask for.
//
// The boot partition is what any computer can write: the settings of a new unit, and the two ways back for somebody who has
// the card in his hand. Settings are taken once, at the first boot with a perm that has none; afterwards perm rules.
// "reset-admin" and "factory-reset" are done once and removed; where the card refuses that, perm remembers that they have
// been done.
package requests

import (
	"bytes"
	"slices"
)

// Names of the files. Some editors add ".txt" and hide it.
const (
	Config       = "timeball.toml"
	Network      = "network.toml"
	ResetAdmin   = "reset-admin"
	FactoryReset = "factory-reset"
	Suffix       = ".txt"
)

// File is a file found on the boot partition.
type File struct {
	Name    string // without Suffix
	Stamp   string // tells this file from a later one of the same name
	Content []byte // of settings
	Err     error  // what is wrong with the content, nil where nothing is
}

// Kept is what perm has.
type Kept struct {
	Config, Network []byte   // nil: none
	Done            []string // stamps of requests done whose files could not be removed
}

// Do is one thing to do.
type Do int

// What there is to do. A factory reset comes first: the settings beside it are those of a new unit.
const (
	Empty         Do = iota + 1 // perm
	ForgetAdmin                 // the accounts
	TakeConfig                  // into perm
	TakeNetwork                 // into perm
	RefuseConfig                // say what is wrong with it and use the default
	RefuseNetwork               // say what is wrong with it and use DHCP
	PassConfig                  // say that it is not used: perm has another
	PassNetwork                 // say that it is not used: perm has another
)

// String returns it in words, for the log.
func (d Do) String() string {
	words := [...]string{
		"", "empty perm", "forget the accounts", "take the configuration", "take the network settings", "refuse the configuration",
		"refuse the network settings", "pass the configuration over", "pass the network settings over",
	}
	if d < 1 || int(d) >= len(words) {
		return "nothing"
	}
	return words[d]
}

// Step is a thing to do and the file that asks for it.
type Step struct {
	Do   Do
	File File
}

// Decide returns what to do, in order.
func Decide(found []File, kept Kept) []Step {
	var steps []Step
	if f, ok := asked(found, FactoryReset, kept); ok {
		steps = append(steps, Step{Empty, f})
		kept.Config, kept.Network = nil, nil
	}
	if f, ok := asked(found, ResetAdmin, kept); ok {
		steps = append(steps, Step{ForgetAdmin, f})
	}
	if f, ok := named(found, Config); ok {
		if do := settle(f, kept.Config, TakeConfig); do != 0 {
			steps = append(steps, Step{do, f})
		}
	}
	if f, ok := named(found, Network); ok {
		if do := settle(f, kept.Network, TakeNetwork); do != 0 {
			steps = append(steps, Step{do, f})
		}
	}
	return steps
}

// settle says what becomes of settings, given those perm has: take, what refuses them, what passes them over, or nothing.
func settle(f File, kept []byte, take Do) Do {
	switch {
	case kept != nil && bytes.Equal(kept, f.Content):
		return 0
	case kept != nil:
		return take + (PassConfig - TakeConfig)
	case f.Err != nil:
		return take + (RefuseConfig - TakeConfig)
	}
	return take
}

// asked returns the file of a request that has not been done yet.
func asked(found []File, name string, kept Kept) (File, bool) {
	f, ok := named(found, name)
	return f, ok && !slices.Contains(kept.Done, f.Stamp)
}

// named returns the first file of a name.
func named(found []File, name string) (File, bool) {
	i := slices.IndexFunc(found, func(f File) bool { return f.Name == name })
	if i < 0 {
		return File{}, false
	}
	return found[i], true
}
