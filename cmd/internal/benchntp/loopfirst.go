package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"timeball/cmd/internal/appliance"
	"timeball/pps"
	"timeball/pps/clock"
	"timeball/pps/sysclock"
	"timeball/pps/timing"
	ntpserver "timeball/server"
	"timeball/server/publish"
	"timeball/server/shared"
)

// latencies are what a unit saw of its own loop, in seconds.
type latencies struct {
	Published, PublishedMax float64 // 99.9th percentile and largest, from an event's arrival to the published Estimate
	Late, LateMax           float64 // of a capture-like thread's wake-ups against absolute deadlines
	Events                  int
	Dropped                 uint64
}

const captureRate = 200 // wake-ups a second, and events

// probe is a unit whose capture is a thread that wakes at absolute deadlines. It looks at this machine's clock and never
// steers it.
type probe struct {
	*appliance.Hardware
	edges chan pps.Edge

	mu        sync.Mutex
	arrived   map[uint64]time.Time
	published []float64
	late      []float64
}

// Edges implements appliance.EdgeSource.
func (p *probe) Edges() <-chan pps.Edge { return p.edges }

// Close implements appliance.EdgeSource.
func (p *probe) Close() error { return nil }

// Run implements appliance.Board and takes the time until an event is published.
func (p *probe) Run(ctx context.Context, take func(timing.Event)) error {
	return p.Hardware.Run(ctx, func(e timing.Event) {
		take(e)
		if e.Kind != timing.KindEdge {
			return
		}
		p.mu.Lock()
		p.published = append(p.published, time.Since(p.arrived[e.Edge.Seq]).Seconds())
		delete(p.arrived, e.Edge.Seq)
		p.mu.Unlock()
	})
}

// capture wakes at absolute deadlines until ctx is done and sends an edge each time.
func (p *probe) capture(ctx context.Context) {
	runtime.LockOSThread()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return
	}
	for at, seq := now.Nano(), uint64(1); ctx.Err() == nil; seq++ {
		at += int64(time.Second) / captureRate
		next := unix.NsecToTimespec(at)
		for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &next, nil) == unix.EINTR {
		}
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // it has worked before
		p.mu.Lock()
		p.late = append(p.late, float64(now.Nano()-at)/1e9)
		p.arrived[seq] = time.Now()
		p.mu.Unlock()
		p.edges <- pps.Edge{Seq: seq, Earliest: clock.Mono(now.Nano()), Latest: clock.Mono(now.Nano())}
	}
}

// watch is the program in the server's namespace: it runs a unit until it is interrupted and prints its latencies.
func watch() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &probe{edges: make(chan pps.Edge, 64), arrived: map[uint64]time.Time{}}
	p.Hardware = &appliance.Hardware{
		BoardName: "bench", Ports: func() []string { return nil }, OpenEdges: func() (appliance.EdgeSource, error) { return p, nil },
		Steered: sysclock.NewMonitor(), Reader: sysclock.NewMonitor().Read, Quick: sysclock.Quick(),
	}
	cfg := appliance.Config{Engine: timing.Default(), Publish: publish.Default(), Log: slog.New(slog.DiscardHandler)}
	answering, err := answerApart(&cfg)
	if err != nil {
		return err
	}
	defer answering()
	unit, err := appliance.New(cfg, p)
	if err != nil {
		return err
	}
	if err := appliance.ShortSlices(); err != nil {
		return err
	}
	go p.capture(ctx)
	if err := unit.Run(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l := latencies{Events: len(p.published), Dropped: p.Dropped()}
	if l.Events == 0 {
		return fmt.Errorf("no event was published")
	}
	l.Published, l.PublishedMax = quantile(p.published, 0.999), quantile(p.published, 1)
	l.Late, l.LateMax = quantile(p.late, 0.999), quantile(p.late, 1)
	return json.NewEncoder(os.Stdout).Encode(l)
}

// answerApart starts the process that answers NTP, as a unit of several processes has one, and has the clock's publish to it.
func answerApart(cfg *appliance.Config) (stop func(), err error) {
	page, err := shared.Create()
	if err != nil {
		return nil, err
	}
	memory, err := shared.MapWriter(page)
	if err != nil {
		return nil, err
	}
	cfg.Shared = shared.NewWriter(memory)
	sockets, err := ntpserver.Open(ntpserver.Default(), 0, cfg.Log)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.Command(self, "answer")
	c.Stderr, c.ExtraFiles = os.Stderr, []*os.File{page}
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	for _, s := range sockets {
		c.ExtraFiles = append(c.ExtraFiles, os.NewFile(uintptr(s.FD), "ntp"))
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	return func() { _ = c.Process.Signal(syscall.SIGTERM); _ = c.Wait() }, nil
}

// answer is that process: file 3 is the page, the sockets follow.
func answerNTP() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	page, err := shared.MapReader(os.NewFile(3, "page"))
	if err != nil {
		return err
	}
	var sockets []ntpserver.Socket
	for fd := 4; ; fd++ {
		if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL); err != nil || kind != unix.IPPROTO_UDP {
			break
		}
		sockets = append(sockets, ntpserver.Socket{FD: fd})
	}
	clk := &appliance.Hardware{Reader: sysclock.NewMonitor().Read, Quick: sysclock.Quick()}
	cfg := ntpserver.Default()
	cfg.RateLimit = "off"
	s := ntpserver.New(cfg, clk.Served(), shared.NewReader(page), slog.New(slog.DiscardHandler))
	if err := s.Take(sockets); err != nil {
		return err
	}
	return s.Serve(ctx)
}

// compareLoop runs a unit without and with a flood of requests, in turns, and prints how late its loop and a capture-like
// thread are. The unit has one core and the generator the other.
func compareLoop(ctx context.Context, net *network, number int, span time.Duration) error {
	fmt.Printf("\n%-8s %16s %16s %14s %14s %8s %8s %12s\n", "", "published p99.9", "largest", "wake-up p99.9", "largest", "events", "dropped", "requests/s")
	for range 2 {
		for _, flooded := range []bool{false, true} {
			l, rate, err := watched(ctx, net, number, span, flooded)
			if err != nil {
				return err
			}
			name := map[bool]string{false: "calm", true: "flood"}[flooded]
			fmt.Printf("%-8s %13.0f us %13.0f us %11.0f us %11.0f us %8d %8d %12.0f\n", name, 1e6*l.Published, 1e6*l.PublishedMax,
				1e6*l.Late, 1e6*l.LateMax, l.Events, l.Dropped, rate)
		}
	}
	return nil
}

// watched runs one unit for a while and returns what it saw, and how many requests it was sent.
func watched(ctx context.Context, net *network, number int, span time.Duration, flooded bool) (l latencies, rate float64, err error) {
	self, err := os.Executable()
	if err != nil {
		return l, 0, err
	}
	var out bytes.Buffer
	c := in(ctx, net.server(number), serverCore, self, "watch")
	c.Stdout, c.Stderr = &out, os.Stderr
	if err := c.Start(); err != nil {
		return l, 0, err
	}
	first(c)
	if flooded {
		var g generated
		if g, err = (&server{number: number}).ask(ctx, net, "flood", 0, span); err == nil {
			rate = float64(g.Sent) / span.Seconds()
		}
	} else {
		select {
		case <-ctx.Done():
		case <-time.After(span):
		}
	}
	err = errors.Join(err, c.Process.Signal(syscall.SIGTERM), c.Wait())
	if err != nil {
		return l, 0, err
	}
	return l, rate, json.Unmarshal(out.Bytes(), &l)
}
