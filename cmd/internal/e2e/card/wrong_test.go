package card

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"timeball/board/sim"
	"timeball/image"
)

// nothingConnected connects to a unit what it needs, one after the other; each time it says in words what is not there.
func nothingConnected(t *testing.T, img string) {
	u := On(t, Power{Card: Flash(t, img, map[string]string{"timeball.toml": settings}), Unplugged: true})
	u.prints("No cable, or nothing at its other end")
	u.Plug()
	u.starts()
	refused(t, u)
	u.explains("nothing arrives on ttyS0; no pulse on GPIO 5")
	r := Connect(u, sim.KindUBX8)
	r.Wire(false)
	u.explains("the receiver has a fix, but no pulse comes", "with a fix, but no pulse on GPIO 5")
	refused(t, u)
	r.Wire(true)
	u.AwaitMode("locked", patience)
	serves(t, u)
}

// prints waits until the console says something.
func (u *Unit) prints(sentence string) {
	u.t.Helper()
	Eventually(u.t, patience, "the console says: "+sentence, func() (bool, string) {
		select {
		case <-u.ended:
			return strings.Contains(words(u.Console()), sentence), "the machine has ended"
		default:
		}
		return strings.Contains(words(u.Console()), sentence), ""
	})
}

// words is a text without its line breaks.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }

// explains waits until the page gives one of these reasons.
func (u *Unit) explains(any ...string) {
	u.t.Helper()
	Eventually(u.t, patience, "the page says: "+strings.Join(any, ", or: "), func() (bool, string) {
		page, err := u.Get("/")
		for _, sentence := range any {
			if err == nil && strings.Contains(page, sentence) {
				return true, ""
			}
		}
		s, _ := u.Status()
		return false, "it says " + s.Reason
	})
}

// wrongImage puts something else where an update put the system of slot B: the kernel says so and starts anew, by slot A.
func wrongImage(t *testing.T, img string) {
	card := Flash(t, img, map[string]string{"timeball.toml": settings})
	spoil(t, card, image.RootB)
	u := On(t, Power{Card: card, Tryboot: true})
	u.prints("Unable to mount root fs")
	select {
	case <-u.ended: // a restart ends the emulator
	case <-time.After(patience):
		t.Fatal("the machine does not start anew")
	}
	u = On(t, Power{Card: card}) // the flag holds for one start
	u.starts()
	u.prints("slot A")
	refused(t, u)
}

// wrongPerm starts a card whose partition for what is kept is none: it runs from RAM and says so.
func wrongPerm(t *testing.T, img string) {
	card := Flash(t, img, map[string]string{"timeball.toml": settings})
	spoil(t, card, image.Perm)
	says(t, Power{Card: card}, "partition for settings is damaged").Off()
	Put(t, card, map[string]string{"factory-reset": ""})
	u := On(t, Power{Card: card})
	u.starts()
	if text := words(u.Console()); strings.Contains(text, "partition for settings is damaged") {
		t.Error("factory-reset has not made perm new")
	}
}

// spoil overwrites the beginning of a partition.
func spoil(t *testing.T, card string, number int) {
	t.Helper()
	f, err := os.OpenFile(card, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(bytes.Repeat([]byte("not a file system "), 1<<16), image.Find(number).Start); err != nil {
		t.Fatal(err)
	}
}
