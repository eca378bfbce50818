package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestNoticesFollowTheReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "boot.json")
	n := newNotices(path)
	if got := n.now(); len(got) != 0 {
		t.Errorf("without a report: %q", got)
	}
	at := time.Unix(1_795_000_000, 0)
	for _, tt := range []struct {
		text string
		want []string
	}{
		{`{"version":1,"notices":["The card is full."]}`, []string{"The card is full."}},
		{`{"version":1,"noti`, []string{"The card is full."}}, // half a file tells nothing new
		{`{"version":1,"notices":[]}`, nil},
	} {
		at = at.Add(time.Second)
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		if got := n.now(); !slices.Equal(got, tt.want) {
			t.Errorf("after %s: %q, want %q", tt.text, got, tt.want)
		}
	}
}
