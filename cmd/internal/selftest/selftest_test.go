package selftest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"

	"timeball/board"
	"timeball/cmd/internal/config"
	"timeball/pps/sysclock"
	"timeball/server/ntp"
	"timeball/web/api"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func some[T any](v T) *T { return &v }

// ready is a Raspberry Pi that is a time server already.
func ready() *Machine {
	return &Machine{
		Root: fstest.MapFS{
			"proc/1/comm": file("init\n"),
			"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": file("performance\n"),
			"sys/class/tty/console/active":                         file("tty1\n"),
		},
		Info:  board.Info{Model: "Raspberry Pi 4 Model B", Family: board.Pi4, Latency: board.Latency{Bias: 6e-6, HalfRange: 4e-6}, Serial: []string{"/dev/ttyAMA0"}},
		Pulse: func() error { return nil },
		Kernel: func() (sysclock.Kernel, error) {
			return sysclock.Kernel{Tick: 10000, MaxError: 12e-6, TAIOffset: 37}, nil
		},
		Stamps:   func() ([]Stamping, error) { return []Stamping{{"eth0", true, false}}, nil },
		Writable: func() error { return nil },
		Power:    func() board.Power { return board.Power{Undervoltage: some(false), Throttled: some(false)} },
		Watchdog: func() error { return nil },
		LED:      func() (string, error) { return "ACT", nil },
		RTC:      func() (string, int64, error) { return "rtc-ds1307", 1_790_000_000, nil },
		Heat:     func() (string, float64, error) { return "cpu-thermal", 48.7, nil },
		Ask: func(context.Context) (ntp.Packet, error) {
			return ntp.Packet{Stratum: 1, ReferenceID: [4]byte{'P', 'P', 'S'}}, nil
		},
		Status: func(context.Context) (api.Status, error) {
			return api.Status{Mode: "locked", Stratum: 1, BoundSeconds: some(6e-6)}, nil
		},
	}
}

func TestSelftestFindsAReadyMachineWell(t *testing.T) {
	found := Run(t.Context(), ready())
	if Failed(found) || len(found) != 15 {
		t.Errorf("%d findings, failed %v", len(found), Failed(found))
	}
	for _, f := range found {
		if f.State != Well || f.Text == "" || f.Advice != "" {
			t.Errorf("%+v", f)
		}
	}
}

