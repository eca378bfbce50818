package board

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Power is whether the supply and the cooling suffice. What the board does not tell is nil.
type Power struct {
	Undervoltage *bool // the supply is below 4.63 V now
	Throttled    *bool // the processor is slowed down now, for its supply or its temperature
}

// The live bits of the firmware's word; those from 16 on say what has ever been since boot.
const (
	undervoltageBit = 1 << 0
	cappedBit       = 1 << 1 // the processor's frequency is limited
	throttledBit    = 1 << 2
	softLimitBit    = 1 << 3 // the temperature is above the soft limit
)

// ReadPower returns what the firmware of a Raspberry Pi says of its supply, as the kernel has it in files below root: the
// hwmon device rpi_volt, and get_throttled where the kernel is Raspberry Pi's.
func ReadPower(root fs.FS) Power {
	var p Power
	if alarm, ok := lowVoltage(root); ok {
		p.Undervoltage = &alarm
	}
	text, err := fs.ReadFile(root, "sys/devices/platform/soc/soc:firmware/get_throttled")
	if err != nil {
		return p
	}
	word, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(string(text)), "0x"), 16, 32)
	if err != nil {
		return p
	}
	under, slowed := word&undervoltageBit != 0, word&(cappedBit|throttledBit|softLimitBit) != 0
	return Power{&under, &slowed}
}

// lowVoltage returns the alarm of the hwmon device rpi_volt; false where there is none.
func lowVoltage(root fs.FS) (alarm, ok bool) {
	names, err := fs.Glob(root, "sys/class/hwmon/hwmon*/name")
	if err != nil {
		return false, false
	}
	for _, file := range names {
		if name, err := fs.ReadFile(root, file); err != nil || strings.TrimSpace(string(name)) != "rpi_volt" {
			continue
		}
		text, err := fs.ReadFile(root, path.Dir(file)+"/in0_lcrit_alarm")
		if value := strings.TrimSpace(string(text)); err == nil && (value == "0" || value == "1") {
			return value == "1", true
		}
	}
	return false, false
}
