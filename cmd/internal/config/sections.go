package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"timeball/board"
	"timeball/board/sim"
	"timeball/gnss/timescale"
	"timeball/pps/gpiopps"
	"timeball/pps/kernelpps"
	"timeball/server"
	"timeball/server/publish"
)

// Board is the section [board].
type Board struct {
	// Kind is "auto", the machine this runs on, or "sim", a simulated one.
	Kind string `toml:"kind"`
	// State is the directory for what is kept over a restart.
	State string `toml:"state"`
}

// Validate returns what is wrong with b, naming the key.
func (b Board) Validate() error {
	if b.Kind != "auto" && b.Kind != "sim" {
		return fmt.Errorf("config: board.kind: %q: neither \"auto\" nor \"sim\"", b.Kind)
	}
	return absolute("board.state", b.State)
}

// GNSS is the section [gnss].
type GNSS struct {
	// Device is the serial line that the receiver is looked for at first; "auto": at any.
	Device string `toml:"device"`
	// Baud is the rate that is tried first, in bits per second; 0 = any.
	Baud int `toml:"baud"`
	// AcceptRollover is the operator's word that a receiver with dates of the past is some 1024 weeks early.
	AcceptRollover bool `toml:"accept_rollover"`
	// LeapSeconds is a list of leap seconds as the IERS publishes it; "": leap-seconds.list in the state directory.
	LeapSeconds string `toml:"leap_seconds_file"`
}

// bauds are the rates met in receivers, and 19200 and 921600 between and above them.
var bauds = []int{4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600}

// Validate returns what is wrong with g, naming the key.
func (g GNSS) Validate() error {
	var rate error
	if g.Baud != 0 && !slices.Contains(bauds, g.Baud) {
		rate = fmt.Errorf("config: gnss.baud: %d: neither 0 nor one of %v", g.Baud, bauds)
	}
	var device, list error
	if g.Device != "auto" {
		device = absolute("gnss.device", g.Device)
	}
	if g.LeapSeconds != "" {
		list = absolute("gnss.leap_seconds_file", g.LeapSeconds)
	}
	return errors.Join(device, rate, list)
}

// PPS is the section [pps].
type PPS struct {
	// Source is "gpio": line events of a GPIO chip; or "kernel": a device of the kernel's PPS drivers.
	Source string `toml:"source"`
	// Device is the one of the source "kernel".
	Device string `toml:"device"`

	gpiopps.Config

	// LatencySeconds is how late the capture is, within +- LatencyRangeSeconds. Both or neither; nil = the board's own.
	LatencySeconds      *float64 `toml:"latency_seconds"`
	LatencyRangeSeconds *float64 `toml:"latency_range_seconds"`
}

// maxLatency is in seconds: an interrupt later than this is no way to capture a pulse.
const maxLatency = 1e-3

// Validate returns what is wrong with p, naming the key.
func (p PPS) Validate() error {
	var source, device, pair error
	if p.Source != "gpio" && p.Source != "kernel" {
		source = fmt.Errorf("config: pps.source: %q: neither \"gpio\" nor \"kernel\"", p.Source)
	}
	if err := kernelpps.CheckDevice(p.Device); err != nil {
		device = fmt.Errorf("config: pps.device: %w", err)
	}
	if (p.LatencySeconds == nil) != (p.LatencyRangeSeconds == nil) {
		pair = errors.New("config: pps.latency_seconds, pps.latency_range_seconds: one is given and the other is not")
	}
	return errors.Join(source, device, p.Config.Validate(), pair,
		between("pps.latency_seconds", p.LatencySeconds, 0, maxLatency),
		between("pps.latency_range_seconds", p.LatencyRangeSeconds, 0, maxLatency))
}

// Kernel returns what the source "kernel" takes.
func (p PPS) Kernel() kernelpps.Config { return kernelpps.Config{Device: p.Device, Edge: p.Edge} }

// Latency returns the configured latency of the capture, or that of the board.
func (p PPS) Latency(of board.Latency) board.Latency {
	if p.LatencySeconds == nil || p.LatencyRangeSeconds == nil {
		return of
	}
	return board.Latency{Bias: *p.LatencySeconds, HalfRange: *p.LatencyRangeSeconds}
}

// Clock is the section [clock].
type Clock struct {
	// Monitor looks at the clock and never steers it.
	Monitor bool `toml:"monitor"`
	// RealTime has the thread that steers run before all others, where there are three cores, in memory that is not paged out.
	RealTime bool `toml:"real_time"`
}

// Server is the section [server]: where it answers and what it may claim.
type Server struct {
	Listening
	Claims
}

// Two packages have keys in [server]; the names keep their types apart.
type (
	// Listening is where the server listens.
	Listening = server.Config
	// Claims is what the unit may claim.
	Claims = publish.Config
)

// kisses are the reference IDs that tell a client to go away or to ask less (RFC 5905, 7.4; NTSN of RFC 8915, 5.7).
var kisses = []string{
	"ACST", "AUTH", "AUTO", "BCST", "CRYP", "DENY", "DROP", "RSTR", "INIT", "MCST", "NKEY", "NTSN", "RATE", "RMOT", "STEP",
}

