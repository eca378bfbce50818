package appliance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"timeball/board/sim"
	"timeball/gnss/nmea"
	"timeball/gnss/receiver"
	"timeball/gnss/timescale"
	"timeball/pps"
	"timeball/pps/clock"
	"timeball/pps/timing"
)

// uart is a machine's serial ports, at one of which is a receiver with a baud rate of its own.
type uart struct {
	machine *machine

	mu     sync.Mutex
	device *sim.Device
	path   string // where it is
}

// newUART returns a machine whose receiver is a Device, which speaks while the test runs.
func newUART(t *testing.T, cfg sim.DeviceConfig) (*Hardware, *uart) {
	h, r := newHardware(t)
	u := &uart{machine: r.machine, device: sim.NewDevice(cfg), path: "/dev/ttyUSB0"}
	h.Wanted, h.Ports, h.OpenPort = receiver.Found{}, u.ports, u.open
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); u.run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return h, u
}

// silence switches off the sentences of a u-blox receiver.
func (u *uart) silence() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, s := range []string{"GGA", "GLL", "GSA", "GSV", "RMC", "VTG"} {
		u.device.Write(timescale.UTC(time.Now().UnixNano()), u.device.Baud(), nmea.AppendPUBXRate(nil, s, 0))
	}
}

// run lets the receiver speak of each second.
func (u *uart) run(ctx context.Context) {
	for {
		second := time.Now().Truncate(time.Second).Add(time.Second)
		if !pause(ctx, time.Until(second)) {
			return
		}
		utc := timescale.UTC(second.UnixNano())
		u.mu.Lock()
		_, delay := u.device.Line()
		u.device.Speak(utc+timescale.UTC(delay), sim.Ordinary(utc, true))
		u.mu.Unlock()
	}
}

func (u *uart) ports() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return []string{"/dev/ttyAMA0", u.path}
}

// move plugs the receiver in elsewhere.
func (u *uart) move(path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.path = path
}

func (u *uart) open(path string, baud int) (Port, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if path != "/dev/ttyAMA0" && path != u.path {
		return nil, fmt.Errorf("open %s: no such file or directory", path)
	}
	u.device.Read(timescale.UTC(time.Now().UnixNano()), baud) // what came before is dropped
	return &uartPort{u, path, baud}, nil
}

// uartPort is an open port. Nothing is connected to ttyAMA0.
type uartPort struct {
	u    *uart
	path string
	baud int
}

func (p *uartPort) Read(b []byte) (n int, returned clock.Mono, err error) {
	for range 10 {
		time.Sleep(10 * time.Millisecond)
		now, _ := p.u.machine.Read()
		read, err := p.take()
		if err != nil {
			return 0, now.Mono, err
		}
		if len(read) > 0 {
			for n = range min(len(read), len(b)) {
				b[n] = read[n].Value
			}
			late := time.Now().UnixNano() - int64(read[n].At)
			return n + 1, now.Mono - clock.Mono(late), nil
		}
	}
	now, _ := p.u.machine.Read()
	return 0, now.Mono, nil
}

// take returns what has come.
func (p *uartPort) take() ([]sim.Byte, error) {
	p.u.mu.Lock()
	defer p.u.mu.Unlock()
	switch p.path {
	case "/dev/ttyAMA0":
		return nil, nil
	case p.u.path:
		return p.u.device.Read(timescale.UTC(time.Now().UnixNano()), p.baud), nil
	}
	return nil, errors.New("read " + p.path + ": serial line is gone")
}

func (p *uartPort) Write(b []byte) (int, error) {
	p.u.mu.Lock()
	defer p.u.mu.Unlock()
	if p.path == p.u.path {
		p.u.device.Write(timescale.UTC(time.Now().UnixNano()), p.baud, b)
	}
	return len(b), nil
}

func (p *uartPort) Baud() int  { return p.baud }
func (*uartPort) Close() error { return nil }

