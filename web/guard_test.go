package web

import "testing"

// DHCP may name the machine long after the page was started.
func TestGuardKnowsTheNameOfTheMoment(t *testing.T) {
	name := "timeball-3f2a"
	g := newGuard([]string{"tb-a"}, func() string { return name }, nil)
	ask := func(host string, want bool) {
		t.Helper()
		if got := g.knows(host); got != want {
			t.Errorf("called %s, knows %q: %v, want %v", name, host, got, want)
		}
	}
	ask("timeball-3f2a", true)
	ask("TIMEBALL-3f2a.local:80", true)
	ask("timeball-3f2a.local.", true)
	ask("timeball-3f2a.evil.example", false)
	name = "time1"
	ask("time1.local", true)
	ask("timeball-3f2a.local", false)
	ask("tb-a", true)
	name = ""
	ask("", false)
	ask(".local", false)
}
