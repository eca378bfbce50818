package gpiopps

import (
	"fmt"
	"strconv"
	"strings"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/pin"
	"periph.io/x/host/v3/rpi"
)

// Auto as Config.Chip means the chip of a Raspberry Pi's header, or the first chip of another board.
const Auto = "auto"

// Config says which line carries the pulse. Its keys live in the section [pps] of the configuration file.
type Config struct {
	// Chip is "auto", a device ("gpiochip0", "/dev/gpiochip0") or a chip's label ("pinctrl-rp1").
	Chip string `toml:"chip"`
	// Line is a line's offset ("18"), a Broadcom name ("GPIO18") or a pin of the 40-pin header ("P1_12"), all the same line.
	Line string `toml:"line"`
	// Edge is "rising" or "falling": the one the receiver aligns to the second.
	Edge string `toml:"edge"`
}

// Default is GPIO 18, header pin 12, where most GNSS boards for the Raspberry Pi have the pulse; its rising edge.
func Default() Config { return Config{Chip: Auto, Line: "18", Edge: "rising"} }

// Validate returns what is wrong with c, naming the key.
func (c Config) Validate() error {
	if c.Chip == "" || strings.ContainsAny(strings.TrimPrefix(c.Chip, "/dev/"), "/ \x00") {
		return fmt.Errorf("config: pps.chip: %q: neither %q, a GPIO device nor a chip's label", c.Chip, Auto)
	}
	if _, err := Offset(c.Line); err != nil {
		return fmt.Errorf("config: pps.line: %w", err)
	}
	if c.Edge != "rising" && c.Edge != "falling" {
		return fmt.Errorf("config: pps.edge: %q: neither \"rising\" nor \"falling\"", c.Edge)
	}
	return nil
}

// maxOffset is beyond every chip that Linux supports; it keeps a typo from passing for a line.
const maxOffset = 1023

// Offset returns the line's offset within its chip for a name that Config.Line may have. A bare number is an offset, never
// a header pin: on a Raspberry Pi's header chip the offset is the Broadcom number.
func Offset(name string) (int, error) {
	if p, ok := headerPins[name]; ok {
		io, ok := p.(gpio.PinIO)
		if !ok || io.Number() < 0 {
			return 0, fmt.Errorf("%q: this header pin is %s, not a GPIO", name, p.Name())
		}
		return io.Number(), nil
	}
	digits := strings.TrimPrefix(name, "GPIO")
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || strconv.FormatUint(n, 10) != digits {
		return 0, fmt.Errorf("%q: neither a line number, a name like GPIO18 nor a header pin from P1_1 to P1_40", name)
	}
	if n > maxOffset {
		return 0, fmt.Errorf("%q: line number out of range", name)
	}
	return int(n), nil
}

// headerPins are the pins of the 40-pin header by periph's names. The variables hold the layout of every Raspberry Pi with
// 40 pins as long as periph's drivers are not initialised, which touches registers and is never done here.
var headerPins = map[string]pin.Pin{
	"P1_1": rpi.P1_1, "P1_2": rpi.P1_2, "P1_3": rpi.P1_3, "P1_4": rpi.P1_4, "P1_5": rpi.P1_5,
	"P1_6": rpi.P1_6, "P1_7": rpi.P1_7, "P1_8": rpi.P1_8, "P1_9": rpi.P1_9, "P1_10": rpi.P1_10,
	"P1_11": rpi.P1_11, "P1_12": rpi.P1_12, "P1_13": rpi.P1_13, "P1_14": rpi.P1_14, "P1_15": rpi.P1_15,
	"P1_16": rpi.P1_16, "P1_17": rpi.P1_17, "P1_18": rpi.P1_18, "P1_19": rpi.P1_19, "P1_20": rpi.P1_20,
	"P1_21": rpi.P1_21, "P1_22": rpi.P1_22, "P1_23": rpi.P1_23, "P1_24": rpi.P1_24, "P1_25": rpi.P1_25,
	"P1_26": rpi.P1_26, "P1_27": rpi.P1_27, "P1_28": rpi.P1_28, "P1_29": rpi.P1_29, "P1_30": rpi.P1_30,
	"P1_31": rpi.P1_31, "P1_32": rpi.P1_32, "P1_33": rpi.P1_33, "P1_34": rpi.P1_34, "P1_35": rpi.P1_35,
	"P1_36": rpi.P1_36, "P1_37": rpi.P1_37, "P1_38": rpi.P1_38, "P1_39": rpi.P1_39, "P1_40": rpi.P1_40,
}
