package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"timeball/board"
	"timeball/cmd/internal/appliance"
	"timeball/cmd/internal/config"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/gpiopps"
	"timeball/pps/kernelpps"
	"timeball/pps/sysclock"
)

var errNothing = errors.New("-board auto: no GPIO chip, no /dev/pps* and no serial device on this machine: " +
	"nothing to take time from (-board sim simulates a receiver)")

// newHardware is -board auto: this machine, of which info is known. host finds out anew what is plugged in.
func newHardware(host func() board.Info, info board.Info, cfg config.Config, u *appliance.Config) *appliance.Hardware {
	latency := cfg.PPS.Latency(info.Latency)
	u.Engine.Loop.Bias, u.Engine.Loop.BiasRange = clock.Seconds(latency.Bias), clock.Seconds(latency.HalfRange)
	h := &appliance.Hardware{
		BoardName: info.Model,
		OpenEdges: func() (appliance.EdgeSource, error) { return openPulse(cfg.PPS) },
		Steered:   sysclock.NewMonitor(), // who may steer it sets another one
		Reader:    sysclock.NewMonitor().Read,
		Quick:     sysclock.Quick(),
	}
	h.Pulse = pulseAt(cfg.PPS)
	addLines(h, host, cfg.GNSS, u, os.DirFS("/"))
	if h.BoardName == "" {
		h.BoardName = "unknown board"
	}
	addSensors(h, u.Log)
	addLight(h, u.Log)
	addRTC(u)
	u.Notices = newNotices(bootReport).now
	if err := appliance.ShortSlices(); err != nil {
		u.Log.Warn("edges may have to wait for a busy core", "error", err)
	}
	u.Log.Info("board found", "model", h.BoardName, "latency", latency.Bias, "latency_range", latency.HalfRange, "device", cfg.GNSS.Device)
	return h
}

// openPulse opens what captures the pulse.
func openPulse(c config.PPS) (appliance.EdgeSource, error) {
	if c.Source == "kernel" {
		return kernelpps.Open(c.Kernel(), sysclock.NewMonitor().Read)
	}
	return gpiopps.Open(c.Config)
}

// pulseAt says where the pulse is expected, for people.
func pulseAt(c config.PPS) string {
	if c.Source == "kernel" {
		return c.Device
	}
	if line, err := gpiopps.Offset(c.Line); err == nil {
		return fmt.Sprintf("GPIO %d", line)
	}
	return ""
}

// Steer returns this machine's clock, to be looked at only if monitor. It is what Build.Steer of the real program is.
func Steer(monitor bool) discipline.Clock {
	if monitor {
		return sysclock.NewMonitor()
	}
	return sysclock.New()
}

// hardware is newHardware with a clock that this very program may steer.
func (p program) hardware(info board.Info, cfg config.Config, u *appliance.Config) *appliance.Hardware {
	h := newHardware(p.host, info, cfg, u)
	if p.build.Steer != nil {
		h.Steered = p.build.Steer(cfg.Clock.Monitor)
	}
	return h
}

// addSensors gives h what this machine has of them.
func addSensors(h *appliance.Hardware, log *slog.Logger) {
	root := os.DirFS("/")
	zones, err := board.Thermometers(root)
	switch {
	case err != nil:
		log.Warn("no temperature", "error", err)
	case len(zones) > 0:
		h.Thermometer = zones[0]
	}
	h.Utilisation = board.NewUtilisation(root).Read
	h.Supply = func() board.Power { return board.ReadPower(root) }
}

// addLight gives h the light that shows how the unit is, if the board has one.
func addLight(h *appliance.Hardware, log *slog.Logger) {
	led, err := board.FindLED("/")
	if err != nil {
		log.Info("the unit shows its state on the page only", "error", err)
		return
	}
	h.Indicator = led
}

// addRTC gives the unit this machine's RTC, if it has one.
func addRTC(u *appliance.Config) {
	rtc, err := board.FindRTC(os.DirFS("/"))
	if err != nil {
		u.Log.Info("no witness from before the start", "error", err)
		return
	}
	u.RTC = rtc
	u.Log.Info("rtc found", "name", rtc.Name)
}
