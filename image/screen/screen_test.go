package screen

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestScreenShowsWhereTheUnitIs(t *testing.T) {
	got := Text(State{
		Version: "v0.7", Slot: "A", Name: "timeball-3f2a",
		Links:   []string{"http://timeball-3f2a.local/", "http://192.0.2.7/"},
		Network: "eth0: 192.0.2.7/24", Claim: "ABCDE-FGHIJ",
		Fingerprint: strings.TrimSuffix(strings.Repeat("AB:", 32), ":"),
		Verdict:     "locked",
		Notices:     []string{"The card cannot be written: the unit reads its settings from it and runs from RAM."},
	})
	want := `Timeball v0.7   timeball-3f2a   slot A

Page         http://timeball-3f2a.local/
             http://192.0.2.7/
Network      eth0: 192.0.2.7/24
Claim code   ABCDE-FGHIJ
Certificate  AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB
             AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB
Time         locked

! The card cannot be written: the unit reads its settings from it and runs from
RAM.
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestScreenLeavesOutWhatIsNotKnown(t *testing.T) {
	if got, want := Text(State{Version: "v1"}), "Timeball v1\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestScreenSaysThatThereIsMore(t *testing.T) {
	notices := func(n int) []string { return slices.Repeat([]string{"short"}, n) }
	// A title, a blank line, and two lines for each.
	if got := Text(State{Notices: notices(11)}); strings.Count(got, "\n") != Height || strings.Contains(got, "more is") {
		t.Errorf("a full screen is cut:\n%s", got)
	}
	if got := Text(State{Notices: notices(12)}); strings.Count(got, "\n") != Height || !strings.HasSuffix(got, "more is on the page.\n") {
		t.Errorf("more than a screen:\n%s", got)
	}
}

// Names come from the network: none may move the cursor or run out of the screen.
func TestScreenHoldsWhateverComes(t *testing.T) {
	long := strings.Repeat("word\x1b[2J\r\n\x9b5A ", 200) + strings.Repeat("ä", 500) + "\xff"
	got := Text(State{Version: long, Name: long, Slot: long, Links: []string{long, long}, Network: long, Claim: long, Verdict: long, Notices: []string{long, long}})
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if len(lines) > Height {
		t.Errorf("%d lines, want at most %d", len(lines), Height)
	}
	for _, line := range lines {
		if n := utf8.RuneCountInString(line); n > Width || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || (r >= 0x7f && r < 0xa0) }) {
			t.Errorf("%d characters: %q", n, line)
		}
	}
	if !strings.Contains(got, "more is on the page") {
		t.Error("it does not say that there is more")
	}
}