// A unit of which nothing is configured finds its receiver and locks, and follows it to another port while it is locked.
func TestHardwareFindsItsReceiver(t *testing.T) {
	for _, tt := range []struct {
		device     sim.DeviceConfig
		silent     bool
		line, name string
	}{
		{sim.DeviceConfig{Kind: sim.KindUBX8, Baud: 9600}, true, "UBX on ttyUSB0 at 9600 baud", "u-blox NEO-M8T-0"},
		{sim.DeviceConfig{Kind: sim.KindNMEA, Baud: 57600}, false, "NMEA on ttyUSB0 at 57600 baud", ""},
		{sim.DeviceConfig{Kind: sim.KindUBX9, Baud: 460800, Binary: true}, false, "UBX on ttyUSB0 at 460800 baud", "u-blox ZED-F9T"},
		{sim.DeviceConfig{Kind: sim.KindCASIC1, Baud: 38400, Binary: true}, false, "CASIC on ttyUSB0 at 38400 baud", "CASIC ATGM336H"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.device.Delay = 150 * time.Millisecond
				h, line := newUART(t, tt.device)
				if tt.silent {
					line.silence()
				}
				var kept []receiver.Found
				h.KeepLine = func(f receiver.Found) { kept = append(kept, f) }
				where := ""
				u := newUnit(t, quiet(), watched{Board: h, before: func(e timing.Event) {
					if e.Kind == timing.KindPort {
						where = e.Where
					}
					if e.Kind == timing.KindBytes && where == "" {
						t.Error("bytes of a line that is not a receiver's reach the Engine")
					}
				}})
				stop := start(t, u)
				t.Logf("locked after %v", waitLock(t, u, learning+time.Minute))
				s := u.Status()
				name := ""
				if s.Receiver != nil {
					name = *s.Receiver
				}
				if s.Serial == nil || *s.Serial != tt.line || name != tt.name {
					t.Errorf("line %v, receiver %q", s.Serial, name)
				}

				line.move("/dev/ttyUSB1")
				time.Sleep(time.Minute)
				honest(t, u)
				s = u.Status()
				if want := strings.Replace(tt.line, "USB0", "USB1", 1); s.Mode != "locked" || s.Serial == nil || *s.Serial != want || s.Reason != "" {
					t.Errorf("moved: mode %s, reason %q, line %v", s.Mode, s.Reason, s.Serial)
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
				ports := []string{}
				for _, f := range kept {
					ports = append(ports, f.Port)
				}
				if !slices.Equal(ports, []string{"/dev/ttyUSB0", "/dev/ttyUSB1"}) || line.device.Saves() != 0 {
					t.Errorf("kept %+v, %d saves to flash", kept, line.device.Saves())
				}
			})
		})
	}
}

// What is missing is said with the names of line and pin.
func TestHardwareSaysWhereItLooked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, line := newUART(t, sim.DeviceConfig{Kind: sim.KindNMEA, Baud: 57600})
		open := h.OpenEdges
		h.OpenEdges = func() (EdgeSource, error) {
			source, err := open()
			return silentEdges{make(chan pps.Edge)}, errors.Join(err, source.Close())
		}
		u := newUnit(t, quiet(), h)
		stop := start(t, u)
		time.Sleep(time.Minute)
		if want := "NMEA on ttyUSB0 at 57600 baud with a fix, but no pulse on GPIO 18"; u.Status().Reason != want {
			t.Errorf("reason %q, want %q", u.Status().Reason, want)
		}
		line.move("/dev/ttyAMA0")
		time.Sleep(time.Minute)
		if want := "nothing arrives on ttyAMA0; no pulse on GPIO 18"; u.Status().Reason != want {
			t.Errorf("reason %q, want %q", u.Status().Reason, want)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// readOnly is a chatter that takes no writing.
type readOnly struct {
	chatter
	writes *atomic.Int64
}

func (r readOnly) Write([]byte) (int, error) {
	r.writes.Add(1)
	return 0, errors.New("write /dev/serial0: input/output error")
}

// A line that takes no writing is read all the same, and is left in peace.
func TestHardwareReadsALineThatTakesNoWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		var reads, writes atomic.Int64
		h := &Hardware{
			Ports: onePort, Steered: m, Reader: m.Read, OpenEdges: func() (EdgeSource, error) { return nil, errNoLine },
			OpenPort: func(string, int) (Port, error) { return readOnly{chatter{m, nil, &reads}, &writes}, nil },
		}
		u := newUnit(t, quiet(), h)
		stop := start(t, u)
		time.Sleep(time.Minute)
		if s := u.Status(); s.Serial == nil || *s.Serial != "NMEA on serial0" {
			t.Errorf("line %v", s.Serial)
		}
		const questions = 6 // of one round
		if n := writes.Load(); n > questions {
			t.Errorf("written to %d times, want at most %d", n, questions)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
