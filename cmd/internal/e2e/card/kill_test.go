package card

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/beevik/ntp"

	"timeball/board/sim"
	"timeball/cmd/internal/peers"
)

// answerLimit is within what a unit answers again of which a process was killed.
const answerLimit = 10 * time.Second

// kills kills processes of a unit that keeps time, one after the other: each of its three roles, and then any of them.
func kills(n int) func(*testing.T, string) {
	return func(t *testing.T, img string) {
		u := On(t, Power{Card: Flash(t, img, map[string]string{"timeball.toml": settings}), Hand: true})
		u.Await(patience)
		Connect(u, sim.KindUBX8)
		u.AwaitMode("locked", patience)
		random, last := rand.New(rand.NewPCG(1, 0)), map[string]int{}
		for i := range n {
			roles := []string{"clock", "ntp", "web"}
			role := roles[i%len(roles)]
			if i >= len(roles) {
				role = roles[random.IntN(len(roles))]
			}
			pid := u.Kill(role)
			if pid == last[role] {
				t.Fatalf("%s: process %d was killed before", role, pid)
			}
			last[role] = pid
			t.Logf("%s killed: process %d", role, pid)
			answersAgain(t, u, role)
			u.AwaitMode("locked", patience)
			serves(t, u)
			if got, want := strings.Count(u.Console(), "process ended and is started anew"), i+1; got != want {
				t.Errorf("after %d kills the unit tells of %d", want, got)
			}
		}
	}
}

// answersAgain fails where a unit of which a process was just killed leaves questions open for longer than it may, or says
// that it is synchronised while nobody keeps its clock.
func answersAgain(t *testing.T, u *Unit, killed string) {
	t.Helper()
	if killed == "clock" {
		u.within(answerLimit, "NTP answers, unsynchronised", func() (bool, string) {
			a, err := ask(u)
			return err == nil && a.Leap == ntp.LeapNotInSync && a.Stratum == 0, fmt.Sprint(a, err)
		})
	}
	u.within(answerLimit, "NTP answers", func() (bool, string) {
		_, err := ask(u)
		return err == nil, fmt.Sprint(err)
	})
	u.within(answerLimit, "the page answers", func() (bool, string) {
		_, err := u.Get("/")
		return err == nil, fmt.Sprint(err)
	})
	if out := peers.Ntpq(t, u.NTP, "-c", "rv"); !strings.Contains(out, "stratum=") {
		t.Errorf("ntpq -c rv:\n%s", out)
	}
}

// ask asks for the time once.
func ask(u *Unit) (*ntp.Response, error) {
	return ntp.QueryWithOptions(u.NTP.String(), ntp.QueryOptions{Timeout: time.Second})
}

// within is Eventually that fails after limit where this machine had a processor to spare meanwhile.
func (u *Unit) within(limit time.Duration, what string, is func() (ok bool, instead string)) {
	u.t.Helper()
	l := u.load()
	Eventually(u.t, patience, what, is)
	took, others := l.since()
	u.t.Logf("%s: after %.2f s; others had %.2f processors", what, took.Seconds(), others)
	if took > limit && others < spare {
		u.t.Errorf("%s: after %v, want %v", what, took, limit)
	}
}
