package selftest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"timeball/board"
	"timeball/cmd/internal/config"
	"timeball/cmd/internal/status"
	"timeball/pps/gpiopps"
	"timeball/pps/kernelpps"
	"timeball/pps/sysclock"
	"timeball/server/ntp"
	"timeball/web/api"
)

// Local is this machine with the configuration it has, its page and its NTP server at the addresses given.
func Local(cfg config.Config, page, server string) *Machine {
	root := os.DirFS("/")
	m := &Machine{
		Root: root, Info: board.Host(), Kernel: sysclock.NewMonitor().Kernel, Stamps: stampings,
		Pulse:    func() error { return tryPulse(cfg) },
		Writable: func() error { return tryDirectory(cfg.Board.State) },
		Power:    func() board.Power { return board.ReadPower(root) },
		Watchdog: func() error { _, err := os.Stat(board.WatchdogDevice); return err },
		Ask:      func(ctx context.Context) (ntp.Packet, error) { return ask(ctx, server) },
		Status:   func(ctx context.Context) (api.Status, error) { return status.Fetch(ctx, page) },
		LED: func() (string, error) {
			l, err := board.FindLED("/")
			if err != nil {
				return "", err
			}
			return l.Name, nil
		},
		RTC: func() (string, int64, error) {
			r, err := board.FindRTC(root)
			if err != nil {
				return "", 0, err
			}
			second, err := r.Read()
			return r.Name, second, err
		},
		Heat: func() (string, float64, error) {
			zones, err := board.Thermometers(root)
			if err != nil {
				return "", 0, err
			}
			celsius, err := zones[0].Read()
			return zones[0].Name, celsius, err
		},
	}
	return m
}

// tryPulse takes the pulse's line for a moment.
func tryPulse(cfg config.Config) error {
	var source io.Closer
	var err error
	if cfg.PPS.Source == "kernel" {
		source, err = kernelpps.Open(cfg.PPS.Kernel(), sysclock.NewMonitor().Read)
	} else {
		source, err = gpiopps.Open(cfg.PPS.Config)
	}
	if err != nil {
		return err
	}
	return source.Close()
}

// tryDirectory asks whether files may be made in dir or, where it is not there yet, whether it may be made itself.
func tryDirectory(dir string) error {
	for {
		err := unix.Access(dir, unix.W_OK)
		if parent := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && parent != dir {
			dir = parent
			continue
		}
		if err != nil {
			return fmt.Errorf("write into %s: %w", dir, err)
		}
		return nil
	}
}

// stampings asks the drivers of the network interfaces that are up.
func stampings() ([]Stamping, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("network interfaces: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	var all []Stamping
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		s := Stamping{Interface: i.Name}
		if info, err := unix.IoctlGetEthtoolTsInfo(fd, i.Name); err == nil {
			s.Software = info.So_timestamping&unix.SOF_TIMESTAMPING_TX_SOFTWARE != 0
			s.Hardware = info.So_timestamping&unix.SOF_TIMESTAMPING_TX_HARDWARE != 0
		}
		all = append(all, s)
	}
	return all, nil
}

const patience = 2 * time.Second

// ask asks an NTP server once.
func ask(ctx context.Context, address string) (ntp.Packet, error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "udp", address)
	if err != nil {
		return ntp.Packet{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return ntp.Packet{}, err
	}
	question := ntp.Packet{Version: 4, Mode: ntp.ModeClient, Transmit: ntp.Timestamp(time.Now().UnixNano())} // any number: it comes back
	if _, err := conn.Write(question.Append(nil)); err != nil {
		return ntp.Packet{}, err
	}
	buffer := make([]byte, 512)
	n, err := conn.Read(buffer)
	if err != nil {
		return ntp.Packet{}, err
	}
	answer, ok := ntp.Decode(buffer[:n])
	if !ok || answer.Mode != ntp.ModeServer || answer.Origin != question.Transmit {
		return ntp.Packet{}, fmt.Errorf("%s: %d bytes that are no answer to what was asked", address, n)
	}
	return answer, nil
}
