package selftest

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"timeball/board"
	"timeball/pps/clock"
	"timeball/server/ntp"
)

func model(_ context.Context, m *Machine) Finding {
	const name = "board"
	if m.Info.Family == board.Unknown {
		return note(name, "measure the latency of its edges and set pps.latency_seconds", "%s: the latency of its edges is taken for 0 to 50 µs", orUnknown(m.Info.Model))
	}
	low, high := m.Info.Latency.Bias-m.Info.Latency.HalfRange, m.Info.Latency.Bias+m.Info.Latency.HalfRange
	return well(name, "%s: edges are late by %.0f to %.0f µs", m.Info.Model, low*1e6, high*1e6)
}

func orUnknown(text string) string {
	if text == "" {
		return "unknown board"
	}
	return text
}

func receiver(_ context.Context, m *Machine) Finding {
	const name = "serial lines"
	if len(m.Info.Serial) == 0 {
		return wrong(name, "connect the receiver, or switch the header's UART on (enable_uart=1)", "none: no receiver can be heard")
	}
	consoles, err := fs.ReadFile(m.Root, "sys/class/tty/console/active")
	if err == nil {
		for _, console := range strings.Fields(string(consoles)) {
			if slices.Contains(m.Info.Serial, "/dev/"+console) {
				return note(name, "if the receiver is on it, take console= off the kernel's command line", "%s; %s is the kernel's console", list(m.Info.Serial), console)
			}
		}
	}
	return well(name, "%s", list(m.Info.Serial))
}

