package card

import (
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beevik/ntp"

	"timeball/board/sim"
	"timeball/cmd/internal/peers"
)

func TestMain(m *testing.M) {
	// The pulse's thread must never wait for one that holds what a Go program may run on and has itself no processor.
	runtime.GOMAXPROCS(8 + runtime.NumCPU())
	code := m.Run()
	if err := RemoveImage(); err != nil {
		println(err.Error())
		code = 1
	}
	os.Exit(code)
}

// settings are those of a unit whose pulse is a line of the emulated machine, and of whom ntpq may ask: all that comes from
// the host has the address of the emulator's gateway. A pulse is as late as the emulator is scheduled, and a millisecond is
// the most that can be configured.
const settings = `
[pps]
line = "5"
latency_seconds = 0.001
latency_range_seconds = 0.001
[server]
limit = "500ms"
access = ["10.0.2.0/24"]
`

// tolerance of an offset between the unit and this machine: a pulse is some milliseconds late where the emulator shares busy
// cores, and so is what comes over its network.
const tolerance = 50 * time.Millisecond

const startLimit = 10 * time.Second // from power to page

// patience is for what takes seconds on an idle machine.
const patience = 3 * time.Minute

// levels are how much is run: no more than the making of the image by `make test`, as the unit hears the emulated line at whatever
// baud rate it tries just then, and one found at 4800 never locks; some by `make e2e`, all by `make e2e-long`.
const (
	none = iota
	some
	all
)

// level is how much is run now.
func level() int {
	switch {
	case os.Getenv("E2E_LONG") != "":
		return all
	case os.Getenv("E2E") != "":
		return some
	}
	return none
}

var scenarios = []struct {
	name  string
	least int
	most  int
	run   func(t *testing.T, img string)
}{
	{"keeps time, coasts and comes back", some, all, keepsTime},
	{"starts after power cuts", some, some, powerCuts(3)},
	{"starts with a clock at 1970", some, all, startsAt(time.Date(1970, 1, 1, 0, 0, 5, 0, time.UTC))},
	{"starts with a clock at 2106", some, all, startsAt(time.Date(2106, 2, 7, 6, 27, 0, 0, time.UTC))},
	{"starts with a full perm", some, all, fullPerm},
	{"starts with a card that takes no writes", some, all, readOnly},
	{"does what files on the boot partition ask for", some, all, requests},
	{"starts slot B", some, all, slotB},
	{"says what is not connected", some, all, nothingConnected},
	{"falls back from an image that is none", some, all, wrongImage},
	{"starts with a perm that is none", some, all, wrongPerm},
	{"starts on a Pi 3", some, all, pi3},
	{"answers after 3 kills", some, some, kills(3)},
	{"starts after 20 power cuts", all, all, powerCuts(20)},
	{"answers after 20 kills", all, all, kills(20)},
}

func TestCard(t *testing.T) {
	if testing.Short() {
		t.Skip("an emulated machine takes its time")
	}
	img := Image(t)
	for _, s := range scenarios {
		if now := level(); s.least <= now && now <= s.most {
			t.Run(s.name, func(t *testing.T) { s.run(t, img) })
		}
	}
}

// firstLock switches on a unit that nobody has had before and waits until it serves; before that it is believed by nobody.
func firstLock(t *testing.T, img string) (*Unit, *Receiver) {
	t.Helper()
	u := On(t, Power{Card: Flash(t, img, map[string]string{"timeball.toml": settings})})
	u.starts()
	refused(t, u)
	r := Connect(u, sim.KindUBX8)
	u.AwaitMode("locked", patience)
	t.Logf("power to lock: %.1f s", time.Since(u.began).Seconds())
	serves(t, u)
	return u, r
}

// keepsTime is a unit's life from the first start on.
func keepsTime(t *testing.T, img string) {
	u, r := firstLock(t, img)
	r.Wire(false)
	u.AwaitMode("holdover", patience)
	serves(t, u)
	r.Wire(true)
	u.AwaitMode("locked", patience)
	serves(t, u)
}

// starts fails unless the page answers, within the limit where the machine had a processor to spare for that.
func (u *Unit) starts() {
	u.t.Helper()
	s := u.Await(patience)
	u.t.Logf("power to page: %.1f s, %.1f s of a processor; others had %.2f", s.Real.Seconds(), s.Used.Seconds(), s.Others)
	if s.Real > startLimit && s.Others < spare {
		u.t.Errorf("power to page: %v, want %v", s.Real, startLimit)
	}
}

// refused fails where a unit that has no reference is believed.
func refused(t *testing.T, u *Unit) {
	t.Helper()
	answer := peers.Beevik(t, u.NTP, 4)
	if answer.Leap != ntp.LeapNotInSync || answer.Stratum != 0 || answer.ReferenceID != 0 {
		t.Errorf("without a reference: leap %d, stratum %d, reference %08x", answer.Leap, answer.Stratum, answer.ReferenceID)
	}
	if r := peers.Chronyd(t, u.NTP, 5*time.Second, ""); r.Synchronised {
		t.Errorf("without a reference chronyd takes the time:\n%s", r.Output)
	}
	if out := peers.Ntpq(t, u.NTP, "-c", "rv"); !strings.Contains(out, "leap_alarm") {
		t.Errorf("without a reference ntpq -c rv:\n%s", out)
	}
	if s, err := u.Status(); err != nil || s.Leap != "unsynchronized" {
		t.Errorf("without a reference: %v, leap %q", err, s.Leap)
	}
}

