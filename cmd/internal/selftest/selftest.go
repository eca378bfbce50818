// Package selftest looks a machine over before and while it is a time server: what a receiver, a pulse and the clock need
// is checked one after the other, and each finding says what was seen and what to do about it.
//
// It changes nothing: the clock is only read, a pulse's line is given back at once, and a unit that runs is asked as any
// client would. What can't be looked at is a finding too.
package selftest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"timeball/board"
	"timeball/pps/sysclock"
	"timeball/server/ntp"
	"timeball/web/api"
)

// State is how serious a finding is.
type State string

// The states.
const (
	Well  State = "well"
	Note  State = "note"  // the unit works, and could be better
	Wrong State = "wrong" // it can't work so
)

// Finding is the outcome of one check.
type Finding struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Text   string `json:"text"`   // what was seen
	Advice string `json:"advice"` // what to do; "" = nothing
}

// Machine is what is looked over. A function that is nil is not asked.
type Machine struct {
	Root fs.FS // of its files: proc, sys, dev
	Info board.Info

	Pulse    func() error                                   // takes the pulse's line and gives it back
	Kernel   func() (sysclock.Kernel, error)                // its clock's state, read
	Stamps   func() ([]Stamping, error)                     // what its network interfaces can stamp
	Writable func() error                                   // whether the state can be kept
	Ask      func(context.Context) (ntp.Packet, error)      // the answer of its NTP server to a client on it
	Status   func(context.Context) (api.Status, error)      // what its page says
	Power    func() board.Power                             // of the board's supply
	Watchdog func() error                                   // whether there is one
	LED      func() (name string, err error)                // the light in use
	RTC      func() (name string, second int64, err error)  // and what it shows
	Heat     func() (zone string, celsius float64, e error) // of the processor
}

// Stamping is what a network interface can stamp.
type Stamping struct {
	Interface          string
	Software, Hardware bool
}

// Run looks m over.
func Run(ctx context.Context, m *Machine) []Finding {
	checks := []func(context.Context, *Machine) Finding{
		model, receiver, pulse, kernelClock, otherDaemons, governor, heat, power, rtc, led, watchdog, state, stamps, page, service,
	}
	var found []Finding
	for _, check := range checks {
		if f := check(ctx, m); f.Name != "" {
			found = append(found, f)
		}
	}
	return found
}

// Failed reports whether something is wrong.
func Failed(found []Finding) bool {
	for _, f := range found {
		if f.State == Wrong {
			return true
		}
	}
	return false
}

// WriteText writes findings for a terminal, a line each and the advice below it.
func WriteText(w io.Writer, found []Finding) error {
	var b strings.Builder
	count := map[State]int{}
	for _, f := range found {
		count[f.State]++
		fmt.Fprintf(&b, "%-5s  %-14s %s\n", f.State, f.Name, f.Text)
		if f.Advice != "" {
			fmt.Fprintf(&b, "%22s%s\n", "", f.Advice)
		}
	}
	fmt.Fprintf(&b, "\n%d well, %d to note, %d wrong\n", count[Well], count[Note], count[Wrong])
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteJSON writes findings as a list.
func WriteJSON(w io.Writer, found []Finding) error { return json.NewEncoder(w).Encode(found) }

func well(name, text string, a ...any) Finding {
	return Finding{Name: name, State: Well, Text: fmt.Sprintf(text, a...)}
}

func note(name, advice, text string, a ...any) Finding {
	return Finding{Name: name, State: Note, Text: fmt.Sprintf(text, a...), Advice: advice}
}

func wrong(name, advice, text string, a ...any) Finding {
	return Finding{Name: name, State: Wrong, Text: fmt.Sprintf(text, a...), Advice: advice}
}
