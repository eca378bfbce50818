package metrics

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// dashboard is what is looked at of a Grafana dashboard.
type dashboard struct {
	UID        string `json:"uid"`
	Templating struct {
		List []struct {
			Name, Query string
		}
	}
	Panels []struct {
		ID          int
		Title       string
		Description string
		GridPos     struct{ X, Y, W, H int }
		Targets     []struct{ Expr string }
	}
}

var (
	metricName = regexp.MustCompile(`timeball_\w+`)
	labelName  = regexp.MustCompile(`[{,(]\s*(\w+)\s*=~?"`)
)

// Everything that the dashboard asks for is written by a unit of which all is known, so that no panel is empty for a typing
// error.
func TestDashboardAsksForWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("../../docs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	written := write(everything())
	exists := func(where, expr string) {
		names := metricName.FindAllString(expr, -1)
		if len(names) == 0 {
			t.Errorf("%s: %s asks for nothing of a unit", where, expr)
		}
		for _, name := range names {
			if !strings.Contains(written, "\n"+name+" ") && !strings.Contains(written, "\n"+name+"{") {
				t.Errorf("%s: no metric %s", where, name)
			}
			for _, label := range labelName.FindAllStringSubmatch(expr, -1) {
				if label[1] != "instance" && !strings.Contains(written, label[1]+`="`) {
					t.Errorf("%s: no label %s", where, label[1])
				}
			}
		}
	}
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d %q is there twice or says too little", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			exists(p.Title, target.Expr)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q lies over %q or outside", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
	if d.UID != "timeball" || len(d.Panels) < 15 || len(d.Templating.List) != 2 {
		t.Errorf("%s has %d panels", d.UID, len(d.Panels))
	}
	exists("unit", d.Templating.List[1].Query)
}
