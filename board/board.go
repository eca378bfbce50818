// Package board is the machine the unit runs on: its model, its devices and its sensors.
//
// What it knows comes from files of the kernel below a root that is passed in, so that a test is a directory. Latencies
// are seconds, temperatures degrees Celsius, utilisation a share from 0 to 1. Device-tree properties are those of the
// Devicetree Specification (model, compatible); the other files are those of the kernel's ABI documentation and proc(5).
//
// An unknown board is no error: it gets wide figures and the first of every device. A sensor that is absent or cannot be
// read is an error that names its file; nothing else depends on it.
package board

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"periph.io/x/host/v3/distro"
)

// Family is a group of boards that capture a pulse alike.
type Family string

// The families.
const (
	Unknown   Family = "unknown"
	Pi5       Family = "pi5"       // BCM2712 and RP1: Pi 5, 500, CM5
	Pi4       Family = "pi4"       // BCM2711: Pi 4, 400, CM4
	Raspberry Family = "raspberry" // the others: Pi 1 to 3, Zero, Zero 2
)

// Info is what was found of the board.
type Info struct {
	Model   string  // "Raspberry Pi 5 Model B Rev 1.0"; "" where there is no device tree
	Family  Family  // decides Latency
	Latency Latency // of a GPIO line event

	// What a pulse or a receiver can be attached to, as paths below /dev with the likeliest first.
	GPIOChips []string
	PPS       []string
	Serial    []string
}

// Latency is how late a GPIO line event's stamp is, in seconds: anywhere within Bias +- HalfRange.
type Latency struct {
	Bias      float64
	HalfRange float64
}

// latencies are ranges, not measurements of one board: a unit whose own latency was measured configures that. The stamp
// is taken in the hard interrupt; what is before it is the way of the interrupt to the core.
var latencies = map[Family]Latency{
	// 7-20 us over PCIe from the RP1, 11.7 us measured on one; 5.5 us less without its link's power saving.
	Pi5: between(7e-6, 20e-6),
	// 2-10 us: assumed from the SoC's own GPIO interrupt, not measured.
	Pi4:       between(2e-6, 10e-6),
	Raspberry: between(2e-6, 10e-6),
	// 0-50 us: an interrupt of any machine that is not overloaded; assumed.
	Unknown: between(0, 50e-6),
}

// between returns the latency that may be anything from low to high seconds.
func between(low, high float64) Latency {
	return Latency{Bias: (low + high) / 2, HalfRange: (high - low) / 2}
}

// Host returns what this machine is.
func Host() Info {
	model := distro.DTModel()
	if model == "<unknown>" { // periph's word for no device tree
		model = ""
	}
	return detect(os.DirFS("/"), model, distro.DTCompatible())
}

// Detect returns what the machine is whose files are below root ("proc", "sys" and "dev").
func Detect(root fs.FS) Info {
	var model string
	if m := properties(root, "model"); len(m) > 0 {
		model = m[0]
	}
	return detect(root, model, properties(root, "compatible"))
}

// Attachable reports whether a pulse or a receiver could be attached to anything.
func (i Info) Attachable() bool {
	return len(i.GPIOChips) > 0 || len(i.PPS) > 0 || len(i.Serial) > 0
}

func detect(root fs.FS, model string, compatible []string) Info {
	family := familyOf(model, compatible)
	return Info{
		Model:     model,
		Family:    family,
		Latency:   latencies[family],
		GPIOChips: devices(root, "gpiochip*"),
		PPS:       devices(root, "pps[0-9]*"),
		Serial:    serialPorts(root),
	}
}

// properties returns the strings of a property of the device tree's root node.
func properties(root fs.FS, name string) []string {
	b, err := fs.ReadFile(root, "proc/device-tree/"+name)
	if err != nil {
		return nil
	}
	return strings.FieldsFunc(string(b), func(r rune) bool { return r == 0 })
}

// familyOf tells by the system on a chip; the model is asked where no chip is named.
func familyOf(model string, compatible []string) Family {
	switch has := func(chip string) bool { return slices.Contains(compatible, "brcm,"+chip) }; {
	case has("bcm2712"), strings.HasPrefix(model, "Raspberry Pi 5"), strings.HasPrefix(model, "Raspberry Pi Compute Module 5"):
		return Pi5
	case has("bcm2711"), strings.HasPrefix(model, "Raspberry Pi 4"), strings.HasPrefix(model, "Raspberry Pi Compute Module 4"):
		return Pi4
	case strings.HasPrefix(model, "Raspberry Pi "):
		return Raspberry
	}
	return Unknown
}

// devices returns the paths of the devices that match pattern, shorter names first: gpiochip2 before gpiochip10.
func devices(root fs.FS, pattern string) []string {
	names, err := fs.Glob(root, "dev/"+pattern)
	if err != nil {
		return nil
	}
	var found []string
	for _, name := range names {
		if _, err := fs.Stat(root, name); err == nil { // a link may lead nowhere
			found = append(found, "/"+name)
		}
	}
	slices.SortFunc(found, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return found
}

// serialPorts returns the serial lines, the ones a receiver is likeliest at first: the header's by its link, the header's
// by the drivers' names, USB, then PC-style ports.
func serialPorts(root fs.FS) []string {
	var found []string
	for _, pattern := range []string{"serial[0-9]*", "ttyAMA*", "ttyACM*", "ttyUSB*", "ttyS*"} {
		for _, name := range devices(root, pattern) {
			if !placeholder(root, path.Base(name)) {
				found = append(found, name)
			}
		}
	}
	return found
}

// placeholder reports whether the 8250 driver keeps a name for a port that is not there: its type is PORT_UNKNOWN, 0.
func placeholder(root fs.FS, name string) bool {
	b, err := fs.ReadFile(root, "sys/class/tty/"+name+"/type")
	return err == nil && strings.TrimSpace(string(b)) == "0"
}
