package board

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// lamp makes a light with the given attributes and returns the machine's root.
func lamp(t *testing.T, name string, attributes ...string) string {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, "sys/class/leds", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, a := range attributes {
		if err := os.WriteFile(filepath.Join(dir, a), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// setting reads an attribute of the light; what was written first is at its beginning.
func setting(t *testing.T, l *LED, attribute string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(l.dir, attribute))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLEDBlinksDifferentlyForEachSignal(t *testing.T) {
	seen := map[string]Signal{}
	for _, s := range []Signal{Searching, Good, Coasting, Unserved} {
		l, err := FindLED(lamp(t, "ACT", "trigger", "delay_on", "delay_off", "brightness"))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Show(s); err != nil {
			t.Error(err)
		}
		if got := setting(t, l, "trigger"); got != "timer" {
			t.Errorf("%v: trigger %q", s, got)
		}
		blink := setting(t, l, "delay_on") + "/" + setting(t, l, "delay_off")
		if other, ok := seen[blink]; ok || blink == "/" {
			t.Errorf("%v and %v: both %s", s, other, blink)
		}
		seen[blink] = s
	}
}

func TestLEDThatCannotBlinkIsOnWhileTheTimeIsGood(t *testing.T) {
	for s, want := range map[Signal]string{Searching: "0", Good: "1", Coasting: "1", Unserved: "0"} {
		root := lamp(t, "led0", "brightness")
		l, err := FindLED(root)
		if err != nil {
			t.Fatal(err)
		}
		// A kernel without the trigger refuses its name; here there is no attribute at all, which Show reports.
		if err := l.Show(s); err == nil {
			t.Errorf("%v: a light without a trigger is well", s)
		}
		if got := setting(t, l, "brightness"); got != want {
			t.Errorf("%v: brightness %q, want %q", s, got, want)
		}
	}
}

func TestLEDErrors(t *testing.T) {
	if _, err := FindLED(lamp(t, "PWR", "trigger")); !errors.Is(err, ErrNoLED) {
		t.Errorf("FindLED: %v, want ErrNoLED", err)
	}
	l, err := FindLED(lamp(t, "ACT", "trigger", "delay_on", "delay_off"))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Show(Unserved + 1); err == nil {
		t.Error("a signal of no kind was shown")
	}
}
