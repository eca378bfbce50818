package board

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Signal is what the board's LED shows.
type Signal uint8

// The signals, told apart from across a room.
const (
	Searching Signal = iota // blinks five times a second: no time yet
	Good                    // on, dark for a moment each second: locked
	Coasting                // on and off each second: holdover, the time is still good
	Unserved                // a short flash each second: no time is served
)

// String returns the signal's name.
func (s Signal) String() string {
	if names := [...]string{"searching", "good", "coasting", "unserved"}; int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

// blinks are milliseconds on and off. The kernel blinks: what the unit does is one write a change, so that its clock isn't
// disturbed by it.
var blinks = map[Signal][2]int{Searching: {100, 100}, Good: {950, 50}, Coasting: {500, 500}, Unserved: {50, 950}}

// LED is a light of the kernel's class leds (Documentation/ABI/testing/sysfs-class-led and -led-trigger-timer).
type LED struct {
	Name string
	dir  string
}

// ErrNoLED is what FindLED returns where the board has none that is free to use.
var ErrNoLED = errors.New("no status LED")

// FindLED returns the light below root that shows activity: ACT on a Raspberry Pi, led0 with older kernels.
func FindLED(root string) (*LED, error) {
	for _, name := range []string{"ACT", "led0"} {
		dir := filepath.Join(root, "sys/class/leds", name)
		if _, err := os.Stat(dir); err == nil {
			return &LED{name, dir}, nil
		}
	}
	return nil, fmt.Errorf("/sys/class/leds: %w", ErrNoLED)
}

// Show makes the light show s until the next Show, whatever becomes of the program. Where the kernel can't blink the light
// is on for Good and Coasting and else off.
func (l *LED) Show(s Signal) error {
	blink, ok := blinks[s]
	if !ok {
		return fmt.Errorf("led %s: %d is no signal", l.Name, s)
	}
	if err := l.write("trigger", "timer"); err == nil {
		return errors.Join(l.write("delay_on", strconv.Itoa(blink[0])), l.write("delay_off", strconv.Itoa(blink[1])))
	}
	bright := "0"
	if s == Good || s == Coasting {
		bright = "1"
	}
	return errors.Join(l.write("trigger", "none"), l.write("brightness", bright))
}

func (l *LED) write(attribute, value string) error {
	f, err := os.OpenFile(filepath.Join(l.dir, attribute), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("led %s: %w", l.Name, err)
	}
	_, err = f.WriteString(value)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("led %s: %w", l.Name, err)
	}
	return nil
}
