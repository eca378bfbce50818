package daemon

import (
	"errors"
	"log/slog"
	"os"

	"timeball/board"
	"timeball/cmd/internal/appliance"
	"timeball/cmd/internal/config"
	"timeball/gnss/port"
	"timeball/pps/clock"
	"timeball/pps/gpiopps"
	"timeball/pps/sysclock"
)

var errNothing = errors.New("-board auto: no GPIO chip, no /dev/pps* and no serial device on this machine: " +
	"nothing to take time from (-board sim simulates a receiver)")

// newHardware is -board auto: this machine.
func newHardware(cfg config.Config, u *appliance.Config, log *slog.Logger) (appliance.Board, error) {
	info := board.Host()
	if !info.Attachable() {
		return nil, errNothing
	}
	latency := cfg.PPS.Latency(info.Latency)
	u.Engine.Loop.Bias, u.Engine.Loop.BiasRange = clock.Seconds(latency.Bias), clock.Seconds(latency.HalfRange)
	h := &appliance.Hardware{
		BoardName: info.Model,
		Baud:      cfg.GNSS.Baud,
		OpenPort:  func() (appliance.Port, error) { return port.Open(cfg.GNSS.Device, cfg.GNSS.Baud) },
		OpenEdges: func() (appliance.EdgeSource, error) { return gpiopps.Open(cfg.PPS.Config) },
		Reader:    sysclock.NewMonitor().Read,
	}
	if h.BoardName == "" {
		h.BoardName = "unknown board"
	}
	if cfg.Clock.Monitor {
		h.Steered = sysclock.NewMonitor()
	} else {
		h.Steered = sysclock.New()
	}
	root := os.DirFS("/")
	if zones, err := board.Thermometers(root); err != nil {
		log.Warn("no temperature", "error", err)
	} else {
		h.Thermometer = zones[0]
	}
	h.Utilisation = board.NewUtilisation(root).Read
	log.Info("board found", "model", h.BoardName, "latency", latency.Bias, "latency_range", latency.HalfRange, "device", cfg.GNSS.Device)
	return h, nil
}