// serves fails where other projects' clients do not take the unit's time, or it is not this machine's. Where the emulator had
// to wait for long, pulses were so late that the unit left off by itself: that is as it should be, and it is asked again.
func serves(t *testing.T, u *Unit) {
	t.Helper()
	for try := 1; ; try++ {
		r := peers.Chronyd(t, u.NTP, 20*time.Second, "")
		out := peers.Ntpq(t, u.NTP, "-c", "rv")
		t.Logf("chronyd: synchronised %v, offset %+.6f s", r.Synchronised, r.Offset)
		if r.Synchronised && math.Abs(float64(r.Offset)) > tolerance.Seconds() {
			t.Errorf("chronyd: offset %v, want at most %v:\n%s", r.Offset, tolerance, r.Output)
		}
		if r.Synchronised && strings.Contains(out, "stratum=1,") && strings.Contains(out, "leap_none") {
			return
		}
		if try == 3 {
			t.Errorf("chronyd: synchronised %v:\n%s\nntpq -c rv:\n%s", r.Synchronised, r.Output, out)
			return
		}
		u.AwaitMode("locked", patience)
	}
}

// powerCuts cuts the power of one and the same card again and again, at other moments of its start, and lets it keep time at
// the end.
func powerCuts(n int) func(*testing.T, string) {
	return func(t *testing.T, img string) {
		card := Flash(t, img, map[string]string{"timeball.toml": settings})
		for i := range n {
			u := On(t, Power{Card: card})
			u.starts()
			r := Connect(u, sim.KindUBX8)
			r.Be(time.Duration(i*1700%7000) * time.Millisecond)
			u.Off()
		}
		u := On(t, Power{Card: card})
		u.starts()
		Connect(u, sim.KindUBX8)
		u.AwaitMode("locked", patience)
		serves(t, u)
		if text := u.Console(); strings.Contains(text, "damaged") {
			t.Error("perm is damaged")
		}
	}
}

// startsAt starts a unit whose battery-backed clock is wrong.
func startsAt(date time.Time) func(*testing.T, string) {
	return func(t *testing.T, img string) {
		u := On(t, Power{Card: Flash(t, img, map[string]string{"timeball.toml": settings}), Date: date})
		u.starts()
		refused(t, u)
		Connect(u, sim.KindUBX8)
		u.AwaitMode("locked", patience)
		serves(t, u)
	}
}

func fullPerm(t *testing.T, img string) {
	card := Flash(t, img, map[string]string{"timeball.toml": settings})
	FillPerm(t, card)
	says(t, Power{Card: card}, "partition for settings is full")
}

func readOnly(t *testing.T, img string) {
	card := Flash(t, img, map[string]string{"timeball.toml": settings})
	says(t, Power{Card: card, ReadOnly: true}, "The card cannot be written")
}

// says starts a unit that has to tell of something, on its console and its page, and keeps time all the same.
func says(t *testing.T, p Power, sentence string) *Unit {
	t.Helper()
	u := On(t, p)
	u.starts()
	u.prints(sentence)
	if page, err := u.Get("/"); err != nil || !strings.Contains(page, sentence) {
		t.Errorf("the page does not say %q (%v)", sentence, err)
	}
	Connect(u, sim.KindUBX8)
	u.AwaitMode("locked", patience)
	serves(t, u)
	return u
}

// requests follows the settings of a card through what its owner does with its boot partition.
func requests(t *testing.T, img string) {
	card := Flash(t, img, map[string]string{"timeball.toml": settings})
	line := func(want string) {
		t.Helper()
		u := On(t, Power{Card: card})
		u.starts()
		u.prints(want)
		u.Off()
	}
	// Line 9 does not exist, which the unit says of it by its number.
	const missing = "gpio line 9 "
	nine := strings.ReplaceAll(settings, `"5"`, `"9"`)
	line("serial line changed")
	Put(t, card, map[string]string{"timeball.toml": nine})
	line("the unit has had its own since its first start")
	Put(t, card, map[string]string{"factory-reset": ""})
	line(missing)
	if left := List(t, card); slices.Contains(left, "factory-reset") {
		t.Errorf("factory-reset is still on the card: %q", left)
	}
	Put(t, card, map[string]string{"reset-admin.txt": "please"})
	line(missing)
	if left := List(t, card); slices.Contains(left, "reset-admin.txt") {
		t.Errorf("reset-admin.txt is still on the card: %q", left)
	}
}

// slotB starts the other system of a card, as a restart with the tryboot flag does.
func slotB(t *testing.T, img string) {
	u := On(t, Power{Card: Flash(t, img, nil), Tryboot: true})
	u.starts()
	Eventually(t, patience, "the console says slot B", func() (bool, string) {
		return strings.Contains(u.Console(), "slot B"), ""
	})
}

// pi3 starts the card with what its boot loader would take for a Pi 3.
func pi3(t *testing.T, img string) {
	u := OnPi3(t, Flash(t, img, nil))
	for _, want := range []string{"slot A", "Raspberry Pi 3 Model B", "page served"} {
		Eventually(t, 3*time.Minute, "the console says "+want, func() (bool, string) {
			select {
			case <-u.ended:
				t.Fatal("the machine has ended")
			default:
			}
			return strings.Contains(u.Console(), want), ""
		})
	}
}
