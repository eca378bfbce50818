package daemon

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"timeball/cmd/internal/config"
)

func TestClaimWindowCountsFromTheBootOfACard(t *testing.T) {
	card := options{board: "auto", claim: "/run/timeball/claim"}
	for _, tt := range []struct {
		name            string
		o               options
		running, booted time.Duration
		want            time.Duration
	}{
		{"a card that has just booted", card, 0, 20 * time.Second, time.Hour - 20*time.Second},
		{"a program that has died and starts anew", card, 0, 50 * time.Minute, 10 * time.Minute},
		{"a page that has died", card, 49 * time.Minute, 50 * time.Minute, 10 * time.Minute},
		{"a card that was booted yesterday", card, 0, 24 * time.Hour, 1},
		{"a simulated board", options{board: "sim", claim: "claim"}, 0, 24 * time.Hour, time.Hour},
		{"a machine of somebody's", options{board: "auto"}, 5 * time.Minute, 24 * time.Hour, 55 * time.Minute},
	} {
		if got := tt.o.claimSpan(tt.running, tt.booted); got != tt.want {
			t.Errorf("%s can be claimed for %v, want %v", tt.name, got, tt.want)
		}
	}
	if sinceBoot() <= 0 {
		t.Error("CLOCK_BOOTTIME has not gone on since the boot")
	}
}

// After the hour there is nothing to claim: no invitation, and no code left in the file.
func TestClaimFileIsRemovedWhenTheHourIsOver(t *testing.T) {
	file := filepath.Join(t.TempDir(), "claim")
	if err := os.WriteFile(file, []byte("Claim code: ABCDE-FGHIJ\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	p := program{stderr: &said}
	e := p.openEntry(options{board: "sim", claim: file, running: 2 * time.Hour}, config.Default(), nil)
	defer e.close()
	e.announce(t.Context(), &said, "https://unit/", "AB:CD")
	if _, err := os.Stat(file); err == nil || e.door.Claimable() != 0 || said.Len() != 0 {
		t.Errorf("the file is there: %v, claimable for %v, said %q", err == nil, e.door.Claimable(), said.String())
	}
}