// Validate returns what is wrong with s, naming the key.
func (s Server) Validate() error {
	var found []error
	var seen []string
	for _, entry := range s.Listen {
		l, _, err := server.Words(entry)
		if err == nil {
			err = address("server.listen", l)
		}
		if err == nil && slices.Contains(seen, l) && !strings.HasSuffix(l, ":0") {
			err = fmt.Errorf("config: server.listen: %q: given twice", l)
		}
		seen, found = append(seen, l), append(found, err)
	}
	if errors.Join(found...) == nil { // what the socket's own check says would only be said again
		found = append(found, s.Listening.Validate())
	}
	found = append(found, s.Claims.Validate())
	if slices.Contains(kisses, s.ReferenceID) {
		found = append(found, fmt.Errorf("config: server.refid: %q: a kiss code, clients would stop asking", s.ReferenceID))
	}
	return errors.Join(found...)
}

// Web is the section [web].
type Web struct {
	// HTTP is the TCP address of the page: an IP literal with a port; without an address, every address.
	HTTP string `toml:"http"`
	// HTTPS is the TCP address of the page over TLS, where changes are made; "off": there is none.
	HTTPS string `toml:"https"`
	// Certificate and Key are PEM files to show there; both or neither given. "": the unit makes its own.
	Certificate string `toml:"certificate_file"`
	Key         string `toml:"key_file"`
	// Hosts are names by which browsers may ask for the page, besides IP literals, localhost and the machine's own name.
	Hosts []string `toml:"hosts"`
}

// Validate returns what is wrong with w, naming the key.
func (w Web) Validate() error {
	found := []error{address("web.http", w.HTTP)}
	if w.HTTPS != "off" {
		found = append(found, address("web.https", w.HTTPS))
	}
	if (w.Certificate == "") != (w.Key == "") {
		found = append(found, errors.New("config: web.certificate_file, web.key_file: one is given and the other is not"))
	}
	if w.Certificate != "" {
		found = append(found, absolute("web.certificate_file", w.Certificate))
	}
	if w.Key != "" {
		found = append(found, absolute("web.key_file", w.Key))
	}
	for _, h := range w.Hosts {
		if !hostName(h) {
			found = append(found, fmt.Errorf("config: web.hosts: %q: not a host name (lower case, without port)", h))
		}
	}
	return errors.Join(found...)
}

// hostName reports whether s is a name of letters, digits and hyphens in labels of 1 to 63, as RFC 1123, 2.1 has it.
func hostName(s string) bool {
	odd := func(r rune) bool { return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') }
	for label := range strings.SplitSeq(s, ".") {
		if len(label) < 1 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsFunc(label, odd) {
			return false
		}
	}
	return len(s) <= 253
}

// Log is the section [log].
type Log struct {
	// Level is the least that is logged: "debug", "info", "warn" or "error".
	Level string `toml:"level"`
}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// Validate returns what is wrong with l, naming the key.
func (l Log) Validate() error {
	if _, ok := levels[l.Level]; !ok {
		return fmt.Errorf("config: log.level: %q: none of \"debug\", \"info\", \"warn\", \"error\"", l.Level)
	}
	return nil
}

// Slog returns the level for log/slog; info when it is none of the four.
func (l Log) Slog() slog.Level { return levels[l.Level] }

// Sim is the section [sim], of the simulated board.
type Sim struct {
	// Receiver is the kind of its receiver, of which the binary protocol alone is heard.
	Receiver string `toml:"receiver"`
	// Start is when its world begins, as RFC 3339 writes it; "": now.
	Start string `toml:"start"`
}

// Began returns Start, 0 for now.
func (s Sim) Began() (timescale.UTC, error) {
	if s.Start == "" {
		return 0, nil
	}
	t, err := time.Parse(time.RFC3339, s.Start)
	if err != nil || t.Year() < 1981 || t.Year() > 2200 {
		return 0, fmt.Errorf("config: sim.start: %q: no instant from 1981 to 2200, as \"2016-12-31T23:50:00Z\"", s.Start)
	}
	return timescale.UTC(t.UnixNano()), nil
}

// Kind returns the kind of the receiver.
func (s Sim) Kind() (sim.Kind, error) {
	k, err := sim.KindNamed(s.Receiver)
	if err != nil {
		return 0, fmt.Errorf("config: sim.receiver: %w", err)
	}
	return k, nil
}

// Validate returns what is wrong with s, naming the key.
func (s Sim) Validate() error {
	_, receiver := s.Kind()
	_, start := s.Began()
	return errors.Join(receiver, start)
}

// absolute checks a path.
func absolute(key, p string) error {
	if !path.IsAbs(p) || path.Clean(p) != p || strings.ContainsRune(p, 0) {
		return fmt.Errorf("config: %s: %q: not an absolute path", key, p)
	}
	return nil
}

// between checks an optional number; what is not a number is not between either.
func between(key string, v *float64, low, high float64) error {
	if v == nil || (*v >= low && *v <= high) {
		return nil
	}
	return fmt.Errorf("config: %s: %v: not from %v to %v", key, *v, low, high)
}

// address checks an IP literal, or nothing for every address, with a port.
func address(key, text string) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return fmt.Errorf("config: %s: %q: not an IP address with a port", key, text)
	}
	if host != "" {
		if _, err := netip.ParseAddr(host); err != nil {
			return fmt.Errorf("config: %s: %q: not an IP address", key, text)
		}
	}
	if n, err := strconv.Atoi(port); err != nil || strconv.Itoa(n) != port {
		return fmt.Errorf("config: %s: %q: port is not a number", key, text)
	} else if n < 0 || n > 65535 {
		return fmt.Errorf("config: %s: %q: port out of range", key, text)
	}
	return nil
}
