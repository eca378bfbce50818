package board

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// ErrNoSensor is what Thermometers returns where the kernel has no thermal zone.
var ErrNoSensor = errors.New("no thermal zone")

// Thermometer is a thermal zone of the kernel.
type Thermometer struct {
	Name string // the zone's type: "cpu-thermal" is the SoC of a Raspberry Pi

	root fs.FS
	file string
}

// Thermometers returns the thermal zones below root, the processor's first.
func Thermometers(root fs.FS) ([]*Thermometer, error) {
	zones, err := fs.Glob(root, "sys/class/thermal/thermal_zone*")
	if err != nil || len(zones) == 0 {
		return nil, fmt.Errorf("/sys/class/thermal: %w", ErrNoSensor)
	}
	var all []*Thermometer
	for _, zone := range zones {
		name, err := fs.ReadFile(root, zone+"/type")
		if err != nil {
			continue // gone between the listing and now
		}
		all = append(all, &Thermometer{strings.TrimSpace(string(name)), root, zone + "/temp"})
	}
	slices.SortStableFunc(all, func(a, b *Thermometer) int { return rank(a.Name) - rank(b.Name) })
	return all, nil
}

// rank orders zones: what warms the crystal of a small board is its processor.
func rank(zone string) int {
	switch {
	case zone == "cpu-thermal":
		return 0
	case strings.Contains(zone, "cpu"), strings.Contains(zone, "soc"), zone == "x86_pkg_temp":
		return 1
	}
	return 2
}

// Read returns the temperature in degrees Celsius; the kernel has it in thousandths.
func (t *Thermometer) Read() (float64, error) {
	b, err := fs.ReadFile(t.root, t.file)
	if err != nil {
		return 0, fmt.Errorf("thermal zone %s: %w", t.Name, err)
	}
	text := strings.TrimSpace(string(b))
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("thermal zone %s: %q is no temperature", t.Name, text)
	}
	return float64(n) / 1000, nil
}

// Utilisation tells how busy the processor was between two readings.
type Utilisation struct {
	root        fs.FS
	busy, total uint64
}

// NewUtilisation returns the utilisation told by proc/stat below root.
func NewUtilisation(root fs.FS) *Utilisation { return &Utilisation{root: root} }

// Read returns the share of all processors' time, 0 to 1, that was not idle since the last Read, or since boot at the
// first. It is false when no tick of the kernel's accounting has passed or the counters went back.
func (u *Utilisation) Read() (share float64, ok bool, err error) {
	b, err := fs.ReadFile(u.root, "proc/stat")
	if err != nil {
		return 0, false, fmt.Errorf("utilisation: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	busy, total, err := parseCPU(line)
	if err != nil {
		return 0, false, fmt.Errorf("/proc/stat: %w", err)
	}
	// The kernel lets iowait decrease (proc(5)): a difference below zero is no reading, and the next one starts anew.
	ok = total > u.total && busy >= u.busy && busy-u.busy <= total-u.total
	if ok {
		share = float64(busy-u.busy) / float64(total-u.total)
	}
	u.busy, u.total = busy, total
	return share, ok, nil
}

// Fields of the "cpu" line in proc(5). Guest time is contained in user and nice and so is not added.
const (
	idleField    = 3
	iowaitField  = 4
	usableFields = 8 // up to steal
)

// parseCPU returns the ticks spent working and all ticks.
func parseCPU(line string) (busy, total uint64, err error) {
	fields := strings.Fields(line)
	if len(fields) < 1+iowaitField+1 || fields[0] != "cpu" {
		return 0, 0, fmt.Errorf("%q: not the line of all processors", line)
	}
	for i, f := range fields[1:min(len(fields), 1+usableFields)] {
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("%q: field %d is no count", line, i+1)
		}
		total += n
		if i != idleField && i != iowaitField {
			busy += n
		}
	}
	return busy, total, nil
}
