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

	rate float64 // requests a second that it was sent meanwhile
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

// watch is the program in the server's namespace: it runs a unit, in company, until it is interrupted and prints its latencies.
func watch(company string) error {
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
	if company == busy {
		stop, err := spinning()
		if err != nil {
			return err
		}
		defer stop()
	}
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

// spinning starts a process that spins, in the scheduling group of this one.
func spinning() (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.Command(self, "spin")
	c.Stderr, c.SysProcAttr = os.Stderr, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return nil, err
	}
	return func() { _, _ = c.Process.Kill(), c.Wait() }, nil
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

// The companies in which a unit watches itself. Beside an idle core there is one that is kept busy by a thread that gives way
// to any other: on a virtual machine a core that halts is waited for otherwise than one that runs, and that is no matter of
// requests.
const (
	calm    = "calm"  // nothing else runs
	busy    = "busy"  // on both cores something that gives way
	flooded = "flood" // requests, as many as one core can send
)

// spin keeps a core busy, giving way to all others of its scheduling group, until it is ended.
func spin() error {
	runtime.LockOSThread()
	if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0); err != nil {
		return os.NewSyscallError("sched_setattr", err)
	}
	for n := 0; ; n++ {
		if n < 0 {
			n = 0
		}
	}
}

// compareLoop runs a unit in each company, in turns, and prints how late its loop and a capture-like thread are: of each figure
// the median of the rounds. The unit has one core and the generator the other.
func compareLoop(ctx context.Context, net *network, number, rounds int, span time.Duration) error {
	all := map[string][]latencies{}
	for range rounds {
		for _, company := range []string{calm, busy, flooded} {
			l, err := watched(ctx, net, number, span, company)
			if err != nil {
				return err
			}
			all[company] = append(all[company], l)
		}
	}
	of := func(company string, figure func(latencies) float64) float64 {
		var values []float64
		for _, l := range all[company] {
			values = append(values, figure(l))
		}
		return quantile(values, 0.5)
	}
	columns := []struct {
		name   string
		figure func(latencies) float64
	}{
		{"published p99.9 us", func(l latencies) float64 { return 1e6 * l.Published }},
		{"largest", func(l latencies) float64 { return 1e6 * l.PublishedMax }},
		{"wake-up p99.9 us", func(l latencies) float64 { return 1e6 * l.Late }},
		{"largest", func(l latencies) float64 { return 1e6 * l.LateMax }},
		{"events", func(l latencies) float64 { return float64(l.Events) }},
		{"dropped", func(l latencies) float64 { return float64(l.Dropped) }},
		{"requests/s", func(l latencies) float64 { return l.rate }},
	}
	fmt.Printf("\n%-12s", "loop")
	for _, c := range columns {
		fmt.Printf(" %18s", c.name)
	}
	for _, company := range []string{calm, busy, flooded} {
		fmt.Printf("\n%-12s", company)
		for _, c := range columns {
			fmt.Printf(" %18.0f", of(company, c.figure))
		}
	}
	for _, than := range []string{calm, busy} {
		fmt.Printf("\n%-12s", "flood/"+than)
		for _, c := range columns[:4] {
			fmt.Printf(" %18.2f", of(flooded, c.figure)/of(than, c.figure))
		}
	}
	fmt.Println()
	return nil
}

// watched runs one unit for a while and returns what it saw.
func watched(ctx context.Context, net *network, number int, span time.Duration, company string) (l latencies, err error) {
	self, err := os.Executable()
	if err != nil {
		return l, err
	}
	var out bytes.Buffer
	c := in(ctx, net.server(number), serverCore, self, "watch", company)
	c.Stdout, c.Stderr = &out, os.Stderr
	if err := c.Start(); err != nil {
		return l, err
	}
	first(c)
	switch company {
	case flooded:
		var g generated
		g, err = (&server{number: number}).ask(ctx, net, "flood", 0, span)
		l.rate = float64(g.Sent) / span.Seconds()
	case busy:
		other := in(ctx, net.client(), clientCore, self, "spin")
		if err = other.Start(); err == nil {
			err = waitFor(ctx, span)
			_, _ = other.Process.Kill(), other.Wait()
		}
	default:
		err = waitFor(ctx, span)
	}
	if err = errors.Join(err, c.Process.Signal(syscall.SIGTERM), c.Wait()); err != nil {
		return l, err
	}
	return l, json.Unmarshal(out.Bytes(), &l)
}

func waitFor(ctx context.Context, span time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(span):
		return nil
	}
}
