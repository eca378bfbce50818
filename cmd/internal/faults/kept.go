package main

import (
	"fmt"
	"sync"

	"timeball/cmd/internal/direct"
	"timeball/pps/discipline"
)

// Units begin a soak as they begin their days: restarted, with the law of their crystal known. What is kept is made once
// for a model and a seed, by two hours of lock in weather that does not come again.

const (
	keptAfter = 2 * hour
	elsewhere = 1 << 32 // added to the seed: the same kind of crystal, noise and weather of its own
)

// memories are those made so far, each by who needs it first. A soak has five models and as many seeds as there is time.
var memories struct {
	mu    sync.Mutex
	known map[string]func() (*discipline.Memory, error)
}

// memoryOf returns what a unit keeps of the crystal of a model and seed.
func memoryOf(model string, seed uint64) (*discipline.Memory, error) {
	key := fmt.Sprint(model, " ", seed)
	memories.mu.Lock()
	if memories.known == nil {
		memories.known = map[string]func() (*discipline.Memory, error){}
	}
	get, ok := memories.known[key]
	if !ok {
		get = sync.OnceValues(func() (*discipline.Memory, error) { return learn(model, seed) })
		memories.known[key] = get
	}
	memories.mu.Unlock()
	return get()
}

// learn locks a unit for two hours and returns what it would keep.
func learn(model string, seed uint64) (*discipline.Memory, error) {
	t := trial{model: model, warm: keptAfter}
	cfg, err := t.config(seed+elsewhere, false)
	if err != nil {
		return nil, err
	}
	var kept *discipline.Memory
	err = direct.Run(cfg, func(s direct.Sample) bool {
		kept = s.Snapshot.Memory
		return true
	})
	if err == nil && kept == nil {
		err = fmt.Errorf("a unit on %s, seed %d, has nothing worth keeping after %d s", model, seed, keptAfter)
	}
	return kept, err
}
