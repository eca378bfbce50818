package daemon

import (
	"fmt"
	"os"
	"time"

	"timeball/board/sim"
	"timeball/cmd/internal/appliance"
	"timeball/cmd/internal/config"
	"timeball/pps/timing"
)

// newSimulation is -board sim.
func newSimulation(o options, cfg config.Config, u *appliance.Config, change func(*sim.Config)) (appliance.Board, error) {
	world, err := simulatedWorld(o, cfg, u, change)
	if err != nil {
		return nil, err
	}
	board := appliance.NewSimBoard(world, o.pace)
	board.Monitor = cfg.Clock.Monitor
	return board, nil
}

// simulatedWorld is that of a board that has booted without a network, 3.5 s behind and 10 ppm fast, whose receiver finds its
// satellites after 2 s. change may make another one of it. The Engine is told of its capture.
func simulatedWorld(o options, cfg config.Config, u *appliance.Config, change func(*sim.Config)) (world sim.Config, err error) {
	model, err := sim.ModelNamed(o.model)
	if err != nil {
		return world, fmt.Errorf("-model: %w", err)
	}
	kind, err := cfg.Sim.Kind()
	if err != nil {
		return world, err
	}
	world = sim.Config{
		Model: model, Seed: o.seed, Sensors: true, RTC: true, FixAfter: 2 * time.Second,
		E0: -3500 * time.Millisecond, Y0: 1e-5, Receiver: simulatedReceiver(kind, o.seed),
	}
	if model.Name == "perfect" {
		world.E0, world.Y0 = 0, 0
	}
	if o.receiver != "" {
		recording, err := recorded(o.receiver)
		if err != nil {
			return world, fmt.Errorf("-receiver: %w", err)
		}
		world.Receiver, world.Start = recording, recording.First()
	} else if world.Start, err = cfg.Sim.Began(); err != nil {
		return world, err
	}
	if world.Start != 0 {
		u.Engine.Floor, u.Engine.Saved = timing.FirstDate, 0 // it may be any year
	}
	if change != nil {
		change(&world)
	}
	if len(u.Witness.Servers) > 0 && (o.pace != 1 || world.Start != 0) {
		u.Log.Warn("no server is asked: the simulated world is at another time than this machine")
		u.Witness.Servers = nil
	}
	u.Engine.Loop.Bias = (model.Latency[0] + model.Latency[1]) / 2
	u.Engine.Loop.BiasRange = (model.Latency[1] - model.Latency[0]) / 2
	return world, nil
}

// simulatedReceiver returns a receiver of a kind, which speaks its binary protocol alone.
func simulatedReceiver(kind sim.Kind, seed uint64) sim.Receiver {
	const baud, delay = 38400, 120 * time.Millisecond
	if kind == sim.KindNMEA {
		return sim.NewTalker(seed, baud, delay)
	}
	return sim.NewDevice(sim.DeviceConfig{Kind: kind, Seed: seed, Baud: baud, Binary: true, Delay: delay})
}

// recorded returns a receiver that says again what is in a file. Recordings have no times: the rate and the delay are
// those of most receivers as delivered.
func recorded(file string) (*sim.Recording, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r, err := sim.NewRecording(data, 9600, 150*time.Millisecond)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}
