package page

import (
	"strings"
	"testing"

	"timeball/web/api"
	"timeball/web/words"
)

func TestNoticesAreShownUnderTheVerdict(t *testing.T) {
	s := api.Status{API: 1, Mode: "locked", Notices: []string{"The card cannot be written: settings are read from it, and what changes from now on is lost at the next start. Replace the card.", "<b>new</b>"}}
	for lang, want := range map[words.Lang]string{words.English: "Replace the card.", words.Chinese: "请更换存储卡。"} {
		e, err := Follow(Site{}, Data{Lang: lang, Status: s}, Event{})
		if err != nil {
			t.Fatal(err)
		}
		part := e.Parts["alarms-part"]
		if !strings.Contains(part, want) || !strings.Contains(part, "&lt;b&gt;new") || strings.Contains(part, "<b>new") {
			t.Errorf("in %v: %s", lang, part)
		}
	}
}
