package appliance

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"timeball/board/sim"
	"timeball/web"
	"timeball/web/api"
)

// What goes wrong with a unit becomes an event by itself, and is over when it is over.
func TestFaultsBecomeEvents(t *testing.T) {
	const failsAfter, lasts = 90 * time.Second, 40 * time.Second
	tests := []struct {
		fault, event string
		within       time.Duration // after the fault
	}{
		{sim.FaultPulse, "lock-lost", 8 * time.Second},
		{sim.FaultOpen, "antenna-open", 3 * time.Second},
		{sim.FaultJamming, "jamming", 3 * time.Second},
		{sim.FaultForeignStep, "clock-interference", 3 * time.Second},
		{sim.FaultUndervoltage, "undervoltage", 5 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.fault, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				u := newUnit(t, simConfig(t, "pi-quiet"), newSim(t, "pi-quiet", 1, func(c *sim.Config) {
					c.Receiver = sim.NewDevice(sim.DeviceConfig{Kind: sim.KindUBX8, Seed: 1, Baud: 115200, Binary: true, Delay: 120 * time.Millisecond})
					c.Faults = []sim.Fault{{Name: tt.fault, At: failsAfter, For: lasts}}
				}))
				stop := start(t, u)
				site := web.New(web.Config{}, u)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- site.Watch(ctx) }()
				time.Sleep(failsAfter - time.Second)
				if active := activeEvents(t, site); len(active) > 0 {
					t.Errorf("before the fault: %v", active)
				}
				time.Sleep(time.Second + tt.within)
				if active := activeEvents(t, site); active[tt.event] == "" {
					t.Errorf("%v after it: %v, want %s", tt.within, active, tt.event)
				}
				time.Sleep(lasts + 4*time.Minute)
				if active := activeEvents(t, site); len(active) > 0 {
					t.Errorf("four minutes after its end: %v", active)
				}
				cancel()
				<-ended
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// activeEvents returns the texts of what is, by name.
func activeEvents(t *testing.T, site *web.Server) map[string]string {
	t.Helper()
	r := httptest.NewRequest("GET", "/api/v1/events", nil)
	r.Host = "localhost"
	w := httptest.NewRecorder()
	site.ServeHTTP(w, r)
	var list api.Events
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	active := map[string]string{}
	for _, e := range list.Events {
		if e.Active {
			active[e.Name] = e.Text
		}
	}
	return active
}
