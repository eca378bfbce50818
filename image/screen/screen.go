// Package screen writes what the monitor and the serial console of a card show: where the unit can be reached, what is
// wrong, and how it is.
//
// It is for somebody who has just plugged a board in and has nothing else to look at: plain words, no colours, lines of at
// most Width characters, at most Height of them.
package screen

import (
	"strings"
	"unicode/utf8"
)

// Width and Height are those of the smallest text console.
const (
	Width  = 80
	Height = 24
)

// State is what is shown; an empty field is left out.
type State struct {
	Version, Slot string
	Name          string   // the host name
	Links         []string // of the page, the best first
	Network       string   // how the network is, in words
	Claim         string   // the code that makes the first account
	Fingerprint   string   // SHA-256 of the certificate
	Verdict       string   // how the time is
	Notices       []string // what is wrong, in sentences
}

// indent is how far the values stand in.
const indent = 13

// Text returns the lines, each ended.
func Text(s State) string {
	var lines []string
	title := "Timeball " + s.Version
	if s.Name != "" {
		title += "   " + s.Name
	}
	if s.Slot != "" {
		title += "   slot " + s.Slot
	}
	lines = append(lines, cut(title), "")
	for i, link := range s.Links {
		name := ""
		if i == 0 {
			name = "Page"
		}
		lines = append(lines, field(name, link)...)
	}
	lines = append(lines, field("Network", s.Network)...)
	lines = append(lines, field("Claim code", s.Claim)...)
	lines = append(lines, field("Certificate", halves(s.Fingerprint))...)
	lines = append(lines, field("Time", s.Verdict)...)
	for _, notice := range s.Notices {
		lines = append(lines, "")
		lines = append(lines, wrap("! "+notice, Width)...)
	}
	if len(lines) > Height {
		lines = append(lines[:Height-1], "... more is on the page.")
	}
	return strings.Join(lines, "\n") + "\n"
}

// halves parts a fingerprint of 32 bytes where it is broken into lines.
func halves(fingerprint string) string {
	const half = 16*3 - 1
	if len(fingerprint) != 2*half+1 {
		return fingerprint
	}
	return fingerprint[:half] + " " + fingerprint[half+1:]
}

// field returns the lines of a value beside its name.
func field(name, value string) []string {
	if value == "" {
		return nil
	}
	lines := wrap(value, Width-indent)
	for i := range lines {
		lead := ""
		if i == 0 {
			lead = name
		}
		lines[i] = lead + strings.Repeat(" ", indent-len(lead)) + lines[i]
	}
	return lines
}

// wrap breaks a text into lines of at most width characters, at spaces where there are some.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(printable(text)) {
		for utf8.RuneCountInString(word) > width {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			r := []rune(word)
			lines, word = append(lines, string(r[:width])), string(r[width:])
		}
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

// cut returns what of a line fits.
func cut(line string) string {
	r := []rune(printable(line))
	return string(r[:min(len(r), Width)])
}

// printable takes out what would move the cursor: names come from the network.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError || (r >= 0x7f && r < 0xa0) {
			return ' '
		}
		return r
	}, text)
}