// list names devices, not all of many.
func list(devices []string) string {
	const most = 4
	var names []string
	for _, d := range devices[:min(most, len(devices))] {
		names = append(names, path.Base(d))
	}
	if len(devices) > most {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}

func pulse(_ context.Context, m *Machine) Finding {
	const name = "pulse"
	if m.Pulse == nil {
		return Finding{}
	}
	switch err := m.Pulse(); {
	case err == nil:
		return well(name, "the line is there and free")
	case errors.Is(err, unix.EBUSY) && strings.Contains(err.Error(), `"timeball"`):
		return well(name, "the unit that runs has the line")
	default:
		return wrong(name, "see the wiring table of the README; [pps] chip and line name another", "%v", err)
	}
}

func kernelClock(_ context.Context, m *Machine) Finding {
	const name = "kernel clock"
	if m.Kernel == nil {
		return Finding{}
	}
	k, err := m.Kernel()
	switch {
	case err != nil:
		return wrong(name, "", "%v", err)
	case k.Status&(unix.STA_PLL|unix.STA_FLL) != 0:
		return wrong(name, "stop it: two programs can't steer one clock", "another program steers it through the kernel's PLL")
	case k.Offset != 0:
		return wrong(name, "stop the program that does", "it is being slewed by %v", k.Offset.Duration())
	case k.Synchronised():
		return well(name, "synchronised, error at most %v, rate %+.3f ppm, TAI - UTC %d s", k.MaxError.Duration(), float64(k.Speed())*1e6, k.TAIOffset)
	}
	return note(name, "", "not synchronised, rate %+.3f ppm", float64(k.Speed())*1e6)
}

// clockDaemons are programs that set a clock, by the first 15 letters of their names, which is all the kernel keeps.
var clockDaemons = []string{"chronyd", "ntpd", "openntpd", "systemd-timesyn", "ptp4l", "phc2sys", "ts2phc", "ntpd-rs", "ntp-daemon", "timemaster"}

func otherDaemons(_ context.Context, m *Machine) Finding {
	const name = "other daemons"
	processes, err := fs.Glob(m.Root, "proc/[0-9]*/comm")
	if err != nil || len(processes) == 0 {
		return note(name, "", "unknown: there is no /proc")
	}
	var running []string
	for _, file := range processes {
		comm, err := fs.ReadFile(m.Root, file)
		if n := strings.TrimSpace(string(comm)); err == nil && slices.Contains(clockDaemons, n) && !slices.Contains(running, n) {
			running = append(running, n)
		}
	}
	if len(running) > 0 {
		return wrong(name, "stop and disable them: systemctl disable --now NAME", "%s may set this clock too", strings.Join(running, ", "))
	}
	return well(name, "none that sets the clock")
}

func governor(_ context.Context, m *Machine) Finding {
	const name = "governor"
	files, err := fs.Glob(m.Root, "sys/devices/system/cpu/cpu*/cpufreq/scaling_governor")
	if err != nil || len(files) == 0 {
		return Finding{} // the processor has one frequency
	}
	for _, file := range files {
		text, err := fs.ReadFile(m.Root, file)
		if g := strings.TrimSpace(string(text)); err != nil || g != "performance" {
			return note(name, "write performance into scaling_governor: edges are stamped later at low frequencies", "%s on some processors", orUnknown(g))
		}
	}
	return well(name, "performance")
}

func heat(_ context.Context, m *Machine) Finding {
	const name = "temperature"
	if m.Heat == nil {
		return Finding{}
	}
	const warm = 75 // degrees Celsius: 5 below where a Raspberry Pi begins to slow down
	zone, celsius, err := m.Heat()
	switch {
	case err != nil:
		return note(name, "without it holdover is several times worse", "%v", err)
	case celsius >= warm:
		return note(name, "cool the board: from 80 °C on it slows down", "%s has %.1f °C", zone, celsius)
	}
	return well(name, "%s has %.1f °C", zone, celsius)
}

func power(_ context.Context, m *Machine) Finding {
	const name = "supply"
	if m.Power == nil {
		return Finding{}
	}
	p := m.Power()
	switch {
	case p.Undervoltage == nil && p.Throttled == nil:
		return note(name, "", "the board does not tell")
	case p.Undervoltage != nil && *p.Undervoltage:
		return wrong(name, "use the board's own supply and a short cable", "below 4.63 V")
	case p.Throttled != nil && *p.Throttled:
		return note(name, "cool the board", "sufficient, but the processor is slowed down")
	}
	return well(name, "sufficient")
}

func rtc(_ context.Context, m *Machine) Finding {
	const name = "rtc"
	if m.RTC == nil {
		return Finding{}
	}
	switch kind, second, err := m.RTC(); {
	case kind == "":
		return note(name, "with one (and its battery) a unit serves sooner after a power cut", "%v", err)
	case err != nil:
		return note(name, "is its battery empty?", "%v", err)
	default:
		return well(name, "%s shows %s", kind, time.Unix(second, 0).UTC().Format(time.DateTime))
	}
}

func led(_ context.Context, m *Machine) Finding {
	const name = "light"
	if m.LED == nil {
		return Finding{}
	}
	kind, err := m.LED()
	if err != nil {
		return note(name, "", "%v: the page alone shows how the unit is", err)
	}
	return well(name, "%s shows how the unit is", kind)
}

func watchdog(_ context.Context, m *Machine) Finding {
	const name = "watchdog"
	if m.Watchdog == nil {
		return Finding{}
	}
	if err := m.Watchdog(); err != nil {
		return note(name, "", "%v: a unit that hangs is not reset", err)
	}
	return well(name, "there is one")
}

func state(_ context.Context, m *Machine) Finding {
	const name = "state"
	if m.Writable == nil {
		return Finding{}
	}
	if err := m.Writable(); err != nil {
		return wrong(name, "the crystal is learned anew after each start until this is mended", "%v", err)
	}
	return well(name, "can be kept over a restart")
}

func stamps(_ context.Context, m *Machine) Finding {
	const name = "packet stamps"
	if m.Stamps == nil {
		return Finding{}
	}
	all, err := m.Stamps()
	if err != nil {
		return note(name, "", "%v", err)
	}
	var texts []string
	missing := len(all) == 0
	for _, s := range all {
		kind := "by the kernel"
		switch {
		case !s.Software:
			kind, missing = "received packets only", true
		case s.Hardware:
			kind = "by the kernel (the card could)"
		}
		texts = append(texts, s.Interface+" "+kind)
	}
	if missing {
		return note(name, "interleaved clients get the time of day a little less exactly", "%s", orUnknown(strings.Join(texts, ", ")))
	}
	return well(name, "%s", strings.Join(texts, ", "))
}

func page(ctx context.Context, m *Machine) Finding {
	const name = "page"
	if m.Status == nil {
		return Finding{}
	}
	s, err := m.Status(ctx)
	switch {
	case err != nil:
		return note(name, "is timeballd running? -unit names its address", "%v", err)
	case s.Mode == "quarantine":
		return wrong(name, "the page says more", "quarantine: %s", s.Reason)
	case s.Stratum == 16:
		return note(name, "", "%s: %s", s.Mode, s.Reason)
	}
	return well(name, "%s, error at most %.2g µs", s.Mode, *s.BoundSeconds*1e6)
}

func service(ctx context.Context, m *Machine) Finding {
	const name = "ntp"
	if m.Ask == nil {
		return Finding{}
	}
	p, err := m.Ask(ctx)
	switch {
	case err != nil:
		return note(name, "is timeballd running, and 123/udp open?", "%v", err)
	case p.Leap == ntp.LeapUnsynchronised:
		return note(name, "the page says why", "answers, and says that it is not synchronised")
	}
	return well(name, "stratum %d, reference %s, root dispersion %v", p.Stratum, strings.TrimRight(string(p.ReferenceID[:]), "\x00"),
		clock.Seconds(p.RootDispersion.Seconds()).Duration())
}
