package web

import (
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"timeball/web/api"
)

// What is served is built from web/ui by `make web`; who changes a source and forgets that finds out here.
func TestAssetsAreBuiltFromTheirSources(t *testing.T) {
	entries, err := os.ReadDir("ui") // by name
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join("ui", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%s %d\n", e.Name(), len(text))
		h.Write(text)
	}
	sum := fmt.Sprintf("%x", h.Sum(nil)[:8])
	for _, name := range []string{"page.js", "page.css"} {
		text, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if head, _, _ := strings.Cut(string(text), "\n"); !strings.Contains(head, sum) {
			t.Errorf("%s was not built from web/ui as it is (%s): run make web\n%.200s", name, sum, head)
		}
	}
}

// mostBytes is what a visit to the page may cost on the wire.
const mostBytes = 61_440

var assetNamed = regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`)

func TestPageIsSmallOnTheWire(t *testing.T) {
	s, u := newServer()
	var status api.Status
	fill(reflect.ValueOf(&status).Elem())
	for range 40 {
		status.Satellites = append(status.Satellites, status.Satellites[0])
		status.Conditions = append(status.Conditions, status.Conditions[0])
		status.Witnesses = append(status.Witnesses, status.Witnesses[0])
	}
	for i := range 20 {
		status.HoldoverForecast = append(status.HoldoverForecast, api.ForecastPoint{AfterSeconds: float64(i + 2), BoundSeconds: 1})
		status.Stability = append(status.Stability, api.StabilityPoint{TauSeconds: float64(int(2) << i), ADEVRatio: 1e-9, MDEVRatio: new(1e-10), TDEVSeconds: new(1e-9)})
	}
	status.Mode, status.Stratum, status.Leap, status.BoundSeconds = "locked", 1, "none", new(1e-6)
	u.status = status
	offset := 1e-7
	for i := range 3600 {
		offset = -offset * 1.0007
		now := u.Status()
		now.OffsetSeconds, now.FrequencyRatio, now.TemperatureCelsius, now.RequestsAnswered = new(offset), new(1e-6+offset), new(40+offset*1e6), uint64(i*i)
		now.ServedUnixNanoseconds = new((1_795_269_600 + int64(i)) * 1e9)
		s.past.add(time.Duration(i)*time.Second, 1_795_269_600+int64(i), &now)
		s.happened.look(time.Duration(i)*time.Second, &now)
	}
	packed := func(target string) (body string, bytes int) {
		w := ask(s, http.MethodGet, target, func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") })
		bytes = w.Body.Len()
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		plain, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		return string(plain), bytes
	}
	html, sum := packed("/?lang=zh")
	list := fmt.Sprintf("HTML %d", sum)
	named := map[string]bool{}
	for _, m := range assetNamed.FindAllStringSubmatch(html, -1) {
		if !named[m[1]] {
			_, bytes := packed(m[1])
			named[m[1]], sum, list = true, sum+bytes, list+fmt.Sprintf(", %s %d", m[1], bytes)
		}
	}
	if len(named) != 3 || strings.Contains(html, "http://") || strings.Contains(html, "https://") {
		t.Errorf("%d assets are named, want style, script and icon, all of them the unit's own", len(named))
	}
	if sum > mostBytes {
		t.Errorf("the page costs %d bytes, more than %d: %s", sum, mostBytes, list)
	}
	t.Logf("%d bytes: %s", sum, list)
	if script, _ := packed(s.assets.site.Scripts[0]); strings.Contains(script, "import(") || strings.Contains(script, "eval(") || strings.Contains(script, "new Function") {
		t.Error("the script loads or makes other scripts")
	}
}
