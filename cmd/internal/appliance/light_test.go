package appliance

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"timeball/board"
	"timeball/board/sim"
)

// lamp is a light that remembers all it was told.
type lamp struct {
	mu    sync.Mutex
	shown []board.Signal
}

func (l *lamp) Show(s board.Signal) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shown = append(l.shown, s)
	return nil
}

// litBoard is a simulated board with such a light.
type litBoard struct {
	*SimBoard
	lamp lamp
}

func (b *litBoard) Light() Indicator { return &b.lamp }

func TestUnitShowsOnItsLightHowItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		model, err := sim.ModelNamed("pi-quiet")
		if err != nil {
			t.Fatal(err)
		}
		b := &litBoard{SimBoard: NewSimBoard(sim.Config{
			Model: model, Seed: 1, Sensors: true, RTC: true, E0: -time.Second, Y0: 1e-5, Receiver: sim.NewTalker(1, 38400, 120*time.Millisecond),
			Faults: []sim.Fault{{Name: sim.FaultAntenna, At: 5 * time.Minute}},
		}, 1)}
		u := newUnit(t, quiet(), b)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := u.Run(ctx); err != nil {
			t.Error(err)
		}
		want := []board.Signal{board.Searching, board.Good, board.Coasting, board.Unserved}
		if !slices.Equal(b.lamp.shown, want) {
			t.Errorf("shown %v, want %v", b.lamp.shown, want)
		}
	})
}

func TestSimulatedBoardTellsThatItsSupplyIsLow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		model, err := sim.ModelNamed("perfect")
		if err != nil {
			t.Fatal(err)
		}
		b := NewSimBoard(sim.Config{Model: model, Seed: 1, Faults: []sim.Fault{{Name: sim.FaultUndervoltage, At: time.Minute}}}, 1)
		u := newUnit(t, quiet(), b)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- u.Run(ctx) }()
		for _, want := range []bool{false, true} {
			time.Sleep(40 * time.Second)
			synctest.Wait()
			if s := u.Status(); s.Undervoltage == nil || *s.Undervoltage != want || *s.Throttled != want {
				t.Errorf("after %v: undervoltage %v, want %v", time.Since(b.began), s.Undervoltage, want)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if got := b.light.Shown(); got != board.Unserved {
			t.Errorf("at the end the light shows %v", got)
		}
	})
}