func TestSelftestSaysWhatIsInTheWay(t *testing.T) {
	gone := errors.New("gone")
	for _, tt := range []struct {
		name   string
		change func(*Machine)
		check  string
		state  State
		says   string
	}{
		{"unknown board", func(m *Machine) { m.Info.Family, m.Info.Model = board.Unknown, "" }, "board", Note, "0 to 50 µs"},
		{"no serial line", func(m *Machine) { m.Info.Serial = nil }, "serial lines", Wrong, "no receiver"},
		{"console on the line", func(m *Machine) { m.Root.(fstest.MapFS)["sys/class/tty/console/active"] = file("tty1 ttyAMA0\n") }, "serial lines", Note, "ttyAMA0 is the kernel's console"},
		{"no line", func(m *Machine) { m.Pulse = func() error { return gone } }, "pulse", Wrong, "gone"},
		{"the unit has the line", func(m *Machine) {
			m.Pulse = func() error { return fmt.Errorf("%w: in use by %q", unix.EBUSY, "timeball") }
		}, "pulse", Well, "the unit"},
		{"another has the line", func(m *Machine) {
			m.Pulse = func() error { return fmt.Errorf("%w: in use by %q", unix.EBUSY, "pps-gpio") }
		}, "pulse", Wrong, "pps-gpio"},
		{"clock unreadable", func(m *Machine) { m.Kernel = func() (sysclock.Kernel, error) { return sysclock.Kernel{}, gone } }, "kernel clock", Wrong, "gone"},
		{"another steers", func(m *Machine) {
			m.Kernel = func() (sysclock.Kernel, error) { return sysclock.Kernel{Tick: 10000, Status: unix.STA_PLL}, nil }
		}, "kernel clock", Wrong, "PLL"},
		{"being slewed", func(m *Machine) {
			m.Kernel = func() (sysclock.Kernel, error) { return sysclock.Kernel{Tick: 10000, Offset: 0.5}, nil }
		}, "kernel clock", Wrong, "500ms"},
		{"unsynchronised", func(m *Machine) {
			m.Kernel = func() (sysclock.Kernel, error) { return sysclock.Kernel{Tick: 10000, Status: unix.STA_UNSYNC}, nil }
		}, "kernel clock", Note, "not synchronised"},
		{"timesyncd", func(m *Machine) { m.Root.(fstest.MapFS)["proc/77/comm"] = file("systemd-timesyn\n") }, "other daemons", Wrong, "systemd-timesyn"},
		{"no proc", func(m *Machine) { m.Root = fstest.MapFS{} }, "other daemons", Note, "/proc"},
		{"ondemand", func(m *Machine) {
			m.Root.(fstest.MapFS)["sys/devices/system/cpu/cpu1/cpufreq/scaling_governor"] = file("ondemand\n")
		}, "governor", Note, "ondemand"},
		{"hot", func(m *Machine) { m.Heat = func() (string, float64, error) { return "cpu-thermal", 75, nil } }, "temperature", Note, "75.0"},
		{"no sensor", func(m *Machine) { m.Heat = func() (string, float64, error) { return "", 0, gone } }, "temperature", Note, "gone"},
		{"low supply", func(m *Machine) { m.Power = func() board.Power { return board.Power{Undervoltage: some(true)} } }, "supply", Wrong, "4.63 V"},
		{"slowed down", func(m *Machine) {
			m.Power = func() board.Power { return board.Power{Undervoltage: some(false), Throttled: some(true)} }
		}, "supply", Note, "slowed down"},
		{"untold supply", func(m *Machine) { m.Power = func() board.Power { return board.Power{} } }, "supply", Note, "does not tell"},
		{"no rtc", func(m *Machine) { m.RTC = func() (string, int64, error) { return "", 0, gone } }, "rtc", Note, "gone"},
		{"empty rtc", func(m *Machine) { m.RTC = func() (string, int64, error) { return "rtc-ds1307", 0, gone } }, "rtc", Note, "gone"},
		{"no light", func(m *Machine) { m.LED = func() (string, error) { return "", gone } }, "light", Note, "page alone"},
		{"no watchdog", func(m *Machine) { m.Watchdog = func() error { return gone } }, "watchdog", Note, "not reset"},
		{"read-only", func(m *Machine) { m.Writable = func() error { return unix.EROFS } }, "state", Wrong, "read-only"},
		{"no interface", func(m *Machine) { m.Stamps = func() ([]Stamping, error) { return nil, nil } }, "packet stamps", Note, ""},
		{"receive only", func(m *Machine) {
			m.Stamps = func() ([]Stamping, error) { return []Stamping{{"eth0", false, false}}, nil }
		}, "packet stamps", Note, "received packets only"},
		{"no page", func(m *Machine) { m.Status = func(context.Context) (api.Status, error) { return api.Status{}, gone } }, "page", Note, "gone"},
		{"quarantine", func(m *Machine) {
			m.Status = func(context.Context) (api.Status, error) {
				return api.Status{Mode: "quarantine", Reason: "in doubt"}, nil
			}
		}, "page", Wrong, "in doubt"},
		{"starting", func(m *Machine) {
			m.Status = func(context.Context) (api.Status, error) { return api.Status{Mode: "acquiring", Stratum: 16}, nil }
		}, "page", Note, "acquiring"},
		{"no answer", func(m *Machine) { m.Ask = func(context.Context) (ntp.Packet, error) { return ntp.Packet{}, gone } }, "ntp", Note, "gone"},
		{"LI 3", func(m *Machine) {
			m.Ask = func(context.Context) (ntp.Packet, error) { return ntp.Packet{Leap: ntp.LeapUnsynchronised}, nil }
		}, "ntp", Note, "not synchronised"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := ready()
			tt.change(m)
			found := Run(t.Context(), m)
			for _, f := range found {
				if f.Name == tt.check && (f.State != tt.state || !strings.Contains(f.Text, tt.says)) {
					t.Errorf("%+v, want %s and %q", f, tt.state, tt.says)
				}
			}
			if Failed(found) != (tt.state == Wrong) {
				t.Errorf("failed %v", Failed(found))
			}
		})
	}
}

func TestSelftestLooksThisMachineOver(t *testing.T) {
	cfg := config.Default()
	cfg.Board.State = filepath.Join(t.TempDir(), "not", "made")
	var text, data strings.Builder
	found := Run(t.Context(), Local(cfg, "http://127.0.0.1:1", "127.0.0.1:1"))
	if err := errors.Join(WriteText(&text, found), WriteJSON(&data, found)); err != nil {
		t.Fatal(err)
	}
	var again []Finding
	if err := json.Unmarshal([]byte(data.String()), &again); err != nil || len(again) != len(found) {
		t.Errorf("%d findings from JSON, %v, want %d", len(again), err, len(found))
	}
	for _, f := range found {
		if !strings.Contains(text.String(), f.Name) || f.Name == "state" && f.State != Well || f.Name == "ntp" && f.State != Note {
			t.Errorf("%+v", f)
		}
	}
	if _, err := os.Stat(filepath.Dir(cfg.Board.State)); err == nil {
		t.Error("the state's directory was made")
	}
	if !strings.Contains(text.String(), "to note") {
		t.Errorf("no count:\n%s", text.String())
	}
}

func TestSelftestTellsAnAnswerFromAnEcho(t *testing.T) {
	for _, answers := range []bool{true, false} {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			buffer := make([]byte, 512)
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if answers {
				p, _ := ntp.Decode(buffer[:n])
				p = ntp.Packet{Version: 4, Mode: ntp.ModeServer, Stratum: 1, Origin: p.Transmit}
				conn.WriteTo(p.Append(nil), from)
				return
			}
			conn.WriteTo(buffer[:n], from)
		}()
		p, err := ask(t.Context(), conn.LocalAddr().String())
		if answers != (err == nil) || answers && p.Stratum != 1 {
			t.Errorf("answers %v: %+v, %v", answers, p, err)
		}
		<-done
		conn.Close()
	}
}
