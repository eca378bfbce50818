package boot

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reaper waits for all children of process 1: those it started, and orphans, which become its own.
type reaper struct {
	mu    sync.Mutex
	exits map[int]chan syscall.WaitStatus // of those it started
	gone  uint64                          // orphans
}

func newReaper() *reaper { return &reaper{exits: map[int]chan syscall.WaitStatus{}} }

// run reaps until ctx is done.
func (r *reaper) run(ctx context.Context) {
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	defer signal.Stop(died)
	for {
		r.reap()
		select {
		case <-ctx.Done():
			return
		case <-died:
		}
	}
}

// reap takes all children that have ended.
func (r *reaper) reap() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if exit, ok := r.exits[pid]; ok {
			exit <- status
			delete(r.exits, pid)
		} else {
			r.gone++
		}
	}
}

// start starts a program; its status comes on the channel. Both of its outputs go to output.
func (r *reaper) start(argv, env []string, output *os.File) (pid int, exit <-chan syscall.WaitStatus, err error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, nil, err
	}
	defer null.Close()
	r.mu.Lock() // a child that ends at once must not be reaped before it is known
	defer r.mu.Unlock()
	p, err := os.StartProcess(argv[0], argv, &os.ProcAttr{
		Dir: "/", Env: env, Files: []*os.File{null, output, output}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, nil, err
	}
	status := make(chan syscall.WaitStatus, 1)
	r.exits[p.Pid] = status
	pid = p.Pid
	return pid, status, p.Release()
}

// service is a program that is kept running.
type service struct {
	command func() []string // what is started, asked before each start
	env     []string
	log     *slog.Logger
	output  io.Writer // gets what it writes
	grace   time.Duration
}

// backoff of a program that ends: it is started again at once the first time, and at least each maxWait. One that has run
// for steady begins anew.
const (
	minWait = 200 * time.Millisecond
	maxWait = 10 * time.Second
	steady  = time.Minute
)

// next returns how long to wait before a start, given the wait before the last one and how long it ran.
func next(last, ran time.Duration) time.Duration {
	if ran >= steady || last == 0 {
		return minWait
	}
	return min(2*last, maxWait)
}

// run keeps the program running until ctx is done; then it ends it, by SIGTERM, and by SIGKILL after its grace.
func (s service) run(ctx context.Context, r *reaper) {
	var wait time.Duration
	for ctx.Err() == nil {
		began := time.Now()
		argv := s.command()
		if err := s.once(ctx, r, argv); err != nil {
			s.log.Error("program not started", "program", argv[0], "error", err)
		}
		if ctx.Err() != nil {
			return
		}
		wait = next(wait, time.Since(began))
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// once runs the program to its end.
func (s service) once(ctx context.Context, r *reaper, argv []string) error {
	from, to, err := os.Pipe()
	if err != nil {
		return err
	}
	pid, exit, err := r.start(argv, s.env, to)
	to.Close()
	if err != nil {
		from.Close()
		return err
	}
	s.log.Info("program started", "program", argv[0], "pid", pid)
	go func() {
		_, _ = io.Copy(s.output, from) // ends when the last process that has the other end does
		from.Close()
	}()
	select {
	case status := <-exit:
		s.ended(argv[0], status)
		_ = syscall.Kill(-pid, syscall.SIGKILL) // what it left behind would keep its sockets
	case <-ctx.Done():
		s.end(argv[0], pid, exit)
	}
	return nil
}

// ended says how the program ended.
func (s service) ended(program string, status syscall.WaitStatus) {
	if status.Signaled() {
		s.log.Warn("program ended", "program", program, "signal", unix.SignalName(status.Signal()))
	} else {
		s.log.Warn("program ended", "program", program, "status", status.ExitStatus())
	}
}

// end ends the program and all in its process group.
func (s service) end(program string, pid int, exit <-chan syscall.WaitStatus) {
	_ = syscall.Kill(pid, syscall.SIGTERM)
	select {
	case <-exit:
	case <-time.After(s.grace):
		s.log.Warn("program killed", "program", program, "after", s.grace)
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
}
